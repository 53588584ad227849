//! Events: old ones without an `eventTime`, and new ones with it.
//!
//! Source: kubernetes `pkg/apis/core/validation/events.go`.

use serde_json::{Value, json};

use crate::object;
use crate::status::FieldError;

const MAX_NOTE: usize = 1024;
const MAX_TEXT: usize = 128;

/// Faults of an event in its stored form.
pub(super) fn validate(old: Option<&Value>, event: &Value) -> Vec<FieldError> {
    let about = event["involvedObject"]["namespace"]
        .as_str()
        .unwrap_or_default();
    let namespace = object::namespace(event);
    let is_new = !event["eventTime"].is_null();
    let fits = match about {
        "" => namespace == "default" || (is_new && namespace == "kube-system"),
        about => is_new || about == namespace,
    };
    let mut faults = Vec::new();
    if !fits {
        let detail = "does not match event.namespace";
        faults.push(FieldError::invalid(
            "involvedObject.namespace",
            &json!(about),
            detail,
        ));
    }
    if is_new {
        faults.extend(faults_of_new(event));
        faults.extend(old.into_iter().flat_map(|old| changed(old, event)));
    }
    faults
}

/// A new event is fixed but for its series.
fn changed(old: &Value, event: &Value) -> Vec<FieldError> {
    let fixed = [
        "involvedObject",
        "reason",
        "message",
        "source",
        "type",
        "eventTime",
        "action",
        "related",
        "reportingComponent",
        "reportingInstance",
    ];
    let mut faults: Vec<FieldError> = fixed
        .into_iter()
        .filter(|key| set(&old[*key]) != set(&event[*key]))
        .map(|key| FieldError::invalid(key, &event[key], "field is immutable"))
        .collect();
    if !event["series"].is_null() && event["series"]["count"].as_i64().unwrap_or(0) < 2 {
        faults.push(FieldError::invalid(
            "series.count",
            &json!(""),
            "should be at least 2",
        ));
    }
    faults
}

/// A value, or nothing where Go's zero stands for it.
fn set(value: &Value) -> Option<&Value> {
    let is_zero = value.is_null()
        || value.as_str().is_some_and(str::is_empty)
        || value.as_object().is_some_and(serde_json::Map::is_empty);
    (!is_zero).then_some(value)
}

fn faults_of_new(event: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    for (path, key) in [
        ("reportingController", "reportingComponent"),
        ("reportingInstance", "reportingInstance"),
        ("action", "action"),
        ("reason", "reason"),
    ] {
        let value = text(key);
        if value.is_empty() {
            faults.push(FieldError::required(path, ""));
        } else if value.len() > MAX_TEXT {
            let detail = format!("can have at most {MAX_TEXT} characters");
            faults.push(FieldError::invalid(path, &json!(""), detail));
        }
    }
    if text("message").len() > MAX_NOTE {
        let detail = format!("can have at most {MAX_NOTE} characters");
        faults.push(FieldError::invalid("message", &json!(""), detail));
    }
    if !matches!(text("type"), "Normal" | "Warning") {
        faults.push(FieldError::invalid(
            "type",
            &json!(""),
            "has invalid value: ",
        ));
    }
    faults
}
