//! `cargo xtask conformance`: the behaviour of the Kubernetes API that this project relies on, checked against kube-sim or
//! against a cluster.

mod target;

use std::path::PathBuf;

use anyhow::{Result, anyhow, bail, ensure};
use clap::Args as ClapArgs;
use futures::StreamExt as _;
use kube_conformance::{Assertion, Connect, Defect, Failure, assertions, defects};

/// Flags of `cargo xtask conformance`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// The cluster to check. Default: kube-sim.
    #[arg(long, value_name = "FILE", conflicts_with = "defects")]
    kubeconfig: Option<PathBuf>,
    /// Only the assertions with this text in their name.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Show for each assertion which seeded defects of an API server make it fail.
    #[arg(long)]
    defects: bool,
}

/// A defect that fails more of the assertions than one in this many says too little about each.
const BLUNT: usize = 4;

/// How many assertions run at once against a cluster.
const AT_ONCE: usize = 12;

pub(crate) fn run(args: &Args) -> Result<()> {
    let chosen: Vec<Assertion> = assertions()
        .into_iter()
        .filter(|assertion| assertion.name.contains(&args.only))
        .collect();
    ensure!(
        !chosen.is_empty(),
        "no assertion has {:?} in its name",
        args.only
    );
    match &args.kubeconfig {
        Some(file) => against_cluster(&chosen, file),
        None if args.defects => against_defects(&chosen, args.only.is_empty()),
        None => {
            let outcomes = chosen
                .iter()
                .map(|assertion| (*assertion, in_simulation(assertion, None)));
            report("kube-sim", &outcomes.collect::<Vec<_>>())
        }
    }
}

fn against_cluster(chosen: &[Assertion], kubeconfig: &std::path::Path) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let connect = target::cluster(kubeconfig).await?;
        // Another run's namespaces may still be ending.
        let run = std::process::id();
        let outcomes: Vec<_> = futures::stream::iter(chosen.iter().enumerate())
            .map(|(number, assertion)| {
                let connect = connect.clone();
                async move {
                    let namespace = format!("conformance-{run}-{number}");
                    (
                        *assertion,
                        assertion.check(&connect, &namespace).await.err(),
                    )
                }
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        report(&kubeconfig.display().to_string(), &outcomes)
    })
}

/// Runs one assertion in a simulated cluster of its own, on a clock that stands still while anything can happen.
fn in_simulation(assertion: &Assertion, defect: Option<Defect>) -> Option<Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Some(Failure::Connect(error.to_string())),
    };
    runtime.block_on(async {
        let cluster = target::simulation();
        let connect: Connect = target::connect_to_simulation(&cluster, defect);
        let failure = assertion.check(&connect, "conformance-0").await.err();
        cluster.shutdown().await;
        failure
    })
}

/// Prints a line for each assertion and fails if one of them did.
fn report(cluster: &str, outcomes: &[(Assertion, Option<Failure>)]) -> Result<()> {
    let mut failed = 0;
    for (assertion, failure) in outcomes {
        match failure {
            None => println!("pass  {}  ({})", assertion.name, assertion.relied_on_by),
            Some(failure) => {
                failed += 1;
                println!("FAIL  {}  ({})", assertion.name, assertion.relied_on_by);
                println!("      {}", with_causes(failure));
            }
        }
    }
    let passed = outcomes.len() - failed;
    println!("conformance of {cluster}: {passed} passed, {failed} failed");
    ensure!(failed == 0, "{failed} assertions do not hold");
    Ok(())
}

fn with_causes(failure: &Failure) -> String {
    let causes = anyhow::Chain::new(failure).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}

/// For each defect, which assertions it kills. Each processor takes its share of the defects.
fn all_kills(chosen: &[Assertion], seeded: &[Defect]) -> Result<Vec<Vec<bool>>> {
    let kills = |defect: &Defect| -> Vec<bool> {
        let killed = |assertion| in_simulation(assertion, Some(*defect)).is_some();
        chosen.iter().map(killed).collect()
    };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let shares: Vec<_> = seeded
            .chunks(seeded.len().div_ceil(processors).max(1))
            .map(|share| scope.spawn(move || share.iter().map(kills).collect::<Vec<_>>()))
            .collect();
        let mut all = Vec::new();
        for share in shares {
            all.extend(share.join().map_err(|_| anyhow!("a defect panicked"))?);
        }
        Ok(all)
    })
}

/// Shows what kills what. An assertion that nothing kills asserts nothing; a defect that kills nothing shows nothing, and
/// one that kills too many shows little.
fn against_defects(chosen: &[Assertion], all: bool) -> Result<()> {
    let mut faults = Vec::new();
    let mut killers: Vec<Vec<&'static str>> = vec![Vec::new(); chosen.len()];
    let seeded = defects();
    for (defect, kills) in seeded.iter().zip(all_kills(chosen, &seeded)?) {
        let killed = kills.iter().filter(|kill| **kill).count();
        for (killers, _) in killers.iter_mut().zip(&kills).filter(|(_, kill)| **kill) {
            killers.push(defect.name);
        }
        if all && killed == 0 {
            faults.push(format!(
                "no assertion notices a server that {}",
                defect.name
            ));
        }
        if all && killed * BLUNT > chosen.len() {
            let name = defect.name;
            faults.push(format!(
                "{killed} assertions fail where a server {name}: too many to say much"
            ));
        }
    }
    for (assertion, killers) in chosen.iter().zip(&killers) {
        if killers.is_empty() {
            faults.push(format!("{} holds against every defect", assertion.name));
        }
        println!("{}: {}", assertion.name, killers.join("; "));
    }
    let caught = killers.iter().filter(|killers| !killers.is_empty()).count();
    println!(
        "{caught} of {} assertions fail against one of {} seeded defects",
        chosen.len(),
        seeded.len()
    );
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{}", faults.join("\n"))
}
