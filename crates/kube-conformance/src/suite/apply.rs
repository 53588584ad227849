//! Server-side apply.

use serde_json::{Value, json};

use crate::answer::{revision, says};
use crate::collection::Collection;
use crate::failure::{Failure, holds, same};
use crate::kind::{CONFIG_MAPS, SERVICES};
use crate::suite::gadget;
use crate::{Outcome, Test};

group!(
    "apply",
    (
        what_does_not_exist_is_created,
        "kubectl apply --server-side, docs/sandbox.md"
    ),
    (it_needs_a_manager, "kubectl apply --server-side"),
    (fields_of_others_conflict, "docs/sandbox.md: a conflict"),
    (
        a_conflict_names_manager_and_field,
        "docs/sandbox.md: a conflict"
    ),
    (the_same_value_is_shared, "kubectl apply --server-side"),
    (
        force_takes_over,
        "kubectl apply --server-side --force-conflicts"
    ),
    (
        what_is_no_longer_applied_goes,
        "kubectl apply --server-side"
    ),
    (
        what_another_also_applies_stays,
        "kubectl apply --server-side"
    ),
    (
        what_others_set_stays,
        "annotations of people on a PoolService, behaviour 2.1"
    ),
    (
        the_same_again_changes_nothing,
        "behaviour 9: drift and quiet"
    ),
    (a_stale_revision_conflicts, "kubectl apply --server-side"),
    (force_is_for_apply_only, "kubectl apply --server-side"),
    (
        managed_fields_cannot_be_applied,
        "kubectl get -o yaml piped into apply --server-side"
    ),
    (
        ports_of_a_service_are_owned_one_by_one,
        "kubectl apply --server-side of a Service"
    ),
    (
        items_of_a_keyed_list_are_owned_one_by_one,
        "PoolService conditions"
    ),
    (items_of_a_set_are_owned_one_by_one, "finalizers"),
    (
        custom_kinds_are_applied_too,
        "kubectl apply --server-side of a PoolService"
    ),
    (
        the_manager_is_recorded_with_its_fields,
        "kubectl get --show-managed-fields"
    ),
    (
        the_status_has_managers_of_its_own,
        "ecm-reconciler report.rs: status writes"
    ),
    (
        an_empty_list_of_managers_resets_it,
        "kubectl: managedFields migration"
    ),
);

fn map(data: &Value) -> Value {
    json!({"metadata": {"name": "a"}, "data": data})
}

async fn applied(maps: &Collection, manager: &str, data: Value) -> Result<Value, Failure> {
    maps.apply(manager, map(&data)).await?.done()
}

async fn what_does_not_exist_is_created(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps
        .apply("me", map(&json!({"k": "v"})))
        .await?
        .done_with(201)?;
    same("data", &made["data"], &json!({"k": "v"}))?;
    maps.apply("me", map(&json!({"k": "w"})))
        .await?
        .done_with(200)?;
    Ok(())
}

async fn it_needs_a_manager(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let body = maps.full(map(&json!({})));
    let answer = maps
        .patch("a", crate::collection::PatchKind::Apply, body)
        .await?;
    answer.invalid("fieldManager", "FieldValueRequired")?;
    Ok(())
}

async fn fields_of_others_conflict(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    applied(&maps, "me", json!({"k": "v"})).await?;
    let answer = maps.apply("you", map(&json!({"k": "w"}))).await?;
    answer.refused(409, "Conflict")?;
    same(
        "data",
        &maps.get("a").await?.done()?["data"],
        &json!({"k": "v"}),
    )
}

async fn a_conflict_names_manager_and_field(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    applied(&maps, "me", json!({"k": "v"})).await?;
    let status = maps
        .apply("you", map(&json!({"k": "w"})))
        .await?
        .refused(409, "Conflict")?;
    says(
        &status,
        "Apply failed with 1 conflict: conflict with \"me\": .data.k",
    )?;
    let cause = &status["details"]["causes"][0];
    same("field", &cause["field"], &json!(".data.k"))?;
    same("reason", &cause["reason"], &json!("FieldManagerConflict"))
}

async fn the_same_value_is_shared(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    applied(&maps, "me", json!({"k": "v"})).await?;
    let shared = applied(&maps, "you", json!({"k": "v"})).await?;
    let managers = shared["metadata"]["managedFields"]
        .as_array()
        .map_or(0, Vec::len);
    same("managers", &managers, &2)
}

async fn force_takes_over(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    applied(&maps, "me", json!({"k": "v"})).await?;
    let forced = maps.clone().with("force", "true");
    let changed = forced.apply("you", map(&json!({"k": "w"}))).await?.done()?;
    same("data", &changed["data"], &json!({"k": "w"}))?;
    maps.apply("me", map(&json!({"k": "v"})))
        .await?
        .refused(409, "Conflict")?;
    Ok(())
}

async fn what_is_no_longer_applied_goes(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    applied(&maps, "me", json!({"k": "v", "l": "w"})).await?;
    let changed = applied(&maps, "me", json!({"k": "v"})).await?;
    same("data", &changed["data"], &json!({"k": "v"}))
}

async fn what_another_also_applies_stays(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    applied(&maps, "me", json!({"k": "v", "l": "w"})).await?;
    applied(&maps, "you", json!({"l": "w"})).await?;
    let changed = applied(&maps, "me", json!({"k": "v"})).await?;
    same("data", &changed["data"], &json!({"k": "v", "l": "w"}))
}

async fn what_others_set_stays(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    applied(&maps, "me", json!({"k": "v"})).await?;
    maps.merge("a", json!({"data": {"l": "w"}})).await?.done()?;
    let changed = applied(&maps, "me", json!({"k": "x"})).await?;
    same("data", &changed["data"], &json!({"k": "x", "l": "w"}))
}

async fn the_same_again_changes_nothing(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let first = applied(&maps, "me", json!({"k": "v"})).await?;
    let second = applied(&maps, "me", json!({"k": "v"})).await?;
    same("the revision", &revision(&second), &revision(&first))
}

async fn a_stale_revision_conflicts(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let first = applied(&maps, "me", json!({"k": "v"})).await?;
    applied(&maps, "me", json!({"k": "w"})).await?;
    let stale =
        json!({"metadata": {"name": "a", "resourceVersion": revision(&first)}, "data": {"k": "x"}});
    maps.apply("me", stale).await?.refused(409, "Conflict")?;
    Ok(())
}

async fn force_is_for_apply_only(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let answer = maps
        .with("force", "true")
        .merge("a", json!({"data": {"k": "v"}}))
        .await?;
    answer.invalid("force", "FieldValueForbidden")?;
    Ok(())
}

async fn managed_fields_cannot_be_applied(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = applied(&maps, "me", json!({"k": "v"})).await?;
    let body =
        json!({"metadata": {"name": "a", "managedFields": made["metadata"]["managedFields"]}});
    let status = maps.apply("me", body).await?.refused(400, "BadRequest")?;
    says(&status, "metadata.managedFields must be nil")
}

fn service(ports: &Value) -> Value {
    json!({"metadata": {"name": "a"}, "spec": {"ports": ports}})
}

async fn ports_of_a_service_are_owned_one_by_one(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    let port = |name: &str, port: u16| json!({"name": name, "port": port, "protocol": "TCP"});
    services
        .apply("me", service(&json!([port("http", 80)])))
        .await?
        .done()?;
    services
        .apply("you", service(&json!([port("https", 443)])))
        .await?
        .done()?;
    let both = services.get("a").await?.done()?;
    same(
        "ports",
        &both["spec"]["ports"].as_array().map(Vec::len),
        &Some(2),
    )?;
    let other = json!([{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]);
    services.apply("me", service(&other)).await?.done()?;
    let changed = services
        .apply("you", service(&json!([port("web", 443)])))
        .await?
        .done()?;
    same(
        "ports",
        &changed["spec"]["ports"].as_array().map(Vec::len),
        &Some(2),
    )
}

async fn items_of_a_keyed_list_are_owned_one_by_one(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let part = |name: &str, note: &str| {
        let parts = json!([{"name": name, "note": note}]);
        gadget::with_spec("a", &json!({"parts": parts}))
    };
    gadgets.apply("me", part("wheel", "round")).await?.done()?;
    gadgets.apply("you", part("frame", "flat")).await?.done()?;
    gadgets
        .apply("you", part("wheel", "square"))
        .await?
        .refused(409, "Conflict")?;
    let left = gadgets
        .apply("me", gadget::with_spec("a", &json!({})))
        .await?
        .done()?;
    let expected = json!([{"name": "frame", "note": "flat", "count": 1}]);
    same("parts", &left["spec"]["parts"], &expected)
}

async fn items_of_a_set_are_owned_one_by_one(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let colours = |all: &[&str]| gadget::with_spec("a", &json!({"colours": all}));
    gadgets.apply("me", colours(&["red"])).await?.done()?;
    let both = gadgets.apply("you", colours(&["blue"])).await?.done()?;
    same(
        "colours",
        &both["spec"]["colours"].as_array().map(Vec::len),
        &Some(2),
    )?;
    let left = gadgets.apply("me", colours(&[])).await?.done()?;
    same("colours", &left["spec"]["colours"], &json!(["blue"]))
}

async fn custom_kinds_are_applied_too(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let spec = |size: u8| gadget::with_spec("a", &json!({"size": size}));
    gadgets.apply("me", spec(4)).await?.done_with(201)?;
    let status = gadgets
        .apply("you", spec(5))
        .await?
        .refused(409, "Conflict")?;
    same(
        "field",
        &status["details"]["causes"][0]["field"],
        &json!(".spec.size"),
    )
}

async fn the_manager_is_recorded_with_its_fields(test: Test) -> Outcome {
    let made = applied(&test.on(&CONFIG_MAPS), "me", json!({"k": "v"})).await?;
    let entry = &made["metadata"]["managedFields"][0];
    same("manager", &entry["manager"], &json!("me"))?;
    same("operation", &entry["operation"], &json!("Apply"))?;
    same(
        "fieldsV1",
        &entry["fieldsV1"],
        &json!({"f:data": {"f:k": {}}}),
    )
}

async fn the_status_has_managers_of_its_own(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let status = json!({"metadata": {"name": "a"}, "status": {"phase": "Up"}});
    let changed = gadgets.status().apply("me", status).await?.done()?;
    let entries = changed["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mine = entries.iter().find(|entry| entry["manager"] == "me");
    let mine = mine.cloned().unwrap_or_default();
    same("subresource", &mine["subresource"], &json!("status"))?;
    same(
        "fieldsV1",
        &mine["fieldsV1"],
        &json!({"f:status": {"f:phase": {}}}),
    )
}

async fn an_empty_list_of_managers_resets_it(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    applied(&maps, "me", json!({"k": "v"})).await?;
    let reset = maps
        .merge("a", json!({"metadata": {"managedFields": [{}]}}))
        .await?
        .done()?;
    let shown = reset["metadata"].get("managedFields");
    let is_so = shown.is_none_or(|fields| !fields.to_string().contains("\"me\""));
    holds("managedFields", is_so, "nobody", &reset["metadata"])?;
    // What was there before the first apply belongs to somebody who is nobody.
    let answer = maps.apply("you", map(&json!({"k": "w"}))).await?;
    let status = answer.refused(409, "Conflict")?;
    says(
        &status,
        "conflict with \"before-first-apply\" using v1: .data.k",
    )
}
