//! The command line.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Load balancers for edge Kubernetes: one ELB with an EIP per node pool of a Service.
#[derive(Debug, Parser)]
#[command(name = "ecm", version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the controllers against a cluster.
    Run(Box<crate::run::Args>),
    /// Show what would be done to the cloud, for a cluster or for manifests, without doing it.
    Plan(Box<crate::plan::Args>),
    /// Start a simulated cluster, a simulated cloud and the controllers, and keep them up.
    #[cfg(feature = "sandbox")]
    Sandbox(crate::sandbox::Args),
    /// Play the user guide in a sandbox, step by step.
    #[cfg(feature = "sandbox")]
    Demo(crate::demo::Args),
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Run(args) => crate::run::run(*args).await?,
            Command::Plan(args) => return crate::plan::run(*args).await,
            #[cfg(feature = "sandbox")]
            Command::Sandbox(args) => crate::sandbox::run(args).await?,
            #[cfg(feature = "sandbox")]
            Command::Demo(args) => crate::demo::run(args).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
