//! From a Service and a NodePool to what the cloud should hold, and to the first steps towards it: without a cluster,
//! without a cloud, without a clock.
//!
//! ```text
//! cargo run -p ecm-examples --example plan-offline
//! cargo run -p ecm-examples --example plan-offline -- --service my-svc.yaml --node-pool my-pool.yaml
//! ```
//!
//! Files may be YAML or JSON. An annotation with a wrong value, or a pool without a place, shows here as it would show
//! on the PoolService.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::Parser;
use ecm_policy::desired::{Config, Desired, desired};
use ecm_policy::ledger::State;
use ecm_policy::observed::{ByName, Observed};
use ecm_policy::plan::{Context, Need, Plan, plan};
use ecm_policy::snapshot::{
    Endpoint, Identity, Node, ObjectKey, Pool, PoolService, Readiness, Service, Snapshot,
};
use k8s_openapi::api::core::v1 as core;
use poolservice_api::{NodePool, keys};

/// The instant at which this is planned, seconds since 1970: any will do, and the same one gives the same plan.
const NOW: i64 = 1_767_225_600;

/// Node ports begin here (the API server's default range).
const FIRST_NODE_PORT: u16 = 30_000;

/// Shows what would be made for a Service in a node pool.
#[derive(Parser)]
struct Args {
    /// The Service.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/guide/cube-svc.yaml"))]
    service: PathBuf,
    /// The node pool, with the annotations that say where it is.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/node-pool.yaml"))]
    node_pool: PathBuf,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let service: core::Service = read(&args.service)?;
    let pool: NodePool = read(&args.node_pool)?;
    let snapshot = snapshot(&service, &pool);
    let identity = Identity {
        load_balancer_class: keys::DEFAULT_LOAD_BALANCER_CLASS.to_owned(),
        cluster_id: "offline".to_owned(),
        cluster_uid: "00000000-0000-0000-0000-000000000000".to_owned(),
        cloud_account: None,
    };

    let wanted = desired(&snapshot, &Config::new(identity.clone()), NOW);
    println!("--- desired\n{}", serde_json::to_string_pretty(&wanted)?);
    let plan = first_plan(&wanted, &snapshot.pool_service, &identity);
    show(&plan);
    Ok(())
}

/// Plans against a cloud that has the network and nothing in it. A plan says what it needs to know before it can go on;
/// here the answers are made up, elsewhere they are read.
fn first_plan(wanted: &Desired, pool_service: &PoolService, identity: &Identity) -> Plan {
    let cx = Context {
        identity,
        pool_service,
        now: NOW,
    };
    let mut observed = Observed::default();
    loop {
        let plan = plan(wanted, &observed, &State::None, &cx);
        let before = observed.clone();
        for need in &plan.needs {
            println!("--- needs {need:?}");
            match (need, wanted) {
                (Need::VSwitches, Desired::Stack(stack)) => {
                    observed.vswitches = Some(stack.placement.vswitches.clone());
                }
                (Need::ByName, _) => {
                    observed.by_name = Some(ByName {
                        begun_at: NOW,
                        ..ByName::default()
                    });
                }
                // Nothing that exists is looked at before it was made.
                _ => {}
            }
        }
        if observed == before {
            return plan;
        }
    }
}

fn show(plan: &Plan) {
    println!("--- plan");
    if let Some(ledger) = &plan.ledger {
        println!(
            "first     record in the ledger: ELB {:?}",
            ledger.load_balancer.names
        );
    }
    for (number, lane) in (1..).zip(&plan.lanes) {
        for step in &lane.0 {
            println!("lane {number}    {step}");
        }
    }
    println!("then      {:?}", plan.wait);
    for condition in plan.report.conditions.with_ready() {
        let line = format!(
            "condition {:<18} {:<8} {:<18} {}",
            condition.condition.as_str(),
            condition.status.as_str(),
            condition.reason.as_str(),
            condition.message
        );
        println!("{}", line.trim_end());
    }
}

/// Everything that the PoolService of the Service in the pool depends on, with one ready node and one ready pod on it.
fn snapshot(service: &core::Service, pool: &NodePool) -> Snapshot {
    let mut service = Service::from(service);
    if service.key.namespace.is_empty() {
        "default".clone_into(&mut service.key.namespace);
    }
    // What the API server would fill in.
    for (port, free) in service.ports.iter_mut().zip(FIRST_NODE_PORT..) {
        port.node_port.get_or_insert(free);
    }
    let meta = &pool.metadata;
    let pool = Pool {
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        labels: meta.labels.clone().unwrap_or_default(),
        annotations: meta.annotations.clone().unwrap_or_default(),
        deleting: false,
    };
    let node = Node {
        name: "node-1".to_owned(),
        labels: BTreeMap::from([
            (keys::NODE_POOL.to_owned(), pool.name.clone()),
            (keys::ENS_INSTANCE_ID.to_owned(), "i-node-1".to_owned()),
        ]),
        annotations: BTreeMap::new(),
        ready: Readiness::True,
        ready_since: Some(NOW),
        unschedulable: false,
        taints: Vec::new(),
        deleting: false,
    };
    let endpoint = Endpoint {
        node: Some(node.name.clone()),
        ready: true,
        serving: true,
        terminating: false,
    };
    Snapshot {
        pool_service: PoolService {
            key: ObjectKey::new(
                &service.key.namespace,
                format!("{}-{}", service.key.name, pool.name),
            ),
            uid: "11111111-1111-1111-1111-111111111111".to_owned(),
            resource_version: "1".to_owned(),
            generation: Some(1),
            load_balancer_class: service.load_balancer_class.clone(),
            service: Some(service.key.name.clone()),
            pool: Some(pool.name.clone()),
            annotations: BTreeMap::new(),
            deleting: false,
            has_finalizer: false,
            published: Vec::new(),
            created_at: NOW,
        },
        service: Some(service),
        pool: Some(pool),
        nodes: vec![node],
        endpoints: vec![endpoint],
        sharing: Vec::new(),
        owner_of_named: None,
    }
}

/// One object from a file. JSON is read too: it is a part of YAML.
fn read<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    serde_saphyr::from_str(&text).with_context(|| format!("understanding {}", file.display()))
}
