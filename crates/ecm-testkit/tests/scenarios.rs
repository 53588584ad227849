//! Every scenario that has a name, over real connections and in real time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "not every test uses all of it"
)]
mod common;

use common::World;
use ecm_testkit::scenario::{self, Step, guide};
use ens_sim::cloud::Protocol;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Groups that are played one after the other in one cluster; the lanes go side by side. A scenario waits most of its
/// time, and each lane takes a minute and a half.
const LANES: [&[&str]; 4] = [
    &["guide", "endpoints"],
    &["losses", "ports", "settings"],
    &["deletion", "pools", "names"],
    &["users", "leader"],
];

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_comes_out_and_nothing_is_hurt_on_the_way_on_kube_sim() {
    let mut lanes = JoinSet::new();
    for lane in LANES {
        lanes.spawn(async move { play(World::simulated().await, lane).await });
    }
    lanes.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_scenario_comes_out_and_nothing_is_hurt_on_the_way_on_a_real_control_plane() {
    let mut lanes = JoinSet::new();
    for lane in LANES {
        lanes.spawn(async move {
            if let Some(world) = World::real().await {
                play(world, lane).await;
            }
        });
    }
    lanes.join_all().await;
}

#[test]
fn every_group_is_in_a_lane() {
    let mut groups: Vec<&str> = scenario::groups().map(|(name, _)| name).to_vec();
    let mut lanes = LANES.concat();
    groups.sort_unstable();
    lanes.sort_unstable();
    assert_eq!(lanes, groups);
}

#[test]
fn every_scenario_is_described() {
    let described = include_str!("../../../docs/scenarios.md");
    for scenario in scenario::all() {
        let row = format!("\n| `{}` |", scenario.name);
        assert!(described.contains(&row), "{row}");
    }
}

/// Each scenario leaves the cluster as it was.
async fn play(world: World, lane: &[&str]) {
    let groups = scenario::groups();
    for group in lane {
        let (_, scenarios) = groups.iter().find(|(name, _)| name == group).unwrap();
        for scenario in scenarios {
            let begun = Instant::now();
            let violations = scenario.play_in(&world.sandbox).await.unwrap();
            println!("{group}, {}: {:.1?}", scenario.name, begun.elapsed());
            let left = world.managed();
            assert_eq!(violations, Vec::<String>::new(), "{}", scenario.name);
            assert_eq!(left, Vec::<String>::new(), "left by {}", scenario.name);
        }
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
