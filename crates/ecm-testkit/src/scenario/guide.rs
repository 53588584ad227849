//! The user guide as scenarios: a load balancer per pool, a change of ports, a node that comes and
//! goes, and the end of it all.

use ens_sim::cloud::Protocol;
use serde_json::{Value, json};

use super::parts::{annotate, delete_service, of};
use super::{Scenario, Step};
use crate::invariants::Expect;
use crate::world::{Config, Topology};

/// Name of the Service.
pub(super) const SERVICE: &str = "cube-svc";

/// The two options of the guide.
pub fn all() -> Vec<Scenario> {
    vec![auto_managed(), self_managed()]
}

/// Option A of the guide: load balancers and EIPs are made, changed and released.
pub fn auto_managed() -> Scenario {
    let config = Config::default();
    let mut steps = vec![
        Step::Apply(daemon_set()),
        Step::Apply(service(json!({}), &[(80, 80)])),
        Step::Settle(Expect::Serving),
        Step::KeepServing(Protocol::Tcp, 80),
    ];
    steps.extend(life(&config.topology, &json!({})));
    Scenario {
        name: "guide-auto".to_owned(),
        config,
        steps,
    }
}

/// Option A with two replicas, of which one leads.
pub fn replicated() -> Scenario {
    let scenario = auto_managed();
    Scenario {
        name: "guide-replicated".to_owned(),
        config: Config {
            replicas: 2,
            ..scenario.config
        },
        steps: scenario.steps,
    }
}

/// Option B: the load balancers are a person's.
pub fn self_managed() -> Scenario {
    let config = Config::default();
    let annotations = json!({ MANAGED_BY_USER: "true" });
    let mut steps = vec![
        Step::Apply(daemon_set()),
        Step::Apply(service(annotations.clone(), &[(80, 80)])),
        Step::Settle(Expect::Explained),
    ];
    for pool in &config.topology.pools {
        steps.push(annotate(
            &of(&pool.name),
            &json!({ ID: pool.load_balancer }),
        ));
    }
    steps.push(Step::Settle(Expect::Serving));
    steps.push(Step::KeepServing(Protocol::Tcp, 80));
    steps.extend(life(&config.topology, &annotations));
    Scenario {
        name: "guide-self".to_owned(),
        config,
        steps,
    }
}

/// What happens to a Service that serves, to its end.
fn life(topology: &Topology, annotations: &Value) -> Vec<Step> {
    let node = topology
        .pools
        .first()
        .and_then(|pool| pool.nodes.first())
        .cloned()
        .unwrap_or_default();
    vec![
        Step::Apply(service(annotations.clone(), &[(80, 80), (443, 80)])),
        Step::Settle(Expect::Serving),
        Step::NodeReady(node.clone(), "False"),
        Step::Settle(Expect::Serving),
        Step::NodeReady(node, "True"),
        Step::Settle(Expect::Serving),
        Step::Quiet,
        Step::Release(Protocol::Tcp, 80),
        delete_service(SERVICE),
        Step::Settle(Expect::Serving),
        Step::Quiet,
    ]
}

/// Annotation that says whose the load balancers are.
pub const MANAGED_BY_USER: &str = ecm_policy::annotations::keys::MANAGED_BY_USER;

/// Annotation that names a person's load balancer.
pub const ID: &str = ecm_policy::annotations::keys::ID;

/// The DaemonSet of the guide.
pub fn daemon_set() -> Value {
    let labels = json!({ "app": "cube" });
    let container =
        json!({ "name": "cube", "image": "cube:1.0", "ports": [{ "containerPort": 80 }] });
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": { "namespace": "default", "name": "cube", "labels": labels },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels },
                "spec": { "containers": [container] },
            },
        },
    })
}

/// The Service of the guide with these annotations more, and with these ports (of the Service, of
/// the pods). Node ports are fixed, so that an apply changes only what it names.
pub fn service(annotations: Value, ports: &[(u16, u16)]) -> Value {
    let mut all = json!({
        "openyurt.io/topologyKeys": "openyurt.io/nodepool",
        "service.openyurt.io/nodepool-labelselector": "k8s-svc=cube",
    });
    extend(&mut all, annotations);
    let ports: Vec<Value> = ports
        .iter()
        .map(|(port, target)| {
            json!({
                "name": format!("p{port}"), "port": port, "protocol": "TCP",
                "targetPort": target, "nodePort": 30_000 + port % 2_767,
            })
        })
        .collect();
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "namespace": "default", "name": SERVICE, "annotations": all },
        "spec": {
            "selector": { "app": "cube" },
            "type": "LoadBalancer",
            "loadBalancerClass": "alibabacloud.com/elb",
            "externalTrafficPolicy": "Local",
            "ports": ports,
        },
    })
}

/// Puts these fields into an object, in place of its own.
pub(super) fn extend(object: &mut Value, more: Value) {
    if let (Some(all), Value::Object(more)) = (object.as_object_mut(), more) {
        all.extend(more);
    }
}
