//! The plan against the contract, rule by rule, on a model of the cloud.

mod model;

use ecm_policy::conditions::{ConditionType, Reason, Status};
use ecm_policy::desired::{Config, Desired, desired};
use ecm_policy::listeners::{ListenerKey, Protocol};
use ecm_policy::observed::{
    EipStatus, Listener, ListenerStatus, LoadBalancerDetail, LoadBalancerStatus,
};
use ecm_policy::plan::{Addresses, Plan, Step, Wait};
use ecm_policy::snapshot::{ExternalTrafficPolicy, Readiness};
use model::{P, World, annotate, port, service, snapshot};
use proptest::prelude::*;

const NAME: &str = "k8s/web/default/hefei/c1";

/// The kinds of the steps, in order.
fn kinds(steps: &[Step]) -> Vec<String> {
    let kind = |step: &Step| {
        let text = format!("{step:?}");
        text.split([' ', '(', '{'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    steps.iter().map(kind).collect()
}

fn reason(plan: &Plan, condition: ConditionType) -> Option<Reason> {
    plan.report
        .conditions
        .get(condition)
        .filter(|c| c.status == Status::False)
        .map(|c| c.reason)
}

fn key(port: u16, protocol: Protocol) -> ListenerKey {
    ListenerKey { port, protocol }
}

fn foreign(port: u16, protocol: Protocol) -> Listener {
    Listener {
        key: key(port, protocol),
        description: "somebody's".into(),
        status: ListenerStatus::Running,
        backend_port: Some(1),
        settings: None,
    }
}

/// A settled world for a snapshot.
fn settled(of: &ecm_policy::snapshot::Snapshot) -> World {
    let mut world = World::new();
    world.settle(of);
    world
}

#[test]
fn rule_4_2_a_new_stack_takes_exactly_the_writes_that_it_needs() {
    let mut s = snapshot(41);
    service(&mut s).ports = vec![port(80, "TCP", 30080), port(53, "UDP", 30053)];
    let mut world = World::new();
    let steps = world.settle(&s);
    let mut seen = kinds(&steps);
    assert_eq!(seen[..2], ["CreateLoadBalancer", "CreateEip"]);
    seen.sort();
    let mut expected = vec!["CreateLoadBalancer", "CreateEip", "BindEip"];
    expected.extend(["CreateListener"; 2]);
    expected.extend(["StartListener"; 2]);
    expected.extend(["AddBackends"; 3]);
    expected.sort_unstable();
    assert_eq!(seen, expected);
    assert_eq!(world.published, ["203.0.113.7"]);
    assert_eq!(world.servers().len(), 41);
}

#[test]
fn rule_5_1_a_long_name_is_given_after_the_create() {
    let mut s = snapshot(1);
    service(&mut s).key.name = "w".repeat(63);
    let mut world = World::new();
    let steps = world.settle(&s);
    assert_eq!(
        kinds(&steps)
            .iter()
            .filter(|k| *k == "RenameLoadBalancer")
            .count(),
        1
    );
    assert_eq!(
        world.only().name,
        format!("k8s/{}/default/hefei/c1", "w".repeat(63))
    );
}

#[test]
fn rule_9_2_a_cloud_that_is_as_desired_is_left_alone() {
    let s = snapshot(3);
    let world = settled(&s);
    let plan = world.look(&s);
    assert_eq!(
        (plan.steps().count(), plan.ledger, plan.wait),
        (0, None, Wait::Settled)
    );
}

#[test]
fn rule_4_4_an_address_is_published_once_traffic_would_arrive() {
    let s = snapshot(1);
    let mut world = World::new();
    for _ in 0..50 {
        let plan = world.tick(&s);
        if let Addresses::Publish { .. } = plan.report.addresses {
            let lb = world.only();
            let eip = world.eips.values().next().unwrap();
            assert_eq!(lb.status, LoadBalancerStatus::Active);
            assert_eq!(
                (&eip.status, eip.bound_to.as_ref()),
                (&EipStatus::InUse, Some(&lb.id))
            );
            assert_eq!(world.detail().listeners[0].status, ListenerStatus::Running);
            assert_eq!(world.servers(), ["i-000"]);
            return;
        }
        assert!(world.published.is_empty());
    }
    panic!("never published");
}

#[test]
fn rule_6_2_a_new_node_port_is_stop_delete_create_start_of_that_port_only() {
    let mut s = snapshot(1);
    service(&mut s).ports.push(port(81, "TCP", 30081));
    let mut world = settled(&s);
    service(&mut s).ports[0].node_port = Some(31000);
    let steps = world.settle(&s);
    assert_eq!(
        kinds(&steps),
        [
            "StopListener",
            "DeleteListener",
            "CreateListener",
            "StartListener"
        ]
    );
    assert!(
        steps
            .iter()
            .all(|step| !format!("{step}").contains("81/tcp"))
    );
    assert_eq!(world.published, ["203.0.113.7"], "no withdrawal for a blip");
}

#[test]
fn rule_6_2_a_setting_is_changed_in_place() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    annotate(&mut s, &format!("{P}scheduler"), "wlc");
    assert_eq!(kinds(&world.settle(&s)), ["SetListener"]);
}

#[test]
fn rule_6_3_drift_on_our_own_load_balancer_goes_even_of_another_protocol() {
    let s = snapshot(1);
    let mut world = settled(&s);
    let lb = world.load_balancers.values_mut().next().unwrap();
    let listeners = &mut lb.detail.as_mut().unwrap().listeners;
    let ours = listeners[0].description.clone();
    listeners[0] = Listener {
        description: ours,
        ..foreign(80, Protocol::Http)
    };
    world.settle(&s);
    let left: Vec<_> = world.detail().listeners.iter().map(|l| l.key).collect();
    assert_eq!(left, [key(80, Protocol::Tcp)]);
}

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
fn rule_4_5_bandwidth_changes_in_place_and_an_unreported_one_is_not_set_for_ever() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    annotate(&mut s, &format!("{P}eip-bandwidth"), "20");
    assert_eq!(kinds(&world.settle(&s)), ["SetEipBandwidth"]);
    world.eips.values_mut().for_each(|eip| eip.bandwidth = None);
    assert_eq!(world.settle(&s), []);
}

#[test]
fn rule_4_6_an_eip_bound_elsewhere_is_withdrawn_and_not_touched() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    world
        .eips
        .values_mut()
        .for_each(|eip| eip.bound_to = Some("lb-other".into()));
    assert_eq!(world.ticks(&s, 3), []);
    assert!(world.published.is_empty());
    let plan = world.look(&s);
    assert_eq!(
        reason(&plan, ConditionType::AddressReady),
        Some(Reason::EipBoundElsewhere)
    );
    s.pool_service.deleting = true;
    let steps = world.ticks(&s, 6);
    assert!(
        !kinds(&steps).iter().any(|k| k.ends_with("Eip")),
        "{steps:?}"
    );
    assert!(!world.finalized);
}

#[test]
fn rule_4_6_an_inactive_load_balancer_is_activated_after_30_seconds() {
    let s = snapshot(1);
    let mut world = settled(&s);
    let lb = world.load_balancers.values_mut().next().unwrap();
    lb.status = LoadBalancerStatus::InActive;
    lb.status_age = 10;
    assert_eq!(world.look(&s).steps().count(), 0);
    assert_eq!(kinds(&world.settle(&s)), ["ActivateLoadBalancer"]);
}

#[test]
fn rule_4_9_a_user_id_does_not_forget_the_eip_of_a_lost_load_balancer() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    world.ledger.as_mut().unwrap().load_balancer.id = None;
    world.load_balancers.clear();
    world.users_load_balancer("lb-user");
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    world.ticks(&s, 5);
    let eip = world.ledger.as_ref().unwrap().eip.as_ref().unwrap();
    assert!(eip.id.is_some(), "the EIP is still in the ledger");
    s.pool_service.deleting = true;
    world.settle(&s);
    assert!(world.eips.is_empty() && world.load_balancers.contains_key("lb-user"));
}

#[test]
fn rule_4_7_a_users_load_balancer_gets_listeners_and_backends_and_keeps_its_own() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    let mut world = World::new();
    let plan = world.tick(&s);
    assert_eq!(
        reason(&plan, ConditionType::LoadBalancerReady),
        Some(Reason::WaitingForLoadBalancerId)
    );
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let detail = world.users_load_balancer("lb-user");
    detail.listeners.push(foreign(443, Protocol::Tcp));
    detail.backends.push(model::backend("i-user", 7));
    let steps = world.settle(&s);
    assert_eq!(
        kinds(&steps),
        ["CreateListener", "StartListener", "AddBackends"]
    );
    assert_eq!(world.published, ["10.0.0.9"]);
    s.endpoints.clear();
    service(&mut s).ports = vec![port(443, "TCP", 30443)];
    let steps = world.settle(&s);
    assert_eq!(
        kinds(&steps),
        ["StopListener", "RemoveBackends", "DeleteListener"]
    );
    assert_eq!(world.detail().listeners, [foreign(443, Protocol::Tcp)]);
    assert_eq!(world.servers(), ["i-user"]);
    let plan = world.look(&s);
    assert_eq!(
        reason(&plan, ConditionType::ListenersReady),
        Some(Reason::ListenerConflict)
    );
}

#[test]
fn rule_4_4_a_users_inactive_load_balancer_is_neither_activated_nor_published() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    world.load_balancers.get_mut("lb-user").unwrap().status = LoadBalancerStatus::InActive;
    let steps = world.ticks(&s, 6);
    assert!(!kinds(&steps).contains(&"ActivateLoadBalancer".to_owned()));
    assert!(world.published.is_empty());
    assert_eq!(
        world.look(&s).wait,
        Wait::Seconds(60),
        "nobody polls for what a person does"
    );
}

#[test]
fn rule_4_7_a_load_balancer_of_another_network_or_none_is_refused() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    let plan = world.tick(&s);
    assert_eq!(
        reason(&plan, ConditionType::Accepted),
        Some(Reason::LoadBalancerNotFound)
    );
    world.users_load_balancer("lb-user");
    world.load_balancers.get_mut("lb-user").unwrap().network = "n-2".into();
    let plan = world.tick(&s);
    assert_eq!(
        reason(&plan, ConditionType::Accepted),
        Some(Reason::LoadBalancerWrongNetwork)
    );
    assert_eq!((world.audit.len(), world.ledger), (0, None));
}

#[test]
fn rule_5_4_a_name_in_use_stops_everything_and_leaves_no_intent() {
    let s = snapshot(1);
    let mut world = World::new();
    world
        .load_balancers
        .insert("lb-x".into(), model::load_balancer("lb-x", NAME, 1));
    let plan = world.tick(&s);
    assert_eq!(
        reason(&plan, ConditionType::LoadBalancerReady),
        Some(Reason::NameConflict)
    );
    world.ticks(&s, 3);
    assert_eq!((world.audit.len(), world.ledger), (0, None));
}

#[test]
fn rule_5_4_adopt_takes_over_and_owns() {
    let mut s = snapshot(1);
    annotate(&mut s, "ecm.alibabacloud.com/adopt", "true");
    let mut world = World::new();
    let mut lb = model::load_balancer("lb-x", NAME, 1);
    lb.status = LoadBalancerStatus::Active;
    world.load_balancers.insert("lb-x".into(), lb);
    world
        .eips
        .insert("eip-x".into(), model::eip("eip-x", NAME, 1));
    let steps = world.settle(&s);
    assert!(
        !kinds(&steps)
            .iter()
            .any(|k| k.contains("CreateE") || k.contains("CreateLo"))
    );
    assert_eq!(world.published, ["203.0.113.7"]);
    s.pool_service.deleting = true;
    world.settle(&s);
    assert!(world.finalized && world.load_balancers.is_empty() && world.eips.is_empty());
}

#[test]
fn rule_5_4_an_eip_of_another_cluster_of_our_id_stops_every_write() {
    let s = snapshot(1);
    let mut world = settled(&s);
    world.ledger.as_mut().unwrap().eip.as_mut().unwrap().id = None;
    for eip in world.eips.values_mut() {
        for (k, v) in &mut eip.tags {
            if k == "ecm-cluster-uid" {
                "other".clone_into(v);
            }
        }
    }
    world
        .load_balancers
        .values_mut()
        .for_each(|lb| lb.detail = Some(LoadBalancerDetail::default()));
    assert_eq!(world.ticks(&s, 3), []);
}

#[test]
fn rule_5_5_a_lost_answer_is_found_by_name_or_by_repeating() {
    for list_lag in [0, 600] {
        let s = snapshot(1);
        let mut world = World::new();
        (world.lose_answers, world.list_lag) = (true, list_lag);
        world.tick(&s);
        world.lose_answers = false;
        world.settle(&s);
        assert_eq!((world.load_balancers.len(), world.eips.len()), (1, 1));
        assert_eq!(world.published.len(), 1);
    }
}

#[test]
fn rule_5_5_a_create_that_never_happened_moves_on_after_15_minutes() {
    let s = snapshot(1);
    let mut world = World::new();
    world.drop_creates = true;
    let start = world.now;
    while world
        .ledger
        .as_ref()
        .is_none_or(|l| l.load_balancer.attempt < 2)
    {
        world.tick(&s);
        assert!(world.now - start < 1200);
    }
    assert!(world.now - start >= 900);
}

#[test]
fn rule_5_5_a_conflict_does_not_make_a_release_forget_an_open_create() {
    let mut s = snapshot(1);
    let mut world = World::new();
    world.lose_answers = true;
    world.tick(&s);
    // The answer, and a second one of the same name: which is which cannot be told.
    let second = model::load_balancer("lb-x", NAME, world.now);
    world.load_balancers.insert("lb-x".into(), second);
    world.now += 2000;
    s.pool_service.deleting = true;
    world.ticks(&s, 5);
    assert!(!world.finalized);
    let ledger = world.ledger.as_ref().unwrap();
    assert!(ledger.load_balancer.intent.is_some());
    world.load_balancers.remove("lb-x");
    world.settle(&s);
    assert!(world.finalized && world.load_balancers.is_empty() && world.eips.is_empty());
}

#[test]
fn rule_9_3_what_is_lost_is_made_again_after_two_looks_and_not_for_a_blip() {
    let s = snapshot(1);
    let mut world = settled(&s);
    world.blind = true;
    assert_eq!(world.ticks(&s, 20), []);
    assert_eq!(world.published.len(), 1);
    world.blind = false;
    assert_eq!(world.settle(&s), []);
    world.load_balancers.clear();
    let lost_at = world.now;
    let plan = world.tick(&s);
    assert_eq!(plan.wait, Wait::Seconds(30));
    assert!(world.published.is_empty());
    let steps = world.settle(&s);
    assert!(world.now - lost_at >= 30);
    assert_eq!(kinds(&steps)[0], "CreateLoadBalancer");
    assert_eq!((world.published.len(), world.eips.len()), (1, 1));
}

#[test]
fn rule_4_9_an_address_type_that_was_edited_after_creation_does_not_strand_a_lost_eip() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    annotate(&mut s, &format!("{P}address-type"), "intranet");
    let plan = world.look(&s);
    assert_eq!(
        reason(&plan, ConditionType::InSync),
        Some(Reason::ImmutableSetting)
    );
    assert_eq!(world.settle(&s), []);
    world.eips.clear();
    world.settle(&s);
    assert_eq!((world.eips.len(), world.published.len()), (1, 1));
}

#[test]
fn rule_3_4_faults_stop_a_creation_and_keep_what_stands() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}eip-bandwidth"), "many");
    let mut world = World::new();
    assert_eq!(world.settle(&s), []);
    assert_eq!(world.ledger, None);
    s.pool_service.annotations.clear();
    world.settle(&s);
    annotate(&mut s, &format!("{P}scheduler"), "best");
    s.nodes.push(model::node(1));
    s.endpoints.push(model::endpoint(1));
    assert_eq!(kinds(&world.settle(&s)), ["AddBackends"]);
    world.load_balancers.clear();
    let steps = world.ticks(&s, 20);
    assert!(
        !kinds(&steps).contains(&"CreateLoadBalancer".to_owned()),
        "{steps:?}"
    );
}

#[test]
fn rule_8_1_a_missing_service_or_pool_changes_nothing() {
    let s = snapshot(1);
    let mut world = settled(&s);
    let without_service = ecm_policy::snapshot::Snapshot {
        service: None,
        ..s.clone()
    };
    let without_pool = ecm_policy::snapshot::Snapshot { pool: None, ..s };
    for s in [without_service, without_pool] {
        assert_eq!(world.ticks(&s, 3), []);
        assert_eq!(world.published.len(), 1);
    }
}

#[test]
fn rule_8_4_a_release_needs_only_the_ledger_and_takes_the_address_back_first() {
    let mut s = snapshot(3);
    let mut world = settled(&s);
    s.pool_service.deleting = true;
    (s.service, s.pool) = (None, None);
    s.nodes.clear();
    assert_eq!(world.tick(&s).steps().count(), 0);
    assert!(world.published.is_empty());
    assert_eq!(
        kinds(&world.settle(&s)),
        ["UnbindEip", "ReleaseEip", "ReleaseLoadBalancer"]
    );
    assert!(world.finalized);
}

#[test]
fn rule_3_5_a_paused_pool_service_is_not_released() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    annotate(&mut s, "ecm.alibabacloud.com/paused", "true");
    s.pool_service.deleting = true;
    assert_eq!(world.ticks(&s, 3), []);
    assert!(!world.finalized);
}

#[test]
fn rule_5_6_what_was_renamed_is_not_released() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    world
        .load_balancers
        .values_mut()
        .for_each(|lb| lb.name = "precious".into());
    s.pool_service.deleting = true;
    world.ticks(&s, 10);
    assert_eq!((world.load_balancers.len(), world.finalized), (1, false));
    let plan = world.look(&s);
    assert_eq!(
        reason(&plan, ConditionType::InSync),
        Some(Reason::ReleaseRefused)
    );
}

#[test]
fn rule_8_2_retain_leaves_both_but_not_an_open_create() {
    let mut s = snapshot(1);
    annotate(&mut s, "ecm.alibabacloud.com/deletion-policy", "retain");
    let mut world = World::new();
    world.lose_answers = true;
    world.tick(&s);
    world.lose_answers = false;
    s.pool_service.deleting = true;
    assert!(!world.tick(&s).released);
    world.settle(&s);
    assert!(world.finalized);
    assert_eq!((world.load_balancers.len(), world.eips.len()), (1, 1));
}

#[test]
fn rule_8_3_cleanup_takes_only_ours_off_a_users_load_balancer() {
    for cleanup in ["false", "true"] {
        let mut s = snapshot(1);
        annotate(&mut s, &format!("{P}managed-by-user"), "true");
        annotate(&mut s, &format!("{P}id"), "lb-user");
        annotate(&mut s, "ecm.alibabacloud.com/cleanup-on-delete", cleanup);
        let mut world = World::new();
        world
            .users_load_balancer("lb-user")
            .listeners
            .push(foreign(443, Protocol::Tcp));
        world.settle(&s);
        s.pool_service.deleting = true;
        let steps = world.settle(&s);
        assert!(world.finalized);
        if cleanup == "true" {
            assert_eq!(
                kinds(&steps),
                ["StopListener", "RemoveBackends", "DeleteListener"]
            );
            assert_eq!(world.detail().listeners, [foreign(443, Protocol::Tcp)]);
        } else {
            assert_eq!(steps, []);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Crashes at any step, lost answers and losses end in one stack, and in none once deleted.
    #[test]
    fn rule_11_3_any_interruption_converges_and_leaks_nothing(
        deaths in prop::collection::vec((0_usize..4, any::<bool>(), 0_usize..6), 0..6),
        ports in 1_u16..4,
        nodes in 0_usize..45,
        lag in 0_i64..120,
        loses in any::<[bool; 2]>(),
    ) {
        let mut s = snapshot(nodes);
        service(&mut s).ports =
            (0..ports).map(|i| port(80 + i, "TCP", 30000 + i)).collect();
        let mut world = World::new();
        world.list_lag = lag;
        let disturb = |world: &mut World, s: &ecm_policy::snapshot::Snapshot| {
            for (steps, lose, ticks) in &deaths {
                (world.steps_left, world.lose_answers) = (*steps, *lose);
                world.ticks(s, *ticks);
            }
            (world.steps_left, world.lose_answers) = (usize::MAX, false);
        };
        disturb(&mut world, &s);
        world.settle(&s);
        prop_assert_eq!((world.load_balancers.len(), world.eips.len()), (1, 1));
        prop_assert_eq!(world.servers().len(), nodes);
        if loses[0] { world.load_balancers.clear(); }
        if loses[1] { world.eips.clear(); }
        world.settle(&s);
        prop_assert_eq!(world.look(&s).steps().count(), 0);
        prop_assert_eq!(world.published.len(), 1);
        s.pool_service.deleting = true;
        disturb(&mut world, &s);
        if !world.finalized { world.settle(&s); }
        prop_assert!(world.finalized && world.load_balancers.is_empty() && world.eips.is_empty());
    }

    /// The order in which Kubernetes lists things does not matter.
    #[test]
    fn rule_9_2_the_order_of_inputs_does_not_matter(
        nodes in Just((0..9).map(model::node).collect::<Vec<_>>()).prop_shuffle(),
        endpoints in Just((0..9).map(model::endpoint).collect::<Vec<_>>()).prop_shuffle(),
        ports in Just(vec![port(1, "TCP", 3), port(2, "UDP", 4), port(1, "UDP", 5)]).prop_shuffle(),
    ) {
        let mut ordered = snapshot(9);
        service(&mut ordered).ports =
            vec![port(1, "TCP", 3), port(2, "UDP", 4), port(1, "UDP", 5)];
        let world = settled(&ordered);
        let mut shuffled = ecm_policy::snapshot::Snapshot { nodes, endpoints, ..ordered };
        service(&mut shuffled).ports = ports;
        prop_assert_eq!(world.look(&shuffled).steps().count(), 0);
    }
}

#[test]
fn rule_5_7_another_cluster_id_stops_every_write_even_of_a_release() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    world.ledger.as_mut().unwrap().cluster_id = "c2".into();
    service(&mut s).ports.clear();
    for deleting in [false, true] {
        s.pool_service.deleting = deleting;
        assert_eq!(world.ticks(&s, 3), []);
        let plan = world.look(&s);
        assert_eq!(
            reason(&plan, ConditionType::InSync),
            Some(Reason::ClusterIdChanged)
        );
    }
    assert!(!world.finalized);
}

#[test]
fn rule_5_7_credentials_of_another_account_prove_nothing_and_change_nothing() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    world.ledger.as_mut().unwrap().cloud_account = Some("2002".into());
    // Another account shows none of it.
    let theirs = (world.load_balancers.clone(), world.eips.clone());
    world.load_balancers.clear();
    world.eips.clear();
    for deleting in [false, true] {
        s.pool_service.deleting = deleting;
        assert_eq!(world.ticks(&s, 20), []);
        let plan = world.look(&s);
        assert_eq!(
            reason(&plan, ConditionType::InSync),
            Some(Reason::CloudAccountMismatch)
        );
    }
    assert!(!world.finalized && world.published.len() == 1);
    // With the right ones it goes on.
    (world.load_balancers, world.eips) = theirs;
    world.ledger.as_mut().unwrap().cloud_account = Some("1001".into());
    world.settle(&s);
    assert!(world.finalized && world.load_balancers.is_empty());
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
fn rule_5_3_no_more_servers_are_attached_to_a_users_load_balancer_than_can_be_recorded() {
    let mut s = snapshot(2);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    world.settle(&s);
    let ledger = world.ledger.as_mut().unwrap();
    ledger.backends = (0..3_999).map(|i| format!("i-x{i}")).collect();
    ledger.backends.insert("i-000".into());
    let detail = world.users_load_balancer("lb-user");
    detail.backends = (0..3_999)
        .map(|i| model::backend(&format!("i-x{i}"), 100))
        .chain([model::backend("i-000", 100)])
        .collect();
    let plan = world.look(&s);
    assert!(
        !plan
            .steps()
            .any(|step| matches!(step, Step::AddBackends { .. }))
    );
    assert_eq!(
        reason(&plan, ConditionType::BackendsReady),
        Some(Reason::BackendRefused)
    );
}

#[test]
fn rule_3_4_numbers_that_the_cloud_does_not_return_are_not_set_for_ever() {
    let s = snapshot(1);
    let mut world = settled(&s);
    let lb = world.load_balancers.values_mut().next().unwrap();
    let settings = lb.detail.as_mut().unwrap().listeners[0]
        .settings
        .as_mut()
        .unwrap();
    settings.healthy_threshold = None;
    settings.unhealthy_threshold = None;
    settings.health_check_interval = None;
    settings.health_check_connect_timeout = None;
    assert_eq!(world.settle(&s), []);
}

#[test]
fn rule_8_4_a_deletion_policy_that_cannot_be_read_any_more_is_the_one_that_was() {
    const POLICY: &str = "ecm.alibabacloud.com/deletion-policy";
    let spoil: [fn(&mut ecm_policy::snapshot::Snapshot); 2] = [
        |s| {
            service(s)
                .annotations
                .insert(POLICY.into(), "retian".into());
        },
        |s| s.service = None,
    ];
    for spoil in spoil {
        let mut s = snapshot(1);
        service(&mut s)
            .annotations
            .insert(POLICY.into(), "retain".into());
        let mut world = settled(&s);
        spoil(&mut s);
        world.ticks(&s, 2);
        s.pool_service.deleting = true;
        world.settle(&s);
        assert!(world.finalized);
        assert_eq!((world.load_balancers.len(), world.eips.len()), (1, 1));
    }
    // One that can be read counts, up to the last moment.
    let mut s = snapshot(1);
    annotate(&mut s, POLICY, "retain");
    let mut world = settled(&s);
    annotate(&mut s, POLICY, "delete");
    s.pool_service.deleting = true;
    world.settle(&s);
    assert!(world.finalized && world.load_balancers.is_empty());
}

#[test]
fn rule_8_6_in_a_mass_loss_nothing_is_made_again_withdrawn_or_let_go() {
    for deleting in [false, true] {
        let mut s = snapshot(1);
        let mut world = settled(&s);
        let theirs = (world.load_balancers.clone(), world.eips.clone());
        world.load_balancers.clear();
        world.eips.clear();
        world.mass_loss = true;
        s.pool_service.deleting = deleting;
        world.published.clear();
        assert_eq!(world.ticks(&s, 20), []);
        assert!(!world.finalized);
        assert_eq!(
            reason(&world.look(&s), ConditionType::LoadBalancerReady),
            Some(if deleting {
                Reason::Terminating
            } else {
                Reason::MassLoss
            })
        );
        // It was the wrong endpoint.
        (world.load_balancers, world.eips) = theirs;
        world.mass_loss = false;
        world.settle(&s);
        assert_eq!(world.finalized, deleting);
        assert_eq!(world.load_balancers.len(), usize::from(!deleting));
    }
}

#[test]
fn rule_8_6_what_we_released_ourselves_is_no_loss() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    s.pool_service.deleting = true;
    world.published.clear();
    while world.load_balancers.len() + world.eips.len() > 0 {
        world.tick(&s);
    }
    world.mass_loss = true;
    world.settle(&s);
    assert!(world.finalized);
}

#[test]
fn rule_5_4_a_second_load_balancer_of_our_name_is_told_and_left_alone() {
    let s = snapshot(1);
    let mut world = settled(&s);
    let second = model::load_balancer("lb-x", NAME, world.now);
    world.load_balancers.insert("lb-x".into(), second);
    assert_eq!(world.settle(&s), []);
    let plan = world.look(&s);
    let told = plan
        .report
        .events
        .iter()
        .find(|e| e.reason == Reason::DuplicateLoadBalancer);
    assert!(
        told.is_some_and(|e| e.warning && e.message.contains("lb-x")),
        "{plan:?}"
    );
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
fn rule_4_7_a_namespace_names_only_the_load_balancers_that_it_may() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-shop-1");
    let accepted = |allowed: &[(&str, &[&str])]| {
        let mut config = Config::new(model::identity());
        let entry = |(namespace, ids): &(&str, &[&str])| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            ((*namespace).to_owned(), ids)
        };
        config.self_managed_ids = Some(allowed.iter().map(entry).collect());
        match desired(&s, &config, 0) {
            Desired::Stack(stack) => stack.refusals.first().map(|refusal| refusal.reason),
            other => panic!("{other:?}"),
        }
    };
    let refused = Some(Reason::LoadBalancerNotAllowed);
    assert_eq!(accepted(&[]), refused);
    assert_eq!(accepted(&[("other", &["lb-shop-1"])]), refused);
    assert_eq!(accepted(&[("default", &["lb-shop", "lb-mine-*"])]), refused);
    assert_eq!(accepted(&[("default", &["lb-shop-1"])]), None);
    assert_eq!(accepted(&[("default", &["lb-shop-*"])]), None);
}

#[test]
fn rule_4_1_an_intranet_address_is_the_load_balancers_own_and_needs_no_eip() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}address-type"), "intranet");
    let mut world = World::new();
    let steps = world.settle(&s);
    assert!(!kinds(&steps).iter().any(|kind| kind.ends_with("Eip")));
    assert!(world.eips.is_empty());
    assert_eq!(world.published, ["10.0.0.9"]);
}

#[test]
fn rule_4_3_a_plan_does_what_can_be_done_now_and_says_when_to_look_again() {
    let s = snapshot(1);
    let mut world = World::new();
    let plan = world.tick(&s);
    assert_eq!(
        kinds(&plan.steps().cloned().collect::<Vec<_>>()),
        ["CreateLoadBalancer", "CreateEip"]
    );
    assert_eq!(plan.wait, Wait::Pending);
    let lb = world.load_balancers.values_mut().next().unwrap();
    lb.status = LoadBalancerStatus::InActive;
    let plan = world.look(&s);
    assert_eq!((plan.steps().count(), plan.wait), (0, Wait::Pending));
}

#[test]
fn rule_4_8_an_id_without_the_word_that_it_is_the_users_writes_nothing() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    assert_eq!(world.ticks(&s, 3), []);
    assert_eq!(
        reason(&world.look(&s), ConditionType::Accepted),
        Some(Reason::ManagedByUserRequired)
    );
    assert_eq!(world.ledger, None);
}

#[test]
fn rule_6_1_each_port_that_cannot_be_is_refused_by_itself() {
    let mut s = snapshot(1);
    let ports = &mut service(&mut s).ports;
    ports.push(port(53, "TCP", 30053));
    ports.push(port(53, "UDP", 30054));
    ports.push(port(4789, "UDP", 30055));
    ports.push(port(90, "SCTP", 30056));
    ports.push(port(91, "TCP", 0));
    ports[5].node_port = None;
    let world = settled(&s);
    let made: Vec<_> = world
        .detail()
        .listeners
        .iter()
        .map(|l| (l.key, l.backend_port))
        .collect();
    assert_eq!(
        made,
        [
            (key(53, Protocol::Tcp), Some(30053)),
            (key(53, Protocol::Udp), Some(30054)),
            (key(80, Protocol::Tcp), Some(30080)),
        ]
    );
    let plan = world.look(&s);
    let Addresses::Publish { ports, .. } = &plan.report.addresses else {
        panic!("{plan:?}");
    };
    let refused: Vec<_> = ports.iter().map(|p| (p.port, p.error.as_str())).collect();
    assert_eq!(
        refused,
        [
            (90, "UnsupportedProtocol"),
            (91, "NodePortMissing"),
            (4789, "ReservedPort")
        ]
    );
    assert!(reason(&plan, ConditionType::ListenersReady).is_some());
}

#[test]
fn rule_6_4_what_is_ignored_is_said_and_a_security_expectation_is_refused() {
    let mut s = snapshot(1);
    let of = service(&mut s);
    (of.client_ip_affinity, of.wants_ipv6) = (true, true);
    of.load_balancer_ip = Some("198.51.100.1".into());
    let world = settled(&s);
    assert_eq!(world.look(&s).report.notices.len(), 3);
    assert_eq!(world.published.len(), 1);
    service(&mut s).source_ranges = vec!["192.0.2.0/24".into()];
    let mut fresh = World::new();
    assert_eq!(fresh.settle(&s), [], "nothing is opened to everybody");
    assert_eq!(
        reason(&fresh.look(&s), ConditionType::Accepted),
        Some(Reason::UnsupportedField)
    );
}

#[test]
fn rule_8_5_a_finalizer_waits_until_a_list_agrees_that_all_is_gone() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    s.pool_service.deleting = true;
    while world.load_balancers.len() + world.eips.len() > 0 {
        world.tick(&s);
    }
    // Reads by id find nothing, the list still shows it.
    world.blind = true;
    world.ticks(&s, 5);
    assert!(!world.finalized);
    world.blind = false;
    world.settle(&s);
    assert!(world.finalized);
}
