//! What a call may give, and how answers are written.

use super::*;

#[test]
fn limits_of_a_client_token_are_64_ascii_characters() {
    let mut run = Run::new();
    let token = |run: &mut Run, token: &str| {
        run.reply(
            "CreateEipInstance",
            &but(NEW_EIP, &[("ClientToken", token)]),
        )
    };
    assert_eq!(token(&mut run, &"a".repeat(64)).response.code(), None);
    for wrong in ["a".repeat(65), "口".to_owned()] {
        assert_eq!(
            token(&mut run, &wrong).response.code(),
            Some("InvalidParameter.ClientToken")
        );
    }
}

#[test]
fn limits_of_paging_by_list() {
    let mut run = Run::new();
    for (action, least, most) in [
        ("DescribeLoadBalancers", 10, 100),
        ("DescribeEnsEipAddresses", 1, 100),
        ("DescribeNetworks", 1, 50),
        ("DescribeVSwitches", 1, 50),
        ("DescribeInstances", 1, 100),
    ] {
        let page = run.ok(action, &[]);
        assert_eq!(number(&page, "/PageSize"), 10, "{action}");
        assert_eq!(number(&page, "/PageNumber"), 1, "{action}");
        for (name, value, fits) in [
            ("PageSize", least - 1, false),
            ("PageSize", least, true),
            ("PageSize", most, true),
            ("PageSize", most + 1, false),
            ("PageNumber", 0, false),
            ("PageNumber", 1_000, true),
        ] {
            let code = run.reply(action, &[(name, &value.to_string())]).response;
            let refused = format!("InvalidParameter.{name}");
            let expected = (!fits).then_some(refused.as_str());
            assert_eq!(code.code(), expected, "{action} {name}={value}");
        }
    }
}

#[test]
fn times_of_an_elb_are_iso_8601_and_those_of_an_eip_are_digits() {
    let mut run = Run::switched(|_| {});
    let elb = run.new_elb();
    let read = run.ok("DescribeLoadBalancerAttribute", &[("LoadBalancerId", &elb)]);
    assert_eq!(text(&read, "/CreateTime"), "2026-01-31T12:00:00Z");
    let eip = run.new_eip();
    let read = run.ok("DescribeEnsEipAddresses", &[("AllocationId", &eip)]);
    // Inferred from one sample, which shows no more than the first five digits.
    let time = text(&read, "/EipAddresses/EipAddress/0/AllocationTime");
    assert_eq!(time, "1769860808");
}

#[test]
fn limits_of_schedulers_by_protocol() {
    let mut run = Run::switched(|_| {});
    let all = ["wrr", "wlc", "rr", "sch", "tch", "qch", "iqch", "lc"];
    for (kind, allowed) in [
        ("TCP", &["wrr", "wlc", "rr", "sch", "tch"][..]),
        ("UDP", &["wrr", "wlc", "rr", "sch", "tch", "qch", "iqch"]),
        ("HTTP", &["wrr", "wlc", "rr", "sch", "qch", "iqch"]),
        ("HTTPS", &["wrr", "wlc", "rr", "sch", "qch", "iqch"]),
    ] {
        for (port, scheduler) in (1000..).zip(all) {
            let port = format!("{}{port}", kind.len());
            let params = [
                ELB,
                ("ListenerPort", port.as_str()),
                ("BackendServerPort", "1"),
                ("HealthCheck", "off"),
                ("ServerCertificateId", "c"),
                ("Scheduler", scheduler),
            ];
            let known = |name: &&(&str, &str)| match kind {
                "TCP" | "UDP" => !["HealthCheck", "ServerCertificateId"].contains(&name.0),
                "HTTP" => !["ServerCertificateId", "BackendServerPort"].contains(&name.0),
                _ => name.0 != "BackendServerPort",
            };
            let params: Vec<(&str, &str)> = params.iter().filter(known).copied().collect();
            let action = format!("CreateLoadBalancer{kind}Listener");
            let reply = run.reply(&action, &params).response;
            if allowed.contains(&scheduler) {
                assert_eq!(reply.code(), None, "{kind} {scheduler}: {}", reply.body);
                let delete = [ELB, ("ListenerPort", port.as_str())];
                run.ok("DeleteLoadBalancerListener", &delete);
            } else {
                assert_eq!(
                    reply.code(),
                    Some("InvalidParameter.Scheduler"),
                    "{kind} {scheduler}"
                );
            }
        }
    }
}

#[test]
fn limits_of_rates_by_action() {
    let params: &[(&str, &str)] = &[];
    for (action, rate) in [
        ("CreateLoadBalancer", 5),
        ("DescribeLoadBalancers", 10),
        ("DescribeLoadBalancerAttribute", 10),
        ("CreateLoadBalancerTCPListener", 10),
        ("AddBackendServers", 10),
        ("CreateEipInstance", 50),
        ("ReleaseInstance", 50),
        ("DescribeInstances", 100),
        ("DescribeNetworks", 10),
    ] {
        let mut run = Run::with(|config| config.rate_limits = RateLimits::Published);
        let denied =
            |run: &mut Run| run.reply(action, params).response.code() == Some("Throttling.User");
        let passed = (0..200).take_while(|_| !denied(&mut run)).count();
        assert_eq!(passed, rate, "{action}");
    }
    let mut run = Run::with(|config| config.rate_limits = RateLimits::Published);
    for _ in 0..200 {
        run.ok("DescribeEnsEipAddresses", &[]);
    }
}

#[test]
fn limits_of_a_batch_of_backends_are_1_to_20() {
    let mut run = Run::switched(|_| {});
    let batch = |count: usize| {
        let server = |number| {
            let id = format!("eni-{number}");
            json!({ "ServerId": id, "Type": "eni", "Ip": "10.8.1.9", "Weight": 1 })
        };
        json!((0..count).map(server).collect::<Vec<_>>()).to_string()
    };
    for action in [
        "AddBackendServers",
        "SetBackendServers",
        "RemoveBackendServers",
    ] {
        for (count, fits) in [(0, false), (1, true), (20, true), (21, false)] {
            let servers = batch(count);
            let answer = run.reply(action, &[ELB, ("BackendServers", &servers)]);
            let expected = (!fits).then_some("InvalidParameter.BackendServers");
            assert_eq!(answer.response.code(), expected, "{action} {count}");
        }
    }
}

#[test]
fn limits_of_reserved_udp_ports() {
    let mut run = Run::switched(|_| {});
    for port in ["250", "4789", "4790"] {
        let params = [ELB, ("ListenerPort", port), ("BackendServerPort", "1")];
        assert_eq!(
            run.refused("CreateLoadBalancerUDPListener", &params),
            "InvalidParameter.ListenerPort"
        );
    }
    for port in ["249", "251", "4788", "4791"] {
        let params = [ELB, ("ListenerPort", port), ("BackendServerPort", "1")];
        run.ok("CreateLoadBalancerUDPListener", &params);
    }
}

#[test]
fn limits_of_specs_are_those_that_are_listed() {
    let mut run = Run::switched(|_| {});
    for spec in [
        "elb.s1.small",
        "elb.s2.small",
        "elb.s2.medium",
        "elb.s3.small",
        "elb.s3.medium",
    ] {
        run.ok(
            "CreateLoadBalancer",
            &but(NEW_ELB, &[("LoadBalancerSpec", spec)]),
        );
    }
    let other = but(NEW_ELB, &[("LoadBalancerSpec", "elb.s9.huge")]);
    assert_eq!(
        run.refused("CreateLoadBalancer", &other),
        "InvalidParameter.LoadBalancerSpec"
    );
}

#[test]
fn limits_of_names_and_descriptions() {
    let mut run = Run::switched(|_| {});
    // Inferred for an ELB at its creation: 80 characters; a rename takes 128 (documented).
    for (length, passes) in [(80, true), (81, false)] {
        let name = "n".repeat(length);
        let params = but(NEW_ELB, &[("LoadBalancerName", &name)]);
        let reply = run.reply("CreateLoadBalancer", &params).response;
        assert_eq!(reply.code().is_none(), passes, "create, {length}");
    }
    for (length, passes) in [(1, false), (2, true), (128, true), (129, false)] {
        let name = "n".repeat(length);
        let params = [ELB, ("LoadBalancerName", name.as_str())];
        let reply = run.reply("ModifyLoadBalancerAttribute", &params).response;
        assert_eq!(reply.code().is_none(), passes, "rename, {length}");
    }
    let eip = run.new_eip();
    for (field, most) in [("Name", 128), ("Description", 256)] {
        for (length, passes) in [(1, false), (2, true), (most, true), (most + 1, false)] {
            let value = "x".repeat(length);
            let params = [("AllocationId", eip.as_str()), (field, &value)];
            let reply = run.reply("ModifyEnsEipAddressAttribute", &params).response;
            assert_eq!(
                reply.code().is_none(),
                passes,
                "{field} of an EIP, {length}"
            );
        }
    }
    for link in ["http://x", "https://x"] {
        let create = but(NEW_ELB, &[("LoadBalancerName", link)]);
        assert_eq!(
            run.refused("CreateLoadBalancer", &create),
            "InvalidParameter.LoadBalancerName"
        );
        let rename = [ELB, ("LoadBalancerName", link)];
        assert_eq!(
            run.refused("ModifyLoadBalancerAttribute", &rename),
            "InvalidParameter.LoadBalancerName"
        );
    }
}

#[test]
fn limits_of_quotas_are_settings_because_none_is_published() {
    let mut run = Run::with(|config| {
        config.latency = Latency::instant();
        config.quotas.listeners_per_load_balancer = Some(1);
    });
    listener(&mut run);
    let second = [ELB, ("ListenerPort", "81"), ("BackendServerPort", "1")];
    let code = run.refused("CreateLoadBalancerTCPListener", &second);
    // Inferred: the code of a quota.
    assert!(code.starts_with("QuotaExceeded"), "{code}");
}

#[test]
fn encoding_of_json_text_and_of_numbered_parameters() {
    let mut run = Run::switched(|_| {});
    // JSON text in one parameter, and numbered ones for the same thing elsewhere.
    run.ok(
        "AddBackendServers",
        &[ELB, ("BackendServers", r#"[{"ServerId":"i-heifei-1"}]"#)],
    );
    let by_text = run.ok("DescribeInstances", &[("InstanceIds", r#"["i-heifei-1"]"#)]);
    assert_eq!(number(&by_text, "/TotalCount"), 1);
    let by_number = run.ok(
        "DescribeNetworks",
        &[("NetworkIds.1", "n-heifei"), ("NetworkIds.2", "n-chengdu")],
    );
    assert_eq!(number(&by_number, "/TotalCount"), 2);
}

#[test]
fn json_shape_of_lists_is_wrapped_but_for_the_attribute_read_of_an_elb() {
    let mut run = Run::switched(|_| {});
    run.new_eip();
    listener(&mut run);
    for (action, list) in [
        ("DescribeLoadBalancers", "/LoadBalancers/LoadBalancer"),
        ("DescribeEnsEipAddresses", "/EipAddresses/EipAddress"),
        ("DescribeNetworks", "/Networks/Network"),
        ("DescribeVSwitches", "/VSwitches/VSwitch"),
        ("DescribeInstances", "/Instances/Instance"),
        ("DescribeEnsRegions", "/EnsRegions/EnsRegions"),
    ] {
        let body = run.ok(action, &[]);
        let rows = body.pointer(list).and_then(Value::as_array);
        assert!(rows.is_some_and(|rows| !rows.is_empty()), "{action}");
    }
    let listed = run.ok("DescribeLoadBalancerListeners", &[ELB]);
    assert!(listed.pointer("/Listeners/Listener/0").is_some());
    let attribute = run.ok("DescribeLoadBalancerAttribute", &[ELB]);
    for list in [
        "/BackendServers",
        "/ListenerPorts",
        "/ListenerPortsAndProtocols",
    ] {
        let is_plain = attribute.pointer(list).is_some_and(Value::is_array);
        assert!(is_plain, "{list}");
    }
}
