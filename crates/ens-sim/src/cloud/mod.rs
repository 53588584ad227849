//! The pure core: a cloud as a value. No sockets, no async, no clock; the same calls at the same instants give the same
//! answers for the same seed.
//!
//! ```
//! use ens_sim::Timestamp;
//! use ens_sim::cloud::{Cloud, Config, Latency, Method, Request};
//!
//! let config = Config { latency: Latency::real(), ..Config::default() };
//! let account = config.account.clone();
//! let mut cloud = Cloud::new(config, 7)?;
//! let now = Timestamp::parse("2026-01-31T12:00:00Z").unwrap_or_default();
//! let params = [
//!     ("EnsRegionId", "cn-hefei"),
//!     ("LoadBalancerSpec", "elb.s2.small"),
//!     ("NetworkId", "n-heifei"),
//!     ("VSwitchId", "vsw-heifei-1"),
//!     ("PayType", "PostPaid"),
//! ];
//! let request = Request {
//!     account,
//!     method: Method::Post,
//!     action: "CreateLoadBalancer".into(),
//!     params: params.map(|(name, value)| (name.into(), value.into())).into(),
//! };
//! let reply = cloud.handle(&request, now);
//! assert_eq!(reply.response.status, 200);
//! // It becomes Active eight seconds later: sleep until then on whatever clock there is.
//! let due = cloud.next_transition();
//! assert_eq!(due, Some(now.after(Latency::real().load_balancer_create)));
//! # Ok::<(), ens_sim::cloud::WorldError>(())
//! ```
//!
//! # Caveats
//! What no public document settles is a [`Switches`] entry. Beyond those, these are ours: the words `Pending` and
//! `Releasing` of an EIP, the quota codes, the code of a ClientToken with other parameters, and all times.

mod actions;
mod addresses;
mod answer;
mod call_params;
mod connect;
mod error;
mod fault_file;
mod faults;
mod furnish;
mod health;
mod journal;
mod latency;
mod limits;
mod message;
mod names;
mod params;
mod resource;
mod saved;
mod schedule;
mod scope;
mod state;
mod switches;
mod tokens;
mod transitions;
mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;

use serde::Serialize;
use serde_json::{Value, json};

pub use call_params::CallParams;
pub use connect::{Backend, Flow, FrontEnd, Refused};
pub use error::ApiError;
pub use fault_file::FaultFileError;
pub use faults::{Fault, FaultPlan, FaultRule, STALE_LIMIT, When};
pub use health::{HealthKey, Probe, ProbeKind};
pub use journal::{Call, Double, ForeignTouch, Journal, Paid, Purchase};
pub use latency::Latency;
pub use limits::{Quotas, RateLimits};
pub use message::{Delivery, Method, Reply, Request, Response};
pub use resource::{
    BackendServer, Binding, Eip, EipStatus, Instance, InstanceStatus, Life, Listener, ListenerKey,
    ListenerStatus, LoadBalancer, Network, NetworkStatus, Origin, Protocol, Region, VSwitch,
};
pub use saved::RestoreError;
pub use switches::{MissingLoadBalancer, NameFilter, Switches};
pub use world::{World, WorldError};

use crate::time::Timestamp;
use limits::Buckets;
use schedule::Forwarding;
pub(crate) use state::State;
use transitions::Pending;

/// The version of the ENS OpenAPI that is played.
pub const ENS_VERSION: &str = "2017-11-10";
/// The host name that error bodies carry.
const HOST: &str = "ens.aliyuncs.com";
/// What DescribeLoadBalancerSpec lists (the documentation of the terraform provider names these).
pub(crate) const SPECS: &[&str] = &[
    "elb.s1.small",
    "elb.s2.small",
    "elb.s2.medium",
    "elb.s3.small",
    "elb.s3.medium",
];

/// How a cloud is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// What stands there before the first call.
    pub world: World,
    /// The account that owns the world. Callers of other accounts see an empty cloud.
    pub account: String,
    /// How long things take.
    pub latency: Latency,
    /// The open questions about the real cloud.
    pub switches: Switches,
    /// Requests per second and user.
    pub rate_limits: RateLimits,
    /// How much may be bought.
    pub quotas: Quotas,
    /// What goes wrong, and when.
    pub faults: FaultPlan,
    /// First address and number of addresses of the EIP pool. The first and the last are never given out.
    pub eip_pool: (Ipv4Addr, u32),
}

impl Default for Config {
    /// The guide's world, published rate limits, no quotas, no faults, instant; EIPs from 198.18.0.0/16, a range that
    /// RFC 2544 sets aside for tests.
    fn default() -> Self {
        Self {
            world: World::guide(),
            account: "1000000000000001".to_owned(),
            latency: Latency::instant(),
            switches: Switches::default(),
            rate_limits: RateLimits::Published,
            quotas: Quotas::default(),
            faults: FaultPlan::default(),
            eip_pool: (Ipv4Addr::new(198, 18, 0, 0), 65_536),
        }
    }
}

/// What can be seen of an account, as values that serialize.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// Edge nodes.
    pub regions: Vec<Region>,
    /// Networks.
    pub networks: Vec<Network>,
    /// vSwitches.
    pub vswitches: Vec<VSwitch>,
    /// Computing instances.
    pub instances: Vec<Instance>,
    /// Edge load balancers with their listeners and backends.
    pub load_balancers: Vec<LoadBalancer>,
    /// Elastic IP addresses.
    pub eips: Vec<Eip>,
}

/// A simulated ENS.
#[derive(Clone, Debug)]
pub struct Cloud {
    config: Config,
    regions: BTreeMap<String, Region>,
    accounts: BTreeMap<String, State>,
    pending: Pending,
    journal: Journal,
    buckets: Buckets,
    rng: fastrand::Rng,
    eip_addresses: BTreeSet<Ipv4Addr>,
    next_eip: u32,
    forwarding: Forwarding,
    past: VecDeque<(Timestamp, BTreeMap<String, State>)>,
}

impl Cloud {
    /// Builds the world.
    ///
    /// # Errors
    /// The world names something that it does not have, or its addresses run out.
    pub fn new(config: Config, seed: u64) -> Result<Self, WorldError> {
        let mut cloud = Self {
            regions: config
                .world
                .regions
                .iter()
                .map(|region| (region.id.clone(), region.clone()))
                .collect(),
            accounts: BTreeMap::from([(config.account.clone(), State::default())]),
            pending: Pending::default(),
            journal: Journal::default(),
            buckets: Buckets::default(),
            rng: fastrand::Rng::with_seed(seed),
            eip_addresses: BTreeSet::new(),
            next_eip: 1,
            forwarding: Forwarding::default(),
            past: VecDeque::new(),
            config,
        };
        let world = cloud.config.world.clone();
        cloud.furnish(&world)?;
        Ok(cloud)
    }

    /// Answers one authenticated call that arrives at `now`. Instants must not go backwards.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Reply {
        self.settle(now);
        let request_id = self.new_request_id();
        let (number, nth) = self.journal.arrive(&request.action);
        let fault = self
            .config
            .faults
            .choose(&request.action, nth, &mut self.rng);
        let (result, delivery) = self.answer(request, &request_id, fault, now);
        self.settle(now);
        self.remember(now);
        if let Some(state) = self.accounts.get(&self.config.account) {
            self.forwarding.forget_detached(state);
        }

        let mut headers = Vec::new();
        let (status, body, code) = match result {
            Ok(Value::Object(mut body)) => {
                body.insert("RequestId".to_owned(), json!(request_id));
                (200, Value::Object(body), None)
            }
            Ok(body) => (200, body, None),
            Err(error) => {
                if let Some(millis) = error.retry_after_ms {
                    headers.push(("x-acs-retry-after".to_owned(), millis.to_string()));
                }
                (
                    error.status,
                    error.body(&request_id, HOST),
                    Some(error.code),
                )
            }
        };
        self.journal.record(Call {
            number,
            request_id,
            at: now,
            account: request.account.clone(),
            action: request.action.clone(),
            params: params::own(&request.params),
            status,
            code,
            delivered: delivery != Delivery::Lost,
        });
        Reply {
            response: Response {
                status,
                headers,
                body,
            },
            delivery,
        }
    }

    /// Carries out every transition that is due at `now`.
    pub fn settle(&mut self, now: Timestamp) {
        while let Some((at, account, transition)) = self.pending.pop_due(now) {
            self.apply(at, &account, transition);
            self.remember(at);
        }
        for state in self.accounts.values_mut() {
            state.ghost_load_balancers.retain(|(until, _)| *until > now);
            state.ghost_eips.retain(|(until, _)| *until > now);
        }
    }

    /// When the next transition is due; `None` when the cloud is at rest.
    #[must_use]
    pub fn next_transition(&self) -> Option<Timestamp> {
        self.pending.next()
    }

    /// What the owner's account holds.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let empty = State::default();
        let state = self.owner_state().unwrap_or(&empty);
        let boxed = state.load_balancers.values();
        Snapshot {
            regions: self.regions.values().cloned().collect(),
            networks: state.networks.values().cloned().collect(),
            vswitches: state.vswitches.values().cloned().collect(),
            instances: state.instances.values().cloned().collect(),
            load_balancers: boxed.map(|balancer| (**balancer).clone()).collect(),
            eips: state.eips.values().cloned().collect(),
        }
    }

    /// The record of money and harm.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The set-up, to be changed between calls (faults, latencies, switches, quotas).
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// The set-up.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// An ELB of the owner's account.
    #[must_use]
    pub fn load_balancer(&self, id: &str) -> Option<&LoadBalancer> {
        let found = self.owner_state()?.load_balancers.get(id);
        found.map(AsRef::as_ref)
    }

    /// An EIP of the owner's account.
    #[must_use]
    pub fn eip(&self, id: &str) -> Option<&Eip> {
        self.owner_state()?.eips.get(id)
    }

    /// Says where the data plane reaches an instance. Returns whether there is such an instance.
    pub fn set_instance_address(&mut self, instance_id: &str, address: Option<Ipv4Addr>) -> bool {
        self.instance_mut(instance_id)
            .map(|instance| instance.reach = address)
            .is_some()
    }

    /// Starts or stops an instance, as its owner would. Returns whether there is such an instance.
    pub fn set_instance_status(&mut self, instance_id: &str, status: InstanceStatus) -> bool {
        self.instance_mut(instance_id)
            .map(|instance| instance.status = status)
            .is_some()
    }

    /// Sets the status of a network or vSwitch, as its making or release would. Returns whether there is one.
    pub fn set_network_status(&mut self, id: &str, status: NetworkStatus) -> bool {
        let Some(state) = self.accounts.get_mut(&self.config.account) else {
            return false;
        };
        let network = state
            .networks
            .get_mut(id)
            .map(|network| &mut network.status);
        let vswitch = state
            .vswitches
            .get_mut(id)
            .map(|vswitch| &mut vswitch.status);
        network.or(vswitch).map(|old| *old = status).is_some()
    }

    /// Takes a load balancer or EIP out of the world behind everybody's back, as its owner could in the console.
    /// Returns whether it was there.
    pub fn vanish(&mut self, id: &str, now: Timestamp) -> bool {
        let account = self.config.account.clone();
        let there = self.load_balancer(id).is_some() || self.eip(id).is_some();
        self.remove(&account, id, "console", now);
        there
    }

    fn owner_state(&self) -> Option<&State> {
        self.accounts.get(&self.config.account)
    }

    fn instance_mut(&mut self, id: &str) -> Option<&mut Instance> {
        self.accounts
            .get_mut(&self.config.account)?
            .instances
            .get_mut(id)
    }

    /// A refusal that the gateway makes before the cloud sees the call.
    pub(crate) fn refuse(&mut self, error: &ApiError) -> Reply {
        let body = error.body(&self.new_request_id(), HOST);
        Reply {
            response: Response {
                status: error.status,
                headers: Vec::new(),
                body,
            },
            delivery: Delivery::Now,
        }
    }

    /// Letters and digits that nobody else has.
    pub(crate) fn new_token(&mut self, prefix: &str) -> String {
        let tail: String = std::iter::repeat_with(|| self.rng.alphanumeric())
            .take(30)
            .collect();
        format!("{prefix}{tail}")
    }

    pub(crate) fn new_request_id(&mut self) -> String {
        let (high, low) = (self.rng.u64(..), self.rng.u64(..));
        format!(
            "{:08X}-{:04X}-{:04X}-{:04X}-{:012X}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        )
    }
}

#[cfg(test)]
mod tests;
