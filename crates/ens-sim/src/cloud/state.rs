//! Everything of one account, and where to look for it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::addresses::Addresses;
use super::journal::Paid;
use super::names::Names;
use super::resource::{Binding, Eip, Instance, LoadBalancer, Network, VSwitch};
use super::tokens::Tokens;
use crate::time::Timestamp;

/// Everything of one account. What [`Index`] finds things by changes through the methods here alone.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) networks: BTreeMap<String, Network>,
    pub(crate) vswitches: BTreeMap<String, VSwitch>,
    pub(crate) instances: BTreeMap<String, Instance>,
    /// Boxed, since a node of the map with many of them inside would be large to make room for.
    pub(crate) load_balancers: BTreeMap<String, Box<LoadBalancer>>,
    pub(crate) eips: BTreeMap<String, Eip>,
    /// Private addresses that instances and ELBs have.
    #[serde(skip)]
    pub(crate) addresses: Addresses,
    pub(crate) tokens: Tokens,
    /// Released ones that lists still show, with the instant from which they do not.
    pub(crate) ghost_load_balancers: Vec<(Timestamp, LoadBalancer)>,
    pub(crate) ghost_eips: Vec<(Timestamp, Eip)>,
    #[serde(skip)]
    index: Index,
}

/// Ids by what else a call or a flow may name, so that neither walks through thousands of resources. An id may be found
/// here while its resource is out of sight, as a fault can put it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Index {
    /// By present name.
    named: Names,
    eip_at: BTreeMap<Ipv4Addr, String>,
    /// EIPs by what they are bound to.
    bound_to: BTreeMap<String, BTreeSet<String>>,
}

impl State {
    pub(crate) fn add_load_balancer(&mut self, balancer: LoadBalancer) {
        self.addresses.insert(balancer.address);
        self.index.add_load_balancer(&balancer);
        let id = balancer.id.clone();
        self.load_balancers.insert(id, Box::new(balancer));
    }

    pub(crate) fn take_load_balancer(&mut self, id: &str) -> Option<LoadBalancer> {
        let balancer = self.load_balancers.remove(id)?;
        self.addresses.remove(balancer.address);
        let named = &mut self.index.named;
        named.remove(Paid::LoadBalancer, &balancer.region, &balancer.name, id);
        Some(*balancer)
    }

    /// Gives an ELB, if it is there, another name.
    pub(crate) fn rename_load_balancer(&mut self, id: &str, name: &str) {
        if let Some(balancer) = self.load_balancers.get_mut(id) {
            let old = std::mem::replace(&mut balancer.name, name.to_owned());
            let named = &mut self.index.named;
            named.remove(Paid::LoadBalancer, &balancer.region, &old, id);
            named.add(Paid::LoadBalancer, &balancer.region, name, id);
        }
    }

    pub(crate) fn add_eip(&mut self, eip: Eip) {
        self.index.add_eip(&eip);
        self.eips.insert(eip.id.clone(), eip);
    }

    pub(crate) fn take_eip(&mut self, id: &str) -> Option<Eip> {
        self.bind(id, None);
        let eip = self.eips.remove(id)?;
        self.index.eip_at.remove(&eip.address);
        let named = &mut self.index.named;
        named.remove(Paid::Eip, &eip.region, &eip.name, id);
        Some(eip)
    }

    /// Gives an EIP, if it is there, another name.
    pub(crate) fn rename_eip(&mut self, id: &str, name: &str) {
        if let Some(eip) = self.eips.get_mut(id) {
            let old = std::mem::replace(&mut eip.name, name.to_owned());
            let named = &mut self.index.named;
            named.remove(Paid::Eip, &eip.region, &old, id);
            named.add(Paid::Eip, &eip.region, name, id);
        }
    }

    /// Binds an EIP, if it is there, to something else or to nothing.
    pub(crate) fn bind(&mut self, id: &str, binding: Option<Binding>) {
        let Some(eip) = self.eips.get_mut(id) else {
            return;
        };
        if let Some(old) = eip.binding.take() {
            remove(&mut self.index.bound_to, &old.instance_id, id);
        }
        eip.binding = binding;
        self.index.bind(eip);
    }

    /// Ids of the ELBs or EIPs of a region that bear a name.
    pub(crate) fn named(
        &self,
        kind: Paid,
        region: &str,
        name: &str,
    ) -> impl Iterator<Item = &String> {
        self.index.named.of(kind, region, name)
    }

    /// The EIP that has an address.
    pub(crate) fn eip_at(&self, address: Ipv4Addr) -> Option<&Eip> {
        self.eips.get(self.index.eip_at.get(&address)?)
    }

    /// The EIPs that are bound to something, also while that is being changed.
    pub(crate) fn eips_of(&self, target: &str) -> impl Iterator<Item = &Eip> {
        let ids = self.index.bound_to.get(target).into_iter().flatten();
        ids.filter_map(|id| self.eips.get(id))
    }

    /// Whether everything is found by what it is now.
    #[cfg(test)]
    pub(crate) fn is_indexed(&self) -> bool {
        self.index == Index::of(self)
    }

    /// Works out what is not saved.
    pub(crate) fn restore(&mut self) {
        let instances = self.instances.values().map(|instance| instance.private_ip);
        let balancers = self.load_balancers.values().map(|elb| elb.address);
        self.addresses = instances.chain(balancers).collect();
        self.index = Index::of(self);
        self.tokens.restore();
    }
}

impl Index {
    fn of(state: &State) -> Self {
        let mut index = Self::default();
        for balancer in state.load_balancers.values() {
            index.add_load_balancer(balancer);
        }
        for eip in state.eips.values() {
            index.add_eip(eip);
        }
        index
    }

    fn add_load_balancer(&mut self, balancer: &LoadBalancer) {
        let LoadBalancer {
            id, region, name, ..
        } = balancer;
        self.named.add(Paid::LoadBalancer, region, name, id);
    }

    fn add_eip(&mut self, eip: &Eip) {
        self.named.add(Paid::Eip, &eip.region, &eip.name, &eip.id);
        self.eip_at.insert(eip.address, eip.id.clone());
        self.bind(eip);
    }

    fn bind(&mut self, eip: &Eip) {
        if let Some(binding) = &eip.binding {
            let bound = self.bound_to.entry(binding.instance_id.clone());
            bound.or_default().insert(eip.id.clone());
        }
    }
}

/// Takes an id from under a key, and the key with its last id.
fn remove<K: Ord>(ids: &mut BTreeMap<K, BTreeSet<String>>, key: &K, id: &str) {
    if let Some(under) = ids.get_mut(key) {
        under.remove(id);
        if under.is_empty() {
            ids.remove(key);
        }
    }
}
