//! A cluster, a cloud and the controllers in one thread, on paused time, without sockets.
//!
//! The controllers run as they do in production, through [`ecm_reconciler::Controllers`]; what is
//! played is all that they talk to. The same seed gives the same run, call by call.

mod clock;
mod process;
mod topology;
mod view;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ens_openapi::rate_limit::Priority;
use ens_sim::Timestamp;
use ens_sim::cloud::{
    Cloud, Fault, FaultPlan, FaultRule, Latency, Method, Protocol, RateLimits, Request, Response,
    Switches, When,
};
use ens_sim::wire::Gateway;
use kube_sim::{Cluster, Status};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::invariants::Monitor;
use crate::node::ready;
use crate::sandbox::{ACCESS_KEY_ID, ACCESS_KEY_SECRET};
use crate::transcript::{Transcript, What};
use crate::trouble::Trouble;
pub use clock::Clock;
use process::Process;
pub use topology::{Pool, Topology};
pub use view::View;
use wire::Wire;

/// How a world is made.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one choice of its own"
)]
pub struct Config {
    /// Pools and nodes.
    pub topology: Topology,
    /// How long the cloud takes.
    pub latency: Latency,
    /// The open questions about the cloud.
    pub switches: Switches,
    /// Whether the cloud enforces the published rates.
    pub rate_limits: RateLimits,
    /// Whether the controllers keep to half of the published rates, as `ecm run` does.
    pub local_rate_limit: bool,
    /// Longest time on the way to the cloud, and back.
    pub cloud_delay: Duration,
    /// Longest time on the way to the API server, and back.
    pub cluster_delay: Duration,
    /// How long a process that died stays away.
    pub restart_after: Duration,
    /// Whether the controllers of the control plane (pods, endpoints, garbage) are played.
    pub play: bool,
    /// Whether S1 to S6 are looked at after every write.
    pub check_always: bool,
    /// Whether the cloud keeps its past, for stale reads.
    pub keep_past: bool,
    /// How many controller processes there are. More than one elect a leader for each half, as `ecm run` does; a single
    /// one leads until it is told otherwise.
    pub replicas: usize,
    /// Whether a process hears that it does not lead. One that does not is a broken one: it shows
    /// that its writes are noticed.
    pub knows_whether_it_leads: bool,
}

impl Default for Config {
    /// The guide's pools, a cloud of the speed of a real one, everything looked at.
    fn default() -> Self {
        Self {
            topology: Topology::guide(),
            latency: Latency::real(),
            switches: Switches::default(),
            rate_limits: RateLimits::Published,
            local_rate_limit: true,
            cloud_delay: Duration::from_millis(40),
            cluster_delay: Duration::from_millis(4),
            restart_after: Duration::from_secs(5),
            play: true,
            check_always: true,
            keep_past: false,
            replicas: 1,
            knows_whether_it_leads: true,
        }
    }
}

/// Why a world was not made.
#[derive(Debug, Error)]
pub enum WorldError {
    /// The cloud cannot be built.
    #[error("building the cloud")]
    Cloud(#[from] ens_sim::cloud::WorldError),
    /// A custom resource definition is not JSON; the types do not allow that.
    #[error("encoding a custom resource definition")]
    Encode(#[from] serde_json::Error),
    /// The cloud refused a person's call.
    #[error("{action} was refused: {body}")]
    RefusedByCloud {
        /// Which.
        action: String,
        /// What the cloud said.
        body: Value,
    },
    /// The API server refused an object.
    #[error("{what} was refused: {status}")]
    Refused {
        /// Which.
        what: String,
        /// What the API server said.
        status: Status,
    },
}

/// A call to the cloud, as the rate limit of a controller process saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The action.
    pub action: String,
    /// How urgent it was.
    pub priority: Priority,
    /// On whose behalf it was sent: a PoolService, or a region for its lists.
    pub caller: String,
}

/// A world. Must be made and used inside a runtime of one thread with paused time.
pub struct World {
    wire: Arc<Wire>,
    replicas: Arc<Mutex<Replicas>>,
    supervisor: JoinHandle<()>,
    /// Who puts ports under load.
    clients: Mutex<Option<AbortOnDropHandle<()>>>,
}

/// The time from one client of a port under load to the next.
const BETWEEN_CLIENTS: Duration = Duration::from_millis(200);

/// How long most of their connections last.
const SHORT: Duration = Duration::from_secs(2);

/// The controller processes that run now.
#[derive(Default)]
struct Replicas {
    /// One for each replica.
    slots: Vec<Slot>,
    /// How many processes were started so far.
    started: u32,
}

/// Where one replica runs; its processes come and go.
#[derive(Default)]
struct Slot {
    process: Option<Arc<Process>>,
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl World {
    /// Makes a world and starts a controller process in it. `seed` decides every id, delay and
    /// random number.
    ///
    /// # Errors
    /// When the topology contradicts itself.
    pub fn start(config: Config, seed: u64) -> Result<Self, WorldError> {
        let world = Self::without_controllers(config, seed)?;
        world.start_process();
        Ok(world)
    }

    /// The same, with the controllers not started.
    ///
    /// # Errors
    /// When the topology contradicts itself.
    pub fn without_controllers(config: Config, seed: u64) -> Result<Self, WorldError> {
        fastrand::seed(seed);
        let clock = Clock::start();
        let cluster = Cluster::builder()
            .seed(seed)
            .clock(kube_sim::Clock::new(move || clock.now()))
            .start();
        furnish(&cluster, &config.topology)?;
        if config.play {
            let _ = cluster.play();
        }
        let mut faults = FaultPlan::default();
        if config.keep_past {
            // A cloud keeps its past only where some rule may ask for it.
            faults.rules.push(FaultRule {
                action: Some("DescribeNothing".to_owned()),
                when: When::Nth(u64::MAX),
                fault: Fault::Stale(Duration::from_secs(30)),
            });
        }
        let cloud = Cloud::new(
            ens_sim::cloud::Config {
                world: config.topology.cloud(),
                latency: config.latency,
                switches: config.switches,
                rate_limits: config.rate_limits,
                faults,
                ..ens_sim::cloud::Config::default()
            },
            seed,
        )?;
        let mut gateway = Gateway::new(cloud);
        gateway.add_key(ACCESS_KEY_ID, ACCESS_KEY_SECRET);
        let mut slots = Vec::new();
        slots.resize_with(config.replicas, Slot::default);
        let replicas = Arc::new(Mutex::new(Replicas { slots, started: 0 }));
        let (killed, deaths) = mpsc::unbounded_channel();
        let wire = Arc::new(Wire::new(cluster, gateway, clock, config, seed, killed));
        let supervisor = tokio::spawn(supervise(wire.clone(), replicas.clone(), deaths));
        let world = Self {
            wire,
            replicas,
            supervisor,
            clients: Mutex::default(),
        };
        world.remember_foreign();
        Ok(world)
    }

    /// What goes wrong with a call: the `call`th of the run, from 1.
    pub fn plan(&self, call: u64, trouble: Trouble) {
        self.wire.plan(call, trouble);
    }

    /// From now on nobody answers calls that name this region or load balancer; with `None` every call is answered.
    pub fn silence(&self, id: Option<&str>) {
        self.wire.silence(id);
    }

    /// The time of this world.
    pub fn clock(&self) -> Clock {
        self.wire.clock()
    }

    /// The cluster, for what people do in it.
    pub fn cluster(&self) -> &Cluster {
        &self.wire.cluster
    }

    /// The cloud, as it is now, for what people do in it.
    pub fn cloud<R>(&self, change: impl FnOnce(&mut Cloud) -> R) -> R {
        self.wire.cloud(change)
    }

    /// A call of the cloud by a person of the same account, who meets no delay and no trouble. Gives
    /// the body of the answer.
    ///
    /// # Errors
    /// As the cloud refuses.
    pub fn call_cloud(&self, action: &str, params: &[(&str, &str)]) -> Result<Value, WorldError> {
        let now = self.clock().cloud();
        let response = self.cloud(|cloud| persons_call(cloud, action, params, now));
        if response.status == 200 {
            return Ok(response.body);
        }
        Err(WorldError::RefusedByCloud {
            action: action.to_owned(),
            body: response.body,
        })
    }

    /// Somebody gives the controllers credentials of this account. Only the first one sees the
    /// cloud of this world; any other one sees an empty cloud.
    pub fn use_account(&self, account: &str) {
        self.wire.use_account(account);
    }

    /// Cluster and cloud as they are now.
    pub fn view(&self) -> View {
        self.wire.view()
    }

    /// What happened so far.
    pub fn transcript(&self) -> Transcript {
        self.wire.transcript()
    }

    /// When something that was planned went wrong last, since the start.
    pub fn last_trouble(&self) -> Option<Duration> {
        self.wire.last_trouble()
    }

    /// All calls of the controllers to the cloud so far, in the order in which they ended.
    pub fn sent(&self) -> Vec<Sent> {
        self.wire.sent()
    }

    /// How many external calls there were so far, watches left aside.
    pub fn calls(&self) -> u64 {
        self.wire.calls()
    }

    /// How many of them changed something.
    pub fn writes(&self) -> u64 {
        self.wire.writes()
    }

    /// Writes a step of a scenario down, and looks at the invariants.
    pub fn step(&self, text: impl Into<String>) {
        self.wire.note(What::Step(text.into()));
        self.wire.check();
    }

    /// Writes down what does not hold.
    pub fn violation(&self, text: impl Into<String>) {
        self.wire.note(What::Violation(text.into()));
    }

    /// Changes what the invariants watch for.
    pub fn watch_for(&self, change: impl FnOnce(&mut Monitor)) {
        self.wire.monitor(change);
    }

    /// From now on clients connect five times a second through a port of the address that a PoolService publishes; most
    /// end their connections after two seconds, one in ten never does. What is lost is a violation of S6, unless it was
    /// said that it may be ([`Monitor::may_lose`]). Says whether there is an address.
    pub fn put_under_load(&self, pool_service: &str, protocol: Protocol, port: u16) -> bool {
        let view = self.view();
        let is_there = self
            .wire
            .monitor(|monitor| monitor.put_under_load(&view, pool_service, protocol, port));
        let wire = self.wire.clone();
        let mut clients = lock(&self.clients);
        if is_there && clients.is_none() {
            *clients = Some(AbortOnDropHandle::new(tokio::spawn(async move {
                for client in 0_u64.. {
                    wire.connect((client % 10 > 0).then_some(SHORT));
                    sleep(BETWEEN_CLIENTS).await;
                }
            })));
        }
        is_there
    }

    /// What of a person's is in the cloud now has to stay as it is; calls up to now were a person's.
    pub fn remember_foreign(&self) {
        let view = self.view();
        let calls = self.cloud(|cloud| cloud.journal().total());
        self.wire
            .monitor(|monitor| monitor.remember_foreign(&view, calls));
    }

    /// Creates an object, or merges it into the one that exists.
    ///
    /// # Errors
    /// As the API server answers.
    pub fn apply(&self, object: Value) -> Result<(), WorldError> {
        apply(&self.wire.cluster, object)
    }

    /// Deletes an object as `kubectl delete` does. One that is not there is fine.
    pub fn delete(&self, api_version: &str, kind: &str, namespace: &str, name: &str) {
        // What is gone already is what was wanted.
        let _ = self.wire.cluster.delete(api_version, kind, namespace, name);
    }

    /// Sets the `Ready` condition of a node: `True`, `False` or `Unknown`.
    ///
    /// # Errors
    /// As the API server answers.
    pub fn set_node_ready(&self, node: &str, status: &str) -> Result<(), WorldError> {
        self.apply(json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": { "name": node },
            "status": { "conditions": [ready(status)] },
        }))
    }

    /// Ends the controller process that leads at once, in the middle of whatever it does.
    pub fn kill(&self) {
        let leader = self.leader();
        lock(&self.replicas).slots[leader].kill();
    }

    /// Asks the controller process that leads to end, waits for that, and starts another one in its place.
    pub async fn restart(&self) {
        let leader = self.leader();
        self.stop_one(leader).await;
        start(&self.wire, &self.replicas, leader);
    }

    /// Asks all controller processes to end, and waits for that.
    pub async fn stop(&self) {
        for slot in 0..self.wire.config().replicas {
            self.stop_one(slot).await;
        }
    }

    async fn stop_one(&self, slot: usize) {
        let number = |slot: &Slot| slot.process.as_ref().map(|process| process.number);
        let (stopped, task) = {
            let slot = &mut lock(&self.replicas).slots[slot];
            slot.stop.cancel();
            (number(slot), slot.task.take())
        };
        if let Some(task) = task {
            // A process that was killed meanwhile has ended as well.
            let _ = task.await;
        }
        let slot = &mut lock(&self.replicas).slots[slot];
        // Another one may have been started in its place by now.
        if number(slot) == stopped {
            slot.process = None;
        }
    }

    /// For so long nothing reaches the controller process that leads, and nothing that it sends arrives; then it goes
    /// on where it was. So it is for one whose machine hangs.
    pub fn stand_still(&self, time: Duration) {
        let leader = self.leader();
        if let Some(process) = &lock(&self.replicas).slots[leader].process {
            self.wire.stand_still(process, time);
        }
    }

    /// Starts a controller process wherever none runs.
    pub fn start_process(&self) {
        for slot in 0..self.wire.config().replicas {
            start(&self.wire, &self.replicas, slot);
        }
    }

    /// Number of the controller process that holds the Lease of the elb half; without an election, of the only one.
    pub fn leading_process(&self) -> Option<u32> {
        let leader = self.leader();
        let replicas = lock(&self.replicas);
        let process = replicas.slots[leader].process.as_ref()?;
        self.wire.is_leader(process).then_some(process.number)
    }

    /// The replica that leads; the first one where none does.
    fn leader(&self) -> usize {
        let replicas = lock(&self.replicas);
        let leads = |slot: &Slot| {
            let process = slot.process.as_ref();
            process.is_some_and(|process| self.wire.is_leader(process))
        };
        replicas.slots.iter().position(leads).unwrap_or_default()
    }

    /// Takes the right to write to the cloud from the only process that runs, or gives it back.
    pub fn set_leads(&self, leads: bool) {
        for slot in &lock(&self.replicas).slots {
            if let Some(process) = &slot.process {
                process.set_leads(leads);
            }
        }
    }

    /// Something that changes with everything that happens in the world.
    pub fn stamp(&self) -> (u64, u64, usize) {
        let (calls, pending) =
            self.cloud(|cloud| (cloud.journal().total(), cloud.next_transition().is_some()));
        (
            self.wire.cluster.api().revision(),
            calls,
            usize::from(pending),
        )
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.supervisor.abort();
        for slot in &mut lock(&self.replicas).slots {
            slot.kill();
        }
    }
}

impl Slot {
    fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.die();
        }
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

/// Starts a process anew where one has died, as a kubelet does.
async fn supervise(
    wire: Arc<Wire>,
    replicas: Arc<Mutex<Replicas>>,
    mut deaths: mpsc::UnboundedReceiver<u32>,
) {
    while let Some(number) = deaths.recv().await {
        let slot = {
            let mut replicas = lock(&replicas);
            let is_dead = |slot: &Slot| {
                let process = slot.process.as_ref();
                process.is_some_and(|process| process.number == number)
            };
            let slot = replicas.slots.iter().position(is_dead);
            if let Some(slot) = slot {
                replicas.slots[slot].kill();
            }
            slot
        };
        if let Some(slot) = slot {
            sleep(wire.config().restart_after).await;
            start(&wire, &replicas, slot);
        }
    }
}

fn start(wire: &Arc<Wire>, replicas: &Mutex<Replicas>, slot: usize) {
    let mut replicas = lock(replicas);
    if replicas.slots[slot].process.is_some() {
        return;
    }
    replicas.started += 1;
    let process = Arc::new(Process::new(replicas.started));
    let stop = CancellationToken::new();
    wire.note(What::Note(format!("process {} starts", process.number)));
    let task = tokio::spawn({
        let (wire, process, stop) = (wire.clone(), process.clone(), stop.clone());
        async move {
            let number = process.number;
            if let Err(error) = process::run(wire.clone(), process, stop).await {
                wire.note(What::Note(format!("process {number} ends: {error}")));
                wire.has_died(number);
            }
        }
    });
    replicas.slots[slot] = Slot {
        process: Some(process),
        stop,
        task: Some(task),
    };
}

fn furnish(cluster: &Cluster, topology: &Topology) -> Result<(), WorldError> {
    let crds = [
        poolservice_api::pool_service_crd(),
        poolservice_api::node_pool_crd(),
    ];
    for crd in &crds {
        apply(cluster, serde_json::to_value(crd)?)?;
    }
    topology
        .objects()
        .into_iter()
        .try_for_each(|object| apply(cluster, object))
}

/// A call of the cloud by a person of its account, who meets no delay and no trouble.
pub(crate) fn persons_call(
    cloud: &mut Cloud,
    action: &str,
    params: &[(&str, &str)],
    now: Timestamp,
) -> Response {
    // The only one of a person's calls here that takes no POST.
    let method = match action {
        "DescribeLoadBalancers" => Method::Get,
        _ => Method::Post,
    };
    let params = params.iter();
    let request = Request {
        account: cloud.config().account.clone(),
        method,
        action: action.to_owned(),
        params: params
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    };
    cloud.handle(&request, now).response
}

fn apply(cluster: &Cluster, object: Value) -> Result<(), WorldError> {
    let what = format!("{} {}", object["kind"], object["metadata"]["name"]);
    cluster
        .apply(object)
        .map(|_| ())
        .map_err(|status| WorldError::Refused { what, status })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
