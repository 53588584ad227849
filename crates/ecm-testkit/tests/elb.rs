//! What the elb half does when things are gone or busy.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ecm_policy::plan::{Lane, Step};
use ecm_reconciler::caller::Caller;
use ecm_reconciler::clock::Clock;
use ecm_reconciler::executor::{Executor, Outcome};
use ecm_reconciler::leader::Leadership;
use ecm_reconciler::region::Regions;
use ecm_testkit::invariants::Expect;
use ecm_testkit::scenario::{guide, settle};
use ecm_testkit::transcript::{Call, Entry, Side, What};
use ecm_testkit::world::{Config, Topology, World};
use ens_openapi::rate_limit::Priority;
use ens_openapi::transport::{Transport, TransportError};
use ens_openapi::{Client, Credentials, StaticCredentials};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// A world with one Service in `pools` pools of one region, served.
async fn serving(pools: u8) -> World {
    let config = Config {
        topology: Topology::uniform(pools, pools, 1),
        ..Config::default()
    };
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    settled(&world).await;
    world
}

async fn settled(world: &World) {
    let is_settled = settle(world, Expect::Serving).await;
    assert!(is_settled, "{:#?}", world.transcript().violations());
}

/// Ids of the load balancers that the controllers made.
fn made(world: &World) -> Vec<String> {
    let all = world.view().cloud.load_balancers.into_iter();
    let ours = all.filter(|lb| lb.name.starts_with("k8s/"));
    ours.map(|lb| lb.id).collect()
}

fn vanish(world: &World, id: &str) {
    let now = world.clock().cloud();
    assert!(world.cloud(|cloud| cloud.vanish(id, now)), "{id}");
}

fn calls(world: &World, from: usize, wanted: impl Fn(&Call) -> bool) -> usize {
    calls_answered(world, from, "200", wanted)
}

/// The calls that were answered so from the `from`th entry of the transcript on.
fn calls_answered(
    world: &World,
    from: usize,
    answer: &str,
    wanted: impl Fn(&Call) -> bool,
) -> usize {
    let transcript = world.transcript();
    let later = transcript.entries[from..].iter().filter_map(call);
    later.filter(|c| c.answer == answer && wanted(c)).count()
}

fn call(entry: &Entry) -> Option<&Call> {
    match &entry.what {
        What::Call(call) => Some(call),
        _ => None,
    }
}

fn entries(world: &World) -> usize {
    world.transcript().entries.len()
}

fn reason(ps: &Value, kind: &str) -> String {
    let conditions = ps["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|c| c["type"] == kind).unwrap();
    found["reason"].as_str().unwrap().to_owned()
}

fn reasons(world: &World, kind: &str) -> Vec<String> {
    let all = world.view().pool_services;
    all.iter().map(|ps| reason(ps, kind)).collect()
}

#[tokio::test(start_paused = true)]
async fn rule_8_6_a_mass_loss_is_held_at_one_question_a_look_until_somebody_confirms() {
    let world = serving(5).await;
    sleep(Duration::from_secs(60)).await;
    let before = made(&world);
    let from = entries(&world);
    for id in &before {
        vanish(&world, id);
    }
    sleep(Duration::from_secs(900)).await;
    assert_eq!(made(&world), Vec::<String>::new());
    assert_eq!(calls(&world, from, |c| c.verb == "CreateLoadBalancer"), 0);
    assert_eq!(reasons(&world, "LoadBalancerReady"), vec!["MassLoss"; 5]);
    let is_published = |ps: &Value| ps["status"]["loadBalancer"]["ingress"][0]["ip"].is_string();
    assert!(world.view().pool_services.iter().all(is_published));
    // A look reads each of them by its id once, and asks once whether it may be believed.
    let looks = calls_answered(&world, from, "400 LoadBalancerNotFound", |c| {
        c.verb == "DescribeLoadBalancerAttribute"
    });
    let asked = calls(&world, from, |c| {
        c.side == Side::Cluster && c.verb == "GET" && c.detail == "/api/v1/namespaces/kube-system"
    });
    assert!(asked > 0 && asked <= looks, "{asked} of {looks}");

    let confirm = format!("cn-region-0={}", world.clock().now());
    world
        .apply(json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": "kube-system",
                "annotations": { "ecm.alibabacloud.com/confirm-loss": confirm } },
        }))
        .unwrap();
    sleep(Duration::from_secs(180)).await;
    settled(&world).await;
    let after = made(&world);
    assert_eq!(after.len(), 5);
    assert!(after.iter().all(|id| !before.contains(id)));
}

#[tokio::test(start_paused = true)]
async fn rule_9_3_what_is_gone_is_made_again_after_two_looks_thirty_seconds_apart() {
    let world = serving(1).await;
    let before = made(&world);
    let from = entries(&world);
    vanish(&world, &before[0]);
    let lost_at = world.clock().elapsed();
    sleep(Duration::from_secs(420)).await;
    settled(&world).await;
    let after = made(&world);
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);
    let made_again = calls(&world, from, |c| c.verb == "CreateLoadBalancer");
    assert_eq!(made_again, 1);
    let events = calls_answered(&world, from, "201", |c| {
        c.verb == "POST" && c.detail.contains("LoadBalancerLost")
    });
    assert_eq!(events, 1);
    // What was first seen to be gone is in the ledger; the create came thirty seconds later.
    let transcript = world.transcript();
    let at = |wanted: &dyn Fn(&Call) -> bool| {
        let mut later = transcript.entries.iter().filter(|entry| entry.at > lost_at);
        later
            .find(|entry| call(entry).is_some_and(wanted))
            .unwrap()
            .at
    };
    let seen = at(&|c| c.verb == "PATCH" && c.detail.contains("goneSince"));
    let created = at(&|c| c.verb == "CreateLoadBalancer");
    let between = created.saturating_sub(seen);
    assert!((30..=33).contains(&between.as_secs()), "{between:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_7_2_nodes_out_of_sight_that_were_never_attached_are_no_one_who_serves() {
    let config = Config {
        topology: Topology::uniform(1, 1, 2),
        ..Config::default()
    };
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    sleep(Duration::from_secs(5)).await;
    for node in ["node-0-0", "node-0-1"] {
        world.set_node_ready(node, "Unknown").unwrap();
    }
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(reasons(&world, "BackendsReady"), ["NoReadyEndpoints"]);
    assert_eq!(reasons(&world, "Ready"), ["NoReadyEndpoints"]);
    for node in ["node-0-0", "node-0-1"] {
        world.set_node_ready(node, "True").unwrap();
    }
    sleep(Duration::from_secs(20)).await;
    settled(&world).await;
    // Once attached, they stay.
    for node in ["node-0-0", "node-0-1"] {
        world.set_node_ready(node, "Unknown").unwrap();
    }
    sleep(Duration::from_secs(600)).await;
    assert_eq!(reasons(&world, "Ready"), ["AsExpected"]);
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn rule_8_1_a_class_that_is_not_ours_any_more_releases_nothing_and_a_deletion_everything() {
    let world = serving(1).await;
    let before = made(&world);
    let from = entries(&world);
    world
        .apply(json!({
            "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
            "metadata": { "namespace": "default", "name": "cube-svc-np-0" },
            "spec": { "loadBalancerClass": "example.com/other" },
        }))
        .unwrap();
    sleep(Duration::from_secs(1200)).await;
    assert_eq!(made(&world), before);
    let releases = calls(&world, from, |c| {
        matches!(
            c.verb.as_str(),
            "ReleaseInstance" | "DeleteLoadBalancer" | "UnAssociateEnsEipAddress"
        )
    });
    assert_eq!(releases, 0);
    world.delete("v1", "Service", "default", "cube-svc");
    settled(&world).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(made(&world), Vec::<String>::new());
    assert_eq!(world.view().pool_services.len(), 0);
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn rule_9_1_lists_are_read_every_five_minutes_and_each_load_balancer_every_half_hour() {
    let world = serving(1).await;
    let id = made(&world).remove(0);
    sleep(Duration::from_secs(3600)).await;
    let from = entries(&world);
    sleep(Duration::from_secs(4 * 3600)).await;
    let of = |verb: &str| calls(&world, from, |c| c.verb == verb);
    for list in ["DescribeLoadBalancers", "DescribeEnsEipAddresses"] {
        // Every three to five minutes: the interval is spread over its last quarter.
        let count = of(list);
        assert!((48..=65).contains(&count), "{count} {list} in four hours");
    }
    let whole = of("DescribeLoadBalancerAttribute");
    assert!((8..=16).contains(&whole), "{whole} in four hours");
    assert_eq!(of("DescribeLoadBalancerTCPListenerAttribute"), whole);

    // What the lists show is put right within their interval.
    let from = entries(&world);
    let stop = [("LoadBalancerId", &*id), ("LoadBalancerStatus", "InActive")];
    world.call_cloud("SetLoadBalancerStatus", &stop).unwrap();
    sleep(Duration::from_secs(5 * 60 + 20)).await;
    settled(&world).await;
    // What they do not show, within half an hour.
    let servers = json!([{ "ServerId": "i-node-0-0" }]).to_string();
    let remove = [("LoadBalancerId", &*id), ("BackendServers", &*servers)];
    world.call_cloud("RemoveBackendServers", &remove).unwrap();
    sleep(Duration::from_secs(31 * 60)).await;
    settled(&world).await;
    let told = calls_answered(&world, from, "201", |c| {
        c.verb == "POST" && c.detail.contains("DriftRepaired")
    });
    assert!(told >= 1, "nobody is told");
}

/// The PoolService is being deleted; brings it back, and sees that exactly one load balancer and
/// one EIP were made again.
async fn made_again_when_gone(world: &World, before: &[String]) {
    let is_going = |ps: &Value| ps["metadata"]["deletionTimestamp"].is_string();
    assert!(world.view().pool_services.iter().all(is_going));
    assert_eq!(made(world), before, "nothing is gone yet");
    sleep(Duration::from_secs(5)).await;
    settled(world).await;
    let after = made(world);
    assert_eq!(after.len(), 1);
    assert_ne!(after, before);
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
    assert_eq!(world.cloud(|cloud| cloud.journal().leaks().count()), 2);
}

#[tokio::test(start_paused = true)]
async fn rule_8_7_a_pool_service_that_is_deleted_while_it_is_wanted_is_made_again_when_gone() {
    let world = serving(1).await;
    let before = made(&world);
    let version = "network.openyurt.io/v1alpha1";
    world.delete(version, "PoolService", "default", "cube-svc-np-0");
    sleep(Duration::from_millis(500)).await;
    made_again_when_gone(&world, &before).await;
}

#[tokio::test(start_paused = true)]
async fn rule_8_7_a_pool_that_matches_again_while_its_pool_service_goes_gets_another() {
    let world = serving(1).await;
    let before = made(&world);
    let label = |value: Value| {
        json!({
            "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool",
            "metadata": { "name": "np-0", "labels": { "k8s-svc": value } },
        })
    };
    world.apply(label(json!("other"))).unwrap();
    // The pool has not matched for 30 s when its PoolService is let go (behaviour 2.8).
    sleep(Duration::from_millis(30_500)).await;
    world.apply(label(json!("cube"))).unwrap();
    made_again_when_gone(&world, &before).await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_writes_go_side_by_side_until_busy_then_one_by_one_and_nothing_is_stopped() {
    let mut config = Config {
        topology: Topology::uniform(1, 1, 1),
        ..Config::default()
    };
    config.switches.busy_per_elb = true;
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    let ports = [(80, 80), (443, 80), (8080, 80), (8443, 80)];
    world.apply(guide::service(json!({}), &ports)).unwrap();
    settled(&world).await;
    let from = entries(&world);
    let scheduler = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-scheduler";
    let service = guide::service(json!({ scheduler: "wlc" }), &ports);
    world.apply(service).unwrap();
    sleep(Duration::from_secs(60)).await;
    settled(&world).await;

    let set = |c: &Call| c.verb == "SetLoadBalancerTCPListenerAttribute";
    assert_eq!(calls(&world, from, set), ports.len());
    let transcript = world.transcript();
    let all = transcript.entries.iter();
    let writes: Vec<(Duration, &Call)> = all
        .filter_map(|entry| Some((entry.at, call(entry)?)))
        .filter(|(_, c)| c.side == Side::Cloud && c.is_write)
        .filter(|(_, c)| c.verb.contains("Listener") || c.verb.contains("BackendServers"))
        .collect();
    let is_busy = |c: &Call| c.answer == "400 IncorrectInstanceStatus";
    let (first, _) = writes.iter().find(|(_, c)| is_busy(c)).unwrap();
    let burst = *first + Duration::from_millis(400);
    let together = writes.iter().filter(|(at, _)| *at < burst).count();
    assert!(together >= ports.len(), "side by side at first: {writes:?}");
    let later: Vec<_> = writes.iter().filter(|(at, _)| *at >= burst).collect();
    assert!(later.iter().any(|(_, c)| is_busy(c)), "{writes:?}");
    // From then on the first refusal ends a look, and the next one comes a second later.
    for pair in later.windows(2) {
        if let [(refused, c), (next, _)] = pair
            && is_busy(c)
        {
            let pause = next.saturating_sub(*refused);
            assert!(pause >= Duration::from_millis(500), "{pause:?}: {writes:?}");
        }
    }
    let mut all = transcript.entries[from..].iter().filter_map(call);
    let stop = all.find(|c| c.verb == "StopLoadBalancerListener");
    assert!(stop.is_none(), "whether it was refused or not: {stop:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_a_region_that_does_not_answer_delays_no_other() {
    // More PoolServices are in each region than one half has workers.
    let config = Config {
        topology: Topology::uniform(40, 20, 1),
        check_always: false,
        ..Config::default()
    };
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    settled(&world).await;
    world.silence(Some("cn-region-0"));
    world.restart().await;
    // The new process has met all of them now, and waits for the lists of the first region.
    sleep(Duration::from_secs(2)).await;
    let from = entries(&world);
    let version = "network.openyurt.io/v1alpha1";
    for pool in ["np-20", "np-39"] {
        let name = format!("cube-svc-{pool}");
        world.delete(version, "PoolService", "default", &name);
    }
    // An EIP is unbound in 3 s; every look at a region that is silent takes 30 s.
    sleep(Duration::from_secs(12)).await;
    let is_released = |c: &Call| c.verb == "ReleaseInstance";
    assert_eq!(calls(&world, from, is_released), 2);
    world.silence(None);
    settled(&world).await;
}

#[tokio::test(start_paused = true)]
async fn rule_5_3_an_id_is_recorded_also_when_the_object_is_deleted_before_the_create_is_answered()
{
    let mut config = Config {
        topology: Topology::uniform(1, 1, 1),
        cloud_delay: Duration::from_secs(2),
        ..Config::default()
    };
    // No list helps to find what was made.
    config.latency.list_lag = Duration::from_secs(30);
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    let creates = |verb: &str| calls(&world, 0, |c| c.verb == verb);
    while creates("CreateLoadBalancer") == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    world.delete("v1", "Service", "default", "cube-svc");
    let version = "network.openyurt.io/v1alpha1";
    world.delete(version, "PoolService", "default", "cube-svc-np-0");
    settled(&world).await;
    assert_eq!(made(&world), Vec::<String>::new());
    assert_eq!(creates("CreateLoadBalancer"), 1, "its id was thrown away");
    assert!(creates("CreateEipInstance") <= 1, "its id was thrown away");
}

#[tokio::test(start_paused = true)]
async fn rule_5_4_what_only_a_list_of_the_past_shows_is_not_taken_over() {
    let mut config = Config {
        topology: Topology::uniform(1, 1, 1),
        ..Config::default()
    };
    config.latency.list_lag = Duration::from_secs(30);
    let world = World::start(config, 1).unwrap();
    let params = [
        ("EnsRegionId", "cn-region-0"),
        ("NetworkId", "n-0"),
        ("VSwitchId", "vsw-0"),
        ("LoadBalancerName", "k8s/cube-svc/default/np-0/sandbox"),
        ("LoadBalancerSpec", "elb.s2.small"),
        ("PayType", "PostPaid"),
    ];
    let created = world.call_cloud("CreateLoadBalancer", &params).unwrap();
    let id = created["LoadBalancerId"].as_str().unwrap();
    world.apply(guide::daemon_set()).unwrap();
    let service = |paused: &str| {
        let annotations = json!({ "ecm.alibabacloud.com/paused": paused });
        world
            .apply(guide::service(annotations, &[(80, 80)]))
            .unwrap();
    };
    service("true");
    sleep(Duration::from_secs(40)).await;
    world
        .apply(json!({
            "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
            "metadata": { "namespace": "default", "name": "cube-svc-np-0",
                "annotations": { "ecm.alibabacloud.com/adopt": "true" } },
        }))
        .unwrap();
    for (action, params) in [
        (
            "SetLoadBalancerStatus",
            &[("LoadBalancerId", id), ("LoadBalancerStatus", "InActive")][..],
        ),
        ("ReleaseInstance", &[("InstanceId", id)]),
    ] {
        world.call_cloud(action, params).unwrap();
        sleep(Duration::from_secs(10)).await;
    }
    service("false");
    settled(&world).await;
    let is_about_it = |c: &Call| c.side == Side::Cluster && c.is_write && c.detail.contains(id);
    assert_eq!(calls(&world, 0, is_about_it), 0, "it is gone");
    assert_eq!(made(&world).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn rule_5_6_what_was_renamed_since_the_last_list_is_not_released() {
    let world = serving(1).await;
    sleep(Duration::from_secs(60)).await;
    let id = made(&world).remove(0);
    let mine = [
        ("LoadBalancerId", id.as_str()),
        ("LoadBalancerName", "mine"),
    ];
    world
        .call_cloud("ModifyLoadBalancerAttribute", &mine)
        .unwrap();
    let version = "network.openyurt.io/v1alpha1";
    world.delete(version, "PoolService", "default", "cube-svc-np-0");
    sleep(Duration::from_secs(60)).await;
    let view = world.view();
    let mut all = view.cloud.load_balancers.iter();
    assert!(all.any(|lb| lb.id == id), "it was a person's by then");
    assert_eq!(reasons(&world, "InSync"), ["ReleaseRefused"]);
}

/// A world with one Service, where lists show for a minute what was before.
fn slow_lists() -> World {
    let mut config = Config {
        topology: Topology::uniform(1, 1, 1),
        ..Config::default()
    };
    config.latency.list_lag = Duration::from_secs(60);
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    world
}

#[tokio::test(start_paused = true)]
async fn rule_8_5_what_is_listed_still_is_not_gone_although_the_read_says_so() {
    let world = slow_lists();
    sleep(Duration::from_secs(180)).await;
    settled(&world).await;
    let from = entries(&world);
    world.delete("v1", "Service", "default", "cube-svc");
    settled(&world).await;
    let transcript = world.transcript();
    let at = |wanted: &dyn Fn(&Call) -> bool| {
        let later = transcript.entries[from..].iter();
        let mut found = later.filter(|entry| call(entry).is_some_and(wanted));
        found.next_back().map(|entry| entry.at).unwrap()
    };
    let released = at(&|c| c.verb == "ReleaseInstance" && c.answer == "200");
    let let_go = at(&|c| c.verb == "PATCH" && c.detail.contains(r#""finalizers":[]"#));
    let listed_until = released + Duration::from_secs(60);
    assert!(
        let_go >= listed_until,
        "let go at {let_go:?}, listed until {listed_until:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn rule_8_5_what_was_just_made_and_is_not_shown_yet_is_neither_made_again_nor_forgotten() {
    let world = slow_lists();
    sleep(Duration::from_secs(55)).await;
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
    settled(&world).await;
    let eips = calls(&world, 0, |c| c.verb == "CreateEipInstance");
    assert_eq!(eips, 1, "no list showed the first one yet");

    let world = slow_lists();
    sleep(Duration::from_secs(25)).await;
    world.delete("v1", "Service", "default", "cube-svc");
    settled(&world).await;
    let released = calls(&world, 0, |c| c.verb == "DeleteEip");
    assert_eq!(released, 1, "it was let go of and costs money for ever");
}

/// Services on a person's load balancer in the pool `np-0`, one port each. Gives them as a person applies them with
/// this scheduler.
fn sharing(scheduler: &str) -> Vec<Value> {
    let one = |n: u16| {
        let annotations = json!({
            "service.openyurt.io/nodepool-labelselector": "side=left",
            guide::MANAGED_BY_USER: "true",
            "ecm.alibabacloud.com/loadbalancer-ids": "np-0=lb-user-0",
            "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-scheduler": scheduler,
        });
        let mut service = guide::service(annotations, &[(8000 + n, 80)]);
        service["metadata"]["name"] = json!(format!("shares-{n}"));
        service["spec"]["externalTrafficPolicy"] = json!("Cluster");
        service
    };
    (0..40).map(one).collect()
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_those_who_wait_for_a_shared_load_balancer_delay_nobody_of_their_region() {
    // Two pools of one region, and more PoolServices on one load balancer than the region has workers.
    let config = Config {
        topology: Topology::uniform(2, 2, 1),
        check_always: false,
        ..Config::default()
    };
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    for (pool, side) in [("np-0", "left"), ("np-1", "right")] {
        world
            .apply(json!({
                "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool",
                "metadata": { "name": pool, "labels": { "side": side } },
            }))
            .unwrap();
    }
    for service in sharing("rr") {
        world.apply(service).unwrap();
    }
    let other = |ports: &[(u16, u16)]| {
        let selector = json!({ "service.openyurt.io/nodepool-labelselector": "side=right" });
        world.apply(guide::service(selector, ports)).unwrap();
    };
    other(&[(80, 80)]);
    settled(&world).await;
    sleep(Duration::from_secs(60)).await;
    // Whoever has the turn waits for an answer, and all the others for the turn.
    world.silence(Some("lb-user-0"));
    for service in sharing("wlc") {
        world.apply(service).unwrap();
    }
    sleep(Duration::from_secs(2)).await;
    let from = entries(&world);
    other(&[(80, 80), (443, 80)]);
    sleep(Duration::from_secs(3)).await;
    let starts = calls(&world, from, |c| c.verb == "StartLoadBalancerListener");
    assert_eq!(starts, 1, "they keep the workers of the region");
    // Nobody of them is forgotten.
    world.silence(None);
    sleep(Duration::from_secs(120)).await;
    settled(&world).await;
    let set = |c: &Call| c.verb == "SetLoadBalancerTCPListenerAttribute";
    assert_eq!(calls(&world, from, set), 40);
}

/// A cloud where a release is under way: what is released is busy, and already gone for the rest.
#[derive(Debug)]
struct Releasing;

#[async_trait::async_trait]
impl Transport for Releasing {
    async fn exchange(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, TransportError> {
        let code = match request.headers()["x-acs-action"].to_str() {
            Ok("ReleaseInstance") => "IncorrectInstanceStatus",
            _ => "LoadBalancerNotFound",
        };
        let refusal = json!({ "Code": code, "Message": "no", "RequestId": "r" });
        let answer = http::Response::builder().status(400);
        Ok(answer.body(refusal.to_string().into()).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn rule_8_2_a_load_balancer_that_goes_while_it_is_stopped_is_released_and_no_alarm() {
    let executor = Executor::new(client(Releasing), Leadership::sole_replica());
    let step = Step::ReleaseLoadBalancer {
        id: "lb-1".to_owned(),
        is_active: true,
    };
    let lanes = vec![Lane(vec![step])];
    let (sender, mut done) = mpsc::unbounded_channel();
    let caller = Caller::new(Priority::Critical, "shop/web-hangzhou");
    executor.run(lanes, &caller, sender).await;
    let done = done.recv().await.unwrap();
    assert_eq!(done.result.unwrap(), Outcome::AlreadyGone);
}

fn client(transport: impl Transport + 'static) -> Client {
    Client::builder(StaticCredentials::new(Credentials::new("id", "secret")))
        .endpoint("http://ens.test")
        .transport(transport)
        .build()
        .unwrap()
}

/// A cloud that holds nothing. The code that reads its first answer panics.
#[derive(Debug, Default)]
struct Empty {
    has_panicked: AtomicBool,
}

#[async_trait::async_trait]
impl Transport for Empty {
    async fn exchange(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, TransportError> {
        let is_second = self.has_panicked.swap(true, Ordering::Relaxed);
        assert!(is_second, "the first read panics");
        let rows = json!({
            "LoadBalancers": { "LoadBalancer": [] }, "EipAddresses": { "EipAddress": [] },
            "TotalCount": 0, "PageNumber": 1, "PageSize": 100, "RequestId": "r",
        });
        Ok(http::Response::new(rows.to_string().into()))
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_5_a_list_that_panicked_is_read_again_by_whoever_asks_next() {
    let regions = Arc::new(Regions::new(client(Empty::default()), Clock::system()));
    let begun = Instant::now();
    let first = {
        let regions = regions.clone();
        tokio::spawn(async move { regions.lists("cn-a", begun).await.map(drop) })
    };
    assert!(first.await.unwrap_err().is_panic());
    let lists = regions.lists("cn-a", begun).await.unwrap();
    assert!(lists.is_complete && lists.load_balancers.is_empty());
}
