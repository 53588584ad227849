//! Signing a call, and reading its answer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, DATE, HOST, HeaderName, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};
use serde_json::Value;
use tower::{Layer, ServiceExt as _};
use zeroize::Zeroize as _;

use super::{Call, SendService, SignedCall, answer, service};
use crate::action::API_VERSION;
use crate::client::Endpoint;
use crate::context::Context;
use crate::credentials::{Credentials, CredentialsError, ProvideCredentials, Secret};
use crate::error::{BoxError, Error};
use crate::signer::{Unsigned, percent_encode, v1, v3};

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignatureMethod {
    /// ACS3-HMAC-SHA256, as current SDKs do.
    #[default]
    V3,
    /// RPC HMAC-SHA1, as older SDKs do.
    V1,
}

/// Makes a signed request of every call, with a nonce, a date and a signature of its own, and reads the answer.
///
/// When the cloud refuses the date, its clock is learnt from the Date header of the answer. When it refuses the security
/// token, the source of the credentials is told. Both take effect with the next try.
#[derive(Clone)]
pub struct SignLayer {
    credentials: Arc<dyn ProvideCredentials>,
    credentials_deadline: Duration,
    endpoint: Endpoint,
    version: &'static str,
    context: Context,
    method: SignatureMethod,
    user_agent: HeaderValue,
}

impl SignLayer {
    /// Signs with these credentials, for the default endpoint.
    pub fn new(credentials: impl ProvideCredentials + 'static) -> Self {
        Self::shared(Arc::new(credentials))
    }

    pub(crate) fn shared(credentials: Arc<dyn ProvideCredentials>) -> Self {
        Self {
            credentials,
            credentials_deadline: Duration::from_secs(10),
            endpoint: Endpoint::default(),
            version: API_VERSION,
            context: Context::system(),
            method: SignatureMethod::default(),
            user_agent: HeaderValue::from_static(USER_AGENT_NAME),
        }
    }

    /// How long fetching credentials may take, 10 s when not set.
    #[must_use]
    pub fn credentials_deadline(mut self, deadline: Duration) -> Self {
        self.credentials_deadline = deadline;
        self
    }

    /// Where calls go.
    #[must_use]
    pub fn endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = endpoint;
        self
    }

    /// The version of the API that is called, [`API_VERSION`] when not set: another one is another product's.
    #[must_use]
    pub fn version(mut self, version: &'static str) -> Self {
        self.version = version;
        self
    }

    /// Where time and nonces come from; the machine's when not set.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// How requests are signed.
    #[must_use]
    pub fn method(mut self, method: SignatureMethod) -> Self {
        self.method = method;
        self
    }

    /// The User-Agent header, `ens-openapi/<version>` when not set.
    #[must_use]
    pub fn user_agent(mut self, user_agent: HeaderValue) -> Self {
        self.user_agent = user_agent;
        self
    }
}

/// The User-Agent header of this crate.
pub(crate) const USER_AGENT_NAME: &str = concat!("ens-openapi/", env!("CARGO_PKG_VERSION"));

impl<S> Layer<S> for SignLayer {
    type Service = Sign<S>;

    fn layer(&self, inner: S) -> Sign<S> {
        Sign {
            signer: Arc::new(Signer {
                settings: self.clone(),
                clock_offset: AtomicI64::new(0),
            }),
            inner,
        }
    }
}

impl fmt::Debug for SignLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignLayer")
            .field("endpoint", &self.endpoint)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// The service of a [`SignLayer`]. Clones share what was learnt about the clock.
#[derive(Clone, Debug)]
pub struct Sign<S> {
    signer: Arc<Signer>,
    inner: S,
}

service!(Sign: SendService takes Call, gives Value, by exchange);

async fn exchange<S: SendService>(service: Sign<S>, call: Call) -> Result<Value, Error> {
    let Sign { signer, inner } = service;
    let Call { action, params, .. } = call;
    let credentials = match signer.credentials().await {
        Ok(credentials) => credentials,
        Err(source) => return Err(Error::Credentials { action, source }),
    };
    let method = action.method();
    let unsigned = Unsigned {
        method: method.as_str(),
        host: signer.settings.endpoint.authority(),
        action: action.name(),
        version: signer.settings.version,
        params: &params,
    };
    let request = match signer.signed(&unsigned, &credentials) {
        Ok(request) => request,
        Err(source) => return Err(Error::Encode { action, source }),
    };
    let signed = SignedCall {
        action: action.clone(),
        request,
    };
    let response = inner.oneshot(signed).await?;
    let result = answer::read(&action, &response);
    tracing::debug!(%action, status = response.status().as_u16(), ok = result.is_ok(), "ENS answered");
    result.map_err(|error| {
        if error.is_about_the_clock() {
            signer.learn_clock(response.headers());
        }
        if error.is_about_the_token() {
            signer.settings.credentials.refused(&credentials);
        }
        without_token(error, &credentials)
    })
}

/// What the services of one layer share.
#[derive(Debug)]
struct Signer {
    settings: SignLayer,
    /// What the cloud's clock is ahead of ours, in milliseconds, as learnt from a refusal.
    clock_offset: AtomicI64,
}

impl Signer {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let asking = self.settings.credentials.credentials();
        tokio::time::timeout(self.settings.credentials_deadline, asking)
            .await
            .unwrap_or_else(|elapsed| {
                Err(CredentialsError::Provider {
                    provider: "the source of credentials".into(),
                    is_transient: true,
                    source: elapsed.into(),
                })
            })
    }

    fn signed(
        &self,
        unsigned: &Unsigned<'_>,
        credentials: &Credentials,
    ) -> Result<http::Request<Bytes>, BoxError> {
        let settings = &self.settings;
        let offset = TimeDelta::milliseconds(self.clock_offset.load(Ordering::Relaxed));
        let now = settings.context.now();
        let time = now.checked_add_signed(offset).unwrap_or(now);
        let nonce = settings.context.nonce();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, settings.user_agent.clone());
        if unsigned.method == "POST" {
            // hyper leaves it out when the body is empty, and there are servers that refuse a POST without it (411).
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let target = match settings.method {
            SignatureMethod::V3 => {
                let signed = v3::sign(unsigned, credentials, time, &nonce);
                for (name, value) in &signed.headers {
                    let value = if *name == v3::SECURITY_TOKEN {
                        Secret::new(value.as_str()).header()?
                    } else {
                        sensitive(value)?
                    };
                    headers.insert(HeaderName::from_static(name), value);
                }
                headers.insert(AUTHORIZATION, sensitive(&signed.authorization)?);
                path_and_query(signed.query.as_str())
            }
            SignatureMethod::V1 => {
                headers.insert(HOST, settings.endpoint.authority().parse()?);
                path_and_query(v1::sign(unsigned, credentials, time, &nonce).as_str())
            }
        };
        let uri = Uri::builder()
            .scheme(settings.endpoint.scheme())
            .authority(settings.endpoint.authority())
            .path_and_query(PathAndQuery::from_maybe_shared(target.into_bytes())?)
            .build()?;
        let mut request = http::Request::builder()
            .method(unsigned.method)
            .uri(uri)
            .body(Bytes::new())?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Takes the cloud's time from the Date header of its answer.
    fn learn_clock(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|value| value.to_str().ok());
        let Some(theirs) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else {
            return;
        };
        let offset = theirs.with_timezone(&Utc) - self.settings.context.now();
        self.clock_offset
            .store(offset.num_milliseconds(), Ordering::Relaxed);
    }
}

/// Takes the security token out of the texts of an error. The cloud repeats its whole string to sign in the message when
/// a signature does not match, the token with it, plain or encoded; the other texts are no more to be trusted.
fn without_token(mut error: Error, credentials: &Credentials) -> Error {
    if let (Error::Answer { refusal, .. }, Some(token)) = (&mut error, &credentials.security_token)
        && !token.is_empty()
    {
        let mut form = Secret::new(token.expose());
        for _ in 0..3 {
            let texts = [
                &mut refusal.code,
                &mut refusal.message,
                &mut refusal.request_id,
            ];
            for text in texts.into_iter().flatten() {
                let shown = text.replace(form.expose(), "***");
                std::mem::replace(text, shown).zeroize();
            }
            form = Secret::new(percent_encode(form.expose()));
        }
    }
    error
}

/// What follows the host. With V1 it holds the token of temporary credentials.
fn path_and_query(query: &str) -> Secret {
    Secret::new(match query {
        "" => "/".to_owned(),
        query => ["/?", query].concat(),
    })
}

/// A header value that is kept out of debug output.
fn sensitive(text: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}
