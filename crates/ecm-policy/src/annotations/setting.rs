//! Which annotations there are, and their keys.

use poolservice_api::keys as well_known;
use serde::{Deserialize, Serialize};

/// A key under the common prefix of the annotation page.
macro_rules! page_key {
    ($name:literal) => {
        concat!(
            "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-",
            $name
        )
    };
}

/// A key that only this project has.
macro_rules! own_key {
    ($name:literal) => {
        concat!("ecm.alibabacloud.com/", $name)
    };
}

/// Declares the settings with their keys.
macro_rules! settings {
    ($($(#[$doc:meta])* $setting:ident $constant:ident = $key:expr,)+) => {
        /// A row of the table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Setting { $($(#[$doc])* $setting,)+ }

        impl Setting {
            /// All settings, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$setting),+];

            /// The key of its annotation.
            pub const fn key(self) -> &'static str {
                match self { $(Self::$setting => keys::$constant,)+ }
            }
        }

        /// The keys.
        pub mod keys {
            /// Another spelling of [`HEALTH_CHECK_INTERVAL`], which the annotation page also has.
            pub const CHECK_INTERVAL: &str = page_key!("check-interval");
            $($(#[$doc])* pub const $constant: &str = $key;)+
        }
    };
}

settings! {
    /// Size of the load balancer.
    Spec SPEC = page_key!("spec"),
    /// How the load balancer is paid.
    PayType PAY_TYPE = page_key!("pay-type"),
    /// Internet or intranet address.
    AddressType ADDRESS_TYPE = page_key!("address-type"),
    /// The load balancer's vSwitch.
    VswitchId VSWITCH_ID = page_key!("vswitch-id"),
    /// Whether the load balancer is the user's.
    ManagedByUser MANAGED_BY_USER = page_key!("managed-by-user"),
    /// The user's load balancer of one pool.
    Id ID = page_key!("id"),
    /// The user's load balancers of all pools.
    LoadBalancerIds LOAD_BALANCER_IDS = own_key!("loadbalancer-ids"),
    /// Bandwidth of the EIP.
    EipBandwidth EIP_BANDWIDTH = page_key!("eip-bandwidth"),
    /// Carrier of the EIP.
    EipIsp EIP_ISP = page_key!("eip-isp"),
    /// How the EIP is paid.
    EipInstanceChargeType EIP_INSTANCE_CHARGE_TYPE = page_key!("eip-instance-charge-type"),
    /// How the traffic of the EIP is paid.
    EipInternetChargeType EIP_INTERNET_CHARGE_TYPE = page_key!("eip-internet-charge-type"),
    /// Which nodes are backends.
    BackendLabel BACKEND_LABEL = page_key!("backend-label"),
    /// Weights of backends.
    BackendWeight BACKEND_WEIGHT = page_key!("backend-weight"),
    /// Whether cordoned nodes leave.
    RemoveUnscheduledBackend REMOVE_UNSCHEDULED_BACKEND = page_key!("remove-unscheduled-backend"),
    /// Which backend gets the next connection.
    Scheduler SCHEDULER = page_key!("scheduler"),
    /// How long a client stays with its backend.
    PersistenceTimeout PERSISTENCE_TIMEOUT = page_key!("persistence-timeout"),
    /// How long an idle connection is kept.
    EstablishedTimeout ESTABLISHED_TIMEOUT = page_key!("established-timeout"),
    /// Successes that bring a backend back.
    HealthyThreshold HEALTHY_THRESHOLD = page_key!("healthy-threshold"),
    /// Failures that take a backend out.
    UnhealthyThreshold UNHEALTHY_THRESHOLD = page_key!("unhealthy-threshold"),
    /// Time between two health checks.
    HealthCheckInterval HEALTH_CHECK_INTERVAL = page_key!("health-check-interval"),
    /// How long a health check waits.
    HealthCheckConnectTimeout HEALTH_CHECK_CONNECT_TIMEOUT = page_key!("health-check-connect-timeout"),
    /// Where a health check connects to.
    HealthCheckConnectPort HEALTH_CHECK_CONNECT_PORT = page_key!("health-check-connect-port"),
    /// Whether foreign listeners are taken over.
    ForceOverrideListeners FORCE_OVERRIDE_LISTENERS = "service.openyurt.io/elb-force-override-listeners",
    /// What deletion does to our load balancer.
    DeletionPolicy DELETION_POLICY = own_key!("deletion-policy"),
    /// What deletion does to a user's load balancer.
    CleanupOnDelete CLEANUP_ON_DELETE = own_key!("cleanup-on-delete"),
    /// Whether resources of our name are taken over.
    Adopt ADOPT = own_key!("adopt"),
    /// How long a leaving backend stays.
    DrainSeconds DRAIN_SECONDS = own_key!("drain-seconds"),
    /// What weights follow.
    WeightBy WEIGHT_BY = own_key!("weight-by"),
    /// Whether the cloud is left as it is.
    Paused PAUSED = poolservice_api::keys::PAUSED,
}

/// A key in two: its prefix and its name. The common prefix of the annotation page is one too.
pub(super) fn split(key: &str) -> (&str, &str) {
    let page = well_known::ANNOTATION_PREFIX;
    key.strip_prefix(page)
        .map(|name| (page, name))
        .or_else(|| key.split_once('/'))
        .unwrap_or(("", key))
}
