//! What happens later: the asynchronous half of every change.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::resource::{EipStatus, Life, ListenerKey, ListenerStatus, VSwitch};
use super::{Cloud, Request, State};
use crate::time::Timestamp;

/// One change that is under way. Each applies only if its object is still waiting for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Transition {
    LoadBalancerReady(String),
    LoadBalancerStatus(String, bool),
    LoadBalancerGone(String, String),
    ListenerRunning(String, ListenerKey),
    ListenerStopped(String, ListenerKey),
    ListenerGone(String, ListenerKey),
    EipAvailable(String),
    EipBound(String),
    EipUnbound(String),
    EipGone(String, String),
    /// A call whose effect comes long after its caller gave up.
    LateCall(Box<LateCall>),
}

/// A call on its way. Boxed in [`Transition`], whose others are small.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LateCall {
    pub(crate) request: Request,
    pub(crate) request_id: String,
}

/// Transitions in the order in which they are due.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Pending {
    /// With the account. A node of the map is small enough for the allocator's fast path.
    #[serde(with = "super::saved::pairs")]
    queue: BTreeMap<(Timestamp, u64), (Box<str>, Transition)>,
    sequence: u64,
}

impl Pending {
    pub(crate) fn add(&mut self, at: Timestamp, account: &str, transition: Transition) {
        self.sequence += 1;
        self.queue
            .insert((at, self.sequence), (account.into(), transition));
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<(Timestamp, Box<str>, Transition)> {
        let entry = self.queue.first_entry()?;
        let at = entry.key().0;
        if at > now {
            return None;
        }
        let (account, transition) = entry.remove();
        Some((at, account, transition))
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.queue.keys().next().map(|(at, _)| *at)
    }
}

impl Cloud {
    pub(super) fn apply(&mut self, at: Timestamp, account: &str, transition: Transition) {
        let stays_inactive = self.config.switches.new_elb_stays_inactive;
        let Some(state) = self.accounts.get_mut(account) else {
            return;
        };
        match transition {
            Transition::LoadBalancerReady(id) => {
                if let Some(balancer) = state
                    .load_balancers
                    .get_mut(&id)
                    .filter(|b| b.life == Life::Creating)
                {
                    balancer.life = Life::Ready;
                    balancer.active = !stays_inactive;
                }
            }
            Transition::LoadBalancerStatus(id, active) => {
                if let Some(balancer) = state
                    .load_balancers
                    .get_mut(&id)
                    .filter(|b| b.life == Life::Ready)
                {
                    balancer.active = active;
                }
            }
            Transition::ListenerRunning(id, key) => {
                set_listener(
                    state,
                    &id,
                    key,
                    ListenerStatus::Starting,
                    ListenerStatus::Running,
                );
            }
            Transition::ListenerStopped(id, key) => {
                set_listener(
                    state,
                    &id,
                    key,
                    ListenerStatus::Stopping,
                    ListenerStatus::Stopped,
                );
            }
            Transition::ListenerGone(id, key) => {
                if let Some(balancer) = state.load_balancers.get_mut(&id) {
                    balancer.listeners.remove(&key);
                    self.forwarding.forget_listener(&id, key);
                }
            }
            Transition::EipAvailable(id) => {
                set_eip(state, &id, EipStatus::Pending, EipStatus::Available);
            }
            Transition::EipBound(id) => {
                set_eip(state, &id, EipStatus::Associating, EipStatus::InUse);
            }
            Transition::EipUnbound(id) => {
                set_eip(state, &id, EipStatus::Unassociating, EipStatus::Available);
            }
            Transition::LoadBalancerGone(id, request_id) | Transition::EipGone(id, request_id) => {
                self.remove(account, &id, &request_id, at);
            }
            Transition::LateCall(late) => {
                self.catch_up(&late, at);
            }
        }
    }

    /// Takes an ELB or EIP out of the world. What was bound to it is free again.
    pub(super) fn remove(&mut self, account: &str, id: &str, request_id: &str, at: Timestamp) {
        let listed_until = at.after(self.config.latency.list_lag);
        let Some(state) = self.accounts.get_mut(account) else {
            return;
        };
        if let Some(balancer) = state.take_load_balancer(id) {
            self.forwarding.forget_load_balancer(id);
            let bound: Vec<String> = state.eips_of(id).map(|eip| eip.id.clone()).collect();
            for eip_id in bound {
                state.bind(&eip_id, None);
                if let Some(eip) = state.eips.get_mut(&eip_id)
                    && eip.status != EipStatus::Releasing
                {
                    eip.status = EipStatus::Available;
                }
            }
            state.ghost_load_balancers.push((listed_until, balancer));
            self.journal.released(id, request_id, at);
        }
        if let Some(eip) = state.take_eip(id) {
            self.eip_addresses.remove(&eip.address);
            state.ghost_eips.push((listed_until, eip));
            self.journal.released(id, request_id, at);
        }
    }
}

fn set_listener(
    state: &mut State,
    id: &str,
    key: ListenerKey,
    from: ListenerStatus,
    to: ListenerStatus,
) {
    let listener = state
        .load_balancers
        .get_mut(id)
        .and_then(|balancer| balancer.listeners.get_mut(&key));
    if let Some(listener) = listener.filter(|listener| listener.status == from) {
        listener.status = to;
    }
}

fn set_eip(state: &mut State, id: &str, from: EipStatus, to: EipStatus) {
    if let Some(eip) = state.eips.get_mut(id).filter(|eip| eip.status == from) {
        eip.status = to;
        if to == EipStatus::Available {
            state.bind(id, None);
        }
    }
}

/// The lowest free host address of a vSwitch, from .10 on. Paid and computing instances share the range.
pub(crate) fn free_address(state: &State, vswitch: &VSwitch) -> Option<Ipv4Addr> {
    let size = 1_u32.checked_shl(32 - u32::from(vswitch.prefix))?;
    let at = |offset| Ipv4Addr::from_bits(vswitch.base.to_bits() + offset);
    let last = size.checked_sub(2).filter(|last| *last >= 10)?;
    state.addresses.lowest_free(at(10), at(last))
}
