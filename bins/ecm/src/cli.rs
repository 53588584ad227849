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
    /// Show Services, their pools and load balancers as a tree, with what is not right.
    Status(Box<crate::status::Args>),
    /// List what bears this cluster's names in the cloud and is in no ledger, and release it.
    Gc(Box<crate::gc::Args>),
    /// Show what vanished from the cloud at once, and say that it is really gone.
    ConfirmLoss(Box<crate::confirm_loss::Args>),
    /// Start a simulated cluster, a simulated cloud and the controllers, and keep them up.
    #[cfg(feature = "sandbox")]
    Sandbox(crate::sandbox::Args),
    /// Play the user guide in a sandbox, step by step.
    #[cfg(feature = "sandbox")]
    Demo(crate::demo::Args),
}

impl Cli {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        // On the heap: what a command keeps is larger than the stack frame of a caller should be.
        match self.command {
            Command::Run(args) => Box::pin(crate::run::run(*args)).await?,
            Command::Plan(args) => return Box::pin(crate::plan::run(*args)).await,
            Command::Status(args) => return Box::pin(crate::status::run(*args)).await,
            Command::Gc(args) => return Box::pin(crate::gc::run(*args)).await,
            Command::ConfirmLoss(args) => return Box::pin(crate::confirm_loss::run(*args)).await,
            #[cfg(feature = "sandbox")]
            Command::Sandbox(args) => crate::sandbox::run(args).await?,
            #[cfg(feature = "sandbox")]
            Command::Demo(args) => crate::demo::run(args).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(all(test, feature = "sandbox"))]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use clap::CommandFactory as _;

    use super::*;

    const INTRODUCTION: &str = "\
# Commands and flags

<!-- Made by `ECM_WRITE_REFERENCE=1 cargo test -p ecm reference` from the program itself; do not edit. -->
";

    /// What `--help` says, command by command.
    fn markdown() -> String {
        let mut text = INTRODUCTION.to_owned();
        let mut program = Cli::command();
        program.build();
        for command in program.get_subcommands_mut() {
            let name = command.get_name().to_owned();
            if name == "help" {
                continue;
            }
            let help = command.render_long_help().to_string();
            let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                "\n## ecm {name}\n\n```text\n{}\n```\n",
                lines.join("\n")
            );
        }
        text
    }

    #[test]
    fn the_reference_says_what_the_program_says() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
        if std::env::var_os("ECM_WRITE_REFERENCE").is_some() {
            std::fs::write(&path, markdown()).unwrap();
        }
        let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            checked_in == markdown(),
            "docs/reference/cli.md has drifted: run ECM_WRITE_REFERENCE=1 cargo test -p ecm reference"
        );
    }

    #[test]
    fn the_flags_are_consistent() {
        Cli::command().debug_assert();
    }
}
