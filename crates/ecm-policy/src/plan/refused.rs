//! Steps that the cloud refused for good: told, left alone for a while, and in nobody's way
//! (behaviour 4.4, 11.1).

use serde::{Deserialize, Serialize};

use super::{Lane, Plan, Step, Wait};
use crate::conditions::{Reason, Refusal};

/// A step that the cloud refused, and that will be refused again unless something changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The step.
    pub step: Step,
    /// The reason that its condition shows.
    pub reason: Reason,
    /// What a person reads, with the cloud's code and RequestId.
    pub message: String,
    /// When it is tried again, seconds since 1970.
    pub again: i64,
}

impl Refused {
    /// Whether `step` asks for the same thing. A create is another attempt of the same create
    /// when all its parameters are the same.
    pub fn covers(&self, step: &Step) -> bool {
        match (&self.step, step) {
            (Step::CreateLoadBalancer(refused), Step::CreateLoadBalancer(asked))
            | (Step::CreateEip(refused), Step::CreateEip(asked)) => {
                refused.parameters == asked.parameters
            }
            (refused, asked) => refused == asked,
        }
    }

    /// Whether it was refused to attach this server.
    pub(super) fn attaches(&self, server_id: &str) -> bool {
        matches!(&self.step, Step::AddBackends { servers, .. }
            if servers.iter().any(|server| server.server_id == server_id))
    }

    /// Whether it was refused to do to one server what `step` does to its servers.
    fn covers_server(&self, step: &Step, server_id: &str, weight: u8) -> bool {
        match (&self.step, step) {
            (Step::AddBackends { .. }, Step::AddBackends { .. }) => self.attaches(server_id),
            (Step::SetWeights { servers, .. }, Step::SetWeights { .. }) => servers
                .iter()
                .any(|server| server.server_id == server_id && server.weight == weight),
            (Step::RemoveBackends { servers, .. }, Step::RemoveBackends { .. }) => {
                servers.iter().any(|server| server.server_id == server_id)
            }
            _ => false,
        }
    }
}

/// Takes out of a plan what the cloud refused and is not asked for again yet, and says so.
pub(super) fn withhold(plan: &mut Plan, refused: &[Refused], now: i64) {
    let standing: Vec<&Refused> = refused.iter().filter(|r| now < r.again).collect();
    if standing.is_empty() {
        return;
    }
    for lane in std::mem::take(&mut plan.lanes) {
        let mut kept = Vec::new();
        for step in lane.0 {
            let others_go_on = does_not_stop_its_lane(&step);
            let (rest, refusals) = without(step, &standing);
            for refusal in &refusals {
                plan.refuse_until(refusal, now);
            }
            match rest {
                Some(step) => kept.push(step),
                None if others_go_on => {}
                None => break,
            }
        }
        if !kept.is_empty() {
            plan.lanes.push(Lane(kept));
        }
    }
}

/// A listener with its old settings can be started all the same, and a server that cannot be
/// attached must not keep others from leaving.
fn does_not_stop_its_lane(step: &Step) -> bool {
    matches!(
        step,
        Step::SetListener { .. }
            | Step::AddBackends { .. }
            | Step::SetWeights { .. }
            | Step::RemoveBackends { .. }
    )
}

/// A step without what was refused of it, and the refusals that applied.
fn without<'a>(step: Step, standing: &[&'a Refused]) -> (Option<Step>, Vec<&'a Refused>) {
    let mut applied: Vec<&Refused> = Vec::new();
    let mut allows = |step: &Step, server_id: &str, weight: u8| {
        let refusal = standing
            .iter()
            .find(|r| r.covers_server(step, server_id, weight));
        if let Some(refusal) = refusal
            && !applied.contains(refusal)
        {
            applied.push(refusal);
        }
        refusal.is_none()
    };
    let rest = match step {
        Step::AddBackends { .. } | Step::SetWeights { .. } | Step::RemoveBackends { .. } => {
            let whole = step.clone();
            step.with_servers(|server_id, weight| allows(&whole, server_id, weight))
        }
        step => match standing.iter().find(|r| r.covers(&step)) {
            Some(refusal) => {
                applied.push(refusal);
                None
            }
            None => Some(step),
        },
    };
    (rest, applied)
}

impl Plan {
    /// Shows a refusal, and looks again when the step may be tried again.
    pub(super) fn refuse_until(&mut self, refused: &Refused, now: i64) {
        self.report.conditions.refuse(&Refusal::new(
            refused.step.condition(),
            refused.reason,
            refused.message.clone(),
        ));
        self.wait(Wait::Seconds((refused.again - now).max(1)));
    }
}

/// The refusal that stands in the way of a step now.
pub(super) fn standing<'a>(refused: &'a [Refused], step: &Step, now: i64) -> Option<&'a Refused> {
    refused
        .iter()
        .find(|refusal| now < refusal.again && refusal.covers(step))
}
