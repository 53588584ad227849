//! The fan-out at scale: 2,000 Services in 5 pools on a simulated cluster in this process. Fails
//! when it takes 10 s of CPU or more until it is quiet, when it writes anything after that, or when
//! a label of one pool touches a Service that it does not concern.
//!
//! ```text
//! cargo run --release -p ecm-testkit --example fan-out-load
//! ```
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use ecm_policy::snapshot::Identity;
use ecm_reconciler::Controllers;
use ecm_reconciler::leader::Leadership;
use ens_openapi::{Credentials, StaticCredentials};
use k8s_openapi::api::core::v1::Service;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt as _};
use kube_sim::Cluster;
use poolservice_api::{NodePool, NodePoolVersion, PoolService, keys};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const SERVICES: usize = 2_000;
const POOLS: usize = 5;
/// Services whose selector reads the label that changes.
const CONCERNED: usize = 20;
/// Seconds of CPU of this process, the simulated API server included.
const LIMIT: f64 = 10.0;
/// For how long nothing may be written before, and after, it counts as quiet.
const QUIET: Duration = Duration::from_secs(3);

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result {
    let cluster = furnished()?;
    let client = Client::new(cluster.service(), "default");
    let before = cpu_seconds()?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(fan_out(client.clone())?.run(stop.clone()));

    let pool_services = Api::<PoolService>::default_namespaced(client.clone());
    while versions(&pool_services).await?.len() < SERVICES * POOLS {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    settle(&client).await?;
    let used = cpu_seconds()? - before;
    println!("{SERVICES} Services x {POOLS} pools: quiet after {used:.1} s of CPU");
    ensure(used < LIMIT, "that is more than 10 s")?;

    let quiet = version(&client).await?;
    tokio::time::sleep(QUIET).await;
    ensure(
        version(&client).await? == quiet,
        "it writes although nothing changes",
    )?;
    println!("no write in the {} s after", QUIET.as_secs());

    let services = Api::<Service>::default_namespaced(client.clone());
    let before = (versions(&pool_services).await?, versions(&services).await?);
    let pools = Api::<NodePool>::all_with(client.clone(), &NodePoolVersion::default());
    let label = json!({ "metadata": { "labels": { "closed": "yes" } } });
    pools
        .patch("pool-0", &PatchParams::default(), &Patch::Merge(&label))
        .await?;
    settle(&client).await?;
    let after = (versions(&pool_services).await?, versions(&services).await?);
    let gone: Vec<&String> = before
        .0
        .keys()
        .filter(|ps| !after.0.contains_key(*ps))
        .collect();
    let right = (0..CONCERNED).map(|i| format!("svc-{i:04}-pool-0"));
    ensure(
        right.eq(gone.into_iter().cloned()),
        "other PoolServices went",
    )?;
    let is_untouched = |(name, version): (&String, &String)| before.0.get(name) == Some(version);
    ensure(
        after.0.iter().all(is_untouched),
        "other PoolServices were written",
    )?;
    ensure(before.1 == after.1, "Services were written")?;
    println!("a label of one pool: {CONCERNED} PoolServices went, nothing else was written");

    stop.cancel();
    running.await??;
    cluster.shutdown().await;
    Ok(())
}

fn furnished() -> Result<Cluster> {
    let cluster = Cluster::builder().seed(1).start();
    let apply = |object| {
        cluster
            .apply(object)
            .map(drop)
            .map_err(|status| format!("{status:?}"))
    };
    for crd in [
        poolservice_api::pool_service_crd(),
        poolservice_api::node_pool_crd(),
    ] {
        apply(serde_json::to_value(crd)?)?;
    }
    for i in 0..POOLS {
        apply(json!({
            "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool",
            "metadata": { "name": format!("pool-{i}"), "labels": { "tier": "edge" } },
            "spec": { "type": "Edge" },
        }))?;
    }
    for i in 0..SERVICES {
        let selector = if i < CONCERNED {
            "tier=edge,!closed"
        } else {
            "tier=edge"
        };
        apply(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "namespace": "default", "name": format!("svc-{i:04}"),
                "annotations": { keys::NODE_POOL_SELECTOR: selector },
            },
            "spec": {
                "type": "LoadBalancer", "loadBalancerClass": keys::DEFAULT_LOAD_BALANCER_CLASS,
                // Node ports do not reach for so many, and the fan-out does not read them.
                "allocateLoadBalancerNodePorts": false,
                "ports": [{ "port": 80, "protocol": "TCP" }],
            },
        }))?;
    }
    Ok(cluster)
}

/// The fan-out alone: the cloud is never called.
fn fan_out(client: Client) -> Result<Controllers> {
    let credentials = StaticCredentials::new(Credentials::new("nobody", "nothing"));
    let cloud = ens_openapi::Client::builder(credentials)
        .endpoint("http://127.0.0.1:9")
        .build()?;
    let identity = Identity {
        load_balancer_class: keys::DEFAULT_LOAD_BALANCER_CLASS.to_owned(),
        cluster_id: "load".to_owned(),
        cluster_uid: "load-uid".to_owned(),
        cloud_account: None,
    };
    let leadership = Leadership::sole_replica();
    let controllers = Controllers::builder(client, cloud, identity, leadership);
    Ok(controllers.elb(false).unmatch_grace(Duration::ZERO))
}

/// Waits until nothing has been written for a while, events of people included.
async fn settle(client: &Client) -> Result {
    let mut last = String::new();
    loop {
        let now = version(client).await?;
        if now == last {
            return Ok(());
        }
        last = now;
        tokio::time::sleep(QUIET).await;
    }
}

/// The version of the whole cluster, which every write of anything moves on.
async fn version(client: &Client) -> Result<String> {
    let pools = Api::<NodePool>::all_with(client.clone(), &NodePoolVersion::default());
    let list = pools.list_metadata(&ListParams::default()).await?;
    list.metadata
        .resource_version
        .ok_or_else(|| "a list without a version".into())
}

/// Every object's name with its version.
async fn versions<K>(api: &Api<K>) -> Result<BTreeMap<String, String>>
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    let list = api.list_metadata(&ListParams::default()).await?;
    Ok(list
        .items
        .iter()
        .map(|object| {
            (
                object.name_any(),
                object.resource_version().unwrap_or_default(),
            )
        })
        .collect())
}

/// CPU time of this process so far, in seconds (proc(5): utime and stime, in ticks of 1/100 s).
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat
        .rsplit_once(')')
        .ok_or("/proc/self/stat has another form")?;
    let ticks: f64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>)
        .sum::<std::result::Result<f64, _>>()?;
    Ok(ticks / 100.0)
}

fn ensure(holds: bool, otherwise: &str) -> Result {
    if holds { Ok(()) } else { Err(otherwise.into()) }
}
