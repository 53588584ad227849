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

/// A creation: its action, what it needs, and where its answer has the id.
type Creation = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
);
const LATE: [Creation; 2] = [
    ("CreateLoadBalancer", NEW_ELB, "/LoadBalancerId"),
    ("CreateEipInstance", NEW_EIP, "/AllocationId"),
];
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_repetition_is_processing_until_the_late_effect_and_then_gets_its_result() {
    for (action, params, id) in LATE {
        let mut run = faulty(action, 1, Fault::LateEffect(MINUTE));
        let params = but(params, &[("ClientToken", "t")]);
        run.reply(action, &params);
        for _ in 0..60 {
            // Inferred: no document says what brings the code about.
            assert_eq!(run.refused(action, &params), "PROCESSING");
            run.wait(1);
        }
        let again = text(&run.ok(action, &params), id);
        let made = &run.cloud.journal().purchases;
        assert_eq!(made.len(), 1);
        assert_eq!((&made[0].id, made[0].created_at), (&again, run.now));
        // Ten minutes count from the effect.
        run.wait(599);
        assert_eq!(text(&run.ok(action, &params), id), again);
        run.wait(1);
        assert_ne!(text(&run.ok(action, &params), id), again);
    }
}

#[test]
fn a_repetition_that_overtakes_the_late_effect_makes_the_only_one() {
    for (action, params, _) in LATE {
        let mut run = faulty(action, 1, Fault::LateEffect(MINUTE));
        run.cloud.config_mut().switches.late_call_holds_token = false;
        let params = but(params, &[("ClientToken", "t")]);
        run.reply(action, &params);
        run.ok(action, &params);
        run.wait(60);
        run.cloud.settle(run.now);
        assert_eq!(run.cloud.journal().purchases.len(), 1);
    }
}

#[test]
fn a_token_of_a_late_effect_is_for_its_parameters_alone() {
    for (action, params, _) in LATE {
        let mut run = faulty(action, 1, Fault::LateEffect(MINUTE));
        run.reply(action, &but(params, &[("ClientToken", "t")]));
        let region = [("EnsRegionId", "cn-chengdu"), ("ClientToken", "t")];
        assert_eq!(
            run.refused(action, &but(params, &region)),
            "IdempotentParameterMismatch"
        );
        run.ok(action, &but(params, &[("ClientToken", "other")]));
    }
}

#[test]
fn a_late_call_that_is_refused_in_the_end_voids_its_token() {
    for (action, params, _) in LATE {
        let mut run = faulty(action, 1, Fault::LateEffect(MINUTE));
        let params = but(params, &[("ClientToken", "t")]);
        run.reply(action, &params);
        run.cloud.config_mut().quotas.sale_control = true;
        run.wait(60);
        assert_eq!(
            run.refused(action, &params),
            "SaleControl.VerificationFailed"
        );
        run.cloud.config_mut().quotas.sale_control = false;
        run.ok(action, &params);
        assert_eq!(run.cloud.journal().purchases.len(), 1);
    }
}

#[test]
fn what_is_malformed_holds_no_token_while_it_is_late() {
    let mut run = faulty("CreateLoadBalancer", 1, Fault::LateEffect(MINUTE));
    let token = ("ClientToken", "t");
    run.reply("CreateLoadBalancer", &[token]);
    run.ok("CreateLoadBalancer", &but(NEW_ELB, &[token]));
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
