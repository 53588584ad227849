//! Things of ours that a person takes away in the console.

use serde_json::json;

use super::parts::{CHENGDU, HEFEI, key, life, made, of, settle, web};
use super::{Console, Fact, Scenario, Step};

pub(super) fn all() -> Vec<Scenario> {
    vec![lost()]
}

/// A load balancer in one pool and the EIP in another are gone; an edit shows it, and both are made again (behaviour
/// 9.3). The EIP of the one that is lost is bound to the new one.
fn lost() -> Scenario {
    let steps = vec![
        made(2),
        Step::Console(Console::RemoveLoadBalancer(of(HEFEI))),
        Step::Console(Console::RemoveEip(of(CHENGDU))),
        web(json!({ key("eip-bandwidth"): "20", key("backend-weight"): "base=50" })),
        settle(),
        made(3),
        Step::Is(Fact::There(2)),
    ];
    life("lost-and-made-again", steps)
}
