//! What is served: the built-in resources, and the shape of every resource.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::schema::Schema;

/// One resource in one version: a row of API discovery.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a property of its own"
)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, such as `v1`.
    pub version: String,
    /// Kind, such as `Service`.
    pub kind: String,
    /// Plural name in paths, such as `services`.
    pub plural: String,
    /// Singular name, such as `service`.
    pub singular: String,
    /// Short names, such as `svc`.
    pub short_names: Vec<String>,
    /// Categories, such as `all`.
    pub categories: Vec<String>,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Whether `/status` is served, and with it the split of spec and status.
    pub status: bool,
    /// Whether `metadata.generation` counts changes of the spec.
    pub generation: bool,
    /// Whether an object may be replaced without naming the revision that is replaced.
    pub unconditional: bool,
    /// The group and plural under which objects are stored, where that is not this resource's own.
    pub(crate) storage: StorageKey,
    /// `apiVersion` of the objects as they are stored.
    pub(crate) storage_api_version: String,
    /// Set for kinds that a CustomResourceDefinition defines.
    pub(crate) custom: Option<Arc<CustomKind>>,
}

/// What a CustomResourceDefinition adds to a resource.
#[derive(Debug)]
pub(crate) struct CustomKind {
    pub(crate) schema: Schema,
    pub(crate) columns: Vec<PrinterColumn>,
    /// The warning of a deprecated version.
    pub(crate) warning: Option<String>,
}

/// An `additionalPrinterColumns` entry.
#[derive(Debug, Clone)]
pub(crate) struct PrinterColumn {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) description: String,
    pub(crate) priority: i64,
    pub(crate) json_path: String,
}

/// Group and plural under which objects are stored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StorageKey {
    pub(crate) group: String,
    pub(crate) plural: String,
}

impl Resource {
    /// `apiVersion` of its objects.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// `services`, or `poolservices.network.openyurt.io`: how messages name it.
    pub fn group_resource(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    pub(crate) fn is(&self, group: &str, kind: &str) -> bool {
        self.custom.is_none() && self.group == group && self.kind == kind
    }
}

/// `v1`, or `apps/v1`.
pub(crate) fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    }
}

type ResourceKey = (String, String, String);

/// Everything that is served now.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    resources: BTreeMap<ResourceKey, Arc<Resource>>,
}

impl Registry {
    pub(crate) fn builtin() -> Self {
        let mut registry = Self {
            resources: BTreeMap::new(),
        };
        for row in BUILTIN {
            registry.insert(row.resource());
        }
        registry
    }

    pub(crate) fn insert(&mut self, resource: Resource) {
        let key = (
            resource.group.clone(),
            resource.version.clone(),
            resource.plural.clone(),
        );
        self.resources.insert(key, Arc::new(resource));
    }

    pub(crate) fn remove_custom(&mut self, group: &str, plural: &str) {
        self.resources
            .retain(|(g, _, p), r| r.custom.is_none() || g != group || p != plural);
    }

    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.resources
            .get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// Whether anything of this group is served.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.iter().any(|r| r.group == group)
    }

    /// Whether a built-in kind is of this group.
    pub(crate) fn has_builtin_group(&self, group: &str) -> bool {
        self.iter().any(|r| r.group == group && r.custom.is_none())
    }

    pub(crate) fn find_kind(&self, api_version: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.iter()
            .find(|r| r.kind == kind && r.api_version() == api_version)
    }

    /// In the order of group, version, plural.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.resources.values()
    }
}

struct Builtin {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
    flags: &'static str,
}

/// Flags: `n` namespaced, `s` status subresource, `g` generation, `c` replaced only with a revision, `a` category `all`,
/// `e` category `api-extensions`.
/// Source of the names: the "resource types" table of the kubectl reference.
#[rustfmt::skip]
const BUILTIN: &[Builtin] = &[
    row("", "v1", "ConfigMap", "configmaps", "cm", "n"),
    row("", "v1", "Event", "events", "ev", "n"),
    row("", "v1", "Namespace", "namespaces", "ns", "s"),
    row("", "v1", "Node", "nodes", "no", "s"),
    row("", "v1", "Pod", "pods", "po", "nsga"),
    row("", "v1", "Secret", "secrets", "", "n"),
    row("", "v1", "Service", "services", "svc", "nsa"),
    row("", "v1", "ServiceAccount", "serviceaccounts", "sa", "n"),
    row("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", "crd,crds", "sgce"),
    row("apps", "v1", "DaemonSet", "daemonsets", "ds", "nsga"),
    row("apps", "v1", "Deployment", "deployments", "deploy", "nsga"),
    row("coordination.k8s.io", "v1", "Lease", "leases", "", "nc"),
    row("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "", "ng"),
    row("events.k8s.io", "v1", "Event", "events", "ev", "n"),
    row("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "pdb", "nsgc"),
    row("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", "", ""),
    row("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", "", ""),
    row("rbac.authorization.k8s.io", "v1", "Role", "roles", "", "n"),
    row("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", "", "n"),
];

const fn row(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static str,
    flags: &'static str,
) -> Builtin {
    Builtin {
        group,
        version,
        kind,
        plural,
        short,
        flags,
    }
}

impl Builtin {
    fn resource(&self) -> Resource {
        let has = |flag| self.flags.contains(flag);
        let mut categories = Vec::new();
        if has('a') {
            categories.push("all".to_owned());
        }
        if has('e') {
            categories.push("api-extensions".to_owned());
        }
        // Both event APIs show the same stored objects.
        let storage_group = if self.group == "events.k8s.io" {
            ""
        } else {
            self.group
        };
        Resource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
            singular: self.kind.to_lowercase(),
            short_names: self
                .short
                .split(',')
                .filter(|s| !s.is_empty())
                .map(str::to_owned)
                .collect(),
            categories,
            namespaced: has('n'),
            status: has('s'),
            generation: has('g'),
            unconditional: !has('c'),
            storage: StorageKey {
                group: storage_group.to_owned(),
                plural: self.plural.to_owned(),
            },
            storage_api_version: api_version(storage_group, self.version),
            custom: None,
        }
    }
}
