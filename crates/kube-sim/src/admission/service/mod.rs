//! Services: defaults, clusterIP and nodePort allocation.
//!
//! Source: kubernetes `pkg/apis/core/v1/defaults.go` and `pkg/registry/core/service`.

mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::allocated::node_port;
use crate::object::{self, as_map, child, default_to};
use crate::server::State;

pub(super) use rules::{
    one_of, port_name_faults, unusable_address, unusable_health_check_port, validate,
    validate_status,
};

/// Service addresses come from 192.168.0.0/16, the range that the user guide's output shows.
const SERVICE_NETWORK: [u8; 2] = [192, 168];
/// The address of the `kubernetes` Service.
pub(super) const FIRST_CLUSTER_IP: &str = "192.168.0.1";
/// `--service-node-port-range`'s default.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

/// What a Service that leaves it open means.
pub(super) fn apply_defaults(service: &mut Value) {
    let spec = child(as_map(service), "spec");
    default_text(spec, "type", "ClusterIP");
    default_text(spec, "sessionAffinity", "None");
    let kind = text(spec, "type").to_owned();
    if kind != "ExternalName" {
        default_text(spec, "internalTrafficPolicy", "Cluster");
    }
    if spec.get("clusterIP") == Some(&json!("")) {
        spec.remove("clusterIP");
    }
    port_defaults(spec);
    if takes_external_traffic(spec) {
        default_text(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        default_to(spec, "allocateLoadBalancerNodePorts", json!(true));
    }
    match text(spec, "sessionAffinity") {
        "ClientIP" => default_to(
            child(child(spec, "sessionAffinityConfig"), "clientIP"),
            "timeoutSeconds",
            json!(10800),
        ),
        _ => drop(spec.remove("sessionAffinityConfig")),
    }
    object::drop_empty(spec, "selector");
    ingress_defaults(service);
}

/// Drops what belongs to the type that an update leaves, keeps what it does not send, and hands out the rest.
pub(super) fn prepare(state: &mut State, old: Option<&Value>, service: &mut Value) {
    let key = (
        object::namespace(service).to_owned(),
        object::name(service).to_owned(),
    );
    let spec = child(as_map(service), "spec");
    if let Some(old) = old.and_then(|old| old["spec"].as_object()) {
        drop_what_the_type_had(old, spec);
    }
    if needs_address(spec) {
        assign_cluster_ip(state, &key, old, spec);
    }
    assign_node_ports(state, &key, old, spec);
    let is_load_balancer = text(spec, "type") == "LoadBalancer";
    if old.is_some_and(|old| old["spec"]["type"] == "LoadBalancer") && !is_load_balancer {
        child(as_map(service), "status").insert("loadBalancer".to_owned(), json!({}));
    }
}

/// An update that changes the type and leaves a field of the old type as it was drops that field.
fn drop_what_the_type_had(old: &Map<String, Value>, spec: &mut Map<String, Value>) {
    let same = |spec: &Map<String, Value>, key: &str| old.get(key) == spec.get(key);
    let mut drop_unless = |needs: fn(&Map<String, Value>) -> bool, keys: &[&str]| {
        if needs(old) && !needs(spec) {
            for key in keys {
                if same(spec, key) {
                    spec.remove(*key);
                }
            }
        }
    };
    drop_unless(
        needs_address,
        &[
            "clusterIP",
            "clusterIPs",
            "ipFamilies",
            "ipFamilyPolicy",
            "internalTrafficPolicy",
        ],
    );
    drop_unless(needs_health_check, &["healthCheckNodePort"]);
    drop_unless(
        is_load_balancer,
        &["allocateLoadBalancerNodePorts", "loadBalancerClass"],
    );
    drop_unless(takes_external_traffic, &["externalTrafficPolicy"]);
    let numbers = |spec: &Map<String, Value>| -> BTreeSet<u16> {
        let ports = spec.get("ports").into_iter().flat_map(object::items);
        ports.filter_map(node_port).collect()
    };
    if needs_node_ports(old) && !needs_node_ports(spec) && numbers(old) == numbers(spec) {
        for port in ports_mut(spec) {
            as_map(port).remove("nodePort");
        }
    }
}

/// Remarks on fields that do nothing, or will not for long.
pub(super) fn warnings(service: &Value) -> Vec<String> {
    let spec = &service["spec"];
    let mut warnings = Vec::new();
    if spec["type"] != "ExternalName" && spec["externalName"].is_string() {
        warnings
            .push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if object::items(&spec["externalIPs"]).next().is_some() {
        let text =
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters";
        warnings.push(text.to_owned());
    }
    if spec["trafficDistribution"] == "PreferClose" {
        let text =
            "spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"";
        warnings.push(text.to_owned());
    }
    warnings
}

/// Sets a text that is absent or empty: Go cannot tell the two apart.
fn default_text(map: &mut Map<String, Value>, key: &str, value: &str) {
    if text(map, key).is_empty()
        && map
            .get(key)
            .is_none_or(|found| found.is_null() || found.is_string())
    {
        map.insert(key.to_owned(), json!(value));
    }
}

fn text<'a>(map: &'a Map<String, Value>, key: &str) -> &'a str {
    map.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn ports_mut(spec: &mut Map<String, Value>) -> impl Iterator<Item = &mut Value> {
    spec.get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

fn is_load_balancer(spec: &Map<String, Value>) -> bool {
    text(spec, "type") == "LoadBalancer"
}

/// A type that nobody knows keeps its address too, so that the refusal is about the type alone.
fn needs_address(spec: &Map<String, Value>) -> bool {
    text(spec, "type") != "ExternalName"
}

/// Whether node ports may be there; a load balancer can do without.
fn needs_node_ports(spec: &Map<String, Value>) -> bool {
    matches!(text(spec, "type"), "NodePort" | "LoadBalancer")
}

fn needs_health_check(spec: &Map<String, Value>) -> bool {
    is_load_balancer(spec) && text(spec, "externalTrafficPolicy") == "Local"
}

fn takes_external_traffic(spec: &Map<String, Value>) -> bool {
    let has_external = spec
        .get("externalIPs")
        .is_some_and(|all| object::items(all).next().is_some());
    needs_node_ports(spec) || (text(spec, "type") == "ClusterIP" && has_external)
}

fn port_defaults(spec: &mut Map<String, Value>) {
    for port in ports_mut(spec) {
        let port = as_map(port);
        default_text(port, "protocol", "TCP");
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        if port
            .get("targetPort")
            .is_none_or(|p| p.is_null() || *p == json!(0) || *p == json!(""))
        {
            port.insert("targetPort".to_owned(), number);
        }
        if port.get("nodePort") == Some(&json!(0)) {
            port.remove("nodePort");
        }
    }
}

fn assign_cluster_ip(
    state: &mut State,
    key: &(String, String),
    old: Option<&Value>,
    spec: &mut Map<String, Value>,
) {
    let has_selector = spec.get("selector").is_some_and(Value::is_object);
    if text(spec, "clusterIP") == "None" && !has_selector {
        // Whoever makes its endpoints may make them of both families.
        default_to(spec, "ipFamilies", json!(["IPv4", "IPv6"]));
        default_to(spec, "ipFamilyPolicy", json!("RequireDualStack"));
    }
    default_to(spec, "ipFamilies", json!(["IPv4"]));
    default_to(spec, "ipFamilyPolicy", json!("SingleStack"));
    let kept = old
        .map(|old| old["spec"]["clusterIP"].as_str().unwrap_or_default())
        .unwrap_or_default();
    let mut address = text(spec, "clusterIP").to_owned();
    let sent_list = spec
        .get("clusterIPs")
        .is_some_and(|all| object::items(all).next().is_some());
    if address.is_empty() && sent_list && old.is_none() {
        // Validation refuses the list without its first value.
        return;
    }
    if address.is_empty() {
        let first = spec.get("clusterIPs").and_then(|all| all[0].as_str());
        first.unwrap_or_default().clone_into(&mut address);
    }
    if address.is_empty() {
        kept.clone_into(&mut address);
    }
    if address.is_empty() {
        address = free_address(state, key);
    }
    // A patch of one of the two fields means both; where both were sent, validation compares them.
    let sent_one = old.is_some_and(|old| {
        (old["spec"].get("clusterIPs") == spec.get("clusterIPs"))
            != (old["spec"].get("clusterIP") == spec.get("clusterIP"))
    });
    if sent_one
        || spec
            .get("clusterIPs")
            .is_none_or(|all| all.as_array().is_none_or(Vec::is_empty))
    {
        spec.insert("clusterIPs".to_owned(), json!([address]));
    }
    spec.insert("clusterIP".to_owned(), json!(address));
}

fn free_address(state: &mut State, key: &(String, String)) -> String {
    let [a, b] = SERVICE_NETWORK;
    loop {
        // Network, broadcast and first address are not handed out.
        let [c, d] = state.rng.u16(2..u16::MAX).to_be_bytes();
        let address = Ipv4Addr::new(a, b, c, d).to_string();
        if !state.allocated.is_address_of_another(&address, key) {
            return address;
        }
    }
}

fn assign_node_ports(
    state: &mut State,
    key: &(String, String),
    old: Option<&Value>,
    spec: &mut Map<String, Value>,
) {
    if !needs_node_ports(spec) {
        return;
    }
    if is_load_balancer(spec) && spec.get("allocateLoadBalancerNodePorts") == Some(&json!(false)) {
        return assign_health_check_port(state, key, old, spec, &BTreeSet::new());
    }
    let name_of = |port: &Value| port["name"].as_str().unwrap_or_default().to_owned();
    // An update that does not name a node port keeps that of the port with the same name, whatever its number is now.
    let before: BTreeMap<String, u16> = old
        .into_iter()
        .flat_map(|old| object::items(&old["spec"]["ports"]))
        .filter_map(|port| Some((name_of(port), node_port(port)?)))
        .collect();
    let mut used: BTreeSet<u16> = ports_mut(spec).filter_map(|port| node_port(port)).collect();
    // One number in two protocols gets one node port.
    let mut of_number: BTreeMap<u64, u16> = BTreeMap::new();
    for port in ports_mut(spec) {
        let number = port["port"].as_u64().unwrap_or(0);
        if node_port(port).is_none() && !port["nodePort"].is_null() {
            // No port at all: validation says so.
            continue;
        }
        let assigned = node_port(port).or_else(|| {
            let kept = before.get(&name_of(port)).copied();
            kept.filter(|kept| !used.contains(kept))
                .or_else(|| of_number.get(&number).copied())
                .or_else(|| free_port(state, key, &used))
        });
        if let Some(assigned) = assigned {
            used.insert(assigned);
            of_number.insert(number, assigned);
            as_map(port).insert("nodePort".to_owned(), json!(assigned));
        }
    }
    assign_health_check_port(state, key, old, spec, &used);
}

fn assign_health_check_port(
    state: &mut State,
    key: &(String, String),
    old: Option<&Value>,
    spec: &mut Map<String, Value>,
    used: &BTreeSet<u16>,
) {
    if needs_health_check(spec)
        && spec
            .get("healthCheckNodePort")
            .is_none_or(|p| p.is_null() || *p == json!(0))
    {
        let kept = old
            .and_then(|old| old["spec"]["healthCheckNodePort"].as_u64())
            .and_then(|p| u16::try_from(p).ok());
        if let Some(number) = kept.or_else(|| free_port(state, key, used)) {
            spec.insert("healthCheckNodePort".to_owned(), json!(number));
        }
    }
}

/// A random node port that no Service holds and this one does not ask for.
fn free_port(state: &mut State, key: &(String, String), asked_for: &BTreeSet<u16>) -> Option<u16> {
    let free: Vec<u16> = NODE_PORTS
        .filter(|port| !asked_for.contains(port))
        .filter(|port| !state.allocated.is_port_of_another(*port, key))
        .collect();
    state.rng.choice(&free).copied()
}

fn ingress_defaults(service: &mut Value) {
    let Some(load_balancer) = service
        .pointer_mut("/status/loadBalancer")
        .and_then(Value::as_object_mut)
    else {
        return;
    };
    object::drop_empty(load_balancer, "ingress");
    let ingress = load_balancer
        .get_mut("ingress")
        .and_then(Value::as_array_mut);
    for ingress in ingress.into_iter().flatten() {
        if ingress["ip"].as_str().is_some_and(|ip| !ip.is_empty()) {
            default_to(as_map(ingress), "ipMode", json!("VIP"));
        }
    }
}
