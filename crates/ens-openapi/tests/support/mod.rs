//! A transport that plays a script.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use ens_openapi::client::ClientBuilder;
use ens_openapi::transport::{Transport, TransportError};
use ens_openapi::{Client, Context, Credentials, StaticCredentials};
use tokio::time::Instant;

/// What happens at one exchange.
pub(crate) enum Step {
    /// An HTTP answer.
    Answer(http::Response<Bytes>),
    /// No answer.
    Fail(TransportError),
    /// Nothing, ever.
    Hang,
}

impl Step {
    pub(crate) fn ok(body: &str) -> Self {
        Self::status(200, body)
    }

    pub(crate) fn status(status: u16, body: &str) -> Self {
        Self::Answer(
            http::Response::builder()
                .status(status)
                .body(Bytes::from(body.to_owned()))
                .unwrap(),
        )
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        Self::status(
            status,
            &format!(r#"{{"Code":"{code}","Message":"text of {code}","RequestId":"R-{code}"}}"#),
        )
    }

    pub(crate) fn with_header(self, name: &'static str, value: &str) -> Self {
        match self {
            Self::Answer(mut response) => {
                response.headers_mut().insert(name, value.parse().unwrap());
                Self::Answer(response)
            }
            other => other,
        }
    }

    pub(crate) fn refused_connection() -> Self {
        Self::Fail(TransportError::Connect("connection refused".into()))
    }

    pub(crate) fn broken_connection() -> Self {
        Self::Fail(TransportError::Exchange("connection reset".into()))
    }
}

/// Plays its steps in order and keeps what was sent. An exchange after the last step fails the test.
#[derive(Clone, Default)]
pub(crate) struct Script {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    steps: VecDeque<Step>,
    sent: Vec<Sent>,
}

/// A request as it would have gone out, and when.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) method: http::Method,
    pub(crate) uri: http::Uri,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Sent {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn query(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.uri.query().unwrap_or("").as_bytes())
            .into_owned()
            .collect()
    }
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let state = State {
            steps: steps.into_iter().collect(),
            sent: Vec::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.state.lock().unwrap().sent.clone()
    }

    /// A client over this script whose jitter is always the longest and whose clock stands at [`now`].
    pub(crate) fn client(&self) -> ClientBuilder {
        let counter = std::sync::atomic::AtomicU64::new(u64::MAX);
        let random = move || counter.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        Client::builder(StaticCredentials::new(Credentials::new("id", "secret")))
            .transport(self.clone())
            .context(Context::new(now, random))
    }
}

pub(crate) fn now() -> DateTime<Utc> {
    "2026-01-02T03:04:05Z".parse().unwrap()
}

/// Whether two durations agree to the grain of tokio's timer.
pub(crate) fn is_about(actual: Duration, expected: Duration) -> bool {
    actual.abs_diff(expected) <= Duration::from_millis(5)
}

impl std::fmt::Debug for Script {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Script {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let step = {
            let mut state = self.state.lock().unwrap();
            let (head, body) = request.into_parts();
            state.sent.push(Sent {
                at: Instant::now(),
                method: head.method,
                uri: head.uri,
                headers: head.headers,
                body,
            });
            state
                .steps
                .pop_front()
                .expect("nothing more is sent than the script has steps")
        };
        match step {
            Step::Answer(response) => Ok(response),
            Step::Fail(error) => Err(error),
            Step::Hang => std::future::pending().await,
        }
    }
}
