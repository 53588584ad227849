//! The one time of a run: it begins at the same instant in every run and follows tokio's clock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// 2026-01-01T00:00:00Z, in seconds since 1970.
const EPOCH: i64 = 1_767_225_600;

/// Tells the time of a run.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that shows the epoch of all runs now.
    pub(super) fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    /// The time since the start.
    pub fn elapsed(self) -> Duration {
        self.origin.elapsed()
    }

    /// The time of day.
    pub fn now(self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.elapsed()).unwrap_or(SignedDuration::MAX);
        let epoch = Timestamp::from_second(EPOCH).unwrap_or(Timestamp::UNIX_EPOCH);
        epoch.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }

    /// The same for the cloud.
    pub fn cloud(self) -> ens_sim::Timestamp {
        ens_sim::Timestamp(EPOCH * 1000).after(self.elapsed())
    }

    /// The same for the client of the cloud.
    pub(super) fn utc(self) -> chrono::DateTime<chrono::Utc> {
        chrono::DateTime::from_timestamp_millis(self.cloud().0).unwrap_or_default()
    }
}

impl ecm_reconciler::leader::LeaseClock for Clock {
    fn now(&self) -> Duration {
        self.elapsed()
    }
}
