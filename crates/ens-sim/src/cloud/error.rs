//! Refusals, with the codes that the public documents of ENS and of the RPC gateway name.

use serde_json::{Value, json};

/// A refusal of the API: HTTP status, code and text.
///
/// ENS answers HTTP 400 to nearly everything, "not found" included (the error tables of the ENS API reference);
/// the gateway in front of it uses 403 and 404 as well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// Code, the only part that a client may decide by.
    pub code: String,
    /// Text for people.
    pub message: String,
    /// `x-acs-retry-after` in milliseconds, where the answer carries one.
    pub retry_after_ms: Option<u64>,
}

impl ApiError {
    /// A refusal with a code of the caller's choice.
    pub fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
            retry_after_ms: None,
        }
    }

    /// `Missing<Name>`: a required parameter is absent or empty.
    pub(crate) fn missing(name: &str) -> Self {
        Self::new(
            400,
            format!("Missing{name}"),
            format!("The parameter {name} is required and was not given."),
        )
    }

    /// `InvalidParameter.<Name>`: a parameter has a value that is not allowed; `why` says what is.
    pub(crate) fn invalid(name: &str, why: impl std::fmt::Display) -> Self {
        Self::new(
            400,
            format!("InvalidParameter.{name}"),
            format!("The parameter {name} is not valid: {why}."),
        )
    }

    /// PROCESSING: an earlier call with the same ClientToken is still at work. May be repeated with that token.
    pub(crate) fn processing() -> Self {
        Self::new(
            400,
            "PROCESSING",
            "A request with the same ClientToken is being processed.",
        )
    }

    pub(crate) fn load_balancer_not_found(id: &str) -> Self {
        Self::new(
            400,
            "LoadBalancerNotFound",
            format!("The load balancer {id} does not exist."),
        )
    }

    pub(crate) fn listener_not_found(id: &str, port: u16) -> Self {
        Self::new(
            400,
            "ListenerNotFound",
            format!("The load balancer {id} has no such listener on port {port}."),
        )
    }

    pub(crate) fn eip_not_found(id: &str) -> Self {
        Self::new(400, "EipNotFound", format!("The EIP {id} does not exist."))
    }

    pub(crate) fn instance_not_found(id: &str) -> Self {
        Self::new(
            400,
            "InstanceNotFound",
            format!("The instance {id} does not exist."),
        )
    }

    pub(crate) fn incorrect_instance_status(id: &str, why: &str) -> Self {
        Self::new(
            400,
            "IncorrectInstanceStatus",
            format!("The load balancer {id} does not allow this: {why}."),
        )
    }

    pub(crate) fn incorrect_listener_status(port: u16, status: &str) -> Self {
        Self::new(
            400,
            "IncorrectListenerStatus",
            format!("The listener on port {port} is {status}."),
        )
    }

    pub(crate) fn incorrect_eip_status(id: &str, status: &str) -> Self {
        Self::new(
            400,
            "IncorrectEipStatus",
            format!("The EIP {id} is {status}."),
        )
    }

    /// The error body that every product behind the RPC gateway shares.
    pub(crate) fn body(&self, request_id: &str, host: &str) -> Value {
        json!({
            "RequestId": request_id,
            "HostId": host,
            "Code": self.code,
            "Message": self.message,
            "Recommend": format!(
                "https://api.alibabacloud.com/troubleshoot?q={}&product=Ens&requestId={request_id}",
                self.code
            ),
        })
    }
}
