//! Reading an HTTP answer: a JSON object of success, an error object, or something that is not the API's.

use std::time::Duration;

use bytes::Bytes;
use serde::de::Error as _;
use serde_json::{Map, Value};

use crate::action::Action;
use crate::error::{Error, Refusal};

/// Header by which a throttling answer asks for a pause, in milliseconds (alibabacloud-go/tea, `dara/retry.go`).
const RETRY_AFTER: &str = "x-acs-retry-after";

/// The answer's JSON object, or what the cloud refused.
pub(super) fn read(action: &Action, response: &http::Response<Bytes>) -> Result<Value, Error> {
    let status = response.status();
    let body = serde_json::from_slice::<Value>(response.body());
    if !status.is_success() {
        let members = body.ok().and_then(|body| match body {
            Value::Object(members) => Some(members),
            _ => None,
        });
        return Err(Error::Answer {
            action: action.clone(),
            refusal: Box::new(refusal(response, &members.unwrap_or_default())),
        });
    }
    let undecodable = |source| Error::Decode {
        action: action.clone(),
        request_id: None,
        source,
    };
    let body = body.map_err(undecodable)?;
    let Value::Object(members) = &body else {
        return Err(undecodable(serde_json::Error::custom(
            "the answer is not an object",
        )));
    };
    if has_error_code(members) {
        return Err(Error::Answer {
            action: action.clone(),
            refusal: Box::new(refusal(response, members)),
        });
    }
    if request_id(&body).is_none() {
        // Every answer of the API has one. Without it this is somebody else's page, and must not pass for success.
        return Err(undecodable(serde_json::Error::custom(
            "the answer has no RequestId",
        )));
    }
    Ok(body)
}

/// The RequestId of an answer.
pub(crate) fn request_id(answer: &Value) -> Option<String> {
    text(answer.as_object()?, ["RequestId", "requestId"])
}

/// Whether an answer with status 200 is an error all the same. `DescribeEnsRegions` carries `Code` 0 on success; the
/// other texts are those by which sister products say success.
fn has_error_code(members: &Map<String, Value>) -> bool {
    text(members, ["Code", "code"]).is_some_and(|code| {
        !["0", "200", "ok", "success"]
            .iter()
            .any(|fine| code.eq_ignore_ascii_case(fine))
    })
}

fn refusal(response: &http::Response<Bytes>, members: &Map<String, Value>) -> Refusal {
    Refusal {
        status: response.status().as_u16(),
        code: text(members, ["Code", "code"]),
        message: text(members, ["Message", "message"]),
        request_id: text(members, ["RequestId", "requestId"]),
        retry_after: retry_after(response),
    }
}

/// Gateways write the names with a capital letter or without.
fn text(members: &Map<String, Value>, names: [&str; 2]) -> Option<String> {
    names.into_iter().find_map(|name| match members.get(name)? {
        Value::String(text) => {
            let text = text.trim();
            (!text.is_empty()).then(|| text.to_owned())
        }
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

fn retry_after(response: &http::Response<Bytes>) -> Option<Duration> {
    let milliseconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_millis(milliseconds))
}
