//! Faults of the API server and of the way to it, by verb, resource and how often it has been called.
//!
//! They apply to what comes through the [`ApiService`](crate::ApiService), in process or over HTTP, and never to the
//! played controllers or to direct calls of the [`ApiServer`](crate::ApiServer).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::counter::{Changes, Counter};
use crate::status::Status;

/// What goes wrong with one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Answered with this Status; nothing has happened.
    Refuse(Status),
    /// Carried out, and then answered with this Status: the reply is lost.
    LoseReply(Status),
    /// The connection breaks before the request has an effect.
    ResetBefore,
    /// The request is carried out and the connection breaks before the answer.
    ResetAfter,
    /// Carried out after this time.
    Delay(Duration),
    /// A get or list shows the state this many revisions ago (or the oldest that is kept). Other verbs are not changed.
    Stale(u64),
}

impl Fault {
    /// A 409 as another writer would cause it: the object is unchanged.
    pub fn conflict() -> Self {
        let message = "the object has been modified; please apply your changes to the latest version and try again";
        Self::Refuse(Status::injected(409, "Conflict", message))
    }
}

/// The connection broke: what a client sees of [`Fault::ResetBefore`] and [`Fault::ResetAfter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection reset by a fault that the test asked for")]
pub struct ConnectionReset;

/// The faults of a cluster. Clones share one state.
#[derive(Clone, Default)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
    cuts: Counter,
}

#[derive(Default)]
struct Plan {
    rules: BTreeMap<Call, Fault>,
    seen: BTreeMap<(String, String), u64>,
}

/// Verb, resource, nth.
type Call = (String, String, u64);

impl Faults {
    /// Plans a fault for the `nth` call (from 1, since the start or the last [`Faults::clear`]) of `verb` (`get`,
    /// `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`) on `resource` (`services`,
    /// `services/status`, `poolservices.network.openyurt.io`). One that is planned for the same call already is
    /// replaced.
    pub fn inject(&self, verb: &str, resource: &str, nth: u64, fault: Fault) {
        self.lock()
            .rules
            .insert((verb.to_owned(), resource.to_owned(), nth), fault);
    }

    /// How often a verb has been called on a resource.
    pub fn seen(&self, verb: &str, resource: &str) -> u64 {
        self.lock()
            .seen
            .get(&(verb.to_owned(), resource.to_owned()))
            .copied()
            .unwrap_or(0)
    }

    /// Forgets all plans and counts from zero.
    pub fn clear(&self) {
        *self.lock() = Plan::default();
    }

    /// Ends every watch that is open now, as a restarting API server does. Together with
    /// [`ApiServer::compact`](crate::ApiServer::compact), those that resume are told 410 Expired.
    pub fn cut_watches(&self) {
        self.cuts.grow();
    }

    /// Counts a call and says what goes wrong with it.
    pub(crate) fn next(&self, verb: &str, resource: &str) -> Option<Fault> {
        let mut plan = self.lock();
        let count = plan
            .seen
            .entry((verb.to_owned(), resource.to_owned()))
            .or_insert(0);
        *count += 1;
        let call = (verb.to_owned(), resource.to_owned(), *count);
        plan.rules.remove(&call)
    }

    /// Changes with each cut.
    pub(crate) fn cuts(&self) -> Changes {
        self.cuts.changes()
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
