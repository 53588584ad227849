//! Columns and cells of built-in kinds.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Column, age};
use crate::object::{self, items};
use crate::resource::Resource;

const NONE: &str = "<none>";

#[rustfmt::skip]
pub(super) fn columns(resource: &Resource) -> Vec<Column> {
    let text = Column::text;
    let wide = Column::wide;
    let number = Column::integer;
    let own = match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Service") => vec![text("Type"), text("Cluster-IP"), text("External-IP"), text("Port(s)"), text("Age"), wide("Selector")],
        ("", "Node") => vec![text("Status"), text("Roles"), text("Age"), text("Version"), wide("Internal-IP"), wide("External-IP"), wide("OS-Image"), wide("Kernel-Version"), wide("Container-Runtime")],
        ("", "Pod") => vec![text("Ready"), text("Status"), text("Restarts"), text("Age"), wide("IP"), wide("Node"), wide("Nominated Node"), wide("Readiness Gates")],
        ("", "Namespace") => vec![text("Status"), text("Age")],
        ("", "ConfigMap") => vec![text("Data"), text("Age")],
        ("", "Secret") => vec![text("Type"), number("Data"), text("Age")],
        ("", "ServiceAccount") => vec![number("Secrets"), text("Age")],
        (_, "Event") => return vec![text("Last Seen"), text("Type"), text("Reason"), text("Object"), wide("Subobject"), wide("Source"), text("Message"), wide("First Seen"), wide("Count"), Column::of("Name", "string", "name", 1)],
        ("apps", "DaemonSet") => vec![number("Desired"), number("Current"), number("Ready"), number("Up-to-date"), number("Available"), text("Node Selector"), text("Age"), wide("Containers"), wide("Images"), wide("Selector")],
        ("apps", "Deployment") => vec![text("Ready"), number("Up-to-date"), number("Available"), text("Age"), wide("Containers"), wide("Images"), wide("Selector")],
        ("coordination.k8s.io", "Lease") => vec![text("Holder"), text("Age")],
        ("discovery.k8s.io", "EndpointSlice") => vec![text("AddressType"), text("Ports"), text("Endpoints"), text("Age")],
        ("apiextensions.k8s.io", "CustomResourceDefinition") | (_, "ClusterRole" | "Role") => vec![text("Created At")],
        (_, "ClusterRoleBinding" | "RoleBinding") => vec![text("Role"), text("Age"), wide("Users"), wide("Groups"), wide("ServiceAccounts")],
        ("policy", "PodDisruptionBudget") => vec![text("Min Available"), text("Max Unavailable"), number("Allowed Disruptions"), text("Age")],
        _ => vec![text("Age")],
    };
    std::iter::once(Column::name()).chain(own).collect()
}

pub(super) fn cells(resource: &Resource, o: &Value, now: Timestamp) -> Vec<Value> {
    let created = json!(age(&o["metadata"]["creationTimestamp"], now));
    let own = match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Service") => service(o, created),
        ("", "Node") => node(o, created),
        ("", "Pod") => pod(o, created),
        ("", "Namespace") => vec![o["status"]["phase"].clone(), created],
        ("", "ConfigMap") => vec![json!(count(&o["data"]) + count(&o["binaryData"])), created],
        ("", "Secret") => vec![o["type"].clone(), json!(count(&o["data"])), created],
        ("", "ServiceAccount") => vec![json!(items(&o["secrets"]).count()), created],
        (_, "Event") => return event(o, now),
        ("apps", "DaemonSet") => daemon_set(o, created),
        ("apps", "Deployment") => deployment(o, created),
        ("coordination.k8s.io", "Lease") => {
            vec![json!(text(&o["spec"]["holderIdentity"])), created]
        }
        ("discovery.k8s.io", "EndpointSlice") => endpoint_slice(o, created),
        ("apiextensions.k8s.io", "CustomResourceDefinition") | (_, "ClusterRole" | "Role") => {
            vec![o["metadata"]["creationTimestamp"].clone()]
        }
        (_, "ClusterRoleBinding" | "RoleBinding") => binding(o, created),
        ("policy", "PodDisruptionBudget") => {
            let or_na = |v: &Value| {
                if v.is_null() {
                    json!("N/A")
                } else {
                    json!(super::plain(v))
                }
            };
            let allowed = o["status"]["disruptionsAllowed"].as_i64().unwrap_or(0);
            vec![
                or_na(&o["spec"]["minAvailable"]),
                or_na(&o["spec"]["maxUnavailable"]),
                json!(allowed),
                created,
            ]
        }
        _ => vec![created],
    };
    std::iter::once(json!(object::name(o))).chain(own).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn or_none(text: &str) -> Value {
    if text.is_empty() {
        json!(NONE)
    } else {
        json!(text)
    }
}

fn count(map: &Value) -> usize {
    map.as_object().map_or(0, serde_json::Map::len)
}

/// `k=v,k=v`.
fn labels(map: &Value) -> Value {
    let pairs: Vec<String> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(k, v)| format!("{k}={}", text(v)))
        .collect();
    or_none(&pairs.join(","))
}

fn service(o: &Value, created: Value) -> Vec<Value> {
    let spec = &o["spec"];
    let ports: Vec<String> = items(&spec["ports"])
        .map(|port| {
            let node_port = port["nodePort"]
                .as_u64()
                .filter(|n| *n > 0)
                .map(|n| format!(":{n}"))
                .unwrap_or_default();
            format!("{}{node_port}/{}", port["port"], text(&port["protocol"]))
        })
        .collect();
    let cluster_ip = text(&spec["clusterIP"]);
    vec![
        spec["type"].clone(),
        or_none(cluster_ip),
        json!(external_ip(o)),
        or_none(&ports.join(",")),
        created,
        labels(&spec["selector"]),
    ]
}

fn external_ip(o: &Value) -> String {
    let spec = &o["spec"];
    let external: Vec<&str> = items(&spec["externalIPs"])
        .filter_map(Value::as_str)
        .collect();
    match text(&spec["type"]) {
        "LoadBalancer" => {
            let published = items(&o["status"]["loadBalancer"]["ingress"]).map(|ingress| {
                let ip = text(&ingress["ip"]);
                if ip.is_empty() {
                    text(&ingress["hostname"])
                } else {
                    ip
                }
            });
            let all: Vec<&str> = published.chain(external.iter().copied()).collect();
            if all.is_empty() {
                "<pending>".to_owned()
            } else {
                all.join(",")
            }
        }
        "ExternalName" => text(&spec["externalName"]).to_owned(),
        _ if external.is_empty() => NONE.to_owned(),
        _ => external.join(","),
    }
}

fn node(o: &Value, created: Value) -> Vec<Value> {
    let ready = items(&o["status"]["conditions"]).find(|c| c["type"] == "Ready");
    let mut status = match ready.map(|c| text(&c["status"])) {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if o["spec"]["unschedulable"] == json!(true) {
        status.push_str(",SchedulingDisabled");
    }
    let roles: Vec<&str> = o["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, _)| key.strip_prefix("node-role.kubernetes.io/"))
        .filter(|role| !role.is_empty())
        .collect();
    let address = |kind: &str| {
        let found = items(&o["status"]["addresses"]).find(|a| a["type"] == kind);
        or_none(found.map(|a| text(&a["address"])).unwrap_or_default())
    };
    let info = |key: &str| {
        let found = text(&o["status"]["nodeInfo"][key]);
        json!(if found.is_empty() { "<unknown>" } else { found })
    };
    vec![
        json!(status),
        or_none(&roles.join(",")),
        created,
        json!(text(&o["status"]["nodeInfo"]["kubeletVersion"])),
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        info("kernelVersion"),
        info("containerRuntimeVersion"),
    ]
}

fn pod(o: &Value, created: Value) -> Vec<Value> {
    let statuses: Vec<&Value> = items(&o["status"]["containerStatuses"]).collect();
    let ready = statuses
        .iter()
        .filter(|s| s["ready"] == json!(true))
        .count();
    let restarts: i64 = statuses
        .iter()
        .filter_map(|s| s["restartCount"].as_i64())
        .sum();
    let total = items(&o["spec"]["containers"]).count();
    let status = if object::is_terminating(o) {
        "Terminating"
    } else {
        text(&o["status"]["phase"])
    };
    vec![
        json!(format!("{ready}/{total}")),
        json!(status),
        json!(restarts.to_string()),
        created,
        or_none(text(&o["status"]["podIP"])),
        or_none(text(&o["spec"]["nodeName"])),
        json!(NONE),
        json!(NONE),
    ]
}

fn event(o: &Value, now: Timestamp) -> Vec<Value> {
    // Either API's names: what is shown follows the version that was asked for.
    let either = |core: &str, events: &str| {
        if o[core].is_null() {
            o[events].clone()
        } else {
            o[core].clone()
        }
    };
    let about = either("involvedObject", "regarding");
    let first = [
        either("firstTimestamp", "deprecatedFirstTimestamp"),
        o["eventTime"].clone(),
    ];
    let last = [
        o["series"]["lastObservedTime"].clone(),
        either("lastTimestamp", "deprecatedLastTimestamp"),
    ];
    let first = first.into_iter().find(Value::is_string).unwrap_or_default();
    let last = last
        .into_iter()
        .find(Value::is_string)
        .unwrap_or_else(|| first.clone());
    let times = o["series"]["count"]
        .as_i64()
        .or_else(|| either("count", "deprecatedCount").as_i64())
        .unwrap_or(1);
    let source = either("source", "deprecatedSource");
    let reporter = either("reportingComponent", "reportingController");
    let source = if text(&source["component"]).is_empty() {
        reporter
    } else {
        source["component"].clone()
    };
    let kind = text(&about["kind"]).to_lowercase();
    vec![
        json!(age(&last, now)),
        o["type"].clone(),
        o["reason"].clone(),
        json!(format!("{kind}/{}", text(&about["name"]))),
        json!(text(&about["fieldPath"])),
        source,
        json!(text(&either("message", "note")).trim()),
        json!(age(&first, now)),
        json!(times),
        json!(object::name(o)),
    ]
}

fn containers(o: &Value) -> [Value; 2] {
    let all = || items(&o["spec"]["template"]["spec"]["containers"]);
    let join = |key: &str| json!(all().map(|c| text(&c[key])).collect::<Vec<_>>().join(","));
    [join("name"), join("image")]
}

fn daemon_set(o: &Value, created: Value) -> Vec<Value> {
    let status = |key: &str| json!(o["status"][key].as_i64().unwrap_or(0));
    let [names, images] = containers(o);
    vec![
        status("desiredNumberScheduled"),
        status("currentNumberScheduled"),
        status("numberReady"),
        status("updatedNumberScheduled"),
        status("numberAvailable"),
        labels(&o["spec"]["template"]["spec"]["nodeSelector"]),
        created,
        names,
        images,
        labels(&o["spec"]["selector"]["matchLabels"]),
    ]
}

fn deployment(o: &Value, created: Value) -> Vec<Value> {
    let status = |key: &str| o["status"][key].as_i64().unwrap_or(0);
    let wanted = o["spec"]["replicas"].as_i64().unwrap_or(0);
    let [names, images] = containers(o);
    vec![
        json!(format!("{}/{wanted}", status("readyReplicas"))),
        json!(status("updatedReplicas")),
        json!(status("availableReplicas")),
        created,
        names,
        images,
        labels(&o["spec"]["selector"]["matchLabels"]),
    ]
}

fn endpoint_slice(o: &Value, created: Value) -> Vec<Value> {
    let ports: Vec<String> = items(&o["ports"]).map(|p| p["port"].to_string()).collect();
    let addresses: Vec<&str> = items(&o["endpoints"])
        .flat_map(|e| items(&e["addresses"]))
        .filter_map(Value::as_str)
        .collect();
    let unset = "<unset>";
    vec![
        o["addressType"].clone(),
        json!(if ports.is_empty() {
            unset.to_owned()
        } else {
            shorten(&ports)
        }),
        json!(if addresses.is_empty() {
            unset.to_owned()
        } else {
            shorten(&addresses)
        }),
        created,
    ]
}

/// At most three, and how many more.
fn shorten<T: AsRef<str>>(all: &[T]) -> String {
    let shown: Vec<&str> = all.iter().take(3).map(AsRef::as_ref).collect();
    let more = all.len() - shown.len();
    let text = shown.join(",");
    if more == 0 {
        text
    } else {
        format!("{text} + {more} more...")
    }
}

fn binding(o: &Value, created: Value) -> Vec<Value> {
    let subjects = |kind: &str| {
        let names: Vec<String> = items(&o["subjects"])
            .filter(|s| s["kind"] == kind)
            .map(|s| match text(&s["namespace"]) {
                "" => text(&s["name"]).to_owned(),
                namespace => format!("{namespace}/{}", text(&s["name"])),
            })
            .collect();
        json!(names.join(", "))
    };
    let role = format!(
        "{}/{}",
        text(&o["roleRef"]["kind"]),
        text(&o["roleRef"]["name"])
    );
    vec![
        json!(role),
        created,
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_balancer_service_prints_all_its_addresses_and_its_node_ports() {
        let service = json!({"spec": {"type": "LoadBalancer", "clusterIP": "192.168.1.2", "ports": [
            {"port": 80, "nodePort": 30081, "protocol": "TCP"}]},
            "status": {"loadBalancer": {"ingress": [{"ip": "39.106.0.1"}, {"ip": "144.121.0.1"}]}}});
        let cells = super::service(&service, json!("5m"));
        assert_eq!(
            cells[..5],
            [
                "LoadBalancer",
                "192.168.1.2",
                "39.106.0.1,144.121.0.1",
                "80:30081/TCP",
                "5m"
            ]
        );
    }

    #[test]
    fn a_load_balancer_without_address_is_pending() {
        assert_eq!(
            external_ip(&json!({"spec": {"type": "LoadBalancer"}})),
            "<pending>"
        );
        assert_eq!(
            external_ip(&json!({"spec": {"type": "ClusterIP"}})),
            "<none>"
        );
    }

    #[test]
    fn long_endpoint_lists_are_cut_after_three() {
        assert_eq!(shorten(&["a", "b", "c", "d", "e"]), "a,b,c + 2 more...");
    }
}
