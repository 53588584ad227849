//! What a schema in a CustomResourceDefinition has to be before anything is checked against it.
//!
//! Rules: "Specifying a structural schema" in the Kubernetes documentation and k8s.io/apiextensions-apiserver
//! `pkg/apis/apiextensions/validation/validation.go`.

use serde_json::{Value, json};

use crate::object::items;
use crate::schema::{Format, Schema};
use crate::status::FieldError;

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// Keywords that no structural schema may have.
const FORBIDDEN: [&str; 6] = [
    "$ref",
    "patternProperties",
    "id",
    "definitions",
    "dependencies",
    "additionalItems",
];

/// Faults of a whole schema; `path` is where it stands in the definition.
pub(crate) fn validate(schema: &Value, path: &str) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if has_type(schema) && schema["type"] != "object" {
        let detail = "must be object at the root";
        faults.push(FieldError::invalid(
            &format!("{path}.type"),
            &schema["type"],
            detail,
        ));
    }
    walk(schema, path, "the root", &mut faults);
    let metadata = &schema["properties"]["metadata"]["properties"];
    let knows_more = |key: &String| !matches!(key.as_str(), "name" | "generateName");
    if metadata
        .as_object()
        .is_some_and(|map| map.keys().any(knows_more))
    {
        let detail = "must not specify anything other than name and generateName";
        faults.push(FieldError::forbidden(
            &format!("{path}.properties[metadata]"),
            detail,
        ));
    }
    faults
}

fn has_type(schema: &Value) -> bool {
    schema["type"].as_str().is_some_and(|kind| !kind.is_empty())
}

fn is_set(schema: &Value, keyword: &str) -> bool {
    schema[keyword] == json!(true)
}

fn walk(schema: &Value, path: &str, what: &str, faults: &mut Vec<FieldError>) {
    validate_type(schema, path, what, faults);
    for keyword in FORBIDDEN.iter().filter(|k| !schema[**k].is_null()) {
        let detail = format!("{keyword} is not supported");
        faults.push(FieldError::forbidden(&format!("{path}.{keyword}"), detail));
    }
    if is_set(schema, "uniqueItems") {
        let detail =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        faults.push(FieldError::forbidden(
            &format!("{path}.uniqueItems"),
            detail,
        ));
    }
    let has_properties = schema["properties"]
        .as_object()
        .is_some_and(|properties| !properties.is_empty());
    if has_properties && !matches!(schema["additionalProperties"], Value::Null) {
        let detail = "additionalProperties and properties are mutual exclusive";
        faults.push(FieldError::forbidden(
            &format!("{path}.additionalProperties"),
            detail,
        ));
    }
    if schema["x-kubernetes-preserve-unknown-fields"] == json!(false) {
        let path = format!("{path}.x-kubernetes-preserve-unknown-fields");
        let detail = "must be true or undefined";
        faults.push(FieldError::invalid(&path, &json!(false), detail));
    }
    if is_set(schema, "x-kubernetes-embedded-resource")
        && !has_properties
        && !is_set(schema, "x-kubernetes-preserve-unknown-fields")
    {
        let detail = "must not be empty if x-kubernetes-embedded-resource is true without \
                      x-kubernetes-preserve-unknown-fields";
        faults.push(FieldError::required(&format!("{path}.properties"), detail));
    }
    validate_list(schema, path, faults);
    validate_default(schema, path, faults);
    for (key, child) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.properties[{key}]");
        walk(child, &path, "specified object fields", faults);
    }
    for (keyword, what) in [
        ("items", "specified array items"),
        ("additionalProperties", "specified additional properties"),
    ] {
        if schema[keyword].is_object() {
            walk(&schema[keyword], &format!("{path}.{keyword}"), what, faults);
        }
    }
}

fn validate_type(schema: &Value, path: &str, what: &str, faults: &mut Vec<FieldError>) {
    let path = format!("{path}.type");
    if !has_type(schema) {
        let is_open = is_set(schema, "x-kubernetes-int-or-string")
            || is_set(schema, "x-kubernetes-preserve-unknown-fields");
        if !is_open || what == "the root" {
            let at = if what == "the root" { "at" } else { "for" };
            let detail = format!("must not be empty {at} {what}");
            faults.push(FieldError::required(&path, detail));
        }
    } else if !TYPES.iter().any(|kind| schema["type"] == *kind) {
        let types = TYPES.map(str::to_owned);
        faults.push(FieldError::not_supported(&path, &schema["type"], &types));
    }
}

fn validate_list(schema: &Value, path: &str, faults: &mut Vec<FieldError>) {
    let at = |keyword: &str| format!("{path}.{keyword}");
    if schema["type"] == "array" && schema["items"].is_null() {
        faults.push(FieldError::required(&at("items"), "must be specified"));
    }
    if schema["items"].is_array() {
        let detail = "items must be a schema object and not an array";
        faults.push(FieldError::forbidden(&at("items"), detail));
    }
    let map_type = &schema["x-kubernetes-map-type"];
    if !map_type.is_null() && *map_type != "atomic" && *map_type != "granular" {
        let allowed = ["atomic", "granular"].map(str::to_owned);
        let path = at("x-kubernetes-map-type");
        faults.push(FieldError::not_supported(&path, map_type, &allowed));
    }
    let list_type = &schema["x-kubernetes-list-type"];
    if list_type.is_null() {
        return;
    }
    if has_type(schema) && schema["type"] != "array" {
        let detail = "must be array if x-kubernetes-list-type is specified";
        faults.push(FieldError::invalid(&at("type"), &schema["type"], detail));
    }
    match list_type.as_str() {
        Some("atomic") => {}
        Some("set") => {
            let item = &schema["items"];
            let is_whole = match item["type"].as_str() {
                Some("object") => item["x-kubernetes-map-type"] == "atomic",
                Some("array") => {
                    let list = &item["x-kubernetes-list-type"];
                    list.is_null() || list == "atomic"
                }
                _ => true,
            };
            if !is_whole {
                let keyword = match item["type"].as_str() {
                    Some("array") => "x-kubernetes-list-type",
                    _ => "x-kubernetes-map-type",
                };
                let path = at(&format!("items.{keyword}"));
                let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
                faults.push(FieldError::invalid(&path, &item[keyword], detail));
            }
        }
        Some("map") => validate_keys(schema, path, faults),
        _ => {
            let allowed = ["atomic", "set", "map"].map(str::to_owned);
            let path = at("x-kubernetes-list-type");
            faults.push(FieldError::not_supported(&path, list_type, &allowed));
        }
    }
}

/// The keys of a list that is a map are fields of its items, and each item has all of them.
fn validate_keys(schema: &Value, path: &str, faults: &mut Vec<FieldError>) {
    let keys = &schema["x-kubernetes-list-map-keys"];
    let at = format!("{path}.x-kubernetes-list-map-keys");
    if items(keys).next().is_none() {
        let detail = "must not be empty if x-kubernetes-list-type is map";
        faults.push(FieldError::required(&at, detail));
    }
    let item = &schema["items"];
    for key in items(keys).filter_map(Value::as_str) {
        let property = &item["properties"][key];
        if property.is_null() {
            let detail = "entries must all be names of item properties";
            faults.push(FieldError::invalid(&at, keys, detail));
        } else if property["default"].is_null() && !items(&item["required"]).any(|r| r == key) {
            let path = format!("{path}.items.properties[{key}].default");
            let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
            faults.push(FieldError::required(&path, detail));
        }
    }
}

/// A default obeys the schema that it stands in.
fn validate_default(schema: &Value, path: &str, faults: &mut Vec<FieldError>) {
    let default = &schema["default"];
    // What does not compile is told of elsewhere.
    let (false, Ok(compiled)) = (default.is_null(), Schema::compile(schema)) else {
        return;
    };
    let path = format!("{path}.default");
    let mut pruned = default.clone();
    if !compiled.prune_value(&mut pruned).is_empty() {
        let detail = "must not have unknown fields";
        faults.push(FieldError::invalid(&path, default, detail));
    }
    compiled.apply_defaults(&mut pruned);
    for fault in compiled.validate(&pruned) {
        faults.push(fault.at(&path));
    }
}

/// Formats that nobody knows: they check nothing, and a client is warned of them.
pub(crate) fn unknown_formats(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_formats(schema, &mut found);
    found
}

fn collect_formats(schema: &Value, found: &mut Vec<String>) {
    if let Some(format) = schema["format"].as_str()
        && matches!(Format::parse(format), Some(Format::Unknown))
    {
        found.push(format!("unrecognized format {format:?}"));
    }
    let properties = schema["properties"].as_object();
    let children = properties.into_iter().flatten().map(|(_, child)| child);
    for child in children.chain([&schema["items"], &schema["additionalProperties"]]) {
        if child.is_object() {
            collect_formats(child, found);
        }
    }
}
