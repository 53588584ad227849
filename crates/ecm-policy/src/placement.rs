//! Where in the cloud a pool is (behaviour 3.2).

use std::collections::BTreeMap;
use std::fmt;

use poolservice_api::Reason;
use poolservice_api::keys::{ENS_NETWORK_ID, ENS_REGION_ID, ENS_VSWITCH_ID};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::annotations::{UnknownKey, nearest};

/// Where a pool asks for its load balancers to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementRequest {
    /// The ENS region.
    pub region: String,
    /// The network in it, `n-...`.
    pub network: String,
    /// vSwitches, `vsw-...`, at least one. The first one that the cloud shows in the network is
    /// taken.
    pub vswitches: Vec<String>,
}

/// Where load balancers are: the part of a request that the cloud has confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The ENS region.
    pub region: String,
    /// The network in it, `n-...`.
    pub network: String,
    /// The vSwitch, `vsw-...`.
    pub vswitch: String,
}

/// One of the annotations on a NodePool that say where it is.
struct Key {
    name: &'static str,
    /// What the value looks like, for people.
    shape: &'static str,
    /// What each id starts with.
    prefix: &'static str,
}

const REGION: Key = Key {
    name: ENS_REGION_ID,
    shape: "cn-xxx-xxx",
    prefix: "",
};
const NETWORK: Key = Key {
    name: ENS_NETWORK_ID,
    shape: "n-xxx",
    prefix: "n-",
};
const VSWITCH: Key = Key {
    name: ENS_VSWITCH_ID,
    shape: "vsw-xxx,vsw-xxx",
    prefix: "vsw-",
};
const KEYS: [Key; 3] = [REGION, NETWORK, VSWITCH];

/// What the annotations of a NodePool say about its place. Blanks around ids are trimmed.
///
/// # Errors
/// All keys that are missing, or else the first value that cannot be an id.
pub fn from_annotations(
    pool: &str,
    annotations: &BTreeMap<String, String>,
) -> Result<PlacementRequest, PlacementFault> {
    let value = |key: &Key| annotations.get(key.name).map_or("", |value| value.trim());
    let missing: Vec<String> = KEYS
        .iter()
        .filter(|key| value(key).is_empty())
        .map(|key| key.name.to_owned())
        .collect();
    if !missing.is_empty() {
        return Err(PlacementFault::Missing {
            pool: pool.to_owned(),
            keys: missing,
        });
    }
    let mut vswitches = Vec::new();
    for id in value(&VSWITCH).split(',') {
        let id = VSWITCH.id(pool, id.trim())?;
        if !vswitches.contains(&id) {
            vswitches.push(id);
        }
    }
    Ok(PlacementRequest {
        region: REGION.id(pool, value(&REGION))?,
        network: NETWORK.id(pool, value(&NETWORK))?,
        vswitches,
    })
}

/// Keys of a NodePool that look like placement but are not read by anybody, each with the one that
/// may have been meant.
pub fn unknown_keys(annotations: &BTreeMap<String, String>) -> Vec<UnknownKey> {
    annotations
        .keys()
        .filter(|key| key.starts_with("alibabacloud.com/ens-"))
        .filter(|key| KEYS.iter().all(|known| known.name != key.as_str()))
        .map(|key| UnknownKey {
            key: key.clone(),
            nearest: nearest(key, KEYS.iter().map(|known| known.name)),
        })
        .collect()
}

impl Key {
    fn id(&self, pool: &str, text: &str) -> Result<String, PlacementFault> {
        let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let rest = text.strip_prefix(self.prefix);
        if rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_id)) {
            return Ok(text.to_owned());
        }
        Err(PlacementFault::Invalid {
            pool: pool.to_owned(),
            key: self.name.to_owned(),
            value: text.to_owned(),
            allowed: self.shape.to_owned(),
        })
    }
}

/// Why a pool has no place for a load balancer. Its text tells a person what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum PlacementFault {
    /// Annotations are missing or empty.
    #[error("NodePool {pool} does not say where it is: run {}", Command { pool, keys })]
    Missing {
        /// The pool.
        pool: String,
        /// The keys of all annotations that are missing.
        keys: Vec<String>,
    },
    /// A value cannot be an id.
    #[error("NodePool {pool}: annotation {key} has {value:?}, which does not look like {allowed}")]
    Invalid {
        /// The pool.
        pool: String,
        /// The key.
        key: String,
        /// The value, or the part of it that is wrong.
        value: String,
        /// What it should look like.
        allowed: String,
    },
}

impl PlacementFault {
    /// The reason for the condition `Accepted`.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Missing { .. } => Reason::PlacementMissing,
            Self::Invalid { .. } => Reason::PlacementInvalid,
        }
    }
}

/// The kubectl command that sets the missing annotations.
struct Command<'a> {
    pool: &'a str,
    keys: &'a [String],
}

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`kubectl annotate nodepool {}", self.pool)?;
        for key in KEYS
            .iter()
            .filter(|key| self.keys.iter().any(|k| k == key.name))
        {
            write!(f, " {}={}", key.name, key.shape)?;
        }
        f.write_str("`")
    }
}
