//! Requests that are refused: what a server lets through silently, a larger one does not.
//!
//! The rules are those of k8s.io/apimachinery (`pkg/api/validation`, `pkg/apis/meta/v1/validation`,
//! `pkg/apis/internalversion/validation`) and k8s.io/apiserver (`pkg/endpoints`).

use http::Method;
use serde_json::{Value, json};

use crate::answer::says;
use crate::collection::PatchKind;
use crate::failure::{holds, same};
use crate::kind::{CONFIG_MAPS, LEASES, NAMESPACES};
use crate::test::Call;
use crate::{Outcome, Test};

group!(
    "strict",
    (prefixes_of_names_are_checked, "kubectl create: metadata"),
    (finalizers_are_qualified, "ecm-reconciler: finalizers"),
    (owners_have_a_version, "ledger_store.rs: ownerReferences"),
    (events_own_nothing, "ledger_store.rs: ownerReferences"),
    (keys_of_data_are_checked, "ledger_store.rs: keys"),
    (what_is_immutable_stays, "kubectl apply"),
    (
        nobody_writes_a_deletion,
        "behaviour: deletion is asked for by DELETE"
    ),
    (a_patch_keeps_the_kind, "kubectl patch"),
    (a_replace_needs_a_name, "kubectl replace"),
    (
        fields_that_are_there_twice_warn,
        "kubectl apply: field validation"
    ),
    (
        fields_that_are_there_twice_are_refused_when_strict,
        "kubectl apply: field validation"
    ),
    (
        names_of_managers_have_a_greatest_length,
        "ecm-reconciler: fieldManager"
    ),
    (a_dry_run_has_one_value, "ecm plan: dryRun=All"),
    (a_write_needs_its_namespace, "kube::Api::namespaced"),
    (namespaces_are_not_deleted_together, "kubectl delete"),
    (a_list_is_no_single_object, "kube metadata_watcher"),
    (rows_carry_one_of_three, "kubectl get -w"),
    (
        a_match_is_not_for_plain_watches,
        "kube watcher: streaming lists"
    ),
    (
        initial_events_are_not_for_lists,
        "kube watcher: streaming lists"
    ),
    (nothing_is_exactly_at_zero, "kube watcher: resourceVersion"),
    (a_read_does_not_show_the_future, "kube Api::get"),
    (an_apply_names_its_type, "kubectl apply --server-side"),
    (
        an_apply_takes_no_unknown_field,
        "kubectl apply --server-side"
    ),
    (orphans_are_asked_for_once, "kubectl delete --cascade"),
    (options_of_deletions_are_read, "kubectl delete"),
    (unknown_paths_are_no_status, "kubectl get --raw"),
    (a_put_makes_a_lease, "leader election"),
    (
        a_namespace_ends_by_its_deletion_only,
        "kubectl delete namespace"
    ),
);

async fn refused(test: &Test, object: Value, field: &str) -> Outcome {
    let answer = test.on(&CONFIG_MAPS).create(object).await?;
    answer.invalid(field, "FieldValueInvalid")?;
    Ok(())
}

async fn prefixes_of_names_are_checked(test: Test) -> Outcome {
    let object = json!({"metadata": {"name": "a", "generateName": "UP"}});
    refused(&test, object, "metadata.generateName").await
}

async fn finalizers_are_qualified(test: Test) -> Outcome {
    let object = json!({"metadata": {"name": "a", "finalizers": ["mine"]}});
    refused(&test, object, "metadata.finalizers[0]").await
}

async fn owners_have_a_version(test: Test) -> Outcome {
    let owner = json!({"apiVersion": "a/b/c", "kind": "ConfigMap", "name": "o", "uid": "u"});
    let object = json!({"metadata": {"name": "a", "ownerReferences": [owner]}});
    refused(&test, object, "metadata.ownerReferences[0].apiVersion").await
}

async fn events_own_nothing(test: Test) -> Outcome {
    let owner = json!({"apiVersion": "v1", "kind": "Event", "name": "o", "uid": "u"});
    let object = json!({"metadata": {"name": "a", "ownerReferences": [owner]}});
    refused(&test, object, "metadata.ownerReferences[0]").await
}

async fn keys_of_data_are_checked(test: Test) -> Outcome {
    let object = json!({"metadata": {"name": "a"}, "data": {"two words": "x"}});
    refused(&test, object, "data[two words]").await
}

async fn what_is_immutable_stays(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let object = json!({"metadata": {"name": "a"}, "immutable": true, "data": {"k": "v"}});
    maps.create(object).await?.done()?;
    let answer = maps.merge("a", json!({"data": {"k": "w"}})).await?;
    answer.invalid("data", "FieldValueForbidden")?;
    let labelled = maps
        .merge("a", json!({"metadata": {"labels": {"k": "w"}}}))
        .await?;
    labelled.done()?;
    Ok(())
}

async fn nobody_writes_a_deletion(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let patch = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
    let answer = maps.merge("a", patch).await?;
    answer.invalid("metadata.deletionTimestamp", "FieldValueInvalid")?;
    Ok(())
}

async fn a_patch_keeps_the_kind(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let answer = maps.merge("a", json!({"kind": "Secret"})).await?;
    answer.invalid("patch", "FieldValueInvalid")?;
    Ok(())
}

async fn a_replace_needs_a_name(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let body = maps.full(json!({"metadata": {}}));
    let answer = test
        .send(&maps.call(Method::PUT, Some("a"), Some(&body)))
        .await?;
    says(&answer.refused(400, "BadRequest")?, "name must be provided")
}

/// A ConfigMap whose data has a key twice.
fn doubled(path: String) -> Call<'static> {
    let body = r#"{"metadata": {"name": "a"}, "data": {"k": "1", "k": "2"}}"#;
    Call {
        method: Method::POST,
        body: body.as_bytes().to_vec(),
        ..Call::get(path)
    }
}

async fn fields_that_are_there_twice_warn(test: Test) -> Outcome {
    let path = CONFIG_MAPS.path(Some(test.namespace()));
    let answer = test.send(&doubled(path)).await?;
    let warning = answer
        .headers
        .get("warning")
        .and_then(|value| value.to_str().ok());
    let text = warning.unwrap_or_default().to_owned();
    let made = answer.done()?;
    same("the last one", &made["data"]["k"], &json!("2"))?;
    holds(
        "the warning",
        text.contains(r#"duplicate field \"data.k\""#),
        "the field",
        &text,
    )
}

async fn fields_that_are_there_twice_are_refused_when_strict(test: Test) -> Outcome {
    let path = CONFIG_MAPS.path(Some(test.namespace()));
    let answer = test
        .send(&doubled(format!("{path}?fieldValidation=Strict")))
        .await?;
    let status = answer.refused(400, "BadRequest")?;
    says(
        &status,
        r#"strict decoding error: duplicate field "data.k""#,
    )
}

async fn names_of_managers_have_a_greatest_length(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("fieldManager", &"m".repeat(129));
    let answer = maps.create(json!({"metadata": {"name": "a"}})).await?;
    answer.invalid("fieldManager", "FieldValueTooLong")?;
    Ok(())
}

async fn a_dry_run_has_one_value(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("dryRun", "");
    let answer = maps.create(json!({"metadata": {"name": "a"}})).await?;
    answer.invalid("dryRun", "FieldValueNotSupported")?;
    Ok(())
}

async fn a_write_needs_its_namespace(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a", "namespace": test.namespace()}});
    let answer = test.everywhere(&CONFIG_MAPS).create(body).await?;
    answer.refused(405, "MethodNotAllowed")?;
    Ok(())
}

async fn namespaces_are_not_deleted_together(test: Test) -> Outcome {
    let namespaces = test
        .everywhere(&NAMESPACES)
        .with("labelSelector", "of=nobody");
    namespaces
        .delete_all()
        .await?
        .refused(405, "MethodNotAllowed")?;
    Ok(())
}

async fn a_list_is_no_single_object(test: Test) -> Outcome {
    let single = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
    let answer = test.on(&CONFIG_MAPS).accepting(single).list().await?;
    answer.refused(406, "NotAcceptable")?;
    let list = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
    test.on(&CONFIG_MAPS).create_named("a").await?;
    let answer = test.on(&CONFIG_MAPS).accepting(list).get("a").await?;
    answer.refused(406, "NotAcceptable")?;
    Ok(())
}

async fn rows_carry_one_of_three(test: Test) -> Outcome {
    let table = "application/json;as=Table;g=meta.k8s.io;v=v1";
    let maps = test
        .on(&CONFIG_MAPS)
        .accepting(table)
        .with("includeObject", "Some");
    maps.list().await?.refused(400, "BadRequest")?;
    Ok(())
}

async fn a_match_is_not_for_plain_watches(test: Test) -> Outcome {
    let maps = test
        .on(&CONFIG_MAPS)
        .with("watch", "true")
        .with("timeoutSeconds", "1");
    let answer = maps
        .with("resourceVersionMatch", "NotOlderThan")
        .list()
        .await?;
    answer.invalid("resourceVersionMatch", "FieldValueForbidden")?;
    Ok(())
}

async fn initial_events_are_not_for_lists(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("sendInitialEvents", "true");
    maps.list()
        .await?
        .invalid("sendInitialEvents", "FieldValueForbidden")?;
    Ok(())
}

async fn nothing_is_exactly_at_zero(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("resourceVersion", "0");
    let answer = maps.with("resourceVersionMatch", "Exact").list().await?;
    answer.invalid("resourceVersionMatch", "FieldValueForbidden")?;
    Ok(())
}

async fn a_read_does_not_show_the_future(test: Test) -> Outcome {
    test.on(&CONFIG_MAPS).create_named("a").await?;
    let maps = test.on(&CONFIG_MAPS).with("resourceVersion", "99999999999");
    maps.get("a").await?.refused(504, "Timeout")?;
    Ok(())
}

async fn an_apply_names_its_type(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("fieldManager", "one");
    let config = json!({"metadata": {"name": "a"}, "data": {"k": "v"}});
    let answer = maps.patch("a", PatchKind::Apply, config).await?;
    says(&answer.refused(400, "BadRequest")?, "invalid object type")
}

async fn an_apply_takes_no_unknown_field(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("fieldManager", "one");
    let config = maps.full(json!({"metadata": {"name": "a"}, "colour": "red"}));
    let answer = maps.patch("a", PatchKind::Apply, config).await?;
    same("the code", &answer.code, &500)?;
    says(&answer.body, ".colour: field not declared in schema")
}

async fn orphans_are_asked_for_once(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let options = json!({"propagationPolicy": "Orphan", "orphanDependents": true});
    let answer = maps.delete_with("a", options).await?;
    answer.invalid("propagationPolicy", "FieldValueInvalid")?;
    Ok(())
}

async fn options_of_deletions_are_read(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let answer = maps.delete_with("a", json!({"dryRun": "All"})).await?;
    answer.refused(400, "BadRequest")?;
    let answer = maps.delete_with("a", json!({"dryRun": ["Some"]})).await?;
    answer.invalid("dryRun", "FieldValueNotSupported")?;
    Ok(())
}

async fn unknown_paths_are_no_status(test: Test) -> Outcome {
    for path in [
        "/nothing",
        "/apis/nobody.example.com/v1/things",
        "/healthz/nothing",
    ] {
        let answer = test.get(path).await?;
        same("the code", &answer.code, &404)?;
        same("the text", &answer.body, &json!("404 page not found\n"))?;
    }
    Ok(())
}

async fn a_put_makes_a_lease(test: Test) -> Outcome {
    let answer = test
        .on(&LEASES)
        .replace(json!({"metadata": {"name": "a"}}))
        .await?;
    answer.done_with(201)?;
    Ok(())
}

async fn a_namespace_ends_by_its_deletion_only(test: Test) -> Outcome {
    let namespaces = test.everywhere(&NAMESPACES);
    let ended = json!({"status": {"phase": "Terminating"}});
    let answer = namespaces
        .clone()
        .status()
        .merge(test.namespace(), ended)
        .await?;
    answer.invalid("status.Phase", "FieldValueInvalid")?;
    let emptied = json!({"spec": {"finalizers": []}});
    let kept = namespaces.merge(test.namespace(), emptied).await?.done()?;
    same(
        "finalizers",
        &kept["spec"]["finalizers"],
        &json!(["kubernetes"]),
    )
}
