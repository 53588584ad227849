//! Work queues: which objects have to be looked at, and when.
//!
//! A [`WorkQueue`] holds keys, not events. A key waits at most once, however often it is added,
//! and is never handed out twice at a time; what is added while it is being worked on is handed
//! out again afterwards. The more urgent come out first ([`Rank`]), and equally urgent ones in the
//! order in which they became due, so that one that is added all the time does not hold up the others.
//!
//! Keys are of groups, and there is a limit to those of one group that are worked on at a time: where
//! the keys of one group take for ever, those of another have workers all the same. Within a group the
//! urgent keys have workers of their own, as many as the others. Keys that need the same thing for themselves
//! ([`Rank::turn`]) are handed out one after the other.
//!
//! Time is [`tokio::time`] only, so that tests can pause it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

mod due;
mod rank;
mod run;

use due::Due;
use rank::Crew;
pub use rank::{Rank, Urgency};
pub use run::{Next, run};

/// The first delay after a failure, before jitter.
pub const FIRST_BACKOFF: Duration = Duration::from_millis(5);
/// The longest delay after a failure, before jitter.
pub const MAX_BACKOFF: Duration = Duration::from_secs(5 * 60);

/// A queue of keys. Clones share it.
pub struct WorkQueue<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    state: Mutex<State<K>>,
    /// Told whenever somebody who waits in [`WorkQueue::next`] may have something to do.
    changed: Notify,
    jitter: Jitter,
    rank: Box<dyn Fn(&K) -> Rank + Send + Sync>,
}

/// Turns the upper bound of a delay into the delay.
type Jitter = Box<dyn Fn(Duration) -> Duration + Send + Sync>;

struct State<K> {
    due: Due<K>,
    /// Due later. The number keeps keys of the same instant in the order of their adding.
    later: BTreeMap<(Instant, u64), (K, Rank)>,
    /// Where in `later` a key stands.
    later_at: BTreeMap<K, (Instant, u64)>,
    /// Handed out and not given back.
    leased: BTreeMap<K, Leased>,
    /// How many keys are handed out to each crew; no number is zero.
    running: BTreeMap<Crew, usize>,
    /// What the keys that are handed out have for themselves.
    turns: BTreeSet<Arc<str>>,
    /// How often in a row a key failed.
    failures: BTreeMap<K, u32>,
    /// Number of the next entry of `later` or `due`.
    sequence: u64,
    shut_down: bool,
    counts: Counts,
}

/// A key that is handed out.
struct Leased {
    /// What it was handed out as.
    rank: Rank,
    /// What it has become due as meanwhile.
    again: Option<Rank>,
}

/// How many keys are where, and what became of those that were handed out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Due, but nobody has taken them.
    pub due: usize,
    /// Due later.
    pub later: usize,
    /// Being worked on.
    pub running: usize,
    /// Keys whose last run failed.
    pub failing: usize,
    /// What happened since the queue was made.
    pub counts: Counts,
}

/// Runs since the queue was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs that ended without an error.
    pub succeeded: u64,
    /// Runs that ended with an error.
    pub failed: u64,
    /// Runs that panicked.
    pub panicked: u64,
}

/// The right to work on one key. Dropping it gives the key back.
pub struct Lease<K: Ord + Clone> {
    queue: WorkQueue<K>,
    key: K,
}

impl<K: Ord + Clone> WorkQueue<K> {
    /// An empty queue. `jitter` turns the upper bound of a delay after a failure into the delay:
    /// [`full_jitter`] in a running program, the identity in a test. `rank` is asked for the rank of
    /// a key whenever it is added.
    pub fn new(
        jitter: impl Fn(Duration) -> Duration + Send + Sync + 'static,
        rank: impl Fn(&K) -> Rank + Send + Sync + 'static,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    due: Due::new(),
                    later: BTreeMap::new(),
                    later_at: BTreeMap::new(),
                    leased: BTreeMap::new(),
                    running: BTreeMap::new(),
                    turns: BTreeSet::new(),
                    failures: BTreeMap::new(),
                    sequence: 0,
                    shut_down: false,
                    counts: Counts::default(),
                }),
                changed: Notify::new(),
                jitter: Box::new(jitter),
                rank: Box::new(rank),
            }),
        }
    }

    /// Makes a key due now. A later time that it had is forgotten: its next run decides anew when
    /// to look again.
    pub fn add(&self, key: K) {
        let rank = self.rank(&key);
        let mut state = self.lock();
        let known = state.forget_later(&key);
        state.make_due(key, rank.at_least(urgency(known)));
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Makes a key due after `delay`, unless it is due earlier anyway.
    pub fn add_after(&self, key: K, delay: Duration) {
        let rank = self.rank(&key);
        self.add_ranked(key, delay, rank);
    }

    /// The same, for a key whose object or what it depends on has changed: it goes before those that
    /// are looked at because time has passed.
    pub fn add_changed(&self, key: K, delay: Duration) {
        let rank = self.rank(&key).at_least(Urgency::Changed);
        self.add_ranked(key, delay, rank);
    }

    fn add_ranked(&self, key: K, delay: Duration, rank: Rank) {
        let mut state = self.lock();
        state.make_due_at(key, Instant::now() + delay, rank);
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Outside of the lock: it looks elsewhere.
    fn rank(&self, key: &K) -> Rank {
        (self.shared.rank)(key)
    }

    /// Counts a failure of a key and makes it due after a delay that doubles with each failure in
    /// a row, from [`FIRST_BACKOFF`] to [`MAX_BACKOFF`], before jitter. Returns the delay.
    pub fn add_failed(&self, key: K) -> Duration {
        let rank = self.rank(&key);
        let mut state = self.lock();
        let failures = state.failures.entry(key.clone()).or_default();
        let bound = backoff(*failures);
        *failures = failures.saturating_add(1);
        // At least a millisecond, so that an unlucky jitter does not make a busy loop.
        let delay = (self.shared.jitter)(bound).max(Duration::from_millis(1));
        // What it was handed out for is still to be done.
        let handed_out = state.leased.get(&key).map(|leased| leased.rank.urgency);
        let rank = rank.at_least(handed_out.unwrap_or_default());
        state.make_due_at(key, Instant::now() + delay, rank);
        drop(state);
        self.shared.changed.notify_one();
        delay
    }

    /// Forgets the failures of a key: it works again, or its object is gone.
    pub fn forget_failures(&self, key: &K) {
        self.lock().failures.remove(key);
    }

    /// The next key that is due, as soon as there is one of a group of which fewer than `per_group`
    /// are handed out, the urgent and the others counted apart, and whose turn nobody has; `None` once
    /// the queue is shut down.
    pub async fn next(&self, per_group: NonZeroUsize) -> Option<Lease<K>> {
        loop {
            // Registered before the look at the state, so that nothing is missed in between.
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            let wake_at = {
                let mut state = self.lock();
                if state.shut_down {
                    // The others who wait have to hear of it too.
                    self.shared.changed.notify_one();
                    return None;
                }
                state.promote(Instant::now());
                if let Some(key) = state.take(per_group) {
                    if state.due.len() > 0 {
                        self.shared.changed.notify_one();
                    }
                    return Some(Lease {
                        queue: self.clone(),
                        key,
                    });
                }
                state.later.first_key_value().map(|((at, _), _)| *at)
            };
            match wake_at {
                Some(at) => tokio::select! {
                    biased;
                    () = changed => {}
                    () = tokio::time::sleep_until(at) => {}
                },
                None => changed.await,
            }
        }
    }

    /// Hands out nothing any more. Leases that are out stay valid.
    pub fn shut_down(&self) {
        self.lock().shut_down = true;
        self.shared.changed.notify_one();
    }

    /// How full the queue is, and what it has seen.
    pub fn stats(&self) -> Stats {
        let state = self.lock();
        Stats {
            due: state.due.len(),
            later: state.later.len(),
            running: state.leased.len(),
            failing: state.failures.len(),
            counts: state.counts,
        }
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.lock().counts);
    }

    fn give_back(&self, key: &K) {
        let mut state = self.lock();
        if let Some(Leased { rank, again }) = state.leased.remove(key) {
            state.ended(&rank);
            if let Some(again) = again {
                state.make_due(key.clone(), again);
            }
        }
        drop(state);
        self.shared.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State<K>> {
        // Nothing in here panics while it holds the lock half changed.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord + Clone> State<K> {
    fn make_due(&mut self, key: K, rank: Rank) {
        if self.shut_down {
            return;
        }
        if let Some(leased) = self.leased.get_mut(&key) {
            let known = leased.again.take();
            leased.again = Some(rank.at_least(urgency(known)));
        } else {
            let number = self.number();
            self.due.insert(key, rank, number);
        }
    }

    fn make_due_at(&mut self, key: K, at: Instant, rank: Rank) {
        let is_due_again = |leased: &Leased| leased.again.is_some();
        if self.due.contains(&key) || self.leased.get(&key).is_some_and(is_due_again) {
            // It may have become more urgent.
            self.make_due(key, rank);
            return;
        }
        if self.shut_down {
            return;
        }
        let known_at = self.later_at.get(&key).map(|(at, _)| *at);
        let known = self.forget_later(&key);
        let place = (known_at.map_or(at, |known| known.min(at)), self.number());
        let rank = rank.at_least(urgency(known));
        self.later.insert(place, (key.clone(), rank));
        self.later_at.insert(key, place);
    }

    fn forget_later(&mut self, key: &K) -> Option<Rank> {
        let place = self.later_at.remove(key)?;
        self.later.remove(&place).map(|(_, rank)| rank)
    }

    /// Makes due what has become so by now.
    fn promote(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                return;
            }
            let (key, rank) = entry.remove();
            self.later_at.remove(&key);
            self.make_due(key, rank);
        }
    }

    fn take(&mut self, per_group: NonZeroUsize) -> Option<K> {
        let (running, turns) = (&self.running, &self.turns);
        let is_open = |rank: &Rank| {
            let is_taken = rank.turn.as_ref().is_some_and(|turn| turns.contains(turn));
            let crew = running.get(&rank.crew());
            !is_taken && crew.is_none_or(|n| *n < per_group.get())
        };
        let (key, rank) = self.due.take(is_open)?;
        *self.running.entry(rank.crew()).or_default() += 1;
        self.turns.extend(rank.turn.clone());
        self.leased
            .insert(key.clone(), Leased { rank, again: None });
        Some(key)
    }

    /// What was handed out as this is not being worked on any more.
    fn ended(&mut self, rank: &Rank) {
        if let Some(turn) = &rank.turn {
            self.turns.remove(turn);
        }
        let crew = rank.crew();
        if let Some(running) = self.running.get_mut(&crew) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(&crew);
            }
        }
    }

    fn number(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }
}

/// How urgent something is that may not be known.
fn urgency(rank: Option<Rank>) -> Urgency {
    rank.unwrap_or_default().urgency
}

/// A delay between nothing and `bound`, evenly spread, from `random` in 0..1. It spreads retries
/// better than a smaller jitter (AWS architecture blog, "Exponential Backoff And Jitter").
pub fn full_jitter(random: impl Fn() -> f64) -> impl Fn(Duration) -> Duration {
    move |bound| bound.mul_f64(random().clamp(0.0, 1.0))
}

/// The upper bound of the delay after `failures` earlier failures in a row.
fn backoff(failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
    FIRST_BACKOFF.saturating_mul(factor).min(MAX_BACKOFF)
}

impl<K: Ord + Clone> Lease<K> {
    /// What to work on.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Ord + Clone> Drop for Lease<K> {
    fn drop(&mut self) {
        self.queue.give_back(&self.key);
    }
}

impl<K> Clone for WorkQueue<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K> fmt::Debug for WorkQueue<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkQueue")
    }
}

impl<K: Ord + Clone + fmt::Debug> fmt::Debug for Lease<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.key).finish()
    }
}

#[cfg(test)]
mod tests;
