//! The plan for a user's load balancer: its listeners and backends, nothing else (behaviour 4.7).

use super::attend::{Scene, Serving, publish, serve};
use super::create::new_ledger;
use super::stack::{RETRY_REFUSED, aggregate, progress};
use super::{Addresses, Context, Event, Need, Plan, Wait};
use crate::annotations::keys;
use crate::conditions::{ConditionType, Reason, Refusal, Status};
use crate::desired::Stack;
use crate::ledger::{Ledger, Record};
use crate::naming;
use crate::observed::{EipStatus, LoadBalancer, LoadBalancerStatus, Observed, Presence};
use crate::placement::Placement;
use crate::snapshot::Identity;

/// A user's load balancer: listeners and backends only.
pub(super) fn adjust(
    stack: &Stack,
    observed: &Observed,
    mut ledger: Ledger,
    before: Option<&Ledger>,
    cx: &Context<'_>,
    plan: &mut Plan,
) {
    plan.report.aggregate = aggregate(&ledger);
    ledger.on_delete = stack.on_delete.or(ledger.on_delete);
    let id = ledger.load_balancer.id.clone().unwrap_or_default();
    let found = match &observed.load_balancer {
        Presence::Unread => {
            plan.need(Need::LoadBalancer);
            return;
        }
        Presence::Gone { confirmed } => {
            let refusal = Refusal::new(
                ConditionType::Accepted,
                Reason::LoadBalancerNotFound,
                format!("{id} does not exist in region {}", stack.placement.region),
            );
            if *confirmed {
                refuse_load_balancer(&refusal, plan);
                plan.report.addresses = Addresses::Withdraw;
                plan.wait(Wait::Seconds(RETRY_REFUSED));
            } else {
                plan.wait(Wait::Pending);
            }
            return;
        }
        Presence::Present(found) => found,
    };
    if let Some(refusal) = misplaced(stack, found, cx.identity) {
        refuse_load_balancer(&refusal, plan);
        plan.wait(Wait::Seconds(RETRY_REFUSED));
        return;
    }
    let active = found.status == LoadBalancerStatus::Active;
    if active {
        plan.report
            .conditions
            .good(ConditionType::LoadBalancerReady, format!("{id} is Active"));
    } else {
        plan.report.conditions.set(
            ConditionType::LoadBalancerReady,
            Status::False,
            Reason::InProgress,
            format!("{id} is {}: it is the user's to activate", found.status),
        );
        plan.wait(Wait::Seconds(RETRY_REFUSED));
    }
    let scene = Scene {
        stack,
        observed,
        here: found,
        cx,
    };
    let serving = serve(&scene, &mut ledger, plan);
    let ip = match &observed.eip {
        Presence::Present(eip) if eip.bound_to.as_ref() != Some(&id) => Some(&found.address),
        // On its way to or from this load balancer: neither address is right for long.
        Presence::Present(eip) => (eip.status == EipStatus::InUse).then_some(&eip.address),
        Presence::Gone { confirmed: true } => Some(&found.address),
        // Rows moved while the list was read: that no EIP was seen proves nothing.
        Presence::Gone { confirmed: false } => None,
        Presence::Unread => {
            plan.need(Need::Eip);
            return;
        }
    };
    match ip {
        Some(ip) => {
            plan.report
                .conditions
                .good(ConditionType::AddressReady, format!("{ip} leads to {id}"));
        }
        None => progress(
            plan,
            ConditionType::AddressReady,
            "the EIP is being bound or unbound",
        ),
    }
    match ip {
        Some(ip) if active => publish(&scene, ip, serving, plan),
        _ if serving == Serving::AsApplied => plan.need(Need::Detail),
        _ => {}
    }
    plan.forget_applied(&mut ledger);
    if before != Some(&ledger) {
        plan.ledger = Some(ledger);
    }
}

/// What a user named cannot be used: it was asked for in vain, and there is no load balancer.
fn refuse_load_balancer(refusal: &Refusal, plan: &mut Plan) {
    let conditions = &mut plan.report.conditions;
    conditions.refuse(refusal);
    let message = refusal.message.clone();
    conditions.set(
        ConditionType::LoadBalancerReady,
        Status::False,
        refusal.reason,
        message,
    );
}

/// Why a user's load balancer cannot be used.
fn misplaced(stack: &Stack, found: &LoadBalancer, identity: &Identity) -> Option<Refusal> {
    let placement = &stack.placement;
    if found.region != placement.region || found.network != placement.network {
        return Some(Refusal::new(
            ConditionType::Accepted,
            Reason::LoadBalancerWrongNetwork,
            format!(
                "{} is in region {}, network {}; the pool is in region {}, network {}",
                found.id, found.region, found.network, placement.region, placement.network
            ),
        ));
    }
    naming::is_managed_name(&found.name, &identity.cluster_id).then(|| {
        Refusal::new(
            ConditionType::Accepted,
            Reason::LoadBalancerIsManaged,
            format!(
                "{} ({}) is managed by this controller; name one of your own",
                found.id, found.name
            ),
        )
    })
}

pub(super) fn wait_for_id(stack: &Stack, cx: &Context<'_>, plan: &mut Plan) {
    let message = format!(
        "name a load balancer: kubectl annotate ps {} -n {} {}=lb-xxx",
        cx.pool_service.key.name,
        cx.pool_service.key.namespace,
        keys::ID
    );
    plan.report.conditions.refuse(&Refusal::new(
        ConditionType::LoadBalancerReady,
        Reason::WaitingForLoadBalancerId,
        message.clone(),
    ));
    plan.report.events.push(Event {
        warning: false,
        reason: Reason::WaitingForLoadBalancerId,
        message: format!("pool {}: {message}", stack.name.pool),
    });
}

/// The ledger of a user's load balancer.
pub(super) fn users(
    id: &str,
    stack: &Stack,
    before: Option<&Ledger>,
    observed: &Observed,
    cx: &Context<'_>,
) -> Ledger {
    let placement = Placement {
        region: stack.placement.region.clone(),
        network: stack.placement.network.clone(),
        vswitch: observed
            .load_balancer
            .present()
            .map(|lb| lb.vswitch.clone())
            .unwrap_or_default(),
    };
    Ledger {
        sequence: before.map_or(0, |l| l.sequence),
        load_balancer: Record::users(id),
        ..new_ledger(stack, placement, cx)
    }
}
