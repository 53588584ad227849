//! Workers: from a queue to a handler, and back.

use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Lease, WorkQueue};
use crate::report;

/// What a run that did not fail wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until something changes.
    Wait,
    /// Another look after this time, unless something changes before.
    LookAgain(Duration),
}

impl Next {
    /// This, and another look after `delay` at the latest.
    #[must_use]
    pub fn no_later_than(self, delay: Duration) -> Self {
        match self {
            Self::LookAgain(later) => Self::LookAgain(later.min(delay)),
            Self::Wait => Self::LookAgain(delay),
        }
    }
}

/// Hands the keys of `queue` to `handle`, at most `workers` urgent ones and as many others of a group at a time, until `stop` is
/// cancelled; then waits for those that are running. `name` says in the log what is at work.
///
/// A run that fails or panics is logged with its key and tried again with backoff. A panic touches
/// nothing but its own key (behaviour 11.5).
pub async fn run<K, H, F, E>(
    name: &'static str,
    queue: WorkQueue<K>,
    workers: NonZeroUsize,
    stop: CancellationToken,
    handle: H,
) where
    K: Ord + Clone + fmt::Display + Send + Sync + 'static,
    H: Fn(K) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Next, E>> + Send + 'static,
    E: Error + Send + 'static,
{
    let handle = Arc::new(handle);
    let mut running = JoinSet::new();
    loop {
        // Finished runs are taken out as they come, so that the set does not grow. A run's own panic is
        // caught inside; there is nothing to learn from the result.
        let lease = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = running.join_next() => continue,
            lease = queue.next(workers) => lease,
        };
        let Some(lease) = lease else { break };
        running.spawn(one(name, Arc::clone(&handle), lease));
    }
    while running.join_next().await.is_some() {}
}

/// One run of one key.
async fn one<K, H, F, E>(name: &'static str, handle: Arc<H>, lease: Lease<K>)
where
    K: Ord + Clone + fmt::Display,
    H: Fn(K) -> F,
    F: Future<Output = Result<Next, E>>,
    E: Error,
{
    let key = lease.key().clone();
    let queue = lease.queue.clone();
    // The call is inside of the future: it may panic as well.
    let run = async { handle(key.clone()).await };
    match AssertUnwindSafe(run).catch_unwind().await {
        Ok(Ok(next)) => {
            queue.forget_failures(&key);
            queue.count(|counts| counts.succeeded += 1);
            if let Next::LookAgain(delay) = next {
                queue.add_after(key, delay);
            }
        }
        Ok(Err(error)) => {
            queue.count(|counts| counts.failed += 1);
            let delay = queue.add_failed(key.clone());
            tracing::warn!(
                controller = name,
                object = %key,
                error = %report::chain(&error),
                retry_in_ms = delay.as_millis(),
                "sync failed"
            );
        }
        Err(panic) => {
            queue.count(|counts| counts.panicked += 1);
            let delay = queue.add_failed(key.clone());
            tracing::error!(
                controller = name,
                object = %key,
                panic = panic_text(panic.as_ref()),
                retry_in_ms = delay.as_millis(),
                "sync panicked"
            );
        }
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
