//! The plan for a stack that should stand.

use std::collections::BTreeMap;

use super::attend::{Scene, attend};
use super::create::{
    choose_address, eip_to_create, load_balancer_parameters, new_ledger, place, resolve_eip,
    resolve_load_balancer,
};
use super::immutable::{compare_created, compare_placement, immutable};
use super::resolve::Standing;
use super::users::{adjust, users, wait_for_id};
use super::{Addresses, Context, Event, Plan, Step, Wait, refused, wait_for};
use crate::annotations::keys;
use crate::conditions::{ConditionType, Reason, Refusal, Status};
use crate::desired::{self, Source, Stack, tags};
use crate::ledger::{Intent, Ledger, Owner, Record};
use crate::observed::{LoadBalancer, Observed};

/// Seconds after which a refusal that only a person can lift is looked at again.
pub(super) const RETRY_REFUSED: i64 = 60;

pub(super) fn plan(
    stack: &Stack,
    observed: &Observed,
    ledger: Option<&Ledger>,
    cx: &Context<'_>,
) -> Plan {
    let mut plan = Plan::default();
    plan.report.notices.clone_from(&stack.notices);
    let conditions = &mut plan.report.conditions;
    conditions.good(
        ConditionType::Accepted,
        "everything that is asked for can be done",
    );
    conditions.good(ConditionType::InSync, "the cloud is as it should be");
    refuse_faults(stack, &mut plan);

    // A ledger whose load balancer was lost may still hold an EIP: it decides as before.
    let is_unused = |record: &Record| record.id.is_none() && record.intent.is_none();
    let untouched =
        ledger.is_none_or(|l| is_unused(&l.load_balancer) && l.eip.as_ref().is_none_or(is_unused));
    if untouched && (!stack.faults.is_empty() || !stack.refusals.is_empty()) {
        let reason = stack
            .refusals
            .first()
            .map_or(Reason::InvalidAnnotation, |r| r.reason);
        plan.report.conditions.set(
            ConditionType::LoadBalancerReady,
            Status::False,
            reason,
            "nothing is created before what is asked for can be done",
        );
        return plan;
    }
    match (ledger.filter(|_| !untouched), &stack.source) {
        (None, Source::User { id: None }) => wait_for_id(stack, cx, &mut plan),
        (None, Source::User { id: Some(id) }) => {
            let ledger = users(id, stack, None, observed, cx);
            adjust(stack, observed, ledger, None, cx, &mut plan);
        }
        (None, Source::Managed) => {
            let Some(placement) = place(stack, observed, &mut plan) else {
                return plan;
            };
            let fresh = ledger
                .cloned()
                .unwrap_or_else(|| new_ledger(stack, placement, cx));
            manage(stack, observed, fresh, ledger, cx, &mut plan);
        }
        (Some(ledger), source) if ledger.load_balancer.owner == Owner::User => {
            let recorded = ledger.load_balancer.id.as_deref();
            match source {
                Source::User { id: Some(id) }
                    if recorded != Some(id.as_str()) && observed.load_balancer.is_surely_gone() =>
                {
                    let fresh = users(id, stack, Some(ledger), observed, cx);
                    plan.ledger = Some(fresh);
                    plan.wait(Wait::Again);
                }
                source => {
                    if !matches!(source, Source::User { id } if id.as_deref() == recorded) {
                        immutable(
                            &mut plan,
                            "the load balancer",
                            recorded.unwrap_or_default(),
                            cx,
                        );
                    }
                    adjust(stack, observed, ledger.clone(), Some(ledger), cx, &mut plan);
                }
            }
        }
        (Some(ledger), source) => {
            if matches!(source, Source::User { .. }) {
                let id = ledger.load_balancer.id.as_deref().unwrap_or_default();
                immutable(&mut plan, "the load balancer", id, cx);
            }
            manage(stack, observed, ledger.clone(), Some(ledger), cx, &mut plan);
        }
    }
    plan
}

/// Whether nothing new may be created for what is asked for.
fn asks_in_vain(stack: &Stack) -> bool {
    !stack.faults.is_empty()
        || !stack.refusals.is_empty()
        || matches!(stack.source, Source::User { .. })
}

/// A load balancer and an EIP of our own.
fn manage(
    stack: &Stack,
    observed: &Observed,
    mut ledger: Ledger,
    before: Option<&Ledger>,
    cx: &Context<'_>,
    plan: &mut Plan,
) {
    compare_placement(stack, &ledger, cx, plan);
    choose_address(stack, &mut ledger);
    ledger.on_delete = stack.on_delete.or(ledger.on_delete);
    let mut events = Vec::new();
    // The EIP is resolved first: only EIPs have tags, and they show another cluster of our id.
    let eip = ledger.eip.as_mut().map(|record| {
        let parameters = eip_to_create(stack, record, &ledger.placement);
        resolve_eip(record, observed, cx, parameters, stack.adopt, &mut events)
    });
    let parameters = load_balancer_parameters(stack, &ledger.placement);
    let load_balancer = resolve_load_balancer(
        &mut ledger.load_balancer,
        observed,
        cx,
        Some(parameters.clone()),
        stack.adopt,
        &ledger.placement.network,
        &mut events,
    );
    plan.report.events.extend(events);
    plan.report.aggregate = aggregate(&ledger);

    // A name that is somebody else's stops both creates: half a stack costs money and serves nobody.
    let blocked = [
        block(&load_balancer, "load balancer", stack.adopt),
        eip.as_ref().and_then(|e| block(e, "EIP", stack.adopt)),
    ];
    let is_blocked = blocked.iter().any(Option::is_some);
    let is_other_cluster = matches!(eip, Some(Standing::ClusterIdInUse { .. }));
    for refusal in blocked.into_iter().flatten() {
        plan.report.conditions.refuse(&refusal);
        plan.wait(Wait::Seconds(RETRY_REFUSED));
    }

    // Another cluster goes by our id: whatever we would write may be meant for its resources.
    if is_other_cluster {
        return;
    }
    // A create that was never sent waits for annotations that can be read; one that was is
    // repeated with the parameters of the ledger.
    let is_fresh = |record: Option<&Record>| record.is_none_or(|r| r.intent.is_none());
    let faulty = asks_in_vain(stack);
    let hold_load_balancer = is_blocked || (faulty && is_fresh(before.map(|l| &l.load_balancer)));
    let hold_eip = is_blocked || (faulty && is_fresh(before.and_then(|l| l.eip.as_ref())));

    let (here, held) = follow(
        load_balancer,
        &LOAD_BALANCER,
        hold_load_balancer,
        observed,
        cx,
        plan,
    );
    if held {
        ledger.load_balancer =
            before_record(before.map(|l| &l.load_balancer), ledger.load_balancer);
    }
    let (address, held) = match eip {
        Some(eip) => follow(eip, &EIP, hold_eip, observed, cx, plan),
        None => (None, false),
    };
    if held {
        ledger.eip = before.map_or_else(
            || ledger.eip.take().map(|record| before_record(None, record)),
            |l| l.eip.clone(),
        );
    }
    if let Some(here) = here {
        tell_duplicates(here, observed, plan);
        let scene = Scene {
            stack,
            observed,
            here,
            cx,
        };
        attend(&scene, address, &mut ledger, plan);
        compare_created(stack, &parameters, &ledger, cx, plan);
    } else if is_gone(observed, before) {
        plan.report.addresses = Addresses::Withdraw;
    }
    // A first ledger that holds neither an id nor an intent says nothing yet.
    let says_something =
        !(was_never_made(&ledger.load_balancer) && ledger.eip.as_ref().is_none_or(was_never_made));
    if before != Some(&ledger) && (before.is_some() || says_something) {
        plan.ledger = Some(ledger);
    }
}

/// What is told about one kind of resource, and how it is made.
struct Kind {
    condition: ConditionType,
    what: &'static str,
    create: fn(Intent) -> Step,
}

const LOAD_BALANCER: Kind = Kind {
    condition: ConditionType::LoadBalancerReady,
    what: "the load balancer",
    create: Step::CreateLoadBalancer,
};

const EIP: Kind = Kind {
    condition: ConditionType::AddressReady,
    what: "the EIP",
    create: Step::CreateEip,
};

/// Goes on with one resource: gives it where it is there, and says whether its create is held
/// back, because of `hold` or because the cloud has just refused it.
fn follow<'a, T>(
    standing: Standing<'a, T>,
    kind: &Kind,
    hold: bool,
    observed: &Observed,
    cx: &Context<'_>,
    plan: &mut Plan,
) -> (Option<&'a T>, bool) {
    let intent = match standing {
        Standing::Here(found) => return (Some(found), false),
        Standing::Create(_) if hold => return (None, true),
        Standing::Create(intent) => intent,
        other => {
            pending(&other, kind.condition, kind.what, plan);
            return (None, false);
        }
    };
    let create = (kind.create)(intent);
    if let Some(refusal) = refused::standing(&observed.refused, &create, cx.now) {
        plan.refuse_until(refusal, cx.now);
        return (None, true);
    }
    progress(
        plan,
        kind.condition,
        &format!("{} is being created", kind.what),
    );
    plan.lane([create]);
    (None, false)
}

/// What a record was before this plan; a planned one stays without intent.
fn before_record(before: Option<&Record>, planned: Record) -> Record {
    before.cloned().unwrap_or(Record {
        intent: None,
        attempt: 0,
        ..planned
    })
}

/// A second load balancer of our name costs money and serves nobody; only a person can tell whose
/// it is (behaviour 5.4).
fn tell_duplicates(here: &LoadBalancer, observed: &Observed, plan: &mut Plan) {
    if observed.duplicates.is_empty() {
        return;
    }
    plan.report.events.push(Event {
        warning: true,
        reason: Reason::DuplicateLoadBalancer,
        message: format!(
            "{} bears the name of {}, which serves: nobody here uses or releases it",
            observed.duplicates.join(", "),
            here.id
        ),
    });
}

/// Whether no create of this record was ever sent, or the only ones were refused.
pub(super) fn was_never_made(record: &Record) -> bool {
    record.id.is_none() && record.intent.is_none() && record.created_with.is_empty()
}

fn is_gone(observed: &Observed, before: Option<&Ledger>) -> bool {
    before.is_some_and(|l| l.load_balancer.id.is_some())
        && observed.load_balancer.is_surely_gone()
        && observed.mass_loss.is_none()
}

fn refuse_faults(stack: &Stack, plan: &mut Plan) {
    for refusal in &stack.refusals {
        plan.report.conditions.refuse(refusal);
    }
    for fault in &stack.faults {
        plan.report.conditions.refuse(&desired::invalid(fault));
    }
}

fn block<T>(standing: &Standing<'_, T>, what: &str, adopt: bool) -> Option<Refusal> {
    match standing {
        Standing::Conflict(ids) => {
            let ids = ids.join(", ");
            let advice = if adopt {
                format!(
                    "{} takes over the only one of its name, a load balancer in the network of the \
                     pool: release or rename what is not to be taken over",
                    keys::ADOPT
                )
            } else {
                format!(
                    "release or rename it, or set {} to \"true\" on the PoolService to take it over",
                    keys::ADOPT
                )
            };
            Some(Refusal::new(
                ConditionType::LoadBalancerReady,
                Reason::NameConflict,
                format!("{what} {ids} bears our name and is in no ledger: {advice}"),
            ))
        }
        Standing::ClusterIdInUse { id, cluster_uid } => Some(Refusal::new(
            ConditionType::LoadBalancerReady,
            Reason::ClusterIdInUse,
            format!(
                "{id} was made by another cluster ({} {cluster_uid}) of the same cluster id: \
                 give each cluster an id of its own with --cluster-id",
                tags::CLUSTER_UID
            ),
        )),
        _ => None,
    }
}

/// A standing that is neither here nor a create.
fn pending<T>(standing: &Standing<'_, T>, condition: ConditionType, what: &str, plan: &mut Plan) {
    match *standing {
        Standing::Need(need) => plan.need(need),
        Standing::Wait(wait) => {
            // Not `progress`: this wait knows when to look again.
            plan.report.conditions.set(
                condition,
                Status::False,
                Reason::InProgress,
                format!("{what} is being looked for"),
            );
            plan.wait(wait);
        }
        Standing::Recorded => {
            progress(plan, condition, &format!("{what} is being recorded"));
            plan.wait(Wait::Again);
        }
        Standing::Here(_)
        | Standing::Create(_)
        | Standing::Conflict(_)
        | Standing::ClusterIdInUse { .. }
        | Standing::Absent => {}
    }
}

/// Something is on its way.
pub(super) fn progress(plan: &mut Plan, condition: ConditionType, message: &str) {
    plan.report
        .conditions
        .set(condition, Status::False, Reason::InProgress, message);
    plan.wait(wait_for(condition));
}

pub(super) fn aggregate(ledger: &Ledger) -> BTreeMap<String, String> {
    use poolservice_api::keys;

    let mut all = BTreeMap::from([(
        keys::AGGREGATE_REGION.to_owned(),
        ledger.placement.region.clone(),
    )]);
    let mut add = |key: &str, id: Option<&String>| {
        all.extend(id.map(|id| (key.to_owned(), id.clone())));
    };
    add(
        keys::AGGREGATE_LOAD_BALANCER_ID,
        ledger.load_balancer.id.as_ref(),
    );
    add(
        keys::AGGREGATE_EIP_ID,
        ledger.eip.as_ref().and_then(|r| r.id.as_ref()),
    );
    all
}
