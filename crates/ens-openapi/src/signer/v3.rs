//! ACS3-HMAC-SHA256: the signature stands in the Authorization header.

use std::fmt::{self, Write as _};

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::{CanonicalQuery, Unsigned, timestamp};
use crate::credentials::{Credentials, Secret};

/// Name of the algorithm, as it stands in the string to sign and in the Authorization header.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// Path of RPC-style products, such as ENS.
const PATH: &str = "/";

/// A signed request: what has to be added to it, and the stages that led there.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The query to send.
    pub query: CanonicalQuery,
    /// The headers that were signed, in lower case and sorted.
    pub headers: Vec<(&'static str, String)>,
    /// Value of the Authorization header.
    pub authorization: String,
}

impl fmt::Debug for Signed {
    /// Names of the headers only: their values may hold a security token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Signed")
            .field("query", &self.query)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// Signs a request that has its parameters in the query and an empty body.
///
/// `time` has to be within 15 minutes of the cloud's; `nonce` must never have been used before.
pub fn sign(
    request: &Unsigned<'_>,
    credentials: &Credentials,
    time: DateTime<Utc>,
    nonce: &str,
) -> Signed {
    let query = CanonicalQuery::new(request.params);
    let payload_hash = hex_sha256(b"");
    let mut headers = vec![
        ("host", request.host.to_owned()),
        ("x-acs-action", request.action.to_owned()),
        ("x-acs-content-sha256", payload_hash.clone()),
        ("x-acs-date", timestamp(time)),
        ("x-acs-signature-nonce", nonce.to_owned()),
        ("x-acs-version", request.version.to_owned()),
    ];
    if let Some(token) = &credentials.security_token {
        headers.push(("x-acs-accesskey-id", credentials.access_key_id.clone()));
        headers.push(("x-acs-security-token", token.expose().to_owned()));
    }
    headers.sort_unstable();
    let signed = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let canonical = CanonicalRequest::new(request.method, PATH, &query, signed, &payload_hash);
    let signature = StringToSign::new(&canonical).sign(&credentials.access_key_secret);
    let authorization = authorization(&credentials.access_key_id, &canonical, &signature);
    Signed {
        query,
        headers,
        authorization,
    }
}

/// The value of the Authorization header.
pub fn authorization(access_key_id: &str, canonical: &CanonicalRequest, signature: &str) -> String {
    format!(
        "{ALGORITHM} Credential={access_key_id},SignedHeaders={},Signature={signature}",
        canonical.signed_headers
    )
}

/// First stage: the request in the one form that both sides compute.
///
/// It contains the security token of temporary credentials: do not log it.
#[derive(Clone, PartialEq, Eq)]
pub struct CanonicalRequest {
    text: String,
    signed_headers: String,
}

impl CanonicalRequest {
    /// Of the headers, `host`, `content-type` and every `x-acs-*` are signed; names compare in lower case, values are
    /// trimmed, the values of a header that comes more than once are sorted and joined by commas.
    pub fn new<'a>(
        method: &str,
        path: &str,
        query: &CanonicalQuery,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        payload_hash: &str,
    ) -> Self {
        let mut signed: Vec<(String, &str)> = headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
            .filter(|(name, _)| {
                name == "host" || name == "content-type" || name.starts_with("x-acs-")
            })
            .collect();
        signed.sort_unstable();
        let mut text = format!("{method}\n{path}\n{query}\n");
        let mut signed_headers = String::new();
        let mut last: Option<&str> = None;
        for (name, value) in &signed {
            if last == Some(name) {
                text.push(',');
            } else {
                if last.is_some() {
                    text.push('\n');
                    signed_headers.push(';');
                }
                signed_headers.push_str(name);
                text.push_str(name);
                text.push(':');
            }
            text.push_str(value);
            last = Some(name);
        }
        if last.is_some() {
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&signed_headers);
        text.push('\n');
        text.push_str(payload_hash);
        Self {
            text,
            signed_headers,
        }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Lower-case hex of the SHA-256 of the text.
    pub fn hash(&self) -> String {
        hex_sha256(self.text.as_bytes())
    }
}

impl fmt::Display for CanonicalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for CanonicalRequest {
    /// The hash only: the text may hold a security token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CanonicalRequest")
            .field("hash", &self.hash())
            .finish_non_exhaustive()
    }
}

/// Second stage: the text that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringToSign(String);

impl StringToSign {
    /// The text for this canonical request.
    pub fn new(canonical: &CanonicalRequest) -> Self {
        Self(format!("{ALGORITHM}\n{}", canonical.hash()))
    }

    /// Third stage: the signature in lower-case hex.
    pub fn sign(&self, access_key_secret: &Secret) -> String {
        // HMAC takes keys of any length; a failure cannot happen and gives a signature that the cloud refuses.
        Hmac::<Sha256>::new_from_slice(access_key_secret.expose().as_bytes())
            .map(|mac| hex(&mac.chain_update(self.0.as_bytes()).finalize().into_bytes()))
            .unwrap_or_default()
    }
}

impl fmt::Display for StringToSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Lower-case hex of the SHA-256 of some bytes.
pub fn hex_sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}
