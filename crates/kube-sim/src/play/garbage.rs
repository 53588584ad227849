//! Garbage collection by owner references.
//!
//! Rules: "Garbage Collection" in the Kubernetes documentation and kubernetes `pkg/controller/garbagecollector`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Write, delete, save};
use crate::object;
use crate::server::{ApiServer, DeleteOptions, FOREGROUND, ORPHAN, Propagation};

const NAME: &str = "generic-garbage-collector";

/// One pass over all objects.
pub(super) fn collect(api: &ApiServer) {
    let objects = api.everything();
    let by_uid: BTreeMap<&str, &Value> = objects
        .iter()
        .map(|o| (object::uid(o), o.as_ref()))
        .filter(|(uid, _)| !uid.is_empty())
        .collect();
    for owner in objects.iter().filter(|o| object::is_terminating(o)) {
        if object::finalizers(owner).any(|f| f == ORPHAN) {
            orphan_dependents(api, owner, &objects);
        } else if object::finalizers(owner).any(|f| f == FOREGROUND) {
            delete_dependents_first(api, owner, &objects);
        }
    }
    for dependent in objects.iter().filter(|o| !object::is_terminating(o)) {
        judge(api, dependent, &by_uid);
    }
}

/// How an owner reference stands.
#[derive(PartialEq, Eq)]
enum Owner {
    /// It is there, or nobody can tell.
    Solid,
    /// It is gone.
    Absent,
    /// It waits for this dependent's end.
    Waiting,
}

fn judge(api: &ApiServer, dependent: &Value, by_uid: &BTreeMap<&str, &Value>) {
    let standings: Vec<(&Value, Owner)> = object::owners(dependent)
        .map(|reference| (reference, standing(api, dependent, reference, by_uid)))
        .collect();
    if standings
        .iter()
        .all(|(_, standing)| *standing == Owner::Solid)
    {
        return;
    }
    let solid: Vec<&Value> = standings
        .iter()
        .filter(|(_, s)| *s == Owner::Solid)
        .map(|(reference, _)| *reference)
        .collect();
    if !solid.is_empty() {
        // Somebody still wants it: only the references that are done go.
        let mut kept = dependent.clone();
        object::metadata_mut(&mut kept).insert("ownerReferences".to_owned(), json!(solid));
        save(api, NAME, Write::Update, kept);
        return;
    }
    let waiting = standings.iter().any(|(_, s)| *s == Owner::Waiting);
    let propagation = if waiting {
        Propagation::Foreground
    } else {
        Propagation::Background
    };
    delete(
        api,
        dependent,
        DeleteOptions {
            propagation: Some(propagation),
            ..DeleteOptions::default()
        },
    );
}

fn standing(
    api: &ApiServer,
    dependent: &Value,
    reference: &Value,
    by_uid: &BTreeMap<&str, &Value>,
) -> Owner {
    let text = |key: &str| reference[key].as_str().unwrap_or_default();
    let Ok(resource) = api.resource_of(text("apiVersion"), text("kind")) else {
        return Owner::Solid;
    };
    // A cluster-scoped object cannot have an owner in a namespace; the real collector leaves such ones alone.
    if resource.namespaced && object::namespace(dependent).is_empty() {
        return Owner::Solid;
    }
    let owner = by_uid.get(text("uid")).filter(|owner| {
        let same_place =
            !resource.namespaced || object::namespace(owner) == object::namespace(dependent);
        same_place && object::name(owner) == text("name")
    });
    match owner {
        None => Owner::Absent,
        Some(owner)
            if object::is_terminating(owner)
                && reference["blockOwnerDeletion"] == json!(true)
                && object::finalizers(owner).any(|f| f == FOREGROUND) =>
        {
            Owner::Waiting
        }
        Some(_) => Owner::Solid,
    }
}

fn dependents<'a>(
    owner: &'a Value,
    objects: &'a [Arc<Value>],
) -> impl Iterator<Item = &'a Arc<Value>> {
    objects
        .iter()
        .filter(|object| super::is_owned_by(object, owner))
}

/// The owner may go once no dependent blocks it; [`judge`] deletes them.
fn delete_dependents_first(api: &ApiServer, owner: &Value, objects: &[Arc<Value>]) {
    let blocks = |dependent: &Arc<Value>| {
        object::owners(dependent).any(|reference| {
            reference["uid"] == owner["metadata"]["uid"]
                && reference["blockOwnerDeletion"] == json!(true)
        })
    };
    if !dependents(owner, objects).any(blocks) {
        remove_finalizer(api, owner, FOREGROUND);
    }
}

fn orphan_dependents(api: &ApiServer, owner: &Value, objects: &[Arc<Value>]) {
    for dependent in dependents(owner, objects) {
        let others: Vec<&Value> = object::owners(dependent)
            .filter(|r| r["uid"] != owner["metadata"]["uid"])
            .collect();
        let mut orphan = (**dependent).clone();
        object::metadata_mut(&mut orphan).insert("ownerReferences".to_owned(), json!(others));
        save(api, NAME, Write::Update, orphan);
    }
    remove_finalizer(api, owner, ORPHAN);
}

fn remove_finalizer(api: &ApiServer, owner: &Value, finalizer: &str) {
    let kept: Vec<String> = object::finalizers(owner)
        .filter(|f| *f != finalizer)
        .map(str::to_owned)
        .collect();
    let mut owner = owner.clone();
    object::set_finalizers(&mut owner, &kept);
    save(api, NAME, Write::Update, owner);
}
