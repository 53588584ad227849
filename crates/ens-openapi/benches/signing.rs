//! What signing costs per try: `cargo bench -p ens-openapi`.
#![allow(
    missing_docs,
    reason = "the macros of criterion make items without documentation"
)]

use std::hint::black_box;

use chrono::{DateTime, Utc};
use criterion::{Criterion, criterion_group, criterion_main};
use ens_openapi::api::Request;
use ens_openapi::api::backend::{AddBackendServers, BackendServer};
use ens_openapi::api::listener::{CreateListener, ListenerSpec, Scheduler, TransportProtocol};
use ens_openapi::signer::{Unsigned, v1, v3};
use ens_openapi::{Credentials, Params};

fn bench(criterion: &mut Criterion) {
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
        let request = Unsigned {
            method: "POST",
            host: "ens.aliyuncs.com",
            action: "AddBackendServers",
            version: ens_openapi::API_VERSION,
            params,
        };
        criterion.bench_function(&format!("v3, {size}"), |bencher| {
            bencher.iter(|| {
                v3::sign(
                    black_box(&request),
                    &credentials,
                    time,
                    "0123456789abcdef0123456789abcdef",
                )
            });
        });
        criterion.bench_function(&format!("v1, {size}"), |bencher| {
            bencher.iter(|| {
                v1::sign(
                    black_box(&request),
                    &credentials,
                    time,
                    "0123456789abcdef0123456789abcdef",
                )
            });
        });
    }
    criterion.bench_function("parameters of 20 backends", |bencher| {
        bencher.iter(|| black_box(&large).params());
    });
}

criterion_group!(benches, bench);
criterion_main!(benches);
