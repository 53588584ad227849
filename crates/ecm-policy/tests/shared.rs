//! Several PoolServices on one user's load balancer.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests stop where a test fails"
)]

mod model;

use ecm_policy::conditions::{ConditionType, Reason, Status};
use ecm_policy::desired::{Config, Desired, desired};
use ecm_policy::ledger::{Ledger, State};
use ecm_policy::listeners::Protocol;
use ecm_policy::observed::{Listener, ListenerStatus, Observed, Presence};
use ecm_policy::plan::{Context, Plan, Step, plan};
use ecm_policy::snapshot::{ExternalTrafficPolicy, ObjectKey, Snapshot};
use model::{P, World, annotate, port, service, snapshot};

/// PoolServices on one load balancer of the user's, in one world.
struct Shared {
    world: World,
    all: Vec<Snapshot>,
    ledgers: Vec<Option<Ledger>>,
}

/// A PoolService of `service` in pool `pool`, made at `age`, with nodes of these numbers.
fn one(service_name: &str, pool: &str, age: i64, nodes: &[usize]) -> Snapshot {
    let mut s = snapshot(0);
    s.nodes = nodes.iter().copied().map(model::node).collect();
    s.endpoints = nodes.iter().copied().map(model::endpoint).collect();
    let ps = &mut s.pool_service;
    ps.key = ObjectKey::new("default", format!("{service_name}-{pool}"));
    ps.uid = format!("{service_name}-{pool}-uid");
    ps.service = Some(service_name.into());
    ps.pool = Some(pool.into());
    ps.created_at = age;
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    s.pool.as_mut().unwrap().name = pool.into();
    let service = service(&mut s);
    service.key.name = service_name.into();
    service.external_traffic_policy = ExternalTrafficPolicy::Cluster;
    s
}

impl Shared {
    fn new(all: Vec<Snapshot>) -> Self {
        let mut world = World::new();
        world.users_load_balancer("lb-user");
        let ledgers = vec![None; all.len()];
        Self {
            world,
            all,
            ledgers,
        }
    }

    /// The snapshot of one, with the others beside it.
    fn view(&self, of: usize) -> Snapshot {
        let with_ledger = |at: usize| {
            let mut s = self.all[at].clone();
            if let Some(ledger) = &self.ledgers[at] {
                let text = ecm_policy::ledger::write(ledger).unwrap();
                annotate(&mut s, "ecm.alibabacloud.com/ledger", &text);
                s.pool_service.has_finalizer = true;
            }
            s
        };
        let mut s = with_ledger(of);
        s.sharing = (0..self.all.len())
            .filter(|at| *at != of)
            .map(with_ledger)
            .collect();
        s
    }

    fn look(&mut self, of: usize) -> Plan {
        self.world.ledger = self.ledgers[of].clone();
        let plan = self.world.look(&self.view(of));
        self.world.ledger = None;
        plan
    }

    /// Each in turn until nobody has anything to do.
    fn settle(&mut self) -> Vec<Step> {
        let before = self.world.audit.len();
        for _ in 0..20 {
            let seen = self.world.audit.len();
            for of in 0..self.all.len() {
                self.world.ledger = self.ledgers[of].clone();
                self.world.finalized = false;
                let view = self.view(of);
                self.world.tick(&view);
                self.ledgers[of] = self.world.ledger.take();
            }
            if self.world.audit.len() == seen {
                return self.world.audit[before..].to_vec();
            }
        }
        panic!("does not settle: {:#?}", &self.world.audit[before..]);
    }

    /// Takes one away, as when its deletion is through.
    fn remove(&mut self, of: usize) {
        self.all.remove(of);
        self.ledgers.remove(of);
    }

    fn refusal(&mut self, of: usize, condition: ConditionType) -> Option<(Reason, String)> {
        let plan = self.look(of);
        let condition = plan.report.conditions.get(condition)?;
        (condition.status == Status::False).then(|| (condition.reason, condition.message.clone()))
    }

    fn ports(&self) -> Vec<(u16, String)> {
        let listeners = &self.world.detail().listeners;
        let maker = |l: &Listener| {
            l.description
                .split('/')
                .skip(5)
                .collect::<Vec<_>>()
                .join("/")
        };
        listeners.iter().map(|l| (l.key.port, maker(l))).collect()
    }
}

#[test]
fn rule_7_6_what_any_of_them_wants_stays_and_the_last_one_removes_it() {
    let mut shared = Shared::new(vec![one("a", "p", 1, &[0, 1]), one("b", "q", 2, &[1, 2])]);
    service(&mut shared.all[1]).ports = vec![port(81, "TCP", 30081)];
    shared.world.users_load_balancer("lb-user").backends = vec![model::backend("i-user", 7)];
    shared.settle();
    assert_eq!(
        shared.world.servers(),
        ["i-000", "i-001", "i-002", "i-user"]
    );
    // The first does without all of its servers: what the second wants stays.
    shared.all[0].nodes.clear();
    shared.settle();
    assert_eq!(shared.world.servers(), ["i-001", "i-002", "i-user"]);
    shared.all[1].nodes.clear();
    shared.settle();
    assert_eq!(shared.world.servers(), ["i-user"]);
}

#[test]
fn rule_7_6_a_frozen_one_keeps_what_its_ledger_has() {
    let mut shared = Shared::new(vec![one("a", "p", 1, &[0]), one("b", "q", 2, &[0])]);
    service(&mut shared.all[1]).ports = vec![port(81, "TCP", 30081)];
    shared.settle();
    annotate(&mut shared.all[0], "ecm.alibabacloud.com/paused", "true");
    shared.all[0].nodes.clear();
    shared.all[1].nodes.clear();
    assert_eq!(shared.settle(), []);
    assert_eq!(shared.world.servers(), ["i-000"]);
    annotate(&mut shared.all[0], "ecm.alibabacloud.com/paused", "false");
    shared.settle();
    assert!(shared.world.servers().is_empty());
}

#[test]
fn rule_7_6_the_oldest_decides_about_weights_and_the_other_hears_of_it() {
    let mut shared = Shared::new(vec![one("b", "q", 2, &[0]), one("a", "p", 1, &[0])]);
    service(&mut shared.all[0]).ports = vec![port(81, "TCP", 30081)];
    annotate(&mut shared.all[0], &format!("{P}backend-weight"), "base=30");
    annotate(&mut shared.all[1], &format!("{P}backend-weight"), "base=70");
    shared.settle();
    assert_eq!(shared.world.detail().backends[0].weight, 70);
    let (reason, message) = shared.refusal(0, ConditionType::InSync).unwrap();
    assert_eq!(reason, Reason::WeightConflict);
    assert!(message.contains("default/a-p"), "{message}");
    assert_eq!(shared.refusal(1, ConditionType::InSync), None);
}

#[test]
fn rule_6_6_pool_services_of_one_service_share_its_listeners() {
    let mut shared = Shared::new(vec![one("a", "p", 1, &[0]), one("a", "q", 2, &[1])]);
    shared.settle();
    assert_eq!(shared.ports(), [(80, "a/p".into())]);
    for of in [0, 1] {
        assert_eq!(shared.refusal(of, ConditionType::ListenersReady), None);
    }
    // The one that made it goes, and takes it not along.
    annotate(
        &mut shared.all[0],
        "ecm.alibabacloud.com/cleanup-on-delete",
        "true",
    );
    shared.all[0].pool_service.deleting = true;
    let steps = shared.settle();
    assert!(
        !steps.iter().any(|step| matches!(
            step,
            Step::StopListener { .. } | Step::DeleteListener { .. }
        )),
        "{steps:?}"
    );
    shared.remove(0);
    shared.settle();
    assert_eq!(shared.ports(), [(80, "a/q".into())]);
    assert_eq!(shared.world.servers(), ["i-001"]);
}

#[test]
fn rule_6_6_of_two_services_the_older_has_a_new_port_and_an_incumbent_keeps_its_own() {
    // The younger one is looked at first, and must not take what the older one wants.
    let mut shared = Shared::new(vec![one("b", "q", 2, &[0]), one("a", "p", 1, &[0])]);
    service(&mut shared.all[1])
        .ports
        .push(port(81, "TCP", 30081));
    service(&mut shared.all[0])
        .ports
        .push(port(82, "TCP", 30082));
    shared.settle();
    assert_eq!(
        shared.ports(),
        [(82, "b/q".into()), (80, "a/p".into()), (81, "a/p".into())]
    );
    let (reason, message) = shared.refusal(0, ConditionType::ListenersReady).unwrap();
    assert_eq!(reason, Reason::ListenerConflict);
    assert!(message.contains("default/a-p"), "{message}");
    // The older one comes too late for a port that the younger one has.
    service(&mut shared.all[1])
        .ports
        .push(port(82, "TCP", 30082));
    assert_eq!(shared.settle(), []);
    let (_, message) = shared.refusal(1, ConditionType::ListenersReady).unwrap();
    assert!(message.contains("default/b-q"), "{message}");
    let (_, message) = shared.refusal(0, ConditionType::ListenersReady).unwrap();
    assert!(
        !message.contains("port 82"),
        "the incumbent keeps it: {message}"
    );
    // Who does not want it any more leaves it to the other.
    service(&mut shared.all[1]).ports.remove(0);
    shared.settle();
    assert!(
        shared.ports().contains(&(80, "b/q".into())),
        "{:?}",
        shared.ports()
    );
}

#[test]
fn rule_7_7_the_newer_of_two_services_that_cannot_share_is_refused_and_the_older_served_on() {
    let mut shared = Shared::new(vec![one("a", "p", 1, &[0]), one("b", "q", 2, &[1])]);
    service(&mut shared.all[1]).ports = vec![port(81, "TCP", 30081)];
    service(&mut shared.all[0]).external_traffic_policy = ExternalTrafficPolicy::Local;
    shared.settle();
    assert_eq!(shared.world.servers(), ["i-000"]);
    let (reason, message) = shared.refusal(1, ConditionType::Accepted).unwrap();
    assert_eq!(reason, Reason::SharedLoadBalancerNeedsCluster);
    assert!(message.contains("default/a-p"), "{message}");
    service(&mut shared.all[0]).external_traffic_policy = ExternalTrafficPolicy::Cluster;
    shared.settle();
    assert_eq!(shared.world.servers(), ["i-000", "i-001"]);
    // A refused one in the middle refuses nobody.
    shared.all.push(one("c", "r", 3, &[2]));
    shared.ledgers.push(None);
    service(&mut shared.all[2]).ports = vec![port(82, "TCP", 30082)];
    service(&mut shared.all[1]).external_traffic_policy = ExternalTrafficPolicy::Local;
    shared.settle();
    assert_eq!(shared.world.servers(), ["i-000", "i-001", "i-002"]);
    assert_eq!(shared.refusal(2, ConditionType::Accepted), None);
}

#[test]
fn rule_6_5_what_a_dead_pool_service_left_is_taken_over_and_a_stranger_s_only_by_force() {
    let left = |cluster: &str| Listener {
        description: format!("k8s/80/tcp/{cluster}/default/gone/pool"),
        key: ecm_policy::listeners::ListenerKey {
            port: 80,
            protocol: Protocol::Tcp,
        },
        status: ListenerStatus::Running,
        backend_port: Some(30080),
        settings: None,
    };
    for (cluster, force, taken) in [
        ("c1", false, true),
        ("c2", false, false),
        ("c2", true, false),
    ] {
        let mut shared = Shared::new(vec![one("a", "p", 1, &[0])]);
        if force {
            let key = "service.openyurt.io/elb-force-override-listeners";
            annotate(&mut shared.all[0], key, "true");
        }
        shared.world.users_load_balancer("lb-user").listeners = vec![left(cluster)];
        shared.settle();
        let is_ours = shared.ports() == [(80, "a/p".to_owned())];
        assert_eq!(is_ours, taken, "{cluster} {force}");
    }
}

#[test]
fn rule_4_7_a_load_balancer_that_a_ledger_owns_or_a_shortened_name_shows_is_not_a_users() {
    let mut s = one("a", "p", 1, &[0]);
    s.owner_of_named = Some(ObjectKey::new("shop", "web-hefei"));
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    let accepted = |plan: &Plan| plan.report.conditions.get(ConditionType::Accepted).cloned();
    let refused = accepted(&world.tick(&s)).unwrap();
    assert_eq!(refused.reason, Reason::LoadBalancerIsManaged);
    assert!(refused.message.contains("shop/web-hefei"));
    s.owner_of_named = None;
    let whole = format!("k8s/{}/default/pool/c9", "x".repeat(80));
    let short = ecm_policy::naming::shorten(&whole, 80);
    world.load_balancers.get_mut("lb-user").unwrap().name = short;
    assert_eq!(
        accepted(&world.tick(&s)).unwrap().reason,
        Reason::LoadBalancerIsManaged
    );
    assert_eq!((world.audit.len(), world.ledger), (0, None));
}

#[test]
fn rule_7_8_a_load_balancer_that_was_not_read_changes_nothing() {
    let s = one("a", "p", 1, &[0]);
    let config = Config::new(model::identity());
    let wanted = desired(&s, &config, 0);
    assert!(matches!(wanted, Desired::Stack(_)));
    let observed = Observed {
        load_balancer: Presence::Unread,
        ..Observed::default()
    };
    let cx = Context {
        identity: &config.identity,
        pool_service: &s.pool_service,
        now: 0,
    };
    let plan = plan(&wanted, &observed, &State::None, &cx);
    assert!(plan.lanes.is_empty() && plan.ledger.is_none() && !plan.needs.is_empty());
}

#[test]
fn rule_7_6_a_new_server_is_attached_at_once_with_the_weight_of_the_oldest() {
    let mut shared = Shared::new(vec![one("b", "q", 2, &[0]), one("a", "p", 1, &[0])]);
    service(&mut shared.all[0]).ports = vec![port(81, "TCP", 30081)];
    annotate(&mut shared.all[1], &format!("{P}backend-weight"), "base=70");
    let plan = shared.look(0);
    let weights: Vec<u8> = plan
        .steps()
        .filter_map(|step| match step {
            Step::AddBackends { servers, .. } => Some(servers),
            _ => None,
        })
        .flatten()
        .map(|server| server.weight)
        .collect();
    assert_eq!(weights, [70]);
}
