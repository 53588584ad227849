//! The real kube-rs client over the in-process service: what a controller relies on.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Service};
use kube::api::{
    Api, DeleteParams, ListParams, ObjectMeta, PartialObjectMeta, Patch, PatchParams, PostParams,
};
use kube::runtime::watcher::{self, Event};
use kube::{Client, ResourceExt as _};
use kube_sim::Cluster;
use serde_json::json;

fn start() -> (Cluster, Client) {
    let cluster = Cluster::builder().seed(7).start();
    let client = Client::new(cluster.service(), "default");
    (cluster, client)
}

fn config_map(name: &str, value: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("key".to_owned(), value.to_owned())])),
        ..ConfigMap::default()
    }
}

async fn seen(config: watcher::Config) -> Vec<String> {
    let (_cluster, client) = start();
    let maps: Api<ConfigMap> = Api::default_namespaced(client.clone());
    maps.create(&PostParams::default(), &config_map("a", "1"))
        .await
        .unwrap();
    let api: Api<PartialObjectMeta<ConfigMap>> = Api::default_namespaced(client);
    let mut events = std::pin::pin!(watcher::watcher(api, config));
    let mut log = Vec::new();
    let describe = |event: Event<PartialObjectMeta<ConfigMap>>| match event {
        Event::Init => "init".to_owned(),
        Event::InitApply(o) => format!("init-apply {}", o.name_any()),
        Event::InitDone => "init-done".to_owned(),
        Event::Apply(o) => format!("apply {}", o.name_any()),
        Event::Delete(o) => format!("delete {}", o.name_any()),
    };
    while log.last().is_none_or(|l| l != "init-done") {
        log.push(describe(events.next().await.unwrap().unwrap()));
    }
    maps.create(&PostParams::default(), &config_map("b", "1"))
        .await
        .unwrap();
    log.push(describe(events.next().await.unwrap().unwrap()));
    maps.patch(
        "b",
        &PatchParams::default(),
        &Patch::Merge(json!({"data": {"key": "2"}})),
    )
    .await
    .unwrap();
    log.push(describe(events.next().await.unwrap().unwrap()));
    maps.delete("b", &DeleteParams::default()).await.unwrap();
    log.push(describe(events.next().await.unwrap().unwrap()));
    log
}

const ALL: [&str; 6] = [
    "init",
    "init-apply a",
    "init-done",
    "apply b",
    "apply b",
    "delete b",
];

#[tokio::test(start_paused = true)]
async fn a_watcher_sees_what_exists_then_every_change() {
    assert_eq!(seen(watcher::Config::default()).await, ALL);
}

#[tokio::test(start_paused = true)]
async fn a_streaming_list_ends_with_its_bookmark() {
    assert_eq!(
        seen(watcher::Config::default().streaming_lists()).await,
        ALL
    );
}

#[tokio::test(start_paused = true)]
async fn a_stale_replace_is_a_conflict() {
    let (_cluster, client) = start();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let first = maps
        .create(&PostParams::default(), &config_map("a", "1"))
        .await
        .unwrap();
    maps.patch(
        "a",
        &PatchParams::default(),
        &Patch::Merge(json!({"data": {"key": "2"}})),
    )
    .await
    .unwrap();
    let error = maps
        .replace("a", &PostParams::default(), &first)
        .await
        .unwrap_err();
    let kube::Error::Api(status) = error else {
        panic!("not an API error: {error}")
    };
    assert!(status.is_conflict(), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_finalizer_holds_a_deletion_up_until_it_is_removed() {
    let (_cluster, client) = start();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    maps.create(&PostParams::default(), &config_map("a", "1"))
        .await
        .unwrap();
    let add: json_patch::Patch = serde_json::from_value(json!([
        {"op": "test", "path": "/metadata/finalizers", "value": null},
        {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/hold"]},
    ]))
    .unwrap();
    maps.patch("a", &PatchParams::default(), &Patch::Json::<()>(add))
        .await
        .unwrap();
    maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(
        maps.get("a")
            .await
            .unwrap()
            .metadata
            .deletion_timestamp
            .is_some()
    );
    let remove: json_patch::Patch = serde_json::from_value(json!([
        {"op": "test", "path": "/metadata/finalizers/0", "value": "example.com/hold"},
        {"op": "remove", "path": "/metadata/finalizers/0"},
    ]))
    .unwrap();
    maps.patch("a", &PatchParams::default(), &Patch::Json::<()>(remove))
        .await
        .unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn pages_of_a_list_show_one_snapshot() {
    let (_cluster, client) = start();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    for name in ["a", "b", "c"] {
        maps.create(&PostParams::default(), &config_map(name, "1"))
            .await
            .unwrap();
    }
    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(1));
    maps.delete("c", &DeleteParams::default()).await.unwrap();
    let token = first.metadata.continue_.unwrap();
    let second = maps
        .list(&ListParams::default().limit(2).continue_token(&token))
        .await
        .unwrap();
    let names: Vec<String> = first
        .items
        .iter()
        .chain(&second.items)
        .map(kube::ResourceExt::name_any)
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[tokio::test(start_paused = true)]
async fn the_status_subresource_and_the_object_do_not_touch_each_other() {
    let (_cluster, client) = start();
    let services: Api<Service> = Api::default_namespaced(client);
    let service: Service = serde_json::from_value(json!({
        "metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "9.9.9.9"}]}},
    }))
    .unwrap();
    let created = services
        .create(&PostParams::default(), &service)
        .await
        .unwrap();
    assert!(
        created
            .status
            .unwrap()
            .load_balancer
            .unwrap()
            .ingress
            .is_none()
    );
    let patch = json!({"spec": {"type": "ClusterIP"}, "status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}});
    let patched = services
        .patch_status("s", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    assert_eq!(patched.spec.unwrap().type_.as_deref(), Some("LoadBalancer"));
    let ingress = patched
        .status
        .unwrap()
        .load_balancer
        .unwrap()
        .ingress
        .unwrap();
    assert_eq!(
        (ingress[0].ip.as_deref(), ingress[0].ip_mode.as_deref()),
        (Some("1.2.3.4"), Some("VIP"))
    );
}

#[tokio::test(start_paused = true)]
async fn apply_creates_an_absent_object() {
    let (_cluster, client) = start();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": "1"}});
    let applied = maps
        .patch("a", &PatchParams::apply("test"), &Patch::Apply(&config))
        .await
        .unwrap();
    assert_eq!(applied.data.unwrap()["key"], "1");
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_at_its_timeout_after_a_bookmark() {
    let (_cluster, client) = start();
    let maps: Api<ConfigMap> = Api::default_namespaced(client);
    let params = kube::api::WatchParams::default().timeout(10);
    let events: Vec<_> = maps
        .watch(&params, "0")
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert!(
        matches!(events.as_slice(), [kube::api::WatchEvent::Bookmark(_)]),
        "{events:?}"
    );
}
