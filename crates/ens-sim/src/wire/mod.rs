//! The gateway: reads a request as it came over the wire, proves who sent it, and hands it to the cloud.
//!
//! It knows both signatures of RPC-style products: V3 (`ACS3-HMAC-SHA256`, in headers) and V1 (HMAC-SHA1, in
//! parameters), on GET and POST, with parameters in the query, in a form body, or in both.

mod encoding;
mod nonces;
mod sts;
mod v1;
mod v3;
mod xml;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::cloud::{ApiError, Cloud, Delivery, ENS_VERSION, Method, Reply, Request, Response};
use crate::time::Timestamp;
use nonces::Nonces;
use sts::STS_VERSION;

/// How far a request's clock may be off (V3 page of the Alibaba Cloud SDK documentation).
const SKEW: Duration = Duration::from_secs(15 * 60);

/// A cloud behind its gateway: credentials, nonces, STS.
#[derive(Clone, Debug)]
pub struct Gateway {
    cloud: Cloud,
    keys: BTreeMap<String, Key>,
    nonces: Nonces,
}

/// What belongs to an AccessKey id.
#[derive(Clone)]
struct Key {
    secret: String,
    account: String,
    /// With a temporary key: its security token and when it ends.
    session: Option<(String, Timestamp)>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

/// An answer on its way to the wire.
#[derive(Debug)]
pub struct WireReply {
    /// Status, headers and encoded body.
    pub response: http::Response<Bytes>,
    /// Whether and when the caller gets it.
    pub delivery: Delivery,
}

/// A request taken apart, before anything about it is believed.
struct Parts {
    method: Method,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
}

impl Parts {
    fn all(&self) -> Vec<(String, String)> {
        self.query.iter().chain(&self.form).cloned().collect()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .chain(&self.form)
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What is known of a call once its signature holds.
struct Call {
    account: String,
    access_key_id: String,
    action: String,
    version: String,
}

impl Gateway {
    /// Puts a gateway without any credentials before a cloud.
    #[must_use]
    pub fn new(cloud: Cloud) -> Self {
        Self {
            cloud,
            keys: BTreeMap::new(),
            nonces: Nonces::default(),
        }
    }

    /// Adds an AccessKey of the account that owns the world.
    pub fn add_key(&mut self, id: &str, secret: &str) {
        let account = self.cloud.config().account.clone();
        self.add_key_of(id, secret, &account);
    }

    /// Adds an AccessKey of any account. Only the owner sees the world; everybody else has an empty one.
    pub fn add_key_of(&mut self, id: &str, secret: &str, account: &str) {
        let key = Key {
            secret: secret.to_owned(),
            account: account.to_owned(),
            session: None,
        };
        self.keys.insert(id.to_owned(), key);
    }

    /// The cloud behind the gateway.
    #[must_use]
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The cloud behind the gateway, to be changed.
    pub fn cloud_mut(&mut self) -> &mut Cloud {
        &mut self.cloud
    }

    /// Answers one HTTP request that arrives at `now`.
    pub fn answer(&mut self, request: &http::Request<Bytes>, now: Timestamp) -> WireReply {
        let v1 = !request.headers().contains_key(http::header::AUTHORIZATION);
        let parts = match take_apart(request) {
            Ok(parts) => parts,
            Err(error) => return encode(self.refuse(&error), false),
        };
        // V1 clients that do not ask for JSON get XML, which is the documented default.
        let wants_xml = v1
            && !parts
                .get("Format")
                .is_some_and(|format| format.eq_ignore_ascii_case("json"));
        let reply = match self.admit(request, &parts, now) {
            Ok(call) => self.carry_out(call, &parts, now),
            Err(error) => self.refuse(&error),
        };
        encode(reply, wants_xml)
    }

    fn refuse(&mut self, error: &ApiError) -> Reply {
        self.cloud.refuse(error)
    }

    fn carry_out(&mut self, call: Call, parts: &Parts, now: Timestamp) -> Reply {
        let mut params = BTreeMap::new();
        for (name, value) in parts.all() {
            if params.insert(name.clone(), value).is_some() {
                return self.refuse(&ApiError::invalid(&name, "it is given twice"));
            }
        }
        match call.version.as_str() {
            ENS_VERSION => {
                let request = Request {
                    account: call.account,
                    method: parts.method,
                    action: call.action,
                    params,
                };
                self.cloud.handle(&request, now)
            }
            STS_VERSION => match self.sts(&call, &params, now) {
                Ok(body) => {
                    let response = Response {
                        status: 200,
                        headers: Vec::new(),
                        body,
                    };
                    Reply {
                        response,
                        delivery: Delivery::Now,
                    }
                }
                Err(error) => self.refuse(&error),
            },
            version => {
                let message = format!("Specified parameter Version is not valid: {version}.");
                self.refuse(&ApiError::new(400, "InvalidVersion", message))
            }
        }
    }

    /// Proves who calls. Nothing is looked up in the cloud before this has passed.
    fn admit(
        &mut self,
        request: &http::Request<Bytes>,
        parts: &Parts,
        now: Timestamp,
    ) -> Result<Call, ApiError> {
        match request.headers().get(http::header::AUTHORIZATION) {
            Some(authorization) => self.admit_v3(request, parts, authorization, now),
            None => self.admit_v1(parts, now),
        }
    }

    fn admit_v3(
        &mut self,
        request: &http::Request<Bytes>,
        parts: &Parts,
        authorization: &HeaderValue,
        now: Timestamp,
    ) -> Result<Call, ApiError> {
        let headers = request.headers();
        let authorization = authorization
            .to_str()
            .ok()
            .and_then(v3::parse_authorization)
            .ok_or_else(|| incomplete("the Authorization header is not of the documented form"))?;
        let header = |name: &str| {
            let value = headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .filter(|value| !value.is_empty());
            value.ok_or_else(|| incomplete(&format!("the header {name} is missing")))
        };
        let action = headers
            .get("x-acs-action")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        if action.is_empty() {
            return Err(ApiError::missing("Action"));
        }
        let version = headers
            .get("x-acs-version")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        if version.is_empty() {
            return Err(ApiError::missing("Version"));
        }
        header("x-acs-content-sha256")?;
        let (date, nonce) = (header("x-acs-date")?, header("x-acs-signature-nonce")?);
        let token = headers
            .get("x-acs-security-token")
            .and_then(|value| value.to_str().ok());
        let key = self.key(&authorization.access_key_id, token, now)?.clone();
        check_clock(date, now)?;

        let signed = signed_headers(headers, &authorization.signed_headers)?;
        // The hash of what came, not the one that the header claims.
        let body_hash = v3::hash(request.body());
        let canonical =
            v3::canonical_request(request.method().as_str(), &parts.query, &signed, &body_hash);
        let to_sign = v3::string_to_sign(&canonical);
        if v3::sign(&key.secret, &to_sign) != authorization.signature {
            let more = format!("{to_sign} server CanonicalRequest is:[{canonical}]");
            return Err(does_not_match(&more));
        }
        self.use_nonce(&authorization.access_key_id, nonce, now)?;
        Ok(Call {
            account: key.account,
            access_key_id: authorization.access_key_id,
            action,
            version,
        })
    }

    fn admit_v1(&mut self, parts: &Parts, now: Timestamp) -> Result<Call, ApiError> {
        let required = |name: &str| {
            let value = parts.get(name).filter(|value| !value.is_empty());
            value
                .map(str::to_owned)
                .ok_or_else(|| ApiError::missing(name))
        };
        let (action, version) = (required("Action")?, required("Version")?);
        if version == STS_VERSION && action == "AssumeRoleWithOIDC" {
            // Its caller has no key yet.
            return Ok(Call {
                account: String::new(),
                access_key_id: String::new(),
                action,
                version,
            });
        }
        let access_key_id = required("AccessKeyId")?;
        let (signature, nonce) = (required("Signature")?, required("SignatureNonce")?);
        let (method, of_version) = (required("SignatureMethod")?, required("SignatureVersion")?);
        if method != "HMAC-SHA1" {
            return Err(ApiError::invalid("SignatureMethod", "must be HMAC-SHA1"));
        }
        if of_version != "1.0" {
            return Err(ApiError::invalid("SignatureVersion", "must be 1.0"));
        }
        let key = self
            .key(&access_key_id, parts.get("SecurityToken"), now)?
            .clone();
        check_clock(&required("Timestamp")?, now)?;
        let method = if parts.method == Method::Get {
            "GET"
        } else {
            "POST"
        };
        let to_sign = v1::string_to_sign(method, &parts.all());
        if v1::sign(&key.secret, &to_sign) != signature {
            return Err(does_not_match(&to_sign));
        }
        self.use_nonce(&access_key_id, &nonce, now)?;
        Ok(Call {
            account: key.account,
            access_key_id,
            action,
            version,
        })
    }

    /// The key of that id, with the security token that belongs to it.
    fn key(&self, id: &str, token: Option<&str>, now: Timestamp) -> Result<&Key, ApiError> {
        let Some(key) = self.keys.get(id) else {
            let message = "Specified access key is not found.";
            return Err(ApiError::new(404, "InvalidAccessKeyId.NotFound", message));
        };
        let malformed = || {
            let message = "Specified SecurityToken is malformed.";
            ApiError::new(400, "InvalidSecurityToken.Malformed", message)
        };
        let given = token.filter(|token| !token.is_empty());
        let Some((own, ends)) = &key.session else {
            return if given.is_none() {
                Ok(key)
            } else {
                Err(malformed())
            };
        };
        if given != Some(own) {
            return Err(malformed());
        }
        if *ends <= now {
            let message = "Specified SecurityToken is expired.";
            return Err(ApiError::new(400, "InvalidSecurityToken.Expired", message));
        }
        Ok(key)
    }

    /// Takes a nonce, once. Only requests whose signature held come here, so nobody can use up another's nonces.
    fn use_nonce(&mut self, key: &str, nonce: &str, now: Timestamp) -> Result<(), ApiError> {
        if self.nonces.take(key, nonce, now) {
            return Ok(());
        }
        let message = "Specified signature nonce was used already.";
        Err(ApiError::new(400, "SignatureNonceUsed", message))
    }
}

fn take_apart(request: &http::Request<Bytes>) -> Result<Parts, ApiError> {
    let method = match *request.method() {
        http::Method::GET => Method::Get,
        http::Method::POST => Method::Post,
        ref other => {
            let message = format!("The method {other} is not supported.");
            return Err(ApiError::new(403, "UnsupportedHTTPMethod", message));
        }
    };
    if request.uri().path() != "/" {
        let message = format!("Specified api is not found: {}.", request.uri().path());
        return Err(ApiError::new(404, "InvalidApi.NotFound", message));
    }
    let query = encoding::pairs(request.uri().query().unwrap_or_default().as_bytes());
    let content_type = request
        .headers()
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let is_form =
        content_type.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let form = if is_form {
        encoding::pairs(request.body())
    } else {
        Vec::new()
    };
    if !is_form && !request.body().is_empty() {
        let message = "A body must be a form (application/x-www-form-urlencoded).";
        return Err(ApiError::new(400, "UnsupportedContentType", message));
    }
    Ok(Parts {
        method,
        query,
        form,
    })
}

/// The headers that a client says it signed. It has to sign host, content-type and every x-acs-* header that it sends.
fn signed_headers(
    headers: &HeaderMap,
    names: &[String],
) -> Result<Vec<(String, String)>, ApiError> {
    for name in headers.keys().map(http::HeaderName::as_str) {
        let must = name == "host" || name == "content-type" || name.starts_with("x-acs-");
        if must && !names.iter().any(|signed| signed == name) {
            return Err(incomplete(&format!("the header {name} is not signed")));
        }
    }
    let mut signed = Vec::new();
    for name in names {
        let mut values = headers.get_all(name).iter().peekable();
        if values.peek().is_none() {
            return Err(incomplete(&format!("the signed header {name} is missing")));
        }
        for value in values {
            signed.push((
                name.to_lowercase(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            ));
        }
    }
    Ok(signed)
}

fn check_clock(text: &str, now: Timestamp) -> Result<(), ApiError> {
    let Some(at) = Timestamp::parse(text) else {
        let message = format!("Specified time stamp or date value is not well formatted: {text}.");
        return Err(ApiError::new(400, "InvalidTimeStamp.Format", message));
    };
    if now.since(at) > SKEW || at.since(now) > SKEW {
        let message = "Specified time stamp or date value is expired.";
        return Err(ApiError::new(400, "InvalidTimeStamp.Expired", message));
    }
    Ok(())
}

fn incomplete(why: &str) -> ApiError {
    let message = format!("The request signature does not conform to Aliyun standards: {why}.");
    ApiError::new(400, "IncompleteSignature", message)
}

/// The message that older SDKs compare with their own string to sign: equal means a wrong secret.
fn does_not_match(string_to_sign: &str) -> ApiError {
    let message = format!(
        "Specified signature is not matched with our calculation. server string to sign is:{string_to_sign}"
    );
    ApiError::new(400, "SignatureDoesNotMatch", message)
}

fn encode(reply: Reply, xml: bool) -> WireReply {
    let Reply {
        response: answer,
        delivery,
    } = reply;
    let (content_type, body) = if xml {
        (
            "text/xml;charset=utf-8",
            xml::document(&answer.body, answer.status != 200),
        )
    } else {
        ("application/json;charset=utf-8", answer.body.to_string())
    };
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static(content_type),
    );
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (
            http::HeaderName::try_from(name),
            HeaderValue::try_from(value),
        ) {
            response.headers_mut().insert(name, value);
        }
    }
    if let Some(id) = answer
        .body
        .get("RequestId")
        .and_then(serde_json::Value::as_str)
        && let Ok(value) = HeaderValue::try_from(id)
    {
        response.headers_mut().insert("x-acs-request-id", value);
    }
    WireReply { response, delivery }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
