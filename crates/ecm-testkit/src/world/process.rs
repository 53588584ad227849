//! One controller process of a run: the controllers as a program would put them together, over
//! the two faces of the wire.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ecm_reconciler::leader::{Elector, InvalidSettings, Leadership, LostLeadership, Settings};
use ecm_reconciler::{Controllers, RunError, SHARE_OF_RATES, identity};
use ens_openapi::rate_limit::RateLimiter;
use ens_openapi::{Context, Credentials, StaticCredentials, sts};
use poolservice_api::keys;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::wire::{CloudFace, ClusterFace, Wire};
use crate::sandbox::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, CLUSTER_ID};

/// What the faces know of the process behind them.
#[derive(Debug)]
pub(super) struct Process {
    /// From 1; every start has a number of its own.
    pub(super) number: u32,
    dead: AtomicBool,
    leads: AtomicBool,
    /// Until when nothing goes out or comes in.
    still_until: Mutex<Option<Instant>>,
}

/// Namespace of the Leases.
pub(super) const LEASES: &str = "kube-system";

/// The Lease of the half that writes to the cloud.
pub(super) const ELB_LEASE: &str = "edge-controller-manager-elb";

const FAN_OUT_LEASE: &str = "edge-controller-manager-fan-out";

/// Why a process ended by itself.
#[derive(Debug, Error)]
pub(super) enum ProcessError {
    #[error("building the client of the cloud")]
    Cloud(#[from] ens_openapi::client::BuildError),
    #[error("finding out which cluster this is")]
    Identity(#[from] identity::IdentityError),
    #[error("the times of the leader election")]
    Election(#[from] InvalidSettings),
    #[error("running the controllers")]
    Run(#[from] RunError),
}

impl Process {
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            dead: AtomicBool::new(false),
            leads: AtomicBool::new(true),
            still_until: Mutex::default(),
        }
    }

    /// From now on nothing that it does has any effect.
    pub(super) fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Whether it may write to the cloud, where nobody is elected.
    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    /// By what a Lease names it.
    pub(super) fn identity(&self) -> String {
        format!("process-{}", self.number)
    }

    /// For so long nothing goes out or comes in.
    pub(super) fn stand_still(&self, time: Duration) {
        let mut until = self
            .still_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + time);
    }

    /// Returns when it does not stand still.
    pub(super) async fn awake(&self) {
        let until = *self
            .still_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = until {
            sleep_until(until).await;
        }
    }

    /// Takes the right to write from it, or gives it back.
    pub(super) fn set_leads(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }
}

/// Runs the controllers until `stop`.
pub(super) async fn run(
    wire: Arc<Wire>,
    process: Arc<Process>,
    stop: CancellationToken,
) -> Result<(), ProcessError> {
    let clock = wire.clock();
    let client = kube::Client::new(
        ClusterFace::new(wire.clone(), process.clone()),
        "default".to_owned(),
    );
    let mut elections = Elections::default();
    let (leadership, fan_out_leadership) = if wire.config().replicas < 2 {
        let (process, knows) = (process.clone(), wire.config().knows_whether_it_leads);
        let leadership = Leadership::new(move || process.leads() || !knows);
        (leadership.clone(), leadership)
    } else {
        let mut stand = |lease| elections.stand(client.clone(), lease, process.identity(), clock);
        let (elb, fan_out) = (stand(ELB_LEASE)?, stand(FAN_OUT_LEASE)?);
        if wire.config().knows_whether_it_leads {
            (elb, fan_out)
        } else {
            (Leadership::sole_replica(), fan_out)
        }
    };
    let random = {
        let wire = wire.clone();
        move || wire.random()
    };
    let credentials = StaticCredentials::new(Credentials::new(ACCESS_KEY_ID, ACCESS_KEY_SECRET));
    let face = CloudFace::new(wire.clone(), process);
    let context = Context::new(move || clock.utc(), random);
    let mut cloud = ens_openapi::Client::builder(credentials.clone())
        .endpoint("http://ens.test")
        .transport(face.clone())
        .context(context.clone())
        .observer({
            let wire = wire.clone();
            move |attempt| wire.was_sent(attempt)
        })
        .before_send(leadership.before_send());
    if wire.config().local_rate_limit {
        cloud = cloud.rate_limiter(Arc::new(RateLimiter::with_share(SHARE_OF_RATES)));
    }
    let cloud = cloud.build()?;
    let sts = sts::client(credentials)
        .endpoint("http://sts.test")
        .transport(face)
        .context(context)
        .build()?;
    let mut identity = identity::discover(
        client.clone(),
        keys::DEFAULT_LOAD_BALANCER_CLASS,
        Some(CLUSTER_ID.to_owned()),
    )
    .await?;
    identity.cloud_account = identity::cloud_account(&sts).await.ok();
    let ended = Controllers::builder(client, cloud, identity, leadership)
        .fan_out_leadership(fan_out_leadership)
        .clock(ecm_reconciler::clock::Clock::new(move || clock.now()))
        // Seeded at the start of the run; a run has a thread of its own.
        .random(fastrand::f64)
        .run(stop)
        .await;
    // Nothing writes any more: others may.
    elections.withdraw().await;
    Ok(ended?)
}

/// Elections that a process stands in; they end with it.
#[derive(Default)]
struct Elections {
    release: CancellationToken,
    tasks: JoinSet<Result<(), LostLeadership>>,
}

impl Elections {
    fn stand(
        &mut self,
        client: kube::Client,
        lease: &str,
        identity: String,
        clock: Clock,
    ) -> Result<Leadership, InvalidSettings> {
        let settings = Settings::new(LEASES, lease, identity);
        let wall = ecm_reconciler::clock::Clock::new(move || clock.now());
        let (elector, leadership) = Elector::new(client, settings, clock, wall, fastrand::f64)?;
        self.tasks.spawn(elector.run(self.release.clone()));
        Ok(leadership)
    }

    async fn withdraw(mut self) {
        self.release.cancel();
        // Why a Lease was lost has ended the controllers before.
        while self.tasks.join_next().await.is_some() {}
    }
}
