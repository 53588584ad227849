//! Whatever the cloud answers, the client ends with an answer or an error that says what is known, and no typed action
//! panics over a body. The input is the body; it is given once with status 200 and once with 400.
#![no_main]

#[path = "../../crates/ens-openapi/tests/support/parrot.rs"]
mod parrot;

use bytes::Bytes;
use ens_openapi::{Client, Context, Credentials, Effect, Error, Params, StaticCredentials};
use libfuzzer_sys::fuzz_target;
use parrot::{Parrot, decode_all};
use serde_json::Value;

const TOKEN: &str = "token-4711";

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    static CLIENT: (Client, Parrot) = {
        let parrot = Parrot::default();
        let credentials = Credentials::new("id", "secret").with_security_token(TOKEN);
        let client = Client::builder(StaticCredentials::new(credentials))
            .transport(parrot.clone())
            .context(Context::new(|| chrono::DateTime::UNIX_EPOCH, || 0))
            .build()
            .unwrap();
        (client, parrot)
    };
}

fn call(status: u16, body: &[u8]) -> Result<Value, Error> {
    CLIENT.with(|(client, parrot)| {
        *parrot.0.lock().unwrap() = http::Response::builder()
            .status(status)
            .body(Bytes::copy_from_slice(body))
            .unwrap();
        RUNTIME.with(|runtime| runtime.block_on(client.call("DeleteEip", &Params::new())))
    })
}

fuzz_target!(|body: &[u8]| {
    for status in [200, 400] {
        match call(status, body) {
            Ok(value) => {
                assert_eq!(status, 200, "an error status passed for success");
                assert!(value.get("RequestId").or(value.get("requestId")).is_some());
                decode_all(&value);
            }
            Err(error) => {
                if let Error::Decode { .. } = error {
                    assert_eq!(
                        error.effect(),
                        Effect::Ambiguous,
                        "a success that cannot be read"
                    );
                }
                assert_ne!(error.effect(), Effect::NotSent, "something was sent");
                let printed = format!("{error} {error:?} {}", error.advice());
                assert!(!printed.contains(TOKEN), "{printed}");
            }
        }
    }
    if let Ok(value) = serde_json::from_slice(body) {
        decode_all(&value);
    }
});
