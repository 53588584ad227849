//! Other shapes of the same objects: tables and metadata alone.

use serde_json::{Value, json};

use crate::answer::{items, name, nth};
use crate::failure::{holds, same};
use crate::kind::{CONFIG_MAPS, SERVICES};
use crate::suite::gadget;
use crate::{Outcome, Test};

group!(
    "shape",
    (a_list_can_be_a_table, "kubectl get, docs/tutorial.md"),
    (an_object_can_be_a_table, "kubectl get NAME"),
    (
        services_have_their_columns,
        "kubectl get svc -o wide, docs/sandbox.md"
    ),
    (
        cells_of_a_service_show_it,
        "kubectl get svc, docs/tutorial.md"
    ),
    (
        custom_kinds_bring_their_columns,
        "kubectl get ps, docs/tutorial.md"
    ),
    (
        columns_of_priority_one_are_for_wide,
        "kubectl get ps -o wide, docs/sandbox.md"
    ),
    (rows_carry_metadata, "kubectl get: sorting and labels"),
    (rows_can_carry_the_object, "kubectl get --sort-by"),
    (rows_can_carry_nothing, "kubectl get"),
    (a_watch_can_be_of_tables, "kubectl get -w, docs/sandbox.md"),
    (
        later_tables_of_a_watch_have_no_columns,
        "kubectl get -w, docs/sandbox.md"
    ),
    (an_object_can_be_metadata_alone, "kube PartialObjectMeta"),
    (a_list_can_be_metadata_alone, "kube metadata watcher"),
    (a_watch_can_be_of_metadata_alone, "kube metadata watcher"),
    (what_cannot_be_shown_is_not_acceptable, "kubectl"),
);

const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io";
const METADATA: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";

fn columns(table: &Value) -> Vec<&str> {
    let columns = table["columnDefinitions"].as_array();
    columns
        .into_iter()
        .flatten()
        .filter_map(|c| c["name"].as_str())
        .collect()
}

fn priorities(table: &Value) -> Vec<i64> {
    let columns = table["columnDefinitions"].as_array();
    columns
        .into_iter()
        .flatten()
        .filter_map(|c| c["priority"].as_i64())
        .collect()
}

fn rows(table: &Value) -> &[Value] {
    table["rows"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

async fn a_list_can_be_a_table(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("labelSelector", "of=us");
    maps.create(json!({"metadata": {"name": "a", "labels": {"of": "us"}}, "data": {"k": "v"}}))
        .await?
        .done()?;
    let table = maps.accepting(TABLE).list().await?.done()?;
    same("kind", &table["kind"], &json!("Table"))?;
    same("apiVersion", &table["apiVersion"], &json!("meta.k8s.io/v1"))?;
    same("columns", &columns(&table), &vec!["Name", "Data", "Age"])?;
    same("rows", &rows(&table).len(), &1)?;
    let cells = &nth(rows(&table), 0)["cells"];
    same(
        "name and data",
        &json!([cells[0], cells[1].to_string()]),
        &json!(["a", "1"]),
    )
}

async fn an_object_can_be_a_table(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    maps.create_named("a").await?;
    let table = maps.accepting(TABLE).get("a").await?.done()?;
    same("kind", &table["kind"], &json!("Table"))?;
    same("rows", &rows(&table).len(), &1)
}

async fn services_have_their_columns(test: Test) -> Outcome {
    let table = test.on(&SERVICES).accepting(TABLE).list().await?.done()?;
    let expected = vec![
        "Name",
        "Type",
        "Cluster-IP",
        "External-IP",
        "Port(s)",
        "Age",
        "Selector",
    ];
    same("columns", &columns(&table), &expected)?;
    same(
        "priorities",
        &priorities(&table),
        &vec![0, 0, 0, 0, 0, 0, 1],
    )
}

async fn cells_of_a_service_show_it(test: Test) -> Outcome {
    let services = test.on(&SERVICES);
    let spec = json!({"type": "LoadBalancer", "selector": {"app": "a"}, "ports": [{"port": 80}]});
    let made = services
        .create(json!({"metadata": {"name": "a"}, "spec": spec}))
        .await?
        .done()?;
    let pending = services.clone().accepting(TABLE).get("a").await?.done()?;
    let cells = &nth(rows(&pending), 0)["cells"];
    let port = format!("80:{}/TCP", made["spec"]["ports"][0]["nodePort"]);
    let address = made["spec"]["clusterIP"].clone();
    let expected = json!(["a", "LoadBalancer", address, "<pending>", port]);
    same(
        "cells",
        &json!([cells[0], cells[1], cells[2], cells[3], cells[4]]),
        &expected,
    )?;
    same("selector", &cells[6], &json!("app=a"))?;
    let patch =
        json!({"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]}}});
    services.clone().status().merge("a", patch).await?.done()?;
    let served = services.accepting(TABLE).get("a").await?.done()?;
    same(
        "addresses",
        &nth(rows(&served), 0)["cells"][3],
        &json!("10.0.0.1,10.0.0.2"),
    )
}

async fn custom_kinds_bring_their_columns(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets
        .create(gadget::with_spec("a", &json!({"size": 4})))
        .await?
        .done()?;
    let table = gadgets.accepting(TABLE).list().await?.done()?;
    same(
        "columns",
        &columns(&table),
        &vec!["Name", "Size", "Colours", "Age"],
    )?;
    let cells = &nth(rows(&table), 0)["cells"];
    same(
        "cells",
        &json!([cells[0], cells[1], cells[2]]),
        &json!(["a", 4, null]),
    )
}

async fn columns_of_priority_one_are_for_wide(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let table = gadgets.accepting(TABLE).list().await?.done()?;
    same("priorities", &priorities(&table), &vec![0, 0, 1, 0])
}

async fn rows_carry_metadata(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    let table = gadgets.accepting(TABLE).list().await?.done()?;
    let object = &nth(rows(&table), 0)["object"];
    same("kind", &object["kind"], &json!("PartialObjectMetadata"))?;
    same("uid", &object["metadata"]["uid"], &made["metadata"]["uid"])?;
    same("spec", &object.get("spec"), &None)
}

async fn rows_can_carry_the_object(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    let made = gadgets.create_named("a").await?;
    let gadgets = gadgets.accepting(TABLE).with("includeObject", "Object");
    let table = gadgets.list().await?.done()?;
    same(
        "spec",
        &nth(rows(&table), 0)["object"]["spec"],
        &made["spec"],
    )?;
    same(
        "kind",
        &nth(rows(&table), 0)["object"]["kind"],
        &json!("Gadget"),
    )
}

async fn rows_can_carry_nothing(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let gadgets = gadgets.accepting(TABLE).with("includeObject", "None");
    let table = gadgets.list().await?.done()?;
    let object = nth(rows(&table), 0)
        .get("object")
        .filter(|object| !object.is_null());
    same("object", &object, &None)
}

async fn a_watch_can_be_of_tables(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("labelSelector", "of=us");
    maps.create(json!({"metadata": {"name": "a", "labels": {"of": "us"}}}))
        .await?
        .done()?;
    let mut watch = maps.accepting(TABLE).watch().await?;
    let table = watch.expect("ADDED", "").await?;
    same("kind", &table["kind"], &json!("Table"))?;
    same("columns", &columns(&table), &vec!["Name", "Data", "Age"])?;
    same("the name", &nth(rows(&table), 0)["cells"][0], &json!("a"))
}

async fn later_tables_of_a_watch_have_no_columns(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS).with("labelSelector", "of=us");
    for name in ["a", "b"] {
        maps.create(json!({"metadata": {"name": name, "labels": {"of": "us"}}}))
            .await?
            .done()?;
    }
    let mut watch = maps.accepting(TABLE).watch().await?;
    watch.expect("ADDED", "").await?;
    let second = watch.expect("ADDED", "").await?;
    same("columns", &columns(&second), &Vec::new())?;
    same("the name", &nth(rows(&second), 0)["cells"][0], &json!("b"))
}

async fn an_object_can_be_metadata_alone(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps
        .create(json!({"metadata": {"name": "a"}, "data": {"k": "v"}}))
        .await?
        .done()?;
    let shown = maps.accepting(METADATA).get("a").await?.done()?;
    let expected = json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": made["metadata"]});
    same("the object", &shown, &expected)
}

async fn a_list_can_be_metadata_alone(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let list = gadgets.accepting(METADATA_LIST).list().await?.done()?;
    same("kind", &list["kind"], &json!("PartialObjectMetadataList"))?;
    same("items", &items(&list).len(), &1)?;
    same("spec", &nth(items(&list), 0).get("spec"), &None)
}

async fn a_watch_can_be_of_metadata_alone(test: Test) -> Outcome {
    let gadgets = gadget::define(&test).await?;
    gadgets.create_named("a").await?;
    let object = gadgets
        .accepting(METADATA)
        .watch()
        .await?
        .expect("ADDED", "a")
        .await?;
    same("kind", &object["kind"], &json!("PartialObjectMetadata"))?;
    same("spec", &object.get("spec"), &None)
}

async fn what_cannot_be_shown_is_not_acceptable(test: Test) -> Outcome {
    let maps = test.on(&CONFIG_MAPS);
    let made = maps.create_named("a").await?;
    let answer = maps.accepting("text/csv").get(name(&made)).await?;
    holds("the code", answer.code == 406, "406", &answer.code)
}
