use super::*;
use crate::snapshot::ObjectKey;

const CLASS: &str = "alibabacloud.com/elb";

fn config() -> Config {
    Config {
        load_balancer_class: CLASS.to_owned(),
        pool_api_version: "apps.openyurt.io/v1beta2".to_owned(),
        unmatch_grace: 30,
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn service() -> Service {
    Service {
        key: ObjectKey::new("default", "test"),
        uid: "service-uid".to_owned(),
        service_type: "LoadBalancer".to_owned(),
        load_balancer_class: Some(CLASS.to_owned()),
        selector: Some("app=deploy".to_owned()),
        annotations: BTreeMap::new(),
        labels: BTreeMap::new(),
        has_finalizer: true,
        deleting: false,
        ingress: Vec::new(),
    }
}

fn pool(name: &str) -> Pool {
    Pool {
        name: name.to_owned(),
        uid: format!("{name}-uid"),
        labels: map(&[("app", "deploy")]),
        deleting: false,
    }
}

/// The PoolService of the Service in a pool, as the fan-out makes it.
fn ps(pool_name: &str) -> PoolService {
    let (service, pool) = (service(), pool(pool_name));
    PoolService {
        name: format!("test-{pool_name}"),
        uid: format!("ps-{pool_name}-uid"),
        resource_version: "7".to_owned(),
        labels: labels(&service, &pool),
        owners: owners::wanted(&service, &pool, &config().pool_api_version),
        load_balancer_class: Some(CLASS.to_owned()),
        deleting: false,
        ingress: Vec::new(),
        aggregate_to_annotations: BTreeMap::new(),
        aggregate_to_labels: BTreeMap::new(),
    }
}

fn at(ip: &str) -> Ingress {
    Ingress {
        ip: Some(ip.to_owned()),
        ..Ingress::default()
    }
}

fn view(
    service: Service,
    pools: impl IntoIterator<Item = Pool>,
    pool_services: impl IntoIterator<Item = PoolService>,
) -> View {
    View {
        key: service.key.clone(),
        service: Some(service),
        pools: pools.into_iter().collect(),
        pool_services: pool_services.into_iter().collect(),
        other_services: BTreeMap::new(),
    }
}

fn planned(view: &View) -> Plan {
    let plan = plan(view, &config(), &BTreeMap::new(), 1000);
    for event in &plan.events {
        let known = crate::events::of(event.reason);
        assert_eq!(known.map(|known| known.is_warning), Some(event.warning));
    }
    plan
}

fn reasons(plan: &Plan) -> Vec<Reason> {
    plan.events.iter().map(|event| event.reason).collect()
}

fn created(plan: &Plan) -> Vec<&str> {
    plan.create.iter().map(|new| new.name.as_str()).collect()
}

fn deleted(plan: &Plan) -> Vec<(&str, Cause)> {
    plan.delete
        .iter()
        .map(|deletion| (deletion.name.as_str(), deletion.cause))
        .collect()
}

/// Nothing to write and nothing to say.
fn assert_quiet(plan: &Plan) {
    assert_eq!(*plan, Plan::default());
}

// The numbers are those of OpenYurt's own tests (openyurtio/openyurt,
// pkg/yurtmanager/controller/loadbalancerset/loadbalancerset, in their order).

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

// rule_2_8
#[test]
fn a_slip_of_a_label_that_is_put_back_costs_nothing() {
    let lost = Pool {
        labels: BTreeMap::new(),
        ..pool("np123")
    };
    let mut slip = view(service(), [lost], [ps("np123")]);
    let waiting = planned(&slip).unmatched_since;
    slip.pools = vec![pool("np123")];
    assert_quiet(&plan(&slip, &config(), &waiting, 1010));
    // The next slip has a whole grace of its own.
    slip.pools[0].labels.clear();
    let again = plan(&slip, &config(), &BTreeMap::new(), 2000);
    assert_eq!((deleted(&again), again.look_again_in), (vec![], Some(30)));
}

#[test]
fn without_grace_a_pool_service_goes_at_once() {
    let config = Config {
        unmatch_grace: 0,
        ..config()
    };
    let lost = Pool {
        labels: BTreeMap::new(),
        ..pool("np123")
    };
    let plan = plan(
        &view(service(), [lost], [ps("np123")]),
        &config,
        &BTreeMap::new(),
        1000,
    );
    assert_eq!(deleted(&plan), [("test-np123", Cause::NoLongerSelected)]);
}

#[test]
fn a_clock_that_was_put_back_does_not_prolong_the_grace() {
    let lost = Pool {
        labels: BTreeMap::new(),
        ..pool("np123")
    };
    let since = [("ps-np123-uid".to_owned(), 5000)].into();
    let plan = plan(
        &view(service(), [lost], [ps("np123")]),
        &config(),
        &since,
        1000,
    );
    assert_eq!(plan.look_again_in, Some(30));
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

#[test]
fn the_api_version_of_an_owner_is_no_drift() {
    let mut older = ps("np123");
    older.owners[1].api_version = "apps.openyurt.io/v1beta1".to_owned();
    older.owners.reverse();
    assert_quiet(&planned(&view(service(), [pool("np123")], [older])));
}

#[test]
fn a_pool_service_that_terminates_is_made_again_when_it_is_gone() {
    let going = PoolService {
        deleting: true,
        ingress: vec![at("1.2.3.4")],
        load_balancer_class: None,
        ..ps("np123")
    };
    let service = Service {
        ingress: vec![at("1.2.3.4")],
        ..service()
    };
    let plan = planned(&view(service.clone(), [pool("np123")], [going]));
    assert!(plan.create.is_empty() && plan.repair.is_empty() && plan.delete.is_empty());
    assert_eq!(plan.ingress, Some(vec![]), "its address is about to end");
    assert_eq!(
        created(&planned(&view(service, [pool("np123")], []))),
        ["test-np123"]
    );
}

#[test]
fn a_service_of_another_class_is_somebody_elses() {
    let foreign = Service {
        load_balancer_class: Some("other".to_owned()),
        ingress: vec![at("9.9.9.9")],
        annotations: map(&[("aggregated.lb-id", "theirs")]),
        ..service()
    };
    let theirs = PoolService {
        load_balancer_class: Some("other".to_owned()),
        ..ps("np123")
    };
    assert_quiet(&planned(&view(foreign.clone(), [pool("np123")], [theirs])));
    assert_quiet(&planned(&view(foreign.clone(), [pool("np123")], [])));
    // One that was ours before the class changed goes.
    let plan = planned(&view(foreign, [pool("np123")], [ps("np123")]));
    assert_eq!(deleted(&plan), [("test-np123", Cause::ServiceChanged)]);
}

#[test]
fn what_outlived_its_service_goes_after_the_grace() {
    let mut orphan = view(service(), [pool("np123")], [ps("np123")]);
    orphan.service = None;
    let first = planned(&orphan);
    assert_eq!((deleted(&first), first.look_again_in), (vec![], Some(30)));
    let end = plan(&orphan, &config(), &first.unmatched_since, 1030);
    assert_eq!(deleted(&end), [("test-np123", Cause::ServiceGone)]);

    // One that a person made for a load balancer of their own stays.
    orphan.pool_services[0].owners.clear();
    assert_quiet(&plan(&orphan, &config(), &first.unmatched_since, 1030));
}

#[test]
fn a_plan_that_is_carried_out_leaves_nothing_to_do() {
    let mut view = view(
        Service {
            has_finalizer: false,
            ..service()
        },
        [pool("np1"), pool("np2")],
        [PoolService {
            load_balancer_class: None,
            owners: Vec::new(),
            ingress: vec![at("1.2.3.4")],
            aggregate_to_annotations: map(&[("region", "cn-hefei")]),
            ..ps("np1")
        }],
    );
    let first = planned(&view);
    let service = view.service.as_mut().unwrap();
    assert_eq!(first.finalizer, Finalizer::Add);
    service.has_finalizer = true;
    service.ingress = first.ingress.unwrap();
    for (key, value) in first.annotations {
        service.annotations.insert(key, value.unwrap());
    }
    for repair in first.repair {
        let ps = &mut view.pool_services[0];
        ps.labels.extend(repair.labels);
        ps.owners = repair.owners.unwrap();
        ps.load_balancer_class = repair.load_balancer_class;
    }
    for new in first.create {
        view.pool_services.push(PoolService {
            name: new.name,
            labels: new.labels,
            owners: new.owners,
            load_balancer_class: Some(new.load_balancer_class),
            ..ps("np2")
        });
    }
    assert_quiet(&planned(&view));
}
