//! Lists.

use serde_json::json;

use crate::answer::{items, names, nth, revision, revision_number};
use crate::failure::{holds, same};
use crate::kind::{CONFIG_MAPS, NAMESPACES, SERVICES};
use crate::suite::gadget;
use crate::test::Call;
use crate::{Outcome, Test};

group!(
    "list",
    (items_come_sorted_by_name, "kubectl get, docs/tutorial.md"),
    (
        it_has_the_kind_of_a_list,
        "ecm-reconciler watch.rs: typed lists"
    ),
    (
        it_shows_a_revision_to_watch_from,
        "ecm-reconciler watch.rs: a watch follows each list"
    ),
    (
        items_of_built_in_kinds_have_no_kind_of_their_own,
        "ecm-reconciler objects.rs does not read it"
    ),
    (
        items_of_custom_kinds_have_their_kind,
        "ecm-reconciler objects.rs"
    ),
    (
        a_namespace_shows_only_its_own,
        "fan_out/finalizer.rs lists one namespace, behaviour 2.4"
    ),
    (
        all_namespaces_are_listed_at_once,
        "ecm-reconciler watch.rs: Api::all"
    ),
    (
        an_unknown_namespace_is_empty,
        "fan_out/finalizer.rs, behaviour 2.4"
    ),
    (
        an_unknown_resource_is_not_found,
        "watch/discovery.rs: which NodePool version is served"
    ),
    (
        revision_zero_takes_what_is_there,
        "kube-runtime watcher with any_semantic"
    ),
    (
        a_revision_of_the_future_is_refused_for_now,
        "kube-runtime watcher: tries again"
    ),
    (
        a_revision_can_be_asked_for_exactly,
        "conformance of pages: one snapshot"
    ),
    (
        a_match_without_a_revision_is_invalid,
        "kube-runtime ListParams"
    ),
    (an_unknown_match_is_invalid, "kube-runtime ListParams"),
    (
        a_revision_that_is_no_number_is_refused,
        "kube-runtime ListParams"
    ),
);

async fn items_come_sorted_by_name(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("labelSelector", "of=us");
    for name in ["b", "a", "c"] {
        let body = json!({"metadata": {"name": name, "labels": {"of": "us"}}});
        maps.create(body).await?.done()?;
    }
    let list = maps.list().await?.done()?;
    same("the order", &names(&list), &vec!["a", "b", "c"])
}

async fn it_has_the_kind_of_a_list(test: Test) -> Outcome {
    let list = test.on(&SERVICES).list().await?.done_with(200)?;
    same("kind", &list["kind"], &json!("ServiceList"))?;
    same("apiVersion", &list["apiVersion"], &json!("v1"))?;
    same("items", &list["items"], &json!([]))
}

async fn it_shows_a_revision_to_watch_from(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let list = maps.list().await?.done()?;
    let is_newer = revision_number(&list) >= revision_number(&made);
    holds(
        "the list's revision",
        is_newer,
        revision(&made),
        &revision(&list),
    )?;
    let later = maps.create_named("b").await?;
    let is_later = revision_number(&later) > revision_number(&list);
    holds(
        "the next revision",
        is_later,
        revision(&list),
        &revision(&later),
    )
}

async fn items_of_built_in_kinds_have_no_kind_of_their_own(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    let body = json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}});
    services.create(body).await?.done()?;
    let list = services.list().await?.done()?;
    same("items", &items(&list).len(), &1)?;
    same("kind of an item", &nth(items(&list), 0).get("kind"), &None)
}

async fn items_of_custom_kinds_have_their_kind(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let list = gadgets.list().await?.done()?;
    same("kind", &list["kind"], &json!("GadgetList"))?;
    same("items", &items(&list).len(), &1)?;
    same(
        "kind of an item",
        &nth(items(&list), 0)["kind"],
        &json!("Gadget"),
    )
}

async fn a_namespace_shows_only_its_own(test: Test) -> Outcome {
    let other = test.unique("other");
    test.on(&NAMESPACES).create_named(&other).await?;
    let foreign = test
        .on(&CONFIG_MAPS)
        .full(json!({"metadata": {"name": "foreign"}}));
    let path = CONFIG_MAPS.path(Some(&other));
    let call = Call::with_body(http::Method::POST, path, &foreign);
    test.send(&call).await?.done()?;
    test.on(&CONFIG_MAPS).create_named("mine").await?;
    let list = test.on(&CONFIG_MAPS).list().await?.done()?;
    let foreign = items(&list)
        .iter()
        .find(|item| item["metadata"]["namespace"] != test.namespace());
    same("an item of another namespace", &foreign, &None)?;
    holds("the items", names(&list).contains(&"mine"), "mine", &list)
}

async fn all_namespaces_are_listed_at_once(test: Test) -> Outcome {
    let label = format!("of={}", test.namespace());
    let body = json!({"metadata": {"name": "a", "labels": {"of": test.namespace()}}});
    test.on(&CONFIG_MAPS).create(body).await?.done()?;
    let all = test.everywhere(&CONFIG_MAPS);
    let list = all.with("labelSelector", &label).list().await?.done()?;
    same("names", &names(&list), &vec!["a"])?;
    let namespace = &nth(items(&list), 0)["metadata"]["namespace"];
    same("namespace", namespace, &json!(test.namespace()))
}

async fn an_unknown_namespace_is_empty(test: Test) -> Outcome {
    let path = CONFIG_MAPS.path(Some(&test.unique("nowhere")));
    let list = test.get(&path).await?.done_with(200)?;
    same("items", &list["items"], &json!([]))
}

async fn an_unknown_resource_is_not_found(test: Test) -> Outcome {
    let path = format!("/api/v1/namespaces/{}/gizmos", test.namespace());
    let answer = test.get(&path).await?;
    same("code", &answer.code, &404)
}

async fn revision_zero_takes_what_is_there(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("resourceVersion", "0");
    let list = maps.list().await?.done_with(200)?;
    same("kind", &list["kind"], &json!("ConfigMapList"))
}

async fn a_revision_of_the_future_is_refused_for_now(test: Test) -> Outcome {
    let maps = test
        .on(&CONFIG_MAPS)
        .with("resourceVersion", "999999999999");
    let status = maps.list().await?.refused(504, "Timeout")?;
    let cause = &status["details"]["causes"][0]["reason"];
    same("the cause", cause, &json!("ResourceVersionTooLarge"))
}

async fn a_revision_can_be_asked_for_exactly(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("labelSelector", "of=us");
    let body = |name: &str| json!({"metadata": {"name": name, "labels": {"of": "us"}}});
    let first = maps.create(body("a")).await?.done()?;
    maps.create(body("b")).await?.done()?;
    maps.delete("a").await?.done()?;
    let then = maps
        .with("resourceVersion", revision(&first))
        .with("resourceVersionMatch", "Exact");
    let list = then.list().await?.done()?;
    same("names", &names(&list), &vec!["a"])?;
    same("revision", &revision(&list), &revision(&first))
}

async fn a_match_without_a_revision_is_invalid(test: Test) -> Outcome {
    let maps = test
        .on(&CONFIG_MAPS)
        .with("resourceVersionMatch", "NotOlderThan");
    let status = maps.list().await?;
    status.invalid("resourceVersionMatch", "FieldValueForbidden")?;
    Ok(())
}

async fn an_unknown_match_is_invalid(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("resourceVersion", "1");
    let status = maps.with("resourceVersionMatch", "Newest").list().await?;
    status.invalid("resourceVersionMatch", "FieldValueNotSupported")?;
    Ok(())
}

async fn a_revision_that_is_no_number_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("resourceVersion", "newest");
    let answer = maps.list().await?;
    holds(
        "the code",
        (400..500).contains(&answer.code),
        "4xx",
        &answer.code,
    )
}
