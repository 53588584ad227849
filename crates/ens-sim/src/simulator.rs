//! A cloud with its HTTP face and its data plane, as one value to start and stop.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::cloud::{
    Cloud, Config, FaultPlan, Journal, Latency, Protocol, Quotas, RateLimits, Snapshot, Switches,
    World, WorldError,
};
use crate::dataplane::{AddressBlock, BlockError, Dataplane};
use crate::http;
use crate::state_file::{self, Keeper, StateFileError};
use crate::time::Timestamp;
use crate::wire::Gateway;

/// Tells the time. The default starts at the wall clock's time and runs on with tokio's clock, so it never goes back.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The world contradicts itself.
    #[error("the world cannot be built")]
    World(#[from] WorldError),
    /// No block of loopback addresses is free for EIPs.
    #[error("no block of loopback addresses could be taken for EIPs")]
    AddressBlock(#[from] BlockError),
    /// The state file cannot be used.
    #[error(transparent)]
    StateFile(#[from] StateFileError),
    /// The address of the endpoint cannot be listened on.
    #[error("the endpoint cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Why an instance's address was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstanceAddressError {
    /// There is no such instance.
    #[error("there is no instance {0}")]
    UnknownInstance(String),
    /// The address belongs to the block that EIPs are taken from.
    #[error(
        "{0} is in the simulator's own block of EIP addresses; nodes need addresses outside of 127.64.0.0/10"
    )]
    InEipBlock(Ipv4Addr),
    /// Traffic would leave this machine.
    #[error("{0} is not an address of this machine's loopback network, 127.0.0.0/8")]
    NotLoopback(Ipv4Addr),
}

/// How a simulator is set up; see [`Simulator::builder`].
#[derive(Clone)]
#[must_use]
pub struct Builder {
    config: Config,
    keys: Vec<(String, String)>,
    seed: u64,
    listen: String,
    data_plane: bool,
    health_check_speedup: u32,
    clock: Option<Clock>,
    state_file: Option<PathBuf>,
}

impl Builder {
    /// Adds an AccessKey of the account that owns the world. Without one nobody can call.
    pub fn credentials(mut self, id: &str, secret: &str) -> Self {
        self.keys.push((id.to_owned(), secret.to_owned()));
        self
    }

    /// Seed of ids, of faults by chance, and of the first block of addresses that is tried. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How long asynchronous changes take. Default [`Latency::fast`].
    pub fn latency(mut self, latency: Latency) -> Self {
        self.config.latency = latency;
        self
    }

    /// The open questions about the real cloud.
    pub fn switches(mut self, switches: Switches) -> Self {
        self.config.switches = switches;
        self
    }

    /// Requests per second and user. Default: the published rates.
    pub fn rate_limits(mut self, limits: RateLimits) -> Self {
        self.config.rate_limits = limits;
        self
    }

    /// How much may be bought. Default: everything.
    pub fn quotas(mut self, quotas: Quotas) -> Self {
        self.config.quotas = quotas;
        self
    }

    /// What goes wrong. Default: nothing.
    pub fn faults(mut self, faults: FaultPlan) -> Self {
        self.config.faults = faults;
        self
    }

    /// What stands there before the first call. Default: [`World::guide`].
    pub fn world(mut self, world: World) -> Self {
        self.config.world = world;
        self
    }

    /// Address and port of the endpoint. Default `127.0.0.1:0`: a free port.
    pub fn listen(mut self, address: &str) -> Self {
        address.clone_into(&mut self.listen);
        self
    }

    /// Whether EIPs really accept and forward traffic. Default: yes on Linux, where all of 127.0.0.0/8 can be bound;
    /// elsewhere it cannot be had.
    pub fn data_plane(mut self, on: bool) -> Self {
        self.data_plane = on && cfg!(target_os = "linux");
        self
    }

    /// Divides intervals and timeouts of health checks, so that a demonstration or a test need not wait. Default 1.
    pub fn health_check_speedup(mut self, factor: u32) -> Self {
        self.health_check_speedup = factor.max(1);
        self
    }

    /// Keeps the cloud in a file: it starts as the file says, where there is one, and is written there at the start,
    /// after every call before the caller hears of it, and after every other change. So a process that is killed at any
    /// instant loses nothing that anybody was told. The file holds what [`Cloud::save`] does; temporary keys and nonces
    /// are not kept. Default: none.
    pub fn state_file(mut self, path: &Path) -> Self {
        self.state_file = Some(path.to_owned());
        self
    }

    /// Another source of time.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Starts it on the current tokio runtime.
    ///
    /// # Errors
    /// The world contradicts itself, the state file cannot be read, understood or written, or the system denies the
    /// endpoint's port or a block of addresses.
    pub async fn start(mut self) -> Result<Simulator, StartError> {
        let restored = match &self.state_file {
            Some(path) => state_file::read(path, self.config.clone())?,
            None => None,
        };
        let block = match &restored {
            _ if !self.data_plane => None,
            // The EIPs have to keep their addresses.
            Some(cloud) => Some(AddressBlock::take_at(cloud.config().eip_pool.0)?),
            None => Some(AddressBlock::take(self.seed)?),
        };
        if let Some(block) = &block {
            self.config.eip_pool = (block.first(), AddressBlock::SIZE);
        }
        let cloud = match restored {
            Some(cloud) => cloud,
            None => Cloud::new(self.config, self.seed)?,
        };
        let mut keeper = self.state_file.map(Keeper::new);
        if let (Some(keeper), Ok(text)) = (&mut keeper, cloud.save()) {
            keeper.keep(text).await?;
        }
        let mut gateway = Gateway::new(cloud);
        for (id, secret) in &self.keys {
            gateway.add_key(id, secret);
        }
        let refused = |source| StartError::Listen {
            address: self.listen.clone(),
            source,
        };
        let listener = TcpListener::bind(&self.listen).await.map_err(refused)?;
        let endpoint = listener.local_addr().map_err(refused)?;

        let shared = Arc::new(Shared {
            gateway: Mutex::new(gateway),
            clock: self.clock.unwrap_or_else(system_clock),
            keeper: keeper.map(tokio::sync::Mutex::new),
            changed: Notify::new(),
            revision: watch::Sender::new(0),
        });
        let (tasks, cancel) = (TaskTracker::new(), CancellationToken::new());
        let dataplane = block.map(|block| {
            Arc::new(Dataplane::new(
                Arc::clone(&shared),
                block,
                self.health_check_speedup,
                tasks.clone(),
                cancel.clone(),
            ))
        });
        tasks.spawn(drive(
            Arc::clone(&shared),
            dataplane.clone(),
            cancel.clone(),
        ));
        tasks.spawn(http::serve(
            listener,
            Arc::clone(&shared),
            dataplane.clone(),
            tasks.clone(),
            cancel.clone(),
        ));
        tracing::info!(%endpoint, "the simulated ENS listens");
        Ok(Simulator {
            endpoint,
            shared,
            dataplane,
            tasks,
            _cancel: cancel.clone().drop_guard(),
            cancel,
        })
    }
}

/// A running simulator. Dropping it stops everything; [`Simulator::shutdown`] also waits until all ports are free.
pub struct Simulator {
    endpoint: SocketAddr,
    shared: Arc<Shared>,
    dataplane: Option<Arc<Dataplane>>,
    tasks: TaskTracker,
    cancel: CancellationToken,
    _cancel: DropGuard,
}

impl Simulator {
    /// A set-up with the guide's world, fast latencies and a free port of loopback.
    pub fn builder() -> Builder {
        Builder {
            config: Config {
                latency: Latency::fast(),
                ..Config::default()
            },
            keys: Vec::new(),
            seed: 0,
            listen: "127.0.0.1:0".to_owned(),
            data_plane: cfg!(target_os = "linux"),
            health_check_speedup: 1,
            clock: None,
            state_file: None,
        }
    }

    /// URL of the API, such as `http://127.0.0.1:43210`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.endpoint)
    }

    /// Changes the cloud behind everybody's back (faults, switches, instances). The data plane follows right after.
    pub fn with_cloud<R>(&self, change: impl FnOnce(&mut Cloud) -> R) -> R {
        let result = {
            let mut gateway = self.shared.gateway();
            let now = self.shared.now();
            gateway.cloud_mut().settle(now);
            change(gateway.cloud_mut())
        };
        self.shared.changed.notify_one();
        result
    }

    /// The time of the cloud.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// What the account holds now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.look(Cloud::snapshot)
    }

    /// The record of money and harm so far.
    #[must_use]
    pub fn journal(&self) -> Journal {
        self.look(|cloud| cloud.journal().clone())
    }

    /// Looks at the cloud as it is now.
    pub fn look<R>(&self, look: impl FnOnce(&Cloud) -> R) -> R {
        let mut gateway = self.shared.gateway();
        let now = self.shared.now();
        gateway.cloud_mut().settle(now);
        look(gateway.cloud())
    }

    /// Waits until `condition` holds for the cloud. It is looked at after each call and each transition.
    pub async fn wait_until(&self, mut condition: impl FnMut(&Cloud) -> bool) {
        let mut revision = self.shared.revision();
        while !self.look(&mut condition) {
            if revision.changed().await.is_err() {
                return;
            }
        }
    }

    /// Where a TCP listener really accepts: the same address, and the port, or port + 20000 where this process may not
    /// bind ports below 1024. `None` while nothing listens there.
    #[must_use]
    pub fn bound_address(&self, address: Ipv4Addr, port: u16) -> Option<SocketAddr> {
        self.dataplane.as_ref()?.bound(address, Protocol::Tcp, port)
    }

    /// The same for a UDP listener.
    #[must_use]
    pub fn bound_udp_address(&self, address: Ipv4Addr, port: u16) -> Option<SocketAddr> {
        self.dataplane.as_ref()?.bound(address, Protocol::Udp, port)
    }

    /// Every bound TCP and UDP front, by (address, protocol, port) of the cloud.
    #[must_use]
    pub fn bound_addresses(&self) -> BTreeMap<(Ipv4Addr, Protocol, u16), SocketAddr> {
        self.dataplane
            .as_ref()
            .map(|dataplane| dataplane.all_bound())
            .unwrap_or_default()
    }

    /// First address of the /24 that EIPs are taken from; `None` without a data plane.
    #[must_use]
    pub fn address_block(&self) -> Option<Ipv4Addr> {
        self.dataplane
            .as_ref()
            .map(|dataplane| dataplane.block().first())
    }

    /// Says at which loopback address the node ports of an instance listen. Until then it counts as unreachable.
    ///
    /// # Errors
    /// There is no such instance, or the address is one of the simulator's own or outside of 127.0.0.0/8.
    pub fn set_instance_address(
        &self,
        instance_id: &str,
        address: Ipv4Addr,
    ) -> Result<(), InstanceAddressError> {
        if !address.is_loopback() {
            return Err(InstanceAddressError::NotLoopback(address));
        }
        if self
            .dataplane
            .as_ref()
            .is_some_and(|dataplane| dataplane.block().contains(address))
        {
            return Err(InstanceAddressError::InEipBlock(address));
        }
        if self.with_cloud(|cloud| cloud.set_instance_address(instance_id, Some(address))) {
            Ok(())
        } else {
            Err(InstanceAddressError::UnknownInstance(
                instance_id.to_owned(),
            ))
        }
    }

    /// Stops it and waits until every socket is closed.
    pub async fn shutdown(self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What the HTTP face, the data plane and the owner share.
pub(crate) struct Shared {
    gateway: Mutex<Gateway>,
    clock: Clock,
    keeper: Option<tokio::sync::Mutex<Keeper>>,
    changed: Notify,
    revision: watch::Sender<u64>,
}

impl Shared {
    /// The gateway. The lock is held for a look or a call, never across an await.
    pub(crate) fn gateway(&self) -> MutexGuard<'_, Gateway> {
        self.gateway.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Changes after each change of the cloud that has reached the sockets.
    pub(crate) fn revision(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Writes the cloud to its file, where there is one.
    pub(crate) async fn keep(&self) {
        let Some(keeper) = &self.keeper else { return };
        let mut keeper = keeper.lock().await;
        // Taken with the keeper in hand: what waited meanwhile finds its change written already.
        let text = self.gateway().cloud().save();
        match text {
            Ok(text) => {
                if let Err(error) = keeper.keep(text).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "what comes now is lost with this process");
                }
            }
            Err(error) => tracing::error!(%error, "the cloud cannot be written as text"),
        }
    }

    /// Says that something may have changed.
    pub(crate) fn announce(&self) {
        self.changed.notify_one();
    }
}

/// Carries the cloud's state to the data plane and to its file: after each change, and when a transition is due.
async fn drive(shared: Arc<Shared>, dataplane: Option<Arc<Dataplane>>, cancel: CancellationToken) {
    loop {
        let wait = {
            let mut gateway = shared.gateway();
            let now = shared.now();
            gateway.cloud_mut().settle(now);
            gateway.cloud().next_transition().map(|at| at.since(now))
        };
        if let Some(dataplane) = &dataplane {
            dataplane.reconcile().await;
        }
        shared.keep().await;
        shared.revision.send_modify(|revision| *revision += 1);
        let due = async {
            match wait {
                // A millisecond is the cloud's smallest unit: less would come too early and spin.
                Some(wait) => {
                    tokio::time::sleep(wait.max(std::time::Duration::from_millis(1))).await;
                }

                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cancel.cancelled() => break,
            () = shared.changed.notified() => {}
            () = due => {}
        }
    }
    if let Some(dataplane) = &dataplane {
        dataplane.close().await;
    }
    shared.keep().await;
}

fn system_clock() -> Clock {
    let start = chrono::Utc::now().timestamp_millis();
    let since = tokio::time::Instant::now();
    Arc::new(move || Timestamp(start).after(since.elapsed()))
}

#[cfg(test)]
mod tests;
