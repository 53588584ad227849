//! Typed requests and answers against the published names of parameters and members.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod answers;
mod requests;

use std::collections::BTreeSet;

use ens_openapi::api::Request;
use ens_openapi::rate_limit::published_per_second;
use serde::Serialize;
use serde_json::Value;

fn metadata(action: &str) -> Value {
    let all: Value = serde_json::from_str(include_str!("../data/actions.json")).unwrap();
    all.get(action)
        .unwrap_or_else(|| panic!("the metadata has no action {action}"))
        .clone()
}

fn names(metadata: &Value, member: &str) -> BTreeSet<String> {
    metadata[member]
        .as_array()
        .into_iter()
        .flatten()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// Checks a request with everything filled in against the published names, and gives its parameters.
fn checked<R: Request>(request: &R) -> Vec<(String, String)> {
    let action = request.action();
    let metadata = metadata(action.name());
    assert_eq!(metadata["method"], action.method().as_str(), "{action}");
    let params = request.params().unwrap();
    let required = names(&metadata, "required");
    let known: BTreeSet<_> = required
        .union(&names(&metadata, "optional"))
        .cloned()
        .collect();
    let known: BTreeSet<_> = known
        .iter()
        .map(|name| name.trim_end_matches("[]"))
        .collect();
    for (name, value) in &params {
        let base = name.split('.').next().unwrap();
        assert!(known.contains(base), "{action} knows no parameter {name}");
        assert!(!value.is_empty(), "{action}: {name} is empty");
    }
    for name in &required {
        let name = name.trim_end_matches("[]");
        assert!(
            params
                .iter()
                .any(|(sent, _)| sent.split('.').next() == Some(name)),
            "{action} lacks {name}"
        );
    }
    params
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The same for a request that offers all that the action takes.
fn whole<R: Request>(request: &R) -> Vec<(String, String)> {
    let sent = checked(request);
    let metadata = metadata(request.action().name());
    for name in names(&metadata, "optional") {
        let name = name.trim_end_matches("[]");
        assert!(
            sent.iter()
                .any(|(sent, _)| sent.split('.').next() == Some(name)),
            "{} does not offer {name}",
            request.action()
        );
    }
    sent
}

fn text(pairs: &[(String, String)]) -> String {
    pairs.iter().fold(String::new(), |text, (name, value)| {
        text + name
            + "="
            + value
            + "
"
    })
}

/// Every member that a typed answer reads has to be one that the API documents: a misspelt one would always be absent.
fn check_members(action: &str, prefix: &str, answer: &impl Serialize, but: &[&str]) {
    let known = names(&metadata(action), "response");
    for member in serde_json::to_value(answer)
        .unwrap()
        .as_object()
        .unwrap()
        .keys()
    {
        let path = format!("{prefix}{member}");
        let is_known = known.iter().any(|name| name.trim_end_matches("[]") == path);
        assert_ne!(is_known, but.contains(&member.as_str()), "{action}: {path}");
    }
}

#[test]
fn rate_limits_are_the_published_ones() {
    let all: Value = serde_json::from_str(include_str!("../data/actions.json")).unwrap();
    for (action, metadata) in all.as_object().unwrap() {
        if let Some(limit) = metadata["per_second"].as_u64() {
            assert_eq!(u64::from(published_per_second(action)), limit, "{action}");
        }
    }
}
