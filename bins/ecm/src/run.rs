//! `ecm run`: the controllers against a cluster.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args as ClapArgs, ValueEnum};
use ecm_reconciler::leader::Leadership;
use ecm_reconciler::{Controllers, identity};
use ens_openapi::HyperTransport;
use ens_openapi::client::DEFAULT_ENDPOINT;
use ens_openapi::credentials::{CredentialChain, CredentialsIo};
use ens_openapi::rate_limit::RateLimiter;
use ens_openapi::transport::Proxy;
use kube::config::{KubeConfigOptions, Kubeconfig};
use poolservice_api::keys;
use tokio_util::sync::CancellationToken;

/// Share of the published rates that this program takes.
const SHARE_OF_RATES: f64 = 0.5;

/// Flags of `ecm run`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The cluster: a kubeconfig file. Default: $KUBECONFIG, ~/.kube/config, or the pod's own account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The cloud: a host or URL. Default: the public endpoint.
    #[arg(long, value_name = "URL", env = "ALIBABA_CLOUD_ENDPOINT_ENS")]
    ens_endpoint: Option<String>,
    /// The load balancer class that is served.
    #[arg(long, value_name = "CLASS", default_value = keys::DEFAULT_LOAD_BALANCER_CLASS)]
    load_balancer_class: String,
    /// The cluster's id in names. Default: ConfigMap kube-system/ack-cluster-profile, else the UID of namespace kube-system.
    #[arg(long, value_name = "ID")]
    cluster_id: Option<String>,
    /// Which halves run.
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        default_value = "fan-out,elb"
    )]
    controllers: Vec<Half>,
    /// How often everything is compared with the cloud although nothing changed.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..=86_400))]
    drift_interval: u64,
    /// How long a pool that no longer matches keeps its load balancer.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    unmatch_grace: u64,
    /// How many objects each half works on side by side.
    #[arg(long, value_name = "N", default_value = "16")]
    workers: NonZeroUsize,
}

/// One half of the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Half {
    /// Services to PoolServices and back.
    FanOut,
    /// PoolServices to load balancers.
    Elb,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    // kube logs every failed call by itself; what matters is said here with its cause.
    log_to_stderr("info,kube_client::client::builder=off");
    let (kube, server) = kube_client(args.kubeconfig.as_ref()).await?;
    let leadership = Leadership::sole_replica();
    let ens = ens_client(args.ens_endpoint.as_deref(), &leadership)?;
    tracing::info!(
        endpoint = args.ens_endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT),
        "cloud"
    );
    let identity = identity::discover(kube.clone(), args.load_balancer_class, args.cluster_id)
        .await
        .with_context(|| {
            format!(
                "asking {server} which cluster this is: can it be reached from here, and may this \
                 user read namespace {}?",
                keys::SYSTEM_NAMESPACE
            )
        })?;
    tracing::info!(cluster_id = identity.cluster_id, "cluster");
    Controllers::builder(kube, Arc::new(ens), identity, leadership)
        .fan_out(args.controllers.contains(&Half::FanOut))
        .elb(args.controllers.contains(&Half::Elb))
        .drift_interval(Duration::from_secs(args.drift_interval))
        .unmatch_grace(Duration::from_secs(args.unmatch_grace))
        .workers(args.workers)
        .run(stop_on_signal()?)
        .await?;
    Ok(())
}

/// A client of the cluster and the server's address. Without kube's own retries: they repeat
/// writes for minutes.
async fn kube_client(kubeconfig: Option<&PathBuf>) -> Result<(kube::Client, String)> {
    let mut config = match kubeconfig {
        Some(path) => {
            let file = Kubeconfig::read_from(path)
                .with_context(|| format!("reading kubeconfig {}", path.display()))?;
            kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
                .await
                .with_context(|| format!("kubeconfig {}", path.display()))?
        }
        None => kube::Config::infer().await.context(
            "no cluster: give --kubeconfig FILE, set KUBECONFIG, or run in a pod with a service account",
        )?,
    };
    config.default_retry = false;
    let server = config.cluster_url.to_string();
    Ok((
        kube::Client::try_from(config).context("connecting to the cluster")?,
        server,
    ))
}

/// A client of the cloud that asks for leadership before every write and keeps to half of the
/// published rates: they are the account's, and others use it too (behaviour 11.2).
fn ens_client(endpoint: Option<&str>, leadership: &Leadership) -> Result<ens_openapi::Client> {
    let proxy = Proxy::from_variables(|name| std::env::var(name).ok())
        .context("the proxy of the environment")?;
    let transport = || {
        let builder = HyperTransport::builder().proxy(proxy.clone());
        builder.build().context("setting up TLS")
    };
    let credentials = CredentialChain::official(&CredentialsIo::of_this_process(transport()?));
    let mut builder = ens_openapi::Client::builder(credentials)
        .transport(transport()?)
        .user_agent_suffix(concat!("ecm/", env!("CARGO_PKG_VERSION")))
        .rate_limiter(Arc::new(RateLimiter::with_share(SHARE_OF_RATES)))
        .before_send(leadership.before_send());
    if let Some(endpoint) = endpoint {
        builder = builder.endpoint(endpoint);
    }
    builder
        .build()
        .context("setting up the client of the cloud")
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
