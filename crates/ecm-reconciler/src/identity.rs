//! Who this cluster is (behaviour 5.7).

use ecm_policy::naming::{self, NameError};
use ecm_policy::snapshot::Identity;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, Client};
use poolservice_api::keys;
use thiserror::Error;

/// Why the cluster could not be identified.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The API server did not say.
    #[error("reading {what}")]
    Read {
        /// What was read.
        what: String,
        /// Why it failed.
        #[source]
        source: Box<kube::Error>,
    },
    /// The namespace has no UID; no API server answers so.
    #[error("namespace {} has no UID", keys::SYSTEM_NAMESPACE)]
    NoUid,
    /// The id cannot be part of a name.
    #[error("cluster id from {from}")]
    Name {
        /// Where it came from.
        from: String,
        /// What is wrong with it.
        #[source]
        source: NameError,
    },
}

/// Finds out who this cluster is: `cluster_id` where somebody gave one, else what ACK writes into
/// ConfigMap `kube-system/ack-cluster-profile`, else the UID of namespace `kube-system`.
///
/// # Errors
/// When the API server cannot be read, or the id cannot be part of a name.
pub async fn discover(
    client: Client,
    load_balancer_class: impl Into<String>,
    cluster_id: Option<String>,
) -> Result<Identity, IdentityError> {
    let namespace = Api::<Namespace>::all(client.clone())
        .get(keys::SYSTEM_NAMESPACE)
        .await
        .map_err(|source| IdentityError::Read {
            what: format!("namespace {}", keys::SYSTEM_NAMESPACE),
            source: Box::new(source),
        })?;
    let cluster_uid = namespace.metadata.uid.ok_or(IdentityError::NoUid)?;
    let (cluster_id, from) = match cluster_id {
        Some(id) => (id, "--cluster-id".to_owned()),
        None => match profile(client).await? {
            Some(id) => (id, format!("ConfigMap {}", keys::CLUSTER_PROFILE)),
            None => (cluster_uid.clone(), "the cluster's UID".to_owned()),
        },
    };
    naming::check_cluster_id(&cluster_id).map_err(|source| IdentityError::Name { from, source })?;
    Ok(Identity {
        load_balancer_class: load_balancer_class.into(),
        cluster_id,
        cluster_uid,
    })
}

/// The id that ACK gave the cluster.
async fn profile(client: Client) -> Result<Option<String>, IdentityError> {
    let api: Api<ConfigMap> = Api::namespaced(client, keys::SYSTEM_NAMESPACE);
    let map = api
        .get_opt(keys::CLUSTER_PROFILE)
        .await
        .map_err(|source| IdentityError::Read {
            what: format!(
                "ConfigMap {}/{}",
                keys::SYSTEM_NAMESPACE,
                keys::CLUSTER_PROFILE
            ),
            source: Box::new(source),
        })?;
    Ok(map
        .and_then(|map| map.data?.remove(keys::CLUSTER_PROFILE_ID))
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty()))
}
