//! Which PoolServices are on which load balancer.

use std::collections::{BTreeMap, BTreeSet};

use ecm_policy::annotations;
use ecm_policy::snapshot::ObjectKey;

use super::multimap::Multimap;
use super::{Affected, Index};

/// The load balancers that PoolServices use.
#[derive(Debug, Clone, Default)]
pub(super) struct Sharing {
    /// The user's load balancer that each names.
    named: BTreeMap<ObjectKey, String>,
    by_named: Multimap<String, ObjectKey>,
    /// The load balancer that the ledger of each owns.
    owned: BTreeMap<ObjectKey, String>,
    by_owned: Multimap<String, ObjectKey>,
}

impl Index {
    /// The user's load balancer that a PoolService names: by its ledger, else by annotations. One
    /// that has a load balancer of its own names none, whatever its annotations say now.
    pub fn users_load_balancer(&self, key: &ObjectKey) -> Option<&str> {
        self.shared.named.get(key).map(String::as_str)
    }

    /// The PoolService whose ledger owns the load balancer that `key` names as a user's.
    pub(super) fn owner_of_named(&self, key: &ObjectKey) -> Option<&ObjectKey> {
        let id = self.users_load_balancer(key)?;
        self.shared.by_owned.get(id).next()
    }

    /// The other PoolServices that name the same user's load balancer, sorted by name.
    pub(super) fn sharing_with<'a>(
        &'a self,
        key: &'a ObjectKey,
    ) -> impl Iterator<Item = &'a ObjectKey> {
        let id = self.shared.named.get(key);
        id.into_iter()
            .flat_map(|id| self.shared.by_named.get(id))
            .filter(move |other| *other != key)
    }

    /// All PoolServices that name this load balancer as a user's, sorted by name.
    pub fn sharing(&self, load_balancer: &str) -> impl Iterator<Item = &ObjectKey> {
        self.shared.by_named.get(load_balancer)
    }

    /// The load balancers of our own that ledgers record in a region, but for those that we asked
    /// to be released, and for those that nobody has seen yet: what was just made cannot vanish.
    pub fn recorded_in(&self, region: &str) -> BTreeSet<String> {
        let ledgers = self.pool_services.values().filter_map(|ps| {
            let id = ps.own_load_balancer()?;
            ps.ledger.as_ref().map(|ledger| (id, ledger))
        });
        ledgers
            .filter(|(_, ledger)| ledger.placement.region == region)
            .filter(|(_, ledger)| !ledger.load_balancer.releasing)
            .filter(|(_, ledger)| ledger.load_balancer.unseen_since.is_none())
            .map(|(id, _)| id.to_owned())
            .collect()
    }

    /// Adds the PoolServices that a change touches because it touches one with which they share, or
    /// shared, a load balancer. `changed` is a PoolService that changed itself, also where that
    /// touches nobody, as with a ledger that we wrote.
    pub(super) fn with_sharing(
        &mut self,
        changed: Option<&ObjectKey>,
        mut affected: Affected,
    ) -> Affected {
        let touched = affected.pool_services.clone();
        let noted: BTreeSet<ObjectKey> = touched.iter().chain(changed).cloned().collect();
        for key in noted {
            let before = self.shared.named.get(&key).cloned();
            self.note(&key);
            let after = self.shared.named.get(&key).cloned();
            if before == after && !touched.contains(&key) {
                continue;
            }
            for id in before.iter().chain(&after) {
                let sharing = self.shared.by_named.get(id).cloned();
                affected.pool_services.extend(sharing);
            }
        }
        affected
    }

    /// Brings what is known of a PoolService's load balancers up to date.
    fn note(&mut self, key: &ObjectKey) {
        let (named, owned) = (self.named(key), self.owned(key));
        let shared = &mut self.shared;
        replace(&mut shared.named, &mut shared.by_named, key, named);
        replace(&mut shared.owned, &mut shared.by_owned, key, owned);
    }

    fn owned(&self, key: &ObjectKey) -> Option<String> {
        let ps = self.pool_services.get(key)?;
        ps.own_load_balancer().map(str::to_owned)
    }

    fn named(&self, key: &ObjectKey) -> Option<String> {
        let ps = self.pool_services.get(key)?;
        if let Some(recorded) = ps.users_load_balancer() {
            return Some(recorded.to_owned());
        }
        if ps.ledger.is_some() || !self.is_served(ps) {
            return None;
        }
        let none = BTreeMap::new();
        let service = ps.snapshot.service.as_ref();
        let service =
            service.and_then(|name| self.services.get(&ObjectKey::new(&key.namespace, name)));
        let on_service = service.map_or(&none, |service| &service.snapshot.annotations);
        let settings = annotations::parse(on_service, &ps.snapshot.annotations).settings;
        let pool = ps.snapshot.pool.as_deref().unwrap_or_default();
        let id = settings.load_balancer_id(pool)?;
        settings.managed_by_user.then(|| id.to_owned())
    }
}

fn replace(
    of: &mut BTreeMap<ObjectKey, String>,
    by: &mut Multimap<String, ObjectKey>,
    key: &ObjectKey,
    id: Option<String>,
) {
    if let Some(before) = of.remove(key) {
        by.remove_all([before], key);
    }
    if let Some(id) = id {
        by.insert_all([id.clone()], key);
        of.insert(key.clone(), id);
    }
}
