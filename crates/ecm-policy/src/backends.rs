//! Which nodes of a pool take traffic (behaviour 7.1 to 7.3).

use std::collections::{BTreeMap, BTreeSet};

use poolservice_api::keys;
use serde::{Deserialize, Serialize};

use crate::annotations::{Settings, WeightBy};
use crate::snapshot::{Endpoint, ExternalTrafficPolicy, Node, Readiness, Service, Snapshot};

/// A server that should be attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// The ENS instance id: the value of the node's label `alibabacloud.com/ens-instance-id`.
    pub server_id: String,
    /// The node's name, for people.
    pub node: String,
    /// 0 to 100.
    pub weight: u8,
}

/// The backends of one pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Servers to attach, sorted by server id.
    pub servers: Vec<Backend>,
    /// Servers that stay as they are when they are attached and are not added when they are not:
    /// the cloud has lost sight of their nodes (behaviour 7.2).
    pub kept: BTreeSet<String>,
    /// Nodes that were left out although somebody might expect them, with the reason.
    pub left_out: Vec<LeftOut>,
    /// When the first of the kept servers stops being kept, seconds since 1970: nothing changes
    /// in Kubernetes at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_ends: Option<i64>,
}

/// A node that takes no traffic although it is in the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The node.
    pub node: String,
    /// Why.
    pub why: String,
}

/// The largest weight of a server (ENS API, `Weight` of AddBackendServers).
const MAX_WEIGHT: usize = 100;

/// How long a node whose state is unknown is kept while other nodes of its pool are ready, in
/// seconds, unless somebody says otherwise (behaviour 7.2).
pub const UNREACHABLE_GRACE: i64 = 300;

/// The backends that a PoolService wants at `now` (seconds since 1970), when nodes that the cloud
/// has lost sight of are kept for `grace` seconds.
pub fn wanted(snapshot: &Snapshot, settings: &Settings, grace: i64, now: i64) -> Wanted {
    let Some(service) = &snapshot.service else {
        return Wanted::default();
    };
    let serving = serving_nodes(&snapshot.endpoints, &snapshot.nodes);
    let topology_is_pool = service
        .annotations
        .get(keys::TOPOLOGY_KEYS)
        .is_some_and(|value| keys::TOPOLOGY_POOL.contains(&value.as_str()));
    let in_reach = if topology_is_pool {
        !serving.is_empty()
    } else {
        anywhere(&snapshot.endpoints)
    };

    let doubled = doubled_servers(&snapshot.nodes);
    let any_ready = snapshot
        .nodes
        .iter()
        .any(|node| node.ready == Readiness::True);
    let mut wanted = Wanted::default();
    for node in &snapshot.nodes {
        let server_id = match server_of(node, settings, &doubled) {
            Ok(server_id) => server_id,
            Err(why) => {
                wanted.left_out.extend(why.map(|why| LeftOut {
                    node: node.name.clone(),
                    why,
                }));
                continue;
            }
        };
        let takes_traffic = match service.external_traffic_policy {
            ExternalTrafficPolicy::Local => serving.contains_key(node.name.as_str()),
            ExternalTrafficPolicy::Cluster => in_reach,
        };
        match standing(node, any_ready, grace, now) {
            Standing::Kept { until } if takes_traffic => {
                wanted.kept.insert(server_id);
                wanted.grace_ends = [wanted.grace_ends, until].into_iter().flatten().min();
            }
            Standing::In if takes_traffic => wanted.servers.push(Backend {
                server_id,
                node: node.name.clone(),
                weight: weight(node, service, settings, &serving),
            }),
            Standing::In | Standing::Kept { .. } | Standing::Out => {}
        }
    }
    wanted.servers.sort_by(|a, b| a.server_id.cmp(&b.server_id));
    wanted
}

/// The weight of a node: what the annotation says of it, or the number of its pods that serve.
fn weight(
    node: &Node,
    service: &Service,
    settings: &Settings,
    serving: &BTreeMap<&str, usize>,
) -> u8 {
    let is_local = service.external_traffic_policy == ExternalTrafficPolicy::Local;
    match serving.get(node.name.as_str()) {
        Some(pods) if is_local && settings.weight_by == WeightBy::Pods => {
            u8::try_from((*pods).min(MAX_WEIGHT)).unwrap_or_default()
        }
        _ => settings.backend_weight.of(&node.name),
    }
}

/// Where a node stands by its condition `Ready`.
enum Standing {
    /// Attach it.
    In,
    /// Leave it as it is, at most until then (seconds since 1970).
    Kept { until: Option<i64> },
    /// Detach it.
    Out,
}

fn standing(node: &Node, any_ready: bool, grace: i64, now: i64) -> Standing {
    match node.ready {
        Readiness::True => Standing::In,
        Readiness::False => Standing::Out,
        Readiness::Unknown => {
            if !any_ready || is_autonomous(node) {
                return Standing::Kept { until: None };
            }
            match node.ready_since {
                Some(since) if now.saturating_sub(since) >= grace => Standing::Out,
                since => Standing::Kept {
                    until: since.map(|since| since.saturating_add(grace)),
                },
            }
        }
    }
}

/// Whether the node is told to go on without the cloud.
fn is_autonomous(node: &Node) -> bool {
    let is_true = |key: &&str| {
        node.annotations
            .get(*key)
            .is_some_and(|value| value == "true")
    };
    keys::AUTONOMY.iter().any(is_true) || node.annotations.contains_key(keys::AUTONOMY_DURATION)
}

/// The server id of a node that may take traffic at all; `Err(None)` where nobody wonders why not.
fn server_of(
    node: &Node,
    settings: &Settings,
    doubled: &BTreeSet<&str>,
) -> Result<String, Option<String>> {
    let label = |key: &str| node.labels.get(key).map(String::as_str);
    if label(keys::NODE_TYPE) == Some(keys::VIRTUAL_KUBELET) || node.deleting {
        return Err(None);
    }
    if node.labels.contains_key(keys::EXCLUDE_FROM_LOAD_BALANCERS) {
        return Err(None);
    }
    if !settings
        .backend_label
        .iter()
        .all(|(key, value)| label(key) == Some(value))
    {
        return Err(None);
    }
    if node
        .taints
        .iter()
        .any(|taint| taint == keys::AUTOSCALER_TAINT)
    {
        return Err(None);
    }
    if node.unschedulable && settings.remove_unscheduled_backend {
        return Err(None);
    }
    let Some(server_id) = label(keys::ENS_INSTANCE_ID).filter(|id| !id.is_empty()) else {
        return Err(Some(format!("it has no label {}", keys::ENS_INSTANCE_ID)));
    };
    if doubled.contains(server_id) {
        return Err(Some(format!(
            "another node has the same instance id {server_id}"
        )));
    }
    Ok(server_id.to_owned())
}

/// Instance ids that more than one node claims.
fn doubled_servers(nodes: &[Node]) -> BTreeSet<&str> {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for node in nodes {
        if let Some(id) = node.labels.get(keys::ENS_INSTANCE_ID) {
            *count.entry(id).or_default() += 1;
        }
    }
    count
        .into_iter()
        .filter(|(_, n)| *n > 1)
        .map(|(id, _)| id)
        .collect()
}

/// Nodes of the pool with an endpoint that takes traffic, and how many such they have: a ready one, or, while the pool has no
/// ready one left, one that still serves while it terminates. On a node that the cloud has lost
/// sight of, an endpoint counts as it did before: the node's own readiness made it not ready.
fn serving_nodes<'a>(endpoints: &'a [Endpoint], nodes: &[Node]) -> BTreeMap<&'a str, usize> {
    let pool: BTreeMap<&str, &Node> = nodes.iter().map(|n| (n.name.as_str(), n)).collect();
    let in_pool = || {
        endpoints.iter().filter_map(|endpoint| {
            let name = endpoint.node.as_deref()?;
            pool.get(name).map(|node| (name, *node, endpoint))
        })
    };
    let count = |counts: fn(&Node, &Endpoint) -> bool| {
        let mut nodes: BTreeMap<&str, usize> = BTreeMap::new();
        for (name, node, endpoint) in in_pool() {
            if counts(node, endpoint) {
                *nodes.entry(name).or_default() += 1;
            }
        }
        nodes
    };
    let ready = count(|node, endpoint| {
        endpoint.ready || (node.ready == Readiness::Unknown && !endpoint.terminating)
    });
    if !ready.is_empty() {
        return ready;
    }
    count(|_, endpoint| endpoint.terminating && endpoint.serving)
}

fn anywhere(endpoints: &[Endpoint]) -> bool {
    endpoints
        .iter()
        .any(|endpoint| endpoint.ready || endpoint.serving)
}
