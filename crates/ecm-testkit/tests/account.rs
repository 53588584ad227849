//! Credentials of another account: its cloud is empty, and nothing of that may be believed.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::time::Duration;

use ecm_testkit::invariants::Expect;
use ecm_testkit::scenario::{guide, settle};
use ecm_testkit::world::{Config, Topology, World};
use serde_json::{Value, json};
use tokio::time::sleep;

fn condition<'a>(ps: &'a Value, kind: &str) -> &'a Value {
    let conditions = ps["status"]["conditions"].as_array().unwrap();
    conditions.iter().find(|c| c["type"] == kind).unwrap()
}

#[tokio::test(start_paused = true)]
async fn rule_5_7_credentials_of_another_account_change_and_let_go_of_nothing() {
    let config = Config {
        topology: Topology::uniform(1, 1, 1),
        ..Config::default()
    };
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    assert!(settle(&world, Expect::Serving).await);
    let right = world.cloud(|cloud| cloud.config().account.clone());
    let (cloud, addresses) = {
        let view = world.view();
        let status = &view.pool_services[0]["status"];
        let cloud = serde_json::to_value(&view.cloud).unwrap();
        (cloud, status["loadBalancer"].clone())
    };

    world.stop().await;
    world.use_account("1000000000000002");
    world.start_process();
    sleep(Duration::from_secs(1200)).await;
    let ps = &world.view().pool_services[0];
    let in_sync = condition(ps, "InSync");
    assert_eq!(in_sync["reason"], "CloudAccountMismatch", "{in_sync}");
    for account in [right.as_str(), "1000000000000002"] {
        let message = in_sync["message"].as_str().unwrap();
        assert!(message.contains(account), "{message}");
    }
    assert_eq!(ps["status"]["loadBalancer"], addresses);

    // "Gone" would let the finalizer go, and a load balancer with it that costs money for ever.
    world.delete("v1", "Service", "default", "cube-svc");
    sleep(Duration::from_secs(1200)).await;
    let view = world.view();
    assert_eq!(view.pool_services.len(), 1);
    assert!(view.pool_services[0]["metadata"]["deletionTimestamp"].is_string());
    let cloud_after = serde_json::to_value(&view.cloud).unwrap();
    for kind in ["load_balancers", "eips"] {
        assert_eq!(cloud_after[kind], cloud[kind], "{kind}");
        assert!(cloud[kind].as_array().is_some_and(|all| all.len() > 1));
    }

    world.stop().await;
    world.use_account(&right);
    world.start_process();
    assert!(
        settle(&world, Expect::Serving).await,
        "{:#?}",
        world.transcript().violations()
    );
}
