//! Writes events to the API server.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::runtime::events::{EventType, Reporter};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Notice, digest};
use crate::clock::Clock;
use crate::deadline;

/// The API server takes no longer note (k8s.io/kubernetes, pkg/apis/core/validation, events.go).
const NOTE_LIMIT: usize = 1024;
/// The API server takes no longer name for an object.
const NAME_LIMIT: usize = 253;
/// How long what waits is still written after the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Writes what a [`Notifier`](super::Notifier) takes.
pub struct Publisher {
    client: kube::Client,
    reporter: Reporter,
    clock: Clock,
    receiver: mpsc::Receiver<Notice>,
}

impl Publisher {
    pub(super) fn new(
        client: kube::Client,
        reporter: Reporter,
        clock: Clock,
        receiver: mpsc::Receiver<Notice>,
    ) -> Self {
        Self {
            client,
            reporter,
            clock,
            receiver,
        }
    }

    /// Writes events until `stop` is cancelled or the last notifier is gone, then for a moment
    /// what is still waiting. An event that cannot be written is logged and dropped.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let notice = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                notice = self.receiver.recv() => notice,
            };
            let Some(notice) = notice else { return };
            self.write(notice).await;
        }
        self.receiver.close();
        let rest = async {
            while let Some(notice) = self.receiver.recv().await {
                self.write(notice).await;
            }
        };
        // What cannot be written in time is lost with this process.
        let _ = timeout(FAREWELL, rest).await;
    }

    async fn write(&self, notice: Notice) {
        let reason = notice.reason;
        let name = notice.regarding.name.clone().unwrap_or_default();
        match timeout(deadline::CALL, self.create_or_count(notice)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%reason, object = name, %error, "event not written"),
            Err(_) => tracing::debug!(%reason, object = name, "event not written in time"),
        }
    }

    async fn create_or_count(&self, notice: Notice) -> Result<(), kube::Error> {
        let event = event(notice, &self.reporter, MicroTime(self.clock.now()));
        let namespace = event.metadata.namespace.clone().unwrap_or_default();
        let name = event.metadata.name.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        match api.create(&PostParams::default(), &event).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                let known = api.get(&name).await?;
                // A series begins with its second event.
                let count = known
                    .series
                    .map_or(1, |series| series.count)
                    .saturating_add(1);
                let series = EventSeries {
                    count,
                    last_observed_time: MicroTime(self.clock.now()),
                };
                let patch = Patch::Merge(json!({ "series": series }));
                api.patch(&name, &PatchParams::default(), &patch).await?;
                Ok(())
            }
            other => other.map(|_| ()),
        }
    }
}

/// The event that a notice becomes. Its name follows from its content alone.
fn event(notice: Notice, reporter: &Reporter, now: MicroTime) -> Event {
    let Notice {
        regarding,
        event_type,
        reason,
        note,
        action,
    } = notice;
    let type_ = match event_type {
        EventType::Normal => "Normal",
        EventType::Warning => "Warning",
    };
    let note = cut(&note, NOTE_LIMIT).to_owned();
    let content = format!(
        "{} {} {type_} {reason} {action} {note}",
        regarding.uid.as_deref().unwrap_or_default(),
        reporter.controller
    );
    Event {
        metadata: ObjectMeta {
            name: Some(event_name(&regarding, digest(&content))),
            // Events of objects without a namespace go where client-go puts them.
            namespace: regarding
                .namespace
                .clone()
                .or_else(|| Some("default".to_owned())),
            ..ObjectMeta::default()
        },
        action: Some(action),
        event_time: Some(now),
        note: Some(note),
        reason: Some(reason.as_str().to_owned()),
        regarding: Some(regarding),
        reporting_controller: Some(reporter.controller.clone()),
        reporting_instance: reporter
            .instance
            .clone()
            .or_else(|| Some(reporter.controller.clone())),
        type_: Some(type_.to_owned()),
        ..Event::default()
    }
}

fn event_name(regarding: &ObjectReference, digest: u64) -> String {
    let digest = format!("{digest:016x}");
    let object = regarding.name.as_deref().unwrap_or_default();
    // A name may end neither in a dot nor in a dash before the next dot.
    let object = cut(object, NAME_LIMIT - digest.len() - 1).trim_end_matches(['.', '-']);
    format!("{object}.{digest}")
}

/// The longest beginning of a text that has at most `limit` bytes.
fn cut(text: &str, limit: usize) -> &str {
    let end = text
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|end| *end <= limit)
        .last()
        .unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use poolservice_api::Reason;

    use super::*;

    fn notice(note: &str) -> Notice {
        Notice {
            regarding: ObjectReference {
                kind: Some("Service".to_owned()),
                namespace: Some("shop".to_owned()),
                name: Some("web".to_owned()),
                uid: Some("u1".to_owned()),
                ..ObjectReference::default()
            },
            event_type: EventType::Warning,
            reason: Reason::NoMatchNodePool,
            note: note.to_owned(),
            action: "FanOut".to_owned(),
        }
    }

    fn made(notice: Notice) -> Event {
        let reporter = Reporter {
            controller: "ecm".to_owned(),
            instance: Some("ecm-0".to_owned()),
        };
        event(notice, &reporter, MicroTime(jiff::Timestamp::UNIX_EPOCH))
    }

    #[test]
    fn the_same_event_has_the_same_name_and_another_text_another_one() {
        let name = |note| made(notice(note)).metadata.name.unwrap();
        assert_eq!(name("a"), name("a"));
        assert_ne!(name("a"), name("b"));
        assert!(name("a").starts_with("web."), "{}", name("a"));
    }

    #[test]
    fn every_field_that_the_api_server_asks_for_is_there() {
        let event = made(notice("no pool"));
        assert_eq!(event.metadata.namespace.as_deref(), Some("shop"));
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        assert_eq!(event.reason.as_deref(), Some("NoMatchNodePool"));
        assert_eq!(event.action.as_deref(), Some("FanOut"));
        assert_eq!(event.reporting_controller.as_deref(), Some("ecm"));
        assert_eq!(event.reporting_instance.as_deref(), Some("ecm-0"));
        assert!(event.event_time.is_some());
    }

    #[test]
    fn long_notes_and_names_are_cut_to_what_the_api_server_takes() {
        let mut long = notice(&"汉".repeat(1000));
        long.regarding.name = Some(format!("{}-{}", "a".repeat(235), "b".repeat(17)));
        let event = made(long);
        assert_eq!(event.note.unwrap().len(), 1023, "three bytes a character");
        let name = event.metadata.name.unwrap();
        assert!(name.len() <= 253 && !name.contains("-."), "{name}");
    }
}
