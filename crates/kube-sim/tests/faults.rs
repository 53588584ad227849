//! Each fault does what it says, once, at the call it is planned for.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher::{self, Event};
use kube_sim::{Cluster, Fault, Status};
use serde_json::json;

fn start() -> (Cluster, Api<ConfigMap>) {
    let cluster = Cluster::builder().seed(7).start();
    let client = Client::new(cluster.service(), "default");
    (cluster, Api::default_namespaced(client))
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

fn code(error: kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_has_no_effect_and_the_next_one_works() {
    let (cluster, maps) = start();
    cluster.faults().inject(
        "create",
        "configmaps",
        1,
        Fault::Refuse(Status::internal("disk")),
    );
    assert_eq!(
        code(
            maps.create(&PostParams::default(), &map("a"))
                .await
                .unwrap_err()
        ),
        Some(500)
    );
    assert!(maps.get_opt("a").await.unwrap().is_none());
    maps.create(&PostParams::default(), &map("a"))
        .await
        .unwrap();
    assert_eq!(cluster.faults().seen("create", "configmaps"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_and_a_reset_after_leave_their_effect() {
    let (cluster, maps) = start();
    cluster.faults().inject(
        "create",
        "configmaps",
        1,
        Fault::LoseReply(Status::unavailable("restarting")),
    );
    cluster
        .faults()
        .inject("create", "configmaps", 2, Fault::ResetAfter);
    cluster
        .faults()
        .inject("create", "configmaps", 3, Fault::ResetBefore);
    assert_eq!(
        code(
            maps.create(&PostParams::default(), &map("a"))
                .await
                .unwrap_err()
        ),
        Some(503)
    );
    assert_eq!(
        code(
            maps.create(&PostParams::default(), &map("b"))
                .await
                .unwrap_err()
        ),
        None
    );
    assert_eq!(
        code(
            maps.create(&PostParams::default(), &map("c"))
                .await
                .unwrap_err()
        ),
        None
    );
    let names: Vec<String> = maps
        .list(&ListParams::default())
        .await
        .unwrap()
        .items
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_stale_read_shows_the_past_and_a_conflict_the_present() {
    let (cluster, maps) = start();
    maps.create(&PostParams::default(), &map("a"))
        .await
        .unwrap();
    let change = Patch::Merge(json!({"data": {"key": "2"}}));
    maps.patch("a", &PatchParams::default(), &change)
        .await
        .unwrap();
    cluster
        .faults()
        .inject("get", "configmaps", 1, Fault::Stale(1));
    cluster
        .faults()
        .inject("list", "configmaps", 1, Fault::Stale(2));
    assert!(maps.get("a").await.unwrap().data.is_none());
    assert!(
        maps.list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    assert!(maps.get("a").await.unwrap().data.is_some());
    cluster
        .faults()
        .inject("patch", "configmaps", 2, Fault::conflict());
    assert_eq!(
        code(
            maps.patch("a", &PatchParams::default(), &change)
                .await
                .unwrap_err()
        ),
        Some(409)
    );
}

#[tokio::test(start_paused = true)]
async fn a_delay_passes_on_the_virtual_clock() {
    let (cluster, maps) = start();
    cluster.faults().inject(
        "list",
        "configmaps",
        1,
        Fault::Delay(Duration::from_secs(30)),
    );
    let before = tokio::time::Instant::now();
    maps.list(&ListParams::default()).await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_cut_watch_resumes_without_loss_and_lists_again_after_compaction() {
    let (cluster, maps) = start();
    let mut events = std::pin::pin!(watcher::watcher(maps.clone(), watcher::Config::default()));
    assert!(matches!(events.next().await.unwrap().unwrap(), Event::Init));
    assert!(matches!(
        events.next().await.unwrap().unwrap(),
        Event::InitDone
    ));
    maps.create(&PostParams::default(), &map("a"))
        .await
        .unwrap();
    assert!(matches!(
        events.next().await.unwrap().unwrap(),
        Event::Apply(_)
    ));

    cluster.faults().cut_watches();
    maps.create(&PostParams::default(), &map("b"))
        .await
        .unwrap();
    assert!(
        matches!(events.next().await.unwrap().unwrap(), Event::Apply(o) if o.metadata.name.as_deref() == Some("b"))
    );
    assert_eq!(cluster.faults().seen("list", "configmaps"), 1);

    cluster.faults().cut_watches();
    maps.create(&PostParams::default(), &map("c"))
        .await
        .unwrap();
    cluster.api().compact();
    loop {
        if let Ok(Event::InitDone) = events.next().await.unwrap() {
            break;
        }
    }
    assert_eq!(cluster.faults().seen("list", "configmaps"), 2);
}
