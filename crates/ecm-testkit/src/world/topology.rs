//! Which pools, nodes and load balancers of a person's a world begins with.

use std::net::Ipv4Addr;

use poolservice_api::keys;
use serde_json::{Value, json};

use crate::node::{instance_of, node};
use crate::sandbox::POOLS;

/// Node pools, each with a region, a network and a vSwitch of its own.
#[derive(Debug, Clone)]
pub struct Topology {
    /// The pools.
    pub pools: Vec<Pool>,
}

/// One node pool with what the cloud has for it.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Name of the NodePool.
    pub name: String,
    /// ENS region.
    pub region: String,
    /// Network in it.
    pub network: String,
    /// vSwitch of the network.
    pub vswitch: String,
    /// Nodes, each on the ENS instance `i-<node>`.
    pub nodes: Vec<String>,
    /// A person's load balancer in that network; its EIP is `eip-<name>`.
    pub load_balancer: String,
}

impl Topology {
    /// The two pools of the user guide.
    pub fn guide() -> Self {
        let pools = POOLS.iter().map(|pool| Pool {
            name: pool.name.to_owned(),
            region: pool.region.to_owned(),
            network: pool.network.to_owned(),
            vswitch: pool.vswitches[0].to_owned(),
            nodes: pool.nodes.iter().map(|node| (*node).to_owned()).collect(),
            load_balancer: pool.load_balancer.to_owned(),
        });
        Self {
            pools: pools.collect(),
        }
    }

    /// `pools` pools of `nodes` nodes each, `per_region` pools in each region. At most 200 pools,
    /// and 250 nodes in each.
    pub fn uniform(pools: u8, per_region: u8, nodes: u8) -> Self {
        let pool = |n: u8| Pool {
            name: format!("np-{n}"),
            region: format!("cn-region-{}", n / per_region.max(1)),
            network: format!("n-{n}"),
            vswitch: format!("vsw-{n}"),
            nodes: (0..nodes).map(|node| format!("node-{n}-{node}")).collect(),
            load_balancer: format!("lb-user-{n}"),
        };
        Self {
            pools: (0..pools).map(pool).collect(),
        }
    }

    /// The cloud of these pools: every instance runs, every load balancer is Active with an EIP.
    pub(super) fn cloud(&self) -> ens_sim::cloud::World {
        let mut world = ens_sim::cloud::World::new();
        let mut regions: Vec<&str> = Vec::new();
        for (pool, second) in self.pools.iter().zip(8_u8..) {
            if !regions.contains(&pool.region.as_str()) {
                regions.push(&pool.region);
                world = world.region(&pool.region, &pool.region);
            }
            world = world
                .network(&pool.network, &pool.region, &format!("10.{second}.0.0/16"))
                .vswitch(
                    &pool.vswitch,
                    &pool.network,
                    Ipv4Addr::new(10, second, 1, 0),
                );
            for node in &pool.nodes {
                world = world.instance(&instance_of(node), node, &pool.vswitch);
            }
            let eip = format!("eip-{}", pool.name);
            let name = format!("user-{}", pool.name);
            world = world.user_load_balancer(&pool.load_balancer, &name, &pool.vswitch, Some(&eip));
        }
        world
    }

    /// NodePools, annotated with their placement and labelled `k8s-svc=cube`, and their nodes.
    pub fn objects(&self) -> Vec<Value> {
        let of_pool = |pool: &Pool| {
            let nodes = pool.nodes.iter().map(|name| node(name, &pool.name));
            std::iter::once(node_pool(pool))
                .chain(nodes)
                .collect::<Vec<_>>()
        };
        self.pools.iter().flat_map(of_pool).collect()
    }
}

fn node_pool(pool: &Pool) -> Value {
    json!({
        "apiVersion": "apps.openyurt.io/v1beta2",
        "kind": "NodePool",
        "metadata": {
            "name": pool.name,
            "labels": { "nodepool.openyurt.io/type": "edge", "k8s-svc": "cube" },
            "annotations": {
                keys::ENS_REGION_ID: pool.region,
                keys::ENS_NETWORK_ID: pool.network,
                keys::ENS_VSWITCH_ID: pool.vswitch,
            },
        },
        "spec": { "type": "Edge" },
    })
}
