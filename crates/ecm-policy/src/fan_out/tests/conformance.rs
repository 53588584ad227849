//! The points that OpenYurt's own tests make (openyurtio/openyurt, pkg/yurtmanager/controller/loadbalancerset/loadbalancerset),
//! by their numbers there.

use super::*;

#[test]
fn conformance_1_a_missing_service_needs_nothing() {
    let missing = View {
        service: None,
        ..view(service(), [pool("np123")], [])
    };
    assert_quiet(&planned(&missing));
}

// rule_2_1
#[test]
fn conformance_2_and_17_each_matching_pool_gets_a_pool_service_with_two_owners() {
    let other = Pool {
        labels: map(&[("app", "other")]),
        ..pool("np345")
    };
    let plan = planned(&view(service(), [pool("np123"), pool("np234"), other], []));
    assert_eq!(created(&plan), ["test-np123", "test-np234"]);
    let new = plan.create[0].clone();
    assert_eq!(new.load_balancer_class, CLASS);
    assert_eq!(
        new.labels,
        map(&[
            ("openyurt.io/service-name", "test"),
            ("openyurt.io/pool-name", "np123"),
            (
                "poolservice.openyurt.io/managed-by",
                "load-balancer-set-controller"
            ),
        ])
    );
    let object = serde_json::to_value(poolservice_api::PoolService::from(new)).unwrap();
    assert_eq!(
        object["metadata"]["ownerReferences"],
        serde_json::json!([
            { "apiVersion": "v1", "kind": "Service", "name": "test", "uid": "service-uid",
              "controller": true, "blockOwnerDeletion": true },
            { "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool", "name": "np123",
              "uid": "np123-uid", "blockOwnerDeletion": true },
        ])
    );
    assert_eq!(object["metadata"]["namespace"], "default");
    assert!(
        object["metadata"].get("annotations").is_none(),
        "annotations are the users'"
    );
}

// rule_1_2
#[test]
fn conformance_3_an_empty_selector_makes_nothing_and_says_so() {
    for selector in [None, Some(String::new())] {
        let plan = planned(&view(
            Service {
                selector,
                ..service()
            },
            [pool("np123")],
            [],
        ));
        assert!(plan.create.is_empty());
        assert_eq!(reasons(&plan), [Reason::NodePoolSelectorMissing]);
    }
}

#[test]
fn conformance_4_the_namespace_is_the_services() {
    let service = Service {
        key: ObjectKey::new("kube-system", "test"),
        ..service()
    };
    let plan = planned(&view(service, [pool("np123")], []));
    assert_eq!(plan.create[0].namespace, "kube-system");
}

#[test]
fn conformance_5_a_pool_that_no_longer_matches_loses_its_pool_service_after_the_grace() {
    let lost = Pool {
        labels: BTreeMap::new(),
        ..pool("np234")
    };
    let view = view(service(), [pool("np123"), lost], [ps("np123"), ps("np234")]);
    let first = planned(&view);
    assert_eq!(deleted(&first), []);
    assert_eq!(reasons(&first), [Reason::PoolNoLongerMatches]);
    assert_eq!(first.look_again_in, Some(30));

    let later = plan(&view, &config(), &first.unmatched_since, 1029);
    assert_eq!((deleted(&later), later.look_again_in), (vec![], Some(1)));

    let end = plan(&view, &config(), &later.unmatched_since, 1030);
    assert_eq!(deleted(&end), [("test-np234", Cause::NoLongerSelected)]);
    assert_eq!(end.look_again_in, None);
    assert!(end.unmatched_since.is_empty());
}

#[test]
fn conformance_6_addresses_are_united_in_numeric_order_without_duplicates() {
    let with = |pool: &str, ips: &[&str]| PoolService {
        ingress: ips.iter().map(|ip| at(ip)).collect(),
        ..ps(pool)
    };
    let pool_services = [
        with("np123", &["10.0.0.9", "2.2.3.4"]),
        with("np234", &["1.2.3.4", "2.2.3.4"]),
    ];
    let pools = [pool("np123"), pool("np234")];
    let plan = planned(&view(service(), pools.clone(), pool_services.clone()));
    let wanted = vec![at("1.2.3.4"), at("2.2.3.4"), at("10.0.0.9")];
    assert_eq!(plan.ingress, Some(wanted.clone()));

    // As the API server has it, with its default filled in.
    let shown = wanted.into_iter().map(|entry| Ingress {
        ip_mode: Some("VIP".to_owned()),
        ..entry
    });
    let service = Service {
        ingress: shown.collect(),
        ..service()
    };
    assert_quiet(&planned(&view(service, pools, pool_services)));
}

#[test]
fn conformance_7_to_10_aggregated_annotations_follow_the_pool_services() {
    let with = |pool: &str, id: &str| PoolService {
        aggregate_to_annotations: map(&[("lb-id", id)]),
        aggregate_to_labels: map(&[("lb-id", id)]),
        ..ps(pool)
    };
    let pools = || [pool("np1"), pool("np2")];
    let set = |value: &str| [("aggregated.lb-id".to_owned(), Some(value.to_owned()))].into();

    // 7: a PoolService whose pool does not exist goes, and does not count.
    let all = [
        with("np1", "lb34567"),
        with("np2", "lb23456"),
        with("np3", "lb99999"),
    ];
    let plan = planned(&view(service(), pools(), all.clone()));
    assert_eq!(plan.annotations, set("lb23456,lb34567"));
    assert_eq!(deleted(&plan), [("test-np3", Cause::PoolGone)]);
    // B1: never two values as one label, the API server refuses the comma.
    assert!(plan.labels.is_empty());

    // 8: nothing to write when they are right.
    let right = Service {
        annotations: map(&[("aggregated.lb-id", "lb23456,lb34567")]),
        ..service()
    };
    assert_quiet(&planned(&view(right.clone(), pools(), all[..2].to_vec())));

    // 9: a value goes, and 10: the key goes.
    let one = planned(&view(
        right.clone(),
        pools(),
        [with("np1", "lb34567"), ps("np2")],
    ));
    assert_eq!(one.annotations, set("lb34567"));
    assert_eq!(one.labels, set("lb34567"));
    let none = planned(&view(right, pools(), [ps("np1"), ps("np2")]));
    assert_eq!(
        none.annotations,
        [("aggregated.lb-id".to_owned(), None)].into()
    );
}

#[test]
fn conformance_11_and_13_the_finalizer_is_added_once() {
    let bare = Service {
        has_finalizer: false,
        ..service()
    };
    let plan = planned(&view(bare, [pool("np123")], []));
    assert_eq!(plan.finalizer, Finalizer::Add);
    assert_quiet(&planned(&view(service(), [pool("np123")], [ps("np123")])));
}

// rule_2_7
#[test]
fn conformance_12_no_match_is_said() {
    let plan = planned(&view(service(), [], []));
    assert_eq!(reasons(&plan), [Reason::NoMatchNodePool]);
    assert!(plan.events[0].warning);
    assert!(plan.events[0].message.contains("app=deploy"));
}

// rule_2_4
#[test]
fn conformance_14_to_16_a_deleted_service_waits_for_its_pool_services() {
    let going = Service {
        deleting: true,
        ..service()
    };
    let empty = planned(&view(going.clone(), [pool("np123")], []));
    assert_eq!(empty.finalizer, Finalizer::Remove);

    let already = PoolService {
        deleting: true,
        ..ps("np234")
    };
    let pools = [pool("np123"), pool("np234")];
    let plan = planned(&view(going, pools, [ps("np123"), already]));
    assert_eq!(plan.finalizer, Finalizer::Keep);
    assert_eq!(deleted(&plan), [("test-np123", Cause::ServiceTerminating)]);
    assert!(plan.create.is_empty() && plan.repair.is_empty());
}

#[test]
fn conformance_18_the_pool_service_of_a_terminating_pool_goes_at_once() {
    let going = Pool {
        deleting: true,
        ..pool("np123")
    };
    let plan = planned(&view(
        service(),
        [going, pool("np234")],
        [ps("np123"), ps("np234")],
    ));
    assert_eq!(deleted(&plan), [("test-np123", Cause::PoolTerminating)]);
    assert!(
        plan.repair.is_empty(),
        "an owner that is going is not added back"
    );
}

// rule_1_1
#[test]
fn conformance_19_another_type_takes_everything_back() {
    let cluster_ip = Service {
        service_type: "ClusterIP".to_owned(),
        load_balancer_class: None,
        annotations: map(&[("aggregated.lb-id", "lb-1"), ("aggregated.eip-id", "eip-1")]),
        ..service()
    };
    let plan = planned(&view(cluster_ip.clone(), [pool("np123")], [ps("np123")]));
    assert_eq!(deleted(&plan), [("test-np123", Cause::ServiceChanged)]);
    assert_eq!(plan.finalizer, Finalizer::Keep);

    // B2: also when the last PoolService went while nobody watched. B3: annotations go too.
    let plan = planned(&view(cluster_ip, [pool("np123")], []));
    assert_eq!(plan.finalizer, Finalizer::Remove);
    assert_eq!(plan.annotations.len(), 2);
    assert_eq!(
        plan.ingress, None,
        "the API server clears the status, and refuses to fill it"
    );
}

#[test]
fn conformance_20_a_lost_selector_takes_everything_back_after_the_grace() {
    let lost = Service {
        selector: None,
        ingress: vec![at("1.2.3.4")],
        annotations: map(&[("aggregated.lb-id", "lb-1")]),
        ..service()
    };
    let serving = PoolService {
        ingress: vec![at("1.2.3.4")],
        aggregate_to_annotations: map(&[("lb-id", "lb-1")]),
        ..ps("np123")
    };
    let during = view(lost.clone(), [pool("np123")], [serving]);
    let first = planned(&during);
    assert_eq!((deleted(&first), &first.ingress), (vec![], &None));
    let end = plan(&during, &config(), &first.unmatched_since, 1030);
    assert_eq!(deleted(&end), [("test-np123", Cause::NoLongerSelected)]);
    assert_eq!(end.ingress, Some(vec![]), "its address goes with it");

    let gone = planned(&view(lost.clone(), [pool("np123")], []));
    assert_eq!(gone.finalizer, Finalizer::Remove);
    assert_eq!(gone.ingress, Some(vec![]));
    assert_eq!(
        gone.annotations,
        [("aggregated.lb-id".to_owned(), None)].into()
    );

    // What is not ours any more is not touched again.
    let left = planned(&view(
        Service {
            has_finalizer: false,
            ..lost
        },
        [],
        [],
    ));
    assert_eq!((left.ingress, left.annotations.len()), (None, 0));
}

#[test]
fn conformance_21_and_25_an_unmanaged_pool_service_of_the_name_is_left_alone() {
    let unmanaged = PoolService {
        labels: BTreeMap::new(),
        owners: Vec::new(),
        ..ps("np123")
    };
    let plan = planned(&view(
        service(),
        [pool("np123"), pool("np234")],
        [unmanaged.clone()],
    ));
    assert_eq!(reasons(&plan), [Reason::PoolServiceNameConflict]);
    assert!(
        plan.events[0].message.contains("test-np123"),
        "{}",
        plan.events[0].message
    );
    assert_eq!(created(&plan), ["test-np234"], "the other pools go on");
    assert!(plan.repair.is_empty() && plan.delete.is_empty());

    let going = Service {
        deleting: true,
        ..service()
    };
    let plan = planned(&view(going, [pool("np123")], [unmanaged]));
    assert!(plan.delete.is_empty());
    assert_eq!(plan.finalizer, Finalizer::Remove);
}

#[test]
fn conformance_22_and_24_drifted_labels_and_lost_owners_are_repaired() {
    let wrong_label = |key: &str, value: &str| {
        let mut ps = ps("np123");
        ps.labels.insert(key.to_owned(), value.to_owned());
        ps
    };
    let mut stripped = wrong_label(SERVICE_NAME, "nobody");
    stripped
        .labels
        .insert(POOL_NAME.to_owned(), "nowhere".to_owned());
    stripped.owners.clear();
    let plan = planned(&view(service(), [pool("np123")], [stripped]));
    assert_eq!(plan.repair.len(), 1);
    assert_eq!(
        plan.repair[0].labels,
        map(&[(SERVICE_NAME, "test"), (POOL_NAME, "np123")])
    );
    assert_eq!(plan.repair[0].owners, Some(ps("np123").owners));
    assert_eq!(plan.repair[0].resource_version, "7");
    assert!(plan.delete.is_empty() && plan.create.is_empty());

    for (key, value) in [
        (POOL_NAME, "np9"),
        (SERVICE_NAME, "other"),
        (MANAGED_BY, "me"),
    ] {
        let drifted = wrong_label(key, value);
        let plan = planned(&view(service(), [pool("np123")], [drifted]));
        let right = ps("np123").labels;
        assert_eq!(
            plan.repair[0].labels,
            map(&[(key, right[key].as_str())]),
            "{key}"
        );
        assert_eq!(plan.repair[0].owners, None);
    }
}

#[test]
fn conformance_23_a_pool_service_that_was_labelled_as_anothers_is_not_deleted_by_that_one() {
    // As Service `test` sees it: its label is on a PoolService of Service `other`.
    for owners in [
        vec![OwnerReference {
            name: "other".to_owned(),
            uid: "other-uid".to_owned(),
            ..ps("np123").owners[0].clone()
        }],
        Vec::new(),
    ] {
        let strayed = PoolService {
            name: "other-np123".to_owned(),
            owners,
            ..ps("np123")
        };
        let mut view = view(service(), [pool("np999")], [strayed, ps("np999")]);
        view.other_services
            .insert("other".to_owned(), "other-uid".to_owned());
        assert_quiet(&planned(&view));
        // Nor does it keep `test` from going.
        view.service.as_mut().unwrap().deleting = true;
        view.pool_services.pop();
        assert_eq!(planned(&view).finalizer, Finalizer::Remove);
    }
}
