//! Tasks of this repository: `cargo xtask <command>`. One file for each command.
#![forbid(unsafe_code)]

mod codegen;
mod conformance;
mod control_plane;
mod coverage;
mod fuzz;
mod guards;
mod mutants;
mod sdk_parity;
mod tidy;
mod workspace;

use clap::Parser;

/// Tasks of this repository.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    /// Write the files that follow from the code: deploy/ and docs/reference/.
    Codegen(codegen::Args),
    /// A real control plane for tests: etcd, kube-apiserver and kube-controller-manager on loopback.
    #[command(subcommand)]
    ControlPlane(control_plane::Command),
    /// Count the lines of the policy that its tests reach: more than 95 % of them.
    Coverage,
    /// Feed foreign bytes to what reads them, guided by coverage.
    Fuzz(fuzz::Args),
    /// Take out the code of the rules that guard money, one by one: a test has to notice each.
    Guards(guards::Args),
    /// Check the behaviour of an API server that this project relies on: kube-sim's, or a cluster's.
    Conformance(conformance::Args),
    /// Change one thing at a time in what plans, and see whether the tests notice: about an hour.
    Mutants(mutants::Args),
    /// Compare what ens-openapi sends with what the official Python SDKs send.
    SdkParity,
    /// Check what no compiler checks: who uses whom, rules without a test, leftovers.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Codegen(args) => codegen::run(&args),
        Command::ControlPlane(command) => control_plane::run(command),
        Command::Coverage => coverage::run(),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Guards(args) => guards::run(&args),
        Command::Conformance(args) => conformance::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::SdkParity => sdk_parity::run(),
        Command::Tidy => tidy::run(),
    }
}
