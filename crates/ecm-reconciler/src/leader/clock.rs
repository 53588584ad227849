//! The clock that leases are judged by.

use std::time::Duration;

/// Tells how much time has passed since some fixed moment, never less than before. It runs on while
/// the machine is suspended: a replica that slept through its lease must see that.
///
/// `tokio::time::Instant` and `std::time::Instant` stop during suspension on Linux (`CLOCK_MONOTONIC`,
/// clock_gettime(2)), and the wall clock can be set back, so neither will do.
pub trait LeaseClock: Send + Sync + 'static {
    /// The time since that moment.
    fn now(&self) -> Duration;
}

/// The machine's clock: `CLOCK_BOOTTIME` on Linux. Elsewhere `CLOCK_MONOTONIC`, which on macOS
/// runs on during sleep.
#[derive(Debug, Clone, Copy, Default)]
pub struct BootClock;

impl LeaseClock for BootClock {
    fn now(&self) -> Duration {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let id = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let id = rustix::time::ClockId::Monotonic;
        let time = rustix::time::clock_gettime(id);
        // Both parts are never negative: the clock counts from the start of the machine.
        Duration::new(
            u64::try_from(time.tv_sec).unwrap_or(0),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_s_clock_goes_forward_and_is_not_zero() {
        let first = BootClock.now();
        let second = BootClock.now();
        assert!(first > Duration::ZERO);
        assert!(second >= first);
    }
}
