//! Weaknesses of OpenYurt's controller of the same name that are not here.

use super::*;

#[test]
fn b1_a_label_never_has_two_values() {
    let reporting = |pool: &str, id: &str| PoolService {
        aggregate_to_labels: map(&[("lb-id", id), ("region", "cn-hefei")]),
        ..ps(pool)
    };
    let plan = planned(&view(
        service(),
        [pool("np1"), pool("np2")],
        [reporting("np1", "lb-1"), reporting("np2", "lb-2")],
    ));
    let region = ("aggregated.region".to_owned(), Some("cn-hefei".to_owned()));
    assert_eq!(plan.labels, [region].into());
}

#[test]
fn b3_what_was_published_goes_with_the_selector() {
    let lost = Service {
        selector: None,
        ingress: vec![at("1.2.3.4")],
        annotations: map(&[("aggregated.lb-id", "lb-1"), ("mine", "x")]),
        labels: map(&[("aggregated.region", "cn-hefei")]),
        ..service()
    };
    let plan = planned(&view(lost, [pool("np123")], []));
    assert_eq!(plan.ingress, Some(Vec::new()));
    let goes = |key: &str| BTreeMap::from([(key.to_owned(), None)]);
    assert_eq!(plan.annotations, goes("aggregated.lb-id"));
    assert_eq!(plan.labels, goes("aggregated.region"));
}

#[test]
fn b6_equal_addresses_are_one_and_their_order_never_flaps() {
    let named = |name: &str| Ingress {
        hostname: Some(name.to_owned()),
        ..Ingress::default()
    };
    let reporting = |pool: &str, ingress: Vec<Ingress>| PoolService {
        ingress,
        ..ps(pool)
    };
    // A shared load balancer has one address for both; two names have no address to sort by.
    let one = reporting("np1", vec![named("b.example"), at("1.2.3.4")]);
    let two = reporting("np2", vec![at("1.2.3.4"), named("a.example")]);
    let expected = vec![at("1.2.3.4"), named("a.example"), named("b.example")];
    let pools = || [pool("np1"), pool("np2")];
    for both in [[one.clone(), two.clone()], [two, one]] {
        let first = planned(&view(service(), pools(), both.clone()));
        assert_eq!(first.ingress.as_ref(), Some(&expected));
        let published = Service {
            ingress: expected.clone(),
            ..service()
        };
        assert_quiet(&planned(&view(published, pools(), both)));
    }
}

#[test]
fn b4_two_services_that_need_one_name_do_not_fight_over_it() {
    // Service `test` in pool `a-b` and Service `test-a` in pool `b` both need `test-a-b`.
    let first = PoolService {
        labels: map(&[
            (SERVICE_NAME, "test-a"),
            (POOL_NAME, "b"),
            (MANAGED_BY, MANAGED_BY_FAN_OUT),
        ]),
        owners: vec![OwnerReference {
            name: "test-a".to_owned(),
            uid: "test-a-uid".to_owned(),
            ..ps("a-b").owners[0].clone()
        }],
        ..ps("a-b")
    };
    let mut view = view(service(), [pool("a-b")], [first]);
    view.other_services
        .insert("test-a".to_owned(), "test-a-uid".to_owned());
    let plan = planned(&view);
    assert_eq!(reasons(&plan), [Reason::PoolServiceNameConflict]);
    assert!(
        plan.events[0].message.contains("Service test-a"),
        "{}",
        plan.events[0].message
    );
    assert!(plan.repair.is_empty() && plan.create.is_empty() && plan.delete.is_empty());
}

#[test]
fn b4_a_pool_whose_name_is_too_long_does_not_stop_the_others() {
    let long = "p".repeat(64);
    let plan = planned(&view(service(), [pool(&long), pool("np123")], []));
    assert_eq!(created(&plan), ["test-np123"]);
    assert_eq!(reasons(&plan), [Reason::PoolServiceNameConflict]);
    assert!(plan.events[0].message.contains(&long));
}

#[test]
fn b5_a_service_made_again_gets_its_pool_services_back() {
    let again = Service {
        uid: "new-uid".to_owned(),
        ..service()
    };
    let plan = planned(&view(again, [pool("np123")], [ps("np123")]));
    let owners = plan.repair[0].owners.as_ref().unwrap();
    assert_eq!(owners[0].uid, "new-uid");
    assert_eq!(owners.len(), 2, "the dead owner goes");
    assert!(plan.delete.is_empty());
}

#[test]
fn b5_a_drifted_class_is_repaired() {
    let drifted = PoolService {
        load_balancer_class: Some("other".to_owned()),
        ..ps("np123")
    };
    let plan = planned(&view(service(), [pool("np123")], [drifted]));
    assert_eq!(plan.repair[0].load_balancer_class.as_deref(), Some(CLASS));
    assert!(plan.repair[0].labels.is_empty() && plan.repair[0].owners.is_none());
}

#[test]
fn b11_a_pool_service_with_edited_labels_still_goes_with_its_service() {
    let edited = PoolService {
        labels: map(&[(SERVICE_NAME, "elsewhere")]),
        ..ps("np123")
    };
    let going = Service {
        deleting: true,
        ..service()
    };
    let plan = planned(&view(going, [], [edited]));
    assert_eq!(deleted(&plan), [("test-np123", Cause::ServiceTerminating)]);
    assert_eq!(plan.finalizer, Finalizer::Keep);
}

#[test]
fn b13_a_selector_that_does_not_parse_keeps_everything_and_says_where() {
    let wrong = Service {
        selector: Some("app in (deploy".to_owned()),
        ..service()
    };
    let serving = PoolService {
        ingress: vec![at("1.2.3.4")],
        ..ps("np123")
    };
    let plan = planned(&view(wrong, [pool("np123")], [serving]));
    assert_eq!(reasons(&plan), [Reason::InvalidNodePoolSelector]);
    assert!(
        plan.events[0].message.contains("character"),
        "{}",
        plan.events[0].message
    );
    assert!(plan.delete.is_empty() && plan.unmatched_since.is_empty());
    assert_eq!(
        plan.ingress,
        Some(vec![at("1.2.3.4")]),
        "what serves is still published"
    );
}

#[test]
fn b16_an_owner_that_was_stripped_is_put_back_and_foreign_owners_stay() {
    let foreign = OwnerReference {
        api_version: "argoproj.io/v1alpha1".to_owned(),
        kind: "Application".to_owned(),
        name: "shop".to_owned(),
        uid: "app-uid".to_owned(),
        controller: Some(true),
        block_owner_deletion: None,
    };
    let right = ps("np123").owners;
    let plan = planned(&view(
        service(),
        [pool("np123")],
        [PoolService {
            owners: vec![right[0].clone(), foreign.clone()],
            ..ps("np123")
        }],
    ));
    let owners = plan.repair[0].owners.clone().unwrap();
    assert_eq!(owners[..2], right[..]);
    assert_eq!(owners[2].uid, "app-uid");
    assert_eq!(
        owners[2].controller,
        Some(false),
        "only one owner may be the controller"
    );

    let settled = PoolService {
        owners,
        ..ps("np123")
    };
    assert_quiet(&planned(&view(service(), [pool("np123")], [settled])));
}
