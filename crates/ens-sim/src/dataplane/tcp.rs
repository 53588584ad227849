//! TCP: accept on the EIP, ask the cloud for a server, carry bytes both ways.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::flow::{cut, flow};
use super::{ACCEPT_PAUSE, FrontKey};
use crate::cloud::{Backend, Flow};
use crate::simulator::Shared;

/// How long a server may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes that are carried at once.
const PIECE: usize = 8 * 1024;

/// Accepts flows until cancelled. Flows that are open then are cut, as a stopped listener cuts them.
pub(super) async fn accept(
    listener: TcpListener,
    front: FrontKey,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    cancel: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = cancel.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((client, source)) => {
                let flow = forward(
                    client,
                    flow(front, source),
                    Arc::clone(&shared),
                    cancel.clone(),
                );
                tasks.spawn(flow);
            }
            Err(error) => {
                tracing::warn!(address = %front.0, port = front.2, %error, "a flow was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn forward(
    mut client: TcpStream,
    flow: Flow,
    shared: Arc<Shared>,
    cancel: CancellationToken,
) {
    let changes = shared.revision();
    let chosen = {
        let now = shared.now();
        shared.gateway().cloud_mut().connect(&flow, now)
    };
    let backend = match chosen {
        Ok(backend) => backend,
        Err(refused) => {
            tracing::debug!(address = %flow.address, port = flow.port, %refused, "a flow was refused");
            return reset(&client);
        }
    };
    let carried = tokio::select! {
        () = cancel.cancelled() => None,
        () = cut(&flow, &backend, &shared, changes) => None,
        carried = carry(&mut client, &backend) => carried,
    };
    shared.gateway().cloud_mut().disconnect(&backend);
    if carried.is_none() {
        reset(&client);
    }
}

/// Carries bytes until both sides have ended; `None` when the server could not be reached, a side broke off, or nothing
/// came for too long.
async fn carry(client: &mut TcpStream, backend: &Backend) -> Option<()> {
    let mut server = dial(backend.reach?, backend.port).await?;
    exchange(client, &mut server, backend.idle_timeout).await
}

async fn exchange(client: &mut TcpStream, server: &mut TcpStream, idle: Duration) -> Option<()> {
    let moved = Notify::new();
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    let both = async {
        tokio::try_join!(
            pump(from_client, to_server, &moved),
            pump(from_server, to_client, &moved)
        )
    };
    let silence = async { while tokio::time::timeout(idle, moved.notified()).await.is_ok() {} };
    tokio::select! {
        ended = both => ended.ok().map(|_| ()),
        () = silence => None,
    }
}

/// Carries bytes one way until their source ends, and tells of each piece.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, moved: &Notify) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    loop {
        let length = from.read(&mut buffer).await?;
        let piece = buffer.get(..length).unwrap_or_default();
        if piece.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(piece).await?;
        moved.notify_one();
    }
}

async fn dial(address: Ipv4Addr, port: u16) -> Option<TcpStream> {
    tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect((address, port)))
        .await
        .ok()?
        .ok()
}

/// Closes with a reset, so that the client knows at once.
fn reset(client: &TcpStream) {
    if let Err(error) = SockRef::from(client).set_linger(Some(Duration::ZERO)) {
        tracing::debug!(%error, "a flow ends without a reset");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        (there, listener.accept().await.unwrap().0)
    }

    #[tokio::test(start_paused = true)]
    async fn a_flow_ends_once_it_was_silent_for_the_idle_timeout() {
        let ((mut outside, mut client), (mut server, mut node)) = (pair().await, pair().await);
        let idle = Duration::from_secs(10);
        let began = tokio::time::Instant::now();
        let talk = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            outside.write_all(b"?").await.unwrap();
            assert_eq!(node.read_u8().await.unwrap(), b'?');
        };
        let (ended, ()) = tokio::join!(exchange(&mut client, &mut server, idle), talk);
        assert_eq!(ended, None);
        assert_eq!(
            began.elapsed().as_secs(),
            19,
            "the byte after 9 s starts the 10 s anew"
        );
    }

    #[tokio::test]
    async fn a_side_that_has_said_all_still_hears_the_answer() {
        let ((mut outside, mut client), (mut server, mut node)) = (pair().await, pair().await);
        let talk = async {
            outside.write_all(b"?").await.unwrap();
            outside.shutdown().await.unwrap();
            let mut heard = Vec::new();
            node.read_to_end(&mut heard).await.unwrap();
            node.write_all(b"!").await.unwrap();
            drop(node);
            assert_eq!(outside.read_u8().await.unwrap(), b'!');
            heard
        };
        let idle = Duration::from_secs(900);
        let (ended, heard) = tokio::join!(exchange(&mut client, &mut server, idle), talk);
        assert_eq!((ended, heard.as_slice()), (Some(()), &b"?"[..]));
    }
}
