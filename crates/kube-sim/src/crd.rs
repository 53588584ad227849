//! CustomResourceDefinitions: served as soon as they are stored.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::object::{self, as_map, child, default_to, items};
use crate::resource::{CustomKind, PrinterColumn, Resource, StorageKey, api_version};
use crate::schema::Schema;
use crate::server::State;
use crate::status::FieldError;

/// Fills in names, conversion and, because names are accepted at once, the status.
pub(crate) fn apply_defaults(crd: &mut Value, old: Option<&Value>) {
    let spec = child(as_map(crd), "spec");
    let names = child(spec, "names");
    let kind = names
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    default_to(names, "singular", json!(kind.to_lowercase()));
    default_to(names, "listKind", json!(format!("{kind}List")));
    default_to(child(spec, "conversion"), "strategy", json!("None"));
    let names = spec.get("names").cloned().unwrap_or_default();
    let stored: Vec<Value> = items(&crd["spec"]["versions"])
        .filter(|v| v["storage"] == json!(true))
        .map(|v| v["name"].clone())
        .collect();
    let since = match old {
        Some(old) => old["status"]["conditions"][0]["lastTransitionTime"].clone(),
        None => crd["metadata"]["creationTimestamp"].clone(),
    };
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": since});
    let status = json!({
        "acceptedNames": names,
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": stored,
    });
    as_map(crd).insert("status".to_owned(), status);
}

pub(crate) fn validate(crd: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let spec = &crd["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let expected = format!(
        "{}.{}",
        text(&spec["names"]["plural"]),
        text(&spec["group"])
    );
    if object::name(crd) != expected {
        let detail = format!("must be spec.names.plural+\".\"+spec.group ({expected})");
        faults.push(FieldError::invalid(
            "metadata.name",
            &json!(object::name(crd)),
            detail,
        ));
    }
    if !matches!(spec["scope"].as_str(), Some("Namespaced" | "Cluster")) {
        let allowed = ["Cluster", "Namespaced"].map(str::to_owned);
        faults.push(FieldError::not_supported(
            "spec.scope",
            &spec["scope"],
            &allowed,
        ));
    }
    if spec["conversion"]["strategy"] != "None" {
        let detail = "kube-sim implements only the conversion strategy None";
        faults.push(FieldError::invalid(
            "spec.conversion.strategy",
            &spec["conversion"]["strategy"],
            detail,
        ));
    }
    let stored = items(&spec["versions"])
        .filter(|v| v["storage"] == json!(true))
        .count();
    if stored != 1 {
        let detail = "must have exactly one version marked as storage version";
        faults.push(FieldError::invalid("spec.versions", &json!(stored), detail));
    }
    for (i, version) in items(&spec["versions"]).enumerate() {
        let path = format!("spec.versions[{i}].schema.openAPIV3Schema");
        match &version["schema"]["openAPIV3Schema"] {
            Value::Null => faults.push(FieldError::required(&path, "schemas are required")),
            schema => {
                if let Err(error) = Schema::compile(schema) {
                    faults.push(FieldError::invalid(
                        &path,
                        &json!(error.to_string()),
                        "cannot be used",
                    ));
                }
            }
        }
    }
    faults
}

/// Keeps what is served in step with the stored definitions.
pub(crate) fn after_commit(state: &mut State, resource: &Resource, crd: &Value) {
    if !resource.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        return;
    }
    let spec = &crd["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    state
        .registry
        .remove_custom(&text(&spec["group"]), &text(&spec["names"]["plural"]));
    let key = (String::new(), object::name(crd).to_owned());
    if state.get(&resource.storage, &key).is_none() {
        return;
    }
    for version in items(&spec["versions"]).filter(|v| v["served"] == json!(true)) {
        // A definition whose schema does not compile has been refused before.
        if let Ok(schema) = Schema::compile(&version["schema"]["openAPIV3Schema"]) {
            state.registry.insert(served(spec, version, schema));
        }
    }
}

fn served(spec: &Value, version: &Value, schema: Schema) -> Resource {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |value: &Value| -> Vec<String> { items(value).map(text).collect() };
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    let full = api_version(&group, &text(&version["name"]));
    let warning = (version["deprecated"] == json!(true)).then(|| {
        version["deprecationWarning"].as_str().map_or_else(
            || format!("{full} {} is deprecated", text(&spec["names"]["kind"])),
            str::to_owned,
        )
    });
    let stored = items(&spec["versions"]).find(|v| v["storage"] == json!(true));
    Resource {
        storage_api_version: api_version(
            &group,
            &stored.map(|v| text(&v["name"])).unwrap_or_default(),
        ),
        storage: StorageKey {
            group: group.clone(),
            plural: plural.clone(),
        },
        group,
        version: text(&version["name"]),
        kind: text(&spec["names"]["kind"]),
        plural,
        singular: text(&spec["names"]["singular"]),
        short_names: texts(&spec["names"]["shortNames"]),
        categories: texts(&spec["names"]["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        status: version["subresources"]["status"].is_object(),
        generation: true,
        custom: Some(Arc::new(CustomKind {
            schema,
            columns: columns(version),
            warning,
        })),
    }
}

/// `additionalPrinterColumns`, or the age where there are none.
fn columns(version: &Value) -> Vec<PrinterColumn> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let columns: Vec<PrinterColumn> = items(&version["additionalPrinterColumns"])
        .map(|column| PrinterColumn {
            name: text(&column["name"]),
            kind: text(&column["type"]),
            format: text(&column["format"]),
            description: text(&column["description"]),
            priority: column["priority"].as_i64().unwrap_or(0),
            json_path: text(&column["jsonPath"]),
        })
        .collect();
    if !columns.is_empty() {
        return columns;
    }
    vec![PrinterColumn {
        name: "Age".to_owned(),
        kind: "date".to_owned(),
        format: String::new(),
        description: "CreationTimestamp is a timestamp representing the server time when this object was created."
            .to_owned(),
        priority: 0,
        json_path: ".metadata.creationTimestamp".to_owned(),
    }]
}
