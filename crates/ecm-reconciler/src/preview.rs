//! What the controllers would do, without doing any of it.
//!
//! The same code decides as in the controllers: an [`Index`] gives snapshots, the fan-out and the
//! load balancers are planned by `ecm-policy`, and the cloud is read through [`Regions`]. What is
//! planned is then imagined as done and planned again, until nothing is left to do. There is
//! nothing here that could write.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ecm_policy::conditions::{Condition, Reason, Status};
use ecm_policy::desired::{self, Desired, Notice, desired};
use ecm_policy::fan_out;
use ecm_policy::imagine;
use ecm_policy::ledger::{self, Ledger, State};
use ecm_policy::observed::{LoadBalancer, Observed, Presence};
use ecm_policy::placement::Placement;
use ecm_policy::plan::{Addresses, Event, Plan, Step, Wait};
use ecm_policy::snapshot::{ObjectKey, PoolService, Snapshot};
use ens_openapi::rate_limit::Priority;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Client;
use poolservice_api::keys;
use serde::Serialize;
use tokio::time::Instant;

use crate::caller::CloudApi;
use crate::clock::Clock;
use crate::index::Index;
use crate::look::{LookError, Question, look};
use crate::losses::LossWatch;
use crate::objects;
use crate::observe::{Cloud, Freshness};
use crate::region::Regions;
use crate::report;

/// How many plans may follow one another. A load balancer with hundreds of ports takes about ten.
const PLANS: usize = 64;

/// How long a load balancer's listeners and backends are taken as they were read before: not for
/// long, since whoever changes them does not tell us. Longer where there are many.
const DETAIL: Duration = Duration::from_secs(60);

/// Looks ahead.
pub struct Preview {
    regions: Option<Regions>,
    clock: Clock,
    losses: LossWatch,
    config: desired::Config,
}

/// Everything that would be done.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// By Service, those where something is to be done or to be said.
    pub services: Vec<ServiceForecast>,
    /// By PoolService, all of them, also those that the fan-out would make.
    pub pool_services: Vec<PoolServiceForecast>,
}

/// What the fan-out would do for one Service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceForecast {
    /// Which Service.
    pub service: ObjectKey,
    /// PoolServices that it would make.
    pub create: Vec<String>,
    /// PoolServices that it would delete.
    pub delete: Vec<Deletion>,
    /// PoolServices that it would put right.
    pub repair: Vec<String>,
    /// What it would say.
    pub events: Vec<Event>,
}

/// A PoolService that would be deleted, and its load balancer with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// Its name.
    pub pool_service: String,
    /// Why.
    pub cause: fan_out::Cause,
    /// For how many seconds at most it is kept, in case that is put right (behaviour 2.8). The controller knows since when
    /// it waits, and this does not.
    pub within: i64,
}

/// What would become of the load balancer of one PoolService.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolServiceForecast {
    /// Which PoolService.
    pub pool_service: ObjectKey,
    /// Its Service.
    pub service: Option<String>,
    /// Its pool.
    pub pool: Option<String>,
    /// Where its load balancer is, or would be.
    pub placement: Option<Placement>,
    /// All changes of the cloud, in their order.
    pub steps: Vec<Foreseen>,
    /// What is not as it should be, or would not be in the end.
    pub refusals: Vec<Condition>,
    /// What people should know although nothing is refused.
    pub notices: Vec<Notice>,
    /// What the cloud has to finish before it can be said how it goes on.
    pub waits: Vec<String>,
    /// How it ends.
    pub outcome: Outcome,
}

/// A change of the cloud that would be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Foreseen {
    /// No sooner than so many seconds from now, the cloud's own time left aside.
    pub after: i64,
    /// The change.
    pub step: Step,
}

/// How a forecast ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// The load balancer serves at this address; [`imagine::NEW_ADDRESS`] where the cloud will
    /// give one.
    Serves {
        /// The address.
        address: String,
    },
    /// Everything is released, or let go; the finalizer would go.
    Released,
    /// It stays as it is, or does not get an address, for the reasons of the refusals.
    Stays,
    /// The cloud could not be read: nothing is known.
    Unreadable {
        /// Why.
        error: String,
    },
}

impl Forecast {
    /// Whether nothing would be done, neither to the cloud nor to PoolServices.
    pub fn is_empty(&self) -> bool {
        let is_still =
            |s: &ServiceForecast| s.create.is_empty() && s.delete.is_empty() && s.repair.is_empty();
        self.services.iter().all(is_still)
            && self.pool_services.iter().all(|ps| ps.steps.is_empty())
    }

    /// Whether the cloud could not be read for one of them.
    pub fn is_unreadable(&self) -> bool {
        let mut all = self.pool_services.iter();
        all.any(|ps| matches!(ps.outcome, Outcome::Unreadable { .. }))
    }
}

impl PoolServiceForecast {
    /// Nothing is foreseen yet.
    fn of(ps: &PoolService) -> Self {
        Self {
            pool_service: ps.key.clone(),
            service: ps.service.clone(),
            pool: ps.pool.clone(),
            placement: None,
            steps: Vec::new(),
            refusals: Vec::new(),
            notices: Vec::new(),
            waits: Vec::new(),
            outcome: Outcome::Stays,
        }
    }
}

impl Preview {
    /// A preview that reads the cloud through `cloud`; without one it takes the cloud as empty,
    /// and all that people name in it as there. `client` is asked for confirmations of losses,
    /// which stand on `namespace`.
    pub fn new(
        config: desired::Config,
        cloud: Option<CloudApi>,
        client: Option<Client>,
        namespace: &str,
        clock: Clock,
    ) -> Self {
        Self {
            regions: cloud.map(|api| Regions::new(api, clock.clone())),
            losses: LossWatch::new(client, namespace),
            clock,
            config,
        }
    }

    /// What would be done for everything in `index` that `chosen` says, by namespace and name of
    /// the Service. `lists_age` says how old lists of the cloud may be.
    pub async fn forecast(
        &self,
        mut index: Index,
        fan_out: Option<&fan_out::Config>,
        chosen: impl Fn(&ObjectKey) -> bool,
        lists_age: Duration,
    ) -> Forecast {
        let now = Instant::now();
        let fresh = Freshness {
            lists: now.checked_sub(lists_age).unwrap_or(now),
            by_name: now.checked_sub(lists_age).unwrap_or(now),
            priority: Priority::Normal,
            detail: self
                .regions
                .as_ref()
                .map_or(DETAIL, |regions| regions.whole_read_interval(DETAIL)),
        };
        let mut services = Vec::new();
        if let Some(config) = fan_out {
            for key in index.services().filter(|key| chosen(key)) {
                services.extend(fan_out_of(&mut index, &key, config, self.clock.seconds()));
            }
        }
        let class = self.config.identity.load_balancer_class.as_str();
        let keys: Vec<ObjectKey> = index
            .pool_services()
            .map(|ps| &ps.snapshot)
            .filter(|ps| ps.has_finalizer || ps.load_balancer_class.as_deref() == Some(class))
            .filter(|ps| {
                let service = ps.service.as_deref().unwrap_or_default();
                chosen(&ObjectKey::new(&ps.key.namespace, service))
            })
            .map(|ps| ps.key.clone())
            .collect();
        let mut pool_services = Vec::with_capacity(keys.len());
        let mut shared = Shared::default();
        for key in keys {
            if let Some(snapshot) = index.snapshot(&key) {
                let named = index.users_load_balancer(&key);
                let before = named.and_then(|id| shared.0.get(id)).cloned();
                let (forecast, end) = self.pool_service(&snapshot, &index, fresh, before).await;
                pool_services.push(forecast);
                shared.take(&mut index, &key, end);
            }
        }
        Forecast {
            services,
            pool_services,
        }
    }

    async fn pool_service(
        &self,
        snapshot: &Snapshot,
        index: &Index,
        fresh: Freshness,
        imagined: Option<LoadBalancer>,
    ) -> (PoolServiceForecast, End) {
        let begun = self.clock.seconds();
        let mut now = begun;
        let mut ps = snapshot.pool_service.clone();
        let mut state = ledger::of(&ps);
        let desired = desired(snapshot, &self.config, begun);
        let mut observed = Observed {
            load_balancer: imagined.map_or(Presence::Unread, Presence::Present),
            ..Observed::default()
        };
        let mut forecast = PoolServiceForecast::of(&ps);
        let doubts = |region: String| async move {
            let lists = self.regions.as_ref()?.latest(&region)?;
            let recorded = index.recorded_in(&region);
            let now = self.clock.seconds();
            self.losses.doubts(&region, &recorded, &lists, now).await
        };
        let mut has_waited = false;
        let mut last = Plan::default();
        for _ in 0..PLANS {
            let cloud = match &self.regions {
                Some(regions) => Cloud::Read(regions, fresh),
                None => Cloud::Empty,
            };
            let question = Question {
                pool_service: &ps,
                nodes: &snapshot.nodes,
                desired: &desired,
                ledger: &state,
                observed,
            };
            let clock = at(now);
            let looked =
                Box::pin(look(question, &self.config.identity, cloud, &clock, doubts)).await;
            let looked = match looked {
                Ok(looked) => looked,
                Err(error) => {
                    let error = match error {
                        LookError::Read(error) => report::describe(&error),
                        LookError::Stuck(_) => error.to_string(),
                    };
                    forecast.outcome = Outcome::Unreadable { error };
                    return (forecast, None);
                }
            };
            last = looked.plan;
            observed = looked.observed;
            let is_recorded = last.ledger.is_some();
            if let Some(next) = last.ledger.take() {
                state = State::Current(Box::new(next));
                ps.has_finalizer = true;
            }
            match &last.report.addresses {
                Addresses::Keep => {}
                Addresses::Publish { ip, .. } => ps.published = vec![ip.clone()],
                Addresses::Withdraw => ps.published.clear(),
            }
            let is_withdrawn =
                last.report.addresses == Addresses::Withdraw && last.wait == Wait::Pending;
            let after = now - begun;
            let steps: Vec<Step> = last.steps().cloned().collect();
            if let State::Current(ledger) = &mut state {
                for step in &steps {
                    imagine::carry_out(step, &mut observed, ledger, now);
                }
            }
            let is_done = steps.is_empty();
            let foreseen = steps.into_iter().map(|step| Foreseen { after, step });
            forecast.steps.extend(foreseen);
            if last.released {
                break;
            }
            if !is_done || is_recorded || last.wait == Wait::Again {
                has_waited = false;
                continue;
            }
            match last.wait {
                // A loss is believed at the second look, a drain ends with its time.
                Wait::Seconds(seconds) if !has_waited => {
                    has_waited = true;
                    now += seconds.max(1);
                }
                // An address that was withdrawn from the status brings the next look.
                _ if is_withdrawn && !has_waited => has_waited = true,
                _ => break,
            }
        }
        forecast.placement = match &state {
            State::Current(ledger) => Some(ledger.placement.clone()),
            State::None | State::Lost(_) => None,
        };
        conclude(&mut forecast, &desired, last, ps.published);
        let end = match (state, observed.load_balancer) {
            (State::Current(ledger), Presence::Present(found)) => Some((*ledger, found)),
            _ => None,
        };
        (forecast, end)
    }
}

/// How a PoolService ends: its ledger and its load balancer; `None` where it has none.
type End = Option<(Ledger, LoadBalancer)>;

/// Load balancers of users as those left them whose forecast was made before: the next one who
/// shares it goes on from there.
#[derive(Debug, Default)]
struct Shared(BTreeMap<String, LoadBalancer>);

impl Shared {
    /// Takes the end of one that shares a load balancer, and shows its ledger to the others.
    fn take(&mut self, index: &mut Index, key: &ObjectKey, end: End) {
        let Some((ledger, found)) = end.filter(|(ledger, _)| !ledger.load_balancer.is_ours())
        else {
            return;
        };
        let Some((mut ps, text)) = index
            .pool_service(key)
            .cloned()
            .zip(ledger::write(&ledger).ok())
        else {
            return;
        };
        ps.snapshot
            .annotations
            .insert(keys::LEDGER.to_owned(), text);
        ps.snapshot.has_finalizer = true;
        ps.ledger = Some(Box::new(ledger));
        index.apply_pool_service(ps);
        self.0.insert(found.id.clone(), found);
    }
}

/// What the last plan leaves to say.
fn conclude(
    forecast: &mut PoolServiceForecast,
    desired: &Desired,
    last: Plan,
    published: Vec<String>,
) {
    let conditions = last.report.conditions.with_ready();
    let parts = conditions.into_iter().filter(|condition| {
        condition.status == Status::False
            && condition.condition != ecm_policy::conditions::ConditionType::Ready
    });
    for condition in parts {
        match condition.reason {
            Reason::InProgress => forecast.waits.push(condition.message),
            Reason::Terminating => {}
            _ => forecast.refusals.push(condition),
        }
    }
    forecast.notices = last.report.notices;
    if let (Desired::Stack(stack), None) = (desired, &forecast.placement) {
        let vswitch = stack.load_balancer.vswitch.as_ref();
        let vswitch = vswitch.or(stack.placement.vswitches.first());
        forecast.placement = Some(Placement {
            region: stack.placement.region.clone(),
            network: stack.placement.network.clone(),
            vswitch: vswitch.cloned().unwrap_or_default(),
        });
    }
    forecast.outcome = if last.released {
        Outcome::Released
    } else {
        match published.into_iter().next() {
            Some(address) => Outcome::Serves { address },
            None => Outcome::Stays,
        }
    };
}

/// What the fan-out would do for a Service, and does to `index` alone; `None` when there is nothing
/// to do or to say.
fn fan_out_of(
    index: &mut Index,
    key: &ObjectKey,
    config: &fan_out::Config,
    now: i64,
) -> Option<ServiceForecast> {
    let view = index.service_view(key)?;
    let mut plan = fan_out::plan(&view, config, &BTreeMap::new(), now);
    let forecast = ServiceForecast {
        service: key.clone(),
        create: plan.create.iter().map(|new| new.name.clone()).collect(),
        delete: deletions(&view, config, &plan, now),
        repair: plan.repair.iter().map(|r| r.name.clone()).collect(),
        events: std::mem::take(&mut plan.events),
    };
    for new in plan.create {
        let new_key = ObjectKey::new(&new.namespace, &new.name);
        let mut object = poolservice_api::PoolService::from(new);
        // What the API server would give. Who comes first is decided by age and UID.
        object.metadata.uid = Some(format!("new/{}/{}", new_key.namespace, new_key.name));
        object.metadata.creation_timestamp = Timestamp::from_second(now).ok().map(Time);
        index.apply_pool_service(objects::PoolService::from(&object));
    }
    for gone in &forecast.delete {
        let key = ObjectKey::new(&key.namespace, &gone.pool_service);
        if let Some(mut ps) = index.pool_service(&key).cloned() {
            if !ps.snapshot.has_finalizer {
                index.delete_pool_service(&key);
                continue;
            }
            ps.snapshot.deleting = true;
            ps.fan_out.deleting = true;
            index.apply_pool_service(ps);
        }
    }
    let says = !(forecast.create.is_empty()
        && forecast.delete.is_empty()
        && forecast.repair.is_empty()
        && forecast.events.is_empty());
    says.then_some(forecast)
}

/// What is deleted now, and what is once its time of grace is over.
fn deletions(
    view: &fan_out::View,
    config: &fan_out::Config,
    plan: &fan_out::Plan,
    now: i64,
) -> Vec<Deletion> {
    let deletion = |gone: &fan_out::Deletion, within| Deletion {
        pool_service: gone.name.clone(),
        cause: gone.cause,
        within,
    };
    let mut all: Vec<Deletion> = plan.delete.iter().map(|gone| deletion(gone, 0)).collect();
    if !plan.unmatched_since.is_empty() {
        let end = now.saturating_add(config.unmatch_grace);
        let later = fan_out::plan(view, config, &plan.unmatched_since, end);
        let now: BTreeSet<&String> = plan.delete.iter().map(|gone| &gone.name).collect();
        let more = later.delete.iter().filter(|gone| !now.contains(&gone.name));
        all.extend(more.map(|gone| deletion(gone, config.unmatch_grace)));
    }
    all
}

/// A clock that stands still.
fn at(seconds: i64) -> Clock {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    Clock::new(move || time)
}

#[cfg(test)]
mod tests;
