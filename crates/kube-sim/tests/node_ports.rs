//! Node ports answer where kube-proxy would let a connection through, and nowhere else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![cfg(target_os = "linux")]

use std::net::Ipv4Addr;

use kube_sim::{Cluster, NodePorts, play};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

struct Fixture {
    cluster: Cluster,
    ports: NodePorts,
    node_port: u16,
}

/// Two nodes; the pods run only on the first.
async fn start(policy: &str) -> Fixture {
    let cluster = Cluster::builder().seed(7).start();
    for (name, role) in [("heifei-1", "app"), ("heifei-2", "idle")] {
        cluster
            .apply(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"role": role}}}))
            .unwrap();
    }
    cluster
        .apply(json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "cube"}, "spec": {
            "selector": {"matchLabels": {"app": "cube"}},
            "template": {"metadata": {"labels": {"app": "cube"}}, "spec": {"nodeSelector": {"role": "app"},
                "containers": [{"name": "cube", "image": "cube:1.0"}]}}}}))
        .unwrap();
    let service = cluster
        .apply(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cube-svc"}, "spec": {
            "type": "LoadBalancer", "externalTrafficPolicy": policy, "selector": {"app": "cube"}, "ports": [{"port": 80}]}}))
        .unwrap();
    play::settle(cluster.api());
    let ports = cluster.open_node_ports().unwrap();
    ports.caught_up().await;
    let node_port = node_port(&service);
    Fixture {
        cluster,
        ports,
        node_port,
    }
}

fn node_port(service: &Value) -> u16 {
    service["spec"]["ports"][0]["nodePort"]
        .as_u64()
        .unwrap()
        .try_into()
        .unwrap()
}

async fn get(address: Ipv4Addr, port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((address, port)).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

impl Fixture {
    async fn get(&self, node: &str) -> std::io::Result<String> {
        get(self.ports.address(node).unwrap(), self.node_port).await
    }
}

#[tokio::test]
async fn local_answers_on_nodes_with_a_pod_and_refuses_elsewhere() {
    let f = start("Local").await;
    let answer = f.get("heifei-1").await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200 OK")
            && answer.contains("cube on node heifei-1 (pod cube-"),
        "{answer}"
    );
    assert_eq!(
        f.get("heifei-2").await.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionRefused
    );
}

#[tokio::test]
async fn cluster_forwards_from_nodes_without_a_pod() {
    let f = start("Cluster").await;
    assert!(
        f.get("heifei-2")
            .await
            .unwrap()
            .contains("cube on node heifei-1")
    );
}

#[tokio::test]
async fn a_node_that_is_not_ready_refuses() {
    let f = start("Cluster").await;
    f.cluster
        .apply(
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "heifei-2"},
            "status": {"conditions": [{"type": "Ready", "status": "False"}]}}),
        )
        .unwrap();
    f.ports.caught_up().await;
    assert!(f.get("heifei-2").await.is_err());
    assert!(f.get("heifei-1").await.is_ok());
}

#[tokio::test]
async fn ports_close_with_their_service_and_on_shutdown() {
    let f = start("Local").await;
    let address = f.ports.address("heifei-1").unwrap();
    f.cluster
        .delete("v1", "Service", "default", "cube-svc")
        .unwrap();
    f.ports.caught_up().await;
    assert!(get(address, f.node_port).await.is_err());
    f.cluster
        .apply(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cube-svc"}, "spec": {
            "type": "NodePort", "selector": {"app": "cube"}, "ports": [{"port": 80, "nodePort": 30123}]}}))
        .unwrap();
    play::settle(f.cluster.api());
    f.ports.caught_up().await;
    assert!(get(address, 30123).await.is_ok());
    f.cluster.shutdown().await;
    assert!(get(address, 30123).await.is_err());
}

#[tokio::test]
async fn two_clusters_have_different_addresses() {
    let (one, two) = (start("Local").await, start("Local").await);
    assert_ne!(one.ports.address("heifei-1"), two.ports.address("heifei-1"));
    assert!(one.get("heifei-1").await.is_ok() && two.get("heifei-1").await.is_ok());
}

#[tokio::test]
async fn a_pod_answers_datagrams_too() {
    let f = start("Local").await;
    f.cluster
        .apply(
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns"}, "spec": {
            "type": "NodePort", "selector": {"app": "cube"},
            "ports": [{"name": "udp", "protocol": "UDP", "port": 53, "nodePort": 30053},
                {"name": "tcp", "protocol": "TCP", "port": 53, "nodePort": 30053}]}}),
        )
        .unwrap();
    play::settle(f.cluster.api());
    f.ports.caught_up().await;
    let address = f.ports.address("heifei-1").unwrap();
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.send_to(b"who?", (address, 30053)).await.unwrap();
    let mut answer = [0; 200];
    let length = socket.recv(&mut answer).await.unwrap();
    let text = String::from_utf8_lossy(&answer[..length]);
    assert!(text.starts_with("cube on node heifei-1"), "{text}");
    assert!(get(address, 30053).await.is_ok());
}
