//! A ledger made anew, where the annotation is gone or unreadable (behaviour 5.3).
//!
//! What still speaks of the resources is the mirror in the status, which names their ids, and the
//! cloud, which shows names and, on EIPs, tags. Both have to agree. Where they do not, a person
//! says what belongs to the PoolService, see [`Words::said`].

use std::collections::{BTreeMap, BTreeSet};

use poolservice_api::keys;
use thiserror::Error;

use crate::desired::tags;
use crate::ledger::{Ledger, Record, VERSION};
use crate::observed::{ByName, Eip, LoadBalancer, Presence};
use crate::placement::Placement;
use crate::snapshot::{Identity, PoolService};

/// What says which resources belong to a PoolService.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// The region of all of them.
    pub region: String,
    /// The load balancer; `None` when there is none, or nobody says.
    pub load_balancer: Option<String>,
    /// The EIP; the same.
    pub eip: Option<String>,
    /// Whether a person said so: then what is not named is not there.
    pub by_person: bool,
}

/// What the cloud shows.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The load balancer that was named.
    pub load_balancer: Presence<LoadBalancer>,
    /// The EIP that was named.
    pub eip: Presence<Eip>,
    /// What bears one of our names, by a complete list.
    pub by_name: ByName,
    /// Whether that list began so late that no create of before the loss can be missing in it
    /// (behaviour 5.5).
    pub is_late: bool,
}

/// What the annotations and the pool say now about what was made then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The user's load balancer that is named, where the Service says that it is the user's.
    pub users_load_balancer: Option<String>,
    /// Whether an EIP is wanted.
    pub wants_eip: bool,
    /// Network and vSwitch of the pool, for what the cloud does not show any more.
    pub network: String,
    /// The same.
    pub vswitch: String,
}

/// Why no ledger can be made: a person has to decide.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Doubt {
    /// The mirror is empty, and a list that decides has to begin later.
    #[error("the status names no resources; whether there are any shows a list in {0} s")]
    TooEarly(i64),
    /// A read by id and a list contradict each other.
    #[error("the cloud does not say clearly whether {0} is there")]
    Unsure(String),
    /// It bears another name than ours, and nobody says that it is the user's.
    #[error("{id} is called {name:?}, which is not our name, and is not named as a user's")]
    Foreign {
        /// Which.
        id: String,
        /// How it is called.
        name: String,
    },
    /// It is in another region than the status says.
    #[error("{id} is in region {region}, not where the status says")]
    Elsewhere {
        /// Which.
        id: String,
        /// Where it is.
        region: String,
    },
    /// These bear our name, and nothing else shows that they are ours.
    #[error("{} bears our name, and nothing shows that it is ours", .0.join(", "))]
    NameOnly(Vec<String>),
    /// Its tags are those of another PoolService or cluster.
    #[error("{0} does not bear the tags of this PoolService")]
    Tags(String),
    /// Service or pool are in neither a label nor an owner: the names are not known.
    #[error("neither labels nor owners say which Service and pool this belongs to")]
    Nameless,
}

/// Why what a person said cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{key} is {text:?}: give \"none\", or the ids of a load balancer and an EIP, joined by a comma",
    key = keys::REBUILD_LEDGER
)]
pub struct BadWords {
    /// What was said.
    pub text: String,
}

impl Words {
    /// What the status mirrors; `None` when it does not even say the region.
    pub fn mirrored(aggregate: &BTreeMap<String, String>) -> Option<Self> {
        Some(Self {
            region: aggregate.get(keys::AGGREGATE_REGION)?.clone(),
            load_balancer: aggregate.get(keys::AGGREGATE_LOAD_BALANCER_ID).cloned(),
            eip: aggregate.get(keys::AGGREGATE_EIP_ID).cloned(),
            by_person: false,
        })
    }

    /// What a person says in annotation [`keys::REBUILD_LEDGER`]: `none`, or the ids that belong
    /// to the PoolService, joined by commas.
    ///
    /// # Errors
    /// When it is neither.
    pub fn said(text: &str, region: &str) -> Result<Self, BadWords> {
        let mut words = Self {
            region: region.to_owned(),
            load_balancer: None,
            eip: None,
            by_person: true,
        };
        if text.trim() == "none" {
            return Ok(words);
        }
        let is_id = |id: &str| {
            id.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
        };
        for id in text.split(',').map(str::trim) {
            let slot = match id {
                _ if id.starts_with("lb-") => Some(&mut words.load_balancer),
                _ if id.starts_with("eip-") => Some(&mut words.eip),
                _ => None,
            };
            // Each kind once.
            let Some(slot) = slot.filter(|slot| is_id(id) && slot.is_none()) else {
                let text = text.to_owned();
                return Err(BadWords { text });
            };
            *slot = Some(id.to_owned());
        }
        Ok(words)
    }
}

/// The ledger that follows from what is said and seen at `now`, seconds since 1970.
///
/// # Errors
/// When that does not show clearly what belongs to the PoolService.
pub fn rebuild(
    ps: &PoolService,
    identity: &Identity,
    words: &Words,
    asked: &Asked,
    seen: &Seen,
    now: i64,
) -> Result<Ledger, Doubt> {
    let (Some(service), Some(pool)) = (&ps.service, &ps.pool) else {
        return Err(Doubt::Nameless);
    };
    let name = ps.stack_name(&identity.cluster_id);
    let case = Case {
        ps,
        identity,
        words,
        asked,
        seen,
        now,
    };
    let names: BTreeSet<String> = name.load_balancer().all().map(str::to_owned).collect();
    let load_balancer = case.load_balancer(&names)?;
    let eip = if load_balancer.is_ours() {
        case.eip(&name.eip())?
    } else {
        None
    };
    let place = seen.load_balancer.present();
    Ok(Ledger {
        version: VERSION,
        sequence: 0,
        pool_service_uid: ps.uid.clone(),
        cluster_id: identity.cluster_id.clone(),
        cluster_uid: identity.cluster_uid.clone(),
        cloud_account: identity.cloud_account.clone(),
        service: service.clone(),
        pool: pool.clone(),
        placement: Placement {
            region: words.region.clone(),
            network: place.map_or_else(|| asked.network.clone(), |lb| lb.network.clone()),
            vswitch: place.map_or_else(|| asked.vswitch.clone(), |lb| lb.vswitch.clone()),
        },
        load_balancer,
        eip,
        // Which servers of a user's load balancer we attached nobody can tell: they stay.
        backends: BTreeSet::new(),
        draining: BTreeMap::new(),
        applied: None,
        on_delete: None,
    })
}

struct Case<'a> {
    ps: &'a PoolService,
    identity: &'a Identity,
    words: &'a Words,
    asked: &'a Asked,
    seen: &'a Seen,
    now: i64,
}

impl Case<'_> {
    fn load_balancer(&self, names: &BTreeSet<String>) -> Result<Record, Doubt> {
        let ours = self.record(names.clone());
        let Some(id) = &self.words.load_balancer else {
            return self.unnamed_load_balancer(names, ours);
        };
        let is_users = self.asked.users_load_balancer.as_ref() == Some(id);
        match &self.seen.load_balancer {
            Presence::Unread | Presence::Gone { confirmed: false } => {
                Err(Doubt::Unsure(id.clone()))
            }
            // The plan sees to a loss, or to a release that is done.
            Presence::Gone { confirmed: true } if is_users => Ok(Record::users(id)),
            Presence::Gone { confirmed: true } => Ok(self.unseen(ours, id)),
            Presence::Present(found) if found.region != self.words.region => {
                Err(Doubt::Elsewhere {
                    id: id.clone(),
                    region: found.region.clone(),
                })
            }
            Presence::Present(found) if names.contains(&found.name) => Ok(with_id(ours, id)),
            Presence::Present(_) if is_users => Ok(Record::users(id)),
            Presence::Present(found) => Err(Doubt::Foreign {
                id: id.clone(),
                name: found.name.clone(),
            }),
        }
    }

    /// Nobody names one: there is none, or the one that an EIP with our tags leads to.
    fn unnamed_load_balancer(
        &self,
        names: &BTreeSet<String>,
        ours: Record,
    ) -> Result<Record, Doubt> {
        if self.words.by_person {
            return Ok(ours);
        }
        self.wait_for_late_list()?;
        let listed = self.seen.by_name.load_balancers.iter();
        let found: Vec<&LoadBalancer> = listed.filter(|lb| names.contains(&lb.name)).collect();
        let leads_to = |lb: &LoadBalancer| {
            let mut eips = self.seen.by_name.eips.iter();
            eips.any(|eip| self.bears_tags(eip) && eip.bound_to.as_deref() == Some(&lb.id))
        };
        match found.as_slice() {
            [] => Ok(ours),
            [only] if leads_to(only) => Ok(with_id(ours, &only.id)),
            all => Err(Doubt::NameOnly(
                all.iter().map(|lb| lb.id.clone()).collect(),
            )),
        }
    }

    fn eip(&self, name: &str) -> Result<Option<Record>, Doubt> {
        let ours = self.record(BTreeSet::from([name.to_owned()]));
        let Some(id) = &self.words.eip else {
            return self.unnamed_eip(name, ours);
        };
        match &self.seen.eip {
            Presence::Unread | Presence::Gone { confirmed: false } => {
                Err(Doubt::Unsure(id.clone()))
            }
            Presence::Gone { confirmed: true } => Ok(Some(self.unseen(ours, id))),
            Presence::Present(found) if found.name != name => Err(Doubt::Foreign {
                id: id.clone(),
                name: found.name.clone(),
            }),
            Presence::Present(found) if self.words.by_person || self.bears_tags(found) => {
                Ok(Some(with_id(ours, id)))
            }
            Presence::Present(_) => Err(Doubt::Tags(id.clone())),
        }
    }

    /// Nobody names one: there is none, or the one that bears our tags.
    fn unnamed_eip(&self, name: &str, ours: Record) -> Result<Option<Record>, Doubt> {
        // One that is still wanted is made as if for the first time.
        let none = self.asked.wants_eip.then(|| ours.clone());
        if self.words.by_person {
            return Ok(none);
        }
        self.wait_for_late_list()?;
        let listed = self.seen.by_name.eips.iter();
        let found: Vec<&Eip> = listed.filter(|eip| eip.name == name).collect();
        match found.as_slice() {
            [] => Ok(none),
            [only] if self.bears_tags(only) => Ok(Some(with_id(ours, &only.id))),
            all => Err(Doubt::NameOnly(
                all.iter().map(|eip| eip.id.clone()).collect(),
            )),
        }
    }

    fn wait_for_late_list(&self) -> Result<(), Doubt> {
        if self.seen.is_late {
            return Ok(());
        }
        Err(Doubt::TooEarly(crate::ledger::DECIDE_AFTER))
    }

    fn bears_tags(&self, eip: &Eip) -> bool {
        eip.tag(tags::POOL_SERVICE_UID) == Some(&self.ps.uid)
            && eip.tag(tags::CLUSTER_UID) == Some(&self.identity.cluster_uid)
    }

    /// A record of ours. Which attempts were made is lost with the ledger: counting on from a time
    /// that is later than all of them gives tokens that were never used.
    /// It may be so new that it is not shown yet (behaviour 8.5).
    fn unseen(&self, record: Record, id: &str) -> Record {
        Record {
            unseen_since: Some(self.now),
            ..with_id(record, id)
        }
    }

    fn record(&self, names: BTreeSet<String>) -> Record {
        Record {
            attempt: u32::try_from(self.now).unwrap_or(u32::MAX / 2),
            ..Record::planned(names)
        }
    }
}

fn with_id(record: Record, id: &str) -> Record {
    Record {
        id: Some(id.to_owned()),
        ..record
    }
}
