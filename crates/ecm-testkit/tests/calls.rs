//! How many calls of the cloud a change costs.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use ecm_testkit::invariants::Expect;
use ecm_testkit::scenario::{guide, settle};
use ecm_testkit::transcript::{Side, is_read};
use ecm_testkit::world::{Config, Topology, World};
use ens_sim::cloud::{Latency, RateLimits};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Calls of the cloud from the `from`th entry of the transcript on, by action; refused ones aside.
fn cloud_calls(world: &World, from: usize) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    let transcript = world.transcript();
    let entries = &transcript.entries[from..];
    for entry in entries {
        if let ecm_testkit::transcript::What::Call(call) = &entry.what
            && call.side == Side::Cloud
            && call.answer == "200"
        {
            *calls.entry(call.verb.clone()).or_default() += 1;
        }
    }
    calls
}

fn sum(calls: &BTreeMap<String, usize>, is_write: bool) -> usize {
    calls
        .iter()
        .filter(|(action, _)| is_read(action) != is_write)
        .map(|(_, count)| count)
        .sum()
}

fn one_pool(nodes: u8) -> Config {
    Config {
        topology: Topology::uniform(1, 1, nodes),
        ..Config::default()
    }
}

/// What one Service costs that gets a load balancer in one pool.
async fn creation(nodes: u8, ports: &[(u16, u16)]) -> (World, BTreeMap<String, usize>) {
    let world = World::start(one_pool(nodes), 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    sleep(Duration::from_secs(1)).await;
    world.apply(guide::service(json!({}), ports)).unwrap();
    assert!(
        settle(&world, Expect::Serving).await,
        "{}",
        world.transcript()
    );
    let calls = cloud_calls(&world, 0);
    (world, calls)
}

#[tokio::test(start_paused = true)]
async fn one_load_balancer_costs_no_more_writes_than_it_has_parts() {
    for (nodes, ports) in [
        (1, &[(80, 80)][..]),
        (45, &[(80, 80), (443, 80), (8080, 80)][..]),
    ] {
        let (_, calls) = creation(nodes, ports).await;
        let bound = 3 + 2 * ports.len() + usize::from(nodes).div_ceil(20);
        assert!(sum(&calls, true) <= bound, "more than {bound}: {calls:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_endpoint_that_moves_costs_two_writes_and_a_read() {
    let (world, _) = creation(5, &[(80, 80)]).await;
    world.set_node_ready("node-0-4", "False").unwrap();
    assert!(settle(&world, Expect::Serving).await);
    sleep(Duration::from_secs(30)).await;
    let from = world.transcript().entries.len();
    world.set_node_ready("node-0-4", "True").unwrap();
    world.set_node_ready("node-0-0", "False").unwrap();
    sleep(Duration::from_secs(30)).await;
    assert!(settle(&world, Expect::Serving).await);
    let calls = cloud_calls(&world, from);
    assert!(sum(&calls, true) <= 2, "{calls:?}");
    assert!(sum(&calls, false) <= 1, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_changed_costs_two_lists_per_region_and_drift_round() {
    let (world, _) = creation(3, &[(80, 80)]).await;
    sleep(Duration::from_secs(60)).await;
    let from = world.transcript().entries.len();
    sleep(Duration::from_secs(3000)).await;
    let calls = cloud_calls(&world, from);
    assert_eq!(sum(&calls, true), 0, "{calls:?}");
    // Rounds come after 225 to 300 s.
    for list in ["DescribeLoadBalancers", "DescribeEnsEipAddresses"] {
        assert!((10..=14).contains(&calls[list]), "{calls:?}");
    }
}

/// PoolServices in each of ten regions.
const PER_REGION: u8 = if cfg!(debug_assertions) { 15 } else { 100 };

/// Services in ten pools of ten regions, each served; nothing is played.
async fn a_thousand() -> World {
    let config = Config {
        topology: Topology::uniform(10, 1, 1),
        latency: Latency::instant(),
        rate_limits: RateLimits::Off,
        local_rate_limit: false,
        play: false,
        check_always: false,
        ..Config::default()
    };
    let world = World::without_controllers(config, 1).unwrap();
    for n in 0..PER_REGION {
        let name = format!("svc-{n}");
        let mut service = guide::service(json!({}), &[(80, 80)]);
        service["metadata"]["name"] = json!(name);
        service["spec"]["ports"][0]["nodePort"] = Value::Null;
        world.apply(service).unwrap();
        let endpoint = |pool: u8| {
            json!({
                "addresses": [format!("10.244.{pool}.{n}")], "nodeName": format!("node-{pool}-0"),
                "conditions": { "ready": true },
            })
        };
        world
            .apply(json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": { "namespace": "default", "name": name, "labels": { "kubernetes.io/service-name": name } },
                "addressType": "IPv4", "endpoints": (0..10).map(endpoint).collect::<Vec<_>>(), "ports": [],
            }))
            .unwrap();
    }
    world.start_process();
    for _ in 0..60 {
        sleep(Duration::from_secs(10)).await;
        let all = world.view().pool_services;
        let is_ready = |ps: &Value| {
            let conditions = ps["status"]["conditions"].as_array();
            conditions.is_some_and(|all| {
                all.iter()
                    .any(|c| c["type"] == "Ready" && c["status"] == "True")
            })
        };
        if all.len() == 10 * usize::from(PER_REGION) && all.iter().all(is_ready) {
            sleep(Duration::from_secs(60)).await;
            return world;
        }
    }
    panic!(
        "not all are ready: {}",
        world.view().pool_services[0]["status"]
    );
}

#[tokio::test(start_paused = true)]
async fn rule_9_2_a_restart_over_a_thousand_right_ones_writes_nothing() {
    let world = a_thousand().await;
    let (from, writes) = (world.transcript().entries.len(), world.writes());
    world.restart().await;
    sleep(Duration::from_secs(120)).await;
    assert_eq!(world.writes(), writes);
    let mut calls = cloud_calls(&world, from);
    // Whose the credentials are, once; lists; and nothing else. One of each is the person's.
    assert_eq!(calls.remove("GetCallerIdentity"), Some(1), "{calls:?}");
    assert_eq!(calls.len(), 2, "{calls:?}");
    let pages = (usize::from(PER_REGION) + 1).div_ceil(100);
    for list in ["DescribeLoadBalancers", "DescribeEnsEipAddresses"] {
        assert_eq!(calls[list], 10 * pages, "{calls:?}");
    }
}
