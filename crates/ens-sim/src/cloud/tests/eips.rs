use super::*;

fn bind<'a>(eip: &'a str, target: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("AllocationId", eip),
        ("InstanceId", target),
        ("InstanceType", "SlbInstance"),
    ]
}

#[test]
fn an_eip_lives_from_pending_to_gone() {
    let mut run = Run::new();
    let elb = run.new_elb();
    let eip = text(&run.ok("CreateEipInstance", NEW_EIP), "/AllocationId");
    assert_eq!(run.eip_status(&eip), "Pending");
    assert_eq!(
        run.refused("AssociateEnsEipAddress", &bind(&eip, &elb)),
        "IncorrectEipStatus"
    );
    run.wait(5);
    assert_eq!(run.eip_status(&eip), "Available");
    run.ok("AssociateEnsEipAddress", &bind(&eip, &elb));
    assert_eq!(run.eip_status(&eip), "Associating");
    run.wait(3);
    assert_eq!(run.eip_status(&eip), "InUse");
    assert_eq!(
        run.refused("DeleteEip", &[("InstanceId", &eip)]),
        "IncorrectEipStatus"
    );
    run.ok("UnAssociateEnsEipAddress", &[("AllocationId", &eip)]);
    assert_eq!(run.eip_status(&eip), "Unassociating");
    assert_eq!(
        run.refused("UnAssociateEnsEipAddress", &[("AllocationId", &eip)]),
        "IncorrectEipStatus"
    );
    run.wait(3);
    assert_eq!(run.eip_status(&eip), "Available");
    run.ok("DeleteEip", &[("InstanceId", &eip)]);
    run.wait(3);
    assert_eq!(
        number(
            &run.ok("DescribeEnsEipAddresses", &[("AllocationId", &eip)]),
            "/TotalCount"
        ),
        0
    );
    assert_eq!(
        run.refused("DeleteEip", &[("InstanceId", &eip)]),
        "EipNotFound"
    );
}

#[test]
fn a_wanted_address_is_given_where_it_is_free_in_the_pool() {
    // Inferred: the code of a wish that cannot be met.
    let mut run = Run::switched(|_| {});
    let want = |address| but(NEW_EIP, &[("IpAddress", address)]);
    let eip = text(
        &run.ok("CreateEipInstance", &want("198.18.7.7")),
        "/AllocationId",
    );
    let read = run.ok("DescribeEnsEipAddresses", &[("AllocationId", &eip)]);
    assert_eq!(
        text(&read, "/EipAddresses/EipAddress/0/IpAddress"),
        "198.18.7.7"
    );
    for taken_or_foreign in [
        "198.18.7.7",
        "198.18.0.0",
        "198.18.255.255",
        "198.19.0.0",
        "10.0.0.1",
        "::1",
        "no",
    ] {
        assert_eq!(
            run.refused("CreateEipInstance", &want(taken_or_foreign)),
            "InvalidParameter.IpAddress",
            "{taken_or_foreign}"
        );
    }
    run.ok("DeleteEip", &[("InstanceId", &eip)]);
    run.ok("CreateEipInstance", &want("198.18.7.7"));
    let other = but(NEW_EIP, &[("InstanceId", "eip-heifei")]);
    assert_eq!(
        run.refused("CreateEipInstance", &other),
        "InvalidParameter.InstanceId"
    );
}

#[test]
fn each_required_parameter_of_create_is_missed_by_name() {
    for (name, _) in NEW_EIP {
        let params: Vec<_> = NEW_EIP
            .iter()
            .filter(|(other, _)| other != name)
            .copied()
            .collect();
        assert_eq!(
            Run::new().refused("CreateEipInstance", &params),
            format!("Missing{name}")
        );
    }
}

#[test]
fn create_refuses_what_is_not_allowed() {
    for (name, value) in [
        ("EnsRegionId", "cn-nowhere"),
        ("Bandwidth", "4"),
        ("Bandwidth", "10001"),
        ("Isp", "elecom"),
        ("InstanceChargeType", "PrePaid"),
        ("InternetChargeType", "PayByBandwidth"),
        ("Tag.1.Key", "acs:x"),
        ("Tag.21.Key", "x"),
    ] {
        let code = Run::new().refused("CreateEipInstance", &but(NEW_EIP, &[(name, value)]));
        assert_eq!(code, format!("InvalidParameter.{name}"), "{name}={value}");
    }
}

#[test]
fn what_was_given_reads_back_with_both_spellings_of_tags() {
    let mut run = Run::new();
    let given = [
        ("Bandwidth", "50"),
        ("Isp", "unicom"),
        ("Name", "n"),
        ("Description", "d"),
        ("Tag.1.Key", "cluster"),
        ("Tag.1.Value", "c1"),
        ("ClientToken", "t"),
    ];
    let id = text(
        &run.ok("CreateEipInstance", &but(NEW_EIP, &given)),
        "/AllocationId",
    );
    let body = run.ok("DescribeEnsEipAddresses", &[("AllocationId", &id)]);
    let eip = body.pointer("/EipAddresses/EipAddress/0").unwrap();
    assert_eq!(
        (
            number(eip, "/Bandwidth"),
            text(eip, "/Isp"),
            text(eip, "/Description")
        ),
        (50, "unicom".into(), "d".into())
    );
    let tag = eip.pointer("/Tags/Tag/0").unwrap();
    for (field, value) in [
        ("Key", "cluster"),
        ("TagKey", "cluster"),
        ("Value", "c1"),
        ("TagValue", "c1"),
    ] {
        assert_eq!(tag[field], value);
    }
    assert!(
        text(eip, "/AllocationTime").parse::<u64>().is_ok(),
        "the time of an EIP is digits: {eip}"
    );
}

#[test]
fn the_default_instance_type_finds_no_elb() {
    let mut run = Run::new();
    let (elb, eip) = (run.new_elb(), run.new_eip());
    let code = run.refused(
        "AssociateEnsEipAddress",
        &[("AllocationId", &eip), ("InstanceId", &elb)],
    );
    assert_eq!(code, "InstanceNotFound");
}

#[test]
fn binding_needs_an_eip_a_target_one_region_and_a_free_elb() {
    let mut run = Run::new();
    let (elb, eip) = (run.new_elb(), run.new_eip());
    assert_eq!(
        run.refused("AssociateEnsEipAddress", &bind("eip-gone", &elb)),
        "EipNotFound"
    );
    assert_eq!(
        run.refused("AssociateEnsEipAddress", &bind(&eip, "lb-gone")),
        "InstanceNotFound"
    );
    assert_eq!(
        run.refused("AssociateEnsEipAddress", &bind(&eip, "lb-heifei")),
        "InvalidParameter.InstanceId"
    );
    run.ok(
        "UnAssociateEnsEipAddress",
        &[("AllocationId", "eip-chengdu")],
    );
    run.wait(3);
    assert_eq!(
        run.refused("AssociateEnsEipAddress", &bind(&eip, "lb-chengdu")),
        "RegionAccessDenied"
    );
    let young = text(&run.ok("CreateLoadBalancer", NEW_ELB), "/LoadBalancerId");
    assert_eq!(
        run.refused("AssociateEnsEipAddress", &bind(&eip, &young)),
        "IncorrectInstanceStatus"
    );
    assert_eq!(
        run.refused("UnAssociateEnsEipAddress", &[("AllocationId", "eip-gone")]),
        "EipNotFound"
    );
}

#[test]
fn an_eip_is_free_once_its_elb_is_gone() {
    let mut run = Run::new();
    let (elb, eip) = (run.new_elb(), run.new_eip());
    run.ok("AssociateEnsEipAddress", &bind(&eip, &elb));
    run.wait(3);
    run.ok("ReleaseInstance", &[("InstanceId", &elb)]);
    assert_eq!(run.eip_status(&eip), "InUse");
    run.wait(3);
    let body = run.ok("DescribeEnsEipAddresses", &[("AllocationId", &eip)]);
    let row = body.pointer("/EipAddresses/EipAddress/0").unwrap();
    assert_eq!(
        (text(row, "/Status"), text(row, "/InstanceId")),
        ("Available".into(), String::new())
    );
}

#[test]
fn a_gone_eip_is_instance_not_found_or_5100_as_the_switch_says() {
    let release = [("InstanceId", "eip-gone")];
    assert_eq!(
        Run::new().refused("ReleaseInstance", &release),
        "InstanceNotFound"
    );
    let mut run = Run::switched(|switches| switches.gone_eip_answers_5100 = true);
    assert_eq!(run.refused("ReleaseInstance", &release), "5100");
    let eip = run.new_eip();
    assert_eq!(
        text(
            &run.ok("ReleaseInstance", &[("InstanceId", &eip)]),
            "/ResourceType"
        ),
        "eip"
    );
}

#[test]
fn attributes_change_in_place_within_their_limits() {
    let mut run = Run::new();
    let long = "x".repeat(129);
    let modify = |name, value| [("AllocationId", "eip-heifei"), (name, value)];
    run.ok(
        "ModifyEnsEipAddressAttribute",
        &modify("Bandwidth", "10000"),
    );
    for (name, value) in [
        ("Bandwidth", "4"),
        ("Name", "x"),
        ("Name", long.as_str()),
        ("Description", "http://x"),
    ] {
        let code = run.refused("ModifyEnsEipAddressAttribute", &modify(name, value));
        assert_eq!(code, format!("InvalidParameter.{name}"), "{name}={value}");
    }
    let gone = [("AllocationId", "eip-gone"), ("Bandwidth", "5")];
    assert_eq!(
        run.refused("ModifyEnsEipAddressAttribute", &gone),
        "EipNotFound"
    );
    let body = run.ok("DescribeEnsEipAddresses", &[("AllocationId", "eip-heifei")]);
    assert_eq!(number(&body, "/EipAddresses/EipAddress/0/Bandwidth"), 10000);
}

#[test]
fn every_filter_of_the_list_filters() {
    let mut run = Run::new();
    let eip = run.new_eip();
    let both = format!("{eip},eip-heifei");
    let address = run.cloud.eip("eip-heifei").unwrap().address.to_string();
    for (name, value, found) in [
        ("AllocationId", both.as_str(), 2),
        ("AssociatedInstanceId", "lb-heifei", 1),
        ("AssociatedInstanceType", "SlbInstance", 2),
        ("AssociatedInstanceType", "EnsInstance", 0),
        ("EipAddress", address.as_str(), 1),
        ("EipName", "user-heifei", 1),
        ("EnsRegionId", "cn-hefei", 2),
        ("EnsRegionIds.1", "cn-chengdu", 1),
        ("Status", "Available", 1),
        ("Standby", "true", 0),
        ("LockReason", "financial", 0),
    ] {
        let body = run.ok("DescribeEnsEipAddresses", &[(name, value)]);
        assert_eq!(number(&body, "/TotalCount"), found, "{name}={value}");
    }
    let many = vec!["eip-1"; 51].join(",");
    let code = run.refused("DescribeEnsEipAddresses", &[("AllocationId", &many)]);
    assert_eq!(code, "InvalidParameter.AllocationId");
    assert_eq!(
        run.refused("DescribeEnsEipAddresses", &[("PageSize", "101")]),
        "InvalidParameter.PageSize"
    );
}

#[test]
fn addresses_are_never_shared_and_a_pool_that_is_empty_says_so() {
    let mut run = Run::with(|config| {
        config.latency = Latency::instant();
        config.eip_pool = (Ipv4Addr::new(127, 64, 0, 0), 6);
    });
    let first = run.new_eip();
    let second = run.new_eip();
    assert_eq!(run.refused("CreateEipInstance", NEW_EIP), "StockNotEnough");
    let addresses: BTreeSet<Ipv4Addr> = run
        .cloud
        .snapshot()
        .eips
        .iter()
        .map(|eip| eip.address)
        .collect();
    assert_eq!(addresses.len(), 4);
    for eip in [first, second] {
        run.ok("DeleteEip", &[("InstanceId", &eip)]);
    }
    run.ok("CreateEipInstance", NEW_EIP);
}
