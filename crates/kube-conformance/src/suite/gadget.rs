//! A CustomResourceDefinition to try things with.

use serde_json::{Value, json};

use crate::Test;
use crate::collection::Collection;
use crate::failure::Failure;
use crate::kind::{DEFINITIONS, Kind};
use crate::test::Call;

/// The group of this assertion's gadgets. No other assertion has it.
pub(super) fn group(test: &Test) -> String {
    format!("{}.example.com", test.namespace())
}

/// The definition: version v1 with a schema that has one of everything, and v1beta1 without a status.
pub(super) fn definition(test: &Test) -> Value {
    let group = group(test);
    json!({
        "metadata": {"name": format!("gadgets.{group}")},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "shortNames": ["gdg"], "categories": ["toys"]},
            "versions": [
                {
                    "name": "v1", "served": true, "storage": true,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": schema()},
                    "additionalPrinterColumns": [
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
                        {"name": "Colours", "type": "string", "priority": 1, "jsonPath": ".spec.colours"},
                        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                    ],
                },
                {
                    "name": "v1beta1", "served": true, "storage": false, "deprecated": true,
                    "schema": {"openAPIV3Schema": schema()},
                },
            ],
        },
    })
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "size": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3},
                    "mode": {"type": "string", "enum": ["Slow", "Fast"]},
                    "code": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2, "maxLength": 5},
                    "colours": {"type": "array", "items": {"type": "string"}, "maxItems": 3, "x-kubernetes-list-type": "set"},
                    "parts": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {
                                "name": {"type": "string"},
                                "count": {"type": "integer", "default": 1},
                                "note": {"type": "string"},
                            },
                        },
                    },
                    "plan": {
                        "type": "object",
                        "required": ["owner"],
                        "properties": {"owner": {"type": "string"}, "depth": {"type": "integer"}},
                    },
                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                    "maybe": {"type": "string", "nullable": true},
                    "small": {"type": "integer", "format": "int32"},
                    "since": {"type": "string", "format": "date-time"},
                    "port": {"x-kubernetes-int-or-string": true},
                    "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
                },
            },
            "status": {
                "type": "object",
                "properties": {
                    "phase": {"type": "string"},
                    "seen": {"type": "integer"},
                    "conditions": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["type"],
                        "items": {
                            "type": "object",
                            "required": ["type", "status"],
                            "properties": {"type": {"type": "string"}, "status": {"type": "string"}},
                        },
                    },
                },
            },
        },
    })
}

pub(super) fn is_established(definition: &Value) -> bool {
    let conditions = definition["status"]["conditions"].as_array();
    conditions.is_some_and(|all| {
        all.iter()
            .any(|c| c["type"] == "Established" && c["status"] == "True")
    })
}

/// Stores a definition and waits until it is served.
pub(super) async fn install(test: &Test, definition: Value) -> Result<Value, Failure> {
    let definitions = test.on(&DEFINITIONS);
    let made = definitions.create(definition).await?.done()?;
    let mut watch = definitions.watch_from(&made).await?;
    if is_established(&made) {
        return Ok(made);
    }
    watch
        .until("an established definition", |event| {
            is_established(&event.object)
        })
        .await
}

/// Gadgets of version v1, served.
pub(super) async fn define(test: &Test) -> Result<Collection, Failure> {
    install(test, definition(test)).await?;
    let kind = Kind::gadget(group(test), "v1");
    // Established is a promise for the next moment.
    let list = Call::get(kind.path(Some(test.namespace())));
    test.until("the gadgets", &list, |answer| answer.code == 200)
        .await?;
    Ok(test.on(&kind))
}

/// The gadgets of the other version.
pub(super) fn old_version(test: &Test) -> Collection {
    test.on(&Kind::gadget(group(test), "v1beta1"))
}

/// A gadget with this spec.
pub(super) fn with_spec(name: &str, spec: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": spec})
}
