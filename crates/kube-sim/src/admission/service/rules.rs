//! What a Service has to be: kubernetes `pkg/apis/core/validation/validation.go`, `ValidateService`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::{
    NODE_PORTS, SERVICE_NETWORK, is_load_balancer, needs_health_check, takes_external_traffic,
};
use crate::object;
use crate::server::State;
use crate::status::FieldError;
use crate::validation;

pub(in crate::admission) fn validate(
    state: &State,
    old: Option<&Value>,
    service: &Value,
) -> Vec<FieldError> {
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
    let has_node_ports = matches!(kind, "NodePort" | "LoadBalancer");
    if spec["ports"].as_array().is_none_or(Vec::is_empty) && !headless && kind != "ExternalName" {
        faults.push(FieldError::required("spec.ports", ""));
    }
    if has_node_ports && headless {
        let detail = format!("may not be set to 'None' for {kind} services");
        let value = &spec["clusterIP"];
        faults.push(FieldError::invalid("spec.clusterIPs[0]", value, detail));
    }
    if kind == "ExternalName" {
        let name = spec["externalName"].as_str().unwrap_or_default();
        if name.is_empty() {
            faults.push(FieldError::required("spec.externalName", ""));
        } else if !validation::is_dns_subdomain(name.strip_suffix('.').unwrap_or(name)) {
            let value = &spec["externalName"];
            faults.push(FieldError::invalid(
                "spec.externalName",
                value,
                validation::SUBDOMAIN_RULE,
            ));
        }
        for key in ["clusterIP", "clusterIPs"] {
            if !spec[key].is_null() && spec[key] != "" {
                let detail = "may not be set for ExternalName services";
                faults.push(FieldError::forbidden(&format!("spec.{key}"), detail));
            }
        }
    }
    validation::labels("spec.selector", &spec["selector"], &mut faults);
    validate_what_belongs_to_types(spec, &mut faults);
    validate_families(spec, &mut faults);
    validate_addresses(state, old, service, &mut faults);
    validate_source_ranges(spec, &mut faults);
    validate_source_annotation(service, &mut faults);
    validate_ports(state, service, &mut faults);
    faults
}

/// Fields that only some types take.
fn validate_what_belongs_to_types(spec: &Value, faults: &mut Vec<FieldError>) {
    let map = spec.as_object().cloned().unwrap_or_default();
    if !is_load_balancer(&map) {
        for (key, path) in [
            ("loadBalancerClass", "spec.loadBalancerClass"),
            (
                "allocateLoadBalancerNodePorts",
                "spec.allocateLoadBalancerNodePorts",
            ),
            ("loadBalancerSourceRanges", "spec.LoadBalancerSourceRanges"),
        ] {
            if !spec[key].is_null() {
                let detail = "may only be used when `type` is 'LoadBalancer'";
                faults.push(FieldError::forbidden(path, detail));
            }
        }
    } else if let Some(class) = spec["loadBalancerClass"].as_str() {
        for detail in validation::qualified_name_faults(class) {
            faults.push(FieldError::invalid(
                "spec.loadBalancerClass",
                &json!(class),
                detail,
            ));
        }
    }
    if !spec["externalTrafficPolicy"].is_null() && !takes_external_traffic(&map) {
        let detail = "may only be set for externally-accessible services";
        let value = &spec["externalTrafficPolicy"];
        faults.push(FieldError::invalid(
            "spec.externalTrafficPolicy",
            value,
            detail,
        ));
    }
    let health = &spec["healthCheckNodePort"];
    if health.as_i64().is_some_and(|port| port != 0) && !needs_health_check(&map) {
        let detail =
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        faults.push(FieldError::invalid(
            "spec.healthCheckNodePort",
            health,
            detail,
        ));
    }
    let in_range = |port: i64| u16::try_from(port).is_ok_and(|port| NODE_PORTS.contains(&port));
    if health
        .as_i64()
        .is_some_and(|port| port != 0 && !in_range(port))
    {
        let detail = "kube-sim takes a port of the range of node ports only";
        faults.push(FieldError::invalid(
            "spec.healthCheckNodePort",
            health,
            detail,
        ));
    }
    if let Some(seconds) = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"].as_i64()
        && !(1..=86400).contains(&seconds)
    {
        let path = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
        let detail = "must be greater than 0 and less than 86400";
        faults.push(FieldError::invalid(path, &json!(seconds), detail));
    }
    if !spec["trafficDistribution"].is_null() {
        let known = ["PreferClose", "PreferSameZone", "PreferSameNode"];
        one_of(
            "spec.trafficDistribution",
            &spec["trafficDistribution"],
            &known,
            faults,
        );
    }
    for (i, address) in object::items(&spec["externalIPs"]).enumerate() {
        let path = format!("spec.externalIPs[{i}]");
        let detail = match address.as_str().unwrap_or_default().parse::<IpAddr>() {
            Err(_) => Some("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
            Ok(parsed) => unusable_address(parsed),
        };
        if let Some(detail) = detail {
            faults.push(FieldError::invalid(&path, address, detail));
        }
    }
}

/// Why nothing can be reached at an address from elsewhere.
pub(in crate::admission) fn unusable_address(address: IpAddr) -> Option<&'static str> {
    let is_link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    if address.is_unspecified() {
        Some("may not be unspecified (0.0.0.0 or ::)")
    } else if address.is_loopback() {
        Some("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    } else if is_link_local {
        Some("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    } else {
        None
    }
}

/// This cluster has IPv4 addresses only.
fn validate_families(spec: &Value, faults: &mut Vec<FieldError>) {
    let policy = &spec["ipFamilyPolicy"];
    if !policy.is_null() {
        let known = ["PreferDualStack", "RequireDualStack", "SingleStack"];
        one_of("spec.ipFamilyPolicy", policy, &known, faults);
    }
    let is_headless_without_selector = spec["clusterIP"] == "None" && spec["selector"].is_null();
    if policy == "RequireDualStack" && !is_headless_without_selector {
        let detail = "this cluster is not configured for dual-stack services";
        faults.push(FieldError::invalid("spec.ipFamilyPolicy", policy, detail));
    }
    let mut seen = BTreeSet::new();
    for (i, family) in object::items(&spec["ipFamilies"]).enumerate() {
        let path = format!("spec.ipFamilies[{i}]");
        one_of(&path, family, &["IPv4", "IPv6"], faults);
        if !seen.insert(family.as_str()) {
            faults.push(FieldError::duplicate(&path, family));
        } else if family == "IPv6" && !is_headless_without_selector {
            faults.push(FieldError::invalid(
                &path,
                family,
                "not configured on this cluster",
            ));
        }
    }
}

fn validate_addresses(
    state: &State,
    old: Option<&Value>,
    service: &Value,
    faults: &mut Vec<FieldError>,
) {
    let spec = &service["spec"];
    let address = spec["clusterIP"].as_str().unwrap_or_default();
    let list = &spec["clusterIPs"];
    if address.is_empty() {
        if object::items(list).next().is_some() && spec["type"] != "ExternalName" {
            let detail = "must be empty when `clusterIP` is not specified";
            faults.push(FieldError::invalid("spec.clusterIPs", list, detail));
        }
        return;
    }
    if object::items(list).count() > 1 {
        let detail = match address {
            "None" => "'None' must be the first and only value",
            _ => "kube-sim has one address for a Service",
        };
        faults.push(FieldError::invalid("spec.clusterIPs", list, detail));
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
    let Ok(parsed) = address.parse::<Ipv4Addr>() else {
        let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        faults.push(FieldError::invalid(
            "spec.clusterIPs[0]",
            &json!(address),
            detail,
        ));
        return;
    };
    if parsed
        .octets()
        .iter()
        .zip(SERVICE_NETWORK)
        .any(|(given, wanted)| *given != wanted)
    {
        let detail = format!(
            "failed to allocate IP {address}: the provided network does not match the current range"
        );
        faults.push(FieldError::invalid("spec.clusterIPs", list, detail));
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

const NETWORK_RULE: &str = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";

fn validate_source_ranges(spec: &Value, faults: &mut Vec<FieldError>) {
    for (i, range) in object::items(&spec["loadBalancerSourceRanges"]).enumerate() {
        let text = range.as_str().unwrap_or_default().trim();
        if validation::network(text).is_none() {
            let path = format!("spec.LoadBalancerSourceRanges[{i}]");
            faults.push(FieldError::invalid(&path, range, NETWORK_RULE));
        }
    }
}

/// The annotation that said the same before there was a field counts where the field says nothing.
fn validate_source_annotation(service: &Value, faults: &mut Vec<FieldError>) {
    let key = "service.beta.kubernetes.io/load-balancer-source-ranges";
    let annotation = service["metadata"]["annotations"][key].as_str();
    let in_field = object::items(&service["spec"]["loadBalancerSourceRanges"]).next();
    let (Some(text), None) = (annotation, in_field) else {
        return;
    };
    let path = format!("metadata.annotations[{key}]");
    if service["spec"]["type"] != "LoadBalancer" {
        let detail = "may only be used when `type` is 'LoadBalancer'";
        faults.push(FieldError::forbidden(&path, detail));
    }
    let ranges = text.trim().split(',').map(str::trim);
    for range in ranges.filter(|_| !text.trim().is_empty()) {
        if validation::network(range).is_none() {
            faults.push(FieldError::invalid(&path, &json!(range), NETWORK_RULE));
        }
    }
}

/// Faults in the status that a write of it brings.
pub(in crate::admission) fn validate_status(service: &Value) -> Vec<FieldError> {
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
        let mode = &ingress["ipMode"];
        if !mode.is_null() && ip.is_empty() {
            let detail = "may not be specified when `ip` is not set";
            faults.push(FieldError::forbidden(&path("ipMode"), detail));
        } else if !mode.is_null() {
            one_of(&path("ipMode"), mode, &["Proxy", "VIP"], &mut faults);
        }
        let host = ingress["hostname"].as_str().unwrap_or_default();
        if host.parse::<IpAddr>().is_ok() {
            let detail = "must be a DNS name, not an IP address";
            faults.push(FieldError::invalid(&path("hostname"), &json!(host), detail));
        } else if !host.is_empty() && !validation::is_dns_subdomain(host) {
            let detail = validation::SUBDOMAIN_RULE;
            faults.push(FieldError::invalid(&path("hostname"), &json!(host), detail));
        }
    }
    faults
}

pub(in crate::admission) fn one_of(
    path: &str,
    value: &Value,
    allowed: &[&str],
    faults: &mut Vec<FieldError>,
) {
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
    let kind = service["spec"]["type"].as_str().unwrap_or_default();
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
        for detail in broken_target_port(&port["targetPort"]) {
            faults.push(FieldError::invalid(
                &path("targetPort"),
                &port["targetPort"],
                detail,
            ));
        }
        if let Some(protocol) = port["appProtocol"].as_str() {
            for detail in validation::qualified_name_faults(protocol) {
                faults.push(FieldError::invalid(
                    &path("appProtocol"),
                    &json!(protocol),
                    detail,
                ));
            }
        }
        let name = port["name"].as_str().unwrap_or_default();
        if name.is_empty() && ports.len() > 1 {
            faults.push(FieldError::required(&path("name"), ""));
        } else if !name.is_empty() && !validation::is_dns_label(name) {
            let detail = validation::LABEL_RULE;
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
        let asked = port["nodePort"].as_i64().unwrap_or(0);
        if asked == 0 {
            continue;
        }
        if kind != "NodePort" && kind != "LoadBalancer" {
            let detail = format!("may not be used when `type` is '{kind}'");
            faults.push(FieldError::forbidden(&path("nodePort"), detail));
            continue;
        }
        let number = u16::try_from(asked).unwrap_or(0);
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
            let detail = "provided port is already allocated";
            faults.push(FieldError::invalid(
                &path("nodePort"),
                &port["nodePort"],
                detail,
            ));
        }
    }
}

/// Why a health check cannot have the node port that is asked for. The real server finds out when it hands ports out, and
/// says so as an error of its own (kubernetes `pkg/registry/core/service/storage/alloc.go`).
pub(in crate::admission) fn unusable_health_check_port(
    state: &State,
    service: &Value,
) -> Option<String> {
    let key = (
        object::namespace(service).to_owned(),
        object::name(service).to_owned(),
    );
    let asked = service["spec"]["healthCheckNodePort"]
        .as_u64()
        .filter(|n| *n != 0)?;
    let number = u16::try_from(asked).unwrap_or(0);
    let is_own = object::items(&service["spec"]["ports"])
        .any(|port| port["nodePort"].as_u64() == Some(asked));
    let why = if !NODE_PORTS.contains(&number) {
        format!(
            "provided port is not in the valid range. The range of valid ports is {}-{}",
            NODE_PORTS.start(),
            NODE_PORTS.end()
        )
    } else if is_own || state.allocated.is_port_of_another(number, &key) {
        "provided port is already allocated".to_owned()
    } else {
        return None;
    };
    Some(format!(
        "failed to allocate requested HealthCheck NodePort {asked}: {why}"
    ))
}

/// A number of a port, or the name of one.
fn broken_target_port(port: &Value) -> Vec<&'static str> {
    if let Some(name) = port.as_str() {
        return port_name_faults(name);
    }
    let fits = port
        .as_i64()
        .is_some_and(|number| (1..=65535).contains(&number));
    (!fits)
        .then_some("must be between 1 and 65535, inclusive")
        .into_iter()
        .collect()
}

/// What is wrong with the name of a port: k8s.io/apimachinery `IsValidPortName`.
pub(in crate::admission) fn port_name_faults(name: &str) -> Vec<&'static str> {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let rules = [
        (name.len() > 15, "must be no more than 15 characters"),
        (
            !name.chars().all(is_known),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (
            !name.contains(|c: char| c.is_ascii_lowercase()),
            "must contain at least one letter (a-z)",
        ),
        (name.contains("--"), "must not contain consecutive hyphens"),
        (
            name.starts_with('-') || name.ends_with('-'),
            "must not begin or end with a hyphen",
        ),
    ];
    rules
        .into_iter()
        .filter(|(is_broken, _)| *is_broken)
        .map(|(_, detail)| detail)
        .collect()
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
