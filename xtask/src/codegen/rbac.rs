//! The permissions of the controller: what it does, and nothing else.

use anyhow::Result;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{
    ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use poolservice_api::{NodePool, keys};

use super::yaml;

/// Name of everything that is deployed.
pub(super) const NAME: &str = "edge-controller-manager";

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";

/// A ServiceAccount, a role for the cluster, a role for the system namespace, and their bindings.
pub(super) fn documents() -> Result<Vec<String>> {
    let subjects = Some(vec![Subject {
        kind: "ServiceAccount".to_owned(),
        name: NAME.to_owned(),
        namespace: Some(keys::SYSTEM_NAMESPACE.to_owned()),
        ..Subject::default()
    }]);
    let role_ref = |kind: &str| RoleRef {
        api_group: Some(RBAC_GROUP.to_owned()),
        kind: kind.to_owned(),
        name: NAME.to_owned(),
    };
    Ok(vec![
        yaml(&ServiceAccount {
            metadata: in_system_namespace(),
            ..ServiceAccount::default()
        })?,
        yaml(&ClusterRole {
            metadata: cluster_wide(),
            rules: Some(cluster_rules()),
            ..ClusterRole::default()
        })?,
        yaml(&ClusterRoleBinding {
            metadata: cluster_wide(),
            role_ref: role_ref("ClusterRole"),
            subjects: subjects.clone(),
        })?,
        yaml(&Role {
            metadata: in_system_namespace(),
            rules: Some(system_rules()),
        })?,
        yaml(&RoleBinding {
            metadata: in_system_namespace(),
            role_ref: role_ref("Role"),
            subjects,
        })?,
    ])
}

fn cluster_rules() -> Vec<PolicyRule> {
    const POOL_SERVICES: &str = "network.openyurt.io";
    const WATCH: [&str; 3] = ["get", "list", "watch"];
    vec![
        // The finalizer and the aggregated annotations of a Service.
        rule(
            "",
            &["services"],
            &["get", "list", "watch", "patch", "update"],
        ),
        rule("", &["services/status"], &["patch"]),
        rule(
            POOL_SERVICES,
            &["poolservices"],
            &[
                "get", "list", "watch", "create", "patch", "update", "delete",
            ],
        ),
        rule(
            POOL_SERVICES,
            &["poolservices/status"],
            &["get", "patch", "update"],
        ),
        // Owner references with blockOwnerDeletion, where the admission plugin
        // OwnerReferencesPermissionEnforcement is on, and finalizers.
        rule("", &["services/finalizers"], &["update"]),
        rule(POOL_SERVICES, &["poolservices/finalizers"], &["update"]),
        rule(NodePool::GROUP, &["nodepools/finalizers"], &["update"]),
        rule(NodePool::GROUP, &["nodepools"], &WATCH),
        rule("", &["nodes"], &WATCH),
        rule("discovery.k8s.io", &["endpointslices"], &WATCH),
        rule("events.k8s.io", &["events"], &["get", "create", "patch"]),
        // The UID of the cluster is that of this namespace.
        PolicyRule {
            resource_names: Some(vec![keys::SYSTEM_NAMESPACE.to_owned()]),
            ..rule("", &["namespaces"], &["get"])
        },
    ]
}

fn system_rules() -> Vec<PolicyRule> {
    const LEASES: &str = "coordination.k8s.io";
    vec![
        // The id of the cluster.
        PolicyRule {
            resource_names: Some(vec![keys::CLUSTER_PROFILE.to_owned()]),
            ..rule("", &["configmaps"], &["get"])
        },
        // The leader election. A name cannot be asked for in a create.
        rule(LEASES, &["leases"], &["create"]),
        PolicyRule {
            resource_names: Some(vec![format!("{NAME}-elb"), format!("{NAME}-fan-out")]),
            ..rule(LEASES, &["leases"], &["get", "update"])
        },
    ]
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

fn cluster_wide() -> ObjectMeta {
    ObjectMeta {
        name: Some(NAME.to_owned()),
        ..ObjectMeta::default()
    }
}

/// Name and namespace of what belongs to one namespace.
pub(super) fn in_system_namespace() -> ObjectMeta {
    ObjectMeta {
        namespace: Some(keys::SYSTEM_NAMESPACE.to_owned()),
        ..cluster_wide()
    }
}
