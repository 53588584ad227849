//! What things are called in the cloud and in the cluster (behaviour 2.3, 5.1, 5.2, 5.5).
//!
//! A name is how an ENS load balancer is told from another one, because these have neither tags
//! nor descriptions. So every name here follows from the object alone, and no two objects share
//! one: what is too long is not cut but ends in a digest of the whole.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::listeners::Protocol;
use crate::selector::is_label_value;

/// What CreateLoadBalancer takes as `LoadBalancerName` (ENS API, 1 to 80 characters).
pub const LOAD_BALANCER_CREATE_LIMIT: usize = 80;
/// What ModifyLoadBalancerAttribute takes as `LoadBalancerName` (ENS API, 2 to 128 characters).
pub const LOAD_BALANCER_RENAME_LIMIT: usize = 128;
/// What CreateEipInstance takes as `Name` (ENS API, 2 to 128 characters).
pub const EIP_NAME_LIMIT: usize = 128;
/// What CreateEipInstance takes as `Description` (ENS API, 2 to 256 characters).
pub const EIP_DESCRIPTION_LIMIT: usize = 256;
/// What the Create*Listener actions take as `Description` (ENS API, 1 to 80 characters).
pub const LISTENER_DESCRIPTION_LIMIT: usize = 80;
/// The longest cluster id that stays readable in every listener description: 63 characters are
/// left of it when it is shortened, of which `k8s/65535/tcp/` and the closing slash take 15.
pub const CLUSTER_ID_LIMIT: usize = 48;

/// Hex digits of the digest at the end of a shortened text.
const DIGEST_LEN: usize = 16;

/// The names of everything that belongs to one Service in one pool follow from these four words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StackName {
    /// Name of the Service.
    pub service: String,
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the pool.
    pub pool: String,
    /// The cluster id; see [`check_cluster_id`].
    pub cluster: String,
}

impl StackName {
    /// `k8s/<service>/<namespace>/<pool>/<cluster>`, whatever its length. The form is the one that
    /// the ACK Edge documentation names ("Use ELB to expose Services in multiple regions").
    pub fn full(&self) -> String {
        format!(
            "k8s/{}/{}/{}/{}",
            self.service, self.namespace, self.pool, self.cluster
        )
    }

    /// The names that the load balancer bears in the course of its life.
    pub fn load_balancer(&self) -> LoadBalancerNames {
        let full = self.full();
        let create = shorten(&full, LOAD_BALANCER_CREATE_LIMIT);
        let rename_to = (create != full).then(|| shorten(&full, LOAD_BALANCER_RENAME_LIMIT));
        LoadBalancerNames { create, rename_to }
    }

    /// `Name` of the EIP.
    pub fn eip(&self) -> String {
        shorten(&self.full(), EIP_NAME_LIMIT)
    }

    /// Every name that the load balancer or the EIP may bear.
    pub fn all(&self) -> impl Iterator<Item = String> {
        let LoadBalancerNames { create, rename_to } = self.load_balancer();
        [create].into_iter().chain(rename_to).chain([self.eip()])
    }

    /// `Description` of the EIP: the whole name, as far as the API takes it.
    pub fn eip_description(&self) -> String {
        shorten(&self.full(), EIP_DESCRIPTION_LIMIT)
    }

    /// `Description` of the listener on `port`, by which a listener is known to be ours:
    /// `k8s/<port>/<tcp|udp>/<cluster>/<namespace>/<service>/<pool>`. Port, protocol and cluster
    /// come first because they stay readable where the text is shortened.
    pub fn listener_description(&self, port: u16, protocol: Protocol) -> String {
        let whole = format!(
            "k8s/{port}/{protocol}/{}/{}/{}/{}",
            self.cluster, self.namespace, self.service, self.pool
        );
        shorten(&whole, LISTENER_DESCRIPTION_LIMIT)
    }
}

/// The names that one load balancer bears in the course of its life. It has to be searched for
/// under each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancerNames {
    /// The name that it is created with.
    pub create: String,
    /// The name that it gets once it is active, where the first one was only a short form.
    pub rename_to: Option<String>,
}

impl LoadBalancerNames {
    /// The name that it should bear once it is active.
    pub fn lasting(&self) -> &str {
        self.rename_to.as_deref().unwrap_or(&self.create)
    }

    /// Every name that it may bear.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.create.as_str()).chain(self.rename_to.as_deref())
    }

    /// Whether it may bear this name.
    pub fn contains(&self, name: &str) -> bool {
        self.all().any(|known| known == name)
    }
}

/// What a listener description says of the listener that bears it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListenerOrigin {
    /// Port of the listener for which the text was made.
    pub port: u16,
    /// Protocol of that listener.
    pub protocol: Protocol,
    /// Id of the cluster whose controller made it.
    pub cluster: String,
}

impl ListenerOrigin {
    /// Reads a text that [`StackName::listener_description`] made in any cluster; `None` for every
    /// other text. This tells where a listener comes from, not that it is ours: a listener is ours
    /// only when its whole description is the one that we compute.
    pub fn parse(description: &str) -> Option<Self> {
        let mut words = description.split('/');
        if words.next() != Some("k8s") {
            return None;
        }
        let port = words.next()?;
        let protocol = match words.next()? {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            _ => return None,
        };
        let cluster = words.next().filter(|cluster| !cluster.is_empty())?;
        let rest: Vec<&str> = words.collect();
        let whole = rest.len() == 3 && rest.iter().all(|word| !word.is_empty());
        let shortened = !rest.is_empty()
            && rest.len() <= 3
            && is_shortened(description, LISTENER_DESCRIPTION_LIMIT);
        let number = port.parse().ok().filter(|port| *port != 0)?;
        // Only the spelling that we write: no sign, no leading zero.
        let is_ours = (whole || shortened) && port == u16::to_string(&number);
        is_ours.then(|| Self {
            port: number,
            protocol,
            cluster: cluster.to_owned(),
        })
    }
}

/// `whole` when it has at most `limit` characters, else its first `limit - 17` characters, a dash
/// and 16 hex digits of its SHA-256, so that different texts stay different. Counts characters,
/// not bytes, as the API does. A limit below 17 gives the dash and the digits alone.
pub fn shorten(whole: &str, limit: usize) -> String {
    if whole.chars().count() <= limit {
        return whole.to_owned();
    }
    let head = whole.chars().take(limit.saturating_sub(DIGEST_LEN + 1));
    head.chain(std::iter::once('-'))
        .chain(hex_digest(whole).chars().take(DIGEST_LEN))
        .collect()
}

/// Whether a load balancer of this name may be one of a controller of this cluster. A shortened
/// name does not show its cluster any more: it may be anybody's.
pub fn is_managed_name(name: &str, cluster: &str) -> bool {
    let is_shortened = || {
        [LOAD_BALANCER_CREATE_LIMIT, LOAD_BALANCER_RENAME_LIMIT]
            .iter()
            .any(|limit| is_shortened(name, *limit))
    };
    name.starts_with("k8s/") && (name.ends_with(&format!("/{cluster}")) || is_shortened())
}

/// Whether a text has the shape that [`shorten`] gives it.
fn is_shortened(text: &str, limit: usize) -> bool {
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    text.chars().count() == limit
        && text
            .rsplit_once('-')
            .is_some_and(|(_, digest)| digest.len() == DIGEST_LEN && digest.chars().all(is_digit))
}

/// The `ClientToken` of a create call: at most 64 ASCII characters (ENS API), the same for the
/// same PoolService, kind of resource and attempt, and different as soon as one of them differs.
pub fn client_token(pool_service_uid: &str, kind: &str, attempt: u32) -> String {
    let mut digest = hex_digest(&format!("{pool_service_uid}/{kind}/{attempt}"));
    digest.truncate(40);
    format!("ecm-{digest}")
}

fn hex_digest(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// The name of the PoolService for a Service and a pool: `<service>-<pool>`, as OpenYurt has it
/// (openyurtio/openyurt, pkg/yurtmanager/controller/loadbalancerset), never shortened, because
/// people address it with kubectl.
///
/// # Errors
/// When Kubernetes would refuse the name, or one of its parts as the value of a label.
pub fn pool_service_name(service: &str, pool: &str) -> Result<String, NameError> {
    for (what, value) in [("Service", service), ("NodePool", pool)] {
        if value.is_empty() || !is_label_value(value) {
            return Err(NameError::NotALabelValue {
                what: what.to_owned(),
                value: value.to_owned(),
            });
        }
    }
    let name = format!("{service}-{pool}");
    if is_dns_subdomain(&name) {
        Ok(name)
    } else {
        Err(NameError::NotAnObjectName { name })
    }
}

/// Checks a cluster id before names are made with it.
///
/// # Errors
/// When it is empty, longer than [`CLUSTER_ID_LIMIT`], or has other characters than letters,
/// digits, `-`, `_` and `.` (a slash would make names ambiguous).
pub fn check_cluster_id(id: &str) -> Result<(), NameError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !id.is_empty() && id.len() <= CLUSTER_ID_LIMIT && id.chars().all(is_allowed) {
        Ok(())
    } else {
        Err(NameError::ClusterId { id: id.to_owned() })
    }
}

/// Why a name cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum NameError {
    /// The PoolService bears the names of its Service and pool as values of labels.
    #[error(
        "{what} name {value:?} cannot be the value of a label: at most 63 letters, digits, '-', \
         '_' and '.', with a letter or digit first and last"
    )]
    NotALabelValue {
        /// Whose name.
        what: String,
        /// The name.
        value: String,
    },
    /// Not a name that Kubernetes takes for an object.
    #[error(
        "{name:?} cannot be the name of a PoolService: at most 253 lower case letters, digits, \
         '-' and '.', with a letter or digit first and last in each part"
    )]
    NotAnObjectName {
        /// The name.
        name: String,
    },
    /// Not a cluster id.
    #[error(
        "cluster id {id:?} cannot be used in names: 1 to {CLUSTER_ID_LIMIT} letters, digits, '-', \
         '_' and '.'"
    )]
    ClusterId {
        /// The id.
        id: String,
    },
}

/// Whether Kubernetes takes the text as the name of an object: an RFC 1123 subdomain
/// (k8s.io/apimachinery, pkg/util/validation, `IsDNS1123Subdomain`).
pub fn is_dns_subdomain(text: &str) -> bool {
    let is_label = |label: &str| {
        let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !label.is_empty()
            && label.chars().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}
