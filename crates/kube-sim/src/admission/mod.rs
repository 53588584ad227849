//! What the API server itself does to objects of built-in kinds: defaults, rules, allocation.

mod allocated;
mod event;
mod service;

use std::sync::Arc;

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

/// Fills in what the client left open.
pub(crate) fn apply_defaults(
    state: &mut State,
    resource: &Arc<Resource>,
    old: Option<&Value>,
    object: &mut Value,
) {
    if resource.custom.is_some() {
        return;
    }
    match resource.kind.as_str() {
        "Service" => service::apply_defaults(state, old, object),
        "Namespace" => namespace_defaults(object),
        "DaemonSet" => daemon_set_defaults(object),
        "Deployment" => deployment_defaults(object),
        "Pod" => pod_spec_defaults(child(as_map(object), "spec")),
        "Secret" => default_to(as_map(object), "type", json!("Opaque")),
        "CustomResourceDefinition" => crd::apply_defaults(object, old),
        "ClusterRoleBinding" | "RoleBinding" => binding_defaults(object),
        _ => {}
    }
    if resource.kind == "Secret" {
        encode_string_data(object);
    }
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
        "DaemonSet" | "Deployment" => validate_workload(old, object),
        "Pod" => validate_containers("spec", &object["spec"]),
        "EndpointSlice" => validate_endpoint_slice(object),
        "Lease" => validate_lease(object),
        "CustomResourceDefinition" => crd::validate(old, object),
        "Event" => event::validate(object),
        _ => Vec::new(),
    }
}

/// Faults in a status that is written by itself.
pub(crate) fn validate_status(resource: &Resource, object: &Value) -> Vec<FieldError> {
    if resource.is("", "Service") {
        return service::validate_status(object);
    }
    Vec::new()
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

fn namespace_defaults(object: &mut Value) {
    let name = object::name(object).to_owned();
    child(metadata_mut(object), "labels")
        .insert("kubernetes.io/metadata.name".to_owned(), json!(name));
    if !object::is_terminating(object) {
        default_to(
            child(as_map(object), "spec"),
            "finalizers",
            json!(["kubernetes"]),
        );
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

fn validate_workload(old: Option<&Value>, object: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let selector = &object["spec"]["selector"];
    if selector.is_null() {
        faults.push(FieldError::required("spec.selector", ""));
    } else if let Ok(parsed) = crate::selector::LabelSelector::from_object(selector)
        && !parsed.matches(&object["spec"]["template"]["metadata"]["labels"])
    {
        let labels = &object["spec"]["template"]["metadata"]["labels"];
        let detail = "`selector` does not match template `labels`";
        faults.push(FieldError::invalid(
            "spec.template.metadata.labels",
            labels,
            detail,
        ));
    }
    if old.is_some_and(|old| old["spec"]["selector"] != *selector) {
        faults.push(FieldError::invalid(
            "spec.selector",
            selector,
            "field is immutable",
        ));
    }
    faults.extend(validate_containers(
        "spec.template.spec",
        &object["spec"]["template"]["spec"],
    ));
    faults
}

fn validate_containers(path: &str, spec: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let containers: Vec<&Value> = object::items(&spec["containers"]).collect();
    if containers.is_empty() {
        faults.push(FieldError::required(&format!("{path}.containers"), ""));
    }
    for (i, container) in containers.iter().enumerate() {
        for key in ["name", "image"] {
            if container[key].as_str().unwrap_or_default().is_empty() {
                faults.push(FieldError::required(
                    &format!("{path}.containers[{i}].{key}"),
                    "",
                ));
            }
        }
    }
    faults
}

fn validate_endpoint_slice(object: &Value) -> Vec<FieldError> {
    let kind = &object["addressType"];
    match kind.as_str() {
        None => vec![FieldError::required("addressType", "")],
        Some("IPv4" | "IPv6" | "FQDN") => Vec::new(),
        Some(_) => {
            let allowed = ["FQDN", "IPv4", "IPv6"].map(str::to_owned);
            vec![FieldError::not_supported("addressType", kind, &allowed)]
        }
    }
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
