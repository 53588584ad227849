//! The index: what the watches have shown, and which object each change can touch.
//!
//! A plain struct without a server, a clock or a lock. Each `apply_*`, `delete_*` and `reset_*`
//! returns [`Affected`]: the keys that have to be looked at again because of the change, and no
//! others. A `reset_*` is what a watch does after it listed anew: it compares, so that what
//! vanished while nobody watched is found too.

use std::collections::{BTreeMap, BTreeSet};

use ecm_policy::fan_out;
use ecm_policy::selector::Selector;
use ecm_policy::snapshot::{Endpoint, Node, ObjectKey, Pool, Snapshot};

use poolservice_api::keys;

use crate::objects::{EndpointSlice, PoolService, Service, pool_of_node};

mod multimap;
mod rank;
mod sharing;

use multimap::Multimap;
use sharing::Sharing;

/// Which objects a change can touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affected {
    /// Services whose fan-out has to be looked at.
    pub services: BTreeSet<ObjectKey>,
    /// PoolServices whose load balancer has to be looked at.
    pub pool_services: BTreeSet<ObjectKey>,
    /// UIDs of the Services and PoolServices that are gone: what is kept under them can go too.
    pub gone: BTreeSet<String>,
}

/// What the watches have shown.
#[derive(Debug, Clone)]
pub struct Index {
    class: String,
    services: BTreeMap<ObjectKey, Service>,
    pools: BTreeMap<String, Pool>,
    pool_services: BTreeMap<ObjectKey, PoolService>,
    nodes: BTreeMap<String, Node>,
    slices: BTreeMap<ObjectKey, EndpointSlice>,
    /// The selectors of all ELB Services.
    selectors: BTreeMap<ObjectKey, Selector>,
    /// PoolServices by the Services and pools that they mention, and by their load balancers.
    by_service: Multimap<ObjectKey, ObjectKey>,
    by_pool: Multimap<String, ObjectKey>,
    shared: Sharing,
    nodes_by_pool: Multimap<String, String>,
    slices_by_service: Multimap<ObjectKey, ObjectKey>,
    synced: Synced,
}

/// Which kinds have been listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one per watch")]
struct Synced {
    services: bool,
    pools: bool,
    pool_services: bool,
    nodes: bool,
    slices: bool,
}

impl Affected {
    /// Whether nothing is touched.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn extend(&mut self, other: Self) {
        self.services.extend(other.services);
        self.pool_services.extend(other.pool_services);
        self.gone.extend(other.gone);
    }
}

impl Index {
    /// An empty index for the controller of a load balancer class.
    pub fn new(class: impl Into<String>) -> Self {
        Self {
            class: class.into(),
            services: BTreeMap::new(),
            pools: BTreeMap::new(),
            pool_services: BTreeMap::new(),
            nodes: BTreeMap::new(),
            slices: BTreeMap::new(),
            selectors: BTreeMap::new(),
            by_service: Multimap::default(),
            by_pool: Multimap::default(),
            shared: Sharing::default(),
            nodes_by_pool: Multimap::default(),
            slices_by_service: Multimap::default(),
            synced: Synced::default(),
        }
    }

    /// Whether every kind has been listed. Before that nothing may be decided (behaviour 7.8).
    pub fn all_synced(&self) -> bool {
        self.synced
            == Synced {
                services: true,
                pools: true,
                pool_services: true,
                nodes: true,
                slices: true,
            }
    }

    /// Everything that a PoolService depends on; `None` when it does not exist.
    pub fn snapshot(&self, key: &ObjectKey) -> Option<Snapshot> {
        let mut snapshot = self.alone(key)?;
        let sharing = self.sharing_with(key);
        snapshot.sharing = sharing.filter_map(|other| self.alone(other)).collect();
        snapshot.owner_of_named = self.owner_of_named(key).cloned();
        Some(snapshot)
    }

    /// What a PoolService depends on, the others on its load balancer left aside.
    fn alone(&self, key: &ObjectKey) -> Option<Snapshot> {
        let ps = &self.pool_services.get(key)?.snapshot;
        let service_key = ps
            .service
            .as_ref()
            .map(|name| ObjectKey::new(&key.namespace, name));
        let service = service_key.as_ref().and_then(|key| self.services.get(key));
        let nodes = ps.pool.iter().flat_map(|pool| self.nodes_by_pool.get(pool));
        Some(Snapshot {
            pool_service: ps.clone(),
            service: service.map(|service| service.snapshot.clone()),
            pool: ps
                .pool
                .as_ref()
                .and_then(|pool| self.pools.get(pool))
                .cloned(),
            nodes: nodes
                .filter_map(|name| self.nodes.get(name))
                .cloned()
                .collect(),
            endpoints: service_key
                .map(|key| self.endpoints(&key))
                .unwrap_or_default(),
            sharing: Vec::new(),
            owner_of_named: None,
        })
    }

    /// Everything that the fan-out of a Service depends on; `None` when there is nothing to do:
    /// neither the Service nor a PoolService of it exists.
    pub fn service_view(&self, key: &ObjectKey) -> Option<fan_out::View> {
        let service = self.services.get(key).map(|service| &service.fan_out);
        let selector = self.selectors.get(key);
        let selected: BTreeSet<&String> = self
            .pools
            .values()
            .filter(|pool| selector.is_some_and(|s| s.matches(&pool.labels)))
            .map(|pool| &pool.name)
            .collect();
        let needed = selected
            .iter()
            .map(|pool| ObjectKey::new(&key.namespace, format!("{}-{pool}", key.name)));
        let ps_keys: BTreeSet<ObjectKey> =
            self.by_service.get(key).cloned().chain(needed).collect();
        let pool_services: Vec<&PoolService> = ps_keys
            .iter()
            .filter_map(|key| self.pool_services.get(key))
            .collect();
        if service.is_none() && pool_services.is_empty() {
            return None;
        }
        let is_named = |pool: &Pool| {
            pool_services
                .iter()
                .any(|ps| pool_in_name(&ps.fan_out.name, &key.name) == Some(&pool.name))
        };
        let pools = self
            .pools
            .values()
            .filter(|pool| selected.contains(&pool.name) || is_named(pool));
        let other_services = pool_services
            .iter()
            .flat_map(|ps| ps.services())
            .filter(|name| *name != key.name)
            .filter_map(|name| self.services.get(&ObjectKey::new(&key.namespace, name)))
            .map(|other| (other.fan_out.key.name.clone(), other.fan_out.uid.clone()));
        Some(fan_out::View {
            key: key.clone(),
            service: service.cloned(),
            pools: pools.map(fan_out_pool).collect(),
            other_services: other_services.collect(),
            pool_services: pool_services.iter().map(|ps| ps.fan_out.clone()).collect(),
        })
    }

    /// A PoolService; `None` when it does not exist.
    pub fn pool_service(&self, key: &ObjectKey) -> Option<&PoolService> {
        self.pool_services.get(key)
    }

    /// The keys of all Services, sorted: as a copy, so that what is found of them can be applied.
    pub fn services(&self) -> std::vec::IntoIter<ObjectKey> {
        let keys: Vec<ObjectKey> = self.services.keys().cloned().collect();
        keys.into_iter()
    }

    /// A Service; `None` when it does not exist.
    pub fn service(&self, key: &ObjectKey) -> Option<&Service> {
        self.services.get(key)
    }

    /// All NodePools, sorted by name.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.values()
    }

    /// All PoolServices, sorted by namespace and name.
    pub fn pool_services(&self) -> impl Iterator<Item = &PoolService> {
        self.pool_services.values()
    }

    /// A Service was added or changed.
    pub fn apply_service(&mut self, new: Service) -> Affected {
        let key = new.snapshot.key.clone();
        let old = self.services.remove(&key);
        let affected = self.service_changed(&key, old.as_ref(), Some(&new));
        self.services.insert(key, new);
        self.with_sharing(None, affected)
    }

    /// A Service was deleted.
    pub fn delete_service(&mut self, key: &ObjectKey) -> Affected {
        let old = self.services.remove(key);
        let affected = self.service_changed(key, old.as_ref(), None);
        self.with_sharing(None, affected)
    }

    /// These are all Services.
    pub fn reset_services(&mut self, all: Vec<Service>) -> Affected {
        self.synced.services = true;
        let present = all.iter().map(|service| &service.snapshot.key).collect();
        let mut affected = Affected::default();
        for key in missing(&self.services, &present) {
            affected.extend(self.delete_service(&key));
        }
        for service in all {
            affected.extend(self.apply_service(service));
        }
        affected
    }

    fn service_changed(
        &mut self,
        key: &ObjectKey,
        old: Option<&Service>,
        new: Option<&Service>,
    ) -> Affected {
        let mut affected = Affected::default();
        if old.map(|s| &s.fan_out) != new.map(|s| &s.fan_out) {
            match new.and_then(|service| elb_selector(&service.fan_out, &self.class)) {
                Some(selector) => self.selectors.insert(key.clone(), selector),
                None => self.selectors.remove(key),
            };
            let is_for_fan_out = [old, new]
                .into_iter()
                .flatten()
                .any(|s| self.is_for_fan_out(s));
            if is_for_fan_out || self.by_service.get(key).next().is_some() {
                affected.services.insert(key.clone());
            }
        }
        if old.map(|s| &s.snapshot) != new.map(|s| &s.snapshot) {
            affected.pool_services = self.served_of_service(key);
        }
        affected.gone = gone(old.map(|s| &s.snapshot.uid), new.map(|s| &s.snapshot.uid));
        affected
    }

    /// A NodePool was added or changed.
    pub fn apply_pool(&mut self, new: Pool) -> Affected {
        let key = new.name.clone();
        let old = self.pools.remove(&key);
        let affected = self.pool_changed(&key, old.as_ref(), Some(&new));
        self.pools.insert(key, new);
        self.with_sharing(None, affected)
    }

    /// A NodePool was deleted.
    pub fn delete_pool(&mut self, name: &str) -> Affected {
        let old = self.pools.remove(name);
        let affected = self.pool_changed(name, old.as_ref(), None);
        self.with_sharing(None, affected)
    }

    /// These are all NodePools.
    pub fn reset_pools(&mut self, all: Vec<Pool>) -> Affected {
        self.synced.pools = true;
        let present = all.iter().map(|pool| &pool.name).collect();
        let mut affected = Affected::default();
        for name in missing(&self.pools, &present) {
            affected.extend(self.delete_pool(&name));
        }
        for pool in all {
            affected.extend(self.apply_pool(pool));
        }
        affected
    }

    fn pool_changed(&self, name: &str, old: Option<&Pool>, new: Option<&Pool>) -> Affected {
        let mut affected = Affected::default();
        if old == new {
            return affected;
        }
        affected.pool_services = self.served_of_pool(name);
        // What the fan-out sees of the pool: whether it is there to be selected, and as whom.
        let life = |pool: Option<&Pool>| pool.map(|pool| (pool.uid.clone(), pool.deleting));
        let is_reborn = life(old) != life(new);
        let selected = |selector: &Selector, pool: Option<&Pool>| {
            pool.is_some_and(|pool| selector.matches(&pool.labels))
        };
        for (service, selector) in &self.selectors {
            let (before, after) = (selected(selector, old), selected(selector, new));
            if before != after || (is_reborn && after) {
                affected.services.insert(service.clone());
            }
        }
        if is_reborn {
            for ps in self.by_pool.get(name) {
                affected.services.extend(self.services_of(ps));
            }
        }
        affected
    }

    /// A PoolService was added or changed.
    pub fn apply_pool_service(&mut self, new: PoolService) -> Affected {
        let key = new.snapshot.key.clone();
        let old = self.pool_services.remove(&key);
        let affected = self.pool_service_changed(&key, old.as_ref(), Some(&new));
        self.pool_services.insert(key.clone(), new);
        self.with_sharing(Some(&key), affected)
    }

    /// A PoolService was deleted.
    pub fn delete_pool_service(&mut self, key: &ObjectKey) -> Affected {
        let old = self.pool_services.remove(key);
        let affected = self.pool_service_changed(key, old.as_ref(), None);
        self.with_sharing(Some(key), affected)
    }

    /// These are all PoolServices.
    pub fn reset_pool_services(&mut self, all: Vec<PoolService>) -> Affected {
        self.synced.pool_services = true;
        let present = all.iter().map(|ps| &ps.snapshot.key).collect();
        let mut affected = Affected::default();
        for key in missing(&self.pool_services, &present) {
            affected.extend(self.delete_pool_service(&key));
        }
        for ps in all {
            affected.extend(self.apply_pool_service(ps));
        }
        affected
    }

    fn pool_service_changed(
        &mut self,
        key: &ObjectKey,
        old: Option<&PoolService>,
        new: Option<&PoolService>,
    ) -> Affected {
        let mut affected = Affected::default();
        let both = || [old, new].into_iter().flatten();
        let service_keys = |ps: &PoolService| -> Vec<ObjectKey> {
            let names = ps.services().into_iter();
            names
                .map(|name| ObjectKey::new(&key.namespace, name))
                .collect()
        };
        if let Some(old) = old {
            self.by_service.remove_all(service_keys(old), key);
            self.by_pool
                .remove_all(old.pools().into_iter().map(str::to_owned), key);
        }
        if let Some(new) = new {
            self.by_service.insert_all(service_keys(new), key);
            self.by_pool
                .insert_all(new.pools().into_iter().map(str::to_owned), key);
        }

        let fan_out = |ps: Option<&PoolService>| {
            ps.map(|ps| fan_out::PoolService {
                resource_version: String::new(),
                ..ps.fan_out.clone()
            })
        };
        if fan_out(old) != fan_out(new) {
            affected.services.extend(both().flat_map(service_keys));
        }
        let identity = |ps: Option<&PoolService>| {
            ps.map(|ps| {
                (
                    ps.fan_out.uid.clone(),
                    ps.fan_out.labels.clone(),
                    ps.fan_out.owners.clone(),
                )
            })
        };
        if identity(old) != identity(new) {
            affected.services.extend(self.services_that_need(key));
        }

        let is_served = both().any(|ps| self.is_served(ps));
        let snapshot = |ps: Option<&PoolService>| {
            ps.map(|ps| {
                let mut snapshot = ps.snapshot.clone();
                snapshot.resource_version.clear();
                // Our own ledger writes ask for no look: whoever wrote one knows when to look next.
                snapshot.annotations.remove(keys::LEDGER);
                snapshot
            })
        };
        if is_served && snapshot(old) != snapshot(new) {
            affected.pool_services.insert(key.clone());
        }
        // What another one attached is nobody else's to remove.
        let attached = |ps: Option<&PoolService>| {
            let backends = ps.and_then(|ps| ps.users_load_balancer().and(ps.ledger.as_ref()));
            backends.map(|ledger| ledger.backends.clone())
        };
        if is_served && attached(old) != attached(new) {
            affected.pool_services.insert(key.clone());
        }
        affected.gone = gone(
            old.map(|ps| &ps.snapshot.uid),
            new.map(|ps| &ps.snapshot.uid),
        );
        affected
    }

    /// A Node was added or changed.
    pub fn apply_node(&mut self, new: Node) -> Affected {
        let key = new.name.clone();
        let old = self.nodes.remove(&key);
        let affected = self.node_changed(&key, old.as_ref(), Some(&new));
        self.nodes.insert(key, new);
        affected
    }

    /// A Node was deleted.
    pub fn delete_node(&mut self, name: &str) -> Affected {
        let old = self.nodes.remove(name);
        self.node_changed(name, old.as_ref(), None)
    }

    /// These are all Nodes.
    pub fn reset_nodes(&mut self, all: Vec<Node>) -> Affected {
        self.synced.nodes = true;
        let present = all.iter().map(|node| &node.name).collect();
        let mut affected = Affected::default();
        for name in missing(&self.nodes, &present) {
            affected.extend(self.delete_node(&name));
        }
        for node in all {
            affected.extend(self.apply_node(node));
        }
        affected
    }

    fn node_changed(&mut self, name: &str, old: Option<&Node>, new: Option<&Node>) -> Affected {
        let mut affected = Affected::default();
        if old == new {
            return affected;
        }
        let pool = |node: Option<&Node>| node.and_then(pool_of_node).map(str::to_owned);
        let (before, after) = (pool(old), pool(new));
        self.nodes_by_pool.remove_all(before.clone(), name);
        self.nodes_by_pool.insert_all(after.clone(), name);
        for pool in before.iter().chain(&after) {
            affected.pool_services.extend(self.served_of_pool(pool));
        }
        affected
    }

    /// An EndpointSlice was added or changed.
    pub fn apply_slice(&mut self, new: EndpointSlice) -> Affected {
        let key = new.key.clone();
        let old = self.slices.remove(&key);
        let affected = self.slice_changed(&key, old.as_ref(), Some(&new));
        self.slices.insert(key, new);
        affected
    }

    /// An EndpointSlice was deleted.
    pub fn delete_slice(&mut self, key: &ObjectKey) -> Affected {
        let old = self.slices.remove(key);
        self.slice_changed(key, old.as_ref(), None)
    }

    /// These are all EndpointSlices.
    pub fn reset_slices(&mut self, all: Vec<EndpointSlice>) -> Affected {
        self.synced.slices = true;
        let present = all.iter().map(|slice| &slice.key).collect();
        let mut affected = Affected::default();
        for key in missing(&self.slices, &present) {
            affected.extend(self.delete_slice(&key));
        }
        for slice in all {
            affected.extend(self.apply_slice(slice));
        }
        affected
    }

    fn slice_changed(
        &mut self,
        key: &ObjectKey,
        old: Option<&EndpointSlice>,
        new: Option<&EndpointSlice>,
    ) -> Affected {
        let mut affected = Affected::default();
        if old == new {
            return affected;
        }
        let service = |slice: Option<&EndpointSlice>| slice.and_then(|slice| slice.service.clone());
        let (before, after) = (service(old), service(new));
        self.slices_by_service.remove_all(before.clone(), key);
        self.slices_by_service.insert_all(after.clone(), key);
        for service in before.iter().chain(&after) {
            affected
                .pool_services
                .extend(self.served_of_service(service));
        }
        affected
    }

    /// The endpoints of a Service, from all its slices.
    fn endpoints(&self, service: &ObjectKey) -> Vec<Endpoint> {
        let slices = || {
            let keys = self.slices_by_service.get(service);
            keys.filter_map(|key| self.slices.get(key))
        };
        // ENS load balancers speak IPv4; a Service without it still tells where its pods are.
        let has_ipv4 = slices().any(|slice| !slice.is_ipv6);
        slices()
            .filter(|slice| !(has_ipv4 && slice.is_ipv6))
            .flat_map(|slice| slice.endpoints.iter().cloned())
            .collect()
    }

    /// Whether a Service is, or was, one of the fan-out's.
    fn is_for_fan_out(&self, service: &Service) -> bool {
        let service = &service.fan_out;
        let is_of_class = service.service_type == "LoadBalancer"
            && service.load_balancer_class.as_ref() == Some(&self.class);
        is_of_class || service.has_finalizer
    }

    /// Whether a PoolService is one that we make a load balancer for, or still hold one of.
    fn is_served(&self, ps: &PoolService) -> bool {
        ps.snapshot.load_balancer_class.as_ref() == Some(&self.class) || ps.snapshot.has_finalizer
    }

    fn served_of_service(&self, service: &ObjectKey) -> BTreeSet<ObjectKey> {
        self.by_service
            .get(service)
            .filter_map(|key| self.pool_services.get_key_value(key))
            .filter(|(_, ps)| ps.snapshot.service.as_ref() == Some(&service.name))
            .filter(|(_, ps)| self.is_served(ps))
            .map(|(key, _)| key.clone())
            .collect()
    }

    fn served_of_pool(&self, pool: &str) -> BTreeSet<ObjectKey> {
        self.by_pool
            .get(pool)
            .filter_map(|key| self.pool_services.get_key_value(key))
            .filter(|(_, ps)| ps.snapshot.pool.as_deref() == Some(pool))
            .filter(|(_, ps)| self.is_served(ps))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The Services that a PoolService mentions.
    fn services_of(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        let ps = self.pool_services.get(key);
        ps.iter()
            .flat_map(|ps| ps.services())
            .map(|name| ObjectKey::new(&key.namespace, name))
            .collect()
    }

    /// The Services that need a PoolService of this name, whosever it is: there may be several,
    /// since both parts of a name can have dashes.
    fn services_that_need<'a>(
        &'a self,
        key: &'a ObjectKey,
    ) -> impl Iterator<Item = ObjectKey> + 'a {
        key.name.match_indices('-').filter_map(move |(at, _)| {
            let (service, pool) = key.name.split_at(at);
            let pool = self.pools.get(pool.strip_prefix('-')?)?;
            let service = ObjectKey::new(&key.namespace, service);
            let selector = self.selectors.get(&service)?;
            selector.matches(&pool.labels).then_some(service)
        })
    }
}

fn elb_selector(service: &fan_out::Service, class: &str) -> Option<Selector> {
    match fan_out::standing(service, class) {
        fan_out::Standing::Elb(selector) => Some(selector),
        _ => None,
    }
}

/// What the fan-out needs of a pool.
pub(crate) fn fan_out_pool(pool: &Pool) -> fan_out::Pool {
    fan_out::Pool {
        name: pool.name.clone(),
        uid: pool.uid.clone(),
        labels: pool.labels.clone(),
        deleting: pool.deleting,
    }
}

/// The pool in the name of a PoolService of `service`: its name cannot be edited.
pub(crate) fn pool_in_name<'a>(pool_service: &'a str, service: &str) -> Option<&'a str> {
    pool_service.strip_prefix(service)?.strip_prefix('-')
}

/// The keys that are known but not present any more.
fn missing<K: Ord + Clone, V>(known: &BTreeMap<K, V>, present: &BTreeSet<&K>) -> Vec<K> {
    known
        .keys()
        .filter(|key| !present.contains(key))
        .cloned()
        .collect()
}

/// The UID of an object that is gone, or was replaced by another one of its name.
fn gone(old: Option<&String>, new: Option<&String>) -> BTreeSet<String> {
    old.filter(|old| new != Some(*old))
        .cloned()
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests;
