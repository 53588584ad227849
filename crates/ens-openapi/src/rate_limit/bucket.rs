//! The turns of one action: how many there are, and those who wait for one.

use std::time::Duration;

use tokio::time::Instant;

use super::queue::{Caller, Queue, Ticket};

/// What the rate goes down to under throttling, as a part of the full one.
const LOWEST: f64 = 1.0 / 32.0;
/// How much of the full rate every untroubled call gives back.
const RECOVERY: f64 = 1.0 / 64.0;

/// The generic cell rate algorithm: instead of tokens, the moment at which all that was granted is worked off.
#[derive(Debug)]
pub(super) struct Bucket {
    full: f64,
    pub(super) rate: f64,
    worked_off: Instant,
    queue: Queue,
}

impl Bucket {
    pub(super) fn new(rate: f64, now: Instant) -> Self {
        Self {
            full: rate,
            rate,
            worked_off: now,
            queue: Queue::default(),
        }
    }

    /// Takes a turn if there is one at once (`None`), or a place in the queue.
    ///
    /// # Errors
    /// The expected wait, when it is longer than the longest.
    pub(super) fn enter(
        &mut self,
        now: Instant,
        caller: &Caller,
        max_wait: Duration,
    ) -> Result<Option<Ticket>, Duration> {
        let next = self.grant_all(now);
        if next <= now {
            self.take(now);
            return Ok(None);
        }
        let ahead = u32::try_from(self.queue.ahead(caller)).unwrap_or(u32::MAX);
        let wait = self.interval().saturating_mul(ahead) + next.duration_since(now);
        if wait > max_wait {
            return Err(wait);
        }
        Ok(Some(self.queue.join(caller.clone(), now)))
    }

    /// Gives away the turns that there are, and tells when the next one is: now, if nobody waits for it.
    pub(super) fn grant_all(&mut self, now: Instant) -> Instant {
        while !self.queue.is_empty() && self.next(now) <= now {
            self.queue.grant();
            self.take(now);
        }
        self.next(now)
    }

    pub(super) fn leave(&mut self, ticket: u64) {
        self.queue.leave(ticket);
    }

    /// In one second there can be at most one and a half times the rate, as half of it may be used at once after a
    /// quiet time.
    fn next(&self, now: Instant) -> Instant {
        let burst = (self.rate / 2.0).floor().max(1.0);
        let tolerance = self.interval().mul_f64(burst - 1.0);
        now + self
            .worked_off
            .duration_since(now)
            .saturating_sub(tolerance)
    }

    fn take(&mut self, now: Instant) {
        self.worked_off = self.worked_off.max(now) + self.interval();
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.rate)
    }

    pub(super) fn slow_down(&mut self) {
        self.rate = (self.rate / 2.0).max(self.full * LOWEST);
    }

    pub(super) fn recover(&mut self) {
        self.rate = (self.rate + self.full * RECOVERY).min(self.full);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// When each of `count` calls that come all at once gets its turn.
    fn turns(rate: f64, count: usize) -> Vec<Duration> {
        let start = Instant::now();
        let mut now = start;
        let mut bucket = Bucket::new(rate, start);
        (0..count)
            .map(|_| {
                now = bucket.next(now);
                bucket.take(now);
                now.duration_since(start)
            })
            .collect()
    }

    #[test]
    fn a_burst_is_half_a_second_and_the_rest_is_spaced_evenly() {
        let waits: Vec<_> = turns(10.0, 8).iter().map(Duration::as_millis).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 100, 200, 300]);
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
