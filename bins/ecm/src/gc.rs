//! `ecm gc`: what bears this cluster's names in the cloud and is in no ledger, and its release.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anstream::{eprintln, println};
use anyhow::{Context as _, Result, anyhow, bail};
use clap::Args as ClapArgs;
use ecm_policy::annotations::nearest;
use ecm_policy::snapshot::Identity;
use ecm_reconciler::clock::Clock;
use ecm_reconciler::cluster;
use ecm_reconciler::executor::Executor;
use ecm_reconciler::gc::{self, Orphan, Proof};
use ecm_reconciler::region::Regions;
use ens_openapi::EnsApi;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;

use crate::connect::{Cloud, CloudArgs, Cluster, ClusterArgs, check_account};
use crate::leader_args::{Candidate, LeaderArgs, identity};
use crate::run::deadlines;
use crate::table;
use crate::ui::{DIM, GOOD, Output, styled};

const EXAMPLES: &str = "\
Examples:
  ecm gc                                   what no ledger has, with what shows whose it is
  ecm gc --delete eip-... lb-...           releases these, while no controller works
  ecm gc --delete lb-... --i-own-these     also what has only its name";

/// Flags of `ecm gc`.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this region; may be repeated. Default: the regions that node pools name and ledgers record.
    #[arg(long = "region", value_name = "REGION")]
    regions: Vec<String>,
    /// Release these, by their ids. Takes the Lease of the elb half for that, and refuses while a controller holds it.
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',')]
    delete: Vec<String>,
    /// Release also what has nothing but its name to show that it is this cluster's.
    #[arg(long, requires = "delete")]
    i_own_these: bool,
    /// How the list is shown.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    cloud: CloudArgs,
    #[command(flatten)]
    leader: LeaderArgs,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let cluster = args.cluster.connect().await?;
    let mut who = args.cluster.identity(&cluster).await?;
    let cloud = args.cloud.connect().await?;
    who.cloud_account = cloud.account().await;
    if !args.regions.is_empty() {
        check_regions(&args.regions, &cloud.reader()?).await?;
    }
    if args.delete.is_empty() {
        let regions = Regions::new(cloud.reader()?, Clock::system());
        let orphans = look(&args, &cluster, &who, &regions).await?;
        show(&orphans, args.output)?;
        return Ok(ExitCode::SUCCESS);
    }
    let candidate = lead(&args, &cluster).await?;
    let released = release(&args, &cluster, &cloud, &who, &candidate).await;
    candidate.withdraw().await?;
    released
}

/// Refuses a region that the cloud does not know: it shows nothing of it, and that looks like a clean one.
async fn check_regions(named: &[String], cloud: &dyn EnsApi) -> Result<()> {
    let known = match cloud.describe_regions(None).await {
        Ok(known) => known,
        Err(error) => {
            let error = anyhow!(error);
            eprintln!("note: whether --region names regions that exist is not known: {error:#}");
            return Ok(());
        }
    };
    let known: Vec<String> = known
        .into_iter()
        .map(|region| region.ens_region_id)
        .collect();
    match unknown_region(named, &known) {
        Some(text) => bail!(text),
        None => Ok(()),
    }
}

/// What is said of the first region that is not among those of the cloud.
fn unknown_region(named: &[String], known: &[String]) -> Option<String> {
    let unknown = named.iter().find(|region| !known.contains(region))?;
    if known.is_empty() {
        return Some(format!(
            "--region {unknown}: the cloud shows no region at all to these credentials"
        ));
    }
    let nearest = nearest(unknown, known.iter().map(String::as_str));
    Some(format!(
        "--region {unknown}: none of the {} regions of the cloud has that name; did you mean {nearest}?",
        known.len()
    ))
}

/// Everything that no ledger has, by the PoolServices as they are now.
async fn look(
    args: &Args,
    cluster: &Cluster,
    who: &Identity,
    regions: &Regions,
) -> Result<Vec<Orphan>> {
    let read = cluster::read(&cluster.client, &who.load_balancer_class)
        .await
        .context("reading the cluster")?;
    check_account(&read.index, who)?;
    let mut wanted: BTreeSet<String> = args.regions.iter().cloned().collect();
    if wanted.is_empty() {
        wanted = gc::regions(&read.index);
    }
    if wanted.is_empty() {
        bail!("no node pool names a region and no ledger records one: give --region");
    }
    let retained = gc::retained(cluster.client.clone()).await;
    let retained = retained.unwrap_or_else(|error| {
        let error = anyhow!(error);
        eprintln!("note: what was retained is not known: {error:#}");
        BTreeSet::new()
    });
    let mut orphans = Vec::new();
    for region in wanted {
        let found = gc::find(regions, &region, &read.index, who, &retained).await;
        orphans.extend(found.with_context(|| format!("reading region {region}"))?);
    }
    Ok(orphans)
}

fn show(orphans: &[Orphan], output: Output) -> Result<()> {
    if output == Output::Json {
        let json = serde_json::to_string_pretty(orphans).context("writing JSON")?;
        println!("{json}");
        return Ok(());
    }
    if orphans.is_empty() {
        println!("Nothing bears this cluster's names that is not in a ledger.");
        return Ok(());
    }
    println!("{}", render(orphans, Clock::system().seconds()));
    println!();
    println!(
        "{}",
        styled(
            DIM,
            "ecm gc --delete ID... releases what you choose. Proof \"tags\": it was made by this \
             cluster; \"name only\": anybody may have\ngiven it that name, --i-own-these is needed; \
             \"of NAMESPACE/NAME\": its PoolService lives and may take it over."
        )
    );
    Ok(())
}

fn render(orphans: &[Orphan], now: i64) -> String {
    let header = [
        "ID", "KIND", "REGION", "PROOF", "RETAINED", "AGE", "ADDRESS", "NAME",
    ];
    let rows = orphans.iter().map(|orphan| {
        [
            orphan.id.clone(),
            orphan.kind.as_str().to_owned(),
            orphan.region.clone(),
            proof(&orphan.proof),
            if orphan.retained { "yes" } else { "-" }.to_owned(),
            orphan
                .created_at
                .map_or_else(|| "-".to_owned(), |at| age(now - at)),
            orphan.address.clone(),
            orphan.name.clone(),
        ]
    });
    table::render(&header, rows)
}

fn proof(proof: &Proof) -> String {
    match proof {
        Proof::Tags => "tags".to_owned(),
        Proof::Intent { pool_service } => format!("of {pool_service}"),
        Proof::NameOnly => "name only".to_owned(),
    }
}

/// A time as kubectl shows ages: the two largest units are enough, mostly one.
fn age(seconds: i64) -> String {
    match seconds {
        ..0 => "-".to_owned(),
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Takes the Lease of the half that writes to the cloud. A controller that holds it and renews it
/// is not waited for.
async fn lead(args: &Args, cluster: &Cluster) -> Result<Candidate> {
    let settings = args.leader.settings("elb", &identity());
    let (namespace, name) = (settings.namespace.clone(), settings.name.clone());
    let me = settings.identity.clone();
    // Free at once, or after the time of a holder that died, and the time of its last write.
    let patience = settings.lease_duration + settings.write_deadline() + Duration::from_secs(15);
    eprintln!(
        "waiting for Lease {namespace}/{name}, up to {} s",
        patience.as_secs()
    );
    let candidate = Candidate::stand(cluster.client.clone(), settings)?;
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), &namespace);
    let holder = tokio::select! {
        () = candidate.leadership.held() => return Ok(candidate),
        holder = live_holder(&leases, &name, &me) => holder,
        () = tokio::time::sleep(patience) => "nobody that renews it".to_owned(),
    };
    candidate.withdraw().await?;
    bail!(
        "Lease {namespace}/{name} is held by {holder}: nothing is released while a controller \
         works; scale its Deployment to 0, and back when this is done"
    );
}

/// Returns who holds a Lease when it is seen to be renewed.
async fn live_holder(leases: &Api<Lease>, name: &str, me: &str) -> String {
    let mut before = None;
    loop {
        // An answer that fails says nothing: whoever waits for this has a patience of their own.
        if let Ok(Some(lease)) = leases.get_opt(name).await {
            let spec = lease.spec.unwrap_or_default();
            let holder = spec.holder_identity.clone().unwrap_or_default();
            if !holder.is_empty() && holder != me {
                let now = (holder.clone(), spec.renew_time);
                if before.as_ref().is_some_and(|before| *before != now) {
                    return holder;
                }
                before = Some(now);
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn release(
    args: &Args,
    cluster: &Cluster,
    cloud: &Cloud,
    who: &Identity,
    candidate: &Candidate,
) -> Result<ExitCode> {
    let leadership = &candidate.leadership;
    let ens = cloud
        .client(deadlines(&args.leader))?
        .before_send(leadership.before_send())
        .build()
        .context("setting up the client of the cloud")?;
    let regions = Regions::new(ens.clone(), Clock::system());
    // What lives is read again, now that nobody else writes.
    let orphans = look(args, cluster, who, &regions).await?;
    let chosen = choose(&args.delete, &orphans, args.i_own_these)?;
    let executor = Executor::new(ens, leadership.clone());
    let mut failed = false;
    for (id, result) in gc::release(&regions, &executor, &chosen).await {
        match result {
            Ok(()) => println!("{} {id} is released", styled(GOOD, "✓")),
            Err(error) => {
                failed = true;
                crate::ui::error(&anyhow!(error));
            }
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Those of the orphans that were asked for; an error where one of them may not be released, so
/// that nothing is done by halves.
fn choose(ids: &[String], orphans: &[Orphan], own_these: bool) -> Result<Vec<Orphan>> {
    let mut chosen = Vec::new();
    for id in ids {
        let Some(orphan) = orphans.iter().find(|orphan| orphan.id == *id) else {
            bail!(
                "{id} is not in the list of ecm gc: it is in a ledger, does not bear a name of this \
                 cluster, or is in another region; nothing was released"
            );
        };
        match &orphan.proof {
            Proof::Tags => {}
            Proof::NameOnly if own_these => {}
            Proof::NameOnly => bail!(
                "{id} has nothing but its name, {:?}, to show that it is this cluster's: look at it \
                 in the cloud's console, then add --i-own-these; nothing was released",
                orphan.name
            ),
            Proof::Intent { pool_service } => bail!(
                "{id} may belong to PoolService {pool_service}, which lives and will take it over \
                 or say why not; nothing was released"
            ),
        }
        if !chosen.contains(orphan) {
            chosen.push(orphan.clone());
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use ecm_policy::snapshot::ObjectKey;
    use ecm_reconciler::gc::Kind;

    use super::*;

    fn orphan(id: &str, proof: Proof) -> Orphan {
        Orphan {
            kind: Kind::LoadBalancer,
            id: id.to_owned(),
            region: "cn-hefei".to_owned(),
            name: "k8s/web/shop/np/c1".to_owned(),
            address: "10.0.0.1".to_owned(),
            proof,
            retained: false,
            created_at: Some(1_000),
            bound_to: None,
        }
    }

    #[test]
    fn a_region_that_the_cloud_does_not_have_is_named_with_the_nearest_one() {
        let known = ["cn-hefei-cmcc".to_owned(), "cn-chengdu-telecom".to_owned()];
        assert_eq!(unknown_region(&known, &known), None);
        let named = [known[0].clone(), "cn-hefei-cmc".to_owned()];
        let said = unknown_region(&named, &known).unwrap();
        assert!(said.contains("--region cn-hefei-cmc:"), "{said}");
        assert!(said.contains("did you mean cn-hefei-cmcc?"), "{said}");
        assert!(unknown_region(&named, &[]).is_some());
    }

    #[test]
    fn rule_9_4_a_name_alone_is_released_only_by_who_says_that_it_is_theirs() {
        let orphans = [orphan("lb-1", Proof::NameOnly), orphan("lb-2", Proof::Tags)];
        let ask = |ids: &[&str], own| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            choose(&ids, &orphans, own)
        };
        assert!(
            ask(&["lb-2", "lb-1"], false).is_err(),
            "or half of it would be done"
        );
        assert_eq!(ask(&["lb-2"], false).unwrap().len(), 1);
        assert_eq!(ask(&["lb-1", "lb-2", "lb-1"], true).unwrap().len(), 2);
        let unknown = ask(&["lb-3"], true).unwrap_err().to_string();
        assert!(unknown.starts_with("lb-3 is not in the list"), "{unknown}");
    }

    #[test]
    fn rule_9_4_what_a_live_pool_service_may_take_over_is_never_released() {
        let pool_service = ObjectKey::new("shop", "web-np");
        let orphans = [orphan("lb-1", Proof::Intent { pool_service })];
        let refused = choose(&["lb-1".to_owned()], &orphans, true).unwrap_err();
        assert!(refused.to_string().contains("shop/web-np"), "{refused}");
    }

    #[test]
    fn the_table_says_proof_age_and_whether_it_was_retained() {
        let retained = Orphan {
            retained: true,
            ..orphan("lb-1", Proof::NameOnly)
        };
        let text = render(&[retained], 1_000 + 7_200);
        assert_eq!(
            text.lines()
                .nth(1)
                .unwrap()
                .split_whitespace()
                .collect::<Vec<_>>(),
            [
                "lb-1",
                "ELB",
                "cn-hefei",
                "name",
                "only",
                "yes",
                "2h",
                "10.0.0.1",
                "k8s/web/shop/np/c1"
            ]
        );
        assert_eq!(
            (age(5), age(300), age(200_000), age(-1)),
            ("5s".into(), "5m".into(), "2d".into(), "-".into())
        );
    }
}
