//! CustomResourceDefinitions themselves.

use serde_json::{Value, json};

use crate::answer::{names, says};
use crate::failure::{holds, same};
use crate::kind::{DEFINITIONS, Kind};
use crate::suite::gadget;
use crate::{Outcome, Test};

group!(
    "definition",
    (it_is_established, "kubectl wait crd; deploy/crds"),
    (
        it_is_served_when_established,
        "deploy/crds: applied before the controller"
    ),
    (names_are_filled_in, "kubectl get crd -o yaml"),
    (its_name_is_plural_and_group, "deploy/crds"),
    (it_has_one_storage_version, "deploy/crds"),
    (it_needs_a_schema, "deploy/crds"),
    (its_scope_cannot_change, "deploy/crds"),
    (
        all_versions_show_the_same_objects,
        "watch/discovery.rs: NodePool v1beta1 and v1beta2"
    ),
    (a_deprecated_version_warns, "kubectl get of an old version"),
    (its_objects_go_with_it, "kubectl delete -f deploy/crds"),
    (a_finalizer_of_an_object_holds_it, "behaviour 8: letting go"),
    (a_new_schema_is_in_force_at_once, "deploy/crds: an upgrade"),
);

async fn it_is_established(test: Test) -> Outcome {
    let installed = gadget::install(&test, gadget::definition(&test)).await?;
    let conditions = installed["status"]["conditions"].to_string();
    let is_so = conditions.contains("\"NamesAccepted\"") && conditions.contains("\"Established\"");
    holds(
        "the conditions",
        is_so,
        "NamesAccepted and Established",
        &conditions,
    )?;
    same(
        "storedVersions",
        &installed["status"]["storedVersions"],
        &json!(["v1"]),
    )
}

async fn it_is_served_when_established(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    let version = format!("{}/v1", gadget::group(&test));
    same("apiVersion", &made["apiVersion"], &json!(version))
}

async fn names_are_filled_in(test: Test) -> Outcome {
    let installed = gadget::install(&test, gadget::definition(&test)).await?;
    let names = &installed["spec"]["names"];
    same("listKind", &names["listKind"], &json!("GadgetList"))?;
    same("accepted", &installed["status"]["acceptedNames"], names)?;
    same(
        "conversion",
        &installed["spec"]["conversion"],
        &json!({"strategy": "None"}),
    )
}

async fn refused(
    test: &Test,
    change: impl FnOnce(&mut Value),
    field: &str,
    reason: &str,
) -> Outcome {
    let mut definition = gadget::definition(test);
    change(&mut definition);
    test.on(&DEFINITIONS)
        .create(definition)
        .await?
        .invalid(field, reason)?;
    Ok(())
}

async fn its_name_is_plural_and_group(test: Test) -> Outcome {
    let other = format!("gizmos.{}", gadget::group(&test));
    let rename = |definition: &mut Value| definition["metadata"]["name"] = json!(other);
    refused(&test, rename, "metadata.name", "FieldValueInvalid").await
}

async fn it_has_one_storage_version(test: Test) -> Outcome {
    let second = |d: &mut Value| d["spec"]["versions"][1]["storage"] = json!(true);
    refused(&test, second, "spec.versions", "FieldValueInvalid").await
}

async fn it_needs_a_schema(test: Test) -> Outcome {
    let without = |d: &mut Value| d["spec"]["versions"][0]["schema"] = Value::Null;
    let field = "spec.versions[0].schema.openAPIV3Schema";
    refused(&test, without, field, "FieldValueRequired").await
}

async fn its_scope_cannot_change(test: Test) -> Outcome {
    gadget::install(&test, gadget::definition(&test)).await?;
    let name = format!("gadgets.{}", gadget::group(&test));
    let patch = json!({"spec": {"scope": "Cluster"}});
    let answer = test.on(&DEFINITIONS).merge(&name, patch).await?;
    answer.invalid("spec.scope", "FieldValueInvalid")?;
    Ok(())
}

async fn all_versions_show_the_same_objects(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    let old = gadget::old_version(&test).get("a").await?.done()?;
    let version = format!("{}/v1beta1", gadget::group(&test));
    same("apiVersion", &old["apiVersion"], &json!(version))?;
    same("spec", &old["spec"], &made["spec"])?;
    gadget::old_version(&test).create_named("b").await?;
    same(
        "names",
        &names(&gadgets.list().await?.done()?),
        &vec!["a", "b"],
    )
}

async fn a_deprecated_version_warns(test: Test) -> Outcome {
    gadget::define(&test).await?;
    let answer = gadget::old_version(&test)
        .create(json!({"metadata": {"name": "a"}}))
        .await?;
    let warning = format!("{:?}", answer.headers.get(http::header::WARNING));
    let is_so = warning.contains("Gadget is deprecated") && warning.contains("299");
    holds("the warning", is_so, "... Gadget is deprecated", &warning)
}

async fn its_objects_go_with_it(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    let mut watch = gadgets.watch_from(&made).await?;
    let definitions = test.on(&DEFINITIONS);
    let name = format!("gadgets.{}", gadget::group(&test));
    let definition = definitions.delete(&name).await?.done()?;
    watch
        .until("the end of the object", |event| event.is("DELETED"))
        .await?;
    if definition["kind"] == "CustomResourceDefinition" {
        definitions.until_gone(&definition).await?;
    }
    let kind = Kind::gadget(gadget::group(&test), "v1");
    let list = crate::test::Call::get(kind.path(Some(test.namespace())));
    test.until("the end of the kind", &list, |answer| answer.code == 404)
        .await?;
    Ok(())
}

async fn a_finalizer_of_an_object_holds_it(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let body = json!({"metadata": {"name": "a", "finalizers": ["example.com/hold"]}});
    let made = gadgets.create(body).await?.done()?;
    let mut watch = gadgets.watch_from(&made).await?;
    let definitions = test.on(&DEFINITIONS);
    let name = format!("gadgets.{}", gadget::group(&test));
    let definition = definitions.delete(&name).await?.done()?;
    watch.expect("MODIFIED", "a").await?;
    definitions.get(&name).await?.done()?;
    gadgets
        .merge("a", json!({"metadata": {"finalizers": null}}))
        .await?
        .done()?;
    definitions.until_gone(&definition).await?;
    Ok(())
}

async fn a_new_schema_is_in_force_at_once(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let name = format!("gadgets.{}", gadget::group(&test));
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/size/maximum";
    let operations = json!([{"op": "replace", "path": path, "value": 50}]);
    let definitions = test.on(&DEFINITIONS);
    definitions
        .patch(&name, crate::collection::PatchKind::Json, operations)
        .await?
        .done()?;
    let body = gadgets.full(gadget::with_spec("a", &json!({"size": 40})));
    let call = gadgets.call(http::Method::POST, None, Some(&body));
    test.until("the new schema", &call, |answer| answer.code == 201)
        .await?;
    let over = gadget::with_spec("b", &json!({"size": 51}));
    let status = gadgets
        .create(over)
        .await?
        .invalid("spec.size", "FieldValueInvalid")?;
    says(&status, "less than or equal to 50")
}
