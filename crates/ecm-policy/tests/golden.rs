//! Golden files: for each case in `tests/golden/*.yaml` what is desired and what is planned, as a
//! text beside it that a person has read. After a wanted change:
//! `UPDATE_GOLDEN=1 cargo test -p ecm-policy --test golden`, and review the difference.
//!
//! A case says only what differs from one TCP port, `Local`, and two ready nodes with a pod each
//! in pool `hefei`. Annotation keys without a slash are those of the annotation page.
#![allow(
    clippy::panic,
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod model;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use ecm_policy::desired::{Config, desired};
use ecm_policy::listeners::{ListenerKey, Protocol};
use ecm_policy::observed::{
    EipStatus, Listener, ListenerStatus, LoadBalancer, LoadBalancerDetail, LoadBalancerStatus,
    Observed,
};
use ecm_policy::plan::{Plan, Step};
use ecm_policy::snapshot::{ExternalTrafficPolicy, ObjectKey, Readiness, Snapshot};
use model::{P, World};
use serde::Deserialize;
use serde_json::Value;

/// Fewer cases than this, and some were lost.
const AT_LEAST: usize = 60;

/// One case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it shows; the first line of the golden text.
    shows: String,
    /// What the cloud was settled for before; without it the cloud holds nothing.
    #[serde(default)]
    before: Option<Input>,
    /// What happened in the cloud since.
    #[serde(default)]
    cloud: Vec<Drift>,
    /// What is asked for now.
    #[serde(default)]
    now: Input,
    /// Syncs between the two moments.
    #[serde(default)]
    syncs: usize,
}

/// What Kubernetes says.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Input {
    service: Option<String>,
    annotations: BTreeMap<String, String>,
    on_pool_service: BTreeMap<String, String>,
    on_pool: BTreeMap<String, Option<String>>,
    ports: Option<Vec<String>>,
    cluster: bool,
    source_ranges: Vec<String>,
    client_ip_affinity: bool,
    load_balancer_ip: Option<String>,
    ipv6: bool,
    nodes: Option<Vec<NodeInput>>,
    without: Vec<String>,
    deleting: bool,
    finalizer_without_ledger: bool,
    /// Seconds since 1970; the older one goes first on a shared load balancer.
    created_at: i64,
    /// Others on the same user's load balancer.
    sharing: Vec<Sharer>,
}

/// Another PoolService that names the same user's load balancer, with `Cluster`.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Sharer {
    service: String,
    pool: String,
    created_at: i64,
    local: bool,
    ports: Vec<String>,
    annotations: BTreeMap<String, String>,
    /// Numbers of its nodes, each with a ready pod.
    nodes: Vec<usize>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct NodeInput {
    ready: Option<Readiness>,
    ready_since: Option<i64>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    taints: Vec<String>,
    unschedulable: bool,
    deleting: bool,
    pod: Pod,
    /// How many pods are on it, all alike; one where nothing is said.
    pods: Option<usize>,
}

#[derive(Clone, Copy, Default, Deserialize)]
enum Pod {
    #[default]
    Ready,
    Terminating,
    NotReady,
    None,
}

/// What somebody did in the cloud.
#[derive(Clone, Deserialize)]
enum Drift {
    /// A load balancer of the user's, in this network.
    Users(String),
    /// It bears this name.
    UsersName(String),
    InactiveFor(i64),
    Renamed(String),
    LoadBalancerGone,
    LoadBalancerOfOurName,
    EipGone,
    EipFree,
    EipBusy,
    EipBoundElsewhere,
    EipBandwidth(u32),
    ListenerStopped,
    ListenerBusy,
    ListenerGone,
    /// Somebody's listener on this TCP port, with this description.
    ForeignListener(u16, String),
    BackendGone,
    ForeignBackend,
    Weight(u8),
    OtherCluster,
    OtherAccount,
    AnswersLost,
    /// An EIP of the user's is bound to the user's load balancer.
    UsersEip,
    /// It is on its way there.
    UsersEipBusy,
    /// Reads by id find nothing, lists do not agree.
    Blind,
    /// The instance is not Running, or in another network.
    NotAttachable(String),
}

#[test]
fn what_is_desired_and_planned_is_what_a_person_has_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    cases.sort();
    assert!(cases.len() >= AT_LEAST, "only {} cases", cases.len());
    let mut differ = Vec::new();
    for path in cases {
        let text = fs::read_to_string(&path).unwrap();
        let case: Case = serde_saphyr::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let found = run(&case);
        let golden = path.with_extension("txt");
        if is_update {
            fs::write(&golden, &found).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != found {
            differ.push(format!("{}\n{found}", golden.display()));
        }
    }
    assert!(
        differ.is_empty(),
        "not as reviewed; UPDATE_GOLDEN=1 writes what is found:\n{}",
        differ.join("\n")
    );
}

fn run(case: &Case) -> String {
    let mut world = World::new();
    if case.cloud.iter().any(|d| matches!(d, Drift::AnswersLost)) {
        world.lose_answers = true;
    }
    for drift in &case.cloud {
        if matches!(drift, Drift::Users(_)) {
            apply(&mut world, drift);
        }
    }
    if let Some(before) = &case.before {
        let before = snapshot(before);
        if world.lose_answers {
            world.tick(&before);
        } else {
            world.settle(&before);
        }
    }
    for drift in &case.cloud {
        if !matches!(drift, Drift::Users(_)) {
            apply(&mut world, drift);
        }
    }
    let mut now = snapshot(&case.now);
    world.ticks(&now, case.syncs);
    now.pool_service.has_finalizer |= world.ledger.is_some();
    let wanted = desired(&now, &Config::new(model::identity()), world.now);
    let mut text = format!("{}\n\nDESIRED\n", case.shows.trim());
    show(&mut text, &serde_json::to_value(&wanted).unwrap(), 0);
    text.push_str("\nPLAN\n");
    let plan = if case.now.finalizer_without_ledger {
        let identity = model::identity();
        let cx = ecm_policy::plan::Context {
            identity: &identity,
            pool_service: &now.pool_service,
            now: world.now,
        };
        let state = ecm_policy::ledger::read(None, "ps-uid", true);
        ecm_policy::plan::plan(&wanted, &Observed::default(), &state, &cx)
    } else {
        world.look(&now)
    };
    show_plan(&mut text, &plan);
    text
}

/// A value, one line for each thing; what is empty is left out.
fn show(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) if depth < 2 => {
            for (name, value) in fields {
                let is_empty = match value {
                    Value::Null | Value::Bool(false) => true,
                    Value::Array(items) => items.is_empty(),
                    Value::Object(fields) => fields.is_empty(),
                    _ => false,
                };
                match value {
                    _ if is_empty => {}
                    Value::Array(items) => {
                        writeln!(text, "{indent}{name}:").unwrap();
                        for item in items {
                            writeln!(text, "{indent}  - {item}").unwrap();
                        }
                    }
                    Value::Object(_) if depth < 1 => {
                        writeln!(text, "{indent}{name}:").unwrap();
                        show(text, value, depth + 1);
                    }
                    other => writeln!(text, "{indent}{name}: {other}").unwrap(),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                writeln!(text, "{indent}- {item}").unwrap();
            }
        }
        other => writeln!(text, "{indent}{other}").unwrap(),
    }
}

fn show_plan(text: &mut String, plan: &Plan) {
    for (number, lane) in (1..).zip(&plan.lanes) {
        writeln!(text, "lane {number}:").unwrap();
        for step in &lane.0 {
            writeln!(text, "  {step}").unwrap();
            if let Step::CreateLoadBalancer(intent) | Step::CreateEip(intent) = step {
                for (key, value) in &intent.parameters {
                    writeln!(text, "    {key}={value}").unwrap();
                }
            }
        }
    }
    let report = &plan.report;
    writeln!(
        text,
        "ledger: {}",
        if plan.ledger.is_some() {
            "written"
        } else {
            "as it is"
        }
    )
    .unwrap();
    writeln!(text, "wait: {:?}", plan.wait).unwrap();
    writeln!(text, "released: {}", plan.released).unwrap();
    writeln!(
        text,
        "address: {}",
        serde_json::to_value(&report.addresses).unwrap()
    )
    .unwrap();
    for (key, value) in &report.aggregate {
        writeln!(text, "aggregate {key}={value}").unwrap();
    }
    for c in report.conditions.with_ready() {
        assert_ne!(c.message, "", "{} says nothing", c.condition.as_str());
        writeln!(
            text,
            "{}={} {}: {}",
            c.condition,
            c.status.as_str(),
            c.reason,
            c.message
        )
        .unwrap();
    }
    for event in &report.events {
        writeln!(text, "event {}: {}", event.reason, event.message).unwrap();
    }
}

/// Annotations with whole keys.
fn full(annotations: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let key = |key: &String| {
        if key.contains('/') {
            key.clone()
        } else {
            format!("{P}{key}")
        }
    };
    annotations
        .iter()
        .map(|(k, v)| (key(k), v.clone()))
        .collect()
}

/// A sharer as one on the load balancer that `input` names.
fn sharing(sharer: &Sharer, input: &Input) -> Snapshot {
    let mut s = model::snapshot(0);
    s.nodes = sharer.nodes.iter().copied().map(model::node).collect();
    s.endpoints = sharer.nodes.iter().copied().map(model::endpoint).collect();
    let ps = &mut s.pool_service;
    ps.key = ObjectKey::new("default", format!("{}-{}", sharer.service, sharer.pool));
    ps.uid = format!("{}-uid", ps.key.name);
    (ps.service, ps.pool) = (Some(sharer.service.clone()), Some(sharer.pool.clone()));
    ps.created_at = sharer.created_at;
    ps.annotations = full(&input.on_pool_service);
    ps.annotations.extend(full(&sharer.annotations));
    s.pool.as_mut().unwrap().name.clone_from(&sharer.pool);
    let service = model::service(&mut s);
    service.key.name.clone_from(&sharer.service);
    service.ports = sharer.ports.iter().map(|text| port(text)).collect();
    if !sharer.local {
        service.external_traffic_policy = ExternalTrafficPolicy::Cluster;
    }
    s
}

fn snapshot(input: &Input) -> Snapshot {
    let mut s = model::snapshot(2);
    s.pool_service.annotations = full(&input.on_pool_service);
    s.pool_service.deleting = input.deleting;
    s.pool_service.has_finalizer = input.finalizer_without_ledger;
    if let Some(nodes) = &input.nodes {
        s.nodes.clear();
        s.endpoints.clear();
        for (index, given) in nodes.iter().enumerate() {
            let mut node = model::node(index);
            node.ready = given.ready.unwrap_or(Readiness::True);
            node.ready_since = given.ready_since.or(node.ready_since);
            node.labels.extend(given.labels.clone());
            node.annotations.clone_from(&given.annotations);
            node.taints.clone_from(&given.taints);
            (node.unschedulable, node.deleting) = (given.unschedulable, given.deleting);
            s.nodes.push(node);
            let mut endpoint = model::endpoint(index);
            match given.pod {
                Pod::Ready => {}
                Pod::Terminating => (endpoint.ready, endpoint.terminating) = (false, true),
                Pod::NotReady => (endpoint.ready, endpoint.serving) = (false, false),
                Pod::None => continue,
            }
            let pods = given.pods.unwrap_or(1);
            s.endpoints.extend(std::iter::repeat_n(endpoint, pods));
        }
    }
    s.pool_service.created_at = input.created_at;
    s.sharing = input
        .sharing
        .iter()
        .map(|sharer| sharing(sharer, input))
        .collect();
    let service = model::service(&mut s);
    service.annotations = full(&input.annotations);
    if let Some(name) = &input.service {
        service.key = ObjectKey::new("default", name);
    }
    if input.cluster {
        service.external_traffic_policy = ExternalTrafficPolicy::Cluster;
    }
    if let Some(ports) = &input.ports {
        service.ports = ports.iter().map(|text| port(text)).collect();
    }
    service.source_ranges.clone_from(&input.source_ranges);
    service.client_ip_affinity = input.client_ip_affinity;
    service.load_balancer_ip.clone_from(&input.load_balancer_ip);
    service.wants_ipv6 = input.ipv6;
    let pool = s.pool.as_mut().unwrap();
    for (key, value) in &input.on_pool {
        match value {
            Some(value) => pool.annotations.insert(key.clone(), value.clone()),
            None => pool.annotations.remove(key),
        };
    }
    for what in &input.without {
        match what.as_str() {
            "Service" => s.service = None,
            "NodePool" => s.pool = None,
            other => panic!("without {other}?"),
        }
    }
    s
}

/// `80/TCP:30080`, without a node port `80/TCP`.
fn port(text: &str) -> ecm_policy::snapshot::ServicePort {
    let (front, node_port) = match text.split_once(':') {
        Some((front, node_port)) => (front, Some(node_port.parse().unwrap())),
        None => (text, None),
    };
    let (number, protocol) = front.split_once('/').unwrap();
    ecm_policy::snapshot::ServicePort {
        node_port,
        ..model::port(number.parse().unwrap(), protocol, 1)
    }
}

fn apply(world: &mut World, drift: &Drift) {
    let now = world.now;
    let foreign = |port: u16, description: &str| Listener {
        key: ListenerKey {
            port,
            protocol: Protocol::Tcp,
        },
        description: description.to_owned(),
        status: ListenerStatus::Running,
        backend_port: Some(1),
        settings: None,
    };
    match drift {
        Drift::Users(network) => {
            world.users_load_balancer("lb-user");
            network.clone_into(&mut world.load_balancers.get_mut("lb-user").unwrap().network);
        }
        Drift::UsersName(name) => {
            name.clone_into(&mut world.load_balancers.get_mut("lb-user").unwrap().name);
        }
        Drift::InactiveFor(seconds) => balancers(world).for_each(|lb| {
            (lb.status, lb.status_age) = (LoadBalancerStatus::InActive, *seconds);
        }),
        Drift::Renamed(name) => balancers(world).for_each(|lb| lb.name.clone_from(name)),
        Drift::LoadBalancerGone => world.load_balancers.clear(),
        Drift::LoadBalancerOfOurName => {
            let lb = model::load_balancer("lb-x", "k8s/web/default/hefei/c1", now - 9_999);
            world.load_balancers.insert("lb-x".to_owned(), lb);
        }
        Drift::EipGone => world.eips.clear(),
        Drift::EipFree => world.eips.values_mut().for_each(|eip| {
            (eip.status, eip.bound_to) = (EipStatus::Available, None);
        }),
        Drift::EipBusy => world.eips.values_mut().for_each(|eip| {
            eip.status = EipStatus::Changing("Unassociating".to_owned());
        }),
        Drift::EipBoundElsewhere => world.eips.values_mut().for_each(|eip| {
            eip.bound_to = Some("lb-other".to_owned());
        }),
        Drift::EipBandwidth(bandwidth) => world.eips.values_mut().for_each(|eip| {
            eip.bandwidth = Some(*bandwidth);
        }),
        Drift::ListenerStopped => details(world).for_each(|detail| {
            detail.listeners[0].status = ListenerStatus::Stopped;
        }),
        Drift::ListenerBusy => details(world).for_each(|detail| {
            detail.listeners[0].status = ListenerStatus::Changing("Configuring".to_owned());
        }),
        Drift::ListenerGone => details(world).for_each(|detail| {
            detail.listeners.remove(0);
        }),
        Drift::ForeignListener(port, description) => details(world).for_each(|detail| {
            detail.listeners.push(foreign(*port, description));
        }),
        Drift::BackendGone => details(world).for_each(|detail| {
            detail.backends.remove(0);
        }),
        Drift::ForeignBackend => details(world).for_each(|detail| {
            detail.backends.push(model::backend("i-stranger", 7));
        }),
        Drift::Weight(weight) => details(world).for_each(|detail| {
            detail.backends[0].weight = *weight;
        }),
        Drift::OtherCluster => "c2".clone_into(&mut world.ledger.as_mut().unwrap().cluster_id),
        Drift::OtherAccount => {
            world.ledger.as_mut().unwrap().cloud_account = Some("1002".to_owned());
        }
        Drift::AnswersLost => {}
        Drift::UsersEip | Drift::UsersEipBusy => {
            let mut eip = model::eip("eip-user", "mine", 1);
            eip.bound_to = Some("lb-user".to_owned());
            eip.status = if matches!(drift, Drift::UsersEip) {
                EipStatus::InUse
            } else {
                EipStatus::Changing("Associating".to_owned())
            };
            world.eips.insert("eip-user".to_owned(), eip);
        }
        Drift::Blind => world.blind = true,
        Drift::NotAttachable(id) => world.unattachable.push(id.clone()),
    }
}

fn balancers(world: &mut World) -> impl Iterator<Item = &mut LoadBalancer> {
    world.load_balancers.values_mut()
}

fn details(world: &mut World) -> impl Iterator<Item = &mut LoadBalancerDetail> {
    balancers(world).filter_map(|lb| lb.detail.as_mut())
}
