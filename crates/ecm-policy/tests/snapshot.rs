//! From the objects of Kubernetes to the small values that decisions are made from.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "helpers of tests stop where a test fails, and take JSON as it is written"
)]

mod model;

use std::collections::BTreeMap;

use ecm_policy::snapshot::{
    Endpoint, ExternalTrafficPolicy, Node, ObjectKey, Readiness, Service, ServicePort,
};
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1 as discovery;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// An object as the API server sends it.
fn object<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).unwrap()
}

fn service(spec: Value) -> Service {
    let metadata = json!({ "namespace": "shop", "name": "web", "uid": "u1" });
    Service::from(&object::<core::Service>(
        json!({ "metadata": metadata, "spec": spec }),
    ))
}

#[test]
fn rule_7_4_every_field_of_a_service_that_matters_is_read() {
    let read = Service::from(&object::<core::Service>(json!({
        "metadata": {
            "namespace": "shop", "name": "web", "uid": "u1",
            "annotations": { "a": "b" }, "deletionTimestamp": "2026-01-01T00:00:00Z",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "type": "LoadBalancer", "loadBalancerClass": "alibabacloud.com/elb",
            "externalTrafficPolicy": "Local", "sessionAffinity": "ClientIP",
            "loadBalancerIP": "192.0.2.1", "loadBalancerSourceRanges": ["192.0.2.0/24"],
            "ipFamilies": ["IPv4", "IPv6"],
            "ports": [{ "name": "dns", "port": 53, "protocol": "UDP", "nodePort": 30053 }],
        },
    })));
    let expected = Service {
        key: ObjectKey::new("shop", "web"),
        uid: "u1".to_owned(),
        annotations: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
        service_type: "LoadBalancer".to_owned(),
        load_balancer_class: Some("alibabacloud.com/elb".to_owned()),
        external_traffic_policy: ExternalTrafficPolicy::Local,
        ports: vec![ServicePort {
            name: "dns".to_owned(),
            protocol: "UDP".to_owned(),
            port: 53,
            node_port: Some(30053),
        }],
        source_ranges: vec!["192.0.2.0/24".to_owned()],
        client_ip_affinity: true,
        load_balancer_ip: Some("192.0.2.1".to_owned()),
        wants_ipv6: true,
        deleting: true,
        created_at: 1_767_225_600,
    };
    assert_eq!(read, expected);
}

#[test]
fn what_a_service_does_not_say_has_the_default_of_the_api_server() {
    let read = service(json!({ "sessionAffinity": "None", "loadBalancerIP": "" }));
    assert_eq!(read.service_type, "ClusterIP");
    assert_eq!(read.external_traffic_policy, ExternalTrafficPolicy::Cluster);
    assert_eq!(
        (read.load_balancer_class, read.load_balancer_ip),
        (None, None)
    );
    assert!(!read.client_ip_affinity && !read.wants_ipv6 && !read.deleting);
    assert!(read.ports.is_empty() && read.source_ranges.is_empty());
    assert_eq!(
        Service::from(&core::Service::default()).key.to_string(),
        "/"
    );
}

#[test]
fn rule_6_1_a_port_without_a_protocol_is_tcp_and_node_port_0_is_none() {
    let ports = |port: Value| service(json!({ "ports": [port] })).ports.remove(0);
    let plain = ports(json!({ "port": 80 }));
    assert_eq!((plain.protocol.as_str(), plain.node_port), ("TCP", None));
    assert_eq!(ports(json!({ "port": 80, "nodePort": 0 })).node_port, None);
    // Numbers that no port has; the port is refused later, by its name.
    let beyond = ports(json!({ "port": 65_536, "nodePort": 65_536 }));
    assert_eq!((beyond.port, beyond.node_port), (0, None));
}

fn node(json: Value) -> Node {
    Node::from(&object::<core::Node>(json))
}

#[test]
fn rule_7_1_what_qualifies_a_node_is_read_from_it() {
    let read = node(json!({
        "metadata": {
            "name": "n1", "labels": { "l": "1" }, "annotations": { "a": "1" },
            "deletionTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": { "unschedulable": true, "taints": [{ "key": "t", "effect": "NoSchedule" }] },
        "status": { "conditions": [
            { "type": "DiskPressure", "status": "False" },
            { "type": "Ready", "status": "True", "lastTransitionTime": "1970-01-01T00:01:40Z" },
        ] },
    }));
    let expected = Node {
        name: "n1".to_owned(),
        labels: BTreeMap::from([("l".to_owned(), "1".to_owned())]),
        annotations: BTreeMap::from([("a".to_owned(), "1".to_owned())]),
        ready: Readiness::True,
        ready_since: Some(100),
        unschedulable: true,
        taints: vec!["t".to_owned()],
        deleting: true,
    };
    assert_eq!(read, expected);
}

#[test]
fn rule_7_2_a_node_that_says_nothing_is_unknown_and_not_unready() {
    let ready = |status: Value| node(json!({ "metadata": { "name": "n1" }, "status": status }));
    let condition =
        |status: &str| ready(json!({ "conditions": [{ "type": "Ready", "status": status }] }));
    assert_eq!(condition("False").ready, Readiness::False);
    assert_eq!(condition("Unknown").ready, Readiness::Unknown);
    let silent = ready(json!({}));
    assert_eq!(
        (silent.ready, silent.ready_since),
        (Readiness::Unknown, None)
    );
    assert!(!silent.unschedulable && !silent.deleting && silent.taints.is_empty());
}

/// Ready, serving, terminating.
fn endpoint(conditions: Value) -> (bool, bool, bool) {
    let json = json!({ "addresses": [], "nodeName": "n1", "conditions": conditions });
    let read = Endpoint::from(&object::<discovery::Endpoint>(json));
    assert_eq!(read.node.as_deref(), Some("n1"));
    (read.ready, read.serving, read.terminating)
}

#[test]
fn rule_7_3_an_endpoint_without_conditions_is_ready_and_serving_follows_ready() {
    assert_eq!(endpoint(json!({})), (true, true, false));
    assert_eq!(endpoint(json!({ "ready": false })), (false, false, false));
    let leaving = json!({ "ready": false, "serving": true, "terminating": true });
    assert_eq!(endpoint(leaving), (false, true, true));
    let without_node = Endpoint::from(&object::<discovery::Endpoint>(json!({ "addresses": [] })));
    assert_eq!((without_node.node, without_node.ready), (None, true));
}

#[test]
fn rule_10_4_an_address_is_asked_for_with_the_service_or_with_a_pool_that_joins_it_later() {
    let asked_for_at = |service: Option<i64>, pool_service: i64| {
        let mut snapshot = model::snapshot(1);
        snapshot.pool_service.created_at = pool_service;
        snapshot.service = snapshot.service.zip(service).map(|(mut found, at)| {
            found.created_at = at;
            found
        });
        snapshot.asked_for_at()
    };
    assert_eq!(asked_for_at(Some(1000), 1001), 1000);
    assert_eq!(
        asked_for_at(Some(1000), 1600),
        1000,
        "the fan-out took long"
    );
    assert_eq!(asked_for_at(Some(1000), 1601), 1601, "a pool joined");
    assert_eq!(
        asked_for_at(Some(1000), 900),
        900,
        "a Service that was made again"
    );
    assert_eq!(asked_for_at(None, 1601), 1601);
}
