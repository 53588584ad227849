//! Structural schemas of custom resources: pruning, defaulting, validation.
//!
//! Rules: the "CustomResourceDefinition" chapter of the Kubernetes documentation (structural schemas, pruning,
//! defaulting) and k8s.io/apiextensions-apiserver `pkg/apiserver/schema`.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::status::FieldError;

/// A compiled structural schema.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a keyword of its own"
)]
pub(crate) struct Schema {
    kind: Option<String>,
    nullable: bool,
    int_or_string: bool,
    preserve_unknown: bool,
    embedded_resource: bool,
    properties: BTreeMap<String, Schema>,
    additional: Option<Box<Schema>>,
    additional_any: bool,
    items: Option<Box<Schema>>,
    required: Vec<String>,
    default: Option<Value>,
    enumeration: Option<Vec<Value>>,
    pattern: Option<Regex>,
    format: Option<Format>,
    bounds: Bounds,
    pub(crate) list: ListType,
}

#[derive(Debug, Clone, Default)]
struct Bounds {
    minimum: Option<f64>,
    maximum: Option<f64>,
    exclusive_minimum: bool,
    exclusive_maximum: bool,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    min_properties: Option<usize>,
    max_properties: Option<usize>,
}

/// `x-kubernetes-list-type`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum ListType {
    /// Replaced as a whole; the default.
    #[default]
    Atomic,
    /// A set of scalars.
    Set,
    /// Items are told apart by these keys.
    Map(Vec<String>),
}

/// `format`: what is checked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Int32,
    DateTime,
    /// Anything that fits the type.
    Free,
    /// Not a format of the real server either: it is ignored there.
    Unknown,
}

impl Format {
    /// Formats of k8s.io/kube-openapi `pkg/validation/strfmt` that are not checked here: a definition with one is refused.
    const UNCHECKED: [&str; 26] = [
        "bsonobjectid",
        "uri",
        "email",
        "hostname",
        "ipv4",
        "ipv6",
        "cidr",
        "mac",
        "uuid",
        "uuid3",
        "uuid4",
        "uuid5",
        "isbn",
        "isbn10",
        "isbn13",
        "creditcard",
        "ssn",
        "hexcolor",
        "rgbcolor",
        "byte",
        "date",
        "duration",
        "datetime",
        "float",
        "k8s-short-name",
        "k8s-long-name",
    ];

    /// None for a format that the real server checks and this one does not.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "int32" => Some(Self::Int32),
            "date-time" => Some(Self::DateTime),
            // An integer has 64 bits in any case.
            "int64" | "double" | "password" | "" => Some(Self::Free),
            _ if Self::UNCHECKED.contains(&text) => None,
            _ => Some(Self::Unknown),
        }
    }
}

/// A schema that cannot be compiled.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SchemaError {
    #[error("{path}: pattern {pattern:?} is not a regular expression")]
    Pattern { path: String, pattern: String },
    #[error("{path}: {keyword} is not implemented by kube-sim")]
    Keyword { path: String, keyword: &'static str },
    #[error("{path}: format {format:?} is not implemented by kube-sim")]
    Format { path: String, format: String },
}

impl Schema {
    /// Compiles `openAPIV3Schema`.
    pub(crate) fn compile(source: &Value) -> Result<Self, SchemaError> {
        Self::compile_at(source, "openAPIV3Schema")
    }

    fn compile_at(source: &Value, path: &str) -> Result<Self, SchemaError> {
        // Refused rather than ignored: an object that a real server refuses must not pass here.
        for keyword in [
            "x-kubernetes-validations",
            "oneOf",
            "anyOf",
            "allOf",
            "not",
            "multipleOf",
        ] {
            let int_or_string =
                source["x-kubernetes-int-or-string"] == json!(true) && keyword == "anyOf";
            if !source[keyword].is_null() && !int_or_string {
                return Err(SchemaError::Keyword {
                    path: path.to_owned(),
                    keyword,
                });
            }
        }
        let flag = |key: &str| source[key] == json!(true);
        let length = |key: &str| source[key].as_u64().and_then(|n| usize::try_from(n).ok());
        let pattern = match source["pattern"].as_str() {
            Some(pattern) => Some(Regex::new(pattern).map_err(|_| SchemaError::Pattern {
                path: path.to_owned(),
                pattern: pattern.to_owned(),
            })?),
            None => None,
        };
        let format = match source["format"].as_str() {
            Some(format) => Some(Format::parse(format).ok_or_else(|| SchemaError::Format {
                path: path.to_owned(),
                format: format.to_owned(),
            })?),
            None => None,
        };
        let mut properties = BTreeMap::new();
        for (key, child) in source["properties"].as_object().into_iter().flatten() {
            properties.insert(
                key.clone(),
                Self::compile_at(child, &format!("{path}.properties[{key}]"))?,
            );
        }
        let child = |key: &str| match &source[key] {
            value @ Value::Object(_) => {
                Self::compile_at(value, &format!("{path}.{key}")).map(|s| Some(Box::new(s)))
            }
            _ => Ok(None),
        };
        let texts = |key: &str| -> Vec<String> {
            source[key]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let list = match source["x-kubernetes-list-type"].as_str() {
            Some("set") => ListType::Set,
            Some("map") => ListType::Map(texts("x-kubernetes-list-map-keys")),
            _ => ListType::Atomic,
        };
        Ok(Self {
            kind: source["type"].as_str().map(str::to_owned),
            nullable: flag("nullable"),
            int_or_string: flag("x-kubernetes-int-or-string"),
            preserve_unknown: flag("x-kubernetes-preserve-unknown-fields"),
            embedded_resource: flag("x-kubernetes-embedded-resource"),
            properties,
            additional: child("additionalProperties")?,
            additional_any: flag("additionalProperties"),
            items: child("items")?,
            required: texts("required"),
            default: source.get("default").cloned(),
            enumeration: source["enum"].as_array().cloned(),
            pattern,
            format,
            bounds: Bounds {
                minimum: source["minimum"].as_f64(),
                maximum: source["maximum"].as_f64(),
                exclusive_minimum: flag("exclusiveMinimum"),
                exclusive_maximum: flag("exclusiveMaximum"),
                min_length: length("minLength"),
                max_length: length("maxLength"),
                min_items: length("minItems"),
                max_items: length("maxItems"),
                min_properties: length("minProperties"),
                max_properties: length("maxProperties"),
            },
            list,
        })
    }

    /// The schema of a field, if it is described.
    pub(crate) fn field(&self, key: &str) -> Option<&Schema> {
        self.properties.get(key).or(self.additional.as_deref())
    }

    /// The schema of list items.
    pub(crate) fn item(&self) -> Option<&Schema> {
        self.items.as_deref()
    }

    /// Removes fields that the schema does not know and returns their paths. The object's own `apiVersion`, `kind`
    /// and `metadata` always stay.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut dropped = Vec::new();
        self.prune_at(object, "", true, &mut dropped);
        dropped
    }

    /// The same for a part of an object.
    pub(crate) fn prune_value(&self, value: &mut Value) -> Vec<String> {
        let mut dropped = Vec::new();
        self.prune_at(value, "", false, &mut dropped);
        dropped
    }

    fn prune_at(&self, value: &mut Value, path: &str, root: bool, dropped: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                let resource = root || self.embedded_resource;
                let keep_unknown = self.preserve_unknown || self.additional_any;
                let keys: Vec<String> = map.keys().cloned().collect();
                for key in keys {
                    if resource && matches!(key.as_str(), "apiVersion" | "kind" | "metadata") {
                        continue;
                    }
                    let child_path = join(path, &key);
                    match (self.field(&key), map.get_mut(&key)) {
                        (Some(schema), Some(child)) => {
                            schema.prune_at(child, &child_path, false, dropped);
                        }
                        _ if keep_unknown => {}
                        _ => {
                            map.remove(&key);
                            dropped.push(child_path);
                        }
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    for (i, item) in items.iter_mut().enumerate() {
                        schema.prune_at(item, &format!("{path}[{i}]"), false, dropped);
                    }
                }
            }
            _ => {}
        }
    }

    /// Fills in defaults. A null where null is not allowed and a default exists counts as absent.
    pub(crate) fn apply_defaults(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                self.default_properties(map);
                for (key, child) in map.iter_mut() {
                    if let Some(schema) = self.field(key) {
                        schema.apply_defaults(child);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = &self.items {
                    for item in items {
                        schema.apply_defaults(item);
                    }
                }
            }
            _ => {}
        }
    }

    fn default_properties(&self, map: &mut Map<String, Value>) {
        for (key, schema) in &self.properties {
            let droppable_null = map.get(key).is_some_and(Value::is_null) && !schema.nullable;
            if droppable_null {
                map.remove(key);
            }
            if let (Some(default), false) = (&schema.default, map.contains_key(key)) {
                map.insert(key.clone(), default.clone());
            }
        }
    }

    /// Faults of an object against the schema.
    pub(crate) fn validate(&self, object: &Value) -> Vec<FieldError> {
        let mut faults = Vec::new();
        self.validate_at(object, "", &mut faults);
        faults
    }

    fn validate_at(&self, value: &Value, path: &str, faults: &mut Vec<FieldError>) {
        let shown = if path.is_empty() { "<nil>" } else { path };
        if value.is_null() {
            if !self.nullable && !path.is_empty() {
                let wanted = self.kind.as_deref().unwrap_or("object");
                let detail = format!("{shown} in body must be of type {wanted}: \"null\"");
                faults.push(FieldError::wrong_type(shown, "null", detail));
            }
            return;
        }
        if let Some(detail) = self.broken_type(value) {
            let found = type_name(value);
            let detail = format!("{shown} in body must be of type {detail}: {found:?}");
            faults.push(FieldError::wrong_type(shown, found, detail));
            return;
        }
        if let Some(allowed) = &self.enumeration
            && !allowed.contains(value)
        {
            let allowed: Vec<String> = allowed.iter().map(plain).collect();
            faults.push(FieldError::not_supported(shown, value, &allowed));
        }
        match value {
            Value::String(text) => self.validate_text(text, shown, faults),
            Value::Number(_) => self.validate_number(value, shown, faults),
            Value::Array(items) => self.validate_list(items, path, shown, faults),
            Value::Object(map) => self.validate_map(map, path, shown, faults),
            _ => {}
        }
    }

    fn broken_type(&self, value: &Value) -> Option<String> {
        if self.int_or_string {
            return (!value.is_string() && !value.is_i64() && !value.is_u64())
                .then(|| "integer,string".to_owned());
        }
        let wanted = self.kind.as_deref()?;
        let ok = match wanted {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "number" => value.is_number(),
            "integer" => {
                value.is_i64()
                    || (value.is_f64() && value.as_f64().is_some_and(|n| n.fract() == 0.0))
            }
            _ => true,
        };
        (!ok).then(|| wanted.to_owned())
    }

    fn validate_text(&self, text: &str, shown: &str, faults: &mut Vec<FieldError>) {
        let value = json!(text);
        let length = text.chars().count();
        if let Some(min) = self.bounds.min_length.filter(|min| length < *min) {
            let detail = format!("{shown} in body should be at least {min} chars long");
            faults.push(FieldError::invalid(shown, &value, detail));
        }
        if let Some(max) = self.bounds.max_length.filter(|max| length > *max) {
            faults.push(FieldError::too_long(shown, max));
        }
        if self.format == Some(Format::DateTime) && !is_date_time(text) {
            let detail = format!("{shown} in body must be of type date-time: {value}");
            faults.push(FieldError::wrong_type(shown, text, detail));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|p| !p.is_match(text)) {
            let detail = format!("{shown} in body should match '{pattern}'");
            faults.push(FieldError::invalid(shown, &value, detail));
        }
    }

    fn validate_number(&self, value: &Value, shown: &str, faults: &mut Vec<FieldError>) {
        let Some(number) = value.as_f64() else { return };
        let fits = (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number);
        if self.format == Some(Format::Int32) && !fits {
            // The real server names the field in the text alone.
            let detail =
                format!("Checked value must be of type integer with format int32 in {shown}");
            faults.push(FieldError::invalid("<nil>", &json!(""), detail));
        }
        let bounds = &self.bounds;
        if let Some(min) = bounds.minimum
            && (number < min || (bounds.exclusive_minimum && number <= min))
        {
            let detail = format!("{shown} in body should be greater than or equal to {min}");
            faults.push(FieldError::invalid(shown, value, detail));
        }
        if let Some(max) = bounds.maximum
            && (number > max || (bounds.exclusive_maximum && number >= max))
        {
            let detail = format!("{shown} in body should be less than or equal to {max}");
            faults.push(FieldError::invalid(shown, value, detail));
        }
    }

    fn validate_list(
        &self,
        items: &[Value],
        path: &str,
        shown: &str,
        faults: &mut Vec<FieldError>,
    ) {
        if let Some(min) = self.bounds.min_items.filter(|min| items.len() < *min) {
            let detail = format!("{shown} in body should have at least {min} items");
            faults.push(FieldError::invalid(shown, &json!(items.len()), detail));
        }
        if let Some(max) = self.bounds.max_items.filter(|max| items.len() > *max) {
            faults.push(FieldError::too_many(shown, items.len(), max));
        }
        let mut seen: Vec<Value> = Vec::new();
        for (i, item) in items.iter().enumerate() {
            let item_path = format!("{path}[{i}]");
            let identity = match &self.list {
                ListType::Atomic => None,
                ListType::Set => Some(item.clone()),
                ListType::Map(keys) => Some(Value::Object(
                    keys.iter()
                        .map(|k| (k.clone(), item[k.as_str()].clone()))
                        .collect(),
                )),
            };
            if let Some(identity) = identity {
                if seen.contains(&identity) {
                    faults.push(FieldError::duplicate(&item_path, &identity));
                }
                seen.push(identity);
            }
            if let Some(schema) = &self.items {
                schema.validate_at(item, &item_path, faults);
            }
        }
    }

    fn validate_map(
        &self,
        map: &Map<String, Value>,
        path: &str,
        shown: &str,
        faults: &mut Vec<FieldError>,
    ) {
        for key in &self.required {
            if !map.contains_key(key) {
                faults.push(FieldError::required(&join(path, key), ""));
            }
        }
        if let Some(min) = self.bounds.min_properties.filter(|min| map.len() < *min) {
            let detail = format!("{shown} in body should have at least {min} properties");
            faults.push(FieldError::invalid(shown, &json!(map.len()), detail));
        }
        if let Some(max) = self.bounds.max_properties.filter(|max| map.len() > *max) {
            faults.push(FieldError::too_many(shown, map.len(), max));
        }
        for (key, child) in map {
            if let Some(schema) = self.field(key) {
                // `metadata` has rules of its own, whatever a schema says about it.
                if !(path.is_empty() && key == "metadata") {
                    schema.validate_at(child, &join(path, key), faults);
                }
            }
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A time as go-openapi/strfmt takes it: RFC 3339, with seconds and with an offset of hours and minutes.
fn is_date_time(text: &str) -> bool {
    let has = |place: usize, allowed: &[u8]| {
        let byte = text.as_bytes().get(place);
        byte.is_some_and(|byte| allowed.contains(byte))
    };
    let has_shape =
        has(4, b"-") && has(7, b"-") && has(10, b"Tt") && has(13, b":") && has(16, b":");
    let fraction = text.get(19..).unwrap_or_default();
    let offset = match fraction.strip_prefix('.') {
        Some(digits) => digits.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => fraction,
    };
    let has_offset = matches!(
        offset.as_bytes(),
        [b'Z' | b'z'] | [b'+' | b'-', _, _, b':', _, _]
    );
    has_shape && has_offset && text.to_uppercase().parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(source: &Value) -> Schema {
        Schema::compile(source).unwrap()
    }

    fn faults(source: &Value, object: &Value) -> Vec<String> {
        schema(source)
            .validate(object)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn unknown_fields_are_pruned_and_named_but_metadata_stays() {
        let schema = schema(&json!({"type": "object", "properties": {
            "spec": {"type": "object", "properties": {"a": {"type": "string"}}},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        }}));
        let mut object = json!({"apiVersion": "x/v1", "kind": "X", "metadata": {"name": "n"}, "bogus": 1,
            "spec": {"a": "1", "b": 2}, "free": {"z": 1}, "labels": {"k": "v"}});
        assert_eq!(schema.prune(&mut object), ["bogus", "spec.b"]);
        assert_eq!(object["free"]["z"], 1);
        assert_eq!(object["labels"]["k"], "v");
        assert_eq!(object["metadata"]["name"], "n");
    }

    #[test]
    fn defaults_fill_nested_fields_and_replace_forbidden_nulls() {
        let schema = schema(
            &json!({"type": "object", "properties": {"spec": {"type": "object", "default": {},
            "properties": {"size": {"type": "integer", "default": 3}, "name": {"type": "string", "nullable": true, "default": "x"}}}}}),
        );
        let mut object = json!({});
        schema.apply_defaults(&mut object);
        assert_eq!(object, json!({"spec": {"size": 3, "name": "x"}}));
        let mut nulls = json!({"spec": {"size": null, "name": null}});
        schema.apply_defaults(&mut nulls);
        assert_eq!(nulls, json!({"spec": {"size": 3, "name": null}}));
    }

    #[test]
    fn each_rule_reports_the_path_and_the_value() {
        let source = json!({"type": "object", "required": ["spec"], "properties": {"spec": {"type": "object",
        "properties": {
            "mode": {"type": "string", "enum": ["a", "b"]},
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 3},
            "n": {"type": "integer", "minimum": 1, "maximum": 5},
            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        }}}});
        assert_eq!(faults(&source, &json!({})), ["spec: Required value"]);
        let bad =
            json!({"spec": {"mode": "c", "name": "ABCD", "n": 9, "port": true, "set": ["x", "x"]}});
        let found = faults(&source, &bad);
        assert_eq!(found.len(), 6, "{found:?}");
        assert!(found.contains(
            &"spec.mode: Unsupported value: \"c\": supported values: \"a\", \"b\"".to_owned()
        ));
        let good = json!({"spec": {"mode": "a", "name": "abc", "n": 5, "port": "http", "set": ["x", "y"]}});
        assert!(faults(&source, &good).is_empty());
    }

    #[test]
    fn keywords_that_are_not_checked_are_refused_instead_of_ignored() {
        let source = json!({"type": "object", "x-kubernetes-validations": [{"rule": "true"}]});
        assert!(matches!(
            Schema::compile(&source),
            Err(SchemaError::Keyword { .. })
        ));
    }
}
