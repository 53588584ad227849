//! `ecm sandbox`: a cluster, a cloud and the controllers in one process.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anstream::println;
use anyhow::{Context as _, Result, bail};
use clap::{Args as ClapArgs, ValueEnum};
use ecm_testkit::sandbox::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, POOLS, Sandbox};
use poolservice_api::keys;

use crate::run::{log_to_stderr, stop_on_signal};
use crate::table;
use crate::ui::{BOLD, DIM, styled};

/// Flags of `ecm sandbox`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where the kubeconfig is written: a file that is not there yet, and is gone again at the end. Default: a temporary file.
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

/// A kubeconfig on disk, for its owner only, that goes when this is dropped.
pub(crate) struct KubeconfigFile(tempfile::TempPath);

impl KubeconfigFile {
    /// Writes it to `path`, where nothing may be yet, or to a temporary file.
    pub(crate) fn write(path: Option<&Path>, text: &str) -> Result<Self> {
        let made = match path {
            Some(path) => create_new(path)?,
            None => tempfile::Builder::new()
                .prefix("ecm-sandbox-")
                .suffix(".kubeconfig")
                .tempfile()
                .context("making a temporary kubeconfig")?
                .into_temp_path(),
        };
        std::fs::write(&made, text)
            .with_context(|| format!("writing kubeconfig {}", made.display()))?;
        Ok(Self(made))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// A file that was not there: what somebody else has written, their own kubeconfig above all, is never touched.
fn create_new(path: &Path) -> Result<tempfile::TempPath> {
    let created = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match created {
        // Without the folder it would not be found again after a change of folder.
        Ok(_) => {
            let absolute = std::path::absolute(path);
            let absolute = absolute.with_context(|| format!("finding {}", path.display()))?;
            tempfile::TempPath::try_from_path(absolute).context("keeping the kubeconfig")
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => bail!(
            "--kubeconfig {path}: this file exists and is left as it is; name one that does not, or remove it if an \
             earlier sandbox left it: rm {path}",
            path = path.display()
        ),
        Err(error) => Err(error).with_context(|| format!("making kubeconfig {}", path.display())),
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_kubeconfig_is_made_where_nothing_is_for_its_owner_only_and_goes_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kubeconfig");
        let file = KubeconfigFile::write(Some(&path), "text").unwrap();
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "text");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_there_is_named_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "somebody's clusters").unwrap();
        let refused = KubeconfigFile::write(Some(&path), "text");
        let said = refused.err().unwrap().to_string();
        assert!(said.contains(&path.display().to_string()), "{said}");
        let kept = std::fs::read_to_string(&path).unwrap();
        assert_eq!(kept, "somebody's clusters");
        let nowhere = folder.path().join("no/folder");
        assert!(KubeconfigFile::write(Some(&nowhere), "text").is_err());
    }
}
