//! Which events there are: on which object, of which type, and how often one is said
//! (behaviour 10.3).
//!
//! The controllers take from here which events stand for a time, and the reference for users is
//! made of it, so that the two cannot differ.

use poolservice_api::Reason;

/// One kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The reason that it bears.
    pub reason: Reason,
    /// Who says it.
    pub by: Controller,
    /// Whether its type is Warning; else it is Normal.
    pub is_warning: bool,
    /// The objects that it stands on.
    pub on: On,
    /// How often it is said.
    pub said: Said,
}

/// The controllers, as `--controllers` names them (behaviour 1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Controller {
    /// `fan-out`.
    FanOut,
    /// `elb`.
    Elb,
}

/// The objects that an event stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The Service.
    Service,
    /// The PoolService.
    PoolService,
    /// The PoolService, and the Service where people look first.
    Both,
}

/// How often an event is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// With every change that it tells of.
    EachTime,
    /// When its cause begins, and again when it has come back; not while it lasts.
    OncePerCause,
}

/// The event that bears a reason; `None` for reasons that stand on conditions only.
pub const fn of(reason: Reason) -> Option<Definition> {
    use Controller::{Elb, FanOut};
    use On::{Both, PoolService, Service};
    use Said::{EachTime, OncePerCause};

    let (by, is_warning, on, said) = match reason {
        Reason::NodePoolSelectorMissing
        | Reason::InvalidNodePoolSelector
        | Reason::NoMatchNodePool
        | Reason::PoolNoLongerMatches
        | Reason::PoolNotSelected
        | Reason::PoolServiceNameConflict => (FanOut, true, Service, OncePerCause),
        Reason::PlacementMissing
        | Reason::PlacementInvalid
        | Reason::InvalidAnnotation
        | Reason::UnsupportedField
        | Reason::ManagedByUserRequired
        | Reason::LoadBalancerNotFound
        | Reason::LoadBalancerWrongNetwork
        | Reason::LoadBalancerIsManaged
        | Reason::LoadBalancerNotAllowed
        | Reason::SharedLoadBalancerNeedsCluster
        | Reason::AccessDenied
        | Reason::QuotaExceeded
        | Reason::CloudUnavailable => (Elb, true, Both, OncePerCause),
        Reason::UnknownAnnotation
        | Reason::NameConflict
        | Reason::ClusterIdInUse
        | Reason::DuplicateLoadBalancer
        | Reason::ReleaseRefused
        | Reason::MassLoss
        | Reason::EipBoundElsewhere
        | Reason::BackendRefused => (Elb, true, PoolService, OncePerCause),
        Reason::WaitingForLoadBalancerId => (Elb, false, PoolService, OncePerCause),
        Reason::CloudRefused
        | Reason::LedgerRebuilt
        | Reason::LoadBalancerLost
        | Reason::EipLost => (Elb, true, PoolService, EachTime),
        // The fan-out says so of a PoolService that it made or put right, on the Service.
        Reason::Created | Reason::Updated => (Elb, false, Both, EachTime),
        Reason::Adopted
        | Reason::Bound
        | Reason::Released
        | Reason::Retained
        | Reason::DriftRepaired => (Elb, false, PoolService, EachTime),
        Reason::AsExpected
        | Reason::InProgress
        | Reason::Terminating
        | Reason::ServiceMissing
        | Reason::NodePoolMissing
        | Reason::ImmutableSetting
        | Reason::Paused
        | Reason::WeightConflict
        | Reason::LedgerLost
        | Reason::ClusterIdChanged
        | Reason::CloudAccountMismatch
        | Reason::UnsupportedProtocol
        | Reason::NodePortMissing
        | Reason::ReservedPort
        | Reason::ListenerConflict
        | Reason::ListenerRefused
        | Reason::NoReadyEndpoints => return None,
    };
    Some(Definition {
        reason,
        by,
        is_warning,
        on,
        said,
    })
}

/// All of them, in the order of their reasons.
pub fn all() -> impl Iterator<Item = Definition> {
    Reason::ALL.iter().copied().filter_map(of)
}

/// Reasons of the events of a controller that are said once for each cause.
pub fn standing(by: Controller) -> Vec<Reason> {
    all()
        .filter(|event| event.by == by && event.said == Said::OncePerCause)
        .map(|event| event.reason)
        .collect()
}
