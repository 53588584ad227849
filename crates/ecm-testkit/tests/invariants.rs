//! Every invariant can fail: each is shown a world in which it does not hold.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use ecm_testkit::invariants::{Expect, settled};
use ecm_testkit::scenario::{guide, quiet, settle};
use ecm_testkit::world::{Config, World};
use ens_sim::cloud::Protocol;
use serde_json::{Value, json};
use tokio::time::sleep;

fn buy(world: &World) -> String {
    let body = world
        .call_cloud(
            "CreateLoadBalancer",
            &[
                ("EnsRegionId", "cn-hefei"),
                ("LoadBalancerSpec", "elb.s2.small"),
                ("LoadBalancerName", "k8s/cube-svc/default/np-heifei/sandbox"),
                ("NetworkId", "n-heifei"),
                ("VSwitchId", "vsw-heifei-1"),
                ("PayType", "PostPaid"),
            ],
        )
        .unwrap();
    let id = body["LoadBalancerIds"][0].as_str();
    id.or(body["LoadBalancerId"].as_str()).unwrap().to_owned()
}

/// The two pools of the guide without a controller.
fn idle() -> World {
    World::without_controllers(Config::default(), 1).unwrap()
}

/// The guide's Service, served.
async fn serving(config: Config) -> World {
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    assert!(settle(&world, Expect::Serving).await);
    world
}

fn assert_violated(world: &World, invariant: &str) {
    world.step("look");
    let found = world.transcript().violations();
    let is_named = |text: &String| {
        text.contains(&format!("{invariant}: ")) || text.contains(&format!("{invariant} was"))
    };
    assert!(
        found.iter().any(is_named),
        "{invariant} is not in {found:?}"
    );
}

fn ps_with(metadata: &Value, status: Option<Value>) -> Value {
    let mut ps = json!({
        "apiVersion": "network.openyurt.io/v1alpha1",
        "kind": "PoolService",
        "metadata": {
            "namespace": "default",
            "name": "cube-svc-np-heifei",
            "labels": {
                "openyurt.io/service-name": "cube-svc",
                "openyurt.io/pool-name": "np-heifei",
            },
        },
        "spec": { "loadBalancerClass": "alibabacloud.com/elb" },
    });
    for (key, value) in metadata.as_object().unwrap() {
        ps["metadata"][key] = value.clone();
    }
    if let Some(status) = status {
        ps["status"] = status;
    }
    ps
}

#[tokio::test(start_paused = true)]
async fn a_healthy_world_violates_nothing() {
    let world = serving(Config::default()).await;
    assert!(quiet(&world).await);
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn s1_sees_a_second_load_balancer_of_one_name() {
    let world = idle();
    buy(&world);
    buy(&world);
    assert_violated(&world, "S1");
}

#[tokio::test(start_paused = true)]
async fn s2_sees_the_release_of_what_is_in_no_ledger() {
    let world = idle();
    let id = buy(&world);
    sleep(Duration::from_secs(10)).await;
    world
        .call_cloud("ReleaseInstance", &[("InstanceId", &id)])
        .unwrap();
    assert_violated(&world, "S2");
}

#[tokio::test(start_paused = true)]
async fn s2_sees_a_changed_backend_of_a_person() {
    let world = idle();
    let servers = |weight: u32| {
        json!([{ "ServerId": "i-heifei-1", "Type": "ens", "Weight": weight }]).to_string()
    };
    let of = |servers: &str| {
        [("LoadBalancerId", "lb-heifei"), ("BackendServers", servers)]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
    };
    for (action, weight) in [("AddBackendServers", 30), ("SetBackendServers", 40)] {
        let params = of(&servers(weight));
        let params: Vec<(&str, &str)> = params.iter().map(|(k, v)| (&**k, &**v)).collect();
        world.call_cloud(action, &params).unwrap();
        if weight == 30 {
            world.remember_foreign();
        }
    }
    assert_violated(&world, "S2: backend i-heifei-1 of lb-heifei, a person's,");
}

#[tokio::test(start_paused = true)]
async fn s3_sees_a_write_of_a_process_that_does_not_lead() {
    let config = Config {
        knows_whether_it_leads: false,
        ..Config::default()
    };
    let world = serving(config).await;
    world.set_leads(false);
    world
        .apply(guide::service(json!({}), &[(80, 80), (81, 80)]))
        .unwrap();
    sleep(Duration::from_secs(10)).await;
    assert_violated(&world, "S3");
}

#[tokio::test(start_paused = true)]
async fn s3_sees_a_second_replica_that_does_not_wait_for_its_turn() {
    let config = Config {
        replicas: 2,
        knows_whether_it_leads: false,
        ..Config::default()
    };
    let world = serving(config).await;
    // The leader hangs for less time than its Lease lasts.
    world.stand_still(Duration::from_secs(15));
    world
        .apply(guide::service(json!({}), &[(80, 80), (81, 80)]))
        .unwrap();
    sleep(Duration::from_secs(10)).await;
    assert_violated(&world, "S3");
}

#[tokio::test(start_paused = true)]
async fn s4_sees_a_finalizer_that_goes_too_early() {
    let world = serving(Config::default()).await;
    world.kill();
    world
        .apply(ps_with(&json!({ "finalizers": null }), None))
        .unwrap();
    assert_violated(&world, "S4");
}

#[tokio::test(start_paused = true)]
async fn s5_sees_an_address_that_reaches_nobody() {
    let world = idle();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    let ingress = json!([{ "ip": "198.18.0.1" }]);
    let status = json!({ "loadBalancer": { "ingress": ingress } });
    world.apply(ps_with(&json!({}), Some(status))).unwrap();
    assert_violated(&world, "S5");
}

#[tokio::test(start_paused = true)]
async fn s6_sees_a_port_that_stops_serving() {
    let world = serving(Config::default()).await;
    world.watch_for(|monitor| monitor.keep_serving(Protocol::Tcp, 80));
    world.step("look");
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
    world.kill();
    for instance in ["i-heifei-1", "i-heifei-2"] {
        use ens_sim::cloud::InstanceStatus::Stopped;
        world.cloud(|cloud| cloud.set_instance_status(instance, Stopped));
    }
    assert_violated(&world, "S6");
}

#[tokio::test(start_paused = true)]
async fn s6_sees_an_address_that_is_taken_back() {
    let world = serving(Config::default()).await;
    world.watch_for(|monitor| monitor.keep_serving(Protocol::Tcp, 80));
    world.step("look");
    world.kill();
    let nothing = json!({ "loadBalancer": { "ingress": null } });
    world.apply(ps_with(&json!({}), Some(nothing))).unwrap();
    assert_violated(&world, "S6");
}

#[tokio::test(start_paused = true)]
async fn q1_sees_a_backend_that_is_missing() {
    let world = serving(Config::default()).await;
    world.kill();
    world.set_node_ready("heifei-1", "False").unwrap();
    sleep(Duration::from_secs(1)).await;
    let found = world.cloud(|cloud| cloud.clone());
    let found = settled(&world.view(), &found, Expect::Serving);
    assert!(
        found
            .iter()
            .any(|t| t.starts_with("Q1: cube-svc-np-heifei: the backends")),
        "{found:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn q2_sees_what_no_ledger_knows() {
    let world = idle();
    let id = buy(&world);
    let cloud = world.cloud(|cloud| cloud.clone());
    let found = settled(&world.view(), &cloud, Expect::Serving);
    assert_eq!(found, [format!("Q2: load balancer {id} is in no ledger")]);
}

#[tokio::test(start_paused = true)]
async fn q3_sees_writes_that_go_on() {
    let world = serving(Config::default()).await;
    let edits = async {
        for bandwidth in 11_u32.. {
            let key = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-eip-bandwidth";
            let annotations = json!({ key: bandwidth.to_string() });
            world
                .apply(guide::service(annotations, &[(80, 80)]))
                .unwrap();
            sleep(Duration::from_secs(300)).await;
        }
    };
    tokio::select! {
        is_quiet = quiet(&world) => assert!(!is_quiet),
        () = edits => {}
    }
    assert_violated(&world, "Q3");
}

#[tokio::test(start_paused = true)]
async fn q4_sees_reads_that_nothing_asks_for() {
    let world = serving(Config::default()).await;
    let reads = async {
        loop {
            world
                .call_cloud("DescribeLoadBalancers", &[("EnsRegionId", "cn-hefei")])
                .unwrap();
            sleep(Duration::from_secs(10)).await;
        }
    };
    tokio::select! {
        is_quiet = quiet(&world) => assert!(!is_quiet),
        () = reads => {}
    }
    assert_violated(&world, "Q4");
}

#[tokio::test(start_paused = true)]
async fn q5_sees_what_is_stuck_in_its_deletion() {
    let world = idle();
    let mut service = guide::service(json!({}), &[(80, 80)]);
    service["metadata"]["finalizers"] = json!(["example.com/never"]);
    world.apply(service).unwrap();
    world.delete("v1", "Service", "default", "cube-svc");
    let cloud = world.cloud(|cloud| cloud.clone());
    let found = settled(&world.view(), &cloud, Expect::Explained);
    assert!(found[0].starts_with("Q5: "), "{found:?}");
}

#[tokio::test(start_paused = true)]
async fn q6_sees_what_does_not_say_why_it_is_not_ready() {
    let world = idle();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    world.apply(ps_with(&json!({}), None)).unwrap();
    let cloud = world.cloud(|cloud| cloud.clone());
    let found = settled(&world.view(), &cloud, Expect::Explained);
    assert!(
        found
            .iter()
            .any(|text| text.starts_with("Q6: cube-svc-np-heifei")),
        "{found:?}"
    );
}
