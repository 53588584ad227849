//! UDP: one flow per client address, each with a socket of its own towards its server.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::FrontKey;
use super::flow::{cut, flow};
use crate::cloud::{Backend, Flow};
use crate::simulator::Shared;

/// The largest datagram.
const DATAGRAM: usize = 65_535;
/// Flows that one listener remembers; clients beyond them are dropped until others fall idle.
const FLOWS: usize = 4096;

/// Forwards datagrams until cancelled.
pub(super) async fn forward(
    socket: UdpSocket,
    front: FrontKey,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    cancel: CancellationToken,
) {
    let socket = Arc::new(socket);
    let mut flows: BTreeMap<SocketAddr, (u64, Arc<UdpSocket>)> = BTreeMap::new();
    let mut opened = 0;
    let mut buffer = vec![0; DATAGRAM];
    // Flows tell here that they ended. They hold the front socket only weakly, so that it closes with this function.
    let (ended, mut endings) = tokio::sync::mpsc::channel::<(SocketAddr, u64)>(FLOWS);
    loop {
        let (length, source) = tokio::select! {
            () = cancel.cancelled() => return,
            Some((source, number)) = endings.recv() => {
                // The same client may have a newer flow by now.
                if flows.get(&source).is_some_and(|(current, _)| *current == number) {
                    flows.remove(&source);
                }
                continue;
            }
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                Err(error) => {
                    tracing::debug!(address = %front.0, port = front.2, %error, "no datagram could be received");
                    tokio::task::yield_now().await;
                    continue;
                }
            },
        };
        if !flows.contains_key(&source) && flows.len() < FLOWS {
            let (flow, changes) = (flow(front, source), shared.revision());
            let Some((server, backend)) = open(&flow, &shared).await else {
                continue;
            };
            opened += 1;
            let number = opened;
            flows.insert(source, (number, Arc::clone(&server)));
            let (front, ended, cancel) = (Arc::downgrade(&socket), ended.clone(), cancel.clone());
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                tokio::select! {
                    () = cancel.cancelled() => {}
                    () = cut(&flow, &backend, &shared, changes) => {}
                    () = answer(server, front, source, backend.idle_timeout) => {}
                }
                // The receiver is gone only when the listener is.
                let _listener_gone = ended.send((source, number)).await;
            });
        }
        if let (Some((_, server)), Some(datagram)) = (flows.get(&source), buffer.get(..length))
            && let Err(error) = server.send(datagram).await
        {
            tracing::debug!(%source, %error, "a datagram could not be forwarded");
            flows.remove(&source);
        }
    }
}

/// Chooses a server and connects a socket to it; `None` drops the datagram, as UDP does.
async fn open(flow: &Flow, shared: &Shared) -> Option<(Arc<UdpSocket>, Backend)> {
    let chosen = {
        let now = shared.now();
        let mut gateway = shared.gateway();
        let chosen = gateway.cloud_mut().connect(flow, now);
        if let Ok(backend) = &chosen {
            // UDP has no end to wait for: wlc sees flows only as they begin.
            gateway.cloud_mut().disconnect(backend);
        }
        chosen
    };
    let backend = chosen.ok()?;
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.ok()?;
    socket.connect((backend.reach?, backend.port)).await.ok()?;
    Some((Arc::new(socket), backend))
}

/// Carries a server's answers back until the flow is idle or the server's port is closed.
async fn answer(
    server: Arc<UdpSocket>,
    front: std::sync::Weak<UdpSocket>,
    client: SocketAddr,
    idle: Duration,
) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        let Ok(Ok(length)) = tokio::time::timeout(idle, server.recv(&mut buffer)).await else {
            return;
        };
        let (Some(front), Some(datagram)) = (front.upgrade(), buffer.get(..length)) else {
            return;
        };
        if front.send_to(datagram, client).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_flow_is_forgotten_once_its_server_was_silent_for_the_idle_timeout() {
        let front = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let server = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let node = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        server.connect(node.local_addr().unwrap()).await.unwrap();
        let began = tokio::time::Instant::now();
        let talk = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            node.send_to(b"!", server.local_addr().unwrap())
                .await
                .unwrap();
            let mut heard = [0; 8];
            assert_eq!(client.recv(&mut heard).await.unwrap(), 1);
        };
        let idle = Duration::from_secs(10);
        let to = client.local_addr().unwrap();
        let flow = answer(Arc::clone(&server), Arc::downgrade(&front), to, idle);
        let ((), ()) = tokio::join!(flow, talk);
        assert_eq!(
            began.elapsed().as_secs(),
            19,
            "the answer after 9 s starts the 10 s anew"
        );
    }
}
