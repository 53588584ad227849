//! How fast the `tower` service is: `cargo bench -p kube-sim`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on should stop")]

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use http::{Request, StatusCode};
use http_body_util::Full;
use kube_sim::{ApiService, Cluster};
use tower::ServiceExt as _;

/// How many objects an iteration creates, one after the other.
const BATCH: u64 = 500;

#[path = "../examples/load/mod.rs"]
mod load;

async fn create(api: &ApiService, body: String) {
    let request = Request::post("/api/v1/namespaces/default/services")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))
        .unwrap();
    let response = api.clone().oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
}

fn creates(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut group = c.benchmark_group("tower service");
    group.throughput(Throughput::Elements(BATCH));
    group.sample_size(20);
    group.bench_function("create a 2.6 KiB Service", |bencher| {
        bencher.iter_batched(
            || {
                let bodies: Vec<_> = (0..BATCH)
                    .map(|i| load::service(&format!("cube-{i}")))
                    .collect();
                (Cluster::builder().start(), bodies)
            },
            |(cluster, bodies)| {
                runtime.block_on(async {
                    let api = cluster.service();
                    for body in bodies {
                        create(&api, body).await;
                    }
                });
                cluster
            },
            criterion::BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, creates);
criterion_main!(benches);
