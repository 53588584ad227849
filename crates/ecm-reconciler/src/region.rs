//! What the cloud shows, read once for everybody who asks.
//!
//! Lists of a region serve all its PoolServices: while anything there is pending, one list a
//! second tells the states of all of it (behaviour 4.3). Listeners and backends are read per load
//! balancer and kept until something of ours changes them or they grow old (behaviour 9.1).

#![expect(
    clippy::field_reassign_with_default,
    reason = "requests are non-exhaustive: their fields are set one by one"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ecm_policy::imagine;
use ecm_policy::listeners::{ListenerKey, Protocol};
use ecm_policy::observed::{
    Eip, Listener, ListenerStatus, LoadBalancer, LoadBalancerDetail, LoadBalancerStatus,
};
use ecm_policy::plan::Step;
use ens_openapi::EnsApi;
use ens_openapi::api::eip::DescribeEnsEipAddresses;
use ens_openapi::api::instance::{DescribeInstances, InstanceStatus};
use ens_openapi::api::listener::DescribeLoadBalancerListeners;
use ens_openapi::api::load_balancer::{self as api, DescribeLoadBalancers};
use ens_openapi::api::network::DescribeVSwitches;
use ens_openapi::api::paging;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::time::Instant;

use crate::clock::Clock;
use crate::convert;

/// Most instance ids of one DescribeInstances call (SDK text of its parameter InstanceIds).
const INSTANCES_PER_CALL: usize = 100;

/// Most reads a second for whole reads of load balancers.
const WHOLE_READS_PER_SECOND: u32 = 3;

/// Reads the cloud and remembers what it read.
#[derive(Debug)]
pub struct Regions {
    api: Arc<dyn EnsApi>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    regions: BTreeMap<String, Region>,
}

#[derive(Debug, Default)]
struct Region {
    latest: Option<Arc<Lists>>,
    reading: Option<Reading>,
    /// Since when each load balancer has had the status that it has, seconds since 1970.
    since: BTreeMap<String, (LoadBalancerStatus, i64)>,
    /// Listeners and backends of the load balancers that the lists show.
    details: BTreeMap<String, Detail>,
    /// Instances that were seen to run.
    instances: BTreeMap<String, Instance>,
}

/// An instance that runs.
#[derive(Debug, Clone)]
struct Instance {
    network: String,
    seen: Instant,
}

/// A list that is being read, for all who wait for it.
#[derive(Debug, Clone)]
struct Reading {
    begun: Instant,
    result: Shared<BoxFuture<'static, Result<Arc<Lists>, Arc<ens_openapi::Error>>>>,
}

/// All load balancers and EIPs of a region at one moment.
#[derive(Debug)]
pub struct Lists {
    /// When the reading began.
    pub begun: Instant,
    /// The same, seconds since 1970.
    pub begun_at: i64,
    /// Load balancers by id.
    pub load_balancers: BTreeMap<String, LoadBalancer>,
    /// EIPs by id.
    pub eips: BTreeMap<String, Eip>,
    /// Ids of load balancers by name: several may bear the same.
    pub load_balancers_by_name: BTreeMap<String, BTreeSet<String>>,
    /// Whether rows stood still while they were read: only then may absence be concluded.
    pub is_complete: bool,
}

/// Listeners and backends of one load balancer, as far as they are still known.
#[derive(Debug, Clone, Default)]
struct Detail {
    /// When it was read whole.
    read: Option<Instant>,
    /// Grows with every change of ours: what was read before one is not kept after it.
    changes: u64,
    /// The backends and the keys of the listeners; `None` after a change.
    head: Option<Head>,
    /// Listeners that were read and not changed since.
    listeners: BTreeMap<ListenerKey, Listener>,
    /// Until when the digest in a ledger may stand for all of this, while it was never read.
    trusted_until: Option<Instant>,
}

/// How many reads a load balancer takes that nobody has read yet: itself and a listener or two.
const READS_OF_UNREAD: usize = 3;

#[derive(Debug, Clone)]
struct Head {
    backends: Vec<ecm_policy::observed::Backend>,
    listeners: Vec<Listener>,
    /// Until when it may be taken as our last writes have left it; then it is read.
    carried_until: Option<Instant>,
}

impl Head {
    /// Takes a step of backends as done.
    fn carry(&mut self, step: &Step) {
        let mut detail = LoadBalancerDetail {
            backends: std::mem::take(&mut self.backends),
            ..LoadBalancerDetail::default()
        };
        imagine::change_detail(step, &mut detail);
        self.backends = detail.backends;
    }
}

/// For how long backends are taken as the cloud has accepted them: an endpoint that moves makes two
/// changes that seldom come in one look, and one read tells of both.
const CARRIED: Duration = Duration::from_millis(900);

/// What of a load balancer was changed by a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed<'a> {
    /// Its backends, by a step that the cloud has accepted.
    Accepted(&'a Step),
    /// Its backends, nobody knows how.
    Backends,
    /// One listener.
    Listener(ListenerKey),
    /// Its status, its name, or itself.
    Whole,
}

/// A number in 0..1 that differs from one id to another and stays the same.
fn spread(id: &str) -> f64 {
    // `DefaultHasher::new` has fixed keys, unlike the hasher of a HashMap.
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    f64::from((hasher.finish() >> 32) as u32) / f64::from(u32::MAX)
}

/// A failed read. Many may wait for the same one.
pub type ReadError = Arc<ens_openapi::Error>;

impl Regions {
    /// Reads through `api`.
    pub fn new(api: Arc<dyn EnsApi>, clock: Clock) -> Self {
        Self {
            api,
            clock,
            state: Mutex::new(State::default()),
        }
    }

    /// The lists of a region, begun no earlier than `not_before`. Callers that ask at the same
    /// time share one reading.
    ///
    /// # Errors
    /// When a page cannot be read; a part of a list is never given as the whole.
    pub async fn lists(&self, region: &str, not_before: Instant) -> Result<Arc<Lists>, ReadError> {
        loop {
            let reading = {
                let mut state = self.lock();
                let entry = state.regions.entry(region.to_owned()).or_default();
                if let Some(latest) = entry.latest.as_ref().filter(|l| l.begun >= not_before) {
                    return Ok(latest.clone());
                }
                entry
                    .reading
                    .get_or_insert_with(|| self.begin(region))
                    .clone()
            };
            let result = AssertUnwindSafe(reading.result.clone()).catch_unwind();
            let result = match result.await {
                Ok(result) => result,
                Err(panic) => {
                    // Whoever asks next begins another: this one would panic for ever (behaviour 11.5).
                    self.finish(region, reading.begun, None);
                    resume_unwind(panic);
                }
            };
            self.finish(region, reading.begun, result.as_ref().ok());
            if reading.begun >= not_before {
                return result;
            }
            // That one began too early for us: begin another.
        }
    }

    /// The lists of a region that were read last.
    pub fn latest(&self, region: &str) -> Option<Arc<Lists>> {
        self.lock().regions.get(region)?.latest.clone()
    }

    fn begin(&self, region: &str) -> Reading {
        let begun = Instant::now();
        let begun_at = self.clock.seconds();
        let api = self.api.clone();
        let region = region.to_owned();
        let read = async move {
            let mut elbs = DescribeLoadBalancers::default();
            elbs.ens_region_id = Some(region.clone());
            let mut eips = DescribeEnsEipAddresses::default();
            eips.ens_region_id = Some(region);
            let (elbs, eips) = futures::try_join!(
                paging::load_balancers(api.as_ref(), &elbs),
                paging::eips(api.as_ref(), &eips)
            )
            .map_err(Arc::new)?;
            let mut by_name: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for row in &elbs.items {
                let name = row.load_balancer_name.clone().unwrap_or_default();
                let same = by_name.entry(name).or_default();
                same.insert(row.load_balancer_id.clone());
            }
            Ok(Arc::new(Lists {
                load_balancers_by_name: by_name,
                begun,
                begun_at,
                is_complete: elbs.is_stable && eips.is_stable,
                load_balancers: elbs
                    .items
                    .iter()
                    .map(|row| (row.load_balancer_id.clone(), convert::load_balancer(row)))
                    .collect(),
                eips: eips
                    .items
                    .iter()
                    .map(|row| (row.allocation_id.clone(), convert::eip(row)))
                    .collect(),
            }))
        };
        Reading {
            begun,
            result: read.boxed().shared(),
        }
    }

    /// Takes the result of a reading; the first who hears of it does so for all.
    fn finish(&self, region: &str, begun: Instant, lists: Option<&Arc<Lists>>) {
        let now = self.clock.seconds();
        let mut state = self.lock();
        let entry = state.regions.entry(region.to_owned()).or_default();
        if entry
            .reading
            .as_ref()
            .is_none_or(|reading| reading.begun != begun)
        {
            return;
        }
        entry.reading = None;
        let Some(lists) = lists else { return };
        let since = std::mem::take(&mut entry.since);
        entry.since = lists
            .load_balancers
            .values()
            .map(|lb| {
                let before = since.get(&lb.id).filter(|(status, _)| *status == lb.status);
                (
                    lb.id.clone(),
                    (lb.status.clone(), before.map_or(now, |(_, at)| *at)),
                )
            })
            .collect();
        if lists.is_complete {
            let listed = &lists.load_balancers;
            entry.details.retain(|id, _| listed.contains_key(id));
        }
        entry.latest = Some(lists.clone());
    }

    /// For how many seconds the load balancer has been seen with this status.
    pub fn status_age(&self, region: &str, load_balancer: &LoadBalancer) -> i64 {
        let now = self.clock.seconds();
        self.lock()
            .regions
            .get(region)
            .and_then(|entry| entry.since.get(&load_balancer.id))
            .filter(|(status, _)| *status == load_balancer.status)
            .map_or(0, |(_, since)| now.saturating_sub(*since))
    }

    /// A load balancer by its id, without listeners and backends; `None` when the cloud says that
    /// there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn load_balancer(&self, id: &str) -> Result<Option<LoadBalancer>, ReadError> {
        Ok(self
            .attribute(id)
            .await?
            .as_ref()
            .map(convert::load_balancer_attribute))
    }

    async fn attribute(&self, id: &str) -> Result<Option<api::LoadBalancer>, ReadError> {
        match self.api.describe_load_balancer_attribute(id).await {
            Ok(read) => Ok(read),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(Arc::new(error)),
        }
    }

    /// An EIP by its id; `None` when the cloud says that there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn eip(&self, id: &str) -> Result<Option<Eip>, ReadError> {
        let mut request = DescribeEnsEipAddresses::default();
        request.allocation_ids = vec![id.to_owned()];
        match self.api.describe_eips(&request).await {
            Ok(page) => Ok(page
                .items
                .iter()
                .find(|eip| eip.allocation_id == id)
                .map(convert::eip)),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(Arc::new(error)),
        }
    }

    /// Listeners and backends of a load balancer, read no longer ago than `max_age` and after our
    /// last change of them; `None` when there is no such load balancer. True beside it while the
    /// backends are not read but taken as the cloud has just accepted them.
    ///
    /// # Errors
    /// When a part cannot be read.
    pub async fn detail(
        &self,
        region: &str,
        id: &str,
        max_age: Duration,
    ) -> Result<Option<(LoadBalancerDetail, bool)>, ReadError> {
        let now = Instant::now();
        let known = self
            .lock()
            .regions
            .get(region)
            .and_then(|entry| entry.details.get(id).cloned())
            .unwrap_or_default();
        let changes = known.changes;
        let is_fresh = |read: Instant| now.duration_since(read) < max_age;
        let (read, known) = match known.read.filter(|read| is_fresh(*read)) {
            Some(read) => (read, known),
            None => (now, Detail::default()),
        };
        let is_current = |head: &Head| head.carried_until.is_none_or(|until| now < until);
        let head = match known.head.filter(is_current) {
            Some(head) => head,
            None => match self.head(id).await? {
                Some(head) => head,
                None => return Ok(None),
            },
        };
        let is_carried = head.carried_until.is_some();
        let mut fresh = known.listeners;
        let mut listeners = Vec::with_capacity(head.listeners.len());
        for listed in &head.listeners {
            let settled = fresh
                .get(&listed.key)
                .filter(|l| !matches!(l.status, ListenerStatus::Changing(_)));
            match settled {
                Some(listener) => listeners.push(listener.clone()),
                // Between the two reads it can go.
                None => listeners.extend(self.listener(id, listed).await?),
            }
        }
        fresh = listeners
            .iter()
            .map(|listener| (listener.key, listener.clone()))
            .collect();
        let detail = LoadBalancerDetail {
            listeners,
            backends: head.backends.clone(),
        };
        let mut state = self.lock();
        let entry = state.regions.entry(region.to_owned()).or_default();
        let slot = entry.details.entry(id.to_owned()).or_default();
        if slot.changes == changes {
            *slot = Detail {
                read: Some(read),
                changes,
                head: Some(head),
                listeners: fresh,
                trusted_until: None,
            };
        }
        drop(state);
        Ok(Some((detail, is_carried)))
    }

    async fn head(&self, id: &str) -> Result<Option<Head>, ReadError> {
        let Some(read) = self.attribute(id).await? else {
            return Ok(None);
        };
        let mut backends: Vec<_> = read.backend_servers.iter().map(convert::backend).collect();
        backends.sort();
        let mut listeners: Vec<Listener> = read
            .listeners
            .iter()
            .filter_map(|port| {
                Some(Listener {
                    key: ListenerKey {
                        port: port.listener_port,
                        protocol: convert::protocol(&port.listener_protocol)?,
                    },
                    description: port.description.clone().unwrap_or_default(),
                    status: ListenerStatus::Changing("Unread".to_owned()),
                    backend_port: port.backend_server_port.and_then(|p| u16::try_from(p).ok()),
                    settings: None,
                })
            })
            .collect();
        listeners.sort_by_key(|listener| listener.key);
        Ok(Some(Head {
            backends,
            listeners,
            carried_until: None,
        }))
    }

    /// One listener: TCP and UDP with their settings, others with their status only.
    async fn listener(&self, id: &str, listed: &Listener) -> Result<Option<Listener>, ReadError> {
        let key = listed.key;
        let read = match convert::transport(key.protocol) {
            Some(protocol) => match self.api.describe_listener(id, protocol, key.port).await {
                Ok(read) => read.map(|read| {
                    let mut listener = convert::listener(key, &read);
                    if listener.description.is_empty() {
                        listener.description.clone_from(&listed.description);
                    }
                    listener
                }),
                Err(error) if error.is_gone() => None,
                Err(error) => return Err(Arc::new(error)),
            },
            None => self.listed(id, listed).await?,
        };
        Ok(read)
    }

    /// The status of an HTTP or HTTPS listener, from the list.
    async fn listed(&self, id: &str, listed: &Listener) -> Result<Option<Listener>, ReadError> {
        let mut request = DescribeLoadBalancerListeners::new(id);
        request.listener_port = Some(listed.key.port);
        let rows = paging::listeners(self.api.as_ref(), &request)
            .await
            .map_err(Arc::new)?;
        let is_it = |protocol: Option<Protocol>| protocol == Some(listed.key.protocol);
        Ok(rows
            .items
            .iter()
            .find(|row| {
                row.listener_port == listed.key.port && is_it(convert::protocol(&row.protocol))
            })
            .map(|row| Listener {
                status: convert::listener_status(&row.status),
                ..listed.clone()
            }))
    }

    /// The vSwitches of a network.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn vswitches(&self, region: &str, network: &str) -> Result<Vec<String>, ReadError> {
        let mut request = DescribeVSwitches::default();
        request.ens_region_id = Some(region.to_owned());
        request.network_id = Some(network.to_owned());
        let list = paging::vswitches(self.api.as_ref(), &request)
            .await
            .map_err(Arc::new)?;
        let mut ids: Vec<String> = list
            .items
            .into_iter()
            .filter(|vswitch| vswitch.network_id.as_deref() == Some(network))
            .map(|vswitch| vswitch.vswitch_id)
            .collect();
        ids.sort();
        Ok(ids)
    }

    /// Of the instances `wanted` those that were seen to run in the network no longer ago than
    /// `max_age`. Those of `of_pool` are read along with them where any has to be read.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn attachable(
        &self,
        region: &str,
        network: &str,
        wanted: &BTreeSet<String>,
        of_pool: &BTreeSet<String>,
        max_age: Duration,
    ) -> Result<Vec<String>, ReadError> {
        let now = Instant::now();
        let known = self.instances(region, now, max_age);
        let unknown: Vec<String> = if wanted.iter().all(|id| known.contains_key(id)) {
            Vec::new()
        } else {
            let all = wanted.union(of_pool);
            all.filter(|id| !known.contains_key(*id)).cloned().collect()
        };
        let mut running = known;
        for batch in unknown.chunks(INSTANCES_PER_CALL) {
            let mut request = DescribeInstances::default();
            request.ens_region_id = Some(region.to_owned());
            request.instance_ids = batch.to_vec();
            let list = paging::instances(self.api.as_ref(), &request)
                .await
                .map_err(Arc::new)?;
            let seen = list.items.into_iter().filter_map(|instance| {
                let network = instance.network_id?;
                let runs = instance.status == InstanceStatus::Running;
                runs.then_some((instance.instance_id, network))
            });
            running.extend(seen.map(|(id, network)| (id, Instance { network, seen: now })));
        }
        let attachable = wanted.iter().filter(|id| {
            let instance = running.get(*id);
            instance.is_some_and(|instance| instance.network == network)
        });
        let attachable = attachable.cloned().collect();
        if !unknown.is_empty() {
            let mut state = self.lock();
            let entry = state.regions.entry(region.to_owned()).or_default();
            entry.instances.extend(running);
        }
        Ok(attachable)
    }

    /// The instances that were seen to run no longer ago than `max_age`; the others are forgotten.
    fn instances(
        &self,
        region: &str,
        now: Instant,
        max_age: Duration,
    ) -> BTreeMap<String, Instance> {
        let mut state = self.lock();
        let entry = state.regions.entry(region.to_owned()).or_default();
        entry
            .instances
            .retain(|_, instance| now.duration_since(instance.seen) < max_age);
        entry.instances.clone()
    }

    /// Asks for these instances anew before one of them is attached.
    pub fn forget_instances<'a>(&self, region: &str, ids: impl IntoIterator<Item = &'a String>) {
        let mut state = self.lock();
        if let Some(entry) = state.regions.get_mut(region) {
            for id in ids {
                entry.instances.remove(id);
            }
        }
    }

    /// Forgets what a step has changed, also where that is being read at this moment.
    pub fn changed(&self, region: &str, id: &str, what: Changed<'_>) {
        let mut state = self.lock();
        let entry = state.regions.entry(region.to_owned()).or_default();
        let detail = entry.details.entry(id.to_owned()).or_default();
        detail.changes += 1;
        match (what, detail.head.as_mut()) {
            (Changed::Accepted(step), Some(head)) => {
                head.carry(step);
                head.carried_until = Some(Instant::now() + CARRIED);
            }
            _ => detail.head = None,
        }
        match what {
            Changed::Accepted(_) | Changed::Backends => {}
            Changed::Listener(key) => {
                detail.listeners.remove(&key);
            }
            Changed::Whole => {
                detail.read = None;
                detail.listeners.clear();
            }
        }
    }

    /// Whether the digest in a ledger may stand for the listeners and backends of a load balancer:
    /// until they have to be read because `period`, that of whole reads, has passed. Those that a
    /// process finds at its start are spread over the second half of the first period.
    pub fn trusts_ledger(&self, region: &str, id: &str, period: Duration) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let entry = state.regions.entry(region.to_owned()).or_default();
        let detail = entry.details.entry(id.to_owned()).or_default();
        if detail.read.is_some() || detail.changes > 0 {
            return false;
        }
        let until = detail
            .trusted_until
            .get_or_insert_with(|| now + period.mul_f64(spread(id).midpoint(1.0)));
        now < *until
    }

    /// How often a load balancer is read whole although nothing of it changed: every `shortest`,
    /// or less often where that would be more than three reads a second in all (behaviour 9.1).
    pub fn whole_read_interval(&self, shortest: Duration) -> Duration {
        let state = self.lock();
        let details = state.regions.values().flat_map(|r| r.details.values());
        let reads_of = |detail: &Detail| match detail.read {
            Some(_) => 1 + detail.listeners.len(),
            None => READS_OF_UNREAD,
        };
        let reads: usize = details.map(reads_of).sum();
        let reads = u32::try_from(reads).unwrap_or(u32::MAX);
        shortest.max(Duration::from_secs(u64::from(
            reads / WHOLE_READS_PER_SECOND,
        )))
    }

    /// The lock is held for map look-ups only, which cannot panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
