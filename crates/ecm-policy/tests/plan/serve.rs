//! When an address is published, and what is kept right about it.

use crate::model::{P, World, annotate, snapshot};
use crate::{kinds, reason, settled};
use ecm_policy::conditions::{ConditionType, Reason};
use ecm_policy::observed::{EipStatus, ListenerStatus, LoadBalancerStatus};
use ecm_policy::plan::{Addresses, Wait};

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
fn rule_4_6_exactly_30_seconds_inactive_is_not_yet_too_long() {
    let s = snapshot(1);
    let mut world = settled(&s);
    let steps = |world: &mut World, age| {
        let lb = world.load_balancers.values_mut().next().unwrap();
        (lb.status, lb.status_age) = (LoadBalancerStatus::InActive, age);
        kinds(&world.look(&s).steps().cloned().collect::<Vec<_>>())
    };
    assert!(steps(&mut world, 30).is_empty());
    assert_eq!(steps(&mut world, 31), ["ActivateLoadBalancer"]);
}

#[test]
fn rule_10_1_nobody_is_told_that_the_cloud_is_as_asked_while_it_is_being_made() {
    let s = snapshot(1);
    let mut world = World::new();
    while world.published.is_empty() {
        let plan = world.tick(&s);
        let is_published = plan.report.addresses != Addresses::Keep;
        assert_eq!(
            plan.report.conditions.is_true(ConditionType::InSync),
            is_published
        );
    }
    world.settle(&s);
    let conditions = world.look(&s).report.conditions;
    assert!(conditions.is_true(ConditionType::InSync));
}
