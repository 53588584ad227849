//! What stops writes, and what goes on all the same.

use crate::model;
use crate::model::{P, World, annotate, service, snapshot};
use crate::{kinds, reason, settled};
use ecm_policy::conditions::{ConditionType, Reason};

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
fn rule_3_2_a_pool_that_lost_its_place_goes_on_where_the_ledger_says() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    let ledger = ecm_policy::ledger::write(world.ledger.as_ref().unwrap()).unwrap();
    annotate(&mut s, "ecm.alibabacloud.com/ledger", &ledger);
    s.pool_service.has_finalizer = true;
    s.pool.as_mut().unwrap().annotations.clear();
    s.nodes.push(model::node(1));
    s.endpoints.push(model::endpoint(1));
    assert_eq!(kinds(&world.settle(&s)), ["AddBackends"]);
    assert_eq!(
        reason(&world.look(&s), ConditionType::Accepted),
        Some(Reason::PlacementMissing)
    );
    // One that was never placed has no place.
    s.pool_service.annotations.clear();
    assert_eq!(World::new().settle(&s), []);
}
