//! Lists what an ENS account has: regions, load balancers with listeners and backends, EIPs.
//!
//! Credentials are looked for where the official clients look; variables come first:
//!
//! ```text
//! export ALIBABA_CLOUD_ACCESS_KEY_ID=... ALIBABA_CLOUD_ACCESS_KEY_SECRET=...
//! cargo run -p ens-openapi --example ens-ls -- --region cn-chengdu-telecom
//! ```
//!
//! Without an account, against the simulator:
//!
//! ```text
//! cargo run -p ens-sim --bin ens-sim -- --listen 127.0.0.1:18080
//! export ALIBABA_CLOUD_ACCESS_KEY_ID=testid ALIBABA_CLOUD_ACCESS_KEY_SECRET=testsecret
//! cargo run -p ens-openapi --example ens-ls -- --endpoint http://127.0.0.1:18080
//! ```
#![forbid(unsafe_code)]

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use comfy_table::{Table, presets};
use ens_openapi::api::backend::BackendServer;
use ens_openapi::api::eip::DescribeEnsEipAddresses;
use ens_openapi::api::listener::{DescribeLoadBalancerListeners, ListenerSummary};
use ens_openapi::api::load_balancer::DescribeLoadBalancers;
use ens_openapi::api::paging;
use ens_openapi::credentials::{CredentialChain, CredentialsIo};
use ens_openapi::transport::Proxy;
use ens_openapi::{Client, EnsApi, HyperTransport};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

/// How many load balancers are read side by side.
const AT_ONCE: usize = 4;

/// Lists the regions, load balancers and EIPs of an ENS account.
#[derive(Parser)]
struct Args {
    /// Where the API is: a host or URL. Default: the public endpoint.
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Only this region.
    #[arg(long, value_name = "ID")]
    region: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Err(error) = run(Args::parse()).await else {
        return ExitCode::SUCCESS;
    };
    eprintln!("error: {error:#}");
    if let Some(refused) = error.downcast_ref::<ens_openapi::Error>() {
        eprintln!("{}", refused.advice());
    }
    ExitCode::FAILURE
}

async fn run(args: Args) -> Result<()> {
    let proxy = Proxy::from_variables(|name| std::env::var(name).ok())?;
    let transport = HyperTransport::builder()
        .proxy(proxy)
        .build()
        .context("setting up TLS")?;
    let io = CredentialsIo::of_this_process(transport.clone());
    let mut client = Client::builder(CredentialChain::official(&io))
        .transport(transport)
        .user_agent_suffix("example/ens-ls");
    if let Some(endpoint) = args.endpoint {
        client = client.endpoint(endpoint);
    }
    let client = client.build().context("setting up the client")?;
    let region = args.region.as_deref();
    println!("{}\n", regions(&client, region).await?);
    println!("{}\n", load_balancers(&client, region).await?);
    println!("{}", eips(&client, region).await?);
    Ok(())
}

async fn regions(api: &impl EnsApi, region: Option<&str>) -> Result<String> {
    let regions = api
        .describe_regions(region)
        .await
        .context("listing regions")?;
    let rows = regions
        .into_iter()
        .map(|row| [row.ens_region_id, or_dash(row.en_name), or_dash(row.area)]);
    Ok(table("regions", &["REGION", "NAME", "AREA"], rows))
}

async fn load_balancers(api: &impl EnsApi, region: Option<&str>) -> Result<String> {
    let filter = DescribeLoadBalancers {
        ens_region_id: region.map(str::to_owned),
        ..Default::default()
    };
    // All pages: the API gives ten rows at a time unless asked for more.
    let all = paging::load_balancers(api, &filter)
        .await
        .context("listing load balancers")?;
    let rows: Vec<_> = stream::iter(all.items)
        .map(|row| async move {
            let id = &row.load_balancer_id;
            // `None`: it went between the list and this read.
            let backends = api
                .describe_load_balancer_attribute(id)
                .await
                .with_context(|| format!("reading {id}"))?
                .map_or_else(Vec::new, |whole| whole.backend_servers);
            let listeners = paging::listeners(api, &DescribeLoadBalancerListeners::new(id))
                .await
                .with_context(|| format!("listing the listeners of {id}"))?;
            anyhow::Ok([
                row.load_balancer_id,
                or_dash(row.load_balancer_name),
                or_dash(row.ens_region_id),
                row.load_balancer_status.to_string(),
                or_dash(row.address),
                join(listeners.items.iter().map(listener)),
                join(backends.iter().map(backend)),
            ])
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(table(
        "load balancers",
        &[
            "ELB",
            "NAME",
            "REGION",
            "STATUS",
            "ADDRESS",
            "LISTENERS",
            "BACKENDS",
        ],
        rows,
    ))
}

async fn eips(api: &impl EnsApi, region: Option<&str>) -> Result<String> {
    let filter = DescribeEnsEipAddresses {
        ens_region_id: region.map(str::to_owned),
        ..Default::default()
    };
    let all = paging::eips(api, &filter).await.context("listing EIPs")?;
    let rows = all.items.into_iter().map(|row| {
        [
            row.allocation_id,
            or_dash(row.name),
            or_dash(row.ens_region_id),
            row.status.to_string(),
            or_dash(row.ip_address),
            or_dash(row.bandwidth.map(|mbits| mbits.to_string())),
            or_dash(row.instance_id),
        ]
    });
    Ok(table(
        "EIPs",
        &[
            "EIP", "NAME", "REGION", "STATUS", "ADDRESS", "MBIT/S", "BOUND TO",
        ],
        rows,
    ))
}

fn listener(row: &ListenerSummary) -> String {
    let port = row
        .backend_server_port
        .map_or_else(String::new, |port| format!("->{port}"));
    format!(
        "{}/{}{port} {}",
        row.listener_port, row.protocol, row.status
    )
}

fn backend(server: &BackendServer) -> String {
    match server.weight {
        Some(weight) => format!("{}={weight}", server.server_id),
        None => server.server_id.clone(),
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    or_dash((!parts.is_empty()).then(|| parts.join(", ")))
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

/// Rows as kubectl prints them: no lines, columns three blanks apart; a sentence where there are none.
fn table<const N: usize>(
    what: &str,
    header: &[&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(header.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    if table.is_empty() {
        return format!("There are no {what}.");
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}
