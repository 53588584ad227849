//! The whole simulator over real loopback sockets. Nothing sleeps: tests wait for conditions.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::cloud::{Fault, ListenerKey};
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

#[test]
fn the_guide_works_from_create_to_curl_to_release() {
    run(async {
        let simulator = start(Latency::fast()).await;
        let (node_port, _node) = node(&simulator, "i-heifei-1", Ipv4Addr::new(127, 0, 81, 1)).await;
        let (balancer, eip) = buy(&simulator).await;
        let (balancer, eip) = (balancer.as_str(), eip.as_str());
        simulator
            .wait_until(|cloud| {
                cloud.load_balancer(balancer).unwrap().status() == "Active"
                    && cloud.eip(eip).unwrap().status.as_str() == "Available"
            })
            .await;
        let bind = [
            ("AllocationId", eip),
            ("InstanceId", balancer),
            ("InstanceType", "SlbInstance"),
        ];
        ok(&simulator, "AssociateEnsEipAddress", &bind).await;
        let servers = r#"[{"ServerId":"i-heifei-1","Port":0,"Type":"ens","Weight":100}]"#;
        ok(
            &simulator,
            "AddBackendServers",
            &[("LoadBalancerId", balancer), ("BackendServers", servers)],
        )
        .await;
        let port = node_port.to_string();
        let listener = [
            ("LoadBalancerId", balancer),
            ("ListenerPort", "80"),
            ("BackendServerPort", port.as_str()),
        ];
        ok(&simulator, "CreateLoadBalancerTCPListener", &listener).await;
        ok(
            &simulator,
            "StartLoadBalancerListener",
            &[("LoadBalancerId", balancer), ("ListenerPort", "80")],
        )
        .await;
        simulator
            .wait_until(|cloud| cloud.front_ends().len() == 1)
            .await;
        let address = eip_of(&simulator, balancer);
        simulator
            .wait_until(|_| simulator.bound_address(address, 80).is_some())
            .await;
        let front = simulator.bound_address(address, 80).unwrap();
        assert_eq!(ask(front).await.as_deref(), Some("i-heifei-1:hello"));

        ok(
            &simulator,
            "UnAssociateEnsEipAddress",
            &[("AllocationId", eip)],
        )
        .await;
        simulator
            .wait_until(|_| simulator.bound_address(address, 80).is_none())
            .await;
        assert_eq!(
            failure(front).await,
            CLOSED,
            "the address answers although the EIP is not bound any more"
        );
        simulator
            .wait_until(|cloud| cloud.eip(eip).unwrap().status.as_str() == "Available")
            .await;
        ok(&simulator, "DeleteEip", &[("InstanceId", eip)]).await;
        ok(&simulator, "ReleaseInstance", &[("InstanceId", balancer)]).await;
        simulator
            .wait_until(|cloud| cloud.journal().leaks().next().is_none())
            .await;
        let journal = simulator.journal();
        assert_eq!(
            (
                journal.purchases.len(),
                journal.doubles.len(),
                journal.foreign_touches.len()
            ),
            (2, 0, 0)
        );
        simulator.shutdown().await;
    });
}

#[test]
fn without_a_backend_a_flow_is_refused_at_once() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let front = listen(&simulator, 8001, 30081, &[]).await;
        assert_eq!(failure(front).await, RESET);
        simulator.shutdown().await;
    });
}

#[test]
fn an_instance_nobody_placed_is_not_reached() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let front = listen(&simulator, 8001, 30081, &[]).await;
        attach(&simulator, r#"[{"ServerId":"i-heifei-1"}]"#).await;
        assert_eq!(failure(front).await, RESET);
        simulator.shutdown().await;
    });
}

#[test]
fn a_server_of_weight_0_gets_no_flow() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let (port, _one) = node(&simulator, "i-heifei-1", Ipv4Addr::new(127, 0, 82, 1)).await;
        // Nobody listens at the address of the second: a flow that went there would fail.
        simulator
            .set_instance_address("i-heifei-2", Ipv4Addr::new(127, 0, 82, 2))
            .unwrap();
        let front = listen(&simulator, 8001, port, &[("Scheduler", "rr")]).await;
        attach(
            &simulator,
            r#"[{"ServerId":"i-heifei-1"},{"ServerId":"i-heifei-2","Weight":0}]"#,
        )
        .await;
        for _ in 0..4 {
            assert_eq!(ask(front).await.as_deref(), Some("i-heifei-1:hello"));
        }
        simulator.shutdown().await;
    });
}

#[test]
fn a_stopped_listener_an_inactive_elb_and_a_stopped_simulator_close_the_port() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let (port, _node) = node(&simulator, "i-heifei-1", Ipv4Addr::new(127, 0, 83, 1)).await;
        attach(&simulator, r#"[{"ServerId":"i-heifei-1"}]"#).await;
        let front = listen(&simulator, 8001, port, &[]).await;
        let one = [("LoadBalancerId", "lb-heifei"), ("ListenerPort", "8001")];
        ok(&simulator, "StopLoadBalancerListener", &one).await;
        assert_eq!(failure(front).await, CLOSED, "a stopped listener accepts");
        ok(&simulator, "StartLoadBalancerListener", &one).await;
        assert!(ask(front).await.is_some());
        let status = |status| {
            [
                ("LoadBalancerId", "lb-heifei"),
                ("LoadBalancerStatus", status),
            ]
        };
        ok(&simulator, "SetLoadBalancerStatus", &status("InActive")).await;
        assert_eq!(failure(front).await, CLOSED, "an InActive ELB accepts");
        ok(&simulator, "SetLoadBalancerStatus", &status("Active")).await;
        assert!(ask(front).await.is_some());
        let endpoint = simulator.endpoint;
        simulator.shutdown().await;
        assert_eq!(failure(front).await, CLOSED);
        assert_eq!(failure(endpoint).await, CLOSED);
    });
}

#[test]
fn a_port_in_use_is_said_in_the_listener_and_taken_once_it_is_free() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let address = eip_of(&simulator, "lb-heifei");
        let thief = TcpListener::bind((address, 8001)).await.unwrap();
        let create = [("LoadBalancerId", "lb-heifei"), ("ListenerPort", "8001")];
        ok(&simulator, "CreateLoadBalancerTCPListener", &create).await;
        ok(&simulator, "StartLoadBalancerListener", &create).await;
        let key = ListenerKey {
            port: 8001,
            protocol: Protocol::Tcp,
        };
        let trouble = |cloud: &Cloud| {
            cloud.load_balancer("lb-heifei").unwrap().listeners[&key]
                .trouble
                .clone()
        };
        assert!(simulator.look(trouble).unwrap().contains("8001"));
        drop(thief);
        ok(&simulator, "DescribeEnsRegions", &[]).await;
        assert_eq!(simulator.look(trouble), None);
        assert!(simulator.bound_address(address, 8001).is_some());
        simulator.shutdown().await;
    });
}

#[test]
fn health_checks_take_a_dead_server_out_and_back_in() {
    run(async {
        let simulator = start_with(
            Simulator::builder()
                .latency(Latency::instant())
                .health_check_speedup(100),
        )
        .await;
        let address = Ipv4Addr::new(127, 0, 84, 1);
        let (port, stop) = node(&simulator, "i-heifei-1", address).await;
        listen(
            &simulator,
            8001,
            port,
            &[("HealthyThreshold", "2"), ("UnhealthyThreshold", "2")],
        )
        .await;
        attach(&simulator, r#"[{"ServerId":"i-heifei-1"}]"#).await;
        stop.cancel();
        simulator
            .wait_until(|cloud| cloud.unhealthy().count() == 1)
            .await;
        let listener = TcpListener::bind((address, port)).await.unwrap();
        simulator
            .wait_until(|cloud| cloud.unhealthy().count() == 0)
            .await;
        drop(listener);
        simulator.shutdown().await;
    });
}

#[test]
fn udp_datagrams_reach_a_server_and_its_answers_come_back() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let address = Ipv4Addr::new(127, 0, 85, 1);
        let server = UdpSocket::bind((address, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port().to_string();
        simulator
            .set_instance_address("i-heifei-1", address)
            .unwrap();
        attach(&simulator, r#"[{"ServerId":"i-heifei-1"}]"#).await;
        let create = [
            ("LoadBalancerId", "lb-heifei"),
            ("ListenerPort", "8053"),
            ("BackendServerPort", port.as_str()),
        ];
        ok(&simulator, "CreateLoadBalancerUDPListener", &create).await;
        ok(&simulator, "StartLoadBalancerListener", &create[..2]).await;
        let front = simulator
            .bound_udp_address(eip_of(&simulator, "lb-heifei"), 8053)
            .unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 100];
            loop {
                let (length, from) = server.recv_from(&mut buffer).await.unwrap();
                server.send_to(&buffer[..length], from).await.unwrap();
            }
        });
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        client.send_to(b"ping", front).await.unwrap();
        let mut buffer = [0; 100];
        let (length, from) = client.recv_from(&mut buffer).await.unwrap();
        assert_eq!((&buffer[..length], from), (&b"ping"[..], front));
        simulator.shutdown().await;
    });
}

#[test]
fn two_simulators_of_one_seed_run_side_by_side() {
    run(async {
        let (one, two) = (
            start(Latency::instant()).await,
            start(Latency::instant()).await,
        );
        assert_ne!(one.address_block(), two.address_block());
        listen(&one, 8001, 1, &[]).await;
        listen(&two, 8001, 1, &[]).await;
        one.shutdown().await;
        two.shutdown().await;
    });
}

#[test]
fn a_lost_answer_breaks_the_connection_but_the_effect_stands() {
    run(async {
        let faults = FaultPlan::default().at("CreateEipInstance", 1, Fault::LoseAnswer);
        let simulator = start_with(
            Simulator::builder()
                .latency(Latency::instant())
                .faults(faults),
        )
        .await;
        let create = [
            ("EnsRegionId", "cn-hefei"),
            ("InstanceChargeType", "PostPaid"),
            ("InternetChargeType", "95BandwidthByMonth"),
        ];
        assert!(
            call(&simulator, "CreateEipInstance", &create)
                .await
                .is_err()
        );
        assert_eq!(simulator.journal().leaks().count(), 1);
        simulator.shutdown().await;
    });
}

#[test]
fn node_addresses_must_not_be_eip_addresses() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let inside = eip_of(&simulator, "lb-heifei");
        let refused = simulator
            .set_instance_address("i-heifei-1", inside)
            .unwrap_err();
        assert_eq!(refused, InstanceAddressError::InEipBlock(inside));
        let nobody = simulator
            .set_instance_address("i-nobody", Ipv4Addr::LOCALHOST)
            .unwrap_err();
        assert_eq!(
            nobody,
            InstanceAddressError::UnknownInstance("i-nobody".into())
        );
        simulator.shutdown().await;
    });
}

#[test]
fn a_person_gets_a_page() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let mut stream = TcpStream::connect(simulator.endpoint).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).await.unwrap();
        assert!(
            page.contains("text/html") && page.contains("lb-heifei"),
            "{page}"
        );
        simulator.shutdown().await;
    });
}

#[test]
fn a_simulator_that_is_started_again_keeps_its_cloud_and_its_addresses() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        let begin = || {
            start_with(
                Simulator::builder()
                    .latency(Latency::instant())
                    .state_file(&path),
            )
        };
        let first = begin().await;
        let (balancer, eip) = buy(&first).await;
        let bind = [
            ("AllocationId", eip.as_str()),
            ("InstanceId", &balancer),
            ("InstanceType", "SlbInstance"),
        ];
        ok(&first, "AssociateEnsEipAddress", &bind).await;
        let (address, block) = (eip_of(&first, &balancer), first.address_block());
        first.shutdown().await;
        let second = begin().await;
        assert_eq!(
            (eip_of(&second, &balancer), second.address_block()),
            (address, block)
        );
        assert_eq!(
            second.journal().leaks().count(),
            2,
            "an ELB and an EIP were bought"
        );
        let beside = Simulator::builder().state_file(&path).start().await;
        assert!(
            matches!(beside, Err(StartError::AddressBlock(_))),
            "two simulators share one state"
        );
        second.shutdown().await;
    });
}

#[test]
fn a_state_file_that_is_something_else_is_named_and_left_alone() {
    run(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "buy milk").unwrap();
        let refused = Simulator::builder().state_file(&path).start().await;
        let Err(StartError::StateFile(error)) = refused else {
            panic!("it was taken")
        };
        assert!(error.to_string().contains("notes.txt"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "buy milk");
    });
}

#[test]
fn no_bytes_on_the_wire_stop_the_endpoint() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let mut rng = fastrand::Rng::with_seed(1);
        let pieces: [&[u8]; 12] = [
            b"GET ",
            b"POST ",
            b"/?Action=",
            b"%",
            b"=&",
            b" HTTP/1.1\r\n",
            b"Content-Length: ",
            b"9999999999",
            b"Authorization: ACS3-HMAC-SHA256 Credential=",
            b"Transfer-Encoding: chunked\r\n",
            b"\r\n\r\n",
            b"\xff\x00",
        ];
        for _ in 0..2_000 {
            let mut bytes = Vec::new();
            for _ in 0..rng.usize(1..12) {
                if rng.bool() {
                    bytes.extend_from_slice(pieces[rng.usize(..pieces.len())]);
                } else {
                    let count = rng.usize(..20);
                    bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(count));
                }
            }
            let mut stream = TcpStream::connect(simulator.endpoint).await.unwrap();
            // The endpoint may hang up in the middle of it.
            let _sent = stream.write_all(&bytes).await;
            let _ended = stream.shutdown().await;
            let mut answer = Vec::new();
            let _heard = stream.read_to_end(&mut answer).await;
            assert!(
                answer.is_empty()
                    || answer.starts_with(b"HTTP/1.") && !answer.starts_with(b"HTTP/1.1 5"),
                "{}",
                String::from_utf8_lossy(&answer)
            );
        }
        ok(&simulator, "DescribeEnsRegions", &[]).await;
        simulator.shutdown().await;
    });
}
