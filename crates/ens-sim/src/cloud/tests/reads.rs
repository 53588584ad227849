use super::*;

#[test]
fn networks_vswitches_and_instances_come_wrapped_and_paged() {
    let mut run = Run::new();
    for (action, list, total) in [
        ("DescribeNetworks", "/Networks/Network", 2),
        ("DescribeVSwitches", "/VSwitches/VSwitch", 4),
        ("DescribeInstances", "/Instances/Instance", 4),
    ] {
        let body = run.ok(action, &[("PageSize", "3"), ("PageNumber", "1")]);
        assert_eq!(number(&body, "/TotalCount"), total, "{action}");
        let rows = u64::try_from(body.pointer(list).unwrap().as_array().unwrap().len()).unwrap();
        assert_eq!(rows, total.min(3), "{action}");
    }
    for action in ["DescribeNetworks", "DescribeVSwitches"] {
        assert_eq!(
            run.refused(action, &[("PageSize", "51")]),
            "InvalidParameter.PageSize",
            "{action}"
        );
    }
}

#[test]
fn a_network_names_its_vswitches_and_a_vswitch_its_network() {
    let mut run = Run::new();
    let body = run.ok("DescribeNetworks", &[("NetworkId", "n-heifei")]);
    assert_eq!(
        body.pointer("/Networks/Network/0/VSwitchIds/VSwitchId")
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        2
    );
    let body = run.ok(
        "DescribeVSwitchAttributes",
        &[("VSwitchId", "vsw-heifei-1")],
    );
    assert_eq!(
        (text(&body, "/NetworkId"), text(&body, "/CidrBlock")),
        ("n-heifei".into(), "10.8.1.0/24".into())
    );
    assert_eq!(
        body.pointer("/LoadBalancerIds/LoadBalancerId/0").unwrap(),
        "lb-heifei"
    );
    let code = run.refused("DescribeVSwitchAttributes", &[("VSwitchId", "vsw-gone")]);
    assert_eq!(code, "InvalidVSwitchId.NotFound");
}

#[test]
fn every_filter_of_the_reads_filters() {
    let mut run = Run::new();
    for (action, name, value, found) in [
        ("DescribeNetworks", "EnsRegionId", "cn-hefei", 1),
        ("DescribeNetworks", "NetworkIds.1", "n-chengdu", 1),
        ("DescribeNetworks", "NetworkName", "heifei", 1),
        ("DescribeVSwitches", "NetworkId", "n-heifei", 2),
        ("DescribeVSwitches", "VSwitchId", "vsw-heifei-2", 1),
        ("DescribeVSwitches", "VSwitchIds.1", "vsw-heifei-2", 1),
        ("DescribeVSwitches", "EnableIpv6", "true", 0),
        (
            "DescribeInstances",
            "InstanceIds",
            r#"["i-heifei-1","i-chengdu-2","i-gone"]"#,
            2,
        ),
        ("DescribeInstances", "EnsRegionIds", r#"["cn-chengdu"]"#, 2),
        ("DescribeInstances", "InstanceId", "i-heifei-1", 1),
        ("DescribeInstances", "InstanceName", "heifei-1", 1),
        ("DescribeInstances", "NetworkId", "n-heifei", 2),
        ("DescribeInstances", "VSwitchId", "vsw-heifei-1", 1),
        ("DescribeInstances", "Status", "Stopped", 0),
        (
            "DescribeInstances",
            "InstanceResourceType",
            "EnsInstance",
            4,
        ),
        ("DescribeInstances", "ImageId", "m-1", 0),
        ("DescribeInstances", "IntranetIp", "10.8.1.10", 1),
        ("DescribeInstances", "SearchKey", "chengdu-1", 1),
    ] {
        assert_eq!(
            number(&run.ok(action, &[(name, value)]), "/TotalCount"),
            found,
            "{action} {name}={value}"
        );
    }
    for value in ["x", "{}", "[1]"] {
        let code = run.refused("DescribeInstances", &[("InstanceIds", value)]);
        assert_eq!(code, "InvalidParameter.InstanceIds", "{value}");
    }
}

#[test]
fn regions_carry_code_zero_and_their_carriers_are_listed() {
    let mut run = Run::new();
    let body = run.ok("DescribeEnsRegions", &[("EnsRegionId", "cn-hefei")]);
    assert_eq!(
        (
            number(&body, "/Code"),
            text(&body, "/EnsRegions/EnsRegions/0/EnsRegionId")
        ),
        (0, "cn-hefei".into())
    );
    let body = run.ok("DescribeRegionIsps", &[("EnsRegionId", "cn-hefei")]);
    assert_eq!(body["Isps"].as_array().unwrap().len(), 3);
}

#[test]
fn specs_are_listed_and_filtered() {
    let mut run = Run::new();
    assert_eq!(
        number(&run.ok("DescribeLoadBalancerSpec", &[]), "/TotalCount"),
        5
    );
    let one = run.ok(
        "DescribeLoadBalancerSpec",
        &[("LoadBalancerSpec", "elb.s3.medium")],
    );
    assert_eq!(
        text(&one, "/LoadBalancerSpecs/0/LoadBalancerSpec"),
        "elb.s3.medium"
    );
}
