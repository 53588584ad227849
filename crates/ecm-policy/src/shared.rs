//! Who else uses a user's load balancer, and what that leaves to one PoolService
//! (behaviour 6.5, 6.6, 7.6, 7.7).
//!
//! Everything here follows from the snapshots of all PoolServices that name the same load
//! balancer, so that each of them comes to the same answer by itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::annotations::Setting;
use crate::conditions::{ConditionType, Reason, Refusal};
use crate::desired::{self, Config, Desired};
use crate::ledger::{self, Ledger};
use crate::listeners::ListenerKey;
use crate::naming::StackName;
use crate::snapshot::{ExternalTrafficPolicy, ObjectKey, PoolService, Snapshot};

/// What the other PoolServices on the same user's load balancer want of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Others {
    /// The others that live, the oldest first.
    pub sharers: Vec<Sharer>,
    /// Servers that one of them wants or keeps: they stay.
    pub wanted: BTreeSet<String>,
    /// Servers that the ledger of one of them holds, deleted ones included.
    pub recorded: BTreeSet<String>,
    /// The weights that older ones want, by server.
    pub weights: BTreeMap<String, Weight>,
}

/// Another PoolService on the same user's load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharer {
    /// Which.
    pub pool_service: ObjectKey,
    /// What its listener descriptions are made of.
    pub name: StackName,
    /// The listeners that it wants; `None` while that cannot be told.
    pub listeners: Option<BTreeSet<ListenerKey>>,
    /// Whether it belongs to the same Service: then its listeners are ours as well.
    pub is_sibling: bool,
    /// Whether it is older, and may make new listeners: then a port without a listener is its.
    pub goes_first: bool,
}

/// A weight that somebody else decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// 0 to 100.
    pub weight: u8,
    /// Who.
    pub by: ObjectKey,
}

impl Others {
    /// The other PoolService that made a listener of this description.
    pub fn maker(&self, key: ListenerKey, description: &str) -> Option<&Sharer> {
        self.sharers
            .iter()
            .find(|sharer| sharer.name.listener_description(key.port, key.protocol) == description)
    }

    /// The first of the older ones that wants a listener that nobody has made.
    pub fn first_for(&self, key: ListenerKey) -> Option<&Sharer> {
        self.sharers
            .iter()
            .find(|sharer| sharer.goes_first && sharer.wants(key))
    }

    /// Whether another PoolService of the same Service wants this listener.
    pub fn sibling_wants(&self, key: ListenerKey) -> bool {
        self.sharers
            .iter()
            .any(|sharer| sharer.is_sibling && sharer.wants(key))
    }
}

impl Sharer {
    /// Whether it wants this listener, or may.
    pub fn wants(&self, key: ListenerKey) -> bool {
        self.listeners
            .as_ref()
            .is_none_or(|listeners| listeners.contains(&key))
    }
}

/// What the others want of the load balancer that a PoolService names; and a refusal when it must
/// not share it with an older one of another Service (behaviour 7.7).
pub fn others(snapshot: &Snapshot, config: &Config, now: i64) -> (Others, Option<Refusal>) {
    if snapshot.sharing.is_empty() {
        return (Others::default(), None);
    }
    let mut all: Vec<Share<'_>> = snapshot
        .sharing
        .iter()
        .chain([snapshot])
        .map(|one| Share::of(one, config, now))
        .collect();
    all.sort_by_key(Share::age);
    let refused = refused_to_share(&all);
    let own = &snapshot.pool_service.key;
    let is_refused = |share: &Share<'_>| refused.contains_key(share.key());
    let mut others = Others::default();
    let mut is_older = true;
    for share in &all {
        if share.key() == own {
            is_older = false;
            continue;
        }
        others.recorded.extend(share.recorded());
        if share.snapshot.pool_service.deleting {
            continue;
        }
        let stack = share.stack.as_ref().filter(|_| !is_refused(share));
        let is_sibling = share.snapshot.pool_service.service == snapshot.pool_service.service
            && share.key().namespace == own.namespace;
        others.sharers.push(Sharer {
            pool_service: share.key().clone(),
            name: share.name(config),
            listeners: share.listeners(),
            is_sibling,
            goes_first: is_older && stack.is_some(),
        });
        match stack.filter(|stack| !stack.keeps(Setting::BackendLabel)) {
            Some(stack) => {
                let wanted = &stack.backends;
                others.wanted.extend(wanted.kept.iter().cloned());
                for server in &wanted.servers {
                    others.wanted.insert(server.server_id.clone());
                    if is_older && !stack.keeps(Setting::BackendWeight) {
                        let by = || Weight {
                            weight: server.weight,
                            by: share.key().clone(),
                        };
                        let weights = &mut others.weights;
                        weights.entry(server.server_id.clone()).or_insert_with(by);
                    }
                }
            }
            // It stands still: what it attached stays.
            None => others.wanted.extend(share.recorded()),
        }
    }
    (others, refused.get(own).map(refusal))
}

/// One PoolService on the load balancer.
struct Share<'a> {
    snapshot: &'a Snapshot,
    ledger: Option<Ledger>,
    /// What it wants; `None` while it stands still or is not let in.
    stack: Option<Box<desired::Stack>>,
}

impl<'a> Share<'a> {
    fn of(snapshot: &'a Snapshot, config: &Config, now: i64) -> Self {
        let ps = &snapshot.pool_service;
        let ledger = recorded(ps);
        let alone = desired::stack(snapshot, Others::default(), config, now);
        let stack = match alone {
            // One that is refused from the start has nothing to say.
            Desired::Stack(stack)
                if ledger.is_some() || (stack.faults.is_empty() && stack.refusals.is_empty()) =>
            {
                Some(stack)
            }
            _ => None,
        };
        Self {
            snapshot,
            ledger,
            stack: stack.filter(|_| !ps.deleting),
        }
    }

    fn key(&self) -> &ObjectKey {
        &self.snapshot.pool_service.key
    }

    fn age(&self) -> (i64, String) {
        let ps = &self.snapshot.pool_service;
        (ps.created_at, ps.uid.clone())
    }

    fn service(&self) -> (&str, Option<&str>) {
        let ps = &self.snapshot.pool_service;
        (&ps.key.namespace, ps.service.as_deref())
    }

    fn recorded(&self) -> impl Iterator<Item = String> {
        self.ledger
            .iter()
            .flat_map(|ledger| ledger.backends.iter().cloned())
    }

    /// What its names are made of: by the ledger, since these are the names that it gave.
    fn name(&self, config: &Config) -> StackName {
        let ps = &self.snapshot.pool_service;
        let ledger = self.ledger.as_ref();
        let word = |recorded: Option<&String>, named: Option<&String>| {
            recorded.or(named).cloned().unwrap_or_default()
        };
        StackName {
            service: word(ledger.map(|l| &l.service), ps.service.as_ref()),
            namespace: ps.key.namespace.clone(),
            pool: word(ledger.map(|l| &l.pool), ps.pool.as_ref()),
            cluster: ledger.map_or_else(
                || config.identity.cluster_id.clone(),
                |l| l.cluster_id.clone(),
            ),
        }
    }

    fn listeners(&self) -> Option<BTreeSet<ListenerKey>> {
        // One that is not let in yet has none; one that stands still keeps what it has.
        if self.stack.is_none() && self.ledger.is_none() {
            return Some(BTreeSet::new());
        }
        let stack = self.stack.as_ref()?;
        Some(
            stack
                .listeners
                .iter()
                .map(|listener| listener.key)
                .collect(),
        )
    }

    fn policy(&self) -> Option<ExternalTrafficPolicy> {
        let service = self.snapshot.service.as_ref()?;
        Some(service.external_traffic_policy)
    }

    /// Whether backends of both can be on one load balancer: it has one list for all listeners, so
    /// that each node has to answer for each Service.
    fn agrees_with(&self, other: &Self) -> bool {
        let is_local = |share: &Self| share.policy() == Some(ExternalTrafficPolicy::Local);
        self.service() == other.service() || (!is_local(self) && !is_local(other))
    }
}

/// The PoolServices that may not share, each with the older one that is served instead. `all` has
/// the oldest first.
fn refused_to_share(all: &[Share<'_>]) -> BTreeMap<ObjectKey, ObjectKey> {
    let mut served: Vec<&Share<'_>> = Vec::new();
    let mut refused = BTreeMap::new();
    for share in all.iter().filter(|share| share.stack.is_some()) {
        match served.iter().find(|older| !older.agrees_with(share)) {
            Some(older) => {
                refused.insert(share.key().clone(), older.key().clone());
            }
            None => served.push(share),
        }
    }
    refused
}

fn refusal(older: &ObjectKey) -> Refusal {
    Refusal::new(
        ConditionType::Accepted,
        Reason::SharedLoadBalancerNeedsCluster,
        format!(
            "PoolService {older} uses this load balancer for another Service: Services that share \
             one need spec.externalTrafficPolicy: Cluster, each of them"
        ),
    )
}

/// The ledger that a PoolService carries, when it is its own.
pub(crate) fn recorded(ps: &PoolService) -> Option<Ledger> {
    ledger::of(ps).current().cloned()
}
