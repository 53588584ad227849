//! The status subresource.

use serde_json::json;

use crate::answer::{revision, uid};
use crate::failure::same;
use crate::kind::{CONFIG_MAPS, SERVICES};
use crate::suite::gadget;
use crate::{Outcome, Test};

group!(
    "status",
    (
        creating_drops_the_status,
        "ecm-policy conditions.rs: a new PoolService has none"
    ),
    (
        a_write_of_the_object_leaves_the_status,
        "behaviour 2.2: repairs"
    ),
    (
        a_write_of_the_status_leaves_the_object,
        "ecm-reconciler report.rs"
    ),
    (
        a_replace_of_the_status_replaces_it,
        "kubectl replace --subresource=status"
    ),
    (a_merge_of_the_status_merges, "ecm-reconciler report.rs"),
    (
        a_stale_status_conflicts,
        "ecm-reconciler report.rs: based on what was read"
    ),
    (
        labels_do_not_come_with_a_custom_status,
        "ecm-reconciler report.rs"
    ),
    (
        the_status_can_be_read_alone,
        "kubectl get --subresource=status"
    ),
    (
        kinds_without_a_status_have_no_path_for_it,
        "watch/discovery.rs"
    ),
    (
        versions_without_a_status_have_no_path_for_it,
        "watch/discovery.rs: NodePool versions"
    ),
    (
        a_service_status_is_written_apart,
        "fan_out/write.rs: status of a Service"
    ),
    (
        a_service_status_with_another_uid_is_refused,
        "fan_out/write.rs: planned again"
    ),
    (
        a_custom_status_takes_no_uid,
        "ecm-reconciler report.rs: names a resourceVersion instead"
    ),
);

const ANOTHER_UID: &str = "00000000-0000-4000-8000-000000000000";

async fn a_service_status_with_another_uid_is_refused(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    let spec = json!({"type": "LoadBalancer", "ports": [{"port": 80}]});
    let body = json!({"metadata": {"name": "a"}, "spec": spec});
    services.create(body).await?.done()?;
    let ingress = json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}});
    let patch = json!({"metadata": {"uid": ANOTHER_UID}, "status": ingress});
    let answer = services.status().merge("a", patch).await?;
    answer.invalid("metadata.uid", "FieldValueInvalid")?;
    Ok(())
}

async fn a_custom_status_takes_no_uid(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    let patch = json!({"metadata": {"uid": ANOTHER_UID}, "status": {"phase": "Up"}});
    let written = gadgets.status().merge("a", patch).await?.done()?;
    same("uid", &uid(&written), &uid(&made))?;
    same("phase", &written["status"]["phase"], &json!("Up"))
}

async fn creating_drops_the_status(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let body = json!({"metadata": {"name": "a"}, "status": {"phase": "Up"}});
    let made = gadgets.create(body).await?.done()?;
    same("status", &made.get("status"), &None)
}

async fn a_write_of_the_object_leaves_the_status(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    gadgets
        .clone()
        .status()
        .merge("a", json!({"status": {"phase": "Up"}}))
        .await?
        .done()?;
    let patch = json!({"spec": {"size": 5}, "status": {"phase": "Down"}});
    let changed = gadgets.merge("a", patch).await?.done()?;
    same("size", &changed["spec"]["size"], &json!(5))?;
    same("phase", &changed["status"]["phase"], &json!("Up"))
}

async fn a_write_of_the_status_leaves_the_object(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets
        .create(gadget::with_spec("a", &json!({"size": 4})))
        .await?
        .done()?;
    let patch = json!({"spec": {"size": 5}, "status": {"phase": "Up"}});
    let changed = gadgets.status().merge("a", patch).await?.done()?;
    same("size", &changed["spec"]["size"], &json!(4))?;
    same("phase", &changed["status"]["phase"], &json!("Up"))
}

async fn a_replace_of_the_status_replaces_it(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let status = gadgets.clone().status();
    let mut object = status
        .merge("a", json!({"status": {"phase": "Up"}}))
        .await?
        .done()?;
    object["status"] = json!({"seen": 3});
    let replaced = status.replace(object).await?.done()?;
    same("status", &replaced["status"], &json!({"seen": 3}))
}

async fn a_merge_of_the_status_merges(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let status = gadgets.status();
    status
        .merge("a", json!({"status": {"phase": "Up"}}))
        .await?
        .done()?;
    let changed = status
        .merge("a", json!({"status": {"seen": 3}}))
        .await?
        .done()?;
    same(
        "status",
        &changed["status"],
        &json!({"phase": "Up", "seen": 3}),
    )
}

async fn a_stale_status_conflicts(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    gadgets
        .merge("a", json!({"spec": {"size": 5}}))
        .await?
        .done()?;
    let patch =
        json!({"metadata": {"resourceVersion": revision(&made)}, "status": {"phase": "Up"}});
    gadgets
        .status()
        .merge("a", patch)
        .await?
        .refused(409, "Conflict")?;
    Ok(())
}

async fn labels_do_not_come_with_a_custom_status(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let patch = json!({"metadata": {"labels": {"k": "v"}}, "status": {"phase": "Up"}});
    let changed = gadgets.status().merge("a", patch).await?.done()?;
    same("phase", &changed["status"]["phase"], &json!("Up"))?;
    same("labels", &changed["metadata"].get("labels"), &None)
}

async fn the_status_can_be_read_alone(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    let read = gadgets.status().get("a").await?.done()?;
    same("the object", &read, &made)
}

async fn kinds_without_a_status_have_no_path_for_it(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let answer = maps.status().get("a").await?;
    same("code", &answer.code, &404)
}

async fn versions_without_a_status_have_no_path_for_it(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    gadgets.status().get("a").await?.done()?;
    let answer = gadget::old_version(&test).status().get("a").await?;
    same("code", &answer.code, &404)
}

async fn a_service_status_is_written_apart(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    let spec = json!({"type": "LoadBalancer", "ports": [{"port": 80}]});
    services
        .create(json!({"metadata": {"name": "a"}, "spec": spec}))
        .await?
        .done()?;
    let patch = json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}]}}});
    let ignored = services.merge("a", patch.clone()).await?.done()?;
    same(
        "by the object",
        &ignored["status"],
        &json!({"loadBalancer": {}}),
    )?;
    let written = services.status().merge("a", patch).await?.done()?;
    let ip = &written["status"]["loadBalancer"]["ingress"][0]["ip"];
    same("by the status", ip, &json!("10.0.0.1"))
}
