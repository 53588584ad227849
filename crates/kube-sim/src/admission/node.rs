//! Nodes: what is fixed once it is set, and what may be there once.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go`, `ValidateNode` and `ValidateNodeUpdate`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::service::one_of;
use super::workload::is_quantity;
use crate::object::{self, as_map, child, default_to};
use crate::status::FieldError;
use crate::validation;

/// The first of several networks is in a field of its own as well, and says which it is. All that a node has can be used
/// where nobody says otherwise.
pub(super) fn apply_defaults(node: &mut Value) {
    let spec = child(as_map(node), "spec");
    let one = spec.get("podCIDR").filter(|one| **one != "").cloned();
    let first = spec.get("podCIDRs").and_then(|all| all.get(0)).cloned();
    match (one, first) {
        (Some(one), first) if first.as_ref() != Some(&one) => {
            spec.insert("podCIDRs".to_owned(), json!([one]));
        }
        (None, Some(first)) => {
            spec.insert("podCIDR".to_owned(), first);
        }
        _ => {}
    }
    if let Some(status) = node.get_mut("status").and_then(Value::as_object_mut)
        && let Some(capacity) = status.get("capacity").cloned()
    {
        default_to(status, "allocatable", capacity);
    }
}

pub(super) fn validate(old: Option<&Value>, node: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    validate_taints(&node["spec"]["taints"], &mut faults);
    validate_networks(&node["spec"]["podCIDRs"], &mut faults);
    validate_quantities(&node["status"], &mut faults);
    let mut addresses = BTreeSet::new();
    for (i, address) in object::items(&node["status"]["addresses"]).enumerate() {
        if !addresses.insert(address.to_string()) {
            faults.push(FieldError::duplicate(
                &format!("status.addresses[{i}]"),
                address,
            ));
        }
    }
    let Some(old) = old else { return faults };
    let changes = |key: &str| {
        let before = old["spec"][key].as_str().unwrap_or_default();
        !before.is_empty() && node["spec"][key] != before
    };
    if changes("podCIDR") {
        let detail = "node updates may not change podCIDR except from \"\" to valid";
        faults.push(FieldError::forbidden("spec.podCIDRs", detail));
    }
    if changes("providerID") {
        let detail = "field cannot be modified once set";
        faults.push(FieldError::invalid(
            "spec.providerID",
            &node["spec"]["providerID"],
            detail,
        ));
    }
    faults
}

fn validate_networks(networks: &Value, faults: &mut Vec<FieldError>) {
    let mut families = BTreeSet::new();
    let mut is_doubled = false;
    for (i, value) in object::items(networks).enumerate() {
        let path = format!("spec.podCIDRs[{i}]");
        match validation::network(value.as_str().unwrap_or_default()) {
            None => {
                let detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
                faults.push(FieldError::invalid(&path, value, detail));
            }
            Some((address, length)) => {
                is_doubled |= !families.insert(address.is_ipv4());
                if !is_whole(address, length) {
                    let detail = "must not have bits set beyond the prefix length";
                    faults.push(FieldError::invalid(&path, value, detail));
                }
            }
        }
    }
    if is_doubled {
        let detail = "may specify no more than one CIDR for each IP family";
        faults.push(FieldError::invalid("spec.podCIDRs", networks, detail));
    }
}

/// Whether an address has no bits behind the length of its network.
fn is_whole(address: IpAddr, length: u8) -> bool {
    let (bits, width) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    bits.trailing_zeros().min(width) >= width.saturating_sub(u32::from(length))
}

fn validate_quantities(status: &Value, faults: &mut Vec<FieldError>) {
    for list in ["capacity", "allocatable"] {
        for (name, quantity) in status[list].as_object().into_iter().flatten() {
            let text = quantity.as_str().unwrap_or_default();
            let path = format!("status.{list}.{name}");
            if !is_quantity(text) {
                let detail = "quantities must match the regular expression \
                              '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                faults.push(FieldError::invalid(&path, quantity, detail));
            } else if text.starts_with('-') {
                let detail = "must be greater than or equal to 0";
                faults.push(FieldError::invalid(&path, quantity, detail));
            }
        }
    }
}

fn validate_taints(taints: &Value, faults: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (i, taint) in object::items(taints).enumerate() {
        // The real server looks for them in the metadata, and says so.
        let path = |field: &str| format!("metadata.taints[{i}].{field}");
        let key = taint["key"].as_str().unwrap_or_default();
        for detail in validation::qualified_name_faults(key) {
            faults.push(FieldError::invalid(&path("key"), &taint["key"], detail));
        }
        let value = taint["value"].as_str().unwrap_or_default();
        if let Some(detail) = validation::label_value_fault(value) {
            faults.push(FieldError::invalid(&path("value"), &taint["value"], detail));
        }
        if taint["effect"].as_str().unwrap_or_default().is_empty() {
            faults.push(FieldError::required(&path("effect"), ""));
        } else {
            let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
            one_of(&path("effect"), &taint["effect"], &effects, faults);
        }
        if !seen.insert((key, taint["effect"].as_str())) {
            faults.push(FieldError::duplicate(
                &format!("metadata.taints[{i}]"),
                taint,
            ));
        }
    }
}
