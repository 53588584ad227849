//! A small model of the cloud, and the loop that a reconciler runs around `plan`.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::struct_excessive_bools,
    clippy::too_many_lines,
    clippy::unwrap_used,
    dead_code,
    reason = "a model that stops a test where the cloud would refuse; each test uses a part of it"
)]

use std::collections::{BTreeMap, BTreeSet};

use ecm_policy::conditions::Reason;
use ecm_policy::desired::{Config, Desired, Source, desired};
use ecm_policy::ledger::{Ledger, State};
use ecm_policy::listeners::Listener as WantedListener;
use ecm_policy::observed::{
    Backend, ByName, Eip, EipStatus, Listener, ListenerStatus, LoadBalancer, LoadBalancerDetail,
    LoadBalancerStatus, Observed, Presence,
};
use ecm_policy::plan::{Addresses, BATCH, Context, Need, Plan, Refused, Step, Wait, plan};
use ecm_policy::snapshot::{
    Endpoint, ExternalTrafficPolicy, Identity, Node, ObjectKey, Pool, PoolService, Readiness,
    Service, ServicePort, Snapshot,
};

/// Prefix of the annotation page's keys.
pub(crate) const P: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";

pub(crate) fn identity() -> Identity {
    Identity {
        load_balancer_class: "alibabacloud.com/elb".into(),
        cluster_id: "c1".into(),
        cluster_uid: "cluster-uid".into(),
        cloud_account: Some("1001".into()),
    }
}

pub(crate) fn port(port: u16, protocol: &str, node_port: u16) -> ServicePort {
    ServicePort {
        name: String::new(),
        protocol: protocol.into(),
        port,
        node_port: Some(node_port),
    }
}

pub(crate) fn node(index: usize) -> Node {
    Node {
        name: format!("node-{index:03}"),
        labels: BTreeMap::from([(
            "alibabacloud.com/ens-instance-id".to_owned(),
            format!("i-{index:03}"),
        )]),
        annotations: BTreeMap::new(),
        ready: Readiness::True,
        ready_since: Some(0),
        unschedulable: false,
        taints: Vec::new(),
        deleting: false,
    }
}

pub(crate) fn endpoint(index: usize) -> Endpoint {
    Endpoint {
        node: Some(format!("node-{index:03}")),
        ready: true,
        serving: true,
        terminating: false,
    }
}

/// A Service of one TCP port on a pool of `nodes` nodes, each with a ready pod.
pub(crate) fn snapshot(nodes: usize) -> Snapshot {
    let map = |pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    };
    Snapshot {
        pool_service: PoolService {
            key: ObjectKey::new("default", "web-hefei"),
            uid: "ps-uid".into(),
            resource_version: "1".into(),
            generation: Some(1),
            load_balancer_class: Some("alibabacloud.com/elb".into()),
            service: Some("web".into()),
            pool: Some("hefei".into()),
            annotations: BTreeMap::new(),
            deleting: false,
            has_finalizer: false,
            published: Vec::new(),
            created_at: 0,
        },
        service: Some(Service {
            key: ObjectKey::new("default", "web"),
            uid: "svc-uid".into(),
            annotations: BTreeMap::new(),
            service_type: "LoadBalancer".into(),
            load_balancer_class: Some("alibabacloud.com/elb".into()),
            external_traffic_policy: ExternalTrafficPolicy::Local,
            ports: vec![port(80, "TCP", 30080)],
            source_ranges: Vec::new(),
            client_ip_affinity: false,
            load_balancer_ip: None,
            wants_ipv6: false,
            deleting: false,
            created_at: 0,
        }),
        pool: Some(Pool {
            name: "hefei".into(),
            uid: "pool-uid".into(),
            labels: BTreeMap::new(),
            annotations: map(&[
                ("alibabacloud.com/ens-region-id", "cn-hefei"),
                ("alibabacloud.com/ens-network-id", "n-1"),
                ("alibabacloud.com/ens-vswitch-id", "vsw-1"),
            ]),
            deleting: false,
        }),
        nodes: (0..nodes).map(node).collect(),
        endpoints: (0..nodes).map(endpoint).collect(),
        sharing: Vec::new(),
        owner_of_named: None,
    }
}

/// The Service of a snapshot.
pub(crate) fn service(snapshot: &mut Snapshot) -> &mut Service {
    snapshot.service.as_mut().unwrap()
}

/// Annotates the PoolService.
pub(crate) fn annotate(snapshot: &mut Snapshot, key: &str, value: &str) {
    snapshot
        .pool_service
        .annotations
        .insert(key.to_owned(), value.to_owned());
}

/// The cloud, the ledger and the clock.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) now: i64,
    pub(crate) load_balancers: BTreeMap<String, LoadBalancer>,
    pub(crate) eips: BTreeMap<String, Eip>,
    /// Every write, in order.
    pub(crate) audit: Vec<Step>,
    pub(crate) ledger: Option<Ledger>,
    pub(crate) published: Vec<String>,
    pub(crate) finalized: bool,
    /// Creates happen, their answers do not arrive.
    pub(crate) lose_answers: bool,
    /// Creates neither happen nor answer.
    pub(crate) drop_creates: bool,
    /// The process dies before this many further steps.
    pub(crate) steps_left: usize,
    /// Things younger than this are not listed by name.
    pub(crate) list_lag: i64,
    /// Steps that the cloud refuses for good.
    pub(crate) refuses: fn(&Step) -> bool,
    pub(crate) refused: Vec<Refused>,
    /// Nothing is believed to be gone.
    pub(crate) mass_loss: bool,
    /// Reads by id say "gone", lists do not agree.
    pub(crate) blind: bool,
    /// Servers that cannot be attached: not Running, or in another network.
    pub(crate) unattachable: Vec<String>,
    /// No wait is longer than this, in seconds.
    pub(crate) patience: i64,
    tokens: BTreeMap<String, (BTreeMap<String, String>, String)>,
    serial: usize,
    made: BTreeSet<String>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            now: 1_000_000,
            load_balancers: BTreeMap::new(),
            eips: BTreeMap::new(),
            audit: Vec::new(),
            ledger: None,
            published: Vec::new(),
            finalized: false,
            lose_answers: false,
            drop_creates: false,
            steps_left: usize::MAX,
            list_lag: 0,
            refuses: |_| false,
            refused: Vec::new(),
            mass_loss: false,
            blind: false,
            unattachable: Vec::new(),
            patience: i64::MAX,
            tokens: BTreeMap::new(),
            serial: 0,
            made: BTreeSet::new(),
        }
    }

    /// A load balancer of the user's, Active, with nothing on it.
    pub(crate) fn users_load_balancer(&mut self, id: &str) -> &mut LoadBalancerDetail {
        let mut made = load_balancer(id, "mine", self.now - 9_999);
        made.status = LoadBalancerStatus::Active;
        let slot = self.load_balancers.entry(id.to_owned()).or_insert(made);
        slot.detail.as_mut().unwrap()
    }

    /// The only load balancer.
    pub(crate) fn only(&self) -> &LoadBalancer {
        assert_eq!(self.load_balancers.len(), 1);
        self.load_balancers.values().next().unwrap()
    }

    pub(crate) fn detail(&self) -> &LoadBalancerDetail {
        self.only().detail.as_ref().unwrap()
    }

    pub(crate) fn servers(&self) -> Vec<&str> {
        self.detail()
            .backends
            .iter()
            .map(|b| b.server_id.as_str())
            .collect()
    }

    /// What changes by itself.
    fn advance(&mut self) {
        self.now += 5;
        for lb in self.load_balancers.values_mut() {
            lb.status_age += 5;
            if self.made.contains(&lb.id) && lb.status_age == 5 {
                lb.status = LoadBalancerStatus::Active;
            }
            for l in lb.detail.iter_mut().flat_map(|d| d.listeners.iter_mut()) {
                l.status = match &l.status {
                    ListenerStatus::Changing(s) if s == "Starting" => ListenerStatus::Running,
                    ListenerStatus::Changing(_) => ListenerStatus::Stopped,
                    settled => settled.clone(),
                };
            }
        }
        let alive: BTreeSet<String> = self.load_balancers.keys().cloned().collect();
        for eip in self.eips.values_mut() {
            if let EipStatus::Changing(_) = eip.status {
                eip.status = if eip.bound_to.is_some() {
                    EipStatus::InUse
                } else {
                    EipStatus::Available
                };
            }
            let ours = eip
                .bound_to
                .as_ref()
                .is_some_and(|id| self.made.contains(id));
            if ours && eip.bound_to.as_ref().is_some_and(|id| !alive.contains(id)) {
                eip.bound_to = None;
                eip.status = EipStatus::Available;
            }
        }
    }

    pub(crate) fn state(&self) -> State {
        self.ledger
            .clone()
            .map_or(State::None, |l| State::Current(Box::new(l)))
    }

    pub(crate) fn observe(&self, needs: &BTreeSet<Need>, desired: &Desired) -> Observed {
        let mut observed = Observed {
            refused: self.refused.clone(),
            mass_loss: self.mass_loss.then(|| "many are gone".to_owned()),
            ..Observed::default()
        };
        let (names, user_id): (BTreeSet<String>, Option<String>) = match desired {
            Desired::Stack(stack) => {
                let names = stack.name.load_balancer();
                let mut all: BTreeSet<String> = names.all().map(str::to_owned).collect();
                all.insert(stack.name.eip());
                let id = match &stack.source {
                    Source::User { id } => id.clone(),
                    Source::Managed => None,
                };
                (all, id)
            }
            _ => (BTreeSet::new(), None),
        };
        let ledger = self.ledger.as_ref();
        let names: BTreeSet<String> = names
            .into_iter()
            .chain(
                ledger
                    .iter()
                    .flat_map(|l| l.load_balancer.names.iter().cloned()),
            )
            .chain(
                ledger
                    .iter()
                    .filter_map(|l| l.eip.as_ref())
                    .flat_map(|r| r.names.clone()),
            )
            .collect();
        let id = ledger
            .and_then(|l| l.load_balancer.id.clone())
            .or(user_id.clone());
        let is_users = ledger.map_or(user_id.is_some(), |l| !l.load_balancer.is_ours());
        if needs.contains(&Need::LoadBalancer) || needs.contains(&Need::Detail) {
            let mut found = id
                .as_ref()
                .and_then(|id| self.load_balancers.get(id))
                .cloned();
            if let Some(found) = &mut found
                && !needs.contains(&Need::Detail)
            {
                found.detail = None;
            }
            observed.duplicates = self
                .load_balancers
                .values()
                .filter(|lb| !is_users && names.contains(&lb.name) && Some(&lb.id) != id.as_ref())
                .map(|lb| lb.id.clone())
                .collect();
            observed.load_balancer = match found {
                Some(found) if !self.blind => Presence::Present(found),
                _ => Presence::Gone {
                    confirmed: !self.blind,
                },
            };
        }
        if needs.contains(&Need::Eip) {
            let found = if is_users {
                self.eips.values().find(|eip| eip.bound_to == id)
            } else {
                let id = ledger
                    .and_then(|l| l.eip.as_ref())
                    .and_then(|r| r.id.as_ref());
                id.and_then(|id| self.eips.get(id))
            };
            observed.eip = match found {
                Some(found) if !self.blind => Presence::Present(found.clone()),
                _ => Presence::Gone {
                    confirmed: !self.blind,
                },
            };
        }
        if needs.contains(&Need::ByName) {
            let listed = |at: Option<i64>| at.is_none_or(|at| self.now - at >= self.list_lag);
            observed.by_name = Some(ByName {
                begun_at: self.now,
                load_balancers: self
                    .load_balancers
                    .values()
                    .filter(|lb| names.contains(&lb.name) && listed(lb.created_at))
                    .cloned()
                    .collect(),
                eips: self
                    .eips
                    .values()
                    .filter(|eip| names.contains(&eip.name) && listed(eip.created_at))
                    .cloned()
                    .collect(),
            });
        }
        if needs.contains(&Need::VSwitches) {
            observed.vswitches = Some(vec!["vsw-0".into(), "vsw-1".into()]);
        }
        if needs.contains(&Need::Attachable) {
            let all = (0..500).map(|i| format!("i-{i:03}"));
            observed.attachable = Some(all.filter(|id| !self.unattachable.contains(id)).collect());
        }
        observed
    }

    /// The plan for now, with all its needs answered; nothing is carried out.
    pub(crate) fn look(&self, snapshot: &Snapshot) -> Plan {
        let mut snapshot = snapshot.clone();
        snapshot.pool_service.published.clone_from(&self.published);
        snapshot.pool_service.has_finalizer = self.ledger.is_some();
        let identity = identity();
        let cx = Context {
            identity: &identity,
            pool_service: &snapshot.pool_service,
            now: self.now,
        };
        let desired = desired(&snapshot, &Config::new(identity.clone()), self.now);
        let mut needs = BTreeSet::new();
        for _ in 0..10 {
            let plan = plan(
                &desired,
                &self.observe(&needs, &desired),
                &self.state(),
                &cx,
            );
            if plan.needs.is_empty() {
                for event in &plan.report.events {
                    let known = ecm_policy::events::of(event.reason);
                    assert_eq!(
                        known.map(|known| known.is_warning),
                        Some(event.warning),
                        "{event:?}"
                    );
                }
                return plan;
            }
            assert!(plan.lanes.is_empty() && plan.ledger.is_none() && !plan.released);
            assert!(
                !plan.needs.is_subset(&needs),
                "{:?} was answered",
                plan.needs
            );
            needs.extend(plan.needs);
        }
        panic!("needs have no end");
    }

    /// The plan for what is read of the cloud by these needs, changed by `change`.
    pub(crate) fn plan_with(
        &self,
        snapshot: &Snapshot,
        needs: &[Need],
        change: impl FnOnce(&mut Observed),
    ) -> Plan {
        let identity = identity();
        let desired = desired(snapshot, &Config::new(identity.clone()), self.now);
        let mut observed = self.observe(&needs.iter().copied().collect(), &desired);
        change(&mut observed);
        let cx = Context {
            identity: &identity,
            pool_service: &snapshot.pool_service,
            now: self.now,
        };
        plan(&desired, &observed, &self.state(), &cx)
    }

    /// One sync.
    pub(crate) fn tick(&mut self, snapshot: &Snapshot) -> Plan {
        let plan = self.look(snapshot);
        if let Some(ledger) = &plan.ledger {
            self.ledger = Some(ledger.clone());
        }
        'lanes: for lane in &plan.lanes {
            for (at, step) in lane.0.iter().enumerate() {
                if self.steps_left == 0 {
                    break 'lanes;
                }
                self.steps_left -= 1;
                let is_create = matches!(step, Step::CreateLoadBalancer(_) | Step::CreateEip(_));
                assert!(
                    !is_create || at + 1 == lane.0.len(),
                    "a create ends its lane"
                );
                if (self.refuses)(step) {
                    self.refuse(step);
                    break;
                }
                self.execute(step);
            }
        }
        match &plan.report.addresses {
            Addresses::Keep => {}
            Addresses::Publish { ip, .. } => self.published = vec![ip.clone()],
            Addresses::Withdraw => self.published.clear(),
        }
        if plan.released {
            self.ledger = None;
            self.finalized = true;
        }
        let alive = |prefix: &str, ids: Vec<&String>| {
            ids.into_iter()
                .filter(|id| id.starts_with(prefix) && self.made.contains(*id))
                .count()
        };
        assert!(
            alive("lb-", self.load_balancers.keys().collect()) <= 1,
            "one ELB at any time"
        );
        assert!(
            alive("eip-", self.eips.keys().collect()) <= 1,
            "one EIP at any time"
        );
        self.advance();
        if let Wait::Seconds(seconds) = plan.wait {
            for _ in 0..(seconds.min(self.patience) / 5) {
                self.advance();
            }
        }
        plan
    }

    /// Syncs until nothing is pending; says the steps that were carried out.
    pub(crate) fn settle(&mut self, snapshot: &Snapshot) -> Vec<Step> {
        let before = self.audit.len();
        for _ in 0..300 {
            if self.tick(snapshot).wait == Wait::Settled {
                return self.audit[before..].to_vec();
            }
        }
        panic!("does not settle: {:#?}", self.look(snapshot));
    }

    /// Syncs `times` times, whatever comes.
    pub(crate) fn ticks(&mut self, snapshot: &Snapshot, times: usize) -> Vec<Step> {
        let before = self.audit.len();
        for _ in 0..times {
            self.tick(snapshot);
        }
        self.audit[before..].to_vec()
    }

    fn owned(&self, id: &str) -> bool {
        let records = self.ledger.iter().flat_map(Ledger::records);
        let mut ours = records.filter(|record| record.is_ours());
        ours.any(|record| record.id.as_deref() == Some(id))
    }

    fn create(&mut self, prefix: &str, intent: &ecm_policy::ledger::Intent) -> Option<String> {
        if let Some((parameters, id)) = self.tokens.get(&intent.token) {
            assert_eq!(
                parameters, &intent.parameters,
                "a repeat sends the same bytes"
            );
            return Some(id.clone());
        }
        if self.drop_creates {
            return None;
        }
        self.serial += 1;
        let id = format!("{prefix}{}", self.serial);
        self.tokens.insert(
            intent.token.clone(),
            (intent.parameters.clone(), id.clone()),
        );
        self.made.insert(id.clone());
        let parameter = |key: &str| intent.parameters[key].clone();
        if prefix == "lb-" {
            let mut made = load_balancer(&id, &parameter("LoadBalancerName"), self.now);
            made.spec = Some(parameter("LoadBalancerSpec"));
            self.load_balancers.insert(id.clone(), made);
        } else {
            let mut made = eip(&id, &parameter("Name"), self.now);
            made.bandwidth = parameter("Bandwidth").parse().ok();
            made.tags = intent
                .parameters
                .iter()
                .filter_map(|(k, v)| Some((k.strip_prefix("Tag.")?.to_owned(), v.clone())))
                .collect();
            self.eips.insert(id.clone(), made);
        }
        Some(id)
    }

    fn on(&mut self, id: &str) -> &mut LoadBalancerDetail {
        self.load_balancers
            .get_mut(id)
            .unwrap()
            .detail
            .as_mut()
            .unwrap()
    }

    /// As the executor and the memory of the reconciler do it.
    fn refuse(&mut self, step: &Step) {
        self.audit.push(step.clone());
        if let (Step::CreateLoadBalancer(_), Some(ledger)) = (step, &mut self.ledger) {
            ledger.load_balancer.intent = None;
        }
        if let (Step::CreateEip(_), Some(record)) = (
            step,
            self.ledger.as_mut().and_then(|ledger| ledger.eip.as_mut()),
        ) {
            record.intent = None;
        }
        self.refused.retain(|known| !known.covers(step));
        self.refused.push(Refused {
            step: step.clone(),
            reason: Reason::CloudRefused,
            message: format!("could not {step}"),
            again: self.now + 300,
        });
    }

    fn execute(&mut self, step: &Step) {
        self.audit.push(step.clone());
        let changing = |s: &str| ListenerStatus::Changing(s.to_owned());
        let find = |detail: &mut LoadBalancerDetail, key| {
            detail
                .listeners
                .iter()
                .position(|l| l.key == key)
                .expect("the listener exists")
        };
        match step {
            Step::CreateLoadBalancer(intent) => {
                let id = self.create("lb-", intent);
                if let (Some(id), false) = (id, self.lose_answers) {
                    self.ledger.as_mut().unwrap().load_balancer.resolve(id);
                }
            }
            Step::CreateEip(intent) => {
                let id = self.create("eip-", intent);
                if let (Some(id), false) = (id, self.lose_answers) {
                    self.ledger
                        .as_mut()
                        .unwrap()
                        .eip
                        .as_mut()
                        .unwrap()
                        .resolve(id);
                }
            }
            Step::ActivateLoadBalancer { id } => {
                assert!(self.owned(id), "{step}");
                self.load_balancers.get_mut(id).unwrap().status = LoadBalancerStatus::Active;
            }
            Step::RenameLoadBalancer { id, name } => {
                assert!(self.owned(id), "{step}");
                self.load_balancers
                    .get_mut(id)
                    .unwrap()
                    .name
                    .clone_from(name);
            }
            Step::ReleaseLoadBalancer { id, .. } => {
                assert!(self.owned(id), "{step}");
                self.load_balancers.remove(id).unwrap();
            }
            Step::BindEip { id, load_balancer } => {
                assert!(self.owned(id) && self.owned(load_balancer), "{step}");
                let eip = self.eips.get_mut(id).unwrap();
                assert_eq!(eip.status, EipStatus::Available);
                eip.status = EipStatus::Changing("Associating".into());
                eip.bound_to = Some(load_balancer.clone());
            }
            Step::UnbindEip { id } => {
                assert!(self.owned(id), "{step}");
                let eip = self.eips.get_mut(id).unwrap();
                eip.status = EipStatus::Changing("Unassociating".into());
                eip.bound_to = None;
            }
            Step::SetEipBandwidth { id, bandwidth } => {
                assert!(self.owned(id), "{step}");
                self.eips.get_mut(id).unwrap().bandwidth = Some(*bandwidth);
            }
            Step::ReleaseEip { id } => {
                assert!(self.owned(id), "{step}");
                assert_eq!(self.eips.remove(id).unwrap().status, EipStatus::Available);
            }
            Step::CreateListener {
                load_balancer,
                listener,
            } => {
                let detail = self.on(load_balancer);
                let same = |l: &Listener| l.key == listener.key;
                assert!(!detail.listeners.iter().any(same), "ListenerAlreadyExists");
                detail
                    .listeners
                    .push(as_read(listener, ListenerStatus::Stopped));
            }
            Step::StartListener { load_balancer, key } => {
                let detail = self.on(load_balancer);
                let at = find(detail, *key);
                detail.listeners[at].status = changing("Starting");
            }
            Step::StopListener { load_balancer, key } => {
                let detail = self.on(load_balancer);
                let at = find(detail, *key);
                detail.listeners[at].status = changing("Stopping");
            }
            Step::SetListener {
                load_balancer,
                listener,
            } => {
                let detail = self.on(load_balancer);
                let at = find(detail, listener.key);
                let status = detail.listeners[at].status.clone();
                detail.listeners[at] = as_read(listener, status);
            }
            Step::DeleteListener { load_balancer, key } => {
                let detail = self.on(load_balancer);
                let at = find(detail, *key);
                assert_eq!(detail.listeners[at].status, ListenerStatus::Stopped);
                detail.listeners.remove(at);
            }
            Step::AddBackends {
                load_balancer,
                servers,
            } => {
                assert!(servers.len() <= BATCH);
                let detail = self.on(load_balancer);
                for server in servers {
                    assert!(
                        !detail
                            .backends
                            .iter()
                            .any(|b| b.server_id == server.server_id)
                    );
                    detail
                        .backends
                        .push(backend(&server.server_id, server.weight));
                }
                detail.backends.sort();
            }
            Step::SetWeights {
                load_balancer,
                servers,
            } => {
                assert!(servers.len() <= BATCH);
                for server in servers {
                    let seen = self.on(load_balancer).backends.iter_mut();
                    seen.filter(|b| b.server_id == server.server_id)
                        .for_each(|b| b.weight = server.weight);
                }
            }
            Step::RemoveBackends {
                load_balancer,
                servers,
            } => {
                assert!(servers.len() <= BATCH);
                self.on(load_balancer)
                    .backends
                    .retain(|b| !servers.iter().any(|server| server.server_id == b.server_id));
            }
        }
    }
}

pub(crate) fn backend(id: &str, weight: u8) -> Backend {
    Backend {
        server_id: id.into(),
        kind: "ens".into(),
        weight,
        ip: None,
        port: Some(0),
    }
}

pub(crate) fn as_read(listener: &WantedListener, status: ListenerStatus) -> Listener {
    Listener {
        key: listener.key,
        description: listener.description.clone(),
        status,
        backend_port: Some(listener.backend_port),
        settings: Some(listener.settings.clone()),
    }
}

pub(crate) fn load_balancer(id: &str, name: &str, created_at: i64) -> LoadBalancer {
    LoadBalancer {
        id: id.into(),
        name: name.into(),
        status: LoadBalancerStatus::InActive,
        status_age: 0,
        region: "cn-hefei".into(),
        network: "n-1".into(),
        vswitch: "vsw-1".into(),
        address: "10.0.0.9".into(),
        spec: None,
        created_at: Some(created_at),
        detail: Some(LoadBalancerDetail::default()),
    }
}

pub(crate) fn eip(id: &str, name: &str, created_at: i64) -> Eip {
    Eip {
        id: id.into(),
        name: name.into(),
        address: "203.0.113.7".into(),
        status: EipStatus::Available,
        bandwidth: Some(10),
        bound_to: None,
        region: "cn-hefei".into(),
        created_at: Some(created_at),
        tags: Vec::new(),
    }
}
