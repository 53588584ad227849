//! Reads what a plan needs to know (behaviour: observe).

use std::collections::BTreeSet;
use std::time::Duration;

use ecm_policy::desired::{Desired, Source};
use ecm_policy::imagine;
use ecm_policy::ledger::{Ledger, Owner};
use ecm_policy::naming::StackName;
use ecm_policy::observed::{
    ByName, Eip, LoadBalancer, LoadBalancerDetail, LoadBalancerStatus, Observed, Presence,
};
use ecm_policy::plan::Need;
use ecm_policy::snapshot::{Node, ObjectKey};
use ens_openapi::rate_limit::Priority;
use poolservice_api::keys;
use tokio::time::Instant;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::region::{Lists, ReadError, Reader, Regions};

/// What there is to observe for one PoolService.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) cluster_id: &'a str,
    pub(crate) desired: &'a Desired,
    pub(crate) ledger: Option<&'a Ledger>,
    /// What its status publishes now.
    pub(crate) published: &'a [String],
    /// The nodes of its pool.
    pub(crate) nodes: &'a [Node],
}

/// How fresh a read must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Freshness {
    /// Lists of the states of things must have begun after this.
    pub(crate) lists: Instant,
    /// Lists by which is decided whether something exists at all must have begun after this.
    pub(crate) by_name: Instant,
    /// Listeners and backends may be this old unless we changed them; so may be what is known of
    /// instances unless the cloud would not attach them.
    pub(crate) detail: Duration,
    /// How urgent what is read is.
    pub(crate) priority: Priority,
}

/// Where to look.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cloud<'a> {
    /// The real one, as fresh as this.
    Read(&'a Regions, Freshness),
    /// One that holds nothing of ours, where all that people name exists.
    Empty,
}

impl Cloud<'_> {
    /// When the lists of a subject's region began that were read last.
    pub(crate) fn listed(self, subject: &Subject<'_>) -> Option<Instant> {
        match self {
            Self::Read(regions, _) => Some(regions.latest(subject.region()?)?.begun),
            Self::Empty => None,
        }
    }
}

impl Subject<'_> {
    /// Whether something may be released: then a thing is read by its id, now, whatever a list of
    /// a while ago showed (behaviour 5.6).
    fn is_release(&self) -> bool {
        matches!(self.desired, Desired::Release(_))
    }

    /// Where its resources are.
    fn region(&self) -> Option<&str> {
        match (self.ledger, self.desired) {
            (Some(ledger), _) => Some(&ledger.placement.region),
            (None, Desired::Stack(stack)) => Some(&stack.placement.region),
            (None, _) => None,
        }
    }

    fn network(&self) -> Option<&str> {
        match (self.ledger, self.desired) {
            (Some(ledger), _) => Some(&ledger.placement.network),
            (None, Desired::Stack(stack)) => Some(&stack.placement.network),
            (None, _) => None,
        }
    }

    /// The load balancer that a plan looks at: the ledger's, else the one that a user names.
    fn load_balancer(&self) -> Option<&str> {
        let recorded = self.ledger.and_then(|l| l.load_balancer.id.as_deref());
        recorded.or(match self.desired {
            Desired::Stack(stack) => match &stack.source {
                Source::User { id } => id.as_deref(),
                Source::Managed => None,
            },
            Desired::Release(_) | Desired::Hold(_) => None,
        })
    }

    fn is_users(&self) -> bool {
        match (self.ledger, self.desired) {
            (Some(ledger), _) => ledger.load_balancer.owner == Owner::User,
            (None, Desired::Stack(stack)) => matches!(stack.source, Source::User { .. }),
            (None, _) => false,
        }
    }

    /// The instances of all nodes of its pool: a call tells of as many as of one, and an endpoint
    /// that moves to another node then costs none.
    fn instances(&self) -> BTreeSet<String> {
        let ids = self.nodes.iter().filter_map(|node| {
            let id = node.labels.get(keys::ENS_INSTANCE_ID);
            id.filter(|id| !id.is_empty()).cloned()
        });
        ids.collect()
    }

    /// Other load balancers that bear one of our names, by the list that was read last.
    fn duplicates(&self, id: &str, region: &str, regions: &Regions) -> Vec<String> {
        let Some(lists) = regions.latest(region).filter(|_| !self.is_users()) else {
            return Vec::new();
        };
        let ours = self.ledger.iter().flat_map(|l| &l.load_balancer.names);
        let same = ours.filter_map(|name| lists.load_balancers_by_name.get(name));
        let others = same.flatten().filter(|other| *other != id);
        let others: BTreeSet<&String> = others.collect();
        others.into_iter().cloned().collect()
    }

    /// Every name that our resources may bear.
    fn names(&self) -> BTreeSet<String> {
        let name = match (self.ledger, self.desired) {
            (Some(ledger), _) => Some(StackName {
                service: ledger.service.clone(),
                namespace: self.key.namespace.clone(),
                pool: ledger.pool.clone(),
                cluster: self.cluster_id.to_owned(),
            }),
            (None, Desired::Stack(stack)) => Some(stack.name.clone()),
            (None, _) => None,
        };
        let records = self.ledger.into_iter().flat_map(Ledger::records);
        let recorded = records.flat_map(|record| record.names.iter().cloned());
        let computed = name.iter().flat_map(StackName::all);
        recorded.chain(computed).collect()
    }
}

/// Reads one need into `observed`. What cannot apply to the subject is left unread.
pub(crate) async fn read(
    need: Need,
    subject: &Subject<'_>,
    cloud: Cloud<'_>,
    clock: &Clock,
    observed: &mut Observed,
) -> Result<(), ReadError> {
    let Some(region) = subject.region() else {
        return Ok(());
    };
    let Cloud::Read(regions, fresh) = cloud else {
        assume(need, subject, clock.seconds(), observed);
        return Ok(());
    };
    let caller = Caller::new(fresh.priority, subject.key.to_string());
    let reader = regions.called_by(&caller);
    match need {
        Need::LoadBalancer => {
            if let Some(id) = subject.load_balancer() {
                let by_id = subject.is_release();
                observed.load_balancer = load_balancer(id, by_id, region, &reader, fresh).await?;
                observed.duplicates = subject.duplicates(id, region, regions);
            }
        }
        Need::Detail => detail(region, &reader, fresh, observed).await?,
        Need::Eip => {
            let private = match &observed.load_balancer {
                Presence::Present(found) => Some(found.address.as_str()),
                Presence::Gone { .. } | Presence::Unread => None,
            };
            observed.eip = eip(subject, private, region, &reader, fresh).await?;
        }
        Need::ByName => {
            let lists = regions.lists(region, fresh.by_name).await?;
            observed.by_name = by_name(&subject.names(), &lists, &reader).await?;
        }
        Need::VSwitches => {
            if let Some(network) = subject.network() {
                observed.vswitches = Some(reader.vswitches(region, network).await?);
            }
        }
        Need::Attachable => {
            if let (Some(network), Desired::Stack(stack)) = (subject.network(), subject.desired) {
                let servers = stack.backends.servers.iter();
                let wanted = servers.map(|server| server.server_id.clone()).collect();
                let of_pool = subject.instances();
                let running = reader.attachable(region, network, &wanted, &of_pool, fresh.detail);
                observed.attachable = Some(running.await?);
            }
        }
    }
    Ok(())
}

/// What an empty cloud would show. A user's load balancer is there, with nothing on it: only the
/// user can make it.
fn assume(need: Need, subject: &Subject<'_>, now: i64, observed: &mut Observed) {
    let Desired::Stack(stack) = subject.desired else {
        observed.load_balancer = Presence::Gone { confirmed: true };
        observed.eip = Presence::Gone { confirmed: true };
        return;
    };
    match need {
        Need::LoadBalancer => {
            observed.load_balancer = match &stack.source {
                Source::User { id: Some(id) } => Presence::Present(LoadBalancer {
                    id: id.clone(),
                    name: String::new(),
                    status: LoadBalancerStatus::Active,
                    status_age: 0,
                    region: stack.placement.region.clone(),
                    network: stack.placement.network.clone(),
                    vswitch: String::new(),
                    address: imagine::NEW_ADDRESS.to_owned(),
                    spec: None,
                    created_at: None,
                    detail: Some(LoadBalancerDetail::default()),
                }),
                _ => Presence::Gone { confirmed: true },
            };
        }
        Need::Eip => observed.eip = Presence::Gone { confirmed: true },
        Need::Detail => {}
        Need::ByName => {
            observed.by_name = Some(ByName {
                begun_at: now,
                ..ByName::default()
            });
        }
        Need::VSwitches => {
            let named = stack.load_balancer.vswitch.iter();
            let all = named.chain(&stack.placement.vswitches).cloned();
            observed.vswitches = Some(all.collect());
        }
        Need::Attachable => {
            let servers = stack.backends.servers.iter();
            observed.attachable = Some(servers.map(|s| s.server_id.clone()).collect());
        }
    }
}

/// A list shows most of it for nothing. What it does not show is read by its id, and believed to
/// be gone only when a list that begins after that does not show it either (behaviour 8.5).
async fn load_balancer(
    id: &str,
    by_id: bool,
    region: &str,
    reader: &Reader<'_>,
    fresh: Freshness,
) -> Result<Presence<LoadBalancer>, ReadError> {
    let aged = |mut found: LoadBalancer| {
        found.status_age = reader.regions.status_age(region, &found);
        Presence::Present(found)
    };
    let listed = if by_id {
        None
    } else {
        Some(reader.regions.lists(region, fresh.lists).await?)
    };
    if let Some(found) = listed
        .as_ref()
        .and_then(|lists| lists.load_balancers.get(id))
    {
        return Ok(aged(found.clone()));
    }
    if let Some(found) = reader.load_balancer(id).await? {
        return Ok(aged(found));
    }
    let later = reader.regions.lists(region, Instant::now()).await?;
    Ok(match later.load_balancers.get(id) {
        Some(_) => Presence::Gone { confirmed: false },
        None => Presence::Gone {
            confirmed: later.is_complete,
        },
    })
}

/// What bears one of these names. `None` where nothing may be concluded: rows moved while they were
/// listed, or a read by its id does not show alive, or not under that name, what a list shows, so that
/// one of the two is of the past (behaviour 5.4).
async fn by_name(
    names: &BTreeSet<String>,
    lists: &Lists,
    reader: &Reader<'_>,
) -> Result<Option<ByName>, ReadError> {
    if !lists.is_complete {
        return Ok(None);
    }
    let load_balancers = lists.load_balancers.values();
    let load_balancers: Vec<LoadBalancer> = load_balancers
        .filter(|lb| names.contains(&lb.name))
        .cloned()
        .collect();
    let eips = lists.eips.values();
    let eips: Vec<Eip> = eips
        .filter(|eip| names.contains(&eip.name))
        .cloned()
        .collect();
    for found in &load_balancers {
        let read = reader.load_balancer(&found.id).await?;
        if read.is_none_or(|read| read.name != found.name) {
            return Ok(None);
        }
    }
    for found in &eips {
        let read = reader.eip(&found.id).await?;
        if read.is_none_or(|read| read.name != found.name) {
            return Ok(None);
        }
    }
    Ok(Some(ByName {
        begun_at: lists.begun_at,
        load_balancers,
        eips,
    }))
}

async fn detail(
    region: &str,
    reader: &Reader<'_>,
    fresh: Freshness,
    observed: &mut Observed,
) -> Result<(), ReadError> {
    let Presence::Present(found) = &mut observed.load_balancer else {
        return Ok(());
    };
    match reader.detail(region, &found.id, fresh.detail).await? {
        Some((detail, is_carried)) => {
            found.detail = Some(detail);
            observed.is_carried = is_carried;
        }
        // It went between two reads: the next look decides.
        None => observed.load_balancer = Presence::Gone { confirmed: false },
    }
    Ok(())
}

async fn eip(
    subject: &Subject<'_>,
    private: Option<&str>,
    region: &str,
    reader: &Reader<'_>,
    fresh: Freshness,
) -> Result<Presence<Eip>, ReadError> {
    let lists = reader.regions.lists(region, fresh.lists).await?;
    if subject.is_users() {
        let bound = |lists: &Lists| {
            let of_ours = |eip: &&Eip| {
                eip.bound_to.is_some() && eip.bound_to.as_deref() == subject.load_balancer()
            };
            lists.eips.values().find(of_ours).cloned()
        };
        if let Some(found) = bound(&lists) {
            return Ok(Presence::Present(found));
        }
        // One list is not enough to publish another address (behaviour 4.4). Where the load
        // balancer's own is published, there was no EIP before either.
        let lists = if private.is_some_and(|own| subject.published == [own]) {
            lists
        } else {
            reader.regions.lists(region, Instant::now()).await?
        };
        return Ok(match bound(&lists) {
            Some(found) => Presence::Present(found),
            None => Presence::Gone {
                confirmed: lists.is_complete,
            },
        });
    }
    let Some(id) = subject.ledger.and_then(|l| l.eip.as_ref()?.id.as_deref()) else {
        return Ok(Presence::Unread);
    };
    if let Some(found) = lists.eips.get(id).filter(|_| !subject.is_release()) {
        return Ok(Presence::Present(found.clone()));
    }
    if let Some(found) = reader.eip(id).await? {
        return Ok(Presence::Present(found));
    }
    let later = reader.regions.lists(region, Instant::now()).await?;
    Ok(match later.eips.get(id) {
        Some(_) => Presence::Gone { confirmed: false },
        None => Presence::Gone {
            confirmed: later.is_complete,
        },
    })
}
