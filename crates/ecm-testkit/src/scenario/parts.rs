//! Steps that the scenarios share. Services are the guide's, changed where a scenario needs it.

use poolservice_api::keys;
use serde_json::{Value, json};

use super::guide::{self, ID, MANAGED_BY_USER, SERVICE, extend};
use super::{Elb, Fact, Scenario, Step};
use crate::invariants::Expect;
use crate::world::Config;

/// The pools of the guide.
pub(super) const HEFEI: &str = "np-heifei";
pub(super) const CHENGDU: &str = "np-chengdu";

/// A scenario in the guide's pools.
pub(super) fn scenario(name: &str, steps: Vec<Step>) -> Scenario {
    Scenario {
        name: name.to_owned(),
        config: Config::default(),
        steps,
    }
}

/// Pods and the guide's Service with one port are made and serve.
pub(super) fn serve() -> Vec<Step> {
    vec![Step::Apply(guide::daemon_set()), web(json!({})), settle()]
}

/// The guide's Service goes, and nothing is left.
pub(super) fn end() -> Vec<Step> {
    vec![delete_service(SERVICE), settle(), Step::Is(Fact::There(0))]
}

/// What [`serve`] does, these steps, and the [`end`].
pub(super) fn life(name: &str, steps: Vec<Step>) -> Scenario {
    scenario(name, [serve(), steps, end()].concat())
}

pub(super) fn settle() -> Step {
    Step::Settle(Expect::Serving)
}

/// The guide's Service with one port and these annotations more.
pub(super) fn web(annotations: Value) -> Step {
    Step::Apply(guide::service(annotations, &[(80, 80)]))
}

/// What the guide's Service is with these fields of `spec` in place of its own.
pub(super) fn with(mut service: Value, spec: Value) -> Value {
    extend(&mut service["spec"], spec);
    service
}

/// The same Service under another name, with other node ports.
pub(super) fn named(mut service: Value, name: &str) -> Value {
    service["metadata"]["name"] = json!(name);
    for port in service["spec"]["ports"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        let node_port = port["nodePort"].as_u64().unwrap_or_default();
        port["nodePort"] = json!(if node_port < 31_383 {
            node_port + 1_383
        } else {
            node_port - 1_383
        });
    }
    service
}

/// A key of the load balancer's annotations.
pub(super) fn key(name: &str) -> String {
    format!("{}{name}", keys::ANNOTATION_PREFIX)
}

pub(super) fn delete_service(name: &str) -> Step {
    delete("v1", "Service", name)
}

pub(super) fn delete_pool_service(pool: &str) -> Step {
    delete("network.openyurt.io/v1alpha1", "PoolService", &of(pool))
}

pub(super) fn delete_pool(pool: &str) -> Step {
    delete("apps.openyurt.io/v1beta2", "NodePool", pool)
}

pub(super) fn delete(api_version: &'static str, kind: &'static str, name: &str) -> Step {
    Step::Delete {
        api_version,
        kind,
        name: name.to_owned(),
    }
}

/// The pool's label that the Service selects.
pub(super) fn label(pool: &str, value: &Value) -> Step {
    labels(pool, &json!({ "k8s-svc": value }))
}

pub(super) fn labels(pool: &str, labels: &Value) -> Step {
    Step::Apply(json!({
        "apiVersion": "apps.openyurt.io/v1beta2",
        "kind": "NodePool",
        "metadata": { "name": pool, "labels": labels },
    }))
}

/// Annotations of a PoolService.
pub(super) fn annotate(pool_service: &str, annotations: &Value) -> Step {
    Step::Apply(json!({
        "apiVersion": "network.openyurt.io/v1alpha1",
        "kind": "PoolService",
        "metadata": {
            "namespace": "default", "name": pool_service, "annotations": annotations,
        },
    }))
}

/// A Service whose load balancers are a person's: all of it goes with the Service.
pub(super) fn self_managed(annotations: Value, ports: &[(u16, u16)]) -> Value {
    let mut all = json!({
        MANAGED_BY_USER: "true",
        "ecm.alibabacloud.com/cleanup-on-delete": "true",
    });
    extend(&mut all, annotations);
    guide::service(all, ports)
}

/// A person names their load balancers to both PoolServices of a Service.
pub(super) fn name_load_balancers(service: &str) -> Vec<Step> {
    let name = |pool: &str, id: &str| annotate(&format!("{service}-{pool}"), &json!({ ID: id }));
    vec![
        Step::Settle(Expect::Explained),
        name(HEFEI, "lb-heifei"),
        name(CHENGDU, "lb-chengdu"),
    ]
}

/// The PoolService of the guide's Service for a pool.
pub(super) fn of(pool: &str) -> String {
    format!("{SERVICE}-{pool}")
}

/// Waits until these nodes are the backends of a pool.
pub(super) fn backends(pool: &str, nodes: &[&str]) -> Step {
    Step::Until(are_backends(Elb::Of(of(pool)), nodes))
}

/// These nodes and no others are backends.
pub(super) fn are_backends(elb: Elb, nodes: &[&str]) -> Fact {
    let nodes = nodes.iter().map(|node| (*node).to_owned());
    Fact::Backends(elb, nodes.collect())
}

/// Waits until a condition of a PoolService has this reason.
pub(super) fn reason(pool_service: &str, condition: &'static str, reason: &'static str) -> Step {
    Step::Until(Fact::Reason {
        pool_service: pool_service.to_owned(),
        condition,
        reason,
    })
}

/// Whether so many load balancers, and as many EIPs, were made so far.
pub(super) fn made(count: usize) -> Step {
    Step::Is(Fact::Made {
        load_balancers: count,
        eips: count,
    })
}
