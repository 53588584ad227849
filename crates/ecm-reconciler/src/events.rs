//! Events: what people read in `kubectl describe` (behaviour 10.3).
//!
//! A [`Notifier`] takes events from the controllers and never fails or delays a sync; a
//! [`Publisher`] writes them to the API server, and drops what it cannot write. Events are for
//! people: nothing here depends on one that arrived.
//!
//! Kube-runtime's recorder is not used, because it folds events of one reason into the first one
//! and loses the later texts for six minutes; two name conflicts of one Service would show as one.
//! Here the name of an event follows from its content: the same event, even after a restart, is
//! counted on the one that exists, and another text is another event.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ecm_policy::{plan, snapshot};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::Reporter;
use poolservice_api::Reason;
use tokio::sync::mpsc;

mod publish;

pub use kube::runtime::events::EventType;
pub use publish::Publisher;

/// Events that may wait to be written; more are dropped.
const CAPACITY: usize = 512;

/// Takes events. Clones share what was said.
#[derive(Clone)]
pub struct Notifier {
    shared: Arc<Shared>,
}

struct Shared {
    sender: mpsc::Sender<Notice>,
    /// What stands, by UID of the object: for each reason the digests of its texts.
    standing: Mutex<BTreeMap<String, BTreeMap<Reason, BTreeSet<u64>>>>,
    dropped: AtomicU64,
}

/// One event, before it has a name and a time.
#[derive(Debug, Clone)]
struct Notice {
    regarding: ObjectReference,
    event_type: EventType,
    reason: Reason,
    note: String,
    action: String,
}

impl Notifier {
    /// A notifier, and the publisher that has to run for its events to be written.
    pub fn new(
        client: kube::Client,
        reporter: Reporter,
        clock: crate::clock::Clock,
    ) -> (Self, Publisher) {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        let notifier = Self {
            shared: Arc::new(Shared {
                sender,
                standing: Mutex::default(),
                dropped: AtomicU64::new(0),
            }),
        };
        (notifier, Publisher::new(client, reporter, clock, receiver))
    }

    /// Says something: an event for each call. `action` is what was done or tried, in CamelCase.
    pub fn publish(
        &self,
        regarding: &ObjectReference,
        event_type: EventType,
        reason: Reason,
        note: impl Into<String>,
        action: &str,
    ) {
        let notice = Notice {
            regarding: regarding.clone(),
            event_type,
            reason,
            note: note.into(),
            action: action.to_owned(),
        };
        if self.shared.sender.try_send(notice).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Says something, unless it was said of this object before and was not
    /// [settled](Self::settle) since.
    pub fn publish_once(
        &self,
        regarding: &ObjectReference,
        event_type: EventType,
        reason: Reason,
        note: impl Into<String>,
        action: &str,
    ) {
        let uid = regarding.uid.clone().unwrap_or_default();
        self.publish_new(&uid, regarding, event_type, reason, note.into(), action);
    }

    /// Says something unless it stands already under `scope`, or somebody else has said the same of this object: a wrong
    /// value on a Service is one piece of news, however many pools it concerns.
    fn publish_new(
        &self,
        scope: &str,
        regarding: &ObjectReference,
        event_type: EventType,
        reason: Reason,
        note: String,
        action: &str,
    ) {
        let digest = digest(&note);
        let mut standing = self.standing();
        let reasons = standing.entry(scope.to_owned()).or_default();
        let is_new = reasons.entry(reason).or_default().insert(digest);
        let uid = regarding.uid.as_deref().unwrap_or_default();
        let is_of_object = |scope: &str| scope.rsplit('/').next() == Some(uid);
        let is_said_by_another = || {
            standing.iter().any(|(other, reasons)| {
                other != scope
                    && is_of_object(other)
                    && reasons
                        .get(&reason)
                        .is_some_and(|all| all.contains(&digest))
            })
        };
        let is_news = is_new && !is_said_by_another();
        drop(standing);
        if is_news {
            self.publish(regarding, event_type, reason, note, action);
        }
    }

    /// What was said once for this reason no longer holds: when it holds again, it is said again.
    pub fn settle(&self, uid: &str, reason: Reason) {
        self.retain(uid, reason, |_| false);
    }

    /// Says those of `events` that were not said before, and settles those that were said for one
    /// of `reasons` and are not among `events` now.
    pub fn keep_standing(
        &self,
        regarding: &ObjectReference,
        reasons: &[Reason],
        events: &[plan::Event],
        action: &str,
    ) {
        let uid = regarding.uid.clone().unwrap_or_default();
        self.keep_standing_under(&uid, regarding, reasons, events, action);
    }

    /// Like [`keep_standing`](Self::keep_standing), for one of several objects that have something
    /// to say of `regarding`: each settles what it said itself, and what several say is said once.
    pub fn keep_standing_by(
        &self,
        by: &str,
        regarding: &ObjectReference,
        reasons: &[Reason],
        events: &[plan::Event],
        action: &str,
    ) {
        let uid = regarding.uid.as_deref().unwrap_or_default();
        self.keep_standing_under(&format!("{by}/{uid}"), regarding, reasons, events, action);
    }

    fn keep_standing_under(
        &self,
        scope: &str,
        regarding: &ObjectReference,
        reasons: &[Reason],
        events: &[plan::Event],
        action: &str,
    ) {
        for reason in reasons {
            let now: BTreeSet<u64> = events
                .iter()
                .filter(|event| event.reason == *reason)
                .map(|event| digest(&event.message))
                .collect();
            self.retain(scope, *reason, |digest| now.contains(digest));
        }
        for event in events {
            let event_type = if event.warning {
                EventType::Warning
            } else {
                EventType::Normal
            };
            let note = event.message.clone();
            self.publish_new(scope, regarding, event_type, event.reason, note, action);
        }
    }

    /// The object is gone: nothing has to be remembered of it.
    pub fn forget(&self, uid: &str) {
        // What it said of others, and others of it, goes too.
        self.standing()
            .retain(|scope, _| !scope.split('/').any(|part| part == uid));
    }

    /// Says something on a PoolService.
    pub fn pool_service(
        &self,
        on: &snapshot::PoolService,
        event_type: EventType,
        reason: Reason,
        note: &str,
    ) {
        self.publish(
            &pool_service_reference(on),
            event_type,
            reason,
            note,
            ELB_ACTION,
        );
    }

    /// How many events were dropped because too many waited to be written.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Of how many objects something is remembered.
    pub fn objects(&self) -> usize {
        self.standing().len()
    }

    fn retain(&self, uid: &str, reason: Reason, keep: impl Fn(&u64) -> bool) {
        let mut standing = self.standing();
        let Some(reasons) = standing.get_mut(uid) else {
            return;
        };
        if let Some(digests) = reasons.get_mut(&reason) {
            digests.retain(keep);
            if digests.is_empty() {
                reasons.remove(&reason);
            }
        }
        if reasons.is_empty() {
            standing.remove(uid);
        }
    }

    fn standing(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<Reason, BTreeSet<u64>>>> {
        self.shared
            .standing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the controller of load balancers does to an object.
pub(crate) const ELB_ACTION: &str = "SyncLoadBalancer";

/// A Service, as events name it.
pub fn service_reference(key: &snapshot::ObjectKey, uid: &str) -> ObjectReference {
    reference("v1", "Service", key, uid)
}

/// A PoolService, as events name it.
pub fn pool_service_reference(ps: &snapshot::PoolService) -> ObjectReference {
    let api_version = format!(
        "{}/{}",
        poolservice_api::PoolService::GROUP,
        poolservice_api::PoolService::VERSION
    );
    reference(
        &api_version,
        poolservice_api::PoolService::KIND,
        &ps.key,
        &ps.uid,
    )
}

fn reference(
    api_version: &str,
    kind: &str,
    key: &snapshot::ObjectKey,
    uid: &str,
) -> ObjectReference {
    ObjectReference {
        api_version: Some(api_version.to_owned()),
        kind: Some(kind.to_owned()),
        namespace: Some(key.namespace.clone()),
        name: Some(key.name.clone()),
        uid: Some(uid.to_owned()),
        ..ObjectReference::default()
    }
}

fn digest(text: &str) -> u64 {
    // `DefaultHasher::new` has fixed keys, unlike the hasher of a HashMap.
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notifier")
    }
}

#[cfg(test)]
mod tests;
