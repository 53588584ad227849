//! What a Kubernetes API server serves and this one does not: refused by name, since a 404 would say that the cluster has
//! no such thing.
//!
//! Source: the resource types of Kubernetes 1.37, `kubectl api-resources`.

use crate::status::Status;

/// The groups of a real server that are missing here as a whole.
const GROUPS: &[&str] = &[
    "admissionregistration.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// What is missing of the groups that are there.
const RESOURCES: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "bindings",
            "componentstatuses",
            "endpoints",
            "limitranges",
            "persistentvolumeclaims",
            "persistentvolumes",
            "podtemplates",
            "replicationcontrollers",
            "resourcequotas",
        ],
    ),
    (
        "apps",
        &["controllerrevisions", "replicasets", "statefulsets"],
    ),
];

/// The refusal of a group that is not served.
pub(super) fn group(group: &str) -> Status {
    if GROUPS.contains(&group) {
        return Status::not_implemented(&format!("the API group {group}"));
    }
    Status::no_such_path()
}

/// The refusal of a resource that is not served in a group that is.
pub(super) fn resource(group: &str, plural: &str) -> Status {
    let is_real = RESOURCES
        .iter()
        .any(|(of, plurals)| *of == group && plurals.contains(&plural));
    if !is_real {
        return Status::no_such_resource();
    }
    let dot = if group.is_empty() { "" } else { "." };
    Status::not_implemented(&format!("the resource {plural}{dot}{group}"))
}
