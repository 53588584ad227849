//! The clients: they connect to the EIP and tell who answered.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{allow_open_files, block_on};

/// Connections that are being opened at once.
const AT_ONCE: usize = 200;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Obeys `hold N`, `drop`, `spread N` and `datagrams N`.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    allow_open_files()?;
    block_on(async {
        let front: SocketAddr = args
            .first()
            .and_then(|both| both.split(',').next())
            .context("no address")?
            .parse()?;
        let mut held = Vec::new();
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = lines.next_line().await? {
            let (verb, number) = line.split_once(' ').unwrap_or((&line, "0"));
            let number: usize = number.parse()?;
            match verb {
                "hold" => {
                    held = connect(front, number, |stream, server| (stream, server)).await;
                    println!("{}", echo_all(&mut held).await);
                }
                "spread" => {
                    let mut counts: BTreeMap<u8, u32> = BTreeMap::new();
                    for server in connect(front, number, |_, server| server).await {
                        *counts.entry(server).or_default() += 1;
                    }
                    let words: Vec<String> = counts
                        .iter()
                        .map(|(server, n)| format!("{server}={n}"))
                        .collect();
                    println!("{}", words.join(" "));
                }
                "datagrams" => println!("{}", datagrams(front, number).await),
                _ => {
                    held.clear();
                    println!("done");
                }
            }
        }
        Ok(())
    })
}

/// Opens connections; keeps what `keep` makes of each that got through and of the number of its server.
async fn connect<T: Send + 'static>(
    front: SocketAddr,
    number: usize,
    keep: fn(TcpStream, u8) -> T,
) -> Vec<T> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for _ in 0..number {
        let turns = Arc::clone(&turns);
        tasks.spawn(async move {
            let _turn = turns.acquire().await.ok()?;
            let one = async {
                let mut stream = TcpStream::connect(front).await?;
                let server = stream.read_u8().await?;
                std::io::Result::Ok(keep(stream, server - b'0'))
            };
            tokio::time::timeout(PATIENCE, one).await.ok()?.ok()
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// How many of the connections, which all stay open, carry a byte to their server and one back.
async fn echo_all(held: &mut [(TcpStream, u8)]) -> usize {
    let mut alive = 0;
    for (stream, _) in held {
        let one = async {
            stream.write_all(b"?").await?;
            stream.read_u8().await
        };
        alive += usize::from(matches!(
            tokio::time::timeout(PATIENCE, one).await,
            Ok(Ok(b'!'))
        ));
    }
    alive
}

/// Sends datagrams, each from a port of its own; gives how many were answered.
async fn datagrams(front: SocketAddr, number: usize) -> usize {
    let mut answered = 0;
    for _ in 0..number {
        let one = async {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            socket.connect(front).await?;
            socket.send(b"?").await?;
            socket.recv(&mut [0; 16]).await
        };
        answered += usize::from(matches!(
            tokio::time::timeout(PATIENCE, one).await,
            Ok(Ok(1))
        ));
    }
    answered
}
