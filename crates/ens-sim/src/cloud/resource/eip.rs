//! Elastic IP addresses.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::Origin;
use crate::time::Timestamp;

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
