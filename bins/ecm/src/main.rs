//! `ecm`: load balancers for edge Kubernetes, one per node pool.
#![forbid(unsafe_code)]

mod cli;
mod confirm_loss;
mod connect;
#[cfg(feature = "sandbox")]
mod demo;
mod gc;
mod leader_args;
mod metrics_server;
mod plan;
mod policy_args;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
mod status;
mod table;
mod ui;

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    match cli::Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            ui::error(&error);
            ExitCode::FAILURE
        }
    }
}
