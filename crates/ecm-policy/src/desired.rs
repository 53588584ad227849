//! What the cloud should hold for one PoolService: the desired state as a value.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::annotations::{self, AddressType, Fault, Parsed, Setting, UnknownKey};
use crate::applied;
use crate::backends;
use crate::conditions::{ConditionType, Reason, Refusal};
use crate::ledger::OnDelete;
use crate::listeners;
use crate::naming::StackName;
use crate::placement::{self, Placement, PlacementFault, PlacementRequest};
use crate::shared::{self, Others};
use crate::snapshot::{Identity, PoolService, Service, Snapshot};
use poolservice_api::keys;

/// What is the same for every PoolService of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// Who we are.
    pub identity: Identity,
    /// For how many seconds a backend is kept whose node the cloud has lost sight of, while other
    /// nodes of its pool are ready (behaviour 7.2).
    pub unreachable_grace: i64,
    /// Which load balancers of users each namespace may name: ids, or beginnings of ids that end
    /// in `*`. `None` where every namespace may name every one (behaviour 4.7).
    pub self_managed_ids: Option<BTreeMap<String, Vec<String>>>,
}

impl Config {
    /// The defaults, for this identity.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            unreachable_grace: backends::UNREACHABLE_GRACE,
            self_managed_ids: None,
        }
    }

    /// Whether a namespace may name this load balancer.
    fn may_name(&self, namespace: &str, id: &str) -> bool {
        let Some(allowed) = &self.self_managed_ids else {
            return true;
        };
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => id.starts_with(beginning),
            None => id == pattern,
        };
        allowed
            .get(namespace)
            .is_some_and(|all| all.iter().any(fits))
    }
}

/// What should become of the cloud resources of one PoolService.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Desired {
    /// They should be as the stack says.
    Stack(Box<Stack>),
    /// They should go, because the PoolService is being deleted. For no other reason are cloud
    /// resources released (behaviour 8.1).
    Release(Release),
    /// They stay as they are, whatever that is; the refusals say why.
    Hold(Vec<Refusal>),
}

/// One load balancer with its EIP, listeners and backends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stack {
    /// What the names are made of.
    pub name: StackName,
    /// Where the pool is.
    pub placement: PlacementRequest,
    /// Whose load balancer it is.
    pub source: Source,
    /// The load balancer that we would create.
    pub load_balancer: LoadBalancer,
    /// The EIP that we would create; `None` for an intranet address.
    pub eip: Option<Eip>,
    /// The listeners, by port and protocol.
    pub listeners: Vec<listeners::Listener>,
    /// The ports that get none.
    pub refused_ports: Vec<listeners::Refusal>,
    /// The backends.
    pub backends: backends::Wanted,
    /// For how many seconds a backend that leaves stays with weight 0 (behaviour 7.5).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub drain_seconds: u32,
    /// What the others on the same user's load balancer want.
    pub others: Others,
    /// Whether listeners of somebody else on a user's load balancer are taken over.
    pub force_override_listeners: bool,
    /// Whether a load balancer or EIP that bears our name is taken over.
    pub adopt: bool,
    /// What deletion would do; `None` while the annotations do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<OnDelete>,
    /// What was asked for and cannot be done. Before creation nothing is created; afterwards what
    /// stands goes on serving.
    pub refusals: Vec<Refusal>,
    /// Annotations that cannot be used. Before creation nothing is created; afterwards those
    /// settings keep the values that the cloud has.
    pub faults: Vec<Fault>,
    /// What people should know although nothing is refused.
    pub notices: Vec<Notice>,
    /// Everything on which the listeners and backends depend, as a digest. Taken here, because a
    /// plan that finds nothing to do would cost more by it than by all the rest.
    #[serde(skip)]
    pub(crate) digest: applied::Digest,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Stack {
    /// The weight that a server gets: on a shared load balancer the oldest PoolService that wants
    /// the server decides.
    pub(crate) fn weight_of(&self, server: &backends::Backend) -> u8 {
        let decided = self.others.weights.get(&server.server_id);
        decided.map_or(server.weight, |decided| decided.weight)
    }

    /// Whether the value of this setting is to be left as the cloud has it.
    pub fn keeps(&self, setting: Setting) -> bool {
        self.faults.iter().any(|fault| fault.setting == setting)
    }
}

/// Whose load balancer a stack uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// One that we create and release.
    Managed,
    /// One of the user's; `None` while nobody has said which (behaviour 4.7).
    User {
        /// `lb-...`.
        id: Option<String>,
    },
}

/// The parameters of CreateLoadBalancer that people choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadBalancer {
    /// `LoadBalancerSpec`.
    pub spec: String,
    /// `PayType`.
    pub pay_type: String,
    /// A vSwitch that was asked for by name; else one of the placement's.
    pub vswitch: Option<String>,
}

/// The parameters of CreateEipInstance that people choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Eip {
    /// Mbit/s.
    pub bandwidth: u32,
    /// The carrier; the node's default where nobody asked.
    pub isp: Option<String>,
    /// `InstanceChargeType`.
    pub instance_charge_type: String,
    /// `InternetChargeType`.
    pub internet_charge_type: String,
    /// `Tag.N`, which prove whose it is.
    pub tags: BTreeMap<String, String>,
}

/// Keys of the tags on our EIPs.
pub mod tags {
    /// The cluster id.
    pub const CLUSTER_ID: &str = "ecm-cluster-id";
    /// UID of the cluster's namespace `kube-system`.
    pub const CLUSTER_UID: &str = "ecm-cluster-uid";
    /// UID of the PoolService.
    pub const POOL_SERVICE_UID: &str = "ecm-poolservice-uid";
}

/// How to let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// What it does; `None` where the annotations do not say any more: then the ledger does.
    pub on_delete: Option<OnDelete>,
    /// What the others on the same user's load balancer want: that stays.
    pub others: Others,
}

/// Something to say once that refuses nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Notice {
    /// A key under our prefixes that nobody knows.
    UnknownAnnotation(UnknownKey),
    /// A field of the Service that this load balancer cannot honour (behaviour 6.4).
    IgnoredField {
        /// The field's path.
        field: String,
        /// What happens instead.
        instead: String,
    },
    /// A node that people may expect among the backends, and why it is not.
    NodeLeftOut(backends::LeftOut),
}

/// What the cloud should hold for the PoolService of a snapshot at `now`, seconds since 1970.
pub fn desired(snapshot: &Snapshot, config: &Config, now: i64) -> Desired {
    let ps = &snapshot.pool_service;
    let (others, refusal) = shared::others(snapshot, config, now);
    if ps.deleting {
        return release(snapshot, others);
    }
    match refusal {
        None => stack(snapshot, others, config, now),
        Some(refusal) => Desired::Hold(vec![refusal]),
    }
}

/// What is wanted of a PoolService that is not being deleted.
pub(crate) fn stack(snapshot: &Snapshot, others: Others, config: &Config, now: i64) -> Desired {
    let identity = &config.identity;
    let ps = &snapshot.pool_service;
    let (service, pool) = match (&snapshot.service, &snapshot.pool) {
        (Some(service), Some(pool)) => (service, pool),
        (service, _) => return Desired::Hold(vec![missing_parent(ps, service.is_none())]),
    };
    let parsed = annotations::parse(&service.annotations, &ps.annotations);
    let settings = &parsed.settings;
    let mut refusals = Vec::new();
    let placement = match placement::from_annotations(&pool.name, &pool.annotations) {
        Ok(placement) => Some(placement),
        Err(fault) => {
            refusals.push(misplaced(&fault, &pool.annotations));
            // What stands needs the pool no more: the ledger says where it is.
            recorded_placement(ps)
        }
    };
    refusals.extend(source_ranges(service));
    let id = settings.load_balancer_id(&pool.name);
    if let Some(id) = id {
        refusals.extend(refuse_named(id, settings, snapshot, config));
    }
    let is_paused = settings.paused_by(&pool.annotations);
    if is_paused {
        refusals.push(paused());
        refusals.extend(parsed.faults.iter().map(invalid));
    }
    let (Some(placement), false) = (placement, is_paused) else {
        return Desired::Hold(refusals);
    };
    let name = StackName {
        service: service.key.name.clone(),
        namespace: service.key.namespace.clone(),
        pool: pool.name.clone(),
        cluster: identity.cluster_id.clone(),
    };
    let (wanted_listeners, refused_ports) = listeners::wanted(&service.ports, &name, settings);
    let wanted_backends = backends::wanted(snapshot, settings, config.unreachable_grace, now);
    let notices = notices(service, &parsed.unknown, &wanted_backends);
    let mut stack = Stack {
        placement,
        source: if settings.managed_by_user {
            Source::User {
                id: id.map(str::to_owned),
            }
        } else {
            Source::Managed
        },
        load_balancer: LoadBalancer {
            spec: settings.spec.clone(),
            pay_type: settings.pay_type.as_str().to_owned(),
            vswitch: settings.vswitch_id.clone(),
        },
        eip: (settings.address_type == AddressType::Internet).then(|| Eip {
            bandwidth: settings.eip_bandwidth,
            isp: settings.eip_isp.map(|isp| isp.as_str().to_owned()),
            instance_charge_type: settings.eip_instance_charge_type.as_str().to_owned(),
            internet_charge_type: settings.eip_internet_charge_type.as_str().to_owned(),
            tags: BTreeMap::from([
                (tags::CLUSTER_ID.to_owned(), identity.cluster_id.clone()),
                (tags::CLUSTER_UID.to_owned(), identity.cluster_uid.clone()),
                (tags::POOL_SERVICE_UID.to_owned(), ps.uid.clone()),
            ]),
        }),
        listeners: wanted_listeners,
        refused_ports,
        backends: wanted_backends,
        drain_seconds: settings.drain_seconds,
        others,
        force_override_listeners: settings.force_override_listeners,
        adopt: settings.adopt,
        on_delete: on_delete(snapshot, &parsed),
        refusals,
        faults: parsed.faults,
        notices,
        name,
        digest: applied::Digest::default(),
    };
    stack.digest = applied::digest(&stack);
    Desired::Stack(Box::new(stack))
}

/// Why a PoolService may not use the load balancer that it names.
fn refuse_named(
    id: &str,
    settings: &annotations::Settings,
    snapshot: &Snapshot,
    config: &Config,
) -> Vec<Refusal> {
    let namespace = &snapshot.pool_service.key.namespace;
    let refuse = |reason, message| Refusal::new(ConditionType::Accepted, reason, message);
    let mut refusals = Vec::new();
    if !settings.managed_by_user {
        refusals.push(refuse(
            Reason::ManagedByUserRequired,
            format!(
                "{} names a load balancer, but {} is not \"true\"",
                annotations::keys::ID,
                annotations::keys::MANAGED_BY_USER
            ),
        ));
    }
    if let Some(owner) = &snapshot.owner_of_named {
        refusals.push(refuse(
            Reason::LoadBalancerIsManaged,
            format!("{id} was made for PoolService {owner}: name one of your own"),
        ));
    }
    if !config.may_name(namespace, id) {
        refusals.push(refuse(
            Reason::LoadBalancerNotAllowed,
            format!(
                "namespace {namespace} may not name {id}: whoever runs the controller decides \
                 which namespace uses which load balancer"
            ),
        ));
    }
    refusals
}

/// Deleting needs no valid annotation: what cannot be read has its default. Only a pause stops it.
fn release(snapshot: &Snapshot, others: Others) -> Desired {
    let none = BTreeMap::new();
    let service = snapshot.service.as_ref().map_or(&none, |s| &s.annotations);
    let pool = snapshot.pool.as_ref().map_or(&none, |p| &p.annotations);
    let parsed = annotations::parse(service, &snapshot.pool_service.annotations);
    if parsed.settings.paused_by(pool) {
        let faults = parsed.faults.iter();
        let about_pause = faults.filter(|fault| fault.setting == Setting::Paused);
        let refusals = [paused()].into_iter().chain(about_pause.map(invalid));
        return Desired::Hold(refusals.collect());
    }
    Desired::Release(Release {
        on_delete: on_delete(snapshot, &parsed),
        others,
    })
}

/// What the annotations say about deletion, when they can be read: a value that is not allowed
/// says nothing, and neither does a Service that is gone and may have said it.
fn on_delete(snapshot: &Snapshot, parsed: &Parsed) -> Option<OnDelete> {
    let says = |setting: Setting| {
        let is_faulty = parsed.faults.iter().any(|fault| fault.setting == setting);
        let on_itself = &snapshot.pool_service.annotations;
        !is_faulty && (snapshot.service.is_some() || on_itself.contains_key(setting.key()))
    };
    let settings = &parsed.settings;
    (says(Setting::DeletionPolicy) && says(Setting::CleanupOnDelete)).then_some(OnDelete {
        policy: settings.deletion_policy,
        cleanup: settings.cleanup_on_delete,
    })
}

/// A value that cannot be used.
pub(crate) fn invalid(fault: &Fault) -> Refusal {
    Refusal::new(
        ConditionType::Accepted,
        Reason::InvalidAnnotation,
        fault.to_string(),
    )
}

fn paused() -> Refusal {
    Refusal::new(
        ConditionType::InSync,
        Reason::Paused,
        format!(
            "annotation {} stands and is not \"false\": the cloud is left as it is",
            keys::PAUSED
        ),
    )
}

/// A security expectation that cannot be met is refused, not dropped (behaviour 6.4).
fn misplaced(fault: &PlacementFault, annotations: &BTreeMap<String, String>) -> Refusal {
    let mut message = fault.to_string();
    for unknown in placement::unknown_keys(annotations) {
        let UnknownKey { key, nearest } = unknown;
        // Writing to a String does not fail.
        let _ = write!(message, "; nobody reads {key}: did you mean {nearest}?");
    }
    Refusal::new(ConditionType::Accepted, fault.reason(), message)
}

/// Where the resources of a PoolService are, by its ledger.
fn recorded_placement(ps: &PoolService) -> Option<PlacementRequest> {
    let Placement {
        region,
        network,
        vswitch,
    } = shared::recorded(ps)?.placement;
    Some(PlacementRequest {
        region,
        network,
        vswitches: vec![vswitch],
    })
}

fn source_ranges(service: &Service) -> Option<Refusal> {
    (!service.source_ranges.is_empty()).then(|| {
        Refusal::new(
            ConditionType::Accepted,
            Reason::UnsupportedField,
            format!(
                "spec.loadBalancerSourceRanges ({}) cannot be enforced by this load balancer: \
                 remove it to say that everybody may connect",
                service.source_ranges.join(", ")
            ),
        )
    })
}

fn missing_parent(ps: &PoolService, service: bool) -> Refusal {
    let (reason, kind, name) = if service {
        (Reason::ServiceMissing, "Service", ps.service.as_deref())
    } else {
        (Reason::NodePoolMissing, "NodePool", ps.pool.as_deref())
    };
    let message = match name {
        Some(name) => format!(
            "{kind} {name} does not exist: what stands is released with this PoolService, and only \
             then"
        ),
        None => format!("neither a label nor an owner says which {kind} this belongs to"),
    };
    Refusal::new(ConditionType::Accepted, reason, message)
}

fn notices(service: &Service, unknown: &[UnknownKey], backends: &backends::Wanted) -> Vec<Notice> {
    let ignored = |field: &str, instead: &str| Notice::IgnoredField {
        field: field.to_owned(),
        instead: instead.to_owned(),
    };
    let mut notices: Vec<Notice> = unknown
        .iter()
        .cloned()
        .map(Notice::UnknownAnnotation)
        .collect();
    if service.client_ip_affinity {
        notices.push(ignored(
            "spec.sessionAffinity",
            "use the annotation for the persistence timeout or the scheduler sch",
        ));
    }
    if service.load_balancer_ip.is_some() {
        notices.push(ignored(
            "spec.loadBalancerIP",
            "each pool's EIP has the address that the cloud gives",
        ));
    }
    if service.wants_ipv6 {
        notices.push(ignored(
            "spec.ipFamilies",
            "only IPv4 addresses are published",
        ));
    }
    notices.extend(backends.left_out.iter().cloned().map(Notice::NodeLeftOut));
    notices
}
