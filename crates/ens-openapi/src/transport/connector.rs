//! A deadline for connecting, name lookup and TLS handshake included.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use tower::Service;

use crate::error::BoxError;

/// Wraps a connector; one that is not done in time fails.
#[derive(Clone, Debug)]
pub(super) struct WithDeadline<C> {
    pub(super) connector: C,
    pub(super) deadline: Duration,
}

#[derive(Debug, thiserror::Error)]
#[error("not connected within {} ms", .0.as_millis())]
struct TimedOut(Duration);

impl<C> Service<Uri> for WithDeadline<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let deadline = self.deadline;
        let connecting = self.connector.call(uri);
        Box::pin(async move {
            match tokio::time::timeout(deadline, connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(TimedOut(deadline).into()),
            }
        })
    }
}
