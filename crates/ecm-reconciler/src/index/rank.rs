//! How urgent the work on an object is, and with which others it shares its fate.

use std::sync::Arc;

use ecm_policy::snapshot::ObjectKey;
use poolservice_api::keys;

use super::Index;
use crate::queue::{Rank, Urgency};

impl Index {
    /// Where the work on a PoolService stands among the others. Its group is its region: what a ledger has says
    /// so, else the pool. Those that name one user's load balancer take turns at it (behaviour 7.6).
    pub fn rank_of_pool_service(&self, key: &ObjectKey) -> Rank {
        let Some(ps) = self.pool_services.get(key) else {
            return Rank::default();
        };
        let recorded = ps.ledger.as_ref().map(|l| l.placement.region.as_str());
        let region = recorded.or_else(|| {
            let pool = self.pools.get(ps.snapshot.pool.as_ref()?)?;
            let region = pool.annotations.get(keys::ENS_REGION_ID)?;
            Some(region.trim())
        });
        let is_shared = self.sharing_with(key).next().is_some();
        Rank {
            urgency: urgency(ps.snapshot.is_urgent()),
            group: region.map(Arc::from).unwrap_or_default(),
            turn: is_shared
                .then(|| self.users_load_balancer(key).map(Arc::from))
                .flatten(),
        }
    }

    /// Where the fan-out of a Service stands among the others. What is left of one that is gone is let go. All are of
    /// one group: they need nothing but the API server.
    pub fn rank_of_service(&self, key: &ObjectKey) -> Rank {
        let service = self.services.get(key).map(|service| &service.fan_out);
        let serves =
            service.is_some_and(|service| !service.deleting && !service.ingress.is_empty());
        Rank {
            urgency: urgency(!serves),
            ..Rank::default()
        }
    }
}

fn urgency(is_urgent: bool) -> Urgency {
    if is_urgent {
        Urgency::Urgent
    } else {
        Urgency::Routine
    }
}
