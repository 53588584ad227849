//! Nodes as they stand in a played cluster.

use poolservice_api::keys;
use serde_json::{Value, json};

/// The ENS instance of a node.
pub fn instance_of(node: &str) -> String {
    format!("i-{node}")
}

/// A node of a pool that is ready.
pub(crate) fn node(name: &str, pool: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                keys::NODE_POOL: pool,
                "alibabacloud.com/is-edge-worker": "true",
                keys::ENS_INSTANCE_ID: instance_of(name),
            },
        },
        "status": {
            "conditions": [ready("True")],
            "nodeInfo": { "kubeletVersion": "v1.34.0" },
        },
    })
}

/// The `Ready` condition of a node with this status: `True`, `False` or `Unknown`.
pub fn ready(status: &str) -> Value {
    let (reason, message) = match status {
        "True" => ("KubeletReady", "the simulated node is ready"),
        _ => ("Played", ""),
    };
    json!({
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": "2026-01-01T00:00:00Z",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}
