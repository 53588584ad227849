//! The table of annotations.
//!
//! Where a row says "annotation page", the source is the public documentation of ACK Edge, "Use
//! annotations to configure ELB instances"; ranges are those of the ENS API reference, actions
//! CreateLoadBalancer, CreateEipInstance, CreateLoadBalancerTCPListener and
//! CreateLoadBalancerUDPListener.

use super::definition::{Definition, Mutability, Place, Values};
use super::parse::{backend_label, backend_weight, ids_by_pool, load_balancer_id, vswitch_id};
use super::setting::{Setting, keys};
use super::values::{
    AddressType, DeletionPolicy, EipChargeType, EipInternetChargeType, Isp, PayType, Scheduler,
    WeightBy,
};

/// The load balancer specs of the annotation page and of the ENS documentation, "What is ELB",
/// smallest first.
pub const DOCUMENTED_SPECS: &[&str] = &[
    "elb.s1.small",
    "elb.s2.small",
    "elb.s2.medium",
    "elb.s3.small",
    "elb.s3.medium",
];

const PAGE: &str = "annotation page";
const API: &str = "ENS API";
const OWN: &str = "this project";
const SWITCH: [&str; 2] = ["false", "true"];

/// How a row starts: what most rows have in common.
const fn row(setting: Setting, resource: &'static str, values: Values) -> Definition {
    Definition {
        setting,
        key: setting.key(),
        alias: None,
        resource,
        values,
        default: None,
        mutability: Mutability::Mutable,
        place: Place::ServiceOrPoolService,
        doc: "",
        source: PAGE,
    }
}

/// Every annotation that configures a load balancer.
pub static DEFINITIONS: &[Definition] = &[
    Definition {
        default: Some("elb.s2.small"),
        mutability: Mutability::Immutable,
        doc: "Size of the load balancer: a spec that DescribeLoadBalancerSpec lists.",
        ..row(
            Setting::Spec,
            "ELB",
            Values::Word {
                words: DOCUMENTED_SPECS,
                set: |s, v| {
                    v.clone_into(&mut s.spec);
                    Some(())
                },
            },
        )
    },
    Definition {
        default: Some("PostPaid"),
        mutability: Mutability::Immutable,
        doc: "How the load balancer is paid.",
        ..row(
            Setting::PayType,
            "ELB",
            Values::Word {
                words: PayType::WORDS,
                set: |s, v| PayType::parse(v).map(|v| s.pay_type = v),
            },
        )
    },
    Definition {
        default: Some("internet"),
        mutability: Mutability::Immutable,
        doc: "Whether clients come from the Internet, through an EIP, or from the network of the pool.",
        ..row(
            Setting::AddressType,
            "ELB, EIP",
            Values::Word {
                words: AddressType::WORDS,
                set: |s, v| AddressType::parse(v).map(|v| s.address_type = v),
            },
        )
    },
    Definition {
        mutability: Mutability::Immutable,
        doc: "The vSwitch of the load balancer, one of the pool's network. Without it, the first one \
              that the pool names and the cloud shows.",
        source: API,
        ..row(
            Setting::VswitchId,
            "ELB",
            Values::Text {
                shape: "vsw-...",
                set: vswitch_id,
            },
        )
    },
    Definition {
        default: Some("false"),
        mutability: Mutability::Special("refused while the load balancer exists"),
        doc: "Whether to use load balancers that you made. They and their EIPs are never changed or \
              released; their listeners and backends are ours to set.",
        ..row(
            Setting::ManagedByUser,
            "ELB",
            Values::Switch {
                words: SWITCH,
                set: |s, on| s.managed_by_user = on,
            },
        )
    },
    Definition {
        mutability: Mutability::Special("refused while the load balancer exists"),
        place: Place::PoolServiceOnly(
            "only on a PoolService, because each pool has a load balancer of its own: `kubectl \
             annotate ps <service>-<pool> ...-id=lb-...`, or on the Service \
             ecm.alibabacloud.com/loadbalancer-ids: pool=lb-...,pool=lb-...",
        ),
        doc: "Your load balancer for this pool; needs managed-by-user.",
        ..row(
            Setting::Id,
            "ELB",
            Values::Text {
                shape: "lb-...",
                set: load_balancer_id,
            },
        )
    },
    Definition {
        mutability: Mutability::Special("refused while the load balancer exists"),
        place: Place::ServiceOnly(
            "only on the Service; on a PoolService use \
             service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id: lb-...",
        ),
        doc: "Your load balancers, by pool; needs managed-by-user. The id on a PoolService counts before it.",
        source: OWN,
        ..row(
            Setting::LoadBalancerIds,
            "ELB",
            Values::Text {
                shape: "pool=lb-...,pool=lb-...",
                set: ids_by_pool,
            },
        )
    },
    Definition {
        default: Some("10"),
        doc: "Bandwidth of the EIP; it can go up and down.",
        ..row(
            Setting::EipBandwidth,
            "EIP",
            Values::Number {
                min: 5,
                max: 10_000,
                unit: "Mbit/s",
                set: |s, n| s.eip_bandwidth = n,
            },
        )
    },
    Definition {
        mutability: Mutability::Immutable,
        doc: "Carrier of the EIP. Without it, the region decides.",
        ..row(
            Setting::EipIsp,
            "EIP",
            Values::Word {
                words: Isp::WORDS,
                set: |s, v| Isp::parse(v).map(|v| s.eip_isp = Some(v)),
            },
        )
    },
    Definition {
        default: Some("PostPaid"),
        mutability: Mutability::Immutable,
        doc: "How the EIP is paid.",
        ..row(
            Setting::EipInstanceChargeType,
            "EIP",
            Values::Word {
                words: EipChargeType::WORDS,
                set: |s, v| EipChargeType::parse(v).map(|v| s.eip_instance_charge_type = v),
            },
        )
    },
    Definition {
        default: Some("95BandwidthByMonth"),
        mutability: Mutability::Immutable,
        doc: "How the traffic of the EIP is paid.",
        ..row(
            Setting::EipInternetChargeType,
            "EIP",
            Values::Word {
                words: EipInternetChargeType::WORDS,
                set: |s, v| EipInternetChargeType::parse(v).map(|v| s.eip_internet_charge_type = v),
            },
        )
    },
    Definition {
        doc: "Only nodes with all of these labels are backends.",
        ..row(
            Setting::BackendLabel,
            "backends",
            Values::Text {
                shape: "key=value,key=value over node labels",
                set: backend_label,
            },
        )
    },
    Definition {
        default: Some("base=100"),
        doc: "Weights of backends: of all nodes (base), and of single nodes by name. 0 takes no traffic.",
        ..row(
            Setting::BackendWeight,
            "backends",
            Values::Text {
                shape: "base=N,<node>=N with N from 0 to 100",
                set: backend_weight,
            },
        )
    },
    Definition {
        default: Some("off"),
        doc: "Whether a cordoned node leaves the backends.",
        source: "kubernetes/cloud-provider-alibaba-cloud v2.8",
        ..row(
            Setting::RemoveUnscheduledBackend,
            "backends",
            Values::Switch {
                words: ["off", "on"],
                set: |s, on| s.remove_unscheduled_backend = on,
            },
        )
    },
    Definition {
        default: Some("rr"),
        doc: "Which backend gets the next connection. Where the cloud refuses one, ListenersReady says so.",
        ..row(
            Setting::Scheduler,
            "listeners",
            Values::Word {
                words: Scheduler::WORDS,
                set: |s, v| Scheduler::parse(v).map(|v| s.scheduler = v),
            },
        )
    },
    Definition {
        default: Some("0"),
        doc: "How long a client stays with its backend; 0 is off.",
        ..row(
            Setting::PersistenceTimeout,
            "TCP listeners",
            Values::Number {
                min: 0,
                max: 3600,
                unit: "s",
                set: |s, n| s.persistence_timeout = n,
            },
        )
    },
    Definition {
        default: Some("500"),
        doc: "How long an idle connection is kept.",
        ..row(
            Setting::EstablishedTimeout,
            "listeners",
            Values::Number {
                min: 10,
                max: 900,
                unit: "s",
                set: |s, n| s.established_timeout = n,
            },
        )
    },
    Definition {
        default: Some("3"),
        doc: "Successful health checks in a row that bring a backend back.",
        ..row(
            Setting::HealthyThreshold,
            "listeners",
            Values::Number {
                min: 2,
                max: 10,
                unit: "",
                set: |s, n| s.health_check.healthy_threshold = n,
            },
        )
    },
    Definition {
        default: Some("3"),
        doc: "Failed health checks in a row that take a backend out.",
        ..row(
            Setting::UnhealthyThreshold,
            "listeners",
            Values::Number {
                min: 2,
                max: 10,
                unit: "",
                set: |s, n| s.health_check.unhealthy_threshold = n,
            },
        )
    },
    Definition {
        alias: Some(keys::CHECK_INTERVAL),
        default: Some("2"),
        doc: "Time between two health checks.",
        source: "annotation page; range: ENS API",
        ..row(
            Setting::HealthCheckInterval,
            "listeners",
            Values::Number {
                min: 1,
                max: 50,
                unit: "s",
                set: |s, n| s.health_check.interval = n,
            },
        )
    },
    Definition {
        default: Some("5"),
        doc: "How long a health check waits for an answer. The cloud waits for the interval where that is longer.",
        ..row(
            Setting::HealthCheckConnectTimeout,
            "listeners",
            Values::Number {
                min: 1,
                max: 300,
                unit: "s",
                set: |s, n| s.health_check.connect_timeout = n,
            },
        )
    },
    Definition {
        doc: "The port that health checks connect to. Without it, the port of the backend.",
        source: API,
        ..row(
            Setting::HealthCheckConnectPort,
            "listeners",
            Values::Number {
                min: 1,
                max: 65_535,
                unit: "",
                set: |s, n| s.health_check.connect_port = u16::try_from(n).ok(),
            },
        )
    },
    Definition {
        default: Some("false"),
        mutability: Mutability::Special("taken over when turned on; never handed back"),
        doc: "Whether a listener of somebody else on a wanted port of your load balancer is taken over.",
        ..row(
            Setting::ForceOverrideListeners,
            "listeners of a user's ELB",
            Values::Switch {
                words: SWITCH,
                set: |s, on| s.force_override_listeners = on,
            },
        )
    },
    Definition {
        default: Some("delete"),
        doc: "Whether load balancer and EIP are released when the PoolService is deleted, or left and paid for.",
        source: OWN,
        ..row(
            Setting::DeletionPolicy,
            "ELB, EIP",
            Values::Word {
                words: DeletionPolicy::WORDS,
                set: |s, v| DeletionPolicy::parse(v).map(|v| s.deletion_policy = v),
            },
        )
    },
    Definition {
        default: Some("false"),
        doc: "Whether our listeners and backends leave your load balancer when the PoolService is deleted.",
        source: OWN,
        ..row(
            Setting::CleanupOnDelete,
            "user's ELB",
            Values::Switch {
                words: SWITCH,
                set: |s, on| s.cleanup_on_delete = on,
            },
        )
    },
    Definition {
        default: Some("false"),
        mutability: Mutability::Special("acts only while there is nothing recorded yet"),
        place: Place::PoolServiceOnly(
            "only on a PoolService, because taking over is decided one by one: `kubectl annotate ps \
             <service>-<pool> ...`",
        ),
        doc: "Whether a load balancer and an EIP that bear our name, but are not recorded as ours, are \
              taken over. They are then released like our own.",
        source: OWN,
        ..row(
            Setting::Adopt,
            "ELB, EIP",
            Values::Switch {
                words: SWITCH,
                set: |s, on| s.adopt = on,
            },
        )
    },
    Definition {
        default: Some("0"),
        doc: "How long a leaving backend stays with weight 0, so that its connections can end.",
        source: OWN,
        ..row(
            Setting::DrainSeconds,
            "backends",
            Values::Number {
                min: 0,
                max: 900,
                unit: "s",
                set: |s, n| s.drain_seconds = n,
            },
        )
    },
    Definition {
        default: Some("node"),
        doc: "Whether the weight of a backend is the node's, or follows its ready pods (with \
              externalTrafficPolicy: Local only).",
        source: OWN,
        ..row(
            Setting::WeightBy,
            "backends",
            Values::Word {
                words: WeightBy::WORDS,
                set: |s, v| WeightBy::parse(v).map(|v| s.weight_by = v),
            },
        )
    },
    Definition {
        default: Some("false"),
        doc: "Stops every write to the cloud. It may also stand on a NodePool, for all that is in it. A value that is neither true nor false stops as well, and is told as wrong.",
        source: OWN,
        ..row(
            Setting::Paused,
            "everything",
            Values::Switch {
                words: SWITCH,
                set: |s, on| s.paused = on,
            },
        )
    },
];
