//! `ecm run`: the controllers against a cluster.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Args as ClapArgs;
use ecm_policy::desired;
use ecm_policy::snapshot::Identity;
use ecm_reconciler::Controllers;
use ecm_reconciler::clock::Clock;
use ecm_reconciler::dry_run::DryRun;
use ecm_reconciler::leader::Leadership;
use ecm_reconciler::metrics::Metrics;
use ecm_reconciler::preview::Preview;
use ens_openapi::client::{ClientBuilder, Deadlines};
use poolservice_api::keys;
use prometheus_client::registry::Registry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::connect::{CloudArgs, ClusterArgs};
use crate::leader_args::{Candidate, LeaderArgs, identity};
use crate::metrics_server;
use crate::policy_args::{Half, PolicyArgs};

/// Flags of `ecm run`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    cloud: CloudArgs,
    #[command(flatten)]
    leader: LeaderArgs,
    /// Do nothing: log what would be done, to the cloud and to PoolServices, and write neither. Takes no Lease, so that it may run beside a controller that works.
    #[arg(long)]
    dry_run: bool,
    /// Where /metrics, /healthz and /readyz are served: IP:PORT, :PORT for every address, or off.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    metrics_addr: metrics_server::Address,
    #[command(flatten)]
    policy: PolicyArgs,
    /// How often everything is compared with the cloud although nothing changed. [10..86400]
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..=86_400))]
    drift_interval: u64,
    /// How many Services the fan-out half works on side by side, and how many PoolServices of each region the elb half.
    #[arg(long, value_name = "N", default_value = "16")]
    workers: NonZeroUsize,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    if args.dry_run {
        return Box::pin(dry_run(args)).await;
    }
    let Start {
        stop,
        self_managed_ids,
        client,
        ens,
        who,
    } = start(&args).await?;
    let (fan_out, elb) = elect(&args, &client)?;
    let leadership = |candidate: &Option<Candidate>| match candidate {
        Some(candidate) => candidate.leadership.clone(),
        None => Leadership::sole_replica(),
    };
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let ens = ens
        .before_send(leadership(&elb).before_send())
        .observer(metrics.cloud_observer());
    let ens = ens.build().context("setting up the client of the cloud")?;
    let mut controllers = Controllers::builder(client, ens, who, leadership(&elb))
        .fan_out_leadership(leadership(&fan_out))
        .fan_out(args.policy.runs(Half::FanOut))
        .elb(args.policy.runs(Half::Elb))
        .drift_interval(Duration::from_secs(args.drift_interval))
        .unmatch_grace(args.policy.unmatch_grace())
        .unreachable_grace(args.policy.unreachable_grace())
        .workers(args.workers)
        .metrics(metrics);
    if let Some(allowed) = self_managed_ids {
        controllers = controllers.self_managed_ids(allowed);
    }
    metrics_server::serve(args.metrics_addr, registry, controllers.synced()).await?;
    let ended = controllers.run(stop).await;
    // Nothing writes any more: others may.
    let mut withdrawn = Ok(());
    for candidate in [fan_out, elb].into_iter().flatten() {
        withdrawn = withdrawn.and(candidate.withdraw().await);
    }
    // Why a Lease was lost says more than that one was.
    withdrawn.and(ended.map_err(Into::into))
}

/// What both kinds of run begin with.
struct Start {
    stop: CancellationToken,
    self_managed_ids: Option<BTreeMap<String, Vec<String>>>,
    client: kube::Client,
    ens: ClientBuilder,
    who: Identity,
}

async fn start(args: &Args) -> Result<Start> {
    // kube logs every failed call by itself; what matters is said here with its cause.
    log_to_stderr("info,kube_client::client::builder=off");
    let stop = stop_on_signal()?;
    let self_managed_ids = args.policy.self_managed_ids()?;
    let cluster = args.cluster.connect().await?;
    let cloud = args.cloud.connect().await?;
    let mut who = args.cluster.identity(&cluster).await?;
    tracing::info!(cluster_id = who.cluster_id, "cluster");
    who.cloud_account = cloud.account().await;
    let cloud = match &who.cloud_account {
        Some(account) => cloud.keep_to(account),
        None => cloud,
    };
    tracing::info!(endpoint = cloud.endpoint(), "cloud");
    Ok(Start {
        stop,
        self_managed_ids,
        client: cluster.client,
        ens: cloud.client(deadlines(&args.leader))?,
        who,
    })
}

/// Everything paused (behaviour 3.5): nothing here holds what could write.
async fn dry_run(args: Args) -> Result<()> {
    let Start {
        stop,
        self_managed_ids,
        client,
        ens,
        who,
    } = start(&args).await?;
    tracing::info!("nothing is written");
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let ens = ens
        .observer(metrics.cloud_observer())
        .before_send(Leadership::new(|| false).before_send())
        .build()
        .context("setting up the client of the cloud")?;
    let class = who.load_balancer_class.clone();
    let config = desired::Config {
        unreachable_grace: args.policy.unreachable_grace().as_secs().cast_signed(),
        self_managed_ids,
        ..desired::Config::new(who)
    };
    let preview = Preview::new(
        config,
        Some(ens.into()),
        Some(client.clone()),
        keys::SYSTEM_NAMESPACE,
        Clock::system(),
    );
    let synced = watch::Sender::new(false);
    metrics_server::serve(args.metrics_addr, registry, synced.subscribe()).await?;
    let fan_out = args.policy.runs(Half::FanOut);
    let dry_run = DryRun {
        client,
        preview,
        class,
        fan_out: fan_out.then(|| args.policy.unmatch_grace().as_secs().cast_signed()),
        elb: args.policy.runs(Half::Elb),
        drift_interval: Duration::from_secs(args.drift_interval),
        synced,
    };
    Box::pin(dry_run.run(stop))
        .await
        .context("the cluster cannot be served")
}

/// A write that was begun while we led has ended when another replica can lead (behaviour 11.4).
pub(crate) fn deadlines(leader: &LeaderArgs) -> Deadlines {
    let default = Deadlines::default();
    Deadlines {
        attempt: default
            .attempt
            .min(leader.settings("", "").write_deadline()),
        ..default
    }
}

/// Candidates for the Leases of the halves that run.
fn elect(args: &Args, client: &kube::Client) -> Result<(Option<Candidate>, Option<Candidate>)> {
    let identity = identity();
    let stand = |half: Half, name: &str| {
        let stands = args.leader.enabled && args.policy.runs(half);
        stands
            .then(|| Candidate::stand(client.clone(), args.leader.settings(name, &identity)))
            .transpose()
    };
    Ok((stand(Half::FanOut, "fan-out")?, stand(Half::Elb, "elb")?))
}

/// Logs to standard error, `RUST_LOG` deciding what.
pub(crate) fn log_to_stderr(default: &str) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

/// Cancelled by Ctrl-C and SIGTERM.
pub(crate) fn stop_on_signal() -> Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt()).context("listening for Ctrl-C")?,
        signal(SignalKind::terminate()).context("listening for SIGTERM")?,
    );
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stopped.cancel();
    });
    Ok(stop)
}
