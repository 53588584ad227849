//! Watches: one per kind, from the API server into the index.
//!
//! Nothing is decided before every kind has been listed once (behaviour 7.8):
//! [`run`] tells when. A watch that breaks is begun anew with backoff, and what
//! changed or vanished meanwhile is found by comparing (behaviour 7.4).

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, ExponentialBackoff};
use kube::{Api, Client, Resource};
use poolservice_api::{NodePool, NodePoolVersion, PoolService};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::index::{Affected, Index};
use crate::objects;

mod discovery;

pub use discovery::{DiscoveryError, discover};

/// How long one watch call lasts, in seconds. A connection that died without a word is noticed
/// five seconds later (kube-runtime 5, watcher); the default of 290 s is long for an edge network.
const WATCH_TIMEOUT: u32 = 60;

/// Objects per page of a list. Only one page of whole objects is in memory at a time.
const PAGE: u32 = 250;

/// Watches every kind until `stop` is cancelled. `synced` becomes true when every kind has been
/// listed once. `affected` hears of every change, also before that; it must not block.
pub async fn run(
    client: Client,
    node_pools: NodePoolVersion,
    index: Arc<Mutex<Index>>,
    synced: tokio::sync::watch::Sender<bool>,
    affected: impl Fn(Affected) + Send + Sync,
    stop: CancellationToken,
) {
    let sink = Sink {
        index: &index,
        synced: &synced,
        affected: &affected,
    };
    let all = async {
        tokio::join!(
            watch(Api::<Service>::all(client.clone()), &SERVICES, &sink),
            watch(
                Api::<PoolService>::all(client.clone()),
                &POOL_SERVICES,
                &sink
            ),
            watch(
                Api::<NodePool>::all_with(client.clone(), &node_pools),
                &POOLS,
                &sink
            ),
            watch(Api::<Node>::all(client.clone()), &NODES, &sink),
            watch(Api::<EndpointSlice>::all(client.clone()), &SLICES, &sink),
        )
    };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        _ = all => {}
    }
}

/// What to do with the objects of one kind: `K` is the object, `R` what is kept of it.
struct Kind<K, R> {
    name: &'static str,
    reduce: fn(&K) -> R,
    apply: fn(&mut Index, R) -> Affected,
    delete: fn(&mut Index, &K) -> Affected,
    reset: fn(&mut Index, Vec<R>) -> Affected,
}

const SERVICES: Kind<Service, objects::Service> = Kind {
    name: "Service",
    reduce: |object| objects::Service::from(object),
    apply: Index::apply_service,
    delete: |index, object| index.delete_service(&objects::key(&object.metadata)),
    reset: Index::reset_services,
};

const POOL_SERVICES: Kind<PoolService, objects::PoolService> = Kind {
    name: "PoolService",
    reduce: |object| objects::PoolService::from(object),
    apply: Index::apply_pool_service,
    delete: |index, object| index.delete_pool_service(&objects::key(&object.metadata)),
    reset: Index::reset_pool_services,
};

const POOLS: Kind<NodePool, ecm_policy::snapshot::Pool> = Kind {
    name: "NodePool",
    reduce: objects::pool,
    apply: Index::apply_pool,
    delete: |index, object| index.delete_pool(&objects::key(&object.metadata).name),
    reset: Index::reset_pools,
};

const NODES: Kind<Node, ecm_policy::snapshot::Node> = Kind {
    name: "Node",
    reduce: objects::node,
    apply: Index::apply_node,
    delete: |index, object| index.delete_node(&objects::key(&object.metadata).name),
    reset: Index::reset_nodes,
};

const SLICES: Kind<EndpointSlice, objects::EndpointSlice> = Kind {
    name: "EndpointSlice",
    reduce: |object| objects::EndpointSlice::from(object),
    apply: Index::apply_slice,
    delete: |index, object| index.delete_slice(&objects::key(&object.metadata)),
    reset: Index::reset_slices,
};

/// Where changes go.
struct Sink<'a, A> {
    index: &'a Mutex<Index>,
    synced: &'a tokio::sync::watch::Sender<bool>,
    affected: &'a A,
}

impl<A: Fn(Affected)> Sink<'_, A> {
    fn change(&self, change: impl FnOnce(&mut Index) -> Affected) {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        let affected = change(&mut index);
        let all_synced = index.all_synced();
        drop(index);
        self.synced
            .send_if_modified(|synced| std::mem::replace(synced, all_synced) != all_synced);
        if !affected.is_empty() {
            (self.affected)(affected);
        }
    }
}

async fn watch<K, R, A>(api: Api<K>, kind: &Kind<K, R>, sink: &Sink<'_, A>)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    A: Fn(Affected),
{
    loop {
        watch_until_expired(api.clone(), kind, sink).await;
        tokio::time::sleep(FIRST_DELAY).await;
    }
}

/// Watches until the server has forgotten the version that was seen last and says so with the
/// HTTP status. kube-runtime 5 would ask for that version again for ever (its state after a watch
/// that did not start is kept); a new watcher lists anew. An ERROR event of that code, which is
/// what a kube-apiserver sends, it handles itself.
async fn watch_until_expired<K, R, A>(api: Api<K>, kind: &Kind<K, R>, sink: &Sink<'_, A>)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    A: Fn(Affected),
{
    let config = watcher::Config::default()
        .timeout(WATCH_TIMEOUT)
        .page_size(PAGE);
    let stream = watcher::watcher(api, config)
        .inspect_err(|error| tracing::warn!(kind = kind.name, %error, "watch failed, trying again"))
        .backoff(backoff());
    let mut stream = std::pin::pin!(stream);
    let mut listed = Vec::new();
    while let Some(event) = stream.next().await {
        let event = match event {
            Ok(event) => event,
            Err(error) if is_expired(&error) => return,
            Err(_) => continue,
        };
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => listed.push((kind.reduce)(&object)),
            Event::InitDone => {
                let all = std::mem::take(&mut listed);
                tracing::debug!(kind = kind.name, objects = all.len(), "listed");
                sink.change(|index| (kind.reset)(index, all));
            }
            Event::Apply(object) => {
                let kept = (kind.reduce)(&object);
                sink.change(|index| (kind.apply)(index, kept));
            }
            Event::Delete(object) => sink.change(|index| (kind.delete)(index, &object)),
        }
    }
}

fn is_expired(error: &watcher::Error) -> bool {
    const GONE: u16 = 410;
    matches!(
        error,
        watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == GONE
    )
}

/// The delay after a first failure.
const FIRST_DELAY: Duration = Duration::from_millis(800);

/// From 0.8 s to 30 s, as client-go has it. Without jitter, which would be randomness from
/// outside: the five watches of a replica do not make a herd.
fn backoff() -> ExponentialBackoff {
    backon::ExponentialBuilder::default()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(Duration::from_secs(30))
        .with_factor(2.0)
        .without_max_times()
        .into()
}

#[cfg(test)]
mod tests;
