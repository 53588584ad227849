//! What becomes of dependents.

use serde_json::{Value, json};

use crate::answer::{name, uid};
use crate::collection::Collection;
use crate::failure::{Failure, holds, same};
use crate::kind::{CONFIG_MAPS, NODES};
use crate::{Outcome, Test};

group!(
    "garbage",
    (
        dependents_go_after_their_owner,
        "behaviour 2.1: a PoolService is owned by its Service"
    ),
    (
        in_the_foreground_dependents_go_first,
        "docs/sandbox.md: delete --cascade=foreground"
    ),
    (
        a_waiting_owner_shows_why,
        "docs/sandbox.md: delete --cascade=foreground"
    ),
    (
        orphans_lose_their_owner_and_stay,
        "kubectl delete --cascade=orphan"
    ),
    (
        a_dependent_of_two_stays_until_both_are_gone,
        "behaviour 2.1: owned by Service and pool"
    ),
    (
        an_owner_of_another_uid_is_none,
        "behaviour 2.2: owners are compared by UID"
    ),
    (
        an_owner_outside_namespaces_counts,
        "behaviour 2.1: a NodePool is cluster-scoped"
    ),
    (
        a_finalizer_of_the_dependent_is_waited_for,
        "behaviour 8: the release of a load balancer"
    ),
    (the_policy_may_stand_in_the_query, "kubectl delete --raw"),
);

fn owner_reference(owner: &Value, kind: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "name": name(owner), "uid": uid(owner), "blockOwnerDeletion": true})
}

fn owned_by(owners: &[Value]) -> Value {
    json!({"metadata": {"name": "dependent", "ownerReferences": owners}})
}

/// `owner` and `dependent`.
async fn pair(test: &Test) -> Result<(Collection, Value, Value), Failure> {
    let maps = test.on(&CONFIG_MAPS);
    let owner = maps.create_named("owner").await?;
    let body = owned_by(&[owner_reference(&owner, "ConfigMap")]);
    let dependent = maps.create(body).await?.done()?;
    Ok((maps, owner, dependent))
}

async fn dependents_go_after_their_owner(test: Test) -> Outcome {
    let (maps, _, dependent) = pair(&test).await?;
    let options = json!({"propagationPolicy": "Background"});
    let answer = maps.delete_with("owner", options).await?.done()?;
    same("the answer", &answer["kind"], &json!("Status"))?;
    maps.get("owner").await?.refused(404, "NotFound")?;
    maps.until_gone(&dependent).await?;
    Ok(())
}

async fn in_the_foreground_dependents_go_first(test: Test) -> Outcome {
    let (maps, owner, dependent) = pair(&test).await?;
    let options = json!({"propagationPolicy": "Foreground"});
    maps.delete_with("owner", options).await?.done()?;
    let first = crate::answer::revision_number(&maps.until_gone(&dependent).await?);
    let second = crate::answer::revision_number(&maps.until_gone(&owner).await?);
    holds(
        "the order",
        first < second,
        "the dependent first",
        &format!("{first}, {second}"),
    )
}

async fn a_waiting_owner_shows_why(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let owner = maps.create_named("owner").await?;
    let mut body = owned_by(&[owner_reference(&owner, "ConfigMap")]);
    body["metadata"]["finalizers"] = json!(["example.com/hold"]);
    maps.create(body).await?.done()?;
    let options = json!({"propagationPolicy": "Foreground"});
    let answer = maps.delete_with("owner", options).await?.done()?;
    let finalizers = &answer["metadata"]["finalizers"];
    same("finalizers", finalizers, &json!(["foregroundDeletion"]))?;
    maps.merge("dependent", json!({"metadata": {"finalizers": null}}))
        .await?
        .done()?;
    maps.until_gone(&owner).await?;
    Ok(())
}

async fn orphans_lose_their_owner_and_stay(test: Test) -> Outcome {
    let (maps, owner, dependent) = pair(&test).await?;
    let mut watch = maps.watch_from(&dependent).await?;
    let options = json!({"propagationPolicy": "Orphan"});
    maps.delete_with("owner", options).await?.done()?;
    let orphan = watch.expect("MODIFIED", "dependent").await?;
    same("owners", &orphan["metadata"].get("ownerReferences"), &None)?;
    maps.until_gone(&owner).await?;
    maps.get("dependent").await?.done()?;
    Ok(())
}

async fn a_dependent_of_two_stays_until_both_are_gone(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let owner = maps.create_named("owner").await?;
    let other = maps.create_named("other").await?;
    let both = [
        owner_reference(&owner, "ConfigMap"),
        owner_reference(&other, "ConfigMap"),
    ];
    let dependent = maps.create(owned_by(&both)).await?.done()?;
    let mut watch = maps.watch_from(&dependent).await?;
    maps.delete("owner").await?.done()?;
    let changed = watch.expect("MODIFIED", "dependent").await?;
    let left = changed["metadata"]["ownerReferences"]
        .as_array()
        .map_or(0, Vec::len);
    same("owners left", &left, &1)?;
    maps.delete("other").await?.done()?;
    watch.expect("DELETED", "dependent").await?;
    Ok(())
}

async fn an_owner_of_another_uid_is_none(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let mut owner = maps.create_named("owner").await?;
    owner["metadata"]["uid"] = json!("00000000-0000-4000-8000-000000000000");
    let body = owned_by(&[owner_reference(&owner, "ConfigMap")]);
    let dependent = maps.create(body).await?.done()?;
    maps.until_gone(&dependent).await?;
    Ok(())
}

async fn an_owner_outside_namespaces_counts(test: Test) -> Outcome {
    let nodes = test.on(&NODES);
    let owner = nodes.create_named(&test.unique("owner")).await?;
    let maps = test.on(&CONFIG_MAPS);
    let body = owned_by(&[owner_reference(&owner, "Node")]);
    let dependent = maps.create(body).await?.done()?;
    nodes.delete(name(&owner)).await?.done()?;
    maps.until_gone(&dependent).await?;
    Ok(())
}

async fn a_finalizer_of_the_dependent_is_waited_for(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let owner = maps.create_named("owner").await?;
    let mut body = owned_by(&[owner_reference(&owner, "ConfigMap")]);
    body["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let dependent = maps.create(body).await?.done()?;
    let mut watch = maps.watch_from(&dependent).await?;
    maps.delete("owner").await?.done()?;
    let asked = watch.expect("MODIFIED", "dependent").await?;
    let is_so = asked["metadata"]["deletionTimestamp"].is_string();
    holds("deletionTimestamp", is_so, "a time", &asked["metadata"])?;
    maps.merge("dependent", json!({"metadata": {"finalizers": null}}))
        .await?
        .done()?;
    watch.until("the end", |event| event.is("DELETED")).await?;
    Ok(())
}

async fn the_policy_may_stand_in_the_query(test: Test) -> Outcome {
    let (maps, owner, _) = pair(&test).await?;
    let foreground = maps.clone().with("propagationPolicy", "Foreground");
    let answer = foreground.delete("owner").await?.done()?;
    same("the answer", &answer["kind"], &json!("ConfigMap"))?;
    maps.until_gone(&owner).await?;
    Ok(())
}
