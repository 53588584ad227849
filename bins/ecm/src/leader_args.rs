//! Flags of the leader election. They bear the names that Kubernetes' own components have for them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{ArgAction, Args};
use ecm_reconciler::clock::Clock;
use ecm_reconciler::leader::{BootClock, Elector, Leadership, LostLeadership, Settings};
use poolservice_api::keys;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const HEADING: &str = "Leader election";

/// Which Lease decides who may write, and its times.
#[derive(Debug, Clone, Args)]
pub(crate) struct LeaderArgs {
    /// Whether replicas elect one that works. Without it two of them would both write to the cloud: only for one that is surely alone.
    #[arg(long = "leader-elect", value_name = "BOOL", default_value_t = true, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = HEADING)]
    pub(crate) enabled: bool,
    /// Namespace of the Leases.
    #[arg(long = "leader-elect-resource-namespace", value_name = "NAMESPACE", default_value = keys::SYSTEM_NAMESPACE, help_heading = HEADING)]
    namespace: String,
    /// Name of the Leases, before "-fan-out" and "-elb": each half has its own.
    #[arg(long = "leader-elect-resource-name", value_name = "NAME", default_value = "edge-controller-manager", help_heading = HEADING)]
    name: String,
    /// How long others wait for a leader that does not renew. [2..3600]
    #[arg(long = "leader-elect-lease-duration", value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=3_600), help_heading = HEADING)]
    lease_duration: u64,
    /// When a leader that cannot renew stops; the rest of the lease is the time that a call to the cloud may take. [1..3599]
    #[arg(long = "leader-elect-renew-deadline", value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3_599), help_heading = HEADING)]
    renew_deadline: u64,
    /// The time between two renewals, at most half of the renew deadline. [1..1800]
    #[arg(long = "leader-elect-retry-period", value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1_800), help_heading = HEADING)]
    retry_period: u64,
}

/// A candidate for one Lease.
pub(crate) struct Candidate {
    pub(crate) leadership: Leadership,
    release: CancellationToken,
    task: JoinHandle<Result<(), LostLeadership>>,
}

impl LeaderArgs {
    /// The Lease of one half, for `identity`.
    pub(crate) fn settings(&self, half: &str, identity: &str) -> Settings {
        let name = format!("{}-{half}", self.name);
        Settings {
            lease_duration: Duration::from_secs(self.lease_duration),
            renew_deadline: Duration::from_secs(self.renew_deadline),
            retry_period: Duration::from_secs(self.retry_period),
            ..Settings::new(&self.namespace, name, identity)
        }
    }
}

/// Another one for each process, even of one pod: the machine's name (in a pod that of the pod) and
/// a random number, as client-go's users have it.
pub(crate) fn identity() -> String {
    let host = rustix::system::uname();
    let host = host.nodename().to_string_lossy();
    format!("{host}_{:016x}", fastrand::u64(..))
}

impl Candidate {
    /// Begins to stand for a Lease.
    pub(crate) fn stand(client: kube::Client, settings: Settings) -> Result<Self> {
        let (elector, leadership) =
            Elector::new(client, settings, BootClock, Clock::system(), fastrand::f64)
                .context("the times of the leader election")?;
        let release = CancellationToken::new();
        Ok(Self {
            leadership,
            task: tokio::spawn(elector.run(release.clone())),
            release,
        })
    }

    /// Gives the Lease back, after everything that writes has ended. Says when it was lost.
    pub(crate) async fn withdraw(self) -> Result<()> {
        self.release.cancel();
        self.task.await.context("the election")??;
        Ok(())
    }
}
