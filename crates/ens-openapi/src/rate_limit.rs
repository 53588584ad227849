//! A limit on calls per second and action, kept on this side so that the cloud's limit is not reached.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::action::Action;

/// Calls per second that the API grants one user, where published (SDK texts of ens-20171110). The words "user" and
/// "account" are used loosely there: take it that all clients of an account share them.
const PUBLISHED: [(&str, u32); 4] = [
    ("CreateEipInstance", 50),
    ("CreateLoadBalancer", 5),
    ("DescribeInstances", 100),
    ("ReleaseInstance", 50),
];

/// The limit of every other action that has a published one, taken for those without as well.
const PUBLISHED_OTHERS: u32 = 10;

/// What the rate goes down to under throttling, as a part of the full one.
const LOWEST: f64 = 1.0 / 32.0;
/// How much of the full rate every untroubled call gives back.
const RECOVERY: f64 = 1.0 / 64.0;

/// Calls per second that the API grants one user for this action.
pub fn published_per_second(action: &str) -> u32 {
    PUBLISHED
        .iter()
        .find(|(name, _)| *name == action)
        .map_or(PUBLISHED_OTHERS, |(_, limit)| *limit)
}

/// Limits calls per second, one bucket per action.
///
/// Calls get their turns in the order in which they asked. A throttled answer halves the rate of its action; every
/// call that is not throttled gives a little of it back. Share one limiter between all clients of an account.
#[derive(Debug)]
pub struct RateLimiter {
    share: f64,
    max_wait: Duration,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl RateLimiter {
    /// A limiter that uses this share of the published rates, more than 0 and at most 1: the account has other users.
    /// A value outside is brought to the nearest one inside.
    pub fn with_share(share: f64) -> Self {
        let share = if share.is_nan() {
            1.0
        } else {
            share.clamp(0.01, 1.0)
        };
        Self {
            share,
            max_wait: Duration::from_secs(30),
            buckets: Mutex::default(),
        }
    }

    /// The longest wait for a turn, 30 s when not set. A call that would wait longer fails at once with
    /// [`Error::RateLimited`](crate::Error::RateLimited), and takes no turn.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Waits for a turn and gives the time waited; or the time that it would take, when that is too long. A turn
    /// whose call is dropped while it waits is lost.
    pub(crate) async fn turn(&self, action: &Action) -> Result<Duration, Duration> {
        let wait = self.bucket(action, |bucket| {
            bucket.reserve(Instant::now(), self.max_wait)
        })?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(wait)
    }

    /// Learns from an answer.
    pub(crate) fn answered(&self, action: &Action, was_throttled: bool) {
        self.bucket(
            action,
            if was_throttled {
                Bucket::slow_down
            } else {
                Bucket::recover
            },
        );
    }

    /// Calls per second that the action has at the moment.
    pub fn current_rate(&self, action: &Action) -> f64 {
        self.bucket(action, |bucket| bucket.rate)
    }

    fn bucket<T>(&self, action: &Action, act: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut buckets: MutexGuard<'_, _> =
            self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let name = action.name();
        if let Some(bucket) = buckets.get_mut(name) {
            return act(bucket);
        }
        let mut bucket = Bucket::new(
            f64::from(published_per_second(name)) * self.share,
            Instant::now(),
        );
        let result = act(&mut bucket);
        buckets.insert(name.to_owned(), bucket);
        result
    }
}

/// The generic cell rate algorithm: instead of tokens, the moment at which all that was granted is worked off.
#[derive(Debug)]
struct Bucket {
    full: f64,
    rate: f64,
    worked_off: Instant,
}

impl Bucket {
    fn new(rate: f64, now: Instant) -> Self {
        Self {
            full: rate,
            rate,
            worked_off: now,
        }
    }

    /// Takes the next turn: gives how far it is away. In one second there can be at most one and a half times the
    /// rate, as half of it may be used at once after a quiet time.
    fn reserve(&mut self, now: Instant, max_wait: Duration) -> Result<Duration, Duration> {
        let interval = Duration::from_secs_f64(1.0 / self.rate);
        let burst = (self.rate / 2.0).floor().max(1.0);
        let tolerance = interval.mul_f64(burst - 1.0);
        let start = self.worked_off.max(now);
        let wait = start.duration_since(now).saturating_sub(tolerance);
        if wait > max_wait {
            return Err(wait);
        }
        self.worked_off = start + interval;
        Ok(wait)
    }

    fn slow_down(&mut self) {
        self.rate = (self.rate / 2.0).max(self.full * LOWEST);
    }

    fn recover(&mut self) {
        self.rate = (self.rate + self.full * RECOVERY).min(self.full);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    static CREATE: Action = Action::new("CreateLoadBalancer");

    /// When each of `count` calls that come all at once gets its turn.
    fn turns(rate: f64, count: usize) -> Vec<Duration> {
        let now = Instant::now();
        let mut bucket = Bucket::new(rate, now);
        (0..count)
            .map(|_| bucket.reserve(now, Duration::MAX).unwrap())
            .collect()
    }

    #[test]
    fn a_burst_is_half_a_second_and_the_rest_is_spaced_evenly() {
        let waits: Vec<_> = turns(10.0, 8).iter().map(Duration::as_millis).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 100, 200, 300]);
    }

    #[tokio::test(start_paused = true)]
    async fn calls_wait_for_their_turn_in_their_order() {
        let limiter = RateLimiter::with_share(0.4);
        let start = Instant::now();
        for expected in [0, 500, 1000] {
            limiter.turn(&CREATE).await.unwrap();
            assert!(
                start.elapsed().abs_diff(Duration::from_millis(expected))
                    < Duration::from_millis(5)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_too_far_away_is_not_taken() {
        let limiter = RateLimiter::with_share(0.2).max_wait(Duration::from_millis(1500));
        limiter.turn(&CREATE).await.unwrap();
        let (first, second) = tokio::join!(limiter.turn(&CREATE), limiter.turn(&CREATE));
        assert_eq!(first, Ok(Duration::from_secs(1)));
        assert_eq!(second, Err(Duration::from_secs(2)));
        assert_eq!(limiter.turn(&CREATE).await, Ok(Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_action_does_not_use_up_the_turns_of_another() {
        let limiter = RateLimiter::with_share(0.2);
        limiter.turn(&CREATE).await.unwrap();
        assert_eq!(
            limiter.turn(&Action::new("ReleaseInstance")).await,
            Ok(Duration::ZERO)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_halves_the_rate_down_to_a_floor_and_success_gives_it_back() {
        let limiter = RateLimiter::with_share(1.0);
        limiter.answered(&CREATE, true);
        assert!((limiter.current_rate(&CREATE) - 2.5).abs() < 1e-9);
        for _ in 0..20 {
            limiter.answered(&CREATE, true);
        }
        assert!((limiter.current_rate(&CREATE) - 5.0 / 32.0).abs() < 1e-9);
        for _ in 0..100 {
            limiter.answered(&CREATE, false);
        }
        assert!((limiter.current_rate(&CREATE) - 5.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn no_second_sees_more_than_one_and_a_half_times_the_rate(rate in 1.0_f64..100.0, count in 1_usize..300) {
            let turns = turns(rate, count);
            let allowed = (rate * 1.5).ceil() + 1.0;
            for (index, start) in turns.iter().enumerate() {
                let within = turns[index..].iter().filter(|turn| **turn < *start + Duration::from_secs(1)).count();
                prop_assert!(f64::from(u32::try_from(within).unwrap()) <= allowed, "{within} > {allowed}");
            }
        }
    }
}
