//! Repeating reads.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Client;
use super::attempt::{is_about_the_clock, is_about_the_token};
use crate::action::Action;
use crate::context::Context;
use crate::error::{Error, ErrorClass};
use crate::params::Params;

/// How reads are repeated: exponential waits with full jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often at most a read is sent, the first time included. 1 = never repeated.
    pub max_attempts: u32,
    /// The longest wait before the second try; it doubles with every further one.
    pub base: Duration,
    /// The longest wait.
    pub cap: Duration,
}

impl Default for RetryPolicy {
    /// Four tries, 0.5 s doubling up to 30 s.
    fn default() -> Self {
        Self {
            max_attempts: 4,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// Every read is sent once.
    pub const NEVER: Self = Self {
        max_attempts: 1,
        base: Duration::ZERO,
        cap: Duration::ZERO,
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

/// Calls an action that only reads, repeating it while that may help and time is left.
pub(super) async fn read(
    client: &Client,
    action: &Action,
    params: &Params,
) -> Result<Value, Error> {
    let inner = &client.inner;
    let deadline = inner.deadlines.read;
    let start = Instant::now();
    let mut failures = 0;
    let mut signed_again = false;
    loop {
        let left = deadline.saturating_sub(start.elapsed());
        let error = match tokio::time::timeout(left, client.attempt(action, params)).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => {
                return Err(Error::Deadline {
                    action: action.clone(),
                    after: deadline,
                });
            }
        };
        if !signed_again && needs_new_signature(&error) {
            signed_again = true;
            continue;
        }
        failures += 1;
        if failures >= inner.retry.max_attempts || !may_pass(&error) {
            return Err(error);
        }
        let wait = inner
            .retry
            .wait(failures, error.retry_after(), &inner.context);
        if start.elapsed().saturating_add(wait) >= deadline {
            // Waiting would only end in the deadline: the cause is the better answer.
            return Err(error);
        }
        tracing::debug!(%action, class = %error.class(), failures, wait_ms = wait.as_millis(), "read is repeated");
        tokio::time::sleep(wait).await;
    }
}

/// Whether signing anew is the cure: with a new nonce, the time just learnt, or a token fetched anew.
fn needs_new_signature(error: &Error) -> bool {
    error.code() == Some("SignatureNonceUsed")
        || is_about_the_clock(error)
        || is_about_the_token(error)
}

/// Whether the same read may succeed later. What is busy settles in seconds to minutes: the caller decides when to
/// look again.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.class(),
        ErrorClass::Throttled | ErrorClass::Unavailable
    )
}
