//! A ledger that is lost (behaviour 5.3): nothing is created, released or let go until it is made
//! anew from the mirror in the status and from the cloud, or a person decides.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::time::Duration;

use ecm_testkit::invariants::Expect;
use ecm_testkit::scenario::{guide, quiet, settle};
use ecm_testkit::world::{Config, Topology, World};
use poolservice_api::keys;
use serde_json::{Value, json};
use tokio::time::sleep;

const PS: &str = "cube-svc-np-0";

async fn serving() -> World {
    let config = Config {
        topology: Topology::uniform(1, 1, 2),
        // The ledger is lost by our own hand: that is what S1 to S6 would be about.
        check_always: false,
        ..Config::default()
    };
    let world = World::start(config, 7).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    assert!(settle(&world, Expect::Serving).await);
    world
}

fn pool_service(world: &World) -> Value {
    world
        .cluster()
        .get("network.openyurt.io/v1alpha1", "PoolService", "default", PS)
        .unwrap()
}

fn annotate(world: &World, annotations: &Value) {
    world
        .apply(json!({
            "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
            "metadata": { "namespace": "default", "name": PS, "annotations": annotations },
        }))
        .unwrap();
}

fn annotation(world: &World, key: &str) -> Option<Value> {
    pool_service(world)["metadata"]["annotations"]
        .get(key)
        .cloned()
}

fn ledger(world: &World) -> Option<Value> {
    let text = annotation(world, keys::LEDGER)?;
    serde_json::from_str(text.as_str()?).ok()
}

/// A text of the condition `LoadBalancerReady`.
fn told(world: &World, text: &str) -> String {
    let ps = pool_service(world);
    let conditions = ps["status"]["conditions"].as_array().cloned().unwrap();
    let found = conditions
        .iter()
        .find(|c| c["type"] == "LoadBalancerReady")
        .unwrap();
    found[text].as_str().unwrap().to_owned()
}

fn reason(world: &World) -> String {
    told(world, "reason")
}

fn message(world: &World) -> String {
    told(world, "message")
}

fn mirror(world: &World, key: &str, value: Option<&str>) {
    world
        .apply(json!({
            "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
            "metadata": { "namespace": "default", "name": PS },
            "status": { "aggregateToAnnotations": { key: value } },
        }))
        .unwrap();
}

/// The ids of everything in the cloud that the controller made.
fn made(world: &World) -> Vec<String> {
    let cloud = world.view().cloud;
    let elbs = cloud.load_balancers.iter().map(|lb| (&lb.name, &lb.id));
    let eips = cloud.eips.iter().map(|eip| (&eip.name, &eip.id));
    elbs.chain(eips)
        .filter(|(name, _)| name.starts_with("k8s/"))
        .map(|(_, id)| id.clone())
        .collect()
}

/// Takes the ledger away while nobody looks: a controller that runs would notice between two edits.
async fn lose(world: &World, text: Option<&str>, also: impl FnOnce(&World)) {
    world.stop().await;
    annotate(world, &json!({ keys::LEDGER: text }));
    also(world);
    world.start_process();
}

async fn ends_clean(world: &World) {
    world.delete("v1", "Service", "default", "cube-svc");
    assert!(settle(world, Expect::Serving).await);
    assert!(quiet(world).await);
    assert_eq!(made(world), Vec::<String>::new());
    let leaks = world.cloud(|cloud| cloud.journal().leaks().count());
    assert_eq!(leaks, 0);
}

#[tokio::test(start_paused = true)]
async fn rule_5_3_a_lost_ledger_is_made_anew_from_the_mirror_and_the_cloud() {
    for text in [None, Some("{"), Some("{\"version\":1}")] {
        let world = serving().await;
        let before = made(&world);
        let recorded = ledger(&world).unwrap();
        lose(&world, text, |_| ()).await;
        sleep(Duration::from_secs(30)).await;
        let rebuilt = ledger(&world).unwrap();
        for path in [
            "/loadBalancer/id",
            "/eip/id",
            "/placement",
            "/poolServiceUid",
        ] {
            assert_eq!(rebuilt.pointer(path), recorded.pointer(path), "{path}");
        }
        assert!(settle(&world, Expect::Serving).await);
        assert_eq!(
            made(&world),
            before,
            "nothing was made and nothing released"
        );
        ends_clean(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn rule_5_3_a_lost_ledger_of_what_is_being_deleted_leaks_nothing() {
    let world = serving().await;
    lose(&world, None, |world| {
        world.delete("v1", "Service", "default", "cube-svc");
    })
    .await;
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn rule_5_3_without_a_mirror_a_list_of_a_quarter_of_an_hour_later_and_the_tags_decide() {
    let world = serving().await;
    let before = made(&world);
    lose(&world, None, |world| {
        mirror(world, keys::AGGREGATE_LOAD_BALANCER_ID, None);
        mirror(world, keys::AGGREGATE_EIP_ID, None);
    })
    .await;
    sleep(Duration::from_secs(10 * 60)).await;
    assert_eq!(reason(&world), "LedgerLost");
    assert_eq!(ledger(&world), None);
    sleep(Duration::from_secs(10 * 60)).await;
    assert!(ledger(&world).is_some(), "{}", message(&world));
    assert_eq!(made(&world), before);
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn rule_5_3_a_mirror_that_names_somebody_elses_waits_for_a_person() {
    let world = serving().await;
    let before = made(&world);
    let own = ledger(&world).unwrap();
    let theirs = world
        .view()
        .cloud
        .load_balancers
        .iter()
        .find(|lb| !lb.name.starts_with("k8s/"))
        .map(|lb| lb.id.clone())
        .unwrap();
    lose(&world, None, |world| {
        mirror(world, keys::AGGREGATE_LOAD_BALANCER_ID, Some(&theirs));
    })
    .await;
    sleep(Duration::from_secs(60 * 60)).await;
    assert_eq!(reason(&world), "LedgerLost");
    let told = message(&world);
    assert!(
        told.contains(&theirs) && told.contains(keys::REBUILD_LEDGER),
        "{told}"
    );
    assert_eq!(
        made(&world),
        before,
        "nothing is done before somebody decides"
    );

    let id = |path: &str| {
        own.pointer(path)
            .and_then(Value::as_str)
            .unwrap()
            .to_owned()
    };
    let said = format!("{},{}", id("/loadBalancer/id"), id("/eip/id"));
    annotate(&world, &json!({ keys::REBUILD_LEDGER: said }));
    assert!(settle(&world, Expect::Serving).await);
    assert_eq!(
        ledger(&world).unwrap().pointer("/eip/id"),
        own.pointer("/eip/id")
    );
    assert_eq!(
        annotation(&world, keys::REBUILD_LEDGER),
        None,
        "it counts once"
    );
    assert_eq!(made(&world), before);
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn rule_5_3_a_ledger_of_a_newer_version_is_left_alone() {
    let world = serving().await;
    let before = made(&world);
    lose(&world, Some("{\"version\":2}"), |_| ()).await;
    sleep(Duration::from_secs(60 * 60)).await;
    let kept = annotation(&world, keys::LEDGER);
    assert_eq!(kept, Some(json!("{\"version\":2}")));
    assert_eq!(reason(&world), "LedgerLost");
    assert_eq!(made(&world), before);
}
