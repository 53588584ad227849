//! CustomResourceDefinitions: served as soon as they are stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::object::{self, as_map, child, default_to, items};
use crate::resource::{CustomKind, PrinterColumn, Resource, StorageKey, api_version};
use crate::schema::Schema;
use crate::server::{DeleteOptions, State, Target};
use crate::status::FieldError;
use crate::{structural, validation};

/// Fills in names and conversion.
pub(crate) fn apply_defaults(crd: &mut Value) {
    let spec = child(as_map(crd), "spec");
    let names = child(spec, "names");
    let kind = names
        .get("kind")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    default_to(names, "singular", json!(kind.to_lowercase()));
    if !kind.is_empty() {
        default_to(names, "listKind", json!(format!("{kind}List")));
    }
    default_to(child(spec, "conversion"), "strategy", json!("None"));
}

/// What the controllers of the real server set a moment later: the finalizer, and the status of names that are accepted.
pub(crate) fn prepare(crd: &mut Value, old: Option<&Value>) {
    let names = crd["spec"].get("names").cloned().unwrap_or_default();
    let stored: Vec<Value> = items(&crd["spec"]["versions"])
        .filter(|v| v["storage"] == json!(true))
        .map(|v| v["name"].clone())
        .collect();
    if old.is_none() {
        let kept: Vec<String> = object::finalizers(crd)
            .filter(|f| *f != CLEANUP)
            .map(str::to_owned)
            .collect();
        object::set_finalizers(crd, &[kept, vec![CLEANUP.to_owned()]].concat());
    }
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

pub(crate) fn validate(old: Option<&Value>, crd: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let spec = &crd["spec"];
    if let Some(old) = old.map(|old| &old["spec"]) {
        for (path, before, after) in [
            ("spec.group", &old["group"], &spec["group"]),
            ("spec.scope", &old["scope"], &spec["scope"]),
            (
                "spec.names.kind",
                &old["names"]["kind"],
                &spec["names"]["kind"],
            ),
            (
                "spec.names.plural",
                &old["names"]["plural"],
                &spec["names"]["plural"],
            ),
        ] {
            if before != after {
                faults.push(FieldError::invalid(path, after, "field is immutable"));
            }
        }
    }
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
    match spec["scope"].as_str() {
        Some("Namespaced" | "Cluster") => {}
        None | Some("") => faults.push(FieldError::required("spec.scope", "")),
        Some(_) => {
            let allowed = ["Cluster", "Namespaced"].map(str::to_owned);
            faults.push(FieldError::not_supported(
                "spec.scope",
                &spec["scope"],
                &allowed,
            ));
        }
    }
    validate_group(crd, &mut faults);
    validate_names(&spec["names"], &mut faults);
    if spec["preserveUnknownFields"] == json!(true) {
        let detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        let value = &spec["preserveUnknownFields"];
        faults.push(FieldError::invalid(
            "spec.preserveUnknownFields",
            value,
            detail,
        ));
    }
    match spec["conversion"]["strategy"].as_str() {
        Some("None") => {}
        Some("Webhook") => faults.push(FieldError::invalid(
            "spec.conversion.strategy",
            &spec["conversion"]["strategy"],
            "kube-sim implements only the conversion strategy None",
        )),
        _ => {
            let allowed = ["None", "Webhook"].map(str::to_owned);
            let value = &spec["conversion"]["strategy"];
            faults.push(FieldError::not_supported(
                "spec.conversion.strategy",
                value,
                &allowed,
            ));
        }
    }
    validate_versions(&spec["versions"], &mut faults);
    faults
}

fn validate_group(crd: &Value, faults: &mut Vec<FieldError>) {
    let group = &crd["spec"]["group"];
    let text = group.as_str().unwrap_or_default();
    if text.is_empty() {
        faults.push(FieldError::required("spec.group", ""));
    } else if !validation::is_dns_subdomain(text) {
        let detail = validation::SUBDOMAIN_RULE;
        faults.push(FieldError::invalid("spec.group", group, detail));
    } else if !text.contains('.') {
        let detail = "should be a domain with at least one dot";
        faults.push(FieldError::invalid("spec.group", group, detail));
    }
    let is_protected = ["k8s.io", "kubernetes.io"].iter().any(|owner| {
        text.strip_suffix(owner)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    let key = "api-approved.kubernetes.io";
    if is_protected && crd["metadata"]["annotations"][key].is_null() {
        let path = format!("metadata.annotations[{key}]");
        let detail = format!("protected groups must have approval annotation {key:?}");
        faults.push(FieldError::required(&path, detail));
    }
}

fn validate_names(names: &Value, faults: &mut Vec<FieldError>) {
    let mut label = |path: &str, value: &Value, is_mixed: bool| {
        let text = value.as_str().unwrap_or_default();
        let plain = if is_mixed {
            text.to_lowercase()
        } else {
            text.to_owned()
        };
        if !validation::is_dns_1035_label(&plain) {
            let mixed = if is_mixed {
                "may have mixed case, but should otherwise match: "
            } else {
                ""
            };
            let detail = format!("{mixed}{}", validation::LABEL_1035_RULE);
            faults.push(FieldError::invalid(path, value, detail));
        }
    };
    let is_given = |value: &&Value| value.as_str().is_some_and(|text| !text.is_empty());
    for (key, is_mixed) in [
        ("plural", false),
        ("singular", false),
        ("kind", true),
        ("listKind", true),
    ] {
        if let Some(value) = names.get(key).filter(is_given) {
            label(&format!("spec.names.{key}"), value, is_mixed);
        }
    }
    for key in ["shortNames", "categories"] {
        for (i, value) in items(&names[key]).enumerate() {
            label(&format!("spec.names.{key}[{i}]"), value, false);
        }
    }
    for key in ["plural", "singular", "kind", "listKind"] {
        if !names.get(key).is_some_and(|value| is_given(&value)) {
            faults.push(FieldError::required(&format!("spec.names.{key}"), ""));
        }
    }
    if names["kind"] == names["listKind"] && names["kind"].is_string() {
        let detail = "kind and listKind may not be the same";
        faults.push(FieldError::invalid(
            "spec.names.listKind",
            &names["listKind"],
            detail,
        ));
    }
}

fn validate_versions(versions: &Value, faults: &mut Vec<FieldError>) {
    let stored = items(versions)
        .filter(|v| v["storage"] == json!(true))
        .count();
    if stored != 1 {
        let detail = "must have exactly one version marked as storage version";
        faults.push(FieldError::invalid("spec.versions", &json!(stored), detail));
    }
    let mut names = BTreeSet::new();
    if !items(versions).all(|version| names.insert(version["name"].to_string())) {
        let detail = "must contain unique version names";
        faults.push(FieldError::invalid("spec.versions", versions, detail));
    }
    // What all versions have in common the real server looks for where the first edition of this API had it.
    let is_common = |key: &str| {
        let first = &versions[0][key];
        items(versions).all(|version| version[key] == *first)
    };
    let (one_schema, one_set, one_scale) = (
        is_common("schema"),
        is_common("additionalPrinterColumns"),
        is_common("subresources"),
    );
    for (i, version) in items(versions).enumerate() {
        let own = format!("spec.versions[{i}]");
        let at = |is_common: bool, common: &str, field: &str| {
            if is_common {
                format!("spec.{common}")
            } else {
                format!("{own}.{field}")
            }
        };
        let is_first = |is_common: bool| !is_common || i == 0;
        if !version["name"]
            .as_str()
            .is_some_and(validation::is_dns_1035_label)
        {
            let detail = validation::LABEL_1035_RULE;
            faults.push(FieldError::invalid(
                &format!("{own}.name"),
                &version["name"],
                detail,
            ));
        }
        if version["deprecationWarning"].is_string() && version["deprecated"] != json!(true) {
            let path = format!("{own}.deprecationWarning");
            let detail = "can only be set for deprecated versions";
            faults.push(FieldError::invalid(
                &path,
                &version["deprecationWarning"],
                detail,
            ));
        }
        if is_first(one_schema) {
            let path = at(one_schema, "validation", "schema");
            validate_schema(version, &own, &format!("{path}.openAPIV3Schema"), faults);
        }
        if is_first(one_set) {
            let path = at(
                one_set,
                "additionalPrinterColumns",
                "additionalPrinterColumns",
            );
            validate_columns(&version["additionalPrinterColumns"], &path, faults);
        }
        if is_first(one_scale) && !version["subresources"]["scale"].is_null() {
            let path = at(one_scale, "subresources", "subresources");
            let detail = "kube-sim does not implement the subresource scale of custom resources";
            faults.push(FieldError::forbidden(&format!("{path}.scale"), detail));
        }
        if items(&version["selectableFields"]).next().is_some() {
            let detail = "kube-sim does not implement selectableFields";
            let path = format!("{own}.selectableFields");
            faults.push(FieldError::forbidden(&path, detail));
        }
    }
}

fn validate_schema(version: &Value, own: &str, path: &str, faults: &mut Vec<FieldError>) {
    match &version["schema"]["openAPIV3Schema"] {
        Value::Null => {
            let path = format!("{own}.schema.openAPIV3Schema");
            faults.push(FieldError::required(&path, "schemas are required"));
        }
        schema => {
            faults.extend(structural::validate(schema, path));
            if let Err(error) = Schema::compile(schema) {
                faults.push(FieldError::invalid(
                    path,
                    &json!(error.to_string()),
                    "cannot be used",
                ));
            }
        }
    }
}

fn validate_columns(columns: &Value, path: &str, faults: &mut Vec<FieldError>) {
    for (i, column) in items(columns).enumerate() {
        let at = |field: &str| format!("{path}[{i}].{field}");
        let text = |key: &str| column[key].as_str().unwrap_or_default();
        if text("name").is_empty() {
            faults.push(FieldError::required(&at("name"), ""));
        }
        let types = ["boolean", "date", "integer", "number", "string"];
        if text("type").is_empty() {
            let detail = format!("must be one of {}", types.join(","));
            faults.push(FieldError::required(&at("type"), detail));
        } else if !types.contains(&text("type")) {
            let detail = format!("must be one of {}", types.join(","));
            faults.push(FieldError::invalid(&at("type"), &column["type"], detail));
        }
        if text("jsonPath").is_empty() {
            faults.push(FieldError::required(&at("JSONPath"), ""));
        } else if !text("jsonPath").starts_with('.') {
            let detail = "must be a simple json path starting with .";
            let value = &column["jsonPath"];
            faults.push(FieldError::invalid(&at("JSONPath"), value, detail));
        }
    }
}

/// Remarks on schemas: formats that nobody knows.
pub(crate) fn warnings(crd: &Value) -> Vec<String> {
    let mut warnings: Vec<String> = items(&crd["spec"]["versions"])
        .flat_map(|v| structural::unknown_formats(&v["schema"]["openAPIV3Schema"]))
        .collect();
    warnings.sort();
    warnings.dedup();
    warnings
}

/// The finalizer that holds a definition until its objects are gone.
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Keeps what is served in step with the stored definitions, and clears up after those that are deleted.
pub(crate) fn after_commit(state: &mut State, resource: &Resource, object: &Value) {
    if resource.custom.is_some() {
        finish_deletion(state, &resource.group_resource());
        return;
    }
    if !resource.is("apiextensions.k8s.io", "CustomResourceDefinition") {
        return;
    }
    let spec = &object["spec"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&spec["group"]), text(&spec["names"]["plural"]));
    Arc::make_mut(&mut state.registry).remove_custom(&group, &plural);
    let Some(stored) = definition(state, object::name(object)) else {
        return;
    };
    for version in items(&spec["versions"]).filter(|v| v["served"] == json!(true)) {
        // A definition whose schema does not compile has been refused before.
        if let Ok(schema) = Schema::compile(&version["schema"]["openAPIV3Schema"]) {
            Arc::make_mut(&mut state.registry).insert(served(spec, version, schema));
        }
    }
    if object::is_terminating(&stored) {
        delete_instances(state, &group, &plural, &stored);
        finish_deletion(state, object::name(object));
    }
}

/// Whether the definition of a resource is being deleted: no more objects then.
pub(crate) fn is_ending(state: &State, resource: &Resource) -> bool {
    resource.custom.is_some()
        && definition(state, &resource.group_resource()).is_some_and(|d| object::is_terminating(&d))
}

fn definition(state: &State, name: &str) -> Option<Arc<Value>> {
    state
        .all("apiextensions.k8s.io", "customresourcedefinitions")
        .find(|d| object::name(d) == name)
        .cloned()
}

fn delete_instances(state: &mut State, group: &str, plural: &str, definition: &Value) {
    let Some(resource) = state
        .registry
        .iter()
        .find(|r| r.group == group && r.plural == plural)
        .cloned()
    else {
        return;
    };
    let now = object::meta_str(definition, "deletionTimestamp")
        .parse()
        .unwrap_or_default();
    let instances: Vec<Arc<Value>> = state.all(group, plural).cloned().collect();
    for instance in instances.iter().filter(|i| !object::is_terminating(i)) {
        let namespace = resource
            .namespaced
            .then(|| object::namespace(instance).to_owned());
        let target = Target {
            resource: Arc::clone(&resource),
            namespace,
        };
        if let Err(status) = state.delete(
            &target,
            object::name(instance),
            &DeleteOptions::default(),
            now,
        ) {
            tracing::debug!(%status, "instance not deleted");
        }
    }
}

/// Lets a terminating definition go once it has no objects.
fn finish_deletion(state: &mut State, name: &str) {
    let Some(definition) = definition(state, name).filter(|d| object::is_terminating(d)) else {
        return;
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (group, plural) = (
        text(&definition["spec"]["group"]),
        text(&definition["spec"]["names"]["plural"]),
    );
    let held = object::finalizers(&definition).any(|f| f == CLEANUP);
    let Some(crds) = state
        .registry
        .find("apiextensions.k8s.io", "v1", "customresourcedefinitions")
        .cloned()
    else {
        return;
    };
    if held && state.all(&group, &plural).next().is_none() {
        let kept: Vec<String> = object::finalizers(&definition)
            .filter(|f| *f != CLEANUP)
            .map(str::to_owned)
            .collect();
        let mut definition = (*definition).clone();
        object::set_finalizers(&mut definition, &kept);
        state.store_or_finish(&crds, &(String::new(), name.to_owned()), definition);
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
        unconditional: false,
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
