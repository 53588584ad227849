//! What to do now: the three-way comparison of what should be, what is, and what was recorded.
//!
//! A plan is one step of a conversation with the cloud, not a script to its end. It holds what
//! can be done at this moment, what has to be waited for, and what to tell people. After it was
//! carried out, or was interrupted anywhere, planning again goes on from there.
//!
//! Three rules shape it:
//! - a create is the last step of its lane, and its intent is in [`Plan::ledger`], which is
//!   persisted before any step: a process that dies at any instruction finds it again;
//! - what is not known is asked for ([`Plan::needs`]) and never taken as absent;
//! - nothing is removed before what replaces it is there.

mod attend;
mod backends;
mod create;
mod immutable;
mod listeners;
mod refused;
mod release;
mod resolve;
mod stack;
mod users;

pub use refused::Refused;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::conditions::{ConditionType, Conditions, Reason, Refusal};
use crate::desired::{Desired, Notice};
use crate::ledger::{Intent, Ledger, State};
use crate::listeners::{Listener, ListenerKey};
use crate::observed::{Backend as ObservedBackend, Observed};
use crate::snapshot::{Identity, PoolService};

/// Most servers that one call adds, changes or removes (SDK text of AddBackendServers).
pub const BATCH: usize = 20;

/// Seconds that a load balancer may be InActive without our doing before it is set Active
/// (behaviour 4.6).
pub const INACTIVE_FOR: i64 = 30;

/// Seconds between the two looks that decide that a resource is lost (behaviour 9.3).
pub const LOST_AFTER: i64 = 30;

/// What to do now for one PoolService.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What has to be read before this can be planned to its end. Nothing else of a plan with
    /// needs is carried out.
    pub needs: BTreeSet<Need>,
    /// The ledger to persist before any step; `None` when it stays as it is.
    pub ledger: Option<Ledger>,
    /// Steps, in lanes that may run side by side.
    pub lanes: Vec<Lane>,
    /// The digest that the ledger may take once all of this is told: everything is in place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// When to look again although nothing changes.
    pub wait: Wait,
    /// What to tell people.
    pub report: Report,
    /// Nothing is left to release: our finalizer may go.
    pub released: bool,
}

/// Something that must be read before planning can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Need {
    /// The load balancer, by its id or in a list.
    LoadBalancer,
    /// Its listeners and backends.
    Detail,
    /// The EIP, by its id or in a list.
    Eip,
    /// Complete lists of what bears our names.
    ByName,
    /// The vSwitches of the network.
    VSwitches,
    /// Which servers may be attached.
    Attachable,
}

/// Steps that follow each other. A step that fails ends its lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lane(pub Vec<Step>);

/// One change of the cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// CreateLoadBalancer with the parameters of the intent in the ledger.
    CreateLoadBalancer(Intent),
    /// SetLoadBalancerStatus Active.
    ActivateLoadBalancer {
        /// `lb-...`.
        id: String,
    },
    /// ModifyLoadBalancerAttribute.
    RenameLoadBalancer {
        /// `lb-...`.
        id: String,
        /// The new name, at most 128 characters.
        name: String,
    },
    /// ReleaseInstance, else DeleteLoadBalancer; where the cloud refuses that because of its state,
    /// SetLoadBalancerStatus InActive: the next plan releases it (behaviour 8.2).
    ReleaseLoadBalancer {
        /// `lb-...`.
        id: String,
        /// Whether it was seen Active.
        is_active: bool,
    },
    /// CreateEipInstance with the parameters of the intent in the ledger.
    CreateEip(Intent),
    /// AssociateEnsEipAddress.
    BindEip {
        /// `eip-...`.
        id: String,
        /// `lb-...`.
        load_balancer: String,
    },
    /// UnAssociateEnsEipAddress.
    UnbindEip {
        /// `eip-...`.
        id: String,
    },
    /// ModifyEnsEipAddressAttribute.
    SetEipBandwidth {
        /// `eip-...`.
        id: String,
        /// Mbit/s.
        bandwidth: u32,
    },
    /// DeleteEip.
    ReleaseEip {
        /// `eip-...`.
        id: String,
    },
    /// CreateLoadBalancer{TCP,UDP}Listener.
    CreateListener {
        /// `lb-...`.
        load_balancer: String,
        /// The whole listener.
        listener: Listener,
    },
    /// StartLoadBalancerListener.
    StartListener {
        /// `lb-...`.
        load_balancer: String,
        /// Which one.
        key: ListenerKey,
    },
    /// SetLoadBalancer{TCP,UDP}ListenerAttribute; where the cloud refuses that because the
    /// listener runs, StopLoadBalancerListener: the next plan sets and starts it (behaviour 6.2).
    SetListener {
        /// `lb-...`.
        load_balancer: String,
        /// The whole listener.
        listener: Listener,
    },
    /// StopLoadBalancerListener.
    StopListener {
        /// `lb-...`.
        load_balancer: String,
        /// Which one.
        key: ListenerKey,
    },
    /// DeleteLoadBalancerListener.
    DeleteListener {
        /// `lb-...`.
        load_balancer: String,
        /// Which one.
        key: ListenerKey,
    },
    /// AddBackendServers, at most [`BATCH`].
    AddBackends {
        /// `lb-...`.
        load_balancer: String,
        /// The servers.
        servers: Vec<crate::backends::Backend>,
    },
    /// SetBackendServers: weights, at most [`BATCH`].
    SetWeights {
        /// `lb-...`.
        load_balancer: String,
        /// The servers with their new weights.
        servers: Vec<ObservedBackend>,
    },
    /// RemoveBackendServers, at most [`BATCH`].
    RemoveBackends {
        /// `lb-...`.
        load_balancer: String,
        /// The servers, as they were read.
        servers: Vec<ObservedBackend>,
    },
}

impl Step {
    /// This step for those of its servers that `keep` says (id, weight), asked in their order;
    /// `None` when none is left. A step that is not about servers stays as it is.
    #[must_use]
    pub fn with_servers(mut self, mut keep: impl FnMut(&str, u8) -> bool) -> Option<Self> {
        let is_empty = match &mut self {
            Self::AddBackends { servers, .. } => {
                servers.retain(|server| keep(&server.server_id, server.weight));
                servers.is_empty()
            }
            Self::SetWeights { servers, .. } | Self::RemoveBackends { servers, .. } => {
                servers.retain(|server| keep(&server.server_id, server.weight));
                servers.is_empty()
            }
            _ => false,
        };
        (!is_empty).then_some(self)
    }

    /// How many servers it is about; `None` for a step that is not about servers.
    pub fn server_count(&self) -> Option<usize> {
        match self {
            Self::AddBackends { servers, .. } => Some(servers.len()),
            Self::SetWeights { servers, .. } | Self::RemoveBackends { servers, .. } => {
                Some(servers.len())
            }
            _ => None,
        }
    }

    /// Whether the lists of load balancers and EIPs show what it does; only a read of its load
    /// balancer shows what becomes of a listener or a backend.
    pub fn shows_in_lists(&self) -> bool {
        wait_for(self.condition()) == Wait::Pending
    }

    /// The load balancer that it writes to; `None` for a create and for what an EIP bears alone.
    pub fn load_balancer(&self) -> Option<&str> {
        match self {
            Self::ActivateLoadBalancer { id }
            | Self::RenameLoadBalancer { id, .. }
            | Self::ReleaseLoadBalancer { id, .. } => Some(id),
            Self::CreateListener { load_balancer, .. }
            | Self::StartListener { load_balancer, .. }
            | Self::SetListener { load_balancer, .. }
            | Self::StopListener { load_balancer, .. }
            | Self::DeleteListener { load_balancer, .. }
            | Self::AddBackends { load_balancer, .. }
            | Self::SetWeights { load_balancer, .. }
            | Self::RemoveBackends { load_balancer, .. } => Some(load_balancer),
            Self::CreateLoadBalancer(_)
            | Self::CreateEip(_)
            | Self::BindEip { .. }
            | Self::UnbindEip { .. }
            | Self::SetEipBandwidth { .. }
            | Self::ReleaseEip { .. } => None,
        }
    }

    /// The condition on which a failure of this step shows.
    pub fn condition(&self) -> ConditionType {
        match self {
            Self::CreateLoadBalancer(_)
            | Self::ActivateLoadBalancer { .. }
            | Self::RenameLoadBalancer { .. }
            | Self::ReleaseLoadBalancer { .. } => ConditionType::LoadBalancerReady,
            Self::CreateEip(_)
            | Self::BindEip { .. }
            | Self::UnbindEip { .. }
            | Self::SetEipBandwidth { .. }
            | Self::ReleaseEip { .. } => ConditionType::AddressReady,
            Self::CreateListener { .. }
            | Self::StartListener { .. }
            | Self::SetListener { .. }
            | Self::StopListener { .. }
            | Self::DeleteListener { .. } => ConditionType::ListenersReady,
            Self::AddBackends { .. } | Self::SetWeights { .. } | Self::RemoveBackends { .. } => {
                ConditionType::BackendsReady
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CreateLoadBalancer(_) => f.write_str("create the load balancer"),
            Self::ActivateLoadBalancer { id } => write!(f, "set {id} Active"),
            Self::RenameLoadBalancer { id, name } => write!(f, "rename {id} to {name}"),
            Self::CreateEip(_) => f.write_str("create the EIP"),
            Self::BindEip { id, load_balancer } => write!(f, "bind {id} to {load_balancer}"),
            Self::UnbindEip { id } => write!(f, "unbind {id}"),
            Self::SetEipBandwidth { id, bandwidth } => {
                write!(f, "set the bandwidth of {id} to {bandwidth} Mbit/s")
            }
            Self::ReleaseLoadBalancer { id, .. } | Self::ReleaseEip { id } => {
                write!(f, "release {id}")
            }
            Self::CreateListener {
                load_balancer,
                listener,
            } => {
                write!(f, "create listener {} of {load_balancer}", listener.key)
            }
            Self::StartListener { load_balancer, key } => {
                write!(f, "start listener {key} of {load_balancer}")
            }
            Self::SetListener {
                load_balancer,
                listener,
            } => {
                write!(f, "change listener {} of {load_balancer}", listener.key)
            }
            Self::StopListener { load_balancer, key } => {
                write!(f, "stop listener {key} of {load_balancer}")
            }
            Self::DeleteListener { load_balancer, key } => {
                write!(f, "delete listener {key} of {load_balancer}")
            }
            Self::AddBackends {
                load_balancer,
                servers,
            } => {
                write!(
                    f,
                    "attach {} to {load_balancer}",
                    list(servers.iter().map(|s| &s.server_id))
                )
            }
            Self::SetWeights {
                load_balancer,
                servers,
            } => {
                let weights = servers
                    .iter()
                    .map(|s| format!("{}={}", s.server_id, s.weight));
                write!(f, "set weights {} of {load_balancer}", list(weights))
            }
            Self::RemoveBackends {
                load_balancer,
                servers,
            } => {
                write!(
                    f,
                    "detach {} from {load_balancer}",
                    list(servers.iter().map(|s| &s.server_id))
                )
            }
        }
    }
}

fn list(items: impl Iterator<Item = impl fmt::Display>) -> String {
    items
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// When to look again although no watch says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Wait {
    /// Nothing is pending: the drift check looks again.
    #[default]
    Settled,
    /// After so many seconds.
    Seconds(i64),
    /// With the next read of its listeners and backends: one of them is on its way.
    Detail,
    /// With the region's next list: something in the cloud is on its way.
    Pending,
    /// At once: a ledger write came first, or something was written that planning must see.
    Again,
}

impl Wait {
    /// The earlier of two.
    #[must_use]
    pub fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::Seconds(a), Self::Seconds(b)) => Self::Seconds(a.min(b)),
            (a, b) => a.max(b),
        }
    }
}

/// What shows that something is under way that a condition is about: lists tell the states of load
/// balancers and EIPs, nothing but reads of a load balancer those of its listeners and backends.
fn wait_for(condition: ConditionType) -> Wait {
    match condition {
        ConditionType::ListenersReady | ConditionType::BackendsReady => Wait::Detail,
        _ => Wait::Pending,
    }
}

/// What to tell people about one PoolService.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Its conditions; what is Unknown here keeps the status that it has.
    pub conditions: Conditions,
    /// Its published address.
    pub addresses: Addresses,
    /// `status.aggregateToAnnotations`.
    pub aggregate: BTreeMap<String, String>,
    /// Things to say once.
    pub notices: Vec<Notice>,
    /// Events of this plan, apart from those of its steps.
    pub events: Vec<Event>,
}

/// What becomes of `status.loadBalancer.ingress`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Addresses {
    /// It stays as it is.
    #[default]
    Keep,
    /// Traffic arrives at this address.
    Publish {
        /// The address.
        ip: String,
        /// The ports that have no listener of ours.
        ports: Vec<PortStatus>,
    },
    /// It goes: nothing is behind it, or soon will not be.
    Withdraw,
}

/// One entry of `ingress[].ports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortStatus {
    /// The Service port.
    pub port: u16,
    /// Protocol as Kubernetes spells it.
    pub protocol: String,
    /// The reason for which it has no listener.
    pub error: String,
}

/// An event on the PoolService.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Whether it warns.
    pub warning: bool,
    /// The reason.
    pub reason: Reason,
    /// The text.
    pub message: String,
}

/// Whose plan it is, and when.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Who we are.
    pub identity: &'a Identity,
    /// The PoolService.
    pub pool_service: &'a PoolService,
    /// Seconds since 1970.
    pub now: i64,
}

/// What to do now. A pure function: the same inputs give the same plan, and planning a cloud
/// that is as desired gives no step.
pub fn plan(desired: &Desired, observed: &Observed, ledger: &State, cx: &Context<'_>) -> Plan {
    if let State::Lost(loss) = ledger {
        return held(&[Refusal::new(
            ConditionType::LoadBalancerReady,
            Reason::LedgerLost,
            format!("{loss}: nothing is created or released until somebody decides"),
        )]);
    }
    let ledger = ledger.current();
    if let Some(refusal) = ledger.and_then(|ledger| other_account(ledger, cx.identity)) {
        return held(&[refusal]);
    }
    if let Some(ledger) = ledger
        && (ledger.cluster_id != cx.identity.cluster_id
            || ledger.cluster_uid != cx.identity.cluster_uid)
    {
        return held(&[Refusal::new(
            ConditionType::InSync,
            Reason::ClusterIdChanged,
            format!(
                "the ledger was written as cluster {} ({}), this is cluster {} ({}): nothing is \
                 changed; start ecm with --cluster-id {} if that is right",
                ledger.cluster_id,
                ledger.cluster_uid,
                cx.identity.cluster_id,
                cx.identity.cluster_uid,
                ledger.cluster_id
            ),
        )]);
    }
    match desired {
        Desired::Hold(refusals) => held(refusals),
        Desired::Stack(stack) => stack::plan(stack, observed, ledger, cx),
        Desired::Release(release) => release::plan(release, observed, ledger, cx),
    }
    .finished(observed, cx.now)
}

/// Why nothing may be concluded with these credentials about what the ledger records: another
/// account's resources look like resources that are gone (behaviour 5.7).
fn other_account(ledger: &Ledger, identity: &Identity) -> Option<Refusal> {
    let (recorded, ours) = ledger.other_account(identity)?;
    Some(Refusal::new(
        ConditionType::InSync,
        Reason::CloudAccountMismatch,
        format!(
            "the resources belong to cloud account {recorded}, the credentials are of account \
             {ours}: nothing is changed, and nothing that is not found is taken as gone; give \
             ecm credentials of account {recorded}"
        ),
    ))
}

/// No step; the refusals say why.
fn held(refusals: &[Refusal]) -> Plan {
    let mut plan = Plan::default();
    for refusal in refusals {
        plan.report.conditions.refuse(refusal);
    }
    plan
}

impl Plan {
    /// What was planned on missing knowledge is dropped, so that nobody can carry it out; so is
    /// what the cloud has just refused.
    fn finished(mut self, observed: &Observed, now: i64) -> Self {
        let is_gone = observed.load_balancer.is_surely_gone() || observed.eip.is_surely_gone();
        if let Some(why) = observed
            .mass_loss
            .as_ref()
            .filter(|_| is_gone && !self.released)
        {
            self.report.conditions.refuse(&Refusal::new(
                ConditionType::LoadBalancerReady,
                Reason::MassLoss,
                why.clone(),
            ));
            self.report.events.push(Event {
                warning: true,
                reason: Reason::MassLoss,
                message: why.clone(),
            });
        }
        refused::withhold(&mut self, &observed.refused, now);
        let wait = self.steps().map(|step| wait_for(step.condition())).max();
        self.wait(wait.unwrap_or_default());
        if self.wait != Wait::Settled {
            self.applied = None;
        }
        if !self.needs.is_empty() {
            self.applied = None;
            self.ledger = None;
            self.lanes.clear();
            self.released = false;
            self.report.addresses = Addresses::Keep;
            self.report.events.clear();
        }
        self.report.conditions.not_in_sync_yet();
        self
    }

    /// Takes the digest out of a ledger before what it stands for changes: whoever dies between the
    /// two leaves a ledger that promises nothing.
    fn forget_applied(&self, ledger: &mut Ledger) {
        if !self.steps().all(Step::shows_in_lists) {
            ledger.applied = None;
        }
    }

    /// Asks for something to be read.
    fn need(&mut self, need: Need) {
        self.needs.insert(need);
    }

    /// Looks again no later than this.
    fn wait(&mut self, wait: Wait) {
        self.wait = self.wait.sooner(wait);
    }

    /// Adds a lane.
    fn lane(&mut self, steps: impl IntoIterator<Item = Step>) {
        let lane = Lane(steps.into_iter().collect());
        if !lane.0.is_empty() {
            self.lanes.push(lane);
        }
    }

    /// All steps in the order of their lanes.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.lanes.iter().flat_map(|lane| lane.0.iter())
    }
}
