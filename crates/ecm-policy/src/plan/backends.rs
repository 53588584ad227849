//! The plan for the backends of one load balancer (behaviour 7.5, 7.6).

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::attend::Scene;
use super::stack::progress;
use super::{BATCH, Need, Plan, Step, Wait};
use crate::annotations::{Setting, keys};
use crate::backends::Backend;
use crate::conditions::{ConditionType, Reason, Refusal};
use crate::desired::{Source, Stack};
use crate::ledger::{BACKENDS, Ledger, Owner};
use crate::observed::{self, LoadBalancerDetail, Observed};
use crate::shared::Weight;

/// What is told where nobody knows which nodes are meant.
const STAYS: &str = "the list stays as it is";

/// Plans the backends in one lane: add, then weights, then remove. Says whether every server that
/// can be attached is.
pub(super) fn plan(
    scene: &Scene<'_>,
    detail: &LoadBalancerDetail,
    ledger: &mut Ledger,
    plan: &mut Plan,
) -> bool {
    let Scene {
        stack,
        observed,
        here,
        ..
    } = *scene;
    let wanted = &stack.backends;
    let is_users = ledger.load_balancer.owner == Owner::User;
    if stack.keeps(Setting::BackendLabel) {
        // Nobody knows which nodes are meant: the list stays as the cloud has it.
        plan.report
            .conditions
            .good(ConditionType::BackendsReady, STAYS);
        return true;
    }
    let Compared {
        missing,
        attached,
        surplus,
    } = compare(&wanted.servers, &detail.backends);
    let Some(missing) = attachable(stack, &missing, observed, plan) else {
        return false;
    };
    let missing = if is_users {
        recordable(missing, ledger, plan)
    } else {
        missing
    };
    let leaving = removable(stack, &surplus, ledger, is_users);
    let mut weights = weights(stack, &attached, ledger, is_users);
    let (removable, draining) = drain(stack, leaving, ledger, scene.cx.now, plan);
    weights.extend(draining);

    if is_users {
        // Recorded before they are attached, forgotten once they are seen to be gone.
        let wanted_ids: BTreeSet<&str> = wanted
            .servers
            .iter()
            .map(|server| server.server_id.as_str())
            .collect();
        let seen_ids: BTreeSet<&str> = detail
            .backends
            .iter()
            .map(|seen| seen.server_id.as_str())
            .collect();
        ledger
            .backends
            .retain(|id| wanted_ids.contains(id.as_str()) || seen_ids.contains(id.as_str()));
        ledger
            .backends
            .extend(missing.iter().map(|server| server.server_id.clone()));
        ledger.backends.extend(
            stack
                .others
                .recorded
                .iter()
                .filter(|id| wanted_ids.contains(id.as_str()))
                .cloned(),
        );
    }

    // What the cloud will not have keeps nobody waiting, as long as somebody else is there.
    let is_refused = |server: &Backend| {
        observed
            .refused
            .iter()
            .any(|r| r.attaches(&server.server_id))
    };
    let is_served = !attached.is_empty();
    let in_place = missing.iter().all(|server| is_served && is_refused(server));
    let id = || here.id.clone();
    let adds = missing.chunks(BATCH).map(|batch| Step::AddBackends {
        load_balancer: id(),
        servers: batch.to_vec(),
    });
    let sets = weights.chunks(BATCH).map(|batch| Step::SetWeights {
        load_balancer: id(),
        servers: batch.to_vec(),
    });
    let removes = removable.chunks(BATCH).map(|batch| Step::RemoveBackends {
        load_balancer: id(),
        servers: batch.to_vec(),
    });
    plan.lane(adds.chain(sets).chain(removes));
    tell(stack, detail, in_place, plan);
    tell_weights(stack, plan);
    in_place
}

/// What is wanted beside what is attached, each by server id.
struct Compared<'a> {
    /// Wanted and not attached.
    missing: Vec<&'a Backend>,
    /// Both.
    attached: Vec<(&'a Backend, &'a observed::Backend)>,
    /// Attached and not wanted.
    surplus: Vec<&'a observed::Backend>,
}

/// Compares both lists in one pass over them, sorted: this is done at every look, and with a
/// search for each server it would be most of what planning costs.
fn compare<'a>(wanted: &'a [Backend], seen: &'a [observed::Backend]) -> Compared<'a> {
    let mut wanted: Vec<&Backend> = wanted.iter().collect();
    let mut seen: Vec<&observed::Backend> = seen.iter().collect();
    wanted.sort_by(|a, b| a.server_id.cmp(&b.server_id));
    seen.sort_by(|a, b| a.server_id.cmp(&b.server_id));
    let mut compared = Compared {
        missing: Vec::new(),
        attached: Vec::with_capacity(seen.len()),
        surplus: Vec::new(),
    };
    let mut seen = seen.into_iter().peekable();
    for server in wanted {
        let mut is_attached = false;
        // All of one id, should the cloud show it more than once.
        while let Some(next) = seen.peek() {
            match next.server_id.cmp(&server.server_id) {
                Ordering::Less => compared.surplus.push(next),
                Ordering::Equal => {
                    is_attached = true;
                    compared.attached.push((server, next));
                }
                Ordering::Greater => break,
            }
            seen.next();
        }
        if !is_attached {
            compared.missing.push(server);
        }
    }
    compared.surplus.extend(seen);
    compared
}

/// Of the servers that leave those that go now, and those that still have to be given weight 0:
/// with a time to drain, a server gets no new connections for that long before it goes.
fn drain(
    stack: &Stack,
    leaving: Vec<observed::Backend>,
    ledger: &mut Ledger,
    now: i64,
    plan: &mut Plan,
) -> (Vec<observed::Backend>, Vec<observed::Backend>) {
    let seconds = i64::from(stack.drain_seconds);
    let is_leaving = |id: &String| leaving.iter().any(|server| server.server_id == *id);
    ledger
        .draining
        .retain(|id, _| seconds > 0 && is_leaving(id));
    if seconds == 0 {
        return (leaving, Vec::new());
    }
    let (mut gone, mut draining) = (Vec::new(), Vec::new());
    for server in leaving {
        let since = *ledger
            .draining
            .entry(server.server_id.clone())
            .or_insert(now);
        let rest = since + seconds - now;
        if rest <= 0 {
            gone.push(server);
            continue;
        }
        plan.wait(Wait::Seconds(rest));
        if server.weight > 0 {
            draining.push(observed::Backend {
                weight: 0,
                ..server
            });
        }
    }
    (gone, draining)
}

/// Of the missing servers those that can be attached; `None` while nobody has asked which.
fn attachable(
    stack: &Stack,
    missing: &[&Backend],
    observed: &Observed,
    plan: &mut Plan,
) -> Option<Vec<Backend>> {
    if missing.is_empty() {
        return Some(Vec::new());
    }
    let Some(known) = &observed.attachable else {
        plan.need(Need::Attachable);
        return None;
    };
    let (fit, unfit): (Vec<&Backend>, Vec<&Backend>) = missing
        .iter()
        .partition(|server| known.contains(&server.server_id));
    if !unfit.is_empty() {
        let names: Vec<String> = unfit
            .iter()
            .map(|server| format!("{} ({})", server.server_id, server.node))
            .collect();
        plan.report.conditions.refuse(&Refusal::new(
            ConditionType::BackendsReady,
            Reason::BackendRefused,
            format!(
                "{} cannot be attached: not Running in network {}",
                names.join(", "),
                stack.placement.network
            ),
        ));
        plan.wait(Wait::Seconds(60));
    }
    let with_weight = |server: &Backend| Backend {
        weight: stack.weight_of(server),
        ..server.clone()
    };
    Some(fit.into_iter().map(with_weight).collect())
}

/// Of the servers to attach those that the ledger has room for: what is attached to a user's load
/// balancer and not recorded would never be removed (behaviour 5.3).
fn recordable(mut missing: Vec<Backend>, ledger: &Ledger, plan: &mut Plan) -> Vec<Backend> {
    let is_recorded = |server: &Backend| ledger.backends.contains(&server.server_id);
    let mut room = BACKENDS.saturating_sub(ledger.backends.len());
    let before = missing.len();
    missing.retain(|server| {
        let fits = is_recorded(server) || room > 0;
        if fits && !is_recorded(server) {
            room -= 1;
        }
        fits
    });
    if missing.len() < before {
        plan.report.conditions.refuse(&Refusal::new(
            ConditionType::BackendsReady,
            Reason::BackendRefused,
            format!(
                "{} servers are not attached: at most {BACKENDS} can be recorded on a PoolService",
                before - missing.len()
            ),
        ));
    }
    missing
}

/// Attached servers that should not be: on our own load balancer all that are not wanted, on a
/// user's only those of our ledger that nobody else wants (behaviour 7.6).
fn removable(
    stack: &Stack,
    surplus: &[&observed::Backend],
    ledger: &Ledger,
    is_users: bool,
) -> Vec<observed::Backend> {
    surplus
        .iter()
        .filter(|seen| {
            let id = &seen.server_id;
            let is_kept = stack.backends.kept.contains(id);
            let is_ours =
                !is_users || (ledger.backends.contains(id) && !stack.others.wanted.contains(id));
            !is_kept && is_ours
        })
        .map(|seen| (*seen).clone())
        .collect()
}

/// Attached servers whose weight differs, with the weight that they should have.
fn weights(
    stack: &Stack,
    attached: &[(&Backend, &observed::Backend)],
    ledger: &Ledger,
    is_users: bool,
) -> Vec<observed::Backend> {
    if stack.keeps(Setting::BackendWeight) {
        return Vec::new();
    }
    attached
        .iter()
        .filter(|(_, seen)| !is_users || ledger.backends.contains(&seen.server_id))
        .filter_map(|(server, seen)| {
            let weight = stack.weight_of(server);
            (weight != seen.weight).then(|| observed::Backend {
                weight,
                ..(*seen).clone()
            })
        })
        .collect()
}

/// Says which weights somebody else decides otherwise.
pub(super) fn tell_weights(stack: &Stack, plan: &mut Plan) {
    for server in &stack.backends.servers {
        if let Some(Weight { weight, by }) = stack.others.weights.get(&server.server_id)
            && *weight != server.weight
        {
            plan.report.conditions.refuse(&Refusal::new(
                ConditionType::InSync,
                Reason::WeightConflict,
                format!(
                    "{} has weight {weight}, which the older PoolService {by} wants, not {}",
                    server.server_id, server.weight
                ),
            ));
        }
    }
}

fn tell(stack: &Stack, detail: &LoadBalancerDetail, in_place: bool, plan: &mut Plan) {
    let is_kept = |seen: &&observed::Backend| stack.backends.kept.contains(&seen.server_id);
    let kept = detail.backends.iter().filter(is_kept).count();
    let conditions = &mut plan.report.conditions;
    if serves_nobody(stack, kept) {
        conditions.refuse(&Refusal::new(
            ConditionType::BackendsReady,
            Reason::NoReadyEndpoints,
            message(stack, kept),
        ));
    } else if !in_place {
        progress(
            plan,
            ConditionType::BackendsReady,
            "servers are being attached",
        );
    } else if conditions
        .get(ConditionType::BackendsReady)
        .is_none_or(|c| c.reason != Reason::BackendRefused)
    {
        conditions.good(ConditionType::BackendsReady, message(stack, kept));
    }
}

/// Whether nothing is forwarded although all is in place: there is no server, or none with a weight. On a user's load
/// balancer servers of the user's may have one.
fn serves_nobody(stack: &Stack, kept: usize) -> bool {
    let mut servers = stack.backends.servers.iter();
    let has_no_weight = |server| stack.source == Source::Managed && stack.weight_of(server) == 0;
    kept == 0 && servers.all(has_no_weight)
}

/// What is told once the wanted servers are attached, and `kept` of those whose node is unknown.
fn message(stack: &Stack, kept: usize) -> String {
    let count = stack.backends.servers.len();
    if count == 0 && kept == 0 {
        let pool = &stack.name.pool;
        return if stack.backends.kept.is_empty() {
            format!("no node of pool {pool} has a pod that serves")
        } else {
            format!(
                "the state of the nodes of pool {pool} that could serve is unknown, and none of \
                 them was attached before"
            )
        };
    }
    if serves_nobody(stack, kept) {
        return format!(
            "every server has weight 0, so that nothing is forwarded to it: give one a weight with {}",
            keys::BACKEND_WEIGHT
        );
    }
    let servers = |count| if count == 1 { "server" } else { "servers" };
    let mut parts = Vec::new();
    if count > 0 {
        let nodes = stack.backends.servers.iter().map(|s| s.node.as_str());
        let nodes: Vec<&str> = nodes.collect();
        parts.push(format!("{count} {}: {}", servers(count), nodes.join(", ")));
    }
    if kept > 0 {
        parts.push(format!(
            "{kept} {} kept while the state of the node is unknown",
            servers(kept)
        ));
    }
    parts.join("; ")
}

/// Whether `told` is what stands on `BackendsReady` when all that is wanted is in place. How many of the servers are
/// attached whose node is unknown, only a read shows.
pub(super) fn is_told_in_place(stack: &Stack, told: &str) -> bool {
    if stack.keeps(Setting::BackendLabel) {
        return told == STAYS;
    }
    (0..=stack.backends.kept.len()).any(|kept| message(stack, kept) == told)
}
