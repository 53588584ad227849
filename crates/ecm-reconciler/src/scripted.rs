//! An API server for unit tests: it answers as a test tells it, and remembers what it was asked.

use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// Method and path, without the query: `PATCH /api/v1/namespaces/shop/services/web`.
    pub(crate) what: String,
    /// The query.
    pub(crate) query: String,
    /// The body; null when there is none.
    pub(crate) body: Value,
}

/// What a test answers.
pub(crate) enum Answer {
    /// An object.
    Object(Value),
    /// A refusal: HTTP status and `reason`.
    Refuse(u16, &'static str),
    /// None, ever: an open watch.
    Silence,
}

/// What was asked so far.
#[derive(Clone, Default)]
pub(crate) struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// All of it, in order.
    pub(crate) fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap().clone()
    }

    /// Methods and paths of all of it, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.all().into_iter().map(|call| call.what).collect()
    }

    /// The body of the only call of this method and path.
    #[track_caller]
    pub(crate) fn body(&self, what: &str) -> Value {
        let mut found = self.all().into_iter().filter(|call| call.what == what);
        let call = found
            .next()
            .unwrap_or_else(|| panic!("no {what}: {self:?}"));
        assert!(found.next().is_none(), "more than one {what}");
        call.body
    }
}

impl fmt::Debug for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.paths()).finish()
    }
}

/// A client of an API server that answers with `answer`.
pub(crate) fn client(answer: impl Fn(&Call) -> Answer + Send + Sync + 'static) -> (Client, Calls) {
    let calls = Calls::default();
    let seen = calls.clone();
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (seen, answer) = (seen.clone(), Arc::clone(&answer));
        async move {
            let (parts, body) = request.into_parts();
            let bytes = body.collect().await.unwrap().to_bytes();
            let call = Call {
                what: format!("{} {}", parts.method, parts.uri.path()),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            };
            seen.0.lock().unwrap().push(call.clone());
            let (status, body) = match answer(&call) {
                Answer::Object(object) => (200, object),
                Answer::Refuse(code, reason) => (
                    code,
                    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure",
                        "reason": reason, "code": code, "message": reason }),
                ),
                Answer::Silence => std::future::pending().await,
            };
            Ok::<_, Infallible>(
                Response::builder()
                    .status(StatusCode::from_u16(status).unwrap())
                    .body(Body::from(serde_json::to_vec(&body).unwrap()))
                    .unwrap(),
            )
        }
    });
    (Client::new(service, "default"), calls)
}
