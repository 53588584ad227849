use std::collections::{BTreeMap, BTreeSet};

use ecm_policy::ledger::{Record, VERSION};
use ecm_policy::placement::Placement;
use serde_json::Value;

use super::*;
use crate::scripted::{self, Answer, Calls};

const PATH: &str = "/apis/network.openyurt.io/v1alpha1/namespaces/shop/poolservices/web-np";

fn key() -> ObjectKey {
    ObjectKey::new("shop", "web-np")
}

fn ledger(sequence: u64) -> Ledger {
    Ledger {
        version: VERSION,
        sequence,
        pool_service_uid: "uid-1".into(),
        cluster_id: "c1".into(),
        cluster_uid: "cu".into(),
        cloud_account: None,
        service: "web".into(),
        pool: "np".into(),
        placement: Placement {
            region: "cn-a".into(),
            network: "n-a".into(),
            vswitch: "vsw-a".into(),
        },
        load_balancer: Record::planned(["k8s/web/shop/np/c1".to_owned()]),
        eip: None,
        backends: BTreeSet::new(),
        draining: BTreeMap::new(),
        applied: None,
        on_delete: None,
    }
}

/// The live object with this ledger, and our finalizer where it has one.
fn live(ledger: Option<&Ledger>, is_deleting: bool) -> Value {
    let mut finalizers = vec!["somebody.else/finalizer"];
    let mut annotations = json!({ "somebody": "else" });
    if let Some(ledger) = ledger {
        finalizers.push(keys::POOL_SERVICE_FINALIZER);
        annotations[keys::LEDGER] = json!(ledger::write(ledger).unwrap());
    }
    json!({
        "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
        "metadata": {
            "namespace": "shop", "name": "web-np", "uid": "uid-1", "resourceVersion": "7",
            "finalizers": finalizers, "annotations": annotations,
            "deletionTimestamp": is_deleting.then_some("2026-01-01T00:00:00Z"),
        },
        "spec": {},
    })
}

/// A store whose API server always shows this object.
fn store(object: Value) -> (LedgerStore, Calls) {
    let (client, calls) = scripted::client(move |_| Answer::Object(object.clone()));
    (LedgerStore::new(client), calls)
}

/// What was planned for, while it was not being deleted.
fn planned() -> snapshot::PoolService {
    snapshot::PoolService {
        key: key(),
        uid: "uid-1".into(),
        resource_version: "5".into(),
        generation: None,
        load_balancer_class: None,
        service: None,
        pool: None,
        annotations: BTreeMap::new(),
        deleting: false,
        has_finalizer: true,
        published: Vec::new(),
        created_at: 0,
    }
}

fn is_stale<T>(result: &Result<T, LedgerError>) -> bool {
    matches!(result, Err(LedgerError::Stale { .. }))
}

#[tokio::test]
async fn rule_5_3_the_first_ledger_and_the_finalizer_are_one_patch_of_what_was_read() {
    let (store, calls) = store(live(None, false));
    let written = store.write(&key(), &planned(), None, &ledger(0)).await;
    assert_eq!(written.unwrap().sequence, 1);
    let metadata = calls.body(&format!("PATCH {PATH}"))["metadata"].clone();
    assert_eq!(metadata["resourceVersion"], "7");
    let both = ["somebody.else/finalizer", keys::POOL_SERVICE_FINALIZER];
    assert_eq!(metadata["finalizers"], json!(both));
    assert!(metadata["annotations"][keys::LEDGER].is_string());
}

#[tokio::test]
async fn rule_5_3_a_ledger_that_has_moved_on_is_not_written_over() {
    for (before, found) in [(Some(3), Some(4)), (Some(3), None), (None, Some(1))] {
        let found = found.map(ledger);
        let (store, calls) = store(live(found.as_ref(), false));
        let written = store.write(&key(), &planned(), before, &ledger(0)).await;
        assert!(is_stale(&written), "{before:?}");
        let before = before.unwrap_or_default();
        assert!(is_stale(
            &store.record(&key(), "uid-1", before, &ledger(0)).await
        ));
        assert!(calls.paths().iter().all(|what| what.starts_with("GET ")));
    }
}

#[tokio::test]
async fn rule_5_3_what_is_being_deleted_gets_no_more_plans_and_its_ids_are_recorded() {
    let (store, calls) = store(live(Some(&ledger(3)), true));
    let written = store.write(&key(), &planned(), Some(3), &ledger(3)).await;
    assert!(is_stale(&written));
    assert!(calls.paths().iter().all(|what| what.starts_with("GET ")));
    let recorded = store.record(&key(), "uid-1", 3, &ledger(3)).await;
    assert_eq!(recorded.unwrap().sequence, 4);
    let metadata = calls.body(&format!("PATCH {PATH}"))["metadata"].clone();
    assert_eq!(metadata["resourceVersion"], "7");
    assert_eq!(metadata.get("finalizers"), None, "they are not ours alone");
}

#[tokio::test]
async fn rule_5_3_another_object_of_the_name_is_neither_written_nor_let_go() {
    let (store, calls) = store(live(Some(&ledger(3)), false));
    let other = snapshot::PoolService {
        uid: "uid-2".into(),
        ..planned()
    };
    assert!(is_stale(
        &store.write(&key(), &other, Some(3), &ledger(3)).await
    ));
    store.let_go(&key(), "uid-2").await.unwrap();
    assert!(calls.paths().iter().all(|what| what.starts_with("GET ")));
    store.let_go(&key(), "uid-1").await.unwrap();
    let metadata = calls.body(&format!("PATCH {PATH}"))["metadata"].clone();
    assert_eq!(metadata["finalizers"], json!(["somebody.else/finalizer"]));
    assert_eq!(metadata["resourceVersion"], "7");
}
