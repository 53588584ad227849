//! The controllers at work in a sandbox.

use std::time::Duration;

use ecm_reconciler::leader::Leadership;
use ecm_reconciler::{Controllers, RunError, identity};
use ens_openapi::{Credentials, StaticCredentials};
use kube::config::Kubeconfig;
use poolservice_api::keys;
use thiserror::Error;
use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::Sandbox;
use crate::sandbox::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, CLUSTER_ID, ConnectError, connect};

/// How long a pool that no longer matches keeps its load balancer in a sandbox: long enough to see
/// that a slip can be put right, short enough to watch.
pub const UNMATCH_GRACE: Duration = Duration::from_secs(2);

/// Controllers that talk to a sandbox over real connections.
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
}

/// Why the controllers did not start, or how they ended.
#[derive(Debug, Error)]
pub enum RunningError {
    /// No client of the cluster.
    #[error("connecting to the sandbox's cluster")]
    Cluster(#[from] ConnectError),
    /// No client of the cloud.
    #[error("connecting to the sandbox's cloud")]
    Cloud(#[from] ens_openapi::client::BuildError),
    /// The cluster does not say who it is.
    #[error("finding out which cluster this is")]
    Identity(#[from] identity::IdentityError),
    /// The controllers ended with an error.
    #[error("running the controllers")]
    Run(#[from] RunError),
    /// The controllers panicked.
    #[error("the controllers panicked")]
    Panicked(#[from] JoinError),
}

impl Sandbox {
    /// Starts the controllers with the sandbox's own AccessKey.
    ///
    /// # Errors
    /// When a client cannot be made.
    pub async fn run(&self) -> Result<Running, RunningError> {
        self.run_with(Credentials::new(ACCESS_KEY_ID, ACCESS_KEY_SECRET))
            .await
    }

    /// Starts the controllers with any AccessKey.
    ///
    /// # Errors
    /// When a client cannot be made.
    pub async fn run_with(&self, credentials: Credentials) -> Result<Running, RunningError> {
        let client = self.controllers_client().await?;
        let leadership = Leadership::sole_replica();
        let cloud = ens_openapi::Client::builder(StaticCredentials::new(credentials))
            .endpoint(self.cloud.endpoint())
            .before_send(leadership.before_send())
            .build()?;
        let identity = identity::discover(
            client.clone(),
            keys::DEFAULT_LOAD_BALANCER_CLASS,
            Some(CLUSTER_ID.to_owned()),
        )
        .await?;
        let stop = CancellationToken::new();
        let controllers = Controllers::builder(client, cloud, identity, leadership)
            .unmatch_grace(UNMATCH_GRACE)
            .run(stop.clone());
        Ok(Running {
            stop,
            task: tokio::spawn(controllers),
        })
    }

    /// A client with the rights of the controllers, which are those of `deploy/install.yaml`.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn controllers_client(&self) -> Result<kube::Client, ConnectError> {
        connect(self.controllers.clone()).await
    }

    /// An administrator's client of the cluster, without retries of its own.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn client(&self) -> Result<kube::Client, ConnectError> {
        connect(Kubeconfig::from_yaml(self.kubeconfig())?).await
    }
}

impl Running {
    /// Stops the controllers and waits for what they are doing.
    ///
    /// # Errors
    /// When they ended badly.
    pub async fn stop(self) -> Result<(), RunningError> {
        self.stop.cancel();
        Ok(self.task.await??)
    }
}
