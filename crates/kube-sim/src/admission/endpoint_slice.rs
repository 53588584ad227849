//! EndpointSlices: the rules of kubernetes `pkg/apis/discovery/validation/validation.go`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::Value;

use super::service::{one_of, unusable_address};
use crate::object;
use crate::status::FieldError;

pub(super) fn validate(old: Option<&Value>, slice: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let kind = &slice["addressType"];
    match kind.as_str() {
        None => faults.push(FieldError::required("addressType", "")),
        Some(_) => one_of("addressType", kind, &["FQDN", "IPv4", "IPv6"], &mut faults),
    }
    if old.is_some_and(|old| old["addressType"] != *kind) {
        faults.push(FieldError::invalid(
            "addressType",
            kind,
            "field is immutable",
        ));
    }
    for (i, endpoint) in object::items(&slice["endpoints"]).enumerate() {
        let path = format!("endpoints[{i}].addresses");
        let addresses = &endpoint["addresses"];
        if addresses.as_array().is_none_or(Vec::is_empty) {
            faults.push(FieldError::required(&path, ""));
        }
        for (j, address) in object::items(addresses).enumerate() {
            let text = address.as_str().unwrap_or_default();
            if let Some(detail) = broken_address(kind, text) {
                faults.push(FieldError::invalid(
                    &format!("{path}[{j}]"),
                    address,
                    detail,
                ));
            }
        }
    }
    let mut names = BTreeSet::new();
    for (i, port) in object::items(&slice["ports"]).enumerate() {
        let path = |field: &str| format!("ports[{i}].{field}");
        if !names.insert(port["name"].as_str().unwrap_or_default()) {
            faults.push(FieldError::duplicate(&path("name"), &port["name"]));
        }
        one_of(
            &path("protocol"),
            &port["protocol"],
            &["SCTP", "TCP", "UDP"],
            &mut faults,
        );
    }
    faults
}

fn broken_address(kind: &Value, text: &str) -> Option<&'static str> {
    let parsed = text.parse::<IpAddr>();
    match (kind.as_str(), parsed) {
        (Some("FQDN"), _) => (!crate::validation::is_dns_subdomain(text))
            .then_some(crate::validation::SUBDOMAIN_RULE),
        (_, Err(_)) => Some("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"),
        (Some("IPv4"), Ok(IpAddr::V6(_))) => Some("must be an IPv4 address"),
        (Some("IPv6"), Ok(IpAddr::V4(_))) => Some("must be an IPv6 address"),
        (_, Ok(address)) => unusable_address(address),
    }
}
