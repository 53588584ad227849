//! Watches: readers of the log of changes, each at its own place.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::read::{Selection, options_fault, parse_revision};
use super::{ApiServer, ListOptions, LogEntry, Target};
use crate::counter::Changes;
use crate::object;
use crate::status::{FieldError, Status};
use crate::versions;

/// How often a watch that wants bookmarks gets one, as in the real server's watch cache.
const BOOKMARK_INTERVAL: Duration = Duration::from_secs(60);

/// How long before the end of a watch its last bookmark comes.
const BOOKMARK_BEFORE_END: Duration = Duration::from_secs(2);

/// The query of a watch.
#[derive(Debug, Clone, Default)]
pub struct WatchOptions {
    /// `labelSelector`, in the text form.
    pub label_selector: String,
    /// `fieldSelector`, in the text form.
    pub field_selector: String,
    /// Changes after this revision; empty or `0` begin with what exists.
    pub resource_version: String,
    /// `resourceVersionMatch`, as given; needed with `send_initial_events`.
    pub resource_version_match: String,
    /// Whether bookmarks are wanted.
    pub allow_bookmarks: bool,
    /// Whether to begin with what exists and a bookmark that says so (a streaming list).
    pub send_initial_events: bool,
    /// After how long the watch ends.
    pub timeout: Option<Duration>,
}

/// `metav1.WatchEvent`.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchEvent {
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    pub kind: &'static str,
    /// The object, or a Status for `ERROR`.
    pub object: Value,
}

/// A running watch.
pub struct Watch {
    server: ApiServer,
    target: Target,
    selection: Selection,
    /// Everything up to this revision has been told.
    cursor: u64,
    pending: VecDeque<WatchEvent>,
    changes: Changes,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Option<Instant>,
    ended: bool,
}

impl ApiServer {
    /// Starts a watch. Must be called inside a tokio runtime with its timer enabled.
    ///
    /// # Errors
    /// 400 for options that cannot be read, 504 for a revision not yet reached. That a revision is no longer kept is told by
    /// an `ERROR` event with a 410 Status.
    pub fn watch(&self, target: &Target, options: &WatchOptions) -> Result<Watch, Status> {
        let selection = Selection::parse(
            &target.resource,
            &options.label_selector,
            &options.field_selector,
        )?;
        if options.send_initial_events && options.resource_version_match != "NotOlderThan" {
            let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            return Err(options_fault(FieldError::forbidden(
                "resourceVersionMatch",
                detail,
            )));
        }
        let asked = parse_revision(&options.resource_version)?.unwrap_or(0);
        let changes = self.shared.revision.changes();
        let (cursor, pending) = if asked == 0 || options.send_initial_events {
            let revision = self.revision();
            if asked > revision {
                return Err(Status::revision_too_large(asked, revision));
            }
            self.initial_events(target, options)?
        } else {
            // A revision that is no longer kept is told by an event in the stream, as the real server's watch cache does:
            // clients list again only after that.
            (asked, VecDeque::new())
        };
        let now = Instant::now();
        Ok(Watch {
            server: self.clone(),
            target: target.clone(),
            selection,
            cursor,
            pending,
            changes,
            bookmarks: options.allow_bookmarks,
            next_bookmark: now + first_bookmark(options.timeout),
            deadline: options.timeout.map(|timeout| now + timeout),
            ended: false,
        })
    }

    fn initial_events(
        &self,
        target: &Target,
        options: &WatchOptions,
    ) -> Result<(u64, VecDeque<WatchEvent>), Status> {
        let list = self.list(
            target,
            &ListOptions {
                label_selector: options.label_selector.clone(),
                field_selector: options.field_selector.clone(),
                ..ListOptions::default()
            },
        )?;
        let mut events: VecDeque<WatchEvent> = list
            .items
            .into_iter()
            .map(|object| WatchEvent {
                kind: "ADDED",
                object,
            })
            .collect();
        if options.send_initial_events && options.allow_bookmarks {
            events.push_back(bookmark(target, list.revision, true));
        }
        Ok((list.revision, events))
    }
}

/// As in the real server, a watch that ends soon gets its bookmark shortly before.
fn first_bookmark(timeout: Option<Duration>) -> Duration {
    timeout
        .and_then(|timeout| timeout.checked_sub(BOOKMARK_BEFORE_END))
        .map_or(BOOKMARK_INTERVAL, |time| time.min(BOOKMARK_INTERVAL))
}

fn too_old(asked: u64, oldest: u64) -> Status {
    Status::expired(format!("too old resource version: {asked} ({oldest})"))
}

fn bookmark(target: &Target, revision: u64, initial_events_end: bool) -> WatchEvent {
    let mut metadata = json!({"resourceVersion": revision.to_string(), "creationTimestamp": null});
    if initial_events_end {
        metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    let resource = &target.resource;
    let object =
        json!({"apiVersion": resource.api_version(), "kind": resource.kind, "metadata": metadata});
    WatchEvent {
        kind: "BOOKMARK",
        object,
    }
}

impl Watch {
    /// The resource being watched.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The next event; none once the watch has ended.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            self.changes.see();
            self.read_log();
            if !self.pending.is_empty() || self.ended {
                continue;
            }
            let wake = match self.deadline {
                Some(deadline) if !self.bookmarks => Some(deadline),
                Some(deadline) => Some(deadline.min(self.next_bookmark)),
                None => self.bookmarks.then_some(self.next_bookmark),
            };
            let timer = async {
                match wake {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.changes.changed() => {}
                () = timer => self.on_timer(),
            }
        }
    }

    fn on_timer(&mut self) {
        let now = Instant::now();
        self.ended = self.deadline.is_some_and(|deadline| deadline <= now);
        if self.bookmarks && !self.ended {
            self.next_bookmark = now + BOOKMARK_INTERVAL;
            self.pending
                .push_back(bookmark(&self.target, self.cursor, false));
        }
    }

    /// Takes over what the log has behind the cursor.
    fn read_log(&mut self) {
        let state = self.server.lock();
        if self.cursor < state.compacted {
            let status = too_old(self.cursor, state.compacted);
            self.pending.push_back(WatchEvent {
                kind: "ERROR",
                object: status.to_json(),
            });
            self.ended = true;
            return;
        }
        let start = state
            .log
            .partition_point(|entry| entry.revision <= self.cursor);
        for entry in state.log.range(start..) {
            if entry.storage == self.target.resource.storage
                && let Some(event) = self.event(entry)
            {
                self.pending.push_back(event);
            }
        }
        self.cursor = state.revision;
    }

    /// What a change is to this watch: an object that enters the selection is added, one that leaves it is deleted.
    fn event(&self, entry: &LogEntry) -> Option<WatchEvent> {
        let seen = |stored: &Value| {
            let in_namespace = self
                .target
                .namespace
                .as_ref()
                .is_none_or(|n| n == object::namespace(stored));
            let shown = versions::present(&self.target.resource, stored);
            (in_namespace && self.selection.matches(&shown)).then_some(shown)
        };
        let before = entry.before.as_deref().and_then(seen);
        let after = Some(entry.current.as_ref())
            .filter(|_| !entry.removed)
            .and_then(seen);
        match (before, after) {
            (None, None) => None,
            (None, Some(object)) => Some(WatchEvent {
                kind: "ADDED",
                object,
            }),
            (Some(_), Some(object)) => Some(WatchEvent {
                kind: "MODIFIED",
                object,
            }),
            (Some(_), None) if entry.removed => {
                let object = versions::present(&self.target.resource, &entry.current);
                Some(WatchEvent {
                    kind: "DELETED",
                    object,
                })
            }
            (Some(mut object), None) => {
                let revision = json!(entry.revision.to_string());
                object::metadata_mut(&mut object).insert("resourceVersion".to_owned(), revision);
                Some(WatchEvent {
                    kind: "DELETED",
                    object,
                })
            }
        }
    }
}
