//! The writes of the fan-out, one function each.

use ecm_policy::aggregate::Ingress;
use ecm_policy::fan_out::{Config, Deletion, NewPoolService, Pool, Repair, Service};
use ecm_policy::snapshot::ObjectKey;
use k8s_openapi::api::core::v1::{LoadBalancerIngress, Service as ServiceObject};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use poolservice_api::{NodePool, NodePoolVersion, PoolService};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use tokio::time::timeout;

use super::{CallError, FanOutError};
use crate::deadline;
use crate::index::fan_out_pool;
use crate::leader::Leadership;
use crate::objects;

/// What became of a write that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// It is done, or was not needed any more.
    Done,
    /// The object is not the one that was planned for: the plan is to be made again.
    Stale,
}

/// Writes for the fan-out.
pub(super) struct Writer {
    client: Client,
    leadership: Leadership,
}

impl Writer {
    pub(super) fn new(client: Client, leadership: Leadership) -> Self {
        Self { client, leadership }
    }

    pub(super) async fn create(&self, new: NewPoolService) -> Result<Written, FanOutError> {
        self.may_write()?;
        let key = ObjectKey::new(&new.namespace, &new.name);
        let api = self.pool_services(&new.namespace);
        let object = PoolService::from(new);
        let created = call(api.create(&PostParams::default(), &object)).await;
        settle(created, kube::core::Status::is_already_exists)
            .map_err(|source| FanOutError::Create { key, source })
    }

    /// Sets labels, owners and class, and nothing else.
    pub(super) async fn repair(
        &self,
        namespace: &str,
        repair: &Repair,
    ) -> Result<Written, FanOutError> {
        self.may_write()?;
        let mut metadata = Map::new();
        metadata.insert("uid".to_owned(), json!(repair.uid));
        metadata.insert("resourceVersion".to_owned(), json!(repair.resource_version));
        if !repair.labels.is_empty() {
            metadata.insert("labels".to_owned(), json!(repair.labels));
        }
        if let Some(owners) = &repair.owners {
            metadata.insert("ownerReferences".to_owned(), json!(owners));
        }
        let mut patch = json!({ "metadata": metadata });
        if let Some(class) = &repair.load_balancer_class {
            patch["spec"] = json!({ "loadBalancerClass": class });
        }
        let api = self.pool_services(namespace);
        let patched =
            call(api.patch(&repair.name, &PatchParams::default(), &Patch::Merge(patch))).await;
        settle(patched, is_stale).map_err(|source| FanOutError::Repair {
            key: ObjectKey::new(namespace, &repair.name),
            source,
        })
    }

    pub(super) async fn delete(
        &self,
        namespace: &str,
        deletion: &Deletion,
    ) -> Result<Written, FanOutError> {
        self.may_write()?;
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: Some(deletion.uid.clone()),
            resource_version: None,
        });
        let deleted = call(
            self.pool_services(namespace)
                .delete(&deletion.name, &params),
        )
        .await;
        match settle(deleted, kube::core::Status::is_conflict) {
            Err(CallError::Failed(error)) if is_not_found(&error) => Ok(Written::Done),
            other => other,
        }
        .map_err(|source| FanOutError::Delete {
            key: ObjectKey::new(namespace, &deletion.name),
            source,
        })
    }

    /// Publishes the addresses of a Service, and touches nothing else of its status.
    pub(super) async fn status(
        &self,
        service: &Service,
        ingress: Vec<Ingress>,
    ) -> Result<Written, FanOutError> {
        self.may_write()?;
        let ingress: Vec<LoadBalancerIngress> = ingress.into_iter().map(Into::into).collect();
        let ingress = if ingress.is_empty() {
            Value::Null
        } else {
            json!(ingress)
        };
        let patch = json!({
            "metadata": { "uid": service.uid },
            "status": { "loadBalancer": { "ingress": ingress } },
        });
        let api = self.services(&service.key.namespace);
        let params = PatchParams::default();
        let patched =
            call(api.patch_status(&service.key.name, &params, &Patch::Merge(patch))).await;
        settle(patched, is_stale).map_err(|source| FanOutError::Status {
            key: service.key.clone(),
            source,
        })
    }

    /// Sets annotations and labels of a Service, removes those that are `None`, and touches no
    /// other key.
    pub(super) async fn metadata(
        &self,
        service: &Service,
        annotations: &BTreeMap<String, Option<String>>,
        labels: &BTreeMap<String, Option<String>>,
    ) -> Result<Written, FanOutError> {
        self.may_write()?;
        let patch = json!({
            "metadata": { "uid": service.uid, "annotations": annotations, "labels": labels },
        });
        let api = self.services(&service.key.namespace);
        let params = PatchParams::default();
        let patched = call(api.patch(&service.key.name, &params, &Patch::Merge(patch))).await;
        settle(patched, is_stale).map_err(|source| FanOutError::Metadata {
            key: service.key.clone(),
            source,
        })
    }

    /// A Service as the API server has it.
    pub(super) async fn service(&self, key: &ObjectKey) -> Result<Option<Service>, FanOutError> {
        let service = call(self.services(&key.namespace).get_opt(&key.name)).await;
        let service = service.map_err(|source| FanOutError::Read {
            what: format!("Service {key}"),
            source,
        })?;
        Ok(service.map(|service| objects::Service::from(&service).fan_out))
    }

    /// A pool as the API server has it.
    pub(super) async fn pool(
        &self,
        name: &str,
        config: &Config,
    ) -> Result<Option<Pool>, FanOutError> {
        let version = config.pool_api_version.rsplit('/').next();
        let version = NodePoolVersion::newest(version).unwrap_or_default();
        let api: Api<NodePool> = Api::all_with(self.client.clone(), &version);
        let pool = call(api.get_opt(name)).await;
        let pool = pool.map_err(|source| FanOutError::Read {
            what: format!("NodePool {name}"),
            source,
        })?;
        Ok(pool.map(|pool| fan_out_pool(&objects::pool(&pool))))
    }

    pub(super) fn services(&self, namespace: &str) -> Api<ServiceObject> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(super) fn pool_services(&self, namespace: &str) -> Api<PoolService> {
        Api::namespaced(self.client.clone(), namespace)
    }

    pub(super) fn may_write(&self) -> Result<(), FanOutError> {
        self.leadership.check().map_err(FanOutError::NotLeading)
    }
}

/// A call with a deadline.
pub(super) async fn call<T>(
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CallError> {
    match timeout(deadline::CALL, call).await {
        Ok(answer) => answer.map_err(|error| CallError::Failed(Box::new(error))),
        Err(_) => Err(CallError::Deadline),
    }
}

/// A refusal that only says that the plan is out of date is no failure.
pub(super) fn settle<T>(
    answer: Result<T, CallError>,
    is_stale: impl Fn(&kube::core::Status) -> bool,
) -> Result<Written, CallError> {
    match answer {
        Ok(_) => Ok(Written::Done),
        Err(CallError::Failed(error)) => match *error {
            kube::Error::Api(status) if is_stale(&status) => {
                tracing::debug!(answer = status.message, "planned on what has changed since");
                Ok(Written::Stale)
            }
            other => Err(CallError::Failed(Box::new(other))),
        },
        Err(CallError::Deadline) => Err(CallError::Deadline),
    }
}

/// Whether the object has changed, gone or made place for another since it was seen.
pub(super) fn is_stale(status: &kube::core::Status) -> bool {
    status.is_conflict() || status.is_not_found() || is_another_object(status)
}

/// Whether a patch was refused because of the uid that it names. The API server takes a uid in an update as a precondition
/// (409), but one in a patch as a change of an immutable field (422; `ValidateObjectMetaUpdate` of k8s.io/apimachinery,
/// seen on 1.37).
fn is_another_object(status: &kube::core::Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.is_invalid()
        && causes
            .into_iter()
            .any(|cause| cause.field == "metadata.uid")
}

fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invalid(field: &str) -> kube::core::Status {
        let status = json!({
            "status": "Failure", "reason": "Invalid", "code": 422, "message": "refused",
            "details": { "causes": [{ "reason": "FieldValueInvalid", "message": "m", "field": field }] },
        });
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn a_patch_of_a_service_that_was_made_anew_is_planned_again_and_other_refusals_are_told() {
        assert!(is_stale(&invalid("metadata.uid")));
        assert!(!is_stale(&invalid("status.loadBalancer.ingress")));
    }
}
