//! What wakes the fan-out, beside what wakes OpenYurt's: points 26 to 57 of its tests
//! (openyurtio/openyurt, pkg/yurtmanager/controller/loadbalancerset, predicates and handlers, in
//! their order). Points 1 to 25 stand in `ecm_policy::fan_out`. Where that one wakes a Service for
//! a change that no plan depends on (54), nothing is woken here.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a table reads better with values than with references to them"
)]

use k8s_openapi::api::core::v1 as core;
use poolservice_api::keys;
use serde_json::{Value, json};

use crate::index::{Affected, Index};
use crate::objects;

const CLASS: &str = "elb";
const DELETED: &str = "2026-01-01T00:00:00Z";

/// One point: what happens, and which Services are looked at then.
type Point = (
    &'static str,
    fn(&mut Index) -> Affected,
    &'static [&'static str],
);

const POINTS: &[Point] = &[
    (
        "26 create",
        |i| i.apply_service(service("new", json!({}))),
        &["new"],
    ),
    ("26 delete", |i| i.delete_service(&key("test")), &["test"]),
    (
        "27 another type",
        |i| i.apply_service(service("plain", other_type())),
        &[],
    ),
    (
        "27 delete of another type",
        |i| i.delete_service(&key("plain")),
        &[],
    ),
    (
        "28 no class",
        |i| i.apply_service(service("plain", spec("loadBalancerClass", Value::Null))),
        &[],
    ),
    (
        "29 no selector: nothing is made, but that is said (behaviour 1.2)",
        |i| i.apply_service(service("new", selector(Value::Null))),
        &["new"],
    ),
    (
        "29 delete without a selector",
        |i| i.delete_service(&key("bare")),
        &["bare"],
    ),
    (
        "30 clusterIP",
        |i| i.apply_service(service("test", spec("clusterIP", json!("10.0.0.9")))),
        &[],
    ),
    (
        "31 selector removed",
        |i| i.apply_service(service("test", selector(Value::Null))),
        &["test"],
    ),
    (
        "32 selector changed",
        |i| i.apply_service(service("test", selector(json!("app=x")))),
        &["test"],
    ),
    (
        "33 selector added",
        |i| i.apply_service(service("bare", selector(json!("app=x")))),
        &["bare"],
    ),
    (
        "34 type changed",
        |i| i.apply_service(service("test", other_type())),
        &["test"],
    ),
    (
        "35 finalizer lost",
        |i| i.apply_service(service("test", meta("finalizers", Value::Null))),
        &["test"],
    ),
    (
        "36 aggregated annotation",
        |i| i.apply_service(service("test", annotation("aggregated.lb-id", "x"))),
        &["test"],
    ),
    (
        "37 another annotation",
        |i| i.apply_service(service("test", annotation("mine", "x"))),
        &[],
    ),
    (
        "38 finalizer of a Service of others",
        |i| {
            i.apply_service(service(
                "plain",
                merged(other_type(), meta("finalizers", json!(["mine/one"]))),
            ))
        },
        &[],
    ),
    (
        "39 deletion",
        |i| i.apply_service(service("test", meta("deletionTimestamp", json!(DELETED)))),
        &["test"],
    ),
    (
        "40 status",
        |i| {
            i.apply_service(service(
                "test",
                json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "1.2.3.4" }] } } }),
            ))
        },
        &["test"],
    ),
    (
        "41 neither label",
        |i| i.apply_pool_service(ps("test-x", json!({ "metadata": { "labels": null } }))),
        &[],
    ),
    (
        "42 no managed-by: it names the Service, and a lost label is put back",
        |i| i.apply_pool_service(ps("mine", unmanaged())),
        &["test"],
    ),
    (
        "42 delete without managed-by",
        |i| i.delete_pool_service(&key("mine")),
        &[],
    ),
    (
        "43 no service-name",
        |i| i.apply_pool_service(ps("np9", label(Value::Null))),
        &[],
    ),
    (
        "44 both labels",
        |i| i.apply_pool_service(ps("test-np9", json!({}))),
        &["test"],
    ),
    (
        "44 delete",
        |i| i.delete_pool_service(&key("test-np123")),
        &["test"],
    ),
    (
        "45 both labels stripped",
        |i| i.apply_pool_service(ps("test-np123", json!({ "metadata": { "labels": null } }))),
        &["test"],
    ),
    (
        "46 pool created",
        |i| i.apply_pool(pool("np9", json!({ "app": "deploy" }))),
        &["test"],
    ),
    ("46 pool deleted", |i| i.delete_pool("np123"), &["test"]),
    (
        "47 pool without labels that nobody selects",
        |i| i.apply_pool(pool("np9", Value::Null)),
        &[],
    ),
    (
        "48 pool label",
        |i| i.apply_pool(pool("np123", json!({ "app": "other" }))),
        &["test"],
    ),
    (
        "49 another field of a pool",
        |i| i.apply_pool(pool("np123", json!({ "app": "deploy" }))),
        &[],
    ),
    (
        "50 created",
        |i| i.apply_pool_service(ps("test-np234", json!({}))),
        &["test"],
    ),
    (
        "51 created without service-name",
        |i| i.apply_pool_service(ps("np123", label(Value::Null))),
        &[],
    ),
    (
        "52 service-name changed",
        |i| i.apply_pool_service(ps("test-np123", label(json!("bare")))),
        &["bare", "test"],
    ),
    (
        "53 service-name removed",
        |i| i.apply_pool_service(ps("test-np123", label(Value::Null))),
        &["test"],
    ),
    (
        "54 annotation of a PoolService",
        |i| i.apply_pool_service(ps("test-np123", annotation("mine", "x"))),
        &[],
    ),
    (
        "55 pool created that is selected",
        |i| i.apply_pool(pool("np8", json!({ "app": "deploy" }))),
        &["test"],
    ),
    (
        "56 pool deleted that has a PoolService",
        |i| i.delete_pool("np123"),
        &["test"],
    ),
    (
        "57 unrelated pool",
        |i| i.apply_pool(pool("np9", json!({ "app": "other" }))),
        &[],
    ),
    ("57 unrelated pool deleted", |i| i.delete_pool("np999"), &[]),
];

// rule_2_2
#[test]
fn conformance_26_to_57_what_wakes_the_fan_out() {
    for (point, change, looked_at) in POINTS {
        let mut index = index();
        let affected = change(&mut index);
        let found: Vec<&str> = affected.services.iter().map(|k| k.name.as_str()).collect();
        assert_eq!(found, *looked_at, "{point}");
    }
}

#[test]
fn b2_a_service_that_is_not_ours_any_more_is_looked_at_while_it_has_the_finalizer() {
    let mut index = Index::new(CLASS);
    let left = merged(
        other_type(),
        meta("finalizers", json!([keys::SERVICE_FINALIZER])),
    );
    let affected = index.apply_service(service("left", left));
    assert!(affected.services.contains(&key("left")));
}

#[test]
fn b7_a_service_that_terminates_is_not_looked_at_for_nothing() {
    let mut index = index();
    let going = || service("test", meta("deletionTimestamp", json!(DELETED)));
    index.apply_service(going());
    assert!(index.apply_service(going()).services.is_empty());
}

#[test]
fn b8_an_aggregated_label_that_somebody_edited_is_noticed() {
    let edited = meta("labels", json!({ "aggregated.lb-id": "edited" }));
    let affected = index().apply_service(service("test", edited));
    assert!(affected.services.contains(&key("test")));
}

#[test]
fn b12_a_pool_without_labels_that_a_negative_selector_matches_is_seen_to_go() {
    let mut index = index();
    index.apply_service(service("not", selector(json!("!app"))));
    index.apply_pool(pool("bare", Value::Null));
    assert!(index.delete_pool("bare").services.contains(&key("not")));
}

fn index() -> Index {
    let mut index = Index::new(CLASS);
    index.reset_services(vec![
        service("test", json!({})),
        service("bare", selector(Value::Null)),
        service("plain", other_type()),
    ]);
    index.reset_pools(vec![
        pool("np123", json!({ "app": "deploy" })),
        pool("np999", json!({ "app": "other" })),
    ]);
    index.reset_pool_services(vec![ps("test-np123", json!({}))]);
    index
}

fn key(name: &str) -> ecm_policy::snapshot::ObjectKey {
    ecm_policy::snapshot::ObjectKey::new("default", name)
}

fn service(name: &str, over: Value) -> objects::Service {
    // `plain` never was ours.
    let finalizers: &[&str] = match name {
        "plain" => &[],
        _ => &[keys::SERVICE_FINALIZER],
    };
    let object = merged(
        json!({
            "metadata": {
                "namespace": "default", "name": name, "uid": format!("{name}-uid"),
                "annotations": { keys::NODE_POOL_SELECTOR: "app=deploy" },
                "finalizers": finalizers,
            },
            "spec": { "type": "LoadBalancer", "loadBalancerClass": CLASS },
        }),
        over,
    );
    objects::Service::from(&serde_json::from_value::<core::Service>(object).unwrap())
}

fn pool(name: &str, labels: Value) -> ecm_policy::snapshot::Pool {
    let object = json!({ "metadata": { "name": name, "uid": name, "labels": labels } });
    objects::pool(&serde_json::from_value(object).unwrap())
}

fn ps(name: &str, over: Value) -> objects::PoolService {
    let object = merged(
        json!({
            "metadata": {
                "namespace": "default", "name": name, "uid": format!("{name}-uid"),
                "labels": {
                    keys::SERVICE_NAME: "test",
                    keys::POOL_NAME: name.trim_start_matches("test-"),
                    keys::MANAGED_BY: keys::MANAGED_BY_FAN_OUT,
                },
            },
            "spec": { "loadBalancerClass": CLASS },
        }),
        over,
    );
    objects::PoolService::from(
        &serde_json::from_value::<poolservice_api::PoolService>(object).unwrap(),
    )
}

fn merged(mut object: Value, over: Value) -> Value {
    json_patch::merge(&mut object, &over);
    object
}

fn meta(field: &str, value: Value) -> Value {
    json!({ "metadata": { field: value } })
}

fn spec(field: &str, value: Value) -> Value {
    json!({ "spec": { field: value } })
}

fn annotation(key: &str, value: &str) -> Value {
    meta("annotations", json!({ key: value }))
}

fn selector(value: Value) -> Value {
    meta("annotations", json!({ keys::NODE_POOL_SELECTOR: value }))
}

fn label(service: Value) -> Value {
    meta("labels", json!({ keys::SERVICE_NAME: service }))
}

fn unmanaged() -> Value {
    meta("labels", json!({ keys::MANAGED_BY: null }))
}

fn other_type() -> Value {
    json!({ "spec": { "type": "ClusterIP", "loadBalancerClass": null } })
}
