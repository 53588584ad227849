//! Rules of built-in kinds that their own types do not say, and who owns what the server sets.
//!
//! Sources: kubernetes `pkg/apis/*/validation` and `pkg/registry/*/strategy.go`.

use serde_json::{Value, json};

use crate::answer::{Answer, nth};
use crate::failure::{Failure, holds, same};
use crate::kind::{
    ENDPOINT_SLICES, Kind, LEASES, NEW_EVENTS, NODES, ROLE_BINDINGS, ROLES, SECRETS, SERVICES,
};
use crate::{Outcome, Test};

group!(
    "built_in",
    (node_ports_are_for_some_types, "behaviour 6.1"),
    (a_node_port_is_a_port, "behaviour 6.1"),
    (a_node_port_belongs_to_the_name_of_its_port, "behaviour 6.2"),
    (one_number_has_one_node_port, "behaviour 6.1: TCP and UDP"),
    (
        target_ports_are_ports_or_names_of_them,
        "behaviour 6.1: backends"
    ),
    (
        protocols_of_applications_are_qualified,
        "the guide's manifests"
    ),
    (outside_policies_are_for_outside_traffic, "behaviour 7"),
    (fields_of_load_balancers_are_for_them, "behaviour 1.1, 6.4"),
    (
        a_class_is_a_qualified_name,
        "behaviour 1.1: loadBalancerClass"
    ),
    (
        ports_for_health_checks_are_for_local_policies,
        "behaviour 7"
    ),
    (a_cluster_ip_is_of_the_range, "kubectl apply of a copy"),
    (families_are_those_of_the_cluster, "kubectl apply"),
    (nobody_is_reached_at_a_loopback_address, "kubectl apply"),
    (affinity_has_its_range, "behaviour 6.4: sessionAffinity"),
    (external_names_are_names, "behaviour 1.1"),
    (selectors_are_labels, "behaviour 6.1: backends"),
    (
        modes_of_ingress_are_known,
        "ecm-reconciler report.rs: ipMode"
    ),
    (
        what_the_server_sets_is_nobodys,
        "kubectl apply --server-side of a Service"
    ),
    (
        a_selector_is_owned_as_a_whole,
        "kubectl apply --server-side of a Service"
    ),
    (a_changed_type_keeps_what_was_sent_with_it, "behaviour 2.4"),
    (
        endpoints_have_addresses_of_the_type,
        "ecm-reconciler: backends"
    ),
    (ports_of_slices_are_filled_in, "ecm-reconciler: backends"),
    (a_slice_keeps_its_type, "ecm-reconciler: backends"),
    (
        a_node_keeps_its_provider,
        "behaviour: nodes are ENS instances"
    ),
    (taints_are_checked, "kubectl taint"),
    (rules_have_verbs, "deploy/install.yaml"),
    (a_binding_keeps_its_role, "deploy/install.yaml"),
    (subjects_are_known, "deploy/install.yaml"),
    (a_secret_keeps_its_type, "deploy: credentials"),
    (a_new_event_is_fixed, "kube Recorder"),
    (small_times_have_six_digits, "leader election"),
);

async fn create(test: &Test, kind: &Kind, object: Value) -> Result<Answer, Failure> {
    test.on(kind).create(object).await
}

/// A Service with this spec is refused for this field.
async fn bad_service(test: &Test, spec: Value, field: &str, reason: &str) -> Outcome {
    let object = json!({"metadata": {"name": "a"}, "spec": spec});
    create(test, &SERVICES, object)
        .await?
        .invalid(field, reason)?;
    Ok(())
}

async fn node_ports_are_for_some_types(test: Test) -> Outcome {
    let spec = json!({"ports": [{"port": 80, "nodePort": 30080}]});
    bad_service(&test, spec, "spec.ports[0].nodePort", "FieldValueForbidden").await
}

async fn a_node_port_is_a_port(test: Test) -> Outcome {
    let spec = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 70000}]});
    bad_service(&test, spec, "spec.ports[0].nodePort", "FieldValueInvalid").await
}

async fn a_node_port_belongs_to_the_name_of_its_port(test: Test) -> Outcome {
    let service = |number: u16| {
        json!({
            "metadata": {"name": "a"},
            "spec": {"type": "NodePort", "ports": [{"name": "http", "port": number}]},
        })
    };
    let services = test.on(&SERVICES);
    let made = services.create(service(80)).await?.done()?;
    let changed = services.replace(service(81)).await?.done()?;
    let port = |service: &Value| service["spec"]["ports"][0]["nodePort"].clone();
    same("the node port", &port(&changed), &port(&made))
}

async fn one_number_has_one_node_port(test: Test) -> Outcome {
    let ports =
        json!([{"name": "tcp", "port": 53}, {"name": "udp", "port": 53, "protocol": "UDP"}]);
    let object = json!({"metadata": {"name": "a"}, "spec": {"type": "NodePort", "ports": ports}});
    let made = create(&test, &SERVICES, object).await?.done()?;
    let port = |index: usize| made["spec"]["ports"][index]["nodePort"].clone();
    holds("a node port", port(0).is_u64(), "a number", &port(0))?;
    same("the node port of UDP", &port(1), &port(0))
}

async fn target_ports_are_ports_or_names_of_them(test: Test) -> Outcome {
    for target in [json!(70000), json!("UPPER"), json!("80")] {
        let spec = json!({"ports": [{"port": 80, "targetPort": target}]});
        bad_service(&test, spec, "spec.ports[0].targetPort", "FieldValueInvalid").await?;
    }
    Ok(())
}

async fn protocols_of_applications_are_qualified(test: Test) -> Outcome {
    let spec = json!({"ports": [{"port": 80, "appProtocol": "two words"}]});
    bad_service(
        &test,
        spec,
        "spec.ports[0].appProtocol",
        "FieldValueInvalid",
    )
    .await
}

async fn outside_policies_are_for_outside_traffic(test: Test) -> Outcome {
    let spec = json!({"externalTrafficPolicy": "Cluster", "ports": [{"port": 80}]});
    bad_service(
        &test,
        spec,
        "spec.externalTrafficPolicy",
        "FieldValueInvalid",
    )
    .await
}

async fn fields_of_load_balancers_are_for_them(test: Test) -> Outcome {
    let allocate = json!({"allocateLoadBalancerNodePorts": false, "ports": [{"port": 80}]});
    let field = "spec.allocateLoadBalancerNodePorts";
    bad_service(&test, allocate, field, "FieldValueForbidden").await?;
    let ranges = json!({"loadBalancerSourceRanges": ["10.0.0.0/8"], "ports": [{"port": 80}]});
    let field = "spec.LoadBalancerSourceRanges";
    bad_service(&test, ranges, field, "FieldValueForbidden").await
}

async fn a_class_is_a_qualified_name(test: Test) -> Outcome {
    let spec =
        json!({"type": "LoadBalancer", "loadBalancerClass": "two words", "ports": [{"port": 80}]});
    bad_service(&test, spec, "spec.loadBalancerClass", "FieldValueInvalid").await
}

async fn ports_for_health_checks_are_for_local_policies(test: Test) -> Outcome {
    let spec =
        json!({"type": "LoadBalancer", "healthCheckNodePort": 30081, "ports": [{"port": 80}]});
    bad_service(&test, spec, "spec.healthCheckNodePort", "FieldValueInvalid").await
}

async fn a_cluster_ip_is_of_the_range(test: Test) -> Outcome {
    let spec = json!({"clusterIP": "1.2.3.4", "ports": [{"port": 80}]});
    bad_service(&test, spec, "spec.clusterIPs", "FieldValueInvalid").await?;
    let spec = json!({"clusterIPs": ["None"], "ports": [{"port": 80}]});
    bad_service(&test, spec, "spec.clusterIPs", "FieldValueInvalid").await
}

async fn families_are_those_of_the_cluster(test: Test) -> Outcome {
    let spec = json!({"ipFamilies": ["IPv6"], "ports": [{"port": 80}]});
    bad_service(&test, spec, "spec.ipFamilies[0]", "FieldValueInvalid").await?;
    let spec = json!({"ipFamilyPolicy": "RequireDualStack", "ports": [{"port": 80}]});
    bad_service(&test, spec, "spec.ipFamilyPolicy", "FieldValueInvalid").await
}

async fn nobody_is_reached_at_a_loopback_address(test: Test) -> Outcome {
    let spec = json!({"externalIPs": ["127.0.0.1"], "ports": [{"port": 80}]});
    bad_service(&test, spec, "spec.externalIPs[0]", "FieldValueInvalid").await
}

async fn affinity_has_its_range(test: Test) -> Outcome {
    let config = json!({"clientIP": {"timeoutSeconds": 86401}});
    let spec = json!({"sessionAffinity": "ClientIP", "sessionAffinityConfig": config, "ports": [{"port": 80}]});
    let field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
    bad_service(&test, spec, field, "FieldValueInvalid").await
}

async fn external_names_are_names(test: Test) -> Outcome {
    let spec = json!({"type": "ExternalName", "externalName": "A_b"});
    bad_service(&test, spec, "spec.externalName", "FieldValueInvalid").await
}

async fn selectors_are_labels(test: Test) -> Outcome {
    let spec = json!({"selector": {"a": "two words"}, "ports": [{"port": 80}]});
    bad_service(&test, spec, "spec.selector", "FieldValueInvalid").await
}

async fn modes_of_ingress_are_known(test: Test) -> Outcome {
    let spec = json!({"type": "LoadBalancer", "ports": [{"port": 80}]});
    let object = json!({"metadata": {"name": "a"}, "spec": spec});
    create(&test, &SERVICES, object).await?.done()?;
    let services = test.on(&SERVICES).status();
    for (ingress, reason) in [
        (
            json!({"ip": "192.0.2.1", "ipMode": "Odd"}),
            "FieldValueNotSupported",
        ),
        (
            json!({"hostname": "a.example.com", "ipMode": "VIP"}),
            "FieldValueForbidden",
        ),
    ] {
        let patch = json!({"status": {"loadBalancer": {"ingress": [ingress]}}});
        let answer = services.merge("a", patch).await?;
        answer.invalid("status.loadBalancer.ingress[0].ipMode", reason)?;
    }
    Ok(())
}

/// What the first manager of an object owns.
fn owned(object: &Value) -> &Value {
    let entries = object["metadata"]["managedFields"].as_array();
    &nth(entries.map(Vec::as_slice).unwrap_or_default(), 0)["fieldsV1"]
}

async fn what_the_server_sets_is_nobodys(test: Test) -> Outcome {
    let spec = json!({"type": "LoadBalancer", "ports": [{"port": 80}]});
    let object = json!({"metadata": {"name": "a"}, "spec": spec});
    let made = create(&test, &SERVICES, object).await?.done()?;
    let fields = owned(&made);
    holds(
        "what was sent",
        fields["f:spec"]["f:type"].is_object(),
        "owned",
        fields,
    )?;
    let set = [
        &fields["f:spec"]["f:clusterIP"],
        &fields["f:spec"]["f:ipFamilies"],
        &fields["f:spec"]["f:ports"][r#"k:{"port":80,"protocol":"TCP"}"#]["f:nodePort"],
        &fields["f:status"],
    ];
    let is_free = set.iter().all(|field| field.is_null());
    holds("what the server set", is_free, "nobody's", fields)
}

async fn a_selector_is_owned_as_a_whole(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    let config = |selector: Value| json!({"metadata": {"name": "a"}, "spec": {"selector": selector, "ports": [{"port": 80}]}});
    services
        .apply("one", config(json!({"a": "b"})))
        .await?
        .done()?;
    let answer = services.apply("two", config(json!({"c": "d"}))).await?;
    let status = answer.refused(409, "Conflict")?;
    same(
        "the field",
        &status["details"]["causes"][0]["field"],
        &json!(".spec.selector"),
    )
}

async fn a_changed_type_keeps_what_was_sent_with_it(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    let spec = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30082}]});
    services
        .create(json!({"metadata": {"name": "a"}, "spec": spec}))
        .await?
        .done()?;
    let spec = json!({"type": "ClusterIP", "ports": [{"port": 80, "nodePort": 30083}]});
    let answer = services.merge("a", json!({"spec": spec})).await?;
    answer.invalid("spec.ports[0].nodePort", "FieldValueForbidden")?;
    Ok(())
}

fn slice(addresses: &Value) -> Value {
    json!({
        "metadata": {"name": "a"}, "addressType": "IPv4",
        "endpoints": [{"addresses": addresses}], "ports": [{"port": 80}],
    })
}

async fn endpoints_have_addresses_of_the_type(test: Test) -> Outcome {
    let answer = create(&test, &ENDPOINT_SLICES, slice(&json!(["anywhere"]))).await?;
    answer.invalid("endpoints[0].addresses[0]", "FieldValueInvalid")?;
    let answer = create(&test, &ENDPOINT_SLICES, slice(&json!([]))).await?;
    answer.invalid("endpoints[0].addresses", "FieldValueRequired")?;
    Ok(())
}

async fn ports_of_slices_are_filled_in(test: Test) -> Outcome {
    let made = create(&test, &ENDPOINT_SLICES, slice(&json!(["10.0.0.1"])))
        .await?
        .done()?;
    let expected = json!([{"name": "", "port": 80, "protocol": "TCP"}]);
    same("ports", &made["ports"], &expected)
}

async fn a_slice_keeps_its_type(test: Test) -> Outcome {
    create(&test, &ENDPOINT_SLICES, slice(&json!(["10.0.0.1"])))
        .await?
        .done()?;
    let patch = json!({"addressType": "IPv6"});
    let answer = test.on(&ENDPOINT_SLICES).merge("a", patch).await?;
    answer.invalid("addressType", "FieldValueInvalid")?;
    Ok(())
}

async fn a_node_keeps_its_provider(test: Test) -> Outcome {
    let name = test.unique("node");
    let nodes = test.everywhere(&NODES);
    let object = json!({"metadata": {"name": name}, "spec": {"providerID": "a://b"}});
    nodes.create(object).await?.done()?;
    let answer = nodes
        .merge(&name, json!({"spec": {"providerID": "c://d"}}))
        .await?;
    answer.invalid("spec.providerID", "FieldValueInvalid")?;
    Ok(())
}

async fn taints_are_checked(test: Test) -> Outcome {
    let taint = json!({"key": "a", "effect": "Never"});
    let object = json!({"metadata": {"name": test.unique("node")}, "spec": {"taints": [taint]}});
    let answer = test.everywhere(&NODES).create(object).await?;
    answer.invalid("metadata.taints[0].effect", "FieldValueNotSupported")?;
    Ok(())
}

async fn rules_have_verbs(test: Test) -> Outcome {
    let rule = json!({"apiGroups": [""], "resources": ["pods"]});
    let object = json!({"metadata": {"name": "a"}, "rules": [rule]});
    let answer = create(&test, &ROLES, object).await?;
    answer.invalid("rules[0].verbs", "FieldValueRequired")?;
    Ok(())
}

fn binding(subject: &Value) -> Value {
    json!({
        "metadata": {"name": "a"}, "subjects": [subject],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"},
    })
}

async fn a_binding_keeps_its_role(test: Test) -> Outcome {
    let bindings = test.on(&ROLE_BINDINGS);
    bindings
        .create(binding(&json!({"kind": "User", "name": "u"})))
        .await?
        .done()?;
    let answer = bindings
        .merge("a", json!({"roleRef": {"name": "b"}}))
        .await?;
    answer.invalid("roleRef", "FieldValueInvalid")?;
    Ok(())
}

async fn subjects_are_known(test: Test) -> Outcome {
    let answer = create(
        &test,
        &ROLE_BINDINGS,
        binding(&json!({"kind": "Robot", "name": "u"})),
    )
    .await?;
    answer.invalid("subjects[0].kind", "FieldValueNotSupported")?;
    Ok(())
}

async fn a_secret_keeps_its_type(test: Test) -> Outcome {
    let secrets = test.on(&SECRETS);
    secrets.create_named("a").await?;
    let answer = secrets
        .merge("a", json!({"type": "example.com/other"}))
        .await?;
    answer.invalid("type", "FieldValueInvalid")?;
    Ok(())
}

async fn a_new_event_is_fixed(test: Test) -> Outcome {
    let events = test.on(&NEW_EVENTS);
    let event = json!({
        "metadata": {"name": "a"}, "eventTime": "2026-01-02T03:04:05.000000Z", "type": "Normal",
        "reason": "Made", "note": "one", "action": "Make", "reportingController": "example.com/c",
        "reportingInstance": "i", "regarding": {"kind": "Service", "name": "s", "namespace": test.namespace()},
    });
    events.create(event).await?.done()?;
    let answer = events.merge("a", json!({"note": "two"})).await?;
    answer.invalid("message", "FieldValueInvalid")?;
    Ok(())
}

async fn small_times_have_six_digits(test: Test) -> Outcome {
    let lease = json!({"metadata": {"name": "a"}, "spec": {"renewTime": "2026-01-02T03:04:05Z"}});
    create(&test, &LEASES, lease)
        .await?
        .refused(400, "BadRequest")?;
    Ok(())
}
