//! One HTTP exchange, and how it is done.

mod connector;
mod hyper_transport;
mod proxy;

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

pub use hyper_transport::{HyperTransport, HyperTransportBuilder, TlsError};
pub use proxy::{Proxy, ProxyError};

use crate::error::BoxError;

/// Sends one request and reads its whole answer.
///
/// The request is signed and complete; its URI is absolute. An implementation repeats nothing, follows no redirects,
/// and stops when the returned future is dropped.
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug {
    /// Does the exchange. Every HTTP status is an answer, not an error.
    ///
    /// # Errors
    /// When there is no complete answer.
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError>;
}

/// Why an exchange gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection could be made: nothing was sent.
    #[error("no connection")]
    Connect(#[source] BoxError),
    /// The connection failed later: the request may have been served.
    #[error("the exchange broke off")]
    Exchange(#[source] BoxError),
    /// The answer is larger than allowed.
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}
