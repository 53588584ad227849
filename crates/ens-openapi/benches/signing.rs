//! What signing costs per try: `cargo bench -p ens-openapi --bench signing`. Fails where a call of ten parameters takes
//! 5 microseconds or more, with either signature.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench reads the clock, and stops where it cannot go on"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use criterion::Criterion;
use ens_openapi::api::Request;
use ens_openapi::api::backend::{AddBackendServers, BackendServer};
use ens_openapi::api::listener::{CreateListener, ListenerSpec, Scheduler, TransportProtocol};
use ens_openapi::signer::{Unsigned, v1, v3};
use ens_openapi::{Credentials, Params};

/// The bar, for one signature of ten parameters.
const LIMIT: Duration = Duration::from_micros(5);

const NONCE: &str = "0123456789abcdef0123456789abcdef";

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let backends = (0..20)
        .map(|number| BackendServer::instance(format!("i-5{number:024}"), 100))
        .collect();
    let large = AddBackendServers::new("lb-5rj1c5jsknd1dm3zlyfplr6jc", backends);
    let large_params = large.params().unwrap_or_default();
    let small_params = Params::new().with("LoadBalancerId", "lb-5rj1c5jsknd1dm3zlyfplr6jc");
    let mut listener =
        ListenerSpec::new("lb-5rj1c5jsknd1dm3zlyfplr6jc", TransportProtocol::Tcp, 443);
    listener.backend_port = Some(30443);
    listener.description = Some("ecm:prod/shop/web".to_owned());
    listener.scheduler = Some(Scheduler::Wrr);
    listener.persistence_timeout = Some(300);
    listener.established_timeout = Some(900);
    listener.health_check.interval = Some(2);
    listener.health_check.connect_timeout = Some(5);
    listener.health_check.healthy_threshold = Some(3);
    let listener_params = CreateListener(&listener).params().unwrap_or_default();
    assert_eq!(listener_params.iter().count(), 10);
    let credentials = Credentials::new(
        "LTAI5tExampleExampleExample",
        "ExampleExampleExampleExampleEx",
    );
    let time = DateTime::<Utc>::UNIX_EPOCH;
    for (size, params) in [
        ("1 parameter", &small_params),
        ("10 parameters", &listener_params),
        ("20 backends", &large_params),
    ] {
        let request = unsigned(params);
        criterion.bench_function(&format!("v3, {size}"), |bencher| {
            bencher.iter(|| v3::sign(black_box(&request), &credentials, time, NONCE));
        });
        criterion.bench_function(&format!("v1, {size}"), |bencher| {
            bencher.iter(|| v1::sign(black_box(&request), &credentials, time, NONCE));
        });
    }
    criterion.bench_function("parameters of 20 backends", |bencher| {
        bencher.iter(|| black_box(&large).params());
    });
    criterion.final_summary();
    let request = unsigned(&listener_params);
    judge("v3", || {
        black_box(v3::sign(black_box(&request), &credentials, time, NONCE));
    });
    judge("v1", || {
        black_box(v1::sign(black_box(&request), &credentials, time, NONCE));
    });
}

fn unsigned(params: &Params) -> Unsigned<'_> {
    Unsigned {
        method: "POST",
        host: "ens.aliyuncs.com",
        action: "AddBackendServers",
        version: ens_openapi::API_VERSION,
        params,
    }
}

/// The fastest of some rounds: what else runs on the machine does not count.
fn judge(name: &str, sign: impl Fn()) {
    let rounds = 1_000;
    let best = (0..50)
        .map(|_| {
            let began = Instant::now();
            (0..rounds).for_each(|_| sign());
            began.elapsed() / rounds
        })
        .min()
        .unwrap();
    assert!(
        best < LIMIT,
        "{name}: {best:?} for ten parameters, the bar is {LIMIT:?}"
    );
    println!("{name}: {best:?} for ten parameters, under the bar of {LIMIT:?}");
}
