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
