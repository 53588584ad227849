//! `PoolService` (`network.openyurt.io/v1alpha1`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::LoadBalancerStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube_core::{NamespaceResourceScope, Resource};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

/// One load balancer of one Service in one node pool.
///
/// Wire compatible with OpenYurt's type (openyurtio/openyurt,
/// pkg/apis/network/v1alpha1/poolservice_types.go): objects and clients of either side work with
/// the other's definition. As there, every field may be absent; a derived type would take one
/// object without a `spec` for a broken watch, which is why this one is written by hand.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PoolService {
    /// Name `<service>-<pool>`, and labels that say the same in a readable way.
    pub metadata: ObjectMeta,
    /// What is asked for.
    pub spec: PoolServiceSpec,
    /// What is known.
    pub status: Option<PoolServiceStatus>,
}

/// What is asked of a load balancer. All else follows from the Service and the pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PoolServiceSpec {
    /// The class of the load balancer, copied from the Service. A controller serves the objects of
    /// its own class and leaves all others alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_class: Option<String>,
}

/// What is known of a load balancer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PoolServiceStatus {
    /// The addresses at which the Service is reached in this pool, as a Service's own status has
    /// them. The fan-out controller unites them in the status of the Service. OpenYurt's clients
    /// write `{}` where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancerStatus>,

    /// Facts that the fan-out controller collects into annotations of the Service, each under the
    /// key `aggregated.<key>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregate_to_annotations: Option<BTreeMap<String, String>>,

    /// Facts that the fan-out controller collects into labels of the Service, each under the key
    /// `aggregated.<key>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aggregate_to_labels: Option<BTreeMap<String, String>>,

    /// How far the load balancer is what it should be, one entry for each
    /// [`crate::ConditionType`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
}

impl PoolService {
    /// The API group.
    pub const GROUP: &'static str = "network.openyurt.io";
    /// The version.
    pub const VERSION: &'static str = "v1alpha1";
    /// The kind.
    pub const KIND: &'static str = "PoolService";
    /// The plural, as in paths.
    pub const PLURAL: &'static str = "poolservices";

    /// A PoolService of this name, with nothing else in its metadata.
    pub fn new(name: &str, spec: PoolServiceSpec) -> Self {
        Self {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            spec,
            status: None,
        }
    }
}

impl Resource for PoolService {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        Self::KIND.into()
    }

    fn group((): &()) -> Cow<'_, str> {
        Self::GROUP.into()
    }

    fn version((): &()) -> Cow<'_, str> {
        Self::VERSION.into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        Self::PLURAL.into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl Serialize for PoolService {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = if self.status.is_some() { 5 } else { 4 };
        let mut object = serializer.serialize_struct(Self::KIND, fields)?;
        object.serialize_field("apiVersion", &Self::api_version(&()))?;
        object.serialize_field("kind", Self::KIND)?;
        object.serialize_field("metadata", &self.metadata)?;
        object.serialize_field("spec", &self.spec)?;
        if let Some(status) = &self.status {
            object.serialize_field("status", status)?;
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_of_openyurt_are_read_whatever_they_lack() {
        for object in [
            json!({ "metadata": { "name": "a" } }),
            json!({ "metadata": { "name": "a" }, "spec": {} }),
            json!({ "metadata": { "name": "a" }, "spec": {}, "status": { "loadBalancer": {} } }),
        ] {
            let read: PoolService = serde_json::from_value(object.clone()).unwrap();
            assert_eq!(read.metadata.name.as_deref(), Some("a"), "{object}");
            assert_eq!(read.spec.load_balancer_class, None);
        }
    }

    #[test]
    fn what_is_written_is_what_openyurt_writes() {
        let class = Some("alibabacloud.com/elb".to_owned());
        let mut object = PoolService::new(
            "cube-svc-np-heifei",
            PoolServiceSpec {
                load_balancer_class: class,
            },
        );
        object.status = Some(PoolServiceStatus {
            aggregate_to_annotations: Some(BTreeMap::from([(
                "lb-id".to_owned(),
                "lb-1".to_owned(),
            )])),
            ..PoolServiceStatus::default()
        });
        let written = serde_json::to_value(&object).unwrap();
        assert_eq!(
            written,
            json!({
                "apiVersion": "network.openyurt.io/v1alpha1",
                "kind": "PoolService",
                "metadata": { "name": "cube-svc-np-heifei" },
                "spec": { "loadBalancerClass": "alibabacloud.com/elb" },
                "status": { "aggregateToAnnotations": { "lb-id": "lb-1" } },
            })
        );
        assert_eq!(
            serde_json::from_value::<PoolService>(written).unwrap(),
            object
        );
    }
}
