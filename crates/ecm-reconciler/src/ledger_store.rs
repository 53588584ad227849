//! Writes ledgers and finalizers: one after the other, each against the live object.

use ecm_policy::ledger::{self, Ledger, State};
use ecm_policy::snapshot::{self, ObjectKey};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use poolservice_api::{PoolService, keys};
use serde_json::json;
use thiserror::Error;
use tokio::time::timeout;

use crate::deadline;

/// How often a write is tried again when somebody else has changed the object meanwhile.
const ATTEMPTS: usize = 4;

/// Why a ledger or finalizer could not be written.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The PoolService could not be read.
    #[error("reading PoolService {key}")]
    Read {
        /// Which.
        key: ObjectKey,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// It could not be written.
    #[error("writing the ledger of PoolService {key}")]
    Write {
        /// Which.
        key: ObjectKey,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// It is another object than the one that was planned for, or its ledger has moved on.
    #[error("PoolService {key} has changed since it was planned for")]
    Stale {
        /// Which.
        key: ObjectKey,
    },
    /// The API server did not answer.
    #[error("no answer about PoolService {key} within {} s", deadline::CALL.as_secs())]
    Deadline {
        /// Which.
        key: ObjectKey,
    },
    /// The ledger is not JSON; the types do not allow that.
    #[error("encoding the ledger of PoolService {key}")]
    Encode {
        /// Which.
        key: ObjectKey,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Somebody else kept changing the object.
    #[error("PoolService {key} was changed by somebody else {ATTEMPTS} times in a row")]
    Contended {
        /// Which.
        key: ObjectKey,
    },
}

/// Ledgers of PoolServices.
#[derive(Clone)]
pub(crate) struct LedgerStore {
    client: Client,
}

impl LedgerStore {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Writes a ledger with the next sequence number, and our finalizer with it. `before` is the
    /// sequence number that was planned on, `None` when there was no ledger.
    ///
    /// The live object is read first: money is spent on what this write allows. Nothing is allowed
    /// for what is being deleted meanwhile.
    pub(crate) async fn write(
        &self,
        key: &ObjectKey,
        planned: &snapshot::PoolService,
        before: Option<u64>,
        ledger: &Ledger,
    ) -> Result<Ledger, LedgerError> {
        let is_as_planned =
            |live: &PoolService| planned.deleting || live.metadata.deletion_timestamp.is_none();
        self.put(key, &planned.uid, before, ledger, is_as_planned)
            .await
    }

    /// Writes what has come of a create that was sent on this ledger, also where the object is
    /// being deleted meanwhile: an id that is not recorded is only found by sending the create again.
    pub(crate) async fn record(
        &self,
        key: &ObjectKey,
        uid: &str,
        before: u64,
        ledger: &Ledger,
    ) -> Result<Ledger, LedgerError> {
        self.put(key, uid, Some(before), ledger, |_| true).await
    }

    async fn put(
        &self,
        key: &ObjectKey,
        uid: &str,
        before: Option<u64>,
        ledger: &Ledger,
        may: impl Fn(&PoolService) -> bool,
    ) -> Result<Ledger, LedgerError> {
        let (next, text) = numbered(key, ledger, before.map_or(1, |n| n + 1))?;
        for _ in 0..ATTEMPTS {
            let Some(live) = self.live(key, uid).await? else {
                return Err(LedgerError::Stale { key: key.clone() });
            };
            let sequence = match recorded(&live, uid) {
                State::None => None,
                State::Current(ledger) => Some(ledger.sequence),
                State::Lost(_) => return Err(LedgerError::Stale { key: key.clone() }),
            };
            if sequence != before || !may(&live) {
                return Err(LedgerError::Stale { key: key.clone() });
            }
            let mut metadata = json!({
                "resourceVersion": live.metadata.resource_version,
                "annotations": { keys::LEDGER: text },
            });
            if !has_finalizer(&live) {
                let others = live.metadata.finalizers.unwrap_or_default();
                let all = others.into_iter();
                let all: Vec<String> = all
                    .chain([keys::POOL_SERVICE_FINALIZER.to_owned()])
                    .collect();
                metadata["finalizers"] = json!(all);
            }
            if self.patch(key, &json!({ "metadata": metadata })).await? {
                return Ok(next);
            }
        }
        Err(LedgerError::Contended { key: key.clone() })
    }

    /// Writes a ledger where there is none that can be read, and takes off what a person said about
    /// it: that counts once.
    pub(crate) async fn restore(
        &self,
        key: &ObjectKey,
        uid: &str,
        ledger: &Ledger,
    ) -> Result<Ledger, LedgerError> {
        let (next, text) = numbered(key, ledger, 1)?;
        for _ in 0..ATTEMPTS {
            let Some(live) = self.live(key, uid).await? else {
                return Err(LedgerError::Stale { key: key.clone() });
            };
            if !matches!(recorded(&live, uid), State::Lost(_)) {
                return Err(LedgerError::Stale { key: key.clone() });
            }
            let metadata = json!({
                "resourceVersion": live.metadata.resource_version,
                "annotations": { keys::LEDGER: text, keys::REBUILD_LEDGER: null },
            });
            if self.patch(key, &json!({ "metadata": metadata })).await? {
                return Ok(next);
            }
        }
        Err(LedgerError::Contended { key: key.clone() })
    }

    /// Takes our finalizer off. What is gone already is fine.
    pub(crate) async fn let_go(&self, key: &ObjectKey, uid: &str) -> Result<(), LedgerError> {
        for _ in 0..ATTEMPTS {
            let Some(live) = self.live(key, uid).await? else {
                return Ok(());
            };
            let finalizers = live.metadata.finalizers.unwrap_or_default();
            let others: Vec<&String> = finalizers
                .iter()
                .filter(|f| *f != keys::POOL_SERVICE_FINALIZER)
                .collect();
            if others.len() == finalizers.len() {
                return Ok(());
            }
            let metadata = json!({
                "resourceVersion": live.metadata.resource_version,
                "finalizers": others,
            });
            if self.patch(key, &json!({ "metadata": metadata })).await? {
                return Ok(());
            }
        }
        Err(LedgerError::Contended { key: key.clone() })
    }

    /// The live object; `None` when it is gone or another one of its name.
    async fn live(&self, key: &ObjectKey, uid: &str) -> Result<Option<PoolService>, LedgerError> {
        let read = timeout(deadline::CALL, self.api(key).get_opt(&key.name))
            .await
            .map_err(|_| LedgerError::Deadline { key: key.clone() })?
            .map_err(|source| LedgerError::Read {
                key: key.clone(),
                source: Box::new(source),
            })?;
        Ok(read.filter(|live| live.metadata.uid.as_deref() == Some(uid)))
    }

    /// Patches the object; `false` when somebody else was faster.
    async fn patch(&self, key: &ObjectKey, body: &serde_json::Value) -> Result<bool, LedgerError> {
        let params = PatchParams::default();
        let patched = timeout(
            deadline::CALL,
            self.api(key).patch(&key.name, &params, &Patch::Merge(body)),
        )
        .await
        .map_err(|_| LedgerError::Deadline { key: key.clone() })?;
        match patched {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.is_conflict() => Ok(false),
            Err(source) => Err(LedgerError::Write {
                key: key.clone(),
                source: Box::new(source),
            }),
        }
    }

    fn api(&self, key: &ObjectKey) -> Api<PoolService> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }
}

/// A ledger with this sequence number, and its text.
fn numbered(
    key: &ObjectKey,
    ledger: &Ledger,
    sequence: u64,
) -> Result<(Ledger, String), LedgerError> {
    let ledger = Ledger {
        sequence,
        ..ledger.clone()
    };
    let text = ledger::write(&ledger).map_err(|source| LedgerError::Encode {
        key: key.clone(),
        source,
    })?;
    Ok((ledger, text))
}

/// What a live object says of the resources of the PoolService with this UID.
fn recorded(live: &PoolService, uid: &str) -> State {
    let annotations = live.metadata.annotations.as_ref();
    let text = annotations.and_then(|all| all.get(keys::LEDGER));
    ledger::read(text.map(String::as_str), uid, has_finalizer(live))
}

fn has_finalizer(live: &PoolService) -> bool {
    let mut finalizers = live.metadata.finalizers.iter().flatten();
    finalizers.any(|finalizer| finalizer == keys::POOL_SERVICE_FINALIZER)
}

#[cfg(test)]
mod tests;
