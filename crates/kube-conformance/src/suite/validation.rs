//! What a schema makes of objects: defaults, pruning, rules; and fields that nobody knows.

use serde_json::{Value, json};

use crate::answer::{Answer, says};
use crate::failure::{Failure, holds, same};
use crate::kind::{CONFIG_MAPS, SERVICES};
use crate::suite::gadget;
use crate::{Outcome, Test};

group!(
    "validation",
    (
        defaults_are_filled_in,
        "deploy/crds: protocol TCP of status ports"
    ),
    (defaults_of_list_items_are_filled_in, "deploy/crds"),
    (a_null_with_a_default_is_filled_in, "deploy/crds"),
    (
        what_is_missing_above_is_not_made_for_a_default,
        "deploy/crds"
    ),
    (
        unknown_fields_are_dropped,
        "poolservice-api: foreign fields"
    ),
    (
        unknown_fields_are_kept_where_the_schema_says_so,
        "NodePool annotations of OpenYurt"
    ),
    (unknown_fields_warn, "kubectl patch"),
    (
        unknown_fields_are_refused_when_strict,
        "kubectl apply: field validation"
    ),
    (
        unknown_fields_are_ignored_when_asked,
        "kubectl apply --validate=ignore"
    ),
    (required_fields_are_required, "deploy/crds"),
    (enumerations_are_closed, "deploy/crds"),
    (patterns_have_to_match, "deploy/crds"),
    (texts_have_a_least_length, "deploy/crds"),
    (texts_have_a_greatest_length, "deploy/crds"),
    (numbers_have_a_least_value, "deploy/crds"),
    (numbers_have_a_greatest_value, "deploy/crds"),
    (types_have_to_fit, "poolservice-api: typed reading"),
    (lists_have_a_greatest_length, "deploy/crds"),
    (sets_have_no_duplicates, "deploy/crds"),
    (keyed_lists_have_no_duplicates, "deploy/crds: conditions"),
    (null_is_kept_where_it_is_allowed, "deploy/crds"),
    (null_is_dropped_where_it_is_not, "deploy/crds"),
    (a_number_or_a_text_is_taken, "ports of Services"),
    (
        other_types_are_refused_for_a_number_or_a_text,
        "ports of Services"
    ),
    (
        values_of_free_keys_are_checked,
        "deploy/crds: aggregateToAnnotations"
    ),
    (the_status_is_checked_too, "ecm-reconciler report.rs"),
    (a_patch_is_checked_as_well, "ledger_store.rs"),
    (all_faults_come_at_once, "kubectl apply"),
    (
        unknown_fields_of_built_in_kinds_are_refused_when_strict,
        "kubectl apply, docs/sandbox.md"
    ),
    (unknown_fields_of_built_in_kinds_warn, "kubectl patch"),
    (
        unknown_fields_of_built_in_kinds_are_dropped,
        "kubectl patch"
    ),
    (wrong_types_of_built_in_kinds_are_refused, "kubectl apply"),
);

async fn create(test: &Test, spec: &Value) -> Result<Answer, Failure> {
    let gadgets = gadget::define(test).await?;
    gadgets.create(gadget::with_spec("a", spec)).await
}

async fn becomes(test: &Test, spec: Value, field: &str, expected: Value) -> Outcome {
    let made = create(test, &spec).await?.done()?;
    same(field, &made["spec"][field], &expected)
}

async fn is_refused(test: &Test, spec: Value, field: &str, reason: &str) -> Outcome {
    create(test, &spec).await?.invalid(field, reason)?;
    Ok(())
}

async fn defaults_are_filled_in(test: Test) -> Outcome {
    becomes(&test, json!({}), "size", json!(3)).await
}

async fn defaults_of_list_items_are_filled_in(test: Test) -> Outcome {
    let expected = json!([{"name": "wheel", "count": 1}]);
    becomes(
        &test,
        json!({"parts": [{"name": "wheel"}]}),
        "parts",
        expected,
    )
    .await
}

async fn a_null_with_a_default_is_filled_in(test: Test) -> Outcome {
    becomes(&test, json!({"size": null}), "size", json!(3)).await
}

async fn what_is_missing_above_is_not_made_for_a_default(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    same("spec", &made.get("spec"), &None)?;
    let with = gadgets
        .create(gadget::with_spec("b", &json!({})))
        .await?
        .done()?;
    same("size", &with["spec"]["size"], &json!(3))
}

async fn unknown_fields_are_dropped(test: Test) -> Outcome {
    becomes(&test, json!({"colour": "red"}), "colour", Value::Null).await
}

async fn unknown_fields_are_kept_where_the_schema_says_so(test: Test) -> Outcome {
    let free = json!({"any": {"thing": [1, "two"]}});
    becomes(&test, json!({"free": free}), "free", free).await
}

fn warnings(answer: &Answer) -> String {
    let all = answer.headers.get_all(http::header::WARNING).iter();
    all.filter_map(|value| value.to_str().ok())
        .collect::<Vec<_>>()
        .join("; ")
}

async fn unknown_fields_warn(test: Test) -> Outcome {
    let answer = create(&test, &json!({"colour": "red"})).await?;
    let shown = warnings(&answer);
    answer.done()?;
    let expected = r#"299 - "unknown field \"spec.colour\"""#;
    holds("the warning", shown.contains(expected), expected, &shown)
}

async fn unknown_fields_are_refused_when_strict(test: Test) -> Outcome {
    let gadgets = gadget::define(&test)
        .await?
        .with("fieldValidation", "Strict");
    let body = gadget::with_spec("a", &json!({"colour": "red"}));
    let status = gadgets.create(body).await?.refused(400, "BadRequest")?;
    says(
        &status,
        "strict decoding error: unknown field \"spec.colour\"",
    )
}

async fn unknown_fields_are_ignored_when_asked(test: Test) -> Outcome {
    let gadgets = gadget::define(&test)
        .await?
        .with("fieldValidation", "Ignore");
    let answer = gadgets
        .create(gadget::with_spec("a", &json!({"colour": "red"})))
        .await?;
    same("the warnings", &warnings(&answer), &String::new())?;
    let made = answer.done()?;
    same("colour", &made["spec"].get("colour"), &None)
}

async fn required_fields_are_required(test: Test) -> Outcome {
    let spec = json!({"plan": {"depth": 1}});
    is_refused(&test, spec, "spec.plan.owner", "FieldValueRequired").await
}

async fn enumerations_are_closed(test: Test) -> Outcome {
    let status = create(&test, &json!({"mode": "Medium"})).await?;
    let status = status.invalid("spec.mode", "FieldValueNotSupported")?;
    says(
        &status,
        "Unsupported value: \"Medium\": supported values: \"Slow\", \"Fast\"",
    )
}

async fn patterns_have_to_match(test: Test) -> Outcome {
    is_refused(
        &test,
        json!({"code": "A1"}),
        "spec.code",
        "FieldValueInvalid",
    )
    .await
}

async fn texts_have_a_least_length(test: Test) -> Outcome {
    is_refused(
        &test,
        json!({"code": "a"}),
        "spec.code",
        "FieldValueInvalid",
    )
    .await
}

async fn texts_have_a_greatest_length(test: Test) -> Outcome {
    is_refused(
        &test,
        json!({"code": "abcdef"}),
        "spec.code",
        "FieldValueTooLong",
    )
    .await
}

async fn numbers_have_a_least_value(test: Test) -> Outcome {
    let status = create(&test, &json!({"size": 0})).await?;
    let status = status.invalid("spec.size", "FieldValueInvalid")?;
    says(
        &status,
        "spec.size in body should be greater than or equal to 1",
    )
}

async fn numbers_have_a_greatest_value(test: Test) -> Outcome {
    is_refused(&test, json!({"size": 11}), "spec.size", "FieldValueInvalid").await
}

async fn types_have_to_fit(test: Test) -> Outcome {
    let status = create(&test, &json!({"size": "big"})).await?;
    let status = status.invalid("spec.size", "FieldValueTypeInvalid")?;
    says(
        &status,
        "spec.size in body must be of type integer: \"string\"",
    )
}

async fn lists_have_a_greatest_length(test: Test) -> Outcome {
    let spec = json!({"colours": ["a", "b", "c", "d"]});
    is_refused(&test, spec, "spec.colours", "FieldValueTooMany").await
}

async fn sets_have_no_duplicates(test: Test) -> Outcome {
    let spec = json!({"colours": ["a", "a"]});
    is_refused(&test, spec, "spec.colours[1]", "FieldValueDuplicate").await
}

async fn keyed_lists_have_no_duplicates(test: Test) -> Outcome {
    let spec = json!({"parts": [{"name": "wheel"}, {"name": "wheel", "count": 2}]});
    is_refused(&test, spec, "spec.parts[1]", "FieldValueDuplicate").await
}

async fn null_is_kept_where_it_is_allowed(test: Test) -> Outcome {
    let made = create(&test, &json!({"maybe": null})).await?.done()?;
    same("maybe", &made["spec"].get("maybe"), &Some(&Value::Null))
}

async fn null_is_dropped_where_it_is_not(test: Test) -> Outcome {
    let made = create(&test, &json!({"code": "abc", "mode": null}))
        .await?
        .done()?;
    same("code", &made["spec"]["code"], &json!("abc"))?;
    same("mode", &made["spec"].get("mode"), &None)
}

async fn a_number_or_a_text_is_taken(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    for (name, port) in [("a", json!(80)), ("b", json!("http"))] {
        let body = gadget::with_spec(name, &json!({"port": port}));
        let made = gadgets.create(body).await?.done()?;
        same("port", &made["spec"]["port"], &port)?;
    }
    Ok(())
}

async fn other_types_are_refused_for_a_number_or_a_text(test: Test) -> Outcome {
    is_refused(
        &test,
        json!({"port": true}),
        "spec.port",
        "FieldValueTypeInvalid",
    )
    .await
}

async fn values_of_free_keys_are_checked(test: Test) -> Outcome {
    let spec = json!({"limits": {"cpu": "much"}});
    is_refused(&test, spec, "spec.limits.cpu", "FieldValueTypeInvalid").await
}

async fn the_status_is_checked_too(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let answer = gadgets
        .status()
        .merge("a", json!({"status": {"seen": "often"}}))
        .await?;
    answer.invalid("status.seen", "FieldValueTypeInvalid")?;
    Ok(())
}

async fn a_patch_is_checked_as_well(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let answer = gadgets.merge("a", json!({"spec": {"size": 99}})).await?;
    answer.invalid("spec.size", "FieldValueInvalid")?;
    Ok(())
}

async fn all_faults_come_at_once(test: Test) -> Outcome {
    let status = create(&test, &json!({"size": 0, "mode": "Medium"})).await?;
    let status = status.refused(422, "Invalid")?;
    let causes = status["details"]["causes"].as_array().map(Vec::len);
    same("causes", &causes, &Some(2))
}

fn service_with(field: &str) -> Value {
    json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}], field: "x"}})
}

async fn unknown_fields_of_built_in_kinds_are_refused_when_strict(test: Test) -> Outcome {
    let services = test.on(&SERVICES).with("fieldValidation", "Strict");
    let status = services
        .create(service_with("colour"))
        .await?
        .refused(400, "BadRequest")?;
    says(
        &status,
        "Service in version \"v1\" cannot be handled as a Service: strict decoding error: unknown field \"spec.colour\"",
    )
}

async fn unknown_fields_of_built_in_kinds_warn(test: Test) -> Outcome {
    let answer = test.on(&SERVICES).create(service_with("colour")).await?;
    let shown = warnings(&answer);
    let expected = r#"299 - "unknown field \"spec.colour\"""#;
    holds("the warning", shown.contains(expected), expected, &shown)
}

async fn unknown_fields_of_built_in_kinds_are_dropped(test: Test) -> Outcome {
    let made = test
        .on(&SERVICES)
        .create(service_with("colour"))
        .await?
        .done()?;
    same("colour", &made["spec"].get("colour"), &None)
}

async fn wrong_types_of_built_in_kinds_are_refused(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a"}, "data": {"k": 5}});
    let status = test
        .on(&CONFIG_MAPS)
        .create(body)
        .await?
        .refused(400, "BadRequest")?;
    says(
        &status,
        "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number",
    )
}
