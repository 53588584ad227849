//! TCP: accept on the EIP, ask the cloud for a server, carry bytes both ways.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::FrontKey;
use crate::cloud::{Backend, Flow};
use crate::simulator::Shared;

/// How long a server may take to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
                tokio::task::yield_now().await;
            }
        }
    }
}

fn flow((address, protocol, port): FrontKey, source: SocketAddr) -> Flow {
    Flow {
        address,
        port,
        protocol,
        source,
    }
}

async fn forward(
    mut client: TcpStream,
    flow: Flow,
    shared: Arc<Shared>,
    cancel: CancellationToken,
) {
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
        carried = carry(&mut client, &backend) => carried,
    };
    shared.gateway().cloud_mut().disconnect(&backend);
    if carried.is_none() {
        reset(&client);
    }
}

/// Carries bytes until both sides have ended; `None` when the server could not be reached or a side broke off.
async fn carry(client: &mut TcpStream, backend: &Backend) -> Option<()> {
    let mut server = dial(backend.reach?, backend.port).await?;
    copy_bidirectional(client, &mut server)
        .await
        .ok()
        .map(|_| ())
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
