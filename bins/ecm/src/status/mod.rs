//! `ecm status`: Services, their pools and load balancers, and what is not right.

mod text;
mod tree;

use std::process::ExitCode;

use anstream::println;
use anyhow::{Context as _, Result, bail};
use clap::Args as ClapArgs;
use ecm_policy::snapshot::ObjectKey;
use ecm_reconciler::clock::Clock;
use ecm_reconciler::cluster;
use ecm_reconciler::region::Regions;

use crate::connect::{CloudArgs, ClusterArgs, missing_service};
use crate::ui::Output;

const EXAMPLES: &str = "\
Examples:
  ecm status                   the namespace of the context
  ecm status -A --cloud        everything, with the states of the cloud
  ecm status web -o json       one Service, for programs";

/// Flags of `ecm status`.
#[derive(Debug, ClapArgs)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this Service.
    service: Option<String>,
    /// The namespace. Default: that of the kubeconfig's context.
    #[arg(
        short,
        long,
        value_name = "NAMESPACE",
        conflicts_with = "all_namespaces"
    )]
    namespace: Option<String>,
    /// Every namespace.
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Ask the cloud as well, for the states of load balancers, listeners and EIPs, and for backends. Needs credentials.
    #[arg(long)]
    cloud: bool,
    /// How the tree is shown.
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    ens: CloudArgs,
}

pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let cluster = args.cluster.connect().await?;
    let class = args.cluster.load_balancer_class();
    let read = cluster::read(&cluster.client, class)
        .await
        .context("reading the cluster")?;
    let namespace = args.namespace.clone();
    let namespace = namespace.unwrap_or_else(|| cluster.client.default_namespace().to_owned());
    let chosen = |key: &ObjectKey| {
        let is_named = |service: &String| *service == key.name;
        (args.all_namespaces || key.namespace == namespace)
            && args.service.as_ref().is_none_or(is_named)
    };
    let mut tree = tree::of_cluster(&read.index, class, chosen);
    if let Some(name) = args.service.as_ref().filter(|_| tree.services.is_empty()) {
        let missing = missing_service(&read.index, name, chosen);
        bail!(missing.unwrap_or_else(|| nothing(&args, class, &namespace)));
    }
    if args.cloud {
        let ens = args.ens.connect().await?.reader()?;
        let regions = Regions::new(ens, Clock::system());
        tree::add_cloud(&mut tree, &regions, &read.index).await?;
    }
    match args.output {
        Output::Json => {
            let json = serde_json::to_string_pretty(&tree).context("writing JSON")?;
            println!("{json}");
        }
        Output::Text if tree.services.is_empty() => {
            println!("{}", nothing(&args, class, &namespace));
        }
        Output::Text => println!("{}", text::render(&tree)),
    }
    Ok(ExitCode::SUCCESS)
}

/// What to say where there is nothing to show.
fn nothing(args: &Args, class: &str, namespace: &str) -> String {
    let place = if args.all_namespaces {
        "in the cluster".to_owned()
    } else {
        format!("in namespace {namespace} (-A looks in all of them)")
    };
    match &args.service {
        Some(name) => format!("Service {name} is none with loadBalancerClass {class} {place}"),
        None => format!("No Service with loadBalancerClass {class} {place}."),
    }
}
