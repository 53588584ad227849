//! The two halves one by one, each beside somebody else who does the work of the other.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use ecm_policy::snapshot::Identity;
use ecm_reconciler::Controllers;
use ecm_reconciler::leader::Leadership;
use ens_openapi::{Credentials, StaticCredentials};
use kube::Client;
use kube_sim::Cluster;
use poolservice_api::keys;
use serde_json::{Value, json};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

const API: &str = "network.openyurt.io/v1alpha1";

/// A pool that does not say where it is, and a Service that selects it.
fn cluster() -> Cluster {
    let cluster = Cluster::builder().seed(1).start();
    for crd in [
        poolservice_api::pool_service_crd(),
        poolservice_api::node_pool_crd(),
    ] {
        cluster.apply(serde_json::to_value(crd).unwrap()).unwrap();
    }
    let objects = [
        json!({
            "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool",
            "metadata": { "name": "hefei", "labels": { "tier": "edge" } },
            "spec": { "type": "Edge" },
        }),
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "namespace": "default", "name": "web",
                "annotations": { keys::NODE_POOL_SELECTOR: "tier=edge" },
            },
            "spec": {
                "type": "LoadBalancer", "loadBalancerClass": keys::DEFAULT_LOAD_BALANCER_CLASS,
                "ports": [{ "port": 80 }],
            },
        }),
    ];
    for object in objects {
        cluster.apply(object).unwrap();
    }
    cluster
}

/// The PoolService as OpenYurt's yurt-manager makes it.
fn made_by_yurt_manager(cluster: &Cluster) {
    cluster
        .apply(json!({
            "apiVersion": API, "kind": "PoolService",
            "metadata": {
                "namespace": "default", "name": "web-hefei",
                "labels": {
                    keys::SERVICE_NAME: "web", keys::POOL_NAME: "hefei",
                    keys::MANAGED_BY: keys::MANAGED_BY_FAN_OUT,
                },
            },
            "spec": { "loadBalancerClass": keys::DEFAULT_LOAD_BALANCER_CLASS },
        }))
        .unwrap();
}

/// Runs controllers for a minute. The cloud cannot be reached: what is asked for here needs none.
async fn run(cluster: &Cluster, choose: impl FnOnce(Controllers) -> Controllers) {
    let credentials = StaticCredentials::new(Credentials::new("nobody", "nothing"));
    let cloud = ens_openapi::Client::builder(credentials)
        .endpoint("http://127.0.0.1:9")
        .build()
        .unwrap();
    let identity = Identity {
        load_balancer_class: keys::DEFAULT_LOAD_BALANCER_CLASS.to_owned(),
        cluster_id: "halves".to_owned(),
        cluster_uid: "halves-uid".to_owned(),
        cloud_account: None,
    };
    let client = Client::new(cluster.service(), "default");
    let all = Controllers::builder(client, cloud, identity, Leadership::sole_replica());
    let stop = CancellationToken::new();
    let running = tokio::spawn(choose(all).run(stop.clone()));
    sleep(Duration::from_secs(60)).await;
    stop.cancel();
    running.await.unwrap().unwrap();
}

fn pool_service(cluster: &Cluster) -> Option<Value> {
    cluster.get(API, "PoolService", "default", "web-hefei").ok()
}

/// The reason of condition `Accepted`.
fn accepted(pool_service: &Value) -> Option<String> {
    let conditions = pool_service["status"]["conditions"].as_array()?;
    let accepted = conditions.iter().find(|c| c["type"] == "Accepted")?;
    Some(accepted["reason"].as_str()?.to_owned())
}

fn service_finalizers(cluster: &Cluster) -> Value {
    let service = cluster.get("v1", "Service", "default", "web").unwrap();
    service["metadata"]["finalizers"].clone()
}

#[tokio::test(start_paused = true)]
async fn rule_1_4_with_elb_off_pool_services_are_made_and_nobody_serves_them() {
    let cluster = cluster();
    run(&cluster, |controllers| controllers.elb(false)).await;
    let ps = pool_service(&cluster).unwrap();
    assert_eq!(ps["status"], Value::Null, "somebody else's to write");
    assert_eq!(
        service_finalizers(&cluster),
        json!([keys::SERVICE_FINALIZER])
    );
}

#[tokio::test(start_paused = true)]
async fn rule_1_4_with_fan_out_off_pool_services_of_yurt_manager_are_served() {
    let cluster = cluster();
    run(&cluster, |controllers| controllers.fan_out(false)).await;
    assert_eq!(pool_service(&cluster), None);
    made_by_yurt_manager(&cluster);
    run(&cluster, |controllers| controllers.fan_out(false)).await;
    let ps = pool_service(&cluster).unwrap();
    assert_eq!(accepted(&ps).as_deref(), Some("PlacementMissing"), "{ps}");
    assert_eq!(
        ps["metadata"]["ownerReferences"],
        Value::Null,
        "not ours to add"
    );
    assert_eq!(service_finalizers(&cluster), Value::Null);
}

#[tokio::test(start_paused = true)]
async fn rule_1_4_each_half_writes_by_its_own_lease() {
    let cluster = cluster();
    made_by_yurt_manager(&cluster);
    let without_fan_out =
        |controllers: Controllers| controllers.fan_out_leadership(Leadership::new(|| false));
    run(&cluster, without_fan_out).await;
    let ps = pool_service(&cluster).unwrap();
    assert_eq!(accepted(&ps).as_deref(), Some("PlacementMissing"), "{ps}");
    assert_eq!(ps["metadata"]["ownerReferences"], Value::Null);
    assert_eq!(service_finalizers(&cluster), Value::Null);
}
