//! What people hear of a sync, as events (behaviour 10.3), and how long an address took.

use std::time::Duration;

use ecm_policy::conditions::{ConditionType, Reason, Status};
use ecm_policy::desired::Notice;
use ecm_policy::events::{Controller, standing};
use ecm_policy::plan::{Addresses, Event, Plan, Step};
use ecm_policy::snapshot::Snapshot;
use ens_openapi::ErrorClass;

use super::Elb;
use crate::events::{ELB_ACTION, EventType, pool_service_reference, service_reference};
use crate::executor::{Done, Outcome, StepError};
use crate::report;

impl Elb {
    /// Publishes the events of a plan and of its steps. `is_drift` when the same was asked for and
    /// stood before: then what the steps changed had been changed by somebody else.
    pub(super) fn tell(&self, snapshot: &Snapshot, plan: &Plan, done: &[Done], is_drift: bool) {
        self.tell_steps(snapshot, done, is_drift);
        if !plan.needs.is_empty() {
            // Half a picture settles nothing.
            return;
        }
        let mut on_both = Vec::new();
        let accepted = plan.report.conditions.get(ConditionType::Accepted);
        // A parent that is missing is mostly one that is going: the fan-out says that better.
        let is_going = |reason| matches!(reason, Reason::ServiceMissing | Reason::NodePoolMissing);
        if let Some(accepted) =
            accepted.filter(|c| c.status == Status::False && !is_going(c.reason))
        {
            on_both.push(warning(accepted.reason, accepted.message.clone()));
        }
        let mut events = plan.report.events.clone();
        events.extend(plan.report.notices.iter().map(|notice| {
            let (reason, note) = notice_event(notice);
            warning(reason, note)
        }));
        events.extend(on_both.iter().cloned());
        let standing = standing(Controller::Elb);
        let ps = &snapshot.pool_service;
        let on_ps = pool_service_reference(ps);
        self.notifier
            .keep_standing(&on_ps, &standing, &events, ELB_ACTION);
        if let Some(service) = &snapshot.service {
            // People look at the Service first.
            let on_service = service_reference(&service.key, &service.uid);
            self.notifier
                .keep_standing_by(&ps.uid, &on_service, &standing, &on_both, ELB_ACTION);
        }
    }

    /// Measures how long it took from what was asked for to the first address (behaviour 10.4). What stood before and
    /// comes back, and what waited for a person, says nothing of that.
    pub(super) fn measure_address(&self, snapshot: &Snapshot, plan: &Plan) {
        let ps = &snapshot.pool_service;
        let publishes = matches!(plan.report.addresses, Addresses::Publish { .. });
        let stood_before = self.memories.settled_before(&ps.key, &ps.uid).is_some();
        if publishes && ps.published.is_empty() && !stood_before {
            let took = self.clock.seconds().saturating_sub(snapshot.asked_for_at());
            let took = Duration::from_secs(took.max(0).unsigned_abs());
            self.metrics.address_published(took);
        }
    }

    /// Says once that the cloud could not be read; the next whole look settles it.
    pub(super) fn tell_unreadable(&self, snapshot: &Snapshot, reason: Reason, note: &str) {
        let event = [warning(reason, note.to_owned())];
        let ps = &snapshot.pool_service;
        let on_ps = pool_service_reference(ps);
        self.notifier.keep_standing(&on_ps, &[], &event, ELB_ACTION);
        if let Some(service) = &snapshot.service {
            let on_service = service_reference(&service.key, &service.uid);
            self.notifier
                .keep_standing_by(&ps.uid, &on_service, &[], &event, ELB_ACTION);
        }
    }

    fn tell_steps(&self, snapshot: &Snapshot, done: &[Done], is_drift: bool) {
        let ps = &snapshot.pool_service;
        for Done { step, result } in done {
            match result {
                Ok(outcome) => {
                    tracing::info!(pool_service = %ps.key, %step, ?outcome, "done");
                    if let Some((mut reason, note)) = announcement(step, outcome) {
                        if is_drift && reason == Reason::Updated {
                            reason = Reason::DriftRepaired;
                            self.metrics.drift_repaired();
                        }
                        self.notifier
                            .pool_service(ps, EventType::Normal, reason, &note);
                    }
                }
                Err(StepError::Cloud(error)) if error.class() == ErrorClass::Busy => {
                    tracing::debug!(pool_service = %ps.key, %step, %error, "not yet");
                }
                Err(error) => {
                    tracing::warn!(pool_service = %ps.key, %step, error = %report::chain(error), "refused");
                    if let StepError::Cloud(error) = error {
                        let note = format!("could not {step}: {}", report::describe_once(error));
                        let reason = report::reason(error);
                        self.notifier
                            .pool_service(ps, EventType::Warning, reason, &note);
                    }
                }
            }
        }
    }
}

fn warning(reason: Reason, message: String) -> Event {
    Event {
        warning: true,
        reason,
        message,
    }
}

/// The event of a step that changed something people care about.
fn announcement(step: &Step, outcome: &Outcome) -> Option<(Reason, String)> {
    match (step, outcome) {
        (Step::CreateLoadBalancer(_), Outcome::Created(id)) => {
            Some((Reason::Created, format!("created load balancer {id}")))
        }
        (Step::CreateEip(_), Outcome::Created(id)) => {
            Some((Reason::Created, format!("created EIP {id}")))
        }
        (Step::BindEip { id, load_balancer }, _) => {
            Some((Reason::Bound, format!("bound EIP {id} to {load_balancer}")))
        }
        (Step::ReleaseLoadBalancer { id, .. }, Outcome::Changed) => {
            Some((Reason::Released, format!("released load balancer {id}")))
        }
        (Step::ReleaseEip { id }, Outcome::Changed) => {
            Some((Reason::Released, format!("released EIP {id}")))
        }
        (
            Step::SetEipBandwidth { .. }
            | Step::SetListener { .. }
            | Step::CreateListener { .. }
            | Step::DeleteListener { .. }
            | Step::AddBackends { .. }
            | Step::RemoveBackends { .. }
            | Step::SetWeights { .. }
            | Step::ActivateLoadBalancer { .. },
            Outcome::Changed,
        ) => Some((Reason::Updated, past(step))),
        _ => None,
    }
}

/// A step as something that was done.
fn past(step: &Step) -> String {
    let text = step.to_string();
    let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
    let done = match verb {
        "attach" => "attached",
        "detach" => "detached",
        "create" => "created",
        "change" => "changed",
        "delete" => "deleted",
        same => same,
    };
    format!("{done} {rest}")
}

fn notice_event(notice: &Notice) -> (Reason, String) {
    match notice {
        Notice::UnknownAnnotation(unknown) => (
            Reason::UnknownAnnotation,
            format!(
                "nobody reads annotation {}: did you mean {}?",
                unknown.key, unknown.nearest
            ),
        ),
        Notice::IgnoredField { field, instead } => (
            Reason::UnsupportedField,
            format!("{field} is ignored: {instead}"),
        ),
        Notice::NodeLeftOut(left_out) => (
            Reason::BackendRefused,
            format!("node {} is no backend: {}", left_out.node, left_out.why),
        ),
    }
}
