//! Instants of the simulated cloud.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

/// An instant in milliseconds since the Unix epoch. The core never reads a clock: every instant comes in from outside.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant that lies `duration` later; the latest instant there is when that overflows.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// How long it is from `earlier` to this instant; zero when `earlier` is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// UTC text of the kind that the API's answers carry: `2026-01-31T12:00:00Z`.
    #[must_use]
    pub fn iso8601(self) -> String {
        DateTime::from_timestamp_millis(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// Reads the only form of time that the gateway accepts, `yyyy-MM-ddTHH:mm:ssZ` in UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let naive = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%SZ").ok()?;
        Some(Self(naive.and_utc().timestamp_millis()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_back_what_it_prints() {
        let at = Timestamp::parse("2023-10-26T10:22:32Z").unwrap();
        assert_eq!(at, Timestamp(1_698_315_752_000));
        assert_eq!(at.iso8601(), "2023-10-26T10:22:32Z");
        assert_eq!(Timestamp::parse("2023-10-26 10:22:32"), None);
    }

    #[test]
    fn arithmetic_saturates_instead_of_overflowing() {
        assert_eq!(
            Timestamp(i64::MAX).after(Duration::from_secs(1)),
            Timestamp(i64::MAX)
        );
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
    }
}
