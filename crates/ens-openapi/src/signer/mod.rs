//! Signatures of the cloud's RPC-style APIs, as pure functions of request, credentials, time and nonce.
//!
//! [`v3`] (ACS3-HMAC-SHA256) is what current SDKs send; [`v1`] (HMAC-SHA1 over the query) is the older one, which still
//! works. Both are described in Alibaba Cloud's SDK documentation, "V3 request structure and signature" and "RPC
//! mechanism". Each stage of a signature is a value of its own, so that a mismatch can be found stage by stage: the
//! cloud prints its own string to sign in the message of `SignatureDoesNotMatch`.

mod encoding;
pub mod v1;
pub mod v3;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};

pub use encoding::{CanonicalQuery, percent_encode};

/// A request to sign: everything of it that both signatures look at.
#[derive(Clone, Copy, Debug)]
pub struct Unsigned<'a> {
    /// HTTP method in capitals.
    pub method: &'a str,
    /// Host as it stands in the Host header, with the port where that is not the default one.
    pub host: &'a str,
    /// The action.
    pub action: &'a str,
    /// The version of the API, such as `2017-11-10`.
    pub version: &'a str,
    /// The parameters of the action.
    pub params: &'a crate::params::Params,
}

/// Time as signatures carry it: UTC, whole seconds.
pub(crate) fn timestamp(time: DateTime<Utc>) -> String {
    // The general formatter of chrono takes longer than the HMAC.
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_timestamp_is_what_the_general_formatter_writes(seconds in -62_135_596_800_i64..253_402_300_800) {
            let time = DateTime::from_timestamp(seconds, 0).unwrap();
            prop_assert_eq!(timestamp(time), time.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
    }
}
