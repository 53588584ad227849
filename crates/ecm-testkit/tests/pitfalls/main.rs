//! Mistakes that controllers of load balancers make, and that this one must not. The numbers are those of
//! `docs/pitfalls.md`; `cargo xtask tidy` sees to it that each has a test that runs. Those that one library alone
//! could make have theirs there.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod availability;
mod money;
mod operability;
mod traffic;

use std::time::Duration;

use ecm_testkit::invariants::Expect;
use ecm_testkit::scenario::guide::{self, ID, MANAGED_BY_USER};
use ecm_testkit::scenario::{Run, quiet, settle};
use ecm_testkit::sweep;
use ecm_testkit::transcript::Call;
use ecm_testkit::trouble::{CloudTrouble, Trouble};
use ecm_testkit::world::{Config, Topology, World};
use ens_sim::cloud::{LoadBalancer, Protocol};
use serde_json::{Value, json};
use tokio::time::sleep;

pub(crate) const PREFIX: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";
pub(crate) const PS: &str = "cube-svc-np-0";

/// One pool.
pub(crate) fn one(nodes: u8) -> Config {
    Config {
        topology: Topology::uniform(1, 1, nodes),
        ..Config::default()
    }
}

pub(crate) fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// A world with the guide's DaemonSet and this Service, served.
pub(crate) async fn serving(config: Config, service: Value) -> World {
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(service).unwrap();
    settled(&world).await;
    world
}

pub(crate) async fn settled(world: &World) {
    let is_settled = settle(world, Expect::Serving).await;
    assert!(is_settled, "{:#?}", world.transcript().violations());
}

/// Nothing went wrong, and nothing of the controller's is left.
pub(crate) async fn ends_clean(world: &World) {
    settled(world).await;
    assert!(quiet(world).await, "{:#?}", world.transcript().violations());
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
    let leaks = world.cloud(|cloud| cloud.journal().leaks().count());
    assert_eq!(leaks, 0);
}

pub(crate) fn annotate_ps(world: &World, annotations: &Value) {
    world
        .apply(json!({
            "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
            "metadata": { "namespace": "default", "name": PS, "annotations": annotations },
        }))
        .unwrap();
}

pub(crate) fn condition(world: &World, ps: &str, kind: &str) -> (String, String) {
    let ps = world
        .cluster()
        .get("network.openyurt.io/v1alpha1", "PoolService", "default", ps)
        .unwrap();
    let conditions = ps["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found = conditions.iter().find(|c| c["type"] == kind);
    let found = found.unwrap_or_else(|| panic!("no condition {kind}: {conditions:?}"));
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    (text("reason"), text("message"))
}

pub(crate) fn addresses(world: &World, kind: &str, name: &str) -> Vec<String> {
    let version = if kind == "Service" {
        "v1"
    } else {
        "network.openyurt.io/v1alpha1"
    };
    let object = world.cluster().get(version, kind, "default", name).unwrap();
    let ingress = object["status"]["loadBalancer"]["ingress"]
        .as_array()
        .cloned();
    let ips = ingress.unwrap_or_default();
    ips.iter()
        .filter_map(|i| i["ip"].as_str().map(str::to_owned))
        .collect()
}

/// The load balancer that was made, where exactly one was.
pub(crate) fn made(world: &World) -> LoadBalancer {
    let mut all: Vec<LoadBalancer> = world
        .view()
        .cloud
        .load_balancers
        .into_iter()
        .filter(|lb| lb.name.starts_with("k8s/"))
        .collect();
    assert_eq!(all.len(), 1);
    all.remove(0)
}

pub(crate) fn delete_service(world: &World) {
    world.delete("v1", "Service", "default", "cube-svc");
}

/// A person's load balancer, served by id.
pub(crate) async fn self_managed() -> World {
    let world = World::start(one(2), 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    let service = guide::service(json!({ MANAGED_BY_USER: "true" }), &[(80, 80)]);
    world.apply(service).unwrap();
    sleep(Duration::from_secs(5)).await;
    annotate_ps(&world, &json!({ ID: "lb-user-0" }));
    settled(&world).await;
    world
}
