//! The steps of a call as tower layers, each of which can be left out, replaced or joined by others.
//!
//! [`ClientBuilder::build`](crate::client::ClientBuilder::build) stacks them in this order, the first outermost:
//!
//! | layer | what it does | left out by |
//! |---|---|---|
//! | [`RetryLayer`] | repeats what may succeed later | [`RetryPolicy::NEVER`] |
//! | [`RateLimitLayer`] | waits for a turn | setting no limiter (the default) |
//! | [`ObserveLayer`] | tells of every try | setting no observer (the default) |
//! | [`SignLayer`] | signs, reads the answer, learns the cloud's time | a stack of one's own |
//! | [`BeforeSendLayer`] | asks the caller a last time | setting no check (the default) |
//! | [`Exchange`] | sends through a [`Transport`](crate::Transport), within a deadline | another transport or stack |
//!
//! Above [`SignLayer`] a request is a [`Call`] and the response its JSON; below it they are a [`SignedCall`] and the HTTP
//! answer. The error is [`Error`] everywhere, so that layers of tower that keep the error of what they wrap fit in
//! anywhere. A stack of one's own becomes a client by [`Client::from_service`](crate::Client::from_service):
//!
//! ```
//! use ens_openapi::layer::{Exchange, RetryLayer, RetryPolicy, SignLayer};
//! use ens_openapi::{Client, Credentials, StaticCredentials};
//! use std::time::Duration;
//! use tower::ServiceBuilder;
//! use tower::limit::ConcurrencyLimitLayer;
//! # use ens_openapi::transport::{Transport, TransportError};
//! # #[derive(Debug)]
//! # struct Scripted;
//! # #[async_trait::async_trait]
//! # impl Transport for Scripted {
//! #     async fn exchange(&self, _: http::Request<bytes::Bytes>) -> Result<http::Response<bytes::Bytes>, TransportError> {
//! #         Ok(http::Response::new(r#"{"RequestId": "A1", "EnsRegions": {"EnsRegions": []}}"#.into()))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let transport = Scripted;
//!
//! let credentials = StaticCredentials::new(Credentials::new("my-id", "my-secret"));
//! let service = ServiceBuilder::new()
//!     .layer(RetryLayer::new(RetryPolicy::default(), Duration::from_secs(30)))
//!     // In place of the rate limit: at most four calls at a time.
//!     .layer(ConcurrencyLimitLayer::new(4))
//!     .layer(SignLayer::new(credentials))
//!     .service(Exchange::new(transport, Duration::from_secs(10)));
//! let client = Client::from_service(service);
//!
//! client.send(&ens_openapi::api::region::DescribeEnsRegions::default()).await?;
//! # Ok(())
//! # }
//! ```

mod answer;
mod before_send;
mod exchange;
mod observe;
mod rate_limit;
mod retry;
mod sign;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tower::Service;

pub(crate) use answer::request_id;
pub use before_send::{BeforeSend, BeforeSendLayer, BeforeSendService, Refused};
pub use exchange::Exchange;
pub use observe::{Attempt, Observe, ObserveLayer, Observer};
pub use rate_limit::{RateLimit, RateLimitLayer};
pub use retry::{Retry, RetryLayer, RetryPolicy};
pub(crate) use sign::USER_AGENT_NAME;
pub use sign::{Sign, SignLayer, SignatureMethod};

use crate::action::Action;
use crate::error::Error;
use crate::params::Params;
use crate::rate_limit::Priority;

/// One call on its way down, as cheap to clone as its action's name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The action.
    pub action: Action,
    /// Its parameters.
    pub params: Arc<Params>,
    /// How urgent it is; see [`Client::with_priority`](crate::Client::with_priority).
    pub priority: Priority,
    /// On whose behalf it is made; see [`Client::on_behalf_of`](crate::Client::on_behalf_of).
    pub caller: Option<Arc<str>>,
    /// How long it has waited for a turn of a rate limit.
    pub waited: Duration,
}

impl Call {
    /// A call of normal priority on nobody's behalf.
    pub fn new(action: impl Into<Action>, params: impl Into<Arc<Params>>) -> Self {
        Self {
            action: action.into(),
            params: params.into(),
            priority: Priority::default(),
            caller: None,
            waited: Duration::ZERO,
        }
    }
}

/// One try of a call, signed and complete: it is good for one exchange.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedCall {
    /// The action.
    pub action: Action,
    /// What is sent. Headers that must not be logged are marked as sensitive; with V1 the query has the token.
    pub request: http::Request<Bytes>,
}

/// A tower service that takes calls. Everything that fits is one.
pub trait CallService:
    Service<Call, Response = Value, Error = Error, Future: Future + Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> CallService for S where
    S: Service<Call, Response = Value, Error = Error, Future: Send> + Clone + Send + Sync + 'static
{
}

/// A tower service that sends signed calls. Everything that fits is one.
pub trait SendService:
    Service<SignedCall, Response = http::Response<Bytes>, Error = Error, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> SendService for S where
    S: Service<SignedCall, Response = http::Response<Bytes>, Error = Error, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// `Service` for a layer that has no capacity of its own: it is always ready, and asks what it wraps when the call gets
/// there, so that nothing is held while a call waits.
macro_rules! service {
    ($layered:ident: $inner:ident takes $request:ty, gives $response:ty, by $run:path) => {
        impl<S: super::$inner> tower::Service<$request> for $layered<S> {
            type Response = $response;
            type Error = crate::error::Error;
            type Future =
                futures::future::BoxFuture<'static, Result<$response, crate::error::Error>>;

            fn poll_ready(
                &mut self,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Result<(), Self::Error>> {
                std::task::Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: $request) -> Self::Future {
                Box::pin($run(self.clone(), request))
            }
        }
    };
}
use service;
