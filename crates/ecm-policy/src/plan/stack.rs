//! The plan for a stack that should stand.

use std::collections::BTreeMap;

use super::create::{
    choose_address, eip_to_create, load_balancer_parameters, new_ledger, place, resolve_eip,
    resolve_load_balancer,
};
use super::immutable::{compare_created, compare_placement, immutable};
use super::resolve::Standing;
use super::users::{adjust, users, wait_for_id};
use super::{
    Addresses, Context, INACTIVE_FOR, Need, Plan, PortStatus, Step, Wait, backends, listeners,
    refused,
};
use crate::annotations::{Setting, keys};
use crate::conditions::{ConditionType, Reason, Refusal, Status};
use crate::desired::{Source, Stack, tags};
use crate::ledger::{Ledger, Owner, Record};
use crate::observed::{Eip, EipStatus, LoadBalancer, LoadBalancerStatus, Observed};

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
        &mut events,
    );
    plan.report.events.extend(events);
    plan.report.aggregate = aggregate(&ledger);

    // A name that is somebody else's stops both creates: half a stack costs money and serves nobody.
    let blocked = [
        block(&load_balancer, "load balancer"),
        eip.as_ref().and_then(|e| block(e, "EIP")),
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

    let mut creates = Vec::new();
    let here = match load_balancer {
        Standing::Here(found) => Some(found),
        Standing::Create(intent)
            if hold_load_balancer
                || refused_create(Step::CreateLoadBalancer(intent.clone()), observed, cx, plan) =>
        {
            ledger.load_balancer =
                before_record(before.map(|l| &l.load_balancer), ledger.load_balancer);
            None
        }
        Standing::Create(intent) => {
            progress(
                plan,
                ConditionType::LoadBalancerReady,
                "the load balancer is being created",
            );
            creates.push(Step::CreateLoadBalancer(intent));
            None
        }
        other => {
            pending(
                &other,
                ConditionType::LoadBalancerReady,
                "the load balancer",
                plan,
            );
            None
        }
    };
    let address = match eip {
        Some(Standing::Here(found)) => Some(found),
        Some(Standing::Create(intent))
            if hold_eip || refused_create(Step::CreateEip(intent.clone()), observed, cx, plan) =>
        {
            ledger.eip = before.map_or_else(
                || ledger.eip.take().map(|record| before_record(None, record)),
                |l| l.eip.clone(),
            );
            None
        }
        Some(Standing::Create(intent)) => {
            progress(
                plan,
                ConditionType::AddressReady,
                "the EIP is being created",
            );
            creates.push(Step::CreateEip(intent));
            None
        }
        Some(other) => {
            pending(&other, ConditionType::AddressReady, "the EIP", plan);
            None
        }
        None => None,
    };
    for create in creates {
        plan.lane([create]);
    }
    if let Some(here) = here {
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

/// Whether the cloud has just refused this create; then it is said.
fn refused_create(create: Step, observed: &Observed, cx: &Context<'_>, plan: &mut Plan) -> bool {
    let refusal = refused::standing(&observed.refused, &create, cx.now);
    if let Some(refusal) = refusal {
        plan.refuse_until(refusal, cx.now);
    }
    refusal.is_some()
}

/// What a record was before this plan; a planned one stays without intent.
fn before_record(before: Option<&Record>, planned: Record) -> Record {
    before.cloned().unwrap_or(Record {
        intent: None,
        attempt: 0,
        ..planned
    })
}

/// Whether no create of this record was ever sent, or the only ones were refused.
pub(super) fn was_never_made(record: &Record) -> bool {
    record.id.is_none() && record.intent.is_none() && record.created_with.is_empty()
}

fn is_gone(observed: &Observed, before: Option<&Ledger>) -> bool {
    before.is_some_and(|l| l.load_balancer.id.is_some()) && observed.load_balancer.is_surely_gone()
}

/// A load balancer that is there, and all that its plan is made from.
pub(super) struct Scene<'a> {
    pub(super) stack: &'a Stack,
    pub(super) observed: &'a Observed,
    pub(super) here: &'a LoadBalancer,
    pub(super) cx: &'a Context<'a>,
}

/// Its status and name, its EIP, its listeners and backends.
fn attend(scene: &Scene<'_>, address: Option<&Eip>, ledger: &mut Ledger, plan: &mut Plan) {
    let Scene { stack, here, .. } = *scene;
    let active = here.status == LoadBalancerStatus::Active;
    let mut lane = Vec::new();
    if active {
        plan.report.conditions.good(
            ConditionType::LoadBalancerReady,
            format!("{} is Active", here.id),
        );
        let names = stack.name.load_balancer();
        if here.name != names.lasting() && ledger.load_balancer.names.contains(&here.name) {
            lane.push(Step::RenameLoadBalancer {
                id: here.id.clone(),
                name: names.lasting().to_owned(),
            });
        }
    } else {
        progress(
            plan,
            ConditionType::LoadBalancerReady,
            &format!("{} is {}", here.id, here.status),
        );
        if here.status == LoadBalancerStatus::InActive && here.status_age > INACTIVE_FOR {
            lane.push(Step::ActivateLoadBalancer {
                id: here.id.clone(),
            });
        }
    }
    plan.lane(lane);

    let bound = bind(scene, address, ledger, active, plan);
    let served = active.then(|| serve(scene, ledger, plan)).flatten();
    publish(stack, here, address, bound, served, plan);
}

/// Listeners and backends. Says which listeners run; `None` while the backends are not in place.
pub(super) fn serve(
    scene: &Scene<'_>,
    ledger: &mut Ledger,
    plan: &mut Plan,
) -> Option<listeners::Served> {
    let Some(detail) = &scene.here.detail else {
        plan.need(Need::Detail);
        return None;
    };
    let is_users = ledger.load_balancer.owner == Owner::User;
    let served = listeners::plan(scene, detail, is_users, plan);
    let in_place = backends::plan(scene, detail, ledger, plan);
    in_place.then_some(served)
}

/// How the address stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bound {
    /// It leads to this load balancer.
    Here,
    /// Not yet.
    NotYet,
    /// It leads elsewhere, or is gone.
    Lost,
}

/// Binds the EIP and keeps its bandwidth.
fn bind(
    scene: &Scene<'_>,
    address: Option<&Eip>,
    ledger: &Ledger,
    active: bool,
    plan: &mut Plan,
) -> Bound {
    let Scene {
        stack,
        observed,
        here,
        cx,
    } = *scene;
    // The ledger decides, not the annotation of the moment: the address type is fixed for good.
    let Some(record) = &ledger.eip else {
        plan.report
            .conditions
            .good(ConditionType::AddressReady, here.address.clone());
        return Bound::Here;
    };
    let Some(eip) = address else {
        return if record.gone_since.is_some() {
            Bound::Lost
        } else {
            Bound::NotYet
        };
    };
    let mut lane = Vec::new();
    let bound = match (&eip.status, eip.bound_to.as_deref()) {
        (EipStatus::InUse, Some(to)) if to == here.id => {
            plan.report.conditions.good(
                ConditionType::AddressReady,
                format!("{} ({}) is bound to {}", eip.address, eip.id, here.id),
            );
            Bound::Here
        }
        (_, Some(to)) if to != here.id => {
            plan.report.conditions.refuse(&Refusal::new(
                ConditionType::AddressReady,
                Reason::EipBoundElsewhere,
                format!(
                    "{} is bound to {to}, not to {}: unbind it there",
                    eip.id, here.id
                ),
            ));
            plan.wait(Wait::Seconds(RETRY_REFUSED));
            Bound::Lost
        }
        (EipStatus::Available, _) if active => {
            let bind = Step::BindEip {
                id: eip.id.clone(),
                load_balancer: here.id.clone(),
            };
            if refused::standing(&observed.refused, &bind, cx.now).is_none() {
                let message = format!("{} is being bound", eip.id);
                progress(plan, ConditionType::AddressReady, &message);
            }
            lane.push(bind);
            Bound::NotYet
        }
        (status, _) => {
            progress(
                plan,
                ConditionType::AddressReady,
                &format!("{} is {status}", eip.id),
            );
            Bound::NotYet
        }
    };
    let is_settled = matches!(eip.status, EipStatus::Available | EipStatus::InUse);
    if let Some(wanted) = &stack.eip
        && is_settled
        && eip.bandwidth.is_some_and(|seen| seen != wanted.bandwidth)
        && bound != Bound::Lost
        // A bind makes the EIP busy for a while: one change at a time.
        && lane.is_empty()
        && !stack.keeps(Setting::EipBandwidth)
    {
        lane.push(Step::SetEipBandwidth {
            id: eip.id.clone(),
            bandwidth: wanted.bandwidth,
        });
    }
    plan.lane(lane);
    bound
}

/// Publishes the address once traffic would arrive, and withdraws it only when none can.
fn publish(
    stack: &Stack,
    here: &LoadBalancer,
    address: Option<&Eip>,
    bound: Bound,
    served: Option<listeners::Served>,
    plan: &mut Plan,
) {
    if bound == Bound::Lost {
        plan.report.addresses = Addresses::Withdraw;
        return;
    }
    let Some(served) = served.filter(|s| bound == Bound::Here && s.all_run && s.any_runs) else {
        return;
    };
    let ip = address.map_or_else(|| here.address.clone(), |eip| eip.address.clone());
    plan.report.addresses = Addresses::Publish {
        ip,
        ports: port_statuses(stack, &served),
    };
}

/// The refused ports. The others are not listed: OpenYurt's CRD asks for an error in every entry.
pub(super) fn port_statuses(stack: &Stack, served: &listeners::Served) -> Vec<PortStatus> {
    let in_the_way = served.refused.iter().map(|(key, reason)| PortStatus {
        port: key.port,
        protocol: key.protocol.as_str().to_uppercase(),
        error: reason.as_str().to_owned(),
    });
    let never_asked_for = stack.refused_ports.iter().map(|refusal| PortStatus {
        port: refusal.port(),
        protocol: refusal.protocol().to_owned(),
        error: refusal.reason().as_str().to_owned(),
    });
    let mut ports: Vec<PortStatus> = in_the_way.chain(never_asked_for).collect();
    ports.sort_by(|a, b| (a.port, &a.protocol).cmp(&(b.port, &b.protocol)));
    ports
}

fn refuse_faults(stack: &Stack, plan: &mut Plan) {
    for refusal in &stack.refusals {
        plan.report.conditions.refuse(refusal);
    }
    for fault in &stack.faults {
        plan.report.conditions.refuse(&Refusal::new(
            ConditionType::Accepted,
            Reason::InvalidAnnotation,
            fault.to_string(),
        ));
    }
}

fn block<T>(standing: &Standing<'_, T>, what: &str) -> Option<Refusal> {
    match standing {
        Standing::Conflict(ids) => Some(Refusal::new(
            ConditionType::LoadBalancerReady,
            Reason::NameConflict,
            format!(
                "{what} {} bears our name and is in no ledger: release or rename it, or set {} \
                 to \"true\" on the PoolService to take it over",
                ids.join(", "),
                keys::ADOPT
            ),
        )),
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
    plan.wait(Wait::Pending);
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
