//! Mistakes that controllers of load balancers make, and that this one must not. The numbers are those
//! of the list that the project was designed against; a number that is missing has its tests elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

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

const PREFIX: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";
const PS: &str = "cube-svc-np-0";

/// One pool.
fn one(nodes: u8) -> Config {
    Config {
        topology: Topology::uniform(1, 1, nodes),
        ..Config::default()
    }
}

fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// A world with the guide's DaemonSet and this Service, served.
async fn serving(config: Config, service: Value) -> World {
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(service).unwrap();
    settled(&world).await;
    world
}

async fn settled(world: &World) {
    let is_settled = settle(world, Expect::Serving).await;
    assert!(is_settled, "{:#?}", world.transcript().violations());
}

/// Nothing went wrong, and nothing of the controller's is left.
async fn ends_clean(world: &World) {
    settled(world).await;
    assert!(quiet(world).await, "{:#?}", world.transcript().violations());
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
    let leaks = world.cloud(|cloud| cloud.journal().leaks().count());
    assert_eq!(leaks, 0);
}

fn annotate_ps(world: &World, annotations: &Value) {
    world
        .apply(json!({
            "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
            "metadata": { "namespace": "default", "name": PS, "annotations": annotations },
        }))
        .unwrap();
}

fn condition(world: &World, ps: &str, kind: &str) -> (String, String) {
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

fn addresses(world: &World, kind: &str, name: &str) -> Vec<String> {
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
fn made(world: &World) -> LoadBalancer {
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

fn delete_service(world: &World) {
    world.delete("v1", "Service", "default", "cube-svc");
}

/// A person's load balancer, served by id.
async fn self_managed() -> World {
    let world = World::start(one(2), 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    let service = guide::service(json!({ MANAGED_BY_USER: "true" }), &[(80, 80)]);
    world.apply(service).unwrap();
    sleep(Duration::from_secs(5)).await;
    annotate_ps(&world, &json!({ ID: "lb-user-0" }));
    settled(&world).await;
    world
}

#[tokio::test(start_paused = true)]
async fn pitfall_01_a_persons_load_balancer_outlives_the_annotation_that_said_so() {
    for edit in [json!(null), json!("false")] {
        let world = self_managed().await;
        world
            .apply(guide::service(
                json!({ MANAGED_BY_USER: edit }),
                &[(80, 80)],
            ))
            .unwrap();
        sleep(Duration::from_secs(60)).await;
        delete_service(&world);
        ends_clean(&world).await;
        let view = world.view();
        assert!(
            view.cloud
                .load_balancers
                .iter()
                .any(|lb| lb.id == "lb-user-0")
        );
        assert!(view.cloud.eips.iter().any(|eip| eip.id == "eip-np-0"));
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_02_parents_that_are_gone_do_not_keep_a_pool_service_for_ever() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    world.delete("apps.openyurt.io/v1beta2", "NodePool", "", "np-0");
    delete_service(&world);
    for node in ["node-0-0", "node-0-1"] {
        world.delete("v1", "Node", "", node);
    }
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_03_what_is_beyond_the_first_page_is_found() {
    let config = Config {
        topology: Topology::uniform(12, 12, 1),
        ..Config::default()
    };
    let world = serving(config, guide::service(json!({}), &[(80, 80)])).await;
    world.restart().await;
    sleep(Duration::from_secs(60)).await;
    settled(&world).await;
    let purchases = world.cloud(|cloud| cloud.journal().purchases.len());
    assert_eq!(purchases, 24, "12 load balancers and 12 EIPs");
    let world = serving(one(25), guide::service(json!({}), &[(80, 80)])).await;
    assert_eq!(made(&world).backends.len(), 25);
}

/// The number of the first call of an action in the guide's scenario.
fn first(run: &Run, action: &str) -> u64 {
    let is_it = |call: &&Call| call.verb == action;
    run.transcript.calls().find(is_it).unwrap().number
}

#[test]
fn pitfall_04_a_create_whose_answer_is_lost_is_not_made_twice() {
    let scenario = guide::auto_managed();
    let run = sweep::play(&scenario, 4, &[]).unwrap();
    for action in ["CreateLoadBalancer", "CreateEipInstance"] {
        for trouble in [
            CloudTrouble::LosesAnswer,
            CloudTrouble::AnswersLate,
            CloudTrouble::ActsLate,
        ] {
            let trouble = (first(&run, action), Trouble::Cloud(trouble));
            let run = sweep::play(&scenario, 4, &[trouble]).unwrap();
            assert_eq!(
                run.violations(),
                Vec::<String>::new(),
                "{action}: {trouble:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_05_names_that_differ_at_the_end_only_are_different_load_balancers() {
    let world = World::start(one(2), 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    let stem = "s".repeat(55);
    for end in ["one", "two"] {
        let mut service = guide::service(json!({}), &[(if end == "one" { 80 } else { 81 }, 80)]);
        service["metadata"]["name"] = json!(format!("{stem}-{end}"));
        world.apply(service).unwrap();
    }
    settled(&world).await;
    let view = world.view();
    let ids: Vec<&str> = view
        .cloud
        .load_balancers
        .iter()
        .filter(|lb| lb.name.starts_with("k8s/"))
        .map(|lb| lb.id.as_str())
        .collect();
    assert_eq!(ids.len(), 2);
    world.delete("v1", "Service", "default", &format!("{stem}-one"));
    settled(&world).await;
    assert!(
        made(&world).name.contains("two"),
        "the other one goes on: {}",
        made(&world).name
    );
}

#[tokio::test(start_paused = true)]
async fn pitfall_06_turning_to_a_persons_load_balancer_abandons_nothing() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let before = addresses(&world, "Service", "cube-svc");
    world
        .apply(guide::service(
            json!({ MANAGED_BY_USER: "true" }),
            &[(80, 80)],
        ))
        .unwrap();
    annotate_ps(&world, &json!({ ID: "lb-user-0" }));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(condition(&world, PS, "InSync").0, "ImmutableSetting");
    assert_eq!(addresses(&world, "Service", "cube-svc"), before);
    delete_service(&world);
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_07_the_eip_is_unbound_first_and_released_even_where_the_load_balancer_is_gone() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    delete_service(&world);
    ends_clean(&world).await;
    let order: Vec<String> = world
        .transcript()
        .calls()
        .filter(|call| call.is_write && call.answer == "200")
        .map(|call| call.verb.clone())
        .collect();
    let at = |action: &str| order.iter().position(|verb| verb == action);
    assert!(
        at("UnAssociateEnsEipAddress").is_some_and(|unbound| Some(unbound) < at("DeleteEip")),
        "{order:?}"
    );

    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let (id, now) = (made(&world).id, world.clock().cloud());
    world.cloud(|cloud| cloud.vanish(&id, now));
    delete_service(&world);
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_09_every_change_that_matters_is_noticed() {
    let world = serving(one(3), guide::service(json!({}), &[(80, 80)])).await;
    let within = |what: &'static str| {
        let world = &world;
        async move {
            let begun = world.clock().elapsed();
            settled(world).await;
            let took = world.clock().elapsed().saturating_sub(begun);
            assert!(took < Duration::from_secs(10), "{what} took {took:?}");
        }
    };
    world.set_node_ready("node-0-0", "False").unwrap();
    within("a node that is not ready").await;
    let mut service = guide::service(json!({}), &[(80, 80)]);
    service["spec"]["externalTrafficPolicy"] = json!("Cluster");
    world.apply(service).unwrap();
    within("another policy").await;
    world.set_node_ready("node-0-0", "True").unwrap();
    within("a node that is ready again").await;
    world
        .apply(json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": "node-0-1", "labels": { "node.kubernetes.io/exclude-from-external-load-balancers": "" } },
        }))
        .unwrap();
    within("a node that is taken out by label").await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_10_a_listener_setting_is_changed_after_creation_and_then_left_alone() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let annotations = json!({ key("scheduler"): "wrr", key("healthy-threshold"): "5", key("health-check-connect-timeout"): "1" });
    world
        .apply(guide::service(annotations, &[(80, 80)]))
        .unwrap();
    sleep(Duration::from_secs(20)).await;
    let lb = made(&world);
    let listener = lb.listeners.values().next().unwrap();
    assert_eq!(listener.text("Scheduler"), "wrr");
    assert_eq!(listener.number("HealthyThreshold"), Some(5));
    assert!(
        quiet(&world).await,
        "{:#?}",
        world.transcript().violations()
    );
}

#[tokio::test(start_paused = true)]
async fn pitfall_11_backends_are_added_before_others_are_removed() {
    let world = World::start(one(4), 1).unwrap();
    for node in ["node-0-2", "node-0-3"] {
        world.set_node_ready(node, "False").unwrap();
    }
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    settled(&world).await;
    world.watch_for(|monitor| monitor.keep_serving(Protocol::Tcp, 80));
    // Nodes and endpoints arrive by different watches. While the Service is paused all of them do, so that one sync
    // sees the whole exchange.
    let paused = |value: &str| {
        let annotations = json!({ "ecm.alibabacloud.com/paused": value });
        guide::service(annotations, &[(80, 80)])
    };
    world.apply(paused("true")).unwrap();
    sleep(Duration::from_secs(5)).await;
    for (node, ready) in [
        ("node-0-2", "True"),
        ("node-0-3", "True"),
        ("node-0-0", "False"),
        ("node-0-1", "False"),
    ] {
        world.set_node_ready(node, ready).unwrap();
    }
    sleep(Duration::from_secs(5)).await;
    world.apply(paused("false")).unwrap();
    settled(&world).await;
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
    let transcript = world.transcript();
    let last = |verb: &str| {
        transcript
            .calls()
            .filter(|c| c.verb == verb)
            .last()
            .map(|c| c.number)
    };
    assert!(
        last("AddBackendServers").is_some_and(|added| Some(added) < last("RemoveBackendServers"))
    );
}

#[tokio::test(start_paused = true)]
async fn pitfall_12_the_listener_has_the_services_port_and_goes_to_the_node_port() {
    let world = serving(one(2), guide::service(json!({}), &[(8080, 80)])).await;
    let lb = made(&world);
    let listener = lb.listeners.values().next().unwrap();
    assert_eq!((listener.port, listener.backend_port()), (8080, 32_546));
}

#[tokio::test(start_paused = true)]
async fn pitfall_13_from_internet_to_intranet_is_refused_and_serves_on() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let before = addresses(&world, "Service", "cube-svc");
    let annotations = json!({ key("address-type"): "intranet" });
    world
        .apply(guide::service(annotations, &[(80, 80)]))
        .unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(condition(&world, PS, "InSync").0, "ImmutableSetting");
    assert_eq!(addresses(&world, "Service", "cube-svc"), before);
    assert!(
        quiet(&world).await,
        "{:#?}",
        world.transcript().violations()
    );
}

#[tokio::test(start_paused = true)]
async fn pitfall_14_an_address_that_is_still_being_bound_is_not_published() {
    let mut config = one(2);
    config.latency.eip_bind = Duration::from_secs(120);
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    sleep(Duration::from_secs(100)).await;
    assert_eq!(addresses(&world, "PoolService", PS), Vec::<String>::new());
    settled(&world).await;
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn pitfall_15_an_eip_that_somebody_bound_elsewhere_is_neither_published_nor_moved() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let eip = world
        .view()
        .cloud
        .eips
        .into_iter()
        .find(|eip| eip.name.starts_with("k8s/"))
        .unwrap();
    world
        .call_cloud("UnAssociateEnsEipAddress", &[("AllocationId", &eip.id)])
        .unwrap();
    sleep(Duration::from_secs(4)).await;
    world
        .call_cloud("UnAssociateEnsEipAddress", &[("AllocationId", "eip-np-0")])
        .unwrap();
    sleep(Duration::from_secs(4)).await;
    // The controller may have bound it again meanwhile: a person insists.
    world.stop().await;
    let now = world
        .view()
        .cloud
        .eips
        .into_iter()
        .find(|e| e.id == eip.id)
        .unwrap();
    if now.binding.is_some() {
        sleep(Duration::from_secs(4)).await;
        world
            .call_cloud("UnAssociateEnsEipAddress", &[("AllocationId", &eip.id)])
            .unwrap();
        sleep(Duration::from_secs(4)).await;
    }
    let bind = [
        ("AllocationId", eip.id.as_str()),
        ("InstanceId", "lb-user-0"),
        ("InstanceType", "SlbInstance"),
    ];
    world.call_cloud("AssociateEnsEipAddress", &bind).unwrap();
    sleep(Duration::from_secs(4)).await;
    world.start_process();
    sleep(Duration::from_secs(400)).await;
    assert_eq!(condition(&world, PS, "AddressReady").0, "EipBoundElsewhere");
    assert_eq!(addresses(&world, "PoolService", PS), Vec::<String>::new());
    let after = world
        .view()
        .cloud
        .eips
        .into_iter()
        .find(|e| e.id == eip.id)
        .unwrap();
    assert_eq!(after.binding.unwrap().instance_id, "lb-user-0");
}

#[tokio::test(start_paused = true)]
async fn pitfall_16_odd_objects_end_no_process_and_stop_nobody_else() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    world
        .apply(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": { "namespace": "default", "name": "odd", "labels": { "kubernetes.io/service-name": "cube-svc" } },
            "addressType": "IPv4",
            "endpoints": [{ "addresses": ["10.244.9.9"], "conditions": { "ready": true } }],
            "ports": [],
        }))
        .unwrap();
    let mut classless = guide::service(json!({}), &[(81, 80)]);
    classless["metadata"]["name"] = json!("classless");
    classless["spec"]
        .as_object_mut()
        .unwrap()
        .remove("loadBalancerClass");
    world.apply(classless).unwrap();
    let mut odd = guide::service(json!({ key("backend-weight"): "base" }), &[(82, 80)]);
    odd["metadata"]["name"] = json!("odd");
    world.apply(odd).unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(
        condition(&world, "odd-np-0", "Accepted").0,
        "InvalidAnnotation"
    );
    world
        .apply(guide::service(json!({}), &[(80, 80), (443, 80)]))
        .unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(made(&world).listeners.len(), 2);
    let has_ended = world.transcript().to_string().contains("process 1 ends");
    assert!(!has_ended);
}

#[tokio::test(start_paused = true)]
async fn pitfall_17_long_names_get_their_listeners() {
    let mut service = guide::service(json!({}), &[(80, 80)]);
    service["metadata"]["name"] = json!("s".repeat(58));
    let world = serving(one(2), service).await;
    assert_eq!(made(&world).listeners.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn pitfall_18_a_backend_label_may_have_a_prefix() {
    let world = World::start(one(2), 1).unwrap();
    world
        .apply(json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": { "name": "node-0-1", "labels": { "example.com/tier": "edge" } },
        }))
        .unwrap();
    world.apply(guide::daemon_set()).unwrap();
    let annotations = json!({ key("backend-label"): "example.com/tier=edge" });
    world
        .apply(guide::service(annotations, &[(80, 80)]))
        .unwrap();
    sleep(Duration::from_secs(30)).await;
    let servers: Vec<String> = made(&world)
        .backends
        .into_iter()
        .map(|b| b.server_id)
        .collect();
    assert_eq!(servers, ["i-node-0-1"]);
}

#[tokio::test(start_paused = true)]
async fn pitfall_19_session_persistence_with_the_cluster_policy_is_served() {
    let mut service = guide::service(json!({ key("persistence-timeout"): "60" }), &[(80, 80)]);
    service["spec"]["externalTrafficPolicy"] = json!("Cluster");
    let world = serving(one(2), service).await;
    assert_eq!(
        made(&world)
            .listeners
            .values()
            .next()
            .unwrap()
            .number("PersistenceTimeout"),
        Some(60)
    );
}

#[tokio::test(start_paused = true)]
async fn pitfall_21_a_storm_of_nodes_is_a_handful_of_calls() {
    let world = serving(one(30), guide::service(json!({}), &[(80, 80)])).await;
    sleep(Duration::from_secs(60)).await;
    let before = world.cloud(|cloud| cloud.journal().total());
    for round in 0..10 {
        for node in 1..30 {
            let status = if (round + node) % 2 == 0 {
                "True"
            } else {
                "False"
            };
            world
                .set_node_ready(&format!("node-0-{node}"), status)
                .unwrap();
        }
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(60)).await;
    settled(&world).await;
    let calls = world.cloud(|cloud| cloud.journal().total()) - before;
    assert!(calls < 120, "290 changes of nodes led to {calls} calls");
}

#[tokio::test(start_paused = true)]
async fn pitfall_22_deleting_needs_nothing_that_creating_needed() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    world
        .apply(json!({
            "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool",
            "metadata": { "name": "np-0", "annotations": {
                "alibabacloud.com/ens-region-id": null, "alibabacloud.com/ens-network-id": "n-nowhere",
            }},
        }))
        .unwrap();
    annotate_ps(&world, &json!({ key("scheduler"): "nonsense" }));
    sleep(Duration::from_secs(10)).await;
    delete_service(&world);
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_23_a_service_that_waits_for_an_id_can_be_deleted() {
    let world = World::start(one(2), 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world
        .apply(guide::service(
            json!({ MANAGED_BY_USER: "true" }),
            &[(80, 80)],
        ))
        .unwrap();
    sleep(Duration::from_secs(20)).await;
    assert_eq!(condition(&world, PS, "Ready").0, "WaitingForLoadBalancerId");
    delete_service(&world);
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_25_what_a_person_changed_in_the_console_is_put_right() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let id = made(&world).id;
    world
        .call_cloud(
            "StopLoadBalancerListener",
            &[
                ("LoadBalancerId", &id),
                ("ListenerPort", "80"),
                ("ListenerProtocol", "tcp"),
            ],
        )
        .unwrap();
    sleep(Duration::from_secs(35 * 60)).await;
    settled(&world).await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_26_a_process_that_leads_no_more_writes_nothing() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    world.set_leads(false);
    let is_cloud_write =
        |call: &&Call| call.is_write && call.side == ecm_testkit::transcript::Side::Cloud;
    let before = world.transcript().calls().filter(is_cloud_write).count();
    world
        .apply(guide::service(json!({}), &[(80, 80), (443, 80)]))
        .unwrap();
    sleep(Duration::from_secs(120)).await;
    assert_eq!(
        world.transcript().calls().filter(is_cloud_write).count(),
        before
    );
    world.set_leads(true);
    settled(&world).await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_28_what_others_write_into_a_status_stays() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let foreign = json!({
        "type": "example.com/Audited", "status": "True", "reason": "Seen", "message": "by audit",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let mut ps = world.view().pool_services.remove(0);
    ps["status"]["conditions"]
        .as_array_mut()
        .unwrap()
        .push(foreign);
    let status = ps["status"].clone();
    world
        .apply(json!({
            "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
            "metadata": { "namespace": "default", "name": PS }, "status": status,
        }))
        .unwrap();
    let mut service = guide::service(json!({}), &[(80, 80), (443, 80)]);
    service["metadata"]["annotations"]["example.com/note"] = json!("mine");
    world.apply(service).unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(condition(&world, PS, "example.com/Audited").0, "Seen");
}
