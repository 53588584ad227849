//! A cluster to embed: the API server with its faces and controllers, started and stopped as one.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::api::ApiService;
use crate::clock::Clock;
use crate::faults::Faults;
use crate::http_face::{self, ServeError};
use crate::node_ports::{NoAddressBlock, NodePorts};
use crate::object;
use crate::play::{self, Play};
use crate::server::{ApiServer, DeleteOptions, FieldValidation, Patch, Target, WriteOptions};
use crate::status::Status;

/// Chooses what a [`Cluster`] is made of.
#[derive(Debug)]
pub struct Builder {
    seed: u64,
    clock: Clock,
    access: Access,
}

/// A cluster in this process.
pub struct Cluster {
    api: ApiServer,
    access: Access,
    faults: Faults,
    served: Mutex<Option<SocketAddr>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// A manifest that was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The text is not YAML.
    #[error("the manifest is not YAML")]
    Yaml(#[source] serde_saphyr::Error),
    /// The API server refused an object.
    #[error("{kind} {name:?} was refused")]
    Refused {
        /// Kind of the object.
        kind: String,
        /// Its name.
        name: String,
        /// The answer.
        #[source]
        status: Status,
    },
}

impl Builder {
    /// Decides every uid, generated name and allocated address. Default 0.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The wall clock. Default: [`Clock::system`].
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Checks who asks for what, as a real cluster does: every request needs a bearer token, and the RBAC objects that are
    /// stored decide. `admin_token` is the token of a user who may do everything; the others are those of
    /// ServiceAccounts, which `/token` gives out.
    #[must_use]
    pub fn enforce_rbac(mut self, admin_token: impl Into<String>) -> Self {
        self.access = Access::Rbac {
            admin_token: Some(admin_token.into()),
        };
        self
    }

    /// Checks what a request with a token of a ServiceAccount asks for; one without a token may do everything. For people
    /// with kubectl, which sends no token over plain HTTP (k8s.io/client-go, tools/clientcmd).
    #[must_use]
    pub fn enforce_rbac_for_tokens(mut self) -> Self {
        self.access = Access::Rbac { admin_token: None };
        self
    }

    /// Starts the API server; nothing listens and no controller runs yet.
    pub fn start(self) -> Cluster {
        Cluster {
            api: ApiServer::new(self.seed, self.clock),
            access: self.access,
            faults: Faults::default(),
            served: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }
    }
}

impl Cluster {
    /// A cluster with seed 0 on the machine's clock, unless told otherwise.
    pub fn builder() -> Builder {
        Builder {
            seed: 0,
            clock: Clock::system(),
            access: Access::default(),
        }
    }

    /// The API server itself.
    pub fn api(&self) -> &ApiServer {
        &self.api
    }

    /// The faults of everything that comes through [`Cluster::service`] and [`Cluster::serve`].
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// A `tower` service for `kube::Client::new`: no sockets involved.
    pub fn service(&self) -> ApiService {
        ApiService::new(self.api.clone(), self.access.clone(), self.faults.clone())
    }

    /// Serves HTTP/1.1 on a loopback address such as `127.0.0.1:0` and returns the address bound.
    ///
    /// # Errors
    /// An address that cannot be bound or is not loopback.
    pub async fn serve(&self, address: &str) -> Result<SocketAddr, ServeError> {
        let bound =
            http_face::serve(self.service(), address, &self.tasks, self.stop.clone()).await?;
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = Some(bound);
        Ok(bound)
    }

    /// A kubeconfig for the address served last; none before [`Cluster::serve`].
    pub fn kubeconfig(&self) -> Option<String> {
        let served = *self.served.lock().unwrap_or_else(PoisonError::into_inner);
        served.map(|address| http_face::kubeconfig(address, self.access.admin_token()))
    }

    /// Creates an object, or merges it into the one that exists.
    ///
    /// Not server-side apply: fields that are left out stay as they are. The status is written too, so that Nodes can be
    /// made ready in one manifest.
    ///
    /// # Errors
    /// As the API server answers.
    pub fn apply(&self, object: Value) -> Result<Value, Status> {
        let target = self.api.target_of(&object)?;
        let options = WriteOptions {
            field_manager: "kube-sim".to_owned(),
            field_validation: FieldValidation::Strict,
            ..WriteOptions::default()
        };
        let name = object::name(&object).to_owned();
        let exists = !name.is_empty() && self.api.get(&target, &name).is_ok();
        let status = object.get("status").cloned();
        let written = if exists {
            self.api
                .patch(&target, &name, &Patch::Merge(object), &options)?
        } else {
            self.api.create(&target, object, &options)?
        };
        let Some(status) = status.filter(|_| target.resource.status) else {
            return Ok(written.object);
        };
        let name = object::name(&written.object);
        let patch = Patch::Merge(serde_json::json!({"status": status}));
        Ok(self
            .api
            .patch_status(&target, name, &patch, &options)?
            .object)
    }

    /// Applies every document of a YAML text, in its order.
    ///
    /// # Errors
    /// The first document that cannot be read or is refused; those before it stay applied.
    pub fn apply_yaml(&self, text: &str) -> Result<Vec<Value>, ApplyError> {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text).map_err(ApplyError::Yaml)?;
        let mut applied = Vec::new();
        for document in documents.into_iter().filter(|d| !d.is_null()) {
            let kind = document["kind"].as_str().unwrap_or_default().to_owned();
            let name = object::name(&document).to_owned();
            let object = self.apply(document).map_err(|status| ApplyError::Refused {
                kind,
                name,
                status,
            })?;
            applied.push(object);
        }
        Ok(applied)
    }

    /// Reads an object. `namespace` is empty for cluster-scoped kinds.
    ///
    /// # Errors
    /// 404 for a kind that is not served or an object that does not exist.
    pub fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Value, Status> {
        self.api
            .get(&self.target(api_version, kind, namespace)?, name)
    }

    /// Deletes an object in the background manner.
    ///
    /// # Errors
    /// As [`ApiServer::delete`].
    pub fn delete(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Result<Value, Status> {
        self.api.delete(
            &self.target(api_version, kind, namespace)?,
            name,
            &DeleteOptions::default(),
        )
    }

    fn target(&self, api_version: &str, kind: &str, namespace: &str) -> Result<Target, Status> {
        let resource = self.api.resource_of(api_version, kind)?;
        let namespace = resource.namespaced.then(|| namespace.to_owned());
        Ok(Target {
            resource,
            namespace,
        })
    }

    /// Starts the controllers of [`play`], which then act after every change.
    pub fn play(&self) -> Play {
        let stop = self.stop.child_token();
        self.tasks.spawn(play::run(self.api.clone(), stop.clone()));
        Play { stop }
    }

    /// Opens the node ports of all Services, on loopback addresses that only this process uses, and keeps them in step
    /// with the cluster. Pods and EndpointSlices have to be there: see [`Cluster::play`].
    ///
    /// # Errors
    /// No block of loopback addresses is free, or the system has only 127.0.0.1.
    pub fn open_node_ports(&self) -> Result<NodePorts, NoAddressBlock> {
        NodePorts::open(Arc::new(self.api.clone()), &self.tasks, self.stop.clone())
    }

    /// Stops everything and frees every port.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
