//! What simulations need of kube-sim, as a check: 5,000 creates a second through the `tower` service, counted in the time
//! that this process has the processor, and 1,000 watchers of whom a slow one does not stop the others.
//!
//! `cargo run --release --package kube-sim --example scale`

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kube_sim::{ApiService, Cluster, ResponseBody};
use serde_json::json;
use tokio::time::Instant;
use tower::ServiceExt as _;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const CREATES: u32 = 10_000;
const CREATES_PER_SECOND: f64 = 5_000.0;
const WATCHERS: usize = 1_000;
/// What each watcher but the slow one has to see.
const TOLD: usize = 20;
const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    let rate = creates().await?;
    println!(
        "{CREATES} Services of {} bytes: {rate:.0} creates a second",
        body("cube-0").len()
    );
    let took = watchers().await?;
    println!("{WATCHERS} watchers saw {TOLD} changes each in {took:.1?}, and one did not look");
    if rate < CREATES_PER_SECOND {
        return Err(format!("less than {CREATES_PER_SECOND} creates a second").into());
    }
    Ok(())
}

/// A Service of 2.6 KiB.
fn body(name: &str) -> String {
    let port = |name: &str, port: u16| json!({"name": name, "port": port, "targetPort": port, "protocol": "TCP"});
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/name": "cube", "app.kubernetes.io/part-of": "load"},
            "annotations": {"example.com/notes": "n".repeat(2_200)},
        },
        "spec": {"selector": {"app": "cube"}, "ports": [port("http", 80), port("https", 443), port("admin", 8443)]},
    });
    service.to_string()
}

async fn create(api: &ApiService, name: &str) -> Result<()> {
    let request = Request::post("/api/v1/namespaces/default/services")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body(name))))?;
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

async fn watchers() -> Result<Duration> {
    let cluster = Cluster::builder().start();
    let api = cluster.service();
    // Open, and never read.
    let slow = watch(&api).await?;
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..WATCHERS {
        let mut body = watch(&api).await?;
        readers.spawn(async move {
            for _ in 0..TOLD {
                body.frame().await.ok_or("a watch ended")??;
            }
            Result::Ok(())
        });
    }
    let began = Instant::now();
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
    let took = began.elapsed();
    drop(slow);
    cluster.shutdown().await;
    Ok(took)
}
