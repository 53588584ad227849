//! What each kind of change touches.
//!
//! `apply_*` and `delete_*` are changes of one object, `reset_*` is a list of all of a kind. Each
//! gives the keys to look at, and no others.

use std::collections::{BTreeMap, BTreeSet};

use ecm_policy::fan_out;
use ecm_policy::selector::Selector;
use ecm_policy::snapshot::{Node, ObjectKey, Pool};
use poolservice_api::keys;

use super::{Affected, Index};
use crate::objects::{EndpointSlice, PoolService, Service, pool_of_node};

impl Index {
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

    /// Whether a Service is, or was, one of the fan-out's.
    fn is_for_fan_out(&self, service: &Service) -> bool {
        let service = &service.fan_out;
        let is_of_class = service.service_type == "LoadBalancer"
            && service.load_balancer_class.as_ref() == Some(&self.class);
        is_of_class || service.has_finalizer
    }

    /// Whether a PoolService is one that we make a load balancer for, or still hold one of.
    pub(super) fn is_served(&self, ps: &PoolService) -> bool {
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
