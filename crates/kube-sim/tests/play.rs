//! The played control plane: garbage collection, namespaces, DaemonSets, EndpointSlices.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use kube_sim::{ApiServer, Clock, Cluster, DeleteOptions, Patch, Propagation, WriteOptions, play};
use serde_json::{Value, json};

fn start() -> Cluster {
    let clock = Clock::fixed(jiff::Timestamp::from_second(1_700_000_000).unwrap());
    Cluster::builder().seed(7).clock(clock).start()
}

fn node(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}})
}

fn cube() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "cube"}, "spec": {
        "selector": {"matchLabels": {"app": "cube"}},
        "template": {"metadata": {"labels": {"app": "cube"}}, "spec": {"containers": [
            {"name": "cube", "image": "cube:1.0", "ports": [{"containerPort": 80}]}]}}}})
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cube-svc"}, "spec": {
        "type": "NodePort", "selector": {"app": "cube"}, "ports": [{"name": "cube", "port": 80}]}})
}

fn config_map(name: &str, owners: &[&Value]) -> Value {
    let owners: Vec<Value> = owners
        .iter()
        .map(|o| {
            json!({"apiVersion": o["apiVersion"], "kind": o["kind"], "name": o["metadata"]["name"],
                "uid": o["metadata"]["uid"], "blockOwnerDeletion": true})
        })
        .collect();
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "ownerReferences": owners}})
}

fn remove(api: &ApiServer, object: &Value, propagation: Propagation) {
    let options = DeleteOptions {
        propagation: Some(propagation),
        ..DeleteOptions::default()
    };
    let target = api.target_of(object).unwrap();
    api.delete(
        &target,
        object["metadata"]["name"].as_str().unwrap(),
        &options,
    )
    .unwrap();
}

fn exists(cluster: &Cluster, name: &str) -> bool {
    cluster.get("v1", "ConfigMap", "default", name).is_ok()
}

fn slice(cluster: &Cluster) -> Value {
    let api = cluster.api();
    let resource = api
        .resource_of("discovery.k8s.io/v1", "EndpointSlice")
        .unwrap();
    let target = kube_sim::Target {
        resource,
        namespace: None,
    };
    let mut list = api
        .list(&target, &kube_sim::ListOptions::default())
        .unwrap();
    assert_eq!(list.items.len(), 1, "{:?}", list.items);
    list.items.remove(0)
}

#[tokio::test]
async fn a_daemon_set_gets_a_ready_pod_on_each_node_and_its_service_endpoints() {
    let cluster = start();
    for name in ["heifei-1", "heifei-2"] {
        cluster.apply(node(name)).unwrap();
    }
    cluster.apply(cube()).unwrap();
    cluster.apply(service()).unwrap();
    play::settle(cluster.api());
    let set = cluster
        .get("apps/v1", "DaemonSet", "default", "cube")
        .unwrap();
    for count in [
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    ] {
        assert_eq!(set["status"][count], 2, "{count}");
    }
    let slice = slice(&cluster);
    let nodes: Vec<&str> = slice["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["nodeName"].as_str().unwrap())
        .collect();
    assert_eq!(nodes.len(), 2);
    assert!(nodes.contains(&"heifei-1") && nodes.contains(&"heifei-2"));
    assert_eq!(
        slice["endpoints"][0]["conditions"],
        json!({"ready": true, "serving": true, "terminating": false})
    );
    assert!(
        slice["endpoints"][0]["addresses"][0]
            .as_str()
            .unwrap()
            .starts_with("10.244.")
    );
    assert_eq!(
        slice["ports"],
        json!([{"name": "cube", "port": 80, "protocol": "TCP"}])
    );
}

#[tokio::test]
async fn endpoints_on_a_node_that_is_not_ready_are_not_ready() {
    let cluster = start();
    cluster.apply(node("heifei-1")).unwrap();
    cluster.apply(cube()).unwrap();
    cluster.apply(service()).unwrap();
    play::settle(cluster.api());
    let down = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "heifei-1"},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}});
    cluster.apply(down).unwrap();
    play::settle(cluster.api());
    assert_eq!(
        slice(&cluster)["endpoints"][0]["conditions"]["ready"],
        json!(false)
    );
    let set = cluster
        .get("apps/v1", "DaemonSet", "default", "cube")
        .unwrap();
    assert_eq!(
        (
            &set["status"]["numberReady"],
            &set["status"]["numberUnavailable"]
        ),
        (&json!(0), &json!(1))
    );
}

#[tokio::test]
async fn pods_endpoints_and_slices_go_with_what_made_them() {
    let cluster = start();
    cluster.apply(node("heifei-1")).unwrap();
    cluster.apply(cube()).unwrap();
    cluster.apply(service()).unwrap();
    play::settle(cluster.api());
    cluster
        .delete("apps/v1", "DaemonSet", "default", "cube")
        .unwrap();
    play::settle(cluster.api());
    assert_eq!(slice(&cluster)["endpoints"], json!([]));
    cluster
        .delete("v1", "Service", "default", "cube-svc")
        .unwrap();
    play::settle(cluster.api());
    let resource = cluster
        .api()
        .resource_of("discovery.k8s.io/v1", "EndpointSlice")
        .unwrap();
    let target = kube_sim::Target {
        resource,
        namespace: None,
    };
    assert!(
        cluster
            .api()
            .list(&target, &kube_sim::ListOptions::default())
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn a_changed_template_replaces_the_pods() {
    let cluster = start();
    for name in ["a", "b"] {
        cluster.apply(node(name)).unwrap();
    }
    cluster.apply(cube()).unwrap();
    play::settle(cluster.api());
    let mut changed = cube();
    changed["spec"]["template"]["spec"]["containers"][0]["image"] = json!("cube:2.0");
    cluster.apply(changed).unwrap();
    play::settle(cluster.api());
    let set = cluster
        .get("apps/v1", "DaemonSet", "default", "cube")
        .unwrap();
    assert_eq!(set["status"]["updatedNumberScheduled"], 2);
    assert_eq!(set["status"]["numberReady"], 2);
    assert_eq!(set["status"]["observedGeneration"], 2);
}

#[tokio::test]
async fn a_dependent_goes_when_its_last_owner_is_gone() {
    let cluster = start();
    let first = cluster.apply(config_map("first", &[])).unwrap();
    let second = cluster.apply(config_map("second", &[])).unwrap();
    cluster
        .apply(config_map("child", &[&first, &second]))
        .unwrap();
    remove(cluster.api(), &first, Propagation::Background);
    play::settle(cluster.api());
    let child = cluster.get("v1", "ConfigMap", "default", "child").unwrap();
    assert_eq!(
        child["metadata"]["ownerReferences"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    remove(cluster.api(), &second, Propagation::Background);
    play::settle(cluster.api());
    assert!(!exists(&cluster, "child"));
}

#[tokio::test]
async fn an_owner_of_the_same_name_and_another_uid_does_not_count() {
    let cluster = start();
    let owner = cluster.apply(config_map("owner", &[])).unwrap();
    cluster.apply(config_map("child", &[&owner])).unwrap();
    remove(cluster.api(), &owner, Propagation::Background);
    cluster.apply(config_map("owner", &[])).unwrap();
    play::settle(cluster.api());
    assert!(exists(&cluster, "owner") && !exists(&cluster, "child"));
}

#[tokio::test]
async fn foreground_deletion_waits_for_dependents() {
    let cluster = start();
    let owner = cluster.apply(config_map("owner", &[])).unwrap();
    let mut child = config_map("child", &[&owner]);
    child["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let child = cluster.apply(child).unwrap();
    remove(cluster.api(), &owner, Propagation::Foreground);
    play::settle(cluster.api());
    assert!(exists(&cluster, "owner") && exists(&cluster, "child"));
    let target = cluster.api().target_of(&child).unwrap();
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    cluster
        .api()
        .patch(&target, "child", &free, &WriteOptions::default())
        .unwrap();
    play::settle(cluster.api());
    assert!(!exists(&cluster, "owner") && !exists(&cluster, "child"));
}

#[tokio::test]
async fn orphaned_dependents_stay_without_their_owner() {
    let cluster = start();
    let owner = cluster.apply(config_map("owner", &[])).unwrap();
    cluster.apply(config_map("child", &[&owner])).unwrap();
    remove(cluster.api(), &owner, Propagation::Orphan);
    play::settle(cluster.api());
    assert!(!exists(&cluster, "owner"));
    let child = cluster.get("v1", "ConfigMap", "default", "child").unwrap();
    assert!(child["metadata"]["ownerReferences"].is_null());
}

#[tokio::test]
async fn a_namespace_goes_after_its_content_and_takes_nothing_new_meanwhile() {
    let cluster = start();
    let space = cluster
        .apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}))
        .unwrap();
    let held = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "shop", "finalizers": ["example.com/hold"]}});
    let held = cluster.apply(held).unwrap();
    remove(cluster.api(), &space, Propagation::Background);
    play::settle(cluster.api());
    assert_eq!(
        cluster.get("v1", "Namespace", "", "shop").unwrap()["status"]["phase"],
        "Terminating"
    );
    let late = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "shop"}});
    let refused = cluster.apply(late).unwrap_err();
    assert_eq!(
        (refused.code, refused.details.causes[0].reason),
        (403, "NamespaceTerminating")
    );
    let target = cluster.api().target_of(&held).unwrap();
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    cluster
        .api()
        .patch(&target, "a", &free, &WriteOptions::default())
        .unwrap();
    play::settle(cluster.api());
    assert_eq!(
        cluster.get("v1", "Namespace", "", "shop").unwrap_err().code,
        404
    );
}
