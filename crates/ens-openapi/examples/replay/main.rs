//! Sends the calls of a file one after the other, for comparing with what other clients send (`cargo xtask sdk-parity`).
//!
//! ```text
//! cargo run -p ens-openapi --example replay -- http://127.0.0.1:8080 v3 calls.json
//! ```
//!
//! `v3` and `v1` send by [`Client::call`] under that signature; `typed` sends by the typed requests. The file is a list
//! of `{"action": …, "parameters": {…}}`, with lists and objects as they are, before any encoding.

mod typed;

use std::error::Error as StdError;

use ens_openapi::client::SignatureMethod;
use ens_openapi::{Client, Credentials, Params, StaticCredentials};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Parameters that travel as one JSON text; other lists are numbered.
const JSON_TEXT: [&str; 4] = ["BackendServers", "EipAddresses", "ServiceStatus", "Tags"];

#[derive(Deserialize)]
struct Call {
    action: String,
    parameters: Map<String, Value>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, mode, file] = arguments.as_slice() else {
        return Err("usage: replay ENDPOINT v3|v1|typed CALLS.json".into());
    };
    let signature = match mode.as_str() {
        "v3" | "typed" => SignatureMethod::V3,
        "v1" => SignatureMethod::V1,
        other => return Err(format!("mode \"{other}\": v3, v1 and typed are known").into()),
    };
    let client = Client::builder(StaticCredentials::new(Credentials::new("id", "secret")))
        .endpoint(endpoint)
        .signature(signature)
        .build()?;
    let calls: Vec<Call> = serde_json::from_slice(&std::fs::read(file)?)?;
    for Call { action, parameters } in calls {
        let parameters = with_json_text(parameters)?;
        let params = if mode == "typed" {
            typed::params(&action, parameters)
                .map_err(|error| format!("typed request {action}: {error}"))?
        } else {
            Params::of(&parameters)?
        };
        client.call(action, &params).await?;
    }
    Ok(())
}

fn with_json_text(mut parameters: Map<String, Value>) -> Result<Value, serde_json::Error> {
    for name in JSON_TEXT {
        if let Some(value) = parameters.get_mut(name) {
            *value = Value::String(serde_json::to_string(value)?);
        }
    }
    Ok(Value::Object(parameters))
}
