//! The objects of a real cluster, kept in step by watches: what plays nodes and pods looks at them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use kube_sim::{Changes, ClusterObjects, Counter};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Group, version, kind and plural of what is watched.
const KINDS: [(&str, &str, &str, &str); 4] = [
    ("", "v1", "Node", "nodes"),
    ("", "v1", "Service", "services"),
    ("", "v1", "Pod", "pods"),
    ("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
];

/// By namespace and name.
type Objects = BTreeMap<(String, String), Arc<Value>>;

/// By plural.
type Store = BTreeMap<&'static str, Objects>;

/// Nodes, Services, Pods and EndpointSlices.
#[derive(Clone)]
pub(crate) struct Mirror {
    store: Arc<Mutex<Store>>,
    changes: Counter,
}

impl Mirror {
    /// Watches until `stop`.
    pub(crate) fn start(client: &Client, tasks: &TaskTracker, stop: &CancellationToken) -> Self {
        let mirror = Self {
            store: Arc::default(),
            changes: Counter::default(),
        };
        for (group, version, kind, plural) in KINDS {
            let gvk = GroupVersionKind::gvk(group, version, kind);
            let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            let (mirror, stop) = (mirror.clone(), stop.clone());
            tasks.spawn(async move {
                let watch = watcher(api, watcher::Config::default()).default_backoff();
                let mut events = std::pin::pin!(watch.take_until(stop.cancelled_owned()));
                let mut listed = Objects::new();
                while let Some(event) = events.next().await {
                    match event {
                        Ok(event) => mirror.take(plural, event, &mut listed),
                        Err(error) => tracing::debug!(plural, %error, "watching again"),
                    }
                }
            });
        }
        mirror
    }

    /// `listed` gathers a list, which replaces what is there only when it is whole.
    fn take(
        &self,
        plural: &'static str,
        event: watcher::Event<DynamicObject>,
        listed: &mut Objects,
    ) {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = store.entry(plural).or_default();
        match event {
            watcher::Event::Init => listed.clear(),
            watcher::Event::InitApply(object) => put(listed, object),
            watcher::Event::InitDone => *kept = std::mem::take(listed),
            watcher::Event::Apply(object) => put(kept, object),
            watcher::Event::Delete(object) => {
                kept.remove(&key(&object));
            }
        }
        self.changes.grow();
    }
}

fn put(objects: &mut Objects, object: DynamicObject) {
    let key = key(&object);
    // What came as JSON goes back into it.
    if let Ok(value) = serde_json::to_value(object) {
        objects.insert(key, Arc::new(value));
    }
}

fn key(object: &DynamicObject) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}

impl ClusterObjects for Mirror {
    fn all(&self, _group: &str, plural: &str) -> Vec<Arc<Value>> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = store.get(plural);
        kept.into_iter()
            .flat_map(BTreeMap::values)
            .cloned()
            .collect()
    }

    fn changes(&self) -> Changes {
        self.changes.changes()
    }
}
