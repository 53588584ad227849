//! What the server says that it serves.

use serde_json::{Value, json};

use crate::failure::{holds, same};
use crate::kind::DEFINITIONS;
use crate::suite::gadget;
use crate::test::Call;
use crate::{Outcome, Test};

group!(
    "discovery",
    (the_version_is_told, "kubectl version; ecm run at start"),
    (it_says_that_it_is_ready, "scripts that wait for it"),
    (the_core_group_has_one_version, "kubectl"),
    (groups_are_listed_with_versions, "watch/discovery.rs"),
    (
        one_group_can_be_asked_for,
        "watch/discovery.rs: versions of NodePool"
    ),
    (
        an_unknown_group_is_not_found,
        "watch/discovery.rs: no NodePool at all"
    ),
    (resources_of_a_version_are_listed, "kubectl api-resources"),
    (
        everything_comes_in_one_document,
        "kubectl 1.32 asks for this first"
    ),
    (custom_kinds_appear, "watch/discovery.rs: NodePool"),
    (custom_kinds_disappear, "watch/discovery.rs: NodePool"),
    (schemas_are_indexed, "kubectl explain and kubectl apply"),
    (
        the_schema_of_a_built_in_kind_is_served,
        "kubectl apply: what can be patched how"
    ),
    (
        the_schema_of_a_custom_kind_is_served,
        "kubectl explain poolservice.status, docs/sandbox.md"
    ),
);

async fn the_version_is_told(test: Test) -> Outcome {
    let version = test.get("/version").await?.done()?;
    same("major", &version["major"], &json!("1"))?;
    let git = version["gitVersion"].as_str().unwrap_or_default();
    holds("gitVersion", git.starts_with("v1."), "v1...", &git)
}

async fn it_says_that_it_is_ready(test: Test) -> Outcome {
    for path in ["/readyz", "/livez", "/healthz"] {
        let answer = test.get(path).await?.done()?;
        same(path, &answer, &json!("ok"))?;
    }
    Ok(())
}

async fn the_core_group_has_one_version(test: Test) -> Outcome {
    let versions = test.get("/api").await?.done()?;
    same("kind", &versions["kind"], &json!("APIVersions"))?;
    same("versions", &versions["versions"], &json!(["v1"]))
}

fn find<'a>(list: &'a Value, key: &str, value: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|item| item[key] == value)
}

async fn groups_are_listed_with_versions(test: Test) -> Outcome {
    let groups = test.get("/apis").await?.done()?;
    same("kind", &groups["kind"], &json!("APIGroupList"))?;
    let leases = find(&groups["groups"], "name", "coordination.k8s.io").cloned();
    let preferred = &leases.unwrap_or_default()["preferredVersion"];
    let expected = json!({"groupVersion": "coordination.k8s.io/v1", "version": "v1"});
    same("preferredVersion", preferred, &expected)
}

async fn one_group_can_be_asked_for(test: Test) -> Outcome {
    gadget::define(&test).await?;
    let path = format!("/apis/{}", gadget::group(&test));
    let call = Call::get(path);
    let answer = test
        .until("the group", &call, |answer| answer.code == 200)
        .await?;
    let group = answer.done()?;
    same("kind", &group["kind"], &json!("APIGroup"))?;
    same(
        "preferred",
        &group["preferredVersion"]["version"],
        &json!("v1"),
    )?;
    same(
        "versions",
        &group["versions"].as_array().map(Vec::len),
        &Some(2),
    )
}

async fn an_unknown_group_is_not_found(test: Test) -> Outcome {
    same(
        "code",
        &test.get("/apis/nobody.example.com").await?.code,
        &404,
    )?;
    same(
        "code",
        &test.get("/apis/nobody.example.com/v1").await?.code,
        &404,
    )
}

async fn resources_of_a_version_are_listed(test: Test) -> Outcome {
    let list = test.get("/api/v1").await?.done()?;
    same("kind", &list["kind"], &json!("APIResourceList"))?;
    let services = find(&list["resources"], "name", "services")
        .cloned()
        .unwrap_or_default();
    same("shortNames", &services["shortNames"], &json!(["svc"]))?;
    same("singularName", &services["singularName"], &json!("service"))?;
    same("namespaced", &services["namespaced"], &json!(true))?;
    let verbs = services["verbs"].to_string();
    let all = [
        "create",
        "delete",
        "deletecollection",
        "get",
        "list",
        "patch",
        "update",
        "watch",
    ];
    let missing: Vec<&str> = all
        .into_iter()
        .filter(|verb| !verbs.contains(verb))
        .collect();
    same("missing verbs", &missing, &Vec::new())?;
    let status = find(&list["resources"], "name", "services/status");
    holds("services/status", status.is_some(), "listed", &"not listed")
}

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

async fn everything_comes_in_one_document(test: Test) -> Outcome {
    let call = Call {
        accept: AGGREGATED,
        ..Call::get("/api")
    };
    let list = test.send(&call).await?.done()?;
    same("kind", &list["kind"], &json!("APIGroupDiscoveryList"))?;
    let resources = &list["items"][0]["versions"][0]["resources"];
    let nodes = find(resources, "resource", "nodes")
        .cloned()
        .unwrap_or_default();
    same("scope", &nodes["scope"], &json!("Cluster"))?;
    same(
        "kind of nodes",
        &nodes["responseKind"]["kind"],
        &json!("Node"),
    )?;
    same("shortNames", &nodes["shortNames"], &json!(["no"]))
}

async fn custom_kinds_appear(test: Test) -> Outcome {
    gadget::define(&test).await?;
    let call = Call::get(format!("/apis/{}/v1", gadget::group(&test)));
    let listed = |answer: &crate::answer::Answer| {
        find(&answer.body["resources"], "name", "gadgets").is_some()
    };
    let list = test.until("the gadgets", &call, listed).await?.done()?;
    let gadgets = find(&list["resources"], "name", "gadgets")
        .cloned()
        .unwrap_or_default();
    same("kind", &gadgets["kind"], &json!("Gadget"))?;
    same("shortNames", &gadgets["shortNames"], &json!(["gdg"]))?;
    same("categories", &gadgets["categories"], &json!(["toys"]))
}

async fn custom_kinds_disappear(test: Test) -> Outcome {
    gadget::define(&test).await?;
    let path = format!("/apis/{}/v1", gadget::group(&test));
    let call = Call::get(path);
    test.until("the group", &call, |answer| answer.code == 200)
        .await?;
    let name = format!("gadgets.{}", gadget::group(&test));
    test.on(&DEFINITIONS).delete(&name).await?.done()?;
    test.until("its end", &call, |answer| answer.code == 404)
        .await?;
    Ok(())
}

async fn schemas_are_indexed(test: Test) -> Outcome {
    let index = test.get("/openapi/v3").await?.done()?;
    for path in ["api/v1", "apis/apps/v1"] {
        let url = index["paths"][path]["serverRelativeURL"]
            .as_str()
            .unwrap_or_default();
        holds(
            path,
            url.starts_with(&format!("/openapi/v3/{path}")),
            "a URL",
            &url,
        )?;
    }
    Ok(())
}

fn schema_of<'a>(document: &'a Value, kind: &str) -> Option<&'a Value> {
    let schemas = document["components"]["schemas"].as_object()?;
    schemas.values().find(|schema| {
        let kinds = schema["x-kubernetes-group-version-kind"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|gvk| gvk["kind"] == kind))
    })
}

async fn the_schema_of_a_built_in_kind_is_served(test: Test) -> Outcome {
    let document = test.get("/openapi/v3/api/v1").await?.done()?;
    let found = schema_of(&document, "Service");
    holds(
        "the schema of Service",
        found.is_some(),
        "there",
        &"not there",
    )
}

async fn the_schema_of_a_custom_kind_is_served(test: Test) -> Outcome {
    gadget::define(&test).await?;
    let call = Call::get(format!("/openapi/v3/apis/{}/v1", gadget::group(&test)));
    let there = |answer: &crate::answer::Answer| schema_of(&answer.body, "Gadget").is_some();
    let document = test.until("the schema", &call, there).await?.done()?;
    let schema = schema_of(&document, "Gadget").cloned().unwrap_or_default();
    let phase = &schema["properties"]["status"]["properties"]["phase"]["type"];
    same("type of status.phase", phase, &json!("string"))
}
