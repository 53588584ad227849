use super::*;

const ID: (&str, &str) = ("LoadBalancerId", "lb-heifei");
const ONE: &[(&str, &str)] = &[ID, ("ListenerPort", "80")];

fn status(run: &mut Run) -> String {
    text(
        &run.ok("DescribeLoadBalancerTCPListenerAttribute", ONE),
        "/Status",
    )
}

#[test]
fn a_listener_is_made_stopped_and_starts_and_stops_in_a_second_each() {
    let mut run = Run::new();
    run.ok("CreateLoadBalancerTCPListener", ONE);
    assert_eq!(status(&mut run), "Stopped");
    run.ok("StartLoadBalancerListener", ONE);
    assert_eq!(status(&mut run), "Starting");
    run.wait(1);
    assert_eq!(status(&mut run), "Running");
    run.ok("StopLoadBalancerListener", ONE);
    assert_eq!(status(&mut run), "Stopping");
    run.wait(1);
    assert_eq!(status(&mut run), "Stopped");
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let mut run = Run::new();
    run.ok("CreateLoadBalancerTCPListener", ONE);
    let body = run.ok("DescribeLoadBalancerTCPListenerAttribute", ONE);
    for (field, value) in [
        ("/EstablishedTimeout", 900),
        ("/HealthCheckInterval", 2),
        ("/HealthCheckConnectTimeout", 5),
        ("/HealthyThreshold", 3),
        ("/UnhealthyThreshold", 3),
        ("/PersistenceTimeout", 0),
        ("/BackendServerPort", 80),
        ("/HealthCheckConnectPort", 80),
    ] {
        assert_eq!(number(&body, field), value, "{field}");
    }
    assert_eq!(
        (text(&body, "/Scheduler"), text(&body, "/EipTransmit")),
        ("wrr".into(), "off".into())
    );
    for absent in [
        "LoadBalancerId",
        "HealthCheckDomain",
        "HealthCheckURI",
        "HealthCheckHttpCode",
    ] {
        assert_eq!(
            body.get(absent),
            None,
            "{absent} belongs to HTTP checks, or to nobody"
        );
    }
}

#[test]
fn qch_on_tcp_passes_where_the_switch_says_so_and_on_udp_always() {
    let qch = but(ONE, &[("Scheduler", "qch")]);
    Run::switched(|switches| switches.qch_on_tcp_refused = false)
        .ok("CreateLoadBalancerTCPListener", &qch);
    Run::new().ok("CreateLoadBalancerUDPListener", &qch);
}

#[test]
fn the_reserved_udp_ports_are_refused() {
    for port in ["250", "4789", "4790"] {
        let params = [ID, ("ListenerPort", port)];
        assert_eq!(
            Run::new().refused("CreateLoadBalancerUDPListener", &params),
            "InvalidParameter.ListenerPort"
        );
        Run::new().ok("CreateLoadBalancerTCPListener", &params);
    }
}

#[test]
fn a_taken_port_is_listener_already_exists_until_the_deleted_one_is_gone() {
    let mut run = Run::new();
    run.ok("CreateLoadBalancerTCPListener", ONE);
    assert_eq!(
        run.refused("CreateLoadBalancerTCPListener", ONE),
        "ListenerAlreadyExists"
    );
    let http = but(ONE, &[("HealthCheck", "on")]);
    assert_eq!(
        run.refused("CreateLoadBalancerHTTPListener", &http),
        "ListenerAlreadyExists"
    );
    run.ok("DeleteLoadBalancerListener", ONE);
    assert_eq!(
        run.refused("CreateLoadBalancerTCPListener", ONE),
        "ListenerAlreadyExists"
    );
    run.wait(1);
    assert_eq!(
        run.refused("DescribeLoadBalancerTCPListenerAttribute", ONE),
        "ListenerNotFound"
    );
    run.ok("CreateLoadBalancerTCPListener", ONE);
}

#[test]
fn tcp_and_udp_share_a_port_and_then_the_protocol_has_to_be_said() {
    let mut run = Run::new();
    run.ok("CreateLoadBalancerTCPListener", ONE);
    run.ok("CreateLoadBalancerUDPListener", ONE);
    for action in [
        "StartLoadBalancerListener",
        "StopLoadBalancerListener",
        "DeleteLoadBalancerListener",
    ] {
        assert_eq!(
            run.refused(action, ONE),
            "MissingListenerProtocol",
            "{action}"
        );
    }
    run.ok(
        "StartLoadBalancerListener",
        &but(ONE, &[("ListenerProtocol", "udp")]),
    );
    run.wait(1);
    assert_eq!(status(&mut run), "Stopped");
    assert_eq!(
        text(
            &run.ok("DescribeLoadBalancerUDPListenerAttribute", ONE),
            "/Status"
        ),
        "Running"
    );
}

#[test]
fn a_missing_listener_is_not_found() {
    let mut run = Run::new();
    for action in [
        "StartLoadBalancerListener",
        "StopLoadBalancerListener",
        "DeleteLoadBalancerListener",
        "SetLoadBalancerTCPListenerAttribute",
        "DescribeLoadBalancerTCPListenerAttribute",
        "DescribeLoadBalancerUDPListenerAttribute",
        "DescribeLoadBalancerHTTPListenerAttribute",
        "DescribeLoadBalancerHTTPSListenerAttribute",
    ] {
        assert_eq!(run.refused(action, ONE), "ListenerNotFound", "{action}");
    }
}

#[test]
fn starting_twice_or_stopping_twice_is_refused_or_not_as_the_switch_says() {
    for refused in [true, false] {
        let mut run = Run::switched(|switches| switches.repeated_start_or_stop_refused = refused);
        run.ok("CreateLoadBalancerTCPListener", ONE);
        for (before, action) in [
            (None, "StopLoadBalancerListener"),
            (
                Some("StartLoadBalancerListener"),
                "StartLoadBalancerListener",
            ),
        ] {
            if let Some(before) = before {
                run.ok(before, ONE);
            }
            if refused {
                assert_eq!(run.refused(action, ONE), "IncorrectListenerStatus");
            } else {
                run.ok(action, ONE);
            }
        }
    }
}

#[test]
fn a_running_listener_is_deleted_or_not_as_the_switch_says() {
    for refused in [true, false] {
        let mut run = Run::switched(|switches| switches.delete_refused_while_running = refused);
        run.ok("CreateLoadBalancerTCPListener", ONE);
        run.ok("StartLoadBalancerListener", ONE);
        if refused {
            assert_eq!(
                run.refused("DeleteLoadBalancerListener", ONE),
                "IncorrectListenerStatus"
            );
        } else {
            run.ok("DeleteLoadBalancerListener", ONE);
            assert_eq!(
                run.refused("DescribeLoadBalancerTCPListenerAttribute", ONE),
                "ListenerNotFound"
            );
        }
    }
}

#[test]
fn a_running_listener_is_set_or_not_as_the_switch_says() {
    let set = but(ONE, &[("Scheduler", "rr"), ("HealthCheckInterval", "7")]);
    for refused in [true, false] {
        let mut run = Run::switched(|switches| switches.set_refused_while_running = refused);
        run.ok("CreateLoadBalancerTCPListener", ONE);
        run.ok("StartLoadBalancerListener", ONE);
        if refused {
            assert_eq!(
                run.refused("SetLoadBalancerTCPListenerAttribute", &set),
                "IncorrectListenerStatus"
            );
            run.ok("StopLoadBalancerListener", ONE);
        }
        run.ok("SetLoadBalancerTCPListenerAttribute", &set);
        let body = run.ok("DescribeLoadBalancerTCPListenerAttribute", ONE);
        assert_eq!(
            (
                text(&body, "/Scheduler"),
                number(&body, "/HealthCheckInterval")
            ),
            ("rr".into(), 7)
        );
    }
}

#[test]
fn the_backend_port_cannot_be_set() {
    let mut run = Run::new();
    run.ok("CreateLoadBalancerTCPListener", ONE);
    let set = but(ONE, &[("BackendServerPort", "8080")]);
    assert_eq!(
        run.refused("SetLoadBalancerTCPListenerAttribute", &set),
        "InvalidParameter.BackendServerPort"
    );
}

#[test]
fn a_listener_on_its_way_is_not_set_stopped_or_deleted() {
    let mut run = Run::new();
    run.ok("CreateLoadBalancerTCPListener", ONE);
    run.ok("StartLoadBalancerListener", ONE);
    for action in [
        "SetLoadBalancerTCPListenerAttribute",
        "StartLoadBalancerListener",
        "StopLoadBalancerListener",
        "DeleteLoadBalancerListener",
    ] {
        assert_eq!(
            run.refused(action, ONE),
            "IncorrectListenerStatus",
            "{action}"
        );
    }
}

#[test]
fn an_http_listener_needs_to_be_stopped_before_it_is_set() {
    let mut run = Run::switched(|_| {});
    run.ok(
        "CreateLoadBalancerHTTPListener",
        &but(ONE, &[("HealthCheck", "on")]),
    );
    run.ok("StartLoadBalancerListener", ONE);
    assert_eq!(
        run.refused("SetLoadBalancerHTTPListenerAttribute", ONE),
        "IncorrectListenerStatus"
    );
    run.ok("StopLoadBalancerListener", ONE);
    run.ok(
        "SetLoadBalancerHTTPListenerAttribute",
        &but(ONE, &[("XForwardedFor", "on")]),
    );
    assert_eq!(
        text(
            &run.ok("DescribeLoadBalancerHTTPListenerAttribute", ONE),
            "/XForwardedFor"
        ),
        "on"
    );
}

#[test]
fn a_redirect_needs_its_https_listener_first() {
    let mut run = Run::switched(|_| {});
    let http = but(
        ONE,
        &[
            ("HealthCheck", "off"),
            ("ListenerForward", "on"),
            ("ForwardPort", "443"),
        ],
    );
    assert_eq!(
        run.refused("CreateLoadBalancerHTTPListener", &http),
        "ens.interface.error"
    );
    let https = [
        ID,
        ("ListenerPort", "443"),
        ("HealthCheck", "on"),
        ("ServerCertificateId", "1"),
    ];
    run.ok("CreateLoadBalancerHTTPSListener", &https);
    run.ok("CreateLoadBalancerHTTPListener", &http);
}

#[test]
fn the_list_shows_ports_as_text_and_the_status_in_lower_case() {
    let mut run = Run::switched(|_| {});
    run.ok(
        "CreateLoadBalancerTCPListener",
        &but(
            ONE,
            &[("Description", "mine"), ("BackendServerPort", "30081")],
        ),
    );
    run.ok("StartLoadBalancerListener", ONE);
    let body = run.ok("DescribeLoadBalancerListeners", &[ID]);
    let row = body.pointer("/Listeners/Listener/0").unwrap();
    assert_eq!(
        (
            text(row, "/ListenerPort"),
            text(row, "/Status"),
            text(row, "/Protocol")
        ),
        ("80".into(), "running".into(), "tcp".into())
    );
    assert_eq!(number(row, "/BackendServerPort"), 30081);
    for (name, value, found) in [
        ("Description", "mine", 1),
        ("Description", "other", 0),
        ("ListenerPort", "81", 0),
    ] {
        assert_eq!(
            number(
                &run.ok("DescribeLoadBalancerListeners", &[ID, (name, value)]),
                "/TotalCount"
            ),
            found
        );
    }
}

#[test]
fn the_attribute_read_of_the_elb_shows_listeners_as_plain_arrays() {
    let mut run = Run::new();
    run.ok("CreateLoadBalancerTCPListener", ONE);
    let body = run.ok("DescribeLoadBalancerAttribute", &[ID]);
    assert_eq!(text(&body, "/ListenerPorts/0"), "80");
    let both = body.pointer("/ListenerPortsAndProtocols/0").unwrap();
    assert_eq!(
        (
            number(both, "/ListenerPort"),
            text(both, "/ListenerProtocol")
        ),
        (80, "tcp".into())
    );
}
