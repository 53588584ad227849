//! Q1 to Q6: what holds once things have settled.

use std::collections::{BTreeMap, BTreeSet};

use ens_sim::cloud::{
    Cloud, EipStatus, Life, Listener, ListenerStatus, LoadBalancer, Origin, Paid, Snapshot,
};
use poolservice_api::keys;
use serde_json::Value;

use super::wanted::{Wanted, addresses, wanted};
use super::{condition, is_terminating, ledger, name, namespace};
use crate::world::View;

/// How strictly what was reached is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Everything that is asked for serves.
    Serving,
    /// What does not serve says why on a condition.
    Explained,
}

/// What is not (yet) as it should be after things have settled: Q1, Q2, Q5 and Q6.
pub fn settled(view: &View, cloud: &Cloud, expect: Expect) -> Vec<String> {
    let mut found = Vec::new();
    let all = wanted(view);
    for wanted in &all {
        let ps = view
            .pool_services
            .iter()
            .find(|ps| name(ps) == wanted.pool_service() && namespace(ps) == wanted.namespace);
        let Some(ps) = ps else {
            found.push(format!(
                "Q1: there is no PoolService {}",
                wanted.pool_service()
            ));
            continue;
        };
        found.extend(judge(view, wanted, ps, expect));
    }
    unwanted(view, &all, &mut found);
    published(view, &all, &mut found);
    leaks(view, cloud, &mut found);
    for object in view.pool_services.iter().chain(&view.services) {
        if is_terminating(object) {
            found.push(format!(
                "Q5: {} {} is stuck in its deletion",
                object["kind"],
                name(object)
            ));
        }
    }
    found
}

/// How many calls of the cloud looking for drift may take in a while: per region one list of load
/// balancers and one of EIPs per hundred of them and round, a round at the end of every three
/// quarters of the interval, and a look at each load balancer whole.
pub fn drift_calls(cloud: &Snapshot, regions: usize, seconds: u64, interval: u64) -> usize {
    let rounds = usize::try_from(seconds * 4 / (interval * 3)).unwrap_or(usize::MAX) + 1;
    let pages =
        cloud.load_balancers.len().div_ceil(100).max(1) + cloud.eips.len().div_ceil(100).max(1);
    let whole: usize = cloud
        .load_balancers
        .iter()
        .map(|lb| 2 + lb.listeners.len())
        .sum();
    regions * rounds * pages + whole * rounds
}

/// Whether a PoolService, its load balancer and its address are as wanted; if not, whether that
/// is said.
fn judge(view: &View, wanted: &Wanted, ps: &Value, expect: Expect) -> Vec<String> {
    let wrong = differences(view, wanted, ps);
    let who = wanted.pool_service();
    let ready = condition(ps, "Ready");
    let is_ready = ready.is_some_and(|ready| ready["status"] == "True");
    let has_nobody = wanted.servers.is_empty() || !wanted.are_servers_known;
    if wrong.is_empty() && (is_ready || has_nobody) {
        return Vec::new();
    }
    if is_ready || expect == Expect::Serving {
        let mut found: Vec<String> = wrong
            .into_iter()
            .map(|text| format!("Q1: {who}: {text}"))
            .collect();
        if found.is_empty() {
            let ready = ready.cloned().unwrap_or_default();
            found.push(format!("Q1: {who} is as wanted and not Ready: {ready}"));
        }
        return found;
    }
    let is_told = ready.is_some_and(|ready| {
        let has_text = |key: &str| ready[key].as_str().is_some_and(|text| !text.is_empty());
        has_text("reason") && has_text("message")
    });
    if is_told {
        return Vec::new();
    }
    vec![format!(
        "Q6: {who} is not as wanted and does not say why: {}",
        wrong.join("; ")
    )]
}

/// How what is differs from what is wanted.
fn differences(view: &View, wanted: &Wanted, ps: &Value) -> Vec<String> {
    let ledger = ledger(ps);
    let Some(id) = ledger["loadBalancer"]["id"].as_str() else {
        return vec!["there is no load balancer in its ledger".to_owned()];
    };
    let Some(lb) = view.cloud.load_balancers.iter().find(|lb| lb.id == id) else {
        return vec![format!("load balancer {id} is not there")];
    };
    let mut wrong = Vec::new();
    if !lb.active || lb.life != Life::Ready {
        wrong.push(format!("load balancer {id} is not Active"));
    }
    listeners(wanted, lb, &mut wrong);
    backends(wanted, lb, &mut wrong);
    let eip = view.cloud.eips.iter().find(|eip| {
        eip.status == EipStatus::InUse
            && eip
                .binding
                .as_ref()
                .is_some_and(|binding| binding.instance_id == id)
    });
    match eip {
        None => wrong.push(format!("no EIP is bound to {id}")),
        Some(eip) => {
            if addresses(ps) != BTreeSet::from([eip.address]) {
                wrong.push(format!(
                    "the status has {:?}, the EIP is {}",
                    addresses(ps),
                    eip.address
                ));
            }
            if let Some(bandwidth) = wanted.bandwidth
                && !wanted.is_users
                && eip.bandwidth != bandwidth
            {
                wrong.push(format!(
                    "the bandwidth is {}, wanted is {bandwidth}",
                    eip.bandwidth
                ));
            }
        }
    }
    wrong
}

fn listeners(wanted: &Wanted, lb: &LoadBalancer, wrong: &mut Vec<String>) {
    for port in &wanted.ports {
        let listener = lb
            .listeners
            .values()
            .find(|l| (l.protocol, l.port) == (port.protocol, port.port));
        match listener {
            None => wrong.push(format!("there is no listener {}", port.port)),
            Some(listener) if listener.status != ListenerStatus::Running => {
                wrong.push(format!("listener {} is {:?}", port.port, listener.status));
            }
            Some(listener) if listener.backend_port() != port.node_port => wrong.push(format!(
                "listener {} goes to port {} instead of {}",
                port.port,
                listener.backend_port(),
                port.node_port
            )),
            Some(listener) if has_other_scheduler(wanted, listener) => wrong.push(format!(
                "listener {} schedules by {}, wanted is {:?}",
                port.port,
                listener.text("Scheduler"),
                wanted.scheduler
            )),
            Some(_) => {}
        }
    }
    let is_wanted = |listener: &Listener| {
        let mut ports = wanted.ports.iter();
        ports.any(|port| (port.protocol, port.port) == (listener.protocol, listener.port))
    };
    for listener in lb.listeners.values() {
        if !wanted.is_users && !is_wanted(listener) {
            wrong.push(format!("listener {} is not wanted", listener.port));
        }
    }
}

/// On a person's load balancer a listener may be the person's.
fn has_other_scheduler(wanted: &Wanted, listener: &Listener) -> bool {
    let scheduler = wanted.scheduler.as_deref();
    !wanted.is_users && scheduler.is_some_and(|wanted| listener.text("Scheduler") != wanted)
}

fn backends(wanted: &Wanted, lb: &LoadBalancer, wrong: &mut Vec<String>) {
    if !wanted.are_servers_known {
        return;
    }
    let attached: BTreeMap<String, u8> = lb
        .backends
        .iter()
        .map(|server| (server.server_id.clone(), server.weight))
        .collect();
    let is_right = if wanted.is_users {
        wanted
            .servers
            .keys()
            .all(|server| attached.contains_key(server))
    } else {
        attached == wanted.servers
    };
    if !is_right {
        wrong.push(format!(
            "the backends are {attached:?}, wanted are {:?}",
            wanted.servers
        ));
    }
}

/// PoolServices of ours that nothing asks for.
fn unwanted(view: &View, all: &[Wanted], found: &mut Vec<String>) {
    for ps in &view.pool_services {
        let is_ours = super::label(ps, keys::MANAGED_BY) == Some(keys::MANAGED_BY_FAN_OUT);
        let is_wanted = all
            .iter()
            .any(|w| w.pool_service() == name(ps) && w.namespace == namespace(ps));
        if is_ours && !is_wanted {
            found.push(format!("Q1: nothing asks for PoolService {}", name(ps)));
        }
    }
}

/// What a Service publishes is what its PoolServices do.
fn published(view: &View, all: &[Wanted], found: &mut Vec<String>) {
    let services: BTreeSet<(&str, &str)> = all
        .iter()
        .map(|w| (w.namespace.as_str(), w.service.as_str()))
        .collect();
    for service in &view.services {
        let key = (namespace(service), name(service));
        if !services.contains(&key) {
            continue;
        }
        let union: BTreeSet<_> = view
            .pool_services
            .iter()
            .filter(|ps| {
                namespace(ps) == key.0 && super::label(ps, keys::SERVICE_NAME) == Some(key.1)
            })
            .flat_map(addresses)
            .collect();
        if addresses(service) != union {
            found.push(format!(
                "Q1: Service {} publishes {:?}, its PoolServices have {union:?}",
                key.1,
                addresses(service)
            ));
        }
    }
}

/// What was made and is in no ledger.
fn leaks(view: &View, cloud: &Cloud, found: &mut Vec<String>) {
    let ledgers: Vec<Value> = view.pool_services.iter().map(ledger).collect();
    let is_known = |id: &str| {
        ledgers
            .iter()
            .any(|l| l["loadBalancer"]["id"] == id || l["eip"]["id"] == id)
    };
    // What a call made in another account's name cannot be seen with the keys of this one, nor released: its id has
    // to be told.
    let is_told = |id: &str| {
        view.events.iter().any(|event| {
            event["type"] == "Warning"
                && event["note"].as_str().is_some_and(|note| note.contains(id))
        })
    };
    let account = &cloud.config().account;
    for purchase in cloud.journal().leaks() {
        let is_told = purchase.account != *account && is_told(&purchase.id);
        if !is_told && !is_known(&purchase.id) {
            let kind = match purchase.kind {
                Paid::LoadBalancer => "load balancer",
                Paid::Eip => "EIP",
            };
            found.push(format!("Q2: {kind} {} is in no ledger", purchase.id));
        }
    }
    // What a person took away is in the record of purchases no more, but may be there.
    for lb in &view.cloud.load_balancers {
        if lb.origin != Origin::World && lb.life == Life::Releasing {
            found.push(format!(
                "Q2: load balancer {} is still being released",
                lb.id
            ));
        }
    }
}
