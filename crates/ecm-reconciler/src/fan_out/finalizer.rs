//! The finalizer on Services (behaviour 2.4). It decides with what the API server has, not with
//! what the watches have shown so far.

use ecm_policy::fan_out::{Config, Standing, View, blocks, standing};
use json_patch::{AddOperation, PatchOperation, RemoveOperation, TestOperation};
use k8s_openapi::api::core::v1::Service as ServiceObject;
use kube::api::{ListParams, Patch, PatchParams};
use poolservice_api::keys::SERVICE_FINALIZER;
use serde_json::json;

use super::write::{Writer, Written, call, is_stale, settle};
use super::{CallError, FanOutError};
use crate::objects;

impl Writer {
    /// Puts the finalizer on the Service, unless that is being deleted.
    pub(super) async fn add_finalizer(&self, view: &View) -> Result<Written, FanOutError> {
        let Some(live) = self.live_service(view).await? else {
            return Ok(Written::Stale);
        };
        let finalizers = live.metadata.finalizers.clone().unwrap_or_default();
        if finalizers.iter().any(|f| f == SERVICE_FINALIZER) {
            return Ok(Written::Done);
        }
        // The API server refuses new finalizers on what is being deleted.
        if live.metadata.deletion_timestamp.is_some() {
            return Ok(Written::Stale);
        }
        let path = pointer(&["metadata", "finalizers"]);
        let add = if finalizers.is_empty() {
            vec![
                test(path.clone(), json!(null)),
                PatchOperation::Add(AddOperation {
                    path,
                    value: json!([SERVICE_FINALIZER]),
                }),
            ]
        } else {
            vec![
                test(path, json!(finalizers)),
                PatchOperation::Add(AddOperation {
                    path: pointer(&["metadata", "finalizers", "-"]),
                    value: json!(SERVICE_FINALIZER),
                }),
            ]
        };
        let patched = self.patch_finalizers(view, add).await?;
        patched.map_err(|source| FanOutError::AddFinalizer {
            key: view.key.clone(),
            source,
        })
    }

    /// Takes the finalizer off the Service, if the API server still shows it as one that is not
    /// fanned out, and no PoolService of it.
    pub(super) async fn remove_finalizer(
        &self,
        view: &View,
        config: &Config,
    ) -> Result<Written, FanOutError> {
        let Some(live) = self.live_service(view).await? else {
            return Ok(Written::Stale);
        };
        let service = objects::Service::from(&live).fan_out;
        if matches!(
            standing(&service, &config.load_balancer_class),
            Standing::Elb(_) | Standing::BadSelector(_) | Standing::Foreign
        ) {
            return Ok(Written::Stale);
        }
        let finalizers = live.metadata.finalizers.unwrap_or_default();
        let Some(at) = finalizers.iter().position(|f| f == SERVICE_FINALIZER) else {
            return Ok(Written::Done);
        };
        // All of the namespace, since labels may have been edited; the owner tells then.
        let list = self.pool_services(&view.key.namespace);
        let list = call(list.list(&ListParams::default())).await;
        let list = list.map_err(|source| FanOutError::Read {
            what: format!("PoolServices of namespace {}", view.key.namespace),
            source,
        })?;
        let live_view = View {
            service: Some(service),
            ..view.clone()
        };
        let is_blocked = list.items.iter().any(|ps| {
            let ps = objects::PoolService::from(ps);
            // By name alone every PoolService `web-...` would be one of Service `web`.
            ps.services().contains(view.key.name.as_str()) && blocks(&ps.fan_out, &live_view)
        });
        if is_blocked {
            return Ok(Written::Stale);
        }
        let path = pointer(&["metadata", "finalizers", &at.to_string()]);
        let remove = vec![
            test(path.clone(), json!(SERVICE_FINALIZER)),
            PatchOperation::Remove(RemoveOperation { path }),
        ];
        let patched = self.patch_finalizers(view, remove).await?;
        patched.map_err(|source| FanOutError::RemoveFinalizer {
            key: view.key.clone(),
            source,
        })
    }

    /// The Service of the view as the API server has it; `None` when that is another one.
    async fn live_service(&self, view: &View) -> Result<Option<ServiceObject>, FanOutError> {
        let api = self.services(&view.key.namespace);
        let live = call(api.get_opt(&view.key.name)).await;
        let live = live.map_err(|source| FanOutError::Read {
            what: format!("Service {}", view.key),
            source,
        })?;
        let uid = view.service.as_ref().map(|service| &service.uid);
        Ok(live.filter(|live| live.metadata.uid.as_ref() == uid))
    }

    async fn patch_finalizers(
        &self,
        view: &View,
        operations: Vec<PatchOperation>,
    ) -> Result<Result<Written, CallError>, FanOutError> {
        self.may_write()?;
        let uid = view.service.as_ref().map(|service| service.uid.clone());
        let mut patch = vec![test(pointer(&["metadata", "uid"]), json!(uid))];
        patch.extend(operations);
        let patch = Patch::Json::<()>(json_patch::Patch(patch));
        let api = self.services(&view.key.namespace);
        let patched = call(api.patch(&view.key.name, &PatchParams::default(), &patch)).await;
        // A `test` that does not hold is answered as invalid.
        Ok(settle(patched, |status| {
            is_stale(status) || status.is_invalid()
        }))
    }
}

fn test(path: json_patch::jsonptr::PointerBuf, value: serde_json::Value) -> PatchOperation {
    PatchOperation::Test(TestOperation { path, value })
}

fn pointer(tokens: &[&str]) -> json_patch::jsonptr::PointerBuf {
    json_patch::jsonptr::PointerBuf::from_tokens(tokens.iter().copied())
}
