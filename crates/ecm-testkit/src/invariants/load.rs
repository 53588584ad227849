//! Clients that hold connections open through a port, and what may become of those.
//!
//! A connection is made as the cloud makes it, and then has to get through to a pod as kube-proxy would take it. From
//! then on it is looked at again and again. One that ends before its client ends it, or that is not made at all, is a
//! loss, unless its server is one of those whose removal is under way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ens_sim::Timestamp;
use ens_sim::cloud::{Backend, Cloud, Flow, Protocol};
use poolservice_api::keys;
use serde_json::Value;

use super::wanted::{nodes_with_ready_pods, port};
use super::{items, label, name};
use crate::world::View;

/// One port of one address, and the connections through it.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    address: Ipv4Addr,
    protocol: Protocol,
    port: u16,
    /// Servers that are on their way out: a connection to them may end, and one more may be made in vain.
    may_lose: BTreeSet<String>,
    open: Vec<Connection>,
    tally: Tally,
}

/// What became of the connections so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were made.
    pub opened: u64,
    /// How many their clients ended.
    pub ended: u64,
    /// How many were lost to the removal of their server, by server.
    pub lost: BTreeMap<String, u64>,
    /// How many are open, by server.
    pub held: BTreeMap<String, u64>,
}

#[derive(Debug, Clone)]
struct Connection {
    flow: Flow,
    backend: Backend,
    /// When its client ends it; `None` for one that is never ended.
    until: Option<Timestamp>,
}

impl Load {
    pub(super) fn new(address: Ipv4Addr, protocol: Protocol, port: u16) -> Self {
        Self {
            address,
            protocol,
            port,
            may_lose: BTreeSet::new(),
            open: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// From now on connections to these servers may be lost, as well as those to the servers of before.
    pub(super) fn may_lose(&mut self, servers: impl IntoIterator<Item = String>) {
        self.may_lose.extend(servers);
    }

    /// From now on no connection may be lost.
    pub(super) fn may_lose_none(&mut self) {
        self.may_lose.clear();
    }

    /// How many connections are open.
    pub(super) fn held(&self) -> usize {
        self.open.len()
    }

    pub(super) fn tally(&self) -> Tally {
        let mut tally = self.tally.clone();
        for connection in &self.open {
            let server = connection.backend.server_id.clone();
            *tally.held.entry(server).or_default() += 1;
        }
        tally
    }

    /// Makes a connection that its client ends after `life`, or never. Gives what is wrong when it is not made.
    pub(super) fn connect(
        &mut self,
        view: &View,
        service: &Value,
        cloud: &mut Cloud,
        now: Timestamp,
        life: Option<Duration>,
    ) -> Result<(), String> {
        // Each connection has a client port of its own.
        let client = u16::try_from(self.tally.opened % 40_000).unwrap_or_default();
        let flow = Flow {
            address: self.address,
            port: self.port,
            protocol: self.protocol,
            source: SocketAddr::from(([203, 0, 113, 7], 20_000 + client)),
        };
        self.tally.opened += 1;
        let place = format!("{}:{}/{}", self.address, self.port, self.protocol);
        let backend = cloud
            .connect(&flow, now)
            .map_err(|refused| format!("S6: {place} refuses a connection: {refused}"))?;
        if let Err(why) = answers(view, service, &flow, &backend) {
            cloud.disconnect(&backend);
            let server = backend.server_id;
            if !self.may_lose.contains(&server) {
                return Err(format!("S6: {place} sends a connection to {server}: {why}"));
            }
            *self.tally.lost.entry(server).or_default() += 1;
            return Ok(());
        }
        self.open.push(Connection {
            flow,
            backend,
            until: life.map(|life| now.after(life)),
        });
        Ok(())
    }

    /// Looks at every open connection. Gives those that were lost and should not have been.
    pub(super) fn look(
        &mut self,
        view: &View,
        service: &Value,
        cloud: &mut Cloud,
        now: Timestamp,
    ) -> Vec<String> {
        let mut found = Vec::new();
        for connection in std::mem::take(&mut self.open) {
            let Connection {
                flow,
                backend,
                until,
            } = &connection;
            let carried = cloud
                .carries(flow, backend, now)
                .map_err(|refused| refused.to_string())
                .and_then(|()| answers(view, service, flow, backend));
            match carried {
                Ok(()) if until.is_none_or(|until| now < until) => {
                    self.open.push(connection);
                    continue;
                }
                Ok(()) => self.tally.ended += 1,
                Err(_) if self.may_lose.contains(&backend.server_id) => {
                    let server = backend.server_id.clone();
                    *self.tally.lost.entry(server).or_default() += 1;
                }
                Err(why) => found.push(format!(
                    "S6: a connection to {}:{}/{} on {} broke: {why}",
                    flow.address, flow.port, flow.protocol, backend.server_id
                )),
            }
            cloud.disconnect(backend);
        }
        found
    }
}

impl Tally {
    /// Both together.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.opened += other.opened;
        self.ended += other.ended;
        for (server, count) in other.lost {
            *self.lost.entry(server).or_default() += count;
        }
        for (server, count) in other.held {
            *self.held.entry(server).or_default() += count;
        }
        self
    }
}

/// Whether a node takes a connection, as its kube-proxy does: the port has to be the Service's node port, and a pod has
/// to be ready, on this node where the Service's policy is Local.
fn answers(view: &View, service: &Value, flow: &Flow, backend: &Backend) -> Result<(), String> {
    let mut ports = items(&service["spec"]["ports"]).filter_map(port);
    let asked = ports.find(|port| (port.protocol, port.port) == (flow.protocol, flow.port));
    match asked {
        None => return Err("the Service has no such port".to_owned()),
        Some(port) if port.node_port != backend.port => {
            return Err(format!(
                "it is sent to node port {}, the Service's is {}",
                backend.port, port.node_port
            ));
        }
        Some(_) => {}
    }
    let with_pods = nodes_with_ready_pods(view, service);
    if service["spec"]["externalTrafficPolicy"] != "Local" {
        let is_served = !with_pods.is_empty();
        return is_served.then_some(()).ok_or("no pod is ready".to_owned());
    }
    let node = view
        .nodes
        .iter()
        .find(|node| label(node, keys::ENS_INSTANCE_ID) == Some(&backend.server_id));
    let has_pod = node.is_some_and(|node| with_pods.contains(name(node)));
    let why = format!("{} has no ready pod", backend.server_id);
    has_pod.then_some(()).ok_or(why)
}
