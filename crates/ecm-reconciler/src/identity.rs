//! Who this cluster is (behaviour 5.7).

use ecm_policy::naming::{self, NameError};
use ecm_policy::snapshot::Identity;
use ens_openapi::sts::GetCallerIdentity;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, Client};
use poolservice_api::keys;
use thiserror::Error;
use tokio::time::timeout;

use crate::deadline;

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
    /// The API server did not answer.
    #[error("no answer about {what} within {} s", deadline::AT_START.as_secs())]
    Deadline {
        /// What was asked for.
        what: String,
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
    let namespaces = Api::<Namespace>::all(client.clone());
    let namespace = read(
        || format!("namespace {}", keys::SYSTEM_NAMESPACE),
        namespaces.get(keys::SYSTEM_NAMESPACE),
    )
    .await?;
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
        cloud_account: None,
    })
}

/// Asks STS whose the credentials of the cloud are, for [`Identity::cloud_account`]: resources of another account look
/// like resources that are gone (behaviour 5.7).
///
/// # Errors
/// When STS does not answer. Without an account everything works but this check.
pub async fn cloud_account(sts: &ens_openapi::Client) -> Result<String, ens_openapi::Error> {
    let who = sts.send(&GetCallerIdentity {}).await?;
    Ok(who.account_id)
}

/// Asks, for no longer than [`deadline::AT_START`].
async fn read<T>(
    what: impl Fn() -> String,
    question: impl Future<Output = kube::Result<T>>,
) -> Result<T, IdentityError> {
    match timeout(deadline::AT_START, question).await {
        Err(_) => Err(IdentityError::Deadline { what: what() }),
        Ok(answer) => answer.map_err(|source| IdentityError::Read {
            what: what(),
            source: Box::new(source),
        }),
    }
}

/// The id that ACK gave the cluster.
async fn profile(client: Client) -> Result<Option<String>, IdentityError> {
    let api: Api<ConfigMap> = Api::namespaced(client, keys::SYSTEM_NAMESPACE);
    let name = || {
        format!(
            "ConfigMap {}/{}",
            keys::SYSTEM_NAMESPACE,
            keys::CLUSTER_PROFILE
        )
    };
    let map = read(name, api.get_opt(keys::CLUSTER_PROFILE)).await?;
    Ok(map
        .and_then(|map| map.data?.remove(keys::CLUSTER_PROFILE_ID))
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::{self, Answer};

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_never_answers_is_named_after_half_a_minute() {
        let (client, _) = scripted::client(|_| Answer::Silence);
        let error = discover(client, "class", None).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "no answer about namespace kube-system within 30 s"
        );
    }
}
