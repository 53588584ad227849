//! Many runs of one scenario, each with something else going wrong.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use thiserror::Error;

use crate::scenario::{Run, Scenario, ScenarioError};
use crate::trouble::Trouble;

/// One run of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Name of the scenario.
    pub scenario: String,
    /// Seed of the run.
    pub seed: u64,
    /// What goes wrong, and with which call.
    pub troubles: Vec<(u64, Trouble)>,
}

/// A run in which something did not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which.
    pub case: Case,
    /// What did not hold.
    pub violations: Vec<String>,
}

/// Why a run did not come about.
#[derive(Debug, Error)]
pub enum PlayError {
    /// No runtime.
    #[error("building a runtime")]
    Runtime(#[from] std::io::Error),
    /// A step was refused.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
}

/// Plays a scenario in a runtime of its own, on paused time. The thread must not run another
/// runtime.
///
/// # Errors
/// When a step of the scenario is refused.
pub fn play(scenario: &Scenario, seed: u64, troubles: &[(u64, Trouble)]) -> Result<Run, PlayError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    Ok(runtime.block_on(scenario.play(seed, troubles))?)
}

/// Every call of a scenario with every trouble of `kinds` that can hit it. Learns the calls from a
/// run in which nothing goes wrong.
///
/// # Errors
/// When that run cannot be made.
pub fn cases(
    scenario: &Scenario,
    seed: u64,
    kinds: impl Fn(Trouble) -> bool,
) -> Result<Vec<Case>, PlayError> {
    let run = play(scenario, seed, &[])?;
    let mut cases = Vec::new();
    for call in run.transcript.calls() {
        for (_, trouble) in Trouble::ALL {
            if kinds(trouble) && trouble.can_hit(call) {
                cases.push(Case {
                    scenario: scenario.name.clone(),
                    seed,
                    troubles: vec![(call.number, trouble)],
                });
            }
        }
    }
    Ok(cases)
}

/// Plays all cases, as many at a time as the machine has processors, and gives those in which
/// something did not hold, in the order of `cases`.
pub fn run(scenario: &Scenario, cases: &[Case]) -> Vec<Failure> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let threads = thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(at) else { return };
                    let violations = match play(scenario, case.seed, &case.troubles) {
                        Ok(run) => run.violations(),
                        Err(error) => vec![format!("the run broke off: {error}")],
                    };
                    if !violations.is_empty() {
                        let case = case.clone();
                        failures
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((at, Failure { case, violations }));
                    }
                }
            });
        }
    });
    let mut failures = failures
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    failures.sort_by_key(|(at, _)| *at);
    failures.into_iter().map(|(_, failure)| failure).collect()
}

impl Case {
    /// A run as one word: `guide-auto:7:kill-before@12`.
    pub fn spelled(&self) -> String {
        let troubles = self.troubles.iter();
        let troubles = troubles.map(|(call, trouble)| format!("{trouble}@{call}"));
        let head = [self.scenario.clone(), self.seed.to_string()];
        let parts: Vec<String> = head.into_iter().chain(troubles).collect();
        parts.join(":")
    }

    /// Reads what [`Case::spelled`] writes.
    ///
    /// # Errors
    /// A text that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let scenario = parts.next().unwrap_or_default().to_owned();
        let seed = parts.next().unwrap_or_default();
        let seed = seed
            .parse()
            .map_err(|_| format!("{seed:?} is no seed in {text:?}"))?;
        let troubles = parts.map(|part| {
            let (trouble, call) = part
                .split_once('@')
                .ok_or_else(|| format!("{part:?} is not <trouble>@<call>"))?;
            let call = call
                .parse()
                .map_err(|_| format!("{call:?} is no number of a call"))?;
            let trouble = trouble
                .parse()
                .map_err(|error: crate::trouble::NoSuchTrouble| error.to_string())?;
            Ok((call, trouble))
        });
        Ok(Self {
            scenario,
            seed,
            troubles: troubles.collect::<Result<_, String>>()?,
        })
    }

    /// The command that plays this run again and shows everything that happens in it.
    pub fn command(&self) -> String {
        format!(
            "ECM_REPLAY={} cargo test -p ecm-testkit --test sweeps replay -- --nocapture",
            self.spelled()
        )
    }
}

/// What failed, for people: how often, and the first few with the commands that play them again.
pub fn report(failures: &[Failure], runs: usize) -> String {
    let mut text = format!("{} of {runs} runs failed\n", failures.len());
    for failure in failures.iter().take(12) {
        text.push_str(&failure.case.command());
        text.push('\n');
        for violation in failure.violations.iter().take(4) {
            text.push_str("    ");
            text.push_str(violation);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trouble::CloudTrouble;

    #[test]
    fn a_case_reads_back_what_it_spells() {
        let case = Case {
            scenario: "guide-auto".to_owned(),
            seed: 7,
            troubles: vec![
                (12, Trouble::KillBefore),
                (40, Trouble::Cloud(CloudTrouble::LosesAnswer)),
            ],
        };
        let text = case.spelled();
        assert_eq!(text, "guide-auto:7:kill-before@12:cloud-loses-answer@40");
        assert_eq!(Case::parse(&text), Ok(case));
    }

    #[test]
    fn a_text_that_is_no_case_is_refused_with_what_is_wrong() {
        for (text, part) in [
            ("guide-auto", "is no seed"),
            ("guide-auto:1:kill-before", "is not <trouble>@<call>"),
            ("guide-auto:1:kill-before@x", "is no number of a call"),
            ("guide-auto:1:kill@3", "kill-before, kill-after"),
        ] {
            let error = Case::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
