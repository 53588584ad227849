//! Confirmation of losses that are too many to believe (behaviour 8.6).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use ecm_policy::losses::Losses;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use poolservice_api::keys;
use serde_json::json;
use thiserror::Error;
use tokio::time::timeout;

use crate::region::Lists;
use crate::{deadline, report};

/// Why a confirmation could not be read or written.
#[derive(Debug, Error)]
pub enum ConfirmError {
    /// The namespace could not be read.
    #[error("reading namespace {namespace}")]
    Read {
        /// Which.
        namespace: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// It could not be annotated.
    #[error("annotating namespace {namespace}")]
    Write {
        /// Which.
        namespace: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server did not answer.
    #[error("no answer about namespace {namespace} within {} s", deadline::CALL.as_secs())]
    Deadline {
        /// Which.
        namespace: String,
    },
}

/// What has vanished of each region, and what was confirmed of it.
pub(crate) struct LossWatch {
    /// Reads confirmations; `None` where there is no cluster to ask.
    client: Option<Client>,
    namespace: String,
    regions: Mutex<BTreeMap<String, Losses>>,
}

impl LossWatch {
    /// Confirmations stand on the object of `namespace`.
    pub(crate) fn new(client: Option<Client>, namespace: impl Into<String>) -> Self {
        Self {
            client,
            namespace: namespace.into(),
            regions: Mutex::default(),
        }
    }

    /// Why nothing of a region may be believed to be gone at `now`, seconds since 1970; `None`
    /// when it may. `recorded` are the load balancers that ledgers have there.
    pub(crate) async fn doubts(
        &self,
        region: &str,
        recorded: &BTreeSet<String>,
        lists: &Lists,
        now: i64,
    ) -> Option<String> {
        let change = |change: &dyn Fn(&mut Losses)| {
            let mut all = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
            let losses = all.entry(region.to_owned()).or_default();
            change(losses);
            losses.held_since()
        };
        change(&|losses| losses.compare(recorded, lists.load_balancers.keys(), now))?;
        if let Some(client) = &self.client {
            match read(client.clone(), &self.namespace).await {
                Ok(confirmed) => {
                    let at = confirmed.get(region).map(|at| at.as_second());
                    change(&|losses| at.into_iter().for_each(|at| losses.confirm(at)))?;
                }
                Err(error) => {
                    tracing::warn!(error = %report::chain(&error), "a confirmation could not be read");
                }
            }
        }
        let namespace = &self.namespace;
        Some(format!(
            "too many load balancers of region {region} vanished at once to believe it: nothing is \
             made again or let go until somebody says that they are gone; check the account and the \
             endpoint first, then: kubectl annotate namespace {namespace} --overwrite \
             {}={region}=$(date -u +%Y-%m-%dT%H:%M:%SZ)",
            keys::CONFIRM_LOSS
        ))
    }
}

/// Says that the load balancers of `region` that are missing `now` are really gone. `namespace` is
/// the one of the controllers, see [`Controllers::namespace`](crate::Controllers::namespace).
///
/// # Errors
/// When the namespace cannot be read or annotated.
pub async fn confirm(
    client: Client,
    namespace: &str,
    region: &str,
    now: Timestamp,
) -> Result<(), ConfirmError> {
    let mut confirmed = read(client.clone(), namespace).await?;
    confirmed.insert(region.to_owned(), now);
    let patch = json!({ "metadata": { "annotations": { keys::CONFIRM_LOSS: write(&confirmed) } } });
    let params = PatchParams::default();
    let patch = Patch::Merge(&patch);
    let api = Api::<Namespace>::all(client);
    let written = api.patch(namespace, &params, &patch);
    ask(namespace, written, |namespace, source| {
        ConfirmError::Write { namespace, source }
    })
    .await?;
    Ok(())
}

/// When the losses of each region were confirmed last.
pub(crate) async fn read(
    client: Client,
    namespace: &str,
) -> Result<BTreeMap<String, Timestamp>, ConfirmError> {
    let api = Api::<Namespace>::all(client);
    let found = ask(namespace, api.get(namespace), |namespace, source| {
        ConfirmError::Read { namespace, source }
    })
    .await?;
    let annotations = found.metadata.annotations.unwrap_or_default();
    let text = annotations.get(keys::CONFIRM_LOSS);
    Ok(parse(text.map_or("", String::as_str)))
}

/// Asks, for no longer than [`deadline::CALL`].
async fn ask(
    namespace: &str,
    call: impl Future<Output = kube::Result<Namespace>>,
    failed: impl FnOnce(String, Box<kube::Error>) -> ConfirmError,
) -> Result<Namespace, ConfirmError> {
    let namespace = namespace.to_owned();
    match timeout(deadline::CALL, call).await {
        Err(_) => Err(ConfirmError::Deadline { namespace }),
        Ok(answer) => answer.map_err(|source| failed(namespace, Box::new(source))),
    }
}

fn write(confirmed: &BTreeMap<String, Timestamp>) -> String {
    let entries: Vec<String> = confirmed
        .iter()
        .map(|(region, at)| format!("{region}={at}"))
        .collect();
    entries.join(",")
}

/// What cannot be read confirms nothing.
fn parse(text: &str) -> BTreeMap<String, Timestamp> {
    text.split(',')
        .filter_map(|entry| {
            let (region, at) = entry.split_once('=')?;
            Some((region.trim().to_owned(), at.trim().parse().ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{self, Answer};

    #[tokio::test]
    async fn rule_8_6_a_confirmation_is_added_to_those_of_other_regions() {
        let (client, calls) = scripted::client(|call| {
            Answer::Object(
                json!({ "metadata": { "name": "kube-system", "annotations": {
                keys::CONFIRM_LOSS: "cn-a=2026-01-02T03:04:05Z,nonsense,cn-b=soon" } },
                "what": call.what }),
            )
        });
        let now = Timestamp::from_second(1_795_406_400).unwrap();
        confirm(client, "kube-system", "cn-b", now).await.unwrap();
        let body = calls.body("PATCH /api/v1/namespaces/kube-system");
        assert_eq!(
            body["metadata"]["annotations"][keys::CONFIRM_LOSS],
            "cn-a=2026-01-02T03:04:05Z,cn-b=2026-11-23T04:00:00Z"
        );
    }
}
