//! Everything put together, for a `main` of your own.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ecm_policy::backends::UNREACHABLE_GRACE;
use ecm_policy::snapshot::{Identity, ObjectKey};
use ecm_policy::{desired, fan_out as policy};
use kube::Client;
use kube::runtime::events::Reporter;
use poolservice_api::{NodePool, keys};
use thiserror::Error;
use tokio::sync::watch as flag;
use tokio_util::sync::CancellationToken;

use crate::caller::CloudApi;
use crate::clock::Clock;
use crate::elb::{self, Elb};
use crate::events::Notifier;
use crate::executor::Executor;
use crate::fan_out::{self, FanOut};
use crate::index::{Affected, Index};
use crate::leader::Leadership;
use crate::metrics::Metrics;
use crate::queue::{self, Rank, WorkQueue, full_jitter};
use crate::region::Regions;
use crate::watch::{self, DiscoveryError};

/// The controllers, and what they are told at their start.
#[must_use = "nothing runs before `run`"]
pub struct Controllers {
    client: Client,
    cloud: CloudApi,
    identity: Identity,
    leadership: Leadership,
    fan_out_leadership: Leadership,
    clock: Clock,
    random: fn() -> f64,
    fan_out: bool,
    elb: bool,
    drift_interval: Duration,
    whole_read_interval: Duration,
    unmatch_grace: Duration,
    unreachable_grace: Duration,
    self_managed_ids: Option<BTreeMap<String, Vec<String>>>,
    workers: NonZeroUsize,
    namespace: String,
    metrics: Metrics,
    synced: flag::Sender<bool>,
}

/// Why the controllers stopped.
#[derive(Debug, Error)]
pub enum RunError {
    /// The cluster lacks what they watch.
    #[error("the cluster cannot be served")]
    Discovery(#[from] DiscoveryError),
    /// Another replica leads now, or none does. What this process remembers is of the time when it
    /// led: end it, and start anew.
    #[error("the {half} half leads no more")]
    NotLeading {
        /// Which half: `fan-out` or `elb`.
        half: &'static str,
    },
}

/// The share of the published rates that controllers should keep to, for
/// `ens_openapi::rate_limit::RateLimiter::with_share`: the rates are the account's, and others use
/// it too (behaviour 11.2).
pub const SHARE_OF_RATES: f64 = 0.5;

/// What changes shortly after each other is looked at together (behaviour 7.4): a pod that moves
/// changes two nodes' servers, and each look at a load balancer that was just written costs a read.
const COALESCE: Duration = Duration::from_millis(100);

/// How many Services the fan-out half works on side by side, and how many PoolServices of each region the
/// elb half, unless told otherwise.
const WORKERS: NonZeroUsize = match NonZeroUsize::new(16) {
    Some(workers) => workers,
    None => NonZeroUsize::MIN,
};

impl Controllers {
    /// Controllers of the cluster behind `client` and the cloud behind `cloud`. Both halves run,
    /// with the defaults of `ecm run`, while `leadership` holds.
    pub fn builder(
        client: Client,
        cloud: impl Into<CloudApi>,
        identity: Identity,
        leadership: Leadership,
    ) -> Self {
        Self {
            client,
            cloud: cloud.into(),
            identity,
            fan_out_leadership: leadership.clone(),
            leadership,
            clock: Clock::system(),
            random: fastrand::f64,
            fan_out: true,
            elb: true,
            drift_interval: Duration::from_secs(300),
            whole_read_interval: Duration::from_secs(30 * 60),
            unmatch_grace: Duration::from_secs(30),
            unreachable_grace: Duration::from_secs(UNREACHABLE_GRACE.unsigned_abs()),
            self_managed_ids: None,
            workers: WORKERS,
            namespace: keys::SYSTEM_NAMESPACE.to_owned(),
            metrics: Metrics::default(),
            synced: flag::Sender::new(false),
        }
    }

    /// Whether PoolServices are made for Services. Off where yurt-manager does it.
    pub fn fan_out(mut self, on: bool) -> Self {
        self.fan_out = on;
        self
    }

    /// Whether load balancers are made for PoolServices.
    pub fn elb(mut self, on: bool) -> Self {
        self.elb = on;
        self
    }

    /// Leadership of the fan-out half, where that is not the same as of the other: each half has a
    /// Lease of its own (behaviour 1.4).
    pub fn fan_out_leadership(mut self, leadership: Leadership) -> Self {
        self.fan_out_leadership = leadership;
        self
    }

    /// How often everything is compared with the cloud although nothing changed.
    pub fn drift_interval(mut self, interval: Duration) -> Self {
        self.drift_interval = interval;
        self
    }

    /// How often the listeners and backends of each load balancer are read although nothing of it
    /// changed (behaviour 9.1): half an hour unless told otherwise, and less often where there are
    /// so many that it would be more than three reads a second.
    pub fn whole_read_interval(mut self, interval: Duration) -> Self {
        self.whole_read_interval = interval;
        self
    }

    /// For how long a pool that no longer matches keeps its load balancer.
    pub fn unmatch_grace(mut self, grace: Duration) -> Self {
        self.unmatch_grace = grace;
        self
    }

    /// For how long a backend is kept whose node the cloud has lost sight of, while other nodes of
    /// its pool are ready (behaviour 7.2). Five minutes unless told otherwise.
    pub fn unreachable_grace(mut self, grace: Duration) -> Self {
        self.unreachable_grace = grace;
        self
    }

    /// Which load balancers of users each namespace may name: ids, or beginnings of ids that end
    /// in `*` (behaviour 4.7). Without this every namespace may name every one.
    pub fn self_managed_ids(mut self, allowed: BTreeMap<String, Vec<String>>) -> Self {
        self.self_managed_ids = Some(allowed);
        self
    }

    /// How many Services the fan-out half works on side by side, and how many PoolServices of each
    /// region the elb half: a region that does not answer keeps no workers from the others (behaviour
    /// 11.2). As many more work on what is urgent: deletions, and what has no address yet.
    pub fn workers(mut self, workers: NonZeroUsize) -> Self {
        self.workers = workers;
        self
    }

    /// The namespace on whose object losses are confirmed (behaviour 8.6): `kube-system` unless
    /// told otherwise.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Metrics that somebody shows.
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Turns true when every kind that is watched has been listed. A replica that does not lead
    /// gets there as well.
    pub fn synced(&self) -> flag::Receiver<bool> {
        self.synced.subscribe()
    }

    /// Another wall clock.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of numbers in 0..1, which spread retries.
    pub fn random(mut self, random: fn() -> f64) -> Self {
        self.random = random;
        self
    }

    /// Runs until `stop` is cancelled, then ends what is under way and returns. A replica that
    /// does not lead watches and waits, so that it can go on at once.
    ///
    /// # Errors
    /// When the cluster lacks a kind that has to be watched; when the leadership of a half that
    /// runs is lost. What was under way has ended then as well.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let stop = stop.child_token();
        let node_pools = watch::discover(&self.client).await?;
        let index = Arc::new(Mutex::new(Index::new(&self.identity.load_balancer_class)));
        let reporter = Reporter {
            controller: "edge-controller-manager".into(),
            instance: None,
        };
        let (notifier, publisher) =
            Notifier::new(self.client.clone(), reporter, self.clock.clone());
        let services = queue_of(&index, self.random, Index::rank_of_service);
        let pool_services = queue_of(&index, self.random, Index::rank_of_pool_service);

        let fan_out = Arc::new(FanOut::new(fan_out::Parts {
            client: self.client.clone(),
            index: index.clone(),
            notifier: notifier.clone(),
            clock: self.clock.clone(),
            leadership: self.fan_out_leadership.clone(),
            config: policy::Config {
                load_balancer_class: self.identity.load_balancer_class.clone(),
                pool_api_version: format!("{}/{node_pools}", NodePool::GROUP),
                unmatch_grace: seconds(self.unmatch_grace),
            },
        }));
        let elb = Arc::new(Elb::new(elb::Parts {
            client: self.client.clone(),
            index: index.clone(),
            regions: Regions::new(self.cloud.clone(), self.clock.clone()),
            executor: Executor::new(self.cloud, self.leadership.clone()),
            notifier: notifier.clone(),
            clock: self.clock,
            random: self.random,
            metrics: self.metrics.clone(),
            config: elb::Config {
                policy: desired::Config {
                    identity: self.identity,
                    unreachable_grace: seconds(self.unreachable_grace),
                    self_managed_ids: self.self_managed_ids,
                },
                drift_interval: self.drift_interval,
                whole_read_interval: self.whole_read_interval,
                namespace: self.namespace,
            },
        }));

        let watched = [
            ("fan-out", self.fan_out, &services, &self.fan_out_leadership),
            ("elb", self.elb, &pool_services, &self.leadership),
        ];
        self.metrics.watch(index.clone(), watched);
        let all_synced = self.synced.subscribe();
        let enqueue = enqueue(
            notifier,
            // A queue that nobody drains must not grow.
            self.fan_out.then(|| services.clone()),
            self.elb.then(|| pool_services.clone()),
        );
        let (fan_out_leads, elb_leads) = (self.fan_out_leadership, self.leadership);
        let fan_out_half = async {
            if self.fan_out && may_begin(all_synced.clone(), &fan_out_leads, &stop).await {
                let sync = move |key| {
                    let fan_out = fan_out.clone();
                    async move { fan_out.sync(key).await }
                };
                queue::run("fan-out", services, self.workers, stop.clone(), sync).await;
            }
        };
        let elb_half = async {
            if self.elb && may_begin(all_synced.clone(), &elb_leads, &stop).await {
                let sync = move |key| {
                    let elb = elb.clone();
                    async move { elb.sync(key).await }
                };
                queue::run("elb", pool_services, self.workers, stop.clone(), sync).await;
            }
        };
        let watches = watch::run(
            self.client,
            node_pools,
            index,
            self.synced,
            enqueue,
            stop.clone(),
        );
        let leads = until_lost(
            self.fan_out.then_some(&fan_out_leads),
            self.elb.then_some(&elb_leads),
            &stop,
        );
        // On the heap: together they are larger than a caller's stack frame should be.
        let ((), (), (), (), result) = tokio::join!(
            Box::pin(watches),
            Box::pin(fan_out_half),
            Box::pin(elb_half),
            Box::pin(publisher.run(stop.clone())),
            Box::pin(leads)
        );
        result
    }
}

/// A queue of objects that `rank` finds in the index.
fn queue_of(
    index: &Arc<Mutex<Index>>,
    random: fn() -> f64,
    rank: fn(&Index, &ObjectKey) -> Rank,
) -> WorkQueue<ObjectKey> {
    let index = index.clone();
    WorkQueue::new(full_jitter(random), move |key| {
        rank(&index.lock().unwrap_or_else(PoisonError::into_inner), key)
    })
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// Puts the keys that a change affects into the queues of the halves that run.
fn enqueue(
    notifier: Notifier,
    services: Option<WorkQueue<ObjectKey>>,
    pool_services: Option<WorkQueue<ObjectKey>>,
) -> impl Fn(Affected) {
    move |affected| {
        for uid in &affected.gone {
            notifier.forget(uid);
        }
        let both = [
            (&services, affected.services),
            (&pool_services, affected.pool_services),
        ];
        for (queue, keys) in both {
            for key in keys {
                if let Some(queue) = queue {
                    queue.add_changed(key, COALESCE);
                }
            }
        }
    }
}

/// Waits until every kind has been listed, as nothing is decided on half a picture (behaviour 7.8),
/// and until this replica leads. False when it was stopped before.
async fn may_begin(
    mut synced: flag::Receiver<bool>,
    leadership: &Leadership,
    stop: &CancellationToken,
) -> bool {
    let both = async {
        let is_synced = synced.wait_for(|all| *all).await.is_ok();
        leadership.held().await;
        is_synced
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        may = both => may,
    }
}

/// Stops everything when the leadership of a half that runs is lost.
async fn until_lost(
    fan_out: Option<&Leadership>,
    elb: Option<&Leadership>,
    stop: &CancellationToken,
) -> Result<(), RunError> {
    let half = tokio::select! {
        biased;
        () = stop.cancelled() => return Ok(()),
        () = lost(fan_out) => "fan-out",
        () = lost(elb) => "elb",
    };
    stop.cancel();
    Err(RunError::NotLeading { half })
}

/// Returns when leadership that was held is lost.
async fn lost(leadership: Option<&Leadership>) {
    match leadership {
        Some(leadership) => {
            leadership.held().await;
            leadership.lost().await;
        }
        None => std::future::pending().await,
    }
}
