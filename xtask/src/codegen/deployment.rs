//! The Deployment of the controller.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction,
    NodeAffinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm,
    PodAntiAffinity, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, ResourceRequirements,
    SeccompProfile, SecretKeySelector, SecurityContext, WeightedPodAffinityTerm,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::rbac::{NAME, in_system_namespace};
use super::yaml;

/// A name that people replace by their own; example.com is reserved for such (RFC 2606).
const IMAGE: &str = concat!(
    "registry.example.com/edge-controller-manager:v",
    env!("CARGO_PKG_VERSION")
);

/// Secret in the controller's namespace with its keys.
const CREDENTIALS: &str = "ecm-credentials";

/// An id that belongs to nobody on a usual node.
const NOBODY: i64 = 65_532;

/// Where metrics and probes are served.
const PORT: i32 = 8_080;

pub(super) fn document() -> Result<String> {
    let labels = BTreeMap::from([("app.kubernetes.io/name".to_owned(), NAME.to_owned())]);
    yaml(&Deployment {
        metadata: ObjectMeta {
            labels: Some(labels.clone()),
            ..in_system_namespace()
        },
        spec: DeploymentSpec {
            // One works, one waits with its caches filled.
            replicas: Some(2),
            selector: LabelSelector {
                match_labels: Some(labels.clone()),
                ..LabelSelector::default()
            },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels.clone()),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod(&labels)),
            },
            ..DeploymentSpec::default()
        },
        status: None,
    })
}

/// Not on an edge node, which goes on without the cloud: a controller on it would act on what it
/// last saw. Not on the node of the other replica either, where there is another.
fn placement(labels: &BTreeMap<String, String>) -> Affinity {
    let not_an_edge_worker = |key: &str| NodeSelectorRequirement {
        key: key.to_owned(),
        operator: "NotIn".to_owned(),
        values: Some(vec!["true".to_owned()]),
    };
    let term = NodeSelectorTerm {
        match_expressions: Some(vec![
            not_an_edge_worker("openyurt.io/is-edge-worker"),
            not_an_edge_worker("alibabacloud.com/is-edge-worker"),
        ]),
        ..NodeSelectorTerm::default()
    };
    let beside_another = WeightedPodAffinityTerm {
        weight: 100,
        pod_affinity_term: PodAffinityTerm {
            topology_key: "kubernetes.io/hostname".to_owned(),
            label_selector: Some(LabelSelector {
                match_labels: Some(labels.clone()),
                ..LabelSelector::default()
            }),
            ..PodAffinityTerm::default()
        },
    };
    Affinity {
        pod_anti_affinity: Some(PodAntiAffinity {
            preferred_during_scheduling_ignored_during_execution: Some(vec![beside_another]),
            ..PodAntiAffinity::default()
        }),
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![term],
            }),
            ..NodeAffinity::default()
        }),
        ..Affinity::default()
    }
}

fn pod(labels: &BTreeMap<String, String>) -> PodSpec {
    PodSpec {
        service_account_name: Some(NAME.to_owned()),
        priority_class_name: Some("system-cluster-critical".to_owned()),
        affinity: Some(placement(labels)),
        containers: vec![container()],
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(NOBODY),
            run_as_group: Some(NOBODY),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        ..PodSpec::default()
    }
}

fn container() -> Container {
    let quantities = |pairs: &[(&str, &str)]| {
        let quantity =
            |(name, value): &(&str, &str)| ((*name).to_owned(), Quantity((*value).to_owned()));
        Some(pairs.iter().map(quantity).collect())
    };
    Container {
        name: "ecm".to_owned(),
        image: Some(IMAGE.to_owned()),
        command: Some(vec!["ecm".to_owned()]),
        args: Some(vec!["run".to_owned(), format!("--metrics-addr=:{PORT}")]),
        ports: Some(vec![ContainerPort {
            name: Some("metrics".to_owned()),
            container_port: PORT,
            ..ContainerPort::default()
        }]),
        liveness_probe: Some(probe("/healthz")),
        readiness_probe: Some(probe("/readyz")),
        env: Some(vec![
            from_secret("ALIBABA_CLOUD_ACCESS_KEY_ID", "access-key-id"),
            from_secret("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "access-key-secret"),
        ]),
        resources: Some(ResourceRequirements {
            requests: quantities(&[("cpu", "50m"), ("memory", "64Mi")]),
            limits: quantities(&[("memory", "256Mi")]),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

fn probe(path: &str) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(PORT),
            ..HTTPGetAction::default()
        }),
        ..Probe::default()
    }
}

/// An environment variable with the value of a key of the secret. The names are those of the
/// credential chain of the official SDKs.
fn from_secret(name: &str, key: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: CREDENTIALS.to_owned(),
                key: key.to_owned(),
                ..SecretKeySelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}
