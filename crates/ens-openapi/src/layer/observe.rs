//! Telling of every try.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use tower::{Layer, ServiceExt as _};

use super::{Call, CallService, service};
use crate::action::Action;
use crate::error::Error;
use crate::rate_limit::Priority;

/// Is told of every try that was begun, for metrics. Called in the task of the call: it has to be quick.
pub type Observer = dyn Fn(&Attempt<'_>) + Send + Sync;

/// One try, as it is told to an [`Observer`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The action that was called.
    pub action: &'a Action,
    /// How urgent the call is.
    pub priority: Priority,
    /// On whose behalf it is made.
    pub caller: Option<&'a str>,
    /// The wait for a turn under the local rate limit.
    pub waited: Duration,
    /// The time from signing to the end of the answer.
    pub took: Duration,
    /// What came of it.
    pub result: Result<(), &'a Error>,
}

/// Tells an [`Observer`] of every try.
#[derive(Clone)]
pub struct ObserveLayer(Arc<Observer>);

impl ObserveLayer {
    /// Tells this observer.
    pub fn new(observer: Arc<Observer>) -> Self {
        Self(observer)
    }
}

impl<S> Layer<S> for ObserveLayer {
    type Service = Observe<S>;

    fn layer(&self, inner: S) -> Observe<S> {
        Observe {
            observer: Arc::clone(&self.0),
            inner,
        }
    }
}

impl fmt::Debug for ObserveLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserveLayer").finish_non_exhaustive()
    }
}

/// The service of an [`ObserveLayer`].
#[derive(Clone)]
pub struct Observe<S> {
    observer: Arc<Observer>,
    inner: S,
}

service!(Observe: CallService takes Call, gives Value, by observe);

async fn observe<S: CallService>(service: Observe<S>, call: Call) -> Result<Value, Error> {
    let (action, caller) = (call.action.clone(), call.caller.clone());
    let (priority, waited) = (call.priority, call.waited);
    let start = Instant::now();
    let result = service.inner.oneshot(call).await;
    (service.observer)(&Attempt {
        action: &action,
        priority,
        caller: caller.as_deref(),
        waited,
        took: start.elapsed(),
        result: result.as_ref().map(|_| ()),
    });
    result
}

impl<S> fmt::Debug for Observe<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observe").finish_non_exhaustive()
    }
}
