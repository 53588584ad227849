//! The Deployment of the controller.

use std::collections::BTreeMap;

use anyhow::Result;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, EnvVar, EnvVarSource, NodeAffinity, NodeSelector,
    NodeSelectorRequirement, NodeSelectorTerm, PodSecurityContext, PodSpec, PodTemplateSpec,
    ResourceRequirements, SeccompProfile, SecretKeySelector, SecurityContext,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

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

pub(super) fn document() -> Result<String> {
    let labels = BTreeMap::from([("app.kubernetes.io/name".to_owned(), NAME.to_owned())]);
    yaml(&Deployment {
        metadata: ObjectMeta {
            labels: Some(labels.clone()),
            ..in_system_namespace()
        },
        spec: DeploymentSpec {
            replicas: Some(1),
            // There is no leader election yet: two at once would both write to the cloud.
            strategy: Some(DeploymentStrategy {
                type_: Some("Recreate".to_owned()),
                ..DeploymentStrategy::default()
            }),
            selector: LabelSelector {
                match_labels: Some(labels.clone()),
                ..LabelSelector::default()
            },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(labels),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod()),
            },
            ..DeploymentSpec::default()
        },
        status: None,
    })
}

/// An edge node goes on without the cloud: a controller on it would act on what it last saw.
fn away_from_the_edge() -> Affinity {
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
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector {
                node_selector_terms: vec![term],
            }),
            ..NodeAffinity::default()
        }),
        ..Affinity::default()
    }
}

fn pod() -> PodSpec {
    PodSpec {
        service_account_name: Some(NAME.to_owned()),
        priority_class_name: Some("system-cluster-critical".to_owned()),
        affinity: Some(away_from_the_edge()),
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
        args: Some(vec!["run".to_owned()]),
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
