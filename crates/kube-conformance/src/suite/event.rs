//! Events, old and new.

use serde_json::{Value, json};

use crate::answer::names;
use crate::failure::same;
use crate::kind::{EVENTS, NEW_EVENTS};
use crate::{Outcome, Test};

group!(
    "event",
    (
        a_new_one_shows_as_an_old_one,
        "kubectl get events of what events/publish.rs writes"
    ),
    (an_old_one_shows_as_a_new_one, "kubectl events"),
    (a_series_is_counted_by_merge, "events/publish.rs: series"),
    (
        an_old_one_is_about_its_own_namespace,
        "events/publish.rs: the namespace of what it is about"
    ),
    (a_new_one_needs_an_action, "events/publish.rs"),
    (a_new_one_needs_a_reporter, "events/publish.rs"),
    (
        its_note_is_short,
        "events/publish.rs: notes are cut at 1 kB"
    ),
    (
        the_same_name_again_is_refused,
        "events/publish.rs: names by time"
    ),
    (
        a_table_shows_type_reason_and_message,
        "kubectl get events, docs/sandbox.md"
    ),
);

fn about(test: &Test) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "name": "cube", "namespace": test.namespace()})
}

fn new_event(test: &Test) -> Value {
    json!({
        "metadata": {"name": "a"}, "regarding": about(test), "reason": "Tried", "action": "Try",
        "type": "Warning", "note": "it did not work", "eventTime": "2026-01-02T03:04:05.123456Z",
        "reportingController": "example.com/tester", "reportingInstance": "tester-0",
    })
}

async fn a_new_one_shows_as_an_old_one(test: Test) -> Outcome {
    test.on(&NEW_EVENTS)
        .create(new_event(&test))
        .await?
        .done()?;
    let old = test.on(&EVENTS).get("a").await?.done()?;
    same("involvedObject", &old["involvedObject"], &about(&test))?;
    same("message", &old["message"], &json!("it did not work"))?;
    same(
        "reportingComponent",
        &old["reportingComponent"],
        &json!("example.com/tester"),
    )?;
    same(
        "eventTime",
        &old["eventTime"],
        &json!("2026-01-02T03:04:05.123456Z"),
    )
}

async fn an_old_one_shows_as_a_new_one(test: Test) -> Outcome {
    let body = json!({
        "metadata": {"name": "a"}, "involvedObject": about(&test), "reason": "Tried", "message": "m",
        "type": "Normal", "count": 3, "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:05:05Z",
    });
    test.on(&EVENTS).create(body).await?.done()?;
    let new = test.on(&NEW_EVENTS).get("a").await?.done()?;
    same("regarding", &new["regarding"], &about(&test))?;
    same("note", &new["note"], &json!("m"))?;
    same("deprecatedCount", &new["deprecatedCount"], &json!(3))?;
    let last = &new["deprecatedLastTimestamp"];
    same(
        "deprecatedLastTimestamp",
        last,
        &json!("2026-01-02T03:05:05Z"),
    )
}

async fn a_series_is_counted_by_merge(test: Test) -> Outcome {
    let events = test.on(&NEW_EVENTS);
    events.create(new_event(&test)).await?.done()?;
    let series = json!({"count": 2, "lastObservedTime": "2026-01-02T03:05:05.000000Z"});
    let changed = events.merge("a", json!({"series": series})).await?.done()?;
    same("series", &changed["series"], &series)?;
    let old = test.on(&EVENTS).get("a").await?.done()?;
    same("the old one's series", &old["series"], &series)
}

async fn an_old_one_is_about_its_own_namespace(test: Test) -> Outcome {
    let mut other = about(&test);
    other["namespace"] = json!("default");
    let body = json!({"metadata": {"name": "a"}, "involvedObject": other, "reason": "Tried", "type": "Normal"});
    let answer = test.on(&EVENTS).create(body).await?;
    answer.invalid("involvedObject.namespace", "FieldValueInvalid")?;
    Ok(())
}

async fn a_new_one_needs_an_action(test: Test) -> Outcome {
    let mut body = new_event(&test);
    body["action"] = json!("");
    let answer = test.on(&NEW_EVENTS).create(body).await?;
    answer.invalid("action", "FieldValueRequired")?;
    Ok(())
}

async fn a_new_one_needs_a_reporter(test: Test) -> Outcome {
    let mut body = new_event(&test);
    body["reportingController"] = json!("");
    let answer = test.on(&NEW_EVENTS).create(body).await?;
    answer.invalid("reportingController", "FieldValueRequired")?;
    Ok(())
}

async fn its_note_is_short(test: Test) -> Outcome {
    let mut body = new_event(&test);
    body["note"] = json!("n".repeat(1025));
    test.on(&NEW_EVENTS)
        .create(body)
        .await?
        .refused(422, "Invalid")?;
    Ok(())
}

async fn the_same_name_again_is_refused(test: Test) -> Outcome {
    let events = test.on(&NEW_EVENTS);
    events.create(new_event(&test)).await?.done()?;
    events
        .create(new_event(&test))
        .await?
        .refused(409, "AlreadyExists")?;
    same("events", &names(&events.list().await?.done()?), &vec!["a"])
}

async fn a_table_shows_type_reason_and_message(test: Test) -> Outcome {
    test.on(&NEW_EVENTS)
        .create(new_event(&test))
        .await?
        .done()?;
    let events = test
        .on(&EVENTS)
        .accepting("application/json;as=Table;v=v1;g=meta.k8s.io");
    let table = events.list().await?.done()?;
    let columns = table["columnDefinitions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let shown: Vec<&str> = columns
        .iter()
        .take(7)
        .filter_map(|c| c["name"].as_str())
        .collect();
    let expected = vec![
        "Last Seen",
        "Type",
        "Reason",
        "Object",
        "Subobject",
        "Source",
        "Message",
    ];
    same("columns", &shown, &expected)?;
    let cells = &table["rows"][0]["cells"];
    let expected = json!(["Warning", "Tried", "service/cube", "it did not work"]);
    same(
        "cells",
        &json!([cells[1], cells[2], cells[3], cells[6]]),
        &expected,
    )
}
