//! Whether the cluster has the kinds that are watched, and at which version.

use kube::Client;
use poolservice_api::{NodePool, NodePoolVersion, PoolService};
use thiserror::Error;
use tokio::time::timeout;

use crate::deadline;

/// Why the cluster cannot be watched.
#[derive(Debug, Error)]
pub enum DiscoveryError {
    /// The API server did not say which resources it has.
    #[error("asking the API server for its resources of {group_version}")]
    Ask {
        /// Group and version that were asked for.
        group_version: String,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server did not answer.
    #[error("no answer about the resources of {group_version} within {} s", deadline::AT_START.as_secs())]
    Deadline {
        /// Group and version that were asked for.
        group_version: String,
    },
    /// OpenYurt's NodePool is not installed.
    #[error(
        "the cluster serves no nodepools.apps.openyurt.io at v1beta2, v1beta1 or v1alpha1: install \
         OpenYurt's yurt-manager, which brings its definition"
    )]
    NoNodePools,
    /// PoolService is not installed.
    #[error(
        "the cluster serves no poolservices.network.openyurt.io at v1alpha1: install the \
         PoolService definition that comes with this program, or OpenYurt's yurt-manager"
    )]
    NoPoolServices,
}

/// The newest version at which the cluster serves NodePools, once it is sure that it serves
/// PoolServices too.
///
/// # Errors
/// When one of the two is not installed, with what to install, or when the API server does not
/// answer.
pub async fn discover(client: &Client) -> Result<NodePoolVersion, DiscoveryError> {
    if !serves(
        client,
        PoolService::GROUP,
        PoolService::VERSION,
        PoolService::PLURAL,
    )
    .await?
    {
        return Err(DiscoveryError::NoPoolServices);
    }
    for version in NodePoolVersion::PREFERRED {
        if serves(client, NodePool::GROUP, version.as_str(), NodePool::PLURAL).await? {
            return Ok(version);
        }
    }
    Err(DiscoveryError::NoNodePools)
}

async fn serves(
    client: &Client,
    group: &str,
    version: &str,
    plural: &str,
) -> Result<bool, DiscoveryError> {
    let group_version = format!("{group}/{version}");
    match timeout(
        deadline::AT_START,
        client.list_api_group_resources(&group_version),
    )
    .await
    {
        Err(_) => Err(DiscoveryError::Deadline { group_version }),
        Ok(Ok(list)) => Ok(list
            .resources
            .iter()
            .any(|resource| resource.name == plural)),
        Ok(Err(kube::Error::Api(status))) if status.is_not_found() => Ok(false),
        Ok(Err(source)) => Err(DiscoveryError::Ask {
            group_version,
            source: Box::new(source),
        }),
    }
}
