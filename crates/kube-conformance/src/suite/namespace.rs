//! Namespaces and their end.

use http::Method;
use serde_json::{Value, json};

use crate::answer::{says, uid};
use crate::collection::Collection;
use crate::failure::{Failure, holds, same};
use crate::kind::{CONFIG_MAPS, NAMESPACES};
use crate::test::Call;
use crate::{Outcome, Test};

group!(
    "namespace",
    (a_new_one_is_active, "kubectl create namespace"),
    (its_name_is_a_label, "namespace selectors"),
    (
        nothing_can_be_made_in_a_missing_one,
        "fan_out/write.rs create"
    ),
    (its_content_goes_with_it, "behaviour 8: letting go"),
    (
        what_ends_takes_nothing_new,
        "fan_out/write.rs create: a namespace that ends"
    ),
    (a_finalizer_in_it_holds_it, "behaviour 8: letting go"),
    (kube_system_has_a_uid, "behaviour 5.7: the cluster's id"),
);

async fn other(test: &Test) -> Result<(Collection, Value), Failure> {
    let namespaces = test.on(&NAMESPACES);
    let made = namespaces.create_named(&test.unique("other")).await?;
    Ok((namespaces, made))
}

async fn a_new_one_is_active(test: Test) -> Outcome {
    let (_, made) = other(&test).await?;
    same("status", &made["status"], &json!({"phase": "Active"}))?;
    same(
        "spec",
        &made["spec"],
        &json!({"finalizers": ["kubernetes"]}),
    )
}

async fn its_name_is_a_label(test: Test) -> Outcome {
    let (_, made) = other(&test).await?;
    let label = &made["metadata"]["labels"]["kubernetes.io/metadata.name"];
    same("the label", label, &made["metadata"]["name"])
}

fn in_other(test: &Test, method: Method, object: &Value) -> Call<'static> {
    let object = test.on(&CONFIG_MAPS).full(object.clone());
    let path = CONFIG_MAPS.path(Some(&test.unique("other")));
    Call::with_body(method, path, &object)
}

async fn nothing_can_be_made_in_a_missing_one(test: Test) -> Outcome {
    let call = in_other(&test, Method::POST, &json!({"metadata": {"name": "a"}}));
    let status = test.send(&call).await?.refused(404, "NotFound")?;
    says(
        &status,
        &format!("namespaces \"{}\" not found", test.unique("other")),
    )
}

async fn its_content_goes_with_it(test: Test) -> Outcome {
    let (namespaces, made) = other(&test).await?;
    let call = in_other(&test, Method::POST, &json!({"metadata": {"name": "a"}}));
    test.send(&call).await?.done()?;
    let answer = namespaces.delete(&test.unique("other")).await?.done()?;
    same("phase", &answer["status"]["phase"], &json!("Terminating"))?;
    namespaces.until_gone(&made).await?;
    let path = format!("{}/a", CONFIG_MAPS.path(Some(&test.unique("other"))));
    same("code", &test.get(&path).await?.code, &404)
}

/// `other`, held by an object with a finalizer, and asked to end.
async fn ending(test: &Test) -> Result<(Collection, Value), Failure> {
    let (namespaces, made) = other(test).await?;
    let body = json!({"metadata": {"name": "a", "finalizers": ["example.com/hold"]}});
    test.send(&in_other(test, Method::POST, &body))
        .await?
        .done()?;
    namespaces.delete(&test.unique("other")).await?.done()?;
    Ok((namespaces, made))
}

async fn release(test: &Test) -> Outcome {
    let path = format!("{}/a", CONFIG_MAPS.path(Some(&test.unique("other"))));
    let body = json!({"metadata": {"finalizers": null}});
    let call = Call {
        content_type: "application/merge-patch+json",
        ..Call::with_body(Method::PATCH, path, &body)
    };
    test.send(&call).await?.done()?;
    Ok(())
}

async fn what_ends_takes_nothing_new(test: Test) -> Outcome {
    let (namespaces, made) = ending(&test).await?;
    let call = in_other(&test, Method::POST, &json!({"metadata": {"name": "b"}}));
    // The rule is kept by a cache that hears of the end a little later.
    let answer = test.until("a refusal", &call, |answer| answer.code == 403);
    let status = answer.await?.refused(403, "Forbidden")?;
    says(&status, "because it is being terminated")?;
    let cause = &status["details"]["causes"][0]["reason"];
    same("the cause", cause, &json!("NamespaceTerminating"))?;
    release(&test).await?;
    namespaces.until_gone(&made).await?;
    Ok(())
}

async fn a_finalizer_in_it_holds_it(test: Test) -> Outcome {
    let (namespaces, made) = ending(&test).await?;
    let held = namespaces.get(&test.unique("other")).await?.done()?;
    same("uid", &uid(&held), &uid(&made))?;
    release(&test).await?;
    namespaces.until_gone(&made).await?;
    Ok(())
}

async fn kube_system_has_a_uid(test: Test) -> Outcome {
    let found = test.on(&NAMESPACES).get("kube-system").await?.done()?;
    holds("the uid", uid(&found).len() == 36, "a uid", &uid(&found))
}
