//! The plan for letting go (behaviour 8). It needs nothing but the ledger.

use super::resolve::Standing;
use super::{Addresses, Context, Event, Need, Plan, Step, Wait, create, listeners};
use crate::annotations::DeletionPolicy;
use crate::conditions::{ConditionType, Reason, Refusal, Status};
use crate::desired::Release;
use crate::ledger::{Ledger, Owner, Record};
use crate::listeners::Protocol;
use crate::naming::StackName;
use crate::observed::{Eip, EipStatus, LoadBalancer, LoadBalancerStatus, Observed, Presence};

/// Seconds after which a refused release is looked at again.
const RETRY_REFUSED: i64 = 60;

pub(super) fn plan(
    release: &Release,
    observed: &Observed,
    ledger: Option<&Ledger>,
    cx: &Context<'_>,
) -> Plan {
    let mut plan = Plan::default();
    let Some(ledger) = ledger else {
        plan.released = true;
        return plan;
    };
    plan.report.conditions.set(
        ConditionType::LoadBalancerReady,
        Status::False,
        Reason::Terminating,
        "the PoolService is being deleted",
    );
    let on_delete = release.on_delete.or(ledger.on_delete).unwrap_or_default();
    match (ledger.load_balancer.owner, on_delete.policy) {
        (Owner::User, _) if on_delete.cleanup => clean(release, ledger, observed, cx, &mut plan),
        (Owner::User, _) => plan.released = true,
        (_, DeletionPolicy::Retain) => retain(ledger, observed, cx, &mut plan),
        (_, DeletionPolicy::Delete) => {
            // People stop sending traffic to an address before it goes.
            if !cx.pool_service.published.is_empty() {
                plan.report.addresses = Addresses::Withdraw;
                // The change of the status brings the next look; this is for a watch that lags.
                plan.wait(Wait::Pending);
                return plan;
            }
            let_go(ledger.clone(), ledger, observed, cx, &mut plan);
        }
    }
    plan
}

/// Releases the EIP and the load balancer; the finalizer goes when both are seen to be gone.
fn let_go(
    mut ledger: Ledger,
    before: &Ledger,
    observed: &Observed,
    cx: &Context<'_>,
    plan: &mut Plan,
) {
    let mut events = Vec::new();
    let (load_balancer, eip) = create::resolve_both(&mut ledger, observed, cx, &mut events);
    plan.report.events.extend(events);
    let eip_gone = match eip {
        None | Some(Standing::Absent) => true,
        Some(Standing::Here(eip)) => {
            release_eip(eip, &mut ledger, plan);
            false
        }
        Some(other) => !unresolved(other, Step::CreateEip, plan),
    };
    let is_bound = match (&observed.eip, &ledger.load_balancer.id) {
        (Presence::Present(eip), Some(id)) => eip.bound_to.as_ref() == Some(id),
        _ => false,
    };
    let load_balancer_gone = match load_balancer {
        Standing::Absent => true,
        Standing::Here(_) if is_bound => false,
        Standing::Here(found) => {
            release_load_balancer(found, &mut ledger.load_balancer, plan);
            false
        }
        other => !unresolved(other, Step::CreateLoadBalancer, plan),
    };
    if ledger != *before {
        plan.wait(Wait::Again);
        plan.ledger = Some(ledger);
    }
    plan.released = eip_gone && load_balancer_gone && plan.needs.is_empty();
    if plan.released {
        plan.wait = Wait::Settled;
    }
}

/// A create whose answer is not known is resolved before anything is let go: what it made would
/// be nobody's. Says whether something is still to be done; it always is.
fn unresolved<T>(
    standing: Standing<'_, T>,
    create: impl Fn(crate::ledger::Intent) -> Step,
    plan: &mut Plan,
) -> bool {
    match standing {
        Standing::Create(intent) => plan.lane([create(intent)]),
        Standing::Need(need) => plan.need(need),
        Standing::Wait(wait) => plan.wait(wait),
        Standing::Recorded => plan.wait(Wait::Again),
        Standing::Conflict(ids) => {
            refuse(
                plan,
                Reason::NameConflict,
                format!(
                    "{} bears our name; whether a create of ours made it cannot be told: release it, \
                 or rename it",
                    ids.join(", ")
                ),
            );
        }
        Standing::ClusterIdInUse { id, .. } => {
            refuse(
                plan,
                Reason::ClusterIdInUse,
                format!("{id} is another cluster's"),
            );
        }
        Standing::Here(_) | Standing::Absent => {}
    }
    true
}

fn release_eip(eip: &Eip, ledger: &mut Ledger, plan: &mut Plan) {
    let Some(record) = ledger
        .eip
        .as_mut()
        .filter(|record| may_release(record, &eip.name))
    else {
        refuse_renamed(plan, &eip.id, &eip.name);
        return;
    };
    let own = ledger.load_balancer.id.as_deref();
    match (&eip.status, eip.bound_to.as_deref()) {
        (_, Some(other)) if Some(other) != own => {
            refuse(
                plan,
                Reason::EipBoundElsewhere,
                format!(
                    "{} is bound to {other}: it is released once it is free",
                    eip.id
                ),
            );
        }
        (EipStatus::InUse, _) => plan.lane([Step::UnbindEip { id: eip.id.clone() }]),
        (EipStatus::Available, _) => {
            record.releasing = true;
            plan.lane([Step::ReleaseEip { id: eip.id.clone() }]);
        }
        (EipStatus::Changing(_), _) => plan.wait(Wait::Pending),
    }
}

fn release_load_balancer(found: &LoadBalancer, record: &mut Record, plan: &mut Plan) {
    if may_release(record, &found.name) {
        record.releasing = true;
        plan.lane([Step::ReleaseLoadBalancer {
            id: found.id.clone(),
            is_active: found.status == LoadBalancerStatus::Active,
        }]);
    } else {
        refuse_renamed(plan, &found.id, &found.name);
    }
}

/// Only what we created or adopted, and what still bears a name that we gave it.
fn may_release(record: &Record, name: &str) -> bool {
    record.is_ours() && record.names.contains(name)
}

fn refuse_renamed(plan: &mut Plan, id: &str, name: &str) {
    refuse(
        plan,
        Reason::ReleaseRefused,
        format!(
            "{id} is called {name:?} now, which is none of the names that we gave it: give it back \
         its name to have it released, or release it by hand"
        ),
    );
}

fn refuse(plan: &mut Plan, reason: Reason, message: String) {
    plan.report.conditions.refuse(&Refusal::new(
        ConditionType::InSync,
        reason,
        message.clone(),
    ));
    plan.report.events.push(Event {
        warning: true,
        reason,
        message,
    });
    plan.wait(Wait::Seconds(RETRY_REFUSED));
}

/// Leaves both standing, once it is known what there is.
fn retain(before: &Ledger, observed: &Observed, cx: &Context<'_>, plan: &mut Plan) {
    let mut ledger = before.clone();
    let is_open = |record: &Record| record.intent.is_some();
    if is_open(&ledger.load_balancer) || ledger.eip.as_ref().is_some_and(is_open) {
        let (load_balancer, eip) =
            create::resolve_both(&mut ledger, observed, cx, &mut plan.report.events);
        unresolved(load_balancer, Step::CreateLoadBalancer, plan);
        if let Some(eip) = eip {
            unresolved(eip, Step::CreateEip, plan);
        }
        if ledger != *before {
            plan.wait(Wait::Again);
            plan.ledger = Some(ledger);
        }
        return;
    }
    let eip = ledger.eip.as_ref().and_then(|record| record.id.as_deref());
    let ids: Vec<&str> = ledger
        .load_balancer
        .id
        .as_deref()
        .into_iter()
        .chain(eip)
        .collect();
    if !ids.is_empty() {
        plan.report.events.push(Event {
            warning: false,
            reason: Reason::Retained,
            message: format!(
                "{} stay in region {}",
                ids.join(", "),
                ledger.placement.region
            ),
        });
    }
    plan.released = true;
}

/// Takes our listeners and backends off a user's load balancer.
fn clean(
    release: &Release,
    ledger: &Ledger,
    observed: &Observed,
    cx: &Context<'_>,
    plan: &mut Plan,
) {
    let found = match &observed.load_balancer {
        Presence::Unread => {
            plan.need(Need::LoadBalancer);
            return;
        }
        Presence::Gone { confirmed } => {
            plan.released = *confirmed;
            plan.wait(Wait::Pending);
            return;
        }
        Presence::Present(found) => found,
    };
    let Some(detail) = &found.detail else {
        plan.need(Need::Detail);
        return;
    };
    let name = StackName {
        service: ledger.service.clone(),
        namespace: cx.pool_service.key.namespace.clone(),
        pool: ledger.pool.clone(),
        cluster: ledger.cluster_id.clone(),
    };
    let listeners_left = listeners::cleanup(
        |seen| {
            matches!(seen.key.protocol, Protocol::Tcp | Protocol::Udp)
                && seen.description == name.listener_description(seen.key.port, seen.key.protocol)
                // It goes over to the other pool's PoolService.
                && !release.others.sibling_wants(seen.key)
        },
        &found.id,
        detail,
        plan,
    );
    let ours: Vec<_> = detail
        .backends
        .iter()
        .filter(|seen| ledger.backends.contains(&seen.server_id))
        .filter(|seen| !release.others.wanted.contains(&seen.server_id))
        .cloned()
        .collect();
    plan.lane(ours.chunks(super::BATCH).map(|batch| Step::RemoveBackends {
        load_balancer: found.id.clone(),
        servers: batch.to_vec(),
    }));
    plan.released = !listeners_left && ours.is_empty();
}
