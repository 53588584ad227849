//! A simulated cluster and a simulated cloud that know each other's nodes, behind real sockets.
//!
//! It starts with what the user guide takes for granted: two node pools in two regions with two
//! nodes each, not yet annotated or labelled, and one load balancer of the user's in each region.

use std::net::{Ipv4Addr, SocketAddr};

use ens_sim::cloud::{Latency, World};
use ens_sim::{InstanceAddressError, Simulator, StartError};
use kube_sim::Cluster;
use serde_json::{Value, json};
use thiserror::Error;

use crate::node::{instance_of, node};

/// Id of the AccessKey that the simulated cloud knows.
pub const ACCESS_KEY_ID: &str = "testid";

/// Its secret.
pub const ACCESS_KEY_SECRET: &str = "testsecret";

/// The cluster id that names in the sandbox bear.
pub const CLUSTER_ID: &str = "sandbox";

/// One node pool with what ENS knows about it.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// Name of the NodePool.
    pub name: &'static str,
    /// ENS region.
    pub region: &'static str,
    /// Network in it.
    pub network: &'static str,
    /// vSwitches of the network.
    pub vswitches: [&'static str; 2],
    /// Nodes, each on the ENS instance `i-<node>`.
    pub nodes: [&'static str; 2],
    /// The user's load balancer in that network.
    pub load_balancer: &'static str,
}

/// The pools of the user guide. `heifei` is the guide's own spelling.
pub const POOLS: [Pool; 2] = [
    Pool {
        name: "np-heifei",
        region: "cn-hefei",
        network: "n-heifei",
        vswitches: ["vsw-heifei-1", "vsw-heifei-2"],
        nodes: ["heifei-1", "heifei-2"],
        load_balancer: "lb-heifei",
    },
    Pool {
        name: "np-chengdu",
        region: "cn-chengdu",
        network: "n-chengdu",
        vswitches: ["vsw-chengdu-1", "vsw-chengdu-2"],
        nodes: ["chengdu-1", "chengdu-2"],
        load_balancer: "lb-chengdu",
    },
];

/// A running cluster and a running cloud.
pub struct Sandbox {
    /// The cluster.
    pub cluster: Cluster,
    /// The cloud.
    pub cloud: Simulator,
    kubeconfig: String,
    server: SocketAddr,
}

/// Why a sandbox did not start.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// The cloud did not start.
    #[error("starting the simulated cloud")]
    Cloud(#[from] StartError),
    /// The API server cannot be served.
    #[error("serving the simulated cluster")]
    Serve(#[from] kube_sim::ServeError),
    /// The node ports cannot be served.
    #[error("starting the nodes of the simulated cluster")]
    Nodes(#[from] kube_sim::NoAddressBlock),
    /// A custom resource definition is not JSON; the types do not allow that.
    #[error("encoding a custom resource definition")]
    Encode(#[from] serde_json::Error),
    /// The API server refused an object of the start.
    #[error("{what} was refused: {message}")]
    Apply {
        /// Which.
        what: String,
        /// What the API server said.
        message: String,
    },
    /// The cloud does not take the address of a node.
    #[error("node {node}")]
    Node {
        /// Which.
        node: String,
        /// Why.
        #[source]
        source: InstanceAddressError,
    },
    /// A node has no address.
    #[error("node {0} has no address")]
    NodeAddress(String),
}

impl Sandbox {
    /// Starts both on free ports of loopback.
    ///
    /// # Errors
    /// When the system denies ports or loopback addresses.
    pub async fn start(latency: Latency, seed: u64) -> Result<Self, SandboxError> {
        let cloud = Simulator::builder()
            .credentials(ACCESS_KEY_ID, ACCESS_KEY_SECRET)
            .seed(seed)
            .latency(latency)
            .world(World::guide())
            .start()
            .await?;
        let cluster = Cluster::builder().seed(seed).start();
        let server = cluster.serve("127.0.0.1:0").await?;
        furnish(&cluster)?;
        cluster.play();
        let node_ports = cluster.open_node_ports()?;
        for node in POOLS.iter().flat_map(|pool| pool.nodes) {
            let address = node_ports
                .address(node)
                .ok_or_else(|| SandboxError::NodeAddress(node.to_owned()))?;
            cloud
                .set_instance_address(&instance_of(node), address)
                .map_err(|source| SandboxError::Node {
                    node: node.to_owned(),
                    source,
                })?;
        }
        let kubeconfig = cluster.kubeconfig().unwrap_or_default();
        Ok(Self {
            cluster,
            cloud,
            kubeconfig,
            server,
        })
    }

    /// A kubeconfig of the cluster.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Where the API server listens.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Where an address of the cloud really accepts on a port: the same port, or port + 20000
    /// where this process may not bind ports below 1024.
    pub fn reach(&self, address: Ipv4Addr, port: u16) -> Option<SocketAddr> {
        self.cloud.bound_address(address, port)
    }

    /// Stops both and frees every port.
    pub async fn shutdown(self) {
        self.cluster.shutdown().await;
        self.cloud.shutdown().await;
    }
}

/// Namespaces, CRDs, pools and nodes.
fn furnish(cluster: &Cluster) -> Result<(), SandboxError> {
    let apply = |what: String, object: Value| {
        cluster
            .apply(object)
            .map(|_| ())
            .map_err(|status| SandboxError::Apply {
                what,
                message: status.to_string(),
            })
    };
    for crd in [
        poolservice_api::pool_service_crd(),
        poolservice_api::node_pool_crd(),
    ] {
        let name = crd.metadata.name.clone().unwrap_or_default();
        apply(format!("CRD {name}"), serde_json::to_value(&crd)?)?;
    }
    for pool in POOLS {
        let body = json!({
            "apiVersion": "apps.openyurt.io/v1beta2",
            "kind": "NodePool",
            "metadata": {
                "name": pool.name,
                // OpenYurt's defaulting webhook sets it.
                "labels": { "nodepool.openyurt.io/type": "edge" },
            },
            "spec": { "type": "Edge" },
            "status": { "readyNodeNum": 2, "unreadyNodeNum": 0, "nodes": pool.nodes },
        });
        apply(format!("NodePool {}", pool.name), body)?;
        for name in pool.nodes {
            apply(format!("Node {name}"), node(name, pool.name))?;
        }
    }
    Ok(())
}
