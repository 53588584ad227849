//! Roles and bindings: the rules of kubernetes `pkg/apis/rbac/validation/validation.go`.

use serde_json::Value;

use super::service::one_of;
use crate::object;
use crate::resource::Resource;
use crate::status::FieldError;

pub(super) fn validate(
    resource: &Resource,
    old: Option<&Value>,
    object: &Value,
) -> Vec<FieldError> {
    let mut faults = Vec::new();
    match resource.kind.as_str() {
        "Role" | "ClusterRole" => {
            for (i, rule) in object::items(&object["rules"]).enumerate() {
                validate_rule(resource.namespaced, i, rule, &mut faults);
            }
            if object::items(&object["aggregationRule"]["clusterRoleSelectors"])
                .next()
                .is_some()
            {
                let detail = "kube-sim does not aggregate ClusterRoles";
                faults.push(FieldError::forbidden("aggregationRule", detail));
            }
        }
        _ => validate_binding(resource, old, object, &mut faults),
    }
    faults
}

fn validate_rule(namespaced: bool, i: usize, rule: &Value, faults: &mut Vec<FieldError>) {
    let path = |field: &str| format!("rules[{i}].{field}");
    let is_empty = |field: &str| object::items(&rule[field]).next().is_none();
    if is_empty("verbs") {
        faults.push(FieldError::required(&path("verbs"), ""));
    }
    if !is_empty("nonResourceURLs") {
        let value = &rule["nonResourceURLs"];
        if namespaced {
            let detail = "namespaced rules cannot apply to non-resource URLs";
            faults.push(FieldError::invalid(&path("nonResourceURLs"), value, detail));
        }
        if !(is_empty("apiGroups") && is_empty("resources") && is_empty("resourceNames")) {
            let detail = "rules cannot apply to both regular resources and non-resource URLs";
            faults.push(FieldError::invalid(&path("nonResourceURLs"), value, detail));
        }
        return;
    }
    if is_empty("apiGroups") {
        let detail = "resource rules must supply at least one api group";
        faults.push(FieldError::required(&path("apiGroups"), detail));
    }
    if is_empty("resources") {
        let detail = "resource rules must supply at least one resource";
        faults.push(FieldError::required(&path("resources"), detail));
    }
}

fn validate_binding(
    resource: &Resource,
    old: Option<&Value>,
    binding: &Value,
    faults: &mut Vec<FieldError>,
) {
    let role = &binding["roleRef"];
    one_of(
        "roleRef.apiGroup",
        &role["apiGroup"],
        &["rbac.authorization.k8s.io"],
        faults,
    );
    let kinds: &[&str] = if resource.namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    one_of("roleRef.kind", &role["kind"], kinds, faults);
    if role["name"].as_str().unwrap_or_default().is_empty() {
        faults.push(FieldError::required("roleRef.name", ""));
    }
    if old.is_some_and(|old| old["roleRef"] != *role) {
        faults.push(FieldError::invalid(
            "roleRef",
            role,
            "cannot change roleRef",
        ));
    }
    for (i, subject) in object::items(&binding["subjects"]).enumerate() {
        let path = |field: &str| format!("subjects[{i}].{field}");
        if subject["name"].as_str().unwrap_or_default().is_empty() {
            faults.push(FieldError::required(&path("name"), ""));
        }
        one_of(
            &path("kind"),
            &subject["kind"],
            &["ServiceAccount", "User", "Group"],
            faults,
        );
    }
}
