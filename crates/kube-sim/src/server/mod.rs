//! The API server without IO: objects, one revision for all writes, a bounded log of changes.

mod delete;
mod managed_fields;
mod patch;
mod read;
mod strategic;
mod watch;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::access::Tokens;
use crate::admission::{self, Allocated};
use crate::clock::Clock;
use crate::counter::{Changes, Counter};
use crate::crd;
use crate::object;
use crate::resource::{Registry, Resource, StorageKey};
use crate::status::Status;

pub use delete::{DeleteOptions, Propagation};
pub(crate) use delete::{Deleted, FOREGROUND, ORPHAN};
pub use patch::Patch;
pub use read::{List, ListOptions};
pub use watch::{Watch, WatchEvent, WatchOptions};
pub use write::{FieldValidation, WriteOptions, Written};

/// How many changes are kept for watches that resume, unless told otherwise.
const DEFAULT_LOG_CAPACITY: usize = 20_000;

/// A Kubernetes API server in memory. Clones share one state.
///
/// It does no IO and reads no clock but the one it is given; the same seed, clock and calls give the same answers.
#[derive(Clone)]
pub struct ApiServer {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    clock: Clock,
    /// The newest revision; watches wait on it.
    revision: Counter,
}

/// A collection: a resource, in one namespace or in all.
#[derive(Debug, Clone)]
pub struct Target {
    /// The resource, as served in one version.
    pub resource: Arc<Resource>,
    /// The namespace; none for cluster-scoped resources and for requests across all namespaces.
    pub namespace: Option<String>,
}

/// Namespace (empty for cluster-scoped objects) and name.
pub(crate) type ObjectKey = (String, String);

/// One committed change.
pub(crate) struct LogEntry {
    pub(crate) revision: u64,
    pub(crate) storage: StorageKey,
    /// What was stored before.
    pub(crate) before: Option<Arc<Value>>,
    /// What is stored now, or how the object looked at its end.
    pub(crate) current: Arc<Value>,
    pub(crate) removed: bool,
}

/// What a commit does.
enum Change {
    Store(Value),
    /// Removes the object, which looks like this at its end.
    Remove(Value),
}

pub(crate) struct State {
    pub(crate) registry: Arc<Registry>,
    objects: BTreeMap<StorageKey, BTreeMap<ObjectKey, Arc<Value>>>,
    revision: u64,
    log: VecDeque<LogEntry>,
    log_capacity: usize,
    /// Changes up to this revision are no longer in the log.
    compacted: u64,
    pub(crate) tokens: Tokens,
    /// What Services hold.
    pub(crate) allocated: Allocated,
    pub(crate) rng: fastrand::Rng,
}

impl ApiServer {
    /// An empty cluster with the namespaces and the `kubernetes` Service that a real one starts with.
    ///
    /// `seed` decides every uid, generated name and allocated address.
    pub fn new(seed: u64, clock: Clock) -> Self {
        let state = State {
            registry: Arc::new(Registry::builtin()),
            objects: BTreeMap::new(),
            revision: 1,
            log: VecDeque::new(),
            log_capacity: DEFAULT_LOG_CAPACITY,
            compacted: 1,
            tokens: Tokens::default(),
            allocated: Allocated::default(),
            rng: fastrand::Rng::with_seed(seed),
        };
        let server = Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                clock,
                revision: Counter::default(),
            }),
        };
        for object in admission::bootstrap_objects() {
            if let Err(status) = server.create_object(object) {
                tracing::error!(%status, "bootstrap object refused");
            }
        }
        // What a real server keeps for watches begins with what it finds when it starts.
        server.compact();
        server
    }

    /// The newest revision.
    pub fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// Forgets the changes up to now, so that watches from older revisions answer 410 Expired.
    pub fn compact(&self) {
        let mut state = self.lock();
        state.log.clear();
        state.compacted = state.revision;
    }

    /// The served resource with this `apiVersion` and `kind`.
    ///
    /// # Errors
    /// 404 where none is served.
    pub fn resource_of(&self, api_version: &str, kind: &str) -> Result<Arc<Resource>, Status> {
        self.lock()
            .registry
            .find_kind(api_version, kind)
            .cloned()
            .ok_or_else(Status::no_such_resource)
    }

    /// Creates an object in the collection that its own `apiVersion`, `kind` and namespace name.
    ///
    /// # Errors
    /// As a POST.
    pub fn create_object(&self, object: Value) -> Result<Value, Status> {
        let target = self.target_of(&object)?;
        Ok(self
            .create(&target, object, &WriteOptions::default())?
            .object)
    }

    /// The collection that the object's own `apiVersion`, `kind` and namespace name.
    ///
    /// # Errors
    /// 404 where the kind is not served.
    pub fn target_of(&self, object: &Value) -> Result<Target, Status> {
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        let resource = self.resource_of(text("apiVersion"), text("kind"))?;
        let namespace = match object::namespace(object) {
            _ if !resource.namespaced => None,
            "" => Some("default".to_owned()),
            namespace => Some(namespace.to_owned()),
        };
        Ok(Target {
            resource,
            namespace,
        })
    }

    /// The newest revision as it grows: to wait for changes of any kind.
    pub fn changes(&self) -> Changes {
        self.shared.revision.changes()
    }

    pub(crate) fn registry(&self) -> Arc<Registry> {
        Arc::clone(&self.lock().registry)
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves a state in which every commit is whole: go on with it.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a write and wakes the watches.
    fn write<T>(
        &self,
        body: impl FnOnce(&mut State, Timestamp) -> Result<T, Status>,
    ) -> Result<T, Status> {
        let now = self.now();
        let mut state = self.lock();
        let result = body(&mut state, now);
        let revision = state.revision;
        drop(state);
        self.shared.revision.reach(revision);
        result
    }
}

impl Target {
    pub(crate) fn key(&self, name: &str) -> ObjectKey {
        (self.namespace.clone().unwrap_or_default(), name.to_owned())
    }
}

impl State {
    pub(crate) fn get(&self, storage: &StorageKey, key: &ObjectKey) -> Option<&Arc<Value>> {
        self.objects.get(storage)?.get(key)
    }

    /// All objects of a built-in kind, by namespace and name.
    pub(crate) fn all(&self, group: &str, plural: &str) -> impl Iterator<Item = &Arc<Value>> {
        let storage = StorageKey {
            group: group.to_owned(),
            plural: plural.to_owned(),
        };
        self.objects
            .get(&storage)
            .into_iter()
            .flat_map(BTreeMap::values)
    }

    pub(crate) fn namespace(&self, name: &str) -> Option<&Arc<Value>> {
        let storage = StorageKey {
            group: String::new(),
            plural: "namespaces".to_owned(),
        };
        self.get(&storage, &(String::new(), name.to_owned()))
    }

    /// A random (version 4) UUID.
    pub(crate) fn new_uid(&mut self) -> String {
        let bits = self.rng.u128(..);
        let bits = (bits & !(0xf000 << 64) & !(0xc000 << 48)) | (0x4000 << 64) | (0x8000 << 48);
        let hex = format!("{bits:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!(
            "{}-{}-{}-{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 16),
            part(16, 20),
            part(20, 32)
        )
    }

    /// Five characters as generated names end in: no vowels, so no words.
    pub(crate) fn name_suffix(&mut self) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..5)
            .filter_map(|_| self.rng.choice(ALPHABET))
            .map(|byte| char::from(*byte))
            .collect()
    }

    /// Stores or removes an object under a new revision and logs the change.
    fn commit(&mut self, resource: &Resource, key: &ObjectKey, change: Change) -> Arc<Value> {
        self.revision += 1;
        let (removed, mut object) = match change {
            Change::Store(object) => (false, object),
            // What a watch sees deleted carries the revision of the deletion.
            Change::Remove(object) => (true, object),
        };
        let revision = json!(self.revision.to_string());
        object::metadata_mut(&mut object).insert("resourceVersion".to_owned(), revision);
        let current = Arc::new(object);
        let collection = self.objects.entry(resource.storage.clone()).or_default();
        let before = if removed {
            collection.remove(key)
        } else {
            collection.insert(key.clone(), Arc::clone(&current))
        };
        if resource.is("", "Service") {
            let after = (!removed).then_some(&*current);
            self.allocated.change(key, before.as_deref(), after);
        }
        self.log.push_back(LogEntry {
            revision: self.revision,
            storage: resource.storage.clone(),
            before,
            current: Arc::clone(&current),
            removed,
        });
        while self.log.len() > self.log_capacity {
            if let Some(oldest) = self.log.pop_front() {
                self.compacted = oldest.revision;
            }
        }
        crd::after_commit(self, resource, &current);
        current
    }

    /// The collection as it was at `revision`, undone from the log.
    fn snapshot(&self, storage: &StorageKey, revision: u64) -> BTreeMap<ObjectKey, Arc<Value>> {
        let mut objects = self.objects.get(storage).cloned().unwrap_or_default();
        for entry in self.log.iter().rev().take_while(|e| e.revision > revision) {
            if entry.storage != *storage {
                continue;
            }
            let key = (
                object::namespace(&entry.current).to_owned(),
                object::name(&entry.current).to_owned(),
            );
            match &entry.before {
                Some(before) => objects.insert(key, Arc::clone(before)),
                None => objects.remove(&key),
            };
        }
        objects
    }
}
