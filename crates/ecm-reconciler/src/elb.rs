//! The ELB controller: one PoolService, one load balancer, brought from what is to what should be.
//!
//! A sync never waits for the cloud. It looks, plans, does what can be done now, tells people, and
//! says when to look again (behaviour 4.3). It may stop at any instruction: the next one goes on
//! from the ledger.

mod memory;
mod rebuild;
mod tell;
mod turns;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ecm_policy::conditions::{ConditionType, Reason, Refusal};
use ecm_policy::desired::{self, Desired, desired};
use ecm_policy::ledger::{self, Ledger, Record, State};
use ecm_policy::observed::Observed;
use ecm_policy::plan::{self, Addresses, Need, Plan, Refused, Step, Wait};
use ecm_policy::snapshot::{ObjectKey, PoolService, Snapshot};
use ens_openapi::rate_limit::Priority;
use ens_openapi::{Effect, ErrorClass};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use poolservice_api::PoolServiceStatus;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use crate::caller::Caller;
use crate::clock::Clock;
use crate::events::Notifier;
use crate::executor::{Done, Executor, Outcome, StepError};
use crate::index::Index;
use crate::ledger_store::{LedgerError, LedgerStore};
use crate::look::{LookError, Looked, Question, look};
use crate::losses::LossWatch;
use crate::metrics::Metrics;
use crate::observe::{Cloud, Freshness};
use crate::queue::Next;
use crate::region::{Changed, Regions};
use crate::{deadline, report};
use memory::{BeforeRecord, Memories};
use rebuild::RebuildError;
use turns::Turns;

/// How often a status is written again when somebody else has changed the object meanwhile.
const STATUS_ATTEMPTS: usize = 4;

/// Seconds after which a lost ledger is looked for again.
const LEDGER_LOST: i64 = 60;

/// How long a refusal that only a change can lift is left alone (behaviour 11.1).
const REFUSED: Duration = Duration::from_secs(5 * 60);

/// How many failures in a row make a refusal that nobody described one for good.
const OPAQUE_TRIES: u32 = 5;

/// What the controller needs to know apart from the objects.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who we are, and what else every decision depends on.
    pub policy: desired::Config,
    /// How often everything is looked at although nothing changed (behaviour 9.1).
    pub drift_interval: Duration,
    /// How often the listeners and backends of a load balancer are read although nothing of it
    /// changed; less often where there are many.
    pub whole_read_interval: Duration,
    /// The namespace on whose object losses are confirmed.
    pub namespace: String,
}

/// The controller.
pub struct Elb {
    client: Client,
    index: Arc<Mutex<Index>>,
    regions: Regions,
    executor: Executor,
    ledgers: LedgerStore,
    notifier: Notifier,
    clock: Clock,
    random: fn() -> f64,
    metrics: Metrics,
    config: Config,
    memories: Memories,
    turns: Turns,
    losses: LossWatch,
}

/// Why a sync failed.
#[derive(Debug, Error)]
pub enum SyncError {
    /// The ledger or finalizer could not be written.
    #[error("recording")]
    Ledger(#[from] LedgerError),
    /// The status could not be written.
    #[error("writing the status of PoolService {key}")]
    Status {
        /// Which.
        key: ObjectKey,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server did not answer.
    #[error("no answer about PoolService {key} within {} s", deadline::CALL.as_secs())]
    Deadline {
        /// Which.
        key: ObjectKey,
    },
    /// A plan kept asking for something that was read already.
    #[error("planning PoolService {key} does not get beyond {needs:?}")]
    Stuck {
        /// Which.
        key: ObjectKey,
        /// What it asks for.
        needs: BTreeSet<Need>,
    },
}

/// What [`Elb`] is made of.
pub struct Parts {
    /// Writes ledgers, finalizers and status.
    pub client: Client,
    /// What the watches say.
    pub index: Arc<Mutex<Index>>,
    /// Reads the cloud.
    pub regions: Regions,
    /// Changes the cloud.
    pub executor: Executor,
    /// Publishes events.
    pub notifier: Notifier,
    /// The wall clock.
    pub clock: Clock,
    /// Numbers in 0..1 that spread retries.
    pub random: fn() -> f64,
    /// Counts and measures.
    pub metrics: Metrics,
    /// Who we are, and how often to look.
    pub config: Config,
}

impl Elb {
    /// A controller of its parts.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            client,
            index,
            regions,
            executor,
            notifier,
            clock,
            random,
            metrics,
            config,
        } = parts;
        let losses = LossWatch::new(Some(client.clone()), &config.namespace);
        Self {
            ledgers: LedgerStore::new(client.clone()),
            client,
            index,
            regions,
            executor,
            notifier,
            clock,
            random,
            metrics,
            config,
            memories: Memories::default(),
            turns: Turns::default(),
            losses,
        }
    }

    /// Brings one PoolService a step nearer to what it should be, and says when to look again.
    ///
    /// # Errors
    /// When Kubernetes cannot be written. What the cloud refuses is shown on the PoolService and is
    /// no error of the sync.
    pub async fn sync(&self, key: ObjectKey) -> Result<Next, SyncError> {
        // Those who share a user's load balancer take turns, and look at the others in their turn.
        let shared = self.index().users_load_balancer(&key).map(str::to_owned);
        let _turn = match &shared {
            Some(id) => Some(self.turns.take(id).await),
            None => None,
        };
        let seen = {
            let index = self.index();
            index
                .snapshot(&key)
                .zip(index.pool_service(&key).map(|ps| ps.status.clone()))
        };
        let Some((snapshot, status)) = seen else {
            self.memories.forget(&key);
            return Ok(Next::Wait);
        };
        let ps = &snapshot.pool_service;
        let is_ours = ps.load_balancer_class.as_deref()
            == Some(self.config.policy.identity.load_balancer_class.as_str());
        // What carries our finalizer is let go properly, whatever its class now is.
        if (!is_ours || ps.deleting) && !ps.has_finalizer {
            self.memories.forget(&key);
            return Ok(Next::Wait);
        }
        if !is_ours && !ps.deleting {
            return Ok(Next::Wait);
        }
        // On the heap: it is larger than a caller's stack frame should be.
        Box::pin(self.sync_one(&key, &snapshot, &status)).await
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sync_one(
        &self,
        key: &ObjectKey,
        snapshot: &Snapshot,
        status: &PoolServiceStatus,
    ) -> Result<Next, SyncError> {
        let ps = &snapshot.pool_service;
        // A watch lags behind our own writes; the later ledger counts.
        let state = self.memories.newer(key, &ps.uid, ledger::of(ps));
        let mut doubt = None;
        if let State::Lost(loss) = &state {
            match Box::pin(self.rebuild(snapshot, status, loss)).await {
                Ok(()) => return Ok(Next::LookAgain(Duration::from_millis(100))),
                Err(RebuildError::Read(error)) => {
                    return self.unreadable(key, snapshot, status, &error).await;
                }
                Err(RebuildError::Write(LedgerError::Stale { .. })) => {
                    return Ok(Next::LookAgain(Duration::from_millis(200)));
                }
                Err(RebuildError::Write(error)) => return Err(error.into()),
                Err(RebuildError::Doubt(text)) => doubt = Some(text),
            }
        }
        if state.current().is_some() {
            self.memories.meet(key, &ps.uid, Instant::now());
        }
        let desired = desired(snapshot, &self.config.policy, self.clock.seconds());

        let asked = digest(&desired);
        let look = self.look(snapshot, &desired, asked, &state);
        let mut looked = match self.metrics.stage("elb", "look", look).await {
            Ok(looked) => looked,
            Err(LookError::Read(error)) => {
                return self.unreadable(key, snapshot, status, &error).await;
            }
            Err(LookError::Stuck(needs)) => {
                let key = key.clone();
                return Err(SyncError::Stuck { key, needs });
            }
        };
        let plan = &mut looked.plan;
        if let Some(doubt) = doubt {
            let condition = ConditionType::LoadBalancerReady;
            let refusal = Refusal::new(condition, Reason::LedgerLost, doubt);
            plan.report.conditions.refuse(&refusal);
            plan.wait = plan.wait.sooner(Wait::Seconds(LEDGER_LOST));
        }
        let mut ledger = state.current().cloned();
        if let Some(next) = plan.ledger.take() {
            let before = ledger.as_ref().map(|l| l.sequence);
            let written = self.ledgers.write(key, ps, before, &next);
            let written = match self.metrics.stage("elb", "ledger", written).await {
                Ok(written) => written,
                // Planned on what is not any more: the watch brings what is.
                Err(LedgerError::Stale { .. }) => {
                    self.memories.forget(key);
                    return Ok(Next::LookAgain(Duration::from_millis(200)));
                }
                Err(error) => return Err(error.into()),
            };
            self.memories.wrote_ledger(key, &ps.uid, written.clone());
            ledger = Some(written);
        }
        let lanes = std::mem::take(&mut plan.lanes);
        let has_steps = !lanes.is_empty();
        let execute = self.execute(key, ps, lanes, &mut ledger);
        let done = self.metrics.stage("elb", "execute", execute).await?;
        if has_steps {
            let lists_show = done.iter().any(|done| done.step.shows_in_lists());
            let now = Instant::now();
            self.memories.wrote_cloud(key, &ps.uid, now, lists_show);
        }
        self.learn(key, &ps.uid, asked, &done);
        report::show_failures(&mut plan.report, &done);
        let is_drift = has_steps && self.memories.was_settled(key, &ps.uid, asked);
        self.tell(snapshot, plan, &done, is_drift);
        let write = self.write_status(key, ps, status, plan);
        let wrote_status = self.metrics.stage("elb", "status", write).await?;
        let publishes = matches!(plan.report.addresses, Addresses::Publish { .. });
        if wrote_status && publishes && ps.published.is_empty() {
            let age = self.clock.seconds().saturating_sub(ps.created_at).max(0);
            let age = Duration::from_secs(age.unsigned_abs());
            self.metrics.address_published(age);
        }
        if plan.released {
            self.ledgers.let_go(key, &ps.uid).await?;
            self.memories.forget(key);
            return Ok(Next::Wait);
        }
        if plan.wait == Wait::Settled && !has_steps {
            self.memories.settled_as(key, &ps.uid, asked);
        }
        let next = self.next(key, &looked, &done, wrote_status);
        if wrote_status && looked.plan.applied.is_some() {
            // What is told now is recorded by a look that has nothing to tell.
            return Ok(next.no_later_than(Duration::from_secs(1)));
        }
        let record = self.record_applied(key, ps, ledger.as_ref(), &looked.plan);
        match self.metrics.stage("elb", "ledger", record).await? {
            Some(sooner) => Ok(next.no_later_than(sooner)),
            None => Ok(next),
        }
    }

    /// Records what is in place, once it is told and nothing on its way can change it (behaviour
    /// 5.3). Says when to try again where that is to be waited for.
    async fn record_applied(
        &self,
        key: &ObjectKey,
        ps: &PoolService,
        ledger: Option<&Ledger>,
        plan: &Plan,
    ) -> Result<Option<Duration>, SyncError> {
        let (Some(ledger), Some(applied)) = (ledger, &plan.applied) else {
            return Ok(None);
        };
        let record = &ledger.load_balancer;
        let Some(id) = record
            .id
            .as_ref()
            .filter(|_| ledger.applied.as_ref() != Some(applied))
        else {
            return Ok(None);
        };
        match self.memories.before_record(key, Instant::now()) {
            Some(BeforeRecord::Wait(wait)) => return Ok(Some(wait)),
            Some(BeforeRecord::ReadAgain) => {
                let region = &ledger.placement.region;
                self.regions.changed(region, id, Changed::Whole);
                return Ok(Some(Duration::from_millis(20)));
            }
            None => {}
        }
        let next = Ledger {
            applied: Some(applied.clone()),
            ..ledger.clone()
        };
        let written = self.ledgers.write(key, ps, Some(ledger.sequence), &next);
        match written.await {
            Ok(written) => {
                self.memories.wrote_ledger(key, &ps.uid, written);
                Ok(None)
            }
            Err(LedgerError::Stale { .. }) => {
                self.memories.forget(key);
                Ok(Some(Duration::from_millis(200)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks at the cloud with what this process remembers, and plans.
    async fn look(
        &self,
        snapshot: &Snapshot,
        desired: &Desired,
        asked: u64,
        state: &State,
    ) -> Result<Looked, LookError> {
        let ps = &snapshot.pool_service;
        let key = &ps.key;
        let begun = Instant::now();
        let fresh = Freshness {
            lists: self
                .memories
                .lists_not_before(key, begun, self.config.drift_interval),
            by_name: begun,
            detail: self
                .regions
                .whole_read_interval(self.config.whole_read_interval),
            priority: match self.memories.settled_before(key, &ps.uid) {
                _ if ps.is_urgent() => Priority::Critical,
                Some(before) if before == asked => Priority::Background,
                Some(_) => Priority::High,
                // The first look at what another process brought up.
                None => Priority::Low,
            },
        };
        let period = fresh.detail;
        let trusted = state.current().and_then(|ledger| {
            let id = ledger.load_balancer.id.as_ref()?;
            let region = &ledger.placement.region;
            Some(self.regions.trusts_ledger(region, id, period))
        });
        let question = Question {
            pool_service: ps,
            desired,
            nodes: &snapshot.nodes,
            ledger: state,
            observed: Observed {
                refused: self.memories.refused(key, &ps.uid, asked),
                trusts_ledger: trusted.unwrap_or_default(),
                ..Observed::default()
            },
        };
        let doubts = |region: String| async move {
            let lists = self.regions.latest(&region)?;
            let recorded = self.index().recorded_in(&region);
            let now = self.clock.seconds();
            self.losses.doubts(&region, &recorded, &lists, now).await
        };
        let identity = &self.config.policy.identity;
        let cloud = Cloud::Read(&self.regions, fresh);
        // On the heap: what is read of the cloud is larger than a caller's stack frame should be.
        let look = Box::pin(look(question, identity, cloud, &self.clock, doubts));
        look.await
    }

    /// Runs the lanes, and records each id before anything else is done with it.
    async fn execute(
        &self,
        key: &ObjectKey,
        ps: &PoolService,
        lanes: Vec<plan::Lane>,
        ledger: &mut Option<Ledger>,
    ) -> Result<Vec<Done>, SyncError> {
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let priority = if ps.is_urgent() {
            Priority::Critical
        } else {
            Priority::Background
        };
        let caller = Caller::new(priority, key.to_string());
        let (sender, mut results) = mpsc::unbounded_channel::<Done>();
        let record = async {
            let mut done = Vec::new();
            while let Some(result) = results.recv().await {
                self.forget_changed(&result, ledger.as_ref());
                self.forget_refused(&result, ledger.as_ref());
                if let Some(current) = ledger.as_ref()
                    && let Some(next) = after(current, &result)
                {
                    let written = self
                        .ledgers
                        .write(key, ps, Some(current.sequence), &next)
                        .await?;
                    self.memories.wrote_ledger(key, &ps.uid, written.clone());
                    *ledger = Some(written);
                }
                done.push(result);
            }
            Ok::<_, LedgerError>(done)
        };
        // The lanes go on although a ledger write fails: what they create is found again by its
        // intent.
        let ((), done) = tokio::join!(self.executor.run(lanes, &caller, sender), record);
        Ok(done?)
    }

    /// What a step has touched is read again before the next plan.
    fn forget_changed(&self, Done { step, result }: &Done, ledger: Option<&Ledger>) {
        let Some(ledger) = ledger else { return };
        let (id, what) = match step {
            Step::CreateListener {
                load_balancer,
                listener,
            }
            | Step::SetListener {
                load_balancer,
                listener,
            } => (load_balancer.as_str(), Changed::Listener(listener.key)),
            Step::StartListener { load_balancer, key }
            | Step::StopListener { load_balancer, key }
            | Step::DeleteListener { load_balancer, key } => {
                (load_balancer.as_str(), Changed::Listener(*key))
            }
            Step::AddBackends { load_balancer, .. }
            | Step::SetWeights { load_balancer, .. }
            | Step::RemoveBackends { load_balancer, .. } => {
                let is_accepted = matches!(result, Ok(Outcome::Changed | Outcome::AlreadyGone));
                let what = if is_accepted {
                    Changed::Accepted(step)
                } else {
                    Changed::Backends
                };
                (load_balancer.as_str(), what)
            }
            _ => match ledger.load_balancer.id.as_deref() {
                Some(id) => (id, Changed::Whole),
                None => return,
            },
        };
        self.regions.changed(&ledger.placement.region, id, what);
    }

    /// A server that the cloud would not attach may not be what it was when it was seen.
    fn forget_refused(&self, done: &Done, ledger: Option<&Ledger>) {
        if let (Step::AddBackends { servers, .. }, Err(_), Some(ledger)) =
            (&done.step, &done.result, ledger)
        {
            let ids = servers.iter().map(|server| &server.server_id);
            self.regions.forget_instances(&ledger.placement.region, ids);
        }
    }

    /// Remembers what the cloud will not have, so that it keeps nothing else waiting.
    fn learn(&self, key: &ObjectKey, uid: &str, asked: u64, done: &[Done]) {
        for done in done {
            if let Err(StepError::Cloud(error)) = &done.result
                && error.effect() == Effect::Ambiguous
            {
                self.memories.unsure(key, uid, Instant::now());
            }
            if done.result.is_ok() {
                self.memories.accepted(key, &done.step);
            } else if (done.is_refused_for_good() || self.is_refused_always(key, done))
                && let Some(refusal) = report::refusal(done)
            {
                let refused = Refused {
                    step: done.step.clone(),
                    reason: refusal.reason,
                    message: refusal.message,
                    again: self.clock.seconds() + REFUSED.as_secs().cast_signed(),
                };
                self.memories.refuse(key, uid, asked, refused);
            }
        }
    }

    /// Whether a step fails again and again for a reason that nobody described.
    fn is_refused_always(&self, key: &ObjectKey, done: &Done) -> bool {
        let is_opaque = matches!(&done.result, Err(StepError::Cloud(error))
            if matches!(error.class(), ErrorClass::Unknown | ErrorClass::Conflict));
        is_opaque && self.memories.failures(key) >= OPAQUE_TRIES
    }

    /// Something could not be read: nothing is concluded from that, and nothing is done.
    async fn unreadable(
        &self,
        key: &ObjectKey,
        snapshot: &Snapshot,
        status: &PoolServiceStatus,
        error: &ens_openapi::Error,
    ) -> Result<Next, SyncError> {
        let ps = &snapshot.pool_service;
        let refusal = Refusal::new(
            ConditionType::LoadBalancerReady,
            report::reason(error),
            format!("the cloud could not be read: {}", report::describe(error)),
        );
        // What serves goes on serving: only the condition about agreement changes then.
        let condition = if ps.published.is_empty() {
            ConditionType::LoadBalancerReady
        } else {
            ConditionType::InSync
        };
        let mut plan = Plan::default();
        plan.report.conditions.refuse(&Refusal {
            condition,
            ..refusal
        });
        tracing::warn!(pool_service = %key, error = report::describe(error), "the cloud could not be read");
        let note = format!(
            "the cloud could not be read: {}",
            report::describe_once(error)
        );
        self.tell_unreadable(snapshot, report::reason(error), &note);
        self.write_status(key, ps, status, &plan).await?;
        Ok(Next::LookAgain(self.retry_after(key, error)))
    }

    /// When to try again after a failed call (behaviour 11.1).
    fn retry_after(&self, key: &ObjectKey, error: &ens_openapi::Error) -> Duration {
        match error.class() {
            ErrorClass::Denied | ErrorClass::Invalid | ErrorClass::Quota => REFUSED,
            _ => error
                .retry_after()
                .unwrap_or_else(|| self.memories.backoff(key).mul_f64((self.random)()))
                .max(Duration::from_millis(100)),
        }
    }

    /// Writes the status where it differs; says whether it did. What the watch shows decides
    /// whether there is anything to write; what is written starts from the live object, so that an
    /// address that another sync has just published, or withdrawn, stays so.
    async fn write_status(
        &self,
        key: &ObjectKey,
        ps: &PoolService,
        seen: &PoolServiceStatus,
        plan: &Plan,
    ) -> Result<bool, SyncError> {
        let now = self.clock.now();
        if report::status(seen, &plan.report, ps.generation, now) == *seen {
            return Ok(false);
        }
        let api: Api<poolservice_api::PoolService> =
            Api::namespaced(self.client.clone(), &key.namespace);
        let late = |_| SyncError::Deadline { key: key.clone() };
        let failed = |source| SyncError::Status {
            key: key.clone(),
            source: Box::new(source),
        };
        for _ in 0..STATUS_ATTEMPTS {
            let live = timeout(deadline::CALL, api.get_opt(&key.name))
                .await
                .map_err(late)?;
            let live = live.map_err(failed)?;
            let Some(live) = live.filter(|live| live.metadata.uid.as_ref() == Some(&ps.uid)) else {
                return Ok(false);
            };
            let current = live.status.unwrap_or_default();
            let wanted = report::status(&current, &plan.report, live.metadata.generation, now);
            if wanted == current {
                return Ok(false);
            }
            let version = live.metadata.resource_version.unwrap_or_default();
            let patch = Patch::Merge(report::patch(&version, &current, &wanted));
            let params = PatchParams::default();
            let patched =
                timeout(deadline::CALL, api.patch_status(&key.name, &params, &patch)).await;
            match patched.map_err(late)? {
                Ok(_) => return Ok(true),
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(false),
                Err(source) => return Err(failed(source)),
            }
        }
        // Somebody else keeps writing: the next look goes on.
        Ok(false)
    }

    /// When to look again.
    fn next(
        &self,
        key: &ObjectKey,
        Looked { plan, listed, .. }: &Looked,
        done: &[Done],
        wrote_status: bool,
    ) -> Next {
        // What was refused for good waits by itself, and holds up nothing else.
        let failed = done.iter().find_map(|d| match &d.result {
            Err(StepError::Cloud(error))
                if error.class() != ErrorClass::Busy && !d.is_refused_for_good() =>
            {
                Some(error)
            }
            _ => None,
        });
        if let Some(error) = failed {
            return Next::LookAgain(self.retry_after(key, error));
        }
        self.memories.worked(key);
        let now = Instant::now();
        let delay = match plan.wait {
            Wait::Again => Duration::from_millis(if wrote_status { 100 } else { 20 }),
            Wait::Pending => self.memories.pending(key, now, true),
            Wait::Detail => self.memories.pending(key, now, false),
            Wait::Seconds(seconds) => {
                self.memories.retries(key);
                Duration::from_secs(u64::try_from(seconds).unwrap_or(1).max(1))
            }
            Wait::Settled => {
                // Spread over the last quarter, so that restarts do not make all of them meet.
                let interval = self
                    .config
                    .drift_interval
                    .mul_f64((self.random)().mul_add(0.25, 0.75));
                let due = listed.unwrap_or(now) + interval;
                self.memories.settled(key, due);
                due.duration_since(now).max(Duration::from_secs(1))
            }
        };
        Next::LookAgain(delay)
    }
}

/// The ledger after a step; `None` when the step does not change it.
fn after(ledger: &Ledger, done: &Done) -> Option<Ledger> {
    let mut next = ledger.clone();
    let record = match &done.step {
        Step::CreateLoadBalancer(_) => &mut next.load_balancer,
        Step::CreateEip(_) => next.eip.as_mut()?,
        _ => return None,
    };
    match &done.result {
        Ok(Outcome::Created(id)) => record.resolve(id.clone()),
        Err(StepError::Cloud(error)) if is_definite(record, error) => record.intent = None,
        _ => return None,
    }
    Some(next)
}

/// A refusal proves that nothing was made only when it answers the only send of the attempt, and
/// says invalid, denied or quota (behaviour 5.5).
fn is_definite(record: &Record, error: &ens_openapi::Error) -> bool {
    let is_only_send = record
        .intent
        .as_ref()
        .is_some_and(|intent| !intent.repeated);
    is_only_send
        && error.effect() != Effect::Ambiguous
        && matches!(
            error.class(),
            ErrorClass::Invalid | ErrorClass::Denied | ErrorClass::Quota
        )
}

/// A digest of what is asked for, to see whether that has changed.
fn digest(desired: &Desired) -> u64 {
    // `DefaultHasher::new` has fixed keys, unlike the hasher of a HashMap.
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(desired).ok().hash(&mut hasher);
    hasher.finish()
}
