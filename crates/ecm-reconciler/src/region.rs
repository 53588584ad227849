//! What the cloud shows, read once for everybody who asks.
//!
//! Lists of a region serve all its PoolServices: while anything there is pending, one list a
//! second tells the states of all of it (behaviour 4.3). Listeners and backends are read per load
//! balancer and kept until something of ours changes them or they grow old (behaviour 9.1).

#![expect(
    clippy::field_reassign_with_default,
    reason = "requests are non-exhaustive: their fields are set one by one"
)]

mod detail;
mod instances;
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ecm_policy::observed::{Eip, LoadBalancer, LoadBalancerStatus};
use ens_openapi::api::eip::DescribeEnsEipAddresses;
use ens_openapi::api::load_balancer::DescribeLoadBalancers;
use ens_openapi::api::paging;
use ens_openapi::rate_limit::Priority;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use tokio::time::Instant;

use crate::caller::{Caller, CloudApi};
use crate::clock::Clock;
use crate::convert;
pub use detail::Changed;
use detail::Detail;
use instances::Instance;
pub use reader::Reader;

/// Reads the cloud and remembers what it read.
#[derive(Debug)]
pub struct Regions {
    api: CloudApi,
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

/// A failed read. Many may wait for the same one.
pub type ReadError = Arc<ens_openapi::Error>;

impl Regions {
    /// Reads through `api`.
    pub fn new(api: impl Into<CloudApi>, clock: Clock) -> Self {
        Self {
            api: api.into(),
            clock,
            state: Mutex::new(State::default()),
        }
    }

    /// Reads of single things on behalf of a caller.
    pub fn called_by(&self, caller: &Caller) -> Reader<'_> {
        Reader {
            regions: self,
            api: self.api.called_by(caller),
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
        // At most one a second, for everything that waits for something there.
        let api = self.api.called_by(&Caller::new(Priority::Critical, region));
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

    /// The lock is held for map look-ups only, which cannot panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
