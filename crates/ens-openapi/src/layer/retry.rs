//! Repeating what may succeed later.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tower::{Layer, ServiceExt as _};

use super::{Call, CallService, service};
use crate::context::Context;
use crate::error::{Error, ErrorClass};

/// How calls are repeated: exponential waits with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often at most a call is sent, the first time included. 1 = never repeated.
    pub max_attempts: u32,
    /// The longest wait before the second try; it doubles with every further one.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
    /// Whether writes are repeated too, when a failure says for sure that the try took no effect.
    pub writes: bool,
}

impl Default for RetryPolicy {
    /// Four tries of a read, 0.5 s doubling up to 30 s; writes are sent once.
    fn default() -> Self {
        Self {
            max_attempts: 4,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
            writes: false,
        }
    }
}

impl RetryPolicy {
    /// Every call is sent once.
    pub const NEVER: Self = Self {
        max_attempts: 1,
        base: Duration::ZERO,
        cap: Duration::ZERO,
        writes: false,
    };

    /// The wait after `failures` failed tries. A pause that the cloud asks for is kept, and the jitter comes on top so
    /// that many callers do not come back at once.
    fn wait(&self, failures: u32, asked: Option<Duration>, context: &Context) -> Duration {
        let doubled = 1_u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let limit = self.base.saturating_mul(doubled).min(self.cap);
        asked
            .unwrap_or_default()
            .saturating_add(context.jitter(limit))
    }
}

/// Repeats calls by a [`RetryPolicy`].
///
/// | failure | a read | a write |
/// |---|---|---|
/// | throttled, unavailable | repeated, with full jitter, after the pause that the cloud asks for | once; when asked for, repeated if it surely took no effect |
/// | date, nonce or security token refused | signed anew, once | once; when asked for, signed anew, once |
/// | gone, busy, conflict, quota, invalid, denied, unknown | once | once |
///
/// The classes are those of [`ErrorClass`]; a write is repeated only where [`RetryPolicy::writes`] asks for it.
#[derive(Clone, Debug)]
pub struct RetryLayer {
    policy: RetryPolicy,
    deadline: Duration,
    context: Context,
}

impl RetryLayer {
    /// Repeats by this policy; a read ends at the deadline, with all of its tries and waits.
    pub fn new(policy: RetryPolicy, deadline: Duration) -> Self {
        Self {
            policy,
            deadline,
            context: Context::system(),
        }
    }

    /// Where the jitter comes from; the machine's when not set.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry {
            layer: self.clone(),
            inner,
        }
    }
}

/// The service of a [`RetryLayer`].
#[derive(Clone, Debug)]
pub struct Retry<S> {
    layer: RetryLayer,
    inner: S,
}

service!(Retry: CallService takes Call, gives Value, by repeat);

async fn repeat<S: CallService>(service: Retry<S>, call: Call) -> Result<Value, Error> {
    let Retry { layer, inner } = service;
    let is_read = call.action.is_read();
    if !is_read && !layer.policy.writes {
        return inner.oneshot(call).await;
    }
    let start = Instant::now();
    let mut failures = 0;
    let mut signed_again = false;
    loop {
        let left = layer.deadline.saturating_sub(start.elapsed());
        let attempt = inner.clone().oneshot(call.clone());
        let result = if is_read {
            tokio::time::timeout(left, attempt).await
        } else {
            // A write is not broken off: whether it took effect is in its answer.
            Ok(attempt.await)
        };
        let error = match result {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => {
                return Err(Error::Deadline {
                    action: call.action,
                    after: layer.deadline,
                });
            }
        };
        if !is_read && error.effect().may_have_taken_effect() {
            return Err(error);
        }
        if !signed_again && needs_new_signature(&error) {
            signed_again = true;
            continue;
        }
        failures += 1;
        if failures >= layer.policy.max_attempts || !may_pass(&error) {
            return Err(error);
        }
        let wait = layer
            .policy
            .wait(failures, error.retry_after(), &layer.context);
        if start.elapsed().saturating_add(wait) >= layer.deadline {
            // Waiting would only end in the deadline: the cause is the better answer.
            return Err(error);
        }
        let (action, class) = (&call.action, error.class());
        tracing::debug!(%action, %class, failures, wait_ms = wait.as_millis(), "the call is repeated");
        tokio::time::sleep(wait).await;
    }
}

/// Whether signing anew is the cure: with a new nonce, the time just learnt, or a token fetched anew.
fn needs_new_signature(error: &Error) -> bool {
    error.code() == Some("SignatureNonceUsed")
        || error.is_about_the_clock()
        || error.is_about_the_token()
}

/// Whether the same call may succeed later. What is busy settles in seconds to minutes: the caller decides when to
/// look again.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.class(),
        ErrorClass::Throttled | ErrorClass::Unavailable
    )
}
