//! The controllers die, end or stand still in the middle of their work.

use std::time::Duration;

use ens_sim::cloud::Protocol;
use serde_json::json;

use super::guide::{SERVICE, daemon_set, service};
use super::parts::{delete_service, end, made, scenario, settle};
use super::{Fact, Scenario, Step};

pub(super) fn all() -> Vec<Scenario> {
    vec![dies(), stands_still()]
}

/// In the making, in a change and in the release.
fn dies() -> Scenario {
    let steps = vec![
        Step::Apply(daemon_set()),
        Step::Apply(service(json!({}), &[(80, 80)])),
        Step::Pass(Duration::from_millis(700)),
        Step::Kill,
        settle(),
        Step::KeepServing(Protocol::Tcp, 80),
        Step::Apply(service(json!({}), &[(80, 80), (443, 80)])),
        Step::Kill,
        settle(),
        Step::Restart,
        Step::Apply(service(json!({}), &[(80, 80)])),
        Step::Restart,
        settle(),
        Step::Quiet,
        made(2),
        Step::Release(Protocol::Tcp, 80),
        delete_service(SERVICE),
        Step::Pass(Duration::from_millis(300)),
        Step::Kill,
        settle(),
        Step::Is(Fact::There(0)),
    ];
    scenario("leader-dies", steps)
}

/// The same with a process that hangs and goes on where it was.
fn stands_still() -> Scenario {
    let still = || Step::StandStill(Duration::from_secs(3));
    let steps = vec![
        Step::Apply(daemon_set()),
        Step::Apply(service(json!({}), &[(80, 80)])),
        Step::Pass(Duration::from_millis(300)),
        still(),
        settle(),
        Step::KeepServing(Protocol::Tcp, 80),
        Step::Apply(service(json!({}), &[(80, 80), (443, 80)])),
        Step::Pass(Duration::from_millis(100)),
        still(),
        Step::Apply(service(json!({}), &[(80, 80)])),
        settle(),
        made(2),
        Step::Release(Protocol::Tcp, 80),
    ];
    scenario("leader-stands-still", [steps, end()].concat())
}
