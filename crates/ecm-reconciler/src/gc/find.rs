//! Finding what no ledger has.

use std::collections::BTreeSet;

use ecm_policy::observed::{Eip, LoadBalancer};
use ecm_policy::snapshot::Identity;
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client};
use poolservice_api::{Reason, keys};
use thiserror::Error;
use tokio::time::{Instant, timeout};

use super::proof::{self, Claims, Proof};
use super::{Kind, Orphan};
use crate::deadline;
use crate::index::Index;
use crate::region::{ReadError, Regions};

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
            let proof = proof::of_eip(eip, &claims, identity)?;
            Some(orphan_eip(eip, region, proof, retained))
        })
        .collect();
    let load_balancers = lists.load_balancers.values();
    let load_balancers = load_balancers.filter(|lb| !claims.ids.contains(&lb.id));
    orphans.extend(load_balancers.filter_map(|lb| {
        let proof = proof::of_load_balancer(lb, &lists, &claims, identity)?;
        Some(orphan_load_balancer(lb, region, proof, retained))
    }));
    Ok(orphans)
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
