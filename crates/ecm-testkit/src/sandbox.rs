//! A cluster and a simulated cloud that know each other's nodes, behind real sockets. The cluster is
//! `kube-sim`, or a real control plane for which the nodes are played.
//!
//! It starts with what the user guide takes for granted: two node pools in two regions with two
//! nodes each, not yet annotated or labelled, and one load balancer of the user's in each region.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ens_sim::cloud::{Latency, World};
use ens_sim::{InstanceAddressError, Simulator, StartError};
use k8s_openapi::api::core::v1::Node;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Api, Client};
use kube_sim::{Cluster, NodePorts};
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::furnish::{FurnishError, furnish, service_account};
use crate::mirror::Mirror;
use crate::node::instance_of;
use crate::{node_pools, player};

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
    /// The cloud.
    pub cloud: Simulator,
    /// None where the control plane is somebody else's.
    cluster: Option<Cluster>,
    /// What plays nodes, pods and pools, and the node ports.
    tasks: TaskTracker,
    stop: CancellationToken,
    kubeconfig: String,
    /// What the controllers get: the rights of `deploy/install.yaml` and no more.
    pub(crate) controllers: Kubeconfig,
    server: String,
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
    #[error("opening the node ports")]
    NodePorts(#[from] kube_sim::NoAddressBlock),
    /// No client of the cluster.
    #[error("connecting to the cluster")]
    Connect(#[from] ConnectError),
    /// The cluster does not say which nodes it has.
    #[error("listing the nodes of the cluster")]
    Nodes(#[source] kube::Error),
    /// The cluster has nodes: somebody uses it.
    #[error(
        "the cluster has nodes already; the sandbox plays its nodes itself and wants an empty control plane"
    )]
    NotEmpty,
    /// An object of the start.
    #[error(transparent)]
    Furnish(#[from] FurnishError),
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

/// Why there is no client of a cluster.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("reading the kubeconfig")]
    Kubeconfig(#[from] KubeconfigError),
    /// A certificate or key in it cannot be used.
    #[error("building a client")]
    Client(#[from] kube::Error),
}

impl Sandbox {
    /// Starts both on free ports of loopback.
    ///
    /// # Errors
    /// When the system denies ports or loopback addresses.
    pub async fn start(latency: Latency, seed: u64) -> Result<Self, SandboxError> {
        let cluster = Cluster::builder()
            .seed(seed)
            .enforce_rbac_for_tokens()
            .start();
        cluster.serve("127.0.0.1:0").await?;
        let kubeconfig = cluster.kubeconfig().unwrap_or_default();
        let sandbox = Self::furnished(kubeconfig, latency, seed).await?;
        cluster.play();
        place_nodes(&sandbox.cloud, &cluster.open_node_ports()?)?;
        Ok(Self {
            cluster: Some(cluster),
            ..sandbox
        })
    }

    /// Furnishes a real control plane in which nothing is yet, and plays its nodes and pods.
    ///
    /// The controllers get a service account with the rights of `deploy/install.yaml`. What is made
    /// in the cluster stays there.
    ///
    /// # Errors
    /// A kubeconfig without the rights of an administrator, or a cluster that has nodes.
    pub async fn start_on(
        kubeconfig: &str,
        latency: Latency,
        seed: u64,
    ) -> Result<Self, SandboxError> {
        let client =
            connect(Kubeconfig::from_yaml(kubeconfig).map_err(ConnectError::from)?).await?;
        let nodes: Api<Node> = Api::all(client.clone());
        let nodes = nodes.list(&ListParams::default().limit(1)).await;
        if !nodes.map_err(SandboxError::Nodes)?.items.is_empty() {
            return Err(SandboxError::NotEmpty);
        }
        let sandbox = Self::furnished(kubeconfig.to_owned(), latency, seed).await?;
        let (tasks, stop) = (&sandbox.tasks, &sandbox.stop);
        let mirror = Mirror::start(&client, tasks, stop);
        let node_ports = NodePorts::open(Arc::new(mirror.clone()), tasks, stop.clone())?;
        place_nodes(&sandbox.cloud, &node_ports)?;
        tasks.spawn(player::run(client, mirror, stop.clone()));
        Ok(sandbox)
    }

    /// A cloud, and a cluster with what stands there before a user comes.
    async fn furnished(
        kubeconfig: String,
        latency: Latency,
        seed: u64,
    ) -> Result<Self, SandboxError> {
        let cloud = start_cloud(latency, seed).await?;
        let parsed = Kubeconfig::from_yaml(&kubeconfig).map_err(ConnectError::from)?;
        let client = connect(parsed.clone()).await?;
        furnish(&client).await?;
        let server = parsed
            .clusters
            .iter()
            .find_map(|named| named.cluster.as_ref()?.server.clone());
        let controllers = service_account(&client, parsed).await?;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(node_pools::run(client, stop.clone()));
        Ok(Self {
            cloud,
            cluster: None,
            tasks,
            stop,
            kubeconfig,
            controllers,
            server: server.unwrap_or_default(),
        })
    }

    /// The simulated cluster; `None` where it is a real control plane.
    pub fn cluster(&self) -> Option<&Cluster> {
        self.cluster.as_ref()
    }

    /// A kubeconfig of the cluster.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// The URL of the API server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Where an address of the cloud really accepts on a port: the same port, or port + 20000
    /// where this process may not bind ports below 1024.
    pub fn reach(&self, address: Ipv4Addr, port: u16) -> Option<SocketAddr> {
        self.cloud.bound_address(address, port)
    }

    /// Stops both and frees every port.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(cluster) = self.cluster {
            cluster.shutdown().await;
        }
        self.cloud.shutdown().await;
    }
}

/// A client without retries of its own: they repeat writes for minutes.
pub(crate) async fn connect(kubeconfig: Kubeconfig) -> Result<Client, ConnectError> {
    let options = KubeConfigOptions::default();
    let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

async fn start_cloud(latency: Latency, seed: u64) -> Result<Simulator, StartError> {
    Simulator::builder()
        .credentials(ACCESS_KEY_ID, ACCESS_KEY_SECRET)
        .seed(seed)
        .latency(latency)
        .world(World::guide())
        .start()
        .await
}

/// Tells the cloud where the nodes are, which are its instances.
fn place_nodes(cloud: &Simulator, node_ports: &NodePorts) -> Result<(), SandboxError> {
    for node in POOLS.iter().flat_map(|pool| pool.nodes) {
        let address = node_ports
            .address(node)
            .ok_or_else(|| SandboxError::NodeAddress(node.to_owned()))?;
        let placed = cloud.set_instance_address(&instance_of(node), address);
        placed.map_err(|source| SandboxError::Node {
            node: node.to_owned(),
            source,
        })?;
    }
    Ok(())
}
