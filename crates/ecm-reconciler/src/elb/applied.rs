//! The record of what is in place, which a restart believes.

use std::time::Duration;

use ecm_policy::ledger::Ledger;
use ecm_policy::plan::Plan;
use ecm_policy::snapshot::{ObjectKey, PoolService};
use tokio::time::Instant;

use super::memory::BeforeRecord;
use super::{Elb, SyncError};
use crate::ledger_store::LedgerError;
use crate::region::Changed;

impl Elb {
    /// Records what is in place, once it is told and nothing on its way can change it (behaviour
    /// 5.3). Says when to try again where that is to be waited for.
    pub(super) async fn record_applied(
        &self,
        key: &ObjectKey,
        ps: &PoolService,
        ledger: Option<&Ledger>,
        plan: &Plan,
    ) -> Result<Option<Duration>, SyncError> {
        let (Some(ledger), Some(applied)) = (ledger, &plan.applied) else {
            return Ok(None);
        };
        let record = &ledger.load_balancer;
        let Some(id) = record
            .id
            .as_ref()
            .filter(|_| ledger.applied.as_ref() != Some(applied))
        else {
            return Ok(None);
        };
        match self.memories.before_record(key, Instant::now()) {
            Some(BeforeRecord::Wait(wait)) => return Ok(Some(wait)),
            Some(BeforeRecord::ReadAgain) => {
                let region = &ledger.placement.region;
                self.regions.changed(region, id, Changed::Whole);
                return Ok(Some(Duration::from_millis(20)));
            }
            None => {}
        }
        let next = Ledger {
            applied: Some(applied.clone()),
            ..ledger.clone()
        };
        let written = self.ledgers.write(key, ps, Some(ledger.sequence), &next);
        match written.await {
            Ok(written) => {
                self.memories.wrote_ledger(key, &ps.uid, written);
                Ok(None)
            }
            Err(LedgerError::Stale { .. }) => {
                self.memories.forget(key);
                Ok(Some(Duration::from_millis(200)))
            }
            Err(error) => Err(error.into()),
        }
    }
}
