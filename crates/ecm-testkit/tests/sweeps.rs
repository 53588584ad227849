//! Runs with something going wrong at every call.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::time::Duration;

use ecm_testkit::invariants::Expect;
use ecm_testkit::scenario::{self, Scenario, Step, guide};
use ecm_testkit::sweep::{self, Case};
use ecm_testkit::transcript::Side;
use ecm_testkit::trouble::{CloudTrouble, Trouble};
use ens_sim::cloud::Switches;
use serde_json::json;

/// Plays the run that the variable `ECM_REPLAY` spells, and shows it.
#[test]
fn replay() {
    let Ok(text) = std::env::var("ECM_REPLAY") else {
        return;
    };
    let case = Case::parse(&text).unwrap();
    let mut all = scenario::all().into_iter().chain([guide::replicated()]);
    let scenario = all.find(|s| s.name == case.scenario);
    let scenario = scenario.unwrap_or_else(|| panic!("there is no scenario {}", case.scenario));
    let run = sweep::play(&scenario, case.seed, &case.troubles).unwrap();
    println!("{}", run.transcript);
    println!("{} calls, {:?}", run.calls, run.took);
    assert_eq!(run.violations(), Vec::<String>::new());
}

#[test]
fn the_same_seed_gives_the_same_transcript() {
    for scenario in scenario::all().into_iter().chain([guide::replicated()]) {
        let one = sweep::play(&scenario, 1, &[]).unwrap();
        let other = sweep::play(&scenario, 1, &[]).unwrap();
        assert_eq!(one.violations(), Vec::<String>::new(), "{}", one.transcript);
        assert!(one.transcript == other.transcript, "{}", scenario.name);
    }
}

/// Plays `kinds` at every `stride`th place of the scenarios: all of them with `ECM_SWEEP=full`, every 50th with
/// `ECM_SWEEP=50`, a tenth of them in a build that is not optimised.
fn sweep(scenarios: Vec<Scenario>, seed: u64, stride: usize, kinds: fn(Trouble) -> bool) {
    let stride = match std::env::var("ECM_SWEEP").as_deref() {
        Ok("full") => 1,
        Ok(stride) => stride.parse().unwrap(),
        _ if cfg!(debug_assertions) => stride * 10 + 1,
        _ => stride,
    };
    for scenario in scenarios {
        let all = sweep::cases(&scenario, seed, kinds).unwrap();
        let cases: Vec<Case> = all.into_iter().step_by(stride).collect();
        let failures = sweep::run(&scenario, &cases);
        println!("{}: {} runs", scenario.name, cases.len());
        assert!(
            failures.is_empty(),
            "{}",
            sweep::report(&failures, cases.len())
        );
    }
}

// rule_11_3
#[test]
fn a_process_may_die_before_and_after_every_call() {
    sweep(guide::all(), 1, 1, |trouble| {
        matches!(trouble, Trouble::KillBefore | Trouble::KillAfter)
    });
}

#[test]
fn the_cloud_may_fail_in_every_way_at_every_call() {
    sweep(guide::all(), 2, 7, |trouble| {
        matches!(trouble, Trouble::Cloud(_))
    });
}

#[test]
fn the_api_server_may_fail_in_every_way_at_every_call() {
    sweep(guide::all(), 3, 3, |trouble| {
        matches!(trouble, Trouble::Cluster(_))
    });
}

/// The guide's scenarios have sweeps of their own.
#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "minutes in a build that is not optimised; .ci/run has one that is"
)]
fn something_may_go_wrong_at_any_call_of_any_scenario() {
    let others = scenario::all().split_off(guide::all().len());
    sweep(others, 7, 809, |_| true);
}

// rule_11_3, rule_11_4
/// The leader hangs in the middle of a write to the cloud, another one takes over, and the first one wakes up; or it
/// dies there.
#[test]
fn a_leader_may_die_or_stand_still_in_every_write_to_the_cloud() {
    let (scenario, seed) = (guide::replicated(), 6);
    let run = sweep::play(&scenario, seed, &[]).unwrap();
    let writes = run.transcript.calls();
    let writes = writes.filter(|call| call.side == Side::Cloud && call.is_write);
    let kinds = [Trouble::StandStill, Trouble::KillAfter];
    let cases: Vec<Case> = writes
        .zip(kinds.into_iter().cycle())
        .step_by(if cfg!(debug_assertions) { 5 } else { 1 })
        .map(|(call, trouble)| Case {
            scenario: scenario.name.clone(),
            seed,
            troubles: vec![(call.number, trouble)],
        })
        .collect();
    assert!(cases.len() > 5, "{cases:?}");
    let failures = sweep::run(&scenario, &cases);
    assert!(
        failures.is_empty(),
        "{}",
        sweep::report(&failures, cases.len())
    );
}

#[test]
fn the_guide_works_whatever_the_cloud_turns_out_to_be_like() {
    for scenario in guide::all() {
        for (name, switches) in Switches::each() {
            let mut scenario = scenario.clone();
            scenario.config.switches = switches;
            let run = sweep::play(&scenario, 4, &[]).unwrap();
            let violations = run.violations();
            assert!(
                violations.is_empty(),
                "{}, {name}: {violations:#?}",
                scenario.name
            );
        }
    }
}

/// Two answers together can ask for what neither asks for alone. A build that is not optimised plays the ones with a load
/// balancer that each write keeps busy.
#[test]
fn the_guide_works_whatever_two_things_the_cloud_turns_out_to_be_like() {
    let names: Vec<&str> = Switches::each().iter().map(|(name, _)| *name).collect();
    let pairs = names.iter().enumerate().flat_map(|(place, one)| {
        let others = names[place + 1..].iter();
        others.map(move |other| (*one, *other))
    });
    let mut failures = Vec::new();
    for (one, other) in pairs {
        let mut switches = Switches::default();
        assert!(switches.turn(one) && switches.turn(other));
        let is_left_out =
            cfg!(debug_assertions) && one != "busy_per_elb" && other != "busy_per_elb";
        // A cloud without any way to release a load balancer is none.
        let has_no_release =
            !switches.delete_load_balancer_known && !switches.release_instance_takes_elb;
        if is_left_out || has_no_release {
            continue;
        }
        for mut scenario in guide::all() {
            scenario.config.switches = switches;
            let run = sweep::play(&scenario, 4, &[]).unwrap();
            if !run.violations().is_empty() {
                failures.push((
                    format!("{}, {one}, {other}", scenario.name),
                    run.violations(),
                ));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failed: {failures:#?}",
        failures.len()
    );
}

/// The guide's scenarios have a test of their own.
#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "minutes in a build that is not optimised; .ci/run has one that is"
)]
fn every_scenario_comes_out_whatever_the_cloud_turns_out_to_be_like() {
    let mut failures = Vec::new();
    for scenario in scenario::all().split_off(guide::all().len()) {
        for (name, switches) in Switches::each() {
            let mut scenario = scenario.clone();
            // What the cloud refuses to change while it runs has to be stopped (behaviour 6.2).
            if switches.set_refused_while_running && scenario.name == "listener-settings" {
                scenario
                    .steps
                    .retain(|step| !matches!(step, Step::KeepServing(..)));
            }
            scenario.config.switches = switches;
            let run = sweep::play(&scenario, 4, &[]).unwrap();
            if !run.violations().is_empty() {
                failures.push((format!("{}, {name}", scenario.name), run.violations()));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} failed: {failures:#?}",
        failures.len()
    );
}

#[test]
fn the_guide_works_on_a_cloud_whose_lists_lag() {
    for scenario in guide::all() {
        let mut scenario = scenario.clone();
        scenario.config.latency.list_lag = Duration::from_secs(20);
        let run = sweep::play(&scenario, 5, &[]).unwrap();
        assert_eq!(run.violations(), Vec::<String>::new(), "{}", scenario.name);
    }
}

/// The controllers die while all comes up; those that follow see the listener run, and have to stop it.
#[test]
fn rule_4_4_no_address_is_published_whose_listener_is_stopped_to_be_changed() {
    let persistence = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-persistence-timeout";
    let service =
        |seconds: &str| Step::Apply(guide::service(json!({ persistence: seconds }), &[(80, 80)]));
    let mut scenario = guide::replicated();
    scenario.config.switches.set_refused_while_running = true;
    scenario.config.latency.list_lag = Duration::from_secs(20);
    scenario.steps = vec![
        Step::Apply(guide::daemon_set()),
        service("0"),
        Step::Pass(Duration::from_secs(42)),
        Step::Kill,
        service("60"),
        Step::Settle(Expect::Serving),
    ];
    for seed in 0..20 {
        let run = sweep::play(&scenario, seed, &[]).unwrap();
        assert_eq!(run.violations(), Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn rule_4_4_an_eip_that_one_list_does_not_show_stays_published() {
    let scenario = guide::self_managed();
    let trouble = Trouble::Cloud(CloudTrouble::Unseen);
    let run = sweep::play(&scenario, 2, &[]).unwrap();
    let lists = run.transcript.calls();
    let cases: Vec<Case> = lists
        .filter(|call| call.verb == "DescribeEnsEipAddresses")
        .map(|call| Case {
            scenario: scenario.name.clone(),
            seed: 2,
            troubles: vec![(call.number, trouble)],
        })
        .collect();
    let failures = sweep::run(&scenario, &cases);
    assert!(!cases.is_empty());
    assert!(
        failures.is_empty(),
        "{}",
        sweep::report(&failures, cases.len())
    );
}

#[test]
fn every_scenario_comes_out_and_comes_to_rest() {
    let mut failures = Vec::new();
    for mut scenario in scenario::all() {
        scenario.steps.push(Step::Quiet);
        let run = sweep::play(&scenario, 1, &[]).unwrap();
        if !run.violations().is_empty() {
            failures.push((scenario.name, run.violations()));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
