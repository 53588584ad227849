//! The owner references of a PoolService.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use poolservice_api::NodePool;

use super::view::{Pool, Service};

/// The owners that are Services.
pub(super) fn services(owners: &[OwnerReference]) -> impl Iterator<Item = &OwnerReference> {
    owners.iter().filter(|owner| is_service(owner))
}

/// Whether a Service of this name is among the owners.
pub(super) fn names_service(owners: &[OwnerReference], name: &str) -> bool {
    services(owners).any(|owner| owner.name == name)
}

/// The owners of a new PoolService: the Service, then the NodePool.
///
/// Kubernetes collects an object only when all its owners are gone, so that neither deletes it by
/// itself; the fan-out does.
pub(super) fn wanted(
    service: &Service,
    pool: &Pool,
    pool_api_version: &str,
) -> Vec<OwnerReference> {
    vec![
        OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Service".to_owned(),
            name: service.key.name.clone(),
            uid: service.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        },
        OwnerReference {
            api_version: pool_api_version.to_owned(),
            kind: NodePool::KIND.to_owned(),
            name: pool.name.clone(),
            uid: pool.uid.clone(),
            controller: None,
            block_owner_deletion: Some(true),
        },
    ]
}

/// All owners that a PoolService should have, or `None` when those that it has will do.
///
/// Ours are compared by UID and flags. The API version is not: another program may have written
/// the same owner at another version. Owners of other kinds stay, but only one owner may be the
/// controller (k8s.io/apimachinery, pkg/api/validation, `ValidateOwnerReferences`).
pub(super) fn repaired(
    current: &[OwnerReference],
    service: &Service,
    pool: &Pool,
    pool_api_version: &str,
) -> Option<Vec<OwnerReference>> {
    let wanted = wanted(service, pool, pool_api_version);
    let (ours, others): (Vec<_>, Vec<_>) = current
        .iter()
        .partition(|owner| is_service(owner) || is_pool(owner));
    let is_right = ours.len() == wanted.len()
        && wanted.iter().all(|w| ours.iter().any(|o| is_same(o, w)))
        && others.iter().all(|owner| owner.controller != Some(true));
    if is_right {
        return None;
    }
    let others = others.into_iter().map(|owner| OwnerReference {
        controller: owner.controller.map(|_| false),
        ..owner.clone()
    });
    Some(wanted.into_iter().chain(others).collect())
}

fn is_same(a: &OwnerReference, b: &OwnerReference) -> bool {
    a.uid == b.uid
        && a.controller.unwrap_or(false) == b.controller.unwrap_or(false)
        && a.block_owner_deletion.unwrap_or(false) == b.block_owner_deletion.unwrap_or(false)
}

fn is_service(owner: &OwnerReference) -> bool {
    owner.kind == "Service" && owner.api_version == "v1"
}

fn is_pool(owner: &OwnerReference) -> bool {
    let group = owner.api_version.split('/').next();
    owner.kind == NodePool::KIND && group == Some(NodePool::GROUP)
}
