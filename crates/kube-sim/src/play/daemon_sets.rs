//! DaemonSets: one pod on each node that their pods fit on.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Write, condition_holds, controller_reference, delete, is_owned_by, save};
use crate::object::{self, as_map, child, items};
use crate::selector::LabelSelector;
use crate::server::{ApiServer, DeleteOptions};

const NAME: &str = "daemonset-controller";
const HASH_LABEL: &str = "controller-revision-hash";

/// One pass over all DaemonSets.
pub(super) fn sync(api: &ApiServer) {
    let nodes = api.stored("", "nodes");
    for set in api
        .stored("apps", "daemonsets")
        .iter()
        .filter(|s| !object::is_terminating(s))
    {
        sync_one(api, set, &nodes);
    }
}

fn sync_one(api: &ApiServer, set: &Value, nodes: &[Arc<Value>]) {
    let pods: Vec<Arc<Value>> = api
        .stored("", "pods")
        .into_iter()
        .filter(|p| is_owned_by(p, set))
        .collect();
    let mut by_node: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for pod in &pods {
        by_node
            .entry(pod["spec"]["nodeName"].as_str().unwrap_or_default())
            .or_default()
            .push(pod);
    }
    let hash = template_hash(set);
    let template = &set["spec"]["template"]["spec"];
    let wanted: Vec<&str> = nodes
        .iter()
        .filter(|n| fits(template, n))
        .map(|n| object::name(n))
        .collect();

    for node in &wanted {
        if !by_node.contains_key(node) {
            save(api, NAME, Write::Create, new_pod(set, node, &hash));
        }
    }
    let live = || pods.iter().filter(|p| !object::is_terminating(p));
    for pod in live() {
        if !wanted.iter().any(|node| pod["spec"]["nodeName"] == *node) {
            delete(api, pod, DeleteOptions::default());
        }
    }
    let on_delete = set["spec"]["updateStrategy"]["type"] == "OnDelete";
    let all_ready = wanted.len() == live().filter(|p| condition_holds(p, "Ready")).count();
    if let (false, true, Some(old)) = (on_delete, all_ready, live().find(|p| !has_hash(p, &hash))) {
        // A rolling update with maxUnavailable 1: the next one goes when this one's successor is ready.
        delete(api, old, DeleteOptions::default());
    }
    report(api, set, &wanted, &pods, &hash);
}

fn report(api: &ApiServer, set: &Value, wanted: &[&str], pods: &[Arc<Value>], hash: &str) {
    let placed = || {
        pods.iter().filter(|p| {
            !object::is_terminating(p) && wanted.iter().any(|node| p["spec"]["nodeName"] == *node)
        })
    };
    let ready = placed().filter(|p| condition_holds(p, "Ready")).count();
    let mut status = json!({
        "currentNumberScheduled": placed().count(), "desiredNumberScheduled": wanted.len(), "numberMisscheduled": 0,
        "numberReady": ready, "numberAvailable": ready,
        "updatedNumberScheduled": placed().filter(|p| has_hash(p, hash)).count(),
        "observedGeneration": set["metadata"]["generation"],
    });
    if ready < wanted.len() {
        status["numberUnavailable"] = json!(wanted.len() - ready);
    }
    if status != set["status"] {
        let mut set = set.clone();
        as_map(&mut set).insert("status".to_owned(), status);
        save(api, NAME, Write::Status, set);
    }
}

fn has_hash(pod: &Value, hash: &str) -> bool {
    pod["metadata"]["labels"][HASH_LABEL] == hash
}

/// FNV-1a over the template: stable between runs, and in the alphabet of labels.
fn template_hash(set: &Value) -> String {
    let text = set["spec"]["template"].to_string();
    let hash = text.bytes().fold(0x811c_9dc5_u32, |h, byte| {
        (h ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}

fn new_pod(set: &Value, node: &str, hash: &str) -> Value {
    let template = &set["spec"]["template"];
    let mut pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "generateName": format!("{}-", object::name(set)), "namespace": object::namespace(set),
            "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"],
            "ownerReferences": [controller_reference(set)],
        },
        "spec": template["spec"],
    });
    child(object::metadata_mut(&mut pod), "labels").insert(HASH_LABEL.to_owned(), json!(hash));
    child(as_map(&mut pod), "spec").insert("nodeName".to_owned(), json!(node));
    pod
}

/// Node selector and taints. DaemonSet pods tolerate what says that a node is not well, as the real ones do.
fn fits(spec: &Value, node: &Value) -> bool {
    let selected =
        LabelSelector::from_map(&spec["nodeSelector"]).matches(&node["metadata"]["labels"]);
    let repelled = items(&node["spec"]["taints"]).any(|taint| {
        let by_system = taint["key"]
            .as_str()
            .is_some_and(|key| key.starts_with("node.kubernetes.io/"));
        taint["effect"] != "PreferNoSchedule" && !by_system && !tolerates(spec, taint)
    });
    selected && !repelled && !object::is_terminating(node)
}

fn tolerates(spec: &Value, taint: &Value) -> bool {
    items(&spec["tolerations"]).any(|toleration| {
        let exists = toleration["operator"] == "Exists";
        let key = (exists && toleration["key"].is_null()) || toleration["key"] == taint["key"];
        let value = exists || toleration["value"].as_str() == taint["value"].as_str();
        let effect = toleration["effect"].is_null() || toleration["effect"] == taint["effect"];
        key && value && effect
    })
}
