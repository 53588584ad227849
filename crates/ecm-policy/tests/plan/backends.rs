//! Which servers are attached, with which weight, in which order.

use crate::model;
use crate::model::{annotate, service, snapshot};
use crate::{kinds, settled};
use ecm_policy::conditions::{ConditionType, Reason};
use ecm_policy::plan::Wait;
use ecm_policy::snapshot::{ExternalTrafficPolicy, Readiness};

#[test]
fn rule_7_5_backends_are_added_before_others_are_removed() {
    let mut s = snapshot(2);
    let mut world = settled(&s);
    s.nodes = vec![model::node(1), model::node(2)];
    s.endpoints = vec![model::endpoint(1), model::endpoint(2)];
    assert_eq!(kinds(&world.settle(&s)), ["AddBackends", "RemoveBackends"]);
    assert_eq!(world.servers(), ["i-001", "i-002"]);
}

#[test]
fn rule_7_2_unknown_nodes_stay_while_no_node_is_ready() {
    let mut s = snapshot(2);
    let mut world = settled(&s);
    for node in &mut s.nodes {
        node.ready = Readiness::Unknown;
    }
    for endpoint in &mut s.endpoints {
        endpoint.ready = false;
    }
    assert_eq!(world.settle(&s), []);
    assert_eq!(world.servers().len(), 2);
}

#[test]
fn rule_7_1_two_nodes_of_one_instance_id_are_both_left_out() {
    let mut s = snapshot(3);
    s.nodes[1].labels = s.nodes[0].labels.clone();
    assert_eq!(settled(&s).servers(), ["i-002"]);
}

#[test]
fn rule_7_3_local_wants_nodes_with_pods_and_cluster_all_of_them() {
    let mut s = snapshot(3);
    s.endpoints.truncate(1);
    let mut world = settled(&s);
    assert_eq!(world.servers(), ["i-000"]);
    service(&mut s).external_traffic_policy = ExternalTrafficPolicy::Cluster;
    assert_eq!(kinds(&world.settle(&s)), ["AddBackends"]);
    assert_eq!(world.servers().len(), 3);
}

#[test]
fn rule_4_4_an_address_whose_every_server_has_weight_0_says_that_nothing_is_forwarded() {
    let mut s = snapshot(2);
    let key = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-backend-weight";
    annotate(&mut s, key, "base=0");
    let mut world = settled(&s);
    let said = |world: &mut model::World, s: &_| {
        let conditions = world.tick(s).report.conditions;
        let backends = conditions.get(ConditionType::BackendsReady).unwrap();
        (backends.reason, backends.message.clone())
    };
    let (reason, message) = said(&mut world, &s);
    assert_eq!(reason, Reason::NoReadyEndpoints);
    assert!(
        message.contains("weight 0") && message.contains(key),
        "{message}"
    );
    assert!(!world.published.is_empty());
    // One of them is enough.
    annotate(&mut s, key, "base=0,node-001=1");
    world.settle(&s);
    assert_eq!(said(&mut world, &s).0, Reason::AsExpected);
}

#[test]
fn rule_7_2_the_end_of_the_grace_wakes_somebody() {
    let mut s = snapshot(2);
    let mut world = settled(&s);
    s.nodes[0].ready = Readiness::Unknown;
    s.nodes[0].ready_since = Some(world.now);
    s.endpoints[0].ready = false;
    let plan = world.tick(&s);
    assert_eq!((plan.steps().count(), plan.wait), (0, Wait::Seconds(300)));
    assert_eq!(kinds(&world.ticks(&s, 1)), ["RemoveBackends"]);
    assert_eq!(world.servers(), ["i-001"]);
}

#[test]
fn rule_7_5_a_leaving_server_drains_with_weight_0_before_it_goes() {
    let mut s = snapshot(2);
    annotate(&mut s, "ecm.alibabacloud.com/drain-seconds", "60");
    let mut world = settled(&s);
    world.patience = 0;
    s.endpoints.truncate(1);
    let left_at = world.now;
    assert_eq!(kinds(&world.ticks(&s, 5)), ["SetWeights"]);
    assert_eq!(world.servers(), ["i-000", "i-001"]);
    assert_eq!(world.detail().backends[1].weight, 0);
    // It comes back in time.
    let mut back = world.clone();
    let mut returned = s.clone();
    returned.endpoints.push(model::endpoint(1));
    assert_eq!(kinds(&back.ticks(&returned, 3)), ["SetWeights"]);
    assert_eq!(back.detail().backends[1].weight, 100);
    assert!(back.ledger.as_ref().unwrap().draining.is_empty());
    // It does not.
    while world.servers().len() == 2 {
        world.tick(&s);
    }
    assert!(
        (60..=70).contains(&(world.now - left_at)),
        "{}",
        world.now - left_at
    );
    world.ticks(&s, 1);
    assert!(world.ledger.as_ref().unwrap().draining.is_empty());
}

#[test]
fn rule_3_6_a_weight_can_follow_the_pods_of_a_node() {
    let mut s = snapshot(2);
    annotate(&mut s, "ecm.alibabacloud.com/weight-by", "pods");
    s.endpoints = [0, 0, 0, 1].map(model::endpoint).into();
    let world = settled(&s);
    let weights: Vec<u8> = world.detail().backends.iter().map(|b| b.weight).collect();
    assert_eq!(weights, [3, 1]);
    // With Cluster every node answers for all pods.
    service(&mut s).external_traffic_policy = ExternalTrafficPolicy::Cluster;
    let world = settled(&s);
    assert!(world.detail().backends.iter().all(|b| b.weight == 100));
}

#[test]
fn rule_7_5_who_turns_the_drain_off_waits_for_nobody() {
    let mut s = snapshot(2);
    annotate(&mut s, "ecm.alibabacloud.com/drain-seconds", "600");
    let mut world = settled(&s);
    world.patience = 0;
    s.endpoints.truncate(1);
    world.ticks(&s, 2);
    assert_eq!(world.ledger.as_ref().unwrap().draining.len(), 1);
    s.pool_service.annotations.clear();
    let plan = world.tick(&s);
    assert!(plan.ledger.unwrap().draining.is_empty());
    assert_eq!(world.servers(), ["i-000"]);
}

#[test]
fn rule_7_5_a_server_that_drains_longest_goes_first_and_each_after_its_own_time() {
    let mut s = snapshot(3);
    annotate(&mut s, "ecm.alibabacloud.com/drain-seconds", "60");
    let mut world = settled(&s);
    world.patience = 0;
    s.endpoints.truncate(2);
    let first = world.now;
    world.ticks(&s, 4);
    s.endpoints.truncate(1);
    let second = world.now;
    let plan = world.tick(&s);
    assert_eq!(plan.wait, Wait::Detail);
    let plan = world.tick(&s);
    assert_eq!(
        plan.wait,
        Wait::Seconds(60 - (world.now - 5 - first)),
        "the next end"
    );
    while world.servers().len() == 3 {
        world.tick(&s);
    }
    assert_eq!(world.now - 5 - first, 60);
    while world.servers().len() == 2 {
        world.tick(&s);
    }
    assert_eq!(world.now - 5 - second, 60);
}
