//! Every scenario that has a name, over real connections and in real time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[allow(dead_code, reason = "not every test uses all of it")]
mod common;

use std::time::Duration;

use common::{World, on_both_clusters};
use ecm_testkit::invariants::Expect;
use ecm_testkit::scenario::{Scenario, Step, guide};
use ens_sim::cloud::Protocol;
use serde_json::json;

on_both_clusters!(
    every_scenario_comes_out_and_nothing_is_hurt_on_the_way,
    controllers_that_die_leave_nothing_half_done,
);

/// One after the other in one cluster: each leaves it as it was.
async fn every_scenario_comes_out_and_nothing_is_hurt_on_the_way(world: World) {
    for scenario in guide::all() {
        let violations = scenario.play_in(&world.sandbox).await.unwrap();
        assert_eq!(violations, Vec::<String>::new(), "{}", scenario.name);
        assert_eq!(
            world.managed(),
            Vec::<String>::new(),
            "left by {}",
            scenario.name
        );
    }
    world.sandbox.shutdown().await;
}

/// They die in the middle of whatever they do: making, changing, releasing.
async fn controllers_that_die_leave_nothing_half_done(world: World) {
    let service = |ports: &[(u16, u16)]| Step::Apply(guide::service(json!({}), ports));
    let scenario = Scenario {
        steps: vec![
            Step::Apply(guide::daemon_set()),
            service(&[(80, 80)]),
            Step::Pass(Duration::from_millis(700)),
            Step::Kill,
            Step::Settle(Expect::Serving),
            Step::KeepServing(Protocol::Tcp, 80),
            service(&[(80, 80), (443, 80)]),
            Step::Kill,
            Step::Settle(Expect::Serving),
            Step::Restart,
            Step::Quiet,
            Step::Release(Protocol::Tcp, 80),
            Step::Delete {
                api_version: "v1",
                kind: "Service",
                name: "cube-svc".to_owned(),
            },
            Step::Pass(Duration::from_millis(300)),
            Step::Kill,
            Step::Settle(Expect::Serving),
        ],
        ..guide::auto_managed()
    };
    let violations = scenario.play_in(&world.sandbox).await.unwrap();
    assert_eq!(violations, Vec::<String>::new());
    assert_eq!(world.managed(), Vec::<String>::new());
    world.sandbox.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_does_not_serve_is_noticed() {
    let world = World::simulated().await;
    let mut scenario = guide::auto_managed();
    // Published, and not one of the Service's ports.
    scenario
        .steps
        .insert(3, Step::KeepServing(Protocol::Tcp, 81));
    scenario.steps.truncate(6);
    let violations = scenario.play_in(&world.sandbox).await.unwrap();
    assert!(
        violations.iter().any(|text| text.starts_with("S6")),
        "{violations:?}"
    );
    world.sandbox.shutdown().await;
}
