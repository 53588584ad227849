//! Create and update, and the rules that every write obeys.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::managed_fields;
use super::read::sent_revision;
use super::{ApiServer, Change, ObjectKey, State, Target};
use crate::admission;
use crate::clock::rfc3339;
use crate::crd;
use crate::object::{self, metadata_mut, put};
use crate::resource::Resource;
use crate::status::{FieldError, Status};
use crate::{typed, validation, versions};

/// What is done about fields that the schema does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// Drop them silently.
    Ignore,
    /// Drop them and warn; the default.
    #[default]
    Warn,
    /// Refuse the request.
    Strict,
}

/// The query of a write.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// `dryRun=All`: answer as if, store nothing.
    pub dry_run: bool,
    /// `fieldManager`: who writes.
    pub field_manager: String,
    /// `fieldValidation`.
    pub field_validation: FieldValidation,
    /// `force`: server-side apply takes over fields that others own.
    pub force: bool,
}

/// The answer to a write.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The object as it is now.
    pub object: Value,
    /// Whether the write made it.
    pub created: bool,
    /// Texts for the `Warning` header.
    pub warnings: Vec<String>,
}

/// Which part of an object a write is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Everything but the status, where that has a subresource of its own.
    Main,
    /// `/status`.
    Status,
    /// `/finalize` of a namespace.
    Finalize,
}

/// How a write's field manager is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manager<'a> {
    Update(&'a str),
    /// Server-side apply has already set `metadata.managedFields`.
    Applied,
}

impl ApiServer {
    /// Creates an object.
    ///
    /// # Errors
    /// 400 for a body that does not fit the request, 404 for a missing namespace, 403 for a terminating one, 409 where
    /// the name is taken, 422 for an invalid object.
    pub fn create(
        &self,
        target: &Target,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.write(|state, now| {
            let object = check_body(target, None, object)?;
            state.create(
                target,
                object,
                options,
                Manager::Update(&options.field_manager),
                now,
            )
        })
    }

    /// Replaces an object; where `metadata.resourceVersion` is given it must be the current one.
    ///
    /// # Errors
    /// 400, 404, 409 for a stale resourceVersion, 422.
    pub fn update(
        &self,
        target: &Target,
        name: &str,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.update_part(target, name, Part::Main, object, options)
    }

    /// Replaces an object's status.
    ///
    /// # Errors
    /// As [`ApiServer::update`].
    pub fn update_status(
        &self,
        target: &Target,
        name: &str,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.update_part(target, name, Part::Status, object, options)
    }

    fn update_part(
        &self,
        target: &Target,
        name: &str,
        part: Part,
        object: Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.write(|state, now| {
            if object.is_object() && object::name(&object).is_empty() {
                return Err(Status::unnamed(name));
            }
            let object = check_body(target, Some(name), object)?;
            let old = match state.existing(target, name) {
                Err(_) if part == Part::Main && admission::is_made_by_a_put(&target.resource) => {
                    if sent_revision(&object)?.is_some() || !object::uid(&object).is_empty() {
                        return Err(Status::stale(&target.resource, name));
                    }
                    let manager = Manager::Update(&options.field_manager);
                    return state.create(target, object, options, manager, now);
                }
                found => found?,
            };
            if !target.resource.unconditional && sent_revision(&object)?.is_none() {
                let detail = "must be specified for an update";
                let fault = FieldError::invalid("metadata.resourceVersion", &json!(0), detail);
                return Err(Status::invalid(&target.resource, name, vec![fault]));
            }
            state.replace(
                target,
                &old,
                object,
                part,
                options,
                Manager::Update(&options.field_manager),
                now,
            )
        })
    }
}

impl State {
    pub(super) fn existing(&self, target: &Target, name: &str) -> Result<Arc<Value>, Status> {
        self.get(&target.resource.storage, &target.key(name))
            .cloned()
            .ok_or_else(|| Status::not_found(&target.resource, name))
    }

    pub(super) fn create(
        &mut self,
        target: &Target,
        mut object: Value,
        options: &WriteOptions,
        manager: Manager<'_>,
        now: Timestamp,
    ) -> Result<Written, Status> {
        let resource = &target.resource;
        if sent_revision(&object)?.is_some() {
            return Err(Status::without_reason(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        let warnings = decode(resource, &mut object, options.field_validation)?;
        self.name_object(resource, &mut object)?;
        let name = object::name(&object).to_owned();
        let key = target.key(&name);
        self.check_namespace(target, &name)?;
        if crd::is_ending(self, resource) {
            return Err(Status::method_not_allowed());
        }

        let uid = self.new_uid();
        let metadata = metadata_mut(&mut object);
        for key in [
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "selfLink",
            "resourceVersion",
        ] {
            metadata.remove(key);
        }
        metadata.insert("uid".to_owned(), json!(uid));
        metadata.insert("creationTimestamp".to_owned(), json!(rfc3339(now)));
        if resource.generation {
            metadata.insert("generation".to_owned(), json!(1));
        }
        // As in the real server: what the client sent and the defaults are its manager's; what the server sets is nobody's.
        if let Manager::Update(manager) = manager {
            managed_fields::record_update(resource, None, &mut object, Part::Main, manager, now);
        }
        admission::reset_status(resource, &mut object);
        admission::prepare(self, resource, None, &mut object);
        self.check(resource, None, &object, Part::Main)?;
        if self.get(&resource.storage, &key).is_some() {
            return Err(Status::already_exists(resource, &name));
        }
        if options.dry_run {
            return Ok(Written {
                object: versions::present(resource, &object),
                created: true,
                warnings,
            });
        }
        let stored = self.commit(resource, &key, Change::Store(object));
        Ok(Written {
            object: versions::present(resource, &stored),
            created: true,
            warnings,
        })
    }

    fn name_object(&mut self, resource: &Resource, object: &mut Value) -> Result<(), Status> {
        if !object::name(object).is_empty() {
            return Ok(());
        }
        let prefix = object::meta_str(object, "generateName").to_owned();
        if prefix.is_empty() {
            let fault = FieldError::required("metadata.name", "name or generateName is required");
            return Err(Status::invalid(resource, "", vec![fault]));
        }
        // As the real server: the prefix is cut so that a name with its suffix has at most 63 characters.
        let prefix: String = prefix.chars().take(58).collect();
        let name = format!("{prefix}{}", self.name_suffix());
        metadata_mut(object).insert("name".to_owned(), json!(name));
        Ok(())
    }

    fn check_namespace(&self, target: &Target, name: &str) -> Result<(), Status> {
        let Some(namespace) = &target.namespace else {
            return Ok(());
        };
        match self.namespace(namespace) {
            None => {
                let namespaces = self.registry.find("", "v1", "namespaces");
                Err(namespaces.map_or_else(Status::no_such_resource, |r| {
                    Status::not_found(r, namespace)
                }))
            }
            Some(found) if object::is_terminating(found) => {
                let why = format!(
                    "unable to create new content in namespace {namespace} because it is being terminated"
                );
                Err(Status::forbidden(&target.resource, name, &why).with_cause(
                    "NamespaceTerminating",
                    format!("namespace {namespace} is being terminated"),
                ))
            }
            Some(_) => Ok(()),
        }
    }

    /// Puts `new` in the place of `old`.
    #[expect(
        clippy::too_many_arguments,
        reason = "they are the parts of one request"
    )]
    pub(super) fn replace(
        &mut self,
        target: &Target,
        old: &Arc<Value>,
        mut new: Value,
        part: Part,
        options: &WriteOptions,
        manager: Manager<'_>,
        now: Timestamp,
    ) -> Result<Written, Status> {
        let resource = &target.resource;
        let name = object::name(old).to_owned();
        if sent_revision(&new)?.is_some_and(|sent| sent != object::revision(old)) {
            return Err(Status::stale(resource, &name));
        }
        let sent_uid = object::uid(&new);
        if !sent_uid.is_empty() && sent_uid != object::uid(old) {
            let why = format!(
                "Precondition failed: UID in precondition: {sent_uid}, UID in object meta: {}",
                object::uid(old)
            );
            return Err(Status::conflict(resource, &name, &why));
        }
        let warnings = decode(resource, &mut new, options.field_validation)?;
        // Nothing of the metadata comes with the status of a custom resource.
        let fixed = match part {
            Part::Status if resource.custom.is_some() => Vec::new(),
            _ => changed_fixed_metadata(old, &new),
        };
        keep_other_part(resource, old, &mut new, part);
        keep_system_metadata(old, &mut new);
        if let Manager::Update(manager) = manager {
            managed_fields::record_update(resource, Some(old), &mut new, part, manager, now);
        }
        if part != Part::Finalize {
            admission::prepare(self, resource, Some(old), &mut new);
        }
        if !fixed.is_empty() {
            return Err(Status::invalid(resource, &name, fixed));
        }
        self.check(resource, Some(old), &new, part)?;
        let spec_changed =
            resource.generation && part == Part::Main && spec_differs(resource, old, &new);
        if spec_changed {
            let generation = old["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            metadata_mut(&mut new).insert("generation".to_owned(), json!(generation));
        }
        if same_but_for_bookkeeping(old, &new) {
            return Ok(Written {
                object: versions::present(resource, old),
                created: false,
                warnings,
            });
        }
        if options.dry_run {
            return Ok(Written {
                object: versions::present(resource, &new),
                created: false,
                warnings,
            });
        }
        let key = (object::namespace(old).to_owned(), name);
        let stored = self.store_or_finish(resource, &key, new);
        Ok(Written {
            object: versions::present(resource, &stored),
            created: false,
            warnings,
        })
    }

    /// Stores an object, or removes it where this write took the last thing that held a deletion up.
    pub(crate) fn store_or_finish(
        &mut self,
        resource: &Resource,
        key: &ObjectKey,
        new: Value,
    ) -> Arc<Value> {
        let ends = object::is_terminating(&new) && admission::may_vanish(resource, &new);
        let change = if ends {
            Change::Remove(new)
        } else {
            Change::Store(new)
        };
        self.commit(resource, key, change)
    }

    /// The rules of an object as it would be stored.
    fn check(
        &self,
        resource: &Resource,
        old: Option<&Value>,
        object: &Value,
        part: Part,
    ) -> Result<(), Status> {
        let mut faults = validation::metadata(resource, object);
        if let Some(old) = old {
            faults.extend(changed_immutable_metadata(old, object));
        }
        if let Some(custom) = &resource.custom {
            faults.extend(custom.schema.validate(object));
        }
        faults.extend(match part {
            Part::Main => admission::validate(self, resource, old, object),
            Part::Status => admission::validate_status(resource, old, object),
            Part::Finalize => admission::validate_finalizers(object),
        });
        if !faults.is_empty() {
            return Err(Status::invalid(resource, object::name(object), faults));
        }
        match admission::unallocatable(self, resource, object) {
            Some(why) => Err(Status::internal(&why)),
            None => Ok(()),
        }
    }
}

/// Brings an object into the form of its type: drops what the type does not know, and fills in defaults. Returns warnings.
fn decode(
    resource: &Resource,
    object: &mut Value,
    validation: FieldValidation,
) -> Result<Vec<String>, Status> {
    let mut warnings = Vec::new();
    let mut unknown = typed::normalise_metadata(resource, object)?;
    unknown.extend(match &resource.custom {
        Some(custom) => {
            warnings.extend(custom.warning.clone());
            custom.schema.prune(object)
        }
        None => typed::normalise(resource, object)?,
    });
    let texts = unknown.iter().map(|path| format!("unknown field {path:?}"));
    match validation {
        FieldValidation::Strict if !unknown.is_empty() => {
            return Err(Status::strict_decoding(
                resource,
                &texts.collect::<Vec<_>>(),
            ));
        }
        FieldValidation::Warn => warnings.extend(texts),
        _ => {}
    }
    if let Some(custom) = &resource.custom {
        custom.schema.apply_defaults(object);
    }
    drop_nulls_in_metadata(object);
    admission::apply_defaults(resource, object);
    warnings.extend(admission::warnings(resource, object));
    Ok(warnings)
}

/// Checks that a body is of this kind, namespace and name, and brings it into the stored form.
pub(super) fn check_body(
    target: &Target,
    name: Option<&str>,
    mut object: Value,
) -> Result<Value, Status> {
    let resource = &target.resource;
    if !object.is_object() {
        return Err(Status::bad_request(
            "the object provided is not a JSON object",
        ));
    }
    for (key, wanted) in [
        ("apiVersion", resource.api_version()),
        ("kind", resource.kind.clone()),
    ] {
        match object[key].as_str() {
            None | Some("") => {}
            Some(given) if given == wanted => {}
            Some(given) => {
                return Err(Status::bad_request(format!(
                    "the {key} in the data ({given}) does not match the expected {key} ({wanted})"
                )));
            }
        }
    }
    // A built-in kind is known by its path; what a definition makes is decoded by the names that it carries.
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    if resource.custom.is_some() && text("kind").is_empty() && !object["kind"].is_number() {
        return Err(Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): Object 'Kind' is missing",
            resource.kind
        )));
    }
    if resource.custom.is_some() && text("apiVersion").is_empty() {
        return Err(Status::bad_request(format!(
            "the API version in the data () does not match the expected API version ({})",
            resource.api_version()
        )));
    }
    if let Some(kind) = object
        .get("kind")
        .filter(|kind| !kind.is_null() && !kind.is_string())
    {
        return Err(Status::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): its kind is {kind}, and not a text",
            resource.kind
        )));
    }
    let given_namespace = object::namespace(&object).to_owned();
    match &target.namespace {
        Some(namespace) if !given_namespace.is_empty() && given_namespace != *namespace => {
            return Err(Status::bad_request(format!(
                "the namespace of the provided object does not match the namespace sent on the request \
                 ({given_namespace} != {namespace})"
            )));
        }
        Some(namespace) => {
            metadata_mut(&mut object).insert("namespace".to_owned(), json!(namespace));
        }
        None => {
            metadata_mut(&mut object).remove("namespace");
        }
    }
    if let Some(name) = name {
        match object::name(&object).to_owned().as_str() {
            "" => {
                metadata_mut(&mut object).insert("name".to_owned(), json!(name));
            }
            given if given == name => {}
            given => {
                return Err(Status::bad_request(format!(
                    "the name of the object ({given}) does not match the name on the URL ({name})"
                )));
            }
        }
    }
    versions::store(resource, &mut object);
    Ok(object)
}

/// A write to the main resource leaves the status alone, one to the status everything else.
fn keep_other_part(resource: &Resource, old: &Value, new: &mut Value, part: Part) {
    match part {
        Part::Main if resource.status => {
            put(object::as_map(new), "status", old.get("status").cloned());
        }
        Part::Main => {}
        Part::Finalize => {
            let finalizers = new["spec"].get("finalizers").cloned();
            *new = old.clone();
            put(
                object::child(object::as_map(new), "spec"),
                "finalizers",
                finalizers,
            );
        }
        Part::Status => {
            let mut kept = old.clone();
            put(
                object::as_map(&mut kept),
                "status",
                new.get("status").cloned(),
            );
            if resource.custom.is_none() {
                // The status endpoints of built-in kinds take labels and annotations too.
                let owners = (!resource.is("", "Pod")).then_some("ownerReferences");
                for key in ["labels", "annotations", "finalizers"]
                    .into_iter()
                    .chain(owners)
                {
                    put(
                        metadata_mut(&mut kept),
                        key,
                        new["metadata"].get(key).cloned(),
                    );
                }
            }
            put(
                metadata_mut(&mut kept),
                "managedFields",
                new["metadata"].get("managedFields").cloned(),
            );
            *new = kept;
        }
    }
}

/// What clients cannot change.
fn keep_system_metadata(old: &Value, new: &mut Value) {
    let metadata = metadata_mut(new);
    let kept = [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "resourceVersion",
    ];
    for key in kept {
        put(metadata, key, old["metadata"].get(key).cloned());
    }
    metadata.remove("selfLink");
    if !metadata.contains_key("managedFields") {
        put(
            metadata,
            "managedFields",
            old["metadata"].get("managedFields").cloned(),
        );
    }
}

/// Custom kinds count every field outside metadata and status, built-in kinds their spec.
fn spec_differs(resource: &Resource, old: &Value, new: &Value) -> bool {
    let body = |object: &Value| {
        let mut body = object.as_object().cloned().unwrap_or_default();
        body.remove("metadata");
        if resource.status {
            body.remove("status");
        }
        body
    };
    body(old) != body(new)
}

/// Equal except for the times in managedFields: the real server drops such writes.
fn same_but_for_bookkeeping(old: &Value, new: &Value) -> bool {
    let strip = |object: &Value| {
        let mut object = object.clone();
        if let Some(entries) = metadata_mut(&mut object)
            .get_mut("managedFields")
            .and_then(Value::as_array_mut)
        {
            for entry in entries {
                object::as_map(entry).remove("time");
            }
        }
        object
    };
    strip(old) == strip(new)
}

/// Times of the server that a client sent and that are others: k8s.io/apimachinery `ValidateObjectMetaUpdate`.
fn changed_fixed_metadata(old: &Value, sent: &Value) -> Vec<FieldError> {
    ["deletionTimestamp", "deletionGracePeriodSeconds"]
        .into_iter()
        .filter_map(|key| Some((key, sent["metadata"].get(key)?)))
        .filter(|(key, value)| !value.is_null() && **value != old["metadata"][*key])
        .map(|(key, value)| {
            FieldError::invalid(&format!("metadata.{key}"), value, "field is immutable")
        })
        .collect()
}

fn changed_immutable_metadata(old: &Value, new: &Value) -> Vec<FieldError> {
    if !object::is_terminating(old) {
        return Vec::new();
    }
    let before: Vec<&str> = object::finalizers(old).collect();
    let added: Vec<&str> = object::finalizers(new)
        .filter(|f| !before.contains(f))
        .collect();
    if added.is_empty() {
        return Vec::new();
    }
    let detail = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers {added:?}"
    );
    vec![FieldError::forbidden("metadata.finalizers", detail)]
}

/// Typed decoding drops nulls and empty collections in metadata; so must we, or a no-op write would look like a change.
fn drop_nulls_in_metadata(object: &mut Value) {
    metadata_mut(object).retain(|key, value| {
        let droppable = matches!(
            key.as_str(),
            "labels" | "annotations" | "finalizers" | "ownerReferences" | "managedFields"
        );
        !value.is_null()
            && !(droppable
                && (value.as_object().is_some_and(serde_json::Map::is_empty)
                    || value.as_array().is_some_and(Vec::is_empty)))
    });
}
