//! The cloud as it would be if a step went well, for looking further ahead than one plan.
//!
//! A plan holds what can be done at this moment. Who wants to see all that follows imagines each
//! step as done, and plans again.

use crate::ledger::{Intent, Ledger};
use crate::listeners::{Listener, ListenerKey};
use crate::observed::{
    Backend, Eip, EipStatus, Listener as ObservedListener, ListenerStatus, LoadBalancer,
    LoadBalancerDetail, LoadBalancerStatus, Observed, Presence,
};
use crate::plan::Step;

/// Stands for the id that the cloud would give to a new load balancer.
pub const NEW_LOAD_BALANCER: &str = "lb-new";

/// Stands for the id that the cloud would give to a new EIP.
pub const NEW_EIP: &str = "eip-new";

/// Stands for an address that only the cloud knows.
pub const NEW_ADDRESS: &str = "(new address)";

/// Takes a step as done at `now`, seconds since 1970: changes what is observed and, for a create,
/// what is recorded. The cloud has finished whatever it does on the way.
pub fn carry_out(step: &Step, observed: &mut Observed, ledger: &mut Ledger, now: i64) {
    match step {
        Step::CreateLoadBalancer(intent) => {
            let made = new_load_balancer(intent, ledger, now);
            observed.load_balancer = Presence::Present(made);
            ledger.load_balancer.resolve(NEW_LOAD_BALANCER);
        }
        Step::CreateEip(intent) => {
            observed.eip = Presence::Present(new_eip(intent, ledger, now));
            if let Some(record) = &mut ledger.eip {
                record.resolve(NEW_EIP);
            }
        }
        Step::ReleaseLoadBalancer { .. } => {
            observed.load_balancer = Presence::Gone { confirmed: true };
        }
        Step::ReleaseEip { .. } => observed.eip = Presence::Gone { confirmed: true },
        Step::ActivateLoadBalancer { .. } | Step::RenameLoadBalancer { .. } => {
            if let Presence::Present(found) = &mut observed.load_balancer {
                change_load_balancer(step, found);
            }
        }
        Step::BindEip { .. } | Step::UnbindEip { .. } | Step::SetEipBandwidth { .. } => {
            if let Presence::Present(eip) = &mut observed.eip {
                change_eip(step, eip);
            }
        }
        _ => {
            if let Presence::Present(found) = &mut observed.load_balancer {
                change_detail(step, found.detail.get_or_insert_default());
            }
        }
    }
}

fn new_load_balancer(intent: &Intent, ledger: &Ledger, now: i64) -> LoadBalancer {
    let parameter = |name: &str| intent.parameters.get(name).cloned();
    LoadBalancer {
        id: NEW_LOAD_BALANCER.to_owned(),
        name: parameter("LoadBalancerName").unwrap_or_default(),
        status: LoadBalancerStatus::Active,
        status_age: 0,
        region: ledger.placement.region.clone(),
        network: ledger.placement.network.clone(),
        vswitch: ledger.placement.vswitch.clone(),
        address: NEW_ADDRESS.to_owned(),
        spec: parameter("LoadBalancerSpec"),
        created_at: Some(now),
        detail: Some(LoadBalancerDetail::default()),
    }
}

fn new_eip(intent: &Intent, ledger: &Ledger, now: i64) -> Eip {
    let tags = intent.parameters.iter();
    Eip {
        id: NEW_EIP.to_owned(),
        name: intent.parameters.get("Name").cloned().unwrap_or_default(),
        address: NEW_ADDRESS.to_owned(),
        status: EipStatus::Available,
        bandwidth: intent
            .parameters
            .get("Bandwidth")
            .and_then(|text| text.parse().ok()),
        bound_to: None,
        region: ledger.placement.region.clone(),
        created_at: Some(now),
        tags: tags
            .filter_map(|(key, value)| Some((key.strip_prefix("Tag.")?.to_owned(), value.clone())))
            .collect(),
    }
}

fn change_load_balancer(step: &Step, found: &mut LoadBalancer) {
    match step {
        Step::ActivateLoadBalancer { .. } => found.status = LoadBalancerStatus::Active,
        Step::RenameLoadBalancer { name, .. } => found.name.clone_from(name),
        _ => {}
    }
}

fn change_eip(step: &Step, eip: &mut Eip) {
    match step {
        Step::BindEip { load_balancer, .. } => {
            eip.status = EipStatus::InUse;
            eip.bound_to = Some(load_balancer.clone());
        }
        Step::UnbindEip { .. } => {
            eip.status = EipStatus::Available;
            eip.bound_to = None;
        }
        Step::SetEipBandwidth { bandwidth, .. } => eip.bandwidth = Some(*bandwidth),
        _ => {}
    }
}

/// Takes a step of a listener or of backends as done.
pub fn change_detail(step: &Step, detail: &mut LoadBalancerDetail) {
    match step {
        Step::CreateListener { listener, .. } => {
            let made = as_observed(listener, ListenerStatus::Stopped);
            detail.listeners.push(made);
            detail.listeners.sort_by_key(|listener| listener.key);
        }
        Step::SetListener { listener, .. } => {
            if let Some(found) = find(detail, listener.key) {
                *found = as_observed(listener, found.status.clone());
            }
        }
        Step::StartListener { key, .. } => {
            if let Some(found) = find(detail, *key) {
                found.status = ListenerStatus::Running;
            }
        }
        Step::StopListener { key, .. } => {
            if let Some(found) = find(detail, *key) {
                found.status = ListenerStatus::Stopped;
            }
        }
        Step::DeleteListener { key, .. } => {
            detail.listeners.retain(|listener| listener.key != *key);
        }
        Step::AddBackends { servers, .. } => {
            let added = servers.iter().map(|server| Backend {
                server_id: server.server_id.clone(),
                kind: "ens".to_owned(),
                weight: server.weight,
                ip: None,
                port: None,
            });
            detail.backends.extend(added);
            detail.backends.sort();
        }
        Step::SetWeights { servers, .. } => {
            for server in servers {
                let mut found = detail.backends.iter_mut();
                if let Some(found) = found.find(|known| known.server_id == server.server_id) {
                    found.weight = server.weight;
                }
            }
        }
        Step::RemoveBackends { servers, .. } => detail.backends.retain(|known| {
            let mut leaving = servers.iter();
            !leaving.any(|server| server.server_id == known.server_id)
        }),
        _ => {}
    }
}

fn find(detail: &mut LoadBalancerDetail, key: ListenerKey) -> Option<&mut ObservedListener> {
    detail.listeners.iter_mut().find(|known| known.key == key)
}

fn as_observed(listener: &Listener, status: ListenerStatus) -> ObservedListener {
    ObservedListener {
        key: listener.key,
        description: listener.description.clone(),
        status,
        backend_port: Some(listener.backend_port),
        settings: Some(listener.settings.clone()),
    }
}
