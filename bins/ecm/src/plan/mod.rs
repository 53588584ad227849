//! `ecm plan`: what would be done, without doing it.

mod manifests;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstream::{eprintln, println};
use anyhow::{Context as _, Result, bail};
use clap::Args as ClapArgs;
use ecm_policy::desired;
use ecm_policy::fan_out;
use ecm_policy::snapshot::{Identity, ObjectKey};
use ecm_reconciler::caller::CloudApi;
use ecm_reconciler::clock::Clock;
use ecm_reconciler::cluster;
use ecm_reconciler::index::Index;
use ecm_reconciler::preview::{Forecast, Preview};
use poolservice_api::{NodePool, NodePoolVersion, keys};

use crate::connect::{CloudArgs, ClusterArgs, missing_service};
use crate::policy_args::{Half, PolicyArgs};
use crate::ui::{DIM, Output, styled};

/// The exit code that says that something would be done.
const SOMETHING_TO_DO: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  ecm plan                                    the whole cluster
  ecm plan -n shop web --output json          one Service, for programs
  ecm plan -f service.yaml -f pools.yaml      before it is applied, against an empty cloud
  ecm plan --detailed-exitcode || echo drift  2: something would be done";

/// Flags of `ecm plan`.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this Service.
    service: Option<String>,
    /// Only this namespace; with -f the namespace of objects that name none.
    #[arg(short, long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Plan from manifests instead of a cluster, "-" being the standard input: Services, NodePools, Nodes, EndpointSlices and PoolServices. The cloud is read when --ens-endpoint names it, else it is taken as empty. May be repeated.
    #[arg(short, long = "filename", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the plan is shown.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
    /// End with exit code 2 when something would be done, 0 when nothing would, 1 on an error.
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    cloud: CloudArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    if !args.files.is_empty() && args.cluster.is_named() {
        bail!("-f and --kubeconfig: a plan is either of files or of a cluster");
    }
    let source = if args.files.is_empty() {
        of_cluster(&args).await?
    } else {
        of_files(&args).await?
    };
    let config = desired::Config {
        unreachable_grace: seconds(args.policy.unreachable_grace()),
        self_managed_ids: args.policy.self_managed_ids()?,
        ..desired::Config::new(source.identity)
    };
    let fan_out = fan_out::Config {
        load_balancer_class: config.identity.load_balancer_class.clone(),
        pool_api_version: format!("{}/{}", NodePool::GROUP, source.node_pools),
        unmatch_grace: seconds(args.policy.unmatch_grace()),
    };
    let preview = Preview::new(
        config,
        source.cloud,
        source.client,
        keys::SYSTEM_NAMESPACE,
        Clock::system(),
    );
    let chosen = |key: &ObjectKey| {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|w| w == is);
        fits(&args.service, &key.name)
            && (fits(&args.namespace, &key.namespace) || !args.files.is_empty())
    };
    if let Some(name) = &args.service
        && let Some(text) = missing_service(&source.index, name, chosen)
    {
        bail!(text);
    }
    let fan_out = args.policy.runs(Half::FanOut).then_some(&fan_out);
    let mut forecast = preview
        .forecast(source.index, fan_out, chosen, Duration::ZERO)
        .await;
    if !args.policy.runs(Half::Elb) {
        forecast.pool_services.clear();
    }
    show(&forecast, &source.notes, args.output)?;
    Ok(exit_code(&forecast, args.detailed_exitcode))
}

/// What a plan is made from.
struct Source {
    index: Index,
    node_pools: NodePoolVersion,
    identity: Identity,
    cloud: Option<CloudApi>,
    client: Option<kube::Client>,
    /// What people should know of it.
    notes: Vec<String>,
}

async fn of_cluster(args: &Args) -> Result<Source> {
    let cluster = args.cluster.connect().await?;
    let mut identity = args.cluster.identity(&cluster).await?;
    let read = cluster::read(&cluster.client, &identity.load_balancer_class)
        .await
        .context("reading the cluster")?;
    let cloud = args.cloud.connect().await;
    let cloud = cloud.context("a plan of a cluster reads the cloud; with -f it can do without")?;
    identity.cloud_account = cloud.account().await;
    Ok(Source {
        index: read.index,
        node_pools: read.node_pools,
        identity,
        cloud: Some(cloud.reader()?.into()),
        client: Some(cluster.client),
        notes: Vec::new(),
    })
}

async fn of_files(args: &Args) -> Result<Source> {
    let identity = args.cluster.assumed_identity()?;
    let namespace = args.namespace.as_deref().unwrap_or("default");
    let reads_cloud = args.cloud.is_named();
    let class = &identity.load_balancer_class;
    let manifests = manifests::read(&args.files, namespace, class, !reads_cloud)?;
    let mut notes = manifests.assumed;
    let cloud: Option<CloudApi> = if reads_cloud {
        Some(args.cloud.connect().await?.reader()?.into())
    } else {
        notes.insert(
            0,
            "planned against an empty cloud, in which all that the manifests name exists; \
             --ens-endpoint plans against a real one"
                .to_owned(),
        );
        None
    };
    Ok(Source {
        index: manifests.index,
        node_pools: NodePoolVersion::default(),
        identity,
        cloud,
        client: None,
        notes,
    })
}

fn show(forecast: &Forecast, notes: &[String], output: Output) -> Result<()> {
    for note in notes {
        eprintln!("{}", styled(DIM, format_args!("note: {note}")));
    }
    match output {
        Output::Text => println!("{}", text::render(forecast)),
        Output::Json => {
            let json = serde_json::to_string_pretty(forecast).context("writing JSON")?;
            println!("{json}");
        }
    }
    Ok(())
}

/// What could not be planned is no success, whatever else there was to see.
fn exit_code(forecast: &Forecast, detailed: bool) -> ExitCode {
    if forecast.is_unreadable() {
        ExitCode::FAILURE
    } else if detailed && !forecast.is_empty() {
        ExitCode::from(SOMETHING_TO_DO)
    } else {
        ExitCode::SUCCESS
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
