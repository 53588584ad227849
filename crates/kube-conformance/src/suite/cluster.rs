//! Nodes, pods and the rest of a cluster beside its Services: what is filled in and what is refused.
//!
//! Sources: kubernetes `pkg/apis/core/v1/{conversion,defaults}.go`, `pkg/apis/core/validation/validation.go` and
//! `pkg/registry`.

use http::Method;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::{Failure, same};
use crate::kind::{BUDGETS, LEASES, NODES, PODS, SERVICE_ACCOUNTS, SERVICES};
use crate::test::Call;
use crate::{Outcome, Test};

group!(
    "cluster",
    (
        networks_of_nodes_have_two_forms,
        "OpenYurt: podCIDR of nodes"
    ),
    (networks_of_nodes_are_networks, "OpenYurt: podCIDR of nodes"),
    (
        a_node_has_one_network_of_a_family,
        "OpenYurt: podCIDR of nodes"
    ),
    (what_a_node_has_can_be_used, "behaviour 6.1: backends"),
    (nodes_have_no_less_than_nothing, "behaviour 6.1: backends"),
    (pods_count_generations, "ecm-testkit: pods"),
    (pods_are_linked_to_services, "kubectl get pod -o yaml"),
    (ports_on_the_host_are_ports, "behaviour 6.1: backends"),
    (
        ports_of_pods_have_known_protocols,
        "behaviour 6.1: backends"
    ),
    (addresses_of_pods_have_two_forms, "ecm-reconciler: backends"),
    (addresses_of_pods_are_addresses, "ecm-reconciler: backends"),
    (a_port_for_health_checks_has_one_owner, "behaviour 7: Local"),
    (a_status_needs_no_spec, "ecm-reconciler report.rs"),
    (ranges_of_sources_are_networks, "behaviour 6.4"),
    (what_is_off_in_leases_is_dropped, "leader election"),
    (a_budget_has_one_bound, "deploy: PodDisruptionBudget"),
    (a_question_about_rights_is_one, "kubectl auth can-i"),
);

/// A node with this spec and status, that is not kept.
async fn node(test: &Test, spec: Value, status: Value) -> Result<Answer, Failure> {
    let nodes = test.everywhere(&NODES).with("dryRun", "All");
    let name = test.unique("node");
    nodes
        .create(json!({"metadata": {"name": name}, "spec": spec, "status": status}))
        .await
}

async fn networks_of_nodes_have_two_forms(test: Test) -> Outcome {
    let one = json!({"podCIDR": "10.1.0.0/24"});
    let made = node(&test, one, json!({})).await?.done()?;
    same(
        "podCIDRs",
        &made["spec"]["podCIDRs"],
        &json!(["10.1.0.0/24"]),
    )?;
    let many = json!({"podCIDRs": ["10.1.0.0/24"]});
    let made = node(&test, many, json!({})).await?.done()?;
    same("podCIDR", &made["spec"]["podCIDR"], &json!("10.1.0.0/24"))
}

async fn networks_of_nodes_are_networks(test: Test) -> Outcome {
    for network in ["office", "10.1.0.1/24"] {
        let answer = node(&test, json!({"podCIDR": network}), json!({})).await?;
        answer.invalid("spec.podCIDRs[0]", "FieldValueInvalid")?;
    }
    Ok(())
}

async fn a_node_has_one_network_of_a_family(test: Test) -> Outcome {
    let two = json!({"podCIDRs": ["10.1.0.0/24", "10.2.0.0/24"]});
    let answer = node(&test, two, json!({})).await?;
    answer.invalid("spec.podCIDRs", "FieldValueInvalid")?;
    Ok(())
}

async fn what_a_node_has_can_be_used(test: Test) -> Outcome {
    let status = json!({"capacity": {"cpu": "2"}});
    let made = node(&test, json!({}), status).await?.done()?;
    let allocatable = |node: &Value| node["status"]["allocatable"].clone();
    same("allocatable", &allocatable(&made), &json!({"cpu": "2"}))?;
    let status = json!({"capacity": {"cpu": "2", "pods": "10"}, "allocatable": {"cpu": "1"}});
    let made = node(&test, json!({}), status).await?.done()?;
    same("allocatable", &allocatable(&made), &json!({"cpu": "1"}))
}

async fn nodes_have_no_less_than_nothing(test: Test) -> Outcome {
    let status = json!({"capacity": {"cpu": "-1"}});
    let answer = node(&test, json!({}), status).await?;
    answer.invalid("status.capacity.cpu", "FieldValueInvalid")?;
    Ok(())
}

/// A pod named `a` whose container has these ports, with an account that does not have to be waited for.
async fn pod(test: &Test, ports: Value) -> Result<Answer, Failure> {
    test.on(&SERVICE_ACCOUNTS).create_named("runner").await?;
    let container = json!({"name": "one", "image": "example.com/one:1", "ports": ports});
    let spec = json!({
        "serviceAccountName": "runner", "automountServiceAccountToken": false,
        "containers": [container],
    });
    let pod = json!({"metadata": {"name": "a"}, "spec": spec});
    test.on(&PODS).create(pod).await
}

async fn pods_count_generations(test: Test) -> Outcome {
    let made = pod(&test, json!([])).await?.done()?;
    same("at first", &made["metadata"]["generation"], &json!(1))?;
    let operation = json!([{"op": "replace", "path": "/spec/containers/0/image", "value": "example.com/one:2"}]);
    let kind = crate::collection::PatchKind::Json;
    let changed = test.on(&PODS).patch("a", kind, operation).await?.done()?;
    same("then", &changed["metadata"]["generation"], &json!(2))
}

async fn pods_are_linked_to_services(test: Test) -> Outcome {
    let made = pod(&test, json!([])).await?.done()?;
    let linked = &made["spec"]["enableServiceLinks"];
    same("enableServiceLinks", linked, &json!(true))
}

async fn ports_on_the_host_are_ports(test: Test) -> Outcome {
    let answer = pod(&test, json!([{"containerPort": 80, "hostPort": 70000}])).await?;
    let field = "spec.containers[0].ports[0].hostPort";
    answer.invalid(field, "FieldValueInvalid")?;
    Ok(())
}

async fn ports_of_pods_have_known_protocols(test: Test) -> Outcome {
    let answer = pod(&test, json!([{"containerPort": 80, "protocol": "ICMP"}])).await?;
    let field = "spec.containers[0].ports[0].protocol";
    answer.invalid(field, "FieldValueNotSupported")?;
    Ok(())
}

async fn pod_status(test: &Test, status: Value) -> Result<Answer, Failure> {
    pod(test, json!([])).await?.done()?;
    let pods = test.on(&PODS).status();
    pods.merge("a", json!({"status": status})).await
}

async fn addresses_of_pods_have_two_forms(test: Test) -> Outcome {
    let changed = pod_status(&test, json!({"podIP": "10.1.0.2"}))
        .await?
        .done()?;
    let wanted = json!([{"ip": "10.1.0.2"}]);
    same("podIPs", &changed["status"]["podIPs"], &wanted)
}

async fn addresses_of_pods_are_addresses(test: Test) -> Outcome {
    let answer = pod_status(&test, json!({"podIP": "here"})).await?;
    answer.invalid("status.podIPs[0]", "FieldValueInvalid")?;
    Ok(())
}

async fn a_port_for_health_checks_has_one_owner(test: Test) -> Outcome {
    let service = |name: &str, port: &Value| {
        json!({"metadata": {"name": name}, "spec": {
            "type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": port,
            "loadBalancerClass": "example.com/nobody", "ports": [{"port": 80}],
        }})
    };
    let services = test.on(&SERVICES);
    let first = services.create(service("a", &Value::Null)).await?.done()?;
    let taken = &first["spec"]["healthCheckNodePort"];
    let answer = services.create(service("b", taken)).await?;
    answer.refused(500, "InternalError")?;
    Ok(())
}

async fn a_status_needs_no_spec(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    services
        .create(json!({"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}))
        .await?
        .done()?;
    let body = json!({"metadata": {"name": "a"}, "status": {"loadBalancer": {}}});
    let written = services.status().replace(body).await?.done()?;
    same("the port", &written["spec"]["ports"][0]["port"], &json!(80))
}

async fn ranges_of_sources_are_networks(test: Test) -> Outcome {
    let key = "service.beta.kubernetes.io/load-balancer-source-ranges";
    let service = json!({
        "metadata": {"name": "a", "annotations": {key: "everywhere"}},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    });
    let answer = test.on(&SERVICES).create(service).await?;
    answer.invalid(&format!("metadata.annotations[{key}]"), "FieldValueInvalid")?;
    Ok(())
}

async fn what_is_off_in_leases_is_dropped(test: Test) -> Outcome {
    let spec = json!({"holderIdentity": "a", "strategy": "OldestEmulationVersion"});
    let lease = json!({"metadata": {"name": "a"}, "spec": spec});
    let made = test.on(&LEASES).create(lease).await?.done()?;
    same("spec", &made["spec"], &json!({"holderIdentity": "a"}))
}

async fn a_budget_has_one_bound(test: Test) -> Outcome {
    let spec = json!({"minAvailable": 1, "maxUnavailable": 1});
    let budget = json!({"metadata": {"name": "a"}, "spec": spec});
    let answer = test.on(&BUDGETS).create(budget).await?;
    answer.invalid("spec", "FieldValueInvalid")?;
    Ok(())
}

async fn a_question_about_rights_is_one(test: Test) -> Outcome {
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let review =
        json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"});
    let asked = Call::with_body(Method::POST, path, &review);
    test.send(&asked)
        .await?
        .invalid("spec", "FieldValueInvalid")?;
    Ok(())
}
