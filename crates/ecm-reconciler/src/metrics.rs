//! Metrics (behaviour 10.4), in a registry of the embedder's.
//!
//! No label holds the name of an object, so that their number does not grow with the cluster: what
//! is wrong with which object stands in its conditions and events.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ecm_policy::snapshot::ObjectKey;
use ens_openapi::client::Attempt;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{self, Registry};
use tokio::time::Instant;

use crate::index::Index;
use crate::leader::Leadership;
use crate::queue::WorkQueue;

mod definition;

pub use definition::{DEFINITIONS, Definition, Kind};

/// Metrics of the controllers. Clones share their values.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    requests: Family<Request, Counter>,
    request_duration: Family<Action, Histogram>,
    rate_limit_wait: Family<Action, Counter<f64, std::sync::atomic::AtomicU64>>,
    sync_duration: Family<Stage, Histogram>,
    time_to_address: Histogram,
    drift_repaired: Counter,
    /// What is asked at each scrape; empty before the controllers run.
    controllers: Mutex<Vec<Controller>>,
    index: Mutex<Option<Arc<Mutex<Index>>>>,
}

/// One half, as it is asked at a scrape.
struct Controller {
    name: &'static str,
    queue: WorkQueue<ObjectKey>,
    leadership: Leadership,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    action: String,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Action {
    action: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stage {
    controller: &'static str,
    stage: &'static str,
}

impl Default for Inner {
    fn default() -> Self {
        // 10 ms to 20 s: a call ends after 10 s, a sync after some of them.
        let calls = || Histogram::new(exponential_buckets(0.01, 2.0, 12));
        Self {
            requests: Family::default(),
            request_duration: Family::new_with_constructor(calls),
            rate_limit_wait: Family::default(),
            sync_duration: Family::new_with_constructor(calls),
            // 1 s to 17 min.
            time_to_address: Histogram::new(exponential_buckets(1.0, 2.0, 11)),
            drift_repaired: Counter::default(),
            controllers: Mutex::default(),
            index: Mutex::default(),
        }
    }
}

impl Metrics {
    /// Metrics that `registry` shows, all with the prefix `ecm_`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("ecm");
        let inner = &metrics.0;
        show(registry, definition::CLOUD_REQUESTS, inner.requests.clone());
        show(
            registry,
            definition::CLOUD_REQUEST_DURATION,
            inner.request_duration.clone(),
        );
        show(
            registry,
            definition::CLOUD_RATE_LIMIT_WAIT,
            inner.rate_limit_wait.clone(),
        );
        show(
            registry,
            definition::SYNC_DURATION,
            inner.sync_duration.clone(),
        );
        show(
            registry,
            definition::TIME_TO_ADDRESS,
            inner.time_to_address.clone(),
        );
        show(
            registry,
            definition::DRIFT_REPAIRED,
            inner.drift_repaired.clone(),
        );
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// Counts what a client of the cloud does; for `ens_openapi::client::ClientBuilder::observer`.
    pub fn cloud_observer(&self) -> impl Fn(&Attempt<'_>) + Send + Sync + 'static {
        let inner = self.0.clone();
        move |attempt| {
            let action = attempt.action.name().to_owned();
            let result = match attempt.result {
                Ok(()) => "ok",
                Err(error) => error.class().as_str(),
            };
            let of_action = Action {
                action: action.clone(),
            };
            inner
                .requests
                .get_or_create(&Request { action, result })
                .inc();
            inner
                .request_duration
                .get_or_create(&of_action)
                .observe(attempt.took.as_secs_f64());
            inner
                .rate_limit_wait
                .get_or_create(&of_action)
                .inc_by(attempt.waited.as_secs_f64());
        }
    }

    /// Measures one stage of a sync.
    pub(crate) async fn stage<T>(
        &self,
        controller: &'static str,
        stage: &'static str,
        work: impl Future<Output = T>,
    ) -> T {
        let begun = Instant::now();
        let result = work.await;
        let labels = Stage { controller, stage };
        let duration = self.0.sync_duration.get_or_create(&labels);
        duration.observe(begun.elapsed().as_secs_f64());
        result
    }

    /// An address was published where there was none.
    pub(crate) fn address_published(&self, after: Duration) {
        self.0.time_to_address.observe(after.as_secs_f64());
    }

    /// A difference that nobody of ours had made was put right.
    pub(crate) fn drift_repaired(&self) {
        self.0.drift_repaired.inc();
    }

    /// Shows at each scrape the objects of an index, and of each half that runs its queue and
    /// whether it leads.
    pub(crate) fn watch(
        &self,
        index: Arc<Mutex<Index>>,
        halves: [(&'static str, bool, &WorkQueue<ObjectKey>, &Leadership); 2],
    ) {
        *unpoisoned(&self.0.index) = Some(index);
        *unpoisoned(&self.0.controllers) = halves
            .into_iter()
            .filter(|(_, runs, ..)| *runs)
            .map(|(name, _, queue, leadership)| Controller {
                name,
                queue: queue.clone(),
                leadership: leadership.clone(),
            })
            .collect();
    }

    /// PoolServices by condition type and status, sorted.
    fn conditions(&self) -> BTreeMap<(String, String), i64> {
        let mut counts = BTreeMap::new();
        if let Some(index) = unpoisoned(&self.0.index).clone() {
            let index = unpoisoned(&index);
            for pool_service in index.pool_services() {
                for condition in pool_service.status.conditions.iter().flatten() {
                    let key = (condition.type_.clone(), condition.status.clone());
                    *counts.entry(key).or_insert(0) += 1;
                }
            }
        }
        counts
    }
}

impl Collector for Metrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let controllers = unpoisoned(&self.0.controllers);
        let mut leader = describe(&mut encoder, definition::LEADER)?;
        for controller in controllers.iter() {
            let labels = [("controller", controller.name)];
            let leads = i64::from(controller.leadership.check().is_ok());
            ConstGauge::new(leads).encode(leader.encode_family(&labels)?)?;
        }
        let mut depth = describe(&mut encoder, definition::QUEUE_KEYS)?;
        for controller in controllers.iter() {
            let stats = controller.queue.stats();
            let states = [
                ("due", stats.due),
                ("later", stats.later),
                ("running", stats.running),
                ("failing", stats.failing),
            ];
            for (state, keys) in states {
                let labels = [("controller", controller.name), ("state", state)];
                let keys = i64::try_from(keys).unwrap_or(i64::MAX);
                ConstGauge::new(keys).encode(depth.encode_family(&labels)?)?;
            }
        }
        let mut syncs = describe(&mut encoder, definition::SYNCS)?;
        for controller in controllers.iter() {
            let counts = controller.queue.stats().counts;
            let results = [
                ("ok", counts.succeeded),
                ("error", counts.failed),
                ("panic", counts.panicked),
            ];
            for (result, count) in results {
                let labels = [("controller", controller.name), ("result", result)];
                ConstCounter::new(count).encode(syncs.encode_family(&labels)?)?;
            }
        }
        let mut objects = describe(&mut encoder, definition::POOL_SERVICES)?;
        for ((condition, status), count) in self.conditions() {
            let labels = [("condition", condition), ("status", status)];
            ConstGauge::new(count).encode(objects.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Registers a metric under its definition.
fn show(registry: &mut Registry, definition: Definition, metric: impl registry::Metric) {
    registry.register(definition.name, definition.help, metric);
}

/// Begins a metric that is asked for at each scrape.
fn describe<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    definition: Definition,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    let kind = match definition.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    };
    encoder.encode_descriptor(definition.name, definition.help, None, kind)
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

/// Locks are held for look-ups only, which cannot panic half-way.
fn unpoisoned<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::queue::{Rank, full_jitter};

    fn scrape(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        text
    }

    #[tokio::test(start_paused = true)]
    async fn rule_10_4_a_scrape_shows_queues_leadership_and_stages() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let queue = WorkQueue::new(full_jitter(|| 1.0), |_| Rank::default());
        queue.add(ObjectKey::new("shop", "web"));
        let other = WorkQueue::new(full_jitter(|| 1.0), |_| Rank::default());
        metrics.watch(
            Arc::new(Mutex::new(Index::new("class"))),
            [
                ("elb", true, &queue, &Leadership::new(|| false)),
                ("fan-out", true, &other, &Leadership::sole_replica()),
            ],
        );
        metrics
            .stage("elb", "look", tokio::time::sleep(Duration::from_secs(3)))
            .await;
        metrics.drift_repaired();
        metrics.address_published(Duration::from_secs(5));
        let text = scrape(&registry);
        for line in [
            r#"ecm_leader{controller="elb"} 0"#,
            r#"ecm_leader{controller="fan-out"} 1"#,
            r#"ecm_queue_keys{controller="elb",state="due"} 1"#,
            r#"ecm_syncs_total{controller="elb",result="panic"} 0"#,
            r#"ecm_sync_duration_seconds_count{controller="elb",stage="look"} 1"#,
            "ecm_drift_repaired_total 1",
            r#"ecm_time_to_address_seconds_bucket{le="4.0"} 0"#,
            r#"ecm_time_to_address_seconds_bucket{le="8.0"} 1"#,
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[tokio::test(start_paused = true)]
    async fn rule_10_4_every_metric_is_in_the_reference_with_the_labels_that_it_has() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let queue = WorkQueue::new(full_jitter(|| 1.0), |_| Rank::default());
        let other = WorkQueue::new(full_jitter(|| 1.0), |_| Rank::default());
        let leads = Leadership::sole_replica();
        let mut index = Index::new("class");
        index.apply_pool_service(crate::objects::PoolService::from(
            &serde_json::from_value(serde_json::json!({
                "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
                "metadata": { "namespace": "shop", "name": "web-np" },
                "spec": {},
                "status": { "conditions": [{
                    "type": "Ready", "status": "True", "reason": "AsExpected", "message": "",
                    "lastTransitionTime": "2026-11-23T04:00:00Z",
                }] },
            }))
            .unwrap(),
        ));
        metrics.watch(
            Arc::new(Mutex::new(index)),
            [
                ("elb", true, &queue, &leads),
                ("fan-out", true, &other, &leads),
            ],
        );
        metrics.stage("elb", "look", async {}).await;
        let action = "DescribeVSwitches".to_owned();
        let inner = &metrics.0;
        let request = Request {
            action: action.clone(),
            result: "ok",
        };
        inner.requests.get_or_create(&request).inc();
        let of_action = Action { action };
        let duration = inner.request_duration.get_or_create(&of_action);
        duration.observe(1.0);
        let wait = inner.rate_limit_wait.get_or_create(&of_action);
        wait.inc_by(1.0);
        let text = scrape(&registry);
        let typed = text.lines().filter(|line| line.starts_with("# TYPE "));
        assert_eq!(typed.count(), DEFINITIONS.len(), "{text}");
        for definition in DEFINITIONS {
            let kind = definition.kind.as_str();
            let line = format!("# TYPE ecm_{} {kind}", definition.name);
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
            let name = match definition.kind {
                Kind::Histogram => format!("{}_count", definition.full_name()),
                _ => definition.full_name(),
            };
            let sample = text.lines().find(|l| {
                let rest = l.strip_prefix(&name);
                rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            });
            let sample = sample.unwrap_or_else(|| panic!("no {name} in\n{text}"));
            let labels = sample.split_once('{').and_then(|(_, l)| l.split_once('}'));
            let labels = labels.map_or("", |(labels, _)| labels).split(',');
            let labels: Vec<&str> = labels
                .filter_map(|label| Some(label.split_once('=')?.0))
                .collect();
            assert_eq!(labels, definition.labels, "{sample}");
        }
    }
}
