//! Letting go of what a PoolService has.

use crate::model;
use crate::model::{P, World, annotate, service, snapshot};
use crate::{NAME, foreign, kinds, reason, settled};
use ecm_policy::conditions::{ConditionType, Reason};
use ecm_policy::ledger::Intent;
use ecm_policy::listeners::Protocol;
use ecm_policy::observed::{EipStatus, Listener};
use ecm_policy::plan::Wait;
use ecm_policy::snapshot::Snapshot;

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
    for value in ["true", "True", "yes"] {
        let mut s = snapshot(1);
        let mut world = settled(&s);
        annotate(&mut s, "ecm.alibabacloud.com/paused", value);
        s.pool_service.deleting = true;
        assert_eq!(world.ticks(&s, 3), [], "{value}");
        assert!(!world.finalized, "{value}");
        let plan = world.look(&s);
        assert_eq!(reason(&plan, ConditionType::InSync), Some(Reason::Paused));
    }
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

#[test]
fn rule_8_2_an_eip_on_its_way_is_neither_unbound_nor_released_nor_its_load_balancer() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    s.pool_service.deleting = true;
    world.published.clear();
    world
        .eips
        .values_mut()
        .for_each(|eip| eip.status = EipStatus::Changing("Unassociating".into()));
    let plan = world.look(&s);
    assert_eq!((plan.steps().count(), plan.wait), (0, Wait::Pending));
    world.settle(&s);
    assert!(world.finalized && world.eips.is_empty());
}

#[test]
fn rule_5_6_an_eip_that_was_renamed_is_not_released_and_is_named() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    world
        .eips
        .values_mut()
        .for_each(|eip| eip.name = "precious".into());
    s.pool_service.deleting = true;
    let steps = world.ticks(&s, 10);
    assert!(
        !kinds(&steps).contains(&"ReleaseEip".to_owned()),
        "{steps:?}"
    );
    assert_eq!((world.eips.len(), world.finalized), (1, false));
    let plan = world.look(&s);
    let in_sync = plan.report.conditions.get(ConditionType::InSync).unwrap();
    assert_eq!(in_sync.reason, Reason::ReleaseRefused);
    assert!(in_sync.message.contains("eip-"), "{}", in_sync.message);
}

#[test]
fn rule_5_4_a_release_does_not_take_another_clusters_eip_for_its_lost_answer() {
    let mut s = snapshot(1);
    let mut world = World::new();
    world.lose_answers = true;
    world.tick(&s);
    for (key, value) in world.eips.values_mut().flat_map(|eip| &mut eip.tags) {
        if key == "ecm-cluster-uid" {
            "other".clone_into(value);
        }
    }
    s.pool_service.deleting = true;
    world.ticks(&s, 10);
    assert_eq!((world.eips.len(), world.finalized), (1, false));
    let plan = world.look(&s);
    assert_eq!(
        reason(&plan, ConditionType::InSync),
        Some(Reason::ClusterIdInUse)
    );
}

#[test]
fn rule_8_6_a_mass_loss_is_told_only_of_what_is_gone() {
    let s = snapshot(1);
    let mut world = settled(&s);
    world.mass_loss = true;
    let is_told = |world: &World| {
        let plan = world.look(&s);
        let events = plan.report.events.iter();
        let told = events
            .filter(|event| event.reason == Reason::MassLoss)
            .count();
        let shown = reason(&plan, ConditionType::LoadBalancerReady) == Some(Reason::MassLoss);
        assert_eq!(told == 1, shown);
        shown
    };
    assert!(!is_told(&world), "what is there is not lost");
    let mut without_eip = world.clone();
    without_eip.eips.clear();
    assert!(is_told(&without_eip));
    world.load_balancers.clear();
    assert!(is_told(&world));
    assert_eq!(world.ticks(&s, 20), []);
    assert_eq!(world.published.len(), 1, "its address is not withdrawn");
}

#[test]
fn rule_8_2_retain_waits_for_an_answer_and_names_both() {
    let mut s = snapshot(1);
    annotate(&mut s, "ecm.alibabacloud.com/deletion-policy", "retain");
    let mut world = settled(&s);
    s.pool_service.deleting = true;
    let plan = world.tick(&s);
    assert!(plan.released && world.finalized);
    let told = &plan.report.events[0];
    assert_eq!(told.reason, Reason::Retained);
    for id in ["lb-1", "eip-2", "cn-hefei"] {
        assert!(told.message.contains(id), "{}", told.message);
    }
    assert_eq!((world.load_balancers.len(), world.eips.len()), (1, 1));
}

#[test]
fn rule_8_3_cleanup_leaves_what_another_cluster_or_person_made() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    annotate(&mut s, "ecm.alibabacloud.com/cleanup-on-delete", "true");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    world.settle(&s);
    // Our text on a listener of another kind, and on another port, proves nothing.
    let ours = world.detail().listeners[0].description.clone();
    let strange = |port, protocol| Listener {
        description: ours.clone(),
        ..foreign(port, protocol)
    };
    let mut theirs = vec![strange(80, Protocol::Http), strange(81, Protocol::Tcp)];
    theirs[0].key.port = 8080;
    let detail = world.users_load_balancer("lb-user");
    detail.listeners.extend(theirs.clone());
    detail.backends.push(model::backend("i-user", 7));
    s.pool_service.deleting = true;
    world.settle(&s);
    assert!(world.finalized);
    assert_eq!(world.detail().listeners, theirs);
    assert_eq!(world.servers(), ["i-user"]);
}

/// A settled world whose EIP has a create without an answer, sent 500 s ago.
fn with_an_open_eip(s: &Snapshot) -> (World, i64) {
    let mut world = settled(s);
    world.eips.clear();
    let first_sent = world.now - 500;
    let record = world.ledger.as_mut().unwrap().eip.as_mut().unwrap();
    record.id = None;
    record.intent = Some(Intent {
        token: "t".into(),
        parameters: record.created_with.clone(),
        first_sent,
        repeated: true,
    });
    (world, first_sent)
}

#[test]
fn rule_8_5_one_open_create_keeps_the_finalizer_although_all_else_is_gone() {
    for policy in ["delete", "retain"] {
        let mut s = snapshot(1);
        annotate(&mut s, "ecm.alibabacloud.com/deletion-policy", policy);
        let (mut world, first_sent) = with_an_open_eip(&s);
        s.pool_service.deleting = true;
        world.published.clear();
        world.patience = 0;
        while world.now < first_sent + 900 {
            world.tick(&s);
            assert!(!world.finalized, "{policy}");
        }
        assert_eq!(world.load_balancers.is_empty(), policy == "delete");
        world.settle(&s);
        assert!(world.finalized);
    }
}

#[test]
fn rule_8_3_cleanup_ends_when_listeners_and_backends_are_gone_and_not_with_one_of_them() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    annotate(&mut s, "ecm.alibabacloud.com/cleanup-on-delete", "true");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    world.settle(&s);
    s.pool_service.deleting = true;
    let (mut listener, mut backend) = (world.clone(), world);
    listener.users_load_balancer("lb-user").backends.clear();
    backend.users_load_balancer("lb-user").listeners.clear();
    for world in [&mut listener, &mut backend] {
        assert_eq!(world.ticks(&s, 1).len(), 1);
        assert!(!world.finalized);
        world.settle(&s);
        assert!(world.finalized);
        let detail = world.detail();
        assert!(detail.listeners.is_empty() && detail.backends.is_empty());
    }
}
