//! The plan for a load balancer that is there: its state, its address, and when that is published
//! (behaviour 4.4 to 4.6).

use super::stack::{RETRY_REFUSED, progress};
use super::{
    Addresses, Context, INACTIVE_FOR, Need, Plan, PortStatus, Step, Wait, backends, listeners,
    refused,
};
use crate::annotations::Setting;
use crate::applied;
use crate::conditions::{ConditionType, Reason, Refusal};
use crate::desired::Stack;
use crate::ledger::{Ledger, Owner};
use crate::observed::{Eip, EipStatus, LoadBalancer, LoadBalancerStatus, Observed};

/// A load balancer that is there, and all that its plan is made from.
pub(super) struct Scene<'a> {
    pub(super) stack: &'a Stack,
    pub(super) observed: &'a Observed,
    pub(super) here: &'a LoadBalancer,
    pub(super) cx: &'a Context<'a>,
}

/// Its status and name, its EIP, its listeners and backends.
pub(super) fn attend(
    scene: &Scene<'_>,
    address: Option<&Eip>,
    ledger: &mut Ledger,
    plan: &mut Plan,
) {
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
    let serving = if active {
        serve(scene, ledger, plan)
    } else {
        Serving::NotYet
    };
    let ip = address.map_or(&here.address, |eip| &eip.address);
    match bound {
        Bound::Lost => plan.report.addresses = Addresses::Withdraw,
        Bound::Here => publish(scene, ip, serving, plan),
        // What was not read is read before it is bound to anything.
        Bound::NotYet if serving == Serving::AsApplied => plan.need(Need::Detail),
        Bound::NotYet => {}
    }
    plan.forget_applied(ledger);
}

/// How listeners and backends stand.
#[derive(PartialEq, Eq)]
pub(super) enum Serving {
    /// Something is not in place, or not known.
    NotYet,
    /// The backends are in place, and the listeners are like this.
    Read(listeners::Served),
    /// They were not read, and the ledger says that nothing is left to do.
    AsApplied,
}

/// Listeners and backends.
pub(super) fn serve(scene: &Scene<'_>, ledger: &mut Ledger, plan: &mut Plan) -> Serving {
    let Scene { stack, here, .. } = *scene;
    if let Some(end) = stack.backends.grace_ends {
        plan.wait(Wait::Seconds((end - scene.cx.now).max(1)));
    }
    let Some(detail) = &here.detail else {
        if is_as_applied(scene, ledger) {
            backends::tell_weights(stack, plan);
            return Serving::AsApplied;
        }
        plan.need(Need::Detail);
        return Serving::NotYet;
    };
    let is_users = ledger.load_balancer.owner == Owner::User;
    let served = listeners::plan(scene, detail, is_users, plan);
    let in_place = backends::plan(scene, detail, ledger, plan);
    if scene.observed.is_carried {
        plan.wait(Wait::Detail);
    }
    if in_place && !scene.observed.is_carried {
        Serving::Read(served)
    } else {
        Serving::NotYet
    }
}

/// Whether the ledger says that what is wanted now is what was seen in place last, and people are told so: a process
/// may have told of something else since, and died before it recorded that.
fn is_as_applied(scene: &Scene<'_>, ledger: &Ledger) -> bool {
    let Some(told) = &scene.observed.told else {
        return false;
    };
    scene.observed.trusts_ledger
        && (told.listeners_ready || !scene.stack.refused_ports.is_empty())
        && backends::is_told_in_place(scene.stack, &told.backends)
        && scene.here.status == LoadBalancerStatus::Active
        && ledger.draining.is_empty()
        && ledger
            .applied
            .as_ref()
            .is_some_and(|applied| *applied == applied::record(&scene.stack.digest, &scene.here.id))
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

/// Publishes an address that leads here, once traffic would arrive (behaviour 4.4).
pub(super) fn publish(scene: &Scene<'_>, ip: &str, serving: Serving, plan: &mut Plan) {
    let Scene {
        stack, here, cx, ..
    } = *scene;
    match serving {
        Serving::Read(served) if served.all_run && served.any_runs => {
            plan.report.addresses = Addresses::Publish {
                ip: ip.to_owned(),
                ports: port_statuses(stack, &served),
            };
            plan.applied = Some(applied::record(&stack.digest, &here.id));
        }
        // Whatever is to be written or to be told anew is founded on a read.
        Serving::AsApplied if !plan.lanes.is_empty() || cx.pool_service.published != [ip] => {
            plan.need(Need::Detail);
        }
        Serving::Read(_) | Serving::AsApplied | Serving::NotYet => {}
    }
}

/// The refused ports. The others are not listed: OpenYurt's CRD asks for an error in every entry.
fn port_statuses(stack: &Stack, served: &listeners::Served) -> Vec<PortStatus> {
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
