//! Instances that may be attached.

#![expect(
    clippy::field_reassign_with_default,
    reason = "requests are non-exhaustive: their fields are set one by one"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ens_openapi::api::instance::{DescribeInstances, InstanceStatus};
use ens_openapi::api::paging;
use tokio::time::Instant;

use super::reader::Reader;
use super::{ReadError, Regions};

/// Most instance ids of one DescribeInstances call (SDK text of its parameter InstanceIds).
const INSTANCES_PER_CALL: usize = 100;

/// An instance that runs.
#[derive(Debug, Clone)]
pub(super) struct Instance {
    network: String,
    seen: Instant,
}

impl Reader<'_> {
    /// Of the instances `wanted` those that were seen to run in the network no longer ago than
    /// `max_age`. Those of `of_pool` are read along with them where any has to be read.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn attachable(
        &self,
        region: &str,
        network: &str,
        wanted: &BTreeSet<String>,
        of_pool: &BTreeSet<String>,
        max_age: Duration,
    ) -> Result<Vec<String>, ReadError> {
        let now = Instant::now();
        let is_fresh = |instance: &Instance| now.duration_since(instance.seen) < max_age;
        let known = self.regions.running(region, wanted.union(of_pool));
        let mut running: BTreeMap<String, Instance> = known
            .into_iter()
            .filter(|(_, instance)| is_fresh(instance))
            .collect();
        let unknown: Vec<String> = if wanted.iter().all(|id| running.contains_key(id)) {
            Vec::new()
        } else {
            let all = wanted.union(of_pool);
            all.filter(|id| !running.contains_key(*id))
                .cloned()
                .collect()
        };
        for batch in unknown.chunks(INSTANCES_PER_CALL) {
            let mut request = DescribeInstances::default();
            request.ens_region_id = Some(region.to_owned());
            request.instance_ids = batch.to_vec();
            let list = paging::instances(self.api.as_ref(), &request)
                .await
                .map_err(Arc::new)?;
            let seen = list.items.into_iter().filter_map(|instance| {
                let network = instance.network_id?;
                let runs = instance.status == InstanceStatus::Running;
                runs.then_some((instance.instance_id, Instance { network, seen: now }))
            });
            let seen: Vec<_> = seen.collect();
            let mut state = self.regions.lock();
            let entry = state.regions.entry(region.to_owned()).or_default();
            entry.instances.retain(|_, instance| is_fresh(instance));
            entry.instances.extend(seen.iter().cloned());
            drop(state);
            running.extend(seen);
        }
        let attachable = wanted.iter().filter(|id| {
            let instance = running.get(*id);
            instance.is_some_and(|instance| instance.network == network)
        });
        Ok(attachable.cloned().collect())
    }
}

impl Regions {
    /// Of these instances those that were seen to run.
    fn running<'a>(
        &self,
        region: &str,
        ids: impl Iterator<Item = &'a String>,
    ) -> Vec<(String, Instance)> {
        let state = self.lock();
        let Some(entry) = state.regions.get(region) else {
            return Vec::new();
        };
        ids.filter_map(|id| Some((id.clone(), entry.instances.get(id)?.clone())))
            .collect()
    }

    /// Asks for these instances anew before one of them is attached.
    pub fn forget_instances<'a>(&self, region: &str, ids: impl IntoIterator<Item = &'a String>) {
        let mut state = self.lock();
        if let Some(entry) = state.regions.get_mut(region) {
            for id in ids {
                entry.instances.remove(id);
            }
        }
    }
}
