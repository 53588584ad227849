//! The innermost step: one exchange within its deadline.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use tower::Service;

use super::SignedCall;
use crate::action::Action;
use crate::error::Error;
use crate::transport::{Transport, TransportError};

/// Sends signed calls through a [`Transport`].
#[derive(Clone, Debug)]
pub struct Exchange {
    transport: Arc<dyn Transport>,
    deadline: Duration,
}

impl Exchange {
    /// Exchanges through this transport, each within the deadline: connecting, sending, waiting and reading.
    pub fn new(transport: impl Transport + 'static, deadline: Duration) -> Self {
        Self::shared(Arc::new(transport), deadline)
    }

    pub(crate) fn shared(transport: Arc<dyn Transport>, deadline: Duration) -> Self {
        Self {
            transport,
            deadline,
        }
    }
}

impl Service<SignedCall> for Exchange {
    type Response = http::Response<Bytes>;
    type Error = Error;
    type Future = BoxFuture<'static, Result<http::Response<Bytes>, Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: SignedCall) -> Self::Future {
        let (transport, after) = (Arc::clone(&self.transport), self.deadline);
        Box::pin(async move {
            let SignedCall { action, request } = call;
            let uri = request.uri().clone();
            match tokio::time::timeout(after, transport.exchange(request)).await {
                Ok(response) => response.map_err(|error| failed(action, &uri, error)),
                Err(_) => Err(Error::Deadline { action, after }),
            }
        })
    }
}

fn failed(action: Action, uri: &http::Uri, error: TransportError) -> Error {
    let endpoint = uri.authority().map(ToString::to_string).unwrap_or_default();
    match error {
        TransportError::Connect(source) => Error::Connect {
            action,
            endpoint,
            source,
        },
        TransportError::Exchange(source) => Error::Exchange {
            action,
            endpoint,
            source,
        },
        TransportError::TooLarge { limit } => Error::TooLarge { action, limit },
    }
}
