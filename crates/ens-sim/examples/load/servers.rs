//! The servers: each sends its number to whoever connects and holds the connection; by UDP it answers with its number.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use super::{WEIGHTS, allow_open_files, block_on};

/// Prints the port of each server, then obeys `die N` and `return N`.
pub(crate) fn run() -> anyhow::Result<()> {
    allow_open_files()?;
    block_on(async {
        let mut ports = Vec::new();
        let mut running: BTreeMap<usize, JoinHandle<()>> = BTreeMap::new();
        for number in 0..WEIGHTS.len() {
            let listener = TcpListener::bind((address(number), 0)).await?;
            let port = listener.local_addr()?.port();
            let socket = UdpSocket::bind((address(number), port)).await?;
            tokio::spawn(answer(socket, number));
            running.insert(number, tokio::spawn(accept(listener, number)));
            ports.push(port);
        }
        let words: Vec<String> = ports.iter().map(u16::to_string).collect();
        println!("{}", words.join(","));
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        while let Some(line) = lines.next_line().await? {
            let (verb, number) = line.split_once(' ').unwrap_or_default();
            let number: usize = number.parse()?;
            if let Some(task) = running.remove(&number) {
                task.abort();
                let _gone = task.await;
            }
            if verb == "return" {
                let port = ports.get(number).copied().unwrap_or_default();
                let listener = TcpListener::bind((address(number), port)).await?;
                running.insert(number, tokio::spawn(accept(listener, number)));
            }
            println!("done");
        }
        Ok(())
    })
}

/// Where a server listens.
pub(crate) fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 1, 0, u8::try_from(number + 1).unwrap_or(u8::MAX))
}

async fn accept(listener: TcpListener, number: usize) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut buffer = [0; 16];
            stream.write_all(number.to_string().as_bytes()).await?;
            // One echo for each byte, until the client goes.
            while stream.read(&mut buffer).await? > 0 {
                stream.write_all(b"!").await?;
            }
            std::io::Result::Ok(())
        });
    }
}

async fn answer(socket: UdpSocket, number: usize) {
    let mut buffer = [0; 16];
    while let Ok((_, from)) = socket.recv_from(&mut buffer).await {
        // A datagram may be lost; the client counts.
        let _sent = socket.send_to(number.to_string().as_bytes(), from).await;
    }
}
