//! What the cluster and the cloud hold at one moment, for the invariants to judge.

use ens_sim::cloud::Snapshot;
use kube_sim::{Cluster, ListOptions, Target};
use serde_json::Value;

/// Cluster and cloud at one moment.
#[derive(Debug, Clone)]
pub struct View {
    /// All Services.
    pub services: Vec<Value>,
    /// All PoolServices.
    pub pool_services: Vec<Value>,
    /// All NodePools.
    pub pools: Vec<Value>,
    /// All Nodes.
    pub nodes: Vec<Value>,
    /// All EndpointSlices.
    pub slices: Vec<Value>,
    /// All Events.
    pub events: Vec<Value>,
    /// What the cloud's owner has.
    pub cloud: Snapshot,
}

impl View {
    pub(super) fn new(cluster: &Cluster, cloud: Snapshot) -> Self {
        Self {
            services: all(cluster, "v1", "Service"),
            pool_services: all(cluster, "network.openyurt.io/v1alpha1", "PoolService"),
            pools: all(cluster, "apps.openyurt.io/v1beta2", "NodePool"),
            nodes: all(cluster, "v1", "Node"),
            slices: all(cluster, "discovery.k8s.io/v1", "EndpointSlice"),
            events: all(cluster, "events.k8s.io/v1", "Event"),
            cloud,
        }
    }
}

/// All objects of a kind; none where the kind is not served.
fn all(cluster: &Cluster, api_version: &str, kind: &str) -> Vec<Value> {
    let api = cluster.api();
    let list = api.resource_of(api_version, kind).and_then(|resource| {
        let target = Target {
            resource,
            namespace: None,
        };
        api.list(&target, &ListOptions::default())
    });
    list.map(|list| list.items).unwrap_or_default()
}
