//! The V3 signature, ACS3-HMAC-SHA256: over method, path, query, the signed headers and the hash of the body.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::encoding::canonical_query;

/// Name of the algorithm, the first word of the Authorization header.
pub(crate) const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// The parts of an Authorization header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) access_key_id: String,
    pub(crate) signed_headers: Vec<String>,
    pub(crate) signature: String,
}

/// Reads `ACS3-HMAC-SHA256 Credential=..,SignedHeaders=a;b,Signature=..`; `None` unless each part is there once.
pub(crate) fn parse_authorization(header: &str) -> Option<Authorization> {
    let parts = header.strip_prefix(ALGORITHM)?.strip_prefix(' ')?;
    let (mut credential, mut signed, mut signature) = (None, None, None);
    for part in parts.split(',') {
        let (name, value) = part.trim().split_once('=')?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed,
            "Signature" => &mut signature,
            _ => return None,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some(Authorization {
        access_key_id: credential?.to_owned(),
        signed_headers: signed?.split(';').map(str::to_owned).collect(),
        signature: signature?.to_owned(),
    })
}

/// The canonical request. `headers` are the signed ones, lower-case, in any order; a name that comes twice is joined by
/// commas with its values sorted.
pub(crate) fn canonical_request(
    method: &str,
    query: &[(String, String)],
    headers: &[(String, String)],
    body_hash: &str,
) -> String {
    let mut sorted: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.trim()))
        .collect();
    sorted.sort_unstable();
    let mut joined: Vec<(&str, String)> = Vec::new();
    for (name, value) in sorted {
        match joined.last_mut() {
            Some((last, values)) if *last == name => {
                values.push(',');
                values.push_str(value);
            }
            _ => joined.push((name, value.to_owned())),
        }
    }
    let lines: String = joined
        .iter()
        .fold(String::new(), |mut text, (name, value)| {
            let _infallible = writeln!(text, "{name}:{value}");
            text
        });
    let names: Vec<&str> = joined.iter().map(|(name, _)| *name).collect();
    format!(
        "{method}\n/\n{}\n{lines}\n{}\n{body_hash}",
        canonical_query(query),
        names.join(";")
    )
}

/// What a V3 client signs.
pub(crate) fn string_to_sign(canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{}", hash(canonical_request.as_bytes()))
}

/// The signature in lower-case hex. The key is the bare secret.
pub(crate) fn sign(secret: &str, string_to_sign: &str) -> String {
    // HMAC takes keys of every length, so the error cannot occur.
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(string_to_sign.as_bytes());
            hex(&mac.finalize().into_bytes())
        },
    )
}

/// SHA-256 in lower-case hex.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_example_of_the_v3_page_matches_stage_by_stage() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(hash(b""), empty);
        let query = owned(&[
            ("RegionId", "cn-shanghai"),
            (
                "ImageId",
                "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
            ),
        ]);
        let headers = owned(&[
            ("x-acs-version", "2014-05-26"),
            ("host", "ecs.cn-shanghai.aliyuncs.com"),
            ("x-acs-action", "RunInstances"),
            ("x-acs-content-sha256", empty),
            ("x-acs-date", "2023-10-26T10:22:32Z"),
            ("x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d"),
        ]);
        let canonical = canonical_request("POST", &query, &headers, empty);
        assert_eq!(
            canonical,
            "POST\n/\nImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai\n\
             host:ecs.cn-shanghai.aliyuncs.com\nx-acs-action:RunInstances\n\
             x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
             x-acs-date:2023-10-26T10:22:32Z\nx-acs-signature-nonce:3156853299f313e23d1673dc12e1703d\n\
             x-acs-version:2014-05-26\n\n\
             host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            hash(canonical.as_bytes()),
            "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
        );
        assert_eq!(
            sign("YourAccessKeySecret", &string_to_sign(&canonical)),
            "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
        );
    }

    #[test]
    fn the_darabonba_tests_match_with_a_header_that_comes_twice() {
        let query = owned(&[("test", "ok"), ("empty", "")]);
        let headers = owned(&[("x-acs-test", "http"), ("x-acs-test", "https")]);
        let payload = "55e12e91650d2fec56ec74e1d3e4ddbfce2ef3a65890c2a19ecf88a307e76a23";
        let signature = |method| {
            sign(
                "secret",
                &string_to_sign(&canonical_request(method, &query, &headers, payload)),
            )
        };
        assert_eq!(
            signature(""),
            "4ab59fffe3c5738ff8a2729f90cc04fe18b02a4b15b2102cbaf92f9ff3df2ea3"
        );
        assert_eq!(
            signature("GET"),
            "d16b30a7699ae9e43875b13195b2f81bcc3ed10c14a9b5eb780e51619aa50be1"
        );
    }

    #[test]
    fn an_authorization_header_needs_each_part_once() {
        let good = "ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host;x-acs-date,Signature=ab";
        let parsed = parse_authorization(good).unwrap();
        assert_eq!(
            (parsed.access_key_id.as_str(), parsed.signature.as_str()),
            ("id", "ab")
        );
        assert_eq!(parsed.signed_headers, ["host", "x-acs-date"]);
        for bad in [
            "ACS3-HMAC-SHA256 Credential=id,Signature=ab",
            "ACS3-HMAC-SHA256 Credential=id,Credential=id,SignedHeaders=host,Signature=ab",
            "ACS3-HMAC-SHA256 Credential=id,SignedHeaders=host,Signature=ab,Else=x",
            "ACS3-HMAC-SM3 Credential=id,SignedHeaders=host,Signature=ab",
            "Bearer x",
        ] {
            assert_eq!(parse_authorization(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_authorization_header_makes_the_parser_panic(text in "(ACS3-HMAC-SHA256 )?.{0,80}") {
            let _any = parse_authorization(&text);
        }
    }
}
