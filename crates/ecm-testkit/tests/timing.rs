//! How long it takes until traffic arrives, on a cloud whose load balancers take 8 s, EIPs 5 s,
//! bindings 3 s and listeners 1 s, and with the local limit on calls per second.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use ecm_testkit::scenario::guide;
use ecm_testkit::world::{Config, Topology, World};
use ens_sim::cloud::Latency;
use serde_json::json;
use tokio::time::sleep;

/// From ELB Active (8 s; the EIP is ready before) to the EIP bound (3 s; the listener runs before).
const PATH: Duration = Duration::from_secs(8 + 3);

/// The time from the creation of a Service to the last of `pools` addresses on it.
async fn time_to_publish(pools: u8, per_region: u8) -> Duration {
    let config = Config {
        topology: Topology::uniform(pools, per_region, 2),
        latency: Latency::real(),
        check_always: pools < 10,
        ..Config::default()
    };
    let world = World::start(config, 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    sleep(Duration::from_secs(5)).await;
    let begun = world.clock().elapsed();
    world.apply(guide::service(json!({}), &[(80, 80)])).unwrap();
    loop {
        sleep(Duration::from_millis(50)).await;
        let service = world
            .cluster()
            .get("v1", "Service", "default", "cube-svc")
            .unwrap();
        let ingress = service["status"]["loadBalancer"]["ingress"].as_array();
        let took = world.clock().elapsed().saturating_sub(begun);
        if ingress.is_some_and(|all| all.len() == usize::from(pools)) {
            return took;
        }
        assert!(
            took < Duration::from_secs(600),
            "{} of {pools} after {took:?}",
            ingress.map_or(0, Vec::len)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_pool_is_served_two_seconds_after_the_cloud_could() {
    let took = time_to_publish(1, 1).await;
    println!("one pool: {took:?}");
    assert!(took <= PATH + Duration::from_secs(2), "{took:?}");
}

// pitfall_20: more of them than there are workers
#[tokio::test(start_paused = true)]
async fn fifty_pools_are_served_five_seconds_after_the_cloud_could() {
    // Half of the published 5 CreateLoadBalancer a second, one of them at once.
    let creates = Duration::from_secs_f64(49.0 / 2.5);
    for per_region in [50, 5] {
        let took = time_to_publish(50, per_region).await;
        println!("fifty pools, {per_region} per region: {took:?}");
        assert!(took <= PATH + creates + Duration::from_secs(5), "{took:?}");
    }
}
