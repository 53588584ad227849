//! What the cloud holds for one PoolService, as it was last read.
//!
//! [`Observed`] says for each thing not only what it is but how sure we are: a thing that was not
//! read is [`Presence::Unread`], never absent. Absence is a statement of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::listeners::{ListenerKey, Settings as ListenerSettings};
use crate::plan::Refused;

/// The cloud, as far as one PoolService goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The load balancer whose id the ledger (or the user) names.
    pub load_balancer: Presence<LoadBalancer>,
    /// The EIP whose id the ledger names; for a user's load balancer the EIP bound to it.
    pub eip: Presence<Eip>,
    /// What bears one of our names in our region, by a complete list; `None` when there is no
    /// list that began after the last write.
    pub by_name: Option<ByName>,
    /// The vSwitches of the pool's network; `None` when they were not asked for.
    pub vswitches: Option<Vec<String>>,
    /// The servers that may be attached now: running, and in the load balancer's network. `None`
    /// when they were not asked for; then only removals and weights are planned.
    pub attachable: Option<Vec<String>>,
    /// Other load balancers of our name beside the one that we have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub duplicates: Vec<String>,
    /// Whether the digest in the ledger may stand for listeners and backends that were not read:
    /// nobody has read or changed them since this process began, and it is not time to.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub trusts_ledger: bool,
    /// What the conditions say of them: that may be older, or newer, than the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
    /// Whether the backends were not read since our last writes of them, but are taken as the cloud
    /// has accepted these: good enough to plan on, and not to publish or record.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_carried: bool,
    /// Why nothing of this region is believed to be gone (behaviour 8.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mass_loss: Option<String>,
    /// Steps that the cloud refused for good and that would be the same again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refused>,
}

/// What the conditions of listeners and backends say now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Whether `ListenersReady` is True.
    pub listeners_ready: bool,
    /// The message of `BackendsReady`.
    pub backends: String,
}

/// Whether a thing was seen, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence<T> {
    /// It was not read, or could not be.
    #[default]
    Unread,
    /// The read by id says that it does not exist. Believed only when a complete list that began
    /// later does not show it either (behaviour 8.5).
    Gone {
        /// Whether a later, complete list agrees.
        confirmed: bool,
    },
    /// It is there.
    Present(T),
}

impl<T> Presence<T> {
    /// The thing, when it was seen.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(thing) => Some(thing),
            Self::Unread | Self::Gone { .. } => None,
        }
    }

    /// Whether its absence may be believed.
    pub fn is_surely_gone(&self) -> bool {
        matches!(self, Self::Gone { confirmed: true })
    }
}

/// What a complete list shows under our names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByName {
    /// When the list began, seconds since 1970.
    pub begun_at: i64,
    /// Load balancers, by id.
    pub load_balancers: Vec<LoadBalancer>,
    /// EIPs, by id.
    pub eips: Vec<Eip>,
}

/// A load balancer as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// `lb-...`.
    pub id: String,
    /// `LoadBalancerName`.
    pub name: String,
    /// `LoadBalancerStatus`.
    pub status: LoadBalancerStatus,
    /// Since when the status has been seen as it is, in seconds before this observation.
    pub status_age: i64,
    /// `EnsRegionId`.
    pub region: String,
    /// `NetworkId`.
    pub network: String,
    /// `VSwitchId`.
    pub vswitch: String,
    /// `Address`: the private address.
    pub address: String,
    /// `LoadBalancerSpec`; lists do not say it.
    pub spec: Option<String>,
    /// `CreateTime`, seconds since 1970; `None` when the cloud does not say.
    pub created_at: Option<i64>,
    /// Listeners and backends; `None` when only a list was read.
    pub detail: Option<LoadBalancerDetail>,
}

/// The part of a load balancer that only a read by id gives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancerDetail {
    /// All listeners, by port and protocol.
    pub listeners: Vec<Listener>,
    /// All backends, by server id.
    pub backends: Vec<Backend>,
}

/// `LoadBalancerStatus` of the ENS API: `Active` or `InActive`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadBalancerStatus {
    /// Its running listeners forward.
    Active,
    /// Nothing is forwarded.
    InActive,
    /// A value that the API does not document.
    Other(String),
}

impl fmt::Display for LoadBalancerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "Active",
            Self::InActive => "InActive",
            Self::Other(text) => text,
        })
    }
}

/// A listener as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// Port and protocol.
    pub key: ListenerKey,
    /// `Description`.
    pub description: String,
    /// `Status`.
    pub status: ListenerStatus,
    /// `BackendServerPort`.
    pub backend_port: Option<u16>,
    /// The settings that can be changed in place; `None` when they were not read, or when the
    /// protocol is one that we never write (HTTP, HTTPS).
    pub settings: Option<ListenerSettings>,
}

/// `Status` of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenerStatus {
    /// It accepts connections.
    Running,
    /// It does not.
    Stopped,
    /// Starting, Configuring, Stopping, or a value that the API does not document: it will change.
    Changing(String),
}

/// A backend as read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Backend {
    /// `ServerId`.
    pub server_id: String,
    /// `Type`: `ens` or `eni`.
    pub kind: String,
    /// `Weight`, 0 to 100.
    pub weight: u8,
    /// `Ip`, sent back with changes.
    pub ip: Option<String>,
    /// `Port`, 0 where the listener decides.
    pub port: Option<u16>,
}

/// An EIP as read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eip {
    /// `AllocationId`, `eip-...`.
    pub id: String,
    /// `Name`.
    pub name: String,
    /// `IpAddress`.
    pub address: String,
    /// `Status`.
    pub status: EipStatus,
    /// `Bandwidth`, Mbit/s.
    pub bandwidth: Option<u32>,
    /// `InstanceId` of what it is bound to.
    pub bound_to: Option<String>,
    /// `EnsRegionId`.
    pub region: String,
    /// `AllocationTime`, seconds since 1970; `None` when the cloud does not say.
    pub created_at: Option<i64>,
    /// Tags, sorted by key.
    pub tags: Vec<(String, String)>,
}

impl Eip {
    /// The value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags
            .iter()
            .find(|(k, _)| k == key)
            .map(|(_, v)| v.as_str())
    }
}

/// `Status` of an EIP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EipStatus {
    /// Bound to nothing.
    Available,
    /// Bound.
    InUse,
    /// Associating, Unassociating, or a value that the API does not document: it will change.
    Changing(String),
}

impl fmt::Display for EipStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Available => "Available",
            Self::InUse => "InUse",
            Self::Changing(text) => text,
        })
    }
}
