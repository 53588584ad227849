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

use crate::objects::{EndpointSlice, PoolService, Service};

mod change;
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

#[cfg(test)]
mod tests;
