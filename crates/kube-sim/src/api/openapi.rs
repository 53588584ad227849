//! OpenAPI v3, as much as `kubectl apply` and `kubectl explain` ask for.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::object::items;
use crate::resource::{Registry, Resource};
use crate::server::ApiServer;
use crate::status::Status;

/// `/openapi/v3`: where the document of each group version is.
pub(super) fn index(registry: &Registry) -> Value {
    let versions: BTreeSet<String> = registry
        .iter()
        .map(|r| version_path(&r.group, &r.version))
        .collect();
    let entry = |path: &String| {
        (
            path.clone(),
            json!({"serverRelativeURL": format!("/openapi/v3/{path}")}),
        )
    };
    json!({"paths": versions.iter().map(entry).collect::<Map<String, Value>>()})
}

fn version_path(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("api/{version}")
    } else {
        format!("apis/{group}/{version}")
    }
}

/// The document of one group version: its patch operations (kubectl looks there whether the server validates fields)
/// and its kinds.
pub(super) fn document(
    registry: &Registry,
    server: &ApiServer,
    group: &str,
    version: &str,
) -> Result<Value, Status> {
    let (mut paths, mut schemas) = (Map::new(), Map::new());
    let found = registry
        .iter()
        .filter(|r| r.group == group && r.version == version);
    for resource in found {
        let kind =
            json!({"group": resource.group, "version": resource.version, "kind": resource.kind});
        let scope = if resource.namespaced {
            "namespaces/{namespace}/"
        } else {
            ""
        };
        let path = format!(
            "/{}/{scope}{}",
            version_path(group, version),
            resource.plural
        );
        let parameter = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
        let parameters = ["dryRun", "fieldManager", "fieldValidation", "force"].map(parameter);
        let operation = json!({
            "operationId": format!("patch{}", resource.kind), "parameters": parameters, "responses": {},
            "x-kubernetes-action": "patch", "x-kubernetes-group-version-kind": kind,
        });
        let get = json!({
            "operationId": format!("read{}", resource.kind), "responses": {},
            "x-kubernetes-action": "get", "x-kubernetes-group-version-kind": kind,
        });
        paths.insert(
            format!("{path}/{{name}}"),
            json!({"get": get, "patch": operation}),
        );
        let mut schema = schema_of(server, resource);
        schema["x-kubernetes-group-version-kind"] = json!([kind]);
        schemas.insert(schema_name(resource), schema);
    }
    if paths.is_empty() {
        return Err(Status::no_such_resource());
    }
    Ok(json!({
        "openapi": "3.0.0", "info": {"title": "kube-sim", "version": "v1.32.0"},
        "paths": paths, "components": {"schemas": schemas},
    }))
}

/// Group reversed, version, kind: `io.openyurt.network.v1alpha1.PoolService`.
fn schema_name(resource: &Resource) -> String {
    let group = if resource.group.is_empty() {
        "core.api.k8s.io"
    } else {
        &resource.group
    };
    let reversed: Vec<&str> = group.rsplit('.').collect();
    format!(
        "{}.{}.{}",
        reversed.join("."),
        resource.version,
        resource.kind
    )
}

/// What the CustomResourceDefinition says; of built-in kinds only that they are objects.
fn schema_of(server: &ApiServer, resource: &Resource) -> Value {
    let text = |description: &str| json!({"type": "string", "description": description});
    let mut schema = json!({"type": "object"});
    if resource.custom.is_some() {
        let name = resource.group_resource();
        for crd in server.stored("apiextensions.k8s.io", "customresourcedefinitions") {
            if crd["metadata"]["name"] != json!(name) {
                continue;
            }
            let version =
                items(&crd["spec"]["versions"]).find(|v| v["name"] == json!(resource.version));
            if let Some(found) = version
                .map(|v| &v["schema"]["openAPIV3Schema"])
                .filter(|s| s.is_object())
            {
                schema = found.clone();
            }
        }
    }
    let properties = crate::object::child(crate::object::as_map(&mut schema), "properties");
    properties.insert(
        "apiVersion".to_owned(),
        text("The version of the schema of this object."),
    );
    properties.insert("kind".to_owned(), text("The kind of this object."));
    properties.insert(
        "metadata".to_owned(),
        json!({"type": "object", "description": "Standard object metadata."}),
    );
    schema
}
