//! The pure core: a cloud as a value. No sockets, no async, no clock; the same calls at the same instants give the same
//! answers for the same seed.

mod actions;
mod connect;
mod error;
mod faults;
mod furnish;
mod journal;
mod limits;
mod params;
mod resource;
mod scope;
mod settings;
mod transitions;
mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;

use serde::Serialize;
use serde_json::{Value, json};

pub use connect::{Backend, Flow, FrontEnd, HealthKey, Probe, ProbeKind, Refused};
pub use error::ApiError;
pub use faults::{Fault, FaultPlan, FaultRule, STALE_LIMIT, When};
pub use journal::{Call, Double, ForeignTouch, Journal, Paid, Purchase};
pub use limits::{Quotas, RateLimits};
pub use resource::{
    BackendServer, Binding, Eip, EipStatus, Instance, InstanceStatus, Life, Listener, ListenerKey,
    ListenerStatus, LoadBalancer, Network, Origin, Protocol, Region, VSwitch,
};
pub use settings::{Latency, MissingLoadBalancer, NameFilter, Switches};
pub use world::{World, WorldError};

use crate::time::Timestamp;
use connect::Forwarding;
use limits::Buckets;
use scope::Scope;
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

/// HTTP method of a call. Some reads take GET only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// An authenticated call.
#[derive(Clone, Debug)]
pub struct Request {
    /// Account of the caller.
    pub account: String,
    /// GET or POST.
    pub method: Method,
    /// Action such as `CreateLoadBalancer`.
    pub action: String,
    /// Parameters by name, lists flattened (`Tag.1.Key`).
    pub params: BTreeMap<String, String>,
}

/// An answer: HTTP status, headers, JSON body.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers beyond the ordinary ones, such as `x-acs-retry-after`.
    pub headers: Vec<(String, String)>,
    /// JSON object.
    pub body: Value,
}

impl Response {
    /// The error code; `None` when the call succeeded.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        if self.status == 200 {
            None
        } else {
            self.body.get("Code").and_then(Value::as_str)
        }
    }
}

/// What becomes of an answer on its way to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It arrives.
    Now,
    /// It arrives that much later. The effect, if any, has happened already.
    After(std::time::Duration),
    /// The connection breaks before it arrives.
    Lost,
}

/// An answer and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The answer.
    pub response: Response,
    /// Whether and when the caller gets it.
    pub delivery: Delivery,
}

/// Everything of one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) networks: BTreeMap<String, Network>,
    pub(crate) vswitches: BTreeMap<String, VSwitch>,
    pub(crate) instances: BTreeMap<String, Instance>,
    pub(crate) load_balancers: BTreeMap<String, LoadBalancer>,
    pub(crate) eips: BTreeMap<String, Eip>,
    /// ClientTokens by action and token.
    pub(crate) tokens: BTreeMap<(&'static str, String), Token>,
    /// Released ones that lists still show, with the instant from which they do not.
    pub(crate) ghost_load_balancers: Vec<(Timestamp, LoadBalancer)>,
    pub(crate) ghost_eips: Vec<(Timestamp, Eip)>,
}

/// The first result of a call with a ClientToken.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) first_used: Timestamp,
    pub(crate) params: BTreeMap<String, String>,
    pub(crate) result: Value,
}

/// What can be seen of an account, as values that serialize.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
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
            params: request.params.clone(),
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
        Snapshot {
            networks: state.networks.values().cloned().collect(),
            vswitches: state.vswitches.values().cloned().collect(),
            instances: state.instances.values().cloned().collect(),
            load_balancers: state.load_balancers.values().cloned().collect(),
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
        self.owner_state()?.load_balancers.get(id)
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

    /// The part of a call that faults, limits and the action itself decide.
    fn answer(
        &mut self,
        request: &Request,
        request_id: &str,
        fault: Option<Fault>,
        now: Timestamp,
    ) -> (Result<Value, ApiError>, Delivery) {
        if let Err(error) = self.admit(request, now) {
            return (Err(error), Delivery::Now);
        }
        match fault {
            None => (self.execute(request, request_id, now), Delivery::Now),
            Some(Fault::Refuse(error)) => (Err(error), Delivery::Now),
            Some(Fault::LoseRequest) => (Err(faults::lost()), Delivery::Lost),
            Some(Fault::LoseAnswer) => (self.execute(request, request_id, now), Delivery::Lost),
            Some(Fault::Delay(wait)) => (
                self.execute(request, request_id, now),
                Delivery::After(wait),
            ),
            Some(Fault::FailAfterEffect(error)) => {
                let _done = self.execute(request, request_id, now);
                (Err(error), Delivery::Now)
            }
            Some(Fault::Unseen) => (
                self.execute_unseeing(request, request_id, now),
                Delivery::Now,
            ),
            Some(Fault::OtherAccount) => {
                let account = "9999999999999999".to_owned();
                let request = Request {
                    account,
                    ..request.clone()
                };
                (self.execute(&request, request_id, now), Delivery::Now)
            }
            Some(Fault::Stale(age)) => (
                self.execute_stale(request, request_id, age, now),
                Delivery::Now,
            ),
            Some(Fault::ForgetTokens) => {
                if let Some(state) = self.accounts.get_mut(&request.account) {
                    state.tokens.clear();
                }
                (self.execute(request, request_id, now), Delivery::Now)
            }
            Some(Fault::LateEffect(wait)) => {
                let late =
                    transitions::Transition::LateCall(request.clone(), request_id.to_owned());
                self.pending.add(now.after(wait), &request.account, late);
                (Err(faults::lost()), Delivery::Lost)
            }
        }
    }

    /// Runs a call while all ELBs and EIPs are out of sight. What it makes stays.
    fn execute_unseeing(
        &mut self,
        request: &Request,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let mut hidden = State::default();
        if let Some(state) = self.accounts.get_mut(&request.account) {
            std::mem::swap(&mut hidden.load_balancers, &mut state.load_balancers);
            std::mem::swap(&mut hidden.eips, &mut state.eips);
        }
        let result = self.execute(request, request_id, now);
        if let Some(state) = self.accounts.get_mut(&request.account) {
            state.load_balancers.append(&mut hidden.load_balancers);
            state.eips.append(&mut hidden.eips);
        }
        result
    }

    /// Runs a read against the past; anything else as ever.
    fn execute_stale(
        &mut self,
        request: &Request,
        request_id: &str,
        age: std::time::Duration,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let then = self
            .past
            .iter()
            .rev()
            .find(|(at, _)| now.since(*at) >= age)
            .map(|(_, states)| states.clone());
        let (true, Some(then)) = (request.action.starts_with("Describe"), then) else {
            return self.execute(request, request_id, now);
        };
        let present = std::mem::replace(&mut self.accounts, then);
        let result = self.execute(request, request_id, now);
        self.accounts = present;
        result
    }

    /// Keeps how things stand now, where a rule may want to see it later.
    fn remember(&mut self, now: Timestamp) {
        if !self.config.faults.looks_back() {
            self.past.clear();
            return;
        }
        self.past.push_back((now, self.accounts.clone()));
        // One older than the limit stays, for it is how things stood at the limit.
        while self
            .past
            .get(1)
            .is_some_and(|(at, _)| now.since(*at) >= faults::STALE_LIMIT)
        {
            self.past.pop_front();
        }
    }

    /// Is there such an action, for this method, and may this user call it now?
    fn admit(&mut self, request: &Request, now: Timestamp) -> Result<(), ApiError> {
        let action = actions::find(&request.action, &self.config.switches)?;
        if action.get_only && request.method != Method::Get {
            let message = format!("{} takes GET only.", action.name);
            return Err(ApiError::new(403, "UnsupportedHTTPMethod", message));
        }
        self.buckets.take(
            self.config.rate_limits,
            &request.account,
            action.name,
            action.per_second,
            now,
        )
    }

    fn execute(
        &mut self,
        request: &Request,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Value, ApiError> {
        let action = actions::find(&request.action, &self.config.switches)?;
        let args = params::Args::check(
            action.params,
            &request.params,
            self.config.switches.unknown_parameters_refused,
        )?;
        let mut scope = Scope {
            action: action.name,
            request_id,
            account: &request.account,
            now,
            config: &self.config,
            regions: &self.regions,
            state: self.accounts.entry(request.account.clone()).or_default(),
            pending: &mut self.pending,
            journal: &mut self.journal,
            rng: &mut self.rng,
            eip_addresses: &mut self.eip_addresses,
            next_eip: &mut self.next_eip,
        };
        (action.run)(&mut scope, &args)
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
