//! What a definition has to be, and what its objects are checked for beyond the bounds of `validation`.
//!
//! Sources: k8s.io/apiextensions-apiserver `pkg/apis/apiextensions/validation` and `pkg/apiserver/validation`.

use http::Method;
use serde_json::{Value, json};

use crate::answer::says;
use crate::failure::{Failure, holds};
use crate::kind::DEFINITIONS;
use crate::suite::gadget;
use crate::test::Call;
use crate::{Outcome, Test};

group!(
    "structural",
    (every_field_has_a_type, "deploy/crds"),
    (types_are_known, "deploy/crds"),
    (lists_say_what_is_in_them, "deploy/crds"),
    (items_are_not_compared, "deploy/crds"),
    (defaults_have_the_type_of_their_field, "deploy/crds"),
    (defaults_have_no_unknown_fields, "deploy/crds"),
    (keys_of_lists_are_fields_of_items, "deploy/crds: conditions"),
    (kinds_of_lists_are_known, "deploy/crds: conditions"),
    (schemas_refer_to_nothing, "deploy/crds"),
    (fields_are_named_or_free, "deploy/crds"),
    (metadata_has_its_own_schema, "deploy/crds"),
    (short_names_are_labels, "kubectl get ps"),
    (a_kind_and_its_list_differ, "kubectl get -o yaml"),
    (groups_are_domains, "deploy/crds"),
    (groups_of_kubernetes_are_its_own, "deploy/crds"),
    (columns_have_known_types, "kubectl get poolservices"),
    (columns_have_paths, "kubectl get poolservices"),
    (only_old_versions_warn, "deploy/crds"),
    (versions_have_names_of_their_own, "deploy/crds"),
    (
        unknown_fields_are_kept_by_schemas_alone,
        "deploy/crds: pruning"
    ),
    (formats_that_nobody_knows_are_told, "kubectl apply of a CRD"),
    (small_numbers_are_small, "poolservice-api: int32"),
    (times_are_times, "deploy/crds: date-time"),
    (numbers_have_64_bits, "poolservice-api: int64"),
    (an_object_says_its_kind, "kube Api::create"),
    (
        a_patch_does_not_take_the_kind_away,
        "kubectl patch poolservice"
    ),
);

const SCHEMA: &str = "spec.versions[0].schema.openAPIV3Schema";

/// A definition that this change spoils is refused for this field.
async fn refused(
    test: &Test,
    spoil: impl FnOnce(&mut Value),
    field: &str,
    reason: &str,
) -> Outcome {
    let mut definition = gadget::definition(test);
    spoil(&mut definition);
    test.on(&DEFINITIONS)
        .create(definition)
        .await?
        .invalid(field, reason)?;
    Ok(())
}

/// A schema with this field in its spec is refused for something below that field.
async fn bad_field(test: &Test, schema: Value, below: &str, reason: &str) -> Outcome {
    let spoil = |definition: &mut Value| {
        let first = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        first["properties"]["spec"]["properties"]["bad"] = schema;
    };
    let field = format!("{SCHEMA}.properties[spec].properties[bad].{below}");
    refused(test, spoil, &field, reason).await
}

async fn every_field_has_a_type(test: Test) -> Outcome {
    bad_field(&test, json!({}), "type", "FieldValueRequired").await
}

async fn types_are_known(test: Test) -> Outcome {
    let schema = json!({"type": "text"});
    bad_field(&test, schema, "type", "FieldValueNotSupported").await
}

async fn lists_say_what_is_in_them(test: Test) -> Outcome {
    let schema = json!({"type": "array"});
    bad_field(&test, schema, "items", "FieldValueRequired").await
}

async fn items_are_not_compared(test: Test) -> Outcome {
    let schema = json!({"type": "array", "items": {"type": "string"}, "uniqueItems": true});
    bad_field(&test, schema, "uniqueItems", "FieldValueForbidden").await
}

async fn defaults_have_the_type_of_their_field(test: Test) -> Outcome {
    let schema = json!({"type": "string", "default": 1});
    bad_field(&test, schema, "default", "FieldValueTypeInvalid").await
}

async fn defaults_have_no_unknown_fields(test: Test) -> Outcome {
    let known = json!({"a": {"type": "string"}});
    let schema = json!({"type": "object", "properties": known, "default": {"b": "x"}});
    bad_field(&test, schema, "default", "FieldValueInvalid").await
}

async fn keys_of_lists_are_fields_of_items(test: Test) -> Outcome {
    let schema = json!({
        "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["b"],
        "items": {"type": "object", "properties": {"a": {"type": "string"}}},
    });
    let keyword = "x-kubernetes-list-map-keys";
    bad_field(&test, schema, keyword, "FieldValueInvalid").await
}

async fn kinds_of_lists_are_known(test: Test) -> Outcome {
    let items = json!({"type": "string"});
    let schema = json!({"type": "array", "items": items, "x-kubernetes-list-type": "heap"});
    let keyword = "x-kubernetes-list-type";
    bad_field(&test, schema, keyword, "FieldValueNotSupported").await
}

async fn schemas_refer_to_nothing(test: Test) -> Outcome {
    let schema = json!({"type": "string", "$ref": "#/other"});
    bad_field(&test, schema, "$ref", "FieldValueForbidden").await
}

async fn fields_are_named_or_free(test: Test) -> Outcome {
    let named = json!({"a": {"type": "string"}});
    let free = json!({"type": "string"});
    let schema = json!({"type": "object", "properties": named, "additionalProperties": free});
    bad_field(&test, schema, "additionalProperties", "FieldValueForbidden").await
}

async fn metadata_has_its_own_schema(test: Test) -> Outcome {
    let spoil = |definition: &mut Value| {
        let labels = json!({"type": "object", "properties": {"labels": {"type": "object"}}});
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["metadata"] =
            labels;
    };
    let field = format!("{SCHEMA}.properties[metadata]");
    refused(&test, spoil, &field, "FieldValueForbidden").await
}

async fn short_names_are_labels(test: Test) -> Outcome {
    let spoil = |d: &mut Value| d["spec"]["names"]["shortNames"] = json!(["GDG"]);
    let field = "spec.names.shortNames[0]";
    refused(&test, spoil, field, "FieldValueInvalid").await
}

async fn a_kind_and_its_list_differ(test: Test) -> Outcome {
    let spoil = |d: &mut Value| d["spec"]["names"]["listKind"] = json!("Gadget");
    refused(&test, spoil, "spec.names.listKind", "FieldValueInvalid").await
}

async fn groups_are_domains(test: Test) -> Outcome {
    let spoil = |d: &mut Value| {
        d["spec"]["group"] = json!("example");
        d["metadata"]["name"] = json!("gadgets.example");
    };
    refused(&test, spoil, "spec.group", "FieldValueInvalid").await
}

async fn groups_of_kubernetes_are_its_own(test: Test) -> Outcome {
    let spoil = |d: &mut Value| {
        d["spec"]["group"] = json!("example.k8s.io");
        d["metadata"]["name"] = json!("gadgets.example.k8s.io");
    };
    let field = "metadata.annotations[api-approved.kubernetes.io]";
    refused(&test, spoil, field, "FieldValueRequired").await
}

fn column(definition: &mut Value, column: &Value) {
    definition["spec"]["versions"][0]["additionalPrinterColumns"] = json!([column]);
}

async fn columns_have_known_types(test: Test) -> Outcome {
    let bad = json!({"name": "Size", "type": "size", "jsonPath": ".spec.size"});
    let field = "spec.versions[0].additionalPrinterColumns[0].type";
    refused(&test, |d| column(d, &bad), field, "FieldValueInvalid").await
}

async fn columns_have_paths(test: Test) -> Outcome {
    let bad = json!({"name": "Size", "type": "integer", "jsonPath": "spec.size"});
    let field = "spec.versions[0].additionalPrinterColumns[0].JSONPath";
    refused(&test, |d| column(d, &bad), field, "FieldValueInvalid").await
}

async fn only_old_versions_warn(test: Test) -> Outcome {
    let spoil = |d: &mut Value| d["spec"]["versions"][0]["deprecationWarning"] = json!("old");
    let field = "spec.versions[0].deprecationWarning";
    refused(&test, spoil, field, "FieldValueInvalid").await
}

async fn versions_have_names_of_their_own(test: Test) -> Outcome {
    let spoil = |d: &mut Value| d["spec"]["versions"][1]["name"] = json!("v1");
    refused(&test, spoil, "spec.versions", "FieldValueInvalid").await
}

async fn unknown_fields_are_kept_by_schemas_alone(test: Test) -> Outcome {
    let spoil = |d: &mut Value| d["spec"]["preserveUnknownFields"] = json!(true);
    let field = "spec.preserveUnknownFields";
    refused(&test, spoil, field, "FieldValueInvalid").await
}

async fn formats_that_nobody_knows_are_told(test: Test) -> Outcome {
    let mut definition = gadget::definition(&test);
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
        ["mode"]["format"] = json!("made-up");
    let definitions = test.on(&DEFINITIONS).with("dryRun", "All");
    let answer = definitions.create(definition).await?;
    let warning = format!("{:?}", answer.headers.get(http::header::WARNING));
    answer.done()?;
    let is_told = warning.contains("unrecognized format") && warning.contains("made-up");
    holds(
        "the warning",
        is_told,
        "unrecognized format made-up",
        &warning,
    )
}

/// A gadget with this spec is refused for this field.
async fn bad_gadget(test: &Test, spec: Value, field: &str, reason: &str) -> Result<Value, Failure> {
    let gadgets = gadget::define(test).await?;
    gadgets
        .create(gadget::with_spec("a", &spec))
        .await?
        .invalid(field, reason)
}

async fn small_numbers_are_small(test: Test) -> Outcome {
    let spec = json!({"small": 2_147_483_648_u64});
    let status = bad_gadget(&test, spec, "<nil>", "FieldValueInvalid").await?;
    says(
        &status,
        "must be of type integer with format int32 in spec.small",
    )
}

async fn times_are_times(test: Test) -> Outcome {
    let spec = json!({"since": "yesterday"});
    bad_gadget(&test, spec, "spec.since", "FieldValueTypeInvalid").await?;
    Ok(())
}

async fn numbers_have_64_bits(test: Test) -> Outcome {
    let spec = json!({"plan": {"owner": "a", "depth": 9_223_372_036_854_775_808_u64}});
    bad_gadget(&test, spec, "spec.plan.depth", "FieldValueTypeInvalid").await?;
    Ok(())
}

async fn an_object_says_its_kind(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let body = json!({"metadata": {"name": "a"}});
    let call = Call {
        body: body.to_string().into_bytes(),
        ..gadgets.call(Method::POST, None, Some(&body))
    };
    let status = test.send(&call).await?.refused(400, "BadRequest")?;
    says(&status, "Object 'Kind' is missing")
}

async fn a_patch_does_not_take_the_kind_away(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let answer = gadgets.merge("a", json!({"kind": null})).await?;
    answer.invalid("patch", "FieldValueInvalid")?;
    Ok(())
}
