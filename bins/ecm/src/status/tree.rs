//! The tree as a value: from the cluster alone, and what the cloud adds to it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ecm_policy::fan_out;
use ecm_policy::ledger::{self, Owner, State};
use ecm_policy::observed::ListenerStatus;
use ecm_policy::snapshot::ObjectKey;
use ecm_reconciler::caller::Caller;
use ecm_reconciler::index::Index;
use ecm_reconciler::objects;
use ecm_reconciler::region::Regions;
use ens_openapi::rate_limit::Priority;
use poolservice_api::keys;
use serde::Serialize;
use tokio::time::Instant;

/// Everything that was asked for.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tree {
    pub(super) services: Vec<Service>,
}

/// A Service, also one that is gone and whose PoolServices are not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service {
    #[serde(rename = "service")]
    pub(super) key: ObjectKey,
    pub(super) addresses: Vec<String>,
    pub(super) pool_services: Vec<PoolService>,
    pub(super) wrong: Vec<Wrong>,
}

/// A PoolService with what it holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PoolService {
    pub(super) name: String,
    pub(super) pool: Option<String>,
    pub(super) region: Option<String>,
    pub(super) ready: bool,
    pub(super) deleting: bool,
    pub(super) load_balancer: Option<LoadBalancer>,
    pub(super) eip: Option<Eip>,
    pub(super) wrong: Vec<Wrong>,
}

/// Something that is not as it should be.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Wrong {
    /// The condition, where one says it.
    pub(super) condition: Option<String>,
    pub(super) reason: String,
    pub(super) message: String,
}

/// A load balancer. Its state is that of the cloud, where that was asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoadBalancer {
    pub(super) id: String,
    /// Whose it is, by the ledger.
    pub(super) owner: Owner,
    pub(super) state: Option<String>,
    pub(super) listeners: Vec<Listener>,
    pub(super) backends: Vec<Backend>,
}

/// A listener; by the Service where the cloud was not asked.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Listener {
    pub(super) port: String,
    pub(super) node_port: Option<u16>,
    pub(super) state: Option<String>,
}

/// A backend.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Backend {
    pub(super) server: String,
    pub(super) node: Option<String>,
    pub(super) weight: u8,
}

/// An EIP.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Eip {
    pub(super) id: String,
    pub(super) address: Option<String>,
    pub(super) state: Option<String>,
    pub(super) bandwidth: Option<u32>,
}

/// The Services of a class that `chosen` takes, by what the cluster says: conditions, ledgers and
/// status.
pub(super) fn of_cluster(index: &Index, class: &str, chosen: impl Fn(&ObjectKey) -> bool) -> Tree {
    let mut by_service: BTreeMap<ObjectKey, Vec<PoolService>> = BTreeMap::new();
    let is_of_class = |key: &ObjectKey| {
        let service = index.service(key).map(|service| &service.snapshot);
        service.is_some_and(|service| {
            service.service_type == "LoadBalancer"
                && service.load_balancer_class.as_deref() == Some(class)
        })
    };
    for key in index.services().filter(is_of_class) {
        by_service.entry(key).or_default();
    }
    for ps in index.pool_services() {
        let snapshot = &ps.snapshot;
        let is_ours = snapshot.load_balancer_class.as_deref() == Some(class);
        if is_ours || snapshot.has_finalizer {
            let service = snapshot.service.clone().unwrap_or_default();
            let key = ObjectKey::new(&snapshot.key.namespace, service);
            by_service
                .entry(key)
                .or_default()
                .push(pool_service(index, ps));
        }
    }
    let services = by_service.into_iter().filter(|(key, _)| chosen(key));
    Tree {
        services: services
            .map(|(key, pool_services)| service(index, class, key, pool_services))
            .collect(),
    }
}

/// What the fan-out warns of now: a selector that does not parse or matches nothing, a pool that it no longer matches
/// and whose load balancer is about to go.
fn warnings(index: &Index, key: &ObjectKey, class: &str) -> Vec<Wrong> {
    let Some(view) = index.service_view(key) else {
        return Vec::new();
    };
    let config = fan_out::Config::new(class);
    let plan = fan_out::plan(&view, &config, &BTreeMap::new(), 0);
    let warnings = plan.events.into_iter().filter(|event| event.warning);
    warnings
        .map(|event| Wrong {
            condition: None,
            reason: event.reason.as_str().to_owned(),
            message: event.message,
        })
        .collect()
}

fn service(index: &Index, class: &str, key: ObjectKey, pool_services: Vec<PoolService>) -> Service {
    let found = index.service(&key);
    let ingress = found.iter().flat_map(|service| &service.fan_out.ingress);
    let mut wrong = Vec::new();
    if found.is_none() {
        wrong.push(Wrong {
            condition: None,
            reason: "ServiceMissing".to_owned(),
            message: "there is no such Service: what stands goes with its PoolServices".to_owned(),
        });
    } else {
        wrong.extend(warnings(index, &key, class));
    }
    if found.is_some() && pool_services.is_empty() && wrong.is_empty() {
        wrong.push(Wrong {
            condition: None,
            reason: "NoPoolService".to_owned(),
            message: format!(
                "no node pool has a PoolService: see the events of the Service, and its annotation \
                 {}",
                keys::NODE_POOL_SELECTOR
            ),
        });
    }
    Service {
        addresses: ingress
            .filter_map(|entry| entry.ip.clone().or_else(|| entry.hostname.clone()))
            .collect(),
        key,
        pool_services,
        wrong,
    }
}

fn pool_service(index: &Index, ps: &objects::PoolService) -> PoolService {
    let snapshot = &ps.snapshot;
    let conditions = ps.status.conditions.iter().flatten();
    let ready = conditions
        .clone()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    // Ready follows from the others and says nothing that they do not.
    let mut wrong: Vec<Wrong> = conditions
        .filter(|condition| condition.status != "True" && condition.type_ != "Ready")
        .map(|condition| Wrong {
            condition: Some(condition.type_.clone()),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        })
        .collect();
    if ps.status.conditions.iter().flatten().next().is_none() {
        wrong.push(Wrong {
            condition: None,
            reason: "NoConditions".to_owned(),
            message: "nobody has looked at it yet: does the controller run?".to_owned(),
        });
    }
    let state = ledger::of(snapshot);
    let ledger = state.current();
    let is_told = wrong.iter().any(|wrong| wrong.reason == "LedgerLost");
    if let State::Lost(loss) = &state
        && !is_told
    {
        wrong.push(Wrong {
            condition: None,
            reason: "LedgerLost".to_owned(),
            message: loss.to_string(),
        });
    }
    let address = snapshot.published.first().cloned();
    PoolService {
        name: snapshot.key.name.clone(),
        pool: snapshot.pool.clone(),
        region: ledger.map(|ledger| ledger.placement.region.clone()),
        ready,
        deleting: snapshot.deleting,
        load_balancer: ledger.and_then(|ledger| {
            Some(LoadBalancer {
                id: ledger.load_balancer.id.clone()?,
                owner: ledger.load_balancer.owner,
                state: None,
                listeners: wanted_listeners(index, snapshot),
                backends: Vec::new(),
            })
        }),
        eip: ledger.and_then(|ledger| {
            Some(Eip {
                id: ledger.eip.as_ref()?.id.clone()?,
                address,
                state: None,
                bandwidth: None,
            })
        }),
        wrong,
    }
}

/// The ports of the Service: what the listeners are, unless a condition says otherwise.
fn wanted_listeners(index: &Index, ps: &ecm_policy::snapshot::PoolService) -> Vec<Listener> {
    let service = ps.service.as_ref();
    let service = service.and_then(|name| index.service(&ObjectKey::new(&ps.key.namespace, name)));
    let ports = service.iter().flat_map(|service| &service.snapshot.ports);
    ports
        .map(|port| Listener {
            port: format!("{}/{}", port.port, port.protocol.to_lowercase()),
            node_port: port.node_port,
            state: None,
        })
        .collect()
}

/// Asks the cloud for the states of everything in the tree. Region by region one list, and for
/// each load balancer its listeners and backends.
pub(super) async fn add_cloud(tree: &mut Tree, regions: &Regions, index: &Index) -> Result<()> {
    let begun = Instant::now();
    let nodes = nodes_by_server(index);
    let services = tree.services.iter_mut();
    for ps in services.flat_map(|service| &mut service.pool_services) {
        let Some(region) = ps.region.clone() else {
            continue;
        };
        let context = || format!("reading region {region}");
        let lists = regions.lists(&region, begun).await.with_context(context)?;
        let gone = || "gone".to_owned();
        if let Some(eip) = &mut ps.eip {
            let found = lists.eips.get(&eip.id);
            eip.state = Some(found.map_or_else(gone, |found| found.status.to_string()));
            eip.bandwidth = found.and_then(|found| found.bandwidth);
            eip.address = found.map(|found| found.address.clone());
        }
        let Some(load_balancer) = &mut ps.load_balancer else {
            continue;
        };
        let found = lists.load_balancers.get(&load_balancer.id);
        load_balancer.state = Some(found.map_or_else(gone, |found| found.status.to_string()));
        let reader = regions.called_by(&Caller::new(Priority::Low, "status"));
        let detail = reader.detail(&region, &load_balancer.id, Duration::ZERO);
        let Some((detail, _)) = detail.await.with_context(context)? else {
            continue;
        };
        load_balancer.listeners = detail
            .listeners
            .iter()
            .map(|listener| Listener {
                port: listener.key.to_string(),
                node_port: listener.backend_port,
                state: Some(listener_state(&listener.status)),
            })
            .collect();
        load_balancer.backends = detail
            .backends
            .iter()
            .map(|backend| Backend {
                server: backend.server_id.clone(),
                node: nodes.get(backend.server_id.as_str()).cloned(),
                weight: backend.weight,
            })
            .collect();
    }
    Ok(())
}

fn listener_state(status: &ListenerStatus) -> String {
    match status {
        ListenerStatus::Running => "Running".to_owned(),
        ListenerStatus::Stopped => "Stopped".to_owned(),
        ListenerStatus::Changing(text) => text.clone(),
    }
}

/// Which node each server is, by the nodes of the pools in use.
fn nodes_by_server(index: &Index) -> BTreeMap<String, String> {
    let keys: BTreeSet<&ObjectKey> = index.pool_services().map(|ps| &ps.snapshot.key).collect();
    let snapshots = keys.into_iter().filter_map(|key| index.snapshot(key));
    let nodes = snapshots.flat_map(|snapshot| snapshot.nodes);
    nodes
        .filter_map(|node| Some((node.labels.get(keys::ENS_INSTANCE_ID)?.clone(), node.name)))
        .collect()
}
