//! Rules for names, labels, annotations and the rest of `metadata`.
//!
//! Source: k8s.io/apimachinery `pkg/util/validation/validation.go` and `pkg/api/validation/objectmeta.go`.

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

/// Faults in `metadata`.
pub(crate) fn metadata(resource: &Resource, object: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let name = object::name(object);
    if let Some(rule) = broken_name_rule(resource, name) {
        faults.push(FieldError::invalid("metadata.name", &json!(name), rule));
    }
    for (key, value) in object["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
    {
        if !is_qualified_name(key) {
            faults.push(FieldError::invalid(
                "metadata.labels",
                &json!(key),
                QUALIFIED_NAME_RULE,
            ));
        }
        if !value.as_str().is_some_and(is_label_value) {
            let rule = "a valid label must be an empty string or consist of at most 63 alphanumeric characters, \
                        '-', '_' or '.', and must start and end with an alphanumeric character";
            faults.push(FieldError::invalid("metadata.labels", value, rule));
        }
    }
    let mut annotation_bytes = 0;
    for (key, value) in object["metadata"]["annotations"]
        .as_object()
        .into_iter()
        .flatten()
    {
        annotation_bytes += key.len() + value.as_str().map_or(0, str::len);
        // Annotation keys may have upper case letters in their prefix.
        if !is_qualified_name(&key.to_lowercase()) {
            faults.push(FieldError::invalid(
                "metadata.annotations",
                &json!(key),
                QUALIFIED_NAME_RULE,
            ));
        }
    }
    if annotation_bytes > MAX_ANNOTATION_BYTES {
        faults.push(FieldError::too_long(
            "metadata.annotations",
            MAX_ANNOTATION_BYTES,
        ));
    }
    for (i, finalizer) in object::finalizers(object).enumerate() {
        if !is_qualified_name(finalizer) {
            let path = format!("metadata.finalizers[{i}]");
            faults.push(FieldError::invalid(
                &path,
                &json!(finalizer),
                QUALIFIED_NAME_RULE,
            ));
        }
    }
    owner_references(object, &mut faults);
    faults
}

const QUALIFIED_NAME_RULE: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must \
                                   start and end with an alphanumeric character";

fn broken_name_rule(resource: &Resource, name: &str) -> Option<&'static str> {
    let rbac = resource.group == "rbac.authorization.k8s.io";
    let (ok, rule) = if rbac {
        (
            !name.contains(['/', '%']) && name != "." && name != "..",
            "may not be '.', '..' or contain '/' or '%'",
        )
    } else if resource.is("", "Namespace") || resource.is("", "Service") {
        (
            is_dns_label(name),
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
             and end with an alphanumeric character",
        )
    } else {
        (
            is_dns_subdomain(name),
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
             must start and end with an alphanumeric character",
        )
    };
    (!ok).then_some(rule)
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
        controllers += usize::from(owner["controller"] == json!(true));
    }
    if controllers > 1 {
        let detail = "Only one reference can have Controller set to true";
        faults.push(FieldError::invalid(
            "metadata.ownerReferences",
            &json!(controllers),
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
