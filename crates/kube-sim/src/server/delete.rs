//! Deletion: preconditions, finalizers, grace, propagation.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::read::Selection;
use super::write::{Manager, Part, WriteOptions, Written};
use super::{ApiServer, Change, List, ListOptions, State, Target};
use crate::admission;
use crate::clock::rfc3339;
use crate::object::{self, metadata_mut};
use crate::status::{FieldError, Status};
use crate::versions;

/// The finalizer that waits for dependents (`propagationPolicy=Foreground`).
pub(crate) const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer that waits until dependents have let go (`propagationPolicy=Orphan`).
pub(crate) const ORPHAN: &str = "orphan";

/// What becomes of dependents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted afterwards.
    Background,
    /// They are deleted first.
    Foreground,
    /// They lose the owner reference and stay.
    Orphan,
}

/// `metav1.DeleteOptions`.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// `propagationPolicy`; background where it is not given.
    pub propagation: Option<Propagation>,
    /// `preconditions.uid`.
    pub uid: Option<String>,
    /// `preconditions.resourceVersion`.
    pub resource_version: Option<String>,
    /// `gracePeriodSeconds`; only pods have a grace period.
    pub grace_period_seconds: Option<i64>,
    /// `dryRun=All`.
    pub dry_run: bool,
}

impl DeleteOptions {
    /// Reads `metav1.DeleteOptions`.
    pub(crate) fn from_body(body: &Value) -> Result<Self, Status> {
        let fits = body.is_object()
            && matches!(body["kind"].as_str(), None | Some("" | "DeleteOptions"))
            && matches!(body["dryRun"], Value::Null | Value::Array(_))
            && (body["gracePeriodSeconds"].is_null() || body["gracePeriodSeconds"].is_i64());
        if !fits {
            let why = format!("{body} cannot be read as DeleteOptions");
            return Err(Status::bad_request(why));
        }
        if object::items(&body["dryRun"]).any(|value| value != "All") {
            let allowed = ["All".to_owned()];
            let fault = FieldError::not_supported("dryRun", &body["dryRun"], &allowed);
            return Err(invalid_options(fault));
        }
        let propagation = match body["propagationPolicy"].as_str() {
            None => None,
            Some(text) => Some(Propagation::parse(text)?),
        };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut options = Self {
            propagation,
            uid: text(&body["preconditions"]["uid"]),
            resource_version: text(&body["preconditions"]["resourceVersion"]),
            grace_period_seconds: body["gracePeriodSeconds"].as_i64(),
            dry_run: object::items(&body["dryRun"]).any(|v| v == "All"),
        };
        if let Some(orphan) = body["orphanDependents"].as_bool() {
            options.take_orphan_dependents(orphan)?;
        }
        Ok(options)
    }

    /// `orphanDependents`, the old way to say what `propagationPolicy` says.
    pub(crate) fn take_orphan_dependents(&mut self, orphan: bool) -> Result<(), Status> {
        if let Some(policy) = self.propagation {
            let detail = "orphanDependents and deletionPropagation cannot be both set";
            let value = json!(format!("{policy:?}"));
            return Err(invalid_options(FieldError::invalid(
                "propagationPolicy",
                &value,
                detail,
            )));
        }
        self.propagation = orphan.then_some(Propagation::Orphan);
        Ok(())
    }
}

fn invalid_options(fault: FieldError) -> Status {
    Status::invalid_kind("meta.k8s.io", "DeleteOptions", vec![fault])
}

impl Propagation {
    pub(crate) fn parse(text: &str) -> Result<Self, Status> {
        match text {
            "Background" => Ok(Self::Background),
            "Foreground" => Ok(Self::Foreground),
            "Orphan" => Ok(Self::Orphan),
            other => {
                let allowed = ["Background", "Foreground", "Orphan"].map(str::to_owned);
                let fault = FieldError::not_supported("propagationPolicy", &json!(other), &allowed);
                Err(invalid_options(fault))
            }
        }
    }
}

/// What a deletion left behind.
pub(crate) enum Deleted {
    /// The object is gone.
    Gone(Value),
    /// It is terminating: something holds it up.
    Terminating(Value),
}

impl ApiServer {
    /// Asks for the deletion of an object. It is gone at once, unless finalizers or a grace period hold it up.
    ///
    /// Returns the object as it was left.
    ///
    /// # Errors
    /// 404, or 409 where a precondition does not hold.
    pub fn delete(
        &self,
        target: &Target,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Value, Status> {
        self.delete_detailed(target, name, options)
            .map(|deleted| match deleted {
                Deleted::Gone(object) | Deleted::Terminating(object) => object,
            })
    }

    pub(crate) fn delete_detailed(
        &self,
        target: &Target,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Deleted, Status> {
        self.write(|state, now| state.delete(target, name, options, now))
    }

    /// Replaces `spec.finalizers` of a namespace (`/finalize`); a terminating one without any is gone.
    pub(crate) fn finalize_namespace(
        &self,
        target: &Target,
        name: &str,
        object: &Value,
        options: &WriteOptions,
    ) -> Result<Written, Status> {
        self.write(|state, now| {
            let old = state.existing(target, name)?;
            let mut new = (*old).clone();
            let finalizers = object["spec"].get("finalizers").cloned();
            object::put(
                object::child(object::as_map(&mut new), "spec"),
                "finalizers",
                finalizers,
            );
            state.replace(
                target,
                &old,
                new,
                Part::Finalize,
                options,
                Manager::Update(&options.field_manager),
                now,
            )
        })
    }

    /// Deletes every object of a collection that the selectors choose.
    ///
    /// # Errors
    /// As [`ApiServer::list`] and [`ApiServer::delete`].
    pub fn delete_collection(
        &self,
        target: &Target,
        list: &ListOptions,
        options: &DeleteOptions,
    ) -> Result<List, Status> {
        Selection::parse(&target.resource, &list.label_selector, &list.field_selector)?;
        let found = self.list(target, list)?;
        for object in &found.items {
            let one = Target {
                resource: Arc::clone(&target.resource),
                namespace: target
                    .resource
                    .namespaced
                    .then(|| object::namespace(object).to_owned()),
            };
            match self.delete(&one, object::name(object), options) {
                Err(status) if status.code != 404 => return Err(status),
                _ => {}
            }
        }
        Ok(found)
    }
}

impl State {
    pub(crate) fn delete(
        &mut self,
        target: &Target,
        name: &str,
        options: &DeleteOptions,
        now: Timestamp,
    ) -> Result<Deleted, Status> {
        let resource = &target.resource;
        let old = self.existing(target, name)?;
        check_preconditions(target, &old, options)?;
        if let Some(why) = admission::undeletable(resource, name) {
            return Err(Status::forbidden(resource, name, why));
        }

        let mut new = (*old).clone();
        set_propagation_finalizers(&mut new, options.propagation);
        let grace = admission::grace_period(resource, &old, options.grace_period_seconds);
        if !object::is_terminating(&new) {
            let at = now
                .checked_add(SignedDuration::from_secs(grace))
                .unwrap_or(now);
            let metadata = metadata_mut(&mut new);
            metadata.insert("deletionTimestamp".to_owned(), json!(rfc3339(at)));
            metadata.insert("deletionGracePeriodSeconds".to_owned(), json!(grace));
            if let Some(generation) = old["metadata"]["generation"].as_i64() {
                metadata.insert("generation".to_owned(), json!(generation + 1));
            }
            admission::on_deletion(resource, &mut new);
        } else if grace == 0 {
            metadata_mut(&mut new).insert("deletionGracePeriodSeconds".to_owned(), json!(0));
        }

        let gone = admission::may_vanish(resource, &new);
        let shown = if options.dry_run || (!gone && new == *old) {
            Arc::new(new)
        } else if gone {
            // A deletion that nothing holds up shows the object as it was.
            self.commit(resource, &target.key(name), Change::Remove((*old).clone()))
        } else {
            self.commit(resource, &target.key(name), Change::Store(new))
        };
        let shown = versions::present(resource, &shown);
        Ok(if gone {
            Deleted::Gone(shown)
        } else {
            Deleted::Terminating(shown)
        })
    }
}

fn check_preconditions(
    target: &Target,
    old: &Value,
    options: &DeleteOptions,
) -> Result<(), Status> {
    let checks = [
        (
            "UID",
            &options.uid,
            object::uid(old),
            "deleted and then recreated",
        ),
        (
            "ResourceVersion",
            &options.resource_version,
            object::meta_str(old, "resourceVersion"),
            "modified",
        ),
    ];
    for (what, wanted, found, changed) in checks {
        if let Some(wanted) = wanted.as_deref().filter(|wanted| *wanted != found) {
            let why = format!(
                "the {what} in the precondition ({wanted}) does not match the {what} in record ({found}). \
                 The object might have been {changed}"
            );
            return Err(Status::precondition(
                &target.resource,
                object::name(old),
                &why,
            ));
        }
    }
    Ok(())
}

/// A policy that is given decides both finalizers; one that is not leaves what is there.
fn set_propagation_finalizers(object: &mut Value, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else {
        return;
    };
    let before: Vec<String> = object::finalizers(object).map(str::to_owned).collect();
    let mut after: Vec<String> = before
        .iter()
        .filter(|f| *f != FOREGROUND && *f != ORPHAN)
        .cloned()
        .collect();
    match propagation {
        Propagation::Background => {}
        Propagation::Foreground => after.push(FOREGROUND.to_owned()),
        Propagation::Orphan => after.push(ORPHAN.to_owned()),
    }
    if before != after {
        object::set_finalizers(object, &after);
    }
}
