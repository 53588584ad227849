//! Edge load balancers, their listeners and their servers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Life, Origin};
use crate::time::Timestamp;

/// Transport or application protocol of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// HTTP (control plane only).
    Http,
    /// HTTPS (control plane only).
    Https,
}

impl Protocol {
    /// Lower-case name, as `ListenerProtocol` and `Protocol` carry it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Reads a lower-case name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Http, Self::Https]
            .into_iter()
            .find(|protocol| protocol.as_str() == text)
    }

    /// Whether two listeners on one port number exclude each other: all but UDP share the TCP port space.
    #[must_use]
    pub fn collides_with(self, other: Self) -> bool {
        (self == Self::Udp) == (other == Self::Udp)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// State of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerStatus {
    /// Made, or stopped. A new listener starts here.
    Stopped,
    /// On its way to Running.
    Starting,
    /// Forwarding.
    Running,
    /// On its way to Stopped.
    Stopping,
    /// Being deleted; its port is still taken.
    Deleting,
}

impl ListenerStatus {
    /// The word of the attribute reads: Running, Stopped, Starting, Configuring, Stopping.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "Stopped",
            Self::Starting => "Starting",
            Self::Running => "Running",
            Self::Stopping => "Stopping",
            Self::Deleting => "Configuring",
        }
    }
}

/// Port and protocol: what names a listener within its ELB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerKey {
    /// Front port.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
}

/// A listener of an ELB.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listener {
    /// Front port.
    pub port: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// State.
    pub status: ListenerStatus,
    /// Every attribute by its API name (`Scheduler`, `HealthCheckInterval`...), validated and with its default filled in.
    pub settings: BTreeMap<String, Value>,
    /// When it was made.
    pub created: Timestamp,
    /// Why the data plane cannot serve it, where that is so.
    pub trouble: Option<String>,
}

impl Listener {
    /// Port and protocol.
    #[must_use]
    pub fn key(&self) -> ListenerKey {
        ListenerKey {
            port: self.port,
            protocol: self.protocol,
        }
    }

    /// Text attribute; empty when it is absent.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.settings
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Numeric attribute.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.settings.get(name).and_then(Value::as_u64)
    }

    /// The port on the backends: `BackendServerPort`, else the front port.
    #[must_use]
    pub fn backend_port(&self) -> u16 {
        self.number("BackendServerPort")
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or(self.port)
    }
}

/// A server behind an ELB. Servers belong to the ELB, not to a listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendServer {
    /// Instance id.
    pub server_id: String,
    /// `ens` or `eni`.
    pub kind: String,
    /// 0 to 100; 0 = no new traffic.
    pub weight: u8,
    /// Address shown in reads.
    pub ip: String,
    /// Port; 0 = the listener's.
    pub port: u16,
}

/// An edge load balancer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// Id, prefix `lb-`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Size class.
    pub spec: String,
    /// `CLB` or `InternetDR`.
    pub kind: String,
    /// Region it lies in.
    pub region: String,
    /// Its network.
    pub network: String,
    /// Its vSwitch.
    pub vswitch: String,
    /// Private address within the vSwitch.
    pub address: Ipv4Addr,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub origin: Origin,
    /// Being made, there, being released.
    pub life: Life,
    /// Whether its listeners forward (Active) or not (InActive).
    pub active: bool,
    /// Until when a write keeps it busy.
    pub busy_until: Timestamp,
    /// From when lists show it.
    pub listed_from: Timestamp,
    /// Its listeners. They serialize as a list.
    #[serde(with = "listener_list")]
    pub listeners: BTreeMap<ListenerKey, Listener>,
    /// Its servers, in the order they were added.
    pub backends: Vec<BackendServer>,
}

impl LoadBalancer {
    /// `Active` or `InActive`.
    #[must_use]
    pub fn status(&self) -> &'static str {
        if self.active && self.life == Life::Ready {
            "Active"
        } else {
            "InActive"
        }
    }
}

/// Listeners as a list: JSON has no keys but texts, and each listener carries its own.
mod listener_list {
    use std::collections::BTreeMap;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{Listener, ListenerKey};

    pub(super) fn serialize<S: Serializer>(
        listeners: &BTreeMap<ListenerKey, Listener>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(listeners.values())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<ListenerKey, Listener>, D::Error> {
        let listeners = Vec::<Listener>::deserialize(from)?;
        Ok(listeners
            .into_iter()
            .map(|listener| (listener.key(), listener))
            .collect())
    }
}
