//! One try: turn, credentials, signature, the caller's check, the exchange, the answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, DATE, HOST, HeaderName, USER_AGENT};
use http::{HeaderMap, HeaderValue, Uri};
use serde_json::Value;
use tokio::time::Instant;

use super::{Client, SignatureMethod, answer};
use crate::action::{API_VERSION, Action};
use crate::credentials::{Credentials, CredentialsError, Secret};
use crate::error::{BoxError, Error, ErrorClass};
use crate::params::Params;
use crate::signer::{Unsigned, percent_encode, v1, v3};
use crate::transport::TransportError;

/// One try, as it is told to the observer of a client.
#[derive(Debug)]
#[non_exhaustive]
pub struct Attempt<'a> {
    /// The action that was called.
    pub action: &'a Action,
    /// The wait for a turn under the local rate limit.
    pub waited: Duration,
    /// The time from signing to the end of the answer.
    pub took: Duration,
    /// What came of it.
    pub result: Result<(), &'a Error>,
}

impl Client {
    /// Tries once, and tells the observer.
    ///
    /// The deadline of the exchange runs from the caller's check on: time before it, for a turn or for credentials,
    /// can end the try but leaves nothing open.
    pub(super) async fn attempt(&self, action: &Action, params: &Params) -> Result<Value, Error> {
        let inner = &self.inner;
        let waited = self.turn(action).await?;
        let start = Instant::now();
        let result = self.try_once(action, params).await;
        if let Some(observer) = &inner.observer {
            let result = result.as_ref().map(|_| ());
            observer(&Attempt {
                action,
                waited,
                took: start.elapsed(),
                result,
            });
        }
        result
    }

    async fn turn(&self, action: &Action) -> Result<Duration, Error> {
        match &self.inner.rate_limiter {
            None => Ok(Duration::ZERO),
            Some(limiter) => {
                limiter
                    .turn(action, &self.caller)
                    .await
                    .map_err(|wait| Error::RateLimited {
                        action: action.clone(),
                        wait,
                    })
            }
        }
    }

    async fn try_once(&self, action: &Action, params: &Params) -> Result<Value, Error> {
        let credentials = self
            .credentials()
            .await
            .map_err(|source| Error::Credentials {
                action: action.clone(),
                source,
            })?;
        let request = self
            .signed(action, params, &credentials)
            .map_err(|source| Error::Encode {
                action: action.clone(),
                source,
            })?;
        if let Some(check) = &self.inner.before_send {
            check(action).map_err(|source| Error::BeforeSend {
                action: action.clone(),
                source,
            })?;
        }
        let result = self.exchange(action, request).await;
        if let Some(limiter) = &self.inner.rate_limiter {
            let class = result.as_ref().err().map(Error::class);
            limiter.answered(action, class == Some(ErrorClass::Throttled));
        }
        if result.as_ref().is_err_and(is_about_the_token) {
            self.inner.credentials.refused(&credentials);
        }
        result.map_err(|error| without_token(error, &credentials))
    }

    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let asking = self.inner.credentials.credentials();
        tokio::time::timeout(self.inner.deadlines.attempt, asking)
            .await
            .unwrap_or_else(|elapsed| {
                Err(CredentialsError::Provider {
                    provider: "the source of credentials".into(),
                    is_transient: true,
                    source: elapsed.into(),
                })
            })
    }

    async fn exchange(
        &self,
        action: &Action,
        request: http::Request<Bytes>,
    ) -> Result<Value, Error> {
        let after = self.inner.deadlines.attempt;
        let response =
            match tokio::time::timeout(after, self.inner.transport.exchange(request)).await {
                Ok(response) => response.map_err(|error| self.transport_error(action, error))?,
                Err(_) => {
                    return Err(Error::Deadline {
                        action: action.clone(),
                        after,
                    });
                }
            };
        let result = answer::read(action, &response);
        if let Err(error) = &result
            && is_about_the_clock(error)
        {
            self.learn_clock(response.headers());
        }
        tracing::debug!(%action, status = response.status().as_u16(), ok = result.is_ok(), "ENS answered");
        result
    }

    fn signed(
        &self,
        action: &Action,
        params: &Params,
        credentials: &Credentials,
    ) -> Result<http::Request<Bytes>, BoxError> {
        let inner = &self.inner;
        let method = action.method();
        let unsigned = Unsigned {
            method: method.as_str(),
            host: inner.endpoint.authority(),
            action: action.name(),
            version: API_VERSION,
            params,
        };
        let offset = TimeDelta::milliseconds(inner.clock_offset.load(Ordering::Relaxed));
        let now = inner.context.now();
        let time = now.checked_add_signed(offset).unwrap_or(now);
        let nonce = inner.context.nonce();
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, inner.user_agent.clone());
        if method == http::Method::POST {
            // hyper leaves it out when the body is empty, and there are servers that refuse a POST without it (411).
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let query = match inner.signature {
            SignatureMethod::V3 => {
                let signed = v3::sign(&unsigned, credentials, time, &nonce);
                for (name, value) in signed.headers {
                    headers.insert(HeaderName::from_static(name), sensitive(&value)?);
                }
                headers.insert(AUTHORIZATION, sensitive(&signed.authorization)?);
                signed.query.to_string()
            }
            SignatureMethod::V1 => {
                headers.insert(HOST, inner.endpoint.authority().parse()?);
                v1::sign(&unsigned, credentials, time, &nonce)
                    .as_str()
                    .to_owned()
            }
        };
        let uri = Uri::builder()
            .scheme(inner.endpoint.scheme())
            .authority(inner.endpoint.authority())
            .path_and_query(if query.is_empty() {
                "/".to_owned()
            } else {
                format!("/?{query}")
            })
            .build()?;
        let mut request = http::Request::builder()
            .method(method)
            .uri(uri)
            .body(Bytes::new())?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn transport_error(&self, action: &Action, error: TransportError) -> Error {
        let action = action.clone();
        let endpoint = self.inner.endpoint.authority().to_owned();
        match error {
            TransportError::Connect(source) => Error::Connect {
                action,
                endpoint,
                source,
            },
            TransportError::Exchange(source) => Error::Exchange {
                action,
                endpoint,
                source,
            },
            TransportError::TooLarge { limit } => Error::TooLarge { action, limit },
        }
    }

    /// Takes the cloud's time from the Date header of its answer.
    fn learn_clock(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|value| value.to_str().ok());
        let Some(theirs) = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok()) else {
            return;
        };
        let offset = theirs.with_timezone(&Utc) - self.inner.context.now();
        self.inner
            .clock_offset
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
                *text = text.replace(form.expose(), "***");
            }
            form = Secret::new(percent_encode(form.expose()));
        }
    }
    error
}

/// A header value that is kept out of debug output.
fn sensitive(text: &str) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether the cloud refused the request for its date.
pub(super) fn is_about_the_clock(error: &Error) -> bool {
    error
        .code()
        .is_some_and(|code| code.starts_with("InvalidTimeStamp") || code == "IllegalTimestamp")
}

/// Whether the cloud refused the request for its security token.
pub(super) fn is_about_the_token(error: &Error) -> bool {
    error
        .code()
        .is_some_and(|code| code.starts_with("InvalidSecurityToken"))
}
