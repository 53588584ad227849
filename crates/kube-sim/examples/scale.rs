//! What simulations need of kube-sim, as a check: 5,000 creates a second through the `tower` service, counted in the time
//! that this process has the processor, and 1,000 watchers whom a slow one does not stop.
//!
//! `cargo run --release --package kube-sim --example scale`

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kube_sim::{ApiService, Cluster, ResponseBody};
use tokio::sync::oneshot;
use tokio::time::Instant;
use tower::ServiceExt as _;

mod load;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const CREATES: u32 = 10_000;
const CREATES_PER_SECOND: f64 = 5_000.0;
const WATCHERS: usize = 1_000;
/// How many changes each watcher has to see.
const TOLD: usize = 20;
/// Not a bar: who waits for the slow watcher waits for ever, and this ends it.
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    let rate = creates().await?;
    println!(
        "{CREATES} Services of {} bytes: {rate:.0} creates a second",
        load::service("cube-0").len()
    );
    let used = watchers().await?;
    println!(
        "{WATCHERS} watchers saw {TOLD} changes each while one had seen 1, for {used:.2} s of the processor"
    );
    if rate < CREATES_PER_SECOND {
        return Err(format!("less than {CREATES_PER_SECOND} creates a second").into());
    }
    Ok(())
}

async fn create(api: &ApiService, name: &str) -> Result<()> {
    let request = Request::post("/api/v1/namespaces/default/services")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(load::service(name))))?;
    let response = api.clone().oneshot(request).await?;
    if response.status() != StatusCode::CREATED {
        return Err(format!("{name}: {}", response.status()).into());
    }
    Ok(())
}

async fn creates() -> Result<f64> {
    let cluster = Cluster::builder().start();
    let api = cluster.service();
    let (began, before) = (Instant::now(), cpu_seconds()?);
    for i in 0..CREATES {
        create(&api, &format!("cube-{i}")).await?;
    }
    let used = cpu_seconds()? - before;
    let rate = f64::from(CREATES) / used;
    println!(
        "{CREATES} creates: {used:.2} s of the processor in {:.2?}",
        began.elapsed()
    );
    cluster.shutdown().await;
    Ok(rate)
}

/// CPU time of this process so far, in seconds (proc(5): utime and stime, in ticks of 1/100 s).
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name before may hold anything; the two are the twelfth and thirteenth after it.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let sum = ticks
        .map(str::parse::<u32>)
        .sum::<std::result::Result<u32, _>>()?;
    Ok(f64::from(sum) / 100.0)
}

async fn watch(api: &ApiService) -> Result<ResponseBody> {
    let path =
        "/api/v1/namespaces/default/services?watch=true&fieldSelector=metadata.name!%3Dkubernetes";
    let request = Request::get(path).body(Full::new(Bytes::new()))?;
    Ok(api.clone().oneshot(request).await?.into_body())
}

/// The processor time that it took until all but the slow watcher had seen everything.
async fn watchers() -> Result<f64> {
    let cluster = Cluster::builder().start();
    let api = cluster.service();
    // It reads one change, and the next only when all others have seen the last.
    let (others_are_done, may_go_on) = oneshot::channel();
    let mut slow = watch(&api).await?;
    let slow = tokio::spawn(async move {
        let first = tokio::time::timeout(DEADLINE, slow.frame()).await;
        first
            .map_err(|_| "the slow watcher is told nothing")?
            .ok_or("the slow watch ended")??;
        may_go_on.await?;
        see(slow, TOLD - 1).await
    });
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..WATCHERS {
        readers.spawn(see(watch(&api).await?, TOLD));
    }
    let before = cpu_seconds()?;
    for i in 0..TOLD {
        create(&api, &format!("cube-{i}")).await?;
    }
    let all = async {
        while let Some(reader) = readers.join_next().await {
            reader??;
        }
        Result::Ok(())
    };
    tokio::time::timeout(DEADLINE, all)
        .await
        .map_err(|_| "watchers wait for a slow one")??;
    let used = cpu_seconds()? - before;
    // Where it has ended already, its own error says why.
    let _ = others_are_done.send(());
    tokio::time::timeout(DEADLINE, slow)
        .await
        .map_err(|_| "the slow watcher does not get what the others got")???;
    cluster.shutdown().await;
    Ok(used)
}

/// Reads so many changes.
async fn see(mut body: ResponseBody, changes: usize) -> Result<()> {
    for _ in 0..changes {
        body.frame().await.ok_or("a watch ended")??;
    }
    Ok(())
}
