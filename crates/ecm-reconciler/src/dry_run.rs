//! The controllers with everything paused (behaviour 3.5): they watch, look and plan, log what they
//! would do, and do none of it. Nothing in here can write, neither to the cloud nor to Kubernetes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ecm_policy::fan_out;
use ecm_policy::snapshot::ObjectKey;
use kube::Client;
use poolservice_api::NodePool;
use tokio::sync::{Notify, watch as flag};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::index::Index;
use crate::preview::{Forecast, Outcome, PoolServiceForecast, Preview, ServiceForecast};
use crate::watch::{self, DiscoveryError};

/// How long changes are gathered before they are looked at together.
const TOGETHER: Duration = Duration::from_secs(1);

/// How old lists of the cloud may be after a change in the cluster.
const LISTS: Duration = Duration::from_secs(10);

/// What a dry run needs.
pub struct DryRun {
    /// Reads the cluster.
    pub client: Client,
    /// Looks ahead.
    pub preview: Preview,
    /// The load balancer class.
    pub class: String,
    /// For how many seconds a pool that no longer matches keeps its PoolService; `None` where the
    /// fan-out half does not run.
    pub fan_out: Option<i64>,
    /// Whether the half runs that makes load balancers.
    pub elb: bool,
    /// How often everything is looked at although nothing changed.
    pub drift_interval: Duration,
    /// Turns true when every kind has been listed.
    pub synced: flag::Sender<bool>,
}

impl DryRun {
    /// Runs until `stop` is cancelled. What would be done is logged when it changes.
    ///
    /// # Errors
    /// When the cluster lacks a kind that has to be watched.
    pub async fn run(self, stop: CancellationToken) -> Result<(), DiscoveryError> {
        let node_pools = watch::discover(&self.client).await?;
        let index = Arc::new(Mutex::new(Index::new(&self.class)));
        let changed = Arc::new(Notify::new());
        let fan_out = self.fan_out.map(|unmatch_grace| fan_out::Config {
            load_balancer_class: self.class.clone(),
            pool_api_version: format!("{}/{node_pools}", NodePool::GROUP),
            unmatch_grace,
        });
        let mut synced = self.synced.subscribe();
        let notify = changed.clone();
        let watches = watch::run(
            self.client.clone(),
            node_pools,
            index.clone(),
            self.synced.clone(),
            move |_| notify.notify_one(),
            stop.clone(),
        );
        let looks = async {
            // Nothing is decided before every kind has been listed (behaviour 7.8).
            if synced.wait_for(|all| *all).await.is_err() {
                return;
            }
            let mut told = Told::default();
            let mut lists = Duration::ZERO;
            loop {
                let now = index.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let all = |_: &ObjectKey| true;
                let mut forecast = self
                    .preview
                    .forecast(now, fan_out.as_ref(), all, lists)
                    .await;
                if !self.elb {
                    forecast.pool_services.clear();
                }
                told.tell(forecast);
                let is_change = timeout(self.drift_interval, changed.notified()).await;
                lists = if is_change.is_ok() {
                    LISTS
                } else {
                    Duration::ZERO
                };
                sleep(TOGETHER).await;
            }
        };
        tokio::select! {
            () = watches => {}
            () = looks => {}
            () = stop.cancelled() => {}
        }
        Ok(())
    }
}

/// What was logged last of each object.
#[derive(Debug, Default)]
struct Told {
    services: BTreeMap<ObjectKey, ServiceForecast>,
    pool_services: BTreeMap<ObjectKey, PoolServiceForecast>,
}

impl Told {
    /// Logs what differs from what was logged before.
    fn tell(&mut self, forecast: Forecast) {
        let services: BTreeMap<ObjectKey, ServiceForecast> = forecast
            .services
            .into_iter()
            .map(|service| (service.service.clone(), service))
            .collect();
        for (key, service) in &services {
            if self.services.get(key) != Some(service) {
                tell_service(service);
            }
        }
        self.services = services;
        let pool_services: BTreeMap<ObjectKey, PoolServiceForecast> = forecast
            .pool_services
            .into_iter()
            .map(|ps| (ps.pool_service.clone(), ps))
            .collect();
        for (key, ps) in &pool_services {
            let before = self.pool_services.get(key);
            // A ClientToken or a time that moves on is no news.
            if before.is_none_or(|before| lines(before) != lines(ps)) {
                for line in lines(ps) {
                    tracing::info!(pool_service = %key, "dry run: {line}");
                }
            }
        }
        self.pool_services = pool_services;
    }
}

fn tell_service(forecast: &ServiceForecast) {
    let service = &forecast.service;
    for name in &forecast.create {
        tracing::info!(%service, "dry run: would create PoolService {name}");
    }
    for name in &forecast.repair {
        tracing::info!(%service, "dry run: would put PoolService {name} right");
    }
    for gone in &forecast.delete {
        tracing::info!(
            %service,
            "dry run: would delete PoolService {} ({:?}) within {} s",
            gone.pool_service,
            gone.cause,
            gone.within
        );
    }
    for event in &forecast.events {
        tracing::info!(%service, "dry run: {}: {}", event.reason.as_str(), event.message);
    }
}

/// What is logged of one PoolService.
fn lines(forecast: &PoolServiceForecast) -> Vec<String> {
    let steps = forecast.steps.iter();
    let mut lines: Vec<String> = steps
        .map(|foreseen| format!("would {}", foreseen.step))
        .collect();
    for refusal in &forecast.refusals {
        lines.push(format!("{}: {}", refusal.reason.as_str(), refusal.message));
    }
    for wait in &forecast.waits {
        lines.push(format!("would wait: {wait}"));
    }
    match &forecast.outcome {
        Outcome::Released => lines.push("would let it go".to_owned()),
        Outcome::Unreadable { error } => lines.push(format!("the cloud cannot be read: {error}")),
        Outcome::Serves { address } if lines.is_empty() => {
            lines.push(format!("nothing to do: it serves at {address}"));
        }
        Outcome::Serves { .. } | Outcome::Stays => {}
    }
    lines
}
