//! What people and programs around it live with.

use super::*;

#[tokio::test(start_paused = true)]
async fn pitfall_28_what_others_write_into_a_status_stays() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let foreign = json!({
        "type": "example.com/Audited", "status": "True", "reason": "Seen", "message": "by audit",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let mut ps = world.view().pool_services.remove(0);
    ps["status"]["conditions"]
        .as_array_mut()
        .unwrap()
        .push(foreign);
    let status = ps["status"].clone();
    world
        .apply(json!({
            "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
            "metadata": { "namespace": "default", "name": PS }, "status": status,
        }))
        .unwrap();
    let mut service = guide::service(json!({}), &[(80, 80), (443, 80)]);
    service["metadata"]["annotations"]["example.com/note"] = json!("mine");
    world.apply(service).unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(condition(&world, PS, "example.com/Audited").0, "Seen");
}

/// Events that the controllers have written so far, or added to.
fn events(world: &World) -> usize {
    let transcript = world.transcript();
    let of_events = |call: &&Call| call.verb != "GET" && call.detail.contains("/events");
    transcript.calls().filter(of_events).count()
}

#[tokio::test(start_paused = true)]
async fn pitfall_27_conditions_are_set_events_are_news_and_failures_name_what_failed() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    sleep(Duration::from_secs(60)).await;
    for kind in [
        "Accepted",
        "LoadBalancerReady",
        "AddressReady",
        "ListenersReady",
        "BackendsReady",
        "InSync",
        "Ready",
    ] {
        let (reason, _) = condition(&world, PS, kind);
        assert!(!reason.is_empty(), "{kind}");
    }
    // A look at which nothing is found says nothing.
    let before = events(&world);
    for look in 0..10 {
        annotate_ps(
            &world,
            &json!({ "example.com/looked-at": look.to_string() }),
        );
        sleep(Duration::from_secs(20)).await;
    }
    assert_eq!(events(&world), before);
    // What is wrong is shown where it is wrong, and is put right by the next edit.
    annotate_ps(&world, &json!({ key("scheduler"): "nonsense" }));
    sleep(Duration::from_secs(10)).await;
    let (reason, message) = condition(&world, PS, "Accepted");
    assert_eq!(reason, "InvalidAnnotation");
    assert!(
        message.contains(&key("scheduler")) && message.contains("nonsense"),
        "{message}"
    );
    annotate_ps(&world, &json!({ key("scheduler"): "wrr" }));
    sleep(Duration::from_secs(10)).await;
    settled(&world).await;
    assert_eq!(condition(&world, PS, "Accepted").0, "AsExpected");
    // A refusal names the load balancer.
    let nth = world.cloud(|cloud| cloud.journal().count("CreateLoadBalancerTCPListener")) + 1;
    world.cloud(|cloud| {
        let faults = std::mem::take(&mut cloud.config_mut().faults);
        cloud.config_mut().faults = faults.at(
            "CreateLoadBalancerTCPListener",
            nth,
            ens_sim::cloud::Fault::no_permission(),
        );
    });
    let annotations = json!({ key("scheduler"): "wrr" });
    world
        .apply(guide::service(annotations, &[(80, 80), (443, 80)]))
        .unwrap();
    sleep(Duration::from_secs(20)).await;
    let (reason, message) = condition(&world, PS, "ListenersReady");
    assert_eq!(reason, "AccessDenied");
    assert!(message.contains(&made(&world).id), "{message}");
}

/// Refuses everything.
#[derive(Debug)]
struct Denies;

#[async_trait::async_trait]
impl ens_openapi::Transport for Denies {
    async fn exchange(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, ens_openapi::transport::TransportError> {
        let body = json!({ "Code": "NoPermission", "Message": "not for you", "RequestId": "r-1" });
        let answer = http::Response::builder().status(403);
        Ok(answer.body(body.to_string().into()).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_31_calls_that_fail_are_counted_by_what_they_came_to() {
    use ens_openapi::api::region::DescribeEnsRegions;
    let mut registry = prometheus_client::registry::Registry::default();
    let metrics = ecm_reconciler::metrics::Metrics::register(&mut registry);
    let credentials = ens_openapi::Credentials::new("id", "secret");
    let cloud = ens_openapi::Client::builder(ens_openapi::StaticCredentials::new(credentials))
        .transport(Denies)
        .observer(metrics.cloud_observer())
        .build()
        .unwrap();
    let refused = cloud.send(&DescribeEnsRegions::default()).await;
    assert!(refused.is_err());
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
    for sample in [
        r#"cloud_requests_total{action="DescribeEnsRegions",result="denied"} 1"#,
        r#"cloud_request_duration_seconds_count{action="DescribeEnsRegions"} 1"#,
    ] {
        assert!(text.contains(sample), "{sample} is not in\n{text}");
    }
}

/// Every setting that the cloud can show, with a value that is not its default, and what the cloud then has.
#[tokio::test(start_paused = true)]
async fn pitfall_32_every_setting_that_is_accepted_does_something() {
    let annotations = json!({
        key("spec"): "elb.s3.medium",
        key("eip-bandwidth"): "77",
        key("eip-isp"): "cmcc",
        key("backend-weight"): "base=33",
        key("scheduler"): "wlc",
        key("persistence-timeout"): "120",
        key("established-timeout"): "600",
        key("healthy-threshold"): "4",
        key("unhealthy-threshold"): "5",
        key("health-check-interval"): "9",
        key("health-check-connect-timeout"): "11",
        key("health-check-connect-port"): "10256",
    });
    let world = serving(one(1), guide::service(annotations, &[(80, 80)])).await;
    let lb = made(&world);
    assert_eq!(lb.spec, "elb.s3.medium");
    let weights: Vec<u8> = lb.backends.iter().map(|server| server.weight).collect();
    assert_eq!(weights, [33]);
    let eips = world.view().cloud.eips;
    let eip = eips.iter().find(|eip| eip.name.starts_with("k8s/"));
    let eip = eip.unwrap();
    assert_eq!((eip.bandwidth, eip.isp.as_str()), (77, "cmcc"));
    let listener = lb.listeners.values().next().unwrap();
    assert_eq!(listener.text("Scheduler"), "wlc");
    for (name, value) in [
        ("PersistenceTimeout", 120),
        ("EstablishedTimeout", 600),
        ("HealthyThreshold", 4),
        ("UnhealthyThreshold", 5),
        ("HealthCheckInterval", 9),
        ("HealthCheckConnectTimeout", 11),
        ("HealthCheckConnectPort", 10256),
    ] {
        assert_eq!(listener.number(name), Some(value), "{name}");
    }
}

/// The parameters of the first call of an action.
fn sent(world: &World, action: &str) -> std::collections::BTreeMap<String, String> {
    let find = |cloud: &mut ens_sim::cloud::Cloud| {
        let mut calls = cloud.journal().calls.iter();
        calls.find(|call| call.action == action).unwrap().clone()
    };
    let params = world.cloud(find).params;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    params.iter().map(owned).collect()
}

/// What an earlier release has made is known by these words alone: another one of them would be another resource, paid
/// for twice.
#[tokio::test(start_paused = true)]
async fn pitfall_33_what_earlier_releases_wrote_is_still_what_is_read() {
    let world = serving(one(1), guide::service(json!({}), &[(80, 80)])).await;
    let lb = made(&world);
    assert_eq!(lb.name, "k8s/cube-svc/default/np-0/sandbox");
    let listener = lb.listeners.values().next().unwrap();
    assert_eq!(
        listener.text("Description"),
        "k8s/80/tcp/sandbox/default/cube-svc/np-0"
    );
    let mut eips = world.view().cloud.eips.into_iter();
    let eip = eips.find(|eip| eip.name.starts_with("k8s/")).unwrap();
    assert_eq!(eip.name, lb.name);
    let ps = world.view().pool_services.remove(0);
    let ledger = &ps["metadata"]["annotations"]["ecm.alibabacloud.com/ledger"];
    let ledger: Value = serde_json::from_str(ledger.as_str().unwrap()).unwrap();
    assert_eq!(ledger["version"], 1);
    assert_eq!(ledger["loadBalancer"]["id"], json!(lb.id));
    assert_eq!(ledger["eip"]["id"], json!(eip.id));
    assert_eq!(
        ps["metadata"]["finalizers"],
        json!(["ecm.alibabacloud.com/resources"])
    );
}

/// The public documents contradict each other about defaults: nothing is left to the cloud's own.
#[tokio::test(start_paused = true)]
async fn pitfall_34_what_documents_disagree_about_is_always_sent() {
    let world = serving(one(1), guide::service(json!({}), &[(80, 80)])).await;
    let lb = sent(&world, "CreateLoadBalancer");
    assert_eq!(lb["LoadBalancerSpec"], "elb.s2.small");
    assert_eq!(lb["PayType"], "PostPaid");
    let eip = sent(&world, "CreateEipInstance");
    assert_eq!(
        (&*eip["Bandwidth"], &*eip["InternetChargeType"]),
        ("10", "95BandwidthByMonth")
    );
    let listener = sent(&world, "CreateLoadBalancerTCPListener");
    for (name, value) in [
        ("ListenerPort", "80"),
        ("BackendServerPort", "30080"),
        ("Scheduler", "rr"),
        ("EstablishedTimeout", "500"),
        ("PersistenceTimeout", "0"),
        ("HealthyThreshold", "3"),
        ("UnhealthyThreshold", "3"),
        ("HealthCheckInterval", "2"),
        ("HealthCheckConnectTimeout", "5"),
    ] {
        assert_eq!(
            listener.get(name).map(String::as_str),
            Some(value),
            "{name}"
        );
    }
    // Both spellings of the interval are understood.
    let annotations = json!({ key("check-interval"): "8" });
    let world = serving(one(1), guide::service(annotations, &[(80, 80)])).await;
    let listener = sent(&world, "CreateLoadBalancerTCPListener");
    assert_eq!(listener["HealthCheckInterval"], "8");
}
