use super::*;

/// The guide's world without waits, where this happens to the nth call of an action.
fn faulty(action: &str, nth: u64, fault: Fault) -> Run {
    Run::with(|config| {
        config.latency = Latency::instant();
        config.faults = FaultPlan::default().at(action, nth, fault);
    })
}

fn elbs(run: &Run) -> usize {
    run.cloud.snapshot().load_balancers.len()
}

#[test]
fn a_refusal_hits_the_nth_call_only_and_has_no_effect() {
    let mut run = faulty("CreateLoadBalancer", 2, Fault::unavailable());
    run.ok("CreateLoadBalancer", NEW_ELB);
    let response = run.reply("CreateLoadBalancer", NEW_ELB).response;
    assert_eq!(
        (response.status, response.code(), elbs(&run)),
        (503, Some("ServiceUnavailable"), 3)
    );
    run.ok("CreateLoadBalancer", NEW_ELB);
}

#[test]
fn the_named_refusals_carry_their_codes() {
    for (fault, status, code) in [
        (Fault::throttled(None), 400, "Throttling.User"),
        (Fault::processing(), 400, "PROCESSING"),
        (Fault::opaque(), 400, "ens.interface.error"),
        (Fault::no_permission(), 400, "NoPermission"),
    ] {
        let response = faulty("DescribeEnsRegions", 1, fault)
            .reply("DescribeEnsRegions", &[])
            .response;
        assert_eq!((response.status, response.code()), (status, Some(code)));
        assert_eq!(response.headers, []);
    }
}

#[test]
fn throttling_says_how_long_to_wait_in_milliseconds() {
    let mut run = faulty(
        "DescribeEnsRegions",
        1,
        Fault::throttled(Some(Duration::from_secs(2))),
    );
    let response = run.reply("DescribeEnsRegions", &[]).response;
    assert_eq!(
        response.headers,
        [("x-acs-retry-after".to_owned(), "2000".to_owned())]
    );
}

#[test]
fn a_lost_request_has_no_effect_and_a_lost_answer_has() {
    let mut run = faulty("CreateLoadBalancer", 1, Fault::LoseRequest);
    assert_eq!(
        (
            run.reply("CreateLoadBalancer", NEW_ELB).delivery,
            elbs(&run)
        ),
        (Delivery::Lost, 2)
    );
    let mut run = faulty("CreateLoadBalancer", 1, Fault::LoseAnswer);
    assert_eq!(
        (
            run.reply("CreateLoadBalancer", NEW_ELB).delivery,
            elbs(&run)
        ),
        (Delivery::Lost, 3)
    );
    assert!(!run.cloud.journal().calls[0].delivered);
}

#[test]
fn an_error_after_the_effect_leaves_the_effect() {
    let mut run = faulty(
        "CreateLoadBalancer",
        1,
        Fault::internal_error_after_effect(),
    );
    assert_eq!(
        (
            run.reply("CreateLoadBalancer", NEW_ELB).response.status,
            elbs(&run)
        ),
        (500, 3)
    );
}

#[test]
fn a_late_effect_comes_when_the_caller_has_given_up() {
    let mut run = faulty(
        "CreateLoadBalancer",
        1,
        Fault::LateEffect(Duration::from_secs(120)),
    );
    assert_eq!(
        run.reply("CreateLoadBalancer", NEW_ELB).delivery,
        Delivery::Lost
    );
    run.wait(119);
    run.cloud.settle(run.now);
    assert_eq!(elbs(&run), 2);
    run.wait(1);
    run.cloud.settle(run.now);
    assert_eq!((elbs(&run), run.cloud.journal().purchases.len()), (3, 1));
}

#[test]
fn a_late_effect_and_its_repetition_with_the_same_token_make_one() {
    let mut run = faulty(
        "CreateLoadBalancer",
        1,
        Fault::LateEffect(Duration::from_secs(60)),
    );
    let params = but(NEW_ELB, &[("ClientToken", "t")]);
    run.reply("CreateLoadBalancer", &params);
    run.ok("CreateLoadBalancer", &params);
    run.wait(60);
    run.cloud.settle(run.now);
    assert_eq!(run.cloud.journal().purchases.len(), 1);
}

#[test]
fn a_delay_is_told_to_whoever_delivers() {
    let wait = Duration::from_secs(3);
    let reply =
        faulty("DescribeEnsRegions", 1, Fault::Delay(wait)).reply("DescribeEnsRegions", &[]);
    assert_eq!(
        (reply.delivery, reply.response.status),
        (Delivery::After(wait), 200)
    );
}

#[test]
fn what_is_unseen_comes_back() {
    let mut run = faulty("DescribeLoadBalancerAttribute", 1, Fault::Unseen);
    let read = [("LoadBalancerId", "lb-heifei")];
    assert_eq!(
        run.refused("DescribeLoadBalancerAttribute", &read),
        "LoadBalancerNotFound"
    );
    run.ok("DescribeLoadBalancerAttribute", &read);
    let mut run = faulty("CreateLoadBalancer", 1, Fault::Unseen);
    run.ok("CreateLoadBalancer", NEW_ELB);
    assert_eq!(
        elbs(&run),
        3,
        "what is made while others are unseen stays, and the others too"
    );
}

#[test]
fn a_call_in_another_account_finds_nothing() {
    let mut run = faulty("DescribeLoadBalancers", 1, Fault::OtherAccount);
    assert_eq!(
        number(&run.ok("DescribeLoadBalancers", &[]), "/TotalCount"),
        0
    );
    assert_eq!(
        number(&run.ok("DescribeLoadBalancers", &[]), "/TotalCount"),
        2
    );
}

#[test]
fn a_stale_list_shows_how_things_stood() {
    let mut run = faulty(
        "DescribeLoadBalancers",
        2,
        Fault::Stale(Duration::from_secs(30)),
    );
    run.ok("DescribeEnsRegions", &[]);
    run.wait(31);
    run.ok("CreateLoadBalancer", NEW_ELB);
    assert_eq!(
        number(&run.ok("DescribeLoadBalancers", &[]), "/TotalCount"),
        3
    );
    assert_eq!(
        number(&run.ok("DescribeLoadBalancers", &[]), "/TotalCount"),
        2
    );
    assert_eq!(
        number(&run.ok("DescribeLoadBalancers", &[]), "/TotalCount"),
        3
    );
}

#[test]
fn a_forgotten_token_makes_a_second_one() {
    let mut run = faulty("CreateLoadBalancer", 2, Fault::ForgetTokens);
    let params = but(NEW_ELB, &[("ClientToken", "t"), ("LoadBalancerName", "n")]);
    run.ok("CreateLoadBalancer", &params);
    run.ok("CreateLoadBalancer", &params);
    assert_eq!(run.cloud.journal().doubles.len(), 1);
}

#[test]
fn faults_by_chance_depend_on_the_seed_alone() {
    let outcome = |seed| {
        let faults = FaultPlan::default().by_chance(0.5, Fault::unavailable());
        let config = Config {
            faults,
            rate_limits: RateLimits::Off,
            ..Config::default()
        };
        let mut run = Run {
            cloud: Cloud::new(config, seed).unwrap(),
            now: Timestamp(0),
        };
        (0..64)
            .map(|_| run.reply("DescribeEnsRegions", &[]).response.status == 200)
            .collect::<Vec<_>>()
    };
    let first = outcome(3);
    assert_eq!(first, outcome(3));
    assert_ne!(first, outcome(4));
    assert!(first.contains(&true) && first.contains(&false));
}

#[test]
fn what_vanishes_behind_everybodys_back_is_gone() {
    let mut run = Run::new();
    assert!(run.cloud.vanish("lb-heifei", run.now));
    assert!(!run.cloud.vanish("lb-heifei", run.now));
    assert_eq!(run.eip_status("eip-heifei"), "Available");
}
