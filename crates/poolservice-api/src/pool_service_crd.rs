//! The CustomResourceDefinition of `PoolService`.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionNames, CustomResourceDefinitionSpec,
    CustomResourceDefinitionVersion, CustomResourceValidation, JSON, JSONSchemaProps,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::PoolService;
use crate::schema::{
    atomic_list, column, integer, list, map, object, status_subresource, string, typed,
    wide_column, with_required,
};

/// The CustomResourceDefinition of [`PoolService`]: names, scope and validation are OpenYurt's
/// (openyurtio/openyurt, charts/yurt-manager/crds/network.openyurt.io_poolservices.yaml), the
/// columns after the age are ours. Either definition serves either side's controllers.
pub fn pool_service_crd() -> CustomResourceDefinition {
    CustomResourceDefinition {
        metadata: ObjectMeta {
            name: Some(format!("{}.{}", PoolService::PLURAL, PoolService::GROUP)),
            ..ObjectMeta::default()
        },
        spec: CustomResourceDefinitionSpec {
            group: PoolService::GROUP.to_owned(),
            names: CustomResourceDefinitionNames {
                kind: PoolService::KIND.to_owned(),
                list_kind: Some("PoolServiceList".to_owned()),
                plural: PoolService::PLURAL.to_owned(),
                singular: Some("poolservice".to_owned()),
                short_names: Some(vec!["ps".to_owned()]),
                categories: Some(vec!["yurt".to_owned()]),
            },
            scope: "Namespaced".to_owned(),
            versions: vec![CustomResourceDefinitionVersion {
                name: PoolService::VERSION.to_owned(),
                served: true,
                storage: true,
                additional_printer_columns: Some(vec![
                    column("Age", "date", ".metadata.creationTimestamp"),
                    column(
                        "Ready",
                        "string",
                        r#".status.conditions[?(@.type=="Ready")].status"#,
                    ),
                    wide_column("Pool", "string", r".metadata.labels.openyurt\.io/pool-name"),
                    wide_column("Class", "string", ".spec.loadBalancerClass"),
                    wide_column(
                        "LoadBalancer",
                        "string",
                        ".status.aggregateToAnnotations.lb-id",
                    ),
                    wide_column("Address", "string", ".status.loadBalancer.ingress[*].ip"),
                ]),
                schema: Some(CustomResourceValidation {
                    open_api_v3_schema: Some(root()),
                }),
                subresources: Some(status_subresource()),
                ..CustomResourceDefinitionVersion::default()
            }],
            ..CustomResourceDefinitionSpec::default()
        },
        status: None,
    }
}

fn root() -> JSONSchemaProps {
    object(
        "PoolService is one load balancer of one Service in one node pool.",
        [
            ("apiVersion", string("Group and version of this object.")),
            ("kind", string("PoolService.")),
            ("metadata", typed("object", "")),
            (
                "spec",
                object(
                    "What is asked for.",
                    [(
                        "loadBalancerClass",
                        string("The class of the load balancer, copied from the Service."),
                    )],
                ),
            ),
            ("status", status()),
        ],
    )
}

fn status() -> JSONSchemaProps {
    object(
        "What is known.",
        [
            (
                "loadBalancer",
                object(
                    "The addresses at which the Service is reached in this pool.",
                    [(
                        "ingress",
                        atomic_list("One entry for each address.", ingress()),
                    )],
                ),
            ),
            (
                "aggregateToAnnotations",
                map("Facts that the Service shows as annotations aggregated.<key>."),
            ),
            (
                "aggregateToLabels",
                map("Facts that the Service shows as labels aggregated.<key>."),
            ),
            (
                "conditions",
                list(
                    "How far the load balancer is what it should be.",
                    condition(),
                ),
            ),
        ],
    )
}

/// Longest type of a condition and longest error of a port: a DNS name, a slash and a word
/// (k8s.io/apimachinery, pkg/apis/meta/v1, `Condition`; k8s.io/api/core/v1, `PortStatus`).
const QUALIFIED_NAME_MAX: i64 = 316;

/// The pattern of both, as the same files have it.
const QUALIFIED_NAME: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";

fn ingress() -> JSONSchemaProps {
    let port = object(
        "What became of one port.",
        [
            ("port", integer("int32", "The port of the Service.")),
            ("protocol", string("TCP, UDP or SCTP.")),
            (
                "error",
                qualified_name(
                    "Why the port does not work, as CamelCase word or with a domain before it.",
                ),
            ),
        ],
    );
    object(
        "One address.",
        [
            ("ip", string("The IP address.")),
            ("hostname", string("The host name.")),
            ("ipMode", string("VIP or Proxy; only with an IP address.")),
            (
                "ports",
                // OpenYurt's definition asks for `error` too; entries that have it pass in both.
                atomic_list(
                    "One entry for each port.",
                    with_required(port, &["port", "protocol"]),
                ),
            ),
        ],
    )
}

/// `Condition`, with the limits of k8s.io/apimachinery, pkg/apis/meta/v1/types.go.
fn condition() -> JSONSchemaProps {
    let text = |description: &str, max: i64| JSONSchemaProps {
        max_length: Some(max),
        ..string(description)
    };
    let statuses = ["True", "False", "Unknown"].map(|word| JSON(word.into()));
    let condition = object(
        "One aspect of the load balancer.",
        [
            ("type", qualified_name("Which aspect.")),
            (
                "status",
                JSONSchemaProps {
                    enum_: Some(statuses.to_vec()),
                    ..string("Whether it is as it should be: True, False or Unknown.")
                },
            ),
            (
                "observedGeneration",
                JSONSchemaProps {
                    minimum: Some(0.0),
                    ..integer("int64", "The generation of the object that this is about.")
                },
            ),
            (
                "lastTransitionTime",
                JSONSchemaProps {
                    format: Some("date-time".to_owned()),
                    ..string("When the status last changed.")
                },
            ),
            (
                "reason",
                JSONSchemaProps {
                    min_length: Some(1),
                    pattern: Some("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$".to_owned()),
                    ..text("Why, in one CamelCase word.", 1024)
                },
            ),
            (
                "message",
                text("Why, for people, and what they can do.", 32_768),
            ),
        ],
    );
    with_required(
        condition,
        &["lastTransitionTime", "message", "reason", "status", "type"],
    )
}

fn qualified_name(description: &str) -> JSONSchemaProps {
    JSONSchemaProps {
        max_length: Some(QUALIFIED_NAME_MAX),
        pattern: Some(QUALIFIED_NAME.to_owned()),
        ..string(description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Behaviour 10.2: the first columns are those that the guide shows.
    #[test]
    fn rule_10_2_the_columns_stand_in_the_order_that_people_know() {
        let columns = pool_service_crd().spec.versions[0]
            .additional_printer_columns
            .clone()
            .unwrap();
        let shown = |wide: bool| -> Vec<&str> {
            let is_wide = |priority: Option<i32>| priority.unwrap_or(0) > 0;
            columns
                .iter()
                .filter(|column| is_wide(column.priority) == wide)
                .map(|column| column.name.as_str())
                .collect()
        };
        assert_eq!(shown(false), ["Age", "Ready"]);
        assert_eq!(shown(true), ["Pool", "Class", "LoadBalancer", "Address"]);
    }

    #[test]
    fn the_columns_look_where_the_keys_say() {
        let columns = pool_service_crd().spec.versions[0]
            .additional_printer_columns
            .clone()
            .unwrap();
        let path = |name: &str| {
            let column = columns.iter().find(|column| column.name == name);
            column
                .map(|column| column.json_path.replace('\\', ""))
                .unwrap()
        };
        assert!(path("Pool").ends_with(crate::keys::POOL_NAME));
        assert!(path("LoadBalancer").ends_with(crate::keys::AGGREGATE_LOAD_BALANCER_ID));
        assert!(path("Ready").contains(crate::ConditionType::Ready.as_str()));
    }

    /// Kubernetes demands a structural schema: every level has a type.
    #[test]
    fn the_schema_is_structural() {
        fn check(path: &str, schema: &JSONSchemaProps) {
            use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
                JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
            };
            assert!(schema.type_.is_some(), "{path} has no type");
            for (name, field) in schema.properties.iter().flatten() {
                check(&format!("{path}.{name}"), field);
            }
            for field in schema.required.iter().flatten() {
                let fields = schema.properties.as_ref().unwrap();
                assert!(
                    fields.contains_key(field),
                    "{path}.{field} is required but not there"
                );
            }
            if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
                check(&format!("{path}[]"), items);
            }
            if let Some(JSONSchemaPropsOrBool::Schema(values)) = &schema.additional_properties {
                check(&format!("{path}{{}}"), values);
            }
        }
        check("", &root());
    }

    #[test]
    fn nothing_that_openyurt_leaves_open_is_required() {
        assert_eq!(root().required, None);
        assert_eq!(status().required, None);
    }
}
