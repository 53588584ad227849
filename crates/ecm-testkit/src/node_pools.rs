//! What OpenYurt does for node pools: their status says which nodes they have and how many of those
//! are ready (openyurtio/openyurt, pkg/yurtmanager/controller/nodepool).

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Node;
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use poolservice_api::{NodePool, NodePoolStatus, NodePoolVersion, keys};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Keeps the status of all pools in step with the nodes until `stop`.
pub(crate) async fn run(client: Client, stop: CancellationToken) {
    let nodes: Api<Node> = Api::all(client.clone());
    let changes = watcher(nodes, watcher::Config::default())
        .default_backoff()
        .take_until(stop.cancelled_owned());
    let mut changes = std::pin::pin!(changes);
    while let Some(change) = changes.next().await {
        // A list is looked at once, when it is whole.
        let is_news = !matches!(
            change,
            Err(_) | Ok(watcher::Event::Init | watcher::Event::InitApply(_))
        );
        if is_news && let Err(error) = report(&client).await {
            tracing::debug!(%error, "the status of the node pools waits for the next change");
        }
    }
}

async fn report(client: &Client) -> Result<(), kube::Error> {
    let version = NodePoolVersion::V1Beta2;
    let pools: Api<NodePool> = Api::all_with(client.clone(), &version);
    let nodes: Api<Node> = Api::all(client.clone());
    let all = ListParams::default();
    let nodes = nodes.list(&all).await?.items;
    for pool in pools.list(&all).await? {
        let name = pool.name_any();
        let members: Vec<&Node> = nodes
            .iter()
            .filter(|node| node.labels().get(keys::NODE_POOL) == Some(&name))
            .collect();
        let status = status(&members);
        if pool.status.as_ref() != Some(&status) {
            let patch = Patch::Merge(json!({ "status": {
                "readyNodeNum": status.ready_node_num,
                "unreadyNodeNum": status.unready_node_num,
                "nodes": status.nodes,
            }}));
            pools
                .patch_status(&name, &PatchParams::default(), &patch)
                .await?;
        }
    }
    Ok(())
}

fn status(members: &[&Node]) -> NodePoolStatus {
    let ready = members.iter().filter(|node| is_ready(node)).count();
    // No pool has more nodes than fit into the numbers of its status.
    let number = |count: usize| i32::try_from(count).ok();
    NodePoolStatus {
        ready_node_num: number(ready),
        unready_node_num: number(members.len() - ready),
        nodes: Some(members.iter().map(|node| node.name_any()).collect()),
    }
}

fn is_ready(node: &Node) -> bool {
    let status = node.status.as_ref();
    status
        .and_then(|status| status.conditions.as_ref())
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
