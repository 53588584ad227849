//! Clients connect through port 80 five times a second, and some never hang up, while everything around that port
//! changes: none of them loses a connection, unless its server was the one to go (S6).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::time::Duration;

use ecm_policy::annotations::keys::DRAIN_SECONDS;
use ecm_testkit::invariants::{Expect, Tally};
use ecm_testkit::scenario::{guide, settle};
use ecm_testkit::trouble::Trouble;
use ecm_testkit::world::{Config, Topology, World};
use ens_sim::cloud::Protocol;
use serde_json::{Value, json};
use tokio::time::sleep;

const PREFIX: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";
const PS: &str = "cube-svc-np-0";
const NODES: [&str; 3] = ["node-0-0", "node-0-1", "node-0-2"];
const ONE: &[(u16, u16)] = &[(80, 80)];
const TWO: &[(u16, u16)] = &[(80, 80), (443, 80)];

/// A pool of three nodes that serves port 80, and clients that have connections to all three.
async fn under_load() -> World {
    under_load_in(Config::default()).await
}

async fn under_load_in(config: Config) -> World {
    let config = Config {
        topology: Topology::uniform(1, 1, 3),
        ..config
    };
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), ONE)).unwrap();
    settled(&world).await;
    assert!(world.put_under_load(PS, Protocol::Tcp, 80));
    sleep(Duration::from_secs(30)).await;
    let held = tally(&world).held;
    assert_eq!(held.len(), NODES.len(), "{held:?}");
    world
}

async fn settled(world: &World) {
    let is_settled = settle(world, Expect::Serving).await;
    assert!(is_settled, "{:#?}", world.transcript().violations());
}

/// Gives what was asked for time to begin, and then to end, under load.
async fn done(world: &World) {
    sleep(Duration::from_secs(20)).await;
    settled(world).await;
    sleep(Duration::from_secs(10)).await;
}

fn tally(world: &World) -> Tally {
    let mut tally = Tally::default();
    world.watch_for(|monitor| tally = monitor.tally());
    tally
}

/// No connection was lost, though there were always some.
fn nothing_was_lost(world: &World) {
    let tally = tally(world);
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
    assert!(tally.lost.is_empty(), "{tally:?}");
    let expected = world.clock().elapsed().as_secs();
    assert!(
        tally.opened > expected,
        "{} connections in {expected} s",
        tally.opened
    );
}

fn node(name: &str, metadata: &Value) -> Value {
    let mut metadata = metadata.clone();
    metadata["name"] = json!(name);
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": metadata })
}

/// Takes a node out of load balancers, or brings it back.
fn exclude(world: &World, name: &str, is_excluded: bool) {
    let label = if is_excluded { json!("") } else { Value::Null };
    let labels = json!({ "node.kubernetes.io/exclude-from-external-load-balancers": label });
    world
        .apply(node(name, &json!({ "labels": labels })))
        .unwrap();
}

fn instance(node: &str) -> String {
    format!("i-{node}")
}

/// Servers behind the load balancer that was made.
fn backends(world: &World) -> Vec<String> {
    let all = world.view().cloud.load_balancers.into_iter();
    let mut ours = all.filter(|lb| lb.name.starts_with("k8s/"));
    let servers = ours.next().unwrap().backends;
    servers.into_iter().map(|s| s.server_id).collect()
}

/// Ids of the load balancer and the EIP that were made.
fn made(world: &World) -> (String, String) {
    let cloud = world.view().cloud;
    let mut lbs = cloud.load_balancers.into_iter();
    let mut eips = cloud.eips.into_iter();
    let lb = lbs.find(|lb| lb.name.starts_with("k8s/")).unwrap();
    let eip = eips.find(|eip| eip.name.starts_with("k8s/")).unwrap();
    (lb.id, eip.id)
}

#[tokio::test(start_paused = true)]
async fn ports_that_come_and_go_cost_no_connection_through_another_one() {
    let world = under_load().await;
    for ports in [TWO, &[(80, 80), (8080, 80)], ONE, TWO, ONE] {
        world.apply(guide::service(json!({}), ports)).unwrap();
        done(&world).await;
    }
    nothing_was_lost(&world);
}

#[tokio::test(start_paused = true)]
async fn a_bandwidth_that_goes_up_and_down_costs_no_connection() {
    let world = under_load().await;
    for bandwidth in ["200", "5", "10"] {
        let annotations = json!({ format!("{PREFIX}eip-bandwidth"): bandwidth });
        world.apply(guide::service(annotations, ONE)).unwrap();
        done(&world).await;
        let eips = world.view().cloud.eips;
        let eip = eips
            .iter()
            .find(|eip| eip.name.starts_with("k8s/"))
            .unwrap();
        assert_eq!(eip.bandwidth.to_string(), bandwidth);
    }
    nothing_was_lost(&world);
}

#[tokio::test(start_paused = true)]
async fn weights_and_listener_settings_that_change_in_place_cost_no_connection() {
    let world = under_load().await;
    for (weight, scheduler) in [("base=20", "rr"), ("base=100", "wlc"), ("base=1", "sch")] {
        let annotations = json!({
            format!("{PREFIX}backend-weight"): weight,
            format!("{PREFIX}scheduler"): scheduler,
        });
        world.apply(guide::service(annotations, ONE)).unwrap();
        done(&world).await;
    }
    let stops = world.transcript();
    let stops = stops
        .calls()
        .filter(|c| c.verb == "StopLoadBalancerListener");
    assert_eq!(stops.count(), 0);
    nothing_was_lost(&world);
}

#[tokio::test(start_paused = true)]
async fn backends_swapped_one_by_one_cost_only_their_own_connections() {
    let world = under_load().await;
    for name in NODES {
        let server = instance(name);
        world.watch_for(|monitor| monitor.may_lose(&[&server]));
        exclude(&world, name, true);
        done(&world).await;
        assert!(!backends(&world).contains(&server));
        let lost = tally(&world).lost;
        assert!(lost[&server] > 0, "the load did not reach {name}: {lost:?}");
        // What came back is not on its way out any more.
        world.watch_for(|monitor| monitor.may_lose(&[]));
        exclude(&world, name, false);
        done(&world).await;
        assert!(backends(&world).contains(&server));
    }
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_pool_whose_every_node_is_replaced_loses_only_the_old_nodes_connections() {
    let world = under_load().await;
    exclude(&world, NODES[2], true);
    world.watch_for(|monitor| monitor.may_lose(&["i-node-0-2"]));
    done(&world).await;
    // One in, two out, all at once: adding comes before removing.
    world.watch_for(|monitor| monitor.may_lose(&["i-node-0-0", "i-node-0-1"]));
    for (name, is_excluded) in NODES.into_iter().zip([true, true, false]) {
        exclude(&world, name, is_excluded);
    }
    done(&world).await;
    assert_eq!(backends(&world), ["i-node-0-2"]);
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn rule_7_5_with_drain_seconds_no_connection_that_is_shorter_is_lost() {
    let world = under_load().await;
    let annotations = json!({ DRAIN_SECONDS: "30" });
    world.apply(guide::service(annotations, ONE)).unwrap();
    done(&world).await;
    exclude(&world, NODES[0], true);
    // Nothing may be lost yet: the server drains.
    sleep(Duration::from_secs(25)).await;
    let before = tally(&world);
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
    let long = before.held["i-node-0-0"];
    world.watch_for(|monitor| monitor.may_lose(&["i-node-0-0"]));
    done(&world).await;
    assert!(!backends(&world).contains(&instance(NODES[0])));
    assert_eq!(
        tally(&world).lost["i-node-0-0"],
        long,
        "the ones that never end"
    );
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_is_restarted_in_order_costs_no_connection() {
    let world = under_load().await;
    for ports in [TWO, ONE] {
        world.apply(guide::service(json!({}), ports)).unwrap();
        sleep(Duration::from_millis(700)).await;
        world.restart().await;
        done(&world).await;
    }
    nothing_was_lost(&world);
}

/// A port comes, with another bandwidth, or goes again; the controller dies at the nth call of that, and comes back.
#[tokio::test(start_paused = true)]
async fn a_controller_that_dies_at_any_moment_costs_no_connection() {
    let world = under_load().await;
    for nth in 1..=14 {
        for (trouble, ports, bandwidth) in [
            (Trouble::KillBefore, TWO, "20"),
            (Trouble::KillAfter, ONE, "10"),
        ] {
            world.plan(world.calls() + nth, trouble);
            let annotations = json!({ format!("{PREFIX}eip-bandwidth"): bandwidth });
            world.apply(guide::service(annotations, ports)).unwrap();
            done(&world).await;
        }
    }
    let deaths = world.transcript().to_string().matches(" dies ").count();
    assert!(deaths >= 24, "only {deaths} deaths");
    nothing_was_lost(&world);
}

/// Two replicas; the second one waits for its turn.
async fn two_under_load() -> World {
    let config = Config {
        replicas: 2,
        ..Config::default()
    };
    under_load_in(config).await
}

/// The other replica leads when the change was made, and took part in it.
async fn led_by_another(world: &World, before: Option<u32>) {
    done(world).await;
    let after = world.leading_process();
    assert!(
        after.is_some() && after != before,
        "{before:?} and then {after:?}"
    );
    let transcript = world.transcript();
    let mut writes = transcript.calls().filter(|call| call.is_write);
    assert!(
        writes.any(|call| Some(call.process) == after),
        "{after:?} wrote nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hands_over_in_the_middle_of_a_change_costs_no_connection() {
    let world = two_under_load().await;
    for ports in [TWO, ONE] {
        let before = world.leading_process();
        world.apply(guide::service(json!({}), ports)).unwrap();
        sleep(Duration::from_millis(300)).await;
        world.restart().await;
        led_by_another(&world, before).await;
    }
    nothing_was_lost(&world);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_dies_in_the_middle_of_a_change_costs_no_connection() {
    let world = two_under_load().await;
    for ports in [TWO, ONE] {
        let before = world.leading_process();
        world.apply(guide::service(json!({}), ports)).unwrap();
        sleep(Duration::from_millis(300)).await;
        world.kill();
        // Its Lease lasts for 30 s, and 10 s more pass before the next leader writes.
        sleep(Duration::from_secs(60)).await;
        world.start_process();
        led_by_another(&world, before).await;
    }
    nothing_was_lost(&world);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_hangs_and_wakes_up_behind_another_one_costs_no_connection() {
    let world = two_under_load().await;
    for (ports, nth) in [(TWO, 3), (ONE, 5)] {
        let before = world.leading_process();
        world.plan(world.calls() + nth, Trouble::StandStill);
        world.apply(guide::service(json!({}), ports)).unwrap();
        sleep(Duration::from_secs(60)).await;
        led_by_another(&world, before).await;
    }
    nothing_was_lost(&world);
}

/// What a person does to a port under load is told: the judge of these tests can fail.
async fn is_told(break_it: impl Fn(&World), told: &str) {
    let world = under_load().await;
    world.kill();
    break_it(&world);
    sleep(Duration::from_secs(5)).await;
    let found = world.transcript().violations();
    assert!(found.iter().any(|text| text.contains(told)), "{found:#?}");
}

fn by_hand(world: &World, action: &str, params: &[(&str, &str)]) {
    world.call_cloud(action, params).unwrap();
}

#[tokio::test(start_paused = true)]
async fn s6_sees_a_listener_that_is_stopped() {
    let stop = |world: &World| {
        let (lb, _) = made(world);
        let listener = [
            ("LoadBalancerId", &*lb),
            ("ListenerPort", "80"),
            ("ListenerProtocol", "tcp"),
        ];
        by_hand(world, "StopLoadBalancerListener", &listener);
    };
    is_told(stop, "refuses a connection: the listener is not Running").await;
    is_told(stop, "broke: the listener is not Running").await;
}

#[tokio::test(start_paused = true)]
async fn s6_sees_a_backend_that_is_removed_although_it_should_stay() {
    let remove = |world: &World| {
        let servers = json!([{ "ServerId": "i-node-0-1" }]).to_string();
        let (lb, _) = made(world);
        let params = [("LoadBalancerId", &*lb), ("BackendServers", &*servers)];
        by_hand(world, "RemoveBackendServers", &params);
    };
    is_told(
        remove,
        "on i-node-0-1 broke: the server was removed from the ELB",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn s6_sees_an_eip_that_is_unbound() {
    let unbind = |world: &World| {
        let (_, eip) = made(world);
        by_hand(
            world,
            "UnAssociateEnsEipAddress",
            &[("AllocationId", &*eip)],
        );
    };
    is_told(unbind, "broke: the EIP is not bound to an ELB").await;
}

#[tokio::test(start_paused = true)]
async fn s6_sees_a_server_that_takes_connections_without_a_pod() {
    let without = |world: &World| world.set_node_ready(NODES[1], "False").unwrap();
    is_told(without, "i-node-0-1: i-node-0-1 has no ready pod").await;
}

#[tokio::test(start_paused = true)]
async fn s6_sees_a_listener_that_goes_to_another_node_port() {
    let other_node_port = |world: &World| {
        let mut service = guide::service(json!({}), ONE);
        service["spec"]["ports"][0]["nodePort"] = json!(31_000);
        world.apply(service).unwrap();
    };
    is_told(
        other_node_port,
        "it is sent to node port 30080, the Service's is 31000",
    )
    .await;
}
