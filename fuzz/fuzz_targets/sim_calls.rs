//! Whatever calls come one after the other with valid signatures, the simulated cloud answers each with success or a
//! documented refusal. Every line of the input is a call, ten seconds after the one before:
//! `Action?Name=value&Name=value`. A `$` in a value is the id that the last create gave.
#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use chrono::DateTime;
use ens_openapi::signer::{Unsigned, v1};
use ens_openapi::{Action, Credentials, Params};
use ens_sim::Timestamp;
use ens_sim::cloud::{Cloud, Config, RateLimits};
use ens_sim::wire::Gateway;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::Value;

const START: i64 = 1_769_860_800;
const MOST_CALLS: usize = 24;

static GATEWAY: LazyLock<Gateway> = LazyLock::new(|| {
    let config = Config {
        rate_limits: RateLimits::Off,
        ..Config::default()
    };
    let mut gateway = Gateway::new(Cloud::new(config, 1).unwrap());
    gateway.add_key("testid", "testsecret");
    gateway
});

fuzz_target!(|input: &str| -> Corpus {
    if input.lines().count() > MOST_CALLS {
        return Corpus::Reject;
    }
    let credentials = Credentials::new("testid", "testsecret");
    let mut gateway = GATEWAY.clone();
    let mut created = String::new();
    for (number, line) in input.lines().enumerate() {
        let (action, query) = line.split_once('?').unwrap_or((line, ""));
        let mut params = Params::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // The signature's own parameters are the other target's.
            if !name.is_empty() && name != "Signature" {
                params.set(name, &value.replace('$', &created));
            }
        }
        let seconds = START + 10 * i64::try_from(number).unwrap();
        let action = Action::from(action.to_owned());
        let method = action.method();
        let unsigned = Unsigned {
            method: method.as_str(),
            host: "ens.aliyuncs.com",
            action: action.name(),
            version: ens_openapi::API_VERSION,
            params: &params,
        };
        let time = DateTime::from_timestamp(seconds, 0).unwrap();
        let query = v1::sign(&unsigned, &credentials, time, &format!("nonce-{number}"));
        let Ok(request) = http::Request::builder()
            .method(method)
            .uri(format!("/?{}", query.as_str()))
            .body(Bytes::new())
        else {
            return Corpus::Reject;
        };
        let reply = gateway.answer(&request, Timestamp(seconds * 1000));
        let status = reply.response.status().as_u16();
        let body: Value = serde_json::from_slice(reply.response.body()).unwrap();
        assert!([200, 400, 403, 404].contains(&status), "{status} {body}");
        assert!(body["RequestId"].is_string(), "{body}");
        assert_ne!(body["Code"], "SignatureDoesNotMatch", "{line}");
        let ids = [&body["LoadBalancerId"], &body["AllocationId"]];
        if let Some(id) = ids.iter().find_map(|id| id.as_str()) {
            id.clone_into(&mut created);
        }
        if status != 200 {
            assert!(
                body["Code"].is_string() && body["Message"].is_string(),
                "{body}"
            );
        }
    }
    Corpus::Keep
});
