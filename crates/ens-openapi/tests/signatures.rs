//! Published signature vectors, stage by stage: the first failing assertion names the stage that is wrong.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chrono::{DateTime, Utc};
use ens_openapi::signer::{CanonicalQuery, Unsigned, v1, v3};
use ens_openapi::{Credentials, Params, Secret};

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn v1_signature(method: &str, secret: &str, params: &[(&str, &str)]) -> String {
    let query = CanonicalQuery::new(params.iter().copied());
    v1::StringToSign::new(method, &query).sign(&Secret::new(secret))
}

/// The RPC page of Alibaba Cloud's SDK documentation.
const DEDICATED_HOSTS: [(&str, &str); 9] = [
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
fn v1_of_the_documentation_page() {
    assert_eq!(
        v1_signature("GET", "testsecret", &DEDICATED_HOSTS),
        "9NaGiOspFP5UPcwX8Iwt2YJXXuk="
    );
}

#[test]
fn v1_depends_on_the_method() {
    assert_eq!(
        v1_signature("POST", "testsecret", &DEDICATED_HOSTS),
        "ZvQ9xGiFnquSJRvj+WE6kdSpTwU="
    );
}

#[test]
fn v1_whole_request_of_the_documentation_page() {
    let params = Params::new().with("RegionId", "cn-beijing");
    let request = Unsigned {
        method: "GET",
        host: "ecs.aliyuncs.com",
        action: "DescribeDedicatedHosts",
        version: "2014-05-26",
        params: &params,
    };
    let signed = v1::sign(
        &request,
        &Credentials::new("testid", "testsecret"),
        time("2023-03-13T08:34:30Z"),
        "edb2b34af0af9a6d14deaf7c1a5315eb",
    );
    let expected = CanonicalQuery::new(DEDICATED_HOSTS);
    assert_eq!(
        signed.as_str(),
        format!("{expected}&Signature=9NaGiOspFP5UPcwX8Iwt2YJXXuk%3D")
    );
}

/// The classic ECS example, quoted in many repositories.
#[test]
fn v1_of_the_classic_ecs_example() {
    let params = [
        ("AccessKeyId", "testid"),
        ("Action", "DescribeRegions"),
        ("Format", "XML"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf"),
        ("SignatureVersion", "1.0"),
        ("Timestamp", "2016-02-23T12:46:24Z"),
        ("Version", "2014-05-26"),
    ];
    let string_to_sign = v1::StringToSign::new("GET", &CanonicalQuery::new(params));
    assert_eq!(
        string_to_sign.as_str(),
        "GET&%2F&AccessKeyId%3Dtestid%26Action%3DDescribeRegions%26Format%3DXML%26SignatureMethod%3DHMAC-SHA1\
         %26SignatureNonce%3D3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf%26SignatureVersion%3D1.0\
         %26Timestamp%3D2016-02-23T12%253A46%253A24Z%26Version%3D2014-05-26"
    );
    assert_eq!(
        string_to_sign.sign(&Secret::new("testsecret")),
        "OLeaidS1JvxuMvnyHOwuJ+uX5qY="
    );
}

/// The example of the SMS product: text that is not ASCII, and JSON in a parameter.
#[test]
fn v1_of_chinese_text_and_json() {
    let params = [
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
    let query = CanonicalQuery::new(params);
    for encoded in [
        "&SignName=%E9%98%BF%E9%87%8C%E4%BA%91%E7%9F%AD%E4%BF%A1%E6%B5%8B%E8%AF%95%E4%B8%93%E7%94%A8&",
        "&TemplateParam=%7B%22customer%22%3A%22test%22%7D&",
        "&Timestamp=2017-07-12T02%3A42%3A19Z&",
    ] {
        assert!(query.as_str().contains(encoded), "{query}");
    }
    assert_eq!(
        v1_signature("GET", "testSecret", &params),
        "zJDF+Lrzhj/ThnlvIToysFRq6t4="
    );
}

/// alibaba-cloud-sdk-go, `sdk/auth/rpc_signature_composer_test.go`.
const SDK_TEST: [(&str, &str); 10] = [
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

#[test]
fn v1_of_empty_values() {
    assert_eq!(
        v1_signature("GET", "accessKeySecret", &SDK_TEST),
        "7loPmFjvDnzOVnQeQNj85S6nFGY="
    );
}

#[test]
fn v1_with_a_security_token() {
    let mut params = SDK_TEST.to_vec();
    params.push(("SecurityToken", "accessKeyStsToken"));
    assert_eq!(
        v1_signature("GET", "accessKeySecret", &params),
        "5Nxdcler+ihqWqv0Hr2On4PsBf4="
    );
}

/// darabonba-openapi-util, `golang/service/service_test.go`.
#[test]
fn v1_without_a_method() {
    assert_eq!(
        v1_signature("", "accessKeySecret", &[("test", "ok")]),
        "jHx/oHoHNrbVfhncHEvPdHXZwHU="
    );
}

#[test]
fn v1_string_to_sign_encodes_values_twice() {
    let query = CanonicalQuery::new([("q", "http://domain/?q=value&q2=value2"), ("key", "value")]);
    assert_eq!(
        v1::StringToSign::new("GET", &query).as_str(),
        "GET&%2F&key%3Dvalue%26q%3Dhttp%253A%252F%252Fdomain%252F%253Fq%253Dvalue%2526q2%253Dvalue2"
    );
}

const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The V3 page of Alibaba Cloud's SDK documentation.
#[test]
fn v3_of_the_documentation_page() {
    let params = Params::new()
        .with(
            "ImageId",
            "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd",
        )
        .with("RegionId", "cn-shanghai");
    let query = CanonicalQuery::new(&params);
    assert_eq!(
        query.as_str(),
        "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai"
    );
    assert_eq!(v3::hex_sha256(b""), EMPTY_SHA256);

    let canonical = v3::CanonicalRequest::new(
        "POST",
        "/",
        &query,
        [
            ("x-acs-version", "2014-05-26"),
            ("Host", "ecs.cn-shanghai.aliyuncs.com"),
            ("x-acs-date", "2023-10-26T10:22:32Z"),
            ("X-Acs-Action", "RunInstances"),
            ("x-acs-content-sha256", EMPTY_SHA256),
            (
                "x-acs-signature-nonce",
                " 3156853299f313e23d1673dc12e1703d ",
            ),
            ("user-agent", "not signed"),
        ],
        EMPTY_SHA256,
    );
    assert_eq!(
        canonical.as_str(),
        "POST\n/\nImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai\n\
         host:ecs.cn-shanghai.aliyuncs.com\nx-acs-action:RunInstances\n\
         x-acs-content-sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
         x-acs-date:2023-10-26T10:22:32Z\nx-acs-signature-nonce:3156853299f313e23d1673dc12e1703d\n\
         x-acs-version:2014-05-26\n\n\
         host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version\n\
         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        canonical.hash(),
        "7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
    );

    let string_to_sign = v3::StringToSign::new(&canonical);
    assert_eq!(
        string_to_sign.to_string(),
        "ACS3-HMAC-SHA256\n7ea06492da5221eba5297e897ce16e55f964061054b7695beedaac1145b1e259"
    );
    let signature = string_to_sign.sign(&Secret::new("YourAccessKeySecret"));
    assert_eq!(
        signature,
        "06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    );

    let request = Unsigned {
        method: "POST",
        host: "ecs.cn-shanghai.aliyuncs.com",
        action: "RunInstances",
        version: "2014-05-26",
        params: &params,
    };
    let signed = v3::sign(
        &request,
        &Credentials::new("YourAccessKeyId", "YourAccessKeySecret"),
        time("2023-10-26T10:22:32Z"),
        "3156853299f313e23d1673dc12e1703d",
    );
    assert_eq!(signed.query, query);
    assert_eq!(
        signed.authorization,
        "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;\
         x-acs-signature-nonce;x-acs-version,\
         Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
    );
}

/// darabonba-openapi, golang tests (without a method) and `python/tests/test_utils.py` (GET).
#[test]
fn v3_of_a_header_given_twice() {
    let query = CanonicalQuery::new([("test", "ok"), ("empty", "")]);
    assert_eq!(query.as_str(), "empty=&test=ok");
    let payload = "55e12e91650d2fec56ec74e1d3e4ddbfce2ef3a65890c2a19ecf88a307e76a23";
    let canonical = |method| {
        v3::CanonicalRequest::new(
            method,
            "/",
            &query,
            [("x-acs-test", "https"), ("x-acs-test", "http")],
            payload,
        )
    };
    assert!(
        canonical("GET")
            .as_str()
            .contains("\nx-acs-test:http,https\n\nx-acs-test\n")
    );
    let sign = |method| v3::StringToSign::new(&canonical(method)).sign(&Secret::new("secret"));
    assert_eq!(
        sign(""),
        "4ab59fffe3c5738ff8a2729f90cc04fe18b02a4b15b2102cbaf92f9ff3df2ea3"
    );
    assert_eq!(
        sign("GET"),
        "d16b30a7699ae9e43875b13195b2f81bcc3ed10c14a9b5eb780e51619aa50be1"
    );
}

#[test]
fn v3_signs_the_token_of_temporary_credentials_and_prints_it_nowhere() {
    let params = Params::new();
    let request = Unsigned {
        method: "POST",
        host: "h",
        action: "A",
        version: "V",
        params: &params,
    };
    let credentials = Credentials::new("id", "secret").with_security_token("token-5c1e");
    let signed = v3::sign(
        &request,
        &credentials,
        time("2023-10-26T10:22:32Z"),
        "nonce",
    );
    assert!(
        signed
            .headers
            .contains(&("x-acs-security-token", "token-5c1e".to_owned()))
    );
    assert!(
        signed
            .headers
            .contains(&("x-acs-accesskey-id", "id".to_owned()))
    );
    assert!(
        signed.authorization.contains(
            "SignedHeaders=host;x-acs-accesskey-id;x-acs-action;x-acs-content-sha256;x-acs-date;\
             x-acs-security-token;x-acs-signature-nonce;x-acs-version,"
        ),
        "{}",
        signed.authorization
    );
    assert!(!format!("{signed:?}").contains("5c1e"), "{signed:?}");
}
