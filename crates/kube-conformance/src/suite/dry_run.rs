//! Writes that only pretend.

use serde_json::json;

use crate::answer::{revision, uid};
use crate::failure::{holds, same};
use crate::kind::CONFIG_MAPS;
use crate::suite::gadget;
use crate::{Outcome, Test};

group!(
    "dry_run",
    (
        nothing_is_created,
        "kubectl diff and --dry-run=server, docs/sandbox.md"
    ),
    (nothing_is_replaced, "kubectl diff"),
    (nothing_is_patched, "kubectl diff, docs/sandbox.md"),
    (nothing_is_applied, "kubectl diff --server-side"),
    (nothing_is_deleted, "kubectl delete --dry-run=server"),
    (
        it_is_checked_as_if_it_were_meant,
        "kubectl apply --dry-run=server"
    ),
    (an_unknown_value_is_refused, "kubectl --dry-run"),
);

async fn nothing_is_created(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let body = json!({"metadata": {"name": "a"}});
    let shown = maps
        .clone()
        .with("dryRun", "All")
        .create(body)
        .await?
        .done_with(201)?;
    holds("the uid", !uid(&shown).is_empty(), "a uid", &shown)?;
    same("the revision", &revision(&shown), &"")?;
    maps.get("a").await?.refused(404, "NotFound")?;
    Ok(())
}

async fn nothing_is_replaced(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let body = json!({"metadata": {"name": "a"}, "data": {"k": "v"}});
    let shown = maps
        .clone()
        .with("dryRun", "All")
        .replace(body)
        .await?
        .done()?;
    same("shown", &shown["data"]["k"], &json!("v"))?;
    let stored = maps.get("a").await?.done()?;
    same("stored", &stored, &made)
}

async fn nothing_is_patched(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let dry = maps.clone().with("dryRun", "All");
    let shown = dry.merge("a", json!({"data": {"k": "v"}})).await?.done()?;
    same("shown", &shown["data"]["k"], &json!("v"))?;
    same("stored", &maps.get("a").await?.done()?, &made)
}

async fn nothing_is_applied(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let body = json!({"metadata": {"name": "a"}, "data": {"k": "v"}});
    let shown = maps
        .clone()
        .with("dryRun", "All")
        .apply("me", body)
        .await?
        .done()?;
    same("shown", &shown["data"]["k"], &json!("v"))?;
    maps.get("a").await?.refused(404, "NotFound")?;
    Ok(())
}

async fn nothing_is_deleted(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    maps.clone()
        .with("dryRun", "All")
        .delete("a")
        .await?
        .done()?;
    maps.get("a").await?.done()?;
    Ok(())
}

async fn it_is_checked_as_if_it_were_meant(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?.with("dryRun", "All");
    let body = gadget::with_spec("a", &json!({"size": 99}));
    gadgets
        .create(body)
        .await?
        .invalid("spec.size", "FieldValueInvalid")?;
    Ok(())
}

async fn an_unknown_value_is_refused(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("dryRun", "Some");
    let answer = maps.create(json!({"metadata": {"name": "a"}})).await?;
    answer.invalid("dryRun", "FieldValueNotSupported")?;
    Ok(())
}
