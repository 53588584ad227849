//! Carrying a plan out, and what is learnt from how that went.

use ecm_policy::ledger::{Ledger, Record};
use ecm_policy::plan::{Lane, Refused, Step};
use ecm_policy::snapshot::{ObjectKey, PoolService};
use ens_openapi::rate_limit::Priority;
use ens_openapi::{Effect, ErrorClass};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Elb, REFUSED, SyncError};
use crate::caller::Caller;
use crate::executor::{Done, Outcome, StepError};
use crate::ledger_store::LedgerError;
use crate::region::Changed;
use crate::report;

/// How many failures in a row make a refusal that nobody described one for good.
const OPAQUE_TRIES: u32 = 5;

impl Elb {
    /// Runs the lanes, and records each id before anything else is done with it.
    pub(super) async fn execute(
        &self,
        key: &ObjectKey,
        ps: &PoolService,
        lanes: Vec<Lane>,
        ledger: &mut Option<Ledger>,
    ) -> Result<Vec<Done>, SyncError> {
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let priority = if ps.is_urgent() {
            Priority::Critical
        } else {
            Priority::Background
        };
        let caller = Caller::new(priority, key.to_string());
        let (sender, mut results) = mpsc::unbounded_channel::<Done>();
        let record = async {
            let mut done = Vec::new();
            while let Some(result) = results.recv().await {
                self.forget_changed(&result, ledger.as_ref());
                self.forget_refused(&result, ledger.as_ref());
                if let Some(current) = ledger.as_ref()
                    && let Some(next) = after(current, &result)
                {
                    let record = self.ledgers.record(key, &ps.uid, current.sequence, &next);
                    let written = record.await?;
                    self.memories.wrote_ledger(key, &ps.uid, written.clone());
                    *ledger = Some(written);
                }
                done.push(result);
            }
            Ok::<_, LedgerError>(done)
        };
        // The lanes go on although a ledger write fails: what they create is found again by its
        // intent.
        let ((), done) = tokio::join!(self.executor.run(lanes, &caller, sender), record);
        Ok(done?)
    }

    /// What a step has touched is read again before the next plan.
    fn forget_changed(&self, Done { step, result }: &Done, ledger: Option<&Ledger>) {
        let Some(ledger) = ledger else { return };
        let (id, what) = match step {
            Step::CreateListener {
                load_balancer,
                listener,
            }
            | Step::SetListener {
                load_balancer,
                listener,
            } => (load_balancer.as_str(), Changed::Listener(listener.key)),
            Step::StartListener { load_balancer, key }
            | Step::StopListener { load_balancer, key }
            | Step::DeleteListener { load_balancer, key } => {
                (load_balancer.as_str(), Changed::Listener(*key))
            }
            Step::AddBackends { load_balancer, .. }
            | Step::SetWeights { load_balancer, .. }
            | Step::RemoveBackends { load_balancer, .. } => {
                let is_accepted = matches!(result, Ok(Outcome::Changed | Outcome::AlreadyGone));
                let what = if is_accepted {
                    Changed::Accepted(step)
                } else {
                    Changed::Backends
                };
                (load_balancer.as_str(), what)
            }
            _ => match ledger.load_balancer.id.as_deref() {
                Some(id) => (id, Changed::Whole),
                None => return,
            },
        };
        self.regions.changed(&ledger.placement.region, id, what);
    }

    /// A server that the cloud would not attach may not be what it was when it was seen.
    fn forget_refused(&self, done: &Done, ledger: Option<&Ledger>) {
        if let (Step::AddBackends { servers, .. }, Err(_), Some(ledger)) =
            (&done.step, &done.result, ledger)
        {
            let ids = servers.iter().map(|server| &server.server_id);
            self.regions.forget_instances(&ledger.placement.region, ids);
        }
    }

    /// Remembers what the cloud will not have, so that it keeps nothing else waiting.
    pub(super) fn learn(&self, key: &ObjectKey, uid: &str, asked: u64, done: &[Done]) {
        for done in done {
            if let Err(StepError::Cloud(error)) = &done.result
                && error.effect() == Effect::Ambiguous
            {
                self.memories.unsure(key, uid, Instant::now());
            }
            if done.result.is_ok() {
                self.memories.accepted(key, &done.step);
            } else if (done.is_refused_for_good() || self.is_refused_always(key, done))
                && let Some(refusal) = report::refusal(done)
            {
                let refused = Refused {
                    step: done.step.clone(),
                    reason: refusal.reason,
                    message: refusal.message,
                    again: self.clock.seconds() + REFUSED.as_secs().cast_signed(),
                };
                self.memories.refuse(key, uid, asked, refused);
            }
        }
    }

    /// Whether a step fails again and again for a reason that nobody described.
    fn is_refused_always(&self, key: &ObjectKey, done: &Done) -> bool {
        let is_opaque = matches!(&done.result, Err(StepError::Cloud(error))
            if matches!(error.class(), ErrorClass::Unknown | ErrorClass::Conflict));
        is_opaque && self.memories.failures(key) >= OPAQUE_TRIES
    }
}

/// The ledger after a step; `None` when the step does not change it.
fn after(ledger: &Ledger, done: &Done) -> Option<Ledger> {
    let mut next = ledger.clone();
    let record = match &done.step {
        Step::CreateLoadBalancer(_) => &mut next.load_balancer,
        Step::CreateEip(_) => next.eip.as_mut()?,
        _ => return None,
    };
    match &done.result {
        Ok(Outcome::Created(id)) => record.resolve(id.clone()),
        Err(StepError::Cloud(error)) if is_definite(record, error) => record.intent = None,
        _ => return None,
    }
    Some(next)
}

/// A refusal proves that nothing was made only when it answers the only send of the attempt, and
/// says invalid, denied or quota (behaviour 5.5).
fn is_definite(record: &Record, error: &ens_openapi::Error) -> bool {
    let is_only_send = record
        .intent
        .as_ref()
        .is_some_and(|intent| !intent.repeated);
    is_only_send
        && error.effect() != Effect::Ambiguous
        && matches!(
            error.class(),
            ErrorClass::Invalid | ErrorClass::Denied | ErrorClass::Quota
        )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use ecm_policy::ledger::Intent;

    use super::*;

    #[test]
    fn rule_5_5_only_a_refusal_of_the_only_send_says_that_nothing_was_made() {
        let record = |repeated| Record {
            intent: Some(Intent {
                token: "t".into(),
                parameters: BTreeMap::new(),
                first_sent: 0,
                repeated,
            }),
            ..Record::planned([])
        };
        let refusal = |code| ens_openapi::Error::answer("CreateLoadBalancer", code, "no");
        for code in ["InvalidParameter", "Forbidden.RAM", "QuotaExceeded"] {
            assert!(is_definite(&record(false), &refusal(code)), "{code}");
            assert!(!is_definite(&record(true), &refusal(code)), "{code}");
        }
        assert!(!is_definite(
            &record(false),
            &refusal("ens.interface.error")
        ));
        assert!(!is_definite(
            &Record::planned([]),
            &refusal("Forbidden.RAM")
        ));
    }
}
