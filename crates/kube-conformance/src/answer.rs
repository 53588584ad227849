//! What the server answered, and what can be expected of it.

use http::HeaderMap;
use serde_json::Value;

use crate::failure::{Failure, holds};

/// An answer with a JSON body; a text body is kept as a JSON string.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Method and path, for messages.
    pub(crate) request: String,
    pub(crate) code: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body of a request that was carried out.
    pub(crate) fn done(self) -> Result<Value, Failure> {
        let is_done = (200..300).contains(&self.code);
        holds(&self.request, is_done, "success", &self.shown())?;
        Ok(self.body)
    }

    /// The body of a request that was carried out with this code.
    pub(crate) fn done_with(self, code: u16) -> Result<Value, Failure> {
        let is_so = self.code == code;
        holds(&self.request, is_so, &code.to_string(), &self.shown())?;
        Ok(self.body)
    }

    /// The Status of a request that was refused in this way.
    pub(crate) fn refused(self, code: u16, reason: &str) -> Result<Value, Failure> {
        let body = &self.body;
        let is_so = self.code == code
            && body["kind"] == "Status"
            && body["status"] == "Failure"
            && body["reason"] == reason
            && body["code"] == code;
        let expected = format!("refused with {code} {reason}");
        holds(&self.request, is_so, &expected, &self.shown())?;
        Ok(self.body)
    }

    /// A 422 Invalid with a cause for this field with this reason.
    pub(crate) fn invalid(self, field: &str, reason: &str) -> Result<Value, Failure> {
        let status = self.refused(422, "Invalid")?;
        let is_it = |cause: &Value| cause["field"] == field && cause["reason"] == reason;
        let is_so = status["details"]["causes"]
            .as_array()
            .is_some_and(|causes| causes.iter().any(is_it));
        let expected = format!("a cause {reason} for {field}");
        holds("the causes", is_so, &expected, &status["details"])?;
        Ok(status)
    }

    fn shown(&self) -> String {
        format!("{} {}", self.code, self.body)
    }
}

/// Holds when the message of a Status has this text in it.
pub(crate) fn says(status: &Value, text: &str) -> Result<(), Failure> {
    let message = status["message"].as_str().unwrap_or_default();
    holds("the message", message.contains(text), text, &message)
}

/// A text field, or empty.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(crate) fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

pub(crate) fn revision(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion")
}

/// The revision as a number: opaque to clients, but of this order wherever etcd is the store.
pub(crate) fn revision_number(object: &Value) -> u64 {
    revision(object).parse().unwrap_or(0)
}

/// The names of the items of a list.
pub(crate) fn names(list: &Value) -> Vec<&str> {
    items(list).iter().map(name).collect()
}

/// An element, or null where there are not so many.
pub(crate) fn nth(values: &[Value], index: usize) -> &Value {
    values.get(index).unwrap_or(&Value::Null)
}

/// The items of a list.
pub(crate) fn items(list: &Value) -> &[Value] {
    list["items"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}
