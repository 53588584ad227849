//! What makes a controller stand still.

use super::*;

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
