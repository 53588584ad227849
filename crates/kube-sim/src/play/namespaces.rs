//! Deletion of namespaces: their content first.

use serde_json::{Value, json};

use super::{delete, writes_as};
use crate::object;
use crate::server::{ApiServer, DeleteOptions};

/// Deletes what is in terminating namespaces; one that is empty is finalized and so gone.
pub(super) fn finish_terminating(api: &ApiServer) {
    let terminating: Vec<_> = api
        .stored("", "namespaces")
        .into_iter()
        .filter(|n| object::is_terminating(n))
        .collect();
    if terminating.is_empty() {
        return;
    }
    let objects = api.everything();
    for namespace in terminating {
        let name = object::name(&namespace);
        let mut content = objects
            .iter()
            .filter(|o| object::namespace(o) == name)
            .peekable();
        if content.peek().is_none() {
            finalize(api, &namespace);
            continue;
        }
        for found in content.filter(|o| !object::is_terminating(o)) {
            delete(api, found, DeleteOptions::default());
        }
    }
}

fn finalize(api: &ApiServer, namespace: &Value) {
    let empty = json!({"spec": {"finalizers": []}});
    let result = api.target_of(namespace).and_then(|target| {
        api.finalize_namespace(
            &target,
            object::name(namespace),
            &empty,
            &writes_as("namespace-controller"),
        )
    });
    if let Err(status) = result {
        tracing::debug!(%status, "namespace not finalized");
    }
}
