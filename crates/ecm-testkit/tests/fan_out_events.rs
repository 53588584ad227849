//! What people hear of a Service that gets no load balancer in some pool, or in none: once, and on
//! the Service.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use ecm_testkit::world::{Config, Topology, World};
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt};
use poolservice_api::{PoolService, keys};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Pools `np-0` and `np-1`, both with label `k8s-svc=cube`.
fn world() -> World {
    let config = Config {
        topology: Topology::uniform(2, 1, 1),
        ..Config::default()
    };
    World::start(config, 1).unwrap()
}

fn service(selector: Option<&str>, annotations: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "namespace": "default", "name": "web", "annotations": annotations },
        "spec": {
            "type": "LoadBalancer", "loadBalancerClass": keys::DEFAULT_LOAD_BALANCER_CLASS,
            "ports": [{ "port": 80 }],
        },
    });
    if let Some(selector) = selector {
        object["metadata"]["annotations"][keys::NODE_POOL_SELECTOR] = json!(selector);
    }
    object
}

/// Applies a Service and waits until everything that follows has happened.
async fn apply(world: &World, service: Value) {
    world.apply(service).unwrap();
    sleep(Duration::from_secs(60)).await;
}

/// The warnings of one reason on the Service, each with its text and how often it was said.
async fn said(world: &World, reason: &str) -> Vec<(String, i32)> {
    said_on(world, ("Service", "web"), "Warning", reason).await
}

/// The same of any object and type.
async fn said_on(
    world: &World,
    object: (&str, &str),
    event_type: &str,
    reason: &str,
) -> Vec<(String, i32)> {
    let client = Client::new(world.cluster().service(), "default");
    let events = Api::<Event>::namespaced(client, "default");
    let all = events.list(&ListParams::default()).await.unwrap();
    let of_reason = all.items.into_iter().filter(|event| {
        let on = event.regarding.clone().unwrap();
        event.reason.as_deref() == Some(reason)
            && event.type_.as_deref() == Some(event_type)
            && (on.kind.as_deref(), on.name.as_deref()) == (Some(object.0), Some(object.1))
    });
    of_reason
        .map(|event| {
            (
                event.note.unwrap(),
                event.series.map_or(1, |series| series.count),
            )
        })
        .collect()
}

async fn pool_services(world: &World) -> Vec<String> {
    let client = Client::new(world.cluster().service(), "default");
    let all = Api::<PoolService>::namespaced(client, "default");
    let all = all.list(&ListParams::default()).await.unwrap();
    all.items.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test(start_paused = true)]
async fn rule_1_2_a_service_without_a_selector_is_told_once_and_gets_nothing() {
    let world = world();
    // Edits that are no answer to the warning are no reason to repeat it.
    for edit in ["1", "2", "3"] {
        apply(&world, service(None, &json!({ "aggregated.note": edit }))).await;
    }
    let events = said(&world, "NodePoolSelectorMissing").await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].1, 1, "said once");
    assert!(events[0].0.contains(keys::NODE_POOL_SELECTOR), "{events:?}");
    assert!(pool_services(&world).await.is_empty());
    let object = world
        .cluster()
        .get("v1", "Service", "default", "web")
        .unwrap();
    assert_eq!(object["metadata"]["finalizers"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn rule_2_7_that_no_pool_matches_is_told_once_and_again_when_it_comes_back() {
    let world = world();
    for edit in ["1", "2", "3"] {
        apply(
            &world,
            service(Some("k8s-svc=none"), &json!({ "aggregated.note": edit })),
        )
        .await;
    }
    let events = said(&world, "NoMatchNodePool").await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].1, 1, "said once");
    assert!(events[0].0.contains("k8s-svc=none"), "{events:?}");
    apply(&world, service(Some("k8s-svc=cube"), &json!({}))).await;
    assert_eq!(pool_services(&world).await, ["web-np-0", "web-np-1"]);
    apply(&world, service(Some("k8s-svc=none"), &json!({}))).await;
    let events = said(&world, "NoMatchNodePool").await;
    assert_eq!(
        (events.len(), events[0].1),
        (1, 2),
        "counted on the event that exists"
    );
}

#[tokio::test(start_paused = true)]
async fn rule_1_3_a_selector_that_does_not_parse_is_told_with_its_place_and_changes_nothing() {
    let world = world();
    apply(&world, service(Some("k8s-svc=cube"), &json!({}))).await;
    let before = pool_services(&world).await;
    assert_eq!(before.len(), 2);
    apply(&world, service(Some("k8s-svc in (cube"), &json!({}))).await;
    let events = said(&world, "InvalidNodePoolSelector").await;
    assert_eq!((events.len(), events[0].1), (1, 1), "{events:?}");
    assert!(events[0].0.contains("character 17"), "{events:?}");
    // Beyond every time of grace.
    sleep(Duration::from_secs(300)).await;
    assert_eq!(pool_services(&world).await, before);
}

#[tokio::test(start_paused = true)]
async fn rule_2_3_a_name_that_is_taken_is_told_with_both_sides_and_the_other_pools_go_on() {
    let world = world();
    world
        .apply(json!({
            "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
            "metadata": { "namespace": "default", "name": "web-np-0" },
        }))
        .unwrap();
    apply(&world, service(Some("k8s-svc=cube"), &json!({}))).await;
    let events = said(&world, "PoolServiceNameConflict").await;
    assert_eq!((events.len(), events[0].1), (1, 1), "{events:?}");
    for side in ["Service web", "NodePool np-0", "web-np-0"] {
        assert!(events[0].0.contains(side), "{events:?}");
    }
    assert_eq!(pool_services(&world).await, ["web-np-0", "web-np-1"]);
    let theirs = world.cluster().get(
        "network.openyurt.io/v1alpha1",
        "PoolService",
        "default",
        "web-np-0",
    );
    let theirs = theirs.unwrap();
    assert_eq!(
        theirs["metadata"]["labels"],
        Value::Null,
        "it is left alone"
    );
    assert_eq!(theirs["metadata"]["finalizers"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn rule_3_4_a_value_that_cannot_be_is_told_once_on_the_service_and_on_each_pool_service() {
    let world = world();
    let key = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-eip-bandwidth";
    // Edits that are no answer to it, and looks that time brings, are no reason to repeat it.
    for edit in ["1", "2", "3"] {
        let annotations = json!({ key: "7 Mbit/s", "aggregated.note": edit });
        apply(&world, service(Some("k8s-svc=cube"), &annotations)).await;
    }
    sleep(Duration::from_secs(1_000)).await;
    for object in [
        ("Service", "web"),
        ("PoolService", "web-np-0"),
        ("PoolService", "web-np-1"),
    ] {
        let events = said_on(&world, object, "Warning", "InvalidAnnotation").await;
        assert_eq!(
            (events.len(), events[0].1),
            (1, 1),
            "{object:?}: {events:?}"
        );
        for part in [key, "7 Mbit/s", "5 to 10000"] {
            assert!(events[0].0.contains(part), "{part}: {events:?}");
        }
    }
    assert!(made_nothing(&world), "before creation nothing is created");
}

#[tokio::test(start_paused = true)]
async fn rule_4_7_whoever_waits_for_an_id_says_so_once_and_calls_nobody() {
    let world = world();
    let key = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-managed-by-user";
    for edit in ["1", "2", "3"] {
        let annotations = json!({ key: "true", "aggregated.note": edit });
        apply(&world, service(Some("k8s-svc=cube"), &annotations)).await;
    }
    sleep(Duration::from_secs(1_000)).await;
    for name in ["web-np-0", "web-np-1"] {
        let object = ("PoolService", name);
        let events = said_on(&world, object, "Normal", "WaitingForLoadBalancerId").await;
        assert_eq!((events.len(), events[0].1), (1, 1), "{name}: {events:?}");
    }
    assert!(made_nothing(&world));
}

#[tokio::test(start_paused = true)]
async fn rule_3_6_an_id_for_a_pool_that_is_not_selected_is_told_once() {
    let world = world();
    let managed = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-managed-by-user";
    let ids = "ecm.alibabacloud.com/loadbalancer-ids";
    for edit in ["1", "2"] {
        let annotations =
            json!({ managed: "true", ids: "np-O=lb-1,np-1=lb-2", "aggregated.note": edit });
        apply(&world, service(Some("k8s-svc=cube"), &annotations)).await;
    }
    let events = said(&world, "PoolNotSelected").await;
    assert_eq!(events, [], "a name that no pool can have is no list at all");
    let annotations = json!({ managed: "true", ids: "np-o=lb-1,np-1=lb-2" });
    for _ in 0..2 {
        apply(&world, service(Some("k8s-svc=cube"), &annotations)).await;
    }
    let events = said(&world, "PoolNotSelected").await;
    assert_eq!((events.len(), events[0].1), (1, 1), "{events:?}");
    assert!(events[0].0.contains("NodePool np-o,"), "{events:?}");
    assert!(events[0].0.ends_with("it selects np-0, np-1"), "{events:?}");
}

/// Whether the cloud holds nothing that the controllers made.
fn made_nothing(world: &World) -> bool {
    world.cloud(|cloud| cloud.journal().purchases.is_empty())
}
