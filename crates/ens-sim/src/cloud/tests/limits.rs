use super::*;

#[test]
fn more_calls_a_second_than_published_are_throttled_per_action() {
    let mut run = Run::with(|config| config.rate_limits = RateLimits::Published);
    for _ in 0..5 {
        run.ok("CreateLoadBalancer", NEW_ELB);
    }
    assert_eq!(
        run.refused("CreateLoadBalancer", NEW_ELB),
        "Throttling.User"
    );
    for _ in 0..10 {
        run.ok(
            "DescribeLoadBalancerAttribute",
            &[("LoadBalancerId", "lb-heifei")],
        );
    }
    let read = [("LoadBalancerId", "lb-heifei")];
    assert_eq!(
        run.refused("DescribeLoadBalancerAttribute", &read),
        "Throttling.User"
    );
    run.wait(1);
    run.ok("DescribeLoadBalancerAttribute", &read);
}

#[test]
fn each_quota_refuses_what_goes_beyond_it() {
    let mut run = Run::with(|config| {
        config.latency = Latency::instant();
        config.quotas = Quotas {
            load_balancers_per_region: Some(2),
            eips_per_region: Some(2),
            listeners_per_load_balancer: Some(1),
            backends_per_load_balancer: Some(1),
            sale_control: false,
        };
    });
    run.ok("CreateLoadBalancer", NEW_ELB);
    assert_eq!(
        run.refused("CreateLoadBalancer", NEW_ELB),
        "QuotaExceeded.LoadBalancer"
    );
    run.ok("CreateEipInstance", NEW_EIP);
    assert_eq!(
        run.refused("CreateEipInstance", NEW_EIP),
        "QuotaExceeded.Eip"
    );
    let listener = |port| [("LoadBalancerId", "lb-heifei"), ("ListenerPort", port)];
    run.ok("CreateLoadBalancerTCPListener", &listener("80"));
    assert_eq!(
        run.refused("CreateLoadBalancerTCPListener", &listener("81")),
        "QuotaExceeded.Listener"
    );
    let both = r#"[{"ServerId":"i-heifei-1"},{"ServerId":"i-heifei-2"}]"#;
    let add = |servers| [("LoadBalancerId", "lb-heifei"), ("BackendServers", servers)];
    assert_eq!(
        run.refused("AddBackendServers", &add(both)),
        "QuotaExceeded.BackendServer"
    );
    run.ok("AddBackendServers", &add(r#"[{"ServerId":"i-heifei-1"}]"#));
}

#[test]
fn sales_control_refuses_new_purchases() {
    let mut run = Run::with(|config| config.quotas.sale_control = true);
    assert!(
        run.refused("CreateLoadBalancer", NEW_ELB)
            .starts_with("SaleControl.VerificationF")
    );
    assert!(
        run.refused("CreateEipInstance", NEW_EIP)
            .starts_with("SaleControl.VerificationF")
    );
}
