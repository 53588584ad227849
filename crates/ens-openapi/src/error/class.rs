//! Sorting of error codes. The codes are those of the ENS help pages (help.aliyun.com, `api-ens-2017-11-10-…`), of the
//! gateway's common errors, and those that aliyun/terraform-provider-alicloud and the ELB controller of
//! kubernetes/cloud-provider-alibaba-cloud met in practice.

use std::fmt;

use super::{Effect, Refusal};
use crate::action::Action;

/// What kind of failure it is, by what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// The resource does not exist (any more). For a delete that is success.
    Gone,
    /// The resource is changing or in a state that does not allow the call now: look again, then repeat.
    Busy,
    /// Something else is in the way, such as a listener on the same port: read and decide.
    Conflict,
    /// The account may not have (more of) it, or the site has none left: somebody has to act.
    Quota,
    /// The request is wrong and stays wrong.
    Invalid,
    /// The credentials are wrong or not allowed to do it.
    Denied,
    /// Too many calls: slow down.
    Throttled,
    /// The service or the way to it failed: try later.
    Unavailable,
    /// A code that nobody described.
    Unknown,
}

impl ErrorClass {
    /// The class of a code that came as the answer to `action` with an HTTP status. Without a code the status decides.
    pub fn of(action: &Action, status: u16, code: Option<&str>) -> Self {
        code.and_then(|code| by_code(action, code))
            .unwrap_or_else(|| by_status(status, code.is_some()))
    }

    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Busy | Self::Throttled | Self::Unavailable)
    }

    /// The name in lower case, as in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Busy => "busy",
            Self::Conflict => "conflict",
            Self::Quota => "quota",
            Self::Invalid => "invalid",
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Code of a backend failure that ENS does not explain. It has been seen for busy resources as well as for missing
/// ones, so it is retried a few times and never believed to mean "gone".
const OPAQUE: &str = "ens.interface.error";
/// The same ClientToken is still being worked on.
const PROCESSING: &str = "PROCESSING";
/// This nonce was seen before. Some hop repeated the request: the first copy may have been served.
const NONCE_USED: &str = "SignatureNonceUsed";

fn by_code(action: &Action, code: &str) -> Option<ErrorClass> {
    use ErrorClass::{Busy, Conflict, Denied, Gone, Invalid, Quota, Throttled, Unavailable};
    let class = match code {
        "LoadBalancerNotFound"
        | "ListenerNotFound"
        | "EipNotFound"
        | "InstanceNotFound"
        | "InvalidVSwitchId.NotFound" => Gone,
        // Undocumented; cloud-provider-alibaba-cloud takes it as "already released" for this action only.
        "5100" if action.name() == "ReleaseInstance" => Gone,
        "IncorrectInstanceStatus"
        | "IncorrectListenerStatus"
        | "IncorrectEipStatus"
        | "IncorrectEipIpStatus"
        | PROCESSING => Busy,
        "ListenerAlreadyExists" | "InvalidUnAssociation.UnAssociateStandbyEipFist" => Conflict,
        "StockNotEnough" | "InsufficientBalance" => Quota,
        "NoPermission"
        | "RegionAccessDenied"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "IllegalTimestamp"
        | "MissingAccessKeyId"
        | "MissingSecurityToken" => Denied,
        "ServiceUnavailable" | "InternalError" | "UnknownError" | "SystemBusy" | OPAQUE
        | NONCE_USED => Unavailable,
        "UnsupportedHTTPMethod" => Invalid,
        _ if code.contains("Throttling") => Throttled,
        _ if code.starts_with("SaleControl") || code.starts_with("QuotaExceed") => Quota,
        _ if code.starts_with("Forbidden")
            || code.starts_with("InvalidAccessKeyId")
            || code.starts_with("InvalidSecurityToken")
            || code.starts_with("InvalidTimeStamp") =>
        {
            Denied
        }
        _ if code.starts_with("Invalid") || code.starts_with("Missing") => Invalid,
        _ => return None,
    };
    Some(class)
}

fn by_status(status: u16, has_code: bool) -> ErrorClass {
    match status {
        429 => ErrorClass::Throttled,
        408 | 500..=599 => ErrorClass::Unavailable,
        // Without a code the answer is not the API's: a proxy or a gateway in between refused.
        401 | 403 | 407 if !has_code => ErrorClass::Denied,
        _ => ErrorClass::Unknown,
    }
}

/// Whether an error answer leaves open what happened.
pub(super) fn effect(class: ErrorClass, refusal: &Refusal) -> Effect {
    let open = match class {
        ErrorClass::Unavailable | ErrorClass::Unknown => true,
        ErrorClass::Busy => refusal.code.as_deref() == Some(PROCESSING),
        // A 5xx may come from a hop behind the one that did the work, whatever its code says.
        _ => refusal.status >= 500 || refusal.code.is_none(),
    };
    if open {
        Effect::Ambiguous
    } else {
        Effect::Refused
    }
}

pub(super) fn advice(class: ErrorClass, code: Option<&str>) -> &'static str {
    match (class, code) {
        (_, Some(OPAQUE)) => {
            "Try again a few times; ENS gives no reason, so give its support the RequestId if it stays."
        }
        (_, Some(NONCE_USED)) => {
            "Read what the call was about before repeating it: a copy of it was served or is in work."
        }
        (_, Some("SignatureDoesNotMatch" | "IncompleteSignature")) => {
            "Check the AccessKey secret; it does not belong to the AccessKey id."
        }
        (_, Some(code)) if code.starts_with("InvalidTimeStamp") || code == "IllegalTimestamp" => {
            "Set the clock of this machine: it differs from the cloud's by more than 15 minutes."
        }
        (_, Some(code)) if code.starts_with("InvalidAccessKeyId") => {
            "Check the AccessKey id: it does not exist or is switched off."
        }
        (_, Some(code)) if code.starts_with("InvalidSecurityToken") => {
            "Fetch new STS credentials: the token expired or is damaged."
        }
        (_, Some(code))
            if [
                "InvalidAction",
                "InvalidApi",
                "InvalidVersion",
                "InvalidProduct",
            ]
            .iter()
            .any(|c| code.starts_with(c)) =>
        {
            "Check the name of the action and the endpoint: this gateway does not know it."
        }
        (ErrorClass::Gone, _) => {
            "Nothing for a delete; else check the id, the account and the endpoint."
        }
        (ErrorClass::Busy, _) => "Wait until the resource has settled, then try again.",
        (ErrorClass::Conflict, _) => {
            "Look at what is already there and either take it over or remove it."
        }
        (ErrorClass::Quota, _) => {
            "Ask Alibaba Cloud for quota, whitelist or stock at this edge site, or settle the bill."
        }
        (ErrorClass::Invalid, _) => "Correct the parameter that the message names.",
        (ErrorClass::Denied, _) => {
            "Grant this identity the RAM action ens:<Action>, as the message says."
        }
        (ErrorClass::Throttled, _) => "Call less often, or ask Alibaba Cloud for a higher rate.",
        (ErrorClass::Unavailable, _) => {
            "Try again later; give the RequestId to Alibaba Cloud's support if it stays."
        }
        (ErrorClass::Unknown, _) => {
            "Look the code up in the ENS documentation, or give the RequestId to its support."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    // pitfall_24
    /// Every code of the ENS help pages and the gateway that is known by name, and what it is taken for.
    #[test]
    fn codes_are_sorted_and_say_whether_something_may_have_happened() {
        use Effect::{Ambiguous, Refused};
        use ErrorClass::*;
        let table = [
            ("LoadBalancerNotFound", Gone, Refused),
            ("ListenerNotFound", Gone, Refused),
            ("EipNotFound", Gone, Refused),
            ("InstanceNotFound", Gone, Refused),
            ("InvalidVSwitchId.NotFound", Gone, Refused),
            ("IncorrectInstanceStatus", Busy, Refused),
            ("IncorrectListenerStatus", Busy, Refused),
            ("IncorrectEipStatus", Busy, Refused),
            ("IncorrectEipIpStatus", Busy, Refused),
            ("PROCESSING", Busy, Ambiguous),
            ("ListenerAlreadyExists", Conflict, Refused),
            (
                "InvalidUnAssociation.UnAssociateStandbyEipFist",
                Conflict,
                Refused,
            ),
            ("SaleControl.VerificationFailed", Quota, Refused),
            ("StockNotEnough", Quota, Refused),
            ("InsufficientBalance", Quota, Refused),
            ("InvalidParameter.NetworkId", Invalid, Refused),
            ("InvalidNetworkId", Invalid, Refused),
            ("MissingLoadBalancerId", Invalid, Refused),
            ("MissingParameter", Invalid, Refused),
            ("InvalidAction.NotFound", Invalid, Refused),
            ("InvalidApi.NotFound", Invalid, Refused),
            ("UnsupportedHTTPMethod", Invalid, Refused),
            ("NoPermission", Denied, Refused),
            ("RegionAccessDenied", Denied, Refused),
            ("Forbidden.RAM", Denied, Refused),
            ("Forbidden.RiskControl", Denied, Refused),
            ("SignatureDoesNotMatch", Denied, Refused),
            ("IncompleteSignature", Denied, Refused),
            ("InvalidAccessKeyId.NotFound", Denied, Refused),
            ("InvalidAccessKeyId.Inactive", Denied, Refused),
            ("InvalidSecurityToken.Expired", Denied, Refused),
            ("InvalidTimeStamp.Expired", Denied, Refused),
            ("IllegalTimestamp", Denied, Refused),
            ("Throttling", Throttled, Refused),
            ("Throttling.User", Throttled, Refused),
            ("Rejected.Throttling", Throttled, Refused),
            ("ServiceUnavailable", Unavailable, Ambiguous),
            ("InternalError", Unavailable, Ambiguous),
            ("SystemBusy", Unavailable, Ambiguous),
            ("SignatureNonceUsed", Unavailable, Ambiguous),
            ("ens.interface.error", Unavailable, Ambiguous),
            ("SomethingNew", Unknown, Ambiguous),
            ("5100", Unknown, Ambiguous),
        ];
        for (code, class, effect) in table {
            let error = Error::answer(
                "AssociateEnsEipAddress",
                code,
                "whatever NotFound the text says",
            );
            assert_eq!((error.class(), error.effect()), (class, effect), "{code}");
            assert!(!error.advice().is_empty());
        }
    }

    #[test]
    fn the_undocumented_number_means_gone_for_a_release_only() {
        assert!(Error::answer("ReleaseInstance", "5100", "").is_gone());
        assert!(!Error::answer("DescribeInstances", "5100", "").is_gone());
    }

    #[test]
    fn a_status_decides_where_there_is_no_known_code() {
        let class = |status, code| ErrorClass::of(&Action::new("CreateEipInstance"), status, code);
        assert_eq!(class(429, None), ErrorClass::Throttled);
        assert_eq!(class(500, Some("Strange")), ErrorClass::Unavailable);
        assert_eq!(class(403, None), ErrorClass::Denied);
        assert_eq!(class(403, Some("Strange")), ErrorClass::Unknown);
        assert_eq!(class(404, None), ErrorClass::Unknown);
        assert_eq!(class(302, None), ErrorClass::Unknown);
    }

    #[test]
    fn a_server_error_is_never_a_definite_refusal() {
        for code in [
            "InvalidParameter.X",
            "NoPermission",
            "Throttling",
            "LoadBalancerNotFound",
        ] {
            let refusal = Refusal {
                status: 503,
                code: Some(code.to_owned()),
                message: None,
                request_id: None,
                retry_after: None,
            };
            let error = Error::Answer {
                action: Action::new("CreateEipInstance"),
                refusal: Box::new(refusal),
            };
            assert_eq!(error.effect(), Effect::Ambiguous, "{code}");
        }
    }
}
