//! Answers that nobody would send, by the thousand: whatever comes, a call ends with an answer or an error and never
//! with a panic. It runs on stable Rust and for a bounded number of cases; for longer:
//!
//! ```text
//! PROPTEST_CASES=100000 cargo test --release -p ens-openapi --test garbage
//! ```
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/parrot.rs"]
mod parrot;

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ens_openapi::{Client, Context, Credentials, Effect, Error, Params, StaticCredentials};
use parrot::{Parrot, decode_all};
use proptest::prelude::*;
use serde_json::Value;

fn client(answer: http::Response<Bytes>) -> Client {
    let credentials = Credentials::new("id", "secret").with_security_token("token-4711");
    Client::builder(StaticCredentials::new(credentials))
        .transport(Parrot(Arc::new(Mutex::new(answer))))
        .context(Context::new(|| chrono::DateTime::UNIX_EPOCH, || 0))
        .build()
        .unwrap()
}

/// Names that mean something to the crate, so that wrong types meet real members.
fn name() -> impl Strategy<Value = String> {
    let known = [
        "AllocationId",
        "BackendServers",
        "Bandwidth",
        "Code",
        "CreationTime",
        "EipAddresses",
        "EnsRegions",
        "HealthCheck",
        "Instances",
        "Listener",
        "ListenerPort",
        "ListenerProtocol",
        "Listeners",
        "LoadBalancerId",
        "LoadBalancers",
        "LoadBalancerStatus",
        "Message",
        "NetworkId",
        "Networks",
        "NextToken",
        "PageNumber",
        "PageSize",
        "RequestId",
        "ServerId",
        "Status",
        "TagResources",
        "Tags",
        "TotalCount",
        "VSwitches",
        "VSwitchId",
        "Weight",
    ];
    prop_oneof![
        9 => prop::sample::select(known.map(str::to_owned).to_vec()),
        1 => any::<String>(),
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<u16>().prop_map(|number| Value::from(number.to_string())),
        any::<String>().prop_map(Value::from),
        Just(Value::from(
            "the string to sign is &SecurityToken=token-4711&"
        )),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Bytes that may be JSON: whole, cut off, with one byte changed, or anything at all.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let text = json()
        .prop_map(|value| value.to_string().into_bytes())
        .boxed();
    prop_oneof![
        4 => text.clone(),
        2 => (text.clone(), any::<prop::sample::Index>())
            .prop_map(|(text, end)| text[..end.index(text.len())].to_vec()),
        2 => (text, any::<prop::sample::Index>(), any::<u8>()).prop_map(|(mut text, at, byte)| {
            let at = at.index(text.len());
            text[at] = byte;
            text
        }),
        1 => any::<Vec<u8>>(),
    ]
}

fn answer() -> impl Strategy<Value = http::Response<Bytes>> {
    let status = prop_oneof![Just(200_u16), Just(400), Just(404), Just(503), 200_u16..600];
    (status, body(), any::<Option<u64>>()).prop_map(|(status, body, pause)| {
        let mut answer = http::Response::new(Bytes::from(body));
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
        if let Some(pause) = pause {
            answer
                .headers_mut()
                .insert("x-acs-retry-after", pause.into());
        }
        answer
    })
}

/// Runs a call on a clock that jumps over every wait.
fn run<T>(call: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(call)
}

proptest! {
    // What failed once is written as a test of its own, not into a file.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_answer_to_a_write_is_an_answer_or_an_error(answer in answer()) {
        let status = answer.status();
        match run(client(answer).call("DeleteEip", &Params::new())) {
            Ok(value) => {
                prop_assert!(status.is_success());
                prop_assert!(value.get("RequestId").or(value.get("requestId")).is_some());
                decode_all(&value);
            }
            Err(error) => {
                if let Error::Decode { .. } = error {
                    prop_assert_eq!(error.effect(), Effect::Ambiguous, "a success that cannot be read");
                }
                prop_assert_ne!(error.effect(), Effect::NotSent, "something was sent");
                let printed = format!("{error} {error:?} {}", error.advice());
                let is_leaking = printed.contains("token-4711");
                prop_assert!(!is_leaking, "{}", printed);
            }
        }
    }

    #[test]
    fn any_answer_to_a_read_ends_within_its_deadline(answer in answer()) {
        run(async {
            let start = tokio::time::Instant::now();
            let _ = client(answer).call("DescribeNetworks", &Params::new()).await;
            prop_assert!(start.elapsed() <= std::time::Duration::from_secs(31));
            Ok(())
        })?;
    }

    #[test]
    fn any_json_is_decoded_or_refused(value in json()) {
        decode_all(&value);
    }
}
