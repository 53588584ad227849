use super::*;

#[test]
fn a_new_elb_is_inactive_for_eight_seconds_then_active_with_a_vip_of_its_vswitch() {
    let mut run = Run::new();
    let created = run.ok("CreateLoadBalancer", NEW_ELB);
    let id = text(&created, "/LoadBalancerId");
    assert!(id.starts_with("lb-"));
    assert_eq!(
        (text(&created, "/NetworkId"), text(&created, "/VSwitchId")),
        ("n-heifei".into(), "vsw-heifei-1".into())
    );
    run.wait(7);
    assert_eq!(run.elb_status(&id), "InActive");
    run.wait(1);
    assert_eq!(run.elb_status(&id), "Active");
    let body = run.ok("DescribeLoadBalancerAttribute", &[("LoadBalancerId", &id)]);
    assert!(text(&body, "/Address").starts_with("10.8.1."), "{body}");
}

#[test]
fn the_switch_new_elb_stays_inactive_leaves_activation_to_the_caller() {
    let mut run = Run::switched(|switches| switches.new_elb_stays_inactive = true);
    let id = run.new_elb();
    assert_eq!(run.elb_status(&id), "InActive");
    run.ok(
        "SetLoadBalancerStatus",
        &[("LoadBalancerId", &id), ("LoadBalancerStatus", "Active")],
    );
    assert_eq!(run.elb_status(&id), "Active");
}

#[test]
fn each_required_parameter_of_create_is_missed_by_name() {
    for (name, _) in NEW_ELB {
        let params: Vec<_> = NEW_ELB
            .iter()
            .filter(|(other, _)| other != name)
            .copied()
            .collect();
        assert_eq!(
            Run::new().refused("CreateLoadBalancer", &params),
            format!("Missing{name}")
        );
    }
}

#[test]
fn create_refuses_what_does_not_exist_or_is_not_allowed() {
    let long = "x".repeat(81);
    let very_long = "x".repeat(129);
    for (name, value) in [
        ("EnsRegionId", "cn-nowhere"),
        ("LoadBalancerSpec", "elb.s9.huge"),
        ("NetworkId", "n-chengdu"),
        ("VSwitchId", "vsw-chengdu-1"),
        ("PayType", "PrePaid"),
        ("LoadBalancerType", "ALB"),
        ("LoadBalancerName", long.as_str()),
        ("LoadBalancerName", very_long.as_str()),
        ("LoadBalancerName", "http://x"),
        ("Colour", "red"),
    ] {
        let code = Run::new().refused("CreateLoadBalancer", &but(NEW_ELB, &[(name, value)]));
        assert_eq!(code, format!("InvalidParameter.{name}"), "{name}={value}");
    }
}

#[test]
fn a_name_of_eighty_characters_is_taken_and_the_switch_takes_longer_ones() {
    let (most, long) = ("名".repeat(80), "x".repeat(128));
    Run::new().ok(
        "CreateLoadBalancer",
        &but(NEW_ELB, &[("LoadBalancerName", &most)]),
    );
    let mut run = Run::switched(|switches| switches.long_names_refused = false);
    run.ok(
        "CreateLoadBalancer",
        &but(NEW_ELB, &[("LoadBalancerName", &long)]),
    );
}

#[test]
fn unknown_parameters_pass_where_the_switch_says_so() {
    let mut run = Run::switched(|switches| switches.unknown_parameters_refused = false);
    run.ok("CreateLoadBalancer", &but(NEW_ELB, &[("Colour", "red")]));
}

#[test]
fn a_client_token_gives_the_first_result_for_ten_minutes() {
    let mut run = Run::new();
    let params = but(NEW_ELB, &[("ClientToken", "t1")]);
    let first = text(&run.ok("CreateLoadBalancer", &params), "/LoadBalancerId");
    run.wait(599);
    assert_eq!(
        text(&run.ok("CreateLoadBalancer", &params), "/LoadBalancerId"),
        first
    );
    assert_eq!(run.cloud.journal().purchases.len(), 1);
    run.wait(1);
    assert_ne!(
        text(&run.ok("CreateLoadBalancer", &params), "/LoadBalancerId"),
        first
    );
}

#[test]
fn a_client_token_with_other_parameters_is_refused() {
    let mut run = Run::new();
    run.ok(
        "CreateLoadBalancer",
        &but(NEW_ELB, &[("ClientToken", "t1")]),
    );
    let other = but(
        NEW_ELB,
        &[("ClientToken", "t1"), ("LoadBalancerName", "other")],
    );
    // Inferred: no document of ENS names the code.
    assert_eq!(
        run.refused("CreateLoadBalancer", &other),
        "IdempotentParameterMismatch"
    );
}

#[test]
fn a_refusal_voids_the_client_token() {
    let mut run = Run::new();
    run.refused(
        "CreateLoadBalancer",
        &but(
            NEW_ELB,
            &[("ClientToken", "t1"), ("LoadBalancerSpec", "elb.x")],
        ),
    );
    run.ok(
        "CreateLoadBalancer",
        &but(NEW_ELB, &[("ClientToken", "t1")]),
    );
}

#[test]
fn writes_to_an_elb_that_is_being_created_or_released_are_refused() {
    let mut run = Run::new();
    let id = text(&run.ok("CreateLoadBalancer", NEW_ELB), "/LoadBalancerId");
    let listener = [("LoadBalancerId", id.as_str()), ("ListenerPort", "80")];
    assert_eq!(
        run.refused("CreateLoadBalancerTCPListener", &listener),
        "IncorrectInstanceStatus"
    );
    run.wait(8);
    run.ok("ReleaseInstance", &[("InstanceId", &id)]);
    assert_eq!(
        run.refused("CreateLoadBalancerTCPListener", &listener),
        "IncorrectInstanceStatus"
    );
    assert_eq!(
        run.refused("ReleaseInstance", &[("InstanceId", &id)]),
        "IncorrectInstanceStatus"
    );
    run.wait(3);
    assert_eq!(
        run.refused("ReleaseInstance", &[("InstanceId", &id)]),
        "InstanceNotFound"
    );
}

#[test]
fn a_busy_elb_refuses_the_second_write_where_the_switch_says_so() {
    let mut run = Run::with(|config| config.switches.busy_per_elb = true);
    let rename = [
        ("LoadBalancerId", "lb-heifei"),
        ("LoadBalancerName", "other"),
    ];
    run.ok("ModifyLoadBalancerAttribute", &rename);
    assert_eq!(
        run.refused("ModifyLoadBalancerAttribute", &rename),
        "IncorrectInstanceStatus"
    );
    run.wait(1);
    run.ok("ModifyLoadBalancerAttribute", &rename);
}

#[test]
fn rename_takes_2_to_128_characters() {
    let mut run = Run::new();
    let (most, long) = ("x".repeat(128), "x".repeat(129));
    let rename = |name| [("LoadBalancerId", "lb-heifei"), ("LoadBalancerName", name)];
    run.ok("ModifyLoadBalancerAttribute", &rename(&most));
    for name in ["x", &long, "https://x"] {
        assert_eq!(
            run.refused("ModifyLoadBalancerAttribute", &rename(name)),
            "InvalidParameter.LoadBalancerName"
        );
    }
    let body = run.ok(
        "DescribeLoadBalancerAttribute",
        &[("LoadBalancerId", "lb-heifei")],
    );
    assert_eq!(text(&body, "/LoadBalancerName"), most);
}

#[test]
fn a_missing_elb_is_not_found_or_reads_empty_as_the_switch_says() {
    let gone = [("LoadBalancerId", "lb-gone")];
    assert_eq!(
        Run::new().refused("DescribeLoadBalancerAttribute", &gone),
        "LoadBalancerNotFound"
    );
    let mut run =
        Run::switched(|switches| switches.missing_load_balancer = MissingLoadBalancer::EmptyAnswer);
    let body = run.ok("DescribeLoadBalancerAttribute", &gone);
    assert_eq!(
        body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["RequestId"]
    );
}

#[test]
fn writes_to_a_missing_elb_are_not_found() {
    let mut run = Run::new();
    let gone = ("LoadBalancerId", "lb-gone");
    let server = r#"[{"ServerId":"i-heifei-1","Weight":1}]"#;
    for (action, more) in [
        ("SetLoadBalancerStatus", ("LoadBalancerStatus", "Active")),
        ("ModifyLoadBalancerAttribute", ("LoadBalancerName", "ab")),
        ("CreateLoadBalancerTCPListener", ("ListenerPort", "80")),
        ("StartLoadBalancerListener", ("ListenerPort", "80")),
        ("DescribeLoadBalancerListeners", ("PageNumber", "1")),
        ("AddBackendServers", ("BackendServers", server)),
        ("SetBackendServers", ("BackendServers", server)),
        ("RemoveBackendServers", ("BackendServers", server)),
    ] {
        assert_eq!(
            run.refused(action, &[gone, more]),
            "LoadBalancerNotFound",
            "{action}"
        );
    }
}

#[test]
fn release_takes_three_seconds_and_leaves_nothing() {
    let mut run = Run::new();
    let id = run.new_elb();
    assert_eq!(
        text(
            &run.ok("ReleaseInstance", &[("InstanceId", &id)]),
            "/ResourceType"
        ),
        "instance"
    );
    run.wait(2);
    assert_eq!(run.elb_status(&id), "InActive");
    run.wait(1);
    assert_eq!(
        run.refused("DescribeLoadBalancerAttribute", &[("LoadBalancerId", &id)]),
        "LoadBalancerNotFound"
    );
    assert_eq!(run.cloud.journal().leaks().count(), 0);
}

#[test]
fn delete_load_balancer_is_known_or_not_as_the_switch_says() {
    let mut run = Run::switched(|_| {});
    let id = run.new_elb();
    run.ok("DeleteLoadBalancer", &[("LoadBalancerId", &id)]);
    let mut run = Run::switched(|switches| switches.delete_load_balancer_known = false);
    let response = run
        .reply("DeleteLoadBalancer", &[("LoadBalancerId", "lb-heifei")])
        .response;
    assert_eq!(
        (response.status, response.code()),
        (404, Some("InvalidAction.NotFound"))
    );
}

#[test]
fn the_release_switches_refuse_an_active_a_bound_or_any_elb() {
    let release = [("InstanceId", "lb-heifei")];
    let mut run = Run::switched(|switches| switches.release_needs_inactive = true);
    assert_eq!(
        run.refused("ReleaseInstance", &release),
        "IncorrectInstanceStatus"
    );
    run.ok(
        "SetLoadBalancerStatus",
        &[
            ("LoadBalancerId", "lb-heifei"),
            ("LoadBalancerStatus", "InActive"),
        ],
    );
    run.ok("ReleaseInstance", &release);
    let mut run = Run::switched(|switches| switches.release_refused_while_bound = true);
    assert_eq!(
        run.refused("ReleaseInstance", &release),
        "IncorrectInstanceStatus"
    );
    run.ok(
        "UnAssociateEnsEipAddress",
        &[("AllocationId", "eip-heifei")],
    );
    run.ok("ReleaseInstance", &release);
    let mut run = Run::switched(|switches| switches.release_instance_takes_elb = false);
    assert_eq!(
        run.refused("ReleaseInstance", &release),
        "InvalidParameter.InstanceId"
    );
}

#[test]
fn a_computing_instance_is_never_released() {
    assert_eq!(
        Run::new().refused("ReleaseInstance", &[("InstanceId", "i-heifei-1")]),
        "InvalidParameter.InstanceId"
    );
}

#[test]
fn lists_have_ten_rows_a_page_and_pages_do_not_overlap() {
    let mut run = Run::switched(|_| {});
    for _ in 0..21 {
        run.ok("CreateLoadBalancer", NEW_ELB);
    }
    let mut seen = BTreeSet::new();
    for (page, rows) in [("1", 10), ("2", 10), ("3", 3), ("4", 0)] {
        let body = run.ok("DescribeLoadBalancers", &[("PageNumber", page)]);
        assert_eq!(
            (number(&body, "/TotalCount"), number(&body, "/PageSize")),
            (23, 10)
        );
        let list = body
            .pointer("/LoadBalancers/LoadBalancer")
            .unwrap()
            .as_array()
            .unwrap();
        assert_eq!(list.len(), rows);
        seen.extend(list.iter().map(|row| text(row, "/LoadBalancerId")));
    }
    assert_eq!(seen.len(), 23);
    let body = run.ok("DescribeLoadBalancers", &[("PageSize", "100")]);
    assert_eq!(
        body.pointer("/LoadBalancers/LoadBalancer")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        23
    );
}

#[test]
fn page_sizes_outside_10_to_100_are_refused() {
    for size in ["9", "101", "x"] {
        let code = Run::new().refused("DescribeLoadBalancers", &[("PageSize", size)]);
        assert_eq!(code, "InvalidParameter.PageSize", "{size}");
    }
    assert_eq!(
        Run::new().refused("DescribeLoadBalancers", &[("PageNumber", "0")]),
        "InvalidParameter.PageNumber"
    );
}

#[test]
fn the_name_filter_is_by_substring_or_exact_as_the_switch_says() {
    let count = |filter, name| {
        let mut run = Run::switched(|switches| switches.name_filter = filter);
        number(
            &run.ok("DescribeLoadBalancers", &[("LoadBalancerName", name)]),
            "/TotalCount",
        )
    };
    assert_eq!(count(NameFilter::Substring, "user-"), 2);
    assert_eq!(count(NameFilter::Exact, "user-"), 0);
    assert_eq!(count(NameFilter::Exact, "user-heifei"), 1);
}

#[test]
fn every_other_filter_of_the_list_filters() {
    let mut run = Run::new();
    for (name, value, found) in [
        ("EnsRegionId", "cn-hefei", 1),
        ("EnsRegionIds.1", "cn-hefei", 1),
        ("LoadBalancerId", "lb-chengdu", 1),
        ("LoadBalancerStatus", "InActive", 0),
        ("LoadBalancerType", "CLB", 2),
        ("NetworkId", "n-chengdu", 1),
        ("VSwitchId", "vsw-chengdu-2", 0),
        ("ServerId", "i-heifei-1", 0),
        ("Address", "10.8.1.11", 1),
    ] {
        assert_eq!(
            number(
                &run.ok("DescribeLoadBalancers", &[(name, value)]),
                "/TotalCount"
            ),
            found,
            "{name}={value}"
        );
    }
}

#[test]
fn list_lag_hides_what_is_new_and_shows_what_is_gone() {
    let mut run = Run::with(|config| {
        config.latency = Latency::instant();
        config.latency.list_lag = Duration::from_secs(5);
    });
    let listed = |run: &mut Run| number(&run.ok("DescribeLoadBalancers", &[]), "/TotalCount");
    let id = text(&run.ok("CreateLoadBalancer", NEW_ELB), "/LoadBalancerId");
    assert_eq!(
        (listed(&mut run), run.elb_status(&id).as_str()),
        (2, "Active")
    );
    run.wait(5);
    assert_eq!(listed(&mut run), 3);
    run.ok("ReleaseInstance", &[("InstanceId", &id)]);
    assert_eq!(
        run.refused("DescribeLoadBalancerAttribute", &[("LoadBalancerId", &id)]),
        "LoadBalancerNotFound"
    );
    assert_eq!(listed(&mut run), 3);
    run.wait(5);
    assert_eq!(listed(&mut run), 2);
}

#[test]
fn a_double_creation_is_recorded_even_after_a_rename() {
    let mut run = Run::switched(|_| {});
    let named = but(NEW_ELB, &[("LoadBalancerName", "short")]);
    let first = text(&run.ok("CreateLoadBalancer", &named), "/LoadBalancerId");
    run.ok(
        "ModifyLoadBalancerAttribute",
        &[
            ("LoadBalancerId", &first),
            ("LoadBalancerName", "the whole name"),
        ],
    );
    let second = text(&run.ok("CreateLoadBalancer", &named), "/LoadBalancerId");
    let doubles = &run.cloud.journal().doubles;
    assert_eq!(doubles.len(), 1);
    assert_eq!(
        (doubles[0].first.clone(), doubles[0].second.clone()),
        (first.clone(), second.clone())
    );
    for id in [&first, &second] {
        run.ok("ReleaseInstance", &[("InstanceId", id)]);
    }
    run.ok("CreateLoadBalancer", &named);
    assert_eq!(
        run.cloud.journal().doubles.len(),
        1,
        "a name whose owner is gone is free"
    );
}

#[test]
fn changes_of_a_users_elb_beyond_listeners_and_backends_are_recorded() {
    let mut run = Run::switched(|_| {});
    let (id, listener) = (("LoadBalancerId", "lb-heifei"), ("ListenerPort", "80"));
    run.ok("CreateLoadBalancerTCPListener", &[id, listener]);
    run.ok(
        "AddBackendServers",
        &[id, ("BackendServers", r#"[{"ServerId":"i-heifei-1"}]"#)],
    );
    assert_eq!(run.cloud.journal().foreign_touches, []);
    run.ok(
        "ModifyLoadBalancerAttribute",
        &[id, ("LoadBalancerName", "mine now")],
    );
    run.ok(
        "SetLoadBalancerStatus",
        &[id, ("LoadBalancerStatus", "InActive")],
    );
    run.ok(
        "ModifyEnsEipAddressAttribute",
        &[("AllocationId", "eip-heifei"), ("Bandwidth", "100")],
    );
    run.ok(
        "UnAssociateEnsEipAddress",
        &[("AllocationId", "eip-heifei")],
    );
    run.ok("DeleteEip", &[("InstanceId", "eip-heifei")]);
    run.ok("ReleaseInstance", &[("InstanceId", "lb-heifei")]);
    assert_eq!(run.cloud.journal().foreign_touches.len(), 6);
}
