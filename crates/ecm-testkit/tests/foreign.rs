//! What a person has on a person's load balancer stays as it is, whatever is edited around it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use ecm_testkit::scenario::guide::{self, ID, MANAGED_BY_USER};
use ecm_testkit::transcript::Side;
use ecm_testkit::world::{Config, World};
use serde_json::{Value, json};
use tokio::time::sleep;

/// How many edits are made.
const EDITS: usize = 1000;

const PREFIX: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";
const POOLS: [(&str, &str, &str); 2] = [
    ("np-heifei", "lb-heifei", "heifei"),
    ("np-chengdu", "lb-chengdu", "chengdu"),
];

/// Listeners and backends that a person has put there, as bytes.
fn foreign(world: &World) -> String {
    let all: Vec<Value> = world
        .view()
        .cloud
        .load_balancers
        .iter()
        .filter(|lb| POOLS.iter().any(|(_, id, _)| *id == lb.id))
        .map(|lb| {
            let listeners = lb.listeners.values();
            let listeners: Vec<_> = listeners.filter(|l| l.port == 9000).collect();
            let backends = lb.backends.iter();
            let backends: Vec<_> = backends.filter(|b| b.weight == 37).collect();
            json!({ "id": lb.id, "name": lb.name, "spec": lb.spec, "active": lb.active, "listeners": listeners, "backends": backends })
        })
        .collect();
    assert_eq!(all.len(), 2);
    json!(all).to_string()
}

/// One edit, as a person, a tool or a mistake makes it. Port 9000 is wanted now and then as well.
fn edit(world: &World, random: &mut fastrand::Rng) {
    let (pool, user, node) = POOLS[random.usize(..2)];
    let ps = format!("cube-svc-{pool}");
    match random.u8(..20) {
        0..=5 => {
            let ports = [
                &[(80, 80)][..],
                &[(80, 80), (9000, 80)],
                &[(443, 80)],
                &[(80, 80), (443, 80)],
            ];
            let managed =
                ["true", "true", "true", "true", "true", "true", "false", ""][random.usize(..8)];
            let managed = if managed.is_empty() {
                Value::Null
            } else {
                json!(managed)
            };
            let annotations = json!({
                MANAGED_BY_USER: managed,
                format!("{PREFIX}scheduler"): (["rr", "wrr", "wlc", "sch", "nonsense"][random.usize(..5)]),
                format!("{PREFIX}backend-weight"): (["base=10", "base=100", "base=55", "base=1", "base"][random.usize(..5)]),
            });
            let mut service = guide::service(annotations, ports[random.usize(..4)]);
            let policy = ["Local", "Cluster"][random.usize(..2)];
            service["spec"]["externalTrafficPolicy"] = json!(policy);
            // A Service that is being deleted may be gone by now.
            let _ = world.apply(service);
        }
        6..=13 => {
            let ids = [
                json!(user),
                json!(user),
                json!("lb-nobody"),
                json!("lb-heifei"),
                Value::Null,
            ];
            let _ = world.apply(json!({
                "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
                "metadata": { "namespace": "default", "name": ps, "annotations": { ID: ids[random.usize(..5)] } },
            }));
        }
        14 | 15 => {
            let label = if random.u8(..3) > 0 {
                json!("cube")
            } else {
                Value::Null
            };
            let network = if random.u8(..4) == 0 {
                "n-nowhere".to_owned()
            } else {
                format!("n-{node}")
            };
            world
                .apply(json!({
                    "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool",
                    "metadata": {
                        "name": pool, "labels": { "k8s-svc": label },
                        "annotations": { "alibabacloud.com/ens-network-id": network },
                    },
                }))
                .unwrap();
        }
        16 | 17 => {
            let status = ["True", "False", "Unknown"][random.usize(..3)];
            let name = format!("{node}-{}", random.u8(1..3));
            world.set_node_ready(&name, status).unwrap();
        }
        18 => world.delete(
            "network.openyurt.io/v1alpha1",
            "PoolService",
            "default",
            &ps,
        ),
        _ => world.delete("v1", "Service", "default", "cube-svc"),
    }
}

#[tokio::test(start_paused = true)]
async fn rule_6_5_a_thousand_edits_leave_what_is_foreign_byte_for_byte() {
    let world = World::without_controllers(Config::default(), 5).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    for (_, id, node) in POOLS {
        world
            .call_cloud(
                "CreateLoadBalancerTCPListener",
                &[
                    ("LoadBalancerId", id),
                    ("ListenerPort", "9000"),
                    ("Description", "mine, leave it"),
                ],
            )
            .unwrap();
        // One of the cluster's own nodes, at a person's weight.
        let servers =
            json!([{ "ServerId": format!("i-{node}-1"), "Type": "ens", "Weight": 37, "Port": 0 }]);
        world
            .call_cloud(
                "AddBackendServers",
                &[
                    ("LoadBalancerId", id),
                    ("BackendServers", &servers.to_string()),
                ],
            )
            .unwrap();
    }
    let before = foreign(&world);
    assert_eq!(before.matches("mine, leave it").count(), 2);
    world.remember_foreign();
    world.start_process();
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..EDITS {
        edit(&world, &mut random);
        sleep(Duration::from_millis(random.u64(..20_000))).await;
    }
    let writes = world
        .transcript()
        .calls()
        .filter(|call| call.is_write && call.side == Side::Cloud && call.answer == "200")
        .filter(|call| POOLS.iter().any(|(_, id, _)| call.detail.contains(id)))
        .count();
    assert!(
        writes > 50,
        "only {writes} writes had to do with a person's load balancer"
    );
    assert_eq!(foreign(&world), before);
    assert_eq!(world.transcript().violations(), Vec::<String>::new());
}
