//! What goes wrong with one external call of a run.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ens_sim::cloud::Fault;
use thiserror::Error;

use crate::transcript::{Call, Side};

/// Longer than every deadline of a call.
const TOO_LATE: Duration = Duration::from_secs(20);

/// One thing that goes wrong. Each has a name, so that a command line can ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The process dies before the call is sent.
    KillBefore,
    /// The process dies when the call has had its effect, before it hears the answer.
    KillAfter,
    /// The process stands still for a minute when the call has had its effect, and then goes on: longer than a Lease
    /// lasts.
    StandStill,
    /// The cloud does something wrong.
    Cloud(CloudTrouble),
    /// The API server, or the way to it, does something wrong.
    Cluster(ClusterTrouble),
}

/// What the cloud can do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloudTrouble {
    /// 503 before any effect.
    Unavailable,
    /// 500 although the effect happened.
    FailsAfterEffect,
    /// The request is lost.
    LosesRequest,
    /// The answer is lost.
    LosesAnswer,
    /// The effect happens, the answer comes too late.
    AnswersLate,
    /// The effect happens a minute after the caller has given up.
    ActsLate,
    /// Throttled, without saying for how long.
    Throttles,
    /// Throttled for five seconds.
    ThrottlesFor,
    /// An earlier call with the same token is at work.
    Processing,
    /// The catch-all error.
    Opaque,
    /// Not allowed.
    Denies,
    /// The account looks empty.
    Unseen,
    /// The call is made in another account's name.
    OtherAccount,
    /// A read shows the past.
    Stale,
    /// Every ClientToken is forgotten.
    ForgetsTokens,
}

/// What the API server can do wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterTrouble {
    /// 409 to a write, as when another writer was faster.
    Conflict,
    /// 500 before any effect.
    Fails,
    /// 504 although the effect happened.
    LosesReply,
    /// The connection breaks before the request has an effect.
    BreaksBefore,
    /// The connection breaks after the effect.
    BreaksAfter,
    /// No answer within the deadline, no effect.
    Hangs,
}

/// A text that names no trouble.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no trouble {0:?}; the names are {names}", names = Trouble::names().join(", "))]
pub struct NoSuchTrouble(String);

impl Trouble {
    /// All of them with their names.
    pub const ALL: [(&'static str, Self); 24] = [
        ("kill-before", Self::KillBefore),
        ("kill-after", Self::KillAfter),
        ("stand-still", Self::StandStill),
        ("cloud-unavailable", Self::Cloud(CloudTrouble::Unavailable)),
        (
            "cloud-fails-after-effect",
            Self::Cloud(CloudTrouble::FailsAfterEffect),
        ),
        (
            "cloud-loses-request",
            Self::Cloud(CloudTrouble::LosesRequest),
        ),
        ("cloud-loses-answer", Self::Cloud(CloudTrouble::LosesAnswer)),
        ("cloud-answers-late", Self::Cloud(CloudTrouble::AnswersLate)),
        ("cloud-acts-late", Self::Cloud(CloudTrouble::ActsLate)),
        ("cloud-throttles", Self::Cloud(CloudTrouble::Throttles)),
        (
            "cloud-throttles-for",
            Self::Cloud(CloudTrouble::ThrottlesFor),
        ),
        ("cloud-processing", Self::Cloud(CloudTrouble::Processing)),
        ("cloud-opaque", Self::Cloud(CloudTrouble::Opaque)),
        ("cloud-denies", Self::Cloud(CloudTrouble::Denies)),
        ("cloud-unseen", Self::Cloud(CloudTrouble::Unseen)),
        (
            "cloud-other-account",
            Self::Cloud(CloudTrouble::OtherAccount),
        ),
        ("cloud-stale", Self::Cloud(CloudTrouble::Stale)),
        (
            "cloud-forgets-tokens",
            Self::Cloud(CloudTrouble::ForgetsTokens),
        ),
        ("kube-conflict", Self::Cluster(ClusterTrouble::Conflict)),
        ("kube-fails", Self::Cluster(ClusterTrouble::Fails)),
        (
            "kube-loses-reply",
            Self::Cluster(ClusterTrouble::LosesReply),
        ),
        (
            "kube-breaks-before",
            Self::Cluster(ClusterTrouble::BreaksBefore),
        ),
        (
            "kube-breaks-after",
            Self::Cluster(ClusterTrouble::BreaksAfter),
        ),
        ("kube-hangs", Self::Cluster(ClusterTrouble::Hangs)),
    ];

    fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|(name, _)| *name).collect()
    }

    /// Whether it makes a difference to this call.
    pub fn can_hit(self, call: &Call) -> bool {
        match self {
            Self::KillBefore | Self::KillAfter | Self::StandStill => true,
            Self::Cloud(kind) => {
                call.side == Side::Cloud
                    && match kind {
                        CloudTrouble::FailsAfterEffect | CloudTrouble::ActsLate => call.is_write,
                        CloudTrouble::Stale => !call.is_write,
                        CloudTrouble::Processing | CloudTrouble::ForgetsTokens => {
                            call.verb.starts_with("Create") && !call.verb.ends_with("Listener")
                        }
                        _ => true,
                    }
            }
            Self::Cluster(kind) => {
                call.side == Side::Cluster
                    && match kind {
                        ClusterTrouble::Conflict
                        | ClusterTrouble::LosesReply
                        | ClusterTrouble::BreaksAfter => call.is_write,
                        _ => true,
                    }
            }
        }
    }

    /// What the simulated cloud is told; `None` for what is not its doing.
    pub(crate) fn fault(self) -> Option<Fault> {
        let Self::Cloud(kind) = self else { return None };
        Some(match kind {
            CloudTrouble::Unavailable => Fault::unavailable(),
            CloudTrouble::FailsAfterEffect => Fault::internal_error_after_effect(),
            CloudTrouble::LosesRequest => Fault::LoseRequest,
            CloudTrouble::LosesAnswer => Fault::LoseAnswer,
            CloudTrouble::AnswersLate => Fault::Delay(TOO_LATE),
            CloudTrouble::ActsLate => Fault::LateEffect(Duration::from_secs(60)),
            CloudTrouble::Throttles => Fault::throttled(None),
            CloudTrouble::ThrottlesFor => Fault::throttled(Some(Duration::from_secs(5))),
            CloudTrouble::Processing => Fault::processing(),
            CloudTrouble::Opaque => Fault::opaque(),
            CloudTrouble::Denies => Fault::no_permission(),
            CloudTrouble::Unseen => Fault::Unseen,
            CloudTrouble::OtherAccount => Fault::OtherAccount,
            CloudTrouble::Stale => Fault::Stale(Duration::from_secs(30)),
            CloudTrouble::ForgetsTokens => Fault::ForgetTokens,
        })
    }

    /// What the simulated API server is told; `None` for what is not its doing.
    pub(crate) fn cluster_fault(self) -> Option<kube_sim::Fault> {
        let Self::Cluster(kind) = self else {
            return None;
        };
        let status = |code, reason, text| kube_sim::Status::injected(code, reason, text);
        Some(match kind {
            ClusterTrouble::Conflict => kube_sim::Fault::conflict(),
            ClusterTrouble::Fails => {
                kube_sim::Fault::Refuse(status(500, "InternalError", "etcdserver: no leader"))
            }
            ClusterTrouble::LosesReply => {
                kube_sim::Fault::LoseReply(status(504, "Timeout", "etcdserver: request timed out"))
            }
            ClusterTrouble::BreaksBefore => kube_sim::Fault::ResetBefore,
            ClusterTrouble::BreaksAfter => kube_sim::Fault::ResetAfter,
            ClusterTrouble::Hangs => kube_sim::Fault::Delay(TOO_LATE),
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = Self::ALL.iter().find(|(_, trouble)| trouble == self);
        f.write_str(named.map_or("?", |(name, _)| name))
    }
}

impl FromStr for Trouble {
    type Err = NoSuchTrouble;

    fn from_str(text: &str) -> Result<Self, NoSuchTrouble> {
        let named = Self::ALL.iter().find(|(name, _)| *name == text);
        named
            .map(|(_, trouble)| *trouble)
            .ok_or_else(|| NoSuchTrouble(text.to_owned()))
    }
}
