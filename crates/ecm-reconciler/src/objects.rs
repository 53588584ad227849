//! What the index keeps of each Kubernetes object.
//!
//! An object is reduced the moment it arrives: what nobody reads, above all `managedFields`,
//! `last-applied-configuration`, images and addresses of nodes, addresses of pods, is dropped. So
//! the memory per object is small, and a change of what was dropped is no change at all.

use std::collections::{BTreeMap, BTreeSet};

use ecm_policy::aggregate::Ingress;
use ecm_policy::annotations::Setting;
use ecm_policy::fan_out;
use ecm_policy::ledger::{self, Ledger, Owner, State};
use ecm_policy::snapshot::{self, ObjectKey};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use poolservice_api::{NodePool, PoolServiceStatus, keys};

/// Domains of the annotations that are read on Services and PoolServices.
const SERVICE_DOMAINS: [&str; 4] = [
    "service.beta.kubernetes.io",
    "service.openyurt.io",
    "openyurt.io",
    "ecm.alibabacloud.com",
];

/// Domains of the annotations that are read on NodePools.
const POOL_DOMAINS: [&str; 2] = ["alibabacloud.com", "ecm.alibabacloud.com"];

/// A Service.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// What a PoolService's sync reads. Without the annotations that the fan-out reads and writes.
    pub snapshot: snapshot::Service,
    /// What the fan-out reads.
    pub fan_out: fan_out::Service,
}

/// A PoolService.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolService {
    /// What its sync reads.
    pub snapshot: snapshot::PoolService,
    /// What the fan-out reads.
    pub fan_out: fan_out::PoolService,
    /// Its whole status, to see what has to be written.
    pub status: PoolServiceStatus,
    /// Its ledger, when it is its own.
    pub ledger: Option<Box<Ledger>>,
}

/// An EndpointSlice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Its own namespace and name.
    pub key: ObjectKey,
    /// The Service whose endpoints it has; `None` when it names none.
    pub service: Option<ObjectKey>,
    /// Whether its addresses are IPv6 ones. A Service of both families has each endpoint twice.
    pub is_ipv6: bool,
    /// The endpoints, in an order of ours: theirs means nothing.
    pub endpoints: Vec<snapshot::Endpoint>,
}

impl From<&core::Service> for Service {
    fn from(service: &core::Service) -> Self {
        let meta = &service.metadata;
        let annotations = meta.annotations.as_ref();
        let is_aggregated = |key: &str| key.starts_with(keys::AGGREGATED_PREFIX);
        let mut snapshot = snapshot::Service::from(service);
        snapshot.annotations = chosen(annotations, |key| {
            is_in(&SERVICE_DOMAINS, key) && key != keys::NODE_POOL_SELECTOR
        });
        let status = service
            .status
            .as_ref()
            .and_then(|s| s.load_balancer.as_ref());
        let fan_out = fan_out::Service {
            key: snapshot.key.clone(),
            uid: snapshot.uid.clone(),
            service_type: snapshot.service_type.clone(),
            load_balancer_class: snapshot.load_balancer_class.clone(),
            selector: annotations.and_then(|a| a.get(keys::NODE_POOL_SELECTOR).cloned()),
            load_balancer_ids: annotations
                .and_then(|a| a.get(Setting::LoadBalancerIds.key()).cloned()),
            annotations: chosen(annotations, is_aggregated),
            labels: chosen(meta.labels.as_ref(), is_aggregated),
            has_finalizer: has_finalizer(meta, keys::SERVICE_FINALIZER),
            deleting: snapshot.deleting,
            ingress: ingress(status),
        };
        Self { snapshot, fan_out }
    }
}

impl From<&poolservice_api::PoolService> for PoolService {
    fn from(ps: &poolservice_api::PoolService) -> Self {
        let meta = &ps.metadata;
        let owners = meta.owner_references.clone().unwrap_or_default();
        let key = key(meta);
        let uid = meta.uid.clone().unwrap_or_default();
        let resource_version = meta.resource_version.clone().unwrap_or_default();
        let labels = chosen(meta.labels.as_ref(), |key| {
            [keys::SERVICE_NAME, keys::POOL_NAME, keys::MANAGED_BY].contains(&key)
        });
        let annotations = chosen(meta.annotations.as_ref(), |key| {
            is_in(&SERVICE_DOMAINS, key)
        });
        let named = |label: &str, kind: &str| {
            labels
                .get(label)
                .filter(|name| !name.is_empty())
                .or_else(|| owner(&owners, kind))
                .cloned()
        };
        let status = ps.status.clone().unwrap_or_default();
        let ingress = ingress(status.load_balancer.as_ref());
        let deleting = meta.deletion_timestamp.is_some();
        let has_finalizer = has_finalizer(meta, keys::POOL_SERVICE_FINALIZER);
        let snapshot = snapshot::PoolService {
            key: key.clone(),
            uid: uid.clone(),
            resource_version: resource_version.clone(),
            generation: meta.generation,
            load_balancer_class: ps.spec.load_balancer_class.clone(),
            service: named(keys::SERVICE_NAME, "Service"),
            pool: named(keys::POOL_NAME, NodePool::KIND),
            annotations,
            deleting,
            has_finalizer,
            published: ingress
                .iter()
                .filter_map(|entry| entry.ip.clone().or_else(|| entry.hostname.clone()))
                .collect(),
            created_at: meta
                .creation_timestamp
                .as_ref()
                .map_or(0, |time| time.0.as_second()),
        };
        let ledger = match ledger::of(&snapshot) {
            State::Current(ledger) => Some(ledger),
            State::None | State::Lost(_) => None,
        };
        Self {
            snapshot,
            fan_out: fan_out::PoolService {
                name: key.name,
                uid,
                resource_version,
                labels,
                owners,
                load_balancer_class: ps.spec.load_balancer_class.clone(),
                deleting,
                ingress,
                aggregate_to_annotations: status
                    .aggregate_to_annotations
                    .clone()
                    .unwrap_or_default(),
                aggregate_to_labels: status.aggregate_to_labels.clone().unwrap_or_default(),
            },
            status,
            ledger,
        }
    }
}

impl PoolService {
    /// The names of all Services that it mentions, in a label or as owners.
    pub fn services(&self) -> BTreeSet<&str> {
        self.mentioned(keys::SERVICE_NAME, "Service")
    }

    /// The names of all pools that it mentions, in a label or as owners.
    pub fn pools(&self) -> BTreeSet<&str> {
        self.mentioned(keys::POOL_NAME, NodePool::KIND)
    }

    /// The user's load balancer that it serves, by its ledger.
    pub fn users_load_balancer(&self) -> Option<&str> {
        let record = &self.ledger.as_ref()?.load_balancer;
        record.id.as_deref().filter(|_| record.owner == Owner::User)
    }

    /// The load balancer that its ledger owns.
    pub fn own_load_balancer(&self) -> Option<&str> {
        let record = &self.ledger.as_ref()?.load_balancer;
        record.id.as_deref().filter(|_| record.is_ours())
    }

    fn mentioned(&self, label: &str, kind: &str) -> BTreeSet<&str> {
        let owners = self.fan_out.owners.iter();
        let owners = owners.filter(|owner| owner.kind == kind);
        let label = self.fan_out.labels.get(label).map(String::as_str);
        label
            .into_iter()
            .chain(owners.map(|owner| owner.name.as_str()))
            .filter(|name| !name.is_empty())
            .collect()
    }
}

/// What is kept of a NodePool.
pub fn pool(pool: &NodePool) -> snapshot::Pool {
    let meta = &pool.metadata;
    snapshot::Pool {
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        labels: meta.labels.clone().unwrap_or_default(),
        annotations: chosen(meta.annotations.as_ref(), |key| is_in(&POOL_DOMAINS, key)),
        deleting: meta.deletion_timestamp.is_some(),
    }
}

/// What is kept of a Node. All labels, because `backend-label` may ask for any.
pub fn node(node: &core::Node) -> snapshot::Node {
    let mut node = snapshot::Node::from(node);
    node.annotations
        .retain(|key, _| keys::AUTONOMY.contains(&key.as_str()) || key == keys::AUTONOMY_DURATION);
    node
}

/// The pool that a node belongs to (behaviour 7.1).
pub fn pool_of_node(node: &snapshot::Node) -> Option<&str> {
    [keys::NODE_POOL, keys::ACK_NODE_POOL]
        .iter()
        .filter_map(|label| node.labels.get(*label))
        .map(String::as_str)
        .find(|pool| !pool.is_empty())
}

impl From<&discovery::EndpointSlice> for EndpointSlice {
    fn from(slice: &discovery::EndpointSlice) -> Self {
        let meta = &slice.metadata;
        let key = key(meta);
        let service = meta
            .labels
            .as_ref()
            // Label of every slice (k8s.io/api/discovery/v1, `LabelServiceName`).
            .and_then(|labels| labels.get("kubernetes.io/service-name"))
            .map(|name| ObjectKey::new(&key.namespace, name));
        let mut endpoints: Vec<_> = slice
            .endpoints
            .iter()
            .flatten()
            .map(snapshot::Endpoint::from)
            .collect();
        endpoints.sort_by(|a, b| {
            let order = |e: &snapshot::Endpoint| (e.ready, e.serving, e.terminating);
            (&a.node, order(a)).cmp(&(&b.node, order(b)))
        });
        Self {
            key,
            service,
            is_ipv6: slice.address_type == "IPv6",
            endpoints,
        }
    }
}

/// Namespace and name of an object.
pub fn key(meta: &ObjectMeta) -> ObjectKey {
    ObjectKey::new(
        meta.namespace.clone().unwrap_or_default(),
        meta.name.clone().unwrap_or_default(),
    )
}

fn owner<'a>(owners: &'a [OwnerReference], kind: &str) -> Option<&'a String> {
    owners
        .iter()
        .find(|owner| owner.kind == kind)
        .map(|owner| &owner.name)
}

fn has_finalizer(meta: &ObjectMeta, finalizer: &str) -> bool {
    meta.finalizers.iter().flatten().any(|f| f == finalizer)
}

fn ingress(status: Option<&core::LoadBalancerStatus>) -> Vec<Ingress> {
    status
        .iter()
        .flat_map(|status| status.ingress.iter().flatten())
        .map(Ingress::from)
        .collect()
}

fn chosen(
    map: Option<&BTreeMap<String, String>>,
    keep: impl Fn(&str) -> bool,
) -> BTreeMap<String, String> {
    map.into_iter()
        .flatten()
        .filter(|(key, _)| keep(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_in(domains: &[&str], key: &str) -> bool {
    key.split_once('/')
        .is_some_and(|(domain, _)| domains.contains(&domain))
}
