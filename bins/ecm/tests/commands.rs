//! The commands that look, and those that clean up, as a person runs them: the program itself,
//! against a simulated cluster and a simulated cloud over real connections.
#![cfg(feature = "sandbox")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod world;

use std::process::Stdio;
use std::time::Duration;

use ecm_reconciler::clock::Clock;
use ecm_reconciler::leader::{BootClock, Elector, Settings};
use ecm_testkit::sandbox::{CLUSTER_ID, POOLS};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use poolservice_api::{PoolService, keys};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use world::{PATIENCE, World};

/// Times of an election that does not keep a test waiting.
const QUICK: [&str; 6] = [
    "--leader-elect-lease-duration",
    "3",
    "--leader-elect-renew-deadline",
    "2",
    "--leader-elect-retry-period",
    "1",
];

#[tokio::test(flavor = "multi_thread")]
async fn plan_shows_everything_that_would_be_made_and_makes_nothing() {
    let world = World::start(21).await;
    world.apply_guide(&json!({}));
    let plan = world.run(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(plan.code(), 2, "{}", plan.err());
    let text = plan.out();
    for pool in POOLS {
        let title = format!(
            "PoolService default/cube-svc-{}  pool {}  in {} {}",
            pool.name, pool.name, pool.region, pool.network
        );
        assert!(text.contains(&title), "{text}");
    }
    assert_eq!(text.matches("+ load balancer").count(), 2, "{text}");
    assert_eq!(text.matches("+ EIP").count(), 2, "{text}");
    assert_eq!(text.matches("+ listener 80/tcp").count(), 2, "{text}");
    assert!(!text.contains('\u{1b}'), "colours are for terminals");
    assert_eq!(world.cloud_writes(), 0);
    assert_eq!(world.pool_services().await, 0);
    let service = world.services().get("cube-svc").await.unwrap();
    assert_eq!(service.metadata.finalizers, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_of_what_the_controllers_have_done_is_empty_and_of_a_change_it_is_the_change() {
    let world = World::start(22).await;
    world.serve(&json!({})).await;
    let settled = world.run(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(settled.code(), 0, "{}{}", settled.out(), settled.err());
    assert_eq!(settled.out().matches("= nothing to do").count(), 2);

    let key = ecm_policy::annotations::keys::EIP_BANDWIDTH;
    let patch = json!({ "metadata": { "annotations": { key: "50" } } });
    let params = PatchParams::default();
    let patched = world
        .services()
        .patch("cube-svc", &params, &Patch::Merge(&patch))
        .await;
    patched.unwrap();
    let changed = world.run(&["plan", "-o", "json"]).await.json();
    for ps in changed["poolServices"].as_array().unwrap() {
        let steps = ps["steps"].as_array().unwrap();
        assert_eq!(steps.len(), 1, "{steps:?}");
        assert_eq!(steps[0]["step"]["SetEipBandwidth"]["bandwidth"], 50);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plan_of_a_deletion_shows_what_is_released_and_releases_nothing() {
    let world = World::start(29).await;
    world.serve(&json!({})).await;
    let before = world.cloud_writes();
    let params = kube::api::DeleteParams::default();
    world.services().delete("cube-svc", &params).await.unwrap();
    let plan = world.run(&["plan"]).await;
    let text = plan.out();
    assert_eq!(text.matches("- PoolService").count(), 2, "{text}");
    assert_eq!(text.matches("unbound").count(), 2, "{text}");
    assert_eq!(
        text.matches("released: its address goes").count(),
        2,
        "{text}"
    );
    assert_eq!(
        text.matches("released, with its listeners").count(),
        2,
        "{text}"
    );
    assert_eq!(text.matches("= let go").count(), 2, "{text}");
    assert_eq!(world.cloud_writes(), before);
    assert_eq!(world.pool_services().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_3_5_a_dry_run_logs_what_would_be_done_and_writes_nothing() {
    let world = World::start(23).await;
    world.apply_guide(&json!({}));
    let args = ["run", "--dry-run", "--metrics-addr", "off"];
    let mut process = world.command(&args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let logged = async {
        let mut creates = 0;
        while let Some(line) = lines.next_line().await.unwrap() {
            creates += usize::from(line.contains("would create the load balancer"));
            if creates == 2 {
                return;
            }
        }
        panic!("it ended");
    };
    timeout(PATIENCE, logged).await.unwrap();
    process.kill().await.unwrap();
    assert_eq!(world.cloud_writes(), 0);
    assert_eq!(world.pool_services().await, 0);
    let leases: Api<Lease> = Api::all(world.client.clone());
    let leases = leases.list(&ListParams::default()).await.unwrap();
    assert_eq!(leases.items.len(), 0, "it stands in nobody's way");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_shows_the_tree_and_says_so_where_there_is_none() {
    let world = World::start(24).await;
    let nothing = world.run(&["status"]).await;
    assert_eq!(nothing.code(), 0, "{}", nothing.err());
    assert!(
        nothing
            .out()
            .starts_with("No Service with loadBalancerClass")
    );

    world.serve(&json!({})).await;
    let text = world.run(&["status", "-A", "--cloud"]).await.out();
    assert!(text.starts_with("Service default/cube-svc  127."), "{text}");
    for pool in POOLS {
        let line = format!(
            "cube-svc-{}  pool {} in {}  ready",
            pool.name, pool.name, pool.region
        );
        assert!(text.contains(&line), "{text}");
    }
    assert!(text.contains("  weight 100"), "{text}");
    let listeners = text.matches("listener 80/tcp to node port");
    assert_eq!(listeners.count(), 2, "{text}");
    assert_eq!(text.matches("Running").count(), 2, "{text}");
    assert_eq!(text.matches("10 Mbit/s").count(), 2, "{text}");
    let tree = world.run(&["status", "cube-svc", "-o", "json"]).await;
    let ps = &tree.json()["services"][0]["poolServices"][0];
    assert_eq!(ps["ready"], true);
    assert_eq!(ps["loadBalancer"]["owner"], "created");
    let state = &ps["loadBalancer"]["state"];
    assert_eq!(*state, Value::Null, "the cloud was not asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_2_8_a_slip_of_a_selector_shows_before_its_grace_is_over() {
    let world = World::start(32).await;
    world.serve(&json!({})).await;
    let still = world.run(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(still.code(), 0, "{}", still.out());
    let slip =
        json!({ "metadata": { "annotations": { keys::NODE_POOL_SELECTOR: "k8s-svc=cubes" } } });
    let params = PatchParams::default();
    let services = world.services();
    let slip = Patch::Merge(&slip);
    let slipped = services.patch("cube-svc", &params, &slip);
    slipped.await.unwrap();

    let planned = world.run(&["plan", "--detailed-exitcode"]).await;
    assert_eq!(planned.code(), 2, "{}", planned.out());
    let text = planned.out();
    for pool in POOLS {
        let line = format!(
            "cube-svc-{} (NoLongerSelected, within 30 s unless that is put right)",
            pool.name
        );
        assert!(text.contains(&line), "{text}");
    }
    assert_eq!(
        text.matches("released, with its listeners").count(),
        2,
        "{text}"
    );
    let json = world.run(&["plan", "-o", "json"]).await.json();
    assert_eq!(json["services"][0]["delete"][0]["within"], 30);

    let status = world.run(&["status", "cube-svc"]).await.out();
    assert_eq!(status.matches("PoolNoLongerMatches").count(), 2, "{status}");
    assert_eq!(world.pool_services().await, 2, "nothing was done");
}

/// The arguments of a deletion, with an election that is quick.
fn delete<'a>(ids: &'a str, also: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["gc", "--delete", ids];
    args.extend(also);
    args.extend(QUICK);
    args
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_9_4_gc_lists_what_no_ledger_has_and_releases_what_a_person_chooses() {
    let world = World::start(25).await;
    let retain = json!({ "ecm.alibabacloud.com/deletion-policy": "retain" });
    world.serve(&retain).await;
    let stranger = world.person_makes("the shop's own").await;
    let name = format!("k8s/old/default/np-heifei/{CLUSTER_ID}");
    let named = world.person_makes(&name).await;
    let listed = world.run(&["gc", "-o", "json"]).await.json();
    let listed = listed.as_array().unwrap();
    assert_eq!(
        listed.len(),
        1,
        "neither a ledger's nor a stranger's: {listed:?}"
    );
    assert_eq!(listed[0]["id"], json!(named));
    assert_eq!(listed[0]["proof"], "nameOnly");

    world.delete_service().await;
    let listed = world.run(&["gc", "-o", "json"]).await.json();
    let mut kept: Vec<&str> = Vec::new();
    for orphan in listed.as_array().unwrap() {
        if orphan["id"] != json!(named) {
            assert_eq!(orphan["proof"], "tags", "{orphan}");
            assert_eq!(orphan["retained"], true, "{orphan}");
            kept.push(orphan["id"].as_str().unwrap());
        }
    }
    assert_eq!(kept.len(), 4, "two load balancers and two EIPs");

    let refused = world.run(&delete(&named, &[])).await;
    assert_eq!(refused.code(), 1);
    assert!(refused.err().contains("--i-own-these"), "{}", refused.err());
    let refused = world.run(&delete(&stranger, &["--i-own-these"])).await;
    let told = refused.err();
    assert!(told.contains("is not in the list"), "{told}");
    assert!(world.has_load_balancer(&named) && world.has_load_balancer(&stranger));

    let released = world.run(&delete(&kept.join(","), &[])).await;
    assert_eq!(released.code(), 0, "{}{}", released.out(), released.err());
    assert_eq!(released.out().matches("is released").count(), 4);
    let released = world.run(&delete(&named, &["--i-own-these"])).await;
    assert_eq!(released.code(), 0, "{}", released.err());
    assert!(!world.has_load_balancer(&named));
    assert!(world.has_load_balancer(&stranger));
    let nothing = world.run(&["gc"]).await.out();
    assert!(
        nothing.starts_with("Nothing bears this cluster's names"),
        "{nothing}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_people_name_and_what_is_not_there_is_an_error_with_the_nearest_name() {
    let world = World::start(31).await;
    world.serve(&json!({})).await;
    for command in ["plan", "status"] {
        let refused = world.run(&[command, "cube-svcs"]).await;
        assert_eq!(refused.code(), 1, "{command}");
        let said = refused.err();
        assert!(said.contains("no Service cube-svcs"), "{said}");
        assert!(said.contains("default/cube-svc"), "{said}");
        assert_eq!(world.run(&[command, "cube-svc"]).await.code(), 0);
    }
    let refused = world.run(&["gc", "--region", "cn-hefe"]).await;
    assert_eq!(refused.code(), 1);
    let said = refused.err();
    assert!(said.contains("--region cn-hefe:"), "{said}");
    assert!(said.contains("did you mean cn-hefei?"), "{said}");
    let known = world.run(&["gc", "--region", "cn-hefei"]).await;
    assert_eq!(known.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_9_4_gc_leaves_alone_what_a_pool_service_with_a_lost_ledger_may_have() {
    let world = World::start(28).await;
    world.serve(&json!({})).await;
    let api: Api<PoolService> = Api::namespaced(world.client.clone(), "default");
    let params = PatchParams::default();
    let lost = json!({ "metadata": { "annotations": { keys::LEDGER: null } } });
    api.patch("cube-svc-np-heifei", &params, &Patch::Merge(&lost))
        .await
        .unwrap();
    let mirrored = world.run(&["gc", "-o", "json"]).await.json();
    assert_eq!(mirrored, json!([]), "its status still names them");

    let lost = json!({ "status": { "aggregateToAnnotations": null } });
    api.patch_status("cube-svc-np-heifei", &params, &Patch::Merge(&lost))
        .await
        .unwrap();
    let listed = world.run(&["gc", "-o", "json"]).await.json();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    for orphan in listed {
        let claim = &orphan["proof"]["intent"]["poolService"];
        assert_eq!(claim["name"], "cube-svc-np-heifei", "{orphan}");
    }
    let id = listed[0]["id"].as_str().unwrap();
    let refused = world.run(&delete(id, &["--i-own-these"])).await.err();
    assert!(refused.contains("default/cube-svc-np-heifei"), "{refused}");
    let kept = world.run(&["gc", "-o", "json"]).await.json();
    assert_eq!(kept.as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_5_7_what_a_person_asks_for_with_credentials_of_another_account_is_refused() {
    let world = World::start(29).await;
    world.serve(&json!({})).await;
    let api: Api<PoolService> = Api::namespaced(world.client.clone(), "default");
    let ps = api.get("cube-svc-np-heifei").await.unwrap();
    let ledger = &ps.metadata.annotations.unwrap()[keys::LEDGER];
    let mut ledger: Value = serde_json::from_str(ledger).unwrap();
    ledger["cloudAccount"] = json!("1000000000000002");
    let changed = json!({ "metadata": { "annotations": { keys::LEDGER: ledger.to_string() } } });
    let params = PatchParams::default();
    api.patch("cube-svc-np-heifei", &params, &Patch::Merge(&changed))
        .await
        .unwrap();
    let sts = world.sandbox.cloud.endpoint();
    for command in ["gc", "confirm-loss"] {
        let refused = world.run(&[command, "--sts-endpoint", &sts]).await;
        assert_eq!(refused.code(), 1, "{command}: {}", refused.out());
        let told = refused.err();
        assert!(
            told.contains(
                "PoolService default/cube-svc-np-heifei belong to cloud account 1000000000000002"
            ),
            "{command}: {told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_11_4_gc_releases_nothing_while_a_controller_holds_the_lease() {
    let world = World::start(26).await;
    world.apply_guide(&json!({}));
    let name = format!("k8s/old/default/np-heifei/{CLUSTER_ID}");
    let named = world.person_makes(&name).await;
    let settings = Settings {
        lease_duration: Duration::from_secs(3),
        renew_deadline: Duration::from_secs(2),
        retry_period: Duration::from_secs(1),
        ..Settings::new(
            "kube-system",
            "edge-controller-manager-elb",
            "the controller",
        )
    };
    let client = world.client.clone();
    let (elector, leadership) =
        Elector::new(client, settings, BootClock, Clock::system(), || 0.5).unwrap();
    let release = CancellationToken::new();
    let elected = tokio::spawn(elector.run(release.clone()));
    timeout(PATIENCE, leadership.held()).await.unwrap();

    let refused = world.run(&delete(&named, &["--i-own-these"])).await;
    assert_eq!(refused.code(), 1);
    let told = refused.err();
    assert!(told.contains("is held by the controller"), "{told}");
    assert!(world.has_load_balancer(&named));
    release.cancel();
    elected.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rule_8_6_confirm_loss_shows_what_is_missing_and_confirms_by_an_annotation() {
    let world = World::start(27).await;
    world.serve(&json!({})).await;
    let shown = world.run(&["confirm-loss"]).await;
    assert_eq!(shown.code(), 0, "{}", shown.err());
    let refused = world.run(&["confirm-loss", "cn-hefei"]).await.err();
    assert!(refused.contains("nothing to confirm"), "{refused}");
    let unknown = world.run(&["confirm-loss", "cn-nowhere"]).await.err();
    assert!(unknown.contains("cn-nowhere"), "{unknown}");

    // A ledger that names another load balancer than the one that stands: that one is missing.
    let api: Api<PoolService> = Api::namespaced(world.client.clone(), "default");
    let ps = api.get("cube-svc-np-heifei").await.unwrap();
    let ledger = ps.metadata.annotations.unwrap()[keys::LEDGER].clone();
    let mut ledger: Value = serde_json::from_str(&ledger).unwrap();
    ledger["loadBalancer"]["id"] = json!("lb-vanished");
    let patch = json!({ "metadata": { "annotations": { keys::LEDGER: ledger.to_string() } } });
    let params = PatchParams::default();
    api.patch("cube-svc-np-heifei", &params, &Patch::Merge(&patch))
        .await
        .unwrap();
    let confirmed = world.run(&["confirm-loss", "cn-hefei"]).await;
    assert_eq!(confirmed.code(), 0, "{}", confirmed.err());
    let text = confirmed.out();
    let line = "lb-vanished  of PoolService default/cube-svc-np-heifei";
    assert!(text.contains(line), "{text}");
    let namespaces: Api<Namespace> = Api::all(world.client.clone());
    let system = namespaces.get("kube-system").await.unwrap();
    let said = system.metadata.annotations.unwrap()[keys::CONFIRM_LOSS].clone();
    assert!(said.starts_with("cn-hefei=20"), "{said}");
}

#[tokio::test]
async fn a_manifest_that_is_wrong_is_named_with_file_and_document() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "apiVersion: v1\nkind: Node\nmetadata: {name: one}\n---\nkind: X\n";
    std::fs::write(file.path(), text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ecm"))
        .args(["plan", "-f"])
        .arg(file.path())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    let file = format!("file {}", file.path().display());
    assert!(
        told.contains(&file) && told.contains("document 2"),
        "{told}"
    );
}
