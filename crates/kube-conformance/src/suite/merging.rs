//! Directives of strategic merge patches, and what the server's library adds to RFC 6902.
//!
//! Sources: k8s.io/apimachinery `pkg/util/strategicpatch/patch.go`, github.com/evanphx/json-patch `patch.go`.

use serde_json::{Value, json};

use crate::answer::{Answer, says, text};
use crate::collection::PatchKind;
use crate::failure::{Failure, same};
use crate::kind::{CONFIG_MAPS, SERVICES};
use crate::{Outcome, Test};

group!(
    "merging",
    (
        a_member_that_is_absent_is_replaced,
        "kubectl patch --type=json"
    ),
    (
        a_member_that_is_absent_is_not_removed,
        "kubectl patch --type=json"
    ),
    (
        operations_that_nobody_knows_are_refused,
        "kubectl patch --type=json"
    ),
    (directives_are_known, "kubectl patch"),
    (directives_of_items_are_known, "kubectl patch"),
    (directives_for_what_is_absent_mean_nothing, "kubectl patch"),
    (items_have_their_key, "kubectl apply"),
    (
        an_order_names_what_is_sent,
        "kubectl apply: $setElementOrder"
    ),
    (an_order_is_a_list, "kubectl apply: $setElementOrder"),
    (an_order_is_obeyed, "kubectl apply: $setElementOrder"),
    (retained_keys_are_a_list, "kubectl apply: $retainKeys"),
);

async fn json_patched(test: &Test, operations: Value) -> Result<Answer, Failure> {
    let maps = test.on(&CONFIG_MAPS);
    maps.create(json!({"metadata": {"name": "a"}, "data": {"k": "v"}}))
        .await?
        .done()?;
    maps.patch("a", PatchKind::Json, operations).await
}

async fn a_member_that_is_absent_is_replaced(test: Test) -> Outcome {
    let operations = json!([{"op": "replace", "path": "/data/new", "value": "w"}]);
    let patched = json_patched(&test, operations).await?.done()?;
    same("data", &patched["data"], &json!({"k": "v", "new": "w"}))
}

async fn a_member_that_is_absent_is_not_removed(test: Test) -> Outcome {
    let operations = json!([{"op": "remove", "path": "/data/none"}]);
    json_patched(&test, operations)
        .await?
        .refused(422, "Invalid")?;
    Ok(())
}

async fn operations_that_nobody_knows_are_refused(test: Test) -> Outcome {
    let operations = json!([{"op": "increase", "path": "/data/k", "value": "w"}]);
    json_patched(&test, operations)
        .await?
        .refused(422, "Invalid")?;
    Ok(())
}

/// A Service with two ports, patched.
async fn merged(test: &Test, patch: Value) -> Result<Answer, Failure> {
    let services = test.on(&SERVICES);
    let ports = json!([{"name": "a", "port": 80}, {"name": "b", "port": 81}]);
    services
        .create(json!({"metadata": {"name": "a"}, "spec": {"ports": ports}}))
        .await?
        .done()?;
    services.patch("a", PatchKind::Strategic, patch).await
}

/// The server fails with an error of its own, which has no reason.
async fn fails(test: &Test, patch: Value, why: &str) -> Outcome {
    let answer = merged(test, patch).await?;
    same("the code", &answer.code, &500)?;
    same("the reason", &answer.body["reason"], &Value::Null)?;
    says(&answer.body, why)
}

async fn directives_are_known(test: Test) -> Outcome {
    let patch = json!({"spec": {"$patch": "shuffle"}});
    fails(&test, patch, "unknown patch type: shuffle").await
}

async fn directives_for_what_is_absent_mean_nothing(test: Test) -> Outcome {
    let marked = json!({"$patch": "shuffle", "a": "b"});
    let patched = merged(&test, json!({"metadata": {"annotations": marked}}))
        .await?
        .done()?;
    let annotations = &patched["metadata"]["annotations"];
    same("annotations", annotations, &Value::Null)
}

async fn directives_of_items_are_known(test: Test) -> Outcome {
    let patch = json!({"spec": {"ports": [{"$patch": "shuffle", "port": 80}]}});
    fails(&test, patch, "unknown patch type: shuffle").await
}

async fn items_have_their_key(test: Test) -> Outcome {
    let patch = json!({"spec": {"ports": [{"$patch": "delete"}]}});
    fails(&test, patch, "does not contain declared merge key: port").await
}

async fn an_order_names_what_is_sent(test: Test) -> Outcome {
    let ports = json!([{"name": "x", "port": 80}]);
    let patch = json!({"spec": {"$setElementOrder/ports": [{"port": 81}], "ports": ports}});
    fails(&test, patch, "doesn't match $setElementOrder list").await
}

async fn an_order_is_a_list(test: Test) -> Outcome {
    let patch = json!({"spec": {"$setElementOrder/ports": "80"}});
    fails(&test, patch, "but received").await
}

async fn an_order_is_obeyed(test: Test) -> Outcome {
    let order = json!([{"port": 81}, {"port": 80}]);
    let patched = merged(&test, json!({"spec": {"$setElementOrder/ports": order}}))
        .await?
        .done()?;
    same(
        "the first port",
        &text(&patched, "/spec/ports/0/name"),
        &"b",
    )
}

async fn retained_keys_are_a_list(test: Test) -> Outcome {
    let patch = json!({"spec": {"$retainKeys": "ports"}});
    merged(&test, patch).await?.refused(400, "BadRequest")?;
    Ok(())
}
