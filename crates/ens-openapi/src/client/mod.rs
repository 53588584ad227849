//! The client: signs, sends, reads the answer, repeats reads.

mod answer;
mod attempt;
mod builder;
mod endpoint;
mod ens_api;
mod retry;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use serde_json::Value;

pub use attempt::Attempt;
pub use builder::{BuildError, ClientBuilder};
pub use endpoint::{DEFAULT_ENDPOINT, Endpoint, EndpointError};
pub use retry::RetryPolicy;

use crate::action::Action;
use crate::api::Request;
use crate::context::Context;
use crate::credentials::ProvideCredentials;
use crate::error::Error;
use crate::params::Params;
use crate::rate_limit::{Caller, Priority, RateLimiter};
use crate::transport::Transport;

/// A client of the ENS OpenAPI. Cheap to clone; clones share connections and what was learnt about the clock.
///
/// * Reads (`Describe…`, `List…`) are repeated after failures that may pass, with full jitter, never longer than the
///   call's deadline. Writes are sent once.
/// * Every try has a nonce, a date and a signature of its own.
/// * Dropping a future stops the call. Of a write that was already sent, nobody can then tell whether it took effect.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    caller: Caller,
}

struct Inner {
    endpoint: Endpoint,
    transport: Arc<dyn Transport>,
    credentials: Arc<dyn ProvideCredentials>,
    context: Context,
    signature: SignatureMethod,
    retry: RetryPolicy,
    deadlines: Deadlines,
    before_send: Option<Arc<BeforeSend>>,
    rate_limiter: Option<Arc<RateLimiter>>,
    observer: Option<Arc<Observer>>,
    user_agent: http::HeaderValue,
    /// What the cloud's clock is ahead of ours, in milliseconds, as learnt from a refusal.
    clock_offset: AtomicI64,
}

/// A check that is asked before every try, after the request was signed: the last moment at which a caller can stop
/// it, for example because it is not the leader any more.
pub type BeforeSend = dyn Fn(&Action) -> Result<(), Refused> + Send + Sync;

/// Is told of every try that was begun, for metrics. Called in the task of the call: it has to be quick.
pub type Observer = dyn Fn(&Attempt<'_>) + Send + Sync;

/// Why a [`BeforeSend`] check stopped a try.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    reason: String,
}

impl Refused {
    /// A refusal for this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureMethod {
    /// ACS3-HMAC-SHA256, as current SDKs do.
    #[default]
    V3,
    /// RPC HMAC-SHA1, as older SDKs do.
    V1,
}

/// How long things may take. Waiting for a turn of the [`RateLimiter`] comes on top and has a limit of its own.
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

    /// This client for calls of this priority: where calls wait for a turn of the [`RateLimiter`], the more urgent goes
    /// first. As cheap as a clone.
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
    /// [`RateLimiter`], those with different names get theirs in rotation. As cheap as a clone.
    #[must_use]
    pub fn on_behalf_of(&self, name: impl Into<Arc<str>>) -> Self {
        let mut client = self.clone();
        client.caller.name = Some(name.into());
        client
    }

    /// Calls any action with any parameters and gives its answer as it came.
    ///
    /// # Errors
    /// When the call fails; see [`Error`].
    pub async fn call(&self, action: impl Into<Action>, params: &Params) -> Result<Value, Error> {
        let action = action.into();
        if action.is_read() {
            retry::read(self, &action, params).await
        } else {
            self.attempt(&action, params).await
        }
    }

    /// Calls a typed action.
    ///
    /// # Errors
    /// When the call fails; see [`Error`].
    pub async fn send<R: Request>(&self, request: &R) -> Result<R::Response, Error> {
        let action = request.action();
        let params = match request.params() {
            Ok(params) => params,
            Err(source) => {
                return Err(Error::Encode {
                    action,
                    source: source.into(),
                });
            }
        };
        let answer = self.call(action.clone(), &params).await?;
        let request_id = answer::request_id(&answer);
        request.decode(answer).map_err(|source| Error::Decode {
            action,
            request_id,
            source,
        })
    }

    /// Where calls go.
    pub fn endpoint(&self) -> &Endpoint {
        &self.inner.endpoint
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.inner.endpoint)
            .finish_non_exhaustive()
    }
}
