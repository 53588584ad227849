//! Who is behind a load balancer: nodes and pods come and go, and the Service says which of them count.

use std::time::Duration;

use ens_sim::cloud::Protocol;
use serde_json::{Value, json};

use super::guide::service;
use super::parts::{CHENGDU, HEFEI, backends, life, made, of, reason, settle, web, with};
use super::{Scenario, Step};

pub(super) fn all() -> Vec<Scenario> {
    vec![nodes(), pods(), policy()]
}

/// Changes a node as `kubectl label` and `kubectl taint` do.
fn node(name: &str, mut metadata: Value, spec: &Value) -> Step {
    metadata["name"] = json!(name);
    Step::Apply(json!({
        "apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec,
    }))
}

/// The pods on a node have to go, or may come.
fn evict(name: &str, is_evicted: bool) -> Step {
    let taint = json!([{ "key": "example.com/maintenance", "effect": "NoExecute" }]);
    let taints = if is_evicted { taint } else { json!(null) };
    node(name, json!({}), &json!({ "taints": taints }))
}

/// A node is lost and found, another is taken out by its label, and weights change.
fn nodes() -> Scenario {
    const EXCLUDE: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
    let steps = vec![
        Step::KeepServing(Protocol::Tcp, 80),
        Step::NodeReady("heifei-1".to_owned(), "False"),
        settle(),
        backends(HEFEI, &["heifei-2"]),
        Step::NodeReady("heifei-1".to_owned(), "True"),
        backends(HEFEI, &["heifei-1", "heifei-2"]),
        settle(),
        node(
            "chengdu-2",
            json!({ "labels": { EXCLUDE: "" } }),
            &json!({}),
        ),
        backends(CHENGDU, &["chengdu-1"]),
        settle(),
        node(
            "chengdu-2",
            json!({ "labels": { EXCLUDE: null } }),
            &json!({}),
        ),
        web(json!({ super::parts::key("backend-weight"): "base=40" })),
        settle(),
        backends(CHENGDU, &["chengdu-1", "chengdu-2"]),
        Step::Release(Protocol::Tcp, 80),
        made(2),
    ];
    life("nodes-come-and-go", steps)
}

/// Pods leave one node, then all of a pool, whose address stays with the reason said (behaviour 4.4), and come back.
fn pods() -> Scenario {
    let steps = vec![
        evict("heifei-1", true),
        backends(HEFEI, &["heifei-2"]),
        evict("heifei-2", true),
        reason(&of(HEFEI), "BackendsReady", "NoReadyEndpoints"),
        settle(),
        backends(HEFEI, &[]),
        evict("heifei-1", false),
        evict("heifei-2", false),
        backends(HEFEI, &["heifei-1", "heifei-2"]),
        settle(),
        made(2),
    ];
    life("pods-come-and-go", steps)
}

/// Where one node has no pod, `Local` leaves it out and `Cluster` does not (behaviour 7.3).
fn policy() -> Scenario {
    let policy = |policy: &str| {
        let local = service(json!({}), &[(80, 80)]);
        Step::Apply(with(local, json!({ "externalTrafficPolicy": policy })))
    };
    let steps = vec![
        Step::KeepServing(Protocol::Tcp, 80),
        evict("heifei-1", true),
        backends(HEFEI, &["heifei-2"]),
        policy("Cluster"),
        backends(HEFEI, &["heifei-1", "heifei-2"]),
        settle(),
        policy("Local"),
        backends(HEFEI, &["heifei-2"]),
        settle(),
        evict("heifei-1", false),
        backends(HEFEI, &["heifei-1", "heifei-2"]),
        // A pod that comes back has its place in all lists.
        Step::Pass(Duration::from_millis(500)),
        settle(),
        Step::Release(Protocol::Tcp, 80),
        made(2),
    ];
    life("local-and-cluster", steps)
}
