//! Typed requests and answers against the published names of parameters and members.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;

use ens_openapi::api::backend::{
    AddBackendServers, BackendServer, BackendType, RemoveBackendServers, SetBackendServers,
};
use ens_openapi::api::eip::{
    AssociateEnsEipAddress, CreateEipInstance, CreatedEip, DeleteEip, DescribeEnsEipAddresses, Eip,
    EipStatus, EipTarget, Isp, ModifyEnsEipAddressAttribute, UnAssociateEnsEipAddress,
};
use ens_openapi::api::http_listener::{
    CreateHttpListener, DescribeHttpListener, DescribeHttpsListener, HttpHealthCheck,
    HttpListenerAttribute, HttpListenerSpec, HttpProtocol, ProbeMethod, SetHttpListener,
    Stickiness,
};
use ens_openapi::api::instance::{DescribeInstances, InstanceStatus, ReleaseInstance, Released};
use ens_openapi::api::listener::{
    CreateListener, DeleteLoadBalancerListener, DescribeListener, DescribeLoadBalancerListeners,
    HttpProbe, ListenerAttribute, ListenerKey, ListenerProtocol, ListenerSpec, ListenerStatus,
    ListenerSummary, Scheduler, SetListener, StartLoadBalancerListener, StopLoadBalancerListener,
    TransportProtocol, UdpProbe,
};
use ens_openapi::api::load_balancer::{
    CreateLoadBalancer, CreatedLoadBalancer, DeleteLoadBalancer, DescribeLoadBalancerAttribute,
    DescribeLoadBalancerSpec, DescribeLoadBalancers, ListenerPort, LoadBalancer, LoadBalancerSpec,
    LoadBalancerStatus, LoadBalancerSummary, LoadBalancerType, ModifyLoadBalancerAttribute,
    SetLoadBalancerStatus,
};
use ens_openapi::api::monitor::{
    DescribeLoadBalancerListenMonitor, DescribeServerLoadBalancerListenMonitor,
    DescribeServerLoadBalancerMonitor, ListenerMeasurement, RequestMeasurement,
};
use ens_openapi::api::network::{
    DescribeNetworkAttribute, DescribeNetworks, DescribeVSwitchAttributes, DescribeVSwitches,
    Network, NetworkAttribute, NetworkStatus, VSwitch, VSwitchAttribute,
};
use ens_openapi::api::region::{DescribeEnsRegions, DescribeRegionIsps, EnsRegion, RegionIsp};
use ens_openapi::api::tag::{ListTagResources, TagResource, TagResources, UntagResources};
use ens_openapi::api::{Acknowledged, Request, Switch, Tag};
use ens_openapi::rate_limit::published_per_second;
use serde::Serialize;
use serde_json::{Value, json};

fn metadata(action: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("data/actions.json")).unwrap();
    all.get(action)
        .unwrap_or_else(|| panic!("the metadata has no action {action}"))
        .clone()
}

fn names(metadata: &Value, member: &str) -> BTreeSet<String> {
    metadata[member]
        .as_array()
        .into_iter()
        .flatten()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Checks a request with everything filled in against the published names, and gives its parameters.
fn checked<R: Request>(request: &R) -> Vec<(String, String)> {
    let action = request.action();
    let metadata = metadata(action.name());
    assert_eq!(metadata["method"], action.method().as_str(), "{action}");
    let params = request.params().unwrap();
    let required = names(&metadata, "required");
    let known: BTreeSet<_> = required
        .union(&names(&metadata, "optional"))
        .cloned()
        .collect();
    let known: BTreeSet<_> = known
        .iter()
        .map(|name| name.trim_end_matches("[]"))
        .collect();
    for (name, value) in &params {
        let base = name.split('.').next().unwrap();
        assert!(known.contains(base), "{action} knows no parameter {name}");
        assert!(!value.is_empty(), "{action}: {name} is empty");
    }
    for name in &required {
        let name = name.trim_end_matches("[]");
        assert!(
            params
                .iter()
                .any(|(sent, _)| sent.split('.').next() == Some(name)),
            "{action} lacks {name}"
        );
    }
    params
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn text(pairs: &[(String, String)]) -> String {
    pairs.iter().fold(String::new(), |text, (name, value)| {
        text + name
            + "="
            + value
            + "
"
    })
}

#[test]
fn load_balancer_requests_use_published_names() {
    let mut create = CreateLoadBalancer::new("cn-x", "n-1", "vsw-1", "elb.s2.small");
    create.load_balancer_name = Some("web".to_owned());
    create.load_balancer_type = Some(LoadBalancerType::Clb);
    create.billing_cycle = Some("Hour".to_owned());
    create.client_token = Some("token".to_owned());
    assert_eq!(
        text(&checked(&create)),
        "BillingCycle=Hour\nClientToken=token\nEnsRegionId=cn-x\nLoadBalancerName=web\n\
         LoadBalancerSpec=elb.s2.small\nLoadBalancerType=CLB\nNetworkId=n-1\nPayType=PostPaid\nVSwitchId=vsw-1\n"
    );
    let list = DescribeLoadBalancers {
        ens_region_id: Some("cn-x".to_owned()),
        ens_region_ids: vec!["cn-x".to_owned(), "cn-y".to_owned()],
        load_balancer_id: Some("lb-1".to_owned()),
        load_balancer_name: Some("web".to_owned()),
        load_balancer_status: Some(LoadBalancerStatus::InActive),
        network_id: Some("n-1".to_owned()),
        vswitch_id: Some("vsw-1".to_owned()),
        address: Some("10.0.0.1".to_owned()),
        server_id: Some("i-1".to_owned()),
        page_number: Some(2),
        page_size: Some(100),
    };
    let sent = text(&checked(&list));
    assert!(
        sent.contains("EnsRegionIds.1=cn-x\nEnsRegionIds.2=cn-y\n"),
        "{sent}"
    );
    assert!(sent.contains("LoadBalancerStatus=InActive\n"), "{sent}");
    checked(&DescribeLoadBalancers::default());
    checked(&DescribeLoadBalancerAttribute::new("lb-1"));
    checked(&SetLoadBalancerStatus::new(
        "lb-1",
        LoadBalancerStatus::Active,
    ));
    checked(&ModifyLoadBalancerAttribute::new("lb-1", "name"));
    checked(&DescribeLoadBalancerSpec {
        load_balancer_spec: Some("elb.s1.small".to_owned()),
    });
    checked(&DeleteLoadBalancer::new("lb-1"));
    checked(&ReleaseInstance::new("lb-1"));
}

fn full_spec(protocol: TransportProtocol) -> ListenerSpec {
    let mut spec = ListenerSpec::new("lb-1", protocol, 80);
    spec.backend_port = Some(30080);
    spec.description = Some("web".to_owned());
    spec.scheduler = Some(Scheduler::Rr);
    spec.persistence_timeout = Some(0);
    spec.established_timeout = Some(500);
    spec.eip_transmit = Some(Switch::Off);
    spec.health_check.interval = Some(2);
    spec.health_check.connect_timeout = Some(5);
    spec.health_check.connect_port = Some(30081);
    spec.health_check.healthy_threshold = Some(3);
    spec.health_check.unhealthy_threshold = Some(4);
    spec.health_check.http = Some(HttpProbe {
        domain: Some("d".into()),
        uri: Some("/ok".into()),
        http_code: Some("http_2xx".into()),
    });
    spec.health_check.udp = Some(UdpProbe {
        request: Some("ping".into()),
        expected: Some("pong".into()),
    });
    spec
}

#[test]
fn a_tcp_listener_sends_all_that_tcp_knows_and_nothing_of_udp() {
    let spec = full_spec(TransportProtocol::Tcp);
    let create = CreateListener(&spec);
    assert_eq!(create.action().name(), "CreateLoadBalancerTCPListener");
    assert_eq!(
        text(&checked(&create)),
        "BackendServerPort=30080\nDescription=web\nEipTransmit=off\nEstablishedTimeout=500\n\
         HealthCheckConnectPort=30081\nHealthCheckConnectTimeout=5\nHealthCheckDomain=d\nHealthCheckHttpCode=http_2xx\n\
         HealthCheckInterval=2\nHealthCheckType=http\nHealthCheckURI=/ok\nHealthyThreshold=3\nListenerPort=80\n\
         LoadBalancerId=lb-1\nPersistenceTimeout=0\nScheduler=rr\nUnhealthyThreshold=4\n"
    );
}

#[test]
fn a_udp_listener_sends_all_that_udp_knows_and_nothing_of_tcp() {
    let spec = full_spec(TransportProtocol::Udp);
    let create = CreateListener(&spec);
    assert_eq!(create.action().name(), "CreateLoadBalancerUDPListener");
    assert_eq!(
        text(&checked(&create)),
        "BackendServerPort=30080\nDescription=web\nEipTransmit=off\nEstablishedTimeout=500\n\
         HealthCheckConnectPort=30081\nHealthCheckConnectTimeout=5\nHealthCheckExp=pong\nHealthCheckInterval=2\n\
         HealthCheckReq=ping\nHealthyThreshold=3\nListenerPort=80\nLoadBalancerId=lb-1\nScheduler=rr\n\
         UnhealthyThreshold=4\n"
    );
}

#[test]
fn a_change_of_a_listener_never_sends_the_backend_port() {
    for (protocol, action) in [
        (
            TransportProtocol::Tcp,
            "SetLoadBalancerTCPListenerAttribute",
        ),
        (
            TransportProtocol::Udp,
            "SetLoadBalancerUDPListenerAttribute",
        ),
    ] {
        let spec = full_spec(protocol);
        let set = SetListener(&spec);
        assert_eq!(set.action().name(), action);
        assert!(
            !checked(&set)
                .iter()
                .any(|(name, _)| name == "BackendServerPort")
        );
    }
}

#[test]
fn listener_requests_use_published_names_and_always_name_the_protocol() {
    let key = ListenerKey::new("lb-1", TransportProtocol::Udp, 53);
    for sent in [
        checked(&StartLoadBalancerListener::from(key.clone())),
        checked(&StopLoadBalancerListener::from(key.clone())),
        checked(&DeleteLoadBalancerListener::from(key)),
    ] {
        assert_eq!(
            text(&sent),
            "ListenerPort=53\nListenerProtocol=udp\nLoadBalancerId=lb-1\n"
        );
    }
    for protocol in [TransportProtocol::Tcp, TransportProtocol::Udp] {
        let sent = checked(&DescribeListener::new("lb-1", protocol, 53));
        assert_eq!(text(&sent), "ListenerPort=53\nLoadBalancerId=lb-1\n");
    }
    let mut list = DescribeLoadBalancerListeners::new("lb-1");
    list.listener_port = Some(80);
    list.description = Some("d".to_owned());
    list.page_number = Some(1);
    list.page_size = Some(100);
    checked(&list);
}

#[test]
fn backends_travel_as_one_json_text() {
    let backends = vec![
        BackendServer::instance("i-1", 100),
        BackendServer {
            server_id: "eni-1".into(),
            server_type: BackendType::Eni,
            weight: Some(0),
            port: Some(8080),
            ip: Some("10.0.0.9".into()),
        },
    ];
    let whole = r#"BackendServers=[{"ServerId":"i-1","Type":"ens","Weight":100,"Port":0},{"ServerId":"eni-1","Type":"eni","Weight":0,"Port":8080,"Ip":"10.0.0.9"}]
LoadBalancerId=lb-1
"#;
    assert_eq!(
        text(&checked(&AddBackendServers::new("lb-1", backends.clone()))),
        whole
    );
    assert_eq!(
        text(&checked(&RemoveBackendServers::new(
            "lb-1",
            backends.clone()
        ))),
        whole
    );
    let weights = text(&checked(&SetBackendServers::new("lb-1", backends)));
    assert_eq!(
        weights,
        whole
            .replace(r#","Port":0"#, "")
            .replace(r#","Port":8080"#, "")
    );
}

#[test]
fn eip_requests_use_published_names() {
    let mut create = CreateEipInstance::new("cn-x");
    create.bandwidth = Some(10);
    create.isp = Some(Isp::Telecom);
    create.name = Some("n".to_owned());
    create.description = Some("d".to_owned());
    create.tags = vec![Tag::new("a", "1"), Tag::new("b", "2")];
    create.client_token = Some("t".to_owned());
    assert_eq!(
        text(&checked(&create)),
        "Bandwidth=10\nClientToken=t\nDescription=d\nEnsRegionId=cn-x\nInstanceChargeType=PostPaid\n\
         InternetChargeType=95BandwidthByMonth\nIsp=telecom\nName=n\nTag.1.Key=a\nTag.1.Value=1\nTag.2.Key=b\n\
         Tag.2.Value=2\n"
    );
    let list = DescribeEnsEipAddresses {
        ens_region_id: Some("cn-x".into()),
        ens_region_ids: vec!["cn-x".into()],
        allocation_ids: vec!["eip-1".into(), "eip-2".into()],
        eip_name: Some("n".into()),
        associated_instance_id: Some("lb-1".into()),
        associated_instance_type: Some(EipTarget::SlbInstance),
        page_number: Some(1),
        page_size: Some(100),
    };
    assert!(text(&checked(&list)).contains("AllocationId=eip-1,eip-2\n"));
    let mut bind = AssociateEnsEipAddress::new("eip-1", "lb-1", EipTarget::SlbInstance);
    bind.standby = Some(false);
    assert!(text(&checked(&bind)).contains("InstanceType=SlbInstance\n"));
    let mut unbind = UnAssociateEnsEipAddress::new("eip-1");
    unbind.force = Some(false);
    checked(&unbind);
    let mut modify = ModifyEnsEipAddressAttribute::new("eip-1");
    modify.bandwidth = Some(20);
    modify.name = Some("n".into());
    modify.description = Some("d".into());
    checked(&modify);
    checked(&DeleteEip::new("eip-1"));
}

#[test]
fn network_and_instance_requests_use_published_names() {
    checked(&DescribeNetworks {
        ens_region_id: Some("cn-x".into()),
        network_id: Some("n-1".into()),
        network_ids: vec!["n-1".into()],
        network_name: Some("n".into()),
        page_number: Some(1),
        page_size: Some(50),
    });
    checked(&DescribeVSwitches {
        ens_region_id: Some("cn-x".into()),
        network_id: Some("n-1".into()),
        vswitch_id: Some("vsw-1".into()),
        vswitch_ids: vec!["vsw-1".into()],
        page_number: Some(1),
        page_size: Some(50),
    });
    let sent = checked(&DescribeInstances {
        ens_region_id: Some("cn-x".into()),
        instance_ids: vec!["i-1".into(), "i-2".into()],
        instance_name: Some("n".into()),
        network_id: Some("n-1".into()),
        vswitch_id: Some("vsw-1".into()),
        status: Some(InstanceStatus::Running),
        page_number: Some(1),
        page_size: Some(100),
    });
    assert!(text(&sent).contains("InstanceIds=[\"i-1\",\"i-2\"]\n"));
    checked(&DescribeEnsRegions {
        ens_region_id: Some("cn-x".into()),
    });
}

fn full_http_spec(protocol: HttpProtocol) -> HttpListenerSpec {
    let mut spec = HttpListenerSpec::new("lb-1", protocol, 443);
    spec.backend_port = Some(8080);
    spec.description = Some("web".into());
    spec.scheduler = Some(Scheduler::Wlc);
    spec.idle_timeout = Some(15);
    spec.request_timeout = Some(60);
    spec.probe = HttpHealthCheck {
        domain: Some("d".into()),
        uri: Some("/ok".into()),
        method: Some(ProbeMethod::Get),
        http_code: Some("http_2xx".into()),
        interval: Some(2),
        timeout: Some(5),
        connect_port: Some(8081),
        healthy_threshold: Some(3),
        unhealthy_threshold: Some(4),
    };
    spec
}

#[test]
fn http_listeners_send_what_their_action_knows() {
    let spec = full_http_spec(HttpProtocol::Http {
        redirect_to: Some(8443),
        x_forwarded_for: Some(Switch::On),
    });
    let created = text(&checked(&CreateHttpListener(&spec)));
    for sent in [
        "ForwardPort=8443\n",
        "ListenerForward=on\n",
        "XForwardedFor=on\n",
        "HealthCheck=on\n",
    ] {
        assert!(created.contains(sent), "{created}");
    }
    let changed = text(&checked(&SetHttpListener(&spec)));
    for fixed in ["BackendServerPort", "ForwardPort", "ListenerForward"] {
        assert!(!changed.contains(fixed), "{changed}");
    }
    checked(&DescribeHttpListener::new("lb-1", 80));
}

#[test]
fn https_listeners_send_what_their_action_knows() {
    let https = |sticky| HttpProtocol::Https {
        server_certificate_id: "15".into(),
        sticky,
    };
    for (sticky, expected) in [
        (Stickiness::Insert { timeout: 60 }, "CookieTimeout=60\n"),
        (
            Stickiness::Server {
                cookie: "sid".into(),
            },
            "Cookie=sid\n",
        ),
    ] {
        let spec = full_http_spec(https(Some(sticky)));
        let created = text(&checked(&CreateHttpListener(&spec)));
        assert!(
            created.contains(expected) && created.contains("ServerCertificateId=15\n"),
            "{created}"
        );
        assert!(!text(&checked(&SetHttpListener(&spec))).contains("Cookie"));
    }
    checked(&DescribeHttpsListener::new("lb-1", 443));
}

#[test]
fn remaining_requests_use_published_names() {
    checked(&DescribeNetworkAttribute::new("n-1"));
    checked(&DescribeVSwitchAttributes::new("vsw-1"));
    checked(&DescribeRegionIsps {
        ens_region_id: Some("cn-x".into()),
    });
    let tags = || vec![Tag::new("a", "1")];
    assert!(
        text(&checked(&TagResources::instances(
            vec!["i-1".into()],
            tags()
        )))
        .contains("ResourceId.1=i-1\n")
    );
    let mut untag = UntagResources::instances(vec!["i-1".into()], vec!["a".into()]);
    untag.all = Some(false);
    assert!(text(&checked(&untag)).contains("TagKey.1=a\n"));
    let mut list = ListTagResources::with_tags(tags());
    list.resource_ids = vec!["i-1".into()];
    list.next_token = Some("t".into());
    checked(&list);
    let (start, end) = ("2026-01-01 00:00:00", "2026-01-01 01:00:00");
    let mut listener = DescribeLoadBalancerListenMonitor::new("lb-1", 80, start, end);
    listener.proto = Some("tcp".into());
    checked(&listener);
    checked(&DescribeServerLoadBalancerMonitor::new("lb-1", start, end));
    let mut listeners = DescribeServerLoadBalancerListenMonitor::new("lb-1", start, end);
    listeners.port = Some(80);
    listeners.proto = Some("http".into());
    checked(&listeners);
}

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
fn rate_limits_are_the_published_ones() {
    let all: Value = serde_json::from_str(include_str!("data/actions.json")).unwrap();
    for (action, metadata) in all.as_object().unwrap() {
        if let Some(limit) = metadata["per_second"].as_u64() {
            assert_eq!(u64::from(published_per_second(action)), limit, "{action}");
        }
    }
}

/// A recorded request that comes back from storage has to be sent byte for byte the same.
#[test]
fn a_stored_request_is_sent_again_unchanged() {
    let mut create = CreateEipInstance::new("cn-x");
    create.tags = vec![Tag::new("a", "1")];
    let stored: CreateEipInstance =
        serde_json::from_value(serde_json::to_value(&create).unwrap()).unwrap();
    assert_eq!(stored.params().unwrap(), create.params().unwrap());
    let add = AddBackendServers::new("lb-1", vec![BackendServer::instance("i-1", 5)]);
    let stored: AddBackendServers =
        serde_json::from_value(serde_json::to_value(&add).unwrap()).unwrap();
    assert_eq!(stored, add);
}

/// Every member that a typed answer reads has to be one that the API documents: a misspelt one would always be absent.
fn check_members(action: &str, prefix: &str, answer: &impl Serialize, but: &[&str]) {
    let known = names(&metadata(action), "response");
    for member in serde_json::to_value(answer)
        .unwrap()
        .as_object()
        .unwrap()
        .keys()
    {
        let path = format!("{prefix}{member}");
        let is_known = known.iter().any(|name| name.trim_end_matches("[]") == path);
        assert_ne!(is_known, but.contains(&member.as_str()), "{action}: {path}");
    }
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
