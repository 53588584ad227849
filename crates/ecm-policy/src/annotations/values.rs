//! The types of settings.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares an enum whose variants are words of an annotation.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+ }

        impl $name {
            /// The words, in the order of their declaration.
            pub const WORDS: &[&str] = &[$($word),+];

            /// The word, as in the annotation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of a word. Upper and lower case differ.
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// `PayType` of a load balancer.
    PayType {
        /// Pay as you go: all that ENS sells.
        PostPaid = "PostPaid",
    }
}

words! {
    /// Which address is published.
    AddressType {
        /// That of an EIP.
        Internet = "internet",
        /// The load balancer's own, in its vSwitch.
        Intranet = "intranet",
    }
}

words! {
    /// `Isp` of an EIP.
    Isp {
        /// China Mobile.
        Cmcc = "cmcc",
        /// China Unicom.
        Unicom = "unicom",
        /// China Telecom.
        Telecom = "telecom",
    }
}

words! {
    /// `InstanceChargeType` of an EIP.
    EipChargeType {
        /// Pay as you go: all that ENS sells.
        PostPaid = "PostPaid",
    }
}

words! {
    /// `InternetChargeType` of an EIP.
    EipInternetChargeType {
        /// By the 95th percentile of the month: all that ENS sells.
        BandwidthByMonth95 = "95BandwidthByMonth",
    }
}

words! {
    /// `Scheduler` of a listener: which backend gets the next connection.
    Scheduler {
        /// By weight, in turn.
        WeightedRoundRobin = "wrr",
        /// In turn.
        RoundRobin = "rr",
        /// The one with the fewest connections for its weight.
        WeightedLeastConnections = "wlc",
        /// By a hash of the source address.
        SourceHash = "sch",
        /// By a hash of addresses and ports.
        TupleHash = "tch",
        /// By the QUIC connection id.
        QuicHash = "qch",
        /// By the QUIC connection id, in a consistent way.
        QuicConsistentHash = "iqch",
    }
}

words! {
    /// What becomes of our load balancer and EIP when the PoolService is deleted.
    DeletionPolicy {
        /// They are released.
        Delete = "delete",
        /// They stay, and cost.
        Retain = "retain",
    }
}

words! {
    /// What the weight of a backend follows.
    WeightBy {
        /// What `backend-weight` says of the node.
        Node = "node",
        /// The number of ready pods on the node; with `externalTrafficPolicy: Local` only.
        Pods = "pods",
    }
}

/// The weights of backends, 0 to 100; 0 takes no traffic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendWeight {
    /// The weight of every node that is not named.
    pub base: u8,
    /// Node name to weight.
    pub nodes: BTreeMap<String, u8>,
}

impl BackendWeight {
    /// The weight of a node.
    pub fn of(&self, node: &str) -> u8 {
        self.nodes.get(node).copied().unwrap_or(self.base)
    }
}

impl Default for BackendWeight {
    fn default() -> Self {
        Self {
            base: 100,
            nodes: BTreeMap::new(),
        }
    }
}

/// The health check of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// `HealthyThreshold`: successes in a row that bring a backend back.
    pub healthy_threshold: u32,
    /// `UnhealthyThreshold`: failures in a row that take a backend out.
    pub unhealthy_threshold: u32,
    /// `HealthCheckInterval` in seconds.
    pub interval: u32,
    /// `HealthCheckConnectTimeout` in seconds, as asked. The API uses the interval where that is
    /// larger.
    pub connect_timeout: u32,
    /// `HealthCheckConnectPort`; `None` for the port of the backend.
    pub connect_port: Option<u16>,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            healthy_threshold: 3,
            unhealthy_threshold: 3,
            interval: 2,
            connect_timeout: 5,
            connect_port: None,
        }
    }
}
