//! What the client does with answers and failures, over a scripted transport and with a paused clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ens_openapi::api::load_balancer::{CreateLoadBalancer, DescribeLoadBalancers};
use ens_openapi::api::paging;
use ens_openapi::client::{Attempt, Deadlines, Refused, RetryPolicy, SignatureMethod};
use ens_openapi::credentials::{CredentialsError, ProvideCredentials};
use ens_openapi::{
    Client, Credentials, Effect, EnsApi, Error, ErrorClass, Params, RateLimiter, StaticCredentials,
};
use futures::{StreamExt as _, TryStreamExt as _};
use support::{Script, Step, is_about};
use tokio::time::Instant;

const READ: &str = "DescribeVSwitches";
const WRITE: &str = "CreateEipInstance";
const OK: &str = r#"{"RequestId":"R-OK"}"#;

async fn call(client: &Client, action: &'static str) -> Result<serde_json::Value, Error> {
    client.call(action, &Params::new()).await
}

#[tokio::test(start_paused = true)]
async fn a_write_is_sent_once_whatever_happens() {
    let failures: [fn() -> Step; 7] = [
        || Step::error(400, "Throttling.User"),
        || Step::error(503, "ServiceUnavailable"),
        || Step::error(400, "SignatureNonceUsed"),
        || {
            Step::error(400, "InvalidTimeStamp.Expired")
                .with_header("date", "Fri, 02 Jan 2026 09:04:05 GMT")
        },
        Step::refused_connection,
        Step::broken_connection,
        || Step::Hang,
    ];
    for failure in failures {
        let script = Script::new([failure(), Step::ok(OK)]);
        let client = script.client().build().unwrap();
        call(&client, WRITE).await.unwrap_err();
        assert_eq!(script.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_is_repeated_with_doubling_waits() {
    let script = Script::new([
        Step::error(503, "ServiceUnavailable"),
        Step::refused_connection(),
        Step::broken_connection(),
        Step::ok(OK),
    ]);
    let client = script.client().build().unwrap();
    call(&client, READ).await.unwrap();
    let sent = script.sent();
    let waits: Vec<_> = sent
        .windows(2)
        .map(|pair| pair[1].at - pair[0].at)
        .collect();
    for (wait, expected) in waits.iter().zip([500, 1000, 2000]) {
        assert!(
            is_about(*wait, Duration::from_millis(expected)),
            "{waits:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_gives_up_after_the_last_try_with_the_last_error() {
    let script =
        Script::new((0..4).map(|number| Step::error(500, &format!("InternalError{number}"))));
    let client = script.client().build().unwrap();
    let error = call(&client, READ).await.unwrap_err();
    assert_eq!(error.code(), Some("InternalError3"));
    assert_eq!(script.sent().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_cannot_succeed_is_not_repeated() {
    for code in [
        "InvalidParameter.NetworkId",
        "NoPermission",
        "LoadBalancerNotFound",
        "IncorrectInstanceStatus",
        "New",
    ] {
        let script = Script::new([Step::error(400, code)]);
        let client = script.client().build().unwrap();
        assert_eq!(call(&client, READ).await.unwrap_err().code(), Some(code));
    }
}

#[tokio::test(start_paused = true)]
async fn retries_can_be_switched_off() {
    let script = Script::new([Step::error(503, "ServiceUnavailable")]);
    let client = script.client().retry(RetryPolicy::NEVER).build().unwrap();
    call(&client, READ).await.unwrap_err();
    assert_eq!(script.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_pause_that_the_cloud_asks_for_is_kept() {
    let script = Script::new([
        Step::error(400, "Throttling.Api").with_header("x-acs-retry-after", "7000"),
        Step::ok(OK),
    ]);
    let client = script.client().build().unwrap();
    call(&client, READ).await.unwrap();
    let sent = script.sent();
    assert!(sent[1].at - sent[0].at >= Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_pause_beyond_the_deadline_is_not_waited_for() {
    let script =
        Script::new([Step::error(400, "Throttling.Api").with_header("x-acs-retry-after", "60000")]);
    let client = script.client().build().unwrap();
    let start = Instant::now();
    let error = call(&client, READ).await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
    assert_eq!(error.class(), ErrorClass::Throttled);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_ends_at_its_deadline_and_stays_open() {
    let script = Script::new([Step::Hang]);
    let client = script.client().build().unwrap();
    let start = Instant::now();
    let error = call(&client, WRITE).await.unwrap_err();
    assert!(matches!(error, Error::Deadline { .. }), "{error:?}");
    assert_eq!(error.effect(), Effect::Ambiguous);
    assert!(is_about(start.elapsed(), Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn all_tries_of_a_read_end_at_the_deadline_of_the_read() {
    let script = Script::new((0..10).map(|_| Step::Hang));
    let deadlines = Deadlines {
        attempt: Duration::from_secs(10),
        read: Duration::from_secs(25),
    };
    let client = script.client().deadlines(deadlines).build().unwrap();
    let start = Instant::now();
    let error = call(&client, READ).await.unwrap_err();
    assert!(
        matches!(error, Error::Deadline { after, .. } if after == deadlines.read),
        "{error:?}"
    );
    assert!(
        is_about(start.elapsed(), deadlines.read),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn every_try_has_a_nonce_and_a_signature_of_its_own() {
    let script = Script::new([
        Step::refused_connection(),
        Step::refused_connection(),
        Step::ok(OK),
    ]);
    let client = script.client().build().unwrap();
    call(&client, READ).await.unwrap();
    for header in ["x-acs-signature-nonce", "authorization"] {
        let mut values: Vec<_> = script
            .sent()
            .iter()
            .map(|sent| sent.header(header).to_owned())
            .collect();
        values.sort();
        values.dedup();
        assert_eq!(values.len(), 3, "{header}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_try_is_never_sent() {
    let script = Script::new([]);
    let client = script
        .client()
        .before_send(|_| Err(Refused::new("not the leader")))
        .build()
        .unwrap();
    for action in [READ, WRITE] {
        let error = call(&client, action).await.unwrap_err();
        assert!(matches!(&error, Error::BeforeSend { .. }), "{error:?}");
        assert_eq!(error.effect(), Effect::NotSent);
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            "not the leader"
        );
    }
    assert!(script.sent().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_check_is_asked_again_before_every_try() {
    let script = Script::new([Step::error(503, "ServiceUnavailable")]);
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let check = move |action: &ens_openapi::Action| {
        assert_eq!(action.name(), READ);
        if counter.fetch_add(1, Ordering::Relaxed) == 0 {
            Ok(())
        } else {
            Err(Refused::new("lost the lease"))
        }
    };
    let client = script.client().before_send(check).build().unwrap();
    let error = call(&client, READ).await.unwrap_err();
    assert!(matches!(error, Error::BeforeSend { .. }), "{error:?}");
    assert_eq!((asked.load(Ordering::Relaxed), script.sent().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_clock_is_learnt_from_the_answer_and_kept() {
    let script = Script::new([
        Step::error(400, "InvalidTimeStamp.Expired")
            .with_header("date", "Fri, 02 Jan 2026 09:04:05 GMT"),
        Step::ok(OK),
        Step::ok(OK),
    ]);
    let client = script.client().build().unwrap();
    call(&client, READ).await.unwrap();
    call(&client, WRITE).await.unwrap();
    let dates: Vec<_> = script
        .sent()
        .iter()
        .map(|sent| sent.header("x-acs-date").to_owned())
        .collect();
    assert_eq!(
        dates,
        [
            "2026-01-02T03:04:05Z",
            "2026-01-02T09:04:05Z",
            "2026-01-02T09:04:05Z"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stays_wrong_is_not_tried_for_ever() {
    let expired = || {
        Step::error(400, "IllegalTimestamp").with_header("date", "Fri, 02 Jan 2026 09:04:05 GMT")
    };
    let script = Script::new([expired(), expired()]);
    let client = script.client().build().unwrap();
    let error = call(&client, READ).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Denied);
    assert!(error.advice().contains("clock"));
}

#[tokio::test(start_paused = true)]
async fn a_used_nonce_is_replaced_at_once_in_a_read() {
    let script = Script::new([Step::error(400, "SignatureNonceUsed"), Step::ok(OK)]);
    let client = script.client().build().unwrap();
    call(&client, READ).await.unwrap();
    let sent = script.sent();
    assert_eq!(sent[0].at, sent[1].at);
    assert_ne!(
        sent[0].header("x-acs-signature-nonce"),
        sent[1].header("x-acs-signature-nonce")
    );
}

#[tokio::test(start_paused = true)]
async fn a_used_nonce_leaves_open_whether_a_write_took_effect() {
    let script = Script::new([Step::error(400, "SignatureNonceUsed")]);
    let client = script.client().build().unwrap();
    assert_eq!(
        call(&client, WRITE).await.unwrap_err().effect(),
        Effect::Ambiguous
    );
}

#[tokio::test]
async fn parameters_travel_in_the_query_with_an_empty_body() {
    let script = Script::new([Step::ok(OK), Step::ok(OK)]);
    let client = script
        .client()
        .endpoint("http://127.0.0.1:8080")
        .user_agent_suffix("tester/1")
        .build()
        .unwrap();
    let params = Params::new().with("Name", "a b&c=d/é");
    client.call(WRITE, &params).await.unwrap();
    client.call("DescribeLoadBalancers", &params).await.unwrap();
    let [post, get] = script.sent().try_into().ok().unwrap();
    assert_eq!(
        post.uri.to_string(),
        "http://127.0.0.1:8080/?Name=a%20b%26c%3Dd%2F%C3%A9"
    );
    assert_eq!(
        (post.method, get.method.clone()),
        (http::Method::POST, http::Method::GET)
    );
    assert_eq!(post.headers["host"], "127.0.0.1:8080");
    assert_eq!(post.headers["accept"], "application/json");
    assert_eq!(post.headers["x-acs-version"], "2017-11-10");
    let user_agent = post.headers["user-agent"].to_str().unwrap();
    assert!(
        user_agent.starts_with("ens-openapi/") && user_agent.ends_with(" tester/1"),
        "{user_agent}"
    );
    assert!(post.body.is_empty() && get.body.is_empty());
}

#[tokio::test]
async fn the_older_signature_travels_in_the_query() {
    let script = Script::new([Step::ok(OK)]);
    let client = script
        .client()
        .signature(SignatureMethod::V1)
        .build()
        .unwrap();
    client
        .call(WRITE, &Params::new().with("Isp", "cmcc"))
        .await
        .unwrap();
    let sent = script.sent().remove(0);
    let names: Vec<_> = sent.query().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "AccessKeyId",
            "Action",
            "Format",
            "Isp",
            "SignatureMethod",
            "SignatureNonce",
            "SignatureVersion",
            "Timestamp",
            "Version",
            "Signature"
        ]
    );
    assert_eq!(sent.header("authorization"), "");
    assert_eq!(sent.header("host"), "ens.aliyuncs.com");
}

// rule_10_5
#[tokio::test]
async fn no_secret_is_seen_in_debug_output() {
    let script = Script::new([Step::ok(OK)]);
    let credentials = Credentials::new("id", "key-4d2f").with_security_token("token-8e1a");
    let client = Client::builder(StaticCredentials::new(credentials))
        .transport(script.clone())
        .build()
        .unwrap();
    client.call(WRITE, &Params::new()).await.unwrap();
    let sent = script.sent().remove(0);
    assert_eq!(sent.header("x-acs-security-token"), "token-8e1a");
    let printed = format!("{client:?} {:?} {:?}", sent.headers, sent.uri);
    assert!(
        !printed.contains("4d2f") && !printed.contains("8e1a") && !printed.contains("Signature="),
        "{printed}"
    );
}

#[tokio::test]
async fn a_token_that_the_cloud_repeats_does_not_get_into_the_error() {
    let forms = "a+b/8e1a= a%2Bb%2F8e1a%3D a%252Bb%252F8e1a%253D";
    let body = format!(
        r#"{{"Code":"SignatureDoesNotMatch","Message":"string to sign is: {forms}.","RequestId":"R a+b/8e1a="}}"#
    );
    let script = Script::new([Step::status(400, &body)]);
    let credentials = Credentials::new("id", "secret").with_security_token("a+b/8e1a=");
    let client = Client::builder(StaticCredentials::new(credentials))
        .transport(script)
        .build()
        .unwrap();
    let error = call(&client, WRITE).await.unwrap_err();
    assert_eq!(error.message(), Some("string to sign is: *** *** ***."));
    assert!(!format!("{error:?}").contains("8e1a"), "{error:?}");
}

#[tokio::test]
async fn an_error_names_action_code_message_and_request() {
    let script = Script::new([Step::error(400, "StockNotEnough")]);
    let client = script.client().build().unwrap();
    let error = call(&client, WRITE).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "CreateEipInstance: StockNotEnough: text of StockNotEnough (RequestId R-StockNotEnough)"
    );
    assert_eq!(
        (error.class(), error.effect()),
        (ErrorClass::Quota, Effect::Refused)
    );
}

#[tokio::test]
async fn an_error_in_lower_case_is_understood() {
    let script = Script::new([Step::status(
        404,
        r#"{"code":"InvalidAction.NotFound","message":"m","requestId":"r"}"#,
    )]);
    let client = script.client().build().unwrap();
    let error = call(&client, WRITE).await.unwrap_err();
    assert_eq!(
        (error.code(), error.message(), error.request_id()),
        (Some("InvalidAction.NotFound"), Some("m"), Some("r"))
    );
    assert_eq!(
        (error.class(), error.status()),
        (ErrorClass::Invalid, Some(404))
    );
}

#[tokio::test(start_paused = true)]
async fn a_proxys_error_page_leaves_the_status_only() {
    let script = Script::new([
        Step::status(502, "<html>Bad Gateway</html>"),
        Step::status(403, "[1]"),
    ]);
    let client = script.client().build().unwrap();
    let error = call(&client, WRITE).await.unwrap_err();
    assert_eq!(
        (error.code(), error.status(), error.class()),
        (None, Some(502), ErrorClass::Unavailable)
    );
    assert_eq!(error.effect(), Effect::Ambiguous);
    assert_eq!(error.to_string(), "CreateEipInstance: HTTP status 502");
    assert_eq!(
        call(&client, WRITE).await.unwrap_err().class(),
        ErrorClass::Denied
    );
}

#[tokio::test]
async fn success_that_is_not_an_answer_of_the_api_is_no_success() {
    for body in [
        "",
        "<html>Log in</html>",
        "{}",
        "[]",
        "null",
        r#"{"RequestId":""}"#,
        r#"{"RequestId":"R"#,
    ] {
        let script = Script::new([Step::ok(body)]);
        let client = script.client().build().unwrap();
        let error = call(&client, WRITE).await.unwrap_err();
        assert!(matches!(error, Error::Decode { .. }), "{body}: {error:?}");
        assert_eq!(error.effect(), Effect::Ambiguous, "{body}");
    }
}

#[tokio::test]
async fn an_error_code_in_a_success_is_an_error() {
    let script = Script::new([
        Step::ok(r#"{"Code":"NoPermission","RequestId":"R"}"#),
        Step::ok(
            r#"{"Code":0,"RequestId":"R","EnsRegions":{"EnsRegions":[{"EnsRegionId":"cn-x"}]}}"#,
        ),
    ]);
    let client = script.client().build().unwrap();
    assert_eq!(
        call(&client, WRITE).await.unwrap_err().class(),
        ErrorClass::Denied
    );
    assert_eq!(
        client.describe_regions(None).await.unwrap()[0].ens_region_id,
        "cn-x"
    );
}

#[tokio::test]
async fn an_answer_of_the_wrong_shape_names_the_request() {
    let script = Script::new([Step::ok(r#"{"LoadBalancerId":["lb-1"],"RequestId":"R-7"}"#)]);
    let client = script.client().build().unwrap();
    let error = client
        .create_load_balancer(&CreateLoadBalancer::new("r", "n", "v", "s"))
        .await
        .unwrap_err();
    assert_eq!(error.request_id(), Some("R-7"));
    assert_eq!(error.effect(), Effect::Ambiguous);
    assert!(error.to_string().contains("R-7"), "{error}");
}

#[tokio::test]
async fn an_unknown_load_balancer_is_absent_in_both_ways_of_the_api() {
    let script = Script::new([
        Step::error(400, "LoadBalancerNotFound"),
        Step::ok(r#"{"RequestId":"R","LoadBalancerId":""}"#),
        Step::error(400, "NoPermission"),
    ]);
    let client = script.client().build().unwrap();
    assert_eq!(
        client
            .describe_load_balancer_attribute("lb-1")
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        client
            .describe_load_balancer_attribute("lb-1")
            .await
            .unwrap(),
        None
    );
    assert!(
        client
            .describe_load_balancer_attribute("lb-1")
            .await
            .unwrap_err()
            .class()
            == ErrorClass::Denied
    );
}

#[tokio::test]
async fn credentials_that_are_missing_are_said_and_nothing_is_sent() {
    let script = Script::new([]);
    let client = Client::builder(ens_openapi::EnvironmentCredentials::new(|_| None))
        .transport(script.clone())
        .build()
        .unwrap();
    let error = call(&client, WRITE).await.unwrap_err();
    assert_eq!(
        (error.class(), error.effect()),
        (ErrorClass::Denied, Effect::NotSent)
    );
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .contains("ALIBABA_CLOUD_ACCESS_KEY_ID")
    );
}

/// Never gives credentials, as a metadata service that does not answer.
#[derive(Debug)]
struct Silent;

#[async_trait::async_trait]
impl ProvideCredentials for Silent {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        std::future::pending().await
    }
}

/// Gives a new token whenever the last one was refused.
#[derive(Debug, Default)]
struct Renewing(AtomicU32);

#[async_trait::async_trait]
impl ProvideCredentials for Renewing {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let token = format!("token-{}", self.0.load(Ordering::Relaxed));
        Ok(Arc::new(
            Credentials::new("id", "secret").with_security_token(token),
        ))
    }

    fn refused(&self, _credentials: &Credentials) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_replaced_once_in_a_read() {
    let expired = || Step::error(400, "InvalidSecurityToken.Expired");
    let script = Script::new([expired(), Step::ok(OK), expired(), expired()]);
    let client = Client::builder(Renewing::default())
        .transport(script.clone())
        .build()
        .unwrap();
    call(&client, READ).await.unwrap();
    let tokens: Vec<_> = script
        .sent()
        .iter()
        .map(|sent| sent.header("x-acs-security-token").to_owned())
        .collect();
    assert_eq!(tokens, ["token-0", "token-1"]);
    assert_eq!(
        call(&client, READ).await.unwrap_err().class(),
        ErrorClass::Denied
    );
}

#[tokio::test(start_paused = true)]
async fn waiting_for_credentials_ends_without_leaving_the_effect_open() {
    let client = Client::builder(Silent)
        .transport(Script::new([]))
        .build()
        .unwrap();
    let error = call(&client, WRITE).await.unwrap_err();
    assert_eq!(
        (error.class(), error.effect()),
        (ErrorClass::Unavailable, Effect::NotSent)
    );
}

#[tokio::test(start_paused = true)]
async fn every_try_takes_a_turn_of_the_rate_limit() {
    let script = Script::new([Step::error(400, "Throttling"), Step::ok(OK), Step::ok(OK)]);
    let limiter = Arc::new(RateLimiter::with_share(0.1));
    let no_wait = RetryPolicy {
        base: Duration::ZERO,
        ..RetryPolicy::default()
    };
    let client = script
        .client()
        .rate_limiter(Arc::clone(&limiter))
        .retry(no_wait)
        .build()
        .unwrap();
    call(&client, READ).await.unwrap();
    call(&client, READ).await.unwrap();
    let sent = script.sent();
    assert!(is_about(sent[1].at - sent[0].at, Duration::from_secs(1)));
    assert!(
        sent[2].at - sent[1].at > Duration::from_millis(1500),
        "the throttled answer halved the rate"
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_without_a_turn_fails_at_once_and_is_not_sent() {
    let script = Script::new([Step::ok(OK)]);
    let limiter = Arc::new(RateLimiter::with_share(0.01).max_wait(Duration::from_secs(1)));
    let client = script.client().rate_limiter(limiter).build().unwrap();
    call(&client, WRITE).await.unwrap();
    let error = call(&client, WRITE).await.unwrap_err();
    assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
    assert_eq!(
        (error.class(), error.effect()),
        (ErrorClass::Throttled, Effect::NotSent)
    );
    assert!(error.retry_after().is_some());
}

#[tokio::test(start_paused = true)]
async fn every_try_is_told_to_the_observer() {
    let script = Script::new([Step::error(503, "ServiceUnavailable"), Step::ok(OK)]);
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let observer = move |attempt: &Attempt<'_>| {
        log.lock().unwrap().push((
            attempt.action.name().to_owned(),
            attempt.result.err().map(Error::class),
        ));
    };
    let client = script.client().observer(observer).build().unwrap();
    call(&client, READ).await.unwrap();
    let expected = [
        (READ.to_owned(), Some(ErrorClass::Unavailable)),
        (READ.to_owned(), None),
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

fn page_of_elbs(ids: std::ops::Range<u32>, total: u32) -> Step {
    let rows: Vec<_> = ids
        .map(|id| format!(r#"{{"LoadBalancerId":"lb-{id}"}}"#))
        .collect();
    let rows = rows.join(",");
    Step::ok(&format!(
        r#"{{"RequestId":"R","TotalCount":{total},"PageSize":100,"LoadBalancers":{{"LoadBalancer":[{rows}]}}}}"#
    ))
}

#[tokio::test]
async fn a_whole_list_is_read_page_by_page_through_the_trait() {
    let script = Script::new([page_of_elbs(0..100, 130), page_of_elbs(100..130, 130)]);
    let api: Arc<dyn EnsApi> = Arc::new(script.client().build().unwrap());
    let all = paging::load_balancers(api.as_ref(), &DescribeLoadBalancers::default())
        .await
        .unwrap();
    assert_eq!((all.items.len(), all.is_stable), (130, true));
    let pages: Vec<_> = script
        .sent()
        .iter()
        .map(|sent| sent.uri.query().unwrap().to_owned())
        .collect();
    assert_eq!(
        pages,
        ["PageNumber=1&PageSize=100", "PageNumber=2&PageSize=100"]
    );
}

#[tokio::test]
async fn a_list_with_a_page_that_fails_is_never_given_in_part() {
    let script = Script::new([page_of_elbs(0..100, 130), Step::error(400, "NoPermission")]);
    let client = script.client().build().unwrap();
    let error = paging::load_balancers(&client, &DescribeLoadBalancers::default())
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Denied);
}

#[tokio::test]
async fn a_stream_asks_for_a_page_when_it_is_needed_and_gives_each_row_once() {
    // Between the pages a row was deleted, so that the second one begins with what the first one ended with.
    let script = Script::new([page_of_elbs(0..100, 130), page_of_elbs(99..130, 130)]);
    let client = script.client().build().unwrap();
    let api: &dyn EnsApi = &client;
    let filter = DescribeLoadBalancers::default();
    let mut rows = std::pin::pin!(paging::stream_load_balancers(api, &filter));
    let mut ids = Vec::new();
    while let Some(row) = rows.try_next().await.unwrap() {
        ids.push(row.load_balancer_id);
        assert_eq!(script.sent().len(), if ids.len() <= 100 { 1 } else { 2 });
    }
    let expected: Vec<_> = (0..130).map(|id| format!("lb-{id}")).collect();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn a_stream_ends_with_the_error_of_its_page() {
    let script = Script::new([page_of_elbs(0..100, 130), Step::error(400, "NoPermission")]);
    let client = script.client().build().unwrap();
    let filter = DescribeLoadBalancers::default();
    let rows: Vec<_> = paging::stream_load_balancers(&client, &filter)
        .collect()
        .await;
    assert_eq!(rows.len(), 101);
    assert_eq!(rows[100].as_ref().unwrap_err().class(), ErrorClass::Denied);
}

#[test]
fn futures_of_the_client_can_move_between_threads() {
    fn assert_send<T: Send>(_: T) {}
    fn assert_shareable<T: Send + Sync + Clone>(_: &T) {}
    let client = Script::new([]).client().build().unwrap();
    assert_shareable(&client);
    assert_send(client.call(READ, &Params::new()));
}
