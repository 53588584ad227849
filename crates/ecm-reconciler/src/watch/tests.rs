use ecm_policy::snapshot::ObjectKey;
use serde_json::{Value, json};

use super::*;
use crate::scripted::{self, Answer, Call};

fn resources(names: &[&str]) -> Answer {
    let resources: Vec<Value> = names
        .iter()
        .map(|name| {
            json!({ "name": name, "singularName": "", "namespaced": true, "kind": "", "verbs": [] })
        })
        .collect();
    Answer::Object(
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "x",
        "resources": resources }),
    )
}

#[tokio::test]
async fn b17_the_newest_version_that_has_node_pools_is_asked_for_at_the_start() {
    // v1beta2 is served, but has other kinds only.
    let (client, _) = scripted::client(|call: &Call| match call.what.as_str() {
        "GET /apis/network.openyurt.io/v1alpha1" => resources(&["poolservices"]),
        "GET /apis/apps.openyurt.io/v1beta2" => resources(&["yurtappsets"]),
        "GET /apis/apps.openyurt.io/v1beta1" => resources(&["nodepools"]),
        _ => Answer::Refuse(404, "NotFound"),
    });
    assert_eq!(discover(&client).await.unwrap(), NodePoolVersion::V1Beta1);
}

#[tokio::test]
async fn a_cluster_without_the_definitions_is_told_what_to_install() {
    let (client, _) = scripted::client(|_: &Call| Answer::Refuse(404, "NotFound"));
    let error = discover(&client).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::NoPoolServices), "{error:?}");
    assert!(error.to_string().contains("install"), "{error}");

    let (client, _) = scripted::client(|call: &Call| {
        if call.what.contains("network") {
            resources(&["poolservices"])
        } else {
            Answer::Refuse(404, "NotFound")
        }
    });
    let error = discover(&client).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::NoNodePools), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_refuses_is_not_taken_for_a_missing_definition() {
    let (client, _) = scripted::client(|_: &Call| Answer::Refuse(403, "Forbidden"));
    let error = discover(&client).await.unwrap_err();
    assert!(matches!(error, DiscoveryError::Ask { .. }), "{error:?}");
    let (client, _) = scripted::client(|_: &Call| Answer::Silence);
    let error = discover(&client).await.unwrap_err();
    assert!(
        matches!(error, DiscoveryError::Deadline { .. }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_kind_is_listed_before_the_index_counts_as_synced() {
    let tries = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&tries);
    let (client, calls) = scripted::client(move |call: &Call| {
        let path = call.what.strip_prefix("GET ").unwrap();
        if call.query.contains("watch=") {
            return Answer::Silence;
        }
        // Nodes cannot be listed at first.
        if path == "/api/v1/nodes" {
            let mut tries = seen.lock().unwrap();
            *tries += 1;
            if *tries < 3 {
                return Answer::Refuse(403, "Forbidden");
            }
        }
        let items = match path {
            "/api/v1/services" => json!([{
                "metadata": { "namespace": "shop", "name": "web", "uid": "u" },
                "spec": { "type": "LoadBalancer", "loadBalancerClass": "alibabacloud.com/elb" },
            }]),
            _ => json!([]),
        };
        Answer::Object(json!({ "kind": "List", "apiVersion": "v1",
            "metadata": { "resourceVersion": "1" }, "items": items }))
    });
    let index = Arc::new(Mutex::new(Index::new("alibabacloud.com/elb")));
    let (synced, mut is_synced) = tokio::sync::watch::channel(false);
    let touched = Arc::new(Mutex::new(Affected::default()));
    let sink = Arc::clone(&touched);
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(
        client,
        NodePoolVersion::V1Beta1,
        Arc::clone(&index),
        synced,
        move |affected| sink.lock().unwrap().services.extend(affected.services),
        stop.clone(),
    ));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!*is_synced.borrow(), "nodes are not listed");
    assert!(
        touched
            .lock()
            .unwrap()
            .services
            .contains(&ObjectKey::new("shop", "web"))
    );
    tokio::time::timeout(
        Duration::from_secs(60),
        is_synced.wait_for(|synced| *synced),
    )
    .await
    .unwrap()
    .unwrap();
    assert!(index.lock().unwrap().all_synced());
    // B17: what was found at the start is what is watched.
    let pools = calls
        .paths()
        .into_iter()
        .filter(|path| path.contains("nodepools"));
    let version = |path: &String| path == "GET /apis/apps.openyurt.io/v1beta1/nodepools";
    assert!(
        pools.clone().count() > 0 && pools.clone().all(|path| version(&path)),
        "{calls:?}"
    );
    assert!(
        calls
            .paths()
            .contains(&"GET /apis/apps.openyurt.io/v1beta1/nodepools".to_owned())
    );
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_the_server_calls_expired_lists_anew_and_finds_what_went() {
    let lists = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&lists);
    let (client, _) = scripted::client(move |call: &Call| {
        let is_services = call.what == "GET /api/v1/services";
        let mut lists = seen.lock().unwrap();
        if call.query.contains("watch=") {
            let refuse = is_services && *lists == 1;
            return if refuse {
                Answer::Refuse(410, "Expired")
            } else {
                Answer::Silence
            };
        }
        *lists += u32::from(is_services);
        let items = if is_services && *lists == 1 {
            json!([{
                "metadata": { "namespace": "shop", "name": "web", "uid": "u" },
                "spec": { "type": "LoadBalancer", "loadBalancerClass": "alibabacloud.com/elb" },
            }])
        } else {
            json!([])
        };
        Answer::Object(json!({ "kind": "List", "apiVersion": "v1",
            "metadata": { "resourceVersion": "1" }, "items": items }))
    });
    let index = Arc::new(Mutex::new(Index::new("alibabacloud.com/elb")));
    let gone = Arc::new(tokio::sync::Notify::new());
    let sink = Arc::clone(&gone);
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(
        client,
        NodePoolVersion::V1Beta1,
        index,
        tokio::sync::watch::channel(false).0,
        move |affected| {
            if affected.gone.contains("u") {
                sink.notify_one();
            }
        },
        stop.clone(),
    ));
    tokio::time::timeout(Duration::from_secs(60), gone.notified())
        .await
        .expect("the vanished Service is never noticed");
    stop.cancel();
    running.await.unwrap();
}
