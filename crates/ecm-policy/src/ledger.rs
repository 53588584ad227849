//! The ledger: what this controller recorded about the cloud resources of one PoolService
//! (behaviour 5.3).
//!
//! It is one JSON annotation on the PoolService. Everything that costs money is in it before it
//! is used: the intent to create before the create call, the id before any later write. Nothing
//! that is not in it is ever released.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::annotations::DeletionPolicy;
use crate::placement::Placement;
use crate::snapshot::{Identity, PoolService};
use poolservice_api::keys;

/// Most servers that a ledger records: an annotation, and all of an object's annotations together,
/// take 256 KiB (k8s.io/apimachinery, `TotalAnnotationSizeLimitB`).
pub const BACKENDS: usize = 4_000;

/// The version that this code writes.
pub const VERSION: u32 = 1;

/// What was recorded about the cloud resources of one PoolService.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    /// Layout version; a newer one than [`VERSION`] is not read.
    pub version: u32,
    /// Grows by one with every write.
    pub sequence: u64,
    /// UID of the PoolService that it was written for. A copied ledger has another's.
    pub pool_service_uid: String,
    /// Cluster id at the first write; names bear it.
    pub cluster_id: String,
    /// UID of namespace `kube-system` at the first write.
    pub cluster_uid: String,
    /// The cloud account at the first write, where it could be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_account: Option<String>,
    /// The Service's name.
    pub service: String,
    /// The pool's name.
    pub pool: String,
    /// Where the resources are. Nothing later needs the pool.
    pub placement: Placement,
    /// The load balancer.
    pub load_balancer: Record,
    /// The EIP; `None` where none was ever wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eip: Option<Record>,
    /// Server ids that we attached to a user's load balancer. Empty on one of our own, where the
    /// whole list is ours.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub backends: BTreeSet<String>,
    /// Servers that are on their way out with weight 0, and since when, seconds since 1970.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub draining: BTreeMap<String, i64>,
    /// Digest of what was wanted of the load balancer's listeners and backends when all of that
    /// was last seen in place; `None` from before the first write that changes them until it is in
    /// place again. EIPs have none: lists show all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// What deletion does, by the last annotations that could be read (behaviour 8.4).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<OnDelete>,
}

impl Ledger {
    /// What it records of the load balancer, and of the EIP where there is one.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        [&self.load_balancer].into_iter().chain(&self.eip)
    }

    /// The account that owns the resources, and the one that we have credentials of, where both are
    /// known and they are two (behaviour 5.7).
    pub fn other_account<'a>(&'a self, identity: &'a Identity) -> Option<(&'a str, &'a str)> {
        let (recorded, ours) = (
            self.cloud_account.as_deref()?,
            identity.cloud_account.as_deref()?,
        );
        (recorded != ours).then_some((recorded, ours))
    }
}

/// What the deletion of a PoolService does to what it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OnDelete {
    /// Whether our load balancer and EIP are released or left standing.
    pub policy: DeletionPolicy,
    /// Whether our listeners and backends leave a user's load balancer.
    pub cleanup: bool,
}

impl Default for OnDelete {
    fn default() -> Self {
        Self {
            policy: DeletionPolicy::Delete,
            cleanup: false,
        }
    }
}

/// What was recorded about one load balancer or EIP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// How we came by it; decides who may release it.
    pub owner: Owner,
    /// The cloud's id, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// All names that we gave it or may have given it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub names: BTreeSet<String>,
    /// Counts the creates, so that each has a ClientToken of its own.
    #[serde(default)]
    pub attempt: u32,
    /// The create that is not resolved yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<Intent>,
    /// The parameters of the create that made it; what of them cannot be changed is compared with
    /// what is wanted now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub created_with: BTreeMap<String, String>,
    /// When it was first seen to be gone, seconds since 1970; a second look 30 s later decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone_since: Option<i64>,
    /// When its create was sent first, seconds since 1970, until it has been seen: what was just made
    /// may not be shown yet, and is not gone for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_since: Option<i64>,
    /// Whether we asked for its release: then it is no loss that it is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub releasing: bool,
}

/// How we came by a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Owner {
    /// We created it, and release it.
    Created,
    /// It bore our name and the user let us take it over; we release it.
    Adopted,
    /// The user's. Never released.
    User,
}

/// A create call that was, or is about to be, sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The ClientToken.
    pub token: String,
    /// Every parameter, so that a repeat sends the same bytes.
    pub parameters: BTreeMap<String, String>,
    /// When it was first sent, seconds since 1970.
    pub first_sent: i64,
    /// Whether it may have been sent more than once: then a refusal proves nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
}

/// Seconds during which an unresolved create is repeated with its ClientToken. The service keeps
/// a token for 600 s (SDK text of CreateLoadBalancer); two minutes are left for the call itself.
pub const REPEAT_FOR: i64 = 8 * 60;

/// Seconds after which a complete list decides about a create, and about what nobody has seen since
/// it was made: the service has forgotten the token, and whatever it made is listed.
pub const DECIDE_AFTER: i64 = 15 * 60;

/// Tolerance between our clock and the cloud's, in seconds, where a create time is compared with
/// an intent.
pub const CLOCK_TOLERANCE: i64 = 2 * 60;

/// What the annotation of a PoolService says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// There is none, and no finalizer: nothing was ever written to the cloud.
    None,
    /// A ledger that is this PoolService's own.
    Current(Box<Ledger>),
    /// The finalizer is there, a readable ledger is not. Nothing is created, released or let go.
    Lost(Loss),
}

/// Why a ledger cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Loss {
    /// The finalizer is on the PoolService, the annotation is not.
    #[error("the finalizer is there, the ledger is not")]
    Missing,
    /// The annotation is not a ledger.
    #[error("the ledger cannot be read: {0}")]
    Unreadable(String),
    /// The annotation is a ledger of a layout that this version does not know.
    #[error("the ledger has version {0}, this program reads version {VERSION}")]
    Version(u32),
}

impl State {
    /// The ledger, when there is one to use.
    pub fn current(&self) -> Option<&Ledger> {
        match self {
            Self::Current(ledger) => Some(ledger),
            Self::None | Self::Lost(_) => None,
        }
    }
}

/// Reads the ledger annotation of the PoolService `uid`. A ledger with another PoolService's UID
/// was copied along with the object: it is not ours and counts as missing.
pub fn read(annotation: Option<&str>, uid: &str, has_finalizer: bool) -> State {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let missing = || {
        if has_finalizer {
            State::Lost(Loss::Missing)
        } else {
            State::None
        }
    };
    let Some(text) = annotation else {
        return missing();
    };
    let unreadable = |error: &serde_json::Error| {
        // Without the finalizer nothing was made: what stands there is not ours to care about.
        if has_finalizer {
            State::Lost(Loss::Unreadable(error.to_string()))
        } else {
            State::None
        }
    };
    match serde_json::from_str::<Version>(text) {
        Err(error) => return unreadable(&error),
        Ok(Version { version }) if version != VERSION => {
            return State::Lost(Loss::Version(version));
        }
        Ok(_) => {}
    }
    match serde_json::from_str::<Ledger>(text) {
        Err(error) => unreadable(&error),
        Ok(ledger) if ledger.pool_service_uid != uid => missing(),
        Ok(ledger) => State::Current(Box::new(ledger)),
    }
}

/// What the annotation of this PoolService says.
pub fn of(ps: &PoolService) -> State {
    let annotation = ps.annotations.get(keys::LEDGER).map(String::as_str);
    read(annotation, &ps.uid, ps.has_finalizer)
}

/// The annotation's text.
///
/// # Errors
/// None that the types allow; serde's signature has one.
pub fn write(ledger: &Ledger) -> Result<String, serde_json::Error> {
    serde_json::to_string(ledger)
}

impl Record {
    /// A record of a resource that is about to be created.
    pub fn planned(names: impl IntoIterator<Item = String>) -> Self {
        Self {
            owner: Owner::Created,
            id: None,
            names: names.into_iter().collect(),
            attempt: 0,
            intent: None,
            created_with: BTreeMap::new(),
            gone_since: None,
            unseen_since: None,
            releasing: false,
        }
    }

    /// A record of a resource that a user named.
    pub fn users(id: impl Into<String>) -> Self {
        Self {
            owner: Owner::User,
            id: Some(id.into()),
            ..Self::planned([])
        }
    }

    /// Whether this controller may release it.
    pub fn is_ours(&self) -> bool {
        matches!(self.owner, Owner::Created | Owner::Adopted)
    }

    /// Takes the id that a create returned.
    pub fn resolve(&mut self, id: impl Into<String>) {
        self.id = Some(id.into());
        if let Some(intent) = self.intent.take() {
            self.created_with = intent.parameters;
            self.unseen_since = Some(intent.first_sent);
        }
        self.gone_since = None;
    }

    /// Whether nobody has seen it since it was made, and reads and lists of `now` may not show it yet.
    pub fn may_be_unseen(&self, now: i64) -> bool {
        self.unseen_since
            .is_some_and(|made| now - made < DECIDE_AFTER)
    }
}

impl Intent {
    /// What may be done about the create at `now`.
    pub fn stage(&self, now: i64) -> IntentStage {
        let age = now.saturating_sub(self.first_sent);
        if age < REPEAT_FOR {
            IntentStage::Repeat
        } else if age < DECIDE_AFTER {
            IntentStage::Wait {
                seconds: DECIDE_AFTER - age,
            }
        } else {
            IntentStage::Decide
        }
    }
}

/// What may be done about a create whose answer is not known (behaviour 5.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntentStage {
    /// Send it again: the ClientToken makes it the same create.
    Repeat,
    /// The token may be forgotten, the list may lag: neither repeat nor decide.
    Wait {
        /// Seconds until [`IntentStage::Decide`].
        seconds: i64,
    },
    /// A complete list that began after this decides.
    Decide,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> Ledger {
        Ledger {
            version: VERSION,
            sequence: 3,
            pool_service_uid: "uid-1".into(),
            cluster_id: "c1".into(),
            cluster_uid: "cu".into(),
            cloud_account: None,
            service: "cube-svc".into(),
            pool: "np-heifei".into(),
            placement: Placement {
                region: "cn-hefei".into(),
                network: "n-heifei".into(),
                vswitch: "vsw-heifei-1".into(),
            },
            load_balancer: Record::planned(["k8s/a/b/c/d".to_owned()]),
            eip: None,
            backends: BTreeSet::new(),
            draining: BTreeMap::new(),
            applied: None,
            on_delete: None,
        }
    }

    #[test]
    fn rule_5_3_what_is_written_is_read_back() {
        let text = write(&ledger()).unwrap();
        assert_eq!(
            read(Some(&text), "uid-1", true),
            State::Current(Box::new(ledger()))
        );
    }

    #[test]
    fn rule_5_3_a_copied_ledger_is_not_trusted() {
        let text = write(&ledger()).unwrap();
        assert_eq!(read(Some(&text), "uid-2", false), State::None);
        assert_eq!(read(Some(&text), "uid-2", true), State::Lost(Loss::Missing));
    }

    #[test]
    fn rule_5_3_a_finalizer_without_a_readable_ledger_is_a_lost_ledger() {
        assert_eq!(read(None, "uid-1", true), State::Lost(Loss::Missing));
        assert!(matches!(
            read(Some("{"), "uid-1", true),
            State::Lost(Loss::Unreadable(_))
        ));
        assert_eq!(read(None, "uid-1", false), State::None);
        assert_eq!(read(Some("not ours"), "uid-1", false), State::None);
    }

    #[test]
    fn a_ledger_of_a_newer_layout_is_left_alone() {
        let text = write(&Ledger {
            version: 2,
            ..ledger()
        })
        .unwrap();
        assert_eq!(
            read(Some(&text), "uid-1", true),
            State::Lost(Loss::Version(2))
        );
    }

    #[test]
    fn rule_5_5_an_unresolved_create_is_repeated_then_waited_for_then_decided() {
        let intent = Intent {
            token: "t".into(),
            parameters: BTreeMap::new(),
            first_sent: 1000,
            repeated: false,
        };
        assert_eq!(intent.stage(1000 + 479), IntentStage::Repeat);
        assert_eq!(intent.stage(1000 + 480), IntentStage::Wait { seconds: 420 });
        assert_eq!(intent.stage(1000 + 900), IntentStage::Decide);
    }
}
