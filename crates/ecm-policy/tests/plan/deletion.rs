//! Letting go of what a PoolService has.

use crate::model;
use crate::model::{P, World, annotate, service, snapshot};
use crate::{NAME, foreign, kinds, reason, settled};
use ecm_policy::conditions::{ConditionType, Reason};
use ecm_policy::listeners::Protocol;

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
