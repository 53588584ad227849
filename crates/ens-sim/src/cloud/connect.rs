//! The data plane's decisions: what listens where, and which server a new flow goes to.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::health::health_key;
use super::resource::{
    BackendServer, Binding, Eip, EipStatus, InstanceStatus, Life, Listener, ListenerKey,
    ListenerStatus, LoadBalancer, Protocol,
};
use super::{Cloud, State};
use crate::time::Timestamp;

/// The default of `EstablishedTimeout`, in seconds.
const ESTABLISHED_TIMEOUT: u64 = 900;

/// A flow that a client opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Where the client connects to: the address of an EIP.
    pub address: Ipv4Addr,
    /// The port it connects to.
    pub port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Where it comes from.
    pub source: SocketAddr,
}

/// The server that takes a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The ELB.
    pub load_balancer: String,
    /// The listener.
    pub listener: ListenerKey,
    /// The server.
    pub server_id: String,
    /// Its address within the edge network.
    pub ip: String,
    /// Where this machine reaches it; `None` when nobody said.
    pub reach: Option<Ipv4Addr>,
    /// Its port.
    pub port: u16,
    /// A flow that carries nothing for this long ends: the listener's `EstablishedTimeout`.
    pub idle_timeout: Duration,
}

/// Why a flow goes nowhere, or no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No EIP has the address.
    #[error("no EIP has this address")]
    NoSuchAddress,
    /// The EIP is not bound to an ELB that is there.
    #[error("the EIP is not bound to an ELB")]
    NotBound,
    /// The EIP is bound to a computing instance. There it would open every port of the instance; here no socket can
    /// stand for all ports at once, so that nothing listens.
    #[error(
        "the EIP is bound to a computing instance, to which the simulator does not forward: bind it to an ELB"
    )]
    BoundToInstance,
    /// The ELB is InActive.
    #[error("the ELB is InActive")]
    LoadBalancerInActive,
    /// The ELB has no such listener.
    #[error("the ELB has no listener on this port")]
    NoListener,
    /// The listener is not Running.
    #[error("the listener is not Running")]
    ListenerNotRunning,
    /// No server is attached that is healthy and has a weight above 0.
    #[error("no healthy server with a weight above 0 is attached")]
    NoBackend,
    /// The server of a flow is attached no more.
    #[error("the server was removed from the ELB")]
    ServerRemoved,
    /// The instance of a flow does not run.
    #[error("the server does not run")]
    ServerDown,
}

/// An address and port on which the cloud accepts flows right now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrontEnd {
    /// Address of the EIP.
    pub address: Ipv4Addr,
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Port.
    pub port: u16,
    /// The ELB behind it.
    pub load_balancer: String,
}

impl Cloud {
    /// Chooses the server for a new flow, as the listener's scheduler does.
    ///
    /// # Errors
    /// Nothing listens there, or no server can take it; a client sees its connection refused.
    pub fn connect(&mut self, flow: &Flow, now: Timestamp) -> Result<Backend, Refused> {
        self.settle(now);
        let state = self
            .accounts
            .get(&self.config.account)
            .ok_or(Refused::NoSuchAddress)?;
        let (balancer, listener) = find_listener(state, flow)?;
        let key = listener.key();
        let candidates: Vec<&BackendServer> = balancer
            .backends
            .iter()
            .filter(|server| server.weight > 0 && is_up(state, server))
            .filter(|server| {
                !self.forwarding.unhealthy.contains(&health_key(
                    &balancer.id,
                    key,
                    &server.server_id,
                ))
            })
            .collect();
        let memory = self
            .forwarding
            .listeners
            .entry((balancer.id.clone(), key))
            .or_default();
        let server = memory
            .choose(listener, &candidates, flow, now)
            .ok_or(Refused::NoBackend)?;
        *memory.open.entry(server.server_id.clone()).or_default() += 1;
        Ok(Backend {
            load_balancer: balancer.id.clone(),
            listener: key,
            server_id: server.server_id.clone(),
            ip: server.ip.clone(),
            reach: reach(state, server),
            port: if server.port == 0 {
                listener.backend_port()
            } else {
                server.port
            },
            idle_timeout: Duration::from_secs(
                listener
                    .number("EstablishedTimeout")
                    .unwrap_or(ESTABLISHED_TIMEOUT),
            ),
        })
    }

    /// Whether a flow that [`Cloud::connect`] gave to a server still gets through: what it came in by has to be there,
    /// and the server has to run. A weight of 0 and a failed health check keep new flows away only. What the removal of
    /// its server does to a flow is a switch, [`Switches::removal_cuts_flows`](super::Switches).
    ///
    /// # Errors
    /// Something of it is gone; a client sees its connection reset.
    pub fn carries(
        &mut self,
        flow: &Flow,
        backend: &Backend,
        now: Timestamp,
    ) -> Result<(), Refused> {
        self.settle(now);
        let state = self.owner_state().ok_or(Refused::NoSuchAddress)?;
        let (balancer, _) = find_listener(state, flow)?;
        if balancer.id != backend.load_balancer {
            return Err(Refused::NotBound);
        }
        let mut attached = balancer.backends.iter();
        match attached.find(|server| server.server_id == backend.server_id) {
            Some(server) if !is_up(state, server) => Err(Refused::ServerDown),
            None if self.config.switches.removal_cuts_flows => Err(Refused::ServerRemoved),
            _ => Ok(()),
        }
    }

    /// Says that a flow has ended. Only the scheduler wlc counts open flows.
    pub fn disconnect(&mut self, backend: &Backend) {
        let memory = self
            .forwarding
            .listeners
            .get_mut(&(backend.load_balancer.clone(), backend.listener));
        if let Some(open) = memory.and_then(|memory| memory.open.get_mut(&backend.server_id)) {
            *open = open.saturating_sub(1);
        }
    }

    /// Where the cloud accepts TCP and UDP flows right now: EIPs InUse on Active ELBs, times Running listeners.
    #[must_use]
    pub fn front_ends(&self) -> Vec<FrontEnd> {
        let Some(state) = self.owner_state() else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for eip in state
            .eips
            .values()
            .filter(|eip| eip.status == EipStatus::InUse)
        {
            let balancer = eip
                .binding
                .as_ref()
                .and_then(|binding| state.load_balancers.get(&binding.instance_id));
            let Some(balancer) = balancer.filter(|balancer| forwards(balancer)) else {
                continue;
            };
            let running = balancer
                .listeners
                .values()
                .filter(|listener| listener.status == ListenerStatus::Running);
            for listener in running.filter(|l| matches!(l.protocol, Protocol::Tcp | Protocol::Udp))
            {
                found.push(FrontEnd {
                    address: eip.address,
                    protocol: listener.protocol,
                    port: listener.port,
                    load_balancer: balancer.id.clone(),
                });
            }
        }
        found
    }

    /// EIPs that a client would expect to answer and that do not here, by address: those of computing instances.
    #[must_use]
    pub fn unserved_eips(&self) -> BTreeMap<Ipv4Addr, &Eip> {
        let eips = self.owner_state().map(|state| state.eips.values());
        eips.into_iter()
            .flatten()
            .filter(|eip| eip.status == EipStatus::InUse)
            .filter(|eip| eip.binding.as_ref().is_some_and(Binding::is_instance))
            .map(|eip| (eip.address, eip))
            .collect()
    }

    /// Notes why the data plane cannot serve a listener, or that it can again.
    pub fn set_trouble(&mut self, load_balancer: &str, key: ListenerKey, trouble: Option<String>) {
        let state = self.accounts.get_mut(&self.config.account);
        let balancer = state.and_then(|state| state.load_balancers.get_mut(load_balancer));
        if let Some(listener) = balancer.and_then(|balancer| balancer.listeners.get_mut(&key)) {
            listener.trouble = trouble;
        }
    }
}

fn find_listener<'s>(
    state: &'s State,
    flow: &Flow,
) -> Result<(&'s LoadBalancer, &'s Listener), Refused> {
    let eip = state.eip_at(flow.address).ok_or(Refused::NoSuchAddress)?;
    let binding = eip
        .binding
        .as_ref()
        .filter(|_| eip.status == EipStatus::InUse)
        .ok_or(Refused::NotBound)?;
    if binding.is_instance() {
        return Err(Refused::BoundToInstance);
    }
    let balancer = state
        .load_balancers
        .get(&binding.instance_id)
        .ok_or(Refused::NotBound)?;
    if !forwards(balancer) {
        return Err(Refused::LoadBalancerInActive);
    }
    let key = ListenerKey {
        port: flow.port,
        protocol: flow.protocol,
    };
    let listener = balancer.listeners.get(&key).ok_or(Refused::NoListener)?;
    if listener.status != ListenerStatus::Running {
        return Err(Refused::ListenerNotRunning);
    }
    Ok((balancer, listener))
}

pub(super) fn forwards(balancer: &LoadBalancer) -> bool {
    balancer.life == Life::Ready && balancer.active
}

/// An instance that does not run cannot be reached, whatever a health check last said.
fn is_up(state: &State, server: &BackendServer) -> bool {
    server.kind != "ens"
        || state
            .instances
            .get(&server.server_id)
            .is_some_and(|instance| instance.status == InstanceStatus::Running)
}

/// Where this machine reaches a server: an instance where it was told, a network interface only at a loopback address.
pub(super) fn reach(state: &State, server: &BackendServer) -> Option<Ipv4Addr> {
    match state.instances.get(&server.server_id) {
        Some(instance) => instance.reach,
        None => server.ip.parse().ok().filter(Ipv4Addr::is_loopback),
    }
}
