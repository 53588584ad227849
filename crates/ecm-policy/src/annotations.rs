//! What the annotations of a Service and its PoolService ask for (behaviour 3.3, 3.4, 3.6).
//!
//! [`DEFINITIONS`] is the one table of what can be asked: parsing, the texts of faults and the
//! reference for users all come from it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

mod definition;
mod parse;
mod setting;
mod table;
mod values;

pub use definition::{Definition, Mutability, Place, Values};
pub use setting::{Setting, keys};
pub use table::{DEFINITIONS, DOCUMENTED_SPECS};
pub use values::{
    AddressType, BackendWeight, DeletionPolicy, EipChargeType, EipInternetChargeType, HealthCheck,
    Isp, PayType, Scheduler, WeightBy,
};

/// What is asked of one load balancer. Every field has a value: where nothing, or nothing valid,
/// is asked, it is the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that a user turns by itself"
)]
pub struct Settings {
    /// `LoadBalancerSpec`.
    pub spec: String,
    /// `PayType` of the load balancer.
    pub pay_type: PayType,
    /// Whether the address is one of the Internet.
    pub address_type: AddressType,
    /// A vSwitch that is asked for by name.
    pub vswitch_id: Option<String>,
    /// Whether the load balancer is one of the user's.
    pub managed_by_user: bool,
    /// The user's load balancer, as the PoolService names it.
    pub id: Option<String>,
    /// The user's load balancers, as the Service names them: pool name to id.
    pub ids_by_pool: BTreeMap<String, String>,
    /// `Bandwidth` of the EIP, Mbit/s.
    pub eip_bandwidth: u32,
    /// `Isp` of the EIP; `None` leaves the choice to the region.
    pub eip_isp: Option<Isp>,
    /// `InstanceChargeType` of the EIP.
    pub eip_instance_charge_type: EipChargeType,
    /// `InternetChargeType` of the EIP.
    pub eip_internet_charge_type: EipInternetChargeType,
    /// Labels that a node must have to be a backend; empty for all nodes.
    pub backend_label: BTreeMap<String, String>,
    /// Weights of the backends.
    pub backend_weight: BackendWeight,
    /// Whether cordoned nodes are taken out.
    pub remove_unscheduled_backend: bool,
    /// `Scheduler` of all listeners.
    pub scheduler: Scheduler,
    /// `PersistenceTimeout` of TCP listeners in seconds; 0 is off.
    pub persistence_timeout: u32,
    /// `EstablishedTimeout` in seconds.
    pub established_timeout: u32,
    /// Health check of all listeners.
    pub health_check: HealthCheck,
    /// Whether listeners of somebody else on a user's load balancer are taken over.
    pub force_override_listeners: bool,
    /// What becomes of our load balancer and EIP at deletion.
    pub deletion_policy: DeletionPolicy,
    /// Whether our listeners and backends leave a user's load balancer at deletion.
    pub cleanup_on_delete: bool,
    /// Whether a load balancer or EIP that bears our name is taken over.
    pub adopt: bool,
    /// How long a leaving backend stays with weight 0, in seconds.
    pub drain_seconds: u32,
    /// What the weight of a backend follows.
    pub weight_by: WeightBy,
    /// Whether the Service or the PoolService is paused. A pool can be too: see
    /// [`Settings::paused_by`].
    pub paused: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            spec: "elb.s2.small".to_owned(),
            pay_type: PayType::PostPaid,
            address_type: AddressType::Internet,
            vswitch_id: None,
            managed_by_user: false,
            id: None,
            ids_by_pool: BTreeMap::new(),
            eip_bandwidth: 10,
            eip_isp: None,
            eip_instance_charge_type: EipChargeType::PostPaid,
            eip_internet_charge_type: EipInternetChargeType::BandwidthByMonth95,
            backend_label: BTreeMap::new(),
            backend_weight: BackendWeight::default(),
            remove_unscheduled_backend: false,
            scheduler: Scheduler::RoundRobin,
            persistence_timeout: 0,
            established_timeout: 500,
            health_check: HealthCheck::default(),
            force_override_listeners: false,
            deletion_policy: DeletionPolicy::Delete,
            cleanup_on_delete: false,
            adopt: false,
            drain_seconds: 0,
            weight_by: WeightBy::Node,
            paused: false,
        }
    }
}

impl Settings {
    /// The user's load balancer for a pool: the PoolService's own word counts before the
    /// Service's list.
    pub fn load_balancer_id(&self, pool: &str) -> Option<&str> {
        self.id
            .as_deref()
            .or_else(|| self.ids_by_pool.get(pool).map(String::as_str))
    }

    /// Whether the Service, the PoolService or the pool with these annotations is paused
    /// (behaviour 3.5).
    pub fn paused_by(&self, pool_annotations: &BTreeMap<String, String>) -> bool {
        self.paused || is_paused(pool_annotations)
    }
}

/// Whether an object with these annotations is paused (behaviour 3.5). So it is by every value but `false`: whoever wrote
/// `True` or `yes` meant to stop, and hears on condition `Accepted` that this is no value.
pub fn is_paused(annotations: &BTreeMap<String, String>) -> bool {
    annotations
        .get(keys::PAUSED)
        .is_some_and(|value| value != "false")
}

/// What parsing gives. It never fails: what is wrong stands in `faults`, and the setting has its
/// default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parsed {
    /// What is asked for.
    pub settings: Settings,
    /// Every value that cannot be used, in the order of the table.
    pub faults: Vec<Fault>,
    /// Keys under our prefixes that nobody reads, sorted.
    pub unknown: Vec<UnknownKey>,
}

/// A value that cannot be used. Before creation nothing is created; afterwards the setting keeps
/// the value that the cloud has (behaviour 3.4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The key as it stands in the object.
    pub key: String,
    /// The value as it stands in the object.
    pub value: String,
    /// What is allowed.
    pub allowed: String,
    /// The setting that is concerned.
    pub setting: Setting,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {:?} is not allowed; allowed: {}",
            self.key, self.value, self.allowed
        )
    }
}

/// A key that nobody reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnknownKey {
    /// The key.
    pub key: String,
    /// The known key that is nearest to it.
    pub nearest: String,
}

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "annotation {} is not known; the nearest is {}",
            self.key, self.nearest
        )
    }
}

/// Reads the annotations of a Service, overlaid key by key by those of its PoolService
/// (behaviour 3.3). `spec` may be one of [`DOCUMENTED_SPECS`].
pub fn parse(
    service: &BTreeMap<String, String>,
    pool_service: &BTreeMap<String, String>,
) -> Parsed {
    parse_with_specs(service, pool_service, DOCUMENTED_SPECS)
}

/// Like [`parse`], where `spec` may be one of `specs`: what DescribeLoadBalancerSpec lists.
pub fn parse_with_specs(
    service: &BTreeMap<String, String>,
    pool_service: &BTreeMap<String, String>,
    specs: &[impl AsRef<str>],
) -> Parsed {
    let specs: Vec<&str> = specs.iter().map(AsRef::as_ref).collect();
    parse::parse(service, pool_service, &specs)
}

/// The candidate whose name has the smallest edit distance to that of `key`; of equal ones, one
/// with the same prefix. Empty when there is no candidate.
pub fn nearest<'a>(key: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let (prefix, name) = setting::split(key);
    // Kubernetes takes no longer name (k8s.io/apimachinery, `IsQualifiedName`), and the distance costs
    // the product of both lengths.
    let end = name.char_indices().nth(63).map_or(name.len(), |(at, _)| at);
    let name = &name[..end];
    let distance = |candidate: &str| {
        let (candidate_prefix, candidate_name) = setting::split(candidate);
        (
            strsim::osa_distance(name, candidate_name),
            prefix != candidate_prefix,
        )
    };
    candidates
        .into_iter()
        .min_by_key(|candidate| distance(candidate))
        .unwrap_or_default()
        .to_owned()
}
