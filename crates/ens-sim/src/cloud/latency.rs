//! How long things take.

use std::time::Duration;

/// How long each asynchronous change takes. None of these times is published; `real` follows what public clients wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// From CreateLoadBalancer to Active.
    pub load_balancer_create: Duration,
    /// From SetLoadBalancerStatus to the new status.
    pub load_balancer_status: Duration,
    /// From ReleaseInstance or DeleteLoadBalancer until the ELB is gone.
    pub load_balancer_release: Duration,
    /// From CreateEipInstance to Available.
    pub eip_create: Duration,
    /// From AssociateEnsEipAddress to InUse.
    pub eip_bind: Duration,
    /// From UnAssociateEnsEipAddress to Available.
    pub eip_unbind: Duration,
    /// From DeleteEip or ReleaseInstance until the EIP is gone.
    pub eip_release: Duration,
    /// From StartLoadBalancerListener to Running.
    pub listener_start: Duration,
    /// From StopLoadBalancerListener to Stopped.
    pub listener_stop: Duration,
    /// From DeleteLoadBalancerListener until the listener is gone and its port is free.
    pub listener_delete: Duration,
    /// How long one write keeps an ELB busy, where [`Switches::busy_per_elb`](super::Switches::busy_per_elb) is on.
    pub busy: Duration,
    /// How long lists lag: a new object is not listed yet, a released one still is.
    pub list_lag: Duration,
}

impl Latency {
    /// Times of the size that a real edge region shows.
    #[must_use]
    pub const fn real() -> Self {
        Self {
            load_balancer_create: Duration::from_secs(8),
            load_balancer_status: Duration::from_secs(2),
            load_balancer_release: Duration::from_secs(3),
            eip_create: Duration::from_secs(5),
            eip_bind: Duration::from_secs(3),
            eip_unbind: Duration::from_secs(3),
            eip_release: Duration::from_secs(3),
            listener_start: Duration::from_secs(1),
            listener_stop: Duration::from_secs(1),
            listener_delete: Duration::from_secs(1),
            busy: Duration::from_millis(500),
            list_lag: Duration::ZERO,
        }
    }

    /// Tens of milliseconds: every transition can be seen, and nobody waits for it.
    #[must_use]
    pub const fn fast() -> Self {
        let short = Duration::from_millis(20);
        Self {
            load_balancer_create: Duration::from_millis(60),
            load_balancer_status: short,
            load_balancer_release: Duration::from_millis(40),
            eip_create: Duration::from_millis(50),
            eip_bind: Duration::from_millis(40),
            eip_unbind: Duration::from_millis(40),
            eip_release: Duration::from_millis(40),
            listener_start: short,
            listener_stop: short,
            listener_delete: short,
            busy: Duration::from_millis(10),
            list_lag: Duration::ZERO,
        }
    }

    /// Everything happens within the call that asks for it.
    #[must_use]
    pub const fn instant() -> Self {
        let none = Duration::ZERO;
        Self {
            load_balancer_create: none,
            load_balancer_status: none,
            load_balancer_release: none,
            eip_create: none,
            eip_bind: none,
            eip_unbind: none,
            eip_release: none,
            listener_start: none,
            listener_stop: none,
            listener_delete: none,
            busy: none,
            list_lag: none,
        }
    }
}
