//! `ecm demo`: plays the user guide in a sandbox, step by step, and fails when a step fails. The cluster is simulated, or
//! a real control plane.

mod guide;
mod kubectl;
mod stage;

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Instant;

use anstream::println;
use anyhow::{Context as _, Result};
use clap::{Args as ClapArgs, ValueEnum};

use crate::sandbox::{Latency, Running};
use crate::ui::{BOLD, GOOD, styled};
use guide::Guide;

/// Flags of `ecm demo`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Which of the guide's two options to play. Default: both, one after the other.
    #[arg(long, value_name = "OPTION")]
    option: Option<GuideOption>,
    /// How long the simulated cloud takes: as long as the real one, or moments.
    #[arg(long, value_name = "HOW", default_value = "fast")]
    latency: Latency,
    /// Play on a real control plane without nodes instead of a simulated cluster: a kubeconfig of its administrator.
    /// Without a FILE: the one that KUBECONFIG names.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "")]
    kubeconfig: Option<OsString>,
    /// Stay up after the last step, with the Service still there, until Ctrl-C.
    #[arg(long)]
    keep: bool,
}

/// The two ways in which the guide exposes an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GuideOption {
    /// Option A: load balancers and EIPs are made and released by the controller.
    Auto,
    /// Option B: the user's own load balancers.
    SelfManaged,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    crate::run::log_to_stderr("error");
    let begun = now();
    let what = match args.kubeconfig {
        Some(_) => "A real control plane, played nodes and a simulated cloud",
        None => "A cluster and a cloud, both simulated",
    };
    let what = format!("{what}; the controllers and the traffic are real.");
    println!("{}", styled(BOLD, what));
    let running = match &args.kubeconfig {
        Some(named) => Running::start_on(&kubeconfig(named)?, args.latency).await?,
        None => Running::start(args.latency).await?,
    };
    let played = play(&running, &args).await;
    let stopped = running.stop().await;
    played?;
    stopped?;
    println!();
    println!(
        "{} in {:.1} s",
        styled(GOOD, "Every step did what the guide says"),
        begun.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The file that was named, else that of `KUBECONFIG`. The name is empty too where a shell put a variable in its place
/// that it does not know.
fn kubeconfig(named: &OsStr) -> Result<PathBuf> {
    let is_set = |name: &OsString| !name.is_empty();
    Some(named.to_owned())
        .filter(is_set)
        .or_else(|| std::env::var_os("KUBECONFIG").filter(is_set))
        .map(PathBuf::from)
        .context("--kubeconfig names no file, and KUBECONFIG is not set")
}

async fn play(running: &Running, args: &Args) -> Result<()> {
    let options = match args.option {
        Some(option) => vec![option],
        None => vec![GuideOption::Auto, GuideOption::SelfManaged],
    };
    let mut guide = Guide::new(running);
    guide.deploy().await?;
    guide.annotate_pools().await?;
    let last = options.len() - 1;
    for (at, option) in options.into_iter().enumerate() {
        match option {
            GuideOption::Auto => guide.expose_auto().await?,
            GuideOption::SelfManaged => guide.expose_self_managed().await?,
        }
        if args.keep && at == last {
            return stay(running).await;
        }
        match option {
            GuideOption::Auto => guide.delete_auto().await?,
            GuideOption::SelfManaged => guide.delete_self_managed().await?,
        }
    }
    Ok(())
}

/// Keeps the sandbox up until somebody stops it.
async fn stay(running: &Running) -> Result<()> {
    let file = crate::sandbox::KubeconfigFile::write(None, running.sandbox.kubeconfig())?;
    println!();
    println!(
        "It stays up until Ctrl-C:  export KUBECONFIG={}",
        file.path().display()
    );
    crate::run::stop_on_signal()?.cancelled().await;
    Ok(())
}

/// For the time that people read on the last line.
#[expect(
    clippy::disallowed_methods,
    reason = "nothing depends on it but what is printed"
)]
fn now() -> Instant {
    Instant::now()
}
