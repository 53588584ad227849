//! Services: defaults, clusterIP and nodePort allocation, rules.
//!
//! Source: kubernetes `pkg/apis/core/v1/defaults.go`, `pkg/registry/core/service` and `ValidateService`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Map, Value, json};

use super::allocated::node_port;
use crate::object::{self, as_map, child, default_to};
use crate::server::State;
use crate::status::FieldError;

/// Service addresses come from 192.168.0.0/16, the range that the user guide's output shows.
const SERVICE_NETWORK: [u8; 2] = [192, 168];
/// The address of the `kubernetes` Service.
pub(super) const FIRST_CLUSTER_IP: &str = "192.168.0.1";
/// `--service-node-port-range`'s default.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30000..=32767;

pub(super) fn apply_defaults(state: &mut State, old: Option<&Value>, service: &mut Value) {
    let key = (
        object::namespace(service).to_owned(),
        object::name(service).to_owned(),
    );
    let spec = child(as_map(service), "spec");
    default_to(spec, "type", json!("ClusterIP"));
    default_to(spec, "sessionAffinity", json!("None"));
    let kind = text(spec, "type").to_owned();
    if kind == "ExternalName" {
        for key in [
            "clusterIP",
            "clusterIPs",
            "ipFamilies",
            "ipFamilyPolicy",
            "internalTrafficPolicy",
        ] {
            spec.remove(key);
        }
    } else {
        default_to(spec, "internalTrafficPolicy", json!("Cluster"));
    }
    port_defaults(spec, &kind);
    traffic_defaults(spec, &kind);
    // An update that changes the type and leaves the class as it was drops the class.
    let same_class = old.is_some_and(|old| {
        old["spec"]["type"] == "LoadBalancer"
            && old["spec"].get("loadBalancerClass") == spec.get("loadBalancerClass")
    });
    if kind != "LoadBalancer" && same_class {
        spec.remove("loadBalancerClass");
    }
    if text(spec, "sessionAffinity") == "ClientIP" {
        default_to(
            child(child(spec, "sessionAffinityConfig"), "clientIP"),
            "timeoutSeconds",
            json!(10800),
        );
    } else {
        spec.remove("sessionAffinityConfig");
    }
    if kind == "LoadBalancer" || kind == "NodePort" || kind == "ClusterIP" {
        assign_cluster_ip(state, &key, old, spec);
    }
    assign_node_ports(state, &key, old, spec, &kind);
    status_defaults(service, old, &kind);
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

fn takes_external_traffic(kind: &str) -> bool {
    matches!(kind, "NodePort" | "LoadBalancer")
}

fn port_defaults(spec: &mut Map<String, Value>, kind: &str) {
    for port in ports_mut(spec) {
        let port = as_map(port);
        default_to(port, "protocol", json!("TCP"));
        let number = port.get("port").cloned().unwrap_or(Value::Null);
        if port
            .get("targetPort")
            .is_none_or(|p| p.is_null() || *p == json!(0) || *p == json!(""))
        {
            port.insert("targetPort".to_owned(), number);
        }
        if !takes_external_traffic(kind) || port.get("nodePort") == Some(&json!(0)) {
            port.remove("nodePort");
        }
    }
}

fn traffic_defaults(spec: &mut Map<String, Value>, kind: &str) {
    if takes_external_traffic(kind) {
        default_to(spec, "externalTrafficPolicy", json!("Cluster"));
    } else {
        spec.remove("externalTrafficPolicy");
    }
    if kind == "LoadBalancer" {
        default_to(spec, "allocateLoadBalancerNodePorts", json!(true));
    } else {
        spec.remove("allocateLoadBalancerNodePorts");
    }
    if kind != "LoadBalancer" || text(spec, "externalTrafficPolicy") != "Local" {
        spec.remove("healthCheckNodePort");
    }
}

fn assign_cluster_ip(
    state: &mut State,
    key: &(String, String),
    old: Option<&Value>,
    spec: &mut Map<String, Value>,
) {
    default_to(spec, "ipFamilies", json!(["IPv4"]));
    default_to(spec, "ipFamilyPolicy", json!("SingleStack"));
    let kept = old
        .map(|old| old["spec"]["clusterIP"].as_str().unwrap_or_default())
        .unwrap_or_default();
    let mut address = text(spec, "clusterIP").to_owned();
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
    kind: &str,
) {
    if !takes_external_traffic(kind) {
        return;
    }
    let mut used = BTreeSet::new();
    let wanted =
        kind == "NodePort" || spec.get("allocateLoadBalancerNodePorts") != Some(&json!(false));
    for port in ports_mut(spec) {
        used.extend(node_port(port));
    }
    for port in ports_mut(spec) {
        let port = as_map(port);
        if port.get("nodePort").is_some_and(|p| !p.is_null()) {
            continue;
        }
        // An update that does not name the node port keeps it.
        let kept = old.and_then(|old| {
            object::items(&old["spec"]["ports"])
                .find(|o| {
                    o.get("port") == port.get("port") && o.get("protocol") == port.get("protocol")
                })
                .and_then(node_port)
        });
        let number = match kept {
            Some(number) => Some(number),
            None if wanted => free_port(state, key, &used),
            None => None,
        };
        if let Some(number) = number {
            used.insert(number);
            port.insert("nodePort".to_owned(), json!(number));
        }
    }
    if kind == "LoadBalancer"
        && text(spec, "externalTrafficPolicy") == "Local"
        && spec
            .get("healthCheckNodePort")
            .is_none_or(|p| p.is_null() || *p == json!(0))
    {
        let kept = old
            .and_then(|old| old["spec"]["healthCheckNodePort"].as_u64())
            .and_then(|p| u16::try_from(p).ok());
        if let Some(number) = kept.or_else(|| free_port(state, key, &used)) {
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

fn status_defaults(service: &mut Value, old: Option<&Value>, kind: &str) {
    let was_load_balancer = old.is_some_and(|old| old["spec"]["type"] == "LoadBalancer");
    let status = child(as_map(service), "status");
    if was_load_balancer && kind != "LoadBalancer" {
        status.insert("loadBalancer".to_owned(), json!({}));
    }
    let load_balancer = child(status, "loadBalancer");
    for ingress in load_balancer
        .get_mut("ingress")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if ingress["ip"].as_str().is_some_and(|ip| !ip.is_empty()) {
            default_to(as_map(ingress), "ipMode", json!("VIP"));
        }
    }
    if load_balancer
        .get("ingress")
        .is_some_and(|i| i.as_array().is_none_or(Vec::is_empty))
    {
        load_balancer.remove("ingress");
    }
}

pub(super) fn validate(state: &State, old: Option<&Value>, service: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if let Some(old) = old {
        validate_update(old, service, &mut faults);
    }
    let spec = &service["spec"];
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    one_of("spec.type", &spec["type"], &kinds, &mut faults);
    one_of(
        "spec.sessionAffinity",
        &spec["sessionAffinity"],
        &["ClientIP", "None"],
        &mut faults,
    );
    for (path, key) in [
        ("spec.externalTrafficPolicy", "externalTrafficPolicy"),
        ("spec.internalTrafficPolicy", "internalTrafficPolicy"),
    ] {
        if !spec[key].is_null() {
            one_of(path, &spec[key], &["Cluster", "Local"], &mut faults);
        }
    }
    let headless = spec["clusterIP"] == "None";
    let kind = spec["type"].as_str().unwrap_or_default();
    if spec["ports"].as_array().is_none_or(Vec::is_empty) && !headless && kind != "ExternalName" {
        faults.push(FieldError::required("spec.ports", ""));
    }
    if takes_external_traffic(kind) && headless {
        let detail = format!("may not be set to 'None' for {kind} services");
        let value = &spec["clusterIP"];
        faults.push(FieldError::invalid("spec.clusterIPs[0]", value, detail));
    }
    if kind == "ExternalName" && spec["externalName"].as_str().unwrap_or_default().is_empty() {
        faults.push(FieldError::required("spec.externalName", ""));
    }
    if kind != "LoadBalancer" && !spec["loadBalancerClass"].is_null() {
        let detail = "may only be used when `type` is 'LoadBalancer'";
        faults.push(FieldError::forbidden("spec.loadBalancerClass", detail));
    }
    validate_addresses(state, old, service, &mut faults);
    validate_source_ranges(spec, &mut faults);
    validate_ports(state, service, &mut faults);
    faults
}

fn validate_addresses(
    state: &State,
    old: Option<&Value>,
    service: &Value,
    faults: &mut Vec<FieldError>,
) {
    let spec = &service["spec"];
    let address = spec["clusterIP"].as_str().unwrap_or_default();
    if address.is_empty() {
        return;
    }
    if spec["clusterIPs"][0] != address {
        let value = &spec["clusterIPs"];
        let detail = "first value must match `clusterIP`";
        faults.push(FieldError::invalid("spec.clusterIPs", value, detail));
        return;
    }
    let is_kept = old.is_some_and(|old| old["spec"]["clusterIP"] == address);
    if is_kept || address == "None" {
        return;
    }
    if address.parse::<Ipv4Addr>().is_err() {
        let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        faults.push(FieldError::invalid(
            "spec.clusterIPs[0]",
            &json!(address),
            detail,
        ));
        return;
    }
    let key = (
        object::namespace(service).to_owned(),
        object::name(service).to_owned(),
    );
    if state.allocated.is_address_of_another(address, &key) {
        let detail = format!("failed to allocate IP {address}: provided IP is already allocated");
        let value = &spec["clusterIPs"];
        faults.push(FieldError::invalid("spec.clusterIPs", value, detail));
    }
}

fn validate_source_ranges(spec: &Value, faults: &mut Vec<FieldError>) {
    for (i, range) in object::items(&spec["loadBalancerSourceRanges"]).enumerate() {
        let text = range.as_str().unwrap_or_default().trim();
        let is_network = text.split_once('/').is_some_and(|(address, length)| {
            let longest = match address.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => 32,
                Ok(IpAddr::V6(_)) => 128,
                Err(_) => return false,
            };
            length.parse::<u8>().is_ok_and(|length| length <= longest)
        });
        if !is_network {
            let path = format!("spec.LoadBalancerSourceRanges[{i}]");
            let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
            faults.push(FieldError::invalid(&path, range, detail));
        }
    }
}

/// Faults in the status that a write of it brings.
pub(super) fn validate_status(service: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let ingress = &service["status"]["loadBalancer"]["ingress"];
    if service["spec"]["type"] != "LoadBalancer" && object::items(ingress).next().is_some() {
        let detail = "may only be used when `spec.type` is \"LoadBalancer\"";
        faults.push(FieldError::forbidden("status.loadBalancer.ingress", detail));
    }
    for (i, ingress) in object::items(ingress).enumerate() {
        let path = |field: &str| format!("status.loadBalancer.ingress[{i}].{field}");
        let ip = ingress["ip"].as_str().unwrap_or_default();
        if !ip.is_empty() && ip.parse::<IpAddr>().is_err() {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            faults.push(FieldError::invalid(&path("ip"), &json!(ip), detail));
        }
        let host = ingress["hostname"].as_str().unwrap_or_default();
        if host.parse::<IpAddr>().is_ok() {
            let detail = "must be a DNS name, not an IP address";
            faults.push(FieldError::invalid(&path("hostname"), &json!(host), detail));
        } else if !host.is_empty() && !crate::validation::is_dns_subdomain(host) {
            let detail = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                          and must start and end with an alphanumeric character";
            faults.push(FieldError::invalid(&path("hostname"), &json!(host), detail));
        }
    }
    faults
}

fn one_of(path: &str, value: &Value, allowed: &[&str], faults: &mut Vec<FieldError>) {
    if !value.as_str().is_some_and(|v| allowed.contains(&v)) {
        let allowed: Vec<String> = allowed.iter().map(|v| (*v).to_owned()).collect();
        faults.push(FieldError::not_supported(path, value, &allowed));
    }
}

fn validate_ports(state: &State, service: &Value, faults: &mut Vec<FieldError>) {
    let key = (
        object::namespace(service).to_owned(),
        object::name(service).to_owned(),
    );
    let ports: Vec<&Value> = object::items(&service["spec"]["ports"]).collect();
    let (mut names, mut numbers, mut node_ports) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (i, port) in ports.iter().enumerate() {
        let path = |field: &str| format!("spec.ports[{i}].{field}");
        if !port["port"]
            .as_u64()
            .is_some_and(|n| (1..=65535).contains(&n))
        {
            let detail = "must be between 1 and 65535, inclusive";
            faults.push(FieldError::invalid(&path("port"), &port["port"], detail));
        }
        one_of(
            &path("protocol"),
            &port["protocol"],
            &["SCTP", "TCP", "UDP"],
            faults,
        );
        let name = port["name"].as_str().unwrap_or_default();
        if name.is_empty() && ports.len() > 1 {
            faults.push(FieldError::required(&path("name"), ""));
        } else if !name.is_empty() && !crate::validation::is_dns_label(name) {
            let detail = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-'";
            faults.push(FieldError::invalid(&path("name"), &port["name"], detail));
        } else if !name.is_empty() && !names.insert(name) {
            faults.push(FieldError::duplicate(&path("name"), &port["name"]));
        }
        let protocol = port["protocol"].as_str().unwrap_or_default();
        if !numbers.insert((port["port"].as_u64(), protocol)) {
            faults.push(FieldError::duplicate(
                &format!("spec.ports[{i}]"),
                &json!({"port": port["port"], "protocol": protocol}),
            ));
        }
        let Some(number) = node_port(port) else {
            continue;
        };
        if !NODE_PORTS.contains(&number) {
            let detail = format!(
                "provided port is not in the valid range. The range of valid ports is {}-{}",
                NODE_PORTS.start(),
                NODE_PORTS.end()
            );
            faults.push(FieldError::invalid(
                &path("nodePort"),
                &port["nodePort"],
                detail,
            ));
        } else if state.allocated.is_port_of_another(number, &key) {
            faults.push(FieldError::invalid(
                &path("nodePort"),
                &port["nodePort"],
                "provided port is already allocated",
            ));
        } else if !node_ports.insert((number, protocol)) {
            faults.push(FieldError::duplicate(&path("nodePort"), &port["nodePort"]));
        }
    }
}

fn validate_update(old: &Value, new: &Value, faults: &mut Vec<FieldError>) {
    let (before, after) = (&old["spec"], &new["spec"]);
    let had_address = before["clusterIP"]
        .as_str()
        .is_some_and(|ip| !ip.is_empty());
    if had_address && after["type"] != "ExternalName" && before["clusterIP"] != after["clusterIP"] {
        let value = json!([after["clusterIP"]]);
        faults.push(FieldError::invalid(
            "spec.clusterIPs[0]",
            &value,
            "may not change once set",
        ));
    }
    let stays = before["type"] == "LoadBalancer" && after["type"] == "LoadBalancer";
    if stays && before["loadBalancerClass"] != after["loadBalancerClass"] {
        let detail = "may not change once set";
        faults.push(FieldError::invalid(
            "spec.loadBalancerClass",
            &after["loadBalancerClass"],
            detail,
        ));
    }
    if stays
        && before["healthCheckNodePort"] != after["healthCheckNodePort"]
        && !before["healthCheckNodePort"].is_null()
        && !after["healthCheckNodePort"].is_null()
    {
        faults.push(FieldError::forbidden(
            "spec.healthCheckNodePort",
            "field is immutable",
        ));
    }
}
