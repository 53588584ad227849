//! The user guide, and the mistakes that people make with it, over real connections.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[allow(dead_code, reason = "not every test uses all of it")]
mod common;

use common::{
    CUBE_SVC, CUBE_SVC_SELF_MANAGED, LOAD_BALANCER_ID, PATIENCE, World, has_eip, on_both_clusters,
    placement, pool_service,
};
use ecm_reconciler::clock::Clock;
use ecm_reconciler::leader::{BootClock, Elector, Settings};
use ecm_testkit::sandbox::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, POOLS};
use ens_openapi::api::EnsApi as _;
use ens_openapi::api::listener::{ListenerSpec, TransportProtocol};
use ens_openapi::{Client as EnsClient, Credentials, StaticCredentials};
use ens_sim::cloud::{Fault, FaultPlan};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

on_both_clusters!(
    option_a_makes_one_load_balancer_per_pool_and_leaves_nothing_behind,
    option_b_waits_for_ids_then_serves_and_keeps_the_users_load_balancers,
    a_wrong_key_is_named_and_the_right_one_goes_on_from_there,
    a_misspelt_pool_annotation_is_named_and_the_other_pool_serves,
    a_selector_that_does_not_parse_is_told_and_changes_nothing,
    a_port_that_somebody_uses_on_a_users_load_balancer_is_named_and_left_alone,
    rule_11_1_a_create_that_is_refused_for_good_is_told_and_not_hammered,
    the_lease_goes_from_one_replica_to_the_next_with_the_rights_of_the_manifest,
    what_the_manifest_does_not_grant_is_refused,
);

async fn option_a_makes_one_load_balancer_per_pool_and_leaves_nothing_behind(world: World) {
    let running = world.sandbox.run().await.unwrap();
    world.deploy_and_annotate().await;
    world.apply(CUBE_SVC).await;

    let addresses = world.addresses(2).await;
    assert_eq!(world.managed().len(), 4, "two load balancers and two EIPs");
    for (at, pool) in POOLS.iter().enumerate() {
        let ps = world
            .pool_services()
            .get(&pool_service(pool))
            .await
            .unwrap();
        let ingress = ps.status.unwrap().load_balancer.unwrap().ingress.unwrap();
        let address = ingress[0].ip.clone().unwrap();
        assert!(
            addresses.contains(&address),
            "{address} of pool {at} is on the Service"
        );
        let answer = world.get(&address, 80).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            pool.nodes.iter().any(|node| answer.contains(node)),
            "{answer}"
        );
    }

    world.delete_service().await;
    assert_eq!(world.managed(), Vec::<String>::new());
    let journal = world.sandbox.cloud.journal();
    assert_eq!(journal.leaks().count(), 0, "{journal:#?}");
    assert!(journal.doubles.is_empty(), "{:?}", journal.doubles);
    assert!(
        journal.foreign_touches.is_empty(),
        "{:?}",
        journal.foreign_touches
    );
    running.stop().await.unwrap();
    world.sandbox.shutdown().await;
}

async fn option_b_waits_for_ids_then_serves_and_keeps_the_users_load_balancers(world: World) {
    let running = world.sandbox.run().await.unwrap();
    world.deploy_and_annotate().await;
    world.apply(CUBE_SVC_SELF_MANAGED).await;
    for pool in &POOLS {
        world
            .reason(&pool_service(pool), "Ready", "WaitingForLoadBalancerId")
            .await;
    }
    for pool in &POOLS {
        world
            .annotate_ps(&pool_service(pool), LOAD_BALANCER_ID, pool.load_balancer)
            .await;
    }
    for address in world.addresses(2).await {
        assert!(world.get(&address, 80).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(
        world.managed(),
        Vec::<String>::new(),
        "nothing is made for a user's load balancer"
    );

    world.delete_service().await;
    let snapshot = world.sandbox.cloud.snapshot();
    for pool in &POOLS {
        assert!(
            snapshot
                .load_balancers
                .iter()
                .any(|lb| lb.id == pool.load_balancer)
        );
        assert!(has_eip(&snapshot, pool.load_balancer));
    }
    let journal = world.sandbox.cloud.journal();
    assert!(
        journal.foreign_touches.is_empty(),
        "{:?}",
        journal.foreign_touches
    );
    running.stop().await.unwrap();
    world.sandbox.shutdown().await;
}

async fn a_wrong_key_is_named_and_the_right_one_goes_on_from_there(world: World) {
    world.deploy_and_annotate().await;
    world.apply(CUBE_SVC).await;
    let wrong = Credentials::new("nobody", ACCESS_KEY_SECRET);
    let running = world.sandbox.run_with(wrong).await.unwrap();
    let message = world
        .reason(&pool_service(&POOLS[0]), "Ready", "AccessDenied")
        .await;
    assert!(message.contains("InvalidAccessKeyId"), "{message}");
    assert!(message.contains("RequestId"), "{message}");
    assert!(!message.contains(ACCESS_KEY_SECRET), "{message}");
    running.stop().await.unwrap();

    let running = world.sandbox.run().await.unwrap();
    world.addresses(2).await;
    world.delete_service().await;
    assert_eq!(world.managed(), Vec::<String>::new());
    running.stop().await.unwrap();
    world.sandbox.shutdown().await;
}

async fn a_misspelt_pool_annotation_is_named_and_the_other_pool_serves(world: World) {
    let running = world.sandbox.run().await.unwrap();
    world.deploy_and_annotate().await;
    let misspelt = json!({
        "alibabacloud.com/ens-region-id": null,
        "alibabacloud.com/ens-regoin-id": POOLS[0].region,
    });
    world.annotate_pool(&POOLS[0], misspelt).await;
    world.apply(CUBE_SVC).await;
    let message = world
        .reason(&pool_service(&POOLS[0]), "Accepted", "PlacementMissing")
        .await;
    assert!(
        message.contains("alibabacloud.com/ens-region-id"),
        "{message}"
    );
    assert!(
        message.contains("alibabacloud.com/ens-regoin-id"),
        "{message}"
    );
    assert_eq!(world.addresses(1).await.len(), 1, "the other pool goes on");

    world.annotate_pool(&POOLS[0], placement(&POOLS[0])).await;
    let both = world.addresses(2).await;

    // What stands needs the annotations no more: losing one is told, and nothing is lost.
    let lost = json!({ "alibabacloud.com/ens-region-id": null });
    world.annotate_pool(&POOLS[0], lost).await;
    world
        .reason(&pool_service(&POOLS[0]), "Accepted", "PlacementMissing")
        .await;
    assert_eq!(world.addresses(2).await, both);
    for address in &both {
        assert!(world.get(address, 80).await.starts_with("HTTP/1.1 200"));
    }
    running.stop().await.unwrap();
    world.sandbox.shutdown().await;
}

async fn a_selector_that_does_not_parse_is_told_and_changes_nothing(world: World) {
    let running = world.sandbox.run().await.unwrap();
    world.deploy_and_annotate().await;
    world.apply(CUBE_SVC).await;
    let before = world.addresses(2).await;
    world
        .annotate_service(
            "service.openyurt.io/nodepool-labelselector",
            "k8s-svc in (cube",
        )
        .await;
    let note = world.event("InvalidNodePoolSelector").await;
    assert!(note.contains("k8s-svc in (cube"), "{note}");
    assert_eq!(world.addresses(2).await, before);
    assert_eq!(world.managed().len(), 4);
    running.stop().await.unwrap();
    world.sandbox.shutdown().await;
}

async fn a_port_that_somebody_uses_on_a_users_load_balancer_is_named_and_left_alone(world: World) {
    let users = EnsClient::builder(StaticCredentials::new(Credentials::new(
        ACCESS_KEY_ID,
        ACCESS_KEY_SECRET,
    )))
    .endpoint(world.sandbox.cloud.endpoint())
    .build()
    .unwrap();
    let mut theirs = ListenerSpec::new(POOLS[0].load_balancer, TransportProtocol::Tcp, 80);
    theirs.backend_port = Some(8080);
    theirs.description = Some("my own listener".to_owned());
    users.create_listener(&theirs).await.unwrap();

    let running = world.sandbox.run().await.unwrap();
    world.deploy_and_annotate().await;
    world.apply(CUBE_SVC_SELF_MANAGED).await;
    let ps = pool_service(&POOLS[0]);
    world.reason(&ps, "Ready", "WaitingForLoadBalancerId").await;
    world
        .annotate_ps(&ps, LOAD_BALANCER_ID, POOLS[0].load_balancer)
        .await;
    let message = world
        .reason(&ps, "ListenersReady", "ListenerConflict")
        .await;
    assert!(
        message.contains("port 80") && message.contains("my own listener"),
        "{message}"
    );
    let read = users
        .describe_listener(POOLS[0].load_balancer, TransportProtocol::Tcp, 80)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(read.description.as_deref(), Some("my own listener"));
    assert_eq!(read.backend_server_port, Some(8080));
    running.stop().await.unwrap();
    world.sandbox.shutdown().await;
}

async fn rule_11_1_a_create_that_is_refused_for_good_is_told_and_not_hammered(world: World) {
    let refused = (1..=100).fold(FaultPlan::default(), |plan, nth| {
        plan.at("CreateLoadBalancer", nth, Fault::no_permission())
    });
    world
        .sandbox
        .cloud
        .with_cloud(|cloud| cloud.config_mut().faults = refused);
    let running = world.sandbox.run().await.unwrap();
    world.deploy_and_annotate().await;
    world.apply(CUBE_SVC).await;
    for pool in &POOLS {
        let message = world
            .reason(&pool_service(pool), "LoadBalancerReady", "AccessDenied")
            .await;
        assert!(message.contains("NoPermission"), "{message}");
    }
    world.event("AccessDenied").await;
    // Once at first, and once more because the finalizer on the PoolService was a change.
    let calls = world.sandbox.cloud.journal().count("CreateLoadBalancer");
    assert!(
        (2..=4).contains(&calls),
        "{calls} creates for two PoolServices"
    );
    world.delete_service().await;
    assert_eq!(world.managed(), Vec::<String>::new());
    let calls = world.sandbox.cloud.journal().count("CreateLoadBalancer");
    assert!(calls <= 4, "{calls} creates for two PoolServices");
    running.stop().await.unwrap();
    world.sandbox.shutdown().await;
}

async fn the_lease_goes_from_one_replica_to_the_next_with_the_rights_of_the_manifest(world: World) {
    for replica in ["one", "two"] {
        let client = world.sandbox.controllers_client().await.unwrap();
        let settings = Settings::new("kube-system", "edge-controller-manager-elb", replica);
        let (elector, leadership) =
            Elector::new(client, settings, BootClock, Clock::system(), || 0.5).unwrap();
        let release = CancellationToken::new();
        let election = tokio::spawn(elector.run(release.clone()));
        let held = timeout(PATIENCE, leadership.held()).await;
        held.unwrap_or_else(|_| panic!("replica {replica} does not get the Lease"));
        release.cancel();
        election.await.unwrap().unwrap();
    }
    world.sandbox.shutdown().await;
}

async fn what_the_manifest_does_not_grant_is_refused(world: World) {
    let client = world.sandbox.controllers_client().await.unwrap();
    let secrets: Api<Secret> = Api::namespaced(client, "default");
    let refused = secrets.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&refused, kube::Error::Api(status) if status.is_forbidden()),
        "{refused}"
    );
    world.sandbox.shutdown().await;
}
