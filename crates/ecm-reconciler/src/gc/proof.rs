//! What shows whose a resource is that no ledger has.

use std::collections::{BTreeMap, BTreeSet};

use ecm_policy::desired::tags;
use ecm_policy::ledger::{self, Ledger, Record, State};
use ecm_policy::naming;
use ecm_policy::observed::{Eip, LoadBalancer};
use ecm_policy::snapshot::{Identity, ObjectKey};
use poolservice_api::keys;
use serde::Serialize;

use crate::index::Index;
use crate::region::Lists;

/// What shows whose a resource is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Proof {
    /// It bears this cluster's tags, or is a load balancer to which an EIP of the same name with
    /// these tags is bound.
    Tags,
    /// A PoolService that lives may take it over: its create has no answer yet, or its ledger is
    /// lost. Never to be released here.
    Intent {
        /// Which PoolService.
        pool_service: ObjectKey,
    },
    /// Its name, which anybody can give.
    NameOnly,
}

/// `None` for what is not this cluster's.
pub(super) fn of_eip(eip: &Eip, claims: &Claims, identity: &Identity) -> Option<Proof> {
    let uid = eip.tag(tags::CLUSTER_UID);
    let is_tagged = uid == Some(&identity.cluster_uid);
    let is_others = uid.is_some() && !is_tagged;
    let is_named = naming::is_managed_name(&eip.name, &identity.cluster_id);
    if is_others || !(is_tagged || is_named) {
        return None;
    }
    Some(claims.proof(&eip.name, is_tagged))
}

pub(super) fn of_load_balancer(
    lb: &LoadBalancer,
    lists: &Lists,
    claims: &Claims,
    identity: &Identity,
) -> Option<Proof> {
    if !naming::is_managed_name(&lb.name, &identity.cluster_id) {
        return None;
    }
    let bound = || {
        let eips = lists.eips.values();
        eips.filter(|eip| eip.bound_to.as_deref() == Some(&lb.id))
            .filter_map(|eip| Some((eip, eip.tag(tags::CLUSTER_UID)?)))
    };
    if bound().any(|(_, uid)| uid != identity.cluster_uid) {
        return None;
    }
    let is_tagged = bound().any(|(eip, _)| eip.name == lb.name);
    Some(claims.proof(&lb.name, is_tagged))
}

/// What PoolServices that live have, or may have.
#[derive(Debug, Default)]
pub(super) struct Claims {
    /// In a ledger, a mirror, or named by a user.
    pub(super) ids: BTreeSet<String>,
    /// Names under which a create may have made something that is not recorded yet.
    open: BTreeMap<String, ObjectKey>,
}

impl Claims {
    pub(super) fn of(index: &Index, cluster_id: &str) -> Self {
        let mut claims = Self::default();
        for ps in index.pool_services() {
            let key = &ps.snapshot.key;
            let mirror = ps.status.aggregate_to_annotations.iter().flatten();
            let mirrored = mirror.filter(|(key, _)| {
                [keys::AGGREGATE_LOAD_BALANCER_ID, keys::AGGREGATE_EIP_ID].contains(&key.as_str())
            });
            claims.ids.extend(mirrored.map(|(_, id)| id.clone()));
            let named = index.users_load_balancer(key).map(str::to_owned);
            claims.ids.extend(named);
            match ledger::of(&ps.snapshot) {
                State::Current(ledger) => claims.record(key, &ledger),
                State::Lost(_) => {
                    let name = ps.snapshot.stack_name(cluster_id);
                    claims
                        .open
                        .extend(name.all().map(|name| (name, key.clone())));
                }
                State::None => {}
            }
        }
        claims
    }

    fn record(&mut self, key: &ObjectKey, ledger: &Ledger) {
        for record in ledger.records() {
            self.ids.extend(record.id.clone());
            if is_open(record) {
                let names = record.names.iter().cloned();
                self.open.extend(names.map(|name| (name, key.clone())));
            }
        }
    }

    /// What shows whose a thing of this name is, apart from the name.
    fn proof(&self, name: &str, is_tagged: bool) -> Proof {
        match self.open.get(name).cloned() {
            Some(pool_service) => Proof::Intent { pool_service },
            None if is_tagged => Proof::Tags,
            None => Proof::NameOnly,
        }
    }
}

fn is_open(record: &Record) -> bool {
    record.id.is_none() && record.intent.is_some()
}

#[cfg(test)]
mod tests {
    use ecm_policy::observed::{EipStatus, LoadBalancerStatus};
    use tokio::time::Instant;

    use super::*;

    const NAME: &str = "k8s/web/shop/np/c1";

    fn identity() -> Identity {
        Identity {
            load_balancer_class: "class".to_owned(),
            cluster_id: "c1".to_owned(),
            cluster_uid: "uid-1".to_owned(),
            cloud_account: None,
        }
    }

    fn eip(name: &str, cluster_uid: Option<&str>, bound_to: Option<&str>) -> Eip {
        let tag = |uid: &str| (tags::CLUSTER_UID.to_owned(), uid.to_owned());
        Eip {
            id: "eip-1".to_owned(),
            name: name.to_owned(),
            address: "1.2.3.4".to_owned(),
            status: EipStatus::Available,
            bandwidth: None,
            bound_to: bound_to.map(str::to_owned),
            region: "r".to_owned(),
            created_at: None,
            tags: cluster_uid.map(tag).into_iter().collect(),
        }
    }

    fn load_balancer(name: &str) -> LoadBalancer {
        LoadBalancer {
            id: "lb-1".to_owned(),
            name: name.to_owned(),
            status: LoadBalancerStatus::Active,
            status_age: 0,
            region: "r".to_owned(),
            network: String::new(),
            vswitch: String::new(),
            address: String::new(),
            spec: None,
            created_at: None,
            detail: None,
        }
    }

    fn lists(eip: Option<Eip>) -> Lists {
        Lists {
            begun: Instant::now(),
            begun_at: 0,
            load_balancers: BTreeMap::new(),
            eips: eip.into_iter().map(|eip| (eip.id.clone(), eip)).collect(),
            load_balancers_by_name: BTreeMap::new(),
            is_complete: true,
        }
    }

    #[test]
    fn rule_9_4_an_eip_is_proven_by_its_tags_and_only_claimed_by_its_name() {
        let proof = |eip: &Eip| of_eip(eip, &Claims::default(), &identity());
        assert_eq!(proof(&eip(NAME, Some("uid-1"), None)), Some(Proof::Tags));
        let renamed = eip("another name", Some("uid-1"), None);
        assert_eq!(proof(&renamed), Some(Proof::Tags));
        assert_eq!(proof(&eip(NAME, None, None)), Some(Proof::NameOnly));
        assert_eq!(proof(&eip("another name", None, None)), None);
        let of_another_cluster = eip(NAME, Some("uid-2"), None);
        assert_eq!(proof(&of_another_cluster), None, "it goes by our id");
        let other_id = eip("k8s/web/shop/np/c2", None, None);
        assert_eq!(proof(&other_id), None);
    }

    #[test]
    fn rule_9_4_a_load_balancer_is_proven_by_the_eip_of_its_name_that_leads_to_it() {
        let proof = |name: &str, eip: Option<Eip>| {
            let lb = load_balancer(name);
            of_load_balancer(&lb, &lists(eip), &Claims::default(), &identity())
        };
        let leads = |name: &str, uid| Some(eip(name, Some(uid), Some("lb-1")));
        assert_eq!(proof(NAME, leads(NAME, "uid-1")), Some(Proof::Tags));
        let elsewhere = Some(eip(NAME, Some("uid-1"), Some("lb-2")));
        assert_eq!(proof(NAME, elsewhere), Some(Proof::NameOnly));
        let other_name = leads("k8s/other/shop/np/c1", "uid-1");
        assert_eq!(proof(NAME, other_name), Some(Proof::NameOnly));
        assert_eq!(proof(NAME, leads(NAME, "uid-2")), None, "another cluster's");
        assert_eq!(proof("the shop's own", leads(NAME, "uid-1")), None);
    }

    #[test]
    fn rule_5_5_what_an_unanswered_create_may_have_made_is_its_pool_services() {
        let key = ObjectKey::new("shop", "web-np");
        let claims = Claims {
            ids: BTreeSet::new(),
            open: BTreeMap::from([(NAME.to_owned(), key.clone())]),
        };
        let proof = of_eip(&eip(NAME, Some("uid-1"), None), &claims, &identity());
        let claim = Proof::Intent { pool_service: key };
        assert_eq!(proof, Some(claim.clone()), "tags or not");
        let lb = load_balancer(NAME);
        let proof = of_load_balancer(&lb, &lists(None), &claims, &identity());
        assert_eq!(proof, Some(claim));
    }
}
