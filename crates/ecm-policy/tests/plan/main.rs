//! The plan against the contract, rule by rule, on a model of the cloud.
#![allow(
    clippy::panic,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod any;
mod applied;
mod backends;
mod converge;
mod create;
mod deletion;
mod listeners;
#[path = "../model/mod.rs"]
mod model;
mod refusals;
mod serve;
mod steps;
mod users;

use ecm_policy::conditions::{ConditionType, Reason, Status};
use ecm_policy::desired::{Config, Desired, Stack, desired};
use ecm_policy::listeners::{ListenerKey, Protocol};
use ecm_policy::observed::{Listener, ListenerStatus};
use ecm_policy::plan::{Plan, Step};
use ecm_policy::snapshot::Snapshot;
use model::World;

pub(crate) const NAME: &str = "k8s/web/default/hefei/c1";

/// The kinds of the steps, in order.
pub(crate) fn kinds(steps: &[Step]) -> Vec<String> {
    let kind = |step: &Step| {
        let text = format!("{step:?}");
        text.split([' ', '(', '{'])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    steps.iter().map(kind).collect()
}

pub(crate) fn reason(plan: &Plan, condition: ConditionType) -> Option<Reason> {
    plan.report
        .conditions
        .get(condition)
        .filter(|c| c.status == Status::False)
        .map(|c| c.reason)
}

pub(crate) fn key(port: u16, protocol: Protocol) -> ListenerKey {
    ListenerKey { port, protocol }
}

pub(crate) fn foreign(port: u16, protocol: Protocol) -> Listener {
    Listener {
        key: key(port, protocol),
        description: "somebody's".into(),
        status: ListenerStatus::Running,
        backend_port: Some(1),
        settings: None,
    }
}

/// A settled world for a snapshot.
pub(crate) fn settled(of: &ecm_policy::snapshot::Snapshot) -> World {
    let mut world = World::new();
    world.settle(of);
    world
}

pub(crate) fn wanted(of: &Snapshot) -> Stack {
    match desired(of, &Config::new(model::identity()), 1_000_000) {
        Desired::Stack(stack) => *stack,
        other => panic!("{other:?}"),
    }
}
