//! The way from a controller process to the cloud and to the API server, without sockets. Every
//! call passes here: it is counted, delayed a little, hit by what the run has planned for it,
//! written down, and followed by a look at the invariants.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ens_openapi::layer::Attempt;
use ens_openapi::transport::{Transport, TransportError};
use ens_sim::cloud::{Cloud, Delivery};
use ens_sim::wire::Gateway;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use kube_sim::{ApiService, Cluster, ResponseBody};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::clock::Clock;
use super::process::{ELB_LEASE, LEASES, Process};
use super::{Config, Sent, View};
use crate::invariants::Monitor;
use crate::sandbox::{ACCESS_KEY_ID, ACCESS_KEY_SECRET};
use crate::transcript::{Call, Entry, Side, Transcript, What, is_read};
use crate::trouble::Trouble;

/// How long a process stands still: longer than a Lease lasts.
const STANDSTILL: Duration = Duration::from_secs(60);

/// An error of a face, as the clients take it.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Everything outside of the controller processes.
pub(crate) struct Wire {
    pub(super) cluster: Cluster,
    gateway: Mutex<Gateway>,
    clock: Clock,
    config: Config,
    random: Mutex<fastrand::Rng>,
    book: Mutex<Book>,
    /// A region, or a load balancer, about which no answer comes.
    silent: Mutex<Option<String>>,
    /// Told of each process that has ended by itself, by its number.
    killed: mpsc::UnboundedSender<u32>,
}

/// What has happened and what shall.
#[derive(Default)]
struct Book {
    calls: u64,
    writes: u64,
    last_trouble: Option<Duration>,
    transcript: Transcript,
    sent: Vec<Sent>,
    plan: BTreeMap<u64, Trouble>,
    monitor: Monitor,
}

impl Wire {
    pub(super) fn new(
        cluster: Cluster,
        gateway: Gateway,
        clock: Clock,
        config: Config,
        seed: u64,
        killed: mpsc::UnboundedSender<u32>,
    ) -> Self {
        Self {
            cluster,
            gateway: Mutex::new(gateway),
            clock,
            config,
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            book: Mutex::default(),
            silent: Mutex::default(),
            killed,
        }
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn random(&self) -> u64 {
        lock(&self.random).u64(..)
    }

    pub(super) fn silence(&self, id: Option<&str>) {
        *lock(&self.silent) = id.map(str::to_owned);
    }

    /// Whether a call names the region or the load balancer about which no answer comes.
    fn is_silent(&self, request: &Request<Bytes>) -> bool {
        let query = request.uri().query().unwrap_or_default();
        let silent = lock(&self.silent);
        query.split('&').any(|param| {
            let id = ["EnsRegionId=", "LoadBalancerId="].map(|key| param.strip_prefix(key));
            silent.is_some() && id.contains(&silent.as_deref())
        })
    }

    pub(super) fn plan(&self, call: u64, trouble: Trouble) {
        lock(&self.book).plan.insert(call, trouble);
    }

    pub(super) fn monitor<R>(&self, change: impl FnOnce(&mut Monitor) -> R) -> R {
        change(&mut lock(&self.book).monitor)
    }

    pub(super) fn calls(&self) -> u64 {
        lock(&self.book).calls
    }

    /// How many calls that change something were answered well.
    pub(super) fn writes(&self) -> u64 {
        lock(&self.book).writes
    }

    /// When something that was planned went wrong last.
    pub(super) fn last_trouble(&self) -> Option<Duration> {
        lock(&self.book).last_trouble
    }

    /// A process has sent a call to the cloud, and heard what came of it.
    pub(super) fn was_sent(&self, attempt: &Attempt<'_>) {
        let sent = Sent {
            action: attempt.action.name().to_owned(),
            priority: attempt.priority,
            caller: attempt.caller.unwrap_or_default().to_owned(),
        };
        lock(&self.book).sent.push(sent);
    }

    /// All calls to the cloud, in the order in which they ended.
    pub(super) fn sent(&self) -> Vec<Sent> {
        lock(&self.book).sent.clone()
    }

    pub(super) fn transcript(&self) -> Transcript {
        lock(&self.book).transcript.clone()
    }

    /// The cloud as it is now.
    pub(super) fn cloud<R>(&self, look: impl FnOnce(&mut Cloud) -> R) -> R {
        let mut gateway = lock(&self.gateway);
        gateway.cloud_mut().settle(self.clock.cloud());
        look(gateway.cloud_mut())
    }

    /// From now on the AccessKey of the controllers is this account's.
    pub(super) fn use_account(&self, account: &str) {
        lock(&self.gateway).add_key_of(ACCESS_KEY_ID, ACCESS_KEY_SECRET, account);
    }

    pub(super) fn view(&self) -> View {
        let cloud = self.cloud(|cloud| cloud.snapshot());
        View::new(&self.cluster, cloud)
    }

    pub(super) fn note(&self, what: What) {
        let at = self.clock.elapsed();
        lock(&self.book).transcript.entries.push(Entry { at, what });
    }

    /// Looks whether the invariants that hold at every instant do.
    pub(super) fn check(&self) {
        if !self.config.check_always {
            return;
        }
        let view = self.view();
        let violations = self.cloud(|cloud| {
            let now = self.clock.cloud();
            lock(&self.book).monitor.look(&view, cloud, now)
        });
        for text in violations {
            self.note(What::Violation(text));
        }
    }

    /// One more client connects through each port under load, and ends its connection after `life`, or never.
    pub(super) fn connect(&self, life: Option<Duration>) {
        let view = self.view();
        let violations = self.cloud(|cloud| {
            let now = self.clock.cloud();
            lock(&self.book).monitor.connect(&view, cloud, now, life)
        });
        for text in violations {
            self.note(What::Violation(text));
        }
    }

    /// A small delay, as every way has one: it lets calls overtake each other.
    async fn delay(&self, longest: Duration) {
        let part = lock(&self.random).f64();
        sleep(longest.mul_f64(part)).await;
    }

    /// Counts a call that has arrived, and says what goes wrong with it.
    fn arrive(&self) -> (u64, Option<Trouble>) {
        let mut book = lock(&self.book);
        book.calls += 1;
        let number = book.calls;
        let trouble = book.plan.remove(&number);
        if trouble.is_some() {
            book.last_trouble = Some(self.clock.elapsed());
        }
        (number, trouble)
    }

    fn kill(&self, process: &Process, when: &str, number: u64) {
        process.die();
        let text = format!("process {} dies {when} call {number}", process.number);
        self.note(What::Note(text));
        self.has_died(process.number);
    }

    /// A process has ended: another one is to be started in its place.
    pub(super) fn has_died(&self, number: u32) {
        // Nobody listens any more when the world itself ends.
        let _ = self.killed.send(number);
    }

    /// Whether a process leads the elb half, as the cluster has it.
    pub(super) fn is_leader(&self, process: &Process) -> bool {
        if self.config.replicas < 2 {
            return process.leads();
        }
        let lease = self
            .cluster
            .get("coordination.k8s.io/v1", "Lease", LEASES, ELB_LEASE);
        lease.is_ok_and(|lease| lease["spec"]["holderIdentity"] == process.identity())
    }

    /// For so long nothing reaches a process, and nothing of it arrives.
    pub(super) fn stand_still(&self, process: &Process, time: Duration) {
        process.stand_still(time);
        let now = self.clock.cloud();
        self.monitor(|monitor| monitor.hangs(now, now.after(time)));
    }

    fn may_stand_still(&self, process: &Process, trouble: Option<Trouble>, number: u64) {
        if trouble == Some(Trouble::StandStill) {
            self.stand_still(process, STANDSTILL);
            let text = format!(
                "process {} stands still after call {number}",
                process.number
            );
            self.note(What::Note(text));
        }
    }

    /// Writes a call down and looks at what it did.
    fn record(&self, call: Call, has_succeeded: bool) {
        let is_write = call.is_write;
        self.note(What::Call(call));
        if is_write {
            if has_succeeded {
                lock(&self.book).writes += 1;
            }
            self.check();
        }
    }
}

/// A dead process hears nothing any more.
async fn silence<T>() -> T {
    std::future::pending().await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cloud as a process reaches it.
#[derive(Clone)]
pub(super) struct CloudFace {
    wire: Arc<Wire>,
    process: Arc<Process>,
}

impl CloudFace {
    pub(super) fn new(wire: Arc<Wire>, process: Arc<Process>) -> Self {
        Self { wire, process }
    }
}

impl fmt::Debug for CloudFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudFace").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for CloudFace {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let (wire, process) = (&self.wire, &self.process);
        wire.delay(wire.config.cloud_delay).await;
        process.awake().await;
        if process.is_dead() || wire.is_silent(&request) {
            return silence().await;
        }
        let (number, trouble) = wire.arrive();
        if trouble == Some(Trouble::KillBefore) {
            wire.kill(process, "before", number);
            return silence().await;
        }
        let action = request
            .headers()
            .get("x-acs-action")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let reply = {
            let mut gateway = lock(&wire.gateway);
            if let Some(fault) = trouble.and_then(Trouble::fault) {
                let nth = gateway.cloud().journal().count(&action) + 1;
                let faults = &mut gateway.cloud_mut().config_mut().faults;
                *faults = std::mem::take(faults).at(&action, nth, fault);
            }
            gateway.answer(&request, wire.clock.cloud())
        };
        let (detail, code) = wire.cloud(|cloud| {
            let call = cloud.journal().calls.back();
            call.filter(|call| call.action == action)
                .map_or_else(Default::default, |call| {
                    (format!("{:?}", call.params), call.code.clone())
                })
        });
        if let Some(trouble) = trouble {
            wire.note(What::Note(format!("call {number}: {trouble}")));
        }
        let status = reply.response.status();
        let is_write = !is_read(&action);
        if is_write && !wire.is_leader(process) {
            let text = format!(
                "S3: process {} does not lead and sent {action}",
                process.number
            );
            wire.note(What::Violation(text));
        }
        wire.record(
            Call {
                number,
                process: process.number,
                side: Side::Cloud,
                verb: action,
                detail,
                is_write,
                answer: match code {
                    Some(code) => format!("{} {code}", status.as_u16()),
                    None => status.as_u16().to_string(),
                },
            },
            status.is_success(),
        );
        if trouble == Some(Trouble::KillAfter) {
            wire.kill(process, "after", number);
            return silence().await;
        }
        wire.may_stand_still(process, trouble, number);
        match reply.delivery {
            Delivery::Now => wire.delay(wire.config.cloud_delay).await,
            Delivery::After(wait) => sleep(wait).await,
            Delivery::Lost => {
                sleep(Duration::from_secs(1)).await;
                return Err(TransportError::Exchange("the connection broke".into()));
            }
        }
        process.awake().await;
        if process.is_dead() {
            return silence().await;
        }
        Ok(reply.response)
    }
}

/// The API server as a process reaches it: the service of a `kube::Client`.
#[derive(Clone)]
pub(super) struct ClusterFace {
    wire: Arc<Wire>,
    process: Arc<Process>,
    server: ApiService,
}

impl ClusterFace {
    pub(super) fn new(wire: Arc<Wire>, process: Arc<Process>) -> Self {
        let server = wire.cluster.service();
        Self {
            wire,
            process,
            server,
        }
    }

    async fn answer(
        mut self,
        request: Request<kube::client::Body>,
    ) -> Result<Response<ResponseBody>, BoxError> {
        use tower::Service as _;
        let (wire, process) = (&self.wire, &self.process);
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let query = head.uri.query().unwrap_or_default();
        let is_watch = query.contains("watch=true");
        let mut detail = head.uri.path().to_owned();
        let verb = head.method.to_string();
        let named = self.server.named(&head.method, head.uri.path());
        if !body.is_empty() {
            detail.push(' ');
            detail.push_str(&String::from_utf8_lossy(&body));
        }
        let request = Request::from_parts(head, Full::new(body));
        wire.delay(wire.config.cluster_delay).await;
        process.awake().await;
        if process.is_dead() {
            return silence().await;
        }
        if is_watch {
            let answer = self.server.call(request).await?;
            return Ok(answer);
        }
        let (number, trouble) = wire.arrive();
        if trouble == Some(Trouble::KillBefore) {
            wire.kill(process, "before", number);
            return silence().await;
        }
        if let (Some(fault), Some((fault_verb, resource))) =
            (trouble.and_then(Trouble::cluster_fault), &named)
        {
            let faults = wire.cluster.faults();
            let nth = faults.seen(fault_verb, resource) + 1;
            faults.inject(fault_verb, resource, nth, fault);
            wire.note(What::Note(format!(
                "call {number}: {}",
                trouble.map_or_else(String::new, |trouble| trouble.to_string())
            )));
        }
        let answer = self.server.call(request).await;
        let (text, has_succeeded) = match &answer {
            Ok(answer) => (
                answer.status().as_u16().to_string(),
                answer.status().is_success(),
            ),
            Err(error) => (error.to_string(), false),
        };
        wire.record(
            Call {
                number,
                process: process.number,
                side: Side::Cluster,
                // A Lease is renewed all the time, and is not what the controllers are about.
                is_write: verb != "GET" && !detail.contains("/leases"),
                verb,
                detail,
                answer: text,
            },
            has_succeeded,
        );
        if trouble == Some(Trouble::KillAfter) {
            wire.kill(process, "after", number);
            return silence().await;
        }
        wire.may_stand_still(process, trouble, number);
        wire.delay(wire.config.cluster_delay).await;
        process.awake().await;
        if process.is_dead() {
            return silence().await;
        }
        Ok(answer?)
    }
}

impl tower::Service<Request<kube::client::Body>> for ClusterFace {
    type Response = Response<ResponseBody>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        Box::pin(self.clone().answer(request))
    }
}
