//! What the ledger says about listeners and backends that were not read (behaviour 5.3, 9.2).

use std::collections::BTreeSet;

use crate::model::{P, World, annotate, endpoint, identity, snapshot};
use crate::{kinds, settled};
use ecm_policy::conditions::{ConditionType, Status};
use ecm_policy::desired::{Config, desired};
use ecm_policy::observed::{LoadBalancerStatus, Presence, Told};
use ecm_policy::plan::{Addresses, Context, Need, Plan, Wait, plan};
use ecm_policy::snapshot::{Readiness, Snapshot};

/// The plan of a process that has just started and has read lists only. People were told of what stands in `world`.
fn after_restart(world: &World, s: &Snapshot, change: impl FnOnce(&mut World)) -> Plan {
    after_restart_told(world, s, &told(world, s), change)
}

/// What a process that has read everything tells.
fn told(world: &World, s: &Snapshot) -> Told {
    let plan = world.clone().look(s);
    let of = |condition| plan.report.conditions.get(condition).unwrap().clone();
    Told {
        listeners_ready: of(ConditionType::ListenersReady).status == Status::True,
        backends: of(ConditionType::BackendsReady).message,
    }
}

/// The same, when people were told this.
fn after_restart_told(
    world: &World,
    s: &Snapshot,
    told: &Told,
    change: impl FnOnce(&mut World),
) -> Plan {
    let mut world = world.clone();
    change(&mut world);
    let mut s = s.clone();
    s.pool_service.published.clone_from(&world.published);
    let identity = identity();
    let desired = desired(&s, &Config::new(identity.clone()), world.now);
    let lists = BTreeSet::from([Need::LoadBalancer, Need::Eip]);
    let mut observed = world.observe(&lists, &desired);
    if let Presence::Present(found) = &mut observed.load_balancer {
        found.detail = None;
    }
    observed.trusts_ledger = true;
    observed.told = Some(told.clone());
    let cx = Context {
        identity: &identity,
        pool_service: &s.pool_service,
        now: world.now,
    };
    plan(&desired, &observed, &world.state(), &cx)
}

/// A world where everything is in place, told and recorded.
fn recorded(s: &Snapshot) -> World {
    let mut world = settled(s);
    let applied = world.look(s).applied;
    assert!(applied.is_some());
    world.ledger.as_mut().unwrap().applied = applied;
    world
}

fn reads_whole(plan: &Plan) -> bool {
    plan.needs.contains(&Need::Detail)
}

#[test]
fn rule_9_2_what_is_recorded_as_in_place_is_not_read_again_after_a_restart() {
    let s = snapshot(2);
    let plan = after_restart(&recorded(&s), &s, |_| {});
    assert_eq!(plan.needs, BTreeSet::new());
    assert_eq!((plan.steps().count(), plan.wait), (0, Wait::Settled));
    assert_eq!((plan.ledger, plan.applied), (None, None));
    assert_eq!(plan.report.addresses, Addresses::Keep);
    // What was not read is not told anew.
    for condition in [ConditionType::ListenersReady, ConditionType::BackendsReady] {
        let told = plan.report.conditions.get(condition);
        assert!(told.is_none_or(|told| told.status == Status::Unknown));
    }
}

#[test]
fn rule_9_1_what_differs_from_the_record_or_from_the_lists_is_read_whole() {
    let s = snapshot(2);
    let world = recorded(&s);
    let mut moved = s.clone();
    moved.endpoints = vec![endpoint(0)];
    assert!(reads_whole(&after_restart(&world, &moved, |_| {})));
    let mut edited = s.clone();
    annotate(&mut edited, &format!("{P}scheduler"), "wrr");
    assert!(reads_whole(&after_restart(&world, &edited, |_| {})));
    let changes: [fn(&mut World); 5] = [
        |world| world.ledger.as_mut().unwrap().applied = None,
        |world| {
            let ledger = world.ledger.as_mut().unwrap();
            ledger.applied = ledger
                .applied
                .as_ref()
                .map(|text| text.replacen("1-", "0-", 1));
        },
        |world| world.published.clear(),
        |world| {
            let eips = world.eips.values_mut();
            eips.for_each(|eip| eip.bandwidth = Some(77));
        },
        |world| {
            let ledger = world.ledger.as_mut().unwrap();
            ledger.draining.insert("i-000".into(), 0);
        },
    ];
    for (case, change) in changes.into_iter().enumerate() {
        let plan = after_restart(&world, &s, change);
        assert!(reads_whole(&plan), "case {case}");
        assert_eq!(plan.steps().count(), 0, "case {case}");
    }
    let inactive = after_restart(&world, &s, |world| {
        let all = world.load_balancers.values_mut();
        all.for_each(|lb| lb.status = LoadBalancerStatus::InActive);
    });
    assert_eq!(inactive.report.addresses, Addresses::Keep);
}

#[test]
fn rule_5_3_the_record_is_gone_before_the_first_write_that_makes_it_untrue() {
    let s = snapshot(2);
    let mut world = recorded(&s);
    let mut moved = s.clone();
    moved.endpoints = vec![endpoint(0)];
    let plan = world.look(&moved);
    assert_eq!(
        kinds(&plan.steps().cloned().collect::<Vec<_>>()),
        ["RemoveBackends"]
    );
    assert_eq!(plan.ledger.unwrap().applied, None);
    // Whoever comes after that write, and dies before the next, leaves no promise behind.
    world.tick(&moved);
    assert!(reads_whole(&after_restart(&world, &s, |_| {})));

    let mut faster = s.clone();
    annotate(&mut faster, &format!("{P}eip-bandwidth"), "20");
    let plan = recorded(&s).look(&faster);
    assert_eq!(
        kinds(&plan.steps().cloned().collect::<Vec<_>>()),
        ["SetEipBandwidth"]
    );
    assert_eq!(plan.ledger, None, "the record is not about EIPs");
}

#[test]
fn rule_10_1_what_was_told_after_the_record_is_told_anew_by_whoever_comes_next() {
    let s = snapshot(2);
    let world = recorded(&s);
    let right = told(&world, &s);
    assert!(!reads_whole(&after_restart_told(
        &world,
        &s,
        &right,
        |_| {}
    )));
    // A node was out of sight, that was told, and the process died before it could record it.
    let mut unknown = s.clone();
    unknown.nodes[0].ready = Readiness::Unknown;
    unknown.nodes[0].ready_since = Some(world.now);
    let wrong = told(&world, &unknown);
    assert!(wrong.backends.contains("unknown"), "{}", wrong.backends);
    assert!(reads_whole(&after_restart_told(&world, &s, &wrong, |_| {})));
    // A stranger's listener was in the way, and is not any more.
    let conflict = Told {
        listeners_ready: false,
        ..right
    };
    assert!(reads_whole(&after_restart_told(
        &world,
        &s,
        &conflict,
        |_| {}
    )));
}
