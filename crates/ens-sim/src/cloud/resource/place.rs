//! Where things stand and who made them: edge nodes, networks, vSwitches, computing instances.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

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
