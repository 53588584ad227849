//! Making load balancers and EIPs, exactly one of each.

use crate::model;
use crate::model::{P, World, annotate, port, service, snapshot};
use crate::{NAME, kinds, reason, settled};
use ecm_policy::conditions::{ConditionType, Reason};
use ecm_policy::observed::{LoadBalancerDetail, LoadBalancerStatus};
use ecm_policy::plan::{Need, Step, Wait};
use ecm_policy::snapshot::Snapshot;

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
    let plan = world.look(&s);
    let told = plan.report.conditions.get(ConditionType::LoadBalancerReady);
    let told = told.unwrap();
    assert_eq!(told.reason, Reason::ClusterIdInUse);
    assert!(told.message.contains("other"), "{}", told.message);
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
fn rule_5_5_a_repeat_sends_what_was_recorded_whatever_was_edited_since() {
    let mut s = snapshot(1);
    let mut world = World::new();
    (world.lose_answers, world.list_lag) = (true, 600);
    world.tick(&s);
    let intents = |world: &World| {
        let ledger = world.ledger.clone().unwrap();
        let eip = ledger.eip.unwrap();
        [ledger.load_balancer, eip].map(|record| record.intent.unwrap())
    };
    let sent = intents(&world);
    annotate(&mut s, &format!("{P}spec"), "elb.s3.medium");
    annotate(&mut s, &format!("{P}eip-bandwidth"), "99");
    world.tick(&s);
    for (first, again) in sent.into_iter().zip(intents(&world)) {
        assert!(again.repeated);
        assert_eq!(
            (again.token, again.parameters, again.first_sent),
            (first.token, first.parameters, first.first_sent)
        );
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
fn rule_4_1_one_load_balancer_and_one_eip_unless_the_address_is_private() {
    let mut s = snapshot(1);
    let eips = |s: &Snapshot| {
        let mut world = World::new();
        let steps = world.settle(s);
        let balancers = steps
            .iter()
            .filter(|s| matches!(s, Step::CreateLoadBalancer(_)));
        assert_eq!(balancers.count(), 1);
        let is_about_eips = kinds(&steps).iter().any(|kind| kind.ends_with("Eip"));
        assert_eq!(is_about_eips, !world.eips.is_empty());
        (world.eips.len(), world.published)
    };
    assert_eq!(eips(&s), (1, vec!["203.0.113.7".to_owned()]));
    annotate(&mut s, &format!("{P}address-type"), "intranet");
    assert_eq!(eips(&s), (0, vec!["10.0.0.9".to_owned()]));
}

#[test]
fn rule_3_6_a_private_address_does_not_get_an_eip_by_an_edit() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}address-type"), "intranet");
    let mut world = settled(&s);
    annotate(&mut s, &format!("{P}address-type"), "internet");
    assert_eq!(world.settle(&s), []);
    let plan = world.look(&s);
    assert_eq!(plan.ledger, None);
    assert_eq!(
        reason(&plan, ConditionType::InSync),
        Some(Reason::ImmutableSetting)
    );
    assert_eq!(
        (world.eips.len(), world.published),
        (0, vec!["10.0.0.9".to_owned()])
    );
}

#[test]
fn rule_9_3_the_second_look_is_after_30_seconds_and_not_before() {
    let s = snapshot(1);
    let mut world = settled(&s);
    world.patience = 0;
    world.load_balancers.clear();
    for passed in [0, 5, 10, 15, 20, 25] {
        let plan = world.tick(&s);
        assert_eq!(
            plan.wait,
            Wait::Seconds(30 - passed),
            "{passed} s after the first look"
        );
        assert!(
            !plan
                .report
                .events
                .iter()
                .any(|e| e.reason == Reason::LoadBalancerLost)
        );
    }
    let plan = world.tick(&s);
    assert_eq!(plan.wait, Wait::Again);
    assert!(
        plan.report
            .events
            .iter()
            .any(|e| e.reason == Reason::LoadBalancerLost)
    );
}

#[test]
fn rule_5_5_only_a_list_that_began_after_15_minutes_decides_about_a_create() {
    let s = snapshot(1);
    let mut world = World::new();
    world.drop_creates = true;
    world.tick(&s);
    let record = &world.ledger.as_ref().unwrap().load_balancer;
    let first_sent = record.intent.as_ref().unwrap().first_sent;
    world.now = first_sent + 2_000;
    let decided_by = |begun_at| {
        let plan = world.plan_with(&s, &[Need::ByName, Need::VSwitches], |observed| {
            observed.by_name.as_mut().unwrap().begun_at = begun_at;
        });
        plan.needs.is_empty()
    };
    assert!(!decided_by(first_sent + 899));
    assert!(decided_by(first_sent + 900));
}

#[test]
fn rule_6_4_what_was_lost_is_not_made_again_while_something_is_refused() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    service(&mut s).source_ranges = vec!["192.0.2.0/24".to_owned()];
    world.load_balancers.clear();
    let steps = world.ticks(&s, 20);
    assert!(
        !steps
            .iter()
            .any(|step| matches!(step, Step::CreateLoadBalancer(_))),
        "{steps:?}"
    );
}
