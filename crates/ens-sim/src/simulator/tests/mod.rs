//! The whole simulator over real loopback sockets. Nothing sleeps: tests wait for conditions.

mod endpoint;
mod forwarding;
mod sockets;
mod state_file;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::cloud::{EipStatus, Fault, ListenerKey, LoadBalancer};
use crate::wire::testing::signed_v1_query;

/// A test that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(20);

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            tokio::time::timeout(LIMIT, test)
                .await
                .expect("the test hangs");
        });
}

async fn start(latency: Latency) -> Simulator {
    start_with(Simulator::builder().latency(latency)).await
}

async fn start_with(builder: Builder) -> Simulator {
    builder
        .credentials("testid", "testsecret")
        .rate_limits(RateLimits::Off)
        .start()
        .await
        .unwrap()
}

/// One call over HTTP, signed with V1; status and JSON body, or the error of a connection that ended without an answer.
async fn call(
    simulator: &Simulator,
    action: &str,
    params: &[(&str, &str)],
) -> io::Result<(u16, Value)> {
    let now = simulator.shared.now();
    let get_only = [
        "DescribeLoadBalancers",
        "DescribeLoadBalancerSpec",
        "DescribeRegionIsps",
    ]
    .contains(&action);
    let method = if get_only { "GET" } else { "POST" };
    let query = signed_v1_query(method, "testid", "testsecret", action, params, now);
    let mut stream = TcpStream::connect(simulator.endpoint).await?;
    let head = format!(
        "{method} /?{query} HTTP/1.1\r\nHost: ens\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok((status, serde_json::from_str(body).unwrap()))
}

async fn ok(simulator: &Simulator, action: &str, params: &[(&str, &str)]) -> Value {
    let (status, body) = call(simulator, action, params).await.unwrap();
    assert_eq!(status, 200, "{action}: {body}");
    body
}

/// A node port that answers each line with the node's name in front.
async fn node(
    simulator: &Simulator,
    instance: &'static str,
    address: Ipv4Addr,
) -> (u16, CancellationToken) {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    simulator.set_instance_address(instance, address).unwrap();
    let cancel = CancellationToken::new();
    let (port, cancelled) = (listener.local_addr().unwrap().port(), cancel.clone());
    tokio::spawn(async move {
        loop {
            let accepted = tokio::select! {
                () = cancelled.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            let (mut stream, _) = accepted.unwrap();
            tokio::spawn(async move {
                let mut line = [0; 5];
                if stream.read_exact(&mut line).await.is_ok() {
                    let _client_gone = stream.write_all(format!("{instance}:").as_bytes()).await;
                    let _client_gone = stream.write_all(&line).await;
                }
            });
        }
    });
    (port, cancel)
}

/// Sends "hello" and reads the answer to its end; `None` when the connection is refused or reset.
async fn ask(address: SocketAddr) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    stream.write_all(b"hello").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    (!answer.is_empty()).then_some(answer)
}

/// How a flow fails: refused by a closed port, or reset by an open one that has no server for it.
async fn failure(address: SocketAddr) -> Option<io::ErrorKind> {
    let mut stream = match TcpStream::connect(address).await {
        Ok(stream) => stream,
        Err(error) => return Some(error.kind()),
    };
    stream.read_u8().await.err().map(|error| error.kind())
}

const CLOSED: Option<io::ErrorKind> = Some(io::ErrorKind::ConnectionRefused);
const RESET: Option<io::ErrorKind> = Some(io::ErrorKind::ConnectionReset);

fn eip_of(simulator: &Simulator, balancer: &str) -> Ipv4Addr {
    let eips = simulator.snapshot().eips;
    let bound = eips.iter().find(|eip| {
        eip.binding
            .as_ref()
            .is_some_and(|b| b.instance_id == balancer)
    });
    bound.unwrap().address
}

/// A Running TCP listener on the guide's ELB of Hefei that leads to `backend_port`.
async fn listen(
    simulator: &Simulator,
    port: u16,
    backend_port: u16,
    more: &[(&str, &str)],
) -> SocketAddr {
    let (port_text, backend) = (port.to_string(), backend_port.to_string());
    let mut params = vec![
        ("LoadBalancerId", "lb-heifei"),
        ("ListenerPort", &port_text),
        ("BackendServerPort", &backend),
    ];
    params.extend_from_slice(more);
    ok(simulator, "CreateLoadBalancerTCPListener", &params).await;
    let one = [
        ("LoadBalancerId", "lb-heifei"),
        ("ListenerPort", port_text.as_str()),
        ("ListenerProtocol", "tcp"),
    ];
    ok(simulator, "StartLoadBalancerListener", &one).await;
    let address = eip_of(simulator, "lb-heifei");
    simulator
        .wait_until(|_| simulator.bound_address(address, port).is_some())
        .await;
    simulator.bound_address(address, port).unwrap()
}

async fn attach(simulator: &Simulator, servers: &str) {
    let params = [("LoadBalancerId", "lb-heifei"), ("BackendServers", servers)];
    ok(simulator, "AddBackendServers", &params).await;
}

/// An ELB and an EIP in Hefei; their ids.
async fn buy(simulator: &Simulator) -> (String, String) {
    let created = ok(
        simulator,
        "CreateLoadBalancer",
        &[
            ("EnsRegionId", "cn-hefei"),
            ("LoadBalancerName", "k8s/cube-svc/default/np-heifei/c1"),
            ("LoadBalancerSpec", "elb.s2.small"),
            ("NetworkId", "n-heifei"),
            ("VSwitchId", "vsw-heifei-1"),
            ("PayType", "PostPaid"),
        ],
    )
    .await;
    let eip = ok(
        simulator,
        "CreateEipInstance",
        &[
            ("EnsRegionId", "cn-hefei"),
            ("InstanceChargeType", "PostPaid"),
            ("InternetChargeType", "95BandwidthByMonth"),
        ],
    )
    .await;
    let id = |body: &Value, field: &str| body[field].as_str().unwrap().to_owned();
    (id(&created, "LoadBalancerId"), id(&eip, "AllocationId"))
}
