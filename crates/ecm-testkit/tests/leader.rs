//! Two replicas and one Lease: at no time may both write.
//!
//! Time is tokio's paused clock; the API server is kube-sim, without sockets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ecm_reconciler::clock::Clock;
use ecm_reconciler::leader::{Elector, Leadership, LeaseClock, LostLeadership, Settings};
use ens_openapi::api::eip::CreateEipInstance;
use ens_openapi::credentials::{CredentialsError, ProvideCredentials};
use ens_openapi::transport::{Transport, TransportError};
use ens_openapi::{Credentials, EnsApi as _};
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use kube_sim::{Cluster, ConnectionReset, Fault};
use serde_json::json;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt as _, service_fn};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "ecm-elb";

/// tokio's clock, and what a suspended machine missed of it.
#[derive(Clone)]
struct Virtual {
    start: Instant,
    slept: Arc<Mutex<Duration>>,
}

impl Virtual {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            slept: Arc::default(),
        }
    }

    /// The machine was suspended for this time: no timer has moved, this clock has.
    fn suspended_for(&self, time: Duration) {
        *self.slept.lock().unwrap() += time;
    }
}

impl LeaseClock for Virtual {
    fn now(&self) -> Duration {
        self.start.elapsed() + *self.slept.lock().unwrap()
    }
}

/// One replica: its way to the API server, its clock, its elector.
struct Replica {
    connected: Arc<AtomicBool>,
    clock: Virtual,
    leadership: Leadership,
    release: CancellationToken,
    task: JoinHandle<Result<(), LostLeadership>>,
}

impl Replica {
    fn start(cluster: &Cluster, identity: &str) -> Self {
        Self::start_with(cluster, identity, Clock::system())
    }

    /// A replica whose wall clock may say anything.
    fn start_with(cluster: &Cluster, identity: &str, wall: Clock) -> Self {
        let connected = Arc::new(AtomicBool::new(true));
        let link = connected.clone();
        let service = cluster.service();
        let service = service_fn(move |request| {
            let (link, service) = (link.clone(), service.clone());
            async move {
                if !link.load(Ordering::SeqCst) {
                    return Err(ConnectionReset);
                }
                service.oneshot(request).await
            }
        });
        let clock = Virtual::new();
        let (elector, leadership) = Elector::new(
            Client::new(service, NAMESPACE),
            Settings::new(NAMESPACE, NAME, identity),
            clock.clone(),
            wall,
            || 0.0,
        )
        .unwrap();
        let release = CancellationToken::new();
        let task = tokio::spawn(elector.run(release.clone()));
        Self {
            connected,
            clock,
            leadership,
            release,
            task,
        }
    }

    fn leads(&self) -> bool {
        self.leadership.check().is_ok()
    }

    fn disconnect(&self) {
        self.connected.store(false, Ordering::SeqCst);
    }

    fn connect(&self) {
        self.connected.store(true, Ordering::SeqCst);
    }

    /// Waits until it leads; gives how long that took.
    async fn led(&self) -> Duration {
        let begun = Instant::now();
        timeout(seconds(600), self.leadership.held())
            .await
            .unwrap_or_else(|_| panic!("never leads"));
        begun.elapsed()
    }

    /// The end of its process: nothing is given back.
    fn crash(&self) {
        self.task.abort();
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

async fn lease(cluster: &Cluster) -> Lease {
    let client = Client::new(cluster.service(), NAMESPACE);
    Api::namespaced(client, NAMESPACE).get(NAME).await.unwrap()
}

async fn holder(cluster: &Cluster) -> String {
    let spec = lease(cluster).await.spec.unwrap();
    spec.holder_identity.unwrap_or_default()
}

/// Watches two replicas for a time, second by second.
async fn never_both(a: &Replica, b: &Replica, time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        assert!(!(a.leads() && b.leads()), "two replicas may write");
        sleep(Duration::from_millis(250)).await;
    }
}

/// A cluster and a replica that leads.
async fn leader() -> (Cluster, Replica) {
    let cluster = Cluster::builder().start();
    let a = Replica::start(&cluster, "a");
    a.led().await;
    (cluster, a)
}

/// The same with another replica, which has looked at the Lease and waits.
async fn leader_and_waiting() -> (Cluster, Replica, Replica) {
    let (cluster, a) = leader().await;
    let b = Replica::start(&cluster, "b");
    sleep(seconds(5)).await;
    (cluster, a, b)
}

#[tokio::test(start_paused = true)]
async fn rule_11_4_a_new_leader_writes_only_after_the_write_deadline() {
    let cluster = Cluster::builder().start();
    let a = Replica::start(&cluster, "a");
    sleep(seconds(9)).await;
    assert_eq!(holder(&cluster).await, "a");
    assert!(
        !a.leads(),
        "what the last leader began may still be under way"
    );
    sleep(seconds(2)).await;
    assert!(a.leads());
}

#[tokio::test(start_paused = true)]
async fn one_of_two_replicas_leads_and_keeps_the_lease_while_it_renews() {
    let (cluster, a) = leader().await;
    let b = Replica::start(&cluster, "b");
    let until = Instant::now() + seconds(1_800);
    while Instant::now() < until {
        assert!(a.leads(), "an undisturbed leader stopped");
        assert!(!b.leads());
        sleep(seconds(1)).await;
    }
    let spec = lease(&cluster).await.spec.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("a"));
    assert_eq!(spec.lease_transitions, Some(0));
    assert_eq!(spec.lease_duration_seconds, Some(30));
}

#[tokio::test(start_paused = true)]
async fn a_crashed_leader_is_followed_after_the_lease_and_the_write_deadline() {
    let (cluster, a, b) = leader_and_waiting().await;
    a.crash();
    let took = b.led().await;
    // 30 s from the renewal that b saw last, up to 4 s until b looks, 10 s for what a had begun.
    assert!(took >= seconds(36) && took <= seconds(48), "{took:?}");
    let spec = lease(&cluster).await.spec.unwrap();
    assert_eq!(spec.lease_transitions, Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_cut_off_stops_before_the_lease_can_be_taken() {
    let (cluster, a, b) = leader_and_waiting().await;
    a.disconnect();
    let cut = Instant::now();
    a.leadership.lost().await;
    assert!(!a.leads());
    assert!(cut.elapsed() <= seconds(20), "{:?}", cut.elapsed());
    assert_eq!(holder(&cluster).await, "a", "others may not have it yet");
    never_both(&a, &b, seconds(60)).await;
    assert!(b.leads());
    assert!(matches!(
        a.task.await.unwrap(),
        Err(LostLeadership::Expired { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_of_the_api_server_costs_no_leadership() {
    let (cluster, a) = leader().await;
    for _ in 0..10 {
        a.disconnect();
        sleep(seconds(12)).await;
        a.connect();
        sleep(seconds(8)).await;
        assert!(a.leads());
    }
    assert_eq!(holder(&cluster).await, "a");
}

#[tokio::test(start_paused = true)]
async fn with_the_api_server_down_for_all_nobody_leads_and_one_does_afterwards() {
    let (cluster, a, b) = leader_and_waiting().await;
    a.disconnect();
    b.disconnect();
    never_both(&a, &b, seconds(300)).await;
    assert!(!a.leads() && !b.leads());
    b.connect();
    b.led().await;
    assert_eq!(holder(&cluster).await, "b");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_was_suspended_knows_at_once_that_its_time_is_over() {
    let (_cluster, a) = leader().await;
    // No timer of the process has run meanwhile: only the clock tells.
    a.clock.suspended_for(seconds(3_600));
    assert!(!a.leads());
    assert!(matches!(
        a.task.await.unwrap(),
        Err(LostLeadership::Expired { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_replica_that_was_suspended_looks_before_it_takes() {
    let (cluster, a, b) = leader_and_waiting().await;
    b.clock.suspended_for(seconds(3_600));
    never_both(&a, &b, seconds(300)).await;
    assert!(a.leads());
    assert_eq!(holder(&cluster).await, "a");
}

#[tokio::test(start_paused = true)]
async fn wall_clocks_that_disagree_by_years_do_not_matter() {
    let cluster = Cluster::builder().start();
    let at = |time: &str| {
        let (time, start) = (time.parse::<jiff::Timestamp>().unwrap(), Instant::now());
        Clock::new(move || time + start.elapsed())
    };
    let a = Replica::start_with(&cluster, "a", at("1999-01-01T00:00:00Z"));
    a.led().await;
    let b = Replica::start_with(&cluster, "b", at("2199-01-01T00:00:00Z"));
    never_both(&a, &b, seconds(300)).await;
    assert!(a.leads(), "b believed a timestamp");
    a.crash();
    b.led().await;
}

#[tokio::test(start_paused = true)]
async fn rule_11_4_a_renewal_is_seen_though_the_wall_clock_stands_still_and_its_end_as_well() {
    let cluster = Cluster::builder().start();
    let stopped: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let a = Replica::start_with(&cluster, "a", Clock::new(move || stopped));
    a.led().await;
    let b = Replica::start_with(&cluster, "b", Clock::new(move || stopped));
    never_both(&a, &b, seconds(300)).await;
    assert!(a.leads(), "b saw no renewal");
    a.crash();
    let took = b.led().await;
    assert!(took >= seconds(30), "the lease was not over: {took:?}");
    assert_eq!(holder(&cluster).await, "b");
}

#[tokio::test(start_paused = true)]
async fn of_two_that_write_at_the_same_moment_one_wins() {
    for seed in 0..20 {
        let cluster = Cluster::builder().seed(seed).start();
        let a = Replica::start(&cluster, "a");
        let b = Replica::start(&cluster, "b");
        never_both(&a, &b, seconds(30)).await;
        assert!(a.leads() != b.leads());
        let (leader, waiting) = if a.leads() { (&a, &b) } else { (&b, &a) };
        leader.crash();
        waiting.led().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_and_a_lost_answer_cost_no_leadership() {
    let (cluster, a) = leader().await;
    let seen = cluster.faults().seen("update", LEASES);
    cluster
        .faults()
        .inject("update", LEASES, seen + 1, Fault::conflict());
    cluster
        .faults()
        .inject("update", LEASES, seen + 3, Fault::ResetAfter);
    // The version that a knows is outdated: its own write is the last one.
    for _ in 0..60 {
        sleep(seconds(1)).await;
        assert!(a.leads());
    }
    assert!(cluster.faults().seen("update", LEASES) > seen + 5);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_first_write_is_found_out() {
    let cluster = Cluster::builder().start();
    cluster
        .faults()
        .inject("create", LEASES, 1, Fault::ResetAfter);
    let a = Replica::start(&cluster, "a");
    assert!(a.led().await <= seconds(20));
    assert_eq!(holder(&cluster).await, "a");
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_a_person_gives_to_another_ends_leadership_at_the_next_renewal() {
    let (cluster, a) = leader().await;
    cluster
        .apply(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": { "name": NAME, "namespace": NAMESPACE },
            "spec": { "holderIdentity": "b" },
        }))
        .unwrap();
    a.leadership.lost().await;
    let lost = a.task.await.unwrap().unwrap_err();
    assert_eq!(
        lost.to_string(),
        r#"Lease kube-system/ecm-elb was taken by "b""#
    );
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lease_is_made_again_by_its_holder_and_not_taken_by_another() {
    let (cluster, a, b) = leader_and_waiting().await;
    Api::<Lease>::namespaced(Client::new(cluster.service(), NAMESPACE), NAMESPACE)
        .delete(NAME, &kube::api::DeleteParams::default())
        .await
        .unwrap();
    never_both(&a, &b, seconds(120)).await;
    assert!(a.leads());
    assert_eq!(holder(&cluster).await, "a");
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_is_taken_without_waiting_for_its_end() {
    let (cluster, a, b) = leader_and_waiting().await;
    a.release.cancel();
    assert_eq!(a.task.await.unwrap(), Ok(()));
    assert!(a.leadership.check().is_err());
    assert_eq!(holder(&cluster).await, "");
    let took = b.led().await;
    // Up to 4 s until b looks, then the write deadline.
    assert!(took <= seconds(15), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn releasing_does_not_touch_the_lease_of_another() {
    let (cluster, _a, b) = leader_and_waiting().await;
    b.release.cancel();
    assert_eq!(b.task.await.unwrap(), Ok(()));
    assert_eq!(holder(&cluster).await, "a");
}

#[tokio::test(start_paused = true)]
async fn rule_11_4_a_replica_paused_in_the_middle_of_a_create_writes_nothing_when_it_wakes() {
    let (cluster, a) = leader().await;
    let cloud = CloudOf::new(&a.leadership);
    cloud.gate.notify_one();
    let _ = cloud.create().await;
    assert_eq!(cloud.sent(), 1, "a leader's create is sent");

    let b = Replica::start(&cluster, "b");
    sleep(seconds(5)).await;
    // Paused between the look at the plan and the signature: the gate is closed.
    let create = tokio::spawn({
        let cloud = cloud.clone();
        async move { cloud.create().await }
    });
    sleep(seconds(1)).await;
    a.crash();
    a.clock.suspended_for(seconds(60));
    b.led().await;
    cloud.gate.notify_one();
    let error = create.await.unwrap().unwrap_err();
    assert_eq!(cloud.sent(), 1, "a replica that was replaced wrote");
    assert!(format!("{error:?}").contains("does not lead"), "{error:?}");
}

const LEASES: &str = "leases.coordination.k8s.io";

/// The cloud of one replica: credentials come when the test says so, and what is sent is counted.
#[derive(Clone)]
struct CloudOf {
    client: ens_openapi::Client,
    gate: Arc<Notify>,
    sent: Arc<Mutex<Vec<String>>>,
}

impl CloudOf {
    fn new(leadership: &Leadership) -> Self {
        let gate = Arc::new(Notify::new());
        let sent = Arc::<Mutex<Vec<String>>>::default();
        let client = ens_openapi::Client::builder(Gated(gate.clone()))
            .transport(Counting(sent.clone()))
            // The test holds the credentials back for longer than anybody would wait.
            .deadlines(ens_openapi::client::Deadlines {
                attempt: seconds(3_600),
                read: seconds(3_600),
            })
            .before_send(leadership.before_send())
            .build()
            .unwrap();
        Self { client, gate, sent }
    }

    async fn create(&self) -> Result<(), ens_openapi::Error> {
        self.client
            .create_eip(&CreateEipInstance::new("cn-hefei"))
            .await
            .map(|_| ())
    }

    fn sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

#[derive(Debug)]
struct Gated(Arc<Notify>);

#[async_trait]
impl ProvideCredentials for Gated {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        self.0.notified().await;
        Ok(Arc::new(Credentials::new("id", "secret")))
    }
}

#[derive(Debug)]
struct Counting(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Transport for Counting {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        self.0.lock().unwrap().push(request.uri().to_string());
        advance(Duration::from_millis(1)).await;
        Ok(http::Response::new(Bytes::from_static(
            br#"{"RequestId":"r","AllocationId":"eip-1"}"#,
        )))
    }
}
