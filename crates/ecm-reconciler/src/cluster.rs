//! A cluster at one moment: every kind that the controllers watch, listed once.

use std::fmt::Debug;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use poolservice_api::{NodePool, NodePoolVersion, PoolService};
use serde::de::DeserializeOwned;
use thiserror::Error;
use tokio::time::timeout;

use crate::deadline;
use crate::index::Index;
use crate::objects;
use crate::watch::{self, DiscoveryError};

/// Objects per page of a list.
const PAGE: u32 = 250;

/// Why a cluster could not be read.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// It lacks what the controllers watch.
    #[error("the cluster cannot be served")]
    Discovery(#[from] DiscoveryError),
    /// A kind could not be listed.
    #[error("listing {kind}")]
    List {
        /// Which kind, in the plural.
        kind: &'static str,
        /// Why.
        #[source]
        source: Box<kube::Error>,
    },
    /// The API server did not answer.
    #[error("no answer to the list of {kind} within {} s", deadline::AT_START.as_secs())]
    Deadline {
        /// Which kind, in the plural.
        kind: &'static str,
    },
}

/// A cluster as it was read.
#[derive(Debug)]
pub struct Read {
    /// All that the controllers look at.
    pub index: Index,
    /// The version at which it serves NodePools.
    pub node_pools: NodePoolVersion,
}

/// Reads a cluster for the controller of a load balancer class.
///
/// # Errors
/// When a kind is not installed or cannot be listed.
pub async fn read(client: &Client, class: &str) -> Result<Read, ClusterError> {
    let node_pools = watch::discover(client).await?;
    let mut index = Index::new(class);
    let services = list(Api::<Service>::all(client.clone()), "Services", |object| {
        objects::Service::from(object)
    });
    index.reset_services(services.await?);
    let pools = Api::<NodePool>::all_with(client.clone(), &node_pools);
    index.reset_pools(list(pools, "NodePools", objects::pool).await?);
    index.reset_pool_services(pool_services(client).await?);
    let nodes = Api::<Node>::all(client.clone());
    index.reset_nodes(list(nodes, "Nodes", objects::node).await?);
    let slices = list(
        Api::<EndpointSlice>::all(client.clone()),
        "EndpointSlices",
        |object| objects::EndpointSlice::from(object),
    );
    index.reset_slices(slices.await?);
    Ok(Read { index, node_pools })
}

/// All PoolServices, as the API server has them now.
pub(crate) async fn pool_services(
    client: &Client,
) -> Result<Vec<objects::PoolService>, ClusterError> {
    list(
        Api::<PoolService>::all(client.clone()),
        "PoolServices",
        |object| objects::PoolService::from(object),
    )
    .await
}

/// All objects of a kind, reduced page by page.
async fn list<K, R>(
    api: Api<K>,
    kind: &'static str,
    reduce: impl Fn(&K) -> R,
) -> Result<Vec<R>, ClusterError>
where
    K: Resource + Clone + DeserializeOwned + Debug,
{
    let mut all = Vec::new();
    let mut params = ListParams::default().limit(PAGE);
    loop {
        let page = timeout(deadline::AT_START, api.list(&params)).await;
        let page = page
            .map_err(|_| ClusterError::Deadline { kind })?
            .map_err(|source| ClusterError::List {
                kind,
                source: Box::new(source),
            })?;
        all.extend(page.items.iter().map(&reduce));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}
