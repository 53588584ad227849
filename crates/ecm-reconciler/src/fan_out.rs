//! The fan-out controller: looks at one Service at a time and writes what its plan says
//! (behaviour 2).
//!
//! What is decided is decided by [`ecm_policy::fan_out`]. Every write is a patch of the few fields
//! that change, or says which object it means, so that nothing of anybody else's is overwritten.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ecm_policy::events::{Controller, standing};
use ecm_policy::fan_out::{
    self, Cause, Config, Deletion, Finalizer, NewPoolService, Plan, Repair, View,
};
use ecm_policy::snapshot::ObjectKey;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use poolservice_api::Reason;
use thiserror::Error;

use crate::clock::Clock;
use crate::events::{EventType, Notifier, service_reference};
use crate::index::{Index, pool_in_name};
use crate::leader::{Leadership, NotLeading};
use crate::queue::Next;
use crate::report;

mod finalizer;
mod write;

use write::{Writer, Written};

/// The next look at what somebody else was about to change at the same moment: the watch will
/// have told by then.
const SOON: Duration = Duration::from_secs(1);

/// What the plan calls an action in events.
const ACTION: &str = "FanOut";

/// The controller that makes PoolServices of Services.
pub struct FanOut {
    writer: Writer,
    index: Arc<Mutex<Index>>,
    notifier: Notifier,
    clock: Clock,
    config: Config,
    /// By Service: its PoolServices that wait for the end of their grace. Only Services that have
    /// such a one are in it.
    unmatched: Mutex<BTreeMap<ObjectKey, BTreeMap<String, i64>>>,
}

/// Why a Service could not be fanned out.
#[derive(Debug, Error)]
pub enum FanOutError {
    /// This replica may not write.
    #[error("writing to the cluster")]
    NotLeading(#[source] NotLeading),
    /// An object could not be read.
    #[error("reading {what}")]
    Read {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: CallError,
    },
    /// The finalizer of the Service could not be put on.
    #[error("adding the finalizer to Service {key}")]
    AddFinalizer {
        /// Which Service.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CallError,
    },
    /// The finalizer of the Service could not be taken off.
    #[error("removing the finalizer from Service {key}")]
    RemoveFinalizer {
        /// Which Service.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CallError,
    },
    /// A PoolService could not be made.
    #[error("creating PoolService {key}")]
    Create {
        /// Which.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CallError,
    },
    /// A PoolService could not be put right.
    #[error("repairing PoolService {key}")]
    Repair {
        /// Which.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CallError,
    },
    /// A PoolService could not be deleted.
    #[error("deleting PoolService {key}")]
    Delete {
        /// Which.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CallError,
    },
    /// The addresses of the Service could not be published.
    #[error("writing the status of Service {key}")]
    Status {
        /// Which Service.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CallError,
    },
    /// The aggregated annotations of the Service could not be written.
    #[error("writing the aggregated annotations of Service {key}")]
    Metadata {
        /// Which Service.
        key: ObjectKey,
        /// Why.
        #[source]
        source: CallError,
    },
}

/// Why a call to the API server failed.
#[derive(Debug, Error)]
pub enum CallError {
    /// The API server refused it, or could not be reached.
    #[error("the call failed")]
    Failed(#[source] Box<kube::Error>),
    /// The API server did not answer.
    #[error("no answer within {} s", crate::deadline::CALL.as_secs())]
    Deadline,
}

/// What a [`FanOut`] works with.
pub struct Parts {
    /// Writes, and the reads that must not come from a cache.
    pub client: Client,
    /// Everything else.
    pub index: Arc<Mutex<Index>>,
    /// Tells people.
    pub notifier: Notifier,
    /// Tells the time of day.
    pub clock: Clock,
    /// Whether this replica may write.
    pub leadership: Leadership,
    /// What is the same for all Services.
    pub config: Config,
}

impl FanOut {
    /// A controller. It does nothing until [`FanOut::sync`] is called.
    pub fn new(parts: Parts) -> Self {
        Self {
            writer: Writer::new(parts.client, parts.leadership),
            index: parts.index,
            notifier: parts.notifier,
            clock: parts.clock,
            config: parts.config,
            unmatched: Mutex::default(),
        }
    }

    /// Looks at one Service and does all that can be done for it now. What fails does not keep
    /// the rest from being done; only a finalizer that cannot be put on does, since nothing may
    /// exist that it does not guard.
    ///
    /// # Errors
    /// The first step that failed. The same call again goes on from what was done.
    pub async fn sync(&self, key: ObjectKey) -> Result<Next, FanOutError> {
        let Some((view, plan)) = self.plan(&key) else {
            return Ok(Next::Wait);
        };
        let regarding = service_reference(&key, view.service.as_ref().map_or("", |s| &s.uid));
        if view.service.is_some() {
            self.notifier.keep_standing(
                &regarding,
                &standing(Controller::FanOut),
                &plan.events,
                ACTION,
            );
        }
        self.write(&view, plan, &regarding).await
    }

    /// What is to be done for a Service; `None` when there is nothing of it.
    fn plan(&self, key: &ObjectKey) -> Option<(View, Plan)> {
        let view = {
            let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            index.service_view(key)
        };
        let mut unmatched = self
            .unmatched
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let before = unmatched.remove(key).unwrap_or_default();
        let view = view?;
        let plan = fan_out::plan(&view, &self.config, &before, self.clock.seconds());
        if !plan.unmatched_since.is_empty() {
            unmatched.insert(key.clone(), plan.unmatched_since.clone());
        }
        Some((view, plan))
    }

    async fn write(
        &self,
        view: &View,
        plan: Plan,
        regarding: &ObjectReference,
    ) -> Result<Next, FanOutError> {
        let key = &view.key;
        let mut outcome = Outcome {
            look_again_in: plan
                .look_again_in
                .map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
            error: None,
        };
        if plan.finalizer == Finalizer::Add
            && self.writer.add_finalizer(view).await? == Written::Stale
        {
            return Ok(Next::LookAgain(SOON));
        }
        let mut is_current = true;
        for deletion in &plan.delete {
            let deleted = self.delete(view, deletion).await;
            is_current &= matches!(deleted, Ok(Written::Done));
            outcome.note(deleted);
        }
        for new in plan.create {
            outcome.note(self.create(new, regarding).await);
        }
        for repair in &plan.repair {
            outcome.note(self.repair(key, repair, regarding).await);
        }
        // The plan takes back the addresses of what it deletes: not where that did not happen.
        if let Some(service) = view.service.as_ref().filter(|_| is_current) {
            if let Some(ingress) = plan.ingress {
                outcome.note(self.writer.status(service, ingress).await);
            }
            if !plan.annotations.is_empty() || !plan.labels.is_empty() {
                let written = self
                    .writer
                    .metadata(service, &plan.annotations, &plan.labels);
                outcome.note(written.await);
            }
        }
        // What was published has to be taken back before the finalizer forgets that it was ours.
        if plan.finalizer == Finalizer::Remove && outcome.error.is_none() {
            outcome.note(self.writer.remove_finalizer(view, &self.config).await);
        }
        outcome.result()
    }

    async fn create(
        &self,
        new: NewPoolService,
        regarding: &ObjectReference,
    ) -> Result<Written, FanOutError> {
        let note = format!("PoolService {} for NodePool {} created", new.name, new.pool);
        let written = self.writer.create(new).await?;
        self.say(written, regarding, Reason::Created, note);
        Ok(written)
    }

    async fn repair(
        &self,
        key: &ObjectKey,
        repair: &Repair,
        regarding: &ObjectReference,
    ) -> Result<Written, FanOutError> {
        let written = self.writer.repair(&key.namespace, repair).await?;
        let note = format!("{} of PoolService {} put right", Drift(repair), repair.name);
        self.say(written, regarding, Reason::Updated, note);
        Ok(written)
    }

    /// Deletes a PoolService, if the API server shows no reason to keep it.
    async fn delete(&self, view: &View, deletion: &Deletion) -> Result<Written, FanOutError> {
        if !self.is_confirmed(view, deletion).await? {
            return Ok(Written::Stale);
        }
        self.writer.delete(&view.key.namespace, deletion).await
    }

    /// Whether a PoolService has to go by what the API server has as well: a load balancer hangs
    /// on it, and the index may lag behind (behaviour 2.8, 7.8). What is being deleted stays so
    /// and needs no second look. The grace has passed already.
    async fn is_confirmed(&self, view: &View, deletion: &Deletion) -> Result<bool, FanOutError> {
        if matches!(
            deletion.cause,
            Cause::ServiceTerminating | Cause::PoolTerminating
        ) {
            return Ok(true);
        }
        let mut live = view.clone();
        live.service = self.writer.service(&view.key).await?;
        if let Some(pool) = pool_in_name(&deletion.name, &view.key.name) {
            live.pools.retain(|known| known.name != pool);
            live.pools
                .extend(self.writer.pool(pool, &self.config).await?);
        }
        let config = Config {
            unmatch_grace: 0,
            ..self.config.clone()
        };
        let plan = fan_out::plan(&live, &config, &BTreeMap::new(), self.clock.seconds());
        Ok(plan.delete.iter().any(|again| again.uid == deletion.uid))
    }

    fn say(&self, written: Written, regarding: &ObjectReference, reason: Reason, note: String) {
        if written == Written::Done {
            self.notifier
                .publish(regarding, EventType::Normal, reason, note, ACTION);
        }
    }
}

/// What became of the steps so far.
struct Outcome {
    look_again_in: Option<Duration>,
    error: Option<FanOutError>,
}

impl Outcome {
    fn note(&mut self, written: Result<Written, FanOutError>) {
        match written {
            Ok(Written::Done) => {}
            Ok(Written::Stale) => {
                let sooner = self.look_again_in.map_or(SOON, |known| known.min(SOON));
                self.look_again_in = Some(sooner);
            }
            Err(error) => {
                if let Some(first) = &self.error {
                    let error = report::chain(&error);
                    tracing::warn!(error, %first, "another step failed");
                } else {
                    self.error = Some(error);
                }
            }
        }
    }

    fn result(self) -> Result<Next, FanOutError> {
        match (self.error, self.look_again_in) {
            (Some(error), _) => Err(error),
            (None, Some(delay)) => Ok(Next::LookAgain(delay)),
            (None, None) => Ok(Next::Wait),
        }
    }
}

/// What of a PoolService drifted, for people.
struct Drift<'a>(&'a Repair);

impl fmt::Display for Drift<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            ("labels", !self.0.labels.is_empty()),
            ("owners", self.0.owners.is_some()),
            ("class", self.0.load_balancer_class.is_some()),
        ];
        let drifted: Vec<&str> = parts
            .iter()
            .filter(|(_, is_drifted)| *is_drifted)
            .map(|(what, _)| *what)
            .collect();
        f.write_str(&drifted.join(" and "))
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
