//! Pods and what makes them: the rules of kubernetes `pkg/apis/core/validation` and `pkg/apis/apps/validation` for the
//! fields that this crate and its users read.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::service::one_of;
use crate::object;
use crate::resource::Resource;
use crate::selector::LabelSelector;
use crate::status::FieldError;
use crate::validation;

/// Faults of a DaemonSet or a Deployment.
pub(super) fn validate(
    resource: &Resource,
    old: Option<&Value>,
    object: &Value,
) -> Vec<FieldError> {
    let mut faults = Vec::new();
    let spec = &object["spec"];
    for key in ["replicas", "minReadySeconds", "revisionHistoryLimit"] {
        if spec[key].as_i64().is_some_and(|number| number < 0) {
            let detail = "must be greater than or equal to 0";
            faults.push(FieldError::invalid(
                &format!("spec.{key}"),
                &spec[key],
                detail,
            ));
        }
    }
    if old.is_some_and(|old| old["spec"]["selector"] != spec["selector"]) {
        faults.push(FieldError::invalid(
            "spec.selector",
            &spec["selector"],
            "field is immutable",
        ));
    }
    validate_selector(resource, spec, &mut faults);
    let (strategy, kinds) = match resource.kind.as_str() {
        "DaemonSet" => ("updateStrategy", ["RollingUpdate", "OnDelete"]),
        _ => ("strategy", ["Recreate", "RollingUpdate"]),
    };
    one_of(
        &format!("spec.{strategy}.type"),
        &spec[strategy]["type"],
        &kinds,
        &mut faults,
    );
    let template = &spec["template"]["spec"];
    validate_pod_spec("spec.template.spec", template, &mut faults);
    let restart = &template["restartPolicy"];
    if ["OnFailure", "Never"]
        .iter()
        .any(|policy| restart == policy)
    {
        one_of(
            "spec.template.spec.restartPolicy",
            restart,
            &["Always"],
            &mut faults,
        );
    }
    faults
}

fn validate_selector(resource: &Resource, spec: &Value, faults: &mut Vec<FieldError>) {
    let (selector, labels) = (&spec["selector"], &spec["template"]["metadata"]["labels"]);
    let is_empty = |key: &str| match &selector[key] {
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => true,
    };
    if selector.is_null() {
        faults.push(FieldError::required("spec.selector", ""));
    } else if is_empty("matchLabels") && is_empty("matchExpressions") {
        let detail = format!(
            "empty selector is invalid for {}",
            resource.kind.to_lowercase()
        );
        faults.push(FieldError::invalid("spec.selector", selector, detail));
    } else {
        match LabelSelector::from_object(selector) {
            Err(error) => {
                faults.push(FieldError::invalid(
                    "spec.selector",
                    selector,
                    error.to_string(),
                ));
            }
            Ok(parsed) if !parsed.matches(labels) => {
                let detail = "`selector` does not match template `labels`";
                faults.push(FieldError::invalid(
                    "spec.template.metadata.labels",
                    labels,
                    detail,
                ));
            }
            Ok(_) => {}
        }
    }
}

/// Faults of a Pod. Nothing of its spec changes once it is there, but images, the deadline, and more tolerations.
pub(super) fn validate_pod(old: Option<&Value>, pod: &Value) -> Vec<FieldError> {
    let mut faults = Vec::new();
    validate_pod_spec("spec", &pod["spec"], &mut faults);
    if old.is_some_and(|old| fixed(&old["spec"]) != fixed(&pod["spec"])) {
        let detail = "pod updates may not change fields other than `spec.containers[*].image`, \
                      `spec.activeDeadlineSeconds` and `spec.tolerations`";
        faults.push(FieldError::forbidden("spec", detail));
    }
    faults
}

fn fixed(spec: &Value) -> Value {
    let mut fixed = spec.clone();
    for container in ["containers", "initContainers"] {
        let containers = fixed.get_mut(container).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            object::as_map(container).remove("image");
        }
    }
    let map = object::as_map(&mut fixed);
    map.remove("activeDeadlineSeconds");
    map.remove("tolerations");
    fixed
}

fn validate_pod_spec(path: &str, spec: &Value, faults: &mut Vec<FieldError>) {
    let containers: Vec<&Value> = object::items(&spec["containers"]).collect();
    if containers.is_empty() {
        faults.push(FieldError::required(&format!("{path}.containers"), ""));
    }
    let mut names = BTreeSet::new();
    for (i, container) in containers.iter().enumerate() {
        let path = |field: &str| format!("{path}.containers[{i}].{field}");
        let name = container["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            faults.push(FieldError::required(&path("name"), ""));
        } else if !validation::is_dns_label(name) {
            faults.push(FieldError::invalid(
                &path("name"),
                &json!(name),
                validation::LABEL_RULE,
            ));
        } else if !names.insert(name) {
            faults.push(FieldError::duplicate(&path("name"), &json!(name)));
        }
        if container["image"].as_str().unwrap_or_default().is_empty() {
            faults.push(FieldError::required(&path("image"), ""));
        }
        one_of(
            &path("imagePullPolicy"),
            &container["imagePullPolicy"],
            &["Always", "IfNotPresent", "Never"],
            faults,
        );
        for (j, port) in object::items(&container["ports"]).enumerate() {
            let number = port["containerPort"].as_u64().unwrap_or(0);
            let field = path(&format!("ports[{j}].containerPort"));
            if number == 0 {
                faults.push(FieldError::required(&field, ""));
            } else if number > 65535 {
                let detail = "must be between 1 and 65535, inclusive";
                faults.push(FieldError::invalid(&field, &port["containerPort"], detail));
            }
        }
        for kind in ["requests", "limits"] {
            for (name, quantity) in container["resources"][kind]
                .as_object()
                .into_iter()
                .flatten()
            {
                if !quantity.as_str().is_some_and(is_quantity) {
                    let detail = "quantities must match the regular expression \
                                  '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                    let field = path(&format!("resources.{kind}[{name}]"));
                    faults.push(FieldError::invalid(&field, quantity, detail));
                }
            }
        }
    }
    for (key, policies) in [
        ("restartPolicy", &["Always", "OnFailure", "Never"][..]),
        (
            "dnsPolicy",
            &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
        ),
    ] {
        one_of(&format!("{path}.{key}"), &spec[key], policies, faults);
    }
    validation::labels(
        &format!("{path}.nodeSelector"),
        &spec["nodeSelector"],
        faults,
    );
}

/// A number with a unit, such as `100m` or `1.5Gi`: k8s.io/apimachinery `pkg/api/resource/quantity.go`.
fn is_quantity(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let end = digits
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(digits.len());
    let (number, unit) = digits.split_at(end);
    let exponent = unit
        .strip_prefix(['e', 'E'])
        .is_some_and(|rest| rest.parse::<i32>().is_ok());
    let units = [
        "", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    number.parse::<f64>().is_ok() && (exponent || units.contains(&unit))
}
