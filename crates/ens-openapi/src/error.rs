//! What can go wrong in a call, sorted by what the caller can do about it.

mod class;

pub use class::ErrorClass;

use std::error::Error as StdError;
use std::time::Duration;

use crate::action::Action;

/// The cause of a failed step, as the layer below reported it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a call failed. Every variant names the step that failed and the action that was called.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The cloud answered with an error.
    #[error("{action}: {refusal}")]
    Answer {
        /// The action that was called.
        action: Action,
        /// What the cloud said.
        refusal: Box<Refusal>,
    },
    /// The request could not be put together. Nothing was sent.
    #[error("{action}: the request could not be encoded")]
    Encode {
        /// The action that was called.
        action: Action,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// No credentials could be had. Nothing was sent.
    #[error("{action}: no credentials")]
    Credentials {
        /// The action that was called.
        action: Action,
        /// Why.
        #[source]
        source: crate::credentials::CredentialsError,
    },
    /// The caller's own [`BeforeSend`](crate::client::BeforeSend) check refused the try. Nothing was sent in it.
    #[error("{action}: refused before it was sent")]
    BeforeSend {
        /// The action that was called.
        action: Action,
        /// Why.
        #[source]
        source: crate::client::Refused,
    },
    /// The [`RateLimiter`](crate::RateLimiter) of this client has no turn within its longest wait. Nothing was sent.
    #[error("{action}: the local rate limit has no turn for {} ms", .wait.as_millis())]
    RateLimited {
        /// The action that was called.
        action: Action,
        /// How far away the next turn is.
        wait: Duration,
    },
    /// No connection to the endpoint could be made. Nothing was sent.
    #[error("{action}: no connection to {endpoint}")]
    Connect {
        /// The action that was called.
        action: Action,
        /// Host (and port) that was dialled.
        endpoint: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// The connection failed after the request may have reached the cloud.
    #[error("{action}: the exchange with {endpoint} broke off")]
    Exchange {
        /// The action that was called.
        action: Action,
        /// Host (and port) that was spoken to.
        endpoint: String,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// No complete answer came in time.
    #[error("{action}: no answer within {} ms", .after.as_millis())]
    Deadline {
        /// The action that was called.
        action: Action,
        /// The time that was allowed.
        after: Duration,
    },
    /// The answer is larger than the transport accepts.
    #[error("{action}: the answer has more than {limit} bytes")]
    TooLarge {
        /// The action that was called.
        action: Action,
        /// The limit in bytes.
        limit: usize,
    },
    /// The cloud said success, but its answer could not be understood.
    #[error("{action}: the answer could not be understood (RequestId {})", .request_id.as_deref().unwrap_or("unknown"))]
    Decode {
        /// The action that was called.
        action: Action,
        /// The RequestId, where it could be read.
        request_id: Option<String>,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// An error answer of the cloud.
///
/// The body is a JSON object with `Code`, `Message` and `RequestId` (some gateways write them in lower case); a body
/// that is not JSON, such as a proxy's page, leaves only the HTTP status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// HTTP status. Most refusals of ENS come with 400, also "not found".
    pub status: u16,
    /// The error code, such as `LoadBalancerNotFound`; absent when the body was not an error object.
    pub code: Option<String>,
    /// The message for people. Never decide by it: it changes with language and release.
    pub message: Option<String>,
    /// The id to give to Alibaba Cloud's support.
    pub request_id: Option<String>,
    /// How long the cloud asks to wait (header `x-acs-retry-after`, in milliseconds on the wire).
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// An error answer with this HTTP status and nothing else, to be filled in by a simulated or scripted API.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            code: None,
            message: None,
            request_id: None,
            retry_after: None,
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.code {
            Some(code) => f.write_str(code)?,
            None => write!(f, "HTTP status {}", self.status)?,
        }
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        match &self.request_id {
            Some(id) => write!(f, " (RequestId {id})"),
            None => Ok(()),
        }
    }
}

/// Whether a failed call may have changed something in the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The request never left: nothing changed.
    NotSent,
    /// The cloud looked at it and refused: nothing changed.
    Refused,
    /// Nobody can tell: read before trying again, or repeat with the same ClientToken.
    Ambiguous,
}

impl Effect {
    /// Whether the call may have taken effect.
    pub fn may_have_taken_effect(self) -> bool {
        self == Self::Ambiguous
    }
}

impl Error {
    /// An error answer of the cloud with this code, as a simulated or scripted API gives it. The HTTP status is 400; for
    /// another one, put a [`Refusal`] into [`Error::Answer`].
    pub fn answer(
        action: impl Into<Action>,
        code: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self::Answer {
            action: action.into(),
            refusal: Box::new(Refusal {
                code: Some(code.into()),
                message: Some(message.into()),
                ..Refusal::new(400)
            }),
        }
    }

    /// The action that was called.
    pub fn action(&self) -> &Action {
        match self {
            Self::Answer { action, .. }
            | Self::Encode { action, .. }
            | Self::Credentials { action, .. }
            | Self::BeforeSend { action, .. }
            | Self::RateLimited { action, .. }
            | Self::Connect { action, .. }
            | Self::Exchange { action, .. }
            | Self::Deadline { action, .. }
            | Self::TooLarge { action, .. }
            | Self::Decode { action, .. } => action,
        }
    }

    /// What kind of failure it is, decided by the code and the HTTP status, never by the message.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Answer { action, refusal } => {
                ErrorClass::of(action, refusal.status, refusal.code.as_deref())
            }
            Self::Encode { .. } => ErrorClass::Invalid,
            Self::Credentials { source, .. } => {
                if source.is_transient() {
                    ErrorClass::Unavailable
                } else {
                    ErrorClass::Denied
                }
            }
            Self::RateLimited { .. } => ErrorClass::Throttled,
            Self::BeforeSend { .. } | Self::Decode { .. } | Self::TooLarge { .. } => {
                ErrorClass::Unknown
            }
            Self::Connect { .. } | Self::Exchange { .. } | Self::Deadline { .. } => {
                ErrorClass::Unavailable
            }
        }
    }

    /// Whether the call may have changed something.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Answer { refusal, .. } => class::effect(self.class(), refusal),
            Self::Encode { .. }
            | Self::Credentials { .. }
            | Self::BeforeSend { .. }
            | Self::RateLimited { .. }
            | Self::Connect { .. } => Effect::NotSent,
            Self::Exchange { .. }
            | Self::Deadline { .. }
            | Self::TooLarge { .. }
            | Self::Decode { .. } => Effect::Ambiguous,
        }
    }

    /// Whether the cloud refused the request for its date.
    pub(crate) fn is_about_the_clock(&self) -> bool {
        self.code()
            .is_some_and(|code| code.starts_with("InvalidTimeStamp") || code == "IllegalTimestamp")
    }

    /// Whether the cloud refused the request for its security token.
    pub(crate) fn is_about_the_token(&self) -> bool {
        self.code()
            .is_some_and(|code| code.starts_with("InvalidSecurityToken"))
    }

    /// What the cloud said, where it said something.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Answer { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// The error code of the cloud's answer.
    pub fn code(&self) -> Option<&str> {
        self.refusal()?.code.as_deref()
    }

    /// The message of the cloud's answer, for people.
    pub fn message(&self) -> Option<&str> {
        self.refusal()?.message.as_deref()
    }

    /// The HTTP status of an error answer.
    pub fn status(&self) -> Option<u16> {
        Some(self.refusal()?.status)
    }

    /// The RequestId of the answer.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Answer { refusal, .. } => refusal.request_id.as_deref(),
            Self::Decode { request_id, .. } => request_id.as_deref(),
            _ => None,
        }
    }

    /// How long the cloud, or the local rate limit, asks to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Answer { refusal, .. } => refusal.retry_after,
            Self::RateLimited { wait, .. } => Some(*wait),
            _ => None,
        }
    }

    /// Whether the thing that the call was about does not exist (any more).
    pub fn is_gone(&self) -> bool {
        self.class() == ErrorClass::Gone
    }

    /// One sentence on what the user can do.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Answer { refusal, .. } => class::advice(self.class(), refusal.code.as_deref()),
            Self::Encode { .. } => "Correct the request: it cannot be put into parameters.",
            Self::Credentials { .. } => {
                "Provide an AccessKey pair or an STS token, as the cause says."
            }
            Self::BeforeSend { .. } => {
                "Nothing: the caller's own check stopped the call, for the reason given."
            }
            Self::RateLimited { .. } => {
                "Call less often, or give this client a larger share of the rate."
            }
            Self::Connect { .. } => {
                "Check the endpoint, DNS, routes, proxies and the trusted certificates of this machine."
            }
            Self::Exchange { .. } | Self::Deadline { .. } => {
                "Read what the call was about before repeating it: it may have taken effect."
            }
            Self::TooLarge { .. } | Self::Decode { .. } => {
                "Check that the endpoint is an ENS endpoint and not a proxy; else report the RequestId."
            }
        }
    }
}
