//! The parts of a cluster that a bare control plane lacks: kubelets that report for nodes and pods, and a
//! scheduler for the pods of DaemonSets, which name their node.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use kube_sim::{Clock, ClusterObjects as _};
use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::mirror::Mirror;

/// kubelet reports as often (`nodeStatusUpdateFrequency`); after 50 s without a report a node counts as lost
/// (`--node-monitor-grace-period`).
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Plays until `stop`.
pub(crate) async fn run(client: Client, mirror: Mirror, stop: CancellationToken) {
    let mut changes = mirror.changes();
    let mut pods = Pods::new(client.clone());
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        changes.see();
        let nodes = mirror.all("", "nodes");
        for pod in mirror.all("", "pods") {
            let node = nodes
                .iter()
                .find(|node| node["metadata"]["name"] == pod["spec"]["nodeName"]);
            if let Err(error) = pods
                .play(&pod, node.is_some_and(|node| is_ready(node)))
                .await
            {
                tracing::debug!(%error, "a pod changed meanwhile");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = changes.changed() => {}
            _ = heartbeat.tick() => for node in &nodes {
                if let Err(error) = report_node(&client, node).await {
                    tracing::debug!(%error, "a node changed meanwhile");
                }
            },
        }
    }
}

/// What is to be done for a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Act {
    /// Its containers have ended.
    Remove,
    /// It goes to this node.
    Bind(String),
    /// It runs, and is ready or not.
    Report { ready: bool },
}

/// Every pod as a kubelet sees it.
struct Pods {
    client: Client,
    /// By uid, each its own, so that a status may be written twice.
    addresses: BTreeMap<String, Ipv4Addr>,
    /// The resourceVersion that something was done about, by uid: it may take a moment until it shows.
    done: BTreeMap<String, String>,
}

impl Pods {
    fn new(client: Client) -> Self {
        Self {
            client,
            addresses: BTreeMap::new(),
            done: BTreeMap::new(),
        }
    }

    async fn play(&mut self, pod: &Value, is_node_ready: bool) -> Result<(), kube::Error> {
        let Some(act) = next_act(pod, is_node_ready) else {
            return Ok(());
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let uid = text(&pod["metadata"]["uid"]);
        let seen = text(&pod["metadata"]["resourceVersion"]);
        if self.done.get(&uid) == Some(&seen) {
            return Ok(());
        }
        let namespace = text(&pod["metadata"]["namespace"]);
        let name = text(&pod["metadata"]["name"]);
        let api: Api<Pod> = Api::namespaced(self.client.clone(), &namespace);
        match act {
            Act::Remove => {
                let at_once = DeleteParams::default().grace_period(0);
                api.delete(&name, &at_once).await?;
            }
            Act::Bind(node) => {
                let binding = json!({
                    "apiVersion": "v1", "kind": "Binding", "metadata": { "name": name },
                    "target": { "apiVersion": "v1", "kind": "Node", "name": node },
                });
                let _: Value = api
                    .create_subresource("binding", &name, &PostParams::default(), &binding)
                    .await?;
            }
            Act::Report { ready } => {
                let status = json!({ "status": running(pod, self.address_of(&uid), ready) });
                api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
                    .await?;
            }
        }
        self.done.insert(uid, seen);
        Ok(())
    }

    fn address_of(&mut self, uid: &str) -> Ipv4Addr {
        let next = u16::try_from(self.addresses.len() + 1).unwrap_or(u16::MAX);
        let [third, fourth] = next.to_be_bytes();
        let address = Ipv4Addr::new(10, 244, third, fourth);
        *self.addresses.entry(uid.to_owned()).or_insert(address)
    }
}

fn next_act(pod: &Value, is_node_ready: bool) -> Option<Act> {
    if pod["metadata"]["deletionTimestamp"].is_string() {
        // Containers here end at once; nobody has to wait for the grace period.
        return Some(Act::Remove);
    }
    if pod["spec"]["nodeName"].is_string() {
        let is_started = pod["status"]["podIP"].is_string();
        let is_reported = is_started && is_ready(pod) == is_node_ready;
        return (!is_reported && (is_started || is_node_ready)).then_some(Act::Report {
            ready: is_node_ready,
        });
    }
    wanted_node(pod).map(|node| Act::Bind(node.to_owned()))
}

/// The node that the DaemonSet controller made the pod for: a required affinity to its name
/// (kubernetes/kubernetes, pkg/controller/daemon/util).
fn wanted_node(pod: &Value) -> Option<&str> {
    let required =
        &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let field = &required["nodeSelectorTerms"][0]["matchFields"][0];
    field["values"][0]
        .as_str()
        .filter(|_| field["key"] == "metadata.name")
}

/// Whether a node or a pod says that it is ready.
fn is_ready(object: &Value) -> bool {
    let conditions = object["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

fn running(pod: &Value, address: Ipv4Addr, ready: bool) -> Value {
    let now = Clock::system().now().to_string();
    let conditions = [
        ("PodScheduled", true),
        ("Initialized", true),
        ("ContainersReady", ready),
        ("Ready", ready),
    ]
    .map(|(kind, holds)| {
        let status = if holds { "True" } else { "False" };
        json!({ "type": kind, "status": status, "lastTransitionTime": now })
    });
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let containers: Vec<Value> = containers
        .map(|container| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": "",
                "ready": ready, "started": true, "restartCount": 0,
                "state": { "running": { "startedAt": now } },
            })
        })
        .collect();
    json!({
        "phase": "Running", "podIP": address, "podIPs": [{ "ip": address }], "startTime": now,
        "conditions": conditions, "containerStatuses": containers,
    })
}

/// What a kubelet says now and then: still there. Other conditions, and whether it is ready, stay as they are.
async fn report_node(client: &Client, node: &Value) -> Result<(), kube::Error> {
    let name = node["metadata"]["name"].as_str().unwrap_or_default();
    let heard = json!({ "type": "Ready", "lastHeartbeatTime": Clock::system().now().to_string() });
    let patch = json!({ "status": { "conditions": [heard] } });
    let api: Api<Node> = Api::all(client.clone());
    api.patch_status(name, &PatchParams::default(), &Patch::Strategic(patch))
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(node: Option<&str>, status: &Value) -> Value {
        json!({ "metadata": { "name": "a" }, "spec": { "nodeName": node }, "status": status })
    }

    #[test]
    fn a_pod_becomes_not_ready_with_its_node_and_ready_again() {
        let ready =
            json!({ "podIP": "10.244.0.1", "conditions": [{ "type": "Ready", "status": "True" }] });
        assert_eq!(next_act(&pod(Some("n"), &ready), true), None);
        let lost = next_act(&pod(Some("n"), &ready), false);
        assert_eq!(lost, Some(Act::Report { ready: false }));
        let unready = json!({ "podIP": "10.244.0.1", "conditions": [{ "type": "Ready", "status": "False" }] });
        let back = next_act(&pod(Some("n"), &unready), true);
        assert_eq!(back, Some(Act::Report { ready: true }));
        // One that has not begun begins when its node is there.
        assert_eq!(next_act(&pod(Some("n"), &json!({})), false), None);
    }

    #[test]
    fn a_pod_of_a_daemon_set_goes_to_the_node_that_it_names_and_others_wait_for_a_scheduler() {
        let mut of_set = pod(None, &json!({}));
        of_set["spec"]["affinity"]["nodeAffinity"] = json!({
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [{
                "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["n"] }],
            }] },
        });
        assert_eq!(next_act(&of_set, false), Some(Act::Bind("n".to_owned())));
        assert_eq!(next_act(&pod(None, &json!({})), true), None);
    }
}
