//! EndpointSlices of Services that have a selector.
//!
//! Rules: "EndpointSlices" in the Kubernetes documentation and k8s.io/endpointslice.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Write, condition_holds, controller_reference, delete, save};
use crate::object::{self, as_map, items};
use crate::selector::LabelSelector;
use crate::server::{ApiServer, DeleteOptions};

const NAME: &str = "endpointslice-controller";
const SERVICE_LABEL: &str = "kubernetes.io/service-name";
const MANAGER_LABEL: &str = "endpointslice.kubernetes.io/managed-by";
const MANAGER: &str = "endpointslice-controller.k8s.io";
/// `--max-endpoints-per-slice`'s default.
const MAX_ENDPOINTS: usize = 100;

/// One pass over all Services.
pub(super) fn sync(api: &ApiServer) {
    let services = api.stored("", "services");
    let pods = api.stored("", "pods");
    let slices = api.stored("discovery.k8s.io", "endpointslices");
    for service in services
        .iter()
        .filter(|s| s["spec"]["selector"].is_object() && !object::is_terminating(s))
    {
        let own: Vec<&Arc<Value>> = slices
            .iter()
            .filter(|slice| {
                let labels = &slice["metadata"]["labels"];
                object::namespace(slice) == object::namespace(service)
                    && labels[SERVICE_LABEL] == *object::name(service)
                    && labels[MANAGER_LABEL] == MANAGER
            })
            .collect();
        sync_one(api, service, &pods, &own);
    }
}

fn sync_one(api: &ApiServer, service: &Value, pods: &[Arc<Value>], own: &[&Arc<Value>]) {
    let selector = LabelSelector::from_map(&service["spec"]["selector"]);
    let chosen: Vec<&Arc<Value>> = pods
        .iter()
        .filter(|pod| {
            object::namespace(pod) == object::namespace(service)
                && selector.matches(&pod["metadata"]["labels"])
                && pod["status"]["podIP"].is_string()
        })
        .collect();
    let endpoints: Vec<Value> = chosen.iter().map(|pod| endpoint(service, pod)).collect();
    let ports = ports(service, chosen.first().map(|pod| &***pod));
    // A Service without endpoints has one empty slice.
    let mut chunks: Vec<&[Value]> = endpoints.chunks(MAX_ENDPOINTS).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    for (i, chunk) in chunks.iter().enumerate() {
        match own.get(i) {
            None => save(api, NAME, Write::Create, new_slice(service, chunk, &ports)),
            Some(slice) if slice["endpoints"] != json!(chunk) || slice["ports"] != json!(ports) => {
                let mut slice = (***slice).clone();
                as_map(&mut slice).insert("endpoints".to_owned(), json!(chunk));
                as_map(&mut slice).insert("ports".to_owned(), json!(ports));
                save(api, NAME, Write::Update, slice);
            }
            Some(_) => {}
        }
    }
    for slice in own.iter().skip(chunks.len()) {
        delete(api, slice, DeleteOptions::default());
    }
}

fn new_slice(service: &Value, endpoints: &[Value], ports: &[Value]) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{}-", object::name(service)), "namespace": object::namespace(service),
            "labels": {SERVICE_LABEL: object::name(service), MANAGER_LABEL: MANAGER},
            "ownerReferences": [controller_reference(service)],
        },
        "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
    })
}

fn endpoint(service: &Value, pod: &Value) -> Value {
    let terminating = object::is_terminating(pod);
    let serving = condition_holds(pod, "Ready");
    let ready =
        (serving && !terminating) || service["spec"]["publishNotReadyAddresses"] == json!(true);
    json!({
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": {
            "kind": "Pod", "name": object::name(pod), "namespace": object::namespace(pod), "uid": object::uid(pod),
        },
    })
}

/// The target port of each Service port. A named one is looked up in `pod`; without a pod it is left out.
fn ports(service: &Value, pod: Option<&Value>) -> Vec<Value> {
    items(&service["spec"]["ports"])
        .filter_map(|port| {
            let number = match &port["targetPort"] {
                Value::String(name) => container_port(pod?, name)?,
                number => number.clone(),
            };
            let name = port["name"].as_str().unwrap_or_default();
            Some(json!({"name": name, "port": number, "protocol": port["protocol"]}))
        })
        .collect()
}

fn container_port(pod: &Value, name: &str) -> Option<Value> {
    let all = items(&pod["spec"]["containers"]).flat_map(|c| items(&c["ports"]));
    all.filter(|p| p["name"] == name)
        .map(|p| p["containerPort"].clone())
        .next()
}
