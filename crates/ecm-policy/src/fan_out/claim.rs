//! Whose a PoolService is.

use poolservice_api::keys::{MANAGED_BY, MANAGED_BY_FAN_OUT, POOL_NAME, SERVICE_NAME};

use super::owners;
use super::view::{PoolService, View};

/// Whose a PoolService is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It belongs to the Service of the view.
    Ours,
    /// It belongs to the Service of that name.
    Other(String),
    /// No fan-out manages it.
    Nobody,
}

/// Whose a PoolService of the view is.
///
/// The UID of an owner is proof, because nobody sets it by mistake: so a PoolService whose labels
/// were edited is still known. Without an owner that lives (a Service made again has a new UID),
/// the labels say it where they agree with the name, which cannot be edited; where they do not,
/// the name decides.
pub fn claim(ps: &PoolService, view: &View) -> Claim {
    let owner = |uid: &str| owners::services(&ps.owners).any(|owner| owner.uid == uid);
    if view.service.as_ref().is_some_and(|s| owner(&s.uid)) {
        return Claim::Ours;
    }
    if let Some((name, _)) = view.other_services.iter().find(|(_, uid)| owner(uid)) {
        return Claim::Other(name.clone());
    }
    let label = |key: &str| ps.labels.get(key).map(String::as_str).unwrap_or_default();
    if label(MANAGED_BY) != MANAGED_BY_FAN_OUT {
        return Claim::Nobody;
    }
    let named = label(SERVICE_NAME);
    let is_consistent = ps.name == format!("{named}-{}", label(POOL_NAME));
    if is_consistent && named == view.key.name {
        return Claim::Ours;
    }
    if is_consistent && view.other_services.contains_key(named) {
        return Claim::Other(named.to_owned());
    }
    let is_ours_by_name = ps
        .name
        .strip_prefix(&view.key.name)
        .is_some_and(|rest| rest.starts_with('-'));
    if is_ours_by_name {
        Claim::Ours
    } else {
        Claim::Nobody
    }
}
