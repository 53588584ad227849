//! Traffic that goes wrong.

use super::*;

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

/// Another Service of the same pool, with a port of its own, on the same load balancer of a person's.
fn neighbour(selector: &str) -> Value {
    let mut service = guide::service(json!({ MANAGED_BY_USER: "true" }), &[(8080, 80)]);
    service["metadata"]["name"] = json!("neighbour");
    service["spec"]["selector"] = json!({ "app": selector });
    service["spec"]["externalTrafficPolicy"] = json!("Cluster");
    service
}

#[tokio::test(start_paused = true)]
async fn pitfall_08_who_shares_a_load_balancer_leaves_the_servers_of_the_others() {
    let world = World::without_controllers(one(2), 1).unwrap();
    let interface =
        json!([{ "ServerId": "eni-1", "Type": "eni", "Ip": "10.8.1.200", "Weight": 50 }]);
    let add = [
        ("LoadBalancerId", "lb-user-0"),
        ("BackendServers", &interface.to_string()),
    ];
    world.call_cloud("AddBackendServers", &add).unwrap();
    world.remember_foreign();
    world.start_process();
    world.apply(guide::daemon_set()).unwrap();
    let mut service = guide::service(json!({ MANAGED_BY_USER: "true" }), &[(80, 80)]);
    service["spec"]["externalTrafficPolicy"] = json!("Cluster");
    world.apply(service).unwrap();
    world.apply(neighbour("cube")).unwrap();
    sleep(Duration::from_secs(5)).await;
    for name in [PS, "neighbour-np-0"] {
        let annotations = json!({ ID: "lb-user-0" });
        world
            .apply(json!({
                "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
                "metadata": { "namespace": "default", "name": name, "annotations": annotations },
            }))
            .unwrap();
    }
    settled(&world).await;
    let servers = || {
        let all = world.view().cloud.load_balancers;
        let lb = all.into_iter().find(|lb| lb.id == "lb-user-0").unwrap();
        let mut ids: Vec<String> = lb.backends.into_iter().map(|s| s.server_id).collect();
        ids.sort();
        ids
    };
    let all = ["eni-1", "i-node-0-0", "i-node-0-1"];
    assert_eq!(servers(), all);
    // The neighbour has no endpoint any more, and then it goes.
    world.apply(neighbour("nobody")).unwrap();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(servers(), all);
    world.delete("v1", "Service", "default", "neighbour");
    settled(&world).await;
    sleep(Duration::from_secs(400)).await;
    assert_eq!(servers(), all);
    let transcript = world.transcript();
    let removed = transcript
        .calls()
        .filter(|call| call.verb == "RemoveBackendServers");
    assert_eq!(removed.count(), 0);
    assert_eq!(transcript.violations(), Vec::<String>::new());
}
