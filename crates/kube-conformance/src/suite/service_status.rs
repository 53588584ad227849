//! The status of Services of type LoadBalancer.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::{Failure, same};
use crate::kind::SERVICES;
use crate::{Outcome, Test};

group!(
    "service_status",
    (
        an_address_gets_its_mode,
        "behaviour 2.5: defaults of the API server"
    ),
    (an_address_has_to_be_one, "behaviour 2.5"),
    (host_names_are_taken, "behaviour 2.5: host names"),
    (
        ports_with_errors_are_taken,
        "behaviour 4.4: ingress[].ports[].error"
    ),
    (only_load_balancers_have_addresses, "behaviour 2.5"),
    (addresses_go_with_the_type, "behaviour 2.4: no longer ours"),
    (conditions_are_taken, "fan_out/write.rs"),
    (
        an_empty_list_of_addresses_is_none,
        "behaviour 2.5: nothing published"
    ),
);

async fn publish(test: &Test, kind: &str, ingress: Value) -> Result<Answer, Failure> {
    let services = test.on(&SERVICES);
    let spec = json!({"type": kind, "ports": [{"port": 80}]});
    services
        .create(json!({"metadata": {"name": "a"}, "spec": spec}))
        .await?
        .done()?;
    let patch = json!({"status": {"loadBalancer": {"ingress": ingress}}});
    services.status().merge("a", patch).await
}

async fn publishes(test: &Test, ingress: Value, expected: Value) -> Outcome {
    let written = publish(test, "LoadBalancer", ingress).await?.done()?;
    same(
        "ingress",
        &written["status"]["loadBalancer"]["ingress"],
        &expected,
    )
}

async fn an_address_gets_its_mode(test: Test) -> Outcome {
    let expected = json!([{"ip": "10.0.0.1", "ipMode": "VIP"}]);
    publishes(&test, json!([{"ip": "10.0.0.1"}]), expected).await
}

async fn an_address_has_to_be_one(test: Test) -> Outcome {
    let answer = publish(&test, "LoadBalancer", json!([{"ip": "ten"}])).await?;
    answer.invalid("status.loadBalancer.ingress[0].ip", "FieldValueInvalid")?;
    Ok(())
}

async fn host_names_are_taken(test: Test) -> Outcome {
    let ingress = json!([{"hostname": "lb.example.com"}]);
    publishes(&test, ingress.clone(), ingress).await
}

async fn ports_with_errors_are_taken(test: Test) -> Outcome {
    let ports = json!([{"port": 80, "protocol": "TCP", "error": "example.com/Refused"}]);
    let ingress = json!([{"ip": "10.0.0.1", "ipMode": "VIP", "ports": ports}]);
    publishes(&test, ingress.clone(), ingress).await
}

async fn only_load_balancers_have_addresses(test: Test) -> Outcome {
    let answer = publish(&test, "NodePort", json!([{"ip": "10.0.0.1"}])).await?;
    answer.invalid("status.loadBalancer.ingress", "FieldValueForbidden")?;
    Ok(())
}

async fn addresses_go_with_the_type(test: Test) -> Outcome {
    publish(&test, "LoadBalancer", json!([{"ip": "10.0.0.1"}]))
        .await?
        .done()?;
    let changed = test
        .on(&SERVICES)
        .merge("a", json!({"spec": {"type": "ClusterIP"}}))
        .await?
        .done()?;
    same("status", &changed["status"], &json!({"loadBalancer": {}}))
}

async fn conditions_are_taken(test: Test) -> Outcome {
    publish(&test, "LoadBalancer", json!([])).await?.done()?;
    let condition = json!({"type": "example.com/Ready", "status": "True", "reason": "Up", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"});
    let patch = json!({"status": {"conditions": [condition]}});
    let written = test
        .on(&SERVICES)
        .status()
        .merge("a", patch)
        .await?
        .done()?;
    same(
        "conditions",
        &written["status"]["conditions"],
        &json!([condition]),
    )
}

async fn an_empty_list_of_addresses_is_none(test: Test) -> Outcome {
    let written = publish(&test, "LoadBalancer", json!([])).await?.done()?;
    same("status", &written["status"], &json!({"loadBalancer": {}}))
}
