//! Requests per second, and how much may be bought.

use std::collections::BTreeMap;

use super::error::ApiError;
use crate::time::Timestamp;

/// Whether the per-user request rates of the published API reference hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimits {
    /// CreateLoadBalancer 5/s, the other ELB actions 10/s, CreateEipInstance and ReleaseInstance 50/s, DescribeInstances
    /// 100/s (texts of the ENS SDK); actions without a published number are not limited.
    Published,
    /// No limits.
    Off,
}

/// Limits on what an account may hold. ENS publishes none; `None` means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotas {
    /// ELBs per region.
    pub load_balancers_per_region: Option<usize>,
    /// EIPs per region.
    pub eips_per_region: Option<usize>,
    /// Listeners per ELB.
    pub listeners_per_load_balancer: Option<usize>,
    /// Backends per ELB.
    pub backends_per_load_balancer: Option<usize>,
    /// Nothing new is sold to this account. (The public error table cuts the code off after `VerificationF`.)
    pub sale_control: bool,
}

impl Quotas {
    /// Refuses to sell while sales control is on.
    pub(crate) fn check_sale(self) -> Result<(), ApiError> {
        if self.sale_control {
            let message = "Sales control does not allow this account to buy the resource.";
            return Err(ApiError::new(
                400,
                "SaleControl.VerificationFailed",
                message,
            ));
        }
        Ok(())
    }
}

/// Refuses when `used` has reached `limit`. The public documents name no quota code; this one is of the usual form.
/// Nothing is counted where there is no limit.
pub(crate) fn check_quota(
    what: &str,
    used: impl FnOnce() -> usize,
    limit: Option<usize>,
) -> Result<(), ApiError> {
    match limit {
        Some(limit) if used() >= limit => {
            let message = format!("The quota of {limit} {what} is used up.");
            Err(ApiError::new(400, format!("QuotaExceeded.{what}"), message))
        }
        _ => Ok(()),
    }
}

/// One token bucket per account and action, as deep as one second's worth.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buckets {
    levels: BTreeMap<(String, &'static str), (Timestamp, u64)>,
}

impl Buckets {
    /// Takes one request of `action` out of the bucket of `account`. A refusal says after how many milliseconds the next
    /// one is there.
    pub(crate) fn take(
        &mut self,
        limits: RateLimits,
        account: &str,
        action: &'static str,
        per_second: Option<u32>,
        now: Timestamp,
    ) -> Result<(), ApiError> {
        let (RateLimits::Published, Some(rate)) = (limits, per_second) else {
            return Ok(());
        };
        // Levels are counted in thousandths of a request, so that refill is exact in whole milliseconds.
        let full = u64::from(rate) * 1000;
        let (at, level) = self
            .levels
            .entry((account.to_owned(), action))
            .or_insert((now, full));
        let gained = u64::try_from(now.since(*at).as_millis())
            .unwrap_or(u64::MAX)
            .saturating_mul(u64::from(rate));
        *level = level.saturating_add(gained).min(full);
        *at = now;
        if *level < 1000 {
            let message = format!(
                "Request was denied due to user flow control: {action} allows {rate} a second."
            );
            let mut error = ApiError::new(400, "Throttling.User", message);
            error.retry_after_ms = Some((1000 - *level).div_ceil(u64::from(rate)));
            return Err(error);
        }
        *level -= 1000;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_one_second_worth_and_refills_with_time() {
        let mut buckets = Buckets::default();
        let mut take = |at| {
            buckets
                .take(RateLimits::Published, "a", "X", Some(5), Timestamp(at))
                .is_ok()
        };
        assert_eq!((0..6).filter(|_| take(0)).count(), 5);
        assert!(!take(199), "a fifth of a second has not gone by");
        assert!(take(200));
        assert_eq!(
            (0..9).filter(|_| take(10_000)).count(),
            5,
            "a long rest fills it no further than one second"
        );
    }
}
