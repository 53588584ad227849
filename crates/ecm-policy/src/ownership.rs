//! Whose a load balancer or EIP is that bears our name (behaviour 5.4, 5.6).
//!
//! A name proves nothing: anybody can give it. What proves ownership is an id in the ledger, or a
//! create that the ledger says was sent and not answered, and that is not younger than the thing.

use serde::{Deserialize, Serialize};

use crate::desired::tags;
use crate::ledger::{CLOCK_TOLERANCE, Intent};
use crate::observed::{Eip, LoadBalancer};

/// What a complete list by name says about a resource whose id the ledger does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Finding {
    /// Nothing bears the name.
    Nothing,
    /// This one is the answer to our unanswered create.
    Answer(String),
    /// This one may be taken over, because the user said so.
    Adopt(String),
    /// These bear the name and are not ours.
    Conflict(Vec<String>),
    /// An EIP of our name and cluster id was made by a cluster of another UID.
    ClusterIdInUse {
        /// The EIP.
        id: String,
        /// The UID of the other cluster.
        cluster_uid: String,
    },
}

/// Something that was found by its name.
trait Candidate {
    fn id(&self) -> &str;
    fn created_at(&self) -> Option<i64>;
}

impl Candidate for LoadBalancer {
    fn id(&self) -> &str {
        &self.id
    }
    fn created_at(&self) -> Option<i64> {
        self.created_at
    }
}

impl Candidate for Eip {
    fn id(&self) -> &str {
        &self.id
    }
    fn created_at(&self) -> Option<i64> {
        self.created_at
    }
}

/// What to make of the load balancers that bear our name. Ours is in `network`, whether we made it or
/// take it over.
pub fn find_load_balancer(
    found: &[LoadBalancer],
    intent: Option<&Intent>,
    adopt: bool,
    network: &str,
) -> Finding {
    let is_in_network = |lb: &LoadBalancer| lb.network == network;
    let adopt = adopt && found.iter().all(is_in_network);
    find(found, intent, adopt, is_in_network)
}

/// What to make of the EIPs that bear our name. An EIP must also carry our tags to be the answer
/// to our create.
pub fn find_eip(
    found: &[Eip],
    intent: Option<&Intent>,
    adopt: bool,
    cluster_id: &str,
    cluster_uid: &str,
    pool_service_uid: &str,
) -> Finding {
    let foreign = found.iter().find_map(|eip| {
        let uid = eip.tag(tags::CLUSTER_UID)?;
        (eip.tag(tags::CLUSTER_ID) == Some(cluster_id) && uid != cluster_uid)
            .then(|| (eip.id.clone(), uid.to_owned()))
    });
    if let Some((id, cluster_uid)) = foreign {
        return Finding::ClusterIdInUse { id, cluster_uid };
    }
    find(found, intent, adopt, |eip| {
        eip.tag(tags::POOL_SERVICE_UID) == Some(pool_service_uid)
            && eip.tag(tags::CLUSTER_UID) == Some(cluster_uid)
    })
}

fn find<C: Candidate>(
    found: &[C],
    intent: Option<&Intent>,
    adopt: bool,
    carries_proof: impl Fn(&C) -> bool,
) -> Finding {
    if found.is_empty() {
        return Finding::Nothing;
    }
    let answers: Vec<&C> = found
        .iter()
        .filter(|candidate| {
            intent.is_some_and(|intent| {
                // A thing whose age nobody knows is not younger than the intent by any proof.
                candidate
                    .created_at()
                    .is_some_and(|at| at + CLOCK_TOLERANCE >= intent.first_sent)
                    && carries_proof(candidate)
            })
        })
        .collect();
    match (answers.as_slice(), found) {
        ([answer], [_]) => Finding::Answer(answer.id().to_owned()),
        (_, [only]) if adopt => Finding::Adopt(only.id().to_owned()),
        // More than one of the name: a person decides which.
        _ => Finding::Conflict(found.iter().map(|c| c.id().to_owned()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::observed::{EipStatus, LoadBalancerStatus};

    fn eip(id: &str, created_at: i64, tags: &[(&str, &str)]) -> Eip {
        Eip {
            id: id.into(),
            name: "k8s/a/b/c/d".into(),
            address: "1.2.3.4".into(),
            status: EipStatus::Available,
            bandwidth: Some(10),
            bound_to: None,
            region: "r".into(),
            created_at: Some(created_at),
            tags: tags
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        }
    }

    fn intent(first_sent: i64) -> Intent {
        Intent {
            token: "t".into(),
            parameters: BTreeMap::new(),
            first_sent,
            repeated: false,
        }
    }

    const OURS: [(&str, &str); 3] = [
        (tags::CLUSTER_ID, "c"),
        (tags::CLUSTER_UID, "cu"),
        (tags::POOL_SERVICE_UID, "ps"),
    ];

    fn find_one(eips: &[Eip], intent: Option<&Intent>, adopt: bool) -> Finding {
        find_eip(eips, intent, adopt, "c", "cu", "ps")
    }

    #[test]
    fn rule_5_4_the_name_alone_is_a_conflict() {
        let found = [eip("eip-1", 5000, &[])];
        assert_eq!(
            find_one(&found, None, false),
            Finding::Conflict(vec!["eip-1".into()])
        );
        assert_eq!(
            find_one(&found, Some(&intent(4990)), false),
            Finding::Conflict(vec!["eip-1".into()])
        );
    }

    #[test]
    fn rule_5_4_an_unanswered_create_takes_what_is_not_older_than_it() {
        let found = [eip("eip-1", 5000, &OURS)];
        assert_eq!(
            find_one(&found, Some(&intent(4990)), false),
            Finding::Answer("eip-1".into())
        );
        assert_eq!(
            find_one(&found, Some(&intent(5119)), false),
            Finding::Answer("eip-1".into())
        );
        assert!(matches!(
            find_one(&found, Some(&intent(5121)), false),
            Finding::Conflict(_)
        ));
    }

    #[test]
    fn rule_5_4_adopt_takes_the_only_one_and_never_one_of_two() {
        let one = [eip("eip-1", 1, &[])];
        assert_eq!(find_one(&one, None, true), Finding::Adopt("eip-1".into()));
        let two = [eip("eip-1", 1, &[]), eip("eip-2", 1, &[])];
        assert!(matches!(find_one(&two, None, true), Finding::Conflict(ids) if ids.len() == 2));
    }

    #[test]
    fn rule_5_4_a_load_balancer_of_another_network_is_neither_the_answer_nor_taken_over() {
        let found = |network: &str| LoadBalancer {
            id: "lb-1".into(),
            name: "k8s/a/b/c/d".into(),
            status: LoadBalancerStatus::Active,
            status_age: 0,
            region: "r".into(),
            network: network.into(),
            vswitch: "v".into(),
            address: "10.0.0.1".into(),
            spec: None,
            created_at: Some(5000),
            detail: None,
        };
        let intent = intent(4990);
        let find =
            |network, intent, adopt| find_load_balancer(&[found(network)], intent, adopt, "n");
        assert_eq!(
            find("n", Some(&intent), false),
            Finding::Answer("lb-1".into())
        );
        assert_eq!(find("n", None, true), Finding::Adopt("lb-1".into()));
        let conflict = Finding::Conflict(vec!["lb-1".into()]);
        assert_eq!(find("other", Some(&intent), false), conflict);
        assert_eq!(find("other", Some(&intent), true), conflict);
    }

    #[test]
    fn rule_5_4_another_cluster_with_our_id_stops_everything() {
        let found = [eip(
            "eip-1",
            1,
            &[(tags::CLUSTER_ID, "c"), (tags::CLUSTER_UID, "other")],
        )];
        assert_eq!(
            find_one(&found, None, true),
            Finding::ClusterIdInUse {
                id: "eip-1".into(),
                cluster_uid: "other".into()
            }
        );
    }
}
