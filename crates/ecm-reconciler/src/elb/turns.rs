//! Turns at a load balancer that several PoolServices share (behaviour 7.6).
//!
//! The queue hands out one at a time of those that it knows to share one. What a PoolService names may have
//! changed since it was put there: who then finds the turn taken looks again later, and keeps no worker.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The load balancers at which somebody has the turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<Mutex<BTreeSet<String>>>);

/// The turn at a load balancer. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    all: Turns,
    load_balancer: String,
}

impl Turns {
    /// The turn at a load balancer; `None` while somebody else has it.
    pub(super) fn take(&self, load_balancer: &str) -> Option<Turn> {
        self.lock().insert(load_balancer.to_owned()).then(|| Turn {
            all: self.clone(),
            load_balancer: load_balancer.to_owned(),
        })
    }

    /// The lock is held for look-ups only, which cannot panic half-way.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.all.lock().remove(&self.load_balancer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_7_6_one_load_balancer_has_one_turn_at_a_time_and_none_is_kept() {
        let turns = Turns::default();
        let first = turns.take("lb-1").unwrap();
        assert!(turns.take("lb-1").is_none());
        let other = turns.take("lb-2");
        assert!(other.is_some(), "another load balancer is free");
        drop(first);
        assert!(turns.take("lb-1").is_some());
        drop(other);
        assert!(turns.lock().is_empty());
    }
}
