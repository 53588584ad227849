//! Discovery documents and the envelopes of lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::object;
use crate::resource::{Registry, Resource};
use crate::status::Status;

const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
const STATUS_VERBS: [&str; 3] = ["get", "patch", "update"];

/// `/version`: says what it plays, and that it is not the real one.
pub(super) fn version() -> Value {
    json!({
        "major": "1", "minor": "32", "gitVersion": "v1.32.0-kube-sim", "gitCommit": "", "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "",
    })
}

pub(super) fn core_versions() -> Value {
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
}

/// Versions of each named group, the preferred one first.
fn versions(registry: &Registry) -> BTreeMap<String, Vec<String>> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for resource in registry.iter() {
        let versions = groups.entry(resource.group.clone()).or_default();
        if !versions.contains(&resource.version) {
            versions.push(resource.version.clone());
        }
    }
    for versions in groups.values_mut() {
        versions.sort_by_key(|version| std::cmp::Reverse(version_priority(version)));
    }
    groups
}

/// `v2` before `v1` before `v1beta2` before `v1beta1` before `v1alpha1`: k8s.io/apimachinery `pkg/version/helpers.go`.
fn version_priority(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or_default();
    let digits = |text: &str| -> String { text.chars().take_while(char::is_ascii_digit).collect() };
    let major = digits(rest);
    let suffix = rest.get(major.len()..).unwrap_or_default();
    let number = |text: &str| text.parse().unwrap_or(0);
    if let Some(minor) = suffix.strip_prefix("beta") {
        (2, number(&major), number(minor))
    } else if let Some(minor) = suffix.strip_prefix("alpha") {
        (1, number(&major), number(minor))
    } else if suffix.is_empty() && !major.is_empty() {
        (3, number(&major), 0)
    } else {
        (0, 0, 0)
    }
}

fn group_document(name: &str, versions: &[String]) -> Value {
    let entry =
        |version: &String| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let entries: Vec<Value> = versions.iter().map(entry).collect();
    json!({"name": name, "versions": entries, "preferredVersion": entries.first()})
}

pub(super) fn groups(registry: &Registry) -> Value {
    let groups: Vec<Value> = versions(registry)
        .iter()
        .filter(|(name, _)| !name.is_empty())
        .map(|(name, versions)| group_document(name, versions))
        .collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

pub(super) fn group(registry: &Registry, name: &str) -> Result<Value, Status> {
    let all = versions(registry);
    let found = all
        .get(name)
        .filter(|_| !name.is_empty())
        .ok_or_else(Status::no_such_resource)?;
    let mut document = group_document(name, found);
    document["kind"] = json!("APIGroup");
    document["apiVersion"] = json!("v1");
    Ok(document)
}

fn of_version<'a>(
    registry: &'a Registry,
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'a Arc<Resource>> {
    registry
        .iter()
        .filter(move |r| r.group == group && r.version == version)
}

pub(super) fn resources(registry: &Registry, group: &str, version: &str) -> Result<Value, Status> {
    let mut rows = Vec::new();
    for resource in of_version(registry, group, version) {
        let mut row = json!({
            "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": VERBS,
        });
        if !resource.short_names.is_empty() {
            row["shortNames"] = json!(resource.short_names);
        }
        if !resource.categories.is_empty() {
            row["categories"] = json!(resource.categories);
        }
        rows.push(row);
        if resource.status {
            rows.push(json!({
                "name": format!("{}/status", resource.plural), "singularName": "", "namespaced": resource.namespaced,
                "kind": resource.kind, "verbs": STATUS_VERBS,
            }));
        }
    }
    if rows.is_empty() {
        return Err(Status::no_such_resource());
    }
    let group_version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    Ok(
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": rows}),
    )
}

/// `apidiscovery.k8s.io/v2`: everything below `/api` (`core`) or below `/apis` in one document.
pub(super) fn aggregated(registry: &Registry, core: bool) -> Value {
    let items: Vec<Value> = versions(registry)
        .iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let resources: Vec<Value> = of_version(registry, group, version)
                        .map(|r| aggregated_resource(r))
                        .collect();
                    json!({"version": version, "resources": resources, "freshness": "Current"})
                })
                .collect();
            json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_resource(resource: &Resource) -> Value {
    let kind = json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
    let mut row = json!({
        "resource": resource.plural,
        "responseKind": kind,
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": VERBS,
    });
    if !resource.short_names.is_empty() {
        row["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        row["categories"] = json!(resource.categories);
    }
    if resource.status {
        row["subresources"] =
            json!([{"subresource": "status", "responseKind": kind, "verbs": STATUS_VERBS}]);
    }
    row
}

/// The list envelope of a kind.
pub(super) fn list(resource: &Resource, items: &[Value], metadata: &Value) -> Value {
    let mut items = items.to_vec();
    if resource.custom.is_none() {
        // The Go types of built-in kinds leave to the list what its items are.
        for item in &mut items {
            let item = object::as_map(item);
            item.remove("kind");
            item.remove("apiVersion");
        }
    }
    json!({
        "kind": format!("{}List", resource.kind), "apiVersion": resource.api_version(),
        "metadata": metadata, "items": items,
    })
}

/// `meta.k8s.io/v1` PartialObjectMetadata.
pub(crate) fn partial(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

pub(super) fn partial_list(items: &[Value], metadata: &Value) -> Value {
    let items: Vec<Value> = items.iter().map(partial).collect();
    json!({
        "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items,
    })
}

/// The Status that answers a deletion that is complete.
pub(super) fn deleted(resource: &Resource, object: &Value) -> Value {
    let mut details = json!({
        "name": object::name(object), "kind": resource.plural, "uid": object::uid(object),
    });
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

#[cfg(test)]
mod tests {
    use super::version_priority;

    #[test]
    fn stable_versions_are_preferred_and_higher_numbers_first() {
        let mut versions = ["v1alpha1", "v1beta2", "v1", "v1beta1", "v2", "odd"];
        versions.sort_by_key(|v| std::cmp::Reverse(version_priority(v)));
        assert_eq!(
            versions,
            ["v2", "v1", "v1beta2", "v1beta1", "v1alpha1", "odd"]
        );
    }
}
