//! The gateway, driven by requests as they come over the wire.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::testing::{nonce, signed_v1_query, v1_common};
use super::*;
use crate::cloud::Config;

fn gateway() -> Gateway {
    let mut gateway = Gateway::new(Cloud::new(Config::default(), 1).unwrap());
    gateway.add_key("testid", "testsecret");
    gateway
}

fn now() -> Timestamp {
    Timestamp::parse("2026-01-31T12:00:00Z").unwrap()
}

fn get(query: &str) -> http::Request<Bytes> {
    http::Request::get(format!("/?{query}"))
        .body(Bytes::new())
        .unwrap()
}

/// Status, error code, body.
fn answer(gateway: &mut Gateway, request: &http::Request<Bytes>) -> (u16, String, Value) {
    let reply = gateway.answer(request, now());
    let body: Value = serde_json::from_slice(reply.response.body()).unwrap();
    let code = body
        .get("Code")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    (reply.response.status().as_u16(), code, body)
}

fn refused(request: &http::Request<Bytes>) -> (u16, String) {
    let (status, code, body) = answer(&mut gateway(), request);
    assert!(
        body["RequestId"].is_string() && body["Message"].is_string(),
        "{body}"
    );
    (status, code)
}

/// A V1 query whose common parameters are changed before it is signed; an empty value takes one out.
fn v1_with(changes: &[(&str, &str)]) -> String {
    let mut pairs = v1_common("testid", "DescribeEnsRegions", &nonce(), now());
    for (name, value) in changes {
        pairs.retain(|(known, _)| known != name);
        if !value.is_empty() {
            pairs.push(((*name).to_owned(), (*value).to_owned()));
        }
    }
    let signature = v1::sign("testsecret", &v1::string_to_sign("GET", &pairs));
    pairs.push(("Signature".to_owned(), signature));
    encoding::canonical_query(&pairs)
}

/// A V3 request with these headers changed before it is signed; an empty value takes one out.
fn v3_with(
    method: &str,
    query: &str,
    body: &str,
    changes: &[(&str, &str)],
    secret: &str,
) -> http::Request<Bytes> {
    let mut headers: BTreeMap<String, String> = [
        ("host", "ens.aliyuncs.com".to_owned()),
        ("x-acs-action", "DescribeEnsRegions".to_owned()),
        ("x-acs-version", ENS_VERSION.to_owned()),
        ("x-acs-date", now().iso8601()),
        ("x-acs-signature-nonce", nonce()),
        ("x-acs-content-sha256", v3::hash(body.as_bytes())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (name, value) in changes {
        headers.remove(*name);
        if !value.is_empty() {
            headers.insert((*name).to_owned(), (*value).to_owned());
        }
    }
    let list: Vec<(String, String)> = headers.clone().into_iter().collect();
    let pairs = encoding::pairs(query.as_bytes());
    let canonical = v3::canonical_request(method, &pairs, &list, &v3::hash(body.as_bytes()));
    let signature = v3::sign(secret, &v3::string_to_sign(&canonical));
    let names: Vec<&str> = headers.keys().map(String::as_str).collect();
    let authorization = format!(
        "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={},Signature={signature}",
        names.join(";")
    );
    let mut request = http::Request::builder()
        .method(method)
        .uri(format!("/?{query}"));
    for (name, value) in &headers {
        request = request.header(name, value);
    }
    request
        .header("authorization", authorization)
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}

fn v3(changes: &[(&str, &str)]) -> http::Request<Bytes> {
    v3_with("POST", "", "", changes, "testsecret")
}

#[test]
fn v1_requests_pass_by_get_and_by_post_with_query_and_form() {
    let query = signed_v1_query(
        "GET",
        "testid",
        "testsecret",
        "DescribeEnsRegions",
        &[],
        now(),
    );
    assert_eq!(answer(&mut gateway(), &get(&query)).0, 200);
    let form = signed_v1_query(
        "POST",
        "testid",
        "testsecret",
        "DescribeEnsRegions",
        &[],
        now(),
    );
    let (head, tail) = form.split_at(form.find("&Signature").unwrap());
    let request = http::Request::post(format!("/?{head}"))
        .header(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8",
        )
        .body(Bytes::from(tail.to_owned()))
        .unwrap();
    assert_eq!(answer(&mut gateway(), &request).0, 200);
}

#[test]
fn v3_requests_pass_with_query_and_with_form() {
    assert_eq!(answer(&mut gateway(), &v3(&[])).0, 200);
    let query = v3_with("GET", "EnsRegionId=cn-hefei", "", &[], "testsecret");
    let (status, _, body) = answer(&mut gateway(), &query);
    assert_eq!(
        (
            status,
            body.pointer("/EnsRegions/EnsRegions")
                .unwrap()
                .as_array()
                .unwrap()
                .len()
        ),
        (200, 1)
    );
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let form = v3_with("POST", "", "EnsRegionId=cn-chengdu", &kind, "testsecret");
    let (status, _, body) = answer(&mut gateway(), &form);
    assert_eq!(
        (
            status,
            body.pointer("/EnsRegions/EnsRegions")
                .unwrap()
                .as_array()
                .unwrap()
                .len()
        ),
        (200, 1)
    );
}

#[test]
fn an_unknown_key_is_not_found() {
    let query = signed_v1_query(
        "GET",
        "nobody",
        "testsecret",
        "DescribeEnsRegions",
        &[],
        now(),
    );
    assert_eq!(
        refused(&get(&query)),
        (404, "InvalidAccessKeyId.NotFound".into())
    );
}

#[test]
fn a_wrong_secret_is_told_the_servers_string_to_sign() {
    let query = signed_v1_query("GET", "testid", "wrong", "DescribeEnsRegions", &[], now());
    let (status, code, body) = answer(&mut gateway(), &get(&query));
    assert_eq!((status, code.as_str()), (400, "SignatureDoesNotMatch"));
    let message = body["Message"].as_str().unwrap();
    assert!(
        message.contains("server string to sign is:GET&%2F&AccessKeyId%3Dtestid"),
        "{message}"
    );
    let (status, code, body) = answer(&mut gateway(), &v3_with("POST", "", "", &[], "wrong"));
    assert_eq!((status, code.as_str()), (400, "SignatureDoesNotMatch"));
    assert!(
        body["Message"]
            .as_str()
            .unwrap()
            .contains("server string to sign is:ACS3-HMAC-SHA256\n")
    );
}

#[test]
fn a_body_that_was_changed_on_the_way_does_not_match() {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let mut request = v3_with("POST", "", "EnsRegionId=cn-hefei", &kind, "testsecret");
    *request.body_mut() = Bytes::from_static(b"EnsRegionId=cn-other");
    assert_eq!(refused(&request), (400, "SignatureDoesNotMatch".into()));
}

#[test]
fn a_nonce_passes_once_and_a_forged_request_does_not_use_it_up() {
    let mut gateway = gateway();
    let forged =
        v1_with(&[("SignatureNonce", "n1")]).replace("DescribeEnsRegions", "DescribeInstances");
    assert_eq!(
        answer(&mut gateway, &get(&forged)).1,
        "SignatureDoesNotMatch"
    );
    let query = v1_with(&[("SignatureNonce", "n1")]);
    assert_eq!(answer(&mut gateway, &get(&query)).0, 200);
    assert_eq!(answer(&mut gateway, &get(&query)).1, "SignatureNonceUsed");
    let request = v3(&[]);
    assert_eq!(answer(&mut gateway, &request).0, 200);
    assert_eq!(answer(&mut gateway, &request).1, "SignatureNonceUsed");
}

#[test]
fn a_clock_more_than_fifteen_minutes_off_is_expired() {
    for (time, passes) in [
        ("2026-01-31T12:15:00Z", true),
        ("2026-01-31T11:45:00Z", true),
        ("2026-01-31T12:15:01Z", false),
        ("2026-01-31T11:44:59Z", false),
    ] {
        let expected = if passes {
            ""
        } else {
            "InvalidTimeStamp.Expired"
        };
        assert_eq!(
            answer(&mut gateway(), &get(&v1_with(&[("Timestamp", time)]))).1,
            expected,
            "{time}"
        );
        assert_eq!(
            answer(&mut gateway(), &v3(&[("x-acs-date", time)])).1,
            expected,
            "{time}"
        );
    }
    assert_eq!(
        refused(&get(&v1_with(&[("Timestamp", "yesterday")]))).1,
        "InvalidTimeStamp.Format"
    );
    assert_eq!(
        refused(&v3(&[("x-acs-date", "yesterday")])).1,
        "InvalidTimeStamp.Format"
    );
}

#[test]
fn each_common_parameter_that_is_missing_or_wrong_is_named() {
    for name in [
        "Action",
        "Version",
        "AccessKeyId",
        "SignatureNonce",
        "SignatureMethod",
        "SignatureVersion",
        "Timestamp",
    ] {
        assert_eq!(
            refused(&get(&v1_with(&[(name, "")]))),
            (400, format!("Missing{name}"))
        );
    }
    assert_eq!(
        refused(&get(&v1_with(&[("Version", "2014-05-26")]))).1,
        "InvalidVersion"
    );
    assert_eq!(
        refused(&get(&v1_with(&[("SignatureMethod", "HMAC-MD5")]))).1,
        "InvalidParameter.SignatureMethod"
    );
    assert_eq!(
        refused(&get(&v1_with(&[("SignatureVersion", "2.0")]))).1,
        "InvalidParameter.SignatureVersion"
    );
    assert_eq!(
        refused(&get(&v1_with(&[("Action", "Nothing")]))),
        (404, "InvalidAction.NotFound".into())
    );
    assert_eq!(refused(&v3(&[("x-acs-action", "")])).1, "MissingAction");
    assert_eq!(refused(&v3(&[("x-acs-version", "")])).1, "MissingVersion");
}

#[test]
fn a_v3_request_signs_every_header_that_matters() {
    for name in [
        "x-acs-date",
        "x-acs-signature-nonce",
        "x-acs-content-sha256",
    ] {
        assert_eq!(
            refused(&v3(&[(name, "")])).1,
            "IncompleteSignature",
            "{name}"
        );
    }
    let mut request = v3(&[]);
    request
        .headers_mut()
        .insert("x-acs-extra", HeaderValue::from_static("unsigned"));
    assert_eq!(refused(&request).1, "IncompleteSignature");
    let mut request = v3(&[]);
    request.headers_mut().insert(
        "authorization",
        HeaderValue::from_static("ACS3-HMAC-SHA256 x"),
    );
    assert_eq!(refused(&request).1, "IncompleteSignature");
}

#[test]
fn a_parameter_given_twice_is_refused() {
    let request = v3_with("GET", "EnsRegionId=a&EnsRegionId=b", "", &[], "testsecret");
    assert_eq!(refused(&request).1, "InvalidParameter.EnsRegionId");
}

#[test]
fn other_methods_paths_and_bodies_are_refused() {
    let put = http::Request::put("/").body(Bytes::new()).unwrap();
    assert_eq!(refused(&put), (403, "UnsupportedHTTPMethod".into()));
    let path = http::Request::get("/api").body(Bytes::new()).unwrap();
    assert_eq!(refused(&path), (404, "InvalidApi.NotFound".into()));
    let json = http::Request::post("/").header("content-type", "application/json");
    assert_eq!(
        refused(&json.body(Bytes::from_static(b"{}")).unwrap()).1,
        "UnsupportedContentType"
    );
}

#[test]
fn without_format_json_a_v1_answer_is_xml() {
    let reply = gateway().answer(&get(&v1_with(&[("Format", "")])), now());
    assert_eq!(reply.response.status(), 200);
    let text = String::from_utf8(reply.response.body().to_vec()).unwrap();
    assert!(
        text.starts_with("<?xml") && text.contains("<EnsRegionId>cn-hefei</EnsRegionId>"),
        "{text}"
    );
}

#[test]
fn a_temporary_key_needs_its_token_and_ends() {
    let mut gateway = gateway();
    let assume = [
        ("RoleArn", "acs:ram::1:role/r"),
        ("RoleSessionName", "s"),
        ("DurationSeconds", "900"),
    ];
    let changes: Vec<(&str, &str)> = [("Action", "AssumeRole"), ("Version", "2015-04-01")]
        .into_iter()
        .chain(assume)
        .collect();
    let (status, _, body) = answer(&mut gateway, &get(&v1_with(&changes)));
    assert_eq!(status, 200, "{body}");
    let field = |name: &str| body["Credentials"][name].as_str().unwrap().to_owned();
    assert_eq!(field("Expiration"), "2026-01-31T12:15:00Z");
    let (id, secret, token) = (
        field("AccessKeyId"),
        field("AccessKeySecret"),
        field("SecurityToken"),
    );
    let mut call = |token: &str, at: Timestamp| {
        let params = [("SecurityToken", token)];
        let query = signed_v1_query("GET", &id, &secret, "DescribeEnsRegions", &params, at);
        let reply = gateway.answer(&get(&query), at);
        let body: Value = serde_json::from_slice(reply.response.body()).unwrap();
        body["Code"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(call(&token, now()), "");
    assert_eq!(call("", now()), "InvalidSecurityToken.Malformed");
    assert_eq!(call("other", now()), "InvalidSecurityToken.Malformed");
    assert_eq!(
        call(&token, now().after(Duration::from_secs(900))),
        "InvalidSecurityToken.Expired"
    );
}

#[test]
fn a_token_with_a_permanent_key_is_malformed() {
    assert_eq!(
        refused(&get(&v1_with(&[("SecurityToken", "t")]))).1,
        "InvalidSecurityToken.Malformed"
    );
}

#[test]
fn sts_says_who_calls_and_refuses_other_actions() {
    let sts = |action| v1_with(&[("Action", action), ("Version", "2015-04-01")]);
    let (_, _, body) = answer(&mut gateway(), &get(&sts("GetCallerIdentity")));
    assert_eq!(
        body["AccountId"].as_str(),
        Some(Config::default().account.as_str())
    );
    assert_eq!(
        refused(&get(&sts("GetSessionToken"))),
        (404, "InvalidAction.NotFound".into())
    );
    assert_eq!(refused(&get(&sts("AssumeRole"))).1, "MissingRoleArn");
}

#[test]
fn an_oidc_token_gets_a_key_without_a_signature() {
    let query = "Action=AssumeRoleWithOIDC&Version=2015-04-01&Format=JSON&RoleArn=r&OIDCProviderArn=p&OIDCToken=t&RoleSessionName=s";
    let (status, _, body) = answer(&mut gateway(), &get(query));
    assert_eq!(status, 200, "{body}");
    assert!(
        body["Credentials"]["AccessKeyId"]
            .as_str()
            .unwrap()
            .starts_with("STS.")
    );
}

#[test]
fn the_answer_carries_its_request_id_and_its_retry_hint_as_headers() {
    let mut gateway = gateway();
    let wait = crate::cloud::Fault::throttled(Some(Duration::from_millis(1500)));
    gateway.cloud_mut().config_mut().faults =
        crate::cloud::FaultPlan::default().at("DescribeEnsRegions", 1, wait);
    let reply = gateway.answer(&v3(&[]), now());
    let header = |name| {
        reply
            .response
            .headers()
            .get(name)
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(header("x-acs-retry-after"), "1500");
    let body: Value = serde_json::from_slice(reply.response.body()).unwrap();
    assert_eq!(
        body["RequestId"].as_str(),
        Some(header("x-acs-request-id").as_str())
    );
}

#[test]
fn secrets_are_neither_printed_nor_recorded() {
    let mut gateway = gateway();
    assert!(!format!("{gateway:?}").contains("testsecret"));
    let query = v1_with(&[("EnsRegionId", "cn-hefei")]);
    assert_eq!(answer(&mut gateway, &get(&query)).0, 200);
    let call = &gateway.cloud().journal().calls[0];
    let params: Vec<&str> = call.params.iter().map(|(name, _)| name).collect();
    assert_eq!(params, ["EnsRegionId"]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_request_makes_the_gateway_panic(
        method in "GET|POST|PUT",
        query in "[ -~]{0,120}",
        headers in proptest::collection::vec(("x-acs-[a-z]{1,8}|authorization|content-type", "[ -~]{0,60}"), 0..4),
        body in proptest::collection::vec(0_u8.., 0..120),
    ) {
        let query: String = query.chars().filter(|c| !" <>\"{}|\\^`#".contains(*c)).collect();
        let mut request = http::Request::builder().method(method.as_str()).uri(format!("/?{query}"));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Ok(request) = request.body(Bytes::from(body)) {
            let reply = gateway().answer(&request, now());
            prop_assert!(reply.response.status().as_u16() >= 400);
        }
    }

    #[test]
    fn no_parameters_of_a_signed_call_make_the_cloud_panic(
        action in prop::sample::select(vec![
            "CreateLoadBalancer", "DescribeLoadBalancers", "CreateLoadBalancerTCPListener", "AddBackendServers",
            "SetBackendServers", "CreateEipInstance", "DescribeEnsEipAddresses", "DescribeInstances",
            "StartLoadBalancerListener", "ReleaseInstance", "AssociateEnsEipAddress", "TagResources", "UntagResources",
            "ListTagResources", "DescribeLoadBalancerListenMonitor", "CreateLoadBalancerUDPListener",
            "CreateLoadBalancerHTTPListener", "SetLoadBalancerTCPListenerAttribute", "DescribeVSwitches",
        ]),
        given in proptest::collection::btree_map(
            prop::sample::select(vec![
                "LoadBalancerId", "EnsRegionId", "PageNumber", "PageSize", "ListenerPort", "BackendServers",
                "Tag.1.Key", "Tag.1.Value", "Tag.99999999999999999999.Key", "EnsRegionIds.0", "InstanceIds",
                "InstanceId", "AllocationId", "Bandwidth", "Scheduler", "ClientToken", "ResourceId.1", "ResourceType",
                "TagKey.1", "StartTime", "EndTime", "VPort", "Tags", "NextToken", "HealthCheck",
            ]),
            "lb-heifei|cn-hefei|i-heifei-1|instance|on|2026-01-31 1[0-9]:00:00|[0-9]{1,12}|.{0,30}|\\[\\{\"ServerId\":\"i-heifei-1\",\"Weight\":[0-9]{1,4}\\}\\]",
            0..6,
        ),
    ) {
        let given: Vec<(&str, &str)> = given.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let method = if action.starts_with("Describe") { "GET" } else { "POST" };
        let query = signed_v1_query(method, "testid", "testsecret", action, &given, now());
        let request = http::Request::builder().method(method).uri(format!("/?{query}")).body(Bytes::new()).unwrap();
        let (status, code, _) = answer(&mut gateway(), &request);
        prop_assert!([200, 400].contains(&status), "{status} {code}");
        prop_assert_ne!(code, "SignatureDoesNotMatch");
    }
}
