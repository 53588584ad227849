//! Who may write to the cloud.
//!
//! Replicas elect a leader through a Lease ([`Elector`]); the algorithm is that of client-go's
//! package `leaderelection`. Whatever writes holds a [`Leadership`] and asks it before every write.
//!
//! The times, from the last renewal that the API server has confirmed, by the clock of each side:
//!
//! ```text
//! holder   |-- writes -------------------| renew deadline: asks "no" from here on
//!          |                             |-- a write begun before it ends --|
//! others   |-- see the renewal ... ------------------------------------------| lease duration: take it
//!                                                                            |-- write deadline --| write
//! ```
//!
//! Nobody compares timestamps of another machine: a record counts as expired when it has not
//! changed for its duration by the clock of the one who looks. That clock ([`LeaseClock`]) runs on
//! while the machine is suspended, so that one that wakes up knows that its time is over.

mod clock;
mod elector;
mod record;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ens_openapi::Action;
use ens_openapi::client::Refused;
use thiserror::Error;
use tokio::sync::watch;

pub use clock::{BootClock, LeaseClock};
pub use elector::{Elector, InvalidSettings, LostLeadership, Settings};

/// Asked before every try of every write to the cloud. Clones share one answer.
#[derive(Clone)]
pub struct Leadership(Source);

/// Another replica leads, or none does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this replica does not lead")]
pub struct NotLeading;

#[derive(Clone)]
enum Source {
    /// Somebody else's election.
    Asked(Arc<dyn Fn() -> bool + Send + Sync>),
    /// An [`Elector`] of ours.
    Elected {
        clock: Arc<dyn LeaseClock>,
        term: watch::Receiver<Option<Term>>,
    },
}

/// When a replica may write, by its own clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Term {
    /// From here on: what the last leader had begun before has ended.
    from: Duration,
    /// Up to here, exclusive: the renew deadline.
    until: Duration,
}

impl Term {
    fn holds(self, now: Duration) -> bool {
        self.from <= now && now < self.until
    }
}

impl Leadership {
    /// Leadership that `leads` decides about, for a program that has an election of its own and
    /// starts the controllers when it has won. [`Leadership::held`] does not wait for it, and
    /// [`Leadership::lost`] does not tell of its end: stop the controllers then.
    pub fn new(leads: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Source::Asked(Arc::new(leads)))
    }

    /// For an installation that runs one replica at a time.
    pub fn sole_replica() -> Self {
        Self::new(|| true)
    }

    /// Whether this replica may write now.
    ///
    /// # Errors
    /// When it may not.
    pub fn check(&self) -> Result<(), NotLeading> {
        let leads = match &self.0 {
            Source::Asked(leads) => leads(),
            Source::Elected { clock, term } => {
                let now = clock.now();
                term.borrow().is_some_and(|term| term.holds(now))
            }
        };
        if leads { Ok(()) } else { Err(NotLeading) }
    }

    /// Returns when this replica may write.
    pub async fn held(&self) {
        let Source::Elected { clock, term } = &self.0 else {
            return;
        };
        let mut term = term.clone();
        loop {
            let current = *term.borrow_and_update();
            let now = clock.now();
            let begins = match current {
                Some(term) if term.holds(now) => return,
                Some(term) => term.from.checked_sub(now),
                None => None,
            };
            if !changed_within(&mut term, begins).await {
                // The elector is gone: nobody will ever lead here.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Returns when this replica, which has led, leads no more.
    pub async fn lost(&self) {
        let Source::Elected { clock, term } = &self.0 else {
            return std::future::pending().await;
        };
        let mut term = term.clone();
        loop {
            let current = *term.borrow_and_update();
            let now = clock.now();
            let Some(left) = current.and_then(|term| term.until.checked_sub(now)) else {
                return;
            };
            if left.is_zero() || !changed_within(&mut term, Some(left)).await {
                return;
            }
        }
    }

    /// The check for `ens_openapi::Client`: every try of every write, after it was signed, is the
    /// last moment at which a replica that does not lead any more can stop it (behaviour 11.4).
    pub fn before_send(&self) -> impl Fn(&Action) -> Result<(), Refused> + Send + Sync + 'static {
        let leadership = self.clone();
        move |action| {
            if action.is_read() {
                return Ok(());
            }
            leadership
                .check()
                .map_err(|error| Refused::new(error.to_string()))
        }
    }
}

/// Waits for another term, or for the time. False when there will be no other one and no time was
/// given.
async fn changed_within(term: &mut watch::Receiver<Option<Term>>, time: Option<Duration>) -> bool {
    match time {
        None => term.changed().await.is_ok(),
        Some(time) => {
            tokio::select! {
                biased;
                Ok(()) = term.changed() => {}
                () = tokio::time::sleep(time) => {}
            }
            true
        }
    }
}

impl fmt::Debug for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leadership")
            .field(&self.check().is_ok())
            .finish()
    }
}
