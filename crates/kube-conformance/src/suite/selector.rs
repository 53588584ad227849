//! Selectors of labels and fields, in lists and as objects come and go.

use serde_json::{Value, json};

use crate::answer::{names, revision_number};
use crate::collection::Collection;
use crate::failure::{Failure, holds, same};
use crate::kind::{CONFIG_MAPS, EVENTS, NEW_EVENTS, SECRETS, SERVICES};
use crate::suite::gadget;
use crate::watch::Watch;
use crate::{Outcome, Test};

group!(
    "selector",
    (equality_selects, "kubectl get -l, docs/tutorial.md"),
    (
        inequality_takes_those_without_the_label_too,
        "kubectl get -l"
    ),
    (in_selects_a_set, "kubectl get -l"),
    (notin_takes_those_without_the_label_too, "kubectl get -l"),
    (a_key_selects_those_that_have_it, "kubectl get -l"),
    (a_negated_key_selects_those_without_it, "kubectl get -l"),
    (requirements_are_joined_by_and, "kubectl get -l"),
    (a_broken_selector_is_refused, "kubectl get -l"),
    (
        a_name_selects_one,
        "kubectl wait and kubectl get NAME -w, docs/sandbox.md"
    ),
    (a_name_can_be_excluded, "kubectl get --field-selector"),
    (
        a_namespace_selects_across_all,
        "kubectl get -A --field-selector"
    ),
    (
        services_are_selected_by_type,
        "kubectl get svc --field-selector"
    ),
    (
        secrets_are_selected_by_type,
        "kubectl get secret --field-selector"
    ),
    (
        events_are_selected_by_what_they_are_about,
        "kubectl events --for, docs/sandbox.md"
    ),
    (
        new_events_are_selected_by_what_they_are_about,
        "kubectl events"
    ),
    (an_unknown_field_is_refused, "kubectl get --field-selector"),
    (
        custom_kinds_know_only_name_and_namespace,
        "kubectl get --field-selector"
    ),
    (leaving_a_selection_is_an_end, "kubectl get -l -w"),
    (entering_a_selection_is_a_beginning, "kubectl get -l -w"),
    (staying_in_a_selection_is_a_change, "kubectl get -l -w"),
    (
        changes_outside_a_selection_are_not_told,
        "kubectl get -l -w"
    ),
    (
        an_end_by_leaving_has_the_new_revision_and_the_old_labels,
        "kube-runtime watcher: resumes behind it"
    ),
);

/// ConfigMaps `red`, `blue` and `plain`: with a label `colour` of their name, the last without, all with `of`.
async fn coloured(test: &Test) -> Result<Collection, Failure> {
    let maps = test.on(&CONFIG_MAPS);
    for name in ["blue", "red"] {
        let labels = json!({"colour": name, "of": "us"});
        let body = json!({"metadata": {"name": name, "labels": labels}});
        maps.create(body).await?.done()?;
    }
    let plain = json!({"metadata": {"name": "plain", "labels": {"of": "us"}}});
    maps.create(plain).await?.done()?;
    Ok(maps)
}

async fn selects(test: &Test, selector: &str, expected: &[&str]) -> Outcome {
    let maps = coloured(test).await?.with("labelSelector", selector);
    let list = maps.list().await?.done()?;
    same(selector, &names(&list), &expected.to_vec())
}

async fn equality_selects(test: Test) -> Outcome {
    selects(&test, "colour=red", &["red"]).await?;
    let maps = test.on(&CONFIG_MAPS).with("labelSelector", "colour==red");
    let list = maps.list().await?.done()?;
    same("==", &names(&list), &vec!["red"])
}

async fn inequality_takes_those_without_the_label_too(test: Test) -> Outcome {
    selects(&test, "of=us,colour!=red", &["blue", "plain"]).await
}

async fn in_selects_a_set(test: Test) -> Outcome {
    selects(&test, "colour in (red, blue)", &["blue", "red"]).await
}

async fn notin_takes_those_without_the_label_too(test: Test) -> Outcome {
    selects(&test, "of=us,colour notin (red,green)", &["blue", "plain"]).await
}

async fn a_key_selects_those_that_have_it(test: Test) -> Outcome {
    selects(&test, "colour", &["blue", "red"]).await
}

async fn a_negated_key_selects_those_without_it(test: Test) -> Outcome {
    selects(&test, "of=us,!colour", &["plain"]).await
}

async fn requirements_are_joined_by_and(test: Test) -> Outcome {
    selects(&test, "colour in (red, blue),colour!=red", &["blue"]).await
}

async fn a_broken_selector_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("labelSelector", "colour in red");
    maps.list().await?.refused(400, "BadRequest")?;
    Ok(())
}

async fn a_name_selects_one(test: Test) -> Outcome {
    let maps = coloured(&test)
        .await?
        .with("fieldSelector", "metadata.name=red");
    same("names", &names(&maps.list().await?.done()?), &vec!["red"])
}

async fn a_name_can_be_excluded(test: Test) -> Outcome {
    let maps = coloured(&test).await?.with("labelSelector", "of=us");
    let maps = maps.with("fieldSelector", "metadata.name!=red");
    same(
        "names",
        &names(&maps.list().await?.done()?),
        &vec!["blue", "plain"],
    )
}

async fn a_namespace_selects_across_all(test: Test) -> Outcome {
    coloured(&test).await?;
    let field = format!("metadata.namespace={}", test.namespace());
    let all = test.everywhere(&CONFIG_MAPS).with("fieldSelector", &field);
    let list = all.with("labelSelector", "of=us").list().await?.done()?;
    same("names", &names(&list), &vec!["blue", "plain", "red"])
}

async fn services_are_selected_by_type(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    for (name, kind) in [("inner", "ClusterIP"), ("outer", "LoadBalancer")] {
        let spec = json!({"type": kind, "ports": [{"port": 80}]});
        services
            .create(json!({"metadata": {"name": name}, "spec": spec}))
            .await?
            .done()?;
    }
    let list = services
        .with("fieldSelector", "spec.type=LoadBalancer")
        .list()
        .await?
        .done()?;
    same("names", &names(&list), &vec!["outer"])
}

async fn secrets_are_selected_by_type(test: Test) -> Outcome {
    let secrets = test.on(&SECRETS);
    secrets
        .create(json!({"metadata": {"name": "a"}, "type": "example.com/a"}))
        .await?
        .done()?;
    secrets.create_named("b").await?;
    let list = secrets
        .with("fieldSelector", "type=Opaque")
        .list()
        .await?
        .done()?;
    same("names", &names(&list), &vec!["b"])
}

fn event_about(test: &Test, name: &str, service: &str) -> Value {
    let about = json!({"apiVersion": "v1", "kind": "Service", "name": service, "namespace": test.namespace()});
    json!({"metadata": {"name": name}, "involvedObject": about, "reason": "Tried", "message": "m", "type": "Normal"})
}

async fn events_are_selected_by_what_they_are_about(test: Test) -> Outcome {
    let events = test.on(&EVENTS);
    events
        .create(event_about(&test, "one", "cube"))
        .await?
        .done()?;
    events
        .create(event_about(&test, "two", "ball"))
        .await?
        .done()?;
    let field = "involvedObject.kind=Service,involvedObject.name=ball";
    let list = events.with("fieldSelector", field).list().await?.done()?;
    same("names", &names(&list), &vec!["two"])
}

async fn new_events_are_selected_by_what_they_are_about(test: Test) -> Outcome {
    let events = test.on(&EVENTS);
    events
        .create(event_about(&test, "one", "cube"))
        .await?
        .done()?;
    events
        .create(event_about(&test, "two", "ball"))
        .await?
        .done()?;
    let events = test
        .on(&NEW_EVENTS)
        .with("fieldSelector", "regarding.name=ball");
    let list = events.list().await?.done()?;
    same("names", &names(&list), &vec!["two"])
}

async fn an_unknown_field_is_refused(test: Test) -> Outcome {
    let services = test
        .on(&SERVICES)
        .with("fieldSelector", "spec.loadBalancerClass=x");
    services.list().await?.refused(400, "BadRequest")?;
    Ok(())
}

async fn custom_kinds_know_only_name_and_namespace(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    gadgets.create_named("b").await?;
    let named = gadgets.clone().with("fieldSelector", "metadata.name=b");
    same("names", &names(&named.list().await?.done()?), &vec!["b"])?;
    let by_size = gadgets.with("fieldSelector", "spec.size=3");
    by_size.list().await?.refused(400, "BadRequest")?;
    Ok(())
}

fn red(test: &Test) -> Collection {
    test.on(&CONFIG_MAPS).with("labelSelector", "colour=red")
}

/// A watch of what is red, which has told of the one that is.
async fn watch_of_red(test: &Test) -> Result<Watch, Failure> {
    coloured(test).await?;
    let mut watch = red(test).watch().await?;
    watch.expect("ADDED", "red").await?;
    Ok(watch)
}

fn colour(value: &str) -> Value {
    json!({"metadata": {"labels": {"colour": value}}})
}

async fn leaving_a_selection_is_an_end(test: Test) -> Outcome {
    let mut watch = watch_of_red(&test).await?;
    test.on(&CONFIG_MAPS)
        .merge("red", colour("blue"))
        .await?
        .done()?;
    watch.expect("DELETED", "red").await?;
    Ok(())
}

async fn entering_a_selection_is_a_beginning(test: Test) -> Outcome {
    let mut watch = watch_of_red(&test).await?;
    test.on(&CONFIG_MAPS)
        .merge("blue", colour("red"))
        .await?
        .done()?;
    watch.expect("ADDED", "blue").await?;
    Ok(())
}

async fn staying_in_a_selection_is_a_change(test: Test) -> Outcome {
    let mut watch = watch_of_red(&test).await?;
    test.on(&CONFIG_MAPS)
        .merge("red", json!({"data": {"k": "v"}}))
        .await?
        .done()?;
    watch.expect("MODIFIED", "red").await?;
    Ok(())
}

async fn changes_outside_a_selection_are_not_told(test: Test) -> Outcome {
    let mut watch = watch_of_red(&test).await?;
    let maps = test.on(&CONFIG_MAPS);
    maps.merge("blue", json!({"data": {"k": "v"}}))
        .await?
        .done()?;
    maps.delete("blue").await?.done()?;
    maps.delete("red").await?.done()?;
    watch.expect("DELETED", "red").await?;
    Ok(())
}

async fn an_end_by_leaving_has_the_new_revision_and_the_old_labels(test: Test) -> Outcome {
    let mut watch = watch_of_red(&test).await?;
    let changed = test
        .on(&CONFIG_MAPS)
        .merge("red", colour("blue"))
        .await?
        .done()?;
    let end = watch.expect("DELETED", "red").await?;
    let (now, then) = (revision_number(&end), revision_number(&changed));
    holds("the revision", now == then, &then.to_string(), &now)?;
    same(
        "the label",
        &end["metadata"]["labels"]["colour"],
        &json!("red"),
    )
}
