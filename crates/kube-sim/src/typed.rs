//! Built-in kinds as their Go types decode them: fields that do not exist are dropped, wrong types are refused.
//!
//! The types are those of k8s-openapi, which are generated from the API's own description.

use k8s_openapi::api::{apps, coordination, core, discovery, policy, rbac};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::place::Place;
use crate::resource::Resource;
use crate::status::Status;

/// Brings an object of a built-in kind into the form of its type and returns the paths of fields that do not exist.
///
/// # Errors
/// 400 where a value has the wrong type.
pub(crate) fn normalise(resource: &Resource, object: &mut Value) -> Result<Vec<String>, Status> {
    let Some(decode) = decoder(resource) else {
        return Ok(Vec::new());
    };
    let known = decode(object).map_err(|error| refusal(resource, &error))?;
    check_micro_times(resource, object)?;
    let mut unknown = Vec::new();
    keep(object, known, &Place::Root, &mut unknown);
    Ok(unknown)
}

/// The same for the metadata of a custom resource, whose other fields its schema knows.
pub(crate) fn normalise_metadata(
    resource: &Resource,
    object: &mut Value,
) -> Result<Vec<String>, Status> {
    let mut unknown = Vec::new();
    let Some(metadata) = object
        .get_mut("metadata")
        .filter(|_| resource.custom.is_some())
    else {
        return Ok(unknown);
    };
    let known = through::<ObjectMeta>(metadata).map_err(|error| refusal(resource, &error))?;
    keep(
        metadata,
        known,
        &Place::Field(&Place::Root, "metadata"),
        &mut unknown,
    );
    Ok(unknown)
}

/// What does not fit its type is refused as the real server does; what fits in Go and not here is not implemented.
fn refusal(resource: &Resource, error: &serde_json::Error) -> Status {
    let text = error.to_string();
    if text.contains("invalid type: null") {
        return Status::not_implemented(&format!("null inside of a map or a list ({text})"));
    }
    if text.contains("missing field") {
        return Status::not_implemented(&format!("objects that leave this out: {text}"));
    }
    Status::undecodable(resource, &as_go_says(error))
}

/// Fields of Go's `metav1.MicroTime`, which reads nothing but six digits behind the second.
fn check_micro_times(resource: &Resource, object: &Value) -> Result<(), Status> {
    let pointers: &[&str] = match resource.kind.as_str() {
        "Lease" => &["/spec/acquireTime", "/spec/renewTime"],
        "Event" => &["/eventTime", "/series/lastObservedTime"],
        _ => &[],
    };
    for pointer in pointers {
        let Some(text) = object.pointer(pointer).and_then(Value::as_str) else {
            continue;
        };
        let fraction = text
            .split_once('.')
            .map(|(_, rest)| rest)
            .unwrap_or_default();
        if fraction.bytes().take_while(u8::is_ascii_digit).count() != 6 {
            let why = format!("parsing time {text:?}: it needs six digits behind the second");
            return Err(Status::undecodable(resource, &why));
        }
    }
    Ok(())
}

type Decode = fn(&Value) -> Result<Value, serde_json::Error>;

fn decoder(resource: &Resource) -> Option<Decode> {
    let decode: Decode = match (resource.storage.group.as_str(), resource.kind.as_str()) {
        ("", "ConfigMap") => through::<core::v1::ConfigMap>,
        ("", "Event") => through::<core::v1::Event>,
        ("", "Namespace") => through::<core::v1::Namespace>,
        ("", "Node") => through::<core::v1::Node>,
        ("", "Pod") => through::<core::v1::Pod>,
        ("", "Secret") => through::<core::v1::Secret>,
        ("", "Service") => through::<core::v1::Service>,
        ("", "ServiceAccount") => through::<core::v1::ServiceAccount>,
        ("apiextensions.k8s.io", _) => through::<apiextensions::v1::CustomResourceDefinition>,
        ("apps", "DaemonSet") => through::<apps::v1::DaemonSet>,
        ("apps", "Deployment") => through::<apps::v1::Deployment>,
        ("coordination.k8s.io", "Lease") => through::<coordination::v1::Lease>,
        ("discovery.k8s.io", "EndpointSlice") => through::<discovery::v1::EndpointSlice>,
        ("policy", "PodDisruptionBudget") => through::<policy::v1::PodDisruptionBudget>,
        (_, "ClusterRole") => through::<rbac::v1::ClusterRole>,
        (_, "ClusterRoleBinding") => through::<rbac::v1::ClusterRoleBinding>,
        (_, "Role") => through::<rbac::v1::Role>,
        (_, "RoleBinding") => through::<rbac::v1::RoleBinding>,
        _ => return None,
    };
    Some(decode)
}

fn through<K>(object: &Value) -> Result<Value, serde_json::Error>
where
    K: for<'de> Deserialize<'de> + Serialize,
{
    let typed = K::deserialize(object)?;
    serde_json::to_value(typed)
}

/// Takes over what the type knows. Nulls go silently, and required fields that are missing are not made up: their absence
/// is for validation to see.
fn keep(value: &mut Value, known: Value, place: &Place<'_>, unknown: &mut Vec<String>) {
    match (&mut *value, known) {
        (Value::Object(map), Value::Object(mut known)) => {
            map.retain(|key, child| {
                let is_kept = known.contains_key(key);
                if !is_kept && !child.is_null() {
                    unknown.push(Place::Field(place, key).to_string());
                }
                is_kept
            });
            for (key, child) in map {
                if let Some(known) = known.remove(key) {
                    keep(child, known, &Place::Field(place, key), unknown);
                }
            }
        }
        (Value::Array(items), Value::Array(known)) => {
            for (i, (item, known)) in items.iter_mut().zip(known).enumerate() {
                keep(item, known, &Place::Item(place, i), unknown);
            }
        }
        // Times come back in the precision that they are stored in.
        (_, known) => *value = known,
    }
}

/// The beginning is what Go's decoder says, the place is not known here.
fn as_go_says(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let found = text.strip_prefix("invalid type: ").unwrap_or_default();
    let name = [
        "integer",
        "floating point",
        "string",
        "boolean",
        "sequence",
        "map",
    ]
    .into_iter()
    .zip(["number", "number", "string", "bool", "array", "object"])
    .find(|(rust, _)| found.starts_with(rust));
    match name {
        Some((_, go)) => format!("json: cannot unmarshal {go} into Go value: {text}"),
        None => format!("json: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Registry;
    use serde_json::json;

    fn normalised(kind: &str, mut object: Value) -> (Value, Vec<String>) {
        let registry = Registry::builtin();
        let resource = registry.find_kind("v1", kind).unwrap();
        object["apiVersion"] = json!("v1");
        object["kind"] = json!(kind);
        let unknown = normalise(resource, &mut object).unwrap();
        (object, unknown)
    }

    #[test]
    fn unknown_fields_are_dropped_and_told_with_their_paths() {
        let spec = json!({"ports": [{"port": 80, "colour": "red"}], "type": null});
        let (object, unknown) = normalised("Service", json!({"spec": spec, "extra": 1}));
        assert_eq!(object["spec"], json!({"ports": [{"port": 80}]}));
        assert_eq!(unknown, ["extra", "spec.ports[0].colour"]);
    }

    #[test]
    fn required_fields_are_not_made_up() {
        let (object, unknown) = normalised("Pod", json!({"spec": {"containers": [{}]}}));
        assert_eq!(object["spec"], json!({"containers": [{}]}));
        assert!(unknown.is_empty());
    }
}
