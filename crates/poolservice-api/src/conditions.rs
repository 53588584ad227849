//! Condition types of a PoolService, and the reasons of conditions and events.

use std::fmt;

/// Declares an enum whose variants are words that Kubernetes objects carry.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[doc = $text:literal])+ $variant:ident,)+ }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name { $($(#[doc = $text])+ $variant,)+ }

        impl $name {
            /// All of them, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word as it stands in the object.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)+ }
            }

            /// What it means, in one sentence or two; the reference for users is made of it.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($text),+).trim(),)+ }
            }

            /// The variant that has this word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words! {
    /// Type of a condition on a PoolService.
    ConditionType {
        /// All of the others but `InSync` are true.
        Ready,
        /// What is asked for can be done: placement and annotations are valid.
        Accepted,
        /// The load balancer exists and is active.
        LoadBalancerReady,
        /// The address exists and leads to this load balancer.
        AddressReady,
        /// Every wanted listener runs.
        ListenersReady,
        /// The backends are those that are wanted, and there is at least one.
        BackendsReady,
        /// The cloud holds what is asked for, immutable settings too, and nobody paused us.
        InSync,
    }
}

words! {
    /// Reason of a condition or of an event.
    Reason {
        // Conditions that are as they should be, or on the way there.

        /// The condition is as it should be.
        AsExpected,
        /// The cloud is working on it; nothing to do but wait.
        InProgress,
        /// The object is being deleted.
        Terminating,

        // The Service and its pools.

        /// Event: the Service names no node pools.
        NodePoolSelectorMissing,
        /// Event: the selector does not parse.
        InvalidNodePoolSelector,
        /// Event: no node pool matches the selector.
        NoMatchNodePool,
        /// Event: a pool no longer matches; its PoolService goes after a time of grace.
        PoolNoLongerMatches,
        /// Event: an id of a load balancer is given for a pool that the Service does not select.
        PoolNotSelected,
        /// Event: the name of a PoolService is invalid or belongs to somebody else.
        PoolServiceNameConflict,

        // What is asked for.

        /// The Service of the PoolService does not exist.
        ServiceMissing,
        /// The NodePool of the PoolService does not exist.
        NodePoolMissing,
        /// The pool does not say where its load balancers go.
        PlacementMissing,
        /// The pool names a place that cannot be.
        PlacementInvalid,
        /// An annotation has a value that is not allowed.
        InvalidAnnotation,
        /// Event: a key under our prefixes that nobody reads.
        UnknownAnnotation,
        /// A setting changed that cannot change after creation.
        ImmutableSetting,
        /// Somebody paused us.
        Paused,
        /// A field of the Service that cannot be honoured.
        UnsupportedField,

        // Load balancers that a user named.

        /// The user's load balancer has not been named yet.
        WaitingForLoadBalancerId,
        /// A load balancer is named, but the Service does not say that it is the user's.
        ManagedByUserRequired,
        /// The named load balancer does not exist in the pool's region.
        LoadBalancerNotFound,
        /// The named load balancer is in another network than the pool.
        LoadBalancerWrongNetwork,
        /// The named load balancer is one that a controller made.
        LoadBalancerIsManaged,
        /// This namespace may not name that load balancer.
        LoadBalancerNotAllowed,
        /// Services that share a load balancer must have `externalTrafficPolicy: Cluster`.
        SharedLoadBalancerNeedsCluster,
        /// Two Services want different weights for one backend.
        WeightConflict,

        // Identity and ownership.

        /// The record of our cloud resources is missing or unreadable.
        LedgerLost,
        /// A resource of our name exists that is not provably ours.
        NameConflict,
        /// Another cluster uses our cluster id.
        ClusterIdInUse,
        /// The cluster id is not the one under which the resources were made.
        ClusterIdChanged,
        /// The credentials are of another account than the one that holds the resources.
        CloudAccountMismatch,
        /// Event: a second load balancer bears our name.
        DuplicateLoadBalancer,
        /// A resource is not released, because it no longer bears a name that we gave it.
        ReleaseRefused,
        /// Too many load balancers vanished at once to believe it.
        MassLoss,

        // The address.

        /// Our EIP is bound to something else.
        EipBoundElsewhere,

        // Listeners and backends.

        /// The load balancer has no such protocol.
        UnsupportedProtocol,
        /// The port has no node port.
        NodePortMissing,
        /// The cloud keeps the port for itself.
        ReservedPort,
        /// Somebody else's listener has the port.
        ListenerConflict,
        /// The cloud refused a listener.
        ListenerRefused,
        /// The cloud refused a backend.
        BackendRefused,
        /// Nobody is there to serve.
        NoReadyEndpoints,

        // What the cloud answered.

        /// The cloud found the request invalid.
        CloudRefused,
        /// The credentials lack a permission.
        AccessDenied,
        /// A quota of the account is used up, or the resource is sold out.
        QuotaExceeded,
        /// The cloud did not answer, or asked to come back later.
        CloudUnavailable,

        // Events for changes.

        /// Event: a resource was created.
        Created,
        /// Event: an existing resource was taken over.
        Adopted,
        /// Event: an address was bound.
        Bound,
        /// Event: a resource was changed as asked.
        Updated,
        /// Event: a resource was released.
        Released,
        /// Event: a resource was left in place, as asked.
        Retained,
        /// Event: what somebody changed in the cloud was put back.
        DriftRepaired,
        /// Event: the record of our cloud resources was lost and is made anew.
        LedgerRebuilt,
        /// Event: the load balancer is gone and is made again.
        LoadBalancerLost,
        /// Event: the EIP is gone and is made again.
        EipLost,
    }
}
