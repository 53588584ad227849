//! The four kinds of patch.

use json_patch::{AddOperation, PatchOperation};
use serde_json::Value;

use super::read::sent_revision;
use super::strategic::{self, StrategicError};
use super::write::{Manager, Part, WriteOptions, Written, check_body};
use super::{ApiServer, State, Target, managed_fields};
use crate::object::{self, metadata_mut};
use crate::resource::Resource;
use crate::status::{FieldError, Status};
use crate::{typed, versions};

/// A patch, as sent.
#[derive(Debug, Clone)]
pub enum Patch {
    /// RFC 6902 (`application/json-patch+json`).
    Json(Value),
    /// RFC 7396 (`application/merge-patch+json`).
    Merge(Value),
    /// `application/strategic-merge-patch+json`: built-in kinds only.
    Strategic(Value),
    /// Server-side apply (`application/apply-patch+yaml`).
    Apply(Value),
}

impl ApiServer {
    /// Patches an object.
    ///
    /// # Errors
    /// 400 for a patch that cannot be read, 404, 409, 415 for a kind of patch the resource does not take, 422 where a
    /// JSON patch does not apply or the result is invalid.
    pub fn patch(
        &self,
        target: &Target,
        name: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.patch_part(target, name, Part::Main, patch, options)
    }

    /// Patches an object's status.
    ///
    /// # Errors
    /// As [`ApiServer::patch`].
    pub fn patch_status(
        &self,
        target: &Target,
        name: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.patch_part(target, name, Part::Status, patch, options)
    }

    fn patch_part(
        &self,
        target: &Target,
        name: &str,
        part: Part,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.write(|state, now| {
            if let Patch::Apply(config) = patch {
                return state.apply(target, name, part, config, options, now);
            }
            let old = state.existing(target, name)?;
            // Patches speak the fields of the version that the client named.
            let mut new = versions::present(&target.resource, &old);
            apply_to(target, patch, &mut new)?;
            check_identity(target, name, &new)?;
            check_type(target, &new)?;
            versions::store(&target.resource, &mut new);
            if part == Part::Status && target.resource.custom.is_some() {
                // Nothing of the metadata comes with the status of a custom resource, not even its uid
                // (k8s.io/apiextensions-apiserver, pkg/registry/customresource/status_strategy.go).
                metadata_mut(&mut new).insert("uid".to_owned(), old["metadata"]["uid"].clone());
            }
            let is_newest = sent_revision(&new)?.is_none_or(|sent| sent == object::revision(&old));
            if is_newest && object::uid(&new) != object::uid(&old) {
                // What is a precondition in a replace is a field like others in a patch.
                let uid = &new["metadata"]["uid"];
                let fault = FieldError::invalid("metadata.uid", uid, "field is immutable");
                return Err(Status::invalid(&target.resource, name, vec![fault]));
            }
            let patched = new.clone();
            let manager = Manager::Update(&options.field_manager);
            state
                .replace(target, &old, new, part, options, manager, now)
                .map_err(|status| match status.reason {
                    // What a create refuses as unreadable makes a patch invalid.
                    "BadRequest" => Status::invalid_patch(&patched, &status.message),
                    _ => status,
                })
        })
    }
}

fn apply_to(target: &Target, patch: &Patch, object: &mut Value) -> Result<(), Status> {
    let resource = &target.resource;
    match patch {
        Patch::Json(operations) => {
            let operations = operations
                .as_array()
                .ok_or_else(|| Status::bad_request("error decoding patch: it is not a list"))?;
            operations
                .iter()
                .try_for_each(|operation| json_patch(operation, object))
        }
        Patch::Merge(patch) if patch.is_object() => {
            json_patch::merge(object, patch);
            Ok(())
        }
        Patch::Strategic(_) if resource.custom.is_some() => Err(Status::unsupported_patch(true)),
        Patch::Strategic(patch) if patch.is_object() => {
            strategic::merge(&resource.kind, object, patch).map_err(|error| match error {
                StrategicError::RetainKeys => Status::bad_request(error.to_string()),
                StrategicError::UnknownList(_) => Status::not_implemented(&error.to_string()),
                _ => Status::without_reason(&error.to_string()),
            })
        }
        Patch::Merge(_) | Patch::Strategic(_) => {
            Err(Status::bad_request("a merge patch must be a JSON object"))
        }
        Patch::Apply(_) => Err(Status::internal(
            "apply is not a patch of the stored object",
        )),
    }
}

/// RFC 6902, with what the real server's library (evanphx/json-patch) does beyond it: `test` with null holds for a
/// member that is absent, and `replace` sets a member that is absent.
fn json_patch(operation: &Value, object: &mut Value) -> Result<(), Status> {
    let takes_value = matches!(operation["op"].as_str(), Some("add" | "replace"));
    if takes_value && operation.get("value").is_none() {
        return Err(Status::not_implemented(
            "an operation of a JSON patch without the value that RFC 6902 wants",
        ));
    }
    let is_odd = |key: &str| {
        let pointer = operation[key].as_str().unwrap_or_default();
        !pointer.is_empty() && !pointer.starts_with('/')
    };
    if is_odd("path") || is_odd("from") {
        return Err(Status::not_implemented(
            "pointers of a JSON patch that do not begin with a slash",
        ));
    }
    let operation: PatchOperation =
        serde_json::from_value(operation.clone()).map_err(|_| Status::unprocessable())?;
    let operation = match operation {
        PatchOperation::Test(test)
            if test.value.is_null()
                && object
                    .pointer(test.path.as_str())
                    .is_none_or(Value::is_null) =>
        {
            return Ok(());
        }
        PatchOperation::Replace(replace) if is_absent_member(object, replace.path.as_str()) => {
            PatchOperation::Add(AddOperation {
                path: replace.path,
                value: replace.value,
            })
        }
        PatchOperation::Copy(copy) if is_absent_member(object, copy.from.as_str()) => {
            return Err(Status::not_implemented(
                "a copy of what is absent, which sets null",
            ));
        }
        other => other,
    };
    json_patch::patch(object, &[operation]).map_err(|_| Status::unprocessable())
}

/// Whether a pointer names a member that its map does not have.
fn is_absent_member(object: &Value, pointer: &str) -> bool {
    let parent = pointer.rsplit_once('/').map(|(parent, _)| parent);
    let map = parent.and_then(|parent| object.pointer(parent));
    map.is_some_and(Value::is_object) && object.pointer(pointer).is_none()
}

/// A patch cannot make another kind of an object.
fn check_type(target: &Target, patched: &Value) -> Result<(), Status> {
    let may_lack = target.resource.custom.is_none();
    let is = |key: &str, wanted: &str| match patched[key].as_str() {
        None => may_lack,
        Some(given) => given == wanted,
    };
    if is("apiVersion", &target.resource.api_version()) && is("kind", &target.resource.kind) {
        return Ok(());
    }
    Err(Status::invalid_patch(
        patched,
        "its apiVersion and kind are not those of the object",
    ))
}

fn check_identity(target: &Target, name: &str, patched: &Value) -> Result<(), Status> {
    if object::name(patched).is_empty() {
        return Err(Status::unnamed(name));
    }
    if object::name(patched) != name {
        return Err(Status::bad_request(format!(
            "the name of the object ({}) does not match the name on the URL ({name})",
            object::name(patched)
        )));
    }
    if object::namespace(patched) != target.namespace.as_deref().unwrap_or_default() {
        return Err(Status::bad_request(
            "the namespace of the object does not match the namespace on the request",
        ));
    }
    Ok(())
}

impl State {
    /// Server-side apply.
    fn apply(
        &mut self,
        target: &Target,
        name: &str,
        part: Part,
        config: &Value,
        options: &WriteOptions,
        now: jiff::Timestamp,
    ) -> Result<Written, Status> {
        let resource = &target.resource;
        if options.field_manager.is_empty() {
            let fault = FieldError::required("fieldManager", "is required for apply patch");
            return Err(Status::invalid_kind(
                "meta.k8s.io",
                "PatchOptions",
                vec![fault],
            ));
        }
        if !config.is_object() {
            return Err(Status::bad_request(
                "an apply configuration must be an object",
            ));
        }
        if !config["metadata"]["managedFields"].is_null() {
            return Err(Status::bad_request("metadata.managedFields must be nil"));
        }
        let text = |key: &str| config[key].as_str().unwrap_or_default();
        if text("apiVersion") != resource.api_version() || text("kind") != resource.kind {
            return Err(Status::bad_request(format!(
                "invalid object type: apiVersion {:?}, kind {:?}",
                text("apiVersion"),
                text("kind")
            )));
        }
        let mut config = check_body(target, Some(name), config.clone())?;
        check_fields(resource, name, &config)?;
        let sent = sent_revision(&config)?;
        let uid = object::uid(&config).to_owned();
        let old = self.get(&resource.storage, &target.key(name)).cloned();
        metadata_mut(&mut config).remove("resourceVersion");
        match old {
            None if part == Part::Status => Err(Status::not_found(resource, name)),
            None if !uid.is_empty() => {
                let why = format!(
                    "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                );
                Err(Status::conflict(resource, name, &why))
            }
            None => {
                let mut object = config.clone();
                managed_fields::record_apply(resource, &config, &mut object, part, options, now)?;
                self.create(target, object, options, Manager::Applied, now)
            }
            Some(old) => {
                if sent.is_some_and(|sent| sent != object::revision(&old)) {
                    return Err(Status::stale(resource, name));
                }
                if !uid.is_empty() && uid != object::uid(&old) {
                    let fault =
                        FieldError::invalid("metadata.uid", &uid.into(), "field is immutable");
                    return Err(Status::invalid(resource, name, vec![fault]));
                }
                let mut object = (*old).clone();
                managed_fields::record_apply(resource, &config, &mut object, part, options, now)?;
                self.replace(target, &old, object, part, options, Manager::Applied, now)
            }
        }
    }
}

/// Server-side apply takes no field that the type does not have, whatever `fieldValidation` says.
fn check_fields(resource: &Resource, name: &str, config: &Value) -> Result<(), Status> {
    let mut typed = config.clone();
    let mut unknown = typed::normalise_metadata(resource, &mut typed)?;
    unknown.extend(match &resource.custom {
        Some(custom) => custom.schema.prune(&mut typed),
        None => typed::normalise(resource, &mut typed)?,
    });
    match unknown.first() {
        None => Ok(()),
        Some(path) => Err(Status::without_reason(&format!(
            "failed to create typed patch object ({}/{name}; {}, Kind={}): .{path}: field not declared in schema",
            object::namespace(config),
            resource.api_version(),
            resource.kind
        ))),
    }
}
