//! `ecm confirm-loss`: what vanished from the cloud at once, and the word of a person that it is
//! really gone (behaviour 8.6).

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anstream::println;
use anyhow::{Context as _, Result, bail};
use clap::Args as ClapArgs;
use ecm_policy::losses::Losses;
use ecm_reconciler::clock::Clock;
use ecm_reconciler::cluster;
use ecm_reconciler::gc;
use ecm_reconciler::index::Index;
use ecm_reconciler::losses;
use ecm_reconciler::region::Regions;
use poolservice_api::{Reason, keys};
use tokio::time::Instant;

use crate::connect::{CloudArgs, ClusterArgs, check_account};
use crate::table;
use crate::ui::{BOLD, DIM, styled};

const EXAMPLES: &str = "\
Examples:
  ecm confirm-loss               what is missing in each region
  ecm confirm-loss cn-hefei      what is missing there is really gone";

/// Flags of `ecm confirm-loss`.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// The regions whose load balancers are really gone. Without one: shows what is missing, and confirms nothing.
    regions: Vec<String>,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    cloud: CloudArgs,
}

/// What is missing of one region.
struct Missing {
    region: String,
    recorded: usize,
    /// The load balancers that the list does not show, with their PoolServices.
    gone: BTreeMap<String, String>,
    /// Whether they are too many to be believed.
    is_held: bool,
    /// Whether a controller has noticed: only what it noticed before can be confirmed.
    is_noticed: bool,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let cluster = args.cluster.connect().await?;
    let mut who = args.cluster.identity(&cluster).await?;
    let cloud = args.cloud.connect().await?;
    let ens = cloud.reader()?;
    who.cloud_account = cloud.account().await;
    let clock = Clock::system();
    let regions = Regions::new(ens, clock.clone());
    let read = cluster::read(&cluster.client, &who.load_balancer_class)
        .await
        .context("reading the cluster")?;
    check_account(&read.index, &who)?;
    let known = gc::regions(&read.index);
    if let Some(unknown) = args.regions.iter().find(|region| !known.contains(*region)) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        bail!(
            "no node pool or ledger names region {unknown:?}; known are: {}",
            known.join(", ")
        );
    }
    let mut all = Vec::new();
    for region in &known {
        let missing = look(&regions, region, &read.index, clock.seconds()).await;
        all.push(missing.with_context(|| format!("reading region {region}"))?);
    }
    show(&all);
    let namespace = keys::SYSTEM_NAMESPACE;
    for region in &args.regions {
        let missing = all.iter().find(|missing| missing.region == *region);
        let count = missing.map_or(0, |missing| missing.gone.len());
        if count == 0 {
            bail!("nothing of region {region} is missing: there is nothing to confirm");
        }
        let now = clock.now();
        losses::confirm(cluster.client.clone(), namespace, region, now)
            .await
            .with_context(|| format!("confirming the loss in region {region}"))?;
        println!(
            "Region {region}: {count} missing load balancers are confirmed to be gone, as of {now}. \
             They are made again, or let go, at the next look.\nThat counts for what the \
             controller had noticed before then; a later loss of too many has to be confirmed anew."
        );
        if missing.is_some_and(|missing| missing.is_held && !missing.is_noticed) {
            println!(
                "No PoolService shows MassLoss yet: should one do so later, say this again then."
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn look(regions: &Regions, region: &str, index: &Index, now: i64) -> Result<Missing> {
    let lists = regions.lists(region, Instant::now()).await?;
    let recorded = index.recorded_in(region);
    let mut losses = Losses::default();
    losses.compare(&recorded, lists.load_balancers.keys(), now);
    let listed = &lists.load_balancers;
    let missing: BTreeSet<&String> = recorded
        .iter()
        .filter(|id| !listed.contains_key(*id))
        .collect();
    let gone = index.pool_services().filter_map(|ps| {
        let id = ps.own_load_balancer()?.to_owned();
        missing
            .contains(&id)
            .then(|| (id, ps.snapshot.key.to_string()))
    });
    let is_noticed = index.pool_services().any(|ps| {
        let mut conditions = ps.status.conditions.iter().flatten();
        conditions.any(|condition| condition.reason == Reason::MassLoss.as_str())
    });
    Ok(Missing {
        region: region.to_owned(),
        recorded: recorded.len(),
        gone: gone.collect(),
        is_held: losses.held_since().is_some(),
        is_noticed,
    })
}

fn show(all: &[Missing]) {
    if all.is_empty() {
        println!("No node pool names a region, and no ledger records one.");
        return;
    }
    println!("{}", render(all));
    for missing in all.iter().filter(|missing| !missing.gone.is_empty()) {
        println!();
        println!(
            "{}",
            styled(BOLD, format_args!("missing in {}", missing.region))
        );
        for (id, pool_service) in &missing.gone {
            println!("  {id}  of PoolService {pool_service}");
        }
    }
    println!();
    println!(
        "{}",
        styled(
            DIM,
            "A wrong account or endpoint looks just like a loss: check both before you confirm. \
             Up to 3, or a tenth of\na region, are believed without a word."
        )
    );
}

fn render(all: &[Missing]) -> String {
    let rows = all.iter().map(|missing| {
        [
            missing.region.clone(),
            missing.recorded.to_string(),
            missing.gone.len().to_string(),
            if missing.is_held { "yes" } else { "no" }.to_owned(),
        ]
    });
    table::render(&["REGION", "RECORDED", "MISSING", "NEEDS A WORD"], rows)
}
