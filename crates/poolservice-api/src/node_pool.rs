//! `NodePool` (`apps.openyurt.io`), as far as a load balancer needs it.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionSpec,
    CustomResourceDefinitionVersion, CustomResourceValidation, JSONSchemaProps,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube_core::{ClusterResourceScope, Resource};
use serde::Deserialize;

use crate::schema::{column, object, status_subresource, string, typed};

/// A group of nodes at one edge site.
///
/// Only what a load balancer reads of OpenYurt's type (openyurtio/openyurt,
/// pkg/apis/apps/v1beta2/nodepool_types.go); every other field is dropped while parsing, so this
/// type has no `Serialize`: it cannot be written back. What is read is the same in all three
/// versions, hence one Rust type: the version is chosen when the API is opened, with
/// `Api::<NodePool>::all_with(client, &version)`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct NodePool {
    /// Name, UID, labels (which the selector of a Service looks at) and annotations (which say
    /// where in the cloud the pool is).
    #[serde(default)]
    pub metadata: ObjectMeta,
    /// What the pool should be.
    #[serde(default)]
    pub spec: NodePoolSpec,
    /// What the pool is.
    #[serde(default)]
    pub status: Option<NodePoolStatus>,
}

/// What a pool should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePoolSpec {
    /// `Edge` or `Cloud`. OpenYurt's webhook fills in `Edge`.
    #[serde(default, rename = "type")]
    pub type_: Option<String>,
}

/// What a pool is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodePoolStatus {
    /// How many of its nodes are ready.
    #[serde(default)]
    pub ready_node_num: Option<i32>,
    /// How many of its nodes are not ready.
    #[serde(default)]
    pub unready_node_num: Option<i32>,
    /// Names of its nodes. For display: which node belongs to which pool is said by the label
    /// [`crate::keys::NODE_POOL`] of the node.
    #[serde(default)]
    pub nodes: Option<Vec<String>>,
}

/// A version of the `NodePool` API that we can read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodePoolVersion {
    /// `v1alpha1`, deprecated by OpenYurt.
    V1Alpha1,
    /// `v1beta1`.
    V1Beta1,
    /// `v1beta2`, the stored one since OpenYurt 1.6.
    #[default]
    V1Beta2,
}

impl NodePoolVersion {
    /// All versions, the one to prefer first. The stored version can be read while OpenYurt's
    /// conversion webhook is down, so the newest one that is served is the one to use.
    pub const PREFERRED: [Self; 3] = [Self::V1Beta2, Self::V1Beta1, Self::V1Alpha1];

    /// The version as it stands in `apiVersion`, after the slash.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V1Alpha1 => "v1alpha1",
            Self::V1Beta1 => "v1beta1",
            Self::V1Beta2 => "v1beta2",
        }
    }

    /// The best of the versions that an API server serves, or `None` when it serves none that we
    /// can read.
    pub fn newest<'a>(served: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        served
            .into_iter()
            .filter_map(|word| Self::PREFERRED.into_iter().find(|v| v.as_str() == word))
            .max()
    }
}

impl fmt::Display for NodePoolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl NodePool {
    /// The API group.
    pub const GROUP: &'static str = "apps.openyurt.io";
    /// The kind.
    pub const KIND: &'static str = "NodePool";
    /// The plural, as in paths.
    pub const PLURAL: &'static str = "nodepools";
}

impl Resource for NodePool {
    type DynamicType = NodePoolVersion;
    type Scope = ClusterResourceScope;

    fn kind(_: &NodePoolVersion) -> Cow<'_, str> {
        Self::KIND.into()
    }

    fn group(_: &NodePoolVersion) -> Cow<'_, str> {
        Self::GROUP.into()
    }

    fn version(version: &NodePoolVersion) -> Cow<'_, str> {
        version.as_str().into()
    }

    fn plural(_: &NodePoolVersion) -> Cow<'_, str> {
        Self::PLURAL.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// A `NodePool` definition for clusters that have no OpenYurt: simulations and tests.
///
/// It has the names, versions, scope and printer columns of OpenYurt's
/// (charts/yurt-manager/crds/apps.openyurt.io_nodepools.yaml), but no conversion webhook and no
/// validation: every field is kept as it is written. Never apply it to a cluster that runs
/// OpenYurt.
pub fn node_pool_crd() -> CustomResourceDefinition {
    CustomResourceDefinition {
        metadata: ObjectMeta {
            name: Some(format!("{}.{}", NodePool::PLURAL, NodePool::GROUP)),
            ..ObjectMeta::default()
        },
        spec: CustomResourceDefinitionSpec {
            group: NodePool::GROUP.to_owned(),
            names: CustomResourceDefinitionNames {
                kind: NodePool::KIND.to_owned(),
                list_kind: Some("NodePoolList".to_owned()),
                plural: NodePool::PLURAL.to_owned(),
                singular: Some("nodepool".to_owned()),
                short_names: Some(vec!["np".to_owned()]),
                categories: Some(vec!["yurt".to_owned()]),
            },
            scope: "Cluster".to_owned(),
            versions: NodePoolVersion::PREFERRED
                .into_iter()
                .map(crd_version)
                .collect(),
            ..CustomResourceDefinitionSpec::default()
        },
        status: None,
    }
}

fn crd_version(version: NodePoolVersion) -> CustomResourceDefinitionVersion {
    let mut columns = vec![
        column("Type", "string", ".spec.type"),
        column("ReadyNodes", "integer", ".status.readyNodeNum"),
        column("NotReadyNodes", "integer", ".status.unreadyNodeNum"),
    ];
    if version == NodePoolVersion::V1Beta2 {
        let elected = ".status.leaderLastElectedTime";
        columns.push(column("LeaderNodes", "integer", ".status.leaderNum"));
        columns.push(column("LeaderElectionAge", "date", elected));
    }
    columns.push(column("Age", "date", ".metadata.creationTimestamp"));
    // OpenYurt has many more fields; what is not read here is kept as it is written.
    let open = |description: &str| JSONSchemaProps {
        x_kubernetes_preserve_unknown_fields: Some(true),
        ..typed("object", description)
    };
    let schema = object(
        "NodePool is a group of nodes at one edge site.",
        [
            ("apiVersion", string("Group and version of this object.")),
            ("kind", string("NodePool.")),
            ("metadata", typed("object", "")),
            ("spec", open("What the pool should be.")),
            ("status", open("What the pool is.")),
        ],
    );
    CustomResourceDefinitionVersion {
        name: version.as_str().to_owned(),
        served: true,
        storage: version == NodePoolVersion::default(),
        deprecated: (version == NodePoolVersion::V1Alpha1).then_some(true),
        additional_printer_columns: Some(columns),
        schema: Some(CustomResourceValidation {
            open_api_v3_schema: Some(schema),
        }),
        subresources: Some(status_subresource()),
        ..CustomResourceDefinitionVersion::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_newest_version_that_is_served_is_read() {
        use NodePoolVersion::{V1Alpha1, V1Beta1, V1Beta2};
        for (served, best) in [
            (&["v1alpha1", "v1beta1", "v1beta2"][..], Some(V1Beta2)),
            (&["v1beta1", "v1alpha1"], Some(V1Beta1)),
            (&["v1alpha1"], Some(V1Alpha1)),
            (&["v2", "v1beta1"], Some(V1Beta1)),
            (&["v2"], None),
            (&[], None),
        ] {
            assert_eq!(
                NodePoolVersion::newest(served.iter().copied()),
                best,
                "{served:?}"
            );
        }
    }

    #[test]
    fn the_version_decides_the_path() {
        let path = |version| NodePool::url_path(&version, None);
        assert_eq!(
            path(NodePoolVersion::V1Beta2),
            "/apis/apps.openyurt.io/v1beta2/nodepools"
        );
        assert_eq!(
            path(NodePoolVersion::V1Beta1),
            "/apis/apps.openyurt.io/v1beta1/nodepools"
        );
    }

    #[test]
    fn a_pool_is_read_whatever_else_it_has_or_lacks() {
        let pool: NodePool = serde_json::from_value(json!({
            "apiVersion": "apps.openyurt.io/v1beta2",
            "kind": "NodePool",
            "metadata": { "name": "np-heifei", "labels": { "k8s-svc": "cube" } },
            "spec": { "type": "Edge", "hostNetwork": false, "leaderReplicas": 1 },
            "status": { "readyNodeNum": 2, "conditions": [], "nodes": ["n1", "n2"] },
        }))
        .unwrap();
        assert_eq!(pool.spec.type_.as_deref(), Some("Edge"));
        assert_eq!(pool.status.unwrap().ready_node_num, Some(2));
        let bare: NodePool = serde_json::from_value(json!({ "metadata": {} })).unwrap();
        assert_eq!(bare, NodePool::default());
    }

    #[test]
    fn one_version_is_stored_and_all_are_served() {
        let versions = node_pool_crd().spec.versions;
        let stored: Vec<&str> = versions
            .iter()
            .filter(|v| v.storage)
            .map(|v| v.name.as_str())
            .collect();
        assert_eq!(stored, ["v1beta2"]);
        assert!(versions.iter().all(|version| version.served));
        assert_eq!(versions.len(), NodePoolVersion::PREFERRED.len());
    }
}
