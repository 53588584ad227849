//! ConfigMaps and Secrets: keys, and what `immutable` fixes.
//!
//! Source: kubernetes `pkg/apis/core/validation/validation.go`, `ValidateConfigMap` and `ValidateSecret`.

use serde_json::{Value, json};

use crate::resource::Resource;
use crate::status::FieldError;

pub(super) fn validate(
    resource: &Resource,
    old: Option<&Value>,
    object: &Value,
) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for part in ["data", "binaryData"] {
        for key in object[part]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key)
        {
            let path = format!("{part}[{key}]");
            if !is_config_key(key) {
                let detail =
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
                faults.push(FieldError::invalid(&path, &json!(key), detail));
            } else if part == "data" && !object["binaryData"][key].is_null() {
                let detail = "duplicate of key present in binaryData";
                faults.push(FieldError::invalid(&path, &json!(key), detail));
            }
        }
    }
    if resource.kind == "Secret" {
        faults.extend(missing_keys(object));
        if old.is_some_and(|old| old["type"] != object["type"]) {
            faults.push(FieldError::invalid(
                "type",
                &object["type"],
                "field is immutable",
            ));
        }
    }
    if let Some(old) = old.filter(|old| old["immutable"] == true) {
        for part in ["immutable", "data", "binaryData"] {
            if old.get(part) != object.get(part) {
                let detail = "field is immutable when `immutable` is set";
                faults.push(FieldError::forbidden(part, detail));
            }
        }
    }
    faults
}

fn is_config_key(key: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !key.is_empty()
        && key.len() <= 253
        && key.chars().all(is_known)
        && !matches!(key, "." | "..")
        && !key.starts_with("..")
}

/// What the types of Secrets that Kubernetes itself knows have to hold.
fn missing_keys(secret: &Value) -> Vec<FieldError> {
    let missing = |key: &&&str| secret["data"][**key].is_null();
    let required = |key: &&str| FieldError::required(&format!("data[{key}]"), "");
    match secret["type"].as_str().unwrap_or_default() {
        "kubernetes.io/tls" => ["tls.crt", "tls.key"]
            .iter()
            .filter(missing)
            .map(required)
            .collect(),
        "kubernetes.io/dockerconfigjson" => [".dockerconfigjson"]
            .iter()
            .filter(missing)
            .map(required)
            .collect(),
        "kubernetes.io/dockercfg" => [".dockercfg"]
            .iter()
            .filter(missing)
            .map(required)
            .collect(),
        "kubernetes.io/ssh-auth" => ["ssh-privatekey"]
            .iter()
            .filter(missing)
            .map(required)
            .collect(),
        "kubernetes.io/basic-auth" => {
            let keys = ["username", "password"];
            let has_one = keys.iter().any(|key| !secret["data"][*key].is_null());
            keys.iter().filter(|_| !has_one).map(required).collect()
        }
        "kubernetes.io/service-account-token" => {
            let annotation = "kubernetes.io/service-account.name";
            let account = secret["metadata"]["annotations"][annotation].is_string();
            let path = format!("metadata.annotations[{annotation}]");
            (!account)
                .then(|| FieldError::required(&path, ""))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}
