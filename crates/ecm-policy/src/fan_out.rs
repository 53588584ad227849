//! Fan-out: from a Service and the pools that it selects to its PoolServices, and from what these
//! report back to the Service (behaviour 1 and 2).
//!
//! [`plan`] compares what a [`View`] shows with what should be and says what to write. It plans no
//! write for what is as it should be, so that an unchanged world causes none (behaviour 9.2).

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use poolservice_api::keys::{
    MANAGED_BY, MANAGED_BY_FAN_OUT, NODE_POOL_SELECTOR, POOL_NAME, SERVICE_NAME,
};
use poolservice_api::{NodePool, NodePoolVersion, Reason};
use serde::{Deserialize, Serialize};

use crate::aggregate::{self, Ingress};
use crate::annotations::{self, Setting};
use crate::naming;
use crate::plan::Event;
use crate::selector::{Selector, SelectorError};

mod claim;
mod owners;
mod view;

pub use claim::{Claim, claim};
pub use view::{Pool, PoolService, Service, View};

/// What the fan-out is told once, at its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The load balancer class that this controller serves.
    pub load_balancer_class: String,
    /// `apiVersion` of NodePools, for owner references: `apps.openyurt.io/v1beta2`.
    pub pool_api_version: String,
    /// For how many seconds a PoolService is kept whose pool no longer matches (behaviour 2.8).
    pub unmatch_grace: i64,
}

impl Config {
    /// For a class, with the defaults of everything else: NodePools of the latest version, half a minute of grace.
    pub fn new(load_balancer_class: impl Into<String>) -> Self {
        Self {
            load_balancer_class: load_balancer_class.into(),
            pool_api_version: format!("{}/{}", NodePool::GROUP, NodePoolVersion::default()),
            unmatch_grace: 30,
        }
    }
}

/// What to write, in the order of the fields: the finalizer is on the Service before the first
/// PoolService exists, and off only after all else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What becomes of the finalizer on the Service.
    pub finalizer: Finalizer,
    /// PoolServices to delete.
    pub delete: Vec<Deletion>,
    /// PoolServices to make.
    pub create: Vec<NewPoolService>,
    /// PoolServices whose labels, owners or class drifted.
    pub repair: Vec<Repair>,
    /// The new `status.loadBalancer.ingress` of the Service; `None` when it is right already.
    pub ingress: Option<Vec<Ingress>>,
    /// Annotations of the Service to set, or with `None` to remove.
    pub annotations: BTreeMap<String, Option<String>>,
    /// Labels of the Service to set, or with `None` to remove.
    pub labels: BTreeMap<String, Option<String>>,
    /// PoolServices, by UID, that wait for the end of their grace, and since when, in seconds
    /// since 1970. To be passed to the next [`plan`].
    pub unmatched_since: BTreeMap<String, i64>,
    /// Seconds until the next look, when one of them waits.
    pub look_again_in: Option<i64>,
    /// What to tell people, on the Service. A warning stands as long as every plan repeats it.
    pub events: Vec<Event>,
}

/// What becomes of the finalizer on a Service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finalizer {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is put on.
    Add,
    /// It is taken off, if a list from the API server shows no PoolService that [`blocks`] it:
    /// a cache may not have heard of one that was just made.
    Remove,
}

/// A PoolService to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewPoolService {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The pool.
    pub pool: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its owners: the Service, then the NodePool.
    pub owners: Vec<OwnerReference>,
    /// Its load balancer class.
    pub load_balancer_class: String,
}

/// What has to change on a PoolService that is ours. Annotations are never among it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Repair {
    /// Its name.
    pub name: String,
    /// The UID of the object that was seen.
    pub uid: String,
    /// The version that was seen; the write must not overwrite a newer one.
    pub resource_version: String,
    /// Labels to set; empty when all are right.
    pub labels: BTreeMap<String, String>,
    /// All owners, when they have to change.
    pub owners: Option<Vec<OwnerReference>>,
    /// The class, when it has to change.
    pub load_balancer_class: Option<String>,
}

/// A PoolService to delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// Its name.
    pub name: String,
    /// The UID of the object that was seen: nothing else of that name may be deleted.
    pub uid: String,
    /// The pool that it is for; empty when it says none.
    pub pool: String,
    /// Why.
    pub cause: Cause,
}

/// Why a PoolService is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The Service is being deleted.
    ServiceTerminating,
    /// There is no such Service.
    ServiceGone,
    /// The Service is not one for us any more.
    ServiceChanged,
    /// The pool is being deleted.
    PoolTerminating,
    /// There is no such pool.
    PoolGone,
    /// The pool exists, but the Service does not select it any more.
    NoLongerSelected,
}

/// What a Service is to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// An ELB Service (behaviour 1.1).
    Elb(Selector),
    /// One whose selector does not parse (behaviour 1.3).
    BadSelector(SelectorError),
    /// Of our type and class, but without a selector (behaviour 1.2).
    NoSelector,
    /// Of another class, with a selector: somebody else fans it out.
    Foreign,
    /// Being deleted.
    Terminating,
    /// Nothing of the above.
    Other,
}

/// What a Service is to the controller of `class`.
pub fn standing(service: &Service, class: &str) -> Standing {
    if service.deleting {
        return Standing::Terminating;
    }
    // Blanks select nothing that anybody meant: to Kubernetes they are the selector of everything.
    let selector = service.selector.as_deref().unwrap_or_default().trim();
    match service.load_balancer_class.as_deref() {
        Some(_) if service.service_type != "LoadBalancer" => Standing::Other,
        Some(own) if own == class && selector.is_empty() => Standing::NoSelector,
        Some(own) if own == class => match Selector::parse(selector) {
            Ok(selector) => Standing::Elb(selector),
            Err(error) => Standing::BadSelector(error),
        },
        Some(_) if !selector.is_empty() => Standing::Foreign,
        _ => Standing::Other,
    }
}

/// Whether the finalizer of a Service has to stay because of this PoolService (behaviour 2.4).
pub fn blocks(pool_service: &PoolService, view: &View) -> bool {
    claim(pool_service, view) == Claim::Ours
}

/// What to write for one Service. `unmatched_since` is that of the plan before, `now` is in
/// seconds since 1970.
pub fn plan(
    view: &View,
    config: &Config,
    unmatched_since: &BTreeMap<String, i64>,
    now: i64,
) -> Plan {
    let mut planner = Planner {
        view,
        config,
        unmatched_since,
        now,
        plan: Plan::default(),
    };
    match &view.service {
        Some(service) => planner.service(service),
        None => planner.orphans(),
    }
    planner.plan
}

struct Planner<'a> {
    view: &'a View,
    config: &'a Config,
    unmatched_since: &'a BTreeMap<String, i64>,
    now: i64,
    plan: Plan,
}

impl Planner<'_> {
    fn service(&mut self, service: &Service) {
        let ours: Vec<&PoolService> = self
            .view
            .pool_services
            .iter()
            .filter(|ps| claim(ps, self.view) == Claim::Ours)
            .collect();
        match standing(service, &self.config.load_balancer_class) {
            Standing::Elb(selector) => {
                self.add_finalizer(service);
                self.pools(service, &selector, &ours);
                self.report(service, &ours);
            }
            Standing::BadSelector(error) => {
                self.warn(
                    Reason::InvalidNodePoolSelector,
                    format!(
                        "annotation {NODE_POOL_SELECTOR} is not a label selector: {:?}: {error}; \
                         existing PoolServices stay as they are",
                        service.selector.as_deref().unwrap_or_default()
                    ),
                );
                if !ours.is_empty() {
                    self.add_finalizer(service);
                }
                self.report(service, &ours);
            }
            Standing::NoSelector => {
                self.warn(
                    Reason::NodePoolSelectorMissing,
                    format!(
                        "the Service has load balancer class {} but no annotation \
                         {NODE_POOL_SELECTOR}, so that it gets no load balancer: set it to a label \
                         selector of NodePools",
                        self.config.load_balancer_class
                    ),
                );
                for ps in &ours {
                    self.unmatched(ps, pool_of(ps, &service.key.name));
                }
                self.leave(service, &ours);
            }
            Standing::Terminating => {
                self.delete_all(ours.iter().copied(), Cause::ServiceTerminating);
                // People stop sending traffic to an address before it is released.
                self.report(service, &ours);
                self.remove_finalizer(service, &ours);
            }
            Standing::Foreign => {
                // Whoever serves that class keeps its PoolServices, and the finalizer is theirs.
                let class = Some(self.config.load_balancer_class.as_str());
                let leftover = ours
                    .iter()
                    .copied()
                    .filter(|ps| ps.load_balancer_class.as_deref() == class);
                self.delete_all(leftover, Cause::ServiceChanged);
            }
            Standing::Other => {
                self.delete_all(ours.iter().copied(), Cause::ServiceChanged);
                self.leave(service, &ours);
            }
        }
    }

    /// There is no such Service: what was made for it would stay for ever, since its other owner,
    /// the pool, lives on. The time of grace lets a Service that is restored, or made again, find
    /// its PoolServices.
    fn orphans(&mut self) {
        let class = Some(self.config.load_balancer_class.as_str());
        for ps in &self.view.pool_services {
            let is_orphan = claim(ps, self.view) == Claim::Ours
                && ps.load_balancer_class.as_deref() == class
                && owners::names_service(&ps.owners, &self.view.key.name);
            if is_orphan && !ps.deleting && self.grace(ps).is_none() {
                self.delete(ps, Cause::ServiceGone);
            }
        }
    }

    /// Compares the PoolServices of an ELB Service with the pools that it selects.
    fn pools(&mut self, service: &Service, selector: &Selector, ours: &[&PoolService]) {
        let mut wanted = BTreeSet::new();
        let mut is_any = false;
        for pool in &self.view.pools {
            if pool.deleting || !selector.matches(&pool.labels) {
                continue;
            }
            is_any = true;
            match naming::pool_service_name(&service.key.name, &pool.name) {
                Ok(name) => {
                    self.pool(service, pool, &name);
                    wanted.insert(name);
                }
                Err(error) => self.warn(
                    Reason::PoolServiceNameConflict,
                    format!("NodePool {} gets no load balancer: {error}", pool.name),
                ),
            }
        }
        if !is_any {
            self.warn(
                Reason::NoMatchNodePool,
                format!(
                    "no NodePool matches the selector {:?} of annotation {NODE_POOL_SELECTOR}",
                    service.selector.as_deref().unwrap_or_default()
                ),
            );
        }
        self.named_pools(service, selector);
        for ps in ours {
            if !wanted.contains(&ps.name) {
                self.unmatched(ps, pool_of(ps, &service.key.name));
            }
        }
    }

    /// A load balancer for a pool that is not selected is read by nobody: the pool may be misspelt.
    fn named_pools(&mut self, service: &Service, selector: &Selector) {
        let key = Setting::LoadBalancerIds.key();
        let Some(text) = &service.load_balancer_ids else {
            return;
        };
        let annotation = BTreeMap::from([(key.to_owned(), text.clone())]);
        // What does not parse is refused on each PoolService (behaviour 3.4).
        let named = annotations::parse(&annotation, &BTreeMap::new())
            .settings
            .ids_by_pool;
        let pools = self.view.pools.iter();
        let selected = pools.filter(|pool| !pool.deleting && selector.matches(&pool.labels));
        let selected: BTreeSet<&str> = selected.map(|pool| pool.name.as_str()).collect();
        let unknown: Vec<&str> = named
            .keys()
            .map(String::as_str)
            .filter(|pool| !selected.contains(pool))
            .collect();
        if unknown.is_empty() {
            return;
        }
        let selected: Vec<&str> = selected.into_iter().collect();
        let those = if selected.is_empty() {
            "none".to_owned()
        } else {
            selected.join(", ")
        };
        self.warn(
            Reason::PoolNotSelected,
            format!(
                "annotation {key} names NodePool {}, which the Service does not select; it selects {those}",
                unknown.join(", ")
            ),
        );
    }

    /// Sees to the PoolService `name` of a pool that is selected.
    fn pool(&mut self, service: &Service, pool: &Pool, name: &str) {
        let Some(ps) = self.view.pool_services.iter().find(|ps| ps.name == name) else {
            self.plan.create.push(NewPoolService {
                namespace: service.key.namespace.clone(),
                name: name.to_owned(),
                pool: pool.name.clone(),
                labels: labels(service, pool),
                owners: owners::wanted(service, pool, &self.config.pool_api_version),
                load_balancer_class: self.config.load_balancer_class.clone(),
            });
            return;
        };
        let holder = match claim(ps, self.view) {
            // One that is being deleted is made again when it is gone (behaviour 8.7).
            Claim::Ours if ps.deleting => return,
            Claim::Ours => {
                self.plan.repair.extend(self.repair(ps, service, pool));
                return;
            }
            Claim::Other(other) => format!("Service {other}"),
            Claim::Nobody => {
                format!("somebody who does not set label {MANAGED_BY}={MANAGED_BY_FAN_OUT}")
            }
        };
        self.warn(
            Reason::PoolServiceNameConflict,
            format!(
                "Service {} in NodePool {} needs a PoolService {name}, but that name belongs to \
                 {holder}: rename one of them",
                service.key.name, pool.name
            ),
        );
    }

    fn repair(&self, ps: &PoolService, service: &Service, pool: &Pool) -> Option<Repair> {
        let mut labels = labels(service, pool);
        labels.retain(|key, value| ps.labels.get(key) != Some(value));
        let owners = owners::repaired(&ps.owners, service, pool, &self.config.pool_api_version);
        let class = &self.config.load_balancer_class;
        let class = (ps.load_balancer_class.as_ref() != Some(class)).then(|| class.clone());
        let is_drifted = !labels.is_empty() || owners.is_some() || class.is_some();
        is_drifted.then(|| Repair {
            name: ps.name.clone(),
            uid: ps.uid.clone(),
            resource_version: ps.resource_version.clone(),
            labels,
            owners,
            load_balancer_class: class,
        })
    }

    /// A PoolService of ours that is not wanted while its Service lives on.
    fn unmatched(&mut self, ps: &PoolService, pool_name: Option<&str>) {
        // A name that no pool gives was never made here; it goes with its Service.
        let Some(pool_name) = pool_name.filter(|_| !ps.deleting) else {
            return;
        };
        match self.view.pools.iter().find(|pool| pool.name == pool_name) {
            None => self.delete(ps, Cause::PoolGone),
            Some(pool) if pool.deleting => self.delete(ps, Cause::PoolTerminating),
            Some(pool) => {
                self.warn(
                    Reason::PoolNoLongerMatches,
                    format!(
                        "the Service no longer selects NodePool {}: PoolService {} and its load \
                         balancer are deleted unless that is put right within {} s",
                        pool.name, ps.name, self.config.unmatch_grace
                    ),
                );
                if self.grace(ps).is_none() {
                    self.delete(ps, Cause::NoLongerSelected);
                }
            }
        }
    }

    /// The seconds of grace that a PoolService has left; it is noted down as waiting for them.
    fn grace(&mut self, ps: &PoolService) -> Option<i64> {
        let since = self.unmatched_since.get(&ps.uid).copied();
        // A clock that was put back must not prolong the wait.
        let since = since.map_or(self.now, |since| since.min(self.now));
        let left = since.saturating_add(self.config.unmatch_grace) - self.now;
        if left <= 0 {
            return None;
        }
        self.plan.unmatched_since.insert(ps.uid.clone(), since);
        let sooner = self
            .plan
            .look_again_in
            .map_or(left, |known| known.min(left));
        self.plan.look_again_in = Some(sooner);
        Some(left)
    }

    fn delete_all<'p>(&mut self, all: impl Iterator<Item = &'p PoolService>, cause: Cause) {
        for ps in all.filter(|ps| !ps.deleting) {
            self.delete(ps, cause);
        }
    }

    fn delete(&mut self, ps: &PoolService, cause: Cause) {
        self.plan.delete.push(Deletion {
            name: ps.name.clone(),
            uid: ps.uid.clone(),
            pool: ps.labels.get(POOL_NAME).cloned().unwrap_or_default(),
            cause,
        });
    }

    fn add_finalizer(&mut self, service: &Service) {
        if !service.has_finalizer {
            self.plan.finalizer = Finalizer::Add;
        }
    }

    fn remove_finalizer(&mut self, service: &Service, ours: &[&PoolService]) {
        if service.has_finalizer && ours.is_empty() {
            self.plan.finalizer = Finalizer::Remove;
        }
    }

    /// The Service is not ours any more. The finalizer tells that it was: as long as it stands,
    /// what we published is taken back.
    fn leave(&mut self, service: &Service, ours: &[&PoolService]) {
        if service.has_finalizer {
            self.report(service, ours);
        }
        self.remove_finalizer(service, ours);
    }

    /// Brings what the Service shows in line with what its PoolServices report. One that is going
    /// counts no more: what it reports is about to end.
    fn report(&mut self, service: &Service, ours: &[&PoolService]) {
        let going: BTreeSet<&str> = self.plan.delete.iter().map(|d| d.uid.as_str()).collect();
        let staying: Vec<&PoolService> = ours
            .iter()
            .copied()
            .filter(|ps| !ps.deleting && !going.contains(ps.uid.as_str()))
            .collect();
        // The API server clears the status of other types, and refuses to fill it.
        let may_publish = service.service_type == "LoadBalancer"
            && service.load_balancer_class.as_ref() == Some(&self.config.load_balancer_class);
        if may_publish {
            let wanted = aggregate::ingress(staying.iter().flat_map(|ps| &ps.ingress));
            if !aggregate::is_same_ingress(&service.ingress, &wanted) {
                self.plan.ingress = Some(wanted);
            }
        }
        let annotations =
            aggregate::annotations(staying.iter().map(|ps| &ps.aggregate_to_annotations));
        self.plan.annotations = aggregate::changes(&service.annotations, &annotations);
        let labels = aggregate::labels(staying.iter().map(|ps| &ps.aggregate_to_labels));
        self.plan.labels = aggregate::changes(&service.labels, &labels);
    }

    fn warn(&mut self, reason: Reason, message: String) {
        self.plan.events.push(Event {
            warning: true,
            reason,
            message,
        });
    }
}

/// The labels by which a PoolService is found.
fn labels(service: &Service, pool: &Pool) -> BTreeMap<String, String> {
    [
        (SERVICE_NAME, service.key.name.as_str()),
        (POOL_NAME, pool.name.as_str()),
        (MANAGED_BY, MANAGED_BY_FAN_OUT),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect()
}

/// The pool of a PoolService of ours. Its name says so, because that cannot be edited.
fn pool_of<'a>(ps: &'a PoolService, service: &str) -> Option<&'a str> {
    ps.name.strip_prefix(service)?.strip_prefix('-')
}

impl From<NewPoolService> for poolservice_api::PoolService {
    fn from(new: NewPoolService) -> Self {
        let mut object = Self::new(
            &new.name,
            poolservice_api::PoolServiceSpec {
                load_balancer_class: Some(new.load_balancer_class),
            },
        );
        object.metadata.namespace = Some(new.namespace);
        object.metadata.labels = Some(new.labels);
        object.metadata.owner_references = Some(new.owners);
        object
    }
}

#[cfg(test)]
mod tests;
