//! A number that grows, and those who wait for it to. tokio's `watch` is not used, since it wakes those who wait in a
//! random order: the same run would not repeat. Here they wake in the order in which they began to wait.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// A number that only grows.
#[derive(Clone, Default)]
pub struct Counter(Arc<Shared>);

#[derive(Default)]
struct Shared {
    value: AtomicU64,
    grown: Notify,
}

/// One who waits for a [`Counter`] to grow.
#[derive(Clone, Debug)]
pub struct Changes {
    counter: Counter,
    seen: u64,
}

impl Counter {
    /// The number.
    pub fn get(&self) -> u64 {
        self.0.value.load(Ordering::Acquire)
    }

    /// Lets it be at least `value`.
    pub fn reach(&self, value: u64) {
        if self.0.value.fetch_max(value, Ordering::AcqRel) < value {
            self.0.grown.notify_waiters();
        }
    }

    /// Adds one.
    pub fn grow(&self) {
        self.0.value.fetch_add(1, Ordering::AcqRel);
        self.0.grown.notify_waiters();
    }

    /// What comes after now.
    pub fn changes(&self) -> Changes {
        Changes {
            counter: self.clone(),
            seen: self.get(),
        }
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Counter").field(&self.get()).finish()
    }
}

impl Changes {
    /// Takes note of the number and gives it: only what comes after it is news.
    pub fn see(&mut self) -> u64 {
        self.seen = self.counter.get();
        self.seen
    }

    /// Waits for the number to be another one than the last that was seen, and takes note of it. May be cancelled.
    pub async fn changed(&mut self) {
        let counter = self.counter.clone();
        loop {
            // What comes from here on wakes it, whether or not it was polled by then.
            let grown = counter.0.grown.notified();
            let value = counter.get();
            if value != self.seen {
                self.seen = value;
                return;
            }
            grown.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn those_who_wait_wake_in_the_order_in_which_they_began() {
        for _ in 0..20 {
            let (counter, woken) = (Counter::default(), Arc::new(Mutex::new(Vec::new())));
            let waiting: Vec<_> = (0..10)
                .map(|number| {
                    let (mut changes, woken) = (counter.changes(), woken.clone());
                    tokio::spawn(async move {
                        changes.changed().await;
                        woken.lock().unwrap().push(number);
                    })
                })
                .collect();
            // All of them wait.
            tokio::task::yield_now().await;
            counter.grow();
            for task in waiting {
                task.await.unwrap();
            }
            assert_eq!(*woken.lock().unwrap(), (0..10).collect::<Vec<_>>());
        }
    }

    #[tokio::test]
    async fn a_change_between_two_looks_is_not_missed() {
        let counter = Counter::default();
        let mut changes = counter.changes();
        counter.reach(7);
        changes.changed().await;
        assert_eq!(changes.see(), 7);
        counter.reach(5);
        assert_eq!(counter.get(), 7, "it only grows");
    }
}
