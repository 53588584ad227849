//! What the cloud refuses for good keeps nothing else waiting.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests stop where a test fails"
)]

mod model;

use ecm_policy::conditions::{ConditionType, Reason, Status};
use ecm_policy::listeners::Protocol;
use ecm_policy::plan::{Addresses, Plan, Step, Wait};
use ecm_policy::snapshot::Snapshot;
use model::{P, World, annotate, node, port, service, snapshot};

fn refusal(plan: &Plan, condition: ConditionType) -> Option<(Reason, String)> {
    plan.report
        .conditions
        .get(condition)
        .filter(|c| c.status == Status::False)
        .map(|c| (c.reason, c.message.clone()))
}

fn asks(steps: &[Step], is_it: fn(&Step) -> bool) -> usize {
    steps.iter().filter(|step| is_it(step)).count()
}

/// A world that looks every five seconds.
fn impatient() -> World {
    let mut world = World::new();
    world.patience = 0;
    world
}

fn creates_udp(step: &Step) -> bool {
    matches!(step, Step::CreateListener { listener, .. } if listener.key.protocol == Protocol::Udp)
}

fn attaches_first(step: &Step) -> bool {
    matches!(step, Step::AddBackends { servers, .. } if servers.iter().any(|s| s.server_id == "i-000"))
}

#[test]
fn rule_4_4_a_port_that_the_cloud_refuses_is_named_and_the_others_are_published() {
    let mut s = snapshot(1);
    service(&mut s).ports.push(port(53, "UDP", 30053));
    let mut world = impatient();
    world.refuses = creates_udp;
    let steps = world.ticks(&s, 20);
    assert_eq!(asks(&steps, creates_udp), 1, "asked once, not hammered");
    let plan = world.look(&s);
    let Addresses::Publish { ip, ports } = &plan.report.addresses else {
        panic!("not published: {plan:#?}");
    };
    assert_eq!(ip, "203.0.113.7");
    let refused: Vec<_> = ports.iter().map(|p| (p.port, p.error.as_str())).collect();
    assert_eq!(refused, [(53, "CloudRefused")]);
    let (_, message) = refusal(&plan, ConditionType::ListenersReady).unwrap();
    assert!(message.contains("53/udp"), "{message}");
    assert!(
        matches!(plan.wait, Wait::Seconds(1..=300)),
        "{:?}",
        plan.wait
    );
}

#[test]
fn rule_11_1_what_was_refused_is_tried_again_after_five_minutes_and_on_a_change() {
    let mut s = snapshot(1);
    service(&mut s).ports.push(port(53, "UDP", 30053));
    let mut world = impatient();
    world.refuses = creates_udp;
    world.ticks(&s, 20);
    world.refuses = |_| false;
    let mut waiting = world.clone();
    waiting.now += 299 - 5 * 20;
    assert_eq!(asks(&waiting.ticks(&s, 1), creates_udp), 0);
    waiting.now += 300;
    assert_eq!(asks(&waiting.ticks(&s, 1), creates_udp), 1);
    annotate(&mut s, &format!("{P}scheduler"), "wlc");
    assert_eq!(asks(&world.ticks(&s, 1), creates_udp), 1);
}

#[test]
fn rule_7_5_one_bad_server_keeps_neither_the_others_nor_the_address_waiting() {
    let mut s = snapshot(3);
    let mut world = impatient();
    world.refuses = |step| {
        // The executor splits the batch down to the bad one.
        matches!(step, Step::AddBackends { servers, .. }
            if servers.len() == 1 && servers[0].server_id == "i-000")
    };
    s.nodes.truncate(1);
    world.ticks(&s, 8);
    assert!(world.published.is_empty(), "nobody serves yet");
    s.nodes = vec![node(0), node(1), node(2)];
    world.ticks(&s, 4);
    assert_eq!(world.servers(), ["i-001", "i-002"]);
    assert_eq!(world.published, ["203.0.113.7"]);
    // A leaving server leaves although the bad one still cannot be attached.
    s.nodes = vec![node(0), node(2)];
    world.ticks(&s, 3);
    assert_eq!(world.servers(), ["i-002"]);
    let (reason, message) = refusal(&world.look(&s), ConditionType::BackendsReady).unwrap();
    assert_eq!(reason, Reason::CloudRefused);
    assert!(message.contains("i-000"), "{message}");
    assert!(attaches_first(&world.refused[0].step));
}

#[test]
fn rule_11_1_a_refused_create_leaves_no_intent_and_is_not_repeated() {
    let s = snapshot(1);
    let mut world = impatient();
    world.refuses = |step| matches!(step, Step::CreateLoadBalancer(_));
    let steps = world.ticks(&s, 10);
    assert_eq!(asks(&steps, world.refuses), 1);
    let record = &world.ledger.as_ref().unwrap().load_balancer;
    assert_eq!((record.intent.as_ref(), record.attempt), (None, 1));
    assert!(matches!(world.look(&s).wait, Wait::Seconds(_)));
}

#[test]
fn rule_6_2_a_listener_whose_new_setting_is_refused_serves_with_the_old_one() {
    let mut s = snapshot(1);
    let mut world = impatient();
    world.settle(&s);
    world.refuses = |step| matches!(step, Step::SetListener { .. });
    annotate(&mut s, &format!("{P}scheduler"), "tch");
    let steps = world.ticks(&s, 5);
    assert_eq!(steps.len(), 1);
    let plan = world.look(&s);
    assert!(refusal(&plan, ConditionType::ListenersReady).is_some());
    assert!(
        matches!(&plan.report.addresses, Addresses::Publish { ports, .. } if ports.is_empty()),
        "the port serves"
    );
}

#[test]
fn rule_11_1_a_refused_weight_or_removal_is_not_hammered_and_holds_up_nobody() {
    let mut s = snapshot(3);
    let mut world = impatient();
    world.settle(&s);
    world.refuses = |step| {
        matches!(step, Step::SetWeights { servers, .. } | Step::RemoveBackends { servers, .. }
            if servers.iter().any(|server| server.server_id == "i-000"))
    };
    annotate(&mut s, &format!("{P}backend-weight"), "node-000=5");
    let steps = world.ticks(&s, 6);
    assert_eq!(asks(&steps, world.refuses), 1);
    let told = refusal(&world.look(&s), ConditionType::BackendsReady);
    assert_eq!(told.unwrap().0, Reason::CloudRefused);
    // Another weight for the same server is another question.
    annotate(
        &mut s,
        &format!("{P}backend-weight"),
        "node-000=6,node-001=7",
    );
    let steps = world.ticks(&s, 6);
    assert_eq!(asks(&steps, world.refuses), 1);
    assert_eq!(
        world.detail().backends[1].weight,
        100,
        "one call with the refused one"
    );
    // It may not leave either; the next one may.
    s.nodes = vec![node(1), node(2)];
    let steps = world.ticks(&s, 6);
    assert_eq!(asks(&steps, world.refuses), 1);
    s.nodes = vec![node(2)];
    let steps = world.ticks(&s, 6);
    assert_eq!(asks(&steps, world.refuses), 0);
    assert_eq!(world.servers(), ["i-000", "i-002"]);
}

#[test]
fn rule_11_1_a_refused_eip_is_not_asked_for_again_and_the_load_balancer_is_made() {
    let s = snapshot(1);
    let mut world = impatient();
    world.refuses = |step| matches!(step, Step::CreateEip(_));
    let steps = world.ticks(&s, 10);
    assert_eq!(asks(&steps, world.refuses), 1);
    assert_eq!(world.servers(), ["i-000"], "what can be done is done");
    assert!(world.published.is_empty());
    let told = refusal(&world.look(&s), ConditionType::AddressReady);
    assert_eq!(told.unwrap().0, Reason::CloudRefused);
}

/// Of the steps that a world was refused, how many are asked for again the moment that they may be;
/// none is before.
fn asked_again(s: &Snapshot, refuses: fn(&Step) -> bool) -> usize {
    let mut world = impatient();
    world.refuses = refuses;
    world.ticks(s, 6);
    let again = world.refused[0].again;
    world.now = again - 7;
    let before = world.look(s);
    assert_eq!(before.steps().filter(|step| refuses(step)).count(), 0);
    // Nobody waits longer, whatever else there is to do.
    assert!(before.wait >= Wait::Seconds(7), "{:?}", before.wait);
    if let Wait::Seconds(seconds) = before.wait {
        assert_eq!(seconds, 7);
    }
    world.now = again;
    let plan = world.look(s);
    plan.steps().filter(|step| refuses(step)).count()
}

#[test]
fn rule_11_1_a_refusal_stands_to_its_end_and_not_a_second_longer() {
    let mut s = snapshot(1);
    let creates = |step: &Step| matches!(step, Step::CreateLoadBalancer(_));
    assert_eq!(asked_again(&s, creates), 1);
    service(&mut s).ports.push(port(53, "UDP", 30053));
    assert_eq!(asked_again(&s, creates_udp), 1);
}

#[test]
fn rule_11_1_a_refusal_of_one_thing_says_nothing_of_another() {
    let s = snapshot(1);
    let mut refused = impatient();
    refused.refuses = |step| matches!(step, Step::CreateLoadBalancer(_));
    refused.ticks(&s, 2);
    // The same process, after the ledger was cleared by hand.
    let mut world = impatient();
    world.refused = refused.refused;
    let steps = world.ticks(&s, 1);
    assert!(
        matches!(steps.as_slice(), [Step::CreateEip(_)]),
        "{steps:?}"
    );
    let record = &world.ledger.as_ref().unwrap().load_balancer;
    assert_eq!((record.attempt, record.intent.as_ref()), (0, None));
}
