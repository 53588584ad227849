//! The RPC signature, version 1.0: HMAC-SHA1 over all parameters.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use super::encoding::{canonical_query, encode};

/// What a V1 client signs: method, `/`, and every parameter of query and form but `Signature`.
pub(crate) fn string_to_sign(method: &str, pairs: &[(String, String)]) -> String {
    let signed: Vec<(String, String)> = pairs
        .iter()
        .filter(|(name, _)| name != "Signature")
        .cloned()
        .collect();
    format!("{method}&%2F&{}", encode(&canonical_query(&signed)))
}

/// The signature in Base64. The key is the secret with an `&` behind it.
pub(crate) fn sign(secret: &str, string_to_sign: &str) -> String {
    hmac_sha1(format!("{secret}&").as_bytes(), string_to_sign)
}

fn hmac_sha1(key: &[u8], text: &str) -> String {
    // HMAC takes keys of every length, so the error cannot occur.
    Hmac::<Sha1>::new_from_slice(key).map_or_else(
        |_| String::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    fn signature(method: &str, secret: &str, list: &[(&str, &str)]) -> String {
        sign(secret, &string_to_sign(method, &pairs(list)))
    }

    const DEDICATED_HOSTS: &[(&str, &str)] = &[
        ("AccessKeyId", "testid"),
        ("Action", "DescribeDedicatedHosts"),
        ("Format", "JSON"),
        ("RegionId", "cn-beijing"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", "edb2b34af0af9a6d14deaf7c1a5315eb"),
        ("SignatureVersion", "1.0"),
        ("Timestamp", "2023-03-13T08:34:30Z"),
        ("Version", "2014-05-26"),
    ];

    #[test]
    fn the_example_of_the_rpc_mechanism_page_matches() {
        assert_eq!(
            signature("GET", "testsecret", DEDICATED_HOSTS),
            "9NaGiOspFP5UPcwX8Iwt2YJXXuk="
        );
        assert_eq!(
            signature("POST", "testsecret", DEDICATED_HOSTS),
            "ZvQ9xGiFnquSJRvj+WE6kdSpTwU="
        );
    }

    #[test]
    fn the_classic_ecs_example_matches() {
        let list = &[
            ("AccessKeyId", "testid"),
            ("Action", "DescribeRegions"),
            ("Format", "XML"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
            ("SignatureVersion", "1.0"),
            ("Timestamp", "2016-02-23T12:46:24Z"),
            ("Version", "2014-05-26"),
        ];
        assert_eq!(
            string_to_sign("GET", &pairs(list)),
            "GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26Format%3DXML%26SignatureMethod%3DHMAC-SHA1\
             %26SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%26SignatureVersion%3D1.0\
             %26Timestamp%3D2016-02-23T12%253A46%253A24Z%26Version%3D2014-05-26"
        );
        assert_eq!(
            signature("GET", "testsecret", list),
            "OLeaidS1JvxuMvnyHOwuJ+uX5qY="
        );
    }

    #[test]
    fn the_sms_example_with_chinese_and_json_text_matches() {
        let list = &[
            ("AccessKeyId", "testId"),
            ("Action", "SendSms"),
            ("Format", "XML"),
            ("OutId", "123"),
            ("PhoneNumbers", "15300000001"),
            ("RegionId", "cn-hangzhou"),
            ("SignName", "阿里云短信测试专用"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", "45e25e9b-0a6f-4070-8c85-2956eda1b466"),
            ("SignatureVersion", "1.0"),
            ("TemplateCode", "SMS_71390007"),
            ("TemplateParam", "{\"customer\":\"test\"}"),
            ("Timestamp", "2017-07-12T02:42:19Z"),
            ("Version", "2017-05-25"),
        ];
        assert_eq!(
            signature("GET", "testSecret", list),
            "zJDF+Lrzhj/ThnlvIToysFRq6t4="
        );
    }

    #[test]
    fn the_go_sdk_tests_match_with_and_without_sts() {
        let mut list = vec![
            ("AccessKeyId", "accessKeyId"),
            ("Action", ""),
            ("Format", "JSON"),
            ("RegionId", "regionId"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", "MOCK_UUID"),
            ("SignatureType", ""),
            ("SignatureVersion", "1.0"),
            ("Timestamp", "mock date"),
            ("Version", ""),
        ];
        assert_eq!(
            signature("GET", "accessKeySecret", &list),
            "7loPmFjvDnzOVnQeQNj85S6nFGY="
        );
        list.push(("SecurityToken", "accessKeyStsToken"));
        assert_eq!(
            signature("GET", "accessKeySecret", &list),
            "5Nxdcler+ihqWqv0Hr2On4PsBf4="
        );
        assert_eq!(
            signature("", "accessKeySecret", &[("test", "ok")]),
            "jHx/oHoHNrbVfhncHEvPdHXZwHU="
        );
    }

    #[test]
    fn the_raw_hmac_matches() {
        assert_eq!(
            hmac_sha1(b"secret", "source"),
            "Jv4yi8SobFhg5t1C7nWLbhBSFZQ="
        );
        assert_eq!(hmac_sha1(b"secret", "中文"), "CqCYIa39h9SSWuXnTz8F5hh9UPA=");
    }

    #[test]
    fn the_signature_itself_is_not_signed() {
        let list = &[
            ("key", "value"),
            ("q", "http://domain/?q=value&q2=value2"),
            ("Signature", "x"),
        ];
        assert_eq!(
            string_to_sign("GET", &pairs(list)),
            "GET&%2F&key%3Dvalue%26q%3Dhttp%253A%252F%252Fdomain%252F%253Fq%253Dvalue%2526q2%253Dvalue2"
        );
    }
}
