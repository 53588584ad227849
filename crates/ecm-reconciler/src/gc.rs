//! Load balancers and EIPs of this cluster that no ledger has (behaviour 9.4).
//!
//! The controllers release only what a ledger records. What a ledger was lost for, what was
//! retained, or what somebody made under a name of ours stays for ever: [`find`] lists it, with
//! what shows whose it is, and [`release`] releases what a person asked for by its id.

mod find;
mod proof;
mod release;

use serde::Serialize;

pub use find::{RetainedError, find, regions, retained};
pub use proof::Proof;
pub use release::{ReleaseError, release};

/// Something in the cloud that no ledger has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// What it is.
    pub kind: Kind,
    /// `lb-...` or `eip-...`.
    pub id: String,
    /// Where it is.
    pub region: String,
    /// How it is called.
    pub name: String,
    /// Its address.
    pub address: String,
    /// What shows whose it is.
    pub proof: Proof,
    /// Whether an event says that it was left standing on purpose. Events are kept for an hour,
    /// so that nothing follows from there being none.
    pub retained: bool,
    /// When it was made, seconds since 1970, where the cloud says so.
    pub created_at: Option<i64>,
    /// The load balancer that an EIP is bound to.
    pub bound_to: Option<String>,
}

/// Kind of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// An EIP.
    Eip,
    /// A load balancer.
    LoadBalancer,
}

impl Kind {
    /// As people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eip => "EIP",
            Self::LoadBalancer => "ELB",
        }
    }
}
