//! Creating, replacing, and writes that meet other writes.

use serde_json::json;

use crate::answer::{name, revision, revision_number, says, text, uid};
use crate::failure::{holds, same};
use crate::kind::{CONFIG_MAPS, DAEMON_SETS, NODES, SECRETS, SERVICES};
use crate::suite::gadget;
use crate::{Outcome, Test};

group!(
    "write",
    (
        what_is_created_has_an_identity,
        "ecm-policy ownership.rs: owners are compared by UID"
    ),
    (
        a_second_of_the_same_name_is_refused,
        "fan_out/write.rs create, behaviour 2.3"
    ),
    (
        a_name_used_again_has_another_uid,
        "ecm-policy ledger.rs: a ledger of another UID, behaviour 5.3"
    ),
    (
        creating_with_a_revision_is_refused,
        "fan_out/write.rs create"
    ),
    (creating_needs_a_name, "kubectl create"),
    (a_wrong_name_is_invalid, "fan_out.rs: behaviour 2.3"),
    (a_service_name_has_no_dots, "ecm-policy naming.rs"),
    (
        a_wrong_label_is_invalid,
        "ecm-policy fan_out.rs: labels of PoolServices"
    ),
    (
        an_owner_without_a_uid_is_invalid,
        "fan_out/write.rs: owners"
    ),
    (a_body_of_another_kind_is_refused, "kubectl apply"),
    (a_body_of_another_namespace_is_refused, "kubectl apply -n"),
    (
        a_stale_replace_conflicts,
        "docs/sandbox.md: kubectl replace"
    ),
    (a_replace_of_the_newest_succeeds, "kubectl replace"),
    (
        a_replace_without_a_revision_wins,
        "kubectl replace of a file"
    ),
    (
        a_custom_replace_needs_a_revision,
        "kubectl edit poolservice"
    ),
    (a_replace_of_nothing_is_not_found, "kubectl replace"),
    (
        a_replace_with_another_uid_conflicts,
        "kubectl replace --force"
    ),
    (a_replace_under_another_name_is_refused, "kubectl replace"),
    (
        a_replace_cannot_change_what_the_server_set,
        "ecm-policy ownership.rs: UID and times"
    ),
    (
        a_replace_that_changes_nothing_keeps_the_revision,
        "behaviour 9: drift and quiet"
    ),
    (
        generated_names_end_in_five_characters,
        "kubectl create of generateName"
    ),
    (
        a_name_wins_over_a_generated_one,
        "kubectl create of generateName"
    ),
    (long_prefixes_are_cut, "kubectl create of generateName"),
    (
        generation_counts_changes_of_the_spec,
        "ecm-policy conditions.rs: observedGeneration"
    ),
    (
        generation_does_not_count_metadata,
        "ecm-policy conditions.rs: observedGeneration"
    ),
    (
        generation_does_not_count_the_status,
        "ecm-policy conditions.rs: observedGeneration"
    ),
    (
        generation_counts_the_request_to_delete,
        "ecm-policy conditions.rs: observedGeneration"
    ),
    (
        a_daemon_set_counts_generations_too,
        "kubectl rollout status, docs/tutorial.md"
    ),
    (
        text_of_a_secret_is_encoded,
        "deploy/install.yaml: credentials"
    ),
    (
        the_manager_of_a_write_is_recorded,
        "kubectl apply: conflicts with the controller"
    ),
    (
        the_user_agent_stands_in_for_the_manager,
        "ecm-reconciler: writes without fieldManager"
    ),
    (
        nodes_keep_the_status_that_registers_them,
        "kube-sim play/nodes.rs"
    ),
);

async fn what_is_created_has_an_identity(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a", "uid": "mine", "creationTimestamp": "2001-01-01T00:00:00Z"}});
    let made = test.on(&CONFIG_MAPS).create(body).await?.done_with(201)?;
    same("length of the uid", &uid(&made).len(), &36)?;
    holds(
        "the revision",
        revision_number(&made) > 0,
        "a number",
        &revision(&made),
    )?;
    let at = text(&made, "/metadata/creationTimestamp");
    holds(
        "the time",
        at.len() == 20 && !at.starts_with("2001"),
        "now, in seconds",
        &at,
    )?;
    same(
        "namespace",
        &text(&made, "/metadata/namespace"),
        &test.namespace(),
    )
}

async fn a_second_of_the_same_name_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let again = maps.create(json!({"metadata": {"name": "a"}})).await?;
    let status = again.refused(409, "AlreadyExists")?;
    says(&status, "configmaps \"a\" already exists")?;
    same(
        "details",
        &status["details"],
        &json!({"name": "a", "kind": "configmaps"}),
    )
}

async fn a_name_used_again_has_another_uid(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let first = maps.create_named("a").await?;
    maps.delete("a").await?.done()?;
    let second = maps.create_named("a").await?;
    holds(
        "the uid",
        uid(&first) != uid(&second),
        "another",
        &uid(&second),
    )
}

async fn creating_with_a_revision_is_refused(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a", "resourceVersion": "5"}});
    let answer = test.on(&CONFIG_MAPS).create(body).await?;
    same("code", &answer.code, &500)?;
    says(
        &answer.body,
        "resourceVersion should not be set on objects to be created",
    )
}

async fn creating_needs_a_name(test: Test) -> Outcome {
    let answer = test
        .on(&CONFIG_MAPS)
        .create(json!({"metadata": {}}))
        .await?;
    let status = answer.invalid("metadata.name", "FieldValueRequired")?;
    says(&status, "name or generateName is required")
}

async fn a_wrong_name_is_invalid(test: Test) -> Outcome {
    let answer = test
        .on(&CONFIG_MAPS)
        .create(json!({"metadata": {"name": "Upper"}}))
        .await?;
    let status = answer.invalid("metadata.name", "FieldValueInvalid")?;
    says(
        &status,
        "ConfigMap \"Upper\" is invalid: metadata.name: Invalid value: \"Upper\"",
    )?;
    says(&status, "a lowercase RFC 1123 subdomain must consist of")
}

async fn a_service_name_has_no_dots(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a.b"}, "spec": {"ports": [{"port": 80}]}});
    let answer = test.on(&SERVICES).create(body).await?;
    answer.invalid("metadata.name", "FieldValueInvalid")?;
    Ok(())
}

async fn a_wrong_label_is_invalid(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a", "labels": {"k": "no spaces"}}});
    let answer = test.on(&CONFIG_MAPS).create(body).await?;
    answer.invalid("metadata.labels", "FieldValueInvalid")?;
    Ok(())
}

async fn an_owner_without_a_uid_is_invalid(test: Test) -> Outcome {
    let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "b"});
    let body = json!({"metadata": {"name": "a", "ownerReferences": [owner]}});
    let answer = test.on(&CONFIG_MAPS).create(body).await?;
    let status = answer.refused(422, "Invalid")?;
    says(&status, "metadata.ownerReferences")
}

async fn a_body_of_another_kind_is_refused(test: Test) -> Outcome {
    let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}});
    test.on(&CONFIG_MAPS)
        .create(body)
        .await?
        .refused(400, "BadRequest")?;
    Ok(())
}

async fn a_body_of_another_namespace_is_refused(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a", "namespace": "default"}});
    let status = test
        .on(&CONFIG_MAPS)
        .create(body)
        .await?
        .refused(400, "BadRequest")?;
    says(
        &status,
        "the namespace of the provided object does not match the namespace sent on the request",
    )
}

async fn a_stale_replace_conflicts(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    maps.merge("a", json!({"data": {"k": "v"}})).await?.done()?;
    let status = maps.replace(made).await?.refused(409, "Conflict")?;
    says(
        &status,
        "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again",
    )
}

async fn a_replace_of_the_newest_succeeds(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let mut made = maps
        .create(json!({"metadata": {"name": "a"}, "data": {"old": "1"}}))
        .await?
        .done()?;
    made["data"] = json!({"new": "2"});
    let replaced = maps.replace(made.clone()).await?.done_with(200)?;
    same("data", &replaced["data"], &json!({"new": "2"}))?;
    let (before, after) = (revision_number(&made), revision_number(&replaced));
    holds(
        "the revision",
        after > before,
        &format!("> {before}"),
        &after,
    )
}

async fn a_replace_without_a_revision_wins(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let body = json!({"metadata": {"name": "a"}, "data": {"k": "v"}});
    let replaced = maps.replace(body).await?.done()?;
    same("data", &replaced["data"], &json!({"k": "v"}))
}

async fn a_custom_replace_needs_a_revision(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let answer = gadgets.replace(json!({"metadata": {"name": "a"}})).await?;
    let status = answer.invalid("metadata.resourceVersion", "FieldValueInvalid")?;
    says(&status, "must be specified for an update")
}

async fn a_replace_of_nothing_is_not_found(test: Test) -> Outcome {
    let answer = test
        .on(&CONFIG_MAPS)
        .replace(json!({"metadata": {"name": "a"}}))
        .await?;
    let status = answer.refused(404, "NotFound")?;
    says(&status, "configmaps \"a\" not found")
}

async fn a_replace_with_another_uid_conflicts(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let other = json!({"metadata": {"name": "a", "uid": "00000000-0000-4000-8000-000000000000"}});
    let status = maps.replace(other).await?.refused(409, "Conflict")?;
    says(
        &status,
        "Precondition failed: UID in precondition: 00000000-0000-4000-8000-000000000000, UID in object meta: ",
    )
}

async fn a_replace_under_another_name_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let body = maps.full(json!({"metadata": {"name": "b"}}));
    let call = maps.call(http::Method::PUT, Some("a"), Some(&body));
    test.send(&call).await?.refused(400, "BadRequest")?;
    Ok(())
}

async fn a_replace_cannot_change_what_the_server_set(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let body = json!({"metadata": {"name": "a", "creationTimestamp": "2001-01-01T00:00:00Z", "generation": 7}});
    let replaced = maps.replace(body).await?.done()?;
    for key in ["uid", "creationTimestamp", "generation"] {
        same(key, &replaced["metadata"][key], &made["metadata"][key])?;
    }
    Ok(())
}

async fn a_replace_that_changes_nothing_keeps_the_revision(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let replaced = maps.replace(made.clone()).await?.done()?;
    same("the revision", &revision(&replaced), &revision(&made))
}

async fn generated_names_end_in_five_characters(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps
        .create(json!({"metadata": {"generateName": "cube-"}}))
        .await?
        .done()?;
    let suffix = name(&made).strip_prefix("cube-").unwrap_or_default();
    let is_so = suffix.len() == 5 && suffix.chars().all(|c| c.is_ascii_alphanumeric());
    holds("the suffix", is_so, "five characters", &name(&made))?;
    let other = maps
        .create(json!({"metadata": {"generateName": "cube-"}}))
        .await?
        .done()?;
    holds(
        "the next name",
        name(&other) != name(&made),
        "another",
        &name(&other),
    )?;
    same(
        "generateName",
        &made["metadata"]["generateName"],
        &json!("cube-"),
    )
}

async fn a_name_wins_over_a_generated_one(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a", "generateName": "cube-"}});
    let made = test.on(&CONFIG_MAPS).create(body).await?.done()?;
    same("the name", &name(&made), &"a")
}

async fn long_prefixes_are_cut(test: Test) -> Outcome {
    let body = json!({"metadata": {"generateName": "a".repeat(80)}});
    let made = test.on(&CONFIG_MAPS).create(body).await?.done()?;
    same("length of the name", &name(&made).len(), &63)
}

async fn generation_counts_changes_of_the_spec(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    same("at first", &made["metadata"]["generation"], &json!(1))?;
    let changed = gadgets
        .merge("a", json!({"spec": {"size": 5}}))
        .await?
        .done()?;
    same(
        "after a change",
        &changed["metadata"]["generation"],
        &json!(2),
    )
}

async fn generation_does_not_count_metadata(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let patch = json!({"metadata": {"labels": {"k": "v"}, "annotations": {"k": "v"}}});
    let changed = gadgets.merge("a", patch).await?.done()?;
    same(
        "the label",
        &changed["metadata"]["labels"]["k"],
        &json!("v"),
    )?;
    same("generation", &changed["metadata"]["generation"], &json!(1))
}

async fn generation_does_not_count_the_status(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let changed = gadgets
        .status()
        .merge("a", json!({"status": {"phase": "Up"}}))
        .await?
        .done()?;
    same("the phase", &changed["status"]["phase"], &json!("Up"))?;
    same("generation", &changed["metadata"]["generation"], &json!(1))
}

async fn generation_counts_the_request_to_delete(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let body = json!({"metadata": {"name": "a", "finalizers": ["example.com/hold"]}});
    gadgets.create(body).await?.done()?;
    let ending = gadgets.delete("a").await?.done()?;
    same("generation", &ending["metadata"]["generation"], &json!(2))?;
    gadgets
        .merge("a", json!({"metadata": {"finalizers": null}}))
        .await?
        .done()?;
    Ok(())
}

async fn a_daemon_set_counts_generations_too(test: Test) -> Outcome {
    let labels = json!({"app": "a"});
    let container = json!({"name": "c", "image": "registry.example/a:1"});
    let spec = json!({
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container], "nodeSelector": {"no": "such"}}},
    });
    let sets = test.on(&DAEMON_SETS);
    let made = sets
        .create(json!({"metadata": {"name": "a"}, "spec": spec}))
        .await?
        .done()?;
    same("at first", &made["metadata"]["generation"], &json!(1))?;
    let changed = sets
        .merge("a", json!({"spec": {"minReadySeconds": 3}}))
        .await?
        .done()?;
    same(
        "after a change",
        &changed["metadata"]["generation"],
        &json!(2),
    )
}

async fn text_of_a_secret_is_encoded(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a"}, "stringData": {"key": "value"}});
    let made = test.on(&SECRETS).create(body).await?.done()?;
    same("data", &made["data"], &json!({"key": "dmFsdWU="}))?;
    same("stringData", &made.get("stringData"), &None)?;
    same("type", &made["type"], &json!("Opaque"))
}

async fn the_manager_of_a_write_is_recorded(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("fieldManager", "me");
    let made = maps
        .create(json!({"metadata": {"name": "a"}, "data": {"k": "v"}}))
        .await?
        .done()?;
    let entry = &made["metadata"]["managedFields"][0];
    same("manager", &entry["manager"], &json!("me"))?;
    same("operation", &entry["operation"], &json!("Update"))?;
    same("apiVersion", &entry["apiVersion"], &json!("v1"))?;
    same("fieldsType", &entry["fieldsType"], &json!("FieldsV1"))?;
    let fields = json!({"f:data": {".": {}, "f:k": {}}});
    same("fieldsV1", &entry["fieldsV1"], &fields)
}

async fn the_user_agent_stands_in_for_the_manager(test: Test) -> Outcome {
    let body = json!({"metadata": {"name": "a"}, "data": {"k": "v"}});
    let made = test.on(&CONFIG_MAPS).create(body).await?.done()?;
    let manager = &made["metadata"]["managedFields"][0]["manager"];
    same("manager", manager, &json!("conformance"))
}

async fn nodes_keep_the_status_that_registers_them(test: Test) -> Outcome {
    let name = test.unique("node");
    let addresses = json!([{"type": "InternalIP", "address": "10.0.0.1"}]);
    let body = json!({"metadata": {"name": name}, "status": {"addresses": addresses}});
    let made = test.on(&NODES).create(body).await?.done()?;
    same("addresses", &made["status"]["addresses"], &addresses)?;
    Ok(())
}
