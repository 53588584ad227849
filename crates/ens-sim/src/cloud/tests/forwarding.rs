use super::*;

const SERVERS: &str =
    r#"[{"ServerId":"i-heifei-1","Weight":75},{"ServerId":"i-heifei-2","Weight":25}]"#;

/// Port 80 of the guide's ELB of Hefei, Running with both nodes behind it.
fn forwarding(more: &[(&str, &str)]) -> Run {
    let mut run = Run::switched(|_| {});
    let id = ("LoadBalancerId", "lb-heifei");
    let listener = [id, ("ListenerPort", "80"), ("BackendServerPort", "30081")];
    run.ok("CreateLoadBalancerTCPListener", &but(&listener, more));
    run.ok("StartLoadBalancerListener", &listener[..2]);
    run.ok("AddBackendServers", &[id, ("BackendServers", SERVERS)]);
    run
}

fn flow(run: &Run, source: &str) -> Flow {
    let address = run.cloud.eip("eip-heifei").unwrap().address;
    Flow {
        address,
        port: 80,
        protocol: Protocol::Tcp,
        source: source.parse().unwrap(),
    }
}

fn connect(run: &mut Run, source: &str) -> Result<Backend, Refused> {
    let flow = flow(run, source);
    run.cloud.connect(&flow, run.now)
}

fn servers(run: &mut Run, flows: usize) -> Vec<String> {
    (0..flows)
        .map(|n| {
            connect(run, &format!("1.2.3.4:{}", 1000 + n))
                .unwrap()
                .server_id
        })
        .collect()
}

fn share(run: &mut Run, flows: usize) -> usize {
    servers(run, flows)
        .iter()
        .filter(|server| *server == "i-heifei-1")
        .count()
}

#[test]
fn a_flow_reaches_the_backend_port_of_a_server() {
    let backend = connect(&mut forwarding(&[]), "1.2.3.4:1000").unwrap();
    assert_eq!(
        (backend.port, backend.ip.as_str(), backend.reach),
        (30081, "10.8.1.10", None)
    );
}

#[test]
fn a_servers_own_port_goes_before_the_listeners() {
    let mut run = forwarding(&[]);
    let id = ("LoadBalancerId", "lb-heifei");
    run.ok("RemoveBackendServers", &[id, ("BackendServers", SERVERS)]);
    run.ok(
        "AddBackendServers",
        &[
            id,
            (
                "BackendServers",
                r#"[{"ServerId":"i-heifei-2","Port":8080}]"#,
            ),
        ],
    );
    assert_eq!(connect(&mut run, "1.2.3.4:1").unwrap().port, 8080);
}

#[test]
fn wrr_shares_by_weight_and_rr_evenly() {
    assert_eq!(share(&mut forwarding(&[("Scheduler", "wrr")]), 100), 75);
    assert_eq!(share(&mut forwarding(&[("Scheduler", "rr")]), 100), 50);
}

#[test]
fn wrr_spreads_each_servers_turns_and_does_not_drift() {
    let mut run = forwarding(&[("Scheduler", "wrr")]);
    for round in 0..200 {
        assert_eq!(share(&mut run, 4), 3, "in round {round} of four flows");
    }
}

#[test]
fn wlc_prefers_whoever_has_the_fewest_open_flows_for_its_weight() {
    let mut run = forwarding(&[("Scheduler", "wlc")]);
    assert_eq!(share(&mut run, 100), 75);
    let open = connect(&mut run, "1.2.3.4:1").unwrap();
    run.cloud.disconnect(&open);
}

#[test]
fn the_hashes_keep_a_source_or_a_flow_on_one_server() {
    for scheduler in ["sch", "tch"] {
        let mut run = forwarding(&[("Scheduler", scheduler)]);
        let first = connect(&mut run, "1.2.3.4:1000").unwrap();
        assert!(
            (0..10).all(|_| connect(&mut run, "1.2.3.4:1000").unwrap() == first),
            "{scheduler}"
        );
    }
    let by_source = servers(&mut forwarding(&[("Scheduler", "sch")]), 50);
    assert!(
        by_source.iter().all(|server| *server == by_source[0]),
        "sch looks at the port"
    );
    let by_flow = servers(&mut forwarding(&[("Scheduler", "tch")]), 50);
    assert!(
        by_flow.iter().any(|server| *server != by_flow[0]),
        "tch does not look at the port"
    );
}

#[test]
fn persistence_keeps_a_source_on_its_server_for_so_long() {
    let mut run = forwarding(&[("Scheduler", "rr"), ("PersistenceTimeout", "10")]);
    let first = connect(&mut run, "1.2.3.4:1").unwrap().server_id;
    assert_eq!(connect(&mut run, "1.2.3.4:2").unwrap().server_id, first);
    assert_ne!(connect(&mut run, "9.9.9.9:1").unwrap().server_id, first);
    run.wait(10);
    assert_eq!(
        connect(&mut run, "7.7.7.7:1").unwrap().server_id,
        first,
        "the turn went on"
    );
    assert_ne!(connect(&mut run, "1.2.3.4:3").unwrap().server_id, first);
}

#[test]
fn weight_0_bad_health_and_stopped_instances_get_nothing() {
    let mut run = forwarding(&[("Scheduler", "rr")]);
    let weight = [
        ("LoadBalancerId", "lb-heifei"),
        (
            "BackendServers",
            r#"[{"ServerId":"i-heifei-1","Weight":0}]"#,
        ),
    ];
    run.ok("SetBackendServers", &weight);
    assert_eq!(share(&mut run, 4), 0);

    let mut run = forwarding(&[("Scheduler", "rr")]);
    let key = run.cloud.probes()[0].key.clone();
    assert_eq!(key.server_id, "i-heifei-1");
    run.cloud.report_health(key.clone(), false);
    assert_eq!(share(&mut run, 4), 0);
    run.cloud.report_health(key, true);
    assert_eq!(share(&mut run, 4), 2);

    run.cloud
        .set_instance_status("i-heifei-1", InstanceStatus::Stopped);
    assert_eq!(share(&mut run, 4), 0);
    run.cloud
        .set_instance_status("i-heifei-2", InstanceStatus::Stopped);
    assert_eq!(connect(&mut run, "1.2.3.4:1"), Err(Refused::NoBackend));
}

#[test]
fn each_missing_piece_refuses_flows_for_its_own_reason() {
    let mut run = forwarding(&[]);
    let right = flow(&run, "1.2.3.4:1");
    let now = run.now;
    let nobody = Flow {
        address: Ipv4Addr::LOCALHOST,
        ..right
    };
    assert_eq!(run.cloud.connect(&nobody, now), Err(Refused::NoSuchAddress));
    assert_eq!(
        run.cloud.connect(&Flow { port: 81, ..right }, now),
        Err(Refused::NoListener)
    );
    assert_eq!(
        run.cloud.connect(
            &Flow {
                protocol: Protocol::Udp,
                ..right
            },
            now
        ),
        Err(Refused::NoListener)
    );
    run.ok(
        "StopLoadBalancerListener",
        &[("LoadBalancerId", "lb-heifei"), ("ListenerPort", "80")],
    );
    assert_eq!(
        run.cloud.connect(&right, now),
        Err(Refused::ListenerNotRunning)
    );
    run.ok(
        "SetLoadBalancerStatus",
        &[
            ("LoadBalancerId", "lb-heifei"),
            ("LoadBalancerStatus", "InActive"),
        ],
    );
    assert_eq!(
        run.cloud.connect(&right, now),
        Err(Refused::LoadBalancerInActive)
    );
    run.ok(
        "UnAssociateEnsEipAddress",
        &[("AllocationId", "eip-heifei")],
    );
    assert_eq!(run.cloud.connect(&right, now), Err(Refused::NotBound));
    let instance = [("AllocationId", "eip-heifei"), ("InstanceId", "i-heifei-1")];
    run.ok("AssociateEnsEipAddress", &instance);
    assert_eq!(
        run.cloud.connect(&right, now),
        Err(Refused::BoundToInstance)
    );
    assert_eq!(run.cloud.front_ends(), []);
}

#[test]
fn a_probe_follows_the_listeners_attributes() {
    let mut run = forwarding(&[
        ("HealthCheckInterval", "7"),
        ("HealthCheckConnectTimeout", "3"),
        ("HealthCheckConnectPort", "9000"),
        ("HealthCheckType", "http"),
        ("HealthCheckURI", "/healthz"),
        ("HealthCheckHttpCode", "http_3xx"),
    ]);
    run.cloud
        .set_instance_address("i-heifei-1", Some(Ipv4Addr::new(127, 0, 9, 1)));
    let probe = run.cloud.probes()[0].clone();
    assert_eq!(
        (probe.interval, probe.timeout),
        (Duration::from_secs(7), Duration::from_secs(7))
    );
    assert_eq!(probe.target, Some((Ipv4Addr::new(127, 0, 9, 1), 9000)));
    let kind = ProbeKind::Http {
        path: "/healthz".into(),
        host: String::new(),
        classes: vec![3],
    };
    assert_eq!(probe.kind, kind);
}

#[test]
fn a_listener_made_again_forgets_the_health_of_the_old_one() {
    let mut run = forwarding(&[]);
    let key = run.cloud.probes()[0].key.clone();
    run.cloud.report_health(key, false);
    let one = [("LoadBalancerId", "lb-heifei"), ("ListenerPort", "80")];
    run.ok("StopLoadBalancerListener", &one);
    run.ok("DeleteLoadBalancerListener", &one);
    assert_eq!(run.cloud.unhealthy().count(), 0);
}

#[test]
fn a_server_attached_again_starts_healthy() {
    let mut run = forwarding(&[("Scheduler", "rr")]);
    let key = run.cloud.probes()[0].key.clone();
    run.cloud.report_health(key, false);
    let one = r#"[{"ServerId":"i-heifei-1"}]"#;
    for action in ["RemoveBackendServers", "AddBackendServers"] {
        run.ok(
            action,
            &[("LoadBalancerId", "lb-heifei"), ("BackendServers", one)],
        );
    }
    assert_eq!(share(&mut run, 4), 2);
}

/// Port 80 with the first node behind it, and a flow that it serves.
fn open_flow() -> (Run, Flow, Backend) {
    let mut run = forwarding(&[("Scheduler", "rr")]);
    let flow = flow(&run, "1.2.3.4:1000");
    let backend = run.cloud.connect(&flow, run.now).unwrap();
    assert_eq!(backend.server_id, "i-heifei-1");
    (run, flow, backend)
}

#[test]
fn an_open_flow_outlives_weight_0_bad_health_and_other_servers_and_listeners() {
    let (mut run, flow, backend) = open_flow();
    let id = ("LoadBalancerId", "lb-heifei");
    let servers = |text: &'static str| [id, ("BackendServers", text)];
    let second = servers(r#"[{"ServerId":"i-heifei-2"}]"#);
    run.ok("RemoveBackendServers", &second);
    run.ok(
        "SetBackendServers",
        &servers(r#"[{"ServerId":"i-heifei-1","Weight":0}]"#),
    );
    let key = run.cloud.probes()[0].key.clone();
    run.cloud.report_health(key, false);
    let other = [id, ("ListenerPort", "81"), ("BackendServerPort", "30082")];
    run.ok("CreateLoadBalancerTCPListener", &other);
    run.ok("StartLoadBalancerListener", &other[..2]);
    run.ok("StopLoadBalancerListener", &other[..2]);
    assert_eq!(run.cloud.connect(&flow, run.now), Err(Refused::NoBackend));
    assert_eq!(run.cloud.carries(&flow, &backend, run.now), Ok(()));
}

#[test]
fn an_open_flow_ends_with_each_piece_that_it_needs() {
    type Break = fn(&mut Run);
    const ELB: (&str, &str) = ("LoadBalancerId", "lb-heifei");
    let breaks: [(Break, Refused); 5] = [
        (
            |run| {
                run.ok("StopLoadBalancerListener", &[ELB, ("ListenerPort", "80")]);
            },
            Refused::ListenerNotRunning,
        ),
        (
            |run| {
                let status = ("LoadBalancerStatus", "InActive");
                run.ok("SetLoadBalancerStatus", &[ELB, status]);
            },
            Refused::LoadBalancerInActive,
        ),
        (
            |run| {
                run.ok(
                    "UnAssociateEnsEipAddress",
                    &[("AllocationId", "eip-heifei")],
                );
            },
            Refused::NotBound,
        ),
        (
            |run| {
                let server = ("BackendServers", r#"[{"ServerId":"i-heifei-1"}]"#);
                run.ok("RemoveBackendServers", &[ELB, server]);
            },
            Refused::ServerRemoved,
        ),
        (
            |run| {
                run.cloud
                    .set_instance_status("i-heifei-1", InstanceStatus::Stopped);
            },
            Refused::ServerDown,
        ),
    ];
    for (act, why) in breaks {
        let (mut run, flow, backend) = open_flow();
        act(&mut run);
        assert_eq!(run.cloud.carries(&flow, &backend, run.now), Err(why));
    }
}
