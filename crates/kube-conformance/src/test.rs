//! What an assertion works with: a namespace of its own and clients.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::collection::Collection;
use crate::failure::Failure;
use crate::kind::{Kind, NAMESPACES};

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A member of `system:masters`.
    Admin,
    /// Whoever this bearer token belongs to.
    Token(String),
}

type Connector = dyn Fn(&Credentials) -> Result<Client, String> + Send + Sync;

/// Makes clients of the cluster under test.
#[derive(Clone)]
pub struct Connect(Arc<Connector>);

impl Connect {
    /// `connect` gives a client that presents nothing but the credentials.
    pub fn new(
        connect: impl Fn(&Credentials) -> Result<Client, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(connect))
    }

    fn client(&self, credentials: &Credentials) -> Result<Client, Failure> {
        (self.0)(credentials).map_err(Failure::Connect)
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connect")
    }
}

/// How long [`Test::until`] asks again.
const PATIENCE: Duration = Duration::from_secs(30);

/// More often than this nobody asks: on a clock that stands still no deadline would come.
const MOST_TRIES: usize = 2_000;

/// The namespace and the clients of one assertion. Clones are the same.
#[derive(Clone)]
pub struct Test {
    client: Client,
    connect: Connect,
    namespace: Arc<str>,
    /// Paths of what lives outside the namespace.
    outside: Arc<Mutex<Vec<String>>>,
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Test").field(&self.namespace).finish()
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) accept: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) body: Vec<u8>,
}

pub(crate) const JSON: &str = "application/json";

impl Call<'static> {
    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            accept: JSON,
            content_type: JSON,
            body: Vec::new(),
        }
    }

    pub(crate) fn with_body(method: Method, path: impl Into<String>, body: &Value) -> Self {
        Self {
            method,
            body: body.to_string().into_bytes(),
            ..Self::get(path)
        }
    }
}

impl Call<'_> {
    pub(crate) fn request(&self) -> Result<Request<Body>, Failure> {
        Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(ACCEPT, self.accept)
            .header(CONTENT_TYPE, self.content_type)
            .header(http::header::USER_AGENT, "conformance/1")
            .body(Body::from(self.body.clone()))
            .map_err(Failure::Request)
    }

    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

impl Test {
    pub(crate) async fn start(connect: Connect, namespace: &str) -> Result<Self, Failure> {
        let test = Self {
            client: connect.client(&Credentials::Admin)?,
            connect,
            namespace: namespace.into(),
            outside: Arc::default(),
        };
        let body = json!({"metadata": {"name": namespace}});
        test.on(&NAMESPACES).create(body).await?.done()?;
        Ok(test)
    }

    /// Asks for the deletion of all that the assertion made; does not wait for it.
    pub(crate) async fn clear_up(&self) {
        let outside = std::mem::take(&mut *self.lock_outside());
        for path in outside.iter().rev() {
            let call = Call::with_body(Method::DELETE, path, &json!({}));
            // What is gone already is as it should be, and a failure here is not the assertion's.
            let _ = self.send(&call).await;
        }
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// A name for something outside the namespace that no other assertion uses.
    pub(crate) fn unique(&self, name: &str) -> String {
        format!("{}-{name}", self.namespace)
    }

    /// The objects of a kind in this assertion's namespace.
    pub(crate) fn on(&self, kind: &Kind) -> Collection {
        Collection::new(self.clone(), kind, Some(self.namespace()))
    }

    /// The objects of a kind in every namespace.
    pub(crate) fn everywhere(&self, kind: &Kind) -> Collection {
        Collection::new(self.clone(), kind, None)
    }

    /// The same assertion, asked by somebody else.
    pub(crate) fn with(&self, credentials: &Credentials) -> Result<Self, Failure> {
        Ok(Self {
            client: self.connect.client(credentials)?,
            ..self.clone()
        })
    }

    /// Remembers what [`Test::clear_up`] has to delete.
    pub(crate) fn made_outside(&self, path: String) {
        self.lock_outside().push(path);
    }

    fn lock_outside(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.send(&Call::get(path)).await
    }

    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let response = self.stream(call).await?;
        let (parts, body) = response.into_parts();
        let collected = body.collect().await.map_err(|source| Failure::NoAnswer {
            request: call.shown(),
            source: Box::new(source),
        })?;
        let bytes = collected.to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer {
            request: call.shown(),
            code: parts.status.as_u16(),
            headers: parts.headers,
            body,
        })
    }

    /// Sends a request and leaves the body to be read as it comes.
    pub(crate) async fn stream(&self, call: &Call<'_>) -> Result<http::Response<Body>, Failure> {
        self.client
            .send(call.request()?)
            .await
            .map_err(|source| Failure::NoAnswer {
                request: call.shown(),
                source: Box::new(source),
            })
    }

    /// Asks again until the answer is as wanted: for what a cluster knows a little later, such as new rights.
    pub(crate) async fn until(
        &self,
        what: &'static str,
        call: &Call<'_>,
        wanted: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, Failure> {
        let deadline = Instant::now() + PATIENCE;
        for _ in 0..MOST_TRIES {
            let answer = self.send(call).await?;
            if wanted(&answer) {
                return Ok(answer);
            }
            if Instant::now() >= deadline {
                break;
            }
            tokio::task::yield_now().await;
        }
        Err(Failure::Deadline(what))
    }
}

impl Credentials {
    /// The header that shows them, for connectors that cannot configure it otherwise; none for the administrator.
    pub fn header(&self) -> Option<(http::HeaderName, String)> {
        match self {
            Self::Admin => None,
            Self::Token(token) => Some((AUTHORIZATION, format!("Bearer {token}"))),
        }
    }
}
