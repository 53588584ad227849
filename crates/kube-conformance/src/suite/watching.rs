//! Watches, bookmarks, lists that are streams, and revisions that are no longer kept.

use serde_json::{Value, json};

use crate::answer::{name, revision, revision_number};
use crate::failure::{Failure, holds, same};
use crate::kind::{CONFIG_MAPS, NAMESPACES};
use crate::suite::gadget;
use crate::{Outcome, Test};

group!(
    "watch",
    (
        a_watch_from_a_list_tells_what_happens_after_it,
        "ecm-reconciler watch.rs"
    ),
    (
        a_watch_without_a_revision_begins_with_what_exists,
        "kubectl get -w, docs/sandbox.md"
    ),
    (
        a_watch_from_zero_begins_with_what_exists,
        "kube-runtime watcher with any_semantic"
    ),
    (
        events_come_in_the_order_of_their_revisions,
        "ecm-reconciler index.rs: the newest version wins"
    ),
    (
        an_end_has_a_revision_of_its_own,
        "ecm-reconciler watch.rs: resumes behind it"
    ),
    (
        an_end_shows_the_last_state,
        "ecm-reconciler index.rs: labels of what vanished"
    ),
    (
        objects_of_events_have_their_kind,
        "kube WatchEvent decoding"
    ),
    (other_namespaces_are_not_told, "kubectl get -n -w"),
    (all_namespaces_are_told, "ecm-reconciler watch.rs: Api::all"),
    (one_name_can_be_watched, "kubectl wait, docs/sandbox.md"),
    (
        a_write_that_changes_nothing_is_not_told,
        "behaviour 9: drift and quiet"
    ),
    (a_dry_run_is_not_told, "kubectl diff, docs/sandbox.md"),
    (
        a_change_of_the_status_is_told,
        "ecm-reconciler: PoolService status to Service"
    ),
    (
        it_ends_after_its_timeout,
        "ecm-reconciler watch.rs: WATCH_TIMEOUT"
    ),
    (
        a_revision_that_is_no_longer_kept_is_told_as_gone,
        "kube-runtime watcher: lists anew after 410"
    ),
    (
        a_revision_that_is_no_number_is_refused,
        "kube-runtime watcher"
    ),
    (
        a_bookmark_comes_before_the_end,
        "kube-runtime watcher: resumes from bookmarks"
    ),
    (
        a_bookmark_has_only_a_revision,
        "kube-core Bookmark decoding"
    ),
    (no_bookmark_comes_unasked, "kubectl get -w"),
    (
        a_streamed_list_ends_with_a_marked_bookmark,
        "kube-runtime watcher with streaming_lists"
    ),
    (
        a_streamed_list_may_be_empty,
        "kube-runtime watcher with streaming_lists"
    ),
    (
        a_streamed_list_goes_on_with_changes,
        "kube-runtime watcher with streaming_lists"
    ),
    (
        a_streamed_list_needs_a_match,
        "kube-runtime watcher with streaming_lists"
    ),
    (
        a_streamed_list_obeys_the_selector,
        "kube-runtime watcher with streaming_lists"
    ),
);

fn labelled(name: &str) -> Value {
    json!({"metadata": {"name": name, "labels": {"of": "us"}}})
}

fn us(test: &Test) -> crate::collection::Collection {
    test.on(&CONFIG_MAPS).with("labelSelector", "of=us")
}

async fn a_watch_from_a_list_tells_what_happens_after_it(test: Test) -> Outcome {
    let maps = us(&test);
    maps.create(labelled("before")).await?.done()?;
    let list = maps.list().await?.done()?;
    maps.create(labelled("a")).await?.done()?;
    let mut watch = maps
        .clone()
        .with("resourceVersion", revision(&list))
        .watch()
        .await?;
    watch.expect("ADDED", "a").await?;
    maps.merge("a", json!({"data": {"k": "v"}})).await?.done()?;
    let changed = watch.expect("MODIFIED", "a").await?;
    same("data", &changed["data"], &json!({"k": "v"}))?;
    maps.delete("a").await?.done()?;
    watch.expect("DELETED", "a").await?;
    Ok(())
}

async fn a_watch_without_a_revision_begins_with_what_exists(test: Test) -> Outcome {
    let maps = us(&test);
    maps.create(labelled("a")).await?.done()?;
    maps.create(labelled("b")).await?.done()?;
    let mut watch = maps.watch().await?;
    watch.expect("ADDED", "a").await?;
    watch.expect("ADDED", "b").await?;
    maps.create(labelled("c")).await?.done()?;
    watch.expect("ADDED", "c").await?;
    Ok(())
}

async fn a_watch_from_zero_begins_with_what_exists(test: Test) -> Outcome {
    let maps = us(&test);
    maps.create(labelled("a")).await?.done()?;
    // The cache that answers may be behind a write, never behind a list.
    maps.list().await?.done()?;
    let mut watch = maps.with("resourceVersion", "0").watch().await?;
    watch.expect("ADDED", "a").await?;
    Ok(())
}

async fn events_come_in_the_order_of_their_revisions(test: Test) -> Outcome {
    let maps = us(&test);
    let list = maps.list().await?.done()?;
    for name in ["c", "a", "b"] {
        maps.create(labelled(name)).await?.done()?;
    }
    let mut watch = maps
        .with("resourceVersion", revision(&list))
        .watch()
        .await?;
    let mut last = revision_number(&list);
    for name in ["c", "a", "b"] {
        let now = revision_number(&watch.expect("ADDED", name).await?);
        holds("the next revision", now > last, &format!("> {last}"), &now)?;
        last = now;
    }
    Ok(())
}

async fn an_end_has_a_revision_of_its_own(test: Test) -> Outcome {
    let maps = us(&test);
    let made = maps.create(labelled("a")).await?.done()?;
    let mut watch = maps.watch_from(&made).await?;
    maps.delete("a").await?.done()?;
    let end = revision_number(&watch.expect("DELETED", "a").await?);
    let before = revision_number(&made);
    holds(
        "the revision of the end",
        end > before,
        &format!("> {before}"),
        &end,
    )
}

async fn an_end_shows_the_last_state(test: Test) -> Outcome {
    let maps = us(&test);
    let made = maps.create(labelled("a")).await?.done()?;
    let mut watch = maps.watch_from(&made).await?;
    maps.merge("a", json!({"data": {"k": "v"}})).await?.done()?;
    maps.delete("a").await?.done()?;
    watch.expect("MODIFIED", "a").await?;
    let end = watch.expect("DELETED", "a").await?;
    same("data", &end["data"], &json!({"k": "v"}))?;
    same("uid", &end["metadata"]["uid"], &made["metadata"]["uid"])
}

async fn objects_of_events_have_their_kind(test: Test) -> Outcome {
    let maps = us(&test);
    maps.create(labelled("a")).await?.done()?;
    let object = maps.watch().await?.expect("ADDED", "a").await?;
    same("kind", &object["kind"], &json!("ConfigMap"))?;
    same("apiVersion", &object["apiVersion"], &json!("v1"))
}

async fn other_namespaces_are_not_told(test: Test) -> Outcome {
    let other = test.unique("other");
    test.on(&NAMESPACES).create_named(&other).await?;
    let mut watch = us(&test).watch().await?;
    let path = CONFIG_MAPS.path(Some(&other));
    let foreign = crate::test::Call::with_body(http::Method::POST, path, &labelled("foreign"));
    test.send(&foreign).await?.done()?;
    us(&test).create(labelled("mine")).await?.done()?;
    watch.expect("ADDED", "mine").await?;
    Ok(())
}

async fn all_namespaces_are_told(test: Test) -> Outcome {
    let selector = format!("of={}", test.namespace());
    let all = test
        .everywhere(&CONFIG_MAPS)
        .with("labelSelector", &selector);
    let mut watch = all.watch().await?;
    let body = json!({"metadata": {"name": "a", "labels": {"of": test.namespace()}}});
    test.on(&CONFIG_MAPS).create(body).await?.done()?;
    watch.expect("ADDED", "a").await?;
    Ok(())
}

async fn one_name_can_be_watched(test: Test) -> Outcome {
    let maps = test
        .on(&CONFIG_MAPS)
        .with("fieldSelector", "metadata.name=b");
    let mut watch = maps.watch().await?;
    maps.create_named("a").await?;
    maps.create_named("b").await?;
    watch.expect("ADDED", "b").await?;
    Ok(())
}

async fn a_write_that_changes_nothing_is_not_told(test: Test) -> Outcome {
    let maps = us(&test);
    let made = maps.create(labelled("a")).await?.done()?;
    let mut watch = maps.watch_from(&made).await?;
    let same_again = maps
        .merge("a", json!({"metadata": {"labels": {"of": "us"}}}))
        .await?
        .done()?;
    same("the revision", &revision(&same_again), &revision(&made))?;
    maps.delete("a").await?.done()?;
    watch.expect("DELETED", "a").await?;
    Ok(())
}

async fn a_dry_run_is_not_told(test: Test) -> Outcome {
    let maps = us(&test);
    let mut watch = maps.watch().await?;
    maps.clone()
        .with("dryRun", "All")
        .create(labelled("a"))
        .await?
        .done()?;
    maps.create(labelled("b")).await?.done()?;
    watch.expect("ADDED", "b").await?;
    Ok(())
}

async fn a_change_of_the_status_is_told(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    let mut watch = gadgets.watch_from(&made).await?;
    gadgets
        .status()
        .merge("a", json!({"status": {"phase": "Up"}}))
        .await?
        .done()?;
    let changed = watch.expect("MODIFIED", "a").await?;
    same("phase", &changed["status"]["phase"], &json!("Up"))
}

async fn it_ends_after_its_timeout(test: Test) -> Outcome {
    let maps = us(&test).with("timeoutSeconds", "1");
    maps.watch().await?.expect_end().await
}

async fn a_revision_that_is_no_longer_kept_is_told_as_gone(test: Test) -> Outcome {
    // Revision 1 is older than all that is kept of a kind that has just been defined: its cache begins with a list.
    let gadgets = gadget::define(&test).await?;
    let mut watch = gadgets.with("resourceVersion", "1").watch().await?;
    let event = watch.next().await?;
    let Some(event) = event else {
        return Err(Failure::Deadline("an error"));
    };
    same("the event", &event.kind.as_str(), &"ERROR")?;
    same("code", &event.object["code"], &json!(410))?;
    same("reason", &event.object["reason"], &json!("Expired"))?;
    watch.expect_end().await
}

async fn a_revision_that_is_no_number_is_refused(test: Test) -> Outcome {
    let path = format!("{}?watch=true&resourceVersion=x", CONFIG_MAPS.path(None));
    let answer = test.get(&path).await?;
    holds("the code", answer.code >= 400, "a refusal", &answer.code)
}

async fn a_bookmark_comes_before_the_end(test: Test) -> Outcome {
    let (bookmark, _) = bookmark(&test).await?;
    holds(
        "the revision",
        revision_number(&bookmark) > 0,
        "a revision",
        &bookmark,
    )
}

async fn a_bookmark_has_only_a_revision(test: Test) -> Outcome {
    let (bookmark, list) = bookmark(&test).await?;
    same("kind", &bookmark["kind"], &json!("ConfigMap"))?;
    same("apiVersion", &bookmark["apiVersion"], &json!("v1"))?;
    same("name", &name(&bookmark), &"")?;
    let is_so = revision_number(&bookmark) >= revision_number(&list);
    holds("the revision", is_so, revision(&list), &revision(&bookmark))
}

/// A bookmark, and the list before it.
async fn bookmark(test: &Test) -> Result<(Value, Value), Failure> {
    let maps = us(test);
    let list = maps.list().await?.done()?;
    let watch = maps
        .with("resourceVersion", revision(&list))
        .with("timeoutSeconds", "5");
    let mut watch = watch.with("allowWatchBookmarks", "true").watch().await?;
    let bookmark = watch
        .until("a bookmark", |event| event.is("BOOKMARK"))
        .await?;
    Ok((bookmark, list))
}

async fn no_bookmark_comes_unasked(test: Test) -> Outcome {
    let maps = us(&test);
    let list = maps.list().await?.done()?;
    let watch = maps
        .with("resourceVersion", revision(&list))
        .with("timeoutSeconds", "4");
    watch.watch().await?.expect_end().await
}

fn streamed(collection: crate::collection::Collection) -> crate::collection::Collection {
    collection
        .with("sendInitialEvents", "true")
        .with("resourceVersionMatch", "NotOlderThan")
        .with("allowWatchBookmarks", "true")
}

fn ends_the_list(bookmark: &Value) -> bool {
    bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"] == "true"
}

async fn a_streamed_list_ends_with_a_marked_bookmark(test: Test) -> Outcome {
    let maps = us(&test);
    maps.create(labelled("a")).await?.done()?;
    maps.create(labelled("b")).await?.done()?;
    let mut watch = streamed(maps).watch().await?;
    watch.expect("ADDED", "a").await?;
    watch.expect("ADDED", "b").await?;
    let end = watch.expect("BOOKMARK", "").await?;
    holds("the mark", ends_the_list(&end), "initial-events-end", &end)
}

async fn a_streamed_list_may_be_empty(test: Test) -> Outcome {
    let mut watch = streamed(us(&test)).watch().await?;
    let end = watch.expect("BOOKMARK", "").await?;
    holds("the mark", ends_the_list(&end), "initial-events-end", &end)?;
    holds(
        "the revision",
        revision_number(&end) > 0,
        "a revision",
        &end,
    )
}

async fn a_streamed_list_goes_on_with_changes(test: Test) -> Outcome {
    let maps = us(&test);
    let mut watch = streamed(maps.clone()).watch().await?;
    watch.expect("BOOKMARK", "").await?;
    maps.create(labelled("a")).await?.done()?;
    watch.expect("ADDED", "a").await?;
    Ok(())
}

async fn a_streamed_list_needs_a_match(test: Test) -> Outcome {
    let path = format!(
        "{}?watch=true&sendInitialEvents=true",
        CONFIG_MAPS.path(None)
    );
    let answer = test.get(&path).await?;
    answer.invalid("resourceVersionMatch", "FieldValueForbidden")?;
    Ok(())
}

async fn a_streamed_list_obeys_the_selector(test: Test) -> Outcome {
    let maps = us(&test);
    test.on(&CONFIG_MAPS).create_named("foreign").await?;
    maps.create(labelled("mine")).await?.done()?;
    let mut watch = streamed(maps).watch().await?;
    watch.expect("ADDED", "mine").await?;
    watch.expect("BOOKMARK", "").await?;
    Ok(())
}
