//! Requests for tests, signed by the code that checks them; the signatures themselves are held to published vectors.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{encoding, v1};
use crate::cloud::ENS_VERSION;
use crate::time::Timestamp;

static NONCES: AtomicU64 = AtomicU64::new(0);

/// A nonce that no other request of this process has.
pub(crate) fn nonce() -> String {
    format!("nonce-{}", NONCES.fetch_add(1, Ordering::Relaxed))
}

/// The query of a V1 request for an ENS action.
pub(crate) fn signed_v1_query(
    method: &str,
    id: &str,
    secret: &str,
    action: &str,
    params: &[(&str, &str)],
    now: Timestamp,
) -> String {
    let common = v1_common(id, action, &nonce(), now);
    let mut pairs: Vec<(String, String)> = common;
    pairs.extend(
        params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let signature = v1::sign(secret, &v1::string_to_sign(method, &pairs));
    pairs.push(("Signature".to_owned(), signature));
    encoding::canonical_query(&pairs)
}

/// The common parameters of a V1 request, without the signature.
pub(crate) fn v1_common(
    id: &str,
    action: &str,
    nonce: &str,
    now: Timestamp,
) -> Vec<(String, String)> {
    [
        ("AccessKeyId", id),
        ("Action", action),
        ("Format", "JSON"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", nonce),
        ("SignatureVersion", "1.0"),
        ("Timestamp", &now.iso8601()),
        ("Version", ENS_VERSION),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
