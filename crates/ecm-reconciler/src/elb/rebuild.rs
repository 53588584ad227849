//! What to do about a PoolService that has our finalizer and no ledger that can be read
//! (behaviour 5.3): a new ledger, where its mirror and the cloud agree, or a question to a person.

use std::collections::BTreeMap;

use ecm_policy::annotations;
use ecm_policy::annotations::AddressType;
use ecm_policy::ledger::{DECIDE_AFTER, Loss};
use ecm_policy::observed::{ByName, Presence};
use ecm_policy::placement::{self, PlacementRequest};
use ecm_policy::rebuild::{Asked, Doubt, Seen, Words, rebuild};
use ecm_policy::snapshot::{PoolService, Snapshot};
use ens_openapi::rate_limit::Priority;
use poolservice_api::{PoolServiceStatus, Reason, keys};
use thiserror::Error;
use tokio::time::Instant;

use super::Elb;
use crate::caller::Caller;
use crate::events::EventType;
use crate::ledger_store::LedgerError;
use crate::region::{Lists, ReadError};

/// Why no ledger was made.
#[derive(Debug, Error)]
pub(super) enum RebuildError {
    /// Nothing can be concluded: the cloud could not be read.
    #[error("reading the cloud")]
    Read(#[from] ReadError),
    /// The new ledger could not be written.
    #[error("writing the ledger")]
    Write(#[from] LedgerError),
    /// A person has to decide; the text says how.
    #[error("{0}")]
    Doubt(String),
}

impl Elb {
    /// Makes a lost ledger anew and writes it.
    pub(super) async fn rebuild(
        &self,
        snapshot: &Snapshot,
        status: &PoolServiceStatus,
        loss: &Loss,
    ) -> Result<(), RebuildError> {
        let ps = &snapshot.pool_service;
        if let Loss::Version(_) = loss {
            return Err(RebuildError::Doubt(
                "a newer version of this program wrote it: run that version".to_owned(),
            ));
        }
        let placement = snapshot
            .pool
            .as_ref()
            .and_then(|pool| placement::from_annotations(&pool.name, &pool.annotations).ok());
        let asked = asked(snapshot, placement.as_ref());
        let words = words(ps, status, placement.as_ref()).map_err(RebuildError::Doubt)?;
        self.check_unclaimed(ps, &words)
            .map_err(RebuildError::Doubt)?;
        let now = self.clock.seconds();
        let seen = self.see(snapshot, &words, now).await?;
        let identity = &self.config.policy.identity;
        let ledger = rebuild(ps, identity, &words, &asked, &seen, now)
            .map_err(|doubt| RebuildError::Doubt(how_to_decide(ps, &doubt)))?;
        let written = self.ledgers.restore(&ps.key, &ps.uid, &ledger).await?;
        let ids: Vec<&str> = written.records().filter_map(|r| r.id.as_deref()).collect();
        let note = if ids.is_empty() {
            "the ledger was lost and is made anew: nothing in the cloud belongs to it".to_owned()
        } else {
            format!(
                "the ledger was lost and is made anew, with {}",
                ids.join(" and ")
            )
        };
        self.notifier
            .pool_service(ps, EventType::Warning, Reason::LedgerRebuilt, &note);
        self.memories.wrote_ledger(&ps.key, &ps.uid, written);
        self.memories.ledger_found(&ps.key);
        Ok(())
    }

    /// What another PoolService's ledger has is not this one's, whoever says so.
    fn check_unclaimed(&self, ps: &PoolService, words: &Words) -> Result<(), String> {
        let named: Vec<&String> = words.load_balancer.iter().chain(&words.eip).collect();
        let index = self.index();
        for other in index.pool_services() {
            let Some(ledger) = other
                .ledger
                .as_ref()
                .filter(|_| other.snapshot.uid != ps.uid)
            else {
                continue;
            };
            let mut ids = ledger
                .records()
                .filter(|record| record.is_ours())
                .filter_map(|record| record.id.as_ref());
            if let Some(id) = ids.find(|id| named.contains(id)) {
                return Err(format!(
                    "{id} belongs to PoolService {}",
                    other.snapshot.key
                ));
            }
        }
        Ok(())
    }

    async fn see(&self, snapshot: &Snapshot, words: &Words, now: i64) -> Result<Seen, ReadError> {
        let ps = &snapshot.pool_service;
        let region = words.region.as_str();
        let first_seen = self.memories.lost_since(&ps.key, &ps.uid, now);
        let reader = self
            .regions
            .called_by(&Caller::new(Priority::High, ps.key.to_string()));
        let load_balancer = match &words.load_balancer {
            Some(id) => reader.load_balancer(id).await?,
            None => None,
        };
        let eip = match &words.eip {
            Some(id) => reader.eip(id).await?,
            None => None,
        };
        // It begins after both reads: what it does not show either is gone (behaviour 8.5).
        let lists = self.regions.lists(region, Instant::now()).await?;
        let name = ps.stack_name(&self.config.policy.identity.cluster_id);
        let names: Vec<String> = name.all().collect();
        Ok(Seen {
            load_balancer: presence(
                load_balancer,
                words.load_balancer.as_ref(),
                |id| lists.load_balancers.contains_key(id),
                &lists,
            ),
            eip: presence(
                eip,
                words.eip.as_ref(),
                |id| lists.eips.contains_key(id),
                &lists,
            ),
            is_late: lists.is_complete && lists.begun_at >= first_seen + DECIDE_AFTER,
            by_name: by_name(&lists, &names),
        })
    }
}

/// What says which resources there are: a person, else the mirror in the status.
fn words(
    ps: &PoolService,
    status: &PoolServiceStatus,
    placement: Option<&PlacementRequest>,
) -> Result<Words, String> {
    let aggregate = status.aggregate_to_annotations.clone().unwrap_or_default();
    let mirrored = Words::mirrored(&aggregate);
    let region = mirrored.as_ref().map(|words| words.region.clone());
    let region = region.or_else(|| Some(placement?.region.clone()));
    match (ps.annotations.get(keys::REBUILD_LEDGER), region) {
        (Some(text), Some(region)) => Words::said(text, &region).map_err(|bad| bad.to_string()),
        // Without a region there is nothing to look at; "none" needs none.
        (Some(text), None) if text.trim() == "none" => {
            Words::said(text, "").map_err(|bad| bad.to_string())
        }
        (None, Some(region)) => Ok(mirrored.unwrap_or(Words {
            region,
            load_balancer: None,
            eip: None,
            by_person: false,
        })),
        (_, None) => Err(format!(
            "neither the status nor the pool says in which region to look: give the pool its \
             annotation {}, or say {}=none where nothing in the cloud belongs to it",
            keys::ENS_REGION_ID,
            keys::REBUILD_LEDGER
        )),
    }
}

fn asked(snapshot: &Snapshot, placement: Option<&PlacementRequest>) -> Asked {
    let ps = &snapshot.pool_service;
    let none = BTreeMap::new();
    let on_service = snapshot.service.as_ref().map_or(&none, |s| &s.annotations);
    let settings = annotations::parse(on_service, &ps.annotations).settings;
    let pool = ps.pool.as_deref().unwrap_or_default();
    let id = settings.load_balancer_id(pool).map(str::to_owned);
    Asked {
        users_load_balancer: id.filter(|_| settings.managed_by_user),
        wants_eip: settings.address_type == AddressType::Internet,
        network: placement.map(|p| p.network.clone()).unwrap_or_default(),
        vswitch: placement
            .and_then(|p| p.vswitches.first().cloned())
            .unwrap_or_default(),
    }
}

fn presence<T>(
    read: Option<T>,
    id: Option<&String>,
    is_listed: impl Fn(&String) -> bool,
    lists: &Lists,
) -> Presence<T> {
    match (read, id) {
        (Some(found), _) => Presence::Present(found),
        (None, None) => Presence::Unread,
        (None, Some(id)) => Presence::Gone {
            confirmed: lists.is_complete && !is_listed(id),
        },
    }
}

fn by_name(lists: &Lists, names: &[String]) -> ByName {
    let load_balancers = lists.load_balancers.values();
    let eips = lists.eips.values();
    ByName {
        begun_at: lists.begun_at,
        load_balancers: load_balancers
            .filter(|lb| names.contains(&lb.name))
            .cloned()
            .collect(),
        eips: eips
            .filter(|eip| names.contains(&eip.name))
            .cloned()
            .collect(),
    }
}

/// What a person reads on the condition.
fn how_to_decide(ps: &PoolService, doubt: &Doubt) -> String {
    if let Doubt::TooEarly(_) = doubt {
        return doubt.to_string();
    }
    format!(
        "{doubt}; say what belongs to it: kubectl annotate ps {} -n {} {}=<lb-id>,<eip-id>, or \
         =none where nothing does",
        ps.key.name,
        ps.key.namespace,
        keys::REBUILD_LEDGER
    )
}
