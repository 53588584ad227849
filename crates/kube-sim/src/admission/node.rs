//! Nodes: what is fixed once it is set, and what may be there once.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go`, `ValidateNode` and `ValidateNodeUpdate`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::service::one_of;
use crate::object;
use crate::status::FieldError;
use crate::validation;

pub(super) fn validate(old: Option<&Value>, node: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    validate_taints(&node["spec"]["taints"], &mut faults);
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
