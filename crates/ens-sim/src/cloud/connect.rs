//! The data plane's decisions: what listens where, and which server a new flow goes to.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;

use super::resource::{
    BackendServer, EipStatus, InstanceStatus, Life, Listener, ListenerKey, ListenerStatus,
    LoadBalancer, Protocol,
};
use super::{Cloud, State};
use crate::time::Timestamp;

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
}

/// Why a flow goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No EIP has the address.
    #[error("no EIP has this address")]
    NoSuchAddress,
    /// The EIP is not bound to an ELB that is there.
    #[error("the EIP is not bound to an ELB")]
    NotBound,
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

/// One server behind one listener: what a health check is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HealthKey {
    /// The ELB.
    pub load_balancer: String,
    /// The listener.
    pub listener: ListenerKey,
    /// The server.
    pub server_id: String,
}

/// How a server is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// A TCP connection that opens.
    Tcp,
    /// An HTTP GET whose status is of one of these classes (2 for 2xx).
    Http {
        /// Path.
        path: String,
        /// Host header; empty for the server's address.
        host: String,
        /// First digits of the statuses that count as healthy.
        classes: Vec<u8>,
    },
    /// A datagram. Healthy unless the port answers "unreachable" or, with an expected answer, another one or none comes.
    Udp {
        /// What is sent.
        request: String,
        /// What has to come back; empty for anything or nothing.
        expected: String,
    },
}

/// A health check that has to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What it is about.
    pub key: HealthKey,
    /// How.
    pub kind: ProbeKind,
    /// Where; `None` when the server cannot be reached, which fails the check.
    pub target: Option<(Ipv4Addr, u16)>,
    /// From one probe to the next.
    pub interval: Duration,
    /// When a probe has failed. At least the interval, as the API reference says.
    pub timeout: Duration,
    /// Successes in a row that make a server healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make it unhealthy.
    pub unhealthy_threshold: u32,
}

/// What forwarding remembers between flows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forwarding {
    listeners: BTreeMap<(String, ListenerKey), Memory>,
    unhealthy: BTreeSet<HealthKey>,
}

/// What one listener remembers.
#[derive(Clone, Debug, Default)]
struct Memory {
    turn: usize,
    credit: BTreeMap<String, i64>,
    open: BTreeMap<String, u64>,
    sticky: BTreeMap<IpAddr, (String, Timestamp)>,
}

impl Forwarding {
    pub(crate) fn forget_listener(&mut self, id: &str, key: ListenerKey) {
        self.listeners.remove(&(id.to_owned(), key));
        self.unhealthy
            .retain(|about| about.load_balancer != id || about.listener != key);
    }

    pub(crate) fn forget_load_balancer(&mut self, id: &str) {
        self.listeners.retain(|(balancer, _), _| balancer != id);
        self.unhealthy.retain(|about| about.load_balancer != id);
    }
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
        })
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

    /// The health checks that Running TCP and UDP listeners of Active ELBs make of their servers.
    #[must_use]
    pub fn probes(&self) -> Vec<Probe> {
        let Some(state) = self.owner_state() else {
            return Vec::new();
        };
        let mut probes = Vec::new();
        for balancer in state
            .load_balancers
            .values()
            .filter(|balancer| forwards(balancer))
        {
            for listener in balancer
                .listeners
                .values()
                .filter(|l| l.status == ListenerStatus::Running)
            {
                let Some(kind) = probe_kind(listener) else {
                    continue;
                };
                let interval = listener.number("HealthCheckInterval").unwrap_or(2);
                let timeout = listener
                    .number("HealthCheckConnectTimeout")
                    .unwrap_or(5)
                    .max(interval);
                let threshold = |name| {
                    listener
                        .number(name)
                        .and_then(|n| u32::try_from(n).ok())
                        .unwrap_or(3)
                };
                for server in &balancer.backends {
                    let own_port = if server.port == 0 {
                        listener.backend_port()
                    } else {
                        server.port
                    };
                    let port = listener
                        .number("HealthCheckConnectPort")
                        .and_then(|port| u16::try_from(port).ok());
                    probes.push(Probe {
                        key: health_key(&balancer.id, listener.key(), &server.server_id),
                        kind: kind.clone(),
                        target: reach(state, server)
                            .map(|address| (address, port.unwrap_or(own_port))),
                        interval: Duration::from_secs(interval),
                        timeout: Duration::from_secs(timeout),
                        healthy_threshold: threshold("HealthyThreshold"),
                        unhealthy_threshold: threshold("UnhealthyThreshold"),
                    });
                }
            }
        }
        probes
    }

    /// Says what health checks found. A server that nobody has reported on counts as healthy, as in keepalived.
    pub fn report_health(&mut self, key: HealthKey, healthy: bool) {
        if healthy {
            self.forwarding.unhealthy.remove(&key);
        } else {
            self.forwarding.unhealthy.insert(key);
        }
    }

    /// The servers that health checks found unhealthy.
    pub fn unhealthy(&self) -> impl Iterator<Item = &HealthKey> {
        self.forwarding.unhealthy.iter()
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

impl Memory {
    fn choose<'s>(
        &mut self,
        listener: &Listener,
        candidates: &[&'s BackendServer],
        flow: &Flow,
        now: Timestamp,
    ) -> Option<&'s BackendServer> {
        let sticky_for = listener.number("PersistenceTimeout").unwrap_or(0);
        let source = flow.source.ip();
        if sticky_for > 0 {
            self.sticky.retain(|_, (_, until)| *until > now);
            let known = self.sticky.get(&source).map(|(server, _)| server.as_str());
            if let Some(server) = candidates
                .iter()
                .find(|server| known == Some(server.server_id.as_str()))
            {
                return Some(server);
            }
        }
        let server = match listener.text("Scheduler") {
            "rr" => self.round_robin(candidates),
            "wlc" => self.least_connections(candidates),
            "tch" => by_hash(candidates, (flow.source, flow.address, flow.port)),
            // QUIC connection ids (qch, iqch) are not looked into: the source decides.
            "sch" | "qch" | "iqch" => by_hash(candidates, source),
            _ => self.weighted_round_robin(candidates),
        }?;
        if sticky_for > 0 {
            self.sticky.insert(
                source,
                (
                    server.server_id.clone(),
                    now.after(Duration::from_secs(sticky_for)),
                ),
            );
        }
        Some(server)
    }

    fn round_robin<'s>(&mut self, candidates: &[&'s BackendServer]) -> Option<&'s BackendServer> {
        let index = self.turn.checked_rem(candidates.len())?;
        self.turn = self.turn.wrapping_add(1);
        candidates.get(index).copied()
    }

    /// Smooth weighted round robin: each turn everybody earns its weight, the richest serves and pays the sum.
    fn weighted_round_robin<'s>(
        &mut self,
        candidates: &[&'s BackendServer],
    ) -> Option<&'s BackendServer> {
        let total: i64 = candidates
            .iter()
            .map(|server| i64::from(server.weight))
            .sum();
        self.credit
            .retain(|id, _| candidates.iter().any(|server| server.server_id == *id));
        let mut best: Option<(&'s BackendServer, i64)> = None;
        for server in candidates {
            let credit = self.credit.entry(server.server_id.clone()).or_default();
            *credit += i64::from(server.weight);
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((server, *credit));
            }
        }
        let (server, _) = best?;
        if let Some(credit) = self.credit.get_mut(&server.server_id) {
            *credit -= total;
        }
        Some(server)
    }

    fn least_connections<'s>(&self, candidates: &[&'s BackendServer]) -> Option<&'s BackendServer> {
        let open = |server: &BackendServer| self.open.get(&server.server_id).copied().unwrap_or(0);
        candidates
            .iter()
            .min_by(|a, b| {
                // open(a) / weight(a) against open(b) / weight(b), without division.
                (open(a) * u64::from(b.weight)).cmp(&(open(b) * u64::from(a.weight)))
            })
            .copied()
    }
}

fn by_hash<'s>(candidates: &[&'s BackendServer], what: impl Hash) -> Option<&'s BackendServer> {
    // DefaultHasher::new has fixed keys, so a run can be replayed.
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    let index = hasher
        .finish()
        .checked_rem(u64::try_from(candidates.len()).ok()?)?;
    candidates.get(usize::try_from(index).ok()?).copied()
}

fn find_listener<'s>(
    state: &'s State,
    flow: &Flow,
) -> Result<(&'s LoadBalancer, &'s Listener), Refused> {
    let eip = state
        .eips
        .values()
        .find(|eip| eip.address == flow.address)
        .ok_or(Refused::NoSuchAddress)?;
    let binding = eip
        .binding
        .as_ref()
        .filter(|_| eip.status == EipStatus::InUse)
        .ok_or(Refused::NotBound)?;
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

fn forwards(balancer: &LoadBalancer) -> bool {
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
fn reach(state: &State, server: &BackendServer) -> Option<Ipv4Addr> {
    match state.instances.get(&server.server_id) {
        Some(instance) => instance.reach,
        None => server.ip.parse().ok().filter(Ipv4Addr::is_loopback),
    }
}

fn probe_kind(listener: &Listener) -> Option<ProbeKind> {
    match listener.protocol {
        Protocol::Tcp if listener.text("HealthCheckType") == "http" => Some(ProbeKind::Http {
            path: listener
                .settings
                .get("HealthCheckURI")
                .and_then(Value::as_str)
                .unwrap_or("/")
                .to_owned(),
            host: listener.text("HealthCheckDomain").to_owned(),
            classes: listener
                .text("HealthCheckHttpCode")
                .split(',')
                .filter_map(|code| {
                    code.strip_prefix("http_")?
                        .bytes()
                        .next()?
                        .checked_sub(b'0')
                })
                .collect(),
        }),
        Protocol::Tcp => Some(ProbeKind::Tcp),
        Protocol::Udp => Some(ProbeKind::Udp {
            request: listener.text("HealthCheckReq").to_owned(),
            expected: listener.text("HealthCheckExp").to_owned(),
        }),
        Protocol::Http | Protocol::Https => None,
    }
}

fn health_key(load_balancer: &str, listener: ListenerKey, server_id: &str) -> HealthKey {
    HealthKey {
        load_balancer: load_balancer.to_owned(),
        listener,
        server_id: server_id.to_owned(),
    }
}
