//! How long planning takes when nothing changed: 100 backends, 20 listeners. Fails at or above
//! 20 microseconds.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench reads the clock, and stops where it cannot go on"
)]

#[path = "../tests/model/mod.rs"]
mod model;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;
use ecm_policy::desired::{Config, desired};
use ecm_policy::plan::{Context, Need, Wait, plan};

/// The bar, for one plan.
const LIMIT: Duration = Duration::from_micros(20);

fn main() {
    let mut snapshot = model::snapshot(100);
    model::service(&mut snapshot).ports = (0..20)
        .map(|i| model::port(80 + i, "TCP", 30_000 + i))
        .collect();
    let mut world = model::World::new();
    world.settle(&snapshot);
    snapshot.pool_service.published.clone_from(&world.published);
    snapshot.pool_service.has_finalizer = true;
    let identity = model::identity();
    let wanted = desired(&snapshot, &Config::new(identity.clone()), world.now);
    let needs = [Need::LoadBalancer, Need::Detail, Need::Eip].into();
    let observed = world.observe(&needs, &wanted);
    let state = world.state();
    let cx = Context {
        identity: &identity,
        pool_service: &snapshot.pool_service,
        now: world.now,
    };
    let settled = plan(&wanted, &observed, &state, &cx);
    assert!(
        settled.needs.is_empty() && settled.wait == Wait::Settled,
        "{settled:?}"
    );

    let mut criterion = Criterion::default().configure_from_args();
    criterion.bench_function(
        "plan, 100 backends and 20 listeners, nothing changed",
        |b| {
            b.iter(|| plan(black_box(&wanted), black_box(&observed), &state, &cx));
        },
    );
    criterion.final_summary();
    // The fastest of some rounds: what else runs on the machine does not count.
    let rounds = 200;
    let best = (0..50)
        .map(|_| {
            let began = Instant::now();
            for _ in 0..rounds {
                black_box(plan(black_box(&wanted), black_box(&observed), &state, &cx));
            }
            began.elapsed() / rounds
        })
        .min()
        .unwrap();
    assert!(best < LIMIT, "{best:?} for one plan, the bar is {LIMIT:?}");
    println!("{best:?} for one plan, under the bar of {LIMIT:?}");
}
