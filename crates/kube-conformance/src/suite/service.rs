//! Services: defaults, addresses, node ports, rules.

use serde_json::{Value, json};

use crate::answer::{Answer, says, text};
use crate::collection::Collection;
use crate::failure::{Failure, holds, same};
use crate::kind::SERVICES;
use crate::{Outcome, Test};

group!(
    "service",
    (
        what_is_left_open_is_filled_in,
        "ecm-reconciler objects.rs: ports and protocols"
    ),
    (a_target_port_may_be_a_name, "the guide's manifests"),
    (
        it_gets_an_address_of_its_own,
        "kubectl get svc, docs/tutorial.md"
    ),
    (
        an_address_that_is_taken_is_refused,
        "kubectl apply of a copy"
    ),
    (both_fields_of_the_address_agree, "kubectl apply"),
    (its_address_cannot_change, "kubectl apply"),
    (its_address_stays_when_it_is_not_sent, "kubectl replace"),
    (headless_ones_have_no_address, "kubectl apply"),
    (a_load_balancer_cannot_be_headless, "behaviour 1.1"),
    (
        a_load_balancer_gets_node_ports,
        "behaviour 6.1: from the port to its node port"
    ),
    (node_ports_can_be_left_out, "behaviour 6.1: NodePortMissing"),
    (node_ports_are_unique, "behaviour 6.1"),
    (a_node_port_that_is_taken_is_refused, "behaviour 6.2"),
    (a_node_port_has_its_range, "behaviour 6.2"),
    (
        node_ports_stay_when_they_are_not_sent,
        "kubectl replace; behaviour 6.2"
    ),
    (a_new_port_gets_a_new_node_port, "behaviour 6.2"),
    (
        one_number_serves_two_protocols,
        "behaviour 6.1: TCP and UDP"
    ),
    (
        other_types_lose_their_node_ports,
        "behaviour 2.4: no longer ours"
    ),
    (
        cluster_is_the_default_policy,
        "behaviour 7: externalTrafficPolicy"
    ),
    (
        local_gets_a_port_for_health_checks,
        "behaviour 7: externalTrafficPolicy Local"
    ),
    (the_class_cannot_change, "behaviour 1.1: loadBalancerClass"),
    (
        the_class_is_for_load_balancers,
        "behaviour 1.1: loadBalancerClass"
    ),
    (
        the_class_goes_with_the_type,
        "behaviour 2.4: no longer ours"
    ),
    (it_needs_ports, "behaviour 6.1"),
    (two_ports_need_names, "behaviour 6.1"),
    (names_of_ports_are_unique, "behaviour 6.1"),
    (ports_are_unique, "behaviour 6.1"),
    (ports_have_their_range, "behaviour 6.1"),
    (protocols_are_known, "behaviour 6.1: UnsupportedProtocol"),
    (types_are_known, "behaviour 1.1"),
    (traffic_policies_are_known, "behaviour 7"),
    (external_names_have_no_address, "behaviour 1.1"),
    (affinity_gets_its_timeout, "behaviour 6.4: sessionAffinity"),
    (
        source_ranges_have_to_be_networks,
        "behaviour 6.4: loadBalancerSourceRanges"
    ),
);

fn named(name: &str, spec: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": spec})
}

async fn create(test: &Test, spec: Value) -> Result<Answer, Failure> {
    test.on(&SERVICES).create(named("a", &spec)).await
}

async fn refused(test: &Test, spec: Value, field: &str, reason: &str) -> Result<Value, Failure> {
    create(test, spec).await?.invalid(field, reason)
}

/// A Service `a` of type LoadBalancer with port 80.
async fn load_balancer(test: &Test) -> Result<(Collection, Value), Failure> {
    let spec = json!({"type": "LoadBalancer", "loadBalancerClass": "example.com/one", "ports": [{"name": "http", "port": 80}]});
    let made = create(test, spec).await?.done()?;
    Ok((test.on(&SERVICES), made))
}

fn node_port(service: &Value, index: usize) -> u64 {
    service["spec"]["ports"][index]["nodePort"]
        .as_u64()
        .unwrap_or(0)
}

async fn what_is_left_open_is_filled_in(test: Test) -> Outcome {
    let made = create(&test, json!({"ports": [{"port": 80}]}))
        .await?
        .done()?;
    let mut spec = made["spec"].clone();
    let address = spec["clusterIP"].clone();
    same("clusterIPs", &spec["clusterIPs"], &json!([address]))?;
    if let Some(map) = spec.as_object_mut() {
        map.remove("clusterIP");
        map.remove("clusterIPs");
    }
    let expected = json!({
        "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
    });
    same("spec", &spec, &expected)
}

async fn a_target_port_may_be_a_name(test: Test) -> Outcome {
    let made = create(
        &test,
        json!({"ports": [{"port": 80, "targetPort": "http"}]}),
    )
    .await?
    .done()?;
    same(
        "targetPort",
        &made["spec"]["ports"][0]["targetPort"],
        &json!("http"),
    )
}

async fn it_gets_an_address_of_its_own(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    let spec = json!({"ports": [{"port": 80}]});
    let a = services.create(named("a", &spec)).await?.done()?;
    let b = services.create(named("b", &spec)).await?.done()?;
    let (a, b) = (text(&a, "/spec/clusterIP"), text(&b, "/spec/clusterIP"));
    let is_so = a != b
        && [a, b]
            .iter()
            .all(|ip| ip.parse::<std::net::Ipv4Addr>().is_ok());
    holds("the addresses", is_so, "two", &format!("{a} and {b}"))
}

async fn an_address_that_is_taken_is_refused(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    let spec = json!({"ports": [{"port": 80}]});
    let first = services.create(named("a", &spec)).await?.done()?;
    let taken = json!({"clusterIP": first["spec"]["clusterIP"], "ports": [{"port": 80}]});
    let status = services.create(named("b", &taken)).await?;
    let status = status.invalid("spec.clusterIPs", "FieldValueInvalid")?;
    says(&status, "provided IP is already allocated")
}

async fn both_fields_of_the_address_agree(test: Test) -> Outcome {
    let spec = json!({"clusterIP": "None", "clusterIPs": ["10.0.0.200"], "ports": [{"port": 80}]});
    let status = create(&test, spec).await?.refused(422, "Invalid")?;
    says(&status, "spec.clusterIPs")
}

async fn its_address_cannot_change(test: Test) -> Outcome {
    create(&test, json!({"ports": [{"port": 80}]}))
        .await?
        .done()?;
    let patch = json!({"spec": {"clusterIP": "10.0.0.201", "clusterIPs": ["10.0.0.201"]}});
    let answer = test.on(&SERVICES).merge("a", patch).await?;
    let status = answer.invalid("spec.clusterIPs[0]", "FieldValueInvalid")?;
    says(&status, "may not change once set")
}

async fn its_address_stays_when_it_is_not_sent(test: Test) -> Outcome {
    let made = create(&test, json!({"ports": [{"port": 80}]}))
        .await?
        .done()?;
    let replaced = test
        .on(&SERVICES)
        .replace(named("a", &json!({"ports": [{"port": 81}]})))
        .await?
        .done()?;
    same(
        "clusterIP",
        &replaced["spec"]["clusterIP"],
        &made["spec"]["clusterIP"],
    )
}

async fn headless_ones_have_no_address(test: Test) -> Outcome {
    let made = create(&test, json!({"clusterIP": "None"})).await?.done()?;
    same("clusterIP", &made["spec"]["clusterIP"], &json!("None"))?;
    same("clusterIPs", &made["spec"]["clusterIPs"], &json!(["None"]))
}

async fn a_load_balancer_cannot_be_headless(test: Test) -> Outcome {
    let spec = json!({"type": "LoadBalancer", "clusterIP": "None", "ports": [{"port": 80}]});
    refused(&test, spec, "spec.clusterIPs[0]", "FieldValueInvalid").await?;
    Ok(())
}

async fn a_load_balancer_gets_node_ports(test: Test) -> Outcome {
    let (_, made) = load_balancer(&test).await?;
    let port = node_port(&made, 0);
    holds(
        "nodePort",
        (30000..=32767).contains(&port),
        "30000 to 32767",
        &port,
    )?;
    same(
        "allocate",
        &made["spec"]["allocateLoadBalancerNodePorts"],
        &json!(true),
    )
}

async fn node_ports_can_be_left_out(test: Test) -> Outcome {
    let spec = json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": [{"port": 80}]});
    let made = create(&test, spec).await?.done()?;
    same("nodePort", &made["spec"]["ports"][0].get("nodePort"), &None)
}

async fn node_ports_are_unique(test: Test) -> Outcome {
    let ports = json!([{"name": "a", "port": 80}, {"name": "b", "port": 81}]);
    let made = create(&test, json!({"type": "NodePort", "ports": ports}))
        .await?
        .done()?;
    let (a, b) = (node_port(&made, 0), node_port(&made, 1));
    holds(
        "the node ports",
        a != b && a > 0 && b > 0,
        "two",
        &format!("{a} and {b}"),
    )
}

async fn a_node_port_that_is_taken_is_refused(test: Test) -> Outcome {
    let (services, made) = load_balancer(&test).await?;
    let spec =
        json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": node_port(&made, 0)}]});
    let answer = services.create(named("b", &spec)).await?;
    let status = answer.invalid("spec.ports[0].nodePort", "FieldValueInvalid")?;
    says(&status, "provided port is already allocated")
}

async fn a_node_port_has_its_range(test: Test) -> Outcome {
    let spec = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]});
    let status = refused(&test, spec, "spec.ports[0].nodePort", "FieldValueInvalid").await?;
    says(&status, "The range of valid ports is 30000-32767")
}

async fn node_ports_stay_when_they_are_not_sent(test: Test) -> Outcome {
    let (services, made) = load_balancer(&test).await?;
    let spec = json!({"type": "LoadBalancer", "loadBalancerClass": "example.com/one", "ports": [{"name": "http", "port": 80}]});
    let replaced = services.replace(named("a", &spec)).await?.done()?;
    same("nodePort", &node_port(&replaced, 0), &node_port(&made, 0))
}

async fn a_new_port_gets_a_new_node_port(test: Test) -> Outcome {
    let (services, made) = load_balancer(&test).await?;
    let operations =
        json!([{"op": "add", "path": "/spec/ports/-", "value": {"name": "https", "port": 443}}]);
    let changed = services
        .patch("a", crate::collection::PatchKind::Json, operations)
        .await?
        .done()?;
    same("the old one", &node_port(&changed, 0), &node_port(&made, 0))?;
    let new = node_port(&changed, 1);
    holds(
        "the new one",
        new > 0 && new != node_port(&made, 0),
        "another",
        &new,
    )
}

async fn one_number_serves_two_protocols(test: Test) -> Outcome {
    let ports =
        json!([{"name": "tcp", "port": 53}, {"name": "udp", "port": 53, "protocol": "UDP"}]);
    let made = create(&test, json!({"type": "LoadBalancer", "ports": ports}))
        .await?
        .done()?;
    same(
        "ports",
        &made["spec"]["ports"].as_array().map(Vec::len),
        &Some(2),
    )?;
    let both = node_port(&made, 0) > 0 && node_port(&made, 1) > 0;
    holds("node ports", both, "both", &made["spec"]["ports"])
}

async fn other_types_lose_their_node_ports(test: Test) -> Outcome {
    let (services, _) = load_balancer(&test).await?;
    let changed = services
        .merge(
            "a",
            json!({"spec": {"type": "ClusterIP", "loadBalancerClass": null}}),
        )
        .await?
        .done()?;
    same(
        "nodePort",
        &changed["spec"]["ports"][0].get("nodePort"),
        &None,
    )?;
    let kept = [
        changed["spec"].get("externalTrafficPolicy"),
        changed["spec"].get("allocateLoadBalancerNodePorts"),
    ];
    same("what belongs to the type", &kept, &[None, None])
}

async fn cluster_is_the_default_policy(test: Test) -> Outcome {
    let (_, made) = load_balancer(&test).await?;
    same(
        "externalTrafficPolicy",
        &made["spec"]["externalTrafficPolicy"],
        &json!("Cluster"),
    )?;
    same(
        "healthCheckNodePort",
        &made["spec"].get("healthCheckNodePort"),
        &None,
    )
}

async fn local_gets_a_port_for_health_checks(test: Test) -> Outcome {
    let (services, _) = load_balancer(&test).await?;
    let changed = services
        .merge("a", json!({"spec": {"externalTrafficPolicy": "Local"}}))
        .await?
        .done()?;
    let port = changed["spec"]["healthCheckNodePort"].as_u64().unwrap_or(0);
    holds("healthCheckNodePort", port >= 30000, "a node port", &port)
}

async fn the_class_cannot_change(test: Test) -> Outcome {
    let (services, _) = load_balancer(&test).await?;
    let answer = services
        .merge(
            "a",
            json!({"spec": {"loadBalancerClass": "example.com/two"}}),
        )
        .await?;
    let status = answer.invalid("spec.loadBalancerClass", "FieldValueInvalid")?;
    says(&status, "may not change once set")
}

async fn the_class_is_for_load_balancers(test: Test) -> Outcome {
    let spec = json!({"loadBalancerClass": "example.com/one", "ports": [{"port": 80}]});
    refused(&test, spec, "spec.loadBalancerClass", "FieldValueForbidden").await?;
    Ok(())
}

async fn the_class_goes_with_the_type(test: Test) -> Outcome {
    let (services, _) = load_balancer(&test).await?;
    let changed = services
        .merge("a", json!({"spec": {"type": "ClusterIP"}}))
        .await?
        .done()?;
    same(
        "loadBalancerClass",
        &changed["spec"].get("loadBalancerClass"),
        &None,
    )
}

async fn it_needs_ports(test: Test) -> Outcome {
    refused(&test, json!({}), "spec.ports", "FieldValueRequired").await?;
    Ok(())
}

async fn two_ports_need_names(test: Test) -> Outcome {
    let spec = json!({"ports": [{"port": 80}, {"port": 81}]});
    refused(&test, spec, "spec.ports[0].name", "FieldValueRequired").await?;
    Ok(())
}

async fn names_of_ports_are_unique(test: Test) -> Outcome {
    let spec = json!({"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]});
    refused(&test, spec, "spec.ports[1].name", "FieldValueDuplicate").await?;
    Ok(())
}

async fn ports_are_unique(test: Test) -> Outcome {
    let spec = json!({"ports": [{"name": "a", "port": 80}, {"name": "b", "port": 80}]});
    refused(&test, spec, "spec.ports[1]", "FieldValueDuplicate").await?;
    Ok(())
}

async fn ports_have_their_range(test: Test) -> Outcome {
    let spec = json!({"ports": [{"port": 65536}]});
    refused(&test, spec, "spec.ports[0].port", "FieldValueInvalid").await?;
    Ok(())
}

async fn protocols_are_known(test: Test) -> Outcome {
    let spec = json!({"ports": [{"port": 80, "protocol": "HTTP"}]});
    let status = refused(
        &test,
        spec,
        "spec.ports[0].protocol",
        "FieldValueNotSupported",
    )
    .await?;
    says(&status, "supported values: \"SCTP\", \"TCP\", \"UDP\"")
}

async fn types_are_known(test: Test) -> Outcome {
    let spec = json!({"type": "Balancer", "ports": [{"port": 80}]});
    refused(&test, spec, "spec.type", "FieldValueNotSupported").await?;
    Ok(())
}

async fn traffic_policies_are_known(test: Test) -> Outcome {
    let spec =
        json!({"type": "LoadBalancer", "externalTrafficPolicy": "Near", "ports": [{"port": 80}]});
    refused(
        &test,
        spec,
        "spec.externalTrafficPolicy",
        "FieldValueNotSupported",
    )
    .await?;
    Ok(())
}

async fn external_names_have_no_address(test: Test) -> Outcome {
    let spec = json!({"type": "ExternalName", "externalName": "elsewhere.example.com"});
    let made = create(&test, spec).await?.done()?;
    same("clusterIP", &made["spec"].get("clusterIP"), &None)?;
    let other = json!({"type": "ExternalName"});
    let answer = test.on(&SERVICES).create(named("b", &other)).await?;
    answer.invalid("spec.externalName", "FieldValueRequired")?;
    Ok(())
}

async fn affinity_gets_its_timeout(test: Test) -> Outcome {
    let spec = json!({"sessionAffinity": "ClientIP", "ports": [{"port": 80}]});
    let made = create(&test, spec).await?.done()?;
    let config = &made["spec"]["sessionAffinityConfig"];
    same(
        "the timeout",
        config,
        &json!({"clientIP": {"timeoutSeconds": 10800}}),
    )
}

async fn source_ranges_have_to_be_networks(test: Test) -> Outcome {
    let spec = json!({"type": "LoadBalancer", "loadBalancerSourceRanges": ["everywhere"], "ports": [{"port": 80}]});
    let status = create(&test, spec).await?.refused(422, "Invalid")?;
    says(&status, "must be a valid CIDR value")
}
