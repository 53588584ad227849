//! Answers: what is read is documented, and the oddities of the API are understood.

use crate::check_members;
use ens_openapi::api::Request as _;
use ens_openapi::api::backend::BackendServer;
use ens_openapi::api::eip::{
    CreatedEip, DescribeEnsEipAddresses, Eip, EipStatus, EipTarget, LockReason,
};
use ens_openapi::api::http_listener::HttpListenerAttribute;
use ens_openapi::api::instance::{DescribeInstances, InstanceResourceType, Released};
use ens_openapi::api::listener::{
    DescribeListener, DescribeLoadBalancerListeners, ListenerAttribute, ListenerProtocol,
    ListenerStatus, ListenerSummary, TransportProtocol,
};
use ens_openapi::api::load_balancer::{
    CreatedLoadBalancer, DescribeLoadBalancerAttribute, DescribeLoadBalancers, ListenerPort,
    LoadBalancer, LoadBalancerSpec, LoadBalancerStatus, LoadBalancerSummary,
};
use ens_openapi::api::monitor::{ListenerMeasurement, RequestMeasurement};
use ens_openapi::api::network::{
    DescribeNetworks, DescribeVSwitches, Network, NetworkAttribute, NetworkStatus, VSwitch,
    VSwitchAttribute,
};
use ens_openapi::api::region::{EnsRegion, RegionIsp};
use ens_openapi::api::tag::TagResource;
use ens_openapi::api::{Acknowledged, Tag};
use serde_json::{Value, json};

#[test]
fn remaining_answers_read_documented_members_only() {
    let http = HttpListenerAttribute::default();
    check_members("DescribeLoadBalancerHTTPListenerAttribute", "", &http, &[]);
    check_members(
        "DescribeLoadBalancerHTTPSListenerAttribute",
        "",
        &http,
        &["XForwardedFor"],
    );
    check_members(
        "DescribeNetworkAttribute",
        "",
        &NetworkAttribute::default(),
        &[],
    );
    check_members(
        "DescribeVSwitchAttributes",
        "",
        &VSwitchAttribute::default(),
        &[],
    );
    check_members("DescribeRegionIsps", "Isps[].", &RegionIsp::default(), &[]);
    check_members(
        "ListTagResources",
        "TagResources[].",
        &TagResource::default(),
        &[],
    );
    let listener = ListenerMeasurement::default();
    check_members(
        "DescribeLoadBalancerListenMonitor",
        "LoadBalancerMonitorListenData[].",
        &listener,
        &[],
    );
    let mut requests = RequestMeasurement::default();
    check_members(
        "DescribeServerLoadBalancerMonitor",
        "ServerLoadBalancerMonitorData[].",
        &requests,
        &[],
    );
    (requests.port, requests.proto) = (Some(1), Some("http".into()));
    check_members(
        "DescribeServerLoadBalancerListenMonitor",
        "ServerLoadBalancerMonitorData[].",
        &requests,
        &[],
    );
}

#[test]
fn answers_about_load_balancers_read_documented_members_only() {
    let check = |action, prefix, answer: &Value| check_members(action, prefix, answer, &[]);
    check(
        "CreateLoadBalancer",
        "",
        &json!(CreatedLoadBalancer::default()),
    );
    check(
        "DescribeLoadBalancers",
        "LoadBalancers.LoadBalancer[].",
        &json!(LoadBalancerSummary::default()),
    );
    check(
        "DescribeLoadBalancerAttribute",
        "",
        &json!(LoadBalancer::default()),
    );
    check(
        "DescribeLoadBalancerAttribute",
        "ListenerPortsAndProtocols[].",
        &json!(ListenerPort::default()),
    );
    let backend = BackendServer {
        weight: Some(1),
        port: Some(1),
        ip: Some("1".into()),
        ..Default::default()
    };
    check(
        "DescribeLoadBalancerAttribute",
        "BackendServers[].",
        &json!(backend),
    );
    check(
        "AddBackendServers",
        "BackendServers.BackendServer[].",
        &json!(backend),
    );
    check(
        "DescribeLoadBalancerSpec",
        "LoadBalancerSpecs[].",
        &json!(LoadBalancerSpec::default()),
    );
}

#[test]
fn answers_about_listeners_read_documented_members_only() {
    let attribute = ListenerAttribute::default();
    let only_udp = ["HealthCheckReq", "HealthCheckExp"];
    check_members(
        "DescribeLoadBalancerTCPListenerAttribute",
        "",
        &attribute,
        &only_udp,
    );
    let only_tcp = [
        "PersistenceTimeout",
        "HealthCheckType",
        "HealthCheckDomain",
        "HealthCheckURI",
        "HealthCheckHttpCode",
    ];
    check_members(
        "DescribeLoadBalancerUDPListenerAttribute",
        "",
        &attribute,
        &only_tcp,
    );
    check_members(
        "DescribeLoadBalancerListeners",
        "Listeners.Listener[].",
        &ListenerSummary::default(),
        &[],
    );
    check_members(
        "StartLoadBalancerListener",
        "",
        &Acknowledged::default(),
        &[],
    );
}

#[test]
fn answers_about_addresses_and_networks_read_documented_members_only() {
    check_members("CreateEipInstance", "", &CreatedEip::default(), &[]);
    check_members(
        "DescribeEnsEipAddresses",
        "EipAddresses.EipAddress[].",
        &Eip::default(),
        &[],
    );
    check_members("ReleaseInstance", "", &Released::default(), &[]);
    check_members(
        "DescribeNetworks",
        "Networks.Network[].",
        &Network::default(),
        &[],
    );
    check_members(
        "DescribeVSwitches",
        "VSwitches.VSwitch[].",
        &VSwitch::default(),
        &[],
    );
    check_members(
        "DescribeEnsRegions",
        "EnsRegions.EnsRegions[].",
        &EnsRegion::default(),
        &[],
    );
}

#[test]
fn a_load_balancer_is_read_with_the_oddities_of_the_api() {
    let answer = json!({
        "RequestId": "R", "LoadBalancerId": "lb-1", "LoadBalancerName": "web", "LoadBalancerStatus": "inactive",
        "LoadBalancerSpec": "elb.s2.small", "Address": "192.168.0.5", "AddressIPVersion": "ipv4", "Bandwidth": "5120",
        "VSwitchId": "vsw-1", "NetworkId": "n-1", "EnsRegionId": "cn-x", "PayType": "PostPaid", "EndTime": null,
        "BackendServers": [{"ServerId": "i-1", "Type": "ens", "Port": "0", "Weight": 100, "Ip": "192.168.0.7\n"}],
        "ListenerPorts": ["80"],
        "ListenerPortsAndProtocols": [{"ListenerPort": 80, "ListenerProtocol": "tcp", "BackendServerPort": 30080}],
    });
    let elb = DescribeLoadBalancerAttribute::new("lb-1")
        .decode(answer)
        .unwrap()
        .unwrap();
    assert_eq!(elb.load_balancer_status, LoadBalancerStatus::InActive);
    assert_eq!((elb.bandwidth, elb.end_time), (Some(5120), None));
    let backend = &elb.backend_servers[0];
    assert_eq!(
        (backend.port, backend.weight, backend.ip.as_deref()),
        (Some(0), Some(100), Some("192.168.0.7"))
    );
    assert_eq!(elb.listeners[0].listener_protocol, ListenerProtocol::Tcp);
}

#[test]
fn a_list_of_listeners_has_ports_as_text_and_status_in_lower_case() {
    let answer = json!({"RequestId": "R", "TotalCount": "1", "PageNumber": 1, "PageSize": 10, "Listeners": {"Listener": [
        {"ListenerPort": "443", "Protocol": "udp", "Status": "running", "ForwardPort": "", "ListenerForward": "off",
         "BackendServerPort": 30443, "Description": "d"}]}});
    let page = DescribeLoadBalancerListeners::new("lb-1")
        .decode(answer)
        .unwrap();
    let listener = &page.items[0];
    assert_eq!(
        (listener.listener_port, listener.status.clone()),
        (443, ListenerStatus::Running)
    );
    assert_eq!(
        (listener.forward_port, page.total_count, page.page_size),
        (None, Some(1), Some(10))
    );
}

#[test]
fn a_listener_that_is_not_there_is_absent_and_a_strange_answer_is_not() {
    let request = DescribeListener::new("lb-1", TransportProtocol::Tcp, 80);
    assert_eq!(request.decode(json!({"RequestId": "R"})).unwrap(), None);
    assert!(request.decode(json!({})).is_err());
    let status = |text: &str| {
        let answer = json!({"RequestId": "R", "ListenerPort": "80", "Status": text});
        request.decode(answer).unwrap().unwrap().status
    };
    assert_eq!(status("RUNNING"), ListenerStatus::Running);
    assert_eq!(
        status("Melting"),
        ListenerStatus::Unknown("Melting".to_owned())
    );
}

#[test]
fn tags_are_read_under_both_of_their_spellings() {
    let answer = json!({"RequestId": "R", "TotalCount": 1, "EipAddresses": {"EipAddress": [{
        "AllocationId": "eip-1", "Status": "InUse", "Bandwidth": 10, "InstanceId": "lb-1", "InstanceType": "SlbInstance",
        "AllocationTime": 1_624_800_000, "Standby": "false",
        "Tags": {"Tag": [{"Key": "a", "TagKey": "a", "Value": "1", "TagValue": "1"}, {"TagKey": "b", "TagValue": ""}]},
    }]}});
    let page = DescribeEnsEipAddresses::default().decode(answer).unwrap();
    let eip = &page.items[0];
    assert_eq!(eip.tags, [Tag::new("a", "1"), Tag::new("b", "")]);
    assert_eq!(
        (eip.status.clone(), eip.instance_type.clone()),
        (EipStatus::InUse, EipTarget::SlbInstance)
    );
    assert_eq!(
        (eip.allocation_time.as_deref(), eip.standby),
        (Some("1624800000"), Some(false))
    );
}

#[test]
fn addresses_of_an_instance_are_gathered_from_wherever_they_stand() {
    let answer = json!({"RequestId": "R", "TotalCount": 1, "Instances": {"Instance": [{
        "InstanceId": "i-1", "Status": "Running", "HostName": "h", "EnsRegionId": "cn-x",
        "NetworkAttributes": {"NetworkId": "n-1", "VSwitchId": "vsw-1", "PrivateIpAddress": {"IpAddress": ["10.0.0.1\n"]}},
        "PrivateIpAddresses": {"PrivateIpAddress": [{"Ip": "10.0.0.1"}, {"Ip": "10.0.0.2"}]},
        "NetworkInterfaces": {"NetworkInterfaces": [{"PrimaryIpAddress": "10.0.0.3"}]},
        "InnerIpAddress": {"IpAddress": []}, "PublicIpAddress": {"IpAddress": ["1.2.3.4"]},
    }]}});
    let page = DescribeInstances::default().decode(answer).unwrap();
    let instance = &page.items[0];
    assert_eq!(instance.private_ips, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    assert_eq!(instance.public_ips, ["1.2.3.4"]);
    assert_eq!(
        (
            instance.network_id.as_deref(),
            instance.vswitch_id.as_deref()
        ),
        (Some("n-1"), Some("vsw-1"))
    );
}

#[test]
fn what_an_instance_is_for_and_why_an_eip_is_locked_is_read() {
    let answer = json!({"RequestId": "R", "TotalCount": 1, "Instances": {"Instance": [{
        "InstanceId": "i-1", "InstanceResourceType": "EnsInstance", "ServiceStatus": "Normal",
        "SpecName": "ens.sn1.small", "ImageId": "m-1", "CreationTime": "2026-01-31T12:00:00Z",
        "ExpiredTime": "2026-02-28T12:00:00Z", "SecurityGroupIds": {"SecurityGroupId": ["sg-1"]},
        "Tags": {"Tags": [{"TagKey": "a", "TagValue": "1"}]}}]}});
    let page = DescribeInstances::default().decode(answer).unwrap();
    let instance = &page.items[0];
    assert_eq!(
        instance.instance_resource_type,
        InstanceResourceType::EnsInstance
    );
    let texts = [
        &instance.service_status,
        &instance.spec_name,
        &instance.image_id,
        &instance.creation_time,
        &instance.expired_time,
    ];
    assert_eq!(
        texts.map(|text| text.as_deref().unwrap()),
        [
            "Normal",
            "ens.sn1.small",
            "m-1",
            "2026-01-31T12:00:00Z",
            "2026-02-28T12:00:00Z"
        ]
    );
    assert_eq!(instance.security_group_ids, ["sg-1"]);
    assert_eq!(instance.tags, [Tag::new("a", "1")]);

    let answer = json!({"RequestId": "R", "TotalCount": 1, "EipAddresses": {"EipAddress": [{
        "AllocationId": "eip-1", "IcmpReplyEnabled": true, "BandwidthPackageId": "cbwp-1",
        "BandwidthPackageBandwidth": "100",
        "OperationLocks": {"Lock": [{"LockReason": "financial"}]}}]}});
    let page = DescribeEnsEipAddresses::default().decode(answer).unwrap();
    let eip = &page.items[0];
    assert_eq!(eip.operation_locks[0].lock_reason, LockReason::Financial);
    assert_eq!(
        (eip.icmp_reply_enabled, eip.bandwidth_package_bandwidth),
        (Some(true), Some(100))
    );
    assert_eq!(eip.bandwidth_package_id.as_deref(), Some("cbwp-1"));
}

#[test]
fn networks_and_vswitches_are_read() {
    let answer = json!({"RequestId": "R", "TotalCount": 1, "Networks": {"Network": [
        {"NetworkId": "n-1", "Status": "Available", "VSwitchIds": {"VSwitchId": ["vsw-1"]}}]}});
    let page = DescribeNetworks::default().decode(answer).unwrap();
    assert_eq!(
        (
            page.items[0].vswitch_ids.clone(),
            page.items[0].status.clone()
        ),
        (vec!["vsw-1".to_owned()], NetworkStatus::Available)
    );
    let answer = json!({"RequestId": "R", "TotalCount": 1, "VSwitches": {"VSwitch": [
        {"VSwitchId": "vsw-1", "NetworkId": "n-1", "FreeIpCount": 5_000_000_000_i64}]}});
    let page = DescribeVSwitches::default().decode(answer).unwrap();
    assert_eq!(page.items[0].free_ip_count, Some(5_000_000_000));
}

#[test]
fn nothing_there_is_only_believed_of_an_answer_that_says_so() {
    let list = DescribeLoadBalancers::default();
    assert!(
        list.decode(json!({"RequestId": "R", "TotalCount": 0}))
            .unwrap()
            .items
            .is_empty()
    );
    assert!(
        list.decode(
            json!({"RequestId": "R", "TotalCount": 0, "LoadBalancers": {"LoadBalancer": []}})
        )
        .is_ok()
    );
    assert!(list.decode(json!({"RequestId": "R"})).is_err());
    assert!(
        list.decode(json!({"RequestId": "R", "TotalCount": 3}))
            .is_err()
    );
    let row_without_id = json!({"RequestId": "R", "TotalCount": 1, "LoadBalancers": {"LoadBalancer": [{"Address": "x"}]}});
    assert!(list.decode(row_without_id).is_err());
}
