//! What a Lease says, and when it may be taken.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// The Lease of somebody, as it was last seen to change.
///
/// `renewTime` in it is that of the holder's wall clock. It says that the holder has renewed, when
/// it differs from what it was; when that was, only the look itself says.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    spec: LeaseSpec,
    /// When the record was first seen as it is, by the clock of the one who looked.
    seen: Duration,
}

impl Sighting {
    /// What is known after another look at the Lease: the time of the earlier look stays where
    /// the record has not changed.
    pub(super) fn after(earlier: Option<Self>, lease: &Lease, now: Duration) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        match earlier {
            Some(earlier) if earlier.spec == spec => earlier,
            _ => Self { spec, seen: now },
        }
    }

    /// Who holds it; empty when nobody does.
    pub(super) fn holder(&self) -> &str {
        holder(&self.spec)
    }

    /// How long it is still the holder's. The duration is the one that the holder wrote, as it is
    /// the one that the holder keeps to; `default` where it wrote none.
    pub(super) fn left(&self, now: Duration, default: Duration) -> Duration {
        let written = self.spec.lease_duration_seconds.unwrap_or(0);
        let duration = match u64::try_from(written) {
            Ok(seconds) if seconds > 0 => Duration::from_secs(seconds),
            _ => default,
        };
        (self.seen + duration).saturating_sub(now)
    }
}

/// Who holds a Lease; empty when nobody does.
pub(super) fn holder(spec: &LeaseSpec) -> &str {
    spec.holder_identity.as_deref().unwrap_or_default()
}

/// The Lease as it is when `identity` takes it, or holds it already and renews it. A renewal differs from what was
/// there before also where the wall clock stands still or was set back a little: others go by that difference.
pub(super) fn held(
    before: Option<&LeaseSpec>,
    identity: &str,
    duration: Duration,
    now: Timestamp,
) -> LeaseSpec {
    let is_renewal = before.is_some_and(|spec| holder(spec) == identity);
    let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or(0);
    let acquired = before.and_then(|spec| spec.acquire_time.clone());
    let renewed = before
        .filter(|_| is_renewal)
        .and_then(|spec| spec.renew_time.as_ref())
        .map_or(now, |last| after(last.0, now, duration));
    LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        lease_duration_seconds: Some(whole_seconds(duration)),
        acquire_time: acquired.filter(|_| is_renewal).or(Some(MicroTime(now))),
        renew_time: Some(MicroTime(renewed)),
        lease_transitions: Some(match before {
            Some(_) if !is_renewal => transitions.saturating_add(1),
            _ => transitions,
        }),
        ..before.cloned().unwrap_or_default()
    }
}

/// `now`, or the next microsecond after `last`, which is what the API server can tell apart, where `now` is no later
/// than that. A clock that was set back by more than a lease is followed: in the time that somebody remembers a record
/// it does not come to the same microsecond again.
fn after(last: Timestamp, now: Timestamp, lease: Duration) -> Timestamp {
    let micros = now.as_microsecond();
    let next = last.as_microsecond().saturating_add(1);
    let is_followed = i128::from(next) - i128::from(micros) > lease.as_micros().cast_signed();
    if micros >= next || is_followed {
        return now;
    }
    Timestamp::from_microsecond(next).unwrap_or(now)
}

/// The Lease as its holder leaves it: free at once.
pub(super) fn released(before: &LeaseSpec, now: Timestamp) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(String::new()),
        // The API server wants at least one.
        lease_duration_seconds: Some(1),
        renew_time: Some(MicroTime(now)),
        ..before.clone()
    }
}

/// Rounded up: others must not think it shorter than it is.
fn whole_seconds(duration: Duration) -> i32 {
    let rounded_up = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i32::try_from(rounded_up).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Duration = Duration::from_secs(30);

    fn lease(holder: &str, seconds: Option<i32>, renewed: i64) -> Lease {
        Lease {
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.to_owned()),
                lease_duration_seconds: seconds,
                renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_record_expires_its_own_duration_after_it_was_last_seen_to_change() {
        let seen = Sighting::after(None, &lease("a", Some(15), 7), at(100));
        let seen = Sighting::after(Some(seen), &lease("a", Some(15), 7), at(110));
        assert_eq!(seen.left(at(110), DEFAULT), at(5));
        let renewed = Sighting::after(Some(seen), &lease("a", Some(15), 8), at(114));
        assert_eq!(renewed.left(at(114), DEFAULT), at(15));
        assert_eq!(renewed.left(at(129), DEFAULT), Duration::ZERO);
    }

    #[test]
    fn timestamps_of_another_machine_say_nothing() {
        for renewed in [-8_000_000_000, 0, 8_000_000_000] {
            let seen = Sighting::after(None, &lease("a", Some(15), renewed), at(1));
            assert_eq!(seen.left(at(1), DEFAULT), at(15), "renewed at {renewed}");
        }
    }

    #[test]
    fn a_record_without_a_usable_duration_has_ours() {
        for seconds in [None, Some(0), Some(-3)] {
            let seen = Sighting::after(None, &lease("a", seconds, 0), at(0));
            assert_eq!(seen.left(at(0), DEFAULT), DEFAULT);
        }
    }

    #[test]
    fn taking_counts_a_transition_and_renewing_does_not() {
        let now = Timestamp::from_second(50).unwrap();
        let first = held(None, "a", at(30), now);
        assert_eq!(first.lease_transitions, Some(0));
        let later = Timestamp::from_second(60).unwrap();
        let renewed = held(Some(&first), "a", at(30), later);
        assert_eq!(renewed.lease_transitions, Some(0));
        assert_eq!(renewed.acquire_time, Some(MicroTime(now)));
        assert_eq!(renewed.renew_time, Some(MicroTime(later)));
        let taken = held(Some(&released(&renewed, later)), "b", at(30), later);
        assert_eq!(taken.lease_transitions, Some(1));
        assert_eq!(taken.acquire_time, Some(MicroTime(later)));
        assert_eq!(holder(&taken), "b");
    }

    #[test]
    fn a_renewal_differs_from_the_one_before_whatever_the_wall_clock_does() {
        let begun = Timestamp::from_microsecond(50_000_000).unwrap();
        let mut spec = held(None, "a", at(30), begun);
        let mut seen = vec![spec.renew_time.clone()];
        // It stands still, for longer than any candidate looks away; then it is set back a little.
        for wall in [begun; 10].into_iter().chain([begun - at(20); 10]) {
            spec = held(Some(&spec), "a", at(30), wall);
            assert!(!seen.contains(&spec.renew_time), "{:?}", spec.renew_time);
            seen.push(spec.renew_time.clone());
        }
        let far_back = begun - at(31);
        spec = held(Some(&spec), "a", at(30), far_back);
        assert_eq!(spec.renew_time, Some(MicroTime(far_back)), "it is followed");
        let forward = begun + at(3600);
        spec = held(Some(&spec), "a", at(30), forward);
        assert_eq!(spec.renew_time, Some(MicroTime(forward)));
        spec = held(Some(&spec), "b", at(30), begun);
        assert_eq!(spec.renew_time, Some(MicroTime(begun)), "another holder");
    }

    #[test]
    fn a_duration_is_written_no_shorter_than_it_is() {
        assert_eq!(whole_seconds(Duration::from_millis(1_001)), 2);
        assert_eq!(whole_seconds(at(30)), 30);
        assert_eq!(whole_seconds(Duration::MAX.saturating_sub(at(1))), i32::MAX);
    }
}
