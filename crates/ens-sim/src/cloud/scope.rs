//! What an action may look at and change while it runs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::error::ApiError;
use super::journal::{Double, Journal, Paid, Purchase};
use super::resource::{EipStatus, Life, LoadBalancer, Origin, Region};
use super::schedule::Forwarding;
use super::transitions::{Pending, Transition};
use super::{Config, State};
use crate::time::Timestamp;

/// One call's view of the cloud: its caller's account, and what all accounts share.
pub(crate) struct Scope<'a> {
    pub(crate) action: &'static str,
    pub(crate) request_id: &'a str,
    pub(crate) account: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) config: &'a Config,
    pub(crate) regions: &'a BTreeMap<String, Region>,
    pub(crate) state: &'a mut State,
    pub(crate) pending: &'a mut Pending,
    pub(crate) journal: &'a mut Journal,
    pub(crate) rng: &'a mut fastrand::Rng,
    pub(crate) eip_addresses: &'a mut BTreeSet<Ipv4Addr>,
    pub(crate) forwarding: &'a Forwarding,
    pub(crate) next_eip: &'a mut u32,
}

impl Scope<'_> {
    /// A new id of the kind that ENS gives out: a prefix and 25 letters and digits.
    pub(crate) fn new_id(&mut self, prefix: &str) -> String {
        const TAIL: usize = 25;
        let mut id = String::with_capacity(prefix.len() + TAIL);
        id.push_str(prefix);
        for _ in 0..TAIL {
            let letter = self.rng.lowercase();
            id.push(if self.rng.bool() {
                letter
            } else {
                self.rng.digit(10)
            });
        }
        id
    }

    /// An address of the EIP pool that nobody has. Addresses are given out in turn, so that a released one rests.
    pub(crate) fn new_eip_address(&mut self) -> Option<Ipv4Addr> {
        next_address(self.config.eip_pool, self.eip_addresses, self.next_eip)
    }

    /// Takes that address out of the EIP pool; says whether it was there and free.
    pub(crate) fn take_eip_address(&mut self, address: Ipv4Addr) -> bool {
        let (first, size) = self.config.eip_pool;
        let offset = address.to_bits().checked_sub(first.to_bits());
        let is_usable = offset.is_some_and(|offset| offset > 0 && offset < size.saturating_sub(1));
        is_usable && self.eip_addresses.insert(address)
    }

    /// Makes `transition` happen `latency` from now.
    pub(crate) fn later(&mut self, latency: std::time::Duration, transition: Transition) {
        self.pending
            .add(self.now.after(latency), self.account, transition);
    }

    /// Notes a purchase, and a double one when a resource of that kind, region and name is alive already: whether it
    /// bears the name now or was made with it.
    pub(crate) fn bought(&mut self, kind: Paid, id: &str, name: &str, region: &str) {
        if let Some(first) = self.alive_by_name(kind, id, name, region) {
            self.journal.doubles.push(Double {
                kind,
                name: name.to_owned(),
                first,
                second: id.to_owned(),
                request_id: self.request_id.to_owned(),
            });
        }
        self.journal.bought(Purchase {
            kind,
            id: id.to_owned(),
            name: name.to_owned(),
            region: region.to_owned(),
            account: self.account.to_owned(),
            created_by: self.request_id.to_owned(),
            created_at: self.now,
            released_by: None,
            released_at: None,
        });
    }

    fn alive_by_name(&self, kind: Paid, new: &str, name: &str, region: &str) -> Option<String> {
        if name.is_empty() {
            return None;
        }
        let made = self.journal.alive(kind, region, name);
        let named = self.state.named(kind, region, name);
        made.chain(named)
            .find(|id| *id != new && self.stays(kind, id))
            .cloned()
    }

    /// Whether a resource of the caller's is there and not being released.
    fn stays(&self, kind: Paid, id: &str) -> bool {
        match kind {
            Paid::LoadBalancer => {
                let found = self.state.load_balancers.get(id);
                found.is_some_and(|balancer| balancer.life != Life::Releasing)
            }
            Paid::Eip => {
                let found = self.state.eips.get(id);
                found.is_some_and(|eip| eip.status != EipStatus::Releasing)
            }
        }
    }

    /// Notes a change of something that a person owns.
    pub(crate) fn touching(&mut self, origin: &Origin, id: &str) {
        if *origin == Origin::World {
            self.journal
                .touched(id, self.action, self.request_id, self.now);
        }
    }

    /// The ELB of that id, whatever it is doing.
    pub(crate) fn load_balancer(&mut self, id: &str) -> Result<&mut LoadBalancer, ApiError> {
        self.state
            .load_balancers
            .get_mut(id)
            .map(AsMut::as_mut)
            .ok_or_else(|| ApiError::load_balancer_not_found(id))
    }

    /// The ELB of that id, ready for a write; takes it for as long as a write keeps it busy.
    pub(crate) fn writable_load_balancer(
        &mut self,
        id: &str,
    ) -> Result<&mut LoadBalancer, ApiError> {
        let (now, busy) = (self.now, self.config.switches.busy_per_elb);
        let until = now.after(self.config.latency.busy);
        let balancer = self.load_balancer(id)?;
        match balancer.life {
            Life::Creating => {
                return Err(ApiError::incorrect_instance_status(
                    id,
                    "it is still being created",
                ));
            }
            Life::Releasing => {
                return Err(ApiError::incorrect_instance_status(
                    id,
                    "it is being released",
                ));
            }
            Life::Ready => {}
        }
        if busy {
            if balancer.busy_until > now {
                return Err(ApiError::incorrect_instance_status(
                    id,
                    "another change is in progress",
                ));
            }
            balancer.busy_until = until;
        }
        Ok(balancer)
    }
}

/// The next free address of a pool, looking from `next` on and around.
pub(crate) fn next_address(
    (first, size): (Ipv4Addr, u32),
    used: &mut BTreeSet<Ipv4Addr>,
    next: &mut u32,
) -> Option<Ipv4Addr> {
    let usable = size.checked_sub(2).filter(|usable| *usable > 0)?;
    for step in 0..usable {
        let offset = 1 + (*next - 1 + step) % usable;
        let address = Ipv4Addr::from_bits(first.to_bits().wrapping_add(offset));
        if used.insert(address) {
            *next = offset % usable + 1;
            return Some(address);
        }
    }
    None
}
