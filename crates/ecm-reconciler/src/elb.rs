//! The ELB controller: one PoolService, one load balancer, brought from what is to what should be.
//!
//! A sync never waits for the cloud. It looks, plans, does what can be done now, tells people, and
//! says when to look again (behaviour 4.3). It may stop at any instruction: the next one goes on
//! from the ledger.

mod applied;
mod execute;
mod memory;
mod rebuild;
mod status;
mod tell;
mod turns;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ecm_policy::conditions::{ConditionType, Reason, Refusal};
use ecm_policy::desired::{self, Desired, desired};
use ecm_policy::ledger::{self, State};
use ecm_policy::observed::Observed;
use ecm_policy::plan::{Need, Wait};
use ecm_policy::snapshot::{ObjectKey, Snapshot};
use ens_openapi::ErrorClass;
use ens_openapi::rate_limit::Priority;
use kube::Client;
use poolservice_api::PoolServiceStatus;
use thiserror::Error;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::events::Notifier;
use crate::executor::{Done, Executor, StepError};
use crate::index::Index;
use crate::ledger_store::{LedgerError, LedgerStore};
use crate::look::{LookError, Looked, Question, look};
use crate::losses::LossWatch;
use crate::metrics::Metrics;
use crate::observe::{Cloud, Freshness};
use crate::queue::Next;
use crate::region::Regions;
use crate::{deadline, report};
use memory::Memories;
use rebuild::RebuildError;
use turns::Turns;

/// Seconds after which a lost ledger is looked for again.
const LEDGER_LOST: i64 = 60;

/// When to ask again for a turn that somebody else has. That is seldom: the queue knows of turns.
const NEXT_TURN: Duration = Duration::from_millis(100);

/// How long a refusal that only a change can lift is left alone (behaviour 11.1).
const REFUSED: Duration = Duration::from_secs(5 * 60);

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
        let (_turn, seen) = {
            let index = self.index();
            // Those who share a user's load balancer take turns, and look at the others in their turn: what is
            // seen here is at least as new as the turn.
            let turn = match index.users_load_balancer(&key) {
                Some(id) => match self.turns.take(id) {
                    Some(turn) => Some(turn),
                    None => return Ok(Next::LookAgain(NEXT_TURN)),
                },
                None => None,
            };
            let status = index.pool_service(&key).map(|ps| ps.status.clone());
            (turn, index.snapshot(&key).zip(status))
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
        let look = self.look(snapshot, status, &desired, asked, &state);
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
        report::hold_first_address(&mut plan.report, &done, &ps.published);
        let is_drift = has_steps && self.memories.was_settled(key, &ps.uid, asked);
        self.tell(snapshot, plan, &done, is_drift);
        let write = self.write_status(key, ps, status, plan);
        let wrote_status = self.metrics.stage("elb", "status", write).await?;
        if wrote_status {
            self.measure_address(snapshot, plan);
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

    /// Looks at the cloud with what this process remembers, and plans.
    async fn look(
        &self,
        snapshot: &Snapshot,
        status: &PoolServiceStatus,
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
                told: report::told(status),
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

/// A digest of what is asked for, to see whether that has changed.
fn digest(desired: &Desired) -> u64 {
    // `DefaultHasher::new` has fixed keys, unlike the hasher of a HashMap.
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(desired).ok().hash(&mut hasher);
    hasher.finish()
}
