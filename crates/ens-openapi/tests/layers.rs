//! The steps of a call as layers: left out, replaced, and put together by hand.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use ens_openapi::client::{Refused, RetryPolicy};
use ens_openapi::layer::{
    BeforeSendLayer, Call, Exchange, RateLimitLayer, RetryLayer, SignLayer, SignedCall,
};
use ens_openapi::{
    Client, Credentials, Effect, Error, Params, Priority, RateLimiter, StaticCredentials,
};
use serde_json::{Value, json};
use support::{Script, Step};
use tower::{ServiceBuilder, service_fn};

const READ: &str = "DescribeVSwitches";
const WRITE: &str = "CreateEipInstance";
const OK: &str = r#"{"RequestId":"R-OK"}"#;

const PATIENT: RetryPolicy = RetryPolicy {
    max_attempts: 3,
    base: Duration::from_millis(500),
    cap: Duration::from_secs(1),
    writes: true,
};

fn sign() -> SignLayer {
    SignLayer::new(StaticCredentials::new(Credentials::new("id", "secret")))
}

async fn call(client: &Client, action: &'static str) -> Result<Value, Error> {
    client.call(action, &Params::new()).await
}

#[tokio::test]
async fn signing_can_be_left_out_where_another_answers() {
    let answer =
        |call: Call| async move { Ok(json!({"RequestId": "R", "Action": call.action.name()})) };
    let client = Client::from_service(service_fn(answer));
    assert_eq!(call(&client, READ).await.unwrap()["Action"], READ);
}

#[tokio::test]
async fn the_exchange_can_be_replaced_by_any_service() {
    let send = |call: SignedCall| async move {
        let is_signed = call.request.headers().contains_key("authorization");
        assert!(is_signed);
        Ok(http::Response::new(Bytes::from(OK)))
    };
    let client = Client::from_service(ServiceBuilder::new().layer(sign()).service_fn(send));
    call(&client, WRITE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_the_retry_layer_a_read_is_sent_once() {
    let script = Script::new([Step::error(503, "ServiceUnavailable"), Step::ok(OK)]);
    let exchange = Exchange::new(script.clone(), Duration::from_secs(1));
    let client = Client::from_service(ServiceBuilder::new().layer(sign()).service(exchange));
    call(&client, READ).await.unwrap_err();
    assert_eq!(script.sent().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_is_repeated_when_asked_for_and_the_check_is_asked_before_every_try() {
    let script = Script::new([
        Step::error(400, "Throttling.User"),
        Step::refused_connection(),
        Step::ok(OK),
    ]);
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let check = move |_: &_| {
        counter.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Refused>(())
    };
    let service = ServiceBuilder::new()
        .layer(RetryLayer::new(PATIENT, Duration::from_secs(30)))
        .layer(sign())
        .layer(BeforeSendLayer::new(Arc::new(check)))
        .service(Exchange::new(script.clone(), Duration::from_secs(1)));
    call(&Client::from_service(service), WRITE).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    let sent = script.sent();
    let nonces: std::collections::BTreeSet<_> = sent
        .iter()
        .map(|sent| sent.header("x-acs-signature-nonce"))
        .collect();
    assert_eq!(nonces.len(), 3, "every try is signed anew");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_have_taken_effect_is_never_repeated() {
    let failures: [fn() -> Step; 3] = [
        Step::broken_connection,
        || Step::error(503, "ServiceUnavailable"),
        || Step::Hang,
    ];
    for failure in failures {
        let script = Script::new([failure(), Step::ok(OK)]);
        let client = script.client().retry(PATIENT).build().unwrap();
        let error = call(&client, WRITE).await.unwrap_err();
        assert_eq!(error.effect(), Effect::Ambiguous);
        assert_eq!(script.sent().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_11_2_priority_and_caller_of_a_client_reach_the_rate_limit() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&order);
    let record = move |call: Call| {
        let name = call.caller.unwrap().to_string();
        log.lock().unwrap().push((name, call.priority));
        std::future::ready(Ok(json!({"RequestId": "R"})))
    };
    // One turn a second.
    let limiter = Arc::new(RateLimiter::with_share(0.02));
    let service = ServiceBuilder::new()
        .layer(RateLimitLayer::new(limiter))
        .service_fn(record);
    let client = Client::from_service(service);
    let calls = [
        ("first", Priority::Normal),
        ("drift", Priority::Background),
        ("flood", Priority::Normal),
        ("flood", Priority::Normal),
        ("other", Priority::Normal),
        ("deletion", Priority::Critical),
    ];
    let calls = calls.map(|(name, priority)| {
        let client = client.with_priority(priority).on_behalf_of(name);
        async move { call(&client, "ReleaseInstance").await.unwrap() }
    });
    futures::future::join_all(calls).await;
    let names: Vec<String> = order
        .lock()
        .unwrap()
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(
        names,
        ["first", "deletion", "flood", "other", "drift", "flood"],
        "the fourth turn of those who waited is of the longest wait"
    );
}
