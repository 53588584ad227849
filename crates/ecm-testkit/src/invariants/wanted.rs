//! What a cluster asks for, worked out from its objects.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use ens_sim::cloud::Protocol;
use poolservice_api::keys;
use serde_json::Value;

use super::{annotation, is_terminating, items, label, name, namespace};
use crate::world::View;

/// What one pool of one Service is to have.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Namespace of the Service.
    pub namespace: String,
    /// Name of the Service.
    pub service: String,
    /// Name of the pool.
    pub pool: String,
    /// Whether the load balancer is a person's.
    pub is_users: bool,
    /// The listeners.
    pub ports: Vec<Port>,
    /// Instance ids of the backends, with their weights.
    pub servers: BTreeMap<String, u8>,
    /// Whether the state of the nodes lets `servers` be known: a node whose state is unknown may
    /// stay or go, depending on what was before.
    pub are_servers_known: bool,
    /// Mbit/s of the EIP; `None` where what is asked for is not allowed, so that it stays what it was.
    pub bandwidth: Option<u32>,
    /// Scheduler of the listeners; `None` where what is asked for is not allowed.
    pub scheduler: Option<String>,
}

/// One port of a Service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The listener's port.
    pub port: u16,
    /// The port of the backends.
    pub node_port: u16,
}

impl Wanted {
    /// Name of the PoolService.
    pub fn pool_service(&self) -> String {
        format!("{}-{}", self.service, self.pool)
    }
}

/// What each pool of each Service is to have. Selectors of the form `k=v,k=v` are understood.
pub fn wanted(view: &View) -> Vec<Wanted> {
    let mut all = Vec::new();
    for service in view.services.iter().filter(|s| is_elb(s)) {
        for pool in &view.pools {
            if !is_terminating(pool) && selects(service, pool) {
                all.push(of(view, service, pool));
            }
        }
    }
    all
}

fn is_elb(service: &Value) -> bool {
    service["spec"]["type"] == "LoadBalancer"
        && service["spec"]["loadBalancerClass"] == keys::DEFAULT_LOAD_BALANCER_CLASS
        && annotation(service, keys::NODE_POOL_SELECTOR).is_some_and(|text| !text.is_empty())
        && !is_terminating(service)
}

fn selects(service: &Value, pool: &Value) -> bool {
    let selector = annotation(service, keys::NODE_POOL_SELECTOR).unwrap_or_default();
    selector.split(',').all(|term| {
        let Some((key, value)) = term.split_once('=') else {
            return false;
        };
        label(pool, key.trim()) == Some(value.trim())
    })
}

fn of(view: &View, service: &Value, pool: &Value) -> Wanted {
    let ps = format!("{}-{}", name(service), name(pool));
    let is_it = |object: &&Value| name(object) == ps && namespace(object) == namespace(service);
    let ps = view.pool_services.iter().find(is_it);
    // What stands on the PoolService goes before what stands on the Service.
    let setting = |key: &str| {
        let key = format!("{}{key}", keys::ANNOTATION_PREFIX);
        let own = ps.and_then(|ps| annotation(ps, &key));
        own.or_else(|| annotation(service, &key))
    };
    let (servers, are_servers_known) = servers(view, service, name(pool));
    Wanted {
        namespace: namespace(service).to_owned(),
        service: name(service).to_owned(),
        pool: name(pool).to_owned(),
        is_users: setting("managed-by-user") == Some("true"),
        ports: items(&service["spec"]["ports"]).filter_map(port).collect(),
        servers,
        are_servers_known,
        bandwidth: match setting("eip-bandwidth") {
            Some(text) => text
                .parse()
                .ok()
                .filter(|mbits| (5..=10_000).contains(mbits)),
            None => Some(10),
        },
        scheduler: match setting("scheduler") {
            Some(text) => ["rr", "wrr", "wlc", "sch"]
                .contains(&text)
                .then(|| text.to_owned()),
            None => Some("rr".to_owned()),
        },
    }
}

pub(super) fn port(port: &Value) -> Option<Port> {
    let number = |key: &str| port[key].as_u64().and_then(|n| u16::try_from(n).ok());
    Some(Port {
        protocol: match port["protocol"].as_str() {
            Some("TCP") | None => Protocol::Tcp,
            Some("UDP") => Protocol::Udp,
            Some(_) => return None,
        },
        port: number("port")?,
        node_port: number("nodePort")?,
    })
}

/// Instances of a pool that should take traffic of a Service.
fn servers(view: &View, service: &Value, pool: &str) -> (BTreeMap<String, u8>, bool) {
    let of_pool = || {
        view.nodes
            .iter()
            .filter(move |node| label(node, keys::NODE_POOL) == Some(pool))
    };
    let are_known = of_pool().all(|node| readiness(node) != "Unknown");
    let with_pods = nodes_with_ready_pods(view, service);
    let has_pods_in_pool = of_pool().any(|node| with_pods.contains(name(node)));
    let is_local = service["spec"]["externalTrafficPolicy"] == "Local";
    let stays_in_pool = annotation(service, keys::TOPOLOGY_KEYS) == Some(keys::TOPOLOGY_POOL[0]);
    let is_served = if stays_in_pool {
        has_pods_in_pool
    } else {
        !with_pods.is_empty()
    };
    let qualifies = |node: &&Value| {
        readiness(node) == "True"
            && label(node, keys::EXCLUDE_FROM_LOAD_BALANCERS).is_none()
            && if is_local {
                with_pods.contains(name(node))
            } else {
                is_served
            }
    };
    let base = annotation(
        service,
        &format!("{}backend-weight", keys::ANNOTATION_PREFIX),
    );
    let weight = base
        .and_then(|text| text.strip_prefix("base=")?.parse().ok())
        .unwrap_or(100);
    let servers = of_pool()
        .filter(qualifies)
        .filter_map(|node| label(node, keys::ENS_INSTANCE_ID))
        .map(|id| (id.to_owned(), weight))
        .collect();
    (servers, are_known)
}

/// Nodes with a ready pod of a Service.
pub(super) fn nodes_with_ready_pods<'a>(view: &'a View, service: &Value) -> BTreeSet<&'a str> {
    let of_service = |slice: &&Value| {
        namespace(slice) == namespace(service)
            && label(slice, "kubernetes.io/service-name") == Some(name(service))
    };
    view.slices
        .iter()
        .filter(of_service)
        .flat_map(|slice| items(&slice["endpoints"]))
        .filter(|endpoint| endpoint["conditions"]["ready"] == true)
        .filter_map(|endpoint| endpoint["nodeName"].as_str())
        .collect()
}

/// Status of a node's condition `Ready`.
pub(super) fn readiness(node: &Value) -> &str {
    super::condition(node, "Ready")
        .and_then(|condition| condition["status"].as_str())
        .unwrap_or("Unknown")
}

/// The addresses of an object's `status.loadBalancer.ingress`.
pub(super) fn addresses(object: &Value) -> BTreeSet<Ipv4Addr> {
    items(&object["status"]["loadBalancer"]["ingress"])
        .filter_map(|ingress| ingress["ip"].as_str()?.parse().ok())
        .collect()
}
