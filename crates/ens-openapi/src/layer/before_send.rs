//! A last question to the caller.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use tower::{Layer, ServiceExt as _};

use super::{SendService, SignedCall, service};
use crate::action::Action;
use crate::error::Error;

/// A check that is asked before every try, after the request was signed: the last moment at which a caller can stop
/// it, for example because it is not the leader any more.
pub type BeforeSend = dyn Fn(&Action) -> Result<(), Refused> + Send + Sync;

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

/// Asks a [`BeforeSend`] check before every try.
#[derive(Clone)]
pub struct BeforeSendLayer(Arc<BeforeSend>);

impl BeforeSendLayer {
    /// Asks this check.
    pub fn new(check: Arc<BeforeSend>) -> Self {
        Self(check)
    }
}

impl<S> Layer<S> for BeforeSendLayer {
    type Service = BeforeSendService<S>;

    fn layer(&self, inner: S) -> BeforeSendService<S> {
        BeforeSendService {
            check: Arc::clone(&self.0),
            inner,
        }
    }
}

impl fmt::Debug for BeforeSendLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeforeSendLayer").finish_non_exhaustive()
    }
}

/// The service of a [`BeforeSendLayer`].
#[derive(Clone)]
pub struct BeforeSendService<S> {
    check: Arc<BeforeSend>,
    inner: S,
}

service!(BeforeSendService: SendService takes SignedCall, gives http::Response<Bytes>, by ask);

async fn ask<S: SendService>(
    service: BeforeSendService<S>,
    call: SignedCall,
) -> Result<http::Response<Bytes>, Error> {
    (service.check)(&call.action).map_err(|source| Error::BeforeSend {
        action: call.action.clone(),
        source,
    })?;
    service.inner.oneshot(call).await
}

impl<S> fmt::Debug for BeforeSendService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeforeSendService").finish_non_exhaustive()
    }
}
