//! What goes in and what comes out: calls, answers, and what becomes of an answer on its way.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// HTTP method of a call. Some reads take GET only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// An authenticated call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// Account of the caller.
    pub account: String,
    /// GET or POST.
    pub method: Method,
    /// Action such as `CreateLoadBalancer`.
    pub action: String,
    /// Parameters by name, lists flattened (`Tag.1.Key`).
    pub params: BTreeMap<String, String>,
}

/// An answer: HTTP status, headers, JSON body.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers beyond the ordinary ones, such as `x-acs-retry-after`.
    pub headers: Vec<(String, String)>,
    /// JSON object.
    pub body: Value,
}

impl Response {
    /// The error code; `None` when the call succeeded.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        if self.status == 200 {
            None
        } else {
            self.body.get("Code").and_then(Value::as_str)
        }
    }
}

/// What becomes of an answer on its way to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It arrives.
    Now,
    /// It arrives that much later. The effect, if any, has happened already.
    After(Duration),
    /// The connection breaks before it arrives.
    Lost,
}

/// An answer and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    /// The answer.
    pub response: Response,
    /// Whether and when the caller gets it.
    pub delivery: Delivery,
}
