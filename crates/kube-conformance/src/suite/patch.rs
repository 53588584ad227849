//! JSON patches, merge patches and strategic merge patches.

use serde_json::{Value, json};

use crate::answer::{revision, says, uid};
use crate::collection::{Collection, PatchKind};
use crate::failure::{Failure, holds, same};
use crate::kind::{CONFIG_MAPS, NODES, SERVICES};
use crate::suite::gadget;
use crate::test::Call;
use crate::{Outcome, Test};

group!(
    "patch",
    (
        a_merge_sets_and_a_null_removes,
        "fan_out/write.rs: annotations"
    ),
    (
        a_merge_replaces_lists,
        "fan_out/write.rs: owners and finalizers"
    ),
    (
        a_merge_with_a_stale_revision_conflicts,
        "ledger_store.rs, behaviour 5.3"
    ),
    (
        a_merge_with_the_newest_revision_succeeds,
        "ledger_store.rs, behaviour 5.3"
    ),
    (
        a_merge_with_another_uid_is_refused,
        "ledger_store.rs: a PoolService that was made anew"
    ),
    (a_merge_of_nothing_is_not_found, "fan_out/write.rs: Stale"),
    (a_merge_cannot_rename, "kubectl patch"),
    (a_merge_that_is_no_object_is_refused, "kubectl patch"),
    (
        a_merge_removes_one_finalizer_of_two_by_the_rest,
        "ledger_store.rs: release"
    ),
    (json_operations_apply_in_order, "fan_out/finalizer.rs"),
    (
        a_test_that_holds_lets_the_rest_through,
        "fan_out/finalizer.rs"
    ),
    (
        a_test_that_fails_is_invalid_and_changes_nothing,
        "fan_out/finalizer.rs: Stale"
    ),
    (
        a_test_for_null_holds_where_nothing_is,
        "kube-runtime finalizer helper"
    ),
    (a_dash_appends, "fan_out/finalizer.rs"),
    (
        removing_what_is_not_there_is_invalid,
        "fan_out/finalizer.rs"
    ),
    (
        replacing_what_is_not_there_is_invalid,
        "kubectl patch --type=json"
    ),
    (
        a_json_patch_that_is_no_list_is_refused,
        "kubectl patch --type=json"
    ),
    (
        ports_merge_by_their_number,
        "kubectl patch service, docs/sandbox.md"
    ),
    (
        an_item_can_be_deleted_by_directive,
        "kubectl apply of a Service"
    ),
    (finalizers_merge_as_a_set, "kubectl patch"),
    (a_finalizer_is_deleted_by_directive, "kubectl apply"),
    (
        conditions_merge_by_type,
        "kube-sim play/nodes.rs: heartbeats"
    ),
    (taints_are_replaced_as_a_whole, "kubectl taint"),
    (a_directive_replaces_a_map, "kubectl apply"),
    (a_directive_orders_a_list, "kubectl apply"),
    (
        custom_kinds_take_no_strategic_patch,
        "kubectl patch poolservice needs --type=merge"
    ),
    (an_unknown_kind_of_patch_is_refused, "kubectl patch"),
);

async fn map_with(test: &Test, object: Value) -> Result<Collection, Failure> {
    let maps = test.on(&CONFIG_MAPS);
    maps.create(object).await?.done()?;
    Ok(maps)
}

fn example() -> Value {
    json!({"metadata": {"name": "a", "finalizers": ["example.com/one", "example.com/two"]}, "data": {"k": "v", "l": "w"}})
}

/// Lets go of the object of [`example`], so that its namespace can end.
async fn release(maps: &Collection) -> Outcome {
    maps.merge("a", json!({"metadata": {"finalizers": null}}))
        .await?
        .done()?;
    Ok(())
}

async fn a_merge_sets_and_a_null_removes(test: Test) -> Outcome {
    let maps = map_with(
        &test,
        json!({"metadata": {"name": "a"}, "data": {"k": "v", "l": "w"}}),
    )
    .await?;
    let changed = maps
        .merge("a", json!({"data": {"k": null, "m": "x"}}))
        .await?
        .done_with(200)?;
    same("data", &changed["data"], &json!({"l": "w", "m": "x"}))
}

async fn a_merge_replaces_lists(test: Test) -> Outcome {
    let maps = map_with(&test, example()).await?;
    let patch = json!({"metadata": {"finalizers": ["example.com/three"]}});
    let changed = maps.merge("a", patch).await?.done()?;
    same(
        "finalizers",
        &changed["metadata"]["finalizers"],
        &json!(["example.com/three"]),
    )?;
    release(&maps).await
}

async fn a_merge_with_a_stale_revision_conflicts(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    maps.merge("a", json!({"data": {"k": "v"}})).await?.done()?;
    let patch = json!({"metadata": {"resourceVersion": revision(&made)}, "data": {"k": "w"}});
    let status = maps.merge("a", patch).await?.refused(409, "Conflict")?;
    says(&status, "the object has been modified")?;
    same(
        "data",
        &maps.get("a").await?.done()?["data"],
        &json!({"k": "v"}),
    )
}

async fn a_merge_with_the_newest_revision_succeeds(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let patch = json!({"metadata": {"resourceVersion": revision(&made)}, "data": {"k": "w"}});
    let changed = maps.merge("a", patch).await?.done()?;
    same("data", &changed["data"], &json!({"k": "w"}))
}

async fn a_merge_with_another_uid_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let patch =
        json!({"metadata": {"uid": "00000000-0000-4000-8000-000000000000"}, "data": {"k": "v"}});
    maps.merge("a", patch)
        .await?
        .invalid("metadata.uid", "FieldValueInvalid")?;
    let same_uid = json!({"metadata": {"uid": uid(&made)}, "data": {"k": "v"}});
    maps.merge("a", same_uid).await?.done()?;
    Ok(())
}

async fn a_merge_of_nothing_is_not_found(test: Test) -> Outcome {
    let answer = test
        .on(&CONFIG_MAPS)
        .merge("a", json!({"data": {"k": "v"}}))
        .await?;
    answer.refused(404, "NotFound")?;
    Ok(())
}

async fn a_merge_cannot_rename(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    maps.merge("a", json!({"metadata": {"name": "b"}}))
        .await?
        .refused(400, "BadRequest")?;
    Ok(())
}

async fn a_merge_that_is_no_object_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    maps.merge("a", json!([1]))
        .await?
        .refused(400, "BadRequest")?;
    Ok(())
}

async fn a_merge_removes_one_finalizer_of_two_by_the_rest(test: Test) -> Outcome {
    let maps = map_with(&test, example()).await?;
    maps.delete("a").await?.done()?;
    let patch = json!({"metadata": {"finalizers": ["example.com/two"]}});
    let changed = maps.merge("a", patch).await?.done()?;
    same(
        "finalizers",
        &changed["metadata"]["finalizers"],
        &json!(["example.com/two"]),
    )?;
    maps.get("a").await?.done()?;
    release(&maps).await?;
    maps.get("a").await?.refused(404, "NotFound")?;
    Ok(())
}

async fn json_patch(
    maps: &Collection,
    operations: Value,
) -> Result<crate::answer::Answer, Failure> {
    maps.patch("a", PatchKind::Json, operations).await
}

async fn json_operations_apply_in_order(test: Test) -> Outcome {
    let maps = map_with(
        &test,
        json!({"metadata": {"name": "a"}, "data": {"k": "v"}}),
    )
    .await?;
    let operations = json!([
        {"op": "add", "path": "/data/l", "value": "w"},
        {"op": "replace", "path": "/data/l", "value": "x"},
        {"op": "remove", "path": "/data/k"},
    ]);
    let changed = json_patch(&maps, operations).await?.done()?;
    same("data", &changed["data"], &json!({"l": "x"}))
}

async fn a_test_that_holds_lets_the_rest_through(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let operations = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid(&made)},
        {"op": "add", "path": "/data", "value": {"k": "v"}},
    ]);
    let changed = json_patch(&maps, operations).await?.done()?;
    same("data", &changed["data"], &json!({"k": "v"}))
}

async fn a_test_that_fails_is_invalid_and_changes_nothing(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let operations = json!([
        {"op": "add", "path": "/data", "value": {"k": "v"}},
        {"op": "test", "path": "/metadata/uid", "value": "another"},
    ]);
    json_patch(&maps, operations)
        .await?
        .refused(422, "Invalid")?;
    same("the object", &maps.get("a").await?.done()?, &made)
}

async fn a_test_for_null_holds_where_nothing_is(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let operations = json!([
        {"op": "test", "path": "/metadata/finalizers", "value": null},
        {"op": "add", "path": "/data", "value": {"k": "v"}},
    ]);
    let changed = json_patch(&maps, operations).await?.done()?;
    same("data", &changed["data"], &json!({"k": "v"}))
}

async fn a_dash_appends(test: Test) -> Outcome {
    let maps = map_with(&test, example()).await?;
    let operations =
        json!([{"op": "add", "path": "/metadata/finalizers/-", "value": "example.com/three"}]);
    let changed = json_patch(&maps, operations).await?.done()?;
    let expected = json!(["example.com/one", "example.com/two", "example.com/three"]);
    same("finalizers", &changed["metadata"]["finalizers"], &expected)?;
    release(&maps).await
}

async fn removing_what_is_not_there_is_invalid(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let operations = json!([{"op": "remove", "path": "/metadata/finalizers/0"}]);
    json_patch(&maps, operations)
        .await?
        .refused(422, "Invalid")?;
    Ok(())
}

async fn replacing_what_is_not_there_is_invalid(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let operations = json!([{"op": "replace", "path": "/data/k", "value": "v"}]);
    json_patch(&maps, operations)
        .await?
        .refused(422, "Invalid")?;
    Ok(())
}

async fn a_json_patch_that_is_no_list_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    json_patch(&maps, json!({"op": "add"}))
        .await?
        .refused(400, "BadRequest")?;
    Ok(())
}

/// A Service `a` with two ports.
async fn service(test: &Test) -> Result<Collection, Failure> {
    let services = test.on(&SERVICES);
    let ports = json!([{"name": "http", "port": 80}, {"name": "https", "port": 443}]);
    let spec = json!({"selector": {"app": "a", "tier": "web"}, "ports": ports});
    services
        .create(json!({"metadata": {"name": "a"}, "spec": spec}))
        .await?
        .done()?;
    Ok(services)
}

async fn strategic(services: &Collection, patch: Value) -> Result<Value, Failure> {
    services
        .patch("a", PatchKind::Strategic, patch)
        .await?
        .done()
}

fn ports(service: &Value) -> Vec<(u64, u64)> {
    let ports = service["spec"]["ports"].as_array();
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let both = |port: &Value| (number(&port["port"]), number(&port["targetPort"]));
    ports.into_iter().flatten().map(both).collect()
}

async fn ports_merge_by_their_number(test: Test) -> Outcome {
    let services = service(&test).await?;
    let patch = json!({"spec": {"ports": [{"port": 80, "targetPort": 8080}]}});
    let changed = strategic(&services, patch).await?;
    same("ports", &ports(&changed), &vec![(80, 8080), (443, 443)])?;
    same("name", &changed["spec"]["ports"][0]["name"], &json!("http"))
}

async fn an_item_can_be_deleted_by_directive(test: Test) -> Outcome {
    let services = service(&test).await?;
    let patch = json!({"spec": {"ports": [{"port": 80, "$patch": "delete"}]}});
    let changed = strategic(&services, patch).await?;
    same("ports", &ports(&changed), &vec![(443, 443)])
}

async fn finalizers_merge_as_a_set(test: Test) -> Outcome {
    let maps = map_with(&test, example()).await?;
    let patch = json!({"metadata": {"finalizers": ["example.com/two", "example.com/three"]}});
    let changed = strategic(&maps, patch).await?;
    let finalizers = changed["metadata"]["finalizers"]
        .as_array()
        .map_or(0, Vec::len);
    same("how many finalizers", &finalizers, &3)?;
    release(&maps).await
}

async fn a_finalizer_is_deleted_by_directive(test: Test) -> Outcome {
    let maps = map_with(&test, example()).await?;
    let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/one"]}});
    let changed = strategic(&maps, patch).await?;
    same(
        "finalizers",
        &changed["metadata"]["finalizers"],
        &json!(["example.com/two"]),
    )?;
    release(&maps).await
}

async fn conditions_merge_by_type(test: Test) -> Outcome {
    let name = test.unique("node");
    let nodes = test.on(&NODES);
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status});
    let conditions = [
        condition("DiskPressure", "False"),
        condition("Ready", "False"),
    ];
    let body = json!({"metadata": {"name": name}, "status": {"conditions": conditions}});
    nodes.create(body).await?.done()?;
    let patch = json!({"status": {"conditions": [condition("Ready", "True")]}});
    let changed = nodes
        .status()
        .patch(&name, PatchKind::Strategic, patch)
        .await?
        .done()?;
    let found = changed["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let status = |kind: &str| {
        found
            .iter()
            .find(|c| c["type"] == kind)
            .map(|c| c["status"].clone())
    };
    same(
        "DiskPressure",
        &status("DiskPressure"),
        &Some(json!("False")),
    )?;
    same("Ready", &status("Ready"), &Some(json!("True")))
}

async fn taints_are_replaced_as_a_whole(test: Test) -> Outcome {
    let name = test.unique("node");
    let nodes = test.on(&NODES);
    let taint = |key: &str| json!({"key": key, "effect": "NoSchedule", "value": "v"});
    let body = json!({"metadata": {"name": name}, "spec": {"taints": [taint("example.com/a")]}});
    nodes.create(body).await?.done()?;
    let patch = json!({"spec": {"taints": [taint("example.com/b")]}});
    let changed = nodes
        .patch(&name, PatchKind::Strategic, patch)
        .await?
        .done()?;
    let shown = changed["spec"]["taints"].to_string();
    let is_so = shown.contains("example.com/b") && !shown.contains("example.com/a");
    holds(
        "the taints",
        is_so,
        "only the new one: taints have no merge key",
        &shown,
    )
}

async fn a_directive_replaces_a_map(test: Test) -> Outcome {
    let services = service(&test).await?;
    let patch = json!({"spec": {"selector": {"$patch": "replace", "app": "b"}}});
    let changed = strategic(&services, patch).await?;
    same(
        "selector",
        &changed["spec"]["selector"],
        &json!({"app": "b"}),
    )
}

async fn a_directive_orders_a_list(test: Test) -> Outcome {
    let services = service(&test).await?;
    let order = json!([{"port": 443}, {"port": 80}]);
    let patch = json!({"spec": {"$setElementOrder/ports": order, "ports": [{"port": 443, "targetPort": 8443}]}});
    let changed = strategic(&services, patch).await?;
    same("ports", &ports(&changed), &vec![(443, 8443), (80, 80)])
}

async fn custom_kinds_take_no_strategic_patch(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let patch = json!({"spec": {"size": 5}});
    let answer = gadgets.patch("a", PatchKind::Strategic, patch).await?;
    answer.refused(415, "UnsupportedMediaType")?;
    Ok(())
}

async fn an_unknown_kind_of_patch_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let body = json!({"data": {"k": "v"}});
    let call = Call {
        content_type: "application/json",
        ..maps.call(http::Method::PATCH, Some("a"), Some(&body))
    };
    test.send(&call)
        .await?
        .refused(415, "UnsupportedMediaType")?;
    Ok(())
}
