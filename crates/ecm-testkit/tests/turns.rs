//! Who gets the next turn where calls to the cloud wait for one.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ecm_policy::backends::Backend;
use ecm_policy::plan::{Lane, Step};
use ecm_reconciler::SHARE_OF_RATES;
use ecm_reconciler::caller::Caller;
use ecm_reconciler::clock::Clock;
use ecm_reconciler::executor::Executor;
use ecm_reconciler::leader::Leadership;
use ecm_reconciler::region::Regions;
use ens_openapi::rate_limit::{Priority, RateLimiter};
use ens_openapi::transport::{Transport, TransportError};
use ens_openapi::{Client, Credentials, StaticCredentials};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// A cloud that holds nothing and takes every write. It notes which load balancers calls are about.
#[derive(Debug, Clone, Default)]
struct Empty(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Transport for Empty {
    async fn exchange(
        &self,
        request: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, TransportError> {
        let query = request.uri().query().unwrap_or_default();
        let id = query
            .split('&')
            .find_map(|p| p.strip_prefix("LoadBalancerId="));
        self.0
            .lock()
            .unwrap()
            .push(id.unwrap_or_default().to_owned());
        let is_read = request.headers()["x-acs-action"] == "DescribeLoadBalancerAttribute";
        let (status, body) = if is_read {
            let code = "LoadBalancerNotFound";
            (
                400,
                json!({ "Code": code, "Message": "none", "RequestId": "r" }),
            )
        } else {
            (
                200,
                json!({ "RequestId": "r", "BackendServers": { "BackendServer": [] } }),
            )
        };
        let answer = http::Response::builder().status(status);
        Ok(answer.body(body.to_string().into()).unwrap())
    }
}

impl Empty {
    /// A client that keeps to the rates that `ecm run` keeps to.
    fn client(&self) -> Client {
        Client::builder(StaticCredentials::new(Credentials::new("id", "secret")))
            .endpoint("http://ens.test")
            .transport(self.clone())
            .rate_limiter(Arc::new(RateLimiter::with_share(SHARE_OF_RATES)))
            .build()
            .unwrap()
    }

    fn seen(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Runs one step on each of `count` lanes on behalf of a PoolService of this priority.
async fn attach(executor: Executor, name: String, priority: Priority, count: usize) {
    let lane = |n: usize| {
        Lane(vec![Step::AddBackends {
            load_balancer: name.clone(),
            servers: vec![Backend {
                server_id: format!("i-{n}"),
                node: String::new(),
                weight: 100,
            }],
        }])
    };
    let (sender, mut done) = mpsc::unbounded_channel();
    let caller = Caller::new(priority, name.as_str());
    executor
        .run((0..count).map(lane).collect(), &caller, sender)
        .await;
    while let Some(done) = done.recv().await {
        done.result.unwrap();
    }
}

fn at_once(began: Instant) {
    let waited = began.elapsed();
    // Half of ten a second, and the turn after next at the latest.
    assert!(waited <= Duration::from_millis(410), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_a_deletion_does_not_wait_for_a_hundred_drift_checks() {
    let cloud = Empty::default();
    let regions = Arc::new(Regions::new(cloud.client(), Clock::system()));
    let read = |priority, id: String| {
        let regions = regions.clone();
        async move {
            let reader = regions.called_by(&Caller::new(priority, id.as_str()));
            assert_eq!(reader.load_balancer(&id).await.unwrap(), None);
        }
    };
    let mut drift = JoinSet::new();
    for n in 0..100 {
        drift.spawn(read(Priority::Background, format!("lb-{n}")));
    }
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    read(Priority::Critical, "lb-deleted".to_owned()).await;
    at_once(began);
    assert!(cloud.seen().len() < 20, "the others wait");
    while let Some(read) = drift.join_next().await {
        read.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_a_first_address_does_not_wait_for_a_hundred_that_serve() {
    let cloud = Empty::default();
    let executor = Executor::new(cloud.client(), Leadership::sole_replica());
    let mut serving = JoinSet::new();
    for n in 0..100 {
        let name = format!("lb-{n}");
        serving.spawn(attach(executor.clone(), name, Priority::Background, 1));
    }
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    attach(executor, "lb-new".to_owned(), Priority::Critical, 1).await;
    at_once(began);
    assert!(cloud.seen().len() < 20, "the others wait");
    while let Some(attached) = serving.join_next().await {
        attached.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_a_pool_service_with_much_to_do_and_one_with_little_go_in_rotation() {
    let cloud = Empty::default();
    let executor = Executor::new(cloud.client(), Leadership::sole_replica());
    let much = attach(
        executor.clone(),
        "lb-much".to_owned(),
        Priority::Background,
        40,
    );
    let much = tokio::spawn(much);
    sleep(Duration::from_millis(100)).await;
    let before = cloud.seen().len();
    attach(executor, "lb-little".to_owned(), Priority::Background, 3).await;
    let seen = cloud.seen();
    let others = seen[before..].iter().filter(|id| *id == "lb-much").count();
    // Every other turn, and of four one is of the call that has waited longest.
    assert!(others <= 6, "{seen:?}");
    much.await.unwrap();
}
