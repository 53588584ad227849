//! The data plane: EIPs are loopback addresses, and what the cloud says forwards really does.
//!
//! Sockets follow the cloud's state: after each call and each transition [`Dataplane::reconcile`] opens what should
//! accept and closes what should not. Nothing polls.

mod bind;
mod block;
mod flow;
mod health;
mod tcp;
mod udp;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cloud::{Cloud, FrontEnd, HealthKey, ListenerKey, Probe, Protocol};
use crate::simulator::Shared;

pub(crate) use block::AddressBlock;
pub use block::BlockError;

/// How long to wait after a connection that could not be accepted: without file descriptors the next one cannot be either.
pub(crate) const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Address, protocol and port, as the cloud knows them.
pub(crate) type FrontKey = (Ipv4Addr, Protocol, u16);

/// Where fronts really accept.
pub(crate) type Bound = BTreeMap<FrontKey, SocketAddr>;

/// All open sockets and running health checks.
pub(crate) struct Dataplane {
    shared: Arc<Shared>,
    block: AddressBlock,
    speedup: u32,
    tasks: TaskTracker,
    cancel: CancellationToken,
    /// Held while sockets are opened and closed, so that two reconciliations do not mix.
    running: tokio::sync::Mutex<Running>,
    bound: Mutex<Bound>,
}

#[derive(Default)]
struct Running {
    fronts: BTreeMap<FrontKey, Task>,
    probes: BTreeMap<HealthKey, (Probe, Task)>,
    troubles: BTreeMap<FrontKey, String>,
    /// EIPs of computing instances that a line was written about.
    said_unserved: BTreeSet<Ipv4Addr>,
    said_fallback: bool,
}

/// A task that can be told to end.
struct Task {
    cancel: CancellationToken,
    handle: JoinHandle<()>,
}

impl Task {
    /// Ends it and waits until its sockets are closed.
    async fn stop(self) {
        self.cancel.cancel();
        // A task that panicked is gone as well, and its sockets with it.
        let _ended = self.handle.await;
    }
}

impl Dataplane {
    pub(crate) fn new(
        shared: Arc<Shared>,
        block: AddressBlock,
        speedup: u32,
        tasks: TaskTracker,
        cancel: CancellationToken,
    ) -> Self {
        Self {
            shared,
            block,
            speedup,
            tasks,
            cancel,
            running: tokio::sync::Mutex::default(),
            bound: Mutex::default(),
        }
    }

    /// The block that EIPs are taken from.
    pub(crate) fn block(&self) -> &AddressBlock {
        &self.block
    }

    /// Where a front really accepts.
    pub(crate) fn bound(
        &self,
        address: Ipv4Addr,
        protocol: Protocol,
        port: u16,
    ) -> Option<SocketAddr> {
        self.bound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(address, protocol, port))
            .copied()
    }

    /// Where all fronts really accept.
    pub(crate) fn all_bound(&self) -> Bound {
        self.bound
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes sockets and health checks what the cloud's state says they should be.
    pub(crate) async fn reconcile(&self) {
        let mut running = self.running.lock().await;
        if self.cancel.is_cancelled() {
            return;
        }
        let (fronts, probes) = {
            let mut gateway = self.shared.gateway();
            let now = self.shared.now();
            gateway.cloud_mut().settle(now);
            say_unserved(&mut running.said_unserved, gateway.cloud());
            (gateway.cloud().front_ends(), gateway.cloud().probes())
        };
        self.reconcile_fronts(&mut running, fronts).await;
        self.reconcile_probes(&mut running, probes).await;
    }

    /// Closes everything.
    pub(crate) async fn close(&self) {
        let mut running = self.running.lock().await;
        self.reconcile_fronts(&mut running, Vec::new()).await;
        self.reconcile_probes(&mut running, Vec::new()).await;
    }

    async fn reconcile_fronts(&self, running: &mut Running, fronts: Vec<FrontEnd>) {
        let wanted: BTreeMap<FrontKey, String> = fronts
            .into_iter()
            .map(|front| {
                (
                    (front.address, front.protocol, front.port),
                    front.load_balancer,
                )
            })
            .collect();
        let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut running.fronts)
            .into_iter()
            .partition(|(key, _)| wanted.contains_key(key));
        running.fronts = kept;
        running.troubles.retain(|key, _| wanted.contains_key(key));
        for (key, task) in gone {
            task.stop().await;
            self.bound
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
        }
        for (key, load_balancer) in wanted {
            if !running.fronts.contains_key(&key) {
                self.open(running, key, &load_balancer);
            }
        }
    }

    fn open(&self, running: &mut Running, key: FrontKey, load_balancer: &str) {
        let (address, protocol, port) = key;
        let cancel = self.cancel.child_token();
        let opened = match protocol {
            Protocol::Udp => bind::udp(address, port).map(|bound| {
                let task = udp::forward(
                    bound.socket,
                    key,
                    Arc::clone(&self.shared),
                    self.tasks.clone(),
                    cancel.clone(),
                );
                (bound.local, self.tasks.spawn(task))
            }),
            _ => bind::tcp(address, port).map(|bound| {
                let task = tcp::accept(
                    bound.socket,
                    key,
                    Arc::clone(&self.shared),
                    self.tasks.clone(),
                    cancel.clone(),
                );
                (bound.local, self.tasks.spawn(task))
            }),
        };
        let trouble = match opened {
            Ok((local, handle)) => {
                if local.port() != port && !running.said_fallback {
                    running.said_fallback = true;
                    bind::say_fallback(port, local);
                }
                running.fronts.insert(key, Task { cancel, handle });
                running.troubles.remove(&key);
                self.bound
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(key, local);
                None
            }
            Err(error) => {
                let text = format!("{protocol} {address}:{port} cannot be listened on: {error}");
                if running.troubles.insert(key, text.clone()).as_ref() != Some(&text) {
                    tracing::warn!(load_balancer, "{text}");
                }
                Some(text)
            }
        };
        self.shared.gateway().cloud_mut().set_trouble(
            load_balancer,
            ListenerKey { port, protocol },
            trouble,
        );
    }

    async fn reconcile_probes(&self, running: &mut Running, probes: Vec<Probe>) {
        let wanted: BTreeMap<HealthKey, Probe> = probes
            .into_iter()
            .map(|probe| (probe.key.clone(), probe))
            .collect();
        let (kept, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut running.probes)
            .into_iter()
            .partition(|(key, (probe, _))| wanted.get(key) == Some(probe));
        running.probes = kept;
        for (_, task) in gone.into_values() {
            task.stop().await;
        }
        for (key, probe) in wanted {
            running.probes.entry(key).or_insert_with(|| {
                let cancel = self.cancel.child_token();
                let check = health::watch(
                    probe.clone(),
                    self.speedup,
                    Arc::clone(&self.shared),
                    cancel.clone(),
                );
                let handle = self.tasks.spawn(check);
                (probe, Task { cancel, handle })
            });
        }
    }
}

/// Tells a person, once for each EIP, why nothing answers on it although it is InUse.
fn say_unserved(said: &mut BTreeSet<Ipv4Addr>, cloud: &Cloud) {
    let unserved = cloud.unserved_eips();
    said.retain(|address| unserved.contains_key(address));
    for (address, eip) in unserved {
        if said.insert(address) {
            let instance = eip.binding.as_ref().map(|binding| &binding.instance_id);
            tracing::warn!(
                eip = eip.id,
                instance,
                "nothing answers on {address}: the simulator forwards through ELBs only, not to computing instances"
            );
        }
    }
}
