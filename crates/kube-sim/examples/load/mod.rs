//! What the scale check and the bench share: the Service that they create.

use serde_json::json;

/// A Service of 2.6 KiB, the size of one with three ports and what `kubectl apply` adds.
pub(crate) fn service(name: &str) -> String {
    let port = |name: &str, port: u16| json!({"name": name, "port": port, "targetPort": port, "protocol": "TCP"});
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/name": "cube", "app.kubernetes.io/part-of": "load"},
            "annotations": {"example.com/notes": "n".repeat(2_250)},
        },
        "spec": {"selector": {"app": "cube"}, "ports": [port("http", 80), port("https", 443), port("admin", 8443)]},
    });
    service.to_string()
}
