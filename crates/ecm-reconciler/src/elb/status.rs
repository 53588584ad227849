//! What people see of a sync on its PoolService.

use ecm_policy::conditions::{ConditionType, Refusal};
use ecm_policy::plan::Plan;
use ecm_policy::snapshot::{ObjectKey, PoolService, Snapshot};
use kube::Api;
use kube::api::{Patch, PatchParams};
use poolservice_api::PoolServiceStatus;
use tokio::time::timeout;

use super::{Elb, SyncError};
use crate::queue::Next;
use crate::{deadline, report};

/// How often a status is written again when somebody else has changed the object meanwhile.
const STATUS_ATTEMPTS: usize = 4;

impl Elb {
    /// Writes the status where it differs; says whether it did. What the watch shows decides
    /// whether there is anything to write; what is written starts from the live object, so that an
    /// address that another sync has just published, or withdrawn, stays so.
    pub(super) async fn write_status(
        &self,
        key: &ObjectKey,
        ps: &PoolService,
        seen: &PoolServiceStatus,
        plan: &Plan,
    ) -> Result<bool, SyncError> {
        let now = self.clock.now();
        if report::status(seen, &plan.report, ps.generation, now) == *seen {
            return Ok(false);
        }
        let api: Api<poolservice_api::PoolService> =
            Api::namespaced(self.client.clone(), &key.namespace);
        let late = |_| SyncError::Deadline { key: key.clone() };
        let failed = |source| SyncError::Status {
            key: key.clone(),
            source: Box::new(source),
        };
        for _ in 0..STATUS_ATTEMPTS {
            let live = timeout(deadline::CALL, api.get_opt(&key.name))
                .await
                .map_err(late)?;
            let live = live.map_err(failed)?;
            let Some(live) = live.filter(|live| live.metadata.uid.as_ref() == Some(&ps.uid)) else {
                return Ok(false);
            };
            let current = live.status.unwrap_or_default();
            let wanted = report::status(&current, &plan.report, live.metadata.generation, now);
            if wanted == current {
                return Ok(false);
            }
            let version = live.metadata.resource_version.unwrap_or_default();
            let patch = Patch::Merge(report::patch(&version, &current, &wanted));
            let params = PatchParams::default();
            let patched =
                timeout(deadline::CALL, api.patch_status(&key.name, &params, &patch)).await;
            match patched.map_err(late)? {
                Ok(_) => return Ok(true),
                Err(kube::Error::Api(status)) if status.is_conflict() => {}
                Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(false),
                Err(source) => return Err(failed(source)),
            }
        }
        // Somebody else keeps writing: the next look goes on.
        Ok(false)
    }

    /// Something could not be read: nothing is concluded from that, and nothing is done.
    pub(super) async fn unreadable(
        &self,
        key: &ObjectKey,
        snapshot: &Snapshot,
        status: &PoolServiceStatus,
        error: &ens_openapi::Error,
    ) -> Result<Next, SyncError> {
        let ps = &snapshot.pool_service;
        let refusal = Refusal::new(
            ConditionType::LoadBalancerReady,
            report::reason(error),
            format!("the cloud could not be read: {}", report::describe(error)),
        );
        // What serves goes on serving: only the condition about agreement changes then.
        let condition = if ps.published.is_empty() {
            ConditionType::LoadBalancerReady
        } else {
            ConditionType::InSync
        };
        let mut plan = Plan::default();
        plan.report.conditions.refuse(&Refusal {
            condition,
            ..refusal
        });
        tracing::warn!(pool_service = %key, error = report::describe(error), "the cloud could not be read");
        let note = format!(
            "the cloud could not be read: {}",
            report::describe_once(error)
        );
        self.tell_unreadable(snapshot, report::reason(error), &note);
        self.write_status(key, ps, status, &plan).await?;
        Ok(Next::LookAgain(self.retry_after(key, error)))
    }
}
