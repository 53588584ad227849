//! Kinds of objects, as paths name them.

use std::borrow::Cow;

/// A resource in one version.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    /// Empty for the core group.
    pub(crate) group: Cow<'static, str>,
    pub(crate) version: &'static str,
    /// `Service`.
    pub(crate) name: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) namespaced: bool,
}

const fn kind(
    group: &'static str,
    version: &'static str,
    name: &'static str,
    plural: &'static str,
    namespaced: bool,
) -> Kind {
    Kind {
        group: Cow::Borrowed(group),
        version,
        name,
        plural,
        namespaced,
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";

pub(crate) const CONFIG_MAPS: Kind = kind("", "v1", "ConfigMap", "configmaps", true);
pub(crate) const SECRETS: Kind = kind("", "v1", "Secret", "secrets", true);
pub(crate) const SERVICES: Kind = kind("", "v1", "Service", "services", true);
pub(crate) const SERVICE_ACCOUNTS: Kind = kind("", "v1", "ServiceAccount", "serviceaccounts", true);
pub(crate) const EVENTS: Kind = kind("", "v1", "Event", "events", true);
pub(crate) const PODS: Kind = kind("", "v1", "Pod", "pods", true);
pub(crate) const NODES: Kind = kind("", "v1", "Node", "nodes", false);
pub(crate) const NAMESPACES: Kind = kind("", "v1", "Namespace", "namespaces", false);
pub(crate) const DAEMON_SETS: Kind = kind("apps", "v1", "DaemonSet", "daemonsets", true);
pub(crate) const ENDPOINT_SLICES: Kind = kind(
    "discovery.k8s.io",
    "v1",
    "EndpointSlice",
    "endpointslices",
    true,
);
pub(crate) const BUDGETS: Kind = kind(
    "policy",
    "v1",
    "PodDisruptionBudget",
    "poddisruptionbudgets",
    true,
);
pub(crate) const LEASES: Kind = kind("coordination.k8s.io", "v1", "Lease", "leases", true);
pub(crate) const NEW_EVENTS: Kind = kind("events.k8s.io", "v1", "Event", "events", true);
pub(crate) const ROLES: Kind = kind(RBAC, "v1", "Role", "roles", true);
pub(crate) const ROLE_BINDINGS: Kind = kind(RBAC, "v1", "RoleBinding", "rolebindings", true);
pub(crate) const CLUSTER_ROLES: Kind = kind(RBAC, "v1", "ClusterRole", "clusterroles", false);
pub(crate) const DEFINITIONS: Kind = kind(
    "apiextensions.k8s.io",
    "v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    false,
);

impl Kind {
    /// The kind `Gadget` of a definition made by [`crate::suite::gadget`].
    pub(crate) fn gadget(group: String, version: &'static str) -> Self {
        Self {
            group: Cow::Owned(group),
            version,
            name: "Gadget",
            plural: "gadgets",
            namespaced: true,
        }
    }

    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// The path of the collection; of all namespaces where none is given.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        let version = self.api_version();
        match namespace.filter(|_| self.namespaced) {
            Some(namespace) => {
                format!("/{root}/{version}/namespaces/{namespace}/{}", self.plural)
            }
            None => format!("/{root}/{version}/{}", self.plural),
        }
    }
}
