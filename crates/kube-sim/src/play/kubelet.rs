//! Pods: started on their node, not ready while it is not, gone when they are to be deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Write, condition_holds, delete, save};
use crate::clock::rfc3339;
use crate::object::{self, as_map, child, items};
use crate::server::{ApiServer, DeleteOptions};

/// One pass over all pods that have a node.
pub(super) fn run_pods(api: &ApiServer) {
    let nodes = api.stored("", "nodes");
    let pods = api.stored("", "pods");
    let mut used: BTreeSet<String> = pods
        .iter()
        .filter_map(|p| p["status"]["podIP"].as_str().map(str::to_owned))
        .collect();
    for pod in &pods {
        let node = nodes
            .iter()
            .find(|n| pod["spec"]["nodeName"] == *object::name(n));
        if object::is_terminating(pod) {
            // Containers here end at once; nobody has to wait for the grace period.
            let now = DeleteOptions {
                grace_period_seconds: Some(0),
                ..DeleteOptions::default()
            };
            delete(api, pod, now);
        } else if let Some(node) = node {
            run_pod(api, pod, node, &mut used);
        } else if pod["spec"]["nodeName"].is_string() {
            // As the pod garbage collector: a pod whose node is gone goes too.
            let now = DeleteOptions {
                grace_period_seconds: Some(0),
                ..DeleteOptions::default()
            };
            delete(api, pod, now);
        }
    }
}

fn run_pod(api: &ApiServer, pod: &Arc<Value>, node: &Value, used: &mut BTreeSet<String>) {
    let ready = condition_holds(node, "Ready");
    let started = pod["status"]["podIP"].is_string();
    if started && condition_holds(pod, "Ready") == ready {
        return;
    }
    if !started && !ready {
        return;
    }
    let address = match pod["status"]["podIP"].as_str() {
        Some(address) => address.to_owned(),
        None => match free_address(node, used) {
            Some(address) => address,
            None => return,
        },
    };
    used.insert(address.clone());
    let mut pod = (**pod).clone();
    let now = rfc3339(api.clock().now());
    let status = running(&pod, node, &address, ready, &now);
    let slot = child(as_map(&mut pod), "status");
    for (key, value) in status.as_object().into_iter().flatten() {
        slot.insert(key.clone(), value.clone());
    }
    save(api, "kubelet", Write::Status, pod);
}

fn free_address(node: &Value, used: &BTreeSet<String>) -> Option<String> {
    let network = node["spec"]["podCIDR"].as_str()?.strip_suffix(".0/24")?;
    (2..=254)
        .map(|host| format!("{network}.{host}"))
        .find(|address| !used.contains(address))
}

fn running(pod: &Value, node: &Value, address: &str, ready: bool, now: &str) -> Value {
    let truth = if ready { "True" } else { "False" };
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastTransitionTime": now, "lastProbeTime": null});
    let start = pod["status"]["startTime"].as_str().unwrap_or(now);
    let containers: Vec<Value> = items(&pod["spec"]["containers"])
        .map(|container| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": "", "ready": ready,
                "restartCount": 0, "started": true, "state": {"running": {"startedAt": start}}, "lastState": {},
            })
        })
        .collect();
    let host = items(&node["status"]["addresses"])
        .find(|a| a["type"] == "InternalIP")
        .map(|a| a["address"].clone());
    json!({
        "phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": host, "startTime": start,
        "conditions": [
            condition("PodScheduled", "True"), condition("Initialized", "True"),
            condition("ContainersReady", truth), condition("Ready", truth),
        ],
        "containerStatuses": containers,
    })
}
