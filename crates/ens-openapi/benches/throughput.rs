//! Calls a second over loopback HTTP: `cargo bench -p ens-openapi --bench throughput`.
//!
//! 64 callers share one client without a rate limit; a trivial server of hyper in the same process answers, so that both
//! sides share the processors. It prints the figure and fails when it is not above 10 000 calls a second: set
//! `ENS_OPENAPI_CALLS_PER_SECOND` to ask for another one.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ens_openapi::{Client, Credentials, Params, StaticCredentials};
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::Instant;

const CALLERS: usize = 64;
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED: Duration = Duration::from_secs(5);
const WANTED: f64 = 10_000.0;

type Failure = Box<dyn StdError + Send + Sync>;

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    // Tests are run over benches too (`cargo test --benches`): then only that it works is of interest.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let (warm_up, measured) = if is_measured {
        (WARM_UP, MEASURED)
    } else {
        (Duration::ZERO, Duration::from_millis(100))
    };
    let rate = runtime.block_on(calls_per_second(warm_up, measured))?;
    println!(
        "{rate:.0} calls a second, {CALLERS} callers, 2 worker threads, signing and server included"
    );
    let wanted = match std::env::var("ENS_OPENAPI_CALLS_PER_SECOND") {
        Ok(text) => text.parse()?,
        Err(_) => WANTED,
    };
    if is_measured && rate <= wanted {
        return Err(format!("not above {wanted:.0} calls a second").into());
    }
    Ok(())
}

async fn calls_per_second(warm_up: Duration, measured: Duration) -> Result<f64, Failure> {
    let address = serve().await?;
    let credentials = Credentials::new(
        "LTAI5tExampleExampleExample",
        "ExampleExampleExampleExampleEx",
    );
    let client = Client::builder(StaticCredentials::new(credentials))
        .endpoint(format!("http://{address}"))
        .build()?;
    let (calls, is_over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (client, calls, is_over) =
                (client.clone(), Arc::clone(&calls), Arc::clone(&is_over));
            tokio::spawn(async move {
                let params = ten_params();
                while !is_over.load(Ordering::Relaxed) {
                    client
                        .call("SetLoadBalancerTCPListenerAttribute", &params)
                        .await?;
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), ens_openapi::Error>(())
            })
        })
        .collect();
    tokio::time::sleep(warm_up).await;
    let (before, start) = (calls.load(Ordering::Relaxed), Instant::now());
    tokio::time::sleep(measured).await;
    let (after, took) = (calls.load(Ordering::Relaxed), start.elapsed());
    is_over.store(true, Ordering::Relaxed);
    for caller in callers {
        // A call that failed would make the figure worthless.
        caller.await??;
    }
    let count = u32::try_from(after - before)?;
    Ok(f64::from(count) / took.as_secs_f64())
}

fn ten_params() -> Params {
    Params::new()
        .with("LoadBalancerId", "lb-5rj1c5jsknd1dm3zlyfplr6jc")
        .with("ListenerPort", &443)
        .with("Description", "ecm:prod/shop/web")
        .with("Scheduler", "wrr")
        .with("PersistenceTimeout", &300)
        .with("EstablishedTimeout", &900)
        .with("HealthCheckInterval", &2)
        .with("HealthCheckConnectTimeout", &5)
        .with("HealthyThreshold", &3)
        .with("UnhealthyThreshold", &3)
}

/// Answers every request with success.
async fn serve() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = service_fn(|_| async {
                let body =
                    Bytes::from_static(br#"{"RequestId":"473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E"}"#);
                Ok::<_, Infallible>(http::Response::new(Full::new(body)))
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(connection);
        }
    });
    Ok(address)
}
