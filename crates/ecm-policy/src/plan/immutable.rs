//! Settings that a create fixed for good: said when they are wanted otherwise, never changed
//! (behaviour 3.6, 4.9).

use std::collections::BTreeMap;

use super::create::eip_parameters;
use super::{Context, Plan};
use crate::conditions::{ConditionType, Reason, Refusal};
use crate::desired::Stack;
use crate::ledger::Ledger;

pub(super) fn compare_placement(stack: &Stack, ledger: &Ledger, cx: &Context<'_>, plan: &mut Plan) {
    let (wanted, made) = (&stack.placement, &ledger.placement);
    if wanted.region != made.region || wanted.network != made.network {
        let place = format!("region {}, network {}", made.region, made.network);
        immutable(plan, "the placement", &place, cx);
    } else if let Some(vswitch) = &stack.load_balancer.vswitch
        && *vswitch != made.vswitch
    {
        immutable(plan, "the vSwitch", &made.vswitch, cx);
    }
    let has_eip = ledger.eip.is_some();
    if stack.eip.is_some() != has_eip && ledger.load_balancer.id.is_some() {
        immutable(
            plan,
            "the address type",
            if has_eip { "internet" } else { "intranet" },
            cx,
        );
    }
}

/// Says which settings of the creates are wanted otherwise now.
pub(super) fn compare_created(
    stack: &Stack,
    load_balancer: &BTreeMap<String, String>,
    ledger: &Ledger,
    cx: &Context<'_>,
    plan: &mut Plan,
) {
    let made = &ledger.load_balancer.created_with;
    compare_immutable(
        ["LoadBalancerSpec", "PayType"],
        load_balancer,
        made,
        "ELB",
        cx,
        plan,
    );
    if let (Some(wanted), Some(record)) = (&stack.eip, &ledger.eip) {
        let wanted = eip_parameters(stack, wanted, &ledger.placement);
        let keys = ["Isp", "InstanceChargeType", "InternetChargeType"];
        compare_immutable(keys, &wanted, &record.created_with, "EIP", cx, plan);
    }
}

/// Settings that a create fixed for good and that are wanted otherwise now.
fn compare_immutable<const N: usize>(
    keys: [&str; N],
    wanted: &BTreeMap<String, String>,
    made: &BTreeMap<String, String>,
    what: &str,
    cx: &Context<'_>,
    plan: &mut Plan,
) {
    // What was adopted was made by somebody else, with parameters that nobody recorded.
    if made.is_empty() {
        return;
    }
    for key in keys {
        if wanted.get(key) != made.get(key) {
            let stays = made.get(key).map_or("the cloud's default", String::as_str);
            immutable(plan, &format!("{what} {key}"), stays, cx);
        }
    }
}

/// Says that a setting cannot be changed any more, and how to start afresh.
pub(super) fn immutable(plan: &mut Plan, what: &str, stays: &str, cx: &Context<'_>) {
    let key = &cx.pool_service.key;
    plan.report.conditions.refuse(&Refusal::new(
        ConditionType::InSync,
        Reason::ImmutableSetting,
        format!(
            "{what} stays {stays}: it cannot change after creation; kubectl delete ps {} -n {} \
             starts afresh",
            key.name, key.namespace
        ),
    ));
}
