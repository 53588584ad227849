//! Every scenario that has a name, over real connections and in real time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[allow(dead_code, reason = "not every test uses all of it")]
mod common;

use common::{World, on_both_clusters};
use ecm_testkit::scenario::{Step, guide};
use ens_sim::cloud::Protocol;

on_both_clusters!(every_scenario_comes_out_and_nothing_is_hurt_on_the_way);

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
