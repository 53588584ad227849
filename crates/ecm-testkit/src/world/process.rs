//! One controller process of a run: the controllers as a program would put them together, over
//! the two faces of the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ecm_reconciler::leader::Leadership;
use ecm_reconciler::{Controllers, RunError, SHARE_OF_RATES, identity};
use ens_openapi::rate_limit::RateLimiter;
use ens_openapi::{Context, Credentials, StaticCredentials, sts};
use poolservice_api::keys;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::wire::{CloudFace, ClusterFace, Wire};
use crate::sandbox::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, CLUSTER_ID};

/// What the faces know of the process behind them.
#[derive(Debug)]
pub(super) struct Process {
    /// From 1; every start has a number of its own.
    pub(super) number: u32,
    dead: AtomicBool,
    leads: AtomicBool,
}

/// Why a process ended by itself.
#[derive(Debug, Error)]
pub(super) enum ProcessError {
    #[error("building the client of the cloud")]
    Cloud(#[from] ens_openapi::client::BuildError),
    #[error("finding out which cluster this is")]
    Identity(#[from] identity::IdentityError),
    #[error("running the controllers")]
    Run(#[from] RunError),
}

impl Process {
    pub(super) fn new(number: u32) -> Self {
        Self {
            number,
            dead: AtomicBool::new(false),
            leads: AtomicBool::new(true),
        }
    }

    /// From now on nothing that it does has any effect.
    pub(super) fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Whether it may write to the cloud.
    pub(super) fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
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
    let leadership = {
        let (process, knows) = (process.clone(), wire.config().knows_whether_it_leads);
        Leadership::new(move || process.leads() || !knows)
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
    Controllers::builder(client, cloud, identity, leadership)
        .clock(ecm_reconciler::clock::Clock::new(move || clock.now()))
        // Seeded at the start of the run; a run has a thread of its own.
        .random(fastrand::f64)
        .run(stop)
        .await?;
    Ok(())
}
