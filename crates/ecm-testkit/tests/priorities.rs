//! How urgent each call of the controllers is (behaviour 11.2): deletion and first address, then backends,
//! listeners, settings, and drift last. What a rate limit makes of that is in `turns`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ecm_testkit::invariants::Expect;
use ecm_testkit::scenario::{guide, settle};
use ecm_testkit::transcript::is_read;
use ecm_testkit::world::{Config, Topology, World};
use ens_openapi::rate_limit::Priority::{self, Background, Critical, High, Low, Normal};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const PREFIX: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";

/// How urgent the calls of a PoolService were from the `from`th on, by action. Lists are a region's.
fn urgency(world: &World, from: usize) -> BTreeMap<String, BTreeSet<Priority>> {
    let mut all: BTreeMap<String, BTreeSet<Priority>> = BTreeMap::new();
    for sent in &world.sent()[from..] {
        let is_list = sent.caller == "cn-region-0";
        assert!(
            is_list || sent.caller.starts_with("default/cube-svc-np-"),
            "{sent:?}"
        );
        if is_list {
            assert_eq!(
                sent.priority, Critical,
                "everybody waits for a list: {sent:?}"
            );
        } else {
            all.entry(sent.action.clone())
                .or_default()
                .insert(sent.priority);
        }
    }
    all
}

/// Asserts the urgency of these writes, that there was no other write, and that of all reads.
fn assert_urgency(world: &World, from: usize, writes: &[(&str, Priority)], reads: &[Priority]) {
    let (seen_reads, seen): (BTreeMap<_, _>, BTreeMap<_, _>) = urgency(world, from)
        .into_iter()
        .partition(|(action, _)| is_read(action));
    let wanted: BTreeMap<String, BTreeSet<Priority>> = writes
        .iter()
        .map(|(action, priority)| ((*action).to_owned(), BTreeSet::from([*priority])))
        .collect();
    assert_eq!(seen, wanted);
    let is_allowed = |priority: &Priority| reads.contains(priority);
    assert!(
        seen_reads.values().flatten().all(is_allowed),
        "not {reads:?}: {seen_reads:?}"
    );
    assert!(!seen_reads.is_empty(), "nothing was read");
}

async fn settled(world: &World) {
    let is_settled = settle(world, Expect::Serving).await;
    assert!(is_settled, "{:#?}", world.transcript().violations());
    // What is left to do at rest, such as a last look and a record.
    sleep(Duration::from_secs(60)).await;
}

fn service(annotations: Value, ports: &[(u16, u16)]) -> Value {
    guide::service(annotations, ports)
}

/// A world with the guide's Service in `pools` pools of one region, served and at rest.
async fn serving(pools: u8, nodes: u8) -> World {
    let config = Config {
        topology: Topology::uniform(pools, pools, nodes),
        check_always: pools < 10,
        ..Config::default()
    };
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    sleep(Duration::from_secs(1)).await;
    world.apply(service(json!({}), &[(80, 80)])).unwrap();
    settled(&world).await;
    world
}

const NEW: [(&str, Priority); 6] = [
    ("AddBackendServers", Critical),
    ("AssociateEnsEipAddress", Critical),
    ("CreateEipInstance", Critical),
    ("CreateLoadBalancer", Critical),
    ("CreateLoadBalancerTCPListener", Critical),
    ("StartLoadBalancerListener", Critical),
];

#[tokio::test(start_paused = true)]
async fn rule_11_2_every_call_for_a_first_address_is_as_urgent_as_can_be() {
    let world = serving(1, 2).await;
    let mut seen = urgency(&world, 0);
    // Looks after the address is there are another matter.
    seen.retain(|action, _| !is_read(action));
    let wanted = NEW.map(|(action, priority)| (action.to_owned(), BTreeSet::from([priority])));
    assert_eq!(seen, BTreeMap::from(wanted));
    let all = world.sent();
    let last = all
        .iter()
        .rposition(|sent| sent.action == "StartLoadBalancerListener");
    let before = &all[..last.unwrap()];
    assert!(
        before.iter().all(|sent| sent.priority == Critical),
        "{before:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_what_serves_is_changed_by_kind_backends_then_listeners_then_settings() {
    let world = serving(1, 2).await;
    let from = world.sent().len();
    world.set_node_ready("node-0-1", "False").unwrap();
    settled(&world).await;
    let looks = &[High, Background][..];
    assert_urgency(&world, from, &[("RemoveBackendServers", High)], looks);

    let from = world.sent().len();
    world.set_node_ready("node-0-1", "True").unwrap();
    settled(&world).await;
    assert_urgency(&world, from, &[("AddBackendServers", High)], looks);

    let from = world.sent().len();
    let weight = json!({ format!("{PREFIX}backend-weight"): "base=50" });
    world.apply(service(weight.clone(), &[(80, 80)])).unwrap();
    settled(&world).await;
    assert_urgency(&world, from, &[("SetBackendServers", High)], looks);

    let from = world.sent().len();
    let ports = [(80, 80), (443, 80)];
    world.apply(service(weight.clone(), &ports)).unwrap();
    settled(&world).await;
    let made = [
        ("CreateLoadBalancerTCPListener", Normal),
        ("StartLoadBalancerListener", Normal),
    ];
    assert_urgency(&world, from, &made, looks);

    let from = world.sent().len();
    world.apply(service(weight.clone(), &[(80, 80)])).unwrap();
    settled(&world).await;
    let removed = [
        ("DeleteLoadBalancerListener", Normal),
        ("StopLoadBalancerListener", Normal),
    ];
    assert_urgency(&world, from, &removed, looks);

    let from = world.sent().len();
    let settings = json!({
        format!("{PREFIX}backend-weight"): "base=50",
        format!("{PREFIX}scheduler"): "wlc",
        format!("{PREFIX}eip-bandwidth"): "20",
    });
    world.apply(service(settings, &[(80, 80)])).unwrap();
    settled(&world).await;
    let set = [
        ("ModifyEnsEipAddressAttribute", Low),
        ("SetLoadBalancerTCPListenerAttribute", Low),
    ];
    assert_urgency(&world, from, &set, looks);
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_looks_at_what_did_not_change_come_last_and_what_they_find_by_its_kind() {
    let world = serving(1, 2).await;
    let from = world.sent().len();
    let id = world.view().pool_services[0]["status"]["aggregateToAnnotations"]["lb-id"].clone();
    let listener = [
        ("LoadBalancerId", id.as_str().unwrap()),
        ("ListenerPort", "80"),
        ("ListenerProtocol", "tcp"),
    ];
    world
        .call_cloud("StopLoadBalancerListener", &listener)
        .unwrap();
    sleep(Duration::from_secs(35 * 60)).await;
    settled(&world).await;
    let repair = [("StartLoadBalancerListener", Normal)];
    assert_urgency(&world, from, &repair, &[Background]);
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_every_call_of_a_deletion_is_as_urgent_as_can_be() {
    let world = serving(1, 2).await;
    let from = world.sent().len();
    world.delete("v1", "Service", "default", "cube-svc");
    settled(&world).await;
    let released = [
        ("DeleteEip", Critical),
        ("ReleaseInstance", Critical),
        ("UnAssociateEnsEipAddress", Critical),
    ];
    assert_urgency(&world, from, &released, &[Critical]);
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_a_first_look_after_a_start_goes_before_drift_and_after_everything_else() {
    let world = serving(1, 2).await;
    world.restart().await;
    let from = world.sent().len();
    sleep(Duration::from_secs(60 * 60)).await;
    settled(&world).await;
    assert_urgency(&world, from, &[], &[Low, Background]);
}

/// How long one of `pools` PoolServices takes to go while all others get another scheduler.
async fn deletion_beside_changes(pools: u8) -> Duration {
    let world = serving(pools, 1).await;
    let scheduler = json!({ format!("{PREFIX}scheduler"): "wlc" });
    world.apply(service(scheduler, &[(80, 80)])).unwrap();
    sleep(Duration::from_millis(500)).await;
    world
        .apply(json!({
            "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool",
            "metadata": { "name": "np-0", "labels": { "k8s-svc": null } },
        }))
        .unwrap();
    let begun = Instant::now();
    let version = "network.openyurt.io/v1alpha1";
    world.delete(version, "PoolService", "default", "cube-svc-np-0");
    let is_there = || {
        let all = world.view().pool_services;
        all.iter()
            .any(|ps| ps["metadata"]["name"] == "cube-svc-np-0")
    };
    while is_there() {
        assert!(begun.elapsed() < Duration::from_secs(120), "it does not go");
        sleep(Duration::from_millis(50)).await;
    }
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_a_deletion_takes_no_longer_beside_forty_that_change() {
    let alone = deletion_beside_changes(1).await;
    let beside = deletion_beside_changes(41).await;
    println!("a deletion takes {alone:?}, beside forty changes {beside:?}");
    assert!(
        beside <= alone + Duration::from_secs(2),
        "{beside:?} and not {alone:?}"
    );
}
