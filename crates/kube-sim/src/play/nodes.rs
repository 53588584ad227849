//! Nodes: pod address ranges, readiness, heartbeats.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Write, save};
use crate::clock::rfc3339;
use crate::object::{self, as_map, child};
use crate::server::ApiServer;

/// Gives each new node a pod address range (10.244.x.0/24, so at most 256 nodes have one) and, where it has no `Ready`
/// condition yet, makes it ready. A condition that is there is the scenario's: it stays as it is.
pub(super) fn register(api: &ApiServer) {
    let nodes = api.stored("", "nodes");
    let mut used: BTreeSet<String> = nodes
        .iter()
        .filter_map(|n| n["spec"]["podCIDR"].as_str().map(str::to_owned))
        .collect();
    for node in &nodes {
        if node["spec"]["podCIDR"].is_null()
            && let Some(range) = (0..=u8::MAX)
                .map(|x| format!("10.244.{x}.0/24"))
                .find(|r| !used.contains(r))
        {
            let mut node = (**node).clone();
            let spec = child(as_map(&mut node), "spec");
            spec.insert("podCIDR".to_owned(), json!(range));
            spec.insert("podCIDRs".to_owned(), json!([range]));
            used.insert(range);
            save(api, "node-ipam-controller", Write::Update, node);
        } else if object::items(&node["status"]["conditions"]).all(|c| c["type"] != "Ready") {
            let mut node = (**node).clone();
            let now = rfc3339(api.clock().now());
            let ready = json!({
                "type": "Ready", "status": "True", "reason": "KubeletReady",
                "message": "kubelet is posting ready status", "lastHeartbeatTime": now, "lastTransitionTime": now,
            });
            let status = child(as_map(&mut node), "status");
            match status.get_mut("conditions").and_then(Value::as_array_mut) {
                Some(conditions) => conditions.push(ready),
                None => {
                    status.insert("conditions".to_owned(), json!([ready]));
                }
            }
            save(api, "kubelet", Write::Status, node);
        }
    }
}

/// Renews the heartbeat of every node that is ready.
pub fn heartbeat(api: &ApiServer) {
    let now = rfc3339(api.clock().now());
    for node in api.stored("", "nodes") {
        let mut node = (*node).clone();
        for condition in node["status"]["conditions"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            if condition["type"] == "Ready" && condition["status"] == "True" {
                as_map(condition).insert("lastHeartbeatTime".to_owned(), json!(now));
            }
        }
        save(api, "kubelet", Write::Status, node);
    }
}
