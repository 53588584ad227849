//! Flows through an ELB's listeners to the nodes and back.

use super::*;

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

/// A node port that sends each datagram back with the node's name in front.
async fn udp_node(
    simulator: &Simulator,
    instance: &'static str,
    address: Ipv4Addr,
    port: u16,
) -> u16 {
    let server = UdpSocket::bind((address, port)).await.unwrap();
    let port = server.local_addr().unwrap().port();
    simulator.set_instance_address(instance, address).unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 100];
        loop {
            let (length, from) = server.recv_from(&mut buffer).await.unwrap();
            let mut answer = format!("{instance}:").into_bytes();
            answer.extend_from_slice(&buffer[..length]);
            server.send_to(&answer, from).await.unwrap();
        }
    });
    port
}

/// A Running UDP listener on the guide's ELB of Hefei that leads to `backend_port`.
async fn listen_udp(simulator: &Simulator, backend_port: u16) -> SocketAddr {
    let backend_port = backend_port.to_string();
    let create = [
        ("LoadBalancerId", "lb-heifei"),
        ("ListenerPort", "8053"),
        ("BackendServerPort", backend_port.as_str()),
    ];
    ok(simulator, "CreateLoadBalancerUDPListener", &create).await;
    ok(simulator, "StartLoadBalancerListener", &create[..2]).await;
    let address = eip_of(simulator, "lb-heifei");
    simulator.bound_udp_address(address, 8053).unwrap()
}

/// What comes back for a datagram, and from where. One that nobody answers is sent again: it may have been on its way
/// to a server that was just removed.
async fn ask_udp(client: &UdpSocket, front: SocketAddr) -> (String, SocketAddr) {
    let mut buffer = [0; 100];
    loop {
        client.send_to(b"ping", front).await.unwrap();
        let answer = client.recv_from(&mut buffer);
        if let Ok(answer) = tokio::time::timeout(Duration::from_millis(200), answer).await {
            let (length, from) = answer.unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            return (text, from);
        }
    }
}

#[test]
fn udp_datagrams_reach_a_server_and_its_answers_come_back() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let address = Ipv4Addr::new(127, 0, 85, 1);
        let port = udp_node(&simulator, "i-heifei-1", address, 0).await;
        attach(&simulator, r#"[{"ServerId":"i-heifei-1"}]"#).await;
        let front = listen_udp(&simulator, port).await;
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let answer = ask_udp(&client, front).await;
        assert_eq!(answer, ("i-heifei-1:ping".to_owned(), front));
        simulator.shutdown().await;
    });
}

#[test]
fn a_udp_client_is_led_elsewhere_once_its_server_is_removed() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let (one, two) = (Ipv4Addr::new(127, 0, 85, 2), Ipv4Addr::new(127, 0, 85, 3));
        let port = udp_node(&simulator, "i-heifei-1", one, 0).await;
        udp_node(&simulator, "i-heifei-2", two, port).await;
        attach(&simulator, r#"[{"ServerId":"i-heifei-1"}]"#).await;
        let front = listen_udp(&simulator, port).await;
        let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        assert_eq!(ask_udp(&client, front).await.0, "i-heifei-1:ping");
        attach(&simulator, r#"[{"ServerId":"i-heifei-2"}]"#).await;
        assert_eq!(
            ask_udp(&client, front).await.0,
            "i-heifei-1:ping",
            "a flow stays with its server"
        );
        let removed = [
            ("LoadBalancerId", "lb-heifei"),
            ("BackendServers", r#"[{"ServerId":"i-heifei-1"}]"#),
        ];
        ok(&simulator, "RemoveBackendServers", &removed).await;
        let mut answers = 0;
        while ask_udp(&client, front).await.0 != "i-heifei-2:ping" {
            answers += 1;
            assert!(answers < 10_000, "the removed server still answers");
        }
        simulator.shutdown().await;
    });
}

/// The node that answers a client of that address.
async fn node_for(source: Ipv4Addr, front: SocketAddr) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    let mut stream = socket.connect(front).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.replace(":hello", "")
}

#[test]
fn the_address_that_a_client_really_has_decides_hashing_and_persistence() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let (one, two) = (Ipv4Addr::new(127, 0, 87, 1), Ipv4Addr::new(127, 0, 87, 2));
        let (port, _one) = node(&simulator, "i-heifei-1", one).await;
        let (other, _two) = node(&simulator, "i-heifei-2", two).await;
        attach(
            &simulator,
            &format!(r#"[{{"ServerId":"i-heifei-1"}},{{"ServerId":"i-heifei-2","Port":{other}}}]"#),
        )
        .await;
        let sources = || (1..=8).map(|n| Ipv4Addr::new(127, 0, 88, n));
        let hashing = listen(&simulator, 8001, port, &[("Scheduler", "sch")]).await;
        let persistence = [("Scheduler", "rr"), ("PersistenceTimeout", "3600")];
        let sticky = listen(&simulator, 8002, port, &persistence).await;
        for front in [hashing, sticky] {
            let mut nodes = Vec::new();
            for source in sources() {
                let first = node_for(source, front).await;
                for _ in 0..3 {
                    assert_eq!(node_for(source, front).await, first, "{source} has moved");
                }
                nodes.push(first);
            }
            nodes.sort();
            nodes.dedup();
            assert_eq!(nodes, ["i-heifei-1", "i-heifei-2"], "one node takes all");
        }
        simulator.shutdown().await;
    });
}

#[test]
fn a_connection_breaks_when_its_server_is_removed_and_not_before() {
    run(async {
        let simulator = start(Latency::instant()).await;
        let address = Ipv4Addr::new(127, 0, 89, 1);
        simulator
            .set_instance_address("i-heifei-1", address)
            .unwrap();
        let server = TcpListener::bind((address, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port();
        let front = listen(&simulator, 8001, port, &[]).await;
        attach(&simulator, r#"[{"ServerId":"i-heifei-1"}]"#).await;
        let mut client = TcpStream::connect(front).await.unwrap();
        attach(&simulator, r#"[{"ServerId":"i-heifei-2"}]"#).await;
        client.write_all(b"?").await.unwrap();
        // Health checks connect as well, and say nothing.
        let _node = loop {
            let (mut node, _) = server.accept().await.unwrap();
            if matches!(node.read_u8().await, Ok(b'?')) {
                break node;
            }
        };
        let removed = [
            ("LoadBalancerId", "lb-heifei"),
            ("BackendServers", r#"[{"ServerId":"i-heifei-1"}]"#),
        ];
        ok(&simulator, "RemoveBackendServers", &removed).await;
        let reset = client.read_u8().await.unwrap_err();
        assert_eq!(reset.kind(), std::io::ErrorKind::ConnectionReset);
        simulator.shutdown().await;
    });
}
