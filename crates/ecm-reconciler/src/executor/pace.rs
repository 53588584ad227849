//! Load balancers to which writes go one by one (behaviour 11.2).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::Instant;

/// For how long a load balancer that was busy gets its writes one by one.
const SLOW: Duration = Duration::from_secs(10 * 60);

/// For how long a write may keep a load balancer busy after its answer. Nobody has published how long it does.
const WORKED_OFF: Duration = Duration::from_secs(5);

/// The load balancers that refused a write because of another.
#[derive(Debug, Default)]
pub(super) struct Pace(Mutex<BTreeMap<String, Slow>>);

#[derive(Debug)]
struct Slow {
    until: Instant,
    /// When it took a write last, or began to be slow.
    written: Instant,
    turn: Arc<AsyncMutex<()>>,
}

/// The turn at a load balancer whose writes go one by one.
#[derive(Debug)]
pub(super) struct Turn {
    _guard: OwnedMutexGuard<()>,
    /// Whether no write of ours keeps it busy.
    pub(super) is_quiet: bool,
}

impl Pace {
    /// Waits for the turn at a load balancer; `None` for one where writes go side by side.
    pub(super) async fn turn(&self, id: &str) -> Option<Turn> {
        let turn = {
            let now = Instant::now();
            let mut slow = self.lock();
            slow.retain(|_, slow| now < slow.until);
            slow.get(id)?.turn.clone()
        };
        let guard = turn.lock_owned().await;
        let is_written = |slow: &Slow| slow.written.elapsed() < WORKED_OFF;
        Some(Turn {
            _guard: guard,
            is_quiet: !self.lock().get(id).is_some_and(is_written),
        })
    }

    /// The load balancer was busy.
    pub(super) fn slow_down(&self, id: &str) {
        let now = Instant::now();
        self.lock()
            .entry(id.to_owned())
            .or_insert_with(|| Slow {
                until: now,
                written: now,
                turn: Arc::default(),
            })
            .until = now + SLOW;
    }

    /// The load balancer has taken a write.
    pub(super) fn wrote(&self, id: &str) {
        if let Some(slow) = self.lock().get_mut(id) {
            slow.written = Instant::now();
        }
    }

    /// The lock is held for map look-ups only, which cannot panic half-way.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Slow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn rule_11_2_a_busy_load_balancer_has_one_turn_for_ten_minutes_and_others_go_on() {
        let pace = Pace::default();
        assert!(pace.turn("lb-1").await.is_none());
        pace.slow_down("lb-1");
        let first = pace.turn("lb-1").await;
        assert!(first.is_some());
        assert!(pace.turn("lb-1").now_or_never().is_none(), "one at a time");
        assert!(pace.turn("lb-2").await.is_none(), "another is free");
        drop(first);
        advance(SLOW / 2).await;
        pace.slow_down("lb-1");
        advance(SLOW / 2).await;
        assert!(pace.turn("lb-1").await.is_some(), "busy again meanwhile");
        advance(SLOW / 2).await;
        assert!(pace.turn("lb-1").await.is_none());
        assert!(pace.0.lock().unwrap().is_empty(), "it is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn rule_6_2_a_load_balancer_is_quiet_when_no_write_of_ours_can_keep_it_busy() {
        let pace = Pace::default();
        pace.slow_down("lb-1");
        let is_quiet = async || pace.turn("lb-1").await.unwrap().is_quiet;
        assert!(!is_quiet().await, "something had made it busy");
        advance(WORKED_OFF).await;
        pace.slow_down("lb-1");
        assert!(is_quiet().await, "that was not a write of ours");
        pace.wrote("lb-1");
        assert!(!is_quiet().await);
    }
}
