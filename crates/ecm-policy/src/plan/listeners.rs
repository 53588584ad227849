//! The plan for the listeners of one load balancer (behaviour 6).

use std::collections::BTreeMap;

use super::attend::Scene;
use super::stack::progress;
use super::{Plan, Step, Wait};
use crate::annotations::Setting;
use crate::conditions::{ConditionType, Reason, Refusal};
use crate::desired::Stack;
use crate::listeners::{Listener, ListenerKey, Protocol, Settings};
use crate::naming::ListenerOrigin;
use crate::observed::{self, ListenerStatus, LoadBalancerDetail};
use crate::snapshot::ObjectKey;

/// How the wanted listeners stand.
#[derive(PartialEq, Eq)]
pub(super) struct Served {
    /// Every wanted one that was not refused runs.
    pub(super) all_run: bool,
    /// At least one runs.
    pub(super) any_runs: bool,
    /// Those that are refused, with the reason.
    pub(super) refused: BTreeMap<ListenerKey, Reason>,
}

/// Plans the listeners: one lane for each, so that no port waits for another.
pub(super) fn plan(
    scene: &Scene<'_>,
    detail: &LoadBalancerDetail,
    is_users: bool,
    plan: &mut Plan,
) -> Served {
    let (stack, load_balancer) = (scene.stack, scene.here.id.as_str());
    let mut served = Served {
        all_run: true,
        any_runs: false,
        refused: BTreeMap::new(),
    };
    let mut refusals: Vec<Refusal> = stack
        .refused_ports
        .iter()
        .map(|r| Refusal::new(ConditionType::ListenersReady, r.reason(), r.to_string()))
        .collect();
    for wanted in &stack.listeners {
        let (steps, runs) = match claim(wanted, detail, scene, is_users) {
            Claim::Ours(seen) => converge(stack, load_balancer, wanted, seen),
            Claim::Siblings(seen) => {
                let runs = seen.is_some_and(|seen| seen.status == ListenerStatus::Running);
                (Vec::new(), runs)
            }
            Claim::Theirs(message) => {
                served.refused.insert(wanted.key, Reason::ListenerConflict);
                refusals.push(Refusal::new(
                    ConditionType::ListenersReady,
                    Reason::ListenerConflict,
                    format!("port {}: {message}", wanted.key.port),
                ));
                continue;
            }
        };
        served.any_runs |= runs;
        let refusal = scene
            .observed
            .refused
            .iter()
            .find(|refusal| steps.iter().any(|step| refusal.covers(step)));
        match refusal {
            // The others are not kept waiting for what the cloud will not have.
            Some(refusal) if !runs => {
                served.refused.insert(wanted.key, refusal.reason);
            }
            _ => served.all_run &= runs,
        }
        plan.lane(steps);
    }
    for seen in &detail.listeners {
        let is_wanted = stack.listeners.iter().any(|wanted| wanted.key == seen.key);
        if !is_wanted && may_delete(seen, stack, is_users) {
            plan.lane(delete(load_balancer, seen));
            if matches!(seen.status, ListenerStatus::Changing(_)) {
                plan.wait(Wait::Detail);
            }
        }
    }
    if served.all_run {
        plan.report.conditions.good(
            ConditionType::ListenersReady,
            format!(
                "{} of {} run",
                stack.listeners.len() - served.refused.len(),
                stack.listeners.len()
            ),
        );
    } else {
        progress(
            plan,
            ConditionType::ListenersReady,
            "listeners are being brought up",
        );
    }
    for refusal in &refusals {
        plan.report.conditions.refuse(refusal);
    }
    served
}

/// The steps that bring one listener up, and whether it serves as it is.
fn converge(
    stack: &Stack,
    load_balancer: &str,
    wanted: &Listener,
    seen: Option<&observed::Listener>,
) -> (Vec<Step>, bool) {
    let id = || load_balancer.to_owned();
    let start = || Step::StartListener {
        load_balancer: id(),
        key: wanted.key,
    };
    let Some(seen) = seen else {
        let create = Step::CreateListener {
            load_balancer: id(),
            listener: wanted.clone(),
        };
        return (vec![create, start()], false);
    };
    let runs = seen.status == ListenerStatus::Running;
    if matches!(seen.status, ListenerStatus::Changing(_)) {
        return (Vec::new(), false);
    }
    // The API cannot change the backend port: this one goes, and comes again when it is gone.
    if seen
        .backend_port
        .is_some_and(|port| port != wanted.backend_port)
    {
        return (delete(load_balancer, seen), false);
    }
    let wanted = keep_faulty(stack, wanted, seen.settings.as_ref());
    let is_right = seen.description == wanted.description
        && seen
            .settings
            .as_ref()
            .is_none_or(|settings| wanted.settings.satisfied_by(settings, wanted.backend_port));
    let mut steps = Vec::new();
    if !is_right {
        steps.push(Step::SetListener {
            load_balancer: id(),
            listener: wanted,
        });
    }
    if !runs {
        steps.push(start());
    }
    (steps, runs)
}

/// A running listener is stopped first: a later plan deletes it.
fn delete(load_balancer: &str, seen: &observed::Listener) -> Vec<Step> {
    let load_balancer = load_balancer.to_owned();
    match seen.status {
        ListenerStatus::Running => vec![Step::StopListener {
            load_balancer,
            key: seen.key,
        }],
        ListenerStatus::Stopped => vec![Step::DeleteListener {
            load_balancer,
            key: seen.key,
        }],
        ListenerStatus::Changing(_) => Vec::new(),
    }
}

/// A setting whose annotation cannot be read keeps the value that the cloud has (behaviour 3.4).
fn keep_faulty(stack: &Stack, wanted: &Listener, seen: Option<&Settings>) -> Listener {
    let mut kept = wanted.clone();
    let Some(seen) = seen else { return kept };
    let settings = &mut kept.settings;
    for fault in &stack.faults {
        match fault.setting {
            Setting::Scheduler => settings.scheduler.clone_from(&seen.scheduler),
            Setting::PersistenceTimeout => settings.persistence_timeout = seen.persistence_timeout,
            Setting::EstablishedTimeout => settings.established_timeout = seen.established_timeout,
            Setting::HealthyThreshold => settings.healthy_threshold = seen.healthy_threshold,
            Setting::UnhealthyThreshold => settings.unhealthy_threshold = seen.unhealthy_threshold,
            Setting::HealthCheckInterval => {
                settings.health_check_interval = seen.health_check_interval;
            }
            Setting::HealthCheckConnectTimeout => {
                settings.health_check_connect_timeout = seen.health_check_connect_timeout;
            }
            Setting::HealthCheckConnectPort => {
                settings.health_check_connect_port = seen.health_check_connect_port;
            }
            _ => {}
        }
    }
    kept
}

/// Whose a wanted port is.
enum Claim<'a> {
    /// Ours, or to be had; with the listener that stands there.
    Ours(Option<&'a observed::Listener>),
    /// Kept by a PoolService of the same Service, which serves us as well (behaviour 6.6).
    Siblings(Option<&'a observed::Listener>),
    /// Somebody else's.
    Theirs(String),
}

fn claim<'a>(
    wanted: &Listener,
    detail: &'a LoadBalancerDetail,
    scene: &Scene<'_>,
    is_users: bool,
) -> Claim<'a> {
    let is_udp = |key: ListenerKey| key.protocol == Protocol::Udp;
    let seen = detail
        .listeners
        .iter()
        .find(|seen| seen.key.port == wanted.key.port && is_udp(seen.key) == is_udp(wanted.key));
    let id = &scene.here.id;
    let theirs = |seen: &observed::Listener, whose: &str| {
        Claim::Theirs(format!("listener {} of {id} {whose}", seen.key))
    };
    let whose = |seen: &observed::Listener| match ListenerOrigin::parse(&seen.description) {
        Some(origin) => format!(
            "belongs to cluster {} ({})",
            origin.cluster, seen.description
        ),
        None if seen.description.is_empty() => "is somebody else's".to_owned(),
        None => format!("is somebody else's ({})", seen.description),
    };
    match seen {
        // An HTTP listener on a TCP port cannot be changed into a TCP listener. On a load balancer
        // of our own it is nobody's and is deleted as drift; until then it blocks.
        Some(seen) if seen.key != wanted.key => theirs(seen, &whose(seen)),
        Some(seen) if !is_users || seen.description == wanted.description => {
            Claim::Ours(Some(seen))
        }
        Some(seen) => match incumbent(seen, scene) {
            Incumbent::Sibling => Claim::Siblings(Some(seen)),
            Incumbent::PoolService(winner) => {
                theirs(seen, &format!("belongs to PoolService {winner}"))
            }
            Incumbent::Stranger => theirs(seen, &whose(seen)),
            Incumbent::Nobody => in_turn(wanted, Some(seen), scene),
        },
        None => in_turn(wanted, None, scene),
    }
}

/// Who has a listener that is not ours.
enum Incumbent<'a> {
    /// A PoolService of the same Service.
    Sibling,
    /// A PoolService of another Service.
    PoolService(&'a ObjectKey),
    /// A person, or a controller of another cluster.
    Stranger,
    /// Nobody any more, or somebody from whom it may be taken.
    Nobody,
}

fn incumbent<'a>(seen: &observed::Listener, scene: &Scene<'a>) -> Incumbent<'a> {
    let stack = scene.stack;
    if let Some(maker) = stack.others.maker(seen.key, &seen.description) {
        return match maker {
            maker if !maker.wants(seen.key) => Incumbent::Nobody,
            maker if maker.is_sibling => Incumbent::Sibling,
            maker => Incumbent::PoolService(&maker.pool_service),
        };
    }
    match ListenerOrigin::parse(&seen.description) {
        // Whoever made it is no more (behaviour 6.5).
        Some(origin) if origin.cluster == scene.cx.identity.cluster_id => Incumbent::Nobody,
        None if stack.force_override_listeners => Incumbent::Nobody,
        _ => Incumbent::Stranger,
    }
}

/// A port that nobody has goes to the oldest that wants it.
fn in_turn<'a>(
    wanted: &Listener,
    seen: Option<&'a observed::Listener>,
    scene: &Scene<'_>,
) -> Claim<'a> {
    match scene.stack.others.first_for(wanted.key) {
        Some(first) if first.is_sibling => Claim::Siblings(None),
        Some(first) => Claim::Theirs(format!(
            "the older PoolService {} has it",
            first.pool_service
        )),
        None => Claim::Ours(seen),
    }
}

/// On a load balancer of our own everything that is not wanted goes; on a user's only what bears
/// our description for its own port and protocol (behaviour 5.2, 6.3).
fn may_delete(seen: &observed::Listener, stack: &Stack, is_users: bool) -> bool {
    !is_users
        || (matches!(seen.key.protocol, Protocol::Tcp | Protocol::Udp)
            && seen.description
                == stack
                    .name
                    .listener_description(seen.key.port, seen.key.protocol))
}

/// Steps that take our listeners off a user's load balancer.
pub(super) fn cleanup(
    is_ours: impl Fn(&observed::Listener) -> bool,
    load_balancer: &str,
    detail: &LoadBalancerDetail,
    plan: &mut Plan,
) -> bool {
    let mut left = false;
    for seen in detail.listeners.iter().filter(|seen| is_ours(seen)) {
        left = true;
        plan.lane(delete(load_balancer, seen));
        plan.wait(Wait::Detail);
    }
    left
}
