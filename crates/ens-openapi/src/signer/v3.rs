//! ACS3-HMAC-SHA256: the signature stands in the Authorization header.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use super::{CanonicalQuery, Unsigned, timestamp};
use crate::credentials::{Credentials, Secret};

/// Name of the algorithm, as it stands in the string to sign and in the Authorization header.
pub const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// The header that has the token of temporary credentials.
pub(crate) const SECURITY_TOKEN: &str = "x-acs-security-token";

/// Path of RPC-style products, such as ENS.
const PATH: &str = "/";

/// [`hex_sha256`] of nothing: parameters travel in the query, so that bodies are empty.
pub const EMPTY_PAYLOAD_HASH: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A signed request: what has to be added to it. Its headers are overwritten when it is dropped, as one of them is the
/// security token of temporary credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The query to send.
    pub query: CanonicalQuery,
    /// The headers that were signed, in lower case and sorted.
    pub headers: Vec<(&'static str, String)>,
    /// Value of the Authorization header.
    pub authorization: String,
}

impl Drop for Signed {
    fn drop(&mut self) {
        for (_, value) in &mut self.headers {
            value.zeroize();
        }
    }
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
    let mut headers = Vec::with_capacity(8);
    headers.extend([
        ("host", request.host.to_owned()),
        ("x-acs-action", request.action.to_owned()),
        ("x-acs-content-sha256", EMPTY_PAYLOAD_HASH.to_owned()),
        ("x-acs-date", timestamp(time)),
        ("x-acs-signature-nonce", nonce.to_owned()),
        ("x-acs-version", request.version.to_owned()),
    ]);
    if let Some(token) = &credentials.security_token {
        headers.push(("x-acs-accesskey-id", credentials.access_key_id.clone()));
        headers.push((SECURITY_TOKEN, token.expose().to_owned()));
        headers.sort_unstable();
    }
    let signed = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let canonical = CanonicalRequest::new(request.method, PATH, &query, signed, EMPTY_PAYLOAD_HASH);
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
    text: Zeroizing<String>,
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
        let mut signed: Vec<(Cow<'a, str>, &str)> = headers
            .into_iter()
            .map(|(name, value)| (lower_case(name), value.trim()))
            .filter(|(name, _)| {
                name == "host" || name == "content-type" || name.starts_with("x-acs-")
            })
            .collect();
        signed.sort_unstable();
        let names: usize = signed.iter().map(|(name, _)| name.len() + 1).sum();
        let values: usize = signed.iter().map(|(_, value)| value.len() + 1).sum();
        let line = method.len() + path.len() + query.as_str().len() + 3;
        let mut text = String::with_capacity(line + 2 * names + values + payload_hash.len() + 2);
        for part in [method, path, query.as_str()] {
            text.push_str(part);
            text.push('\n');
        }
        let mut signed_headers = String::with_capacity(names);
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
            text: Zeroizing::new(text),
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
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Half a byte is always within the digits.
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 0xf)]);
    }
    text
}

/// The name in lower case; it mostly is already.
fn lower_case(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_hash_of_an_empty_body_is_what_is_written_down() {
        assert_eq!(EMPTY_PAYLOAD_HASH, hex_sha256(b""));
    }

    proptest! {
        #[test]
        fn hex_digits_are_those_of_the_standard_library(bytes in any::<Vec<u8>>()) {
            let digits: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(hex(&bytes), digits.concat());
        }
    }
}
