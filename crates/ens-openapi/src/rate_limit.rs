//! A limit on calls per second and action, kept on this side so that the cloud's limit is not reached.

mod bucket;
mod queue;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::action::Action;
use bucket::Bucket;
pub(crate) use queue::Caller;

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

/// Calls per second that the API grants one user for this action.
pub fn published_per_second(action: &str) -> u32 {
    PUBLISHED
        .iter()
        .find(|(name, _)| *name == action)
        .map_or(PUBLISHED_OTHERS, |(_, limit)| *limit)
}

/// How urgent a call is, the most urgent first. Of calls that wait for a turn, the more urgent goes first; one turn in
/// four goes to the call that has waited longest, so that none waits for ever.
///
/// A controller may give the removal of what costs money and what brings a service up the first place, and its checks
/// that nothing was changed by others the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Before everything else.
    Critical,
    /// Before what is normal.
    High,
    /// What is not said otherwise.
    #[default]
    Normal,
    /// After what is normal.
    Low,
    /// When nothing else is to be done.
    Background,
}

/// Limits calls per second, one bucket per action. Share one limiter between all clients of an account.
///
/// Where calls have to wait, the more urgent one goes first
/// ([`Client::with_priority`](crate::Client::with_priority)). Equally urgent calls of different callers
/// ([`Client::on_behalf_of`](crate::Client::on_behalf_of)) go in rotation, so that many calls of one do not delay
/// another; those of one caller keep their order. One turn in four goes to the call that has waited longest, whatever
/// its priority.
///
/// A throttled answer halves the rate of its action; every call that is not throttled gives a little of it back.
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
    /// [`Error::RateLimited`](crate::Error::RateLimited) and takes no turn; so does one that is overtaken until then.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// Waits for a turn and gives the time waited; or, when that is too long, the time that it would take. A call that
    /// is dropped while it waits takes no turn.
    pub(crate) async fn turn(
        &self,
        action: &Action,
        caller: &Caller,
    ) -> Result<Duration, Duration> {
        let asked = Instant::now();
        let entered = self.bucket(action, |bucket| bucket.enter(asked, caller, self.max_wait))?;
        let Some(mut ticket) = entered else {
            return Ok(Duration::ZERO);
        };
        let _leave = Leave {
            limiter: self,
            action,
            ticket: ticket.number,
        };
        let last = asked.checked_add(self.max_wait);
        loop {
            let now = Instant::now();
            let next = self.bucket(action, |bucket| bucket.grant_all(now));
            if ticket.granted.try_recv().is_ok() {
                return Ok(asked.elapsed());
            }
            if last.is_some_and(|last| last < next) {
                return Err(next.duration_since(asked));
            }
            // Whoever wakes first gives the turn away, to this call or to another.
            let granted = tokio::time::timeout_at(next, &mut ticket.granted);
            if granted.await.is_ok() {
                return Ok(asked.elapsed());
            }
        }
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

/// Leaves the queue when the call gets its turn, gives up or is dropped.
struct Leave<'a> {
    limiter: &'a RateLimiter,
    action: &'a Action,
    ticket: u64,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.limiter
            .bucket(self.action, |bucket| bucket.leave(self.ticket));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    static CREATE: Action = Action::new("CreateLoadBalancer");

    async fn turn(limiter: &RateLimiter) -> Result<Duration, Duration> {
        limiter.turn(&CREATE, &Caller::default()).await
    }

    /// Asks for a turn in the background; at the end of it the name is added to the list.
    fn ask(
        limiter: &Arc<RateLimiter>,
        order: &Arc<Mutex<Vec<&'static str>>>,
        name: &'static str,
        priority: Priority,
    ) -> tokio::task::JoinHandle<()> {
        let (limiter, order) = (Arc::clone(limiter), Arc::clone(order));
        tokio::spawn(async move {
            let caller = Caller {
                priority,
                name: None,
            };
            if limiter.turn(&CREATE, &caller).await.is_ok() {
                order.lock().unwrap().push(name);
            }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn calls_wait_for_their_turn_in_their_order() {
        let limiter = RateLimiter::with_share(0.4);
        let start = Instant::now();
        for expected in [0, 500, 1000] {
            turn(&limiter).await.unwrap();
            assert!(
                start.elapsed().abs_diff(Duration::from_millis(expected))
                    < Duration::from_millis(5)
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_too_far_away_is_not_taken() {
        let limiter = RateLimiter::with_share(0.2).max_wait(Duration::from_millis(1500));
        turn(&limiter).await.unwrap();
        let (first, second) = tokio::join!(turn(&limiter), turn(&limiter));
        assert_eq!(first, Ok(Duration::from_secs(1)));
        assert_eq!(second, Err(Duration::from_secs(2)));
        assert_eq!(turn(&limiter).await, Ok(Duration::from_secs(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_action_does_not_use_up_the_turns_of_another() {
        let limiter = RateLimiter::with_share(0.2);
        turn(&limiter).await.unwrap();
        assert_eq!(
            limiter
                .turn(&Action::new("ReleaseInstance"), &Caller::default())
                .await,
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

    #[tokio::test(start_paused = true)]
    async fn rule_11_2_a_deletion_that_asks_later_goes_before_a_drift_check() {
        let limiter = Arc::new(RateLimiter::with_share(0.2));
        let order = Arc::default();
        turn(&limiter).await.unwrap();
        let start = Instant::now();
        let first = [
            ask(&limiter, &order, "drift", Priority::Background),
            ask(&limiter, &order, "listener", Priority::Normal),
        ];
        tokio::time::sleep(Duration::from_millis(500)).await;
        let deletion = ask(&limiter, &order, "deletion", Priority::Critical);
        for task in first.into_iter().chain([deletion]) {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["deletion", "listener", "drift"]);
        let elapsed = start.elapsed();
        assert!(
            elapsed.abs_diff(Duration::from_secs(3)) < Duration::from_millis(10),
            "one turn a second, none lost: {elapsed:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_dropped_while_it_waits_takes_no_turn() {
        let limiter = Arc::new(RateLimiter::with_share(0.2));
        let order = Arc::default();
        turn(&limiter).await.unwrap();
        let dropped = ask(&limiter, &order, "dropped", Priority::Critical);
        let waits = ask(&limiter, &order, "waits", Priority::Background);
        tokio::task::yield_now().await;
        let start = Instant::now();
        dropped.abort();
        waits.await.unwrap();
        assert!(start.elapsed() <= Duration::from_millis(1010));
        assert_eq!(*order.lock().unwrap(), ["waits"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_overtaken_until_its_longest_wait_is_over_fails_then() {
        let limiter = Arc::new(RateLimiter::with_share(0.2).max_wait(Duration::from_secs(2)));
        let order = Arc::default();
        turn(&limiter).await.unwrap();
        let start = Instant::now();
        let drift = ask(&limiter, &order, "drift", Priority::Background);
        tokio::task::yield_now().await;
        let urgent =
            ["first", "second"].map(|name| ask(&limiter, &order, name, Priority::Critical));
        drift.await.unwrap();
        assert!(start.elapsed() <= Duration::from_millis(2010));
        for task in urgent {
            task.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), ["first", "second"]);
    }
}
