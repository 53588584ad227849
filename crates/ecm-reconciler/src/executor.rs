//! Carries out the steps of a plan: the only place that changes the cloud.
//!
//! Writes are not retried here. A step that fails ends its lane; the next plan starts from what
//! the cloud then shows.

mod pace;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ecm_policy::plan::{Lane, Step};
use ens_openapi::ErrorClass;
use ens_openapi::rate_limit::Priority;
use futures::future::join_all;
use thiserror::Error;
use tokio::sync::mpsc;

use crate::caller::{Caller, CloudApi};
use crate::leader::{Leadership, NotLeading};
use pace::Pace;
use write::{Write, is_about_one};

/// Changes the cloud, while it leads.
#[derive(Debug, Clone)]
pub struct Executor {
    api: CloudApi,
    leadership: Leadership,
    pace: Arc<Pace>,
}

/// What became of a step.
#[derive(Debug)]
pub struct Done {
    /// The step.
    pub step: Step,
    /// Its result.
    pub result: Result<Outcome, StepError>,
}

/// How a step succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It made something, with this id.
    Created(String),
    /// It changed something.
    Changed,
    /// What it was to remove was not there any more.
    AlreadyGone,
    /// The cloud wants the thing stopped first; that was done, the next plan goes on.
    StoppedFirst,
}

/// Why a step failed.
#[derive(Debug, Error)]
pub enum StepError {
    /// Another replica leads.
    #[error(transparent)]
    NotLeading(#[from] NotLeading),
    /// The cloud refused, or could not be asked.
    #[error(transparent)]
    Cloud(#[from] ens_openapi::Error),
    /// The intent in the ledger lacks a parameter: it was written by another version.
    #[error("the recorded create lacks parameters")]
    BrokenIntent,
    /// Only TCP and UDP listeners are ever written.
    #[error("listener {0} is neither TCP nor UDP")]
    Protocol(String),
}

impl Done {
    /// Whether the cloud said that something else is changing what the step is about.
    fn met_a_busy_one(&self) -> bool {
        matches!(&self.result, Err(StepError::Cloud(error)) if error.class() == ErrorClass::Busy)
    }

    /// Whether the cloud will refuse the same step again until somebody changes something
    /// (behaviour 11.1).
    pub fn is_refused_for_good(&self) -> bool {
        let Err(StepError::Cloud(error)) = &self.result else {
            return matches!(
                self.result,
                Err(StepError::BrokenIntent | StepError::Protocol(_))
            );
        };
        match error.class() {
            ErrorClass::Denied | ErrorClass::Invalid | ErrorClass::Quota => true,
            // The server that was named, not the load balancer.
            ErrorClass::Gone => {
                matches!(
                    self.step,
                    Step::AddBackends { .. } | Step::SetWeights { .. }
                ) && is_about_one(error)
            }
            _ => false,
        }
    }
}

impl Executor {
    /// An executor that writes through `api` while `leadership` holds.
    pub fn new(api: impl Into<CloudApi>, leadership: Leadership) -> Self {
        Self {
            api: api.into(),
            leadership,
            pace: Arc::default(),
        }
    }

    /// Runs all lanes side by side and reports every step as it is done. Returns when the last
    /// lane has ended. Every step is at least as urgent as `caller`.
    ///
    /// Once a load balancer has refused a write because of another, the writes to it go one by one
    /// (behaviour 11.2), and the first that it refuses even so is the last of the run.
    pub async fn run(&self, lanes: Vec<Lane>, caller: &Caller, done: mpsc::UnboundedSender<Done>) {
        let is_busy = AtomicBool::new(false);
        let lanes = lanes.into_iter();
        join_all(lanes.map(|lane| self.run_lane(lane, caller, &is_busy, done.clone()))).await;
    }

    /// `is_busy` says of all lanes whether their load balancer has refused a write because of another.
    async fn run_lane(
        &self,
        lane: Lane,
        caller: &Caller,
        is_busy: &AtomicBool,
        done: mpsc::UnboundedSender<Done>,
    ) {
        let mut ends = false;
        for step in lane.0 {
            let id = step.load_balancer().map(str::to_owned);
            let turn = match &id {
                Some(id) => self.pace.turn(id).await,
                None => None,
            };
            if turn.is_some() && is_busy.load(Ordering::Relaxed) {
                return;
            }
            let caller = Caller {
                priority: priority(&step).min(caller.priority),
                name: caller.name.clone(),
            };
            let write = Write {
                api: self.api.called_by(&caller),
                leadership: &self.leadership,
                is_slow: turn.is_some(),
                is_quiet: turn.as_ref().is_some_and(|turn| turn.is_quiet),
            };
            for piece in write.carry_out(step).await {
                if let Some(id) = &id {
                    if piece.met_a_busy_one() {
                        self.pace.slow_down(id);
                        is_busy.store(true, Ordering::Relaxed);
                    } else if piece.result.is_ok() {
                        self.pace.wrote(id);
                    }
                }
                // After a stop the steps that follow were planned for another state.
                let goes_on = matches!(
                    piece.result,
                    Ok(Outcome::Changed | Outcome::Created(_) | Outcome::AlreadyGone)
                );
                ends |= !goes_on | done.send(piece).is_err();
            }
            if ends {
                return;
            }
        }
    }
}

/// How urgent a step is that nobody waits for in particular (behaviour 11.2): what costs money or
/// brings an address up, then backends, listeners, and the settings of what serves.
fn priority(step: &Step) -> Priority {
    match step {
        Step::CreateLoadBalancer(_)
        | Step::ActivateLoadBalancer { .. }
        | Step::ReleaseLoadBalancer { .. }
        | Step::CreateEip(_)
        | Step::BindEip { .. }
        | Step::UnbindEip { .. }
        | Step::ReleaseEip { .. } => Priority::Critical,
        Step::AddBackends { .. } | Step::SetWeights { .. } | Step::RemoveBackends { .. } => {
            Priority::High
        }
        Step::CreateListener { .. }
        | Step::StartListener { .. }
        | Step::StopListener { .. }
        | Step::DeleteListener { .. } => Priority::Normal,
        Step::SetListener { .. }
        | Step::RenameLoadBalancer { .. }
        | Step::SetEipBandwidth { .. } => Priority::Low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rule_10_1_a_create_that_cannot_be_sent_shows_on_its_condition() {
        let intent = ecm_policy::ledger::Intent {
            token: "t".into(),
            parameters: std::collections::BTreeMap::new(),
            first_sent: 0,
            repeated: false,
        };
        let done = Done {
            step: Step::CreateEip(intent),
            result: Err(StepError::BrokenIntent),
        };
        assert!(done.is_refused_for_good());
        let refusal = crate::report::refusal(&done).unwrap();
        assert_eq!(refusal.condition.as_str(), "AddressReady");
    }
}
