//! Strategic merge patches of built-in kinds.
//!
//! Rules: "Update API Objects in Place Using kubectl patch" in the Kubernetes documentation and k8s.io/apimachinery
//! `pkg/util/strategicpatch`. Which lists merge, and by which key, is said by the `patchMergeKey` tags of k8s.io/api.

use serde_json::{Map, Value};

/// A patch that contradicts itself or the object.
#[derive(Debug, thiserror::Error)]
pub(super) enum StrategicError {
    #[error("unknown patch type: {0} in map")]
    Directive(String),
    #[error("map: {0:?} does not contain declared merge key: {1}")]
    MissingKey(String, &'static str),
    #[error("merging lists cannot yet be specified in the patch")]
    MergeOfList,
    #[error("expected a list, but received {0}")]
    NoList(String),
    #[error("The order in patch list {0} doesn't match $setElementOrder list {1}")]
    Order(String, String),
    #[error("invalid patch format of retainKeys")]
    RetainKeys,
    #[error("$setElementOrder of {0:?}, which neither the object nor the patch has")]
    UnknownList(String),
}

/// How a list is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ListMerge {
    Replace,
    /// A set of scalars.
    Union,
    /// Items with the same value of this field are one.
    ByKey(&'static str),
}

/// The strategy of a list: decided by the kind and the names of the fields that lead to it (its trail).
fn list_merge(kind: &str, trail: &[&str]) -> ListMerge {
    use ListMerge::{ByKey, Replace, Union};
    let last = trail.last().copied().unwrap_or_default();
    let parent = trail
        .len()
        .checked_sub(2)
        .and_then(|i| trail.get(i))
        .copied()
        .unwrap_or_default();
    match (parent, last) {
        ("metadata", "ownerReferences") => ByKey("uid"),
        ("metadata", "finalizers") => Union,
        ("status", "conditions") => ByKey("type"),
        ("spec", "ports") if kind == "Service" => ByKey("port"),
        ("status", "addresses") if kind == "Node" => ByKey("type"),
        ("spec", "podCIDRs") if kind == "Node" => Union,
        ("containers" | "initContainers", "env")
        | (
            "spec",
            "containers"
            | "initContainers"
            | "ephemeralContainers"
            | "volumes"
            | "imagePullSecrets",
        ) => ByKey("name"),
        ("containers" | "initContainers", "ports") => ByKey("containerPort"),
        ("containers" | "initContainers", "volumeMounts") => ByKey("mountPath"),
        ("spec", "hostAliases") | ("status", "podIPs") => ByKey("ip"),
        ("spec", "topologySpreadConstraints") => ByKey("topologyKey"),
        ("", "secrets" | "imagePullSecrets") if kind == "ServiceAccount" => ByKey("name"),
        _ => Replace,
    }
}

/// Merges `patch` into `object`.
pub(super) fn merge(kind: &str, object: &mut Value, patch: &Value) -> Result<(), StrategicError> {
    let mut trail = Vec::new();
    merge_value(kind, &mut trail, object, patch)
}

fn merge_value<'a>(
    kind: &str,
    trail: &mut Vec<&'a str>,
    target: &mut Value,
    patch: &'a Value,
) -> Result<(), StrategicError> {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return Ok(());
    };
    let directive = patch.get("$patch").map(|directive| {
        directive
            .as_str()
            .map_or_else(|| directive.to_string(), str::to_owned)
    });
    match directive.as_deref() {
        Some("replace") => {
            *target = Value::Object(
                patch
                    .iter()
                    .filter(|(k, _)| *k != "$patch")
                    .map(own)
                    .collect(),
            );
            return Ok(());
        }
        Some("delete") => {
            *target = Value::Object(Map::new());
            return Ok(());
        }
        Some("merge") | None => {}
        Some(other) => return Err(StrategicError::Directive(other.to_owned())),
    }
    let map = crate::object::as_map(target);
    if let Some(retained) = patch.get("$retainKeys") {
        let retained = retained.as_array().ok_or(StrategicError::RetainKeys)?;
        map.retain(|key, _| retained.iter().any(|r| r == key));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            remove_items(map.get_mut(list), value);
            continue;
        }
        if key.starts_with("$setElementOrder/") || key == "$retainKeys" || key == "$patch" {
            continue;
        }
        if value.is_null() {
            map.remove(key);
            continue;
        }
        if !map.contains_key(key) {
            // What the object does not have comes as it was sent: no directive in it means anything.
            if let Some(value) = without_directives(value) {
                map.insert(key.clone(), value);
            }
            continue;
        }
        trail.push(key);
        let result = match value {
            Value::Object(_) => merge_value(
                kind,
                trail,
                map.entry(key.clone()).or_insert(Value::Null),
                value,
            ),
            Value::Array(items) => {
                let target = map
                    .entry(key.clone())
                    .or_insert_with(|| Value::Array(Vec::new()));
                merge_list(kind, trail, target, items)
            }
            scalar => {
                map.insert(key.clone(), scalar.clone());
                Ok(())
            }
        };
        trail.pop();
        result?;
    }
    for (key, order) in patch {
        if let Some(list) = key.strip_prefix("$setElementOrder/") {
            trail.push(list);
            let strategy = list_merge(kind, trail);
            trail.pop();
            let order = order
                .as_array()
                .ok_or_else(|| StrategicError::NoList(order.to_string()))?;
            if !map.contains_key(list) && !patch.contains_key(list) {
                return Err(StrategicError::UnknownList(list.to_owned()));
            }
            check_order(strategy, patch.get(list), order)?;
            match map.get_mut(list) {
                Some(Value::Array(target)) => set_order(strategy, target, order),
                Some(other) => return Err(StrategicError::NoList(other.to_string())),
                None => {}
            }
        }
    }
    Ok(())
}

/// A value without its nulls and without every map in it that has a directive.
fn without_directives(value: &Value) -> Option<Value> {
    match value {
        Value::Object(map) if map.contains_key("$patch") => None,
        Value::Object(map) => {
            let kept = map
                .iter()
                .filter(|(_, value)| !value.is_null())
                .filter_map(|(key, value)| Some((key.clone(), without_directives(value)?)));
            Some(Value::Object(kept.collect()))
        }
        Value::Array(items) => {
            let kept = items.iter().filter_map(without_directives);
            Some(Value::Array(kept.collect()))
        }
        other => Some(other.clone()),
    }
}

fn own((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}

fn remove_items(list: Option<&mut Value>, gone: &Value) {
    if let (Some(list), Some(gone)) = (list.and_then(Value::as_array_mut), gone.as_array()) {
        list.retain(|item| !gone.contains(item));
    }
}

fn merge_list<'a>(
    kind: &str,
    trail: &mut Vec<&'a str>,
    target: &mut Value,
    patch: &'a [Value],
) -> Result<(), StrategicError> {
    let strategy = list_merge(kind, trail);
    let replace_all = patch.iter().any(|item| item["$patch"] == "replace");
    let real_items = || {
        patch
            .iter()
            .filter(|item| item["$patch"] != "replace")
            .cloned()
    };
    let (ListMerge::Union | ListMerge::ByKey(_), Value::Array(items), false) =
        (strategy, &mut *target, replace_all)
    else {
        *target = Value::Array(real_items().collect());
        return Ok(());
    };
    for item in patch {
        let ListMerge::ByKey(key) = strategy else {
            if !items.contains(item) {
                items.push(item.clone());
            }
            continue;
        };
        match item["$patch"].as_str() {
            None | Some("delete") => {}
            Some("merge") => return Err(StrategicError::MergeOfList),
            Some(other) => return Err(StrategicError::Directive(other.to_owned())),
        }
        let identity = &item[key];
        if identity.is_null() {
            return Err(StrategicError::MissingKey(item.to_string(), key));
        }
        let place = items.iter().position(|old| old[key] == *identity);
        match (item["$patch"] == "delete", place) {
            (true, Some(place)) => {
                items.remove(place);
            }
            (true, None) => {}
            (false, place) => {
                let place = place.unwrap_or_else(|| {
                    items.push(Value::Object(Map::new()));
                    items.len() - 1
                });
                if let Some(slot) = items.get_mut(place) {
                    merge_value(kind, trail, slot, item)?;
                }
            }
        }
    }
    Ok(())
}

/// What a patch puts into a list stands in the order that it asks for, and nothing else does.
fn check_order(
    strategy: ListMerge,
    patch: Option<&Value>,
    order: &[Value],
) -> Result<(), StrategicError> {
    let identity = |item: &Value| match strategy {
        ListMerge::ByKey(key) if item[key].is_null() => {
            Err(StrategicError::MissingKey(item.to_string(), key))
        }
        ListMerge::ByKey(key) => Ok(item[key].clone()),
        _ => Ok(item.clone()),
    };
    let wanted = order.iter().map(identity).collect::<Result<Vec<_>, _>>()?;
    let mut wanted = wanted.iter();
    let items = patch.and_then(Value::as_array).into_iter().flatten();
    for item in items.filter(|item| item["$patch"].is_null()) {
        let item = identity(item)?;
        if !wanted.any(|wanted| *wanted == item) {
            let patch = patch.map(Value::to_string).unwrap_or_default();
            let order = Value::from(order.to_vec()).to_string();
            return Err(StrategicError::Order(patch, order));
        }
    }
    Ok(())
}

/// Orders a list as a `$setElementOrder` directive wants; items that it does not name keep their place behind.
fn set_order(strategy: ListMerge, items: &mut [Value], order: &[Value]) {
    let rank = |item: &Value| {
        order
            .iter()
            .position(|wanted| match strategy {
                ListMerge::ByKey(key) => wanted[key] == item[key],
                _ => wanted == item,
            })
            .unwrap_or(usize::MAX)
    };
    items.sort_by_key(rank);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn merged(kind: &str, mut object: Value, patch: &Value) -> Value {
        merge(kind, &mut object, patch).unwrap();
        object
    }

    #[test]
    fn service_ports_merge_by_port_and_can_be_deleted_singly() {
        let object = json!({"spec": {"ports": [{"port": 80, "nodePort": 30080}, {"port": 443}]}});
        let patch = json!({"spec": {"ports": [{"port": 80, "name": "web"}, {"port": 443, "$patch": "delete"}, {"port": 8080}]}});
        assert_eq!(
            merged("Service", object, &patch)["spec"]["ports"],
            json!([{"port": 80, "nodePort": 30080, "name": "web"}, {"port": 8080}])
        );
    }

    #[test]
    fn finalizers_are_a_set_with_deletion_by_directive() {
        let object = json!({"metadata": {"finalizers": ["a", "b"]}});
        let patch = json!({"metadata": {"finalizers": ["c", "b"], "$deleteFromPrimitiveList/finalizers": ["a"]}});
        assert_eq!(
            merged("Service", object, &patch)["metadata"]["finalizers"],
            json!(["b", "c"])
        );
    }

    #[test]
    fn conditions_merge_by_type_and_other_lists_are_replaced() {
        let object = json!({"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "r"}]}, "spec": {"taints": [{"key": "a"}]}});
        let patch = json!({"status": {"conditions": [{"type": "Ready", "status": "True"}]}, "spec": {"taints": [{"key": "b"}]}});
        assert_eq!(
            merged("Node", object, &patch),
            json!({"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "r"}]}, "spec": {"taints": [{"key": "b"}]}})
        );
    }

    #[test]
    fn null_removes_and_replace_replaces() {
        let object = json!({"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"x": 1}});
        let patch =
            json!({"metadata": {"labels": {"a": null}}, "spec": {"$patch": "replace", "y": 2}});
        assert_eq!(
            merged("Service", object, &patch),
            json!({"metadata": {"labels": {"b": "2"}}, "spec": {"y": 2}})
        );
    }

    #[test]
    fn set_element_order_orders_a_merged_list() {
        let object = json!({"spec": {"ports": [{"port": 1}, {"port": 2}]}});
        let patch = json!({"spec": {"$setElementOrder/ports": [{"port": 2}, {"port": 1}], "ports": [{"port": 2, "name": "x"}]}});
        assert_eq!(
            merged("Service", object, &patch)["spec"]["ports"],
            json!([{"port": 2, "name": "x"}, {"port": 1}])
        );
    }
}
