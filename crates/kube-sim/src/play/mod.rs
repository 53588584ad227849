//! The parts of a control plane and of kubelets that a scenario needs, played in steps.
//!
//! Each controller looks at everything and writes what is missing, so that one step after another reaches a fixed
//! point, in the same order for the same state. That is right for hundreds of objects, not for hundreds of thousands.

mod daemon_sets;
mod endpoint_slices;
mod garbage;
mod kubelet;
mod namespaces;
mod nodes;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::object;
use crate::server::{ApiServer, DeleteOptions, FieldValidation, WriteOptions};

pub use nodes::heartbeat;

/// More rounds than any chain of owners is long: controllers that disagree for ever must not hang the caller.
const MAX_ROUNDS: usize = 1_000;

/// How often a kubelet that has nothing new to say reports (`nodeStatusReportFrequency`'s default).
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(300);

/// Lets every controller act once. Returns whether anything changed.
pub fn step(api: &ApiServer) -> bool {
    let before = api.revision();
    garbage::collect(api);
    namespaces::finish_terminating(api);
    nodes::register(api);
    daemon_sets::sync(api);
    kubelet::run_pods(api);
    endpoint_slices::sync(api);
    api.revision() != before
}

/// Steps until nothing changes any more.
pub fn settle(api: &ApiServer) {
    for _ in 0..MAX_ROUNDS {
        if !step(api) {
            return;
        }
    }
    tracing::error!(
        rounds = MAX_ROUNDS,
        "the played controllers do not come to rest"
    );
}

/// Controllers that act after every change, until they are stopped.
#[derive(Debug)]
pub struct Play {
    pub(crate) stop: CancellationToken,
}

impl Play {
    /// Stops the controllers. Dropping the handle does not.
    pub fn stop(self) {
        self.stop.cancel();
    }
}

/// Settles after every change, and reports heartbeats, until `stop`.
pub(crate) async fn run(api: ApiServer, stop: CancellationToken) {
    let mut changes = api.changes();
    let mut beat = tokio::time::interval(HEARTBEAT);
    loop {
        changes.see();
        settle(&api);
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = changes.changed() => {}
            _ = beat.tick() => heartbeat(&api),
        }
    }
}

fn writes_as(manager: &str) -> WriteOptions {
    WriteOptions {
        field_manager: manager.to_owned(),
        field_validation: FieldValidation::Ignore,
        ..WriteOptions::default()
    }
}

/// What a controller does with its object. A conflict or a vanished object is no fault: the next step sees it.
#[derive(Clone, Copy)]
enum Write {
    Create,
    Update,
    Status,
}

fn save(api: &ApiServer, manager: &str, write: Write, object: Value) {
    let options = writes_as(manager);
    let name = object::name(&object).to_owned();
    let result = api.target_of(&object).and_then(|target| match write {
        Write::Create => api.create(&target, object, &options),
        Write::Update => api.update(&target, &name, object, &options),
        Write::Status => api.update_status(&target, &name, object, &options),
    });
    if let Err(status) = result {
        tracing::debug!(%status, manager, name, "write refused");
    }
}

/// Deletes exactly this object, not one that has taken its name since.
fn delete(api: &ApiServer, object: &Value, options: DeleteOptions) {
    let options = DeleteOptions {
        uid: Some(object::uid(object).to_owned()),
        ..options
    };
    let result = api
        .target_of(object)
        .and_then(|target| api.delete(&target, object::name(object), &options));
    if let Err(status) = result {
        tracing::debug!(%status, "deletion refused");
    }
}

/// The owner reference of a controller to what it made.
fn controller_reference(owner: &Value) -> Value {
    serde_json::json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": object::name(owner),
        "uid": object::uid(owner), "controller": true, "blockOwnerDeletion": true,
    })
}

fn is_owned_by(object: &Value, owner: &Value) -> bool {
    object::owners(object).any(|o| o["uid"] == owner["metadata"]["uid"])
}

/// Whether a condition of this type is `True`.
fn condition_holds(object: &Value, kind: &str) -> bool {
    object::items(&object["status"]["conditions"])
        .any(|c| c["type"] == kind && c["status"] == "True")
}
