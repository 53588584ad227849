use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::Clock;
use crate::scripted::{self, Answer, Call, Calls};

const EVENTS: &str = "/apis/events.k8s.io/v1/namespaces/shop/events";

fn notifier(
    answer: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> (Notifier, Publisher, Calls) {
    let (client, calls) = scripted::client(answer);
    let reporter = Reporter {
        controller: "test".to_owned(),
        instance: None,
    };
    let clock = Clock::new(|| jiff::Timestamp::UNIX_EPOCH);
    let (notifier, publisher) = Notifier::new(client, reporter, clock);
    (notifier, publisher, calls)
}

fn on(uid: &str) -> ObjectReference {
    service_reference(&snapshot::ObjectKey::new("shop", "web"), uid)
}

fn event(reason: Reason, message: &str) -> plan::Event {
    plan::Event {
        warning: true,
        reason,
        message: message.to_owned(),
    }
}

/// Writes all that waits, and returns the notes that were posted.
async fn notes(publisher: Publisher, calls: &Calls) -> Vec<Value> {
    let stop = CancellationToken::new();
    stop.cancel();
    publisher.run(stop).await;
    let posts = calls
        .all()
        .into_iter()
        .filter(|call| call.what.starts_with("POST"));
    posts.map(|call| call.body["note"].clone()).collect()
}

fn accept(call: &Call) -> Answer {
    Answer::Object(call.body.clone())
}

#[tokio::test(start_paused = true)]
async fn rule_10_3_what_was_said_once_is_said_again_only_after_it_was_settled() {
    let (notifier, publisher, calls) = notifier(accept);
    let say = |note: &str| {
        notifier.publish_once(
            &on("u1"),
            EventType::Warning,
            Reason::NoMatchNodePool,
            note,
            "FanOut",
        );
    };
    say("a");
    say("a");
    say("b");
    notifier.settle("u1", Reason::InvalidAnnotation);
    say("a");
    notifier.settle("u1", Reason::NoMatchNodePool);
    say("a");
    notifier.publish_once(
        &on("u2"),
        EventType::Warning,
        Reason::NoMatchNodePool,
        "a",
        "FanOut",
    );
    assert_eq!(notes(publisher, &calls).await, ["a", "b", "a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn standing_warnings_are_said_at_their_transition() {
    let (notifier, publisher, calls) = notifier(accept);
    let reasons = [Reason::NoMatchNodePool, Reason::PoolServiceNameConflict];
    let keep =
        |events: &[plan::Event]| notifier.keep_standing(&on("u1"), &reasons, events, "FanOut");
    let (none, one, two) = (
        event(Reason::NoMatchNodePool, "none"),
        event(Reason::PoolServiceNameConflict, "one"),
        event(Reason::PoolServiceNameConflict, "two"),
    );
    keep(&[none.clone(), one.clone()]);
    keep(&[none.clone(), one.clone(), two]);
    keep(std::slice::from_ref(&one));
    keep(&[none, one]);
    assert_eq!(
        notes(publisher, &calls).await,
        ["none", "one", "two", "none"]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_is_remembered_of_an_object_that_is_gone_or_settled() {
    let (notifier, _publisher, _) = notifier(accept);
    for uid in ["u1", "u2"] {
        notifier.publish_once(&on(uid), EventType::Normal, Reason::Created, "a", "FanOut");
    }
    assert_eq!(notifier.objects(), 2);
    notifier.forget("u1");
    notifier.settle("u2", Reason::Created);
    assert_eq!(notifier.objects(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_exists_is_counted() {
    let (notifier, publisher, calls) =
        notifier(|call: &Call| match call.what.split_once(' ').unwrap().0 {
            "POST" => Answer::Refuse(409, "AlreadyExists"),
            _ => Answer::Object(json!({
                "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": { "name": "x" },
                "eventTime": "2026-01-01T00:00:00.000000Z",
                "series": { "count": 4, "lastObservedTime": "2026-01-01T00:00:00.000000Z" },
            })),
        });
    notifier.publish(&on("u1"), EventType::Normal, Reason::Created, "a", "FanOut");
    notes(publisher, &calls).await;
    let name = calls.all()[0].body["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    let patch = calls.body(&format!("PATCH {EVENTS}/{name}"));
    assert_eq!(patch["series"]["count"], 5);
    assert_eq!(
        patch["series"]["lastObservedTime"],
        "1970-01-01T00:00:00.000000Z"
    );
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_refuses_or_hangs_delays_nobody() {
    let (notifier, publisher, _) = notifier(|_: &Call| Answer::Silence);
    let stop = CancellationToken::new();
    let running = tokio::spawn(publisher.run(stop.clone()));
    for n in 0..CAPACITY + 10 {
        notifier.publish(
            &on("u1"),
            EventType::Normal,
            Reason::Created,
            n.to_string(),
            "FanOut",
        );
    }
    assert_eq!(
        notifier.dropped(),
        10,
        "what does not fit is dropped and counted"
    );
    tokio::time::sleep(Duration::from_secs(60)).await;
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(15), running)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn rule_10_3_each_of_several_settles_only_what_it_said_itself() {
    let (notifier, publisher, calls) = notifier(accept);
    let say = |by: &str, events: &[plan::Event]| {
        notifier.keep_standing_by(by, &on("svc"), &[Reason::PlacementMissing], events, "Sync");
    };
    let one = event(Reason::PlacementMissing, "one");
    let two = event(Reason::PlacementMissing, "two");
    say("ps-1", std::slice::from_ref(&one));
    say("ps-2", std::slice::from_ref(&two));
    say("ps-1", &[]);
    say("ps-2", std::slice::from_ref(&two));
    say("ps-1", std::slice::from_ref(&one));
    assert_eq!(notifier.objects(), 2);
    notifier.forget("svc");
    assert_eq!(notifier.objects(), 0);
    assert_eq!(notes(publisher, &calls).await, ["one", "two", "one"]);
}

#[tokio::test(start_paused = true)]
async fn rule_3_4_what_several_say_of_an_object_is_said_once_until_the_last_has_settled_it() {
    let (notifier, publisher, calls) = notifier(accept);
    let reasons = [Reason::InvalidAnnotation];
    let say = |by: &str, object: &str, events: &[plan::Event]| {
        notifier.keep_standing_by(by, &on(object), &reasons, events, "Sync");
    };
    let same = [event(Reason::InvalidAnnotation, "same")];
    say("ps-1", "svc", &same);
    say("ps-2", "svc", &same);
    say("ps-1", "svc", &[]);
    say("ps-1", "svc", &same);
    say("ps-3", "other", &same);
    say("ps-1", "svc", &[]);
    say("ps-2", "svc", &[]);
    say("ps-2", "svc", &same);
    assert_eq!(notes(publisher, &calls).await, ["same", "same", "same"]);
}
