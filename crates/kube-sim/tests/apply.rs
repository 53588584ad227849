//! Server-side apply: ownership, conflicts, removal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use kube_sim::{ApiServer, Clock, Patch, Status, Target, WriteOptions};
use serde_json::{Value, json};

struct Fixture {
    api: ApiServer,
    target: Target,
}

fn start() -> Fixture {
    let api = ApiServer::new(
        7,
        Clock::fixed(jiff::Timestamp::from_second(1_700_000_000).unwrap()),
    );
    let target = Target {
        resource: api.resource_of("v1", "Service").unwrap(),
        namespace: Some("default".to_owned()),
    };
    Fixture { api, target }
}

impl Fixture {
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the callers build their values in place"
    )]
    fn apply(
        &self,
        manager: &str,
        force: bool,
        spec: Value,
        labels: Value,
    ) -> Result<Value, Status> {
        let options = WriteOptions {
            field_manager: manager.to_owned(),
            force,
            ..WriteOptions::default()
        };
        let config = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "labels": labels}, "spec": spec});
        Ok(self
            .api
            .patch(&self.target, "s", &Patch::Apply(config), &options)?
            .object)
    }
}

fn one_port() -> Value {
    json!({"ports": [{"port": 80, "protocol": "TCP"}]})
}

#[test]
fn what_a_manager_no_longer_applies_is_removed() {
    let f = start();
    let two = json!({"ports": [{"port": 80, "protocol": "TCP"}, {"port": 443, "protocol": "TCP", "name": "tls"}]});
    let mut two = two;
    two["ports"][0]["name"] = json!("web");
    f.apply("a", false, two, json!({"x": "1", "y": "2"}))
        .unwrap();
    let after = f
        .apply(
            "a",
            false,
            json!({"ports": [{"port": 80, "protocol": "TCP", "name": "web"}]}),
            json!({"x": "1"}),
        )
        .unwrap();
    assert_eq!(after["metadata"]["labels"], json!({"x": "1"}));
    assert_eq!(after["spec"]["ports"].as_array().unwrap().len(), 1);
}

#[test]
fn what_another_manager_also_applies_stays() {
    let f = start();
    f.apply("a", false, one_port(), json!({"x": "1"})).unwrap();
    f.apply("b", false, one_port(), json!({"x": "1"})).unwrap();
    let after = f.apply("a", false, one_port(), json!({})).unwrap();
    assert_eq!(after["metadata"]["labels"]["x"], "1");
}

#[test]
fn a_field_of_another_manager_is_a_conflict_unless_forced() {
    let f = start();
    f.apply("a", false, one_port(), json!({"x": "1"})).unwrap();
    let refused = f
        .apply("b", false, one_port(), json!({"x": "2"}))
        .unwrap_err();
    assert_eq!(refused.code, 409);
    assert_eq!(refused.details.causes[0].field, ".metadata.labels.x");
    assert_eq!(
        refused.message,
        "Apply failed with 1 conflict: conflict with \"a\": .metadata.labels.x"
    );
    let forced = f.apply("b", true, one_port(), json!({"x": "2"})).unwrap();
    assert_eq!(forced["metadata"]["labels"]["x"], "2");
    // It is b's now: a may drop it without effect, and may not change it back.
    let after = f.apply("a", false, one_port(), json!({})).unwrap();
    assert_eq!(after["metadata"]["labels"]["x"], "2");
}

#[test]
fn an_update_takes_the_fields_it_changes() {
    let f = start();
    f.apply("a", false, one_port(), json!({"x": "1"})).unwrap();
    let options = WriteOptions {
        field_manager: "editor".to_owned(),
        ..WriteOptions::default()
    };
    let edit = Patch::Merge(json!({"metadata": {"labels": {"x": "2"}}}));
    let edited = f.api.patch(&f.target, "s", &edit, &options).unwrap().object;
    let managers: Vec<&str> = edited["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["manager"].as_str().unwrap())
        .collect();
    assert_eq!(managers, ["a", "editor"]);
    assert_eq!(
        edited["metadata"]["managedFields"][1]["fieldsV1"],
        json!({"f:metadata": {"f:labels": {"f:x": {}}}})
    );
    let refused = f
        .apply("a", false, one_port(), json!({"x": "1"}))
        .unwrap_err();
    assert!(
        refused.message.contains("conflict with \"editor\""),
        "{refused}"
    );
}

#[test]
fn applying_the_same_again_writes_nothing() {
    let f = start();
    let first = f.apply("a", false, one_port(), json!({"x": "1"})).unwrap();
    let revision = f.api.revision();
    assert_eq!(
        f.apply("a", false, one_port(), json!({"x": "1"})).unwrap(),
        first
    );
    assert_eq!(f.api.revision(), revision);
}

#[test]
fn apply_needs_a_field_manager() {
    let f = start();
    assert_eq!(
        f.apply("", false, one_port(), json!({})).unwrap_err().code,
        422
    );
}
