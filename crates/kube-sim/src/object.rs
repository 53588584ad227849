//! Reading and writing the parts that every Kubernetes object has.

use serde_json::{Map, Value, json};

/// `metadata.name`, or empty.
pub(crate) fn name(object: &Value) -> &str {
    meta_str(object, "name")
}

/// `metadata.namespace`, or empty.
pub(crate) fn namespace(object: &Value) -> &str {
    meta_str(object, "namespace")
}

/// `metadata.uid`, or empty.
pub(crate) fn uid(object: &Value) -> &str {
    meta_str(object, "uid")
}

/// A text in `metadata`, or empty.
pub(crate) fn meta_str<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"][key].as_str().unwrap_or_default()
}

/// `metadata.resourceVersion` as a number; 0 where it is absent or foreign.
pub(crate) fn revision(object: &Value) -> u64 {
    meta_str(object, "resourceVersion").parse().unwrap_or(0)
}

/// True once deletion has been asked for.
pub(crate) fn is_terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

/// `metadata.finalizers`.
pub(crate) fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    object["metadata"]["finalizers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// `metadata.ownerReferences`.
pub(crate) fn owners(object: &Value) -> impl Iterator<Item = &Value> {
    object["metadata"]["ownerReferences"]
        .as_array()
        .into_iter()
        .flatten()
}

/// The items of an array field, or nothing.
pub(crate) fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The map at `key`, made where there is none (or something that is no map).
pub(crate) fn child<'a>(
    parent: &'a mut Map<String, Value>,
    key: &str,
) -> &'a mut Map<String, Value> {
    as_map(parent.entry(key.to_owned()).or_insert(Value::Null))
}

/// `value` as a map, replacing it where it is none.
pub(crate) fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    let Value::Object(map) = value else {
        unreachable!("made an object just above")
    };
    map
}

/// `metadata` as a map.
pub(crate) fn metadata_mut(object: &mut Value) -> &mut Map<String, Value> {
    child(as_map(object), "metadata")
}

/// Sets `map[key]`, or removes the key where there is no value.
pub(crate) fn put(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            map.insert(key.to_owned(), value);
        }
        None => {
            map.remove(key);
        }
    }
}

/// Sets `map[key]` where it is absent or null.
pub(crate) fn default_to(map: &mut Map<String, Value>, key: &str, value: Value) {
    let slot = map.entry(key.to_owned()).or_insert(Value::Null);
    if slot.is_null() {
        *slot = value;
    }
}

/// Removes `map[key]` where it is an empty map or list, as a Go field with `omitempty` is.
pub(crate) fn drop_empty(map: &mut Map<String, Value>, key: &str) {
    let is_empty = match map.get(key) {
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => false,
    };
    if is_empty {
        map.remove(key);
    }
}

/// Replaces the finalizers; an empty list removes the field.
pub(crate) fn set_finalizers(object: &mut Value, finalizers: &[String]) {
    let value = (!finalizers.is_empty()).then(|| json!(finalizers));
    put(metadata_mut(object), "finalizers", value);
}
