//! What Kubernetes says about one PoolService, as small values of our own.
//!
//! The types hold only what a decision needs, so that any client can fill them. Conversions from
//! the Kubernetes types stand at the end of each type.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use serde::{Deserialize, Serialize};

use crate::naming::StackName;

/// Everything that one PoolService depends on, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The PoolService itself.
    pub pool_service: PoolService,
    /// Its Service; `None` when it does not exist.
    pub service: Option<Service>,
    /// Its NodePool; `None` when it does not exist.
    pub pool: Option<Pool>,
    /// The nodes that bear the pool's label, sorted by name.
    pub nodes: Vec<Node>,
    /// The endpoints of the Service in the whole cluster; empty when the Service has no
    /// EndpointSlice at all.
    pub endpoints: Vec<Endpoint>,
    /// The other PoolServices that name the same user's load balancer, each with what it depends
    /// on; their own `sharing` is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sharing: Vec<Snapshot>,
    /// The PoolService whose ledger owns the load balancer that this one names as the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_of_named: Option<ObjectKey>,
}

/// Who we are: the same for every object of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The load balancer class that this controller serves.
    pub load_balancer_class: String,
    /// The cluster id that names bear (behaviour 5.7).
    pub cluster_id: String,
    /// UID of the namespace `kube-system`, which no two clusters share.
    pub cluster_uid: String,
    /// The cloud account of the credentials; `None` where it could not be asked (behaviour 5.7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_account: Option<String>,
}

/// A namespaced name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectKey {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl ObjectKey {
    /// A key of its two parts.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What a decision needs of a PoolService.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolService {
    /// Namespace and name.
    pub key: ObjectKey,
    /// The UID; a ledger is trusted only when it bears the same one.
    pub uid: String,
    /// `metadata.resourceVersion`, for writes that must not overwrite somebody else's.
    pub resource_version: String,
    /// `metadata.generation`, for `observedGeneration`.
    pub generation: Option<i64>,
    /// `spec.loadBalancerClass`.
    pub load_balancer_class: Option<String>,
    /// Name of the Service, from the label, else from the owners.
    pub service: Option<String>,
    /// Name of the pool, from the label, else from the owners.
    pub pool: Option<String>,
    /// All annotations, the ledger's among them.
    pub annotations: BTreeMap<String, String>,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
    /// Whether our finalizer is on it.
    pub has_finalizer: bool,
    /// Addresses published in the status now.
    pub published: Vec<String>,
    /// `metadata.creationTimestamp`, seconds since 1970.
    pub created_at: i64,
}

/// Seconds by which a PoolService may be younger than a Service that asked for it from the start: it
/// takes the fan-out so long at most, unless it does not run.
const MADE_WITH_ITS_SERVICE: i64 = 10 * 60;

impl Snapshot {
    /// When an address was asked for, seconds since 1970 (behaviour 10.4): with the Service; where its pool
    /// joined a Service that had long been there, with the PoolService.
    pub fn asked_for_at(&self) -> i64 {
        let made = self.pool_service.created_at;
        let service = self.service.as_ref().map(|service| service.created_at);
        service
            .filter(|asked| (0..=MADE_WITH_ITS_SERVICE).contains(&(made - asked)))
            .unwrap_or(made)
    }
}

impl PoolService {
    /// Whether somebody waits for it: it is let go, or has no address yet. That comes before what
    /// serves (behaviour 11.2).
    pub fn is_urgent(&self) -> bool {
        self.deleting || self.published.is_empty()
    }

    /// What the names of its resources are made of. Service and pool are empty where neither a label
    /// nor an owner says them.
    pub fn stack_name(&self, cluster_id: &str) -> StackName {
        StackName {
            service: self.service.clone().unwrap_or_default(),
            namespace: self.key.namespace.clone(),
            pool: self.pool.clone().unwrap_or_default(),
            cluster: cluster_id.to_owned(),
        }
    }
}

/// What a decision needs of a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Namespace and name.
    pub key: ObjectKey,
    /// The UID.
    pub uid: String,
    /// All annotations.
    pub annotations: BTreeMap<String, String>,
    /// `spec.type`.
    pub service_type: String,
    /// `spec.loadBalancerClass`.
    pub load_balancer_class: Option<String>,
    /// `spec.externalTrafficPolicy`.
    pub external_traffic_policy: ExternalTrafficPolicy,
    /// `spec.ports`, in order.
    pub ports: Vec<ServicePort>,
    /// `spec.loadBalancerSourceRanges`.
    pub source_ranges: Vec<String>,
    /// Whether `spec.sessionAffinity` is `ClientIP`.
    pub client_ip_affinity: bool,
    /// `spec.loadBalancerIP`.
    pub load_balancer_ip: Option<String>,
    /// Whether `spec.ipFamilies` names IPv6.
    pub wants_ipv6: bool,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
    /// `metadata.creationTimestamp`, seconds since 1970.
    pub created_at: i64,
}

/// `spec.externalTrafficPolicy` of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternalTrafficPolicy {
    /// A node answers for the pods on it only.
    Local,
    /// A node answers for all pods that it can reach.
    Cluster,
}

/// One entry of `spec.ports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePort {
    /// The port's name, empty when it has none.
    pub name: String,
    /// `TCP`, `UDP`, `SCTP`: as Kubernetes spells it.
    pub protocol: String,
    /// The port that clients use.
    pub port: u16,
    /// The port that every node opens for it.
    pub node_port: Option<u16>,
}

/// What a decision needs of a NodePool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The name.
    pub name: String,
    /// The UID.
    pub uid: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
}

/// What a decision needs of a Node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The name.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`, those that a decision reads.
    pub annotations: BTreeMap<String, String>,
    /// Status of the condition `Ready`.
    pub ready: Readiness,
    /// When the condition `Ready` last changed, seconds since 1970.
    pub ready_since: Option<i64>,
    /// `spec.unschedulable`.
    pub unschedulable: bool,
    /// Keys of `spec.taints`.
    pub taints: Vec<String>,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
}

/// Status of a node's condition `Ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Readiness {
    /// The node reports and is ready.
    True,
    /// The node reports that it is not ready.
    False,
    /// The node has not reported for a while, or has no such condition yet.
    Unknown,
}

/// One endpoint of an EndpointSlice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Node on which it runs; endpoints of other kinds have none.
    pub node: Option<String>,
    /// Whether it is ready for traffic.
    pub ready: bool,
    /// Whether it serves, even while it terminates.
    pub serving: bool,
    /// Whether it terminates.
    pub terminating: bool,
}

impl From<&core::Service> for Service {
    fn from(service: &core::Service) -> Self {
        let meta = &service.metadata;
        let spec = service.spec.clone().unwrap_or_default();
        Self {
            key: ObjectKey::new(
                meta.namespace.clone().unwrap_or_default(),
                meta.name.clone().unwrap_or_default(),
            ),
            uid: meta.uid.clone().unwrap_or_default(),
            annotations: meta.annotations.clone().unwrap_or_default(),
            service_type: spec.type_.unwrap_or_else(|| "ClusterIP".to_owned()),
            load_balancer_class: spec.load_balancer_class,
            external_traffic_policy: match spec.external_traffic_policy.as_deref() {
                Some("Local") => ExternalTrafficPolicy::Local,
                // The API server's default for a LoadBalancer Service is Cluster.
                _ => ExternalTrafficPolicy::Cluster,
            },
            ports: spec
                .ports
                .unwrap_or_default()
                .iter()
                .map(ServicePort::from)
                .collect(),
            source_ranges: spec.load_balancer_source_ranges.unwrap_or_default(),
            client_ip_affinity: spec.session_affinity.as_deref() == Some("ClientIP"),
            load_balancer_ip: spec.load_balancer_ip.filter(|ip| !ip.is_empty()),
            wants_ipv6: spec
                .ip_families
                .unwrap_or_default()
                .iter()
                .any(|f| f == "IPv6"),
            deleting: meta.deletion_timestamp.is_some(),
            created_at: meta
                .creation_timestamp
                .as_ref()
                .map_or(0, |time| time.0.as_second()),
        }
    }
}

impl From<&core::ServicePort> for ServicePort {
    fn from(port: &core::ServicePort) -> Self {
        Self {
            name: port.name.clone().unwrap_or_default(),
            protocol: port.protocol.clone().unwrap_or_else(|| "TCP".to_owned()),
            // The API server admits 1..65535 only; 0 is refused later, with the port's name.
            port: u16::try_from(port.port).unwrap_or(0),
            node_port: port
                .node_port
                .and_then(|p| u16::try_from(p).ok())
                .filter(|p| *p != 0),
        }
    }
}

impl From<&core::Node> for Node {
    fn from(node: &core::Node) -> Self {
        let meta = &node.metadata;
        let ready = node
            .status
            .iter()
            .flat_map(|s| s.conditions.iter().flatten())
            .find(|c| c.type_ == "Ready");
        let spec = node.spec.as_ref();
        Self {
            name: meta.name.clone().unwrap_or_default(),
            labels: meta.labels.clone().unwrap_or_default(),
            annotations: meta.annotations.clone().unwrap_or_default(),
            ready: match ready.map(|c| c.status.as_str()) {
                Some("True") => Readiness::True,
                Some("False") => Readiness::False,
                _ => Readiness::Unknown,
            },
            ready_since: ready
                .and_then(|c| c.last_transition_time.as_ref())
                .map(|t| t.0.as_second()),
            unschedulable: spec.and_then(|s| s.unschedulable).unwrap_or(false),
            taints: spec
                .and_then(|s| s.taints.as_ref())
                .map(|taints| taints.iter().map(|t| t.key.clone()).collect())
                .unwrap_or_default(),
            deleting: meta.deletion_timestamp.is_some(),
        }
    }
}

impl From<&discovery::Endpoint> for Endpoint {
    fn from(endpoint: &discovery::Endpoint) -> Self {
        let conditions = endpoint.conditions.clone().unwrap_or_default();
        // Kubernetes, EndpointConditions: "nil should be interpreted as true" for ready, and
        // serving follows ready when it is absent.
        let ready = conditions.ready.unwrap_or(true);
        Self {
            node: endpoint.node_name.clone(),
            ready,
            serving: conditions.serving.unwrap_or(ready),
            terminating: conditions.terminating.unwrap_or(false),
        }
    }
}
