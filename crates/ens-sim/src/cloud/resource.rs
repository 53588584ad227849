//! The resources of one account, as plain values.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::time::Timestamp;

/// An edge node: the place that `EnsRegionId` names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Region {
    /// Id such as `cn-hefei`.
    pub id: String,
    /// English name.
    pub name: String,
    /// Carriers that sell EIPs here: `cmcc`, `unicom`, `telecom`.
    pub isps: Vec<String>,
}

/// An edge network (the VPC of ENS).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Network {
    /// Id, prefix `n-`.
    pub id: String,
    /// Region it lies in.
    pub region: String,
    /// Display name.
    pub name: String,
    /// Address range.
    pub cidr: String,
    /// Pending or Available.
    #[serde(default)]
    pub status: NetworkStatus,
}

/// State of a network or vSwitch. `Releasing` is documented for vSwitches only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkStatus {
    /// Being made.
    Pending,
    /// Can be used.
    #[default]
    Available,
    /// Being released.
    Releasing,
}

impl NetworkStatus {
    /// As the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Available => "Available",
            Self::Releasing => "Releasing",
        }
    }
}

/// A vSwitch of a network.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VSwitch {
    /// Id, prefix `vsw-`.
    pub id: String,
    /// Network it belongs to.
    pub network: String,
    /// Region it lies in.
    pub region: String,
    /// Display name.
    pub name: String,
    /// First address of its range.
    pub base: Ipv4Addr,
    /// Prefix length of its range.
    pub prefix: u8,
    /// Pending, Available or Releasing.
    #[serde(default)]
    pub status: NetworkStatus,
}

/// State of an ENS computing instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InstanceStatus {
    /// Serving.
    Running,
    /// Shut down.
    Stopped,
    /// Its subscription ended.
    Expired,
}

/// An ENS computing instance: a node of the cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// Id, prefix `i-`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Host name.
    pub host_name: String,
    /// Region it runs in.
    pub region: String,
    /// Network of its interface.
    pub network: String,
    /// vSwitch of its interface.
    pub vswitch: String,
    /// Address in the vSwitch.
    pub private_ip: Ipv4Addr,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Where the data plane reaches it: a loopback address of this machine. `None`: it cannot be reached.
    pub reach: Option<Ipv4Addr>,
    /// Running, Stopped or Expired.
    pub status: InstanceStatus,
}

impl Instance {
    /// Id of its one network interface.
    pub(crate) fn interface(&self) -> String {
        format!("eni-{}", self.id)
    }
}

/// Who made a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// It stood there before the first call: a person's.
    World,
    /// A call made it.
    Call {
        /// RequestId of that call.
        request_id: String,
    },
}

/// Where a paid resource is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Life {
    /// Being made.
    Creating,
    /// There.
    Ready,
    /// Being released.
    Releasing,
}

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

/// State of an EIP. Only Available, InUse, Associating and Unassociating are documented; the other two words are ours for
/// what the documents do not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EipStatus {
    /// Being made (shown as `Pending`).
    Pending,
    /// Free.
    Available,
    /// Being bound.
    Associating,
    /// Bound.
    InUse,
    /// Being unbound.
    Unassociating,
    /// Being released (shown as `Releasing`).
    Releasing,
}

impl EipStatus {
    /// The word in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Available => "Available",
            Self::Associating => "Associating",
            Self::InUse => "InUse",
            Self::Unassociating => "Unassociating",
            Self::Releasing => "Releasing",
        }
    }
}

/// What an EIP is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Id of the target.
    pub instance_id: String,
    /// `SlbInstance`, `EnsInstance`...
    pub instance_type: String,
}

impl Binding {
    /// Whether the target is a computing instance, to which the data plane does not forward.
    #[must_use]
    pub fn is_instance(&self) -> bool {
        self.instance_type == "EnsInstance"
    }
}

/// An elastic IP address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Eip {
    /// Id, prefix `eip-`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Region it lies in.
    pub region: String,
    /// The public address; here one of 127.0.0.0/8 or of the pool that the cloud was given.
    pub address: Ipv4Addr,
    /// Mbit/s.
    pub bandwidth: u32,
    /// Carrier.
    pub isp: String,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub origin: Origin,
    /// State.
    pub status: EipStatus,
    /// What it is bound to (also while that is being changed).
    pub binding: Option<Binding>,
    /// Standby EIP.
    pub standby: bool,
    /// From when lists show it.
    pub listed_from: Timestamp,
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
