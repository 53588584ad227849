//! Facts about cluster and cloud that a scenario waits for where [`Expect`](crate::invariants::Expect) says too little.

use std::collections::BTreeSet;

use ens_sim::cloud::{Cloud, Life, LoadBalancer, Paid, Protocol};
use poolservice_api::keys;
use serde_json::Value;

use crate::invariants::{self, label, ledger, pool_service};
use crate::node::instance_of;
use crate::world::View;

/// Something that is so, or not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A condition of a PoolService has this reason.
    Reason {
        /// Name of the PoolService.
        pool_service: String,
        /// Type of the condition.
        condition: &'static str,
        /// Its reason.
        reason: &'static str,
    },
    /// These nodes and no others are backends.
    Backends(Elb, Vec<String>),
    /// These listeners and no others are there.
    Listeners(Elb, Vec<(Protocol, u16)>),
    /// A listener has these attributes, by their API names.
    Settings(Elb, Protocol, u16, Vec<(&'static str, Value)>),
    /// A load balancer bears this name.
    Name(Elb, String),
    /// So many load balancers, and as many EIPs, that controllers made are there.
    There(usize),
    /// So many load balancers, and so many EIPs, were made since the scenario began.
    Made {
        /// Load balancers.
        load_balancers: usize,
        /// EIPs.
        eips: usize,
    },
    /// A Service has no PoolService, no finalizer of ours and no address.
    Untouched(String),
    /// There is no such PoolService.
    NoPoolService(String),
}

/// Which load balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Elb {
    /// The one in the ledger of this PoolService.
    Of(String),
    /// The one of this id, a person's.
    Id(String),
}

/// How many load balancers and EIPs were ever made in the account of the controllers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Purchases {
    load_balancers: usize,
    eips: usize,
}

impl Purchases {
    pub(super) fn of(cloud: &Cloud) -> Self {
        let account = &cloud.config().account;
        let all = &cloud.journal().purchases;
        let count = |kind: Paid| {
            let of_it = all.iter().filter(|purchase| purchase.account == *account);
            of_it.filter(|purchase| purchase.kind == kind).count()
        };
        Self {
            load_balancers: count(Paid::LoadBalancer),
            eips: count(Paid::Eip),
        }
    }

    /// What was made after `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            load_balancers: self.load_balancers - before.load_balancers,
            eips: self.eips - before.eips,
        }
    }
}

impl Fact {
    /// `None` when it is so, else what is instead. `made` is what was made since the scenario began.
    pub(super) fn missing(&self, view: &View, made: Purchases) -> Option<String> {
        let (is_so, found) = match self {
            Self::Reason {
                pool_service: name,
                condition,
                reason,
            } => {
                let found =
                    pool_service(view, name).and_then(|ps| invariants::condition(ps, condition));
                let is_so = found.is_some_and(|found| found["reason"] == *reason);
                (is_so, found.cloned().unwrap_or_default().to_string())
            }
            Self::Backends(elb, nodes) => {
                let wanted: BTreeSet<String> = nodes.iter().map(|node| instance_of(node)).collect();
                let found: Option<BTreeSet<String>> = elb.find(view).map(|lb| {
                    let servers = lb.backends.iter();
                    servers.map(|server| server.server_id.clone()).collect()
                });
                (found == Some(wanted), format!("{found:?}"))
            }
            Self::Listeners(elb, ports) => {
                let wanted: BTreeSet<(Protocol, u16)> = ports.iter().copied().collect();
                let found: Option<BTreeSet<(Protocol, u16)>> = elb.find(view).map(|lb| {
                    let listeners = lb.listeners.values();
                    listeners.map(|l| (l.protocol, l.port)).collect()
                });
                (found == Some(wanted), format!("{found:?}"))
            }
            Self::Settings(elb, protocol, port, wanted) => {
                let mut listeners = elb
                    .find(view)
                    .into_iter()
                    .flat_map(|lb| lb.listeners.values());
                let found = listeners.find(|l| (l.protocol, l.port) == (*protocol, *port));
                let is_so = found.is_some_and(|listener| {
                    let mut wanted = wanted.iter();
                    wanted.all(|(name, value)| listener.settings.get(*name) == Some(value))
                });
                (
                    is_so,
                    format!("{:?}", found.map(|listener| &listener.settings)),
                )
            }
            Self::Name(elb, name) => {
                let found = elb.find(view).map(|lb| &lb.name);
                (found == Some(name), format!("{found:?}"))
            }
            Self::There(count) => {
                let is_made = |name: &str| name.starts_with("k8s/");
                let elbs = view.cloud.load_balancers.iter();
                let elbs = elbs.filter(|lb| is_made(&lb.name) && lb.life != Life::Releasing);
                let eips = view.cloud.eips.iter().filter(|eip| is_made(&eip.name));
                let (elbs, eips) = (elbs.count(), eips.count());
                let is_so = (elbs, eips) == (*count, *count);
                (is_so, format!("{elbs} load balancers, {eips} EIPs"))
            }
            Self::Made {
                load_balancers,
                eips,
            } => {
                let wanted = Purchases {
                    load_balancers: *load_balancers,
                    eips: *eips,
                };
                (made == wanted, format!("{made:?}"))
            }
            Self::Untouched(name) => {
                let mut services = view.services.iter();
                let service = services.find(|service| invariants::name(service) == name);
                let is_of = |ps: &Value| label(ps, keys::SERVICE_NAME) == Some(name);
                let is_so = service.is_some_and(|service| {
                    service["metadata"]["finalizers"].is_null()
                        && service["status"]["loadBalancer"]["ingress"].is_null()
                }) && !view.pool_services.iter().any(is_of);
                (is_so, service.cloned().unwrap_or_default().to_string())
            }
            Self::NoPoolService(name) => {
                let found = pool_service(view, name);
                (found.is_none(), "it is there".to_owned())
            }
        };
        (!is_so).then(|| format!("{self:?} is not so, but {found}"))
    }
}

impl Elb {
    fn find<'a>(&self, view: &'a View) -> Option<&'a LoadBalancer> {
        let id = match self {
            Self::Id(id) => id.clone(),
            Self::Of(name) => id_in_ledger(view, name, "loadBalancer")?,
        };
        view.cloud.load_balancers.iter().find(|lb| lb.id == id)
    }
}

/// The id that a PoolService's ledger has of its `loadBalancer` or its `eip`.
pub(super) fn id_in_ledger(view: &View, name: &str, record: &str) -> Option<String> {
    let ledger = ledger(pool_service(view, name)?);
    Some(ledger[record]["id"].as_str()?.to_owned())
}
