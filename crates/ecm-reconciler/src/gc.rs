//! Load balancers and EIPs of this cluster that no ledger has (behaviour 9.4).
//!
//! The controllers release only what a ledger records. What a ledger was lost for, what was
//! retained, or what somebody made under a name of ours stays for ever: [`find`] lists it, with
//! what shows whose it is, and [`release`] releases what a person asked for by its id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ecm_policy::desired::tags;
use ecm_policy::ledger::{self, Ledger, Record, State};
use ecm_policy::naming;
use ecm_policy::observed::{Eip, EipStatus, LoadBalancer, LoadBalancerStatus};
use ecm_policy::plan::{Lane, Step};
use ecm_policy::snapshot::{Identity, ObjectKey};
use ens_openapi::rate_limit::Priority;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client};
use poolservice_api::{Reason, keys};
use serde::Serialize;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::caller::Caller;
use crate::deadline;
use crate::executor::{Executor, StepError};
use crate::index::Index;
use crate::region::{Lists, ReadError, Regions};

/// How often a resource is looked at that is on its way.
const LOOK: Duration = Duration::from_secs(2);

/// How many looks a release may take.
const LOOKS: usize = 45;

/// Something in the cloud that no ledger has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Orphan {
    /// What it is.
    pub kind: Kind,
    /// `lb-...` or `eip-...`.
    pub id: String,
    /// Where it is.
    pub region: String,
    /// How it is called.
    pub name: String,
    /// Its address.
    pub address: String,
    /// What shows whose it is.
    pub proof: Proof,
    /// Whether an event says that it was left standing on purpose. Events are kept for an hour,
    /// so that nothing follows from there being none.
    pub retained: bool,
    /// When it was made, seconds since 1970, where the cloud says so.
    pub created_at: Option<i64>,
    /// The load balancer that an EIP is bound to.
    pub bound_to: Option<String>,
}

/// Kind of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// An EIP.
    Eip,
    /// A load balancer.
    LoadBalancer,
}

impl Kind {
    /// As people write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eip => "EIP",
            Self::LoadBalancer => "ELB",
        }
    }
}

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

/// What PoolServices that live have, or may have.
#[derive(Debug, Default)]
struct Claims {
    /// In a ledger, a mirror, or named by a user.
    ids: BTreeSet<String>,
    /// Names under which a create may have made something that is not recorded yet.
    open: BTreeMap<String, ObjectKey>,
}

impl Claims {
    fn of(index: &Index, cluster_id: &str) -> Self {
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

/// The regions that pools name and ledgers record, sorted.
pub fn regions(index: &Index) -> BTreeSet<String> {
    let of_pools = index.pools().filter_map(|pool| {
        let region = pool.annotations.get(keys::ENS_REGION_ID)?.trim();
        (!region.is_empty()).then(|| region.to_owned())
    });
    let ledgers = index.pool_services().filter_map(|ps| ps.ledger.as_ref());
    let of_ledgers = ledgers.map(|ledger| ledger.placement.region.clone());
    of_pools.chain(of_ledgers).collect()
}

/// What bears a name or a tag of this cluster in a region and belongs to no PoolService of
/// `index`; EIPs first, each kind by id. `retained` are the ids that [`retained`] gives.
///
/// # Errors
/// When the region cannot be listed.
pub async fn find(
    cloud: &Regions,
    region: &str,
    index: &Index,
    identity: &Identity,
    retained: &BTreeSet<String>,
) -> Result<Vec<Orphan>, ReadError> {
    let lists = cloud.lists(region, Instant::now()).await?;
    let claims = Claims::of(index, &identity.cluster_id);
    let eips = lists.eips.values();
    let eips = eips.filter(|eip| !claims.ids.contains(&eip.id));
    let mut orphans: Vec<Orphan> = eips
        .filter_map(|eip| {
            let proof = proof_of_eip(eip, &claims, identity)?;
            Some(orphan_eip(eip, region, proof, retained))
        })
        .collect();
    let load_balancers = lists.load_balancers.values();
    let load_balancers = load_balancers.filter(|lb| !claims.ids.contains(&lb.id));
    orphans.extend(load_balancers.filter_map(|lb| {
        let proof = proof_of_load_balancer(lb, &lists, &claims, identity)?;
        Some(orphan_load_balancer(lb, region, proof, retained))
    }));
    Ok(orphans)
}

/// `None` for what is not this cluster's.
fn proof_of_eip(eip: &Eip, claims: &Claims, identity: &Identity) -> Option<Proof> {
    let uid = eip.tag(tags::CLUSTER_UID);
    let is_tagged = uid == Some(&identity.cluster_uid);
    let is_others = uid.is_some() && !is_tagged;
    let is_named = naming::is_managed_name(&eip.name, &identity.cluster_id);
    if is_others || !(is_tagged || is_named) {
        return None;
    }
    Some(claims.proof(&eip.name, is_tagged))
}

fn proof_of_load_balancer(
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

fn orphan_eip(eip: &Eip, region: &str, proof: Proof, retained: &BTreeSet<String>) -> Orphan {
    Orphan {
        kind: Kind::Eip,
        id: eip.id.clone(),
        region: region.to_owned(),
        name: eip.name.clone(),
        address: eip.address.clone(),
        proof,
        retained: retained.contains(&eip.id),
        created_at: eip.created_at,
        bound_to: eip.bound_to.clone(),
    }
}

fn orphan_load_balancer(
    lb: &LoadBalancer,
    region: &str,
    proof: Proof,
    retained: &BTreeSet<String>,
) -> Orphan {
    Orphan {
        kind: Kind::LoadBalancer,
        id: lb.id.clone(),
        region: region.to_owned(),
        name: lb.name.clone(),
        address: lb.address.clone(),
        proof,
        retained: retained.contains(&lb.id),
        created_at: lb.created_at,
        bound_to: None,
    }
}

/// The ids that events name as left standing on purpose.
///
/// # Errors
/// When events cannot be listed within half a minute.
pub async fn retained(client: Client) -> Result<BTreeSet<String>, RetainedError> {
    let api: Api<Event> = Api::all(client);
    let reason = Reason::Retained.as_str();
    let params = ListParams::default().fields(&format!("reason={reason}"));
    let events = timeout(deadline::AT_START, api.list(&params)).await;
    let events = events.map_err(|_| RetainedError::Deadline)?;
    let events = events.map_err(|source| RetainedError::List(Box::new(source)))?;
    let notes = events
        .items
        .iter()
        .filter(|event| event.reason.as_deref() == Some(reason))
        .filter_map(|event| event.note.as_deref());
    let words = notes.flat_map(|note| note.split([' ', ',']));
    let ids = words.filter(|word| word.starts_with("lb-") || word.starts_with("eip-"));
    Ok(ids.map(str::to_owned).collect())
}

/// Why events could not be read.
#[derive(Debug, Error)]
pub enum RetainedError {
    /// They could not be listed.
    #[error("listing events")]
    List(#[source] Box<kube::Error>),
    /// The API server did not answer.
    #[error("no answer to the list of events within {} s", deadline::AT_START.as_secs())]
    Deadline,
}

/// Why a resource is not released.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// It could not be read back.
    #[error("reading {id} back")]
    Read {
        /// Which.
        id: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// It is not what was listed any more.
    #[error("{id} is called {now:?} now, not {listed:?}: nothing was done")]
    Renamed {
        /// Which.
        id: String,
        /// How it was called in the list.
        listed: String,
        /// How it is called now.
        now: String,
    },
    /// Traffic may go through it.
    #[error("{id} is bound to {to}, which is not to be released: nothing was done")]
    Bound {
        /// Which.
        id: String,
        /// What it is bound to.
        to: String,
    },
    /// An EIP leads to it.
    #[error("{eip} is bound to {id}: name that one as well, or unbind it; nothing was done")]
    Leads {
        /// Which load balancer.
        id: String,
        /// Which EIP.
        eip: String,
    },
    /// The cloud refused.
    #[error("could not {step}")]
    Step {
        /// What was to be done.
        step: String,
        /// Why it was not.
        #[source]
        source: StepError,
    },
    /// It is still there.
    #[error("{0} is still there: look again later")]
    StillThere(String),
}

/// Releases orphans that a person chose, EIPs first, and says of each what became of it. Each is
/// read back by its id before: it has to bear the name that was listed, and what is bound to
/// something that stays is left alone. Waits until the cloud shows each of them gone.
pub async fn release(
    cloud: &Regions,
    executor: &Executor,
    chosen: &[Orphan],
) -> Vec<(String, Result<(), ReleaseError>)> {
    let mut sorted: Vec<&Orphan> = chosen.iter().collect();
    sorted.sort_by_key(|orphan| (orphan.kind, &orphan.id));
    let ids: BTreeSet<&str> = chosen.iter().map(|orphan| orphan.id.as_str()).collect();
    let mut results = Vec::with_capacity(sorted.len());
    for orphan in sorted {
        let result = match orphan.kind {
            Kind::Eip => release_eip(cloud, executor, orphan, &ids).await,
            Kind::LoadBalancer => release_load_balancer(cloud, executor, orphan).await,
        };
        results.push((orphan.id.clone(), result));
    }
    results
}

async fn release_eip(
    cloud: &Regions,
    executor: &Executor,
    orphan: &Orphan,
    chosen: &BTreeSet<&str>,
) -> Result<(), ReleaseError> {
    let id = &orphan.id;
    for _ in 0..LOOKS {
        let read = cloud.called_by(&caller()).eip(id).await;
        let Some(eip) = read.map_err(|source| unread(id, source))? else {
            return Ok(());
        };
        check_name(orphan, &eip.name)?;
        if let Some(to) = eip.bound_to.filter(|to| !chosen.contains(to.as_str())) {
            let id = id.clone();
            return Err(ReleaseError::Bound { id, to });
        }
        match eip.status {
            EipStatus::InUse => run(executor, Step::UnbindEip { id: id.clone() }).await?,
            EipStatus::Available => run(executor, Step::ReleaseEip { id: id.clone() }).await?,
            EipStatus::Changing(_) => {}
        }
        sleep(LOOK).await;
    }
    Err(ReleaseError::StillThere(id.clone()))
}

async fn release_load_balancer(
    cloud: &Regions,
    executor: &Executor,
    orphan: &Orphan,
) -> Result<(), ReleaseError> {
    let id = &orphan.id;
    for _ in 0..LOOKS {
        let read = cloud.called_by(&caller()).load_balancer(id).await;
        let Some(found) = read.map_err(|source| unread(id, source))? else {
            return Ok(());
        };
        check_name(orphan, &found.name)?;
        let lists = cloud.lists(&orphan.region, Instant::now()).await;
        let lists = lists.map_err(|source| unread(id, source))?;
        let mut eips = lists.eips.values();
        if let Some(eip) = eips.find(|eip| eip.bound_to.as_ref() == Some(id)) {
            return Err(ReleaseError::Leads {
                id: id.clone(),
                eip: eip.id.clone(),
            });
        }
        let step = Step::ReleaseLoadBalancer {
            id: id.clone(),
            is_active: found.status == LoadBalancerStatus::Active,
        };
        run(executor, step).await?;
        sleep(LOOK).await;
    }
    Err(ReleaseError::StillThere(id.clone()))
}

/// A person waits, and the controllers have more to do.
fn caller() -> Caller {
    Caller::new(Priority::Normal, "gc")
}

fn unread(id: &str, source: ReadError) -> ReleaseError {
    let id = id.to_owned();
    ReleaseError::Read { id, source }
}

fn check_name(orphan: &Orphan, now: &str) -> Result<(), ReleaseError> {
    if orphan.name == now {
        return Ok(());
    }
    Err(ReleaseError::Renamed {
        id: orphan.id.clone(),
        listed: orphan.name.clone(),
        now: now.to_owned(),
    })
}

/// One step. A busy answer is part of the way: the next look goes on.
async fn run(executor: &Executor, step: Step) -> Result<(), ReleaseError> {
    let (sender, mut done) = mpsc::unbounded_channel();
    let lanes = vec![Lane(vec![step])];
    executor.run(lanes, &caller(), sender).await;
    while let Some(done) = done.recv().await {
        match done.result {
            Ok(_) => {}
            Err(StepError::Cloud(error)) if error.class() == ens_openapi::ErrorClass::Busy => {}
            Err(source) => {
                let step = done.step.to_string();
                return Err(ReleaseError::Step { step, source });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use ecm_policy::observed::LoadBalancerStatus;

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
        let proof = |eip: &Eip| proof_of_eip(eip, &Claims::default(), &identity());
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
            proof_of_load_balancer(&lb, &lists(eip), &Claims::default(), &identity())
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
        let proof = proof_of_eip(&eip(NAME, Some("uid-1"), None), &claims, &identity());
        let claim = Proof::Intent { pool_service: key };
        assert_eq!(proof, Some(claim.clone()), "tags or not");
        let lb = load_balancer(NAME);
        let proof = proof_of_load_balancer(&lb, &lists(None), &claims, &identity());
        assert_eq!(proof, Some(claim));
    }
}
