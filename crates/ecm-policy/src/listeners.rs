//! Which listeners a Service wants (behaviour 6.1).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::annotations;
use crate::conditions::Reason;
use crate::naming::StackName;
use crate::snapshot::ServicePort;

/// A listener that should exist and run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Port and protocol.
    pub key: ListenerKey,
    /// The text that makes it ours (behaviour 5.2).
    pub description: String,
    /// The node port behind it. It cannot be changed in place.
    pub backend_port: u16,
    /// What can be changed in place.
    pub settings: Settings,
}

/// What tells one listener of a load balancer from another: TCP and UDP on one number are two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerKey {
    /// The port, 1 to 65535.
    pub port: u16,
    /// The protocol.
    pub protocol: Protocol,
}

impl fmt::Display for ListenerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

/// Protocol of a listener. We write TCP and UDP; the others are only ever a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// HTTP.
    Http,
    /// HTTPS.
    Https,
}

impl Protocol {
    /// As the ENS API spells it (`ListenerProtocol`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The settings of a listener that the API changes in place. All of them are always sent: the
/// defaults of the annotation page and of the API differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// `Scheduler`, as the API spells it.
    pub scheduler: String,
    /// `PersistenceTimeout` in seconds; TCP only.
    pub persistence_timeout: Option<u32>,
    /// `EstablishedTimeout` in seconds.
    pub established_timeout: Option<u32>,
    /// `HealthyThreshold`; like the following ones `None` where the API did not say.
    pub healthy_threshold: Option<u32>,
    /// `UnhealthyThreshold`.
    pub unhealthy_threshold: Option<u32>,
    /// `HealthCheckInterval` in seconds.
    pub health_check_interval: Option<u32>,
    /// `HealthCheckConnectTimeout` in seconds, never below the interval: the API would use the
    /// interval instead and report that.
    pub health_check_connect_timeout: Option<u32>,
    /// `HealthCheckConnectPort`; the backend port when nobody asked for another.
    pub health_check_connect_port: Option<u16>,
}

/// Why a port gets no listener, decided before any call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The load balancer has no such protocol.
    UnsupportedProtocol {
        /// The Service port.
        port: u16,
        /// What it asks for.
        protocol: String,
    },
    /// The Service port has no node port.
    NodePortMissing {
        /// The Service port.
        port: u16,
        /// Its protocol.
        protocol: String,
    },
    /// The cloud keeps these ports for itself (SDK text of CreateLoadBalancerUDPListener).
    ReservedPort {
        /// The Service port.
        port: u16,
    },
}

impl Refusal {
    /// The Service port that is refused.
    pub fn port(&self) -> u16 {
        match self {
            Self::UnsupportedProtocol { port, .. }
            | Self::NodePortMissing { port, .. }
            | Self::ReservedPort { port } => *port,
        }
    }

    /// The condition's reason.
    pub fn reason(&self) -> Reason {
        match self {
            Self::UnsupportedProtocol { .. } => Reason::UnsupportedProtocol,
            Self::NodePortMissing { .. } => Reason::NodePortMissing,
            Self::ReservedPort { .. } => Reason::ReservedPort,
        }
    }

    /// The protocol as Kubernetes spells it.
    pub fn protocol(&self) -> &str {
        match self {
            Self::UnsupportedProtocol { protocol, .. } | Self::NodePortMissing { protocol, .. } => {
                protocol
            }
            Self::ReservedPort { .. } => "UDP",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnsupportedProtocol { port, protocol } => {
                write!(
                    f,
                    "port {port}: protocol {protocol} is not supported, only TCP and UDP are"
                )
            }
            Self::NodePortMissing { port, .. } => write!(
                f,
                "port {port} has no nodePort: set spec.allocateLoadBalancerNodePorts to true"
            ),
            Self::ReservedPort { port } => write!(
                f,
                "port {port}/udp is reserved by the cloud, as are {}",
                RESERVED_UDP.map(|p| p.to_string()).join(", ")
            ),
        }
    }
}

/// UDP ports that a listener cannot have (SDK text of CreateLoadBalancerUDPListener).
pub const RESERVED_UDP: [u16; 3] = [250, 4789, 4790];

/// The listeners for the ports of a Service, sorted by key, and the ports that get none.
pub fn wanted(
    ports: &[ServicePort],
    name: &StackName,
    settings: &annotations::Settings,
) -> (Vec<Listener>, Vec<Refusal>) {
    let mut listeners = Vec::new();
    let mut refusals = Vec::new();
    for port in ports {
        match listener(port, name, settings) {
            Ok(listener) => listeners.push(listener),
            Err(refusal) => refusals.push(refusal),
        }
    }
    listeners.sort_by_key(|l: &Listener| l.key);
    // The API server refuses two entries of one port and protocol; a broken one must not make two.
    listeners.dedup_by_key(|l| l.key);
    (listeners, refusals)
}

fn listener(
    port: &ServicePort,
    name: &StackName,
    settings: &annotations::Settings,
) -> Result<Listener, Refusal> {
    let protocol = match port.protocol.as_str() {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        other => {
            return Err(Refusal::UnsupportedProtocol {
                port: port.port,
                protocol: other.to_owned(),
            });
        }
    };
    if protocol == Protocol::Udp && RESERVED_UDP.contains(&port.port) {
        return Err(Refusal::ReservedPort { port: port.port });
    }
    let Some(backend_port) = port.node_port else {
        return Err(Refusal::NodePortMissing {
            port: port.port,
            protocol: port.protocol.clone(),
        });
    };
    let key = ListenerKey {
        port: port.port,
        protocol,
    };
    Ok(Listener {
        key,
        description: name.listener_description(key.port, protocol),
        backend_port,
        settings: Settings::wanted(protocol, settings),
    })
}

impl Settings {
    /// What the annotations ask for, for one protocol.
    fn wanted(protocol: Protocol, settings: &annotations::Settings) -> Self {
        let check = &settings.health_check;
        Self {
            scheduler: settings.scheduler.as_str().to_owned(),
            persistence_timeout: (protocol == Protocol::Tcp)
                .then_some(settings.persistence_timeout),
            established_timeout: Some(settings.established_timeout),
            healthy_threshold: Some(check.healthy_threshold),
            unhealthy_threshold: Some(check.unhealthy_threshold),
            health_check_interval: Some(check.interval),
            health_check_connect_timeout: Some(check.connect_timeout.max(check.interval)),
            health_check_connect_port: check.connect_port,
        }
    }

    /// Whether the cloud's settings are what is wanted. A health check port that nobody asked for
    /// may be reported as absent, as 0 or as the backend's.
    pub fn satisfied_by(&self, observed: &Self, backend_port: u16) -> bool {
        let port_matches = match (
            self.health_check_connect_port,
            observed.health_check_connect_port,
        ) {
            (Some(wanted), seen) => seen == Some(wanted),
            (None, seen) => seen.is_none_or(|p| p == 0 || p == backend_port),
        };
        let optional = |wanted: Option<u32>, seen: Option<u32>| match wanted {
            // What the API does not return cannot be compared, and must not be set for ever.
            Some(wanted) => seen.is_none_or(|seen| seen == wanted),
            None => true,
        };
        port_matches
            && self.scheduler == observed.scheduler
            && optional(self.persistence_timeout, observed.persistence_timeout)
            && optional(self.established_timeout, observed.established_timeout)
            && optional(self.healthy_threshold, observed.healthy_threshold)
            && optional(self.unhealthy_threshold, observed.unhealthy_threshold)
            && optional(self.health_check_interval, observed.health_check_interval)
            && optional(
                self.health_check_connect_timeout,
                observed
                    .health_check_connect_timeout
                    .map(|timeout| timeout.max(observed.health_check_interval.unwrap_or(0))),
            )
    }
}
