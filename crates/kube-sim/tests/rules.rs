//! The rules of the API server, one test each.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use kube_sim::{
    ApiServer, Clock, Cluster, DeleteOptions, FieldValidation, ListOptions, Patch, Status, Target,
    WatchOptions, WriteOptions,
};
use serde_json::{Value, json};

fn api() -> ApiServer {
    ApiServer::new(
        7,
        Clock::fixed(jiff::Timestamp::from_second(1_700_000_000).unwrap()),
    )
}

fn target(api: &ApiServer, api_version: &str, kind: &str) -> Target {
    let resource = api.resource_of(api_version, kind).unwrap();
    let namespace = resource.namespaced.then(|| "default".to_owned());
    Target {
        resource,
        namespace,
    }
}

fn merge(api: &ApiServer, target: &Target, name: &str, patch: Value) -> Result<Value, Status> {
    Ok(api
        .patch(target, name, &Patch::Merge(patch), &WriteOptions::default())?
        .object)
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}})
}

fn service(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
}

fn load_balancer(name: &str) -> Value {
    service(
        name,
        &json!({"type": "LoadBalancer", "loadBalancerClass": "a/b", "ports": [{"port": 80}]}),
    )
}

fn widgets(api: &ApiServer) -> Target {
    let version = |name: &str, storage: bool| {
        json!({"name": name, "served": true, "storage": storage, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3, "maximum": 9}}},
                "status": {"type": "object", "properties": {"seen": {"type": "integer"}}}}}}})
    };
    api.create_object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [version("v1", true), version("v1beta1", false)]},
    }))
    .unwrap();
    target(api, "example.com/v1", "Widget")
}

fn widget(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec, "status": {"seen": 1}})
}

#[test]
fn a_write_that_changes_nothing_keeps_the_revision() {
    let api = api();
    let map = target(&api, "v1", "ConfigMap");
    let first = api.create_object(config_map("a")).unwrap();
    let revision = api.revision();
    let again = api
        .update(&map, "a", first.clone(), &WriteOptions::default())
        .unwrap()
        .object;
    assert_eq!(again, first);
    merge(&api, &map, "a", json!({"metadata": {"labels": {}}})).unwrap();
    assert_eq!(api.revision(), revision);
}

#[test]
fn the_generation_counts_changes_of_the_spec_only() {
    let api = api();
    let widgets = widgets(&api);
    let made = api.create_object(widget("w", &json!({"size": 1}))).unwrap();
    assert_eq!(made["metadata"]["generation"], 1);
    let labelled = merge(
        &api,
        &widgets,
        "w",
        json!({"metadata": {"labels": {"a": "b"}}}),
    )
    .unwrap();
    assert_eq!(labelled["metadata"]["generation"], 1);
    let status = Patch::Merge(json!({"status": {"seen": 2}}));
    let reported = api
        .patch_status(&widgets, "w", &status, &WriteOptions::default())
        .unwrap()
        .object;
    assert_eq!(reported["metadata"]["generation"], 1);
    assert_eq!(
        merge(&api, &widgets, "w", json!({"spec": {"size": 2}})).unwrap()["metadata"]["generation"],
        2
    );
}

#[test]
fn services_have_no_generation() {
    let api = api();
    assert!(api.create_object(load_balancer("s")).unwrap()["metadata"]["generation"].is_null());
}

#[test]
fn a_custom_status_is_dropped_at_creation_and_apart_from_the_rest() {
    let api = api();
    let widgets = widgets(&api);
    assert!(api.create_object(widget("w", &json!({}))).unwrap()["status"].is_null());
    let patch = Patch::Merge(
        json!({"metadata": {"labels": {"a": "b"}}, "spec": {"size": 9}, "status": {"seen": 5}}),
    );
    let reported = api
        .patch_status(&widgets, "w", &patch, &WriteOptions::default())
        .unwrap()
        .object;
    assert_eq!(
        (&reported["status"]["seen"], &reported["spec"]["size"]),
        (&json!(5), &json!(3))
    );
    assert!(reported["metadata"]["labels"].is_null());
    assert_eq!(
        merge(&api, &widgets, "w", json!({"status": {"seen": 6}})).unwrap()["status"]["seen"],
        5
    );
}

#[test]
fn custom_objects_are_defaulted_pruned_and_validated() {
    let api = api();
    let widgets = widgets(&api);
    let made = api
        .create(
            &widgets,
            widget("w", &json!({"typo": 1})),
            &WriteOptions::default(),
        )
        .unwrap();
    assert_eq!(made.object["spec"], json!({"size": 3}));
    assert_eq!(made.warnings, ["unknown field \"spec.typo\""]);
    let strict = WriteOptions {
        field_validation: FieldValidation::Strict,
        ..WriteOptions::default()
    };
    let refused = api
        .create(&widgets, widget("x", &json!({"typo": 1})), &strict)
        .unwrap_err();
    assert_eq!(refused.code, 400);
    assert!(
        refused
            .message
            .contains("strict decoding error: unknown field \"spec.typo\""),
        "{refused}"
    );
    let refused = api
        .create_object(widget("x", &json!({"size": 10})))
        .unwrap_err();
    assert_eq!(
        refused.message,
        "Widget.example.com \"x\" is invalid: spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9"
    );
}

#[test]
fn every_served_version_shows_the_same_object() {
    let api = api();
    widgets(&api);
    api.create_object(widget("w", &json!({}))).unwrap();
    let old = target(&api, "example.com/v1beta1", "Widget");
    assert_eq!(
        api.get(&old, "w").unwrap()["apiVersion"],
        "example.com/v1beta1"
    );
    merge(&api, &old, "w", json!({"spec": {"size": 4}})).unwrap();
    let new = target(&api, "example.com/v1", "Widget");
    assert_eq!(api.get(&new, "w").unwrap()["spec"]["size"], 4);
}

#[test]
fn deleting_a_definition_deletes_its_objects_and_stops_serving() {
    let api = api();
    let widgets = widgets(&api);
    let mut held = widget("w", &json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    api.create_object(held).unwrap();
    let crds = target(&api, "apiextensions.k8s.io/v1", "CustomResourceDefinition");
    api.delete(&crds, "widgets.example.com", &DeleteOptions::default())
        .unwrap();
    assert!(api.get(&widgets, "w").unwrap()["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(
        api.create_object(widget("late", &json!({})))
            .unwrap_err()
            .code,
        405
    );
    merge(
        &api,
        &widgets,
        "w",
        json!({"metadata": {"finalizers": null}}),
    )
    .unwrap();
    assert_eq!(api.get(&crds, "widgets.example.com").unwrap_err().code, 404);
    assert_eq!(
        api.resource_of("example.com/v1", "Widget")
            .unwrap_err()
            .code,
        404
    );
}

#[test]
fn a_schema_keyword_that_is_not_checked_is_refused() {
    let api = api();
    let refused = api.create_object(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Widget", "plural": "widgets"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
                {"type": "object", "x-kubernetes-validations": [{"rule": "true"}]}}}]},
    }));
    assert!(
        refused
            .unwrap_err()
            .message
            .contains("x-kubernetes-validations is not implemented by kube-sim")
    );
}

#[test]
fn names_are_generated_and_taken_names_refused() {
    let api = api();
    let generated =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "a-"}});
    let made = api.create_object(generated).unwrap();
    assert_eq!(made["metadata"]["name"].as_str().unwrap().len(), 7);
    api.create_object(config_map("a")).unwrap();
    let refused = api.create_object(config_map("a")).unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (409, "configmaps \"a\" already exists")
    );
    let mut elsewhere = config_map("a");
    elsewhere["metadata"]["namespace"] = json!("nowhere");
    assert_eq!(
        api.create_object(elsewhere).unwrap_err().message,
        "namespaces \"nowhere\" not found"
    );
}

#[test]
fn labels_that_break_the_rules_are_refused() {
    let api = api();
    let mut map = config_map("a");
    map["metadata"]["labels"] = json!({"aggregated.ip": "1.2.3.4,5.6.7.8"});
    let refused = api.create_object(map).unwrap_err();
    assert_eq!(
        (refused.code, refused.details.causes[0].field.as_str()),
        (422, "metadata.labels")
    );
}

#[test]
fn deletion_checks_its_preconditions() {
    let api = api();
    let maps = target(&api, "v1", "ConfigMap");
    api.create_object(config_map("a")).unwrap();
    let wrong = DeleteOptions {
        uid: Some("other".to_owned()),
        ..DeleteOptions::default()
    };
    assert_eq!(api.delete(&maps, "a", &wrong).unwrap_err().code, 409);
    let wrong = DeleteOptions {
        resource_version: Some("1".to_owned()),
        ..DeleteOptions::default()
    };
    assert_eq!(api.delete(&maps, "a", &wrong).unwrap_err().code, 409);
    api.delete(
        &maps,
        "a",
        &DeleteOptions {
            dry_run: true,
            ..DeleteOptions::default()
        },
    )
    .unwrap();
    assert!(api.get(&maps, "a").is_ok());
}

#[test]
fn a_terminating_object_takes_no_new_finalizer() {
    let api = api();
    let maps = target(&api, "v1", "ConfigMap");
    let mut map = config_map("a");
    map["metadata"]["finalizers"] = json!(["example.com/one"]);
    api.create_object(map).unwrap();
    api.delete(&maps, "a", &DeleteOptions::default()).unwrap();
    let revision = api.revision();
    api.delete(&maps, "a", &DeleteOptions::default()).unwrap();
    assert_eq!(
        api.revision(),
        revision,
        "a second deletion changes nothing"
    );
    let more = json!({"metadata": {"finalizers": ["example.com/one", "example.com/two"]}});
    assert_eq!(merge(&api, &maps, "a", more).unwrap_err().code, 422);
}

#[test]
fn a_merge_patch_with_a_stale_revision_is_a_conflict() {
    let api = api();
    let maps = target(&api, "v1", "ConfigMap");
    let made = api.create_object(config_map("a")).unwrap();
    merge(&api, &maps, "a", json!({"data": {"k": "1"}})).unwrap();
    let stale = json!({"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"k": "2"}});
    let refused = merge(&api, &maps, "a", stale).unwrap_err();
    assert_eq!((refused.code, refused.reason), (409, "Conflict"));
}

#[test]
fn a_failed_json_patch_test_is_invalid_and_changes_nothing() {
    let api = api();
    let maps = target(&api, "v1", "ConfigMap");
    let made = api.create_object(config_map("a")).unwrap();
    let patch = Patch::Json(json!([
        {"op": "add", "path": "/data", "value": {"k": "1"}},
        {"op": "test", "path": "/metadata/name", "value": "b"},
    ]));
    assert_eq!(
        api.patch(&maps, "a", &patch, &WriteOptions::default())
            .unwrap_err()
            .code,
        422
    );
    assert_eq!(api.get(&maps, "a").unwrap(), made);
}

#[test]
fn strategic_patches_are_for_built_in_kinds_only() {
    let api = api();
    let widgets = widgets(&api);
    api.create_object(widget("w", &json!({}))).unwrap();
    let patch = Patch::Strategic(json!({"spec": {"size": 1}}));
    assert_eq!(
        api.patch(&widgets, "w", &patch, &WriteOptions::default())
            .unwrap_err()
            .code,
        415
    );
}

#[test]
fn services_are_defaulted_as_documented() {
    let api = api();
    let made = api.create_object(load_balancer("s")).unwrap();
    let spec = &made["spec"];
    let port = &spec["ports"][0];
    assert_eq!(
        (&port["protocol"], &port["targetPort"]),
        (&json!("TCP"), &json!(80))
    );
    assert!((30000..=32767).contains(&port["nodePort"].as_u64().unwrap()));
    assert!(spec["clusterIP"].as_str().unwrap().starts_with("192.168."));
    assert_eq!(spec["clusterIPs"][0], spec["clusterIP"]);
    for (key, value) in [
        ("sessionAffinity", json!("None")),
        ("externalTrafficPolicy", json!("Cluster")),
        ("internalTrafficPolicy", json!("Cluster")),
        ("allocateLoadBalancerNodePorts", json!(true)),
        ("ipFamilies", json!(["IPv4"])),
        ("ipFamilyPolicy", json!("SingleStack")),
    ] {
        assert_eq!(spec[key], value, "{key}");
    }
}

#[test]
fn a_node_port_in_use_is_refused_and_an_omitted_one_kept() {
    let api = api();
    let services = target(&api, "v1", "Service");
    let fixed = json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]});
    api.create_object(service("a", &fixed)).unwrap();
    let refused = api.create_object(service("b", &fixed)).unwrap_err();
    assert!(
        refused
            .message
            .contains("provided port is already allocated"),
        "{refused}"
    );
    let again = merge(
        &api,
        &services,
        "a",
        json!({"spec": {"ports": [{"port": 81}]}}),
    )
    .unwrap();
    assert_eq!(again["spec"]["ports"][0]["nodePort"], 30080);
}

#[test]
fn cluster_ip_and_class_cannot_change_while_the_type_stays() {
    let api = api();
    let services = target(&api, "v1", "Service");
    api.create_object(load_balancer("s")).unwrap();
    for patch in [
        json!({"spec": {"clusterIP": "192.168.9.9", "clusterIPs": null}}),
        json!({"spec": {"loadBalancerClass": "c/d"}}),
    ] {
        let refused = merge(&api, &services, "s", patch).unwrap_err();
        assert!(
            refused.message.contains("may not change once set"),
            "{refused}"
        );
    }
}

#[test]
fn a_service_that_stops_being_a_load_balancer_loses_its_address_and_class() {
    let api = api();
    let services = target(&api, "v1", "Service");
    api.create_object(load_balancer("s")).unwrap();
    let address =
        Patch::Merge(json!({"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}));
    let published = api
        .patch_status(&services, "s", &address, &WriteOptions::default())
        .unwrap()
        .object;
    assert_eq!(
        published["status"]["loadBalancer"]["ingress"],
        json!([{"ip": "1.2.3.4", "ipMode": "VIP"}])
    );
    let plain = merge(&api, &services, "s", json!({"spec": {"type": "ClusterIP"}})).unwrap();
    assert_eq!(plain["status"], json!({"loadBalancer": {}}));
    assert!(plain["spec"]["loadBalancerClass"].is_null());
    assert!(plain["spec"]["ports"][0]["nodePort"].is_null());
}

#[test]
fn both_event_apis_show_the_same_events() {
    let api = api();
    api.create_object(json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "reason": "Created",
        "note": "made it", "type": "Normal", "action": "Create", "reportingController": "c", "reportingInstance": "i",
        "eventTime": "2023-11-14T22:13:20.000000Z", "regarding": {"kind": "Service", "name": "s"},
    }))
    .unwrap();
    let core = api.get(&target(&api, "v1", "Event"), "e").unwrap();
    assert_eq!(
        (&core["message"], &core["involvedObject"]["name"]),
        (&json!("made it"), &json!("s"))
    );
    let series = Patch::Merge(
        json!({"series": {"count": 2, "lastObservedTime": "2023-11-14T22:14:20.000000Z"}}),
    );
    let events = target(&api, "events.k8s.io/v1", "Event");
    let patched = api
        .patch(&events, "e", &series, &WriteOptions::default())
        .unwrap()
        .object;
    assert_eq!(
        (&patched["note"], &patched["series"]["count"]),
        (&json!("made it"), &json!(2))
    );
}

#[test]
fn a_list_selects_by_label_and_field_and_refuses_unknown_fields() {
    let api = api();
    let services = target(&api, "v1", "Service");
    let mut labelled = load_balancer("a");
    labelled["metadata"]["labels"] = json!({"app": "cube"});
    api.create_object(labelled).unwrap();
    let names = |labels: &str, fields: &str| -> Result<Vec<String>, Status> {
        let options = ListOptions {
            label_selector: labels.to_owned(),
            field_selector: fields.to_owned(),
            ..ListOptions::default()
        };
        let list = api.list(&services, &options)?;
        Ok(list
            .items
            .iter()
            .map(|o| o["metadata"]["name"].as_str().unwrap().to_owned())
            .collect())
    };
    assert_eq!(names("app in (cube)", "").unwrap(), ["a"]);
    assert_eq!(names("!app", "").unwrap(), ["kubernetes"]);
    assert_eq!(
        names("", "spec.type=LoadBalancer,metadata.name!=b").unwrap(),
        ["a"]
    );
    assert_eq!(
        names("", "spec.nonsense=1").unwrap_err().message,
        "field label not supported: spec.nonsense"
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_with_a_selector_sees_objects_enter_and_leave() {
    let api = api();
    let maps = target(&api, "v1", "ConfigMap");
    let options = WatchOptions {
        label_selector: "app=cube".to_owned(),
        resource_version: api.revision().to_string(),
        ..WatchOptions::default()
    };
    let mut watch = api.watch(&maps, &options).unwrap();
    api.create_object(config_map("a")).unwrap();
    for label in [json!("cube"), json!("sphere")] {
        merge(
            &api,
            &maps,
            "a",
            json!({"metadata": {"labels": {"app": label}}}),
        )
        .unwrap();
    }
    let entered = watch.next().await.unwrap();
    let left = watch.next().await.unwrap();
    assert_eq!((entered.kind, left.kind), ("ADDED", "DELETED"));
    assert_eq!(left.object["metadata"]["labels"]["app"], "cube");
    assert_eq!(
        left.object["metadata"]["resourceVersion"],
        api.revision().to_string()
    );
}

#[test]
fn old_revisions_are_listed_exactly_until_they_are_compacted() {
    let api = api();
    let maps = target(&api, "v1", "ConfigMap");
    api.create_object(config_map("a")).unwrap();
    let then = api.revision();
    api.delete(&maps, "a", &DeleteOptions::default()).unwrap();
    let exact = |revision: u64| {
        let (resource_version, resource_version_match) = (revision.to_string(), "Exact".to_owned());
        api.list(
            &maps,
            &ListOptions {
                resource_version,
                resource_version_match,
                ..ListOptions::default()
            },
        )
    };
    let old = exact(then).unwrap();
    assert_eq!(
        old.items[0]["metadata"]["resourceVersion"],
        then.to_string()
    );
    assert_eq!(exact(then + 100).unwrap_err().code, 504);
    api.compact();
    assert_eq!(exact(then).unwrap_err().code, 410);
}

#[test]
fn the_same_seed_and_calls_give_the_same_cluster() {
    let run = || {
        let api = api();
        api.create_object(load_balancer("s")).unwrap()
    };
    assert_eq!(run(), run());
    let other = ApiServer::new(
        8,
        Clock::fixed(jiff::Timestamp::from_second(1_700_000_000).unwrap()),
    );
    assert_ne!(
        other.create_object(load_balancer("s")).unwrap()["metadata"]["uid"],
        run()["metadata"]["uid"]
    );
}

#[tokio::test]
async fn only_loopback_is_served() {
    let cluster = Cluster::builder().start();
    assert!(cluster.serve("0.0.0.0:0").await.is_err());
    assert!(cluster.kubeconfig().is_none());
}
