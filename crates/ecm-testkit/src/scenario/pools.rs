//! Which pools a Service has: their labels and its selector change.

use std::time::Duration;

use ens_sim::cloud::Protocol;
use poolservice_api::keys;
use serde_json::json;

use super::parts::{CHENGDU, HEFEI, label, labels, life, made, of, settle, web};
use super::{Fact, Scenario, Step};

pub(super) fn all() -> Vec<Scenario> {
    vec![label_changes(), selector_changes()]
}

/// A label that slips and is put back at once costs no address (behaviour 2.8); one that stays away costs the pool's
/// load balancer, and coming back brings another.
fn label_changes() -> Scenario {
    let steps = vec![
        Step::KeepServing(Protocol::Tcp, 80),
        label(HEFEI, &json!(null)),
        Step::Pass(Duration::from_millis(500)),
        label(HEFEI, &json!("cube")),
        settle(),
        made(2),
        label(HEFEI, &json!("other")),
        settle(),
        Step::Is(Fact::There(1)),
        label(HEFEI, &json!("cube")),
        settle(),
        Step::Is(Fact::There(2)),
        made(3),
        Step::Release(Protocol::Tcp, 80),
    ];
    life("pool-label", steps)
}

/// The selector leaves a pool out, is then one that does not parse, which changes nothing (behaviour 1.3), and takes the
/// pool in again.
fn selector_changes() -> Scenario {
    let select = |selector: &str| web(json!({ keys::NODE_POOL_SELECTOR: selector }));
    let steps = vec![
        labels(CHENGDU, &json!({ "zone": "west" })),
        select("k8s-svc=cube,zone=west"),
        settle(),
        Step::Is(Fact::There(1)),
        Step::Is(Fact::NoPoolService(of(HEFEI))),
        Step::KeepServing(Protocol::Tcp, 80),
        select("zone in (west"),
        Step::Pass(Duration::from_secs(3)),
        Step::Is(Fact::There(1)),
        select("k8s-svc=cube"),
        settle(),
        Step::Is(Fact::There(2)),
        made(3),
        Step::Release(Protocol::Tcp, 80),
        labels(CHENGDU, &json!({ "zone": null })),
    ];
    life("pool-selector", steps)
}
