//! Turns at a load balancer that several PoolServices share (behaviour 7.6).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// One turn at a time for each load balancer.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeMap<String, Weak<AsyncMutex<()>>>>);

impl Turns {
    /// Waits for the turn at a load balancer; it ends when the guard is dropped.
    pub(super) async fn take(&self, load_balancer: &str) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody waits for or has are not kept.
            turns.retain(|_, turn| turn.strong_count() > 0);
            let known = turns.get(load_balancer).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let new = Arc::new(AsyncMutex::new(()));
                turns.insert(load_balancer.to_owned(), Arc::downgrade(&new));
                new
            })
        };
        turn.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn rule_7_6_one_load_balancer_has_one_turn_at_a_time_and_none_is_kept() {
        let turns = Turns::default();
        let first = turns.take("lb-1").await;
        assert!(turns.take("lb-1").now_or_never().is_none());
        let other = turns.take("lb-2").now_or_never();
        assert!(other.is_some(), "another load balancer is free");
        drop(first);
        assert!(turns.take("lb-1").now_or_never().is_some());
        drop(other);
        let _last = turns.take("lb-3").await;
        assert_eq!(turns.0.lock().unwrap().len(), 1);
    }
}
