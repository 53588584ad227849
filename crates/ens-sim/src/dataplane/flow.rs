//! What TCP and UDP flows have in common: where they come in, and what ends them from outside.

use std::net::SocketAddr;

use tokio::sync::watch;

use super::FrontKey;
use crate::cloud::{Backend, Flow};
use crate::simulator::Shared;

/// The flow that a source opens at a front.
pub(super) fn flow((address, protocol, port): FrontKey, source: SocketAddr) -> Flow {
    Flow {
        address,
        port,
        protocol,
        source,
    }
}

/// Waits until the cloud carries a flow no more. `changes` has to be older than the choice of the server.
pub(super) async fn cut(
    flow: &Flow,
    backend: &Backend,
    shared: &Shared,
    mut changes: watch::Receiver<u64>,
) {
    let is_carried = || {
        let now = shared.now();
        let mut gateway = shared.gateway();
        gateway.cloud_mut().carries(flow, backend, now).is_ok()
    };
    while changes.changed().await.is_ok() && is_carried() {}
}
