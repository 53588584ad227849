//! Histories: whatever people, machines and the cloud do, in whatever order, things come right in
//! the end and nothing wrong happens on the way.
//!
//! `ECM_HISTORIES=5000` plays that many, `ECM_HISTORY=17` plays the one of that seed and shows it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ecm_testkit::invariants::Expect;
use ecm_testkit::scenario::guide::{self, MANAGED_BY_USER};
use ecm_testkit::scenario::{Console, Scenario, Step};
use ecm_testkit::sweep;
use ecm_testkit::trouble::Trouble;
use ecm_testkit::world::Config;
use ens_sim::cloud::Switches;
use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// How many histories are played when nobody says.
const HISTORIES: u64 = if cfg!(debug_assertions) { 12 } else { 64 };

/// What may happen.
#[derive(Debug, Clone)]
enum Act {
    /// The Service is made, or gets other ports and settings.
    Apply(Edit),
    Delete,
    /// A second Service of the same pools is made, or goes.
    Second(bool),
    /// A PoolService that is wanted is deleted.
    DeletePoolService(usize),
    /// A NodePool is deleted; its nodes stay.
    DeletePool(usize),
    /// A pool is selected, or not any more.
    Select {
        pool: usize,
        is_selected: bool,
    },
    Node {
        node: usize,
        readiness: usize,
    },
    /// A node is excluded from load balancers, or not any more.
    Exclude(usize, bool),
    RemoveLoadBalancer(usize),
    RemoveEip(usize),
    Kill,
    Restart,
    /// The leader hangs for so many seconds.
    StandStill(u64),
    Pass(u64),
}

/// What the Service is like.
#[derive(Debug, Clone)]
struct Edit {
    ports: usize,
    is_local: bool,
    bandwidth: usize,
    scheduler: usize,
    persistence: usize,
    weight: usize,
    drain: usize,
    paused: usize,
    /// Which load balancers are named, where they are a person's.
    ids: usize,
}

/// The first of each is that of a Service that serves in the end.
const PORTS: [&[(u16, u16)]; 4] = [
    &[(80, 80)],
    &[(80, 80), (443, 80)],
    &[(443, 80)],
    &[(80, 80), (443, 80), (8080, 80)],
];
const BANDWIDTHS: [&str; 5] = ["10", "5", "50", "4", "x"];
const SCHEDULERS: [&str; 5] = ["rr", "wrr", "wlc", "sch", "nonsense"];
const PERSISTENCE: [&str; 3] = ["0", "60", "3601"];
const WEIGHTS: [&str; 4] = ["base=100", "base=10", "base=0", "base"];
const DRAINS: [&str; 3] = ["0", "20", "901"];
const PAUSES: [&str; 4] = ["false", "false", "true", "True"];
/// The last two name nothing, and each other's.
const IDS: [&str; 4] = [
    "np-heifei=lb-heifei,np-chengdu=lb-chengdu",
    "np-heifei=lb-heifei",
    "",
    "np-heifei=lb-chengdu,np-chengdu=lb-heifei",
];
const READINESS: [&str; 3] = ["True", "False", "Unknown"];

/// Most edits change little: a Service whose every setting is wrong is soon said all about.
fn seldom(others: usize) -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 1 => 0..others]
}

fn edit() -> impl Strategy<Value = Edit> {
    (
        0..PORTS.len(),
        any::<bool>(),
        seldom(BANDWIDTHS.len()),
        seldom(SCHEDULERS.len()),
        seldom(PERSISTENCE.len()),
        seldom(WEIGHTS.len()),
        seldom(DRAINS.len()),
        seldom(PAUSES.len()),
        seldom(IDS.len()),
    )
        .prop_map(
            |(ports, is_local, bandwidth, scheduler, persistence, weight, drain, paused, ids)| {
                Edit {
                    ports,
                    is_local,
                    bandwidth,
                    scheduler,
                    persistence,
                    weight,
                    drain,
                    paused,
                    ids,
                }
            },
        )
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => edit().prop_map(Act::Apply),
        2 => Just(Act::Delete),
        1 => any::<bool>().prop_map(Act::Second),
        1 => (0..2_usize).prop_map(Act::DeletePoolService),
        1 => (0..2_usize).prop_map(Act::DeletePool),
        4 => (0..2_usize, any::<bool>()).prop_map(|(pool, is_selected)| Act::Select { pool, is_selected }),
        5 => (0..4_usize, 0..READINESS.len()).prop_map(|(node, readiness)| Act::Node { node, readiness }),
        1 => (0..4_usize, any::<bool>()).prop_map(|(node, is_excluded)| Act::Exclude(node, is_excluded)),
        2 => (0..2_usize).prop_map(Act::RemoveLoadBalancer),
        2 => (0..2_usize).prop_map(Act::RemoveEip),
        4 => Just(Act::Kill),
        2 => Just(Act::Restart),
        2 => (5..90_u64).prop_map(Act::StandStill),
        12 => (0..60_u64).prop_map(Act::Pass),
    ]
}

fn troubles() -> impl Strategy<Value = Vec<(u64, Trouble)>> {
    let trouble = prop::sample::select(Trouble::ALL.map(|(_, trouble)| trouble).to_vec());
    prop::collection::vec((1..300_u64, trouble), 0..6)
}

/// The cloud and the controllers in it: which inferred facts are otherwise, by how much lists lag, how many replicas there
/// are, and whose the load balancers are. Two of them change their leader whenever the one that leads dies, ends or hangs.
#[derive(Debug, Clone)]
struct Setting {
    turned: Vec<&'static str>,
    list_lag: u64,
    replicas: usize,
    /// Whether the load balancers of the Service are a person's.
    is_users: bool,
}

fn setting() -> impl Strategy<Value = Setting> {
    let names: Vec<&'static str> = Switches::each().into_iter().map(|(name, _)| name).collect();
    let turned = prop::sample::subsequence(names, 0..4);
    let list_lag = prop::sample::select(vec![0, 0, 3, 20]);
    let is_users = prop::bool::weighted(0.3);
    (turned, list_lag, 1..=2_usize, is_users).prop_map(|(turned, list_lag, replicas, is_users)| {
        Setting {
            turned,
            list_lag,
            replicas,
            is_users,
        }
    })
}

impl Setting {
    fn config(&self) -> Config {
        let mut config = Config {
            replicas: self.replicas,
            ..Config::default()
        };
        for name in &self.turned {
            assert!(config.switches.turn(name), "{name}");
        }
        let switches = &mut config.switches;
        // A cloud without any way to release a load balancer is none.
        switches.delete_load_balancer_known |= !switches.release_instance_takes_elb;
        config.latency.list_lag = Duration::from_secs(self.list_lag);
        config
    }
}

/// What happens, what goes wrong, and where.
fn history() -> impl Strategy<Value = (Vec<Act>, Vec<(u64, Trouble)>, Setting)> {
    (prop::collection::vec(act(), 1..14), troubles(), setting())
}

const SERVICE: &str = "cube-svc";
const SECOND: &str = "second";
const PREFIX: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";

/// The Service as it serves in the end.
const PLAIN: Edit = Edit {
    ports: 0,
    is_local: true,
    bandwidth: 0,
    scheduler: 0,
    persistence: 0,
    weight: 0,
    drain: 0,
    paused: 0,
    ids: 0,
};

fn service(edit: &Edit, is_users: bool) -> Value {
    let mut annotations = json!({
        format!("{PREFIX}eip-bandwidth"): BANDWIDTHS[edit.bandwidth],
        format!("{PREFIX}scheduler"): SCHEDULERS[edit.scheduler],
        format!("{PREFIX}persistence-timeout"): PERSISTENCE[edit.persistence],
        format!("{PREFIX}backend-weight"): WEIGHTS[edit.weight],
        "ecm.alibabacloud.com/drain-seconds": DRAINS[edit.drain],
        "ecm.alibabacloud.com/paused": PAUSES[edit.paused],
    });
    if is_users {
        annotations[MANAGED_BY_USER] = json!("true");
        annotations["ecm.alibabacloud.com/cleanup-on-delete"] = json!("true");
        annotations["ecm.alibabacloud.com/loadbalancer-ids"] = json!(IDS[edit.ids]);
    }
    let mut service = guide::service(annotations, PORTS[edit.ports]);
    if !edit.is_local {
        service["spec"]["externalTrafficPolicy"] = json!("Cluster");
    }
    service
}

/// A Service beside the other one.
fn second() -> Value {
    let mut service = guide::service(json!({}), &[(8443, 80)]);
    service["metadata"]["name"] = json!(SECOND);
    service["spec"]["ports"][0]["nodePort"] = json!(32_001);
    service
}

fn select(pool: &str, is_selected: bool) -> Step {
    let label = if is_selected { "cube" } else { "other" };
    Step::Apply(json!({
        "apiVersion": "apps.openyurt.io/v1beta2",
        "kind": "NodePool",
        "metadata": { "name": pool, "labels": { "k8s-svc": label } },
    }))
}

fn exclude(node: &str, is_excluded: bool) -> Step {
    let label = if is_excluded { json!("") } else { Value::Null };
    Step::Apply(json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node,
            "labels": { "node.kubernetes.io/exclude-from-external-load-balancers": label },
        },
    }))
}

fn delete(api_version: &'static str, kind: &'static str, name: &str) -> Step {
    Step::Delete {
        api_version,
        kind,
        name: name.to_owned(),
    }
}

fn scenario(acts: &[Act], setting: &Setting) -> Scenario {
    let config = setting.config();
    let pools = config.topology.pools.clone();
    let nodes: Vec<&String> = pools.iter().flat_map(|pool| &pool.nodes).collect();
    let delete_service = |name: &str| delete("v1", "Service", name);
    let pool_service = |pool: usize| format!("{SERVICE}-{}", pools[pool].name);
    let mut steps = vec![
        Step::Apply(guide::daemon_set()),
        Step::Apply(service(&PLAIN, setting.is_users)),
    ];
    for act in acts {
        steps.push(match act {
            Act::Apply(edit) => Step::Apply(service(edit, setting.is_users)),
            Act::Delete => delete_service(SERVICE),
            Act::Second(true) => Step::Apply(second()),
            Act::Second(false) => delete_service(SECOND),
            Act::DeletePoolService(pool) => delete(
                "network.openyurt.io/v1alpha1",
                "PoolService",
                &pool_service(*pool),
            ),
            Act::DeletePool(pool) => {
                delete("apps.openyurt.io/v1beta2", "NodePool", &pools[*pool].name)
            }
            Act::Select { pool, is_selected } => select(&pools[*pool].name, *is_selected),
            Act::Node { node, readiness } => {
                Step::NodeReady(nodes[*node].clone(), READINESS[*readiness])
            }
            Act::Exclude(node, is_excluded) => exclude(nodes[*node], *is_excluded),
            // A person's would be gone for good.
            Act::RemoveLoadBalancer(_) if setting.is_users => continue,
            Act::RemoveLoadBalancer(pool) => {
                Step::Console(Console::RemoveLoadBalancer(pool_service(*pool)))
            }
            Act::RemoveEip(pool) => Step::Console(Console::RemoveEip(pool_service(*pool))),
            Act::Kill => Step::Kill,
            Act::Restart => Step::Restart,
            Act::StandStill(seconds) => Step::StandStill(Duration::from_secs(*seconds)),
            Act::Pass(seconds) => Step::Pass(Duration::from_secs(*seconds)),
        });
    }
    // Everything is put right; then all has to serve, and to go without a trace.
    steps.extend(config.topology.objects().into_iter().map(Step::Apply));
    for node in &nodes {
        steps.extend([
            exclude(node, false),
            Step::NodeReady((*node).clone(), "True"),
        ]);
    }
    steps.extend([
        // One that is being deleted is gone when things have settled, and made again.
        Step::Apply(service(&PLAIN, setting.is_users)),
        Step::Settle(Expect::Serving),
        Step::Apply(service(&PLAIN, setting.is_users)),
        Step::Settle(Expect::Serving),
        Step::Quiet,
        delete_service(SERVICE),
        delete_service(SECOND),
        Step::Settle(Expect::Serving),
        Step::Quiet,
    ]);
    Scenario {
        name: "history".to_owned(),
        config,
        steps,
    }
}

/// Plays the history of a seed; gives what it shrinks to when something does not hold.
fn play(seed: u64) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = ProptestConfig {
        cases: 1,
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&history(), |(acts, troubles, setting)| {
        let run = sweep::play(&scenario(&acts, &setting), seed, &troubles)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        if std::env::var("ECM_HISTORY").is_ok() {
            println!("{}", run.transcript);
        }
        prop_assert!(run.violations().is_empty(), "{:#?}", run.violations());
        Ok(())
    });
    result.map_err(|error| error.to_string())
}

#[test]
fn every_history_comes_right() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let seeds = match number("ECM_HISTORY") {
        Some(seed) => seed..seed + 1,
        None => 0..number("ECM_HISTORIES").unwrap_or(HISTORIES),
    };
    let (next, failures) = (AtomicU64::new(seeds.start), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    if let Err(error) = play(seed) {
                        failures.lock().unwrap().push((seed, error));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    let shown: Vec<String> = failures
        .iter()
        .take(5)
        .map(|(seed, error)| {
            format!("ECM_HISTORY={seed} cargo test -p ecm-testkit --test histories -- --nocapture\n{error}")
        })
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} histories failed\n{}",
        failures.len(),
        seeds.end - seeds.start,
        shown.join("\n")
    );
}
