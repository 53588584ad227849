//! Node ports that really answer: kube-proxy and the pods behind it, on loopback addresses.
//!
//! Every node gets an address in a /24 of 127.128.0.0/10 that this process holds, so that two may run side by side.
//! For each NodePort or LoadBalancer Service, a node listens on (its address, node port) where kube-proxy would let a
//! connection through: with `externalTrafficPolicy: Local` only where a ready pod is on the node, with `Cluster`
//! wherever there is a ready pod at all. Elsewhere the connection is refused. Over TCP a pod speaks HTTP; over UDP it
//! answers each datagram with the same text. No SCTP; `healthCheckNodePort` is not served.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch as latest;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::counter::Changes;
use crate::object::{self, items};
use crate::server::ApiServer;

/// The port whose binding on the last address marks a block as taken. Outside of the node port range.
const MARKER_PORT: u16 = 29_999;
/// The last octet of the marker's address.
const MARKER_HOST: u8 = 255;

/// Out of file descriptors: trying again at once would only burn the processor.
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// No block of loopback addresses could be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "no free /24 in 127.128.0.0/10: is all of 127.0.0.0/8 local to this machine (as on Linux)?"
)]
pub struct NoAddressBlock {
    /// Why the last one tried could not be bound.
    #[source]
    source: std::io::Error,
}

/// The Nodes, Services, EndpointSlices and Pods of a cluster.
pub trait ClusterObjects: Send + Sync {
    /// All objects of a kind, such as `"discovery.k8s.io", "endpointslices"`.
    fn all(&self, group: &str, plural: &str) -> Vec<Arc<Value>>;

    /// A number that grows with every change.
    fn changes(&self) -> Changes;
}

impl ClusterObjects for ApiServer {
    fn all(&self, group: &str, plural: &str) -> Vec<Arc<Value>> {
        self.stored(group, plural)
    }

    fn changes(&self) -> Changes {
        ApiServer::changes(self)
    }
}

/// Running node ports.
#[derive(Clone)]
pub struct NodePorts {
    shared: Arc<Shared>,
}

struct Shared {
    objects: Arc<dyn ClusterObjects>,
    network: [u8; 3],
    /// Held for as long as the block is used.
    _marker: std::net::TcpListener,
    hosts: Mutex<BTreeMap<String, u8>>,
    /// The revision up to which listeners are in step with the cluster.
    handled: latest::Sender<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Protocol {
    Tcp,
    Udp,
}

/// What a listener is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    protocol: Protocol,
    listen: SocketAddrV4,
    node: String,
    namespace: String,
    service: String,
}

impl NodePorts {
    /// Takes a block of addresses and keeps listeners in step with the cluster until `stop`.
    ///
    /// # Errors
    /// No block of loopback addresses is free, or the system has only 127.0.0.1.
    pub fn open(
        objects: Arc<dyn ClusterObjects>,
        tasks: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, NoAddressBlock> {
        let (network, marker) = free_block()?;
        let shared = Shared {
            objects,
            network,
            _marker: marker,
            hosts: Mutex::default(),
            handled: latest::channel(0).0,
        };
        let ports = Self {
            shared: Arc::new(shared),
        };
        tasks.spawn(ports.clone().run(tasks.clone(), stop));
        Ok(ports)
    }

    /// The loopback address of a node: the same for as long as the cluster runs. None for more than 254 nodes.
    pub fn address(&self, node: &str) -> Option<Ipv4Addr> {
        let mut hosts = self
            .shared
            .hosts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let host = match hosts.get(node) {
            Some(host) => *host,
            None => u8::try_from(hosts.len() + 1)
                .ok()
                .filter(|host| *host < MARKER_HOST)?,
        };
        hosts.insert(node.to_owned(), host);
        let [a, b, c] = self.shared.network;
        Some(Ipv4Addr::new(a, b, c, host))
    }

    /// Waits until the listeners are in step with everything that is in the cluster now.
    pub async fn caught_up(&self) {
        let now = self.shared.objects.changes().see();
        let mut handled = self.shared.handled.subscribe();
        // An error means that the node ports have been closed: there is nothing to wait for.
        drop(handled.wait_for(|revision| *revision >= now).await);
    }

    async fn run(self, tasks: TaskTracker, stop: CancellationToken) {
        let mut changes = self.shared.objects.changes();
        let mut open: BTreeMap<Route, (CancellationToken, JoinHandle<()>)> = BTreeMap::new();
        loop {
            let revision = changes.see();
            let wanted = self.wanted();
            let gone: Vec<Route> = open
                .keys()
                .filter(|route| !wanted.contains(*route))
                .cloned()
                .collect();
            for route in gone {
                if let Some((token, task)) = open.remove(&route) {
                    token.cancel();
                    // The port is free once its task has ended. That it panicked would be logged by the runtime.
                    drop(task.await);
                }
            }
            for route in wanted {
                if open.contains_key(&route) {
                    continue;
                }
                let token = stop.child_token();
                match self.listen(&route, &tasks, token.clone(), &stop).await {
                    Ok(task) => {
                        open.insert(route, (token, task));
                    }
                    // Tried again at the next change.
                    Err(error) => {
                        tracing::warn!(address = %route.listen, %error, "cannot open a node port");
                    }
                }
            }
            self.shared.handled.send_replace(revision);
            tokio::select! {
                () = stop.cancelled() => return,
                () = changes.changed() => {}
            }
        }
    }

    /// Opens a node port, until `closed`. Connections that are established last until `stop`.
    async fn listen(
        &self,
        route: &Route,
        tasks: &TaskTracker,
        closed: CancellationToken,
        stop: &CancellationToken,
    ) -> std::io::Result<JoinHandle<()>> {
        let (ports, route) = (self.clone(), route.clone());
        Ok(match route.protocol {
            Protocol::Tcp => {
                let listener = TcpListener::bind(route.listen).await?;
                let accept = ports.accept(listener, route, tasks.clone(), closed, stop.clone());
                tasks.spawn(accept)
            }
            Protocol::Udp => {
                let socket = UdpSocket::bind(route.listen).await?;
                tasks.spawn(ports.answer(socket, route, closed))
            }
        })
    }

    /// Where connections would get through now.
    fn wanted(&self) -> BTreeSet<Route> {
        let objects = &self.shared.objects;
        let nodes: Vec<Arc<Value>> = objects
            .all("", "nodes")
            .into_iter()
            .filter(|n| !is_down(n))
            .collect();
        let mut routes = BTreeSet::new();
        for service in objects.all("", "services") {
            let ports: Vec<(Protocol, u16)> = node_ports(&service).collect();
            if ports.is_empty() {
                continue;
            }
            let (namespace, name) = (object::namespace(&service), object::name(&service));
            let serving: BTreeSet<String> = self
                .ready_endpoints(namespace, name)
                .into_iter()
                .map(|endpoint| endpoint.node)
                .collect();
            let local_only = service["spec"]["externalTrafficPolicy"] == "Local";
            for node in &nodes {
                let node = object::name(node);
                let open = if local_only {
                    serving.contains(node)
                } else {
                    !serving.is_empty()
                };
                let Some(address) = self.address(node).filter(|_| open) else {
                    continue;
                };
                routes.extend(ports.iter().map(|(protocol, port)| Route {
                    protocol: *protocol,
                    listen: SocketAddrV4::new(address, *port),
                    node: node.to_owned(),
                    namespace: namespace.to_owned(),
                    service: name.to_owned(),
                }));
            }
        }
        routes
    }

    fn ready_endpoints(&self, namespace: &str, service: &str) -> Vec<Endpoint> {
        let slices = self
            .shared
            .objects
            .all("discovery.k8s.io", "endpointslices");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        slices
            .iter()
            .filter(|slice| {
                object::namespace(slice) == namespace
                    && slice["metadata"]["labels"]["kubernetes.io/service-name"] == *service
            })
            .flat_map(|slice| items(&slice["endpoints"]))
            .filter(|endpoint| endpoint["conditions"]["ready"] == true)
            .map(|endpoint| Endpoint {
                node: text(&endpoint["nodeName"]),
                pod: text(&endpoint["targetRef"]["name"]),
            })
            .collect()
    }

    async fn accept(
        self,
        listener: TcpListener,
        route: Route,
        tasks: TaskTracker,
        closed: CancellationToken,
        stop: CancellationToken,
    ) {
        let mut turn = 0_usize;
        loop {
            let stream = tokio::select! {
                () = closed.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            turn = turn.wrapping_add(1);
            // A connection that comes in just before its pod goes is closed without an answer.
            let Some(text) = self.reply(&route, turn) else {
                continue;
            };
            let stop = stop.clone();
            tasks.spawn(async move {
                let answer =
                    hyper::service::service_fn(move |_: Request<hyper::body::Incoming>| {
                        let response = Response::new(Full::new(Bytes::from(text.clone())));
                        async move { Ok::<_, Infallible>(response) }
                    });
                let connection = hyper::server::conn::http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), answer);
                tokio::select! {
                    () = stop.cancelled() => {}
                    result = connection => if let Err(error) = result {
                        tracing::debug!(%error, "connection ended");
                    },
                }
            });
        }
    }

    /// Answers datagrams; one that comes in just before its pod goes gets no answer.
    async fn answer(self, socket: UdpSocket, route: Route, closed: CancellationToken) {
        let mut datagram = [0; 2048];
        let mut turn = 0_usize;
        loop {
            let peer = tokio::select! {
                () = closed.cancelled() => return,
                received = socket.recv_from(&mut datagram) => match received {
                    Ok((_, peer)) => peer,
                    // Such as a peer that is gone.
                    Err(error) => {
                        tracing::debug!(%error, "cannot receive a datagram");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            turn = turn.wrapping_add(1);
            if let Some(text) = self.reply(&route, turn)
                && let Err(error) = socket.send_to(text.as_bytes(), peer).await
            {
                tracing::debug!(%error, "cannot answer a datagram");
            }
        }
    }

    /// What is said at the `turn`th time: by a pod of this node, or else by each in its turn.
    fn reply(&self, route: &Route, turn: usize) -> Option<String> {
        let endpoints = self.ready_endpoints(&route.namespace, &route.service);
        let local = endpoints
            .iter()
            .find(|endpoint| endpoint.node == route.node);
        let elsewhere = || endpoints.get(turn.checked_rem(endpoints.len())?);
        let endpoint = local.or_else(elsewhere)?;
        Some(self.greeting(&route.namespace, endpoint))
    }

    /// What the pod says: its container's name, its node, its name.
    fn greeting(&self, namespace: &str, endpoint: &Endpoint) -> String {
        let pods = self.shared.objects.all("", "pods");
        let pod = pods
            .iter()
            .find(|p| object::namespace(p) == namespace && object::name(p) == endpoint.pod);
        let container = pod
            .and_then(|p| p["spec"]["containers"][0]["name"].as_str())
            .unwrap_or("pod");
        format!(
            "{container} on node {} (pod {})\n",
            endpoint.node, endpoint.pod
        )
    }
}

#[derive(Debug, Clone)]
struct Endpoint {
    node: String,
    pod: String,
}

/// A node that says it is not ready, or that nobody hears from, takes no connections.
fn is_down(node: &Value) -> bool {
    items(&node["status"]["conditions"]).any(|c| c["type"] == "Ready" && c["status"] != "True")
}

fn node_ports(service: &Value) -> impl Iterator<Item = (Protocol, u16)> {
    items(&service["spec"]["ports"]).filter_map(|port| {
        let protocol = match port["protocol"].as_str() {
            Some("TCP") => Protocol::Tcp,
            Some("UDP") => Protocol::Udp,
            _ => return None,
        };
        let number = port["nodePort"].as_u64()?;
        Some((protocol, u16::try_from(number).ok()?))
    })
}

fn free_block() -> Result<([u8; 3], std::net::TcpListener), NoAddressBlock> {
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for second in 128..=191 {
        for third in 0..=u8::MAX {
            let network = [127, second, third];
            match std::net::TcpListener::bind((
                Ipv4Addr::new(127, second, third, MARKER_HOST),
                MARKER_PORT,
            )) {
                Ok(marker) => return Ok((network, marker)),
                Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => last = error,
                Err(source) => return Err(NoAddressBlock { source }),
            }
        }
    }
    Err(NoAddressBlock { source: last })
}
