//! Previews against an empty cloud.

use ecm_policy::snapshot::Identity;
use k8s_openapi::api::core::v1 as core;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use poolservice_api::{NodePool, PoolService};
use serde_json::{Value, json};

use super::*;

const CLASS: &str = "alibabacloud.com/elb";

fn object<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn preview() -> Preview {
    let identity = Identity {
        load_balancer_class: CLASS.to_owned(),
        cluster_id: "c1".to_owned(),
        cluster_uid: "cluster-uid".to_owned(),
        cloud_account: None,
    };
    let config = desired::Config::new(identity);
    Preview::new(config, None, None, "kube-system", at(1_795_406_400))
}

/// Pools `a` and `b` in one network with a node and a ready pod each, and a Service on port 80 with
/// these annotations.
fn index(annotations: &Value) -> Index {
    let mut index = Index::new(CLASS);
    index.reset_services(vec![objects::Service::from(&object::<core::Service>(json!({
        "metadata": { "namespace": "shop", "name": "web", "uid": "s", "annotations": annotations },
        "spec": {
            "type": "LoadBalancer", "loadBalancerClass": CLASS, "externalTrafficPolicy": "Local",
            "ports": [{ "port": 80, "protocol": "TCP", "nodePort": 30080 }],
        },
    })))]);
    let pool = |name: &str| {
        objects::pool(&object::<NodePool>(json!({
            "metadata": { "name": name, "uid": name, "labels": { "k8s-svc": "web" }, "annotations": {
                keys::ENS_REGION_ID: "cn-hefei",
                keys::ENS_NETWORK_ID: "n-1",
                keys::ENS_VSWITCH_ID: "vsw-1",
            }},
            "spec": { "type": "Edge" },
        })))
    };
    index.reset_pools(vec![pool("a"), pool("b")]);
    let node = |name: &str| {
        objects::node(&object::<core::Node>(json!({
            "metadata": { "name": format!("node-{name}"), "labels": {
                keys::NODE_POOL: name, keys::ENS_INSTANCE_ID: format!("i-{name}"),
            }},
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
        })))
    };
    index.reset_nodes(vec![node("a"), node("b")]);
    index.reset_slices(vec![objects::EndpointSlice::from(&object::<EndpointSlice>(json!({
        "metadata": { "namespace": "shop", "name": "web-1",
            "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4",
        "endpoints": [
            { "addresses": ["10.0.0.1"], "nodeName": "node-a", "conditions": { "ready": true } },
            { "addresses": ["10.0.0.2"], "nodeName": "node-b", "conditions": { "ready": true } },
        ],
    })))]);
    index.reset_pool_services(Vec::new());
    index
}

async fn forecast(index: Index) -> Forecast {
    let fan_out = fan_out::Config {
        load_balancer_class: CLASS.to_owned(),
        pool_api_version: "apps.openyurt.io/v1beta2".to_owned(),
        unmatch_grace: 30,
    };
    preview()
        .forecast(index, Some(&fan_out), |_| true, Duration::ZERO)
        .await
}

fn count(forecast: &Forecast, is_it: impl Fn(&Step) -> bool) -> usize {
    let all = forecast.pool_services.iter();
    let steps = all.flat_map(|ps| &ps.steps);
    steps.filter(|foreseen| is_it(&foreseen.step)).count()
}

#[tokio::test]
async fn a_new_service_is_seen_through_to_its_addresses() {
    let selector = json!({ keys::NODE_POOL_SELECTOR: "k8s-svc=web" });
    let forecast = forecast(index(&selector)).await;
    let [service] = forecast.services.as_slice() else {
        panic!("{forecast:#?}");
    };
    assert_eq!(service.create, ["web-a", "web-b"]);
    assert_eq!(forecast.pool_services.len(), 2);
    for ps in &forecast.pool_services {
        let address = imagine::NEW_ADDRESS.to_owned();
        assert_eq!(ps.outcome, Outcome::Serves { address }, "{ps:#?}");
        assert_eq!((ps.refusals.len(), ps.waits.len()), (0, 0), "{ps:#?}");
    }
    assert_eq!(
        count(&forecast, |s| matches!(s, Step::CreateLoadBalancer(_))),
        2
    );
    assert_eq!(count(&forecast, |s| matches!(s, Step::BindEip { .. })), 2);
    assert!(!forecast.is_empty());
}

#[tokio::test]
async fn rule_6_6_who_shares_a_load_balancer_sees_what_the_one_before_would_do() {
    let annotations = json!({
        keys::NODE_POOL_SELECTOR: "k8s-svc=web",
        ecm_policy::annotations::keys::MANAGED_BY_USER: "true",
        "ecm.alibabacloud.com/loadbalancer-ids": "a=lb-1,b=lb-1",
    });
    let forecast = forecast(index(&annotations)).await;
    let listeners = count(&forecast, |s| matches!(s, Step::CreateListener { .. }));
    assert_eq!(listeners, 1, "{forecast:#?}");
    let mut added: Vec<&str> = forecast
        .pool_services
        .iter()
        .flat_map(|ps| &ps.steps)
        .filter_map(|foreseen| match &foreseen.step {
            Step::AddBackends { servers, .. } => Some(servers),
            _ => None,
        })
        .flatten()
        .map(|server| server.server_id.as_str())
        .collect();
    added.sort_unstable();
    assert_eq!(added, ["i-a", "i-b"], "each once");
    assert_eq!(
        count(&forecast, |s| matches!(s, Step::RemoveBackends { .. })),
        0
    );
}

#[tokio::test]
async fn a_pool_service_that_is_made_already_is_planned_as_it_is() {
    let selector = json!({ keys::NODE_POOL_SELECTOR: "k8s-svc=web" });
    let mut index = index(&selector);
    let ps: PoolService = object(json!({
        "metadata": {
            "namespace": "shop", "name": "web-a", "uid": "ps",
            "labels": { keys::SERVICE_NAME: "web", keys::POOL_NAME: "a" },
            "annotations": { keys::PAUSED: "true" },
        },
        "spec": { "loadBalancerClass": CLASS },
    }));
    index.reset_pool_services(vec![objects::PoolService::from(&ps)]);
    let forecast = forecast(index).await;
    let paused = forecast
        .pool_services
        .iter()
        .find(|ps| ps.pool_service.name == "web-a")
        .unwrap();
    assert_eq!(paused.steps, []);
    assert_eq!(paused.refusals[0].reason, Reason::Paused);
    assert_eq!(paused.outcome, Outcome::Stays);
}
