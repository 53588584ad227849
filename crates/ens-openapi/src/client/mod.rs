//! The client: typed and untyped calls over a stack of [layers](crate::layer).

mod builder;
mod endpoint;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

pub use builder::{BuildError, ClientBuilder};
pub use endpoint::{DEFAULT_ENDPOINT, Endpoint, EndpointError, RegionError};

pub use crate::layer::{Attempt, BeforeSend, Observer, Refused, RetryPolicy, SignatureMethod};

use crate::action::Action;
use crate::api::{EnsApi, Request, ens_api};
use crate::credentials::ProvideCredentials;
use crate::error::Error;
use crate::layer::{Call, CallService};
use crate::params::Params;
use crate::rate_limit::{Caller, Priority};

/// A client of the ENS OpenAPI. Cheap to clone; clones share connections and what was learnt about the clock.
///
/// * Reads (`Describe…`, `List…`) are repeated after failures that may pass, with full jitter, never longer than the
///   call's deadline. Writes are sent once, unless the [`RetryPolicy`] says otherwise.
/// * Every try has a nonce, a date and a signature of its own.
/// * Dropping a future stops the call. Of a write that was already sent, nobody can then tell whether it took effect.
#[derive(Clone)]
pub struct Client {
    service: BoxCloneSyncService<Call, Value, Error>,
    caller: Caller,
}

/// How long things may take. Waiting for a turn of a [`RateLimiter`](crate::RateLimiter) has a limit of its own; of a read
/// it counts as well, of a write it comes on top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// One exchange, from the [`BeforeSend`] check on: connecting, sending, waiting, reading. Of a write, nothing is sent
    /// after it. Fetching credentials, before that, has the same time for itself.
    pub attempt: Duration,
    /// A read with all of its tries and waits.
    pub read: Duration,
}

impl Default for Deadlines {
    /// 10 s for an exchange, 30 s for a read.
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(10),
            read: Duration::from_secs(30),
        }
    }
}

impl Client {
    /// Starts a client that calls with these credentials.
    pub fn builder(credentials: impl ProvideCredentials + 'static) -> ClientBuilder {
        ClientBuilder::new(Arc::new(credentials))
    }

    /// This client for calls of this priority: where calls wait for a turn of the
    /// [`RateLimiter`](crate::RateLimiter), the more urgent goes first. As cheap as a clone.
    ///
    /// ```
    /// # use ens_openapi::{Client, Error, api::instance::ReleaseInstance, rate_limit::Priority};
    /// # async fn remove(client: &Client) -> Result<(), Error> {
    /// let urgent = client.with_priority(Priority::Critical).on_behalf_of("shop/web");
    /// urgent.send(&ReleaseInstance::new("lb-1")).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_priority(&self, priority: Priority) -> Self {
        let mut client = self.clone();
        client.caller.priority = priority;
        client
    }

    /// This client for calls on behalf of the thing with this name. Where equally urgent calls wait for a turn of the
    /// [`RateLimiter`](crate::RateLimiter), those with different names get theirs in rotation. As cheap as a clone.
    #[must_use]
    pub fn on_behalf_of(&self, name: impl Into<Arc<str>>) -> Self {
        let mut client = self.clone();
        client.caller.name = Some(name.into());
        client
    }

    /// A client over a stack of one's own; see [`layer`](crate::layer).
    pub fn from_service(service: impl CallService) -> Self {
        Self {
            service: BoxCloneSyncService::new(service),
            caller: Caller::default(),
        }
    }

    /// Calls any action with any parameters and gives its answer as it came.
    ///
    /// # Errors
    /// When the call fails; see [`Error`].
    pub async fn call(&self, action: impl Into<Action>, params: &Params) -> Result<Value, Error> {
        self.run(action.into(), params.clone()).await
    }

    /// Calls a typed action.
    ///
    /// # Errors
    /// When the call fails; see [`Error`].
    pub async fn send<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        ens_api::send(self, request).await
    }

    async fn run(&self, action: Action, params: Params) -> Result<Value, Error> {
        let mut call = Call::new(action, params);
        call.priority = self.caller.priority;
        call.caller.clone_from(&self.caller.name);
        self.service.clone().oneshot(call).await
    }
}

#[async_trait]
impl EnsApi for Client {
    async fn call_action(&self, action: Action, params: Params) -> Result<Value, Error> {
        self.run(action, params).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}
