use ecm_policy::ledger::{Ledger, Owner, Record};
use ecm_policy::placement::Placement;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use poolservice_api::{NodePool, keys};
use serde_json::{Value, json};

use super::*;
use crate::objects;
use crate::queue::Urgency;

const CLASS: &str = "alibabacloud.com/elb";

/// `json` with the fields of `over` in place of its own, at every depth.
fn with(mut json: Value, over: &Value) -> Value {
    json_patch::merge(&mut json, over);
    json
}

fn service(name: &str, over: &Value) -> Service {
    let object = with(
        json!({
            "metadata": {
                "namespace": "shop", "name": name, "uid": format!("{name}-uid"),
                "resourceVersion": "1", "annotations": { keys::NODE_POOL_SELECTOR: "tier=edge" },
                "finalizers": [keys::SERVICE_FINALIZER],
            },
            "spec": {
                "type": "LoadBalancer", "loadBalancerClass": CLASS,
                "ports": [{ "port": 80, "protocol": "TCP", "nodePort": 30080 }],
            },
        }),
        over,
    );
    Service::from(&serde_json::from_value::<core::Service>(object).unwrap())
}

fn pool(name: &str, over: &Value) -> Pool {
    let object = with(
        json!({ "metadata": {
            "name": name, "uid": format!("{name}-uid"), "labels": { "tier": "edge" },
            "annotations": { keys::ENS_REGION_ID: "cn-hefei" },
        } }),
        over,
    );
    objects::pool(&serde_json::from_value::<NodePool>(object).unwrap())
}

fn ps(service: &str, pool: &str, over: &Value) -> PoolService {
    let object = with(
        json!({
            "metadata": {
                "namespace": "shop", "name": format!("{service}-{pool}"),
                "uid": format!("{service}-{pool}-uid"), "resourceVersion": "1",
                "labels": {
                    keys::SERVICE_NAME: service, keys::POOL_NAME: pool,
                    keys::MANAGED_BY: keys::MANAGED_BY_FAN_OUT,
                },
            },
            "spec": { "loadBalancerClass": CLASS },
        }),
        over,
    );
    PoolService::from(&serde_json::from_value::<poolservice_api::PoolService>(object).unwrap())
}

fn node(name: &str, pool: &str, over: &Value) -> Node {
    let object = with(
        json!({
            "metadata": { "name": name, "labels": { keys::NODE_POOL: pool } },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
        }),
        over,
    );
    objects::node(&serde_json::from_value::<core::Node>(object).unwrap())
}

fn slice(name: &str, service: &str, over: &Value) -> EndpointSlice {
    let object = with(
        json!({
            "metadata": {
                "namespace": "shop", "name": name,
                "labels": { "kubernetes.io/service-name": service },
            },
            "addressType": "IPv4",
            "endpoints": [
                { "addresses": ["10.0.0.1"], "nodeName": "n1", "conditions": { "ready": true } },
                { "addresses": ["10.0.0.2"], "nodeName": "n2", "conditions": { "ready": false } },
            ],
        }),
        over,
    );
    EndpointSlice::from(&serde_json::from_value::<discovery::EndpointSlice>(object).unwrap())
}

fn users(id: &str, backends: &[&str], ps_uid: &str) -> Value {
    let ledger = Ledger {
        version: ecm_policy::ledger::VERSION,
        sequence: 1,
        pool_service_uid: ps_uid.to_owned(),
        cluster_id: "c1".to_owned(),
        cluster_uid: "u1".to_owned(),
        cloud_account: None,
        service: "web".to_owned(),
        pool: "hefei".to_owned(),
        placement: Placement {
            region: "cn-hefei".to_owned(),
            network: "n-1".to_owned(),
            vswitch: "vsw-1".to_owned(),
        },
        load_balancer: Record::users(id),
        draining: std::collections::BTreeMap::new(),
        applied: None,
        on_delete: None,
        eip: None,
        backends: backends.iter().map(|id| (*id).to_owned()).collect(),
    };
    assert_eq!(ledger.load_balancer.owner, Owner::User);
    let text = ecm_policy::ledger::write(&ledger).unwrap();
    json!({ "metadata": {
        "finalizers": [keys::POOL_SERVICE_FINALIZER], "annotations": { keys::LEDGER: text },
    } })
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("shop", name)
}

fn none() -> Value {
    json!({})
}

/// Services `web` and `api` in pools `hefei` and `chengdu`, with a node in each.
fn index() -> Index {
    let mut index = Index::new(CLASS);
    index.reset_services(vec![service("web", &none()), service("api", &none())]);
    index.reset_pools(vec![pool("hefei", &none()), pool("chengdu", &none())]);
    index.reset_pool_services(vec![
        ps("web", "hefei", &none()),
        ps("web", "chengdu", &none()),
        ps("api", "hefei", &none()),
    ]);
    index.reset_nodes(vec![
        node("n1", "hefei", &none()),
        node("n2", "chengdu", &none()),
    ]);
    index.reset_slices(vec![slice("web-1", "web", &none())]);
    index
}

#[track_caller]
fn assert_touches(affected: &Affected, services: &[&str], pool_services: &[&str]) {
    let names = |keys: &BTreeSet<ObjectKey>| -> Vec<String> {
        keys.iter().map(|key| key.name.clone()).collect()
    };
    assert_eq!(names(&affected.services), services, "Services");
    assert_eq!(
        names(&affected.pool_services),
        pool_services,
        "PoolServices"
    );
}

const WEB: [&str; 2] = ["web-chengdu", "web-hefei"];
const HEFEI: [&str; 2] = ["api-hefei", "web-hefei"];

#[test]
fn rule_7_8_nothing_is_decided_before_every_kind_was_listed() {
    let mut index = Index::new(CLASS);
    index.reset_services(Vec::new());
    index.reset_pools(Vec::new());
    index.reset_pool_services(Vec::new());
    index.reset_nodes(Vec::new());
    assert!(!index.all_synced());
    index.apply_slice(slice("web-1", "web", &none()));
    assert!(!index.all_synced(), "one slice is not all slices");
    index.reset_slices(Vec::new());
    assert!(index.all_synced());
}

#[test]
fn what_nobody_reads_touches_nothing() {
    let mut index = index();
    let noise = json!({ "metadata": {
        "resourceVersion": "2", "generation": 1, "labels": { "team": "a" },
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{}", "example.com/note": "x",
        },
        "managedFields": [{ "manager": "kubectl" }],
    } });
    // The generation of a PoolService is read, for observedGeneration.
    let ps_noise = with(
        noise.clone(),
        &json!({ "metadata": { "generation": null } }),
    );
    let node_noise = json!({
        "metadata": { "resourceVersion": "2", "annotations": { "example.com/note": "x" } },
        "status": { "images": [], "addresses": [{ "type": "InternalIP", "address": "10.0.0.9" }],
            "conditions": [
                { "type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z" },
            ] },
    });
    let pool_noise = json!({
        "metadata": { "resourceVersion": "2", "annotations": { "example.com/note": "x" } },
        "status": { "readyNodeNum": 3 },
    });
    for affected in [
        index.apply_service(service("web", &noise)),
        index.apply_pool_service(ps("web", "hefei", &ps_noise)),
        index.apply_pool(pool("hefei", &pool_noise)),
        index.apply_node(node("n1", "hefei", &node_noise)),
        index.apply_slice(slice(
            "web-1",
            "web",
            &json!({ "metadata": { "resourceVersion": "2" } }),
        )),
    ] {
        assert!(affected.is_empty(), "{affected:?}");
    }
}

// rule_7_4
#[test]
fn rule_7_4_a_field_that_load_balancers_read_touches_the_pool_services_of_that_service() {
    for change in [
        json!({ "spec": { "externalTrafficPolicy": "Local" } }),
        json!({ "spec": { "ports": [{ "port": 81, "protocol": "TCP", "nodePort": 30081 }] } }),
        json!({ "spec": { "loadBalancerSourceRanges": ["10.0.0.0/8"] } }),
        json!({ "spec": { "sessionAffinity": "ClientIP" } }),
        json!({ "metadata": { "annotations": {
            "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-scheduler": "wlc" } } }),
        json!({ "metadata": { "annotations": { keys::PAUSED: "true" } } }),
        json!({ "metadata": { "annotations": { keys::TOPOLOGY_KEYS: "openyurt.io/nodepool" } } }),
    ] {
        let affected = index().apply_service(service("web", &change));
        assert_touches(&affected, &[], &WEB);
    }
}

#[test]
fn status_and_what_the_fan_out_writes_touch_only_the_fan_out() {
    for change in [
        json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "1.2.3.4" }] } } }),
        json!({ "metadata": { "annotations": { "aggregated.lb-id": "lb-1" } } }),
        json!({ "metadata": { "labels": { "aggregated.lb-id": "lb-1" } } }),
        json!({ "metadata": { "finalizers": null } }),
        json!({ "metadata": { "annotations": { keys::NODE_POOL_SELECTOR: "tier=core" } } }),
    ] {
        let affected = index().apply_service(service("web", &change));
        assert_touches(&affected, &["web"], &[]);
    }
}

#[test]
fn type_class_and_deletion_touch_both_halves() {
    for change in [
        json!({ "spec": { "type": "ClusterIP", "loadBalancerClass": null } }),
        json!({ "spec": { "loadBalancerClass": "other" } }),
        json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }),
    ] {
        let affected = index().apply_service(service("web", &change));
        assert_touches(&affected, &["web"], &WEB);
    }
}

#[test]
fn services_of_others_are_not_queued() {
    let mut index = index();
    let other = json!({
        "metadata": { "finalizers": null },
        "spec": { "type": "ClusterIP", "loadBalancerClass": null },
    });
    assert!(index.apply_service(service("db", &other)).is_empty());
    assert_touches(&index.delete_service(&key("db")), &[], &[]);
    // One that was left with our finalizer is (OpenYurt forgets it).
    let left = json!({ "spec": { "type": "ClusterIP", "loadBalancerClass": null } });
    assert_touches(&index.apply_service(service("db", &left)), &["db"], &[]);
}

#[test]
fn a_deleted_service_touches_what_it_leaves_and_is_forgotten() {
    let mut index = index();
    let affected = index.delete_service(&key("web"));
    assert_touches(&affected, &["web"], &WEB);
    assert_eq!(affected.gone, ["web-uid".to_owned()].into());
    assert!(index.snapshot(&key("web-hefei")).unwrap().service.is_none());
    assert!(index.service_view(&key("web")).unwrap().service.is_none());

    let again = json!({ "metadata": { "uid": "second" } });
    let affected = index.apply_service(service("web", &again));
    assert_touches(&affected, &["web"], &WEB);
    // Replaced without a delete being seen.
    let affected = index.apply_service(service("web", &none()));
    assert_eq!(affected.gone, ["second".to_owned()].into());
}

#[test]
fn a_pool_label_touches_only_the_services_whose_selector_it_changes() {
    let mut index = index();
    let core = json!({ "metadata": { "annotations": { keys::NODE_POOL_SELECTOR: "tier=core" } } });
    index.apply_service(service("core", &core));
    let not = json!({ "metadata": { "annotations": { keys::NODE_POOL_SELECTOR: "!tier" } } });
    index.apply_service(service("not", &not));

    let unread = json!({ "metadata": { "labels": { "zone": "a" } } });
    assert_touches(&index.apply_pool(pool("hefei", &unread)), &[], &HEFEI);
    let moved = json!({ "metadata": { "labels": { "tier": "core" } } });
    assert_touches(
        &index.apply_pool(pool("hefei", &moved)),
        &["api", "core", "web"],
        &HEFEI,
    );
    // A pool without labels matches a negative selector (OpenYurt does not see it).
    let bare = json!({ "metadata": { "labels": { "tier": null } } });
    assert_touches(
        &index.apply_pool(pool("hefei", &bare)),
        &["core", "not"],
        &HEFEI,
    );
}

#[test]
fn rule_7_4_a_pool_annotation_touches_the_pool_services_of_that_pool() {
    for annotation in [keys::ENS_NETWORK_ID, keys::PAUSED] {
        let change = json!({ "metadata": { "annotations": { annotation: "n-1" } } });
        assert_touches(&index().apply_pool(pool("hefei", &change)), &[], &HEFEI);
    }
}

#[test]
fn a_pool_that_comes_or_goes_touches_who_selects_it_and_who_is_in_it() {
    let mut index = index();
    assert_touches(
        &index.apply_pool(pool("wuhan", &none())),
        &["api", "web"],
        &[],
    );
    let going = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } });
    assert_touches(
        &index.apply_pool(pool("hefei", &going)),
        &["api", "web"],
        &HEFEI,
    );

    // Also when the selector no longer matches: the PoolService is in its grace.
    let other = json!({ "metadata": { "labels": { "tier": "core" } } });
    index.apply_pool(pool("chengdu", &other));
    assert_touches(&index.delete_pool("chengdu"), &["web"], &["web-chengdu"]);
}

#[test]
fn a_pool_service_touches_itself_and_its_service() {
    let mut index = index();
    let status = json!({ "status": {
        "loadBalancer": { "ingress": [{ "ip": "1.2.3.4" }] },
    } });
    assert_touches(
        &index.apply_pool_service(ps("web", "hefei", &status)),
        &["web"],
        &["web-hefei"],
    );
    let aggregate = with(
        status.clone(),
        &json!({ "status": {
        "aggregateToAnnotations": { "lb-id": "lb-1" } } }),
    );
    assert_touches(
        &index.apply_pool_service(ps("web", "hefei", &aggregate)),
        &["web"],
        &[],
    );
    let annotated = with(
        aggregate.clone(),
        &json!({ "metadata": { "annotations": {
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id": "lb-2" } } }),
    );
    assert_touches(
        &index.apply_pool_service(ps("web", "hefei", &annotated)),
        &[],
        &["web-hefei"],
    );

    let affected = index.delete_pool_service(&key("web-hefei"));
    assert_touches(&affected, &["web"], &["web-hefei"]);
    assert_eq!(affected.gone, ["web-hefei-uid".to_owned()].into());
}

#[test]
fn rule_9_2_conditions_of_a_pool_service_touch_nothing() {
    let conditions = json!({ "status": { "conditions": [{
        "type": "Ready", "status": "True", "reason": "AsExpected", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z" }] } });
    assert!(
        index()
            .apply_pool_service(ps("web", "hefei", &conditions))
            .is_empty()
    );
}

#[test]
fn a_label_that_moves_touches_the_old_and_the_new_service() {
    let mut index = index();
    let moved = json!({ "metadata": { "labels": { keys::SERVICE_NAME: "api" } } });
    let affected = index.apply_pool_service(ps("web", "hefei", &moved));
    assert_touches(&affected, &["api", "web"], &["web-hefei"]);
    let removed = json!({ "metadata": { "labels": { keys::SERVICE_NAME: null } } });
    let affected = index.apply_pool_service(ps("web", "hefei", &removed));
    // `web` too, because it needs a PoolService of this name.
    assert_touches(&affected, &["api", "web"], &["web-hefei"]);
}

#[test]
fn a_name_that_two_services_need_touches_both_when_it_becomes_free() {
    let mut index = index();
    index.apply_service(service("a", &none()));
    index.apply_service(service("a-b", &none()));
    index.apply_pool(pool("c", &none()));
    index.apply_pool(pool("b-c", &none()));
    let affected = index.apply_pool_service(ps("a", "b-c", &none()));
    assert_touches(&affected, &["a", "a-b"], &["a-b-c"]);
    let status = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "1.2.3.4" }] } } });
    let affected = index.apply_pool_service(ps("a", "b-c", &status));
    assert_touches(&affected, &["a"], &["a-b-c"]);
    let affected = index.delete_pool_service(&key("a-b-c"));
    assert_touches(&affected, &["a", "a-b"], &["a-b-c"]);

    index.apply_pool_service(ps("a", "b-c", &none()));
    let view = index.service_view(&key("a-b")).unwrap();
    let names: Vec<_> = view
        .pool_services
        .iter()
        .map(|ps| ps.name.as_str())
        .collect();
    assert_eq!(names, ["a-b-c"], "the one in the way is shown");
    assert_eq!(
        view.other_services,
        [("a".to_owned(), "a-uid".to_owned())].into()
    );
}

#[test]
fn pool_services_of_other_classes_are_not_queued_unless_we_hold_something_for_them() {
    let mut index = index();
    let other = json!({ "spec": { "loadBalancerClass": "other" } });
    assert_touches(
        &index.apply_pool_service(ps("db", "hefei", &other)),
        &["db"],
        &[],
    );
    assert_touches(&index.apply_node(node("n9", "hefei", &none())), &[], &HEFEI);
    let held = with(
        other,
        &json!({ "metadata": { "finalizers": [keys::POOL_SERVICE_FINALIZER] } }),
    );
    assert_touches(
        &index.apply_pool_service(ps("db", "hefei", &held)),
        &[],
        &["db-hefei"],
    );
}

#[test]
fn rule_7_4_a_node_touches_its_pool_when_something_that_is_read_changes() {
    for change in [
        json!({ "status": { "conditions": [{ "type": "Ready", "status": "False" }] } }),
        json!({ "status": { "conditions": [{ "type": "Ready", "status": "Unknown" }] } }),
        json!({ "spec": { "unschedulable": true } }),
        json!({ "spec": { "taints": [{ "key": keys::AUTOSCALER_TAINT, "effect": "NoSchedule" }] } }),
        json!({ "metadata": { "labels": { keys::ENS_INSTANCE_ID: "i-1" } } }),
        json!({ "metadata": { "labels": { "role": "gateway" } } }),
        json!({ "metadata": { "labels": { keys::EXCLUDE_FROM_LOAD_BALANCERS: "" } } }),
        json!({ "metadata": { "annotations": { keys::AUTONOMY[0]: "true" } } }),
        json!({ "metadata": { "annotations": { keys::AUTONOMY_DURATION: "1h" } } }),
        json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }),
    ] {
        assert_touches(
            &index().apply_node(node("n1", "hefei", &change)),
            &[],
            &HEFEI,
        );
    }
    assert_touches(&index().delete_node("n1"), &[], &HEFEI);
}

#[test]
fn a_node_that_moves_touches_the_old_and_the_new_pool() {
    let mut index = index();
    let affected = index.apply_node(node("n1", "chengdu", &none()));
    assert_touches(&affected, &[], &["api-hefei", "web-chengdu", "web-hefei"]);
    let names = |index: &Index, name: &str| -> Vec<String> {
        let snapshot = index.snapshot(&key(name)).unwrap();
        snapshot.nodes.into_iter().map(|node| node.name).collect()
    };
    assert_eq!(names(&index, "web-chengdu"), ["n1", "n2"]);
    assert!(names(&index, "web-hefei").is_empty());
}

#[test]
fn the_ack_label_counts_where_openyurts_is_absent() {
    let mut index = index();
    let ack = json!({ "metadata": { "labels": {
        keys::NODE_POOL: null, keys::ACK_NODE_POOL: "chengdu" } } });
    assert_touches(
        &index.apply_node(node("n3", "", &ack)),
        &[],
        &["web-chengdu"],
    );
    let both = json!({ "metadata": { "labels": { keys::ACK_NODE_POOL: "chengdu" } } });
    assert_touches(&index.apply_node(node("n4", "hefei", &both)), &[], &HEFEI);
    assert!(
        index.apply_node(node("n5", "", &none())).is_empty(),
        "in no pool"
    );
}

// rule_7_4
#[test]
fn rule_7_4_endpoints_touch_the_pool_services_of_their_service_when_they_change_in_substance() {
    let mut index = index();
    let ready = |ready| json!({ "addresses": ["10.0.0.2"], "nodeName": "n2", "conditions": { "ready": ready } });
    let first =
        json!({ "addresses": ["10.9.9.9"], "nodeName": "n1", "conditions": { "ready": true } });
    // Another order and another address of the pod mean nothing to a load balancer of nodes.
    let same = json!({ "endpoints": [ready(false), first] });
    assert!(index.apply_slice(slice("web-1", "web", &same)).is_empty());
    let flipped = json!({ "endpoints": [ready(true), first] });
    assert_touches(
        &index.apply_slice(slice("web-1", "web", &flipped)),
        &[],
        &WEB,
    );
    let nowhere = json!({ "endpoints": [{ "addresses": ["10.0.0.3"] }] });
    assert_touches(
        &index.apply_slice(slice("web-2", "web", &nowhere)),
        &[],
        &WEB,
    );
    assert_eq!(
        index.snapshot(&key("web-hefei")).unwrap().endpoints.len(),
        3
    );
    assert_touches(
        &index.apply_slice(slice("web-2", "api", &nowhere)),
        &[],
        &["api-hefei", "web-chengdu", "web-hefei"],
    );
    assert_touches(&index.delete_slice(&key("web-1")), &[], &WEB);
    assert!(
        index
            .snapshot(&key("web-hefei"))
            .unwrap()
            .endpoints
            .is_empty()
    );
}

#[test]
fn endpoints_of_both_address_families_count_once() {
    let mut index = index();
    index.apply_slice(slice("web-6", "web", &json!({ "addressType": "IPv6" })));
    assert_eq!(
        index.snapshot(&key("web-hefei")).unwrap().endpoints.len(),
        2
    );
    index.delete_slice(&key("web-1"));
    assert_eq!(
        index.snapshot(&key("web-hefei")).unwrap().endpoints.len(),
        2
    );
}

#[test]
fn what_vanished_while_nobody_watched_is_found_at_the_next_list() {
    let mut index = index();
    assert_touches(
        &index.reset_nodes(vec![node("n2", "chengdu", &none())]),
        &[],
        &HEFEI,
    );
    assert_touches(&index.reset_slices(Vec::new()), &[], &WEB);
    assert_touches(
        &index.reset_pools(vec![pool("chengdu", &none())]),
        &["api", "web"],
        &HEFEI,
    );
    let left = vec![ps("web", "chengdu", &none()), ps("web", "hefei", &none())];
    let affected = index.reset_pool_services(left);
    assert_touches(&affected, &["api"], &["api-hefei"]);
    assert_eq!(affected.gone, ["api-hefei-uid".to_owned()].into());
    let affected = index.reset_services(vec![service("web", &none())]);
    assert_touches(&affected, &["api"], &[]);
    // And a list that shows nothing new touches nothing.
    assert!(
        index
            .reset_services(vec![service("web", &none())])
            .is_empty()
    );
}

// rule_3_1
#[test]
fn rule_3_1_service_and_pool_come_from_the_owners_where_labels_are_missing() {
    let mut index = index();
    let unlabelled = json!({ "metadata": {
        "labels": null,
        "ownerReferences": [
            { "apiVersion": "v1", "kind": "Service", "name": "web", "uid": "web-uid" },
            { "apiVersion": "apps.openyurt.io/v1beta1", "kind": "NodePool", "name": "hefei", "uid": "hefei-uid" },
        ],
    } });
    index.apply_pool_service(ps("web", "hefei", &unlabelled));
    let snapshot = index.snapshot(&key("web-hefei")).unwrap();
    assert_eq!(snapshot.service.unwrap().key, key("web"));
    assert_eq!(snapshot.pool.unwrap().name, "hefei");
    let local = json!({ "spec": { "externalTrafficPolicy": "Local" } });
    assert_touches(&index.apply_service(service("web", &local)), &[], &WEB);
}

#[test]
fn rule_7_6_who_shares_a_users_load_balancer_is_shown_and_a_change_touches_all() {
    let mut index = index();
    let web = users("lb-1", &["i-1", "i-2"], "web-hefei-uid");
    index.apply_pool_service(ps("web", "hefei", &web));
    let sharing = |index: &Index, name: &str| -> Vec<String> {
        let snapshot = index.snapshot(&key(name)).unwrap();
        let others = snapshot.sharing.into_iter();
        others.map(|other| other.pool_service.key.name).collect()
    };
    assert!(sharing(&index, "web-hefei").is_empty(), "not with itself");

    // Named by annotations, before any ledger.
    let named = json!({ "metadata": { "annotations": {
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-managed-by-user": "true",
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id": "lb-1" } } });
    let both = [key("api-hefei"), key("web-hefei")];
    let affected = index.apply_pool_service(ps("api", "hefei", &named));
    assert_eq!(affected.pool_services, both.clone().into());
    assert_eq!(sharing(&index, "api-hefei"), ["web-hefei"]);
    assert_eq!(sharing(&index, "web-hefei"), ["api-hefei"]);

    // The other's Service decides what the other wants.
    let local = json!({ "spec": { "externalTrafficPolicy": "Local" } });
    let affected = index.apply_service(service("web", &local));
    assert!(affected.pool_services.contains(&key("api-hefei")));

    let api = users("lb-1", &["i-2", "i-3"], "api-hefei-uid");
    let affected = index.apply_pool_service(ps("api", "hefei", &api));
    assert_eq!(affected.pool_services, both.clone().into());

    let affected = index.delete_pool_service(&key("api-hefei"));
    assert_eq!(affected.pool_services, both.into());
    assert!(sharing(&index, "web-hefei").is_empty());
}

#[test]
fn rule_4_7_the_ledger_that_owns_a_named_load_balancer_is_found() {
    let mut index = index();
    let mut web = users("lb-1", &[], "web-hefei-uid");
    let annotations = &mut web["metadata"]["annotations"];
    let text = annotations["ecm.alibabacloud.com/ledger"].as_str().unwrap();
    annotations["ecm.alibabacloud.com/ledger"] = text.replace("user", "created").into();
    index.apply_pool_service(ps("web", "hefei", &web));
    let named = json!({ "metadata": { "annotations": {
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-managed-by-user": "true",
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id": "lb-1" } } });
    index.apply_pool_service(ps("api", "hefei", &named));
    let owner = index.snapshot(&key("api-hefei")).unwrap().owner_of_named;
    assert_eq!(owner, Some(key("web-hefei")));
    assert_eq!(
        index.snapshot(&key("web-hefei")).unwrap().owner_of_named,
        None
    );
}

#[test]
fn a_copied_ledger_holds_nothing() {
    let mut index = index();
    let copied = users("lb-1", &["i-1"], "somebody-elses-uid");
    index.apply_pool_service(ps("web", "hefei", &copied));
    assert_eq!(index.sharing("lb-1").count(), 0);
}

#[test]
fn an_index_that_is_emptied_holds_nothing() {
    let mut index = index();
    index.apply_pool_service(ps(
        "web",
        "hefei",
        &users("lb-1", &["i-1"], "web-hefei-uid"),
    ));
    index.reset_services(Vec::new());
    index.reset_pools(Vec::new());
    index.reset_pool_services(Vec::new());
    index.reset_nodes(Vec::new());
    index.reset_slices(Vec::new());
    let mut empty = Index::new(CLASS);
    empty.synced = index.synced;
    assert_eq!(format!("{index:?}"), format!("{empty:?}"));
}

#[test]
fn rule_11_2_what_is_let_go_or_has_no_address_is_urgent_and_who_shares_takes_turns() {
    let mut index = Index::new(CLASS);
    index.apply_pool(pool("hefei", &json!({})));
    let rank_of = |index: &Index, name: &str| {
        let rank = index.rank_of_pool_service(&ObjectKey::new("shop", name));
        (rank.urgency, rank.group.to_string())
    };
    let serves = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "198.18.0.1" }] } } });
    let goes = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } });
    for (over, urgency) in [
        (json!({}), Urgency::Urgent),
        (serves.clone(), Urgency::Routine),
        (with(serves.clone(), &goes), Urgency::Urgent),
    ] {
        index.apply_pool_service(ps("web", "hefei", &over));
        assert_eq!(rank_of(&index, "web-hefei"), (urgency, "cn-hefei".into()));
    }
    // What is recorded stays where it is, whatever becomes of the pool.
    index.delete_pool("hefei");
    let recorded = with(serves.clone(), &users("lb-1", &[], "web-hefei-uid"));
    for (over, region) in [(recorded, "cn-hefei"), (serves.clone(), "")] {
        index.apply_pool_service(ps("web", "hefei", &over));
        assert_eq!(rank_of(&index, "web-hefei").1, region);
    }

    let turn = |index: &Index, key: &str| {
        let rank = index.rank_of_pool_service(&ObjectKey::new("shop", key));
        rank.turn.as_deref().map(str::to_owned)
    };
    index.apply_pool_service(ps("web", "hefei", &users("lb-1", &[], "web-hefei-uid")));
    assert_eq!(turn(&index, "web-hefei"), None, "it is alone there");
    index.apply_pool_service(ps("api", "hefei", &users("lb-1", &[], "api-hefei-uid")));
    for name in ["web-hefei", "api-hefei"] {
        assert_eq!(turn(&index, name).as_deref(), Some("lb-1"));
    }

    let key = ObjectKey::new("shop", "web");
    for (over, urgency) in [
        (json!({}), Urgency::Urgent),
        (serves.clone(), Urgency::Routine),
        (with(serves, &goes), Urgency::Urgent),
    ] {
        index.apply_service(service("web", &over));
        assert_eq!(index.rank_of_service(&key).urgency, urgency);
    }
}
