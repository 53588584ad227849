//! Deletion: finalizers and preconditions.

use serde_json::{Value, json};

use crate::answer::{items, names, revision, says, text, uid};
use crate::collection::Collection;
use crate::failure::{Failure, holds, same};
use crate::kind::{CONFIG_MAPS, NAMESPACES};
use crate::{Outcome, Test};

group!(
    "deletion",
    (
        what_nothing_holds_is_gone_at_once,
        "fan_out/write.rs delete"
    ),
    (the_answer_names_what_is_gone, "kube Api::delete: Either"),
    (what_is_not_there_is_not_found, "fan_out/write.rs delete"),
    (
        a_finalizer_holds_the_object,
        "behaviour 5.3: the finalizer of a PoolService"
    ),
    (the_answer_shows_what_is_held, "kube Api::delete: Either"),
    (the_last_finalizer_lets_go, "behaviour 8: letting go"),
    (a_second_deletion_changes_nothing, "kubectl delete, twice"),
    (
        no_finalizer_can_be_added_any_more,
        "ecm-reconciler elb.rs: not after the deletion"
    ),
    (
        other_changes_are_still_taken,
        "ledger_store.rs: the ledger during a release"
    ),
    (a_name_that_is_held_is_taken, "behaviour 2.3"),
    (
        a_watch_sees_the_request_and_the_end,
        "ecm-reconciler index.rs"
    ),
    (another_uid_is_refused, "fan_out/write.rs: Preconditions"),
    (the_right_uid_is_accepted, "fan_out/write.rs: Preconditions"),
    (another_revision_is_refused, "kube Preconditions"),
    (the_right_revision_is_accepted, "kube Preconditions"),
    (
        options_in_a_body_hide_those_of_the_query,
        "kube Api::delete sends a body"
    ),
    (an_unknown_policy_is_invalid, "kubectl delete --cascade"),
    (a_collection_is_deleted_by_selector, "kubectl delete -l"),
    (the_default_namespace_stays, "kubectl delete namespace"),
);

async fn held(test: &Test) -> Result<(Collection, Value), Failure> {
    let maps = test.on(&CONFIG_MAPS);
    let finalizers = json!(["example.com/hold"]);
    let body = json!({"metadata": {"name": "a", "finalizers": finalizers}});
    let made = maps.create(body).await?.done()?;
    Ok((maps, made))
}

async fn release(maps: &Collection) -> Result<Value, Failure> {
    maps.merge("a", json!({"metadata": {"finalizers": null}}))
        .await?
        .done()
}

async fn what_nothing_holds_is_gone_at_once(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    maps.delete("a").await?.done_with(200)?;
    maps.get("a").await?.refused(404, "NotFound")?;
    Ok(())
}

async fn the_answer_names_what_is_gone(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let answer = maps.delete("a").await?.done()?;
    same("kind", &answer["kind"], &json!("Status"))?;
    same("status", &answer["status"], &json!("Success"))?;
    let details = json!({"name": "a", "kind": "configmaps", "uid": uid(&made)});
    same("details", &answer["details"], &details)
}

async fn what_is_not_there_is_not_found(test: Test) -> Outcome {
    let status = test
        .on(&CONFIG_MAPS)
        .delete("a")
        .await?
        .refused(404, "NotFound")?;
    let details = json!({"name": "a", "kind": "configmaps"});
    same("details", &status["details"], &details)
}

async fn a_finalizer_holds_the_object(test: Test) -> Outcome {
    let (maps, _) = held(&test).await?;
    maps.delete("a").await?.done()?;
    let found = maps.get("a").await?.done()?;
    let at = text(&found, "/metadata/deletionTimestamp");
    holds("deletionTimestamp", at.len() == 20, "a time", &at)?;
    release(&maps).await?;
    Ok(())
}

async fn the_answer_shows_what_is_held(test: Test) -> Outcome {
    let (maps, made) = held(&test).await?;
    let answer = maps.delete("a").await?.done_with(200)?;
    same("kind", &answer["kind"], &json!("ConfigMap"))?;
    same("uid", &uid(&answer), &uid(&made))?;
    let grace = &answer["metadata"]["deletionGracePeriodSeconds"];
    same("grace", grace, &json!(0))?;
    release(&maps).await?;
    Ok(())
}

async fn the_last_finalizer_lets_go(test: Test) -> Outcome {
    let (maps, _) = held(&test).await?;
    maps.delete("a").await?.done()?;
    release(&maps).await?;
    maps.get("a").await?.refused(404, "NotFound")?;
    Ok(())
}

async fn a_second_deletion_changes_nothing(test: Test) -> Outcome {
    let (maps, _) = held(&test).await?;
    maps.delete("a").await?.done()?;
    let first = maps.get("a").await?.done()?;
    maps.delete("a").await?.done()?;
    let second = maps.get("a").await?.done()?;
    same("the object", &second, &first)?;
    release(&maps).await?;
    Ok(())
}

async fn no_finalizer_can_be_added_any_more(test: Test) -> Outcome {
    let (maps, _) = held(&test).await?;
    maps.delete("a").await?.done()?;
    let both = json!(["example.com/hold", "example.com/late"]);
    let answer = maps
        .merge("a", json!({"metadata": {"finalizers": both}}))
        .await?;
    let status = answer.invalid("metadata.finalizers", "FieldValueForbidden")?;
    says(
        &status,
        "no new finalizers can be added if the object is being deleted",
    )?;
    release(&maps).await?;
    Ok(())
}

async fn other_changes_are_still_taken(test: Test) -> Outcome {
    let (maps, _) = held(&test).await?;
    maps.delete("a").await?.done()?;
    let patch = json!({"metadata": {"annotations": {"k": "v"}}, "data": {"k": "v"}});
    let changed = maps.merge("a", patch).await?.done()?;
    same("data", &changed["data"], &json!({"k": "v"}))?;
    release(&maps).await?;
    Ok(())
}

async fn a_name_that_is_held_is_taken(test: Test) -> Outcome {
    let (maps, _) = held(&test).await?;
    maps.delete("a").await?.done()?;
    let again = maps.create(json!({"metadata": {"name": "a"}})).await?;
    again.refused(409, "AlreadyExists")?;
    release(&maps).await?;
    Ok(())
}

async fn a_watch_sees_the_request_and_the_end(test: Test) -> Outcome {
    let (maps, made) = held(&test).await?;
    let mut watch = maps.watch_from(&made).await?;
    maps.delete("a").await?.done()?;
    let asked = watch.expect("MODIFIED", "a").await?;
    let at = text(&asked, "/metadata/deletionTimestamp");
    holds("deletionTimestamp", !at.is_empty(), "a time", &at)?;
    release(&maps).await?;
    watch.expect("DELETED", "a").await?;
    Ok(())
}

async fn another_uid_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let options = json!({"preconditions": {"uid": "another"}});
    let status = maps
        .delete_with("a", options)
        .await?
        .refused(409, "Conflict")?;
    says(
        &status,
        "the UID in the precondition (another) does not match the UID in record (",
    )?;
    maps.get("a").await?.done()?;
    Ok(())
}

async fn the_right_uid_is_accepted(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let options = json!({"preconditions": {"uid": uid(&made)}});
    maps.delete_with("a", options).await?.done()?;
    maps.get("a").await?.refused(404, "NotFound")?;
    Ok(())
}

async fn another_revision_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    maps.merge("a", json!({"data": {"k": "v"}})).await?.done()?;
    let options = json!({"preconditions": {"resourceVersion": revision(&made)}});
    maps.delete_with("a", options)
        .await?
        .refused(409, "Conflict")?;
    maps.get("a").await?.done()?;
    Ok(())
}

async fn the_right_revision_is_accepted(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let options = json!({"preconditions": {"resourceVersion": revision(&made)}});
    maps.delete_with("a", options).await?.done()?;
    maps.get("a").await?.refused(404, "NotFound")?;
    Ok(())
}

async fn options_in_a_body_hide_those_of_the_query(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let dry = maps.clone().with("dryRun", "All");
    dry.delete_with("a", json!({})).await?.done()?;
    maps.get("a").await?.refused(404, "NotFound")?;
    Ok(())
}

async fn an_unknown_policy_is_invalid(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let options = json!({"propagationPolicy": "Sideways"});
    let answer = maps.delete_with("a", options).await?;
    answer.invalid("propagationPolicy", "FieldValueNotSupported")?;
    Ok(())
}

async fn a_collection_is_deleted_by_selector(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    for (name, of) in [("a", "us"), ("b", "us"), ("c", "them")] {
        let labels = json!({"of": of, "all": "of-them"});
        maps.create(json!({"metadata": {"name": name, "labels": labels}}))
            .await?
            .done()?;
    }
    let list = maps
        .clone()
        .with("labelSelector", "of=us")
        .delete_all()
        .await?
        .done()?;
    same("the answer", &items(&list).len(), &2)?;
    let left = maps.with("labelSelector", "all").list().await?.done()?;
    same("what is left", &names(&left), &vec!["c"])
}

async fn the_default_namespace_stays(test: Test) -> Outcome {
    let namespaces = test.on(&NAMESPACES).with("dryRun", "All");
    namespaces
        .delete("default")
        .await?
        .refused(403, "Forbidden")?;
    Ok(())
}
