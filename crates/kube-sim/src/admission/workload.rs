//! Pods and what makes them: the rules of kubernetes `pkg/apis/core/validation` and `pkg/apis/apps/validation` for the
//! fields that this crate and its users read.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::service::{one_of, port_name_faults};
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
    let (mut names, mut host_ports) = (BTreeSet::new(), BTreeSet::new());
    for (i, container) in containers.iter().enumerate() {
        let own = format!("{path}.containers[{i}]");
        let path = |field: &str| format!("{own}.{field}");
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
        let path = path("ports");
        validate_ports(
            &path,
            container,
            spec["hostNetwork"] == json!(true),
            &mut host_ports,
            faults,
        );
        for kind in ["requests", "limits"] {
            for (name, quantity) in container["resources"][kind]
                .as_object()
                .into_iter()
                .flatten()
            {
                if !quantity.as_str().is_some_and(is_quantity) {
                    let detail = "quantities must match the regular expression \
                                  '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                    let field = format!("{own}.resources.{kind}[{name}]");
                    faults.push(FieldError::invalid(&field, quantity, detail));
                }
            }
        }
    }
    let node = spec["nodeName"].as_str().unwrap_or_default();
    if !node.is_empty() && !validation::is_dns_subdomain(node) {
        let detail = validation::SUBDOMAIN_RULE;
        faults.push(FieldError::invalid(
            &format!("{path}.nodeName"),
            &json!(node),
            detail,
        ));
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

fn validate_ports(
    path: &str,
    container: &Value,
    is_on_host: bool,
    host_ports: &mut BTreeSet<String>,
    faults: &mut Vec<FieldError>,
) {
    let in_range = |number: u64| (1..=65535).contains(&number);
    let range = "must be between 1 and 65535, inclusive";
    let mut names = BTreeSet::new();
    for (i, port) in object::items(&container["ports"]).enumerate() {
        let path = |field: &str| format!("{path}[{i}].{field}");
        let name = port["name"].as_str().unwrap_or_default();
        if !name.is_empty() {
            let wrong = port_name_faults(name);
            if wrong.is_empty() && !names.insert(name) {
                faults.push(FieldError::duplicate(&path("name"), &port["name"]));
            }
            for detail in wrong {
                faults.push(FieldError::invalid(&path("name"), &port["name"], detail));
            }
        }
        let number = port["containerPort"].as_u64().unwrap_or(0);
        if number == 0 {
            faults.push(FieldError::required(&path("containerPort"), ""));
        } else if !in_range(number) {
            let value = &port["containerPort"];
            faults.push(FieldError::invalid(&path("containerPort"), value, range));
        }
        let protocols = ["SCTP", "TCP", "UDP"];
        one_of(&path("protocol"), &port["protocol"], &protocols, faults);
        let on_host = port["hostPort"].as_i64().unwrap_or(0);
        if on_host == 0 {
            continue;
        }
        let field = path("hostPort");
        let value = &port["hostPort"];
        let place = format!(
            "{}/{}/{on_host}",
            port["protocol"].as_str().unwrap_or_default(),
            port["hostIP"].as_str().unwrap_or_default()
        );
        if !u64::try_from(on_host).is_ok_and(in_range) {
            faults.push(FieldError::invalid(&field, value, range));
        } else if is_on_host && port["containerPort"] != *value {
            let detail = "must match `containerPort` when `hostNetwork` is true";
            faults.push(FieldError::invalid(&field, value, detail));
        } else if !host_ports.insert(place.clone()) {
            faults.push(FieldError::duplicate(&field, &json!(place)));
        }
    }
}

/// The first of several addresses is in a field of its own as well, and says which it is.
pub(super) fn default_addresses(pod: &mut Value) {
    let Some(status) = pod.get_mut("status").and_then(Value::as_object_mut) else {
        return;
    };
    let one = status.get("podIP").filter(|one| **one != "").cloned();
    let first = status.get("podIPs").map(|all| all[0]["ip"].clone());
    let first = first.filter(|first| !first.is_null());
    match (one, first) {
        (Some(one), first) if first.as_ref() != Some(&one) => {
            status.insert("podIPs".to_owned(), json!([{"ip": one}]));
        }
        (None, Some(first)) => {
            status.insert("podIP".to_owned(), first);
        }
        _ => {}
    }
}

/// Faults in the addresses of a pod.
pub(super) fn validate_addresses(pod: &Value) -> Vec<FieldError> {
    let status = &pod["status"];
    let mut faults = Vec::new();
    let (mut families, mut is_doubled) = (BTreeSet::new(), false);
    for (i, item) in object::items(&status["podIPs"]).enumerate() {
        if let Ok(address) = item["ip"].as_str().unwrap_or_default().parse::<IpAddr>() {
            is_doubled |= !families.insert(address.is_ipv4());
        } else {
            let detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            let path = format!("status.podIPs[{i}]");
            faults.push(FieldError::invalid(&path, &item["ip"], detail));
        }
    }
    if is_doubled {
        let detail = "may specify no more than one IP for each IP family";
        let value = &status["podIPs"];
        faults.push(FieldError::invalid("status.podIPs", value, detail));
    }
    let first = &status["hostIPs"][0]["ip"];
    let host = status["hostIP"].as_str().unwrap_or_default();
    if first.is_string() && *first != host {
        let path = "status.hostIPs[0].ip";
        faults.push(FieldError::invalid(
            path,
            first,
            "must be equal to `hostIP`",
        ));
    }
    faults
}

/// A number with a unit, such as `100m` or `1.5Gi`: k8s.io/apimachinery `pkg/api/resource/quantity.go`.
pub(super) fn is_quantity(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
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
