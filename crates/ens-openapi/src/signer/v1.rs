//! RPC HMAC-SHA1 (`SignatureVersion` 1.0): the signature is a parameter of the query.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::{CanonicalQuery, Unsigned, percent_encode, timestamp};
use crate::credentials::{Credentials, Secret};

/// Signs a request and gives the whole query to send, signature included. The host is not signed.
///
/// `time` has to be within 15 minutes of the cloud's; `nonce` must never have been used before.
pub fn sign(
    request: &Unsigned<'_>,
    credentials: &Credentials,
    time: DateTime<Utc>,
    nonce: &str,
) -> SignedQuery {
    let timestamp = timestamp(time);
    let mut common = vec![
        ("AccessKeyId", credentials.access_key_id.as_str()),
        ("Action", request.action),
        // XML is what the API gives when nothing is said.
        ("Format", "JSON"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", nonce),
        ("SignatureVersion", "1.0"),
        ("Timestamp", &timestamp),
        ("Version", request.version),
    ];
    if let Some(token) = &credentials.security_token {
        common.push(("SecurityToken", token.expose()));
    }
    // A parameter of the action cannot take the place of a common one.
    let is_common = |name: &str| common.iter().any(|(known, _)| *known == name);
    let own = request.params.iter().filter(|(name, _)| !is_common(name));
    let query = CanonicalQuery::new(own.chain(common.iter().copied()));
    let signature = StringToSign::new(request.method, &query).sign(&credentials.access_key_secret);
    let signature = percent_encode(&signature);
    SignedQuery(Zeroizing::new(format!("{query}&Signature={signature}")))
}

/// A query with its signature. It contains the security token of temporary credentials: do not log it.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedQuery(Zeroizing<String>);

impl SignedQuery {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SignedQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedQuery").finish_non_exhaustive()
    }
}

/// The text that is signed.
#[derive(Clone, PartialEq, Eq)]
pub struct StringToSign(Zeroizing<String>);

impl StringToSign {
    /// The text for a method (in capitals) and all parameters of query and form body.
    pub fn new(method: &str, query: &CanonicalQuery) -> Self {
        let query = Zeroizing::new(percent_encode(query.as_str()));
        Self(Zeroizing::new([method, "&%2F&", &query].concat()))
    }

    /// The signature in Base64. The key is the secret with `&` behind it.
    pub fn sign(&self, access_key_secret: &Secret) -> String {
        let key = Secret::new(format!("{}&", access_key_secret.expose()));
        hmac_sha1(&key, &self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StringToSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for StringToSign {
    /// Nothing of the text, which may hold a security token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StringToSign").finish_non_exhaustive()
    }
}

fn hmac_sha1(key: &Secret, text: &str) -> String {
    // HMAC takes keys of any length; a failure cannot happen and gives a signature that the cloud refuses.
    Hmac::<Sha1>::new_from_slice(key.expose().as_bytes())
        .map(|mac| STANDARD.encode(mac.chain_update(text.as_bytes()).finalize().into_bytes()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::Params;

    /// Vectors of alibaba-cloud-sdk-go, `sdk/auth/signers/algorithms_test.go`.
    #[test]
    fn a_parameter_cannot_take_the_place_of_a_common_one() {
        let params = Params::new()
            .with("Action", "DeleteLoadBalancer")
            .with("A", "1");
        let request = Unsigned {
            method: "POST",
            host: "h",
            action: "DescribeNetworks",
            version: "v",
            params: &params,
        };
        let signed = sign(
            &request,
            &Credentials::new("id", "secret"),
            DateTime::UNIX_EPOCH,
            "n",
        );
        assert!(
            signed
                .as_str()
                .starts_with("A=1&AccessKeyId=id&Action=DescribeNetworks&Format=JSON&"),
            "{}",
            signed.as_str()
        );
    }

    #[test]
    fn hmac_sha1_is_that_of_the_official_sdk() {
        assert_eq!(
            hmac_sha1(&Secret::new("secret"), "source"),
            "Jv4yi8SobFhg5t1C7nWLbhBSFZQ="
        );
        assert_eq!(
            hmac_sha1(&Secret::new("secret"), "中文"),
            "CqCYIa39h9SSWuXnTz8F5hh9UPA="
        );
    }
}
