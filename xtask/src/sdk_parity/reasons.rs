//! Why our client differs from the SDKs where it does.

use serde_json::Value;

use super::compare::{Difference, Mode, Recording, decoded};

/// Parameters that a typed request cannot send together with others, because they contradict each other; by themselves it
/// sends the first, and `Client::call` all.
///
/// A sticky session has a cookie of the backend or one that lives for a time, so this is the one that was not chosen. And
/// what is forwarded to HTTPS is HTTP: on an HTTPS listener that setting has no meaning.
const NOT_TYPED: [(&str, &[&str]); 1] = [(
    "CreateLoadBalancerHTTPSListener",
    &["CookieTimeout", "ForwardPort", "ListenerForward"],
)];

/// Why this difference is right; `None` when nobody knows.
pub(super) fn reason(recording: &Recording, difference: &Difference) -> Option<&'static str> {
    let what = difference.what.as_str();
    if what == "the action" && difference.action == "DeleteLoadBalancer" && !recording.is_known() {
        return Some(
            "DeleteLoadBalancer is in no SDK; aliyun/terraform-provider-alicloud sends it",
        );
    }
    match (what.split_once(' '), &difference.sdk, &difference.ours) {
        (Some(("parameter", _)), Some(sdk), Some(ours)) => value_reason(difference.mode, sdk, ours),
        (Some(("parameter", name)), Some(sdk), None) => extra_reason(difference, name, sdk),
        (Some(("parameter", name)), None, Some(_)) => (difference.mode == Mode::V1
            && recording
                .missing_in_v1
                .iter()
                .any(|missing| missing == base(name)))
        .then_some("the older SDK does not know this parameter; the newer one does"),
        (Some(("header", name)), sdk, ours) => {
            header_reason(difference.mode, name, sdk.is_some(), ours.is_some())
        }
        _ => None,
    }
}

/// The same parameter with another text.
fn value_reason(mode: Mode, sdk: &str, ours: &str) -> Option<&'static str> {
    if mode != Mode::V1 && sdk.replace('+', "%20") == ours {
        return Some("a blank: the newer SDK signs %20 and sends +, ours sends what it signs");
    }
    if ["True", "False"].contains(&sdk) && sdk.to_ascii_lowercase() == ours {
        return Some("a flag: Python writes True, the SDKs in Go and Java write true, as ours");
    }
    let json = |text| serde_json::from_str::<Value>(&decoded(text)).ok();
    if json(sdk).is_some_and(|value| value.is_array() && Some(value) == json(ours)) {
        return Some("JSON text: the same value with other blanks, escapes or order of members");
    }
    None
}

/// A parameter that only the SDK sends.
fn extra_reason(difference: &Difference, name: &str, sdk: &str) -> Option<&'static str> {
    match difference.mode {
        Mode::V1 if name == "RegionId" => {
            Some("RegionId: the older SDK adds the client's region; ENS takes EnsRegionId")
        }
        Mode::V1 if name == "SignatureType" && sdk.is_empty() => {
            Some("SignatureType: the older SDK sends it empty, which is its default")
        }
        Mode::Typed => NOT_TYPED
            .iter()
            .any(|(action, names)| *action == difference.action && names.contains(&base(name)))
            .then_some(
                "contradicts another parameter, so that typed requests do not send both; Client::call does",
            ),
        _ => None,
    }
}

fn header_reason(
    mode: Mode,
    name: &str,
    is_in_sdk: bool,
    is_in_ours: bool,
) -> Option<&'static str> {
    match (mode, name, is_in_sdk, is_in_ours) {
        (Mode::V3 | Mode::Typed, "x-acs-credentials-provider", true, false) => {
            Some("x-acs-credentials-provider is a diagnostic of the SDKs")
        }
        (Mode::V1, "x-acs-action" | "x-acs-version", true, false) => Some(
            "V1 carries action and version as parameters; the older SDK repeats them as headers",
        ),
        _ => None,
    }
}

/// The name without the number and member of a list.
fn base(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::super::compare::differences;
    use super::*;
    use serde_json::json;

    fn request(method: &str, target: &str) -> Value {
        json!({"method": method, "target": target, "headers": [], "body": ""})
    }

    /// What has no reason of a recording in which V3 is as given and the rest is equal.
    fn unexplained(sdk: &Value, ours: &Value) -> Vec<String> {
        let recording: Recording = serde_json::from_value(json!({
            "action": "DescribeNetworks",
            "v3": {"sdk": sdk, "ours": ours},
            "v1": {"sdk": sdk, "ours": sdk},
            "typed": {"ours": sdk},
            "missing_in_v1": [],
        }))
        .unwrap();
        differences(&recording)
            .unwrap()
            .iter()
            .filter(|difference| reason(&recording, difference).is_none())
            .map(|difference| difference.what.clone())
            .collect()
    }

    #[test]
    fn a_method_a_path_a_name_and_a_value_that_differ_have_no_reason() {
        let sdk = request("POST", "/?A=1&B=2");
        assert!(unexplained(&sdk, &sdk).is_empty());
        assert_eq!(unexplained(&sdk, &request("GET", "/?A=1&B=2")), ["method"]);
        assert_eq!(unexplained(&sdk, &request("POST", "/x?A=1&B=2")), ["path"]);
        assert_eq!(
            unexplained(&sdk, &request("POST", "/?A=1&B=3")),
            ["parameter B"]
        );
        assert_eq!(
            unexplained(&sdk, &request("POST", "/?A=1")),
            ["parameter B"]
        );
        assert_eq!(
            unexplained(&sdk, &request("POST", "/?A=1&B=2&C=")),
            ["parameter C"]
        );
    }

    #[test]
    fn only_the_blank_may_be_encoded_in_another_way() {
        let sdk = request("POST", "/?A=a+b%2A");
        assert!(unexplained(&sdk, &request("POST", "/?A=a%20b%2A")).is_empty());
        assert_eq!(
            unexplained(&sdk, &request("POST", "/?A=a%20b*")),
            ["parameter A"]
        );
        assert_eq!(
            unexplained(&sdk, &request("POST", "/?A=a%2Bb%2A")),
            ["parameter A"]
        );
    }

    #[test]
    fn a_request_that_we_do_not_send_has_no_reason() {
        let sdk = request("POST", "/");
        assert_eq!(unexplained(&sdk, &Value::Null), ["the action"]);
    }
}
