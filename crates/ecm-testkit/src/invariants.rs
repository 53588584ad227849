//! What has to hold in every run, whatever happens: S1 to S6 at every instant, Q1 to Q6 after
//! things have settled.
//!
//! | | |
//! |---|---|
//! | S1 | never two load balancers, or two EIPs, for one PoolService |
//! | S2 | nothing that is in no ledger, and nothing of a person's, is changed or released |
//! | S3 | no write to the cloud by a replica that does not lead |
//! | S4 | a finalizer never goes while what it guards exists |
//! | S5 | when an address is first published, its ports reach a ready pod, or a condition says that there is none |
//! | S6 | a port that nobody changes goes on serving while something else is changed |
//! | Q1 | what is wanted, what the cloud has and what the status says are the same, or a condition says why not |
//! | Q2 | nothing is left that no ledger knows |
//! | Q3 | nothing is written any more |
//! | Q4 | no more calls than looking for drift takes |
//! | Q5 | nothing is stuck in its deletion |
//! | Q6 | what is not as it should be has a reason and a message on a condition |
//!
//! What is wanted is worked out here anew, from the objects alone: an invariant that asked
//! `ecm-policy` would repeat its mistakes.

mod always;
mod load;
mod quiet;
mod wanted;

pub use always::Monitor;
pub use load::Tally;
pub use quiet::{Expect, drift_calls, settled};
pub use wanted::{Port, Wanted, wanted};

use serde_json::Value;

use crate::world::View;

/// `metadata.name`.
pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

pub(crate) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["labels"][key].as_str()
}

fn is_terminating(object: &Value) -> bool {
    object["metadata"]["deletionTimestamp"].is_string()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&object["status"]["conditions"]).find(|condition| condition["type"] == kind)
}

/// The ledger of a PoolService as JSON; null where there is none that can be read.
pub(crate) fn ledger(pool_service: &Value) -> Value {
    annotation(pool_service, poolservice_api::keys::LEDGER)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// A PoolService by its name.
pub(crate) fn pool_service<'a>(view: &'a View, wanted: &str) -> Option<&'a Value> {
    view.pool_services.iter().find(|ps| name(ps) == wanted)
}
