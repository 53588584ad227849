//! Waiting for a turn.

use std::sync::Arc;

use serde_json::Value;
use tower::{Layer, ServiceExt as _};

use super::{Call, CallService, service};
use crate::error::{Effect, Error, ErrorClass};
use crate::rate_limit::{Caller, RateLimiter};

/// Lets calls through as a [`RateLimiter`] has turns, and tells it what came of them.
#[derive(Clone, Debug)]
pub struct RateLimitLayer(Arc<RateLimiter>);

impl RateLimitLayer {
    /// Takes turns of this limiter.
    pub fn new(limiter: Arc<RateLimiter>) -> Self {
        Self(limiter)
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit {
            limiter: Arc::clone(&self.0),
            inner,
        }
    }
}

/// The service of a [`RateLimitLayer`].
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    limiter: Arc<RateLimiter>,
    inner: S,
}

service!(RateLimit: CallService takes Call, gives Value, by limit);

async fn limit<S: CallService>(service: RateLimit<S>, mut call: Call) -> Result<Value, Error> {
    let action = call.action.clone();
    let caller = Caller {
        priority: call.priority,
        name: call.caller.clone(),
    };
    let turn = service.limiter.turn(&action, &caller).await;
    call.waited = turn.map_err(|wait| Error::RateLimited {
        action: action.clone(),
        wait,
    })?;
    let result = service.inner.oneshot(call).await;
    // What was not sent says nothing of the cloud.
    if !matches!(&result, Err(error) if error.effect() == Effect::NotSent) {
        let class = result.as_ref().err().map(Error::class);
        service
            .limiter
            .answered(&action, class == Some(ErrorClass::Throttled));
    }
    result
}
