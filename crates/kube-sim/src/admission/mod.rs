//! What the API server itself does to objects of built-in kinds: defaults, rules, allocation.

mod allocated;
mod data;
mod endpoint_slice;
mod event;
mod node;
mod rbac;
mod service;
mod workload;

use serde_json::{Value, json};

use crate::crd;
use crate::object::{self, as_map, child, default_to, metadata_mut};
use crate::resource::Resource;
use crate::server::State;
use crate::status::FieldError;

pub(crate) use allocated::Allocated;

/// What a cluster has before anybody asks.
pub(crate) fn bootstrap_objects() -> Vec<Value> {
    let namespaces = ["default", "kube-node-lease", "kube-public", "kube-system"];
    let mut objects: Vec<Value> = namespaces
        .iter()
        .map(|name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
        .collect();
    objects.push(json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": "kubernetes", "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "type": "ClusterIP", "clusterIP": service::FIRST_CLUSTER_IP,
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
        },
    }));
    objects
}

/// The status of a new object: whatever the client sent, most kinds begin with their own.
pub(crate) fn reset_status(resource: &Resource, object: &mut Value) {
    if !resource.status {
        return;
    }
    let status = match (resource.custom.is_some(), resource.kind.as_str()) {
        (true, _) => None,
        // Nodes report their status in the object that registers them.
        (false, "Node") => object.get("status").cloned(),
        (false, "Namespace") => Some(json!({"phase": "Active"})),
        (false, "Pod") => Some(json!({"phase": "Pending", "qosClass": "BestEffort"})),
        (false, "Service") => Some(json!({"loadBalancer": {}})),
        (false, "DaemonSet") => Some(json!({
            "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0,
        })),
        (false, _) => Some(json!({})),
    };
    object::put(as_map(object), "status", status);
}

/// Fills in what the client left open, from what it sent alone.
pub(crate) fn apply_defaults(resource: &Resource, object: &mut Value) {
    if resource.custom.is_some() {
        return;
    }
    match resource.kind.as_str() {
        "Service" => service::apply_defaults(object),
        "Namespace" => namespace_defaults(object),
        "EndpointSlice" => endpoint_slice_defaults(object),
        "Lease" => lease_defaults(object),
        "Node" => node::apply_defaults(object),
        "ClusterRole" | "Role" => default_to(as_map(object), "rules", json!([])),
        "DaemonSet" => daemon_set_defaults(object),
        "Deployment" => deployment_defaults(object),
        "Pod" => {
            pod_spec_defaults(child(as_map(object), "spec"));
            workload::default_addresses(object);
        }
        "Secret" => default_to(as_map(object), "type", json!("Opaque")),
        "CustomResourceDefinition" => crd::apply_defaults(object),
        "ClusterRoleBinding" | "RoleBinding" => binding_defaults(object),
        _ => {}
    }
    if resource.kind == "Secret" {
        encode_string_data(object);
    }
    if matches!(resource.kind.as_str(), "ConfigMap" | "Secret") {
        let map = as_map(object);
        object::drop_empty(map, "data");
        object::drop_empty(map, "binaryData");
    }
}

/// What the server itself sets in an object that is stored: addresses and ports, the finalizers of its own.
pub(crate) fn prepare(
    state: &mut State,
    resource: &Resource,
    old: Option<&Value>,
    object: &mut Value,
) {
    if resource.custom.is_some() {
        return;
    }
    match (resource.kind.as_str(), old) {
        ("Service", _) => service::prepare(state, old, object),
        ("CustomResourceDefinition", _) => crd::prepare(object, old),
        // The finalizers in the spec change by `/finalize` only.
        ("Namespace", Some(old)) => {
            let finalizers = old["spec"].get("finalizers").cloned();
            object::put(child(as_map(object), "spec"), "finalizers", finalizers);
        }
        ("Namespace", None) => {
            default_to(
                child(as_map(object), "spec"),
                "finalizers",
                json!(["kubernetes"]),
            );
        }
        _ => {}
    }
}

/// Whether a PUT of an object that does not exist creates it: `AllowCreateOnUpdate` of kubernetes `pkg/registry`.
pub(crate) fn is_made_by_a_put(resource: &Resource) -> bool {
    resource.custom.is_none()
        && (resource.group == "rbac.authorization.k8s.io"
            || matches!(resource.kind.as_str(), "Event" | "Lease" | "Service"))
}

/// What the server remarks on an object that it takes.
pub(crate) fn warnings(resource: &Resource, object: &Value) -> Vec<String> {
    if resource.is("", "Service") {
        return service::warnings(object);
    }
    if resource.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        return crd::warnings(object);
    }
    Vec::new()
}

/// Faults in an object of a built-in kind.
pub(crate) fn validate(
    state: &State,
    resource: &Resource,
    old: Option<&Value>,
    object: &Value,
) -> Vec<FieldError> {
    if resource.custom.is_some() {
        return Vec::new();
    }
    match resource.kind.as_str() {
        "Service" => service::validate(state, old, object),
        "ConfigMap" | "Secret" => data::validate(resource, old, object),
        "DaemonSet" | "Deployment" => workload::validate(resource, old, object),
        "Pod" => workload::validate_pod(old, object),
        "Node" => node::validate(old, object),
        "EndpointSlice" => endpoint_slice::validate(old, object),
        "Lease" => validate_lease(object),
        "CustomResourceDefinition" => crd::validate(old, object),
        "Event" => event::validate(old, object),
        "PodDisruptionBudget" => validate_budget(object),
        "ClusterRole" | "Role" | "ClusterRoleBinding" | "RoleBinding" => {
            rbac::validate(resource, old, object)
        }
        _ => Vec::new(),
    }
}

/// Why an object without faults cannot be stored: nothing is left to hand out to it.
pub(crate) fn unallocatable(state: &State, resource: &Resource, object: &Value) -> Option<String> {
    if resource.is("", "Service") {
        return service::unusable_health_check_port(state, object);
    }
    None
}

/// Faults in a status that is written by itself.
pub(crate) fn validate_status(
    resource: &Resource,
    old: Option<&Value>,
    object: &Value,
) -> Vec<FieldError> {
    if resource.custom.is_some() {
        return Vec::new();
    }
    match resource.kind.as_str() {
        "Service" => service::validate_status(object),
        "Node" => node::validate(old, object),
        "Pod" => workload::validate_addresses(object),
        "Namespace" => validate_phase(object),
        _ => Vec::new(),
    }
}

/// Faults in the finalizers of a namespace's spec.
pub(crate) fn validate_finalizers(namespace: &Value) -> Vec<FieldError> {
    let finalizers = object::items(&namespace["spec"]["finalizers"]);
    let mut faults = Vec::new();
    for (i, finalizer) in finalizers.enumerate() {
        let text = finalizer.as_str().unwrap_or_default();
        if text != "kubernetes"
            && !(text.contains('/') && crate::validation::is_qualified_name(text))
        {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            faults.push(FieldError::invalid(
                &format!("spec.finalizers[{i}]"),
                finalizer,
                detail,
            ));
        }
    }
    faults
}

fn validate_phase(namespace: &Value) -> Vec<FieldError> {
    let phase = &namespace["status"]["phase"];
    let (wanted, when) = if object::is_terminating(namespace) {
        ("Terminating", "is not empty")
    } else {
        ("Active", "is empty")
    };
    if phase.is_null() || *phase == wanted {
        return Vec::new();
    }
    let detail = format!("may only be '{wanted}' if `deletionTimestamp` {when}");
    vec![FieldError::invalid("status.Phase", phase, detail)]
}

/// Whether nothing holds a terminating object up any more.
pub(crate) fn may_vanish(resource: &Resource, object: &Value) -> bool {
    if object::finalizers(object).next().is_some() {
        return false;
    }
    if resource.is("", "Namespace") {
        return object["spec"]["finalizers"]
            .as_array()
            .is_none_or(Vec::is_empty);
    }
    object["metadata"]["deletionGracePeriodSeconds"]
        .as_i64()
        .unwrap_or(0)
        == 0
}

/// Seconds between the deletion of an object and its end: only pods that run somewhere have any.
pub(crate) fn grace_period(resource: &Resource, object: &Value, asked: Option<i64>) -> i64 {
    let runs = resource.is("", "Pod") && object["spec"]["nodeName"].is_string();
    let ended = matches!(
        object["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    if !runs || ended {
        return 0;
    }
    asked
        .or(object["spec"]["terminationGracePeriodSeconds"].as_i64())
        .unwrap_or(30)
}

/// What a deletion changes at once.
pub(crate) fn on_deletion(resource: &Resource, object: &mut Value) {
    if resource.is("", "Namespace") {
        child(as_map(object), "status").insert("phase".to_owned(), json!("Terminating"));
    }
}

/// Why an object can never be deleted.
pub(crate) fn undeletable(resource: &Resource, name: &str) -> Option<&'static str> {
    let immortal =
        resource.is("", "Namespace") && matches!(name, "default" | "kube-system" | "kube-public");
    immortal.then_some("this namespace may not be deleted")
}

/// Both fields belong to a feature that is off by default, and are dropped where it is off: kubernetes
/// `pkg/registry/coordination/lease/strategy.go`.
fn lease_defaults(lease: &mut Value) {
    let spec = child(as_map(lease), "spec");
    spec.remove("strategy");
    spec.remove("preferredHolder");
}

fn namespace_defaults(object: &mut Value) {
    let name = object::name(object).to_owned();
    child(metadata_mut(object), "labels")
        .insert("kubernetes.io/metadata.name".to_owned(), json!(name));
}

fn endpoint_slice_defaults(object: &mut Value) {
    for port in object["ports"].as_array_mut().into_iter().flatten() {
        let port = as_map(port);
        default_to(port, "name", json!(""));
        default_to(port, "protocol", json!("TCP"));
    }
    for endpoint in object["endpoints"].as_array_mut().into_iter().flatten() {
        default_to(as_map(endpoint), "conditions", json!({}));
    }
}

fn binding_defaults(object: &mut Value) {
    default_to(
        child(as_map(object), "roleRef"),
        "apiGroup",
        json!("rbac.authorization.k8s.io"),
    );
    for subject in object["subjects"].as_array_mut().into_iter().flatten() {
        if subject["kind"] != "ServiceAccount" {
            default_to(
                as_map(subject),
                "apiGroup",
                json!("rbac.authorization.k8s.io"),
            );
        }
    }
}

fn encode_string_data(object: &mut Value) {
    use base64::Engine as _;
    let Some(Value::Object(texts)) = as_map(object).remove("stringData") else {
        return;
    };
    let data = child(as_map(object), "data");
    for (key, text) in texts {
        let encoded =
            base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
        data.insert(key, json!(encoded));
    }
}

fn daemon_set_defaults(object: &mut Value) {
    let spec = child(as_map(object), "spec");
    default_to(spec, "revisionHistoryLimit", json!(10));
    let strategy = child(spec, "updateStrategy");
    default_to(strategy, "type", json!("RollingUpdate"));
    if strategy.get("type") == Some(&json!("RollingUpdate")) {
        let rolling = child(strategy, "rollingUpdate");
        default_to(rolling, "maxUnavailable", json!(1));
        default_to(rolling, "maxSurge", json!(0));
    }
    pod_spec_defaults(child(child(spec, "template"), "spec"));
}

fn deployment_defaults(object: &mut Value) {
    let spec = child(as_map(object), "spec");
    default_to(spec, "replicas", json!(1));
    default_to(spec, "revisionHistoryLimit", json!(10));
    default_to(spec, "progressDeadlineSeconds", json!(600));
    let strategy = child(spec, "strategy");
    default_to(strategy, "type", json!("RollingUpdate"));
    if strategy.get("type") == Some(&json!("RollingUpdate")) {
        let rolling = child(strategy, "rollingUpdate");
        default_to(rolling, "maxUnavailable", json!("25%"));
        default_to(rolling, "maxSurge", json!("25%"));
    }
    pod_spec_defaults(child(child(spec, "template"), "spec"));
}

fn pod_spec_defaults(spec: &mut serde_json::Map<String, Value>) {
    for (key, value) in [
        ("dnsPolicy", json!("ClusterFirst")),
        ("enableServiceLinks", json!(true)),
        ("restartPolicy", json!("Always")),
        ("schedulerName", json!("default-scheduler")),
        ("securityContext", json!({})),
        ("terminationGracePeriodSeconds", json!(30)),
    ] {
        default_to(spec, key, value);
    }
    for container in spec
        .get_mut("containers")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let container = as_map(container);
        let image = container
            .get("image")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let tag = image
            .rsplit('/')
            .next()
            .and_then(|name| name.split_once(':'))
            .map(|(_, tag)| tag);
        let pull = if tag.is_none_or(|tag| tag == "latest") {
            "Always"
        } else {
            "IfNotPresent"
        };
        for (key, value) in [
            ("imagePullPolicy", json!(pull)),
            ("resources", json!({})),
            ("terminationMessagePath", json!("/dev/termination-log")),
            ("terminationMessagePolicy", json!("File")),
        ] {
            default_to(container, key, value);
        }
        for port in container
            .get_mut("ports")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            default_to(as_map(port), "protocol", json!("TCP"));
        }
    }
}

/// Source: kubernetes `pkg/apis/policy/validation/validation.go`.
fn validate_budget(budget: &Value) -> Vec<FieldError> {
    let spec = &budget["spec"];
    let mut faults = Vec::new();
    if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        faults.push(FieldError::invalid("spec", spec, detail));
    }
    for key in ["minAvailable", "maxUnavailable"] {
        if spec[key].as_i64().is_some_and(|number| number < 0) {
            let detail = "must be greater than or equal to 0";
            faults.push(FieldError::invalid(
                &format!("spec.{key}"),
                &spec[key],
                detail,
            ));
        }
    }
    faults
}

fn validate_lease(object: &Value) -> Vec<FieldError> {
    let spec = &object["spec"];
    let mut faults = Vec::new();
    if spec["leaseDurationSeconds"]
        .as_i64()
        .is_some_and(|n| n <= 0)
    {
        let value = &spec["leaseDurationSeconds"];
        faults.push(FieldError::invalid(
            "spec.leaseDurationSeconds",
            value,
            "must be greater than 0",
        ));
    }
    if spec["leaseTransitions"].as_i64().is_some_and(|n| n < 0) {
        let value = &spec["leaseTransitions"];
        faults.push(FieldError::invalid(
            "spec.leaseTransitions",
            value,
            "must be greater than or equal to 0",
        ));
    }
    faults
}
