//! Rules for names, labels, annotations and the rest of `metadata`.
//!
//! Source: k8s.io/apimachinery `pkg/util/validation/validation.go` and `pkg/api/validation/objectmeta.go`.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::object;
use crate::resource::Resource;
use crate::status::FieldError;

const MAX_ANNOTATION_BYTES: usize = 256 * 1024;

/// RFC 1123 label: lower case letters, digits and `-`, at most 63.
pub(crate) fn is_dns_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || c == '-')
}

/// RFC 1035 label: an RFC 1123 label that begins with a letter.
pub(crate) fn is_dns_1035_label(text: &str) -> bool {
    is_dns_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
}

/// RFC 1123 subdomain: labels joined by dots, at most 253.
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let part = |p: &str| {
        p.starts_with(edge) && p.ends_with(edge) && p.chars().all(|c| edge(c) || c == '-')
    };
    !text.is_empty() && text.len() <= 253 && text.split('.').all(part)
}

/// Letters, digits, `-`, `_`, `.`, beginning and ending with a letter or digit; at most 63; may be empty.
pub(crate) fn is_label_value(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    text.is_empty()
        || (text.len() <= 63
            && text.starts_with(edge)
            && text.ends_with(edge)
            && text.chars().all(|c| edge(c) || "-_.".contains(c)))
}

/// `name` or `prefix/name`: a key of a label, an annotation or a finalizer.
pub(crate) fn is_qualified_name(text: &str) -> bool {
    let name = match text.split_once('/') {
        Some((prefix, name)) if is_dns_subdomain(prefix) => name,
        Some(_) => return false,
        None => text,
    };
    !name.is_empty() && is_label_value(name)
}

/// The address and the length of a network, such as `10.9.8.0/24`.
pub(crate) fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let length: u8 = length.parse().ok()?;
    (length <= longest).then_some((address, length))
}

/// What an RFC 1123 label is, as the API says it. The real server adds an example and a regular expression.
pub(crate) const LABEL_RULE: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or \
    '-', and must start and end with an alphanumeric character";
/// What an RFC 1123 subdomain is.
pub(crate) const SUBDOMAIN_RULE: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
    characters, '-' or '.', and must start and end with an alphanumeric character";
/// What an RFC 1035 label is.
pub(crate) const LABEL_1035_RULE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', \
    start with an alphabetic character, and end with an alphanumeric character";
const NAME_PART_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and \
    end with an alphanumeric character";
const LABEL_VALUE_RULE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' \
    or '.', and must start and end with an alphanumeric character";
const LABEL_KEY_RULE: &str = "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must \
    start and end with an alphanumeric character with an optional DNS subdomain prefix and '/'";

/// What is wrong with a key of a label, an annotation or a finalizer.
pub(crate) fn qualified_name_faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let name = match text.split_once('/') {
        Some((_, name)) if name.contains('/') => return vec![LABEL_KEY_RULE.to_owned()],
        Some((prefix, name)) => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".to_owned());
            } else if !is_dns_subdomain(prefix) {
                faults.push(format!("prefix part {SUBDOMAIN_RULE}"));
            }
            name
        }
        None => text,
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        faults.push("name part must be no more than 63 bytes".to_owned());
    }
    let edge = |c: char| c.is_ascii_alphanumeric();
    if !(name.starts_with(edge)
        && name.ends_with(edge)
        && name.chars().all(|c| edge(c) || "-_.".contains(c)))
    {
        faults.push(NAME_PART_RULE.to_owned());
    }
    faults
}

/// What is wrong with the value of a label.
pub(crate) fn label_value_fault(text: &str) -> Option<&'static str> {
    if is_label_value(text) {
        None
    } else if text.len() > 63 {
        Some("must be no more than 63 bytes")
    } else {
        Some(LABEL_VALUE_RULE)
    }
}

/// Faults in a map of labels, such as a selector.
pub(crate) fn labels(path: &str, labels: &Value, faults: &mut Vec<FieldError>) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        for detail in qualified_name_faults(key) {
            faults.push(FieldError::invalid(path, &json!(key), detail));
        }
        if let Some(detail) = label_value_fault(value.as_str().unwrap_or_default()) {
            faults.push(FieldError::invalid(path, value, detail));
        }
    }
}

/// Faults in `metadata`.
pub(crate) fn metadata(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let prefix = object::meta_str(object, "generateName");
    if !prefix.is_empty() {
        // A prefix may end in a dash, since more follows.
        let stem = prefix.strip_suffix('-').unwrap_or(prefix);
        if let Some(rule) = broken_name_rule(resource, stem) {
            faults.push(FieldError::invalid(
                "metadata.generateName",
                &json!(prefix),
                rule,
            ));
        }
    }
    let name = object::name(object);
    if let Some(rule) = broken_name_rule(resource, name) {
        faults.push(FieldError::invalid("metadata.name", &json!(name), rule));
    }
    let generation = &object["metadata"]["generation"];
    if generation.as_i64().is_some_and(|number| number < 0) {
        let detail = "must be greater than or equal to 0";
        faults.push(FieldError::invalid(
            "metadata.generation",
            generation,
            detail,
        ));
    }
    labels(
        "metadata.labels",
        &object["metadata"]["labels"],
        &mut faults,
    );
    annotations(&object["metadata"]["annotations"], &mut faults);
    owner_references(object, &mut faults);
    finalizers(resource, object, &mut faults);
    faults
}

fn annotations(annotations: &Value, faults: &mut Vec<FieldError>) {
    let mut bytes = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        bytes += key.len() + value.as_str().map_or(0, str::len);
        // Annotation keys may have upper case letters in their prefix.
        for detail in qualified_name_faults(&key.to_lowercase()) {
            faults.push(FieldError::invalid(
                "metadata.annotations",
                &json!(key),
                detail,
            ));
        }
    }
    if bytes > MAX_ANNOTATION_BYTES {
        faults.push(FieldError::too_long(
            "metadata.annotations",
            MAX_ANNOTATION_BYTES,
        ));
    }
}

fn finalizers(resource: &Resource, object: &Value, faults: &mut Vec<FieldError>) {
    const STANDARD: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];
    // Definitions and custom resources do not go through the validation of Kubernetes' own kinds.
    let is_core = resource.custom.is_none() && resource.group != "apiextensions.k8s.io";
    let all: Vec<&str> = object::finalizers(object).collect();
    for (i, finalizer) in all.iter().enumerate() {
        let wrong = qualified_name_faults(finalizer);
        if is_core && wrong.is_empty() && !finalizer.contains('/') && !STANDARD.contains(finalizer)
        {
            let path = format!("metadata.finalizers[{i}]");
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            faults.push(FieldError::invalid(&path, &json!(finalizer), detail));
        }
        for detail in wrong {
            faults.push(FieldError::invalid(
                "metadata.finalizers",
                &json!(finalizer),
                detail,
            ));
        }
    }
    if all.contains(&"orphan") && all.contains(&"foregroundDeletion") {
        let detail = "finalizer orphan and foregroundDeletion cannot be both set";
        faults.push(FieldError::invalid(
            "metadata.finalizers",
            &json!(all),
            detail,
        ));
    }
}

fn broken_name_rule(resource: &Resource, name: &str) -> Option<&'static str> {
    if resource.group == "rbac.authorization.k8s.io" {
        return match name {
            "." => Some("may not be '.'"),
            ".." => Some("may not be '..'"),
            _ if name.contains('/') => Some("may not contain '/'"),
            _ if name.contains('%') => Some("may not contain '%'"),
            _ => None,
        };
    }
    if resource.is("", "Namespace") || resource.is("", "Service") {
        return match name {
            _ if is_dns_label(name) => None,
            _ if name.contains('.') => Some("must not contain dots"),
            _ => Some(LABEL_RULE),
        };
    }
    (!is_dns_subdomain(name)).then_some(SUBDOMAIN_RULE)
}

fn owner_references(object: &Value, faults: &mut Vec<FieldError>) {
    let mut controllers = 0;
    for (i, owner) in object::owners(object).enumerate() {
        for key in ["apiVersion", "kind", "name", "uid"] {
            if owner[key].as_str().unwrap_or_default().is_empty() {
                let path = format!("metadata.ownerReferences[{i}].{key}");
                faults.push(FieldError::required(&path, "must not be empty"));
            }
        }
        if owner["apiVersion"]
            .as_str()
            .unwrap_or_default()
            .matches('/')
            .count()
            > 1
        {
            let path = format!("metadata.ownerReferences[{i}].apiVersion");
            let detail = "must be <group>/<version> or <version>";
            faults.push(FieldError::invalid(&path, &owner["apiVersion"], detail));
        }
        if owner["apiVersion"] == "v1" && owner["kind"] == "Event" {
            let path = format!("metadata.ownerReferences[{i}]");
            let detail = "/v1, Kind=Event is disallowed from being an owner";
            faults.push(FieldError::invalid(&path, owner, detail));
        }
        controllers += usize::from(owner["controller"] == json!(true));
    }
    if controllers > 1 {
        let detail = "Only one reference can have Controller set to true";
        faults.push(FieldError::invalid(
            "metadata.ownerReferences",
            &object["metadata"]["ownerReferences"],
            detail,
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rfcs() {
        assert!(is_dns_label("cube-1") && is_dns_label("1a"));
        assert!(
            !is_dns_label("Cube")
                && !is_dns_label("-a")
                && !is_dns_label("")
                && !is_dns_label(&"a".repeat(64))
        );
        assert!(is_dns_subdomain("a.b-c.d") && !is_dns_subdomain("a..b"));
    }

    #[test]
    fn label_values_refuse_commas_and_more_than_63_characters() {
        assert!(is_label_value("") && is_label_value("a_b.C-1"));
        assert!(
            !is_label_value("a,b") && !is_label_value(&"a".repeat(64)) && !is_label_value("a-")
        );
    }

    #[test]
    fn qualified_names_have_at_most_one_prefix() {
        assert!(is_qualified_name("openyurt.io/pool-name") && is_qualified_name("app"));
        assert!(
            !is_qualified_name("a/b/c") && !is_qualified_name("/x") && !is_qualified_name("x/")
        );
    }
}
