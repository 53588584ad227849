//! `ecm sandbox`: a cluster, a cloud and the controllers in one process.

use std::path::{Path, PathBuf};

use anstream::println;
use anyhow::{Context as _, Result};
use clap::{Args as ClapArgs, ValueEnum};
use ecm_testkit::sandbox::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, POOLS, Sandbox};
use poolservice_api::keys;

use crate::run::{log_to_stderr, stop_on_signal};
use crate::table;
use crate::ui::{BOLD, DIM, styled};

/// Flags of `ecm sandbox`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where the kubeconfig is written. Default: a temporary file.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// How long the simulated cloud takes: as long as the real one, or moments.
    #[arg(long, value_name = "HOW", default_value = "fast")]
    latency: Latency,
}

/// How long the simulated cloud takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Latency {
    /// Seconds, as the real cloud.
    Real,
    /// Moments.
    Fast,
}

impl From<Latency> for ens_sim::cloud::Latency {
    fn from(latency: Latency) -> Self {
        match latency {
            Latency::Real => Self::real(),
            Latency::Fast => Self::fast(),
        }
    }
}

pub(crate) async fn run(args: Args) -> Result<()> {
    log_to_stderr("warn,ecm_reconciler=info,kube_client::client::builder=off");
    let stop = stop_on_signal()?;
    let running = Running::start(args.latency).await?;
    let file = KubeconfigFile::write(args.kubeconfig.as_deref(), running.sandbox.kubeconfig())?;
    tell(&running, file.path());
    stop.cancelled().await;
    println!("stopping");
    running.stop().await
}

/// A sandbox with the controllers at work in it.
pub(crate) struct Running {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: kube::Client,
    controllers: ecm_testkit::Running,
}

impl Running {
    /// Starts everything. The controllers talk to both simulators over real connections.
    pub(crate) async fn start(latency: Latency) -> Result<Self> {
        let sandbox = Sandbox::start(latency.into(), 1).await;
        Self::with(sandbox.context("starting the sandbox")?).await
    }

    /// Starts the cloud and the controllers; the cluster is a real control plane without nodes.
    pub(crate) async fn start_on(kubeconfig: &Path, latency: Latency) -> Result<Self> {
        let text = std::fs::read_to_string(kubeconfig)
            .with_context(|| format!("reading kubeconfig {}", kubeconfig.display()))?;
        let sandbox = Sandbox::start_on(&text, latency.into(), 1).await;
        Self::with(sandbox.context("starting the sandbox")?).await
    }

    async fn with(sandbox: Sandbox) -> Result<Self> {
        let client = sandbox
            .client()
            .await
            .context("connecting to the cluster")?;
        let controllers = sandbox.run().await.context("starting the controllers")?;
        Ok(Self {
            sandbox,
            client,
            controllers,
        })
    }

    /// Stops the controllers, then the simulators.
    pub(crate) async fn stop(self) -> Result<()> {
        let ended = self.controllers.stop().await;
        self.sandbox.shutdown().await;
        ended.context("running the controllers")
    }
}

/// A kubeconfig on disk: the user's to keep where they said where, else gone at the end.
pub(crate) enum KubeconfigFile {
    Users(PathBuf),
    Temporary(tempfile::NamedTempFile),
}

impl KubeconfigFile {
    pub(crate) fn write(path: Option<&Path>, text: &str) -> Result<Self> {
        if let Some(path) = path {
            std::fs::write(path, text)
                .with_context(|| format!("writing kubeconfig {}", path.display()))?;
            return Ok(Self::Users(path.to_owned()));
        }
        let file = tempfile::Builder::new()
            .prefix("ecm-sandbox-")
            .suffix(".kubeconfig")
            .tempfile()
            .context("making a temporary kubeconfig")?;
        std::fs::write(file.path(), text).context("writing the temporary kubeconfig")?;
        Ok(Self::Temporary(file))
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Users(path) => path,
            Self::Temporary(file) => file.path(),
        }
    }
}

fn tell(running: &Running, kubeconfig: &Path) {
    println!("{}", styled(BOLD, "The sandbox is ready."));
    println!();
    println!("cluster      {}", running.sandbox.server());
    println!(
        "cloud        {}  (a page for people, and the API)",
        running.sandbox.cloud.endpoint()
    );
    println!("credentials  {ACCESS_KEY_ID} / {ACCESS_KEY_SECRET}");
    println!();
    table::print(
        &[
            "POOL",
            "REGION",
            "NETWORK",
            "VSWITCHES",
            "NODES",
            "USER'S ELB",
        ],
        POOLS.map(|pool| {
            [
                pool.name.to_owned(),
                pool.region.to_owned(),
                pool.network.to_owned(),
                pool.vswitches.join(","),
                pool.nodes.join(","),
                pool.load_balancer.to_owned(),
            ]
        }),
    );
    println!();
    println!("In another terminal, in this folder:");
    println!();
    println!("  export KUBECONFIG={}", kubeconfig.display());
    for line in guide() {
        println!("  {line}");
    }
    println!();
    println!(
        "{}",
        styled(DIM, "Ctrl-C stops it and leaves nothing behind.")
    );
}

/// The commands of the user guide, option A.
fn guide() -> Vec<String> {
    let mut lines = vec!["kubectl apply -f examples/guide/cube.yaml".to_owned()];
    for pool in POOLS {
        lines.push(format!(
            "kubectl annotate nodepool {} {}={} {}={} {}={}",
            pool.name,
            keys::ENS_NETWORK_ID,
            pool.network,
            keys::ENS_REGION_ID,
            pool.region,
            keys::ENS_VSWITCH_ID,
            pool.vswitches.join(",")
        ));
        lines.push(format!("kubectl label nodepool {} k8s-svc=cube", pool.name));
    }
    lines.push("kubectl apply -f examples/guide/cube-svc.yaml".to_owned());
    lines.push("kubectl get svc cube-svc --watch".to_owned());
    lines
}
