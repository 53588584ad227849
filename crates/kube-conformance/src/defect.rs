//! Ways of being wrong, as a layer in front of an API server that is right.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use kube::client::Body;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

/// One way in which an API server can be wrong.
#[derive(Clone, Copy)]
pub struct Defect {
    /// What the server does, as a sentence about it.
    pub name: &'static str,
    pub(crate) change: Change,
}

/// Where a defect takes hold. Each function gets the request as the client sent it.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    /// The server understands something else than was asked.
    Asked(fn(&mut Asked)),
    /// The server tells something else than is so.
    Told(fn(&Asked, &mut Told)),
    /// The server tells something else in a watch; events for which this is false are not told.
    Event(fn(&Asked, &mut Value) -> bool),
}

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// Null where there is none.
    pub(crate) body: Value,
}

/// An answer that is not a watch.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    async fn read(request: Request<Body>) -> Result<Self, kube::Error> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await?.to_bytes();
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let pairs = parts.uri.query().unwrap_or_default().split('&');
        let query = pairs
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(key, value)| (decode(key), decode(value)))
            .collect();
        Ok(Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        })
    }

    fn into_request(self) -> Request<Body> {
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<String> = self
            .query
            .iter()
            .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
            .collect();
        let uri: Uri = format!("{}?{}", self.path, pairs.join("&"))
            .parse()
            .unwrap_or_default();
        let body = match &self.body {
            Value::Null => Vec::new(),
            body => body.to_string().into_bytes(),
        };
        let mut request = Request::new(Body::from(body));
        *request.method_mut() = self.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers;
        request.headers_mut().remove(CONTENT_LENGTH);
        request
    }

    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let found = self.query.iter().find(|(k, _)| k == key);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_watch(&self) -> bool {
        self.value("watch") == Some("true")
    }

    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET
    }

    /// Takes a parameter away.
    pub(crate) fn forget(&mut self, key: &str) {
        self.query.retain(|(k, _)| k != key);
    }

    pub(crate) fn set(&mut self, key: &str, value: &str) {
        self.forget(key);
        self.query.push((key.to_owned(), value.to_owned()));
    }

    pub(crate) fn content_type(&self) -> &str {
        let header = self.headers.get(CONTENT_TYPE);
        header
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(crate) fn set_content_type(&mut self, value: &'static str) {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(value));
    }

    pub(crate) fn accepts(&self, shape: &str) -> bool {
        let header = self.headers.get(ACCEPT);
        header
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains(shape))
    }

    pub(crate) fn accept_plain_json(&mut self) {
        self.headers
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
    }

    pub(crate) fn forget_who_asks(&mut self) {
        self.headers.remove(AUTHORIZATION);
    }

    /// Whether the last part of the path that names a collection is this one.
    pub(crate) fn is_about(&self, plural: &str) -> bool {
        self.path.split('/').any(|part| part == plural)
    }

    /// Takes a field of `metadata` out of the body.
    pub(crate) fn forget_metadata(&mut self, key: &str) {
        if let Some(metadata) = self
            .body
            .pointer_mut("/metadata")
            .and_then(Value::as_object_mut)
        {
            metadata.remove(key);
        }
    }
}

impl Told {
    pub(crate) fn refuse(&mut self, code: u16, reason: &str) {
        if !self.body.is_object() {
            self.body = serde_json::json!({"kind": "Status", "status": "Failure"});
        }
        self.code = code;
        self.body["code"] = code.into();
        self.body["reason"] = reason.into();
    }

    pub(crate) fn is_refusal(&self, code: u16) -> bool {
        self.code == code && self.body["kind"] == "Status"
    }
}

/// A service with a defect in front of it.
#[derive(Clone)]
pub struct Defective<S> {
    inner: S,
    defect: Defect,
}

impl<S> Defective<S> {
    /// `inner`, made wrong in this way.
    pub fn new(inner: S, defect: Defect) -> Self {
        Self { inner, defect }
    }
}

/// What a connection gives when it breaks.
type Broken = Box<dyn std::error::Error + Send + Sync>;
type DefectiveBody = UnsyncBoxBody<Bytes, Broken>;
type Answer = Result<Response<DefectiveBody>, Broken>;

impl<S, B> tower::Service<Request<Body>> for Defective<S>
where
    S: tower::Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Broken>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Broken>,
{
    type Response = Response<DefectiveBody>;
    type Error = Broken;
    type Future = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut inner = self.inner.clone();
        let change = self.defect.change;
        Box::pin(async move {
            let asked = Asked::read(request).await?;
            let mut understood = asked.clone();
            if let Change::Asked(misunderstand) = change {
                misunderstand(&mut understood);
            }
            let response = inner
                .call(understood.into_request())
                .await
                .map_err(Into::into)?;
            let (parts, body) = response.into_parts();
            if asked.is_watch() && parts.status == StatusCode::OK {
                let body = StreamBody::new(events(asked, body, change));
                return Ok(Response::from_parts(parts, UnsyncBoxBody::new(body)));
            }
            let bytes = body.collect().await.map_err(Into::into)?.to_bytes();
            let (Change::Told(misreport), Ok(body)) = (change, serde_json::from_slice(&bytes))
            else {
                return Ok(Response::from_parts(parts, whole(bytes)));
            };
            let mut told = Told {
                code: parts.status.as_u16(),
                headers: parts.headers,
                body,
            };
            misreport(&asked, &mut told);
            let mut response = Response::new(whole(Bytes::from(told.body.to_string())));
            *response.status_mut() = StatusCode::from_u16(told.code).unwrap_or_default();
            *response.headers_mut() = told.headers;
            response.headers_mut().remove(CONTENT_LENGTH);
            Ok(response)
        })
    }
}

fn whole(bytes: Bytes) -> DefectiveBody {
    let body = Full::new(bytes).map_err(|never: Infallible| match never {});
    UnsyncBoxBody::new(body)
}

/// The lines of a watch, as the defect tells them.
fn events<B>(
    asked: Asked,
    body: B,
    change: Change,
) -> impl Stream<Item = Result<Frame<Bytes>, Broken>> + Send
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Broken>,
{
    let lines = futures::stream::unfold(
        (Box::pin(body), Vec::new()),
        |(mut body, mut buffer): (_, Vec<u8>)| async move {
            loop {
                if let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = buffer.drain(..=end).collect();
                    return Some((Ok(line), (body, buffer)));
                }
                match body.frame().await? {
                    Ok(frame) => buffer.extend(frame.into_data().unwrap_or_default()),
                    Err(error) => return Some((Err(error.into()), (body, buffer))),
                }
            }
        },
    );
    lines.filter_map(move |line| {
        let told = line.map(|line| tell(&asked, line, change)).transpose();
        std::future::ready(told)
    })
}

fn tell(asked: &Asked, line: Vec<u8>, change: Change) -> Option<Frame<Bytes>> {
    let Change::Event(misreport) = change else {
        return Some(Frame::data(Bytes::from(line)));
    };
    let mut event: Value = serde_json::from_slice(&line).unwrap_or_default();
    let is_told = misreport(asked, &mut event);
    is_told.then(|| Frame::data(Bytes::from(format!("{event}\n"))))
}
