//! `PoolService` (`network.openyurt.io/v1alpha1`).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::LoadBalancerStatus;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, CustomResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked of one load balancer of one Service in one node pool.
///
/// Wire compatible with OpenYurt's type (openyurtio/openyurt,
/// pkg/apis/network/v1alpha1/poolservice_types.go): objects and clients of either side work with
/// the other's CustomResourceDefinition. Ours adds printer columns.
#[derive(CustomResource, Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "network.openyurt.io",
    version = "v1alpha1",
    kind = "PoolService",
    plural = "poolservices",
    singular = "poolservice",
    shortname = "ps",
    category = "yurt",
    namespaced,
    status = "PoolServiceStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "PoolService is one load balancer of one Service in one node pool.",
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Pool","type":"string","priority":1,"jsonPath":".metadata.labels.openyurt\\.io/pool-name"}"#,
    printcolumn = r#"{"name":"Class","type":"string","priority":1,"jsonPath":".spec.loadBalancerClass"}"#,
    printcolumn = r#"{"name":"LoadBalancer","type":"string","priority":1,"jsonPath":".status.aggregateToAnnotations.lb-id"}"#,
    printcolumn = r#"{"name":"Address","type":"string","priority":1,"jsonPath":".status.loadBalancer.ingress[*].ip"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct PoolServiceSpec {
    /// The class of the load balancer, copied from the Service. A controller serves the objects of
    /// its own class and leaves all others alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer_class: Option<String>,
}

/// What is known of one load balancer of one Service in one node pool.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolServiceStatus {
    /// The addresses at which the Service is reached in this pool, as a Service's own status has
    /// them. The fan-out controller unites them in the status of the Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancerStatus>,

    /// Facts that the fan-out controller collects into annotations of the Service, each under the
    /// key `aggregated.<key>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate_to_annotations: Option<BTreeMap<String, String>>,

    /// Facts that the fan-out controller collects into labels of the Service, each under the key
    /// `aggregated.<key>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregate_to_labels: Option<BTreeMap<String, String>>,

    /// How far the load balancer is what it should be, one entry per type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
}

/// The CustomResourceDefinition of [`PoolService`].
pub fn pool_service_crd() -> CustomResourceDefinition {
    PoolService::crd()
}
