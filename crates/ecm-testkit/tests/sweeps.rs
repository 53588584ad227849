//! Runs with something going wrong at every call.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use ecm_testkit::scenario::guide;
use ecm_testkit::sweep::{self, Case};
use ecm_testkit::trouble::Trouble;

/// Plays the run that the variable `ECM_REPLAY` spells, and shows it.
#[test]
fn replay() {
    let Ok(text) = std::env::var("ECM_REPLAY") else {
        return;
    };
    let case = Case::parse(&text).unwrap();
    let scenario = guide::all().into_iter().find(|s| s.name == case.scenario);
    let scenario = scenario.unwrap_or_else(|| panic!("there is no scenario {}", case.scenario));
    let run = sweep::play(&scenario, case.seed, &case.troubles).unwrap();
    println!("{}", run.transcript);
    println!("{} calls, {:?}", run.calls, run.took);
    assert_eq!(run.violations(), Vec::<String>::new());
}

#[test]
fn the_same_seed_gives_the_same_transcript() {
    for scenario in guide::all() {
        let one = sweep::play(&scenario, 1, &[]).unwrap();
        let other = sweep::play(&scenario, 1, &[]).unwrap();
        assert_eq!(one.violations(), Vec::<String>::new(), "{}", one.transcript);
        assert!(one.transcript == other.transcript, "{}", scenario.name);
    }
}

/// Plays `kinds` at every call of the guide's scenarios. `ECM_SWEEP=full` plays all of them;
/// otherwise every `stride`th, beginning with one that follows from the seed.
fn sweep(seed: u64, stride: usize, kinds: fn(Trouble) -> bool) {
    let stride = match std::env::var("ECM_SWEEP").as_deref() {
        Ok("full") => 1,
        _ => stride,
    };
    for scenario in guide::all() {
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

#[test]
fn a_process_may_die_before_and_after_every_call() {
    sweep(1, 1, |trouble| {
        matches!(trouble, Trouble::KillBefore | Trouble::KillAfter)
    });
}

#[test]
fn the_cloud_may_fail_in_every_way_at_every_call() {
    sweep(2, 7, |trouble| matches!(trouble, Trouble::Cloud(_)));
}

#[test]
fn the_api_server_may_fail_in_every_way_at_every_call() {
    sweep(3, 3, |trouble| matches!(trouble, Trouble::Cluster(_)));
}
