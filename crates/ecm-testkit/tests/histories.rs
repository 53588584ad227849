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
use ecm_testkit::scenario::{Console, Scenario, Step, guide};
use ecm_testkit::sweep;
use ecm_testkit::trouble::Trouble;
use ecm_testkit::world::Config;
use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

/// How many histories are played when nobody says.
const HISTORIES: u64 = if cfg!(debug_assertions) { 12 } else { 64 };

/// What may happen.
#[derive(Debug, Clone)]
enum Act {
    /// The Service is made, or gets other ports, bandwidth and policy.
    Apply {
        ports: usize,
        bandwidth: u32,
        is_local: bool,
    },
    Delete,
    /// A pool is selected, or not any more.
    Select {
        pool: usize,
        is_selected: bool,
    },
    Node {
        node: usize,
        readiness: usize,
    },
    RemoveLoadBalancer(usize),
    RemoveEip(usize),
    Kill,
    Restart,
    /// The leader hangs for so many seconds.
    StandStill(u64),
    Pass(u64),
}

const PORTS: [&[(u16, u16)]; 4] = [
    &[(80, 80)],
    &[(80, 80), (443, 80)],
    &[(443, 80)],
    &[(80, 80), (443, 80), (8080, 80)],
];
const READINESS: [&str; 3] = ["True", "False", "Unknown"];

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..PORTS.len(), 5_u32..50, any::<bool>())
            .prop_map(|(ports, bandwidth, is_local)| Act::Apply { ports, bandwidth, is_local }),
        1 => Just(Act::Delete),
        2 => (0..2_usize, any::<bool>()).prop_map(|(pool, is_selected)| Act::Select { pool, is_selected }),
        3 => (0..4_usize, 0..READINESS.len()).prop_map(|(node, readiness)| Act::Node { node, readiness }),
        1 => (0..2_usize).prop_map(Act::RemoveLoadBalancer),
        1 => (0..2_usize).prop_map(Act::RemoveEip),
        2 => Just(Act::Kill),
        1 => Just(Act::Restart),
        1 => (5..90_u64).prop_map(Act::StandStill),
        6 => (0..60_u64).prop_map(Act::Pass),
    ]
}

fn troubles() -> impl Strategy<Value = Vec<(u64, Trouble)>> {
    let trouble = prop::sample::select(Trouble::ALL.map(|(_, trouble)| trouble).to_vec());
    prop::collection::vec((1..300_u64, trouble), 0..6)
}

/// What happens, what goes wrong, and with how many replicas. Two of them change their leader whenever the one that
/// leads dies, ends or hangs.
fn history() -> impl Strategy<Value = (Vec<Act>, Vec<(u64, Trouble)>, usize)> {
    (prop::collection::vec(act(), 1..14), troubles(), 1..=2_usize)
}

fn service(ports: usize, bandwidth: u32, is_local: bool) -> Value {
    let key = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-eip-bandwidth";
    let mut service = guide::service(json!({ key: bandwidth.to_string() }), PORTS[ports]);
    if !is_local {
        service["spec"]["externalTrafficPolicy"] = json!("Cluster");
    }
    service
}

fn select(pool: &str, is_selected: bool) -> Step {
    let label = if is_selected {
        json!("cube")
    } else {
        Value::Null
    };
    Step::Apply(json!({
        "apiVersion": "apps.openyurt.io/v1beta2",
        "kind": "NodePool",
        "metadata": { "name": pool, "labels": { "k8s-svc": label } },
    }))
}

fn scenario(acts: &[Act], replicas: usize) -> Scenario {
    let config = Config {
        replicas,
        ..Config::default()
    };
    let pools = config.topology.pools.clone();
    let nodes: Vec<&String> = pools.iter().flat_map(|pool| &pool.nodes).collect();
    let delete = Step::Delete {
        api_version: "v1",
        kind: "Service",
        name: "cube-svc".to_owned(),
    };
    let mut steps = vec![
        Step::Apply(guide::daemon_set()),
        Step::Apply(service(0, 10, true)),
    ];
    for act in acts {
        steps.push(match act {
            Act::Apply {
                ports,
                bandwidth,
                is_local,
            } => Step::Apply(service(*ports, *bandwidth, *is_local)),
            Act::Delete => delete.clone(),
            Act::Select { pool, is_selected } => select(&pools[*pool].name, *is_selected),
            Act::Node { node, readiness } => {
                Step::NodeReady(nodes[*node].clone(), READINESS[*readiness])
            }
            Act::RemoveLoadBalancer(pool) => Step::Console(Console::RemoveLoadBalancer(format!(
                "cube-svc-{}",
                pools[*pool].name
            ))),
            Act::RemoveEip(pool) => Step::Console(Console::RemoveEip(format!(
                "cube-svc-{}",
                pools[*pool].name
            ))),
            Act::Kill => Step::Kill,
            Act::Restart => Step::Restart,
            Act::StandStill(seconds) => Step::StandStill(Duration::from_secs(*seconds)),
            Act::Pass(seconds) => Step::Pass(Duration::from_secs(*seconds)),
        });
    }
    // Everything is put right; then all has to serve, and to go without a trace.
    steps.extend(
        nodes
            .iter()
            .map(|node| Step::NodeReady((*node).clone(), "True")),
    );
    steps.extend(pools.iter().map(|pool| select(&pool.name, true)));
    steps.extend([
        Step::Settle(Expect::Serving),
        // A Service that was being deleted is gone by now, and made again.
        Step::Apply(service(0, 10, true)),
        Step::Settle(Expect::Serving),
        Step::Quiet,
        delete,
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
    let result = runner.run(&history(), |(acts, troubles, replicas)| {
        let run = sweep::play(&scenario(&acts, replicas), seed, &troubles)
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
