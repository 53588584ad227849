//! What the fan-out looks at.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use serde::{Deserialize, Serialize};

use crate::aggregate::Ingress;
use crate::snapshot::ObjectKey;

/// Everything that the fan-out of one Service depends on, at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Namespace and name of the Service.
    pub key: ObjectKey,
    /// The Service; `None` when it does not exist.
    pub service: Option<Service>,
    /// The pools that the Service selects, and those whose name is in one of its PoolServices'.
    pub pools: Vec<Pool>,
    /// The PoolServices in the namespace that name the Service, in a label or as an owner, and
    /// those whose name is one that the Service needs.
    pub pool_services: Vec<PoolService>,
    /// Name to UID of the other Services in the namespace that one of these PoolServices names.
    pub other_services: BTreeMap<String, String>,
}

/// What the fan-out needs of a Service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Namespace and name.
    pub key: ObjectKey,
    /// The UID.
    pub uid: String,
    /// `spec.type`.
    pub service_type: String,
    /// `spec.loadBalancerClass`.
    pub load_balancer_class: Option<String>,
    /// The annotation that selects pools.
    pub selector: Option<String>,
    /// The annotation that names a load balancer of the user's for each pool.
    #[serde(default)]
    pub load_balancer_ids: Option<String>,
    /// The annotations under `aggregated.`.
    pub annotations: BTreeMap<String, String>,
    /// The labels under `aggregated.`.
    pub labels: BTreeMap<String, String>,
    /// Whether the fan-out's finalizer is on it.
    pub has_finalizer: bool,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
    /// `status.loadBalancer.ingress`.
    pub ingress: Vec<Ingress>,
}

/// What the fan-out needs of a NodePool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// The name.
    pub name: String,
    /// The UID.
    pub uid: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
}

/// What the fan-out needs of a PoolService.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolService {
    /// The name.
    pub name: String,
    /// The UID.
    pub uid: String,
    /// `metadata.resourceVersion`.
    pub resource_version: String,
    /// The labels that the fan-out sets.
    pub labels: BTreeMap<String, String>,
    /// `metadata.ownerReferences`.
    pub owners: Vec<OwnerReference>,
    /// `spec.loadBalancerClass`.
    pub load_balancer_class: Option<String>,
    /// Whether a deletionTimestamp is set.
    pub deleting: bool,
    /// `status.loadBalancer.ingress`.
    pub ingress: Vec<Ingress>,
    /// `status.aggregateToAnnotations`.
    pub aggregate_to_annotations: BTreeMap<String, String>,
    /// `status.aggregateToLabels`.
    pub aggregate_to_labels: BTreeMap<String, String>,
}
