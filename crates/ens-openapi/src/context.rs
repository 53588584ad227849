//! Time and randomness, as they come in from outside.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// Where a client has its time, nonces and jitter from. With a context of its own a test, or a run that is replayed
/// from a seed, decides both.
#[derive(Clone)]
pub struct Context {
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    random: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Context {
    /// A context of a clock and a source of uniformly distributed random numbers.
    pub fn new(
        now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static,
        random: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> Self {
        Self {
            now: Arc::new(now),
            random: Arc::new(random),
        }
    }

    /// The clock of the machine and a generator that is seeded anew in every thread.
    pub fn system() -> Self {
        Self::new(Utc::now, || fastrand::u64(..))
    }

    /// The time of day.
    pub fn now(&self) -> DateTime<Utc> {
        (self.now)()
    }

    /// A nonce: 128 random bits as 32 hex digits, the length that the official SDKs send.
    pub fn nonce(&self) -> String {
        format!("{:016x}{:016x}", (self.random)(), (self.random)())
    }

    /// A random part of a duration, from nothing to all of it ("full jitter").
    pub fn jitter(&self, limit: Duration) -> Duration {
        // The upper 32 bits make a fraction of [0, 1] that f64 holds exactly.
        let fraction = f64::from(u32::try_from((self.random)() >> 32).unwrap_or(u32::MAX))
            / f64::from(u32::MAX);
        limit.mul_f64(fraction)
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_between_nothing_and_the_limit() {
        let at =
            |number: u64| Context::new(Utc::now, move || number).jitter(Duration::from_secs(8));
        assert_eq!(at(0), Duration::ZERO);
        assert_eq!(at(u64::MAX), Duration::from_secs(8));
        assert!(at(u64::MAX / 2) < Duration::from_secs(5));
    }

    #[test]
    fn nonces_of_the_system_context_differ_and_have_32_digits() {
        let context = Context::system();
        let (one, other) = (context.nonce(), context.nonce());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
