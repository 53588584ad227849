//! Requests: what is sent bears published names, and all that is required.

use crate::{checked, text, whole};
use ens_openapi::api::Request as _;
use ens_openapi::api::backend::{
    AddBackendServers, BackendServer, BackendType, RemoveBackendServers, SetBackendServers,
};
use ens_openapi::api::eip::{
    AssociateEnsEipAddress, CreateEipInstance, DeleteEip, DescribeEnsEipAddresses, EipStatus,
    EipTarget, Isp, LockReason, ModifyEnsEipAddressAttribute, UnAssociateEnsEipAddress,
};
use ens_openapi::api::http_listener::{
    CreateHttpListener, DescribeHttpListener, DescribeHttpsListener, HttpHealthCheck,
    HttpListenerSpec, HttpProtocol, ProbeMethod, SetHttpListener, Stickiness,
};
use ens_openapi::api::instance::{
    DescribeInstances, InstanceResourceType, InstanceStatus, ReleaseInstance,
};
use ens_openapi::api::listener::{
    CreateListener, DeleteLoadBalancerListener, DescribeListener, DescribeLoadBalancerListeners,
    HttpProbe, ListenerKey, ListenerSpec, Scheduler, SetListener, StartLoadBalancerListener,
    StopLoadBalancerListener, TransportProtocol, UdpProbe,
};
use ens_openapi::api::load_balancer::{
    CreateLoadBalancer, DeleteLoadBalancer, DescribeLoadBalancerAttribute,
    DescribeLoadBalancerSpec, DescribeLoadBalancers, LoadBalancerStatus, LoadBalancerType,
    ModifyLoadBalancerAttribute, SetLoadBalancerStatus,
};
use ens_openapi::api::monitor::{
    DescribeLoadBalancerListenMonitor, DescribeServerLoadBalancerListenMonitor,
    DescribeServerLoadBalancerMonitor,
};
use ens_openapi::api::network::{
    DescribeNetworkAttribute, DescribeNetworks, DescribeVSwitchAttributes, DescribeVSwitches,
};
use ens_openapi::api::region::{DescribeEnsRegions, DescribeRegionIsps};
use ens_openapi::api::tag::{ListTagResources, TagResources, UntagResources};
use ens_openapi::api::{Switch, Tag};

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
        load_balancer_type: Some(LoadBalancerType::Clb),
        network_id: Some("n-1".to_owned()),
        vswitch_id: Some("vsw-1".to_owned()),
        address: Some("10.0.0.1".to_owned()),
        server_id: Some("i-1".to_owned()),
        page_number: Some(2),
        page_size: Some(100),
    };
    let sent = text(&whole(&list));
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
    create.ip_address = Some("198.51.100.1".to_owned());
    create.instance_id = Some("eip-0".to_owned());
    assert_eq!(
        text(&whole(&create)),
        "Bandwidth=10\nClientToken=t\nDescription=d\nEnsRegionId=cn-x\nInstanceChargeType=PostPaid\n\
         InstanceId=eip-0\nInternetChargeType=95BandwidthByMonth\nIpAddress=198.51.100.1\nIsp=telecom\nName=n\nTag.1.Key=a\nTag.1.Value=1\nTag.2.Key=b\n\
         Tag.2.Value=2\n"
    );
    let list = DescribeEnsEipAddresses {
        ens_region_id: Some("cn-x".into()),
        ens_region_ids: vec!["cn-x".into()],
        allocation_ids: vec!["eip-1".into(), "eip-2".into()],
        eip_name: Some("n".into()),
        eip_addresses: vec!["198.51.100.1".into(), "198.51.100.2".into()],
        status: Some(EipStatus::InUse),
        associated_instance_id: Some("lb-1".into()),
        associated_instance_type: Some(EipTarget::SlbInstance),
        standby: Some(false),
        icmp_reply_enabled: Some(true),
        lock_reason: Some(LockReason::Financial),
        page_number: Some(1),
        page_size: Some(100),
    };
    let sent = text(&whole(&list));
    assert!(sent.contains("AllocationId=eip-1,eip-2\n"), "{sent}");
    assert!(
        sent.contains("EipAddress=198.51.100.1,198.51.100.2\n"),
        "{sent}"
    );
    assert!(sent.contains("Standby=false\n"), "{sent}");
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
    whole(&DescribeNetworks {
        ens_region_id: Some("cn-x".into()),
        ens_region_ids: vec!["cn-x".into()],
        network_id: Some("n-1".into()),
        network_ids: vec!["n-1".into()],
        network_name: Some("n".into()),
        page_number: Some(1),
        page_size: Some(50),
    });
    whole(&DescribeVSwitches {
        ens_region_id: Some("cn-x".into()),
        ens_region_ids: vec!["cn-x".into()],
        network_id: Some("n-1".into()),
        vswitch_id: Some("vsw-1".into()),
        vswitch_ids: vec!["vsw-1".into()],
        vswitch_name: Some("v".into()),
        enable_ipv6: Some(true),
        page_number: Some(1),
        page_size: Some(50),
    });
    let sent = whole(&DescribeInstances {
        ens_region_id: Some("cn-x".into()),
        ens_region_ids: vec!["cn-x".into()],
        instance_id: Some("i-1".into()),
        instance_ids: vec!["i-1".into(), "i-2".into()],
        instance_name: Some("n".into()),
        network_id: Some("n-1".into()),
        vswitch_id: Some("vsw-1".into()),
        status: Some(InstanceStatus::Running),
        service_status: vec!["s".into()],
        instance_resource_type: Some(InstanceResourceType::EnsInstance),
        instance_type: Some("ens.sn1.small".into()),
        image_id: Some("m-1".into()),
        security_group_id: Some("sg-1".into()),
        ens_service_id: Some("ens-1".into()),
        intranet_ip: Some("10.0.0.1".into()),
        eip_addresses: vec!["198.51.100.1".into()],
        vpd_id: Some("vpd-1".into()),
        vpd_vswitch_id: Some("vsw-2".into()),
        tags: vec![Tag::new("a", "1")],
        search_key: Some("web".into()),
        order_by_params: Some("{\"CreationTimeSort\":\"desc\"}".into()),
        page_number: Some(1),
        page_size: Some(100),
    });
    let sent = text(&sent);
    for expected in [
        "InstanceIds=[\"i-1\",\"i-2\"]\n",
        "EnsRegionIds=[\"cn-x\"]\n",
        "EipAddresses=[\"198.51.100.1\"]\n",
        "ServiceStatus=[\"s\"]\n",
        "Tags=[{\"Key\":\"a\",\"Value\":\"1\"}]\n",
    ] {
        assert!(sent.contains(expected), "{sent}");
    }
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
