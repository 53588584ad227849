//! The parameters of a request, read and checked.

use http::Method;
use http::header::USER_AGENT;
use serde_json::json;

use super::Call;
use crate::server::{DeleteOptions, FieldValidation, ListOptions, Propagation, WriteOptions};
use crate::status::{FieldError, Status};

/// k8s.io/apimachinery `pkg/apis/meta/v1/validation/validation.go`.
const MAX_MANAGER_BYTES: usize = 128;

impl Call<'_> {
    pub(super) fn list_options(&self) -> Result<ListOptions, Status> {
        self.query.number("timeoutSeconds")?;
        if self.query.has("sendInitialEvents") {
            let detail = "sendInitialEvents is forbidden for list";
            let fault = FieldError::forbidden("sendInitialEvents", detail);
            return Err(Status::invalid_kind(
                "meta.k8s.io",
                "ListOptions",
                vec![fault],
            ));
        }
        Ok(ListOptions {
            label_selector: self.query.text("labelSelector"),
            field_selector: self.query.text("fieldSelector"),
            limit: self
                .query
                .number("limit")?
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(0),
            continue_token: self.query.text("continue"),
            resource_version: self.query.text("resourceVersion"),
            resource_version_match: self.query.text("resourceVersionMatch"),
        })
    }

    pub(super) fn write_options(&self) -> Result<WriteOptions, Status> {
        let mut field_manager = self.query.text("fieldManager");
        if field_manager.is_empty() && self.media_type() != "application/apply-patch+yaml" {
            // As the real server: the first word of the user agent stands in.
            let agent = self.header(USER_AGENT.as_str());
            let word = agent.split('/').next().filter(|s| !s.is_empty());
            word.unwrap_or("unknown").clone_into(&mut field_manager);
        }
        let field_validation = match self.query.text("fieldValidation").as_str() {
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            "Ignore" => FieldValidation::Ignore,
            other => {
                let allowed = ["Ignore", "Strict", "Warn"].map(str::to_owned);
                let fault = FieldError::not_supported("fieldValidation", &json!(other), &allowed);
                return Err(self.options_fault(fault));
            }
        };
        if field_manager.len() > MAX_MANAGER_BYTES {
            return Err(self.options_fault(FieldError::too_long("fieldManager", MAX_MANAGER_BYTES)));
        }
        if let Some(found) = field_manager.chars().find(|c| c.is_control()) {
            let detail = format!("invalid character U+{:04X}", u32::from(found));
            let fault = FieldError::invalid("fieldManager", &json!(field_manager), detail);
            return Err(self.options_fault(fault));
        }
        let is_apply = self.media_type() == "application/apply-patch+yaml";
        if is_apply && field_manager.is_empty() {
            let fault = FieldError::required("fieldManager", "is required for apply patch");
            return Err(self.options_fault(fault));
        }
        if !is_apply && *self.method == Method::PATCH && self.query.flag("force") {
            let detail = "may not be specified for non-apply patch";
            return Err(self.options_fault(FieldError::forbidden("force", detail)));
        }
        Ok(WriteOptions {
            dry_run: self.dry_run()?,
            field_manager,
            field_validation,
            force: self.query.flag("force"),
        })
    }

    /// 422 for a parameter of a write.
    fn options_fault(&self, fault: FieldError) -> Status {
        let kind = match self.method.as_str() {
            "POST" => "CreateOptions",
            "PUT" => "UpdateOptions",
            "DELETE" => "DeleteOptions",
            _ => "PatchOptions",
        };
        Status::invalid_kind("meta.k8s.io", kind, vec![fault])
    }

    fn dry_run(&self) -> Result<bool, Status> {
        match self.query.text("dryRun").as_str() {
            "" if !self.query.has("dryRun") => Ok(false),
            "All" => Ok(true),
            other => {
                let fault =
                    FieldError::not_supported("dryRun", &json!([other]), &["All".to_owned()]);
                Err(self.options_fault(fault))
            }
        }
    }

    pub(super) fn delete_options(&self) -> Result<DeleteOptions, Status> {
        // As in the real server: options in a body hide those of the query.
        if !self.body.is_empty() {
            return DeleteOptions::from_body(&self.object()?);
        }
        let mut options = DeleteOptions::default();
        if self.query.has("propagationPolicy") {
            let policy = self.query.text("propagationPolicy");
            options.propagation = Some(Propagation::parse(&policy)?);
        }
        if self.query.has("orphanDependents") {
            options.take_orphan_dependents(self.query.flag("orphanDependents"))?;
        }
        if let Some(seconds) = self.query.number("gracePeriodSeconds")? {
            options.grace_period_seconds = i64::try_from(seconds).ok();
        }
        options.dry_run = self.dry_run()?;
        Ok(options)
    }

    /// A read of one object may ask for one that is not older than a revision.
    pub(super) fn check_revision(&self) -> Result<(), Status> {
        let text = self.query.text("resourceVersion");
        if text.is_empty() {
            return Ok(());
        }
        let asked: u64 = text.parse().map_err(|_| {
            Status::without_reason(&format!(
                "resourceVersion: Invalid value: {text:?}: not a number"
            ))
        })?;
        let current = self.server.revision();
        if asked > current {
            return Err(Status::revision_too_large(asked, current));
        }
        Ok(())
    }

    /// k8s.io/apimachinery `pkg/apis/internalversion/validation/validation.go`, for watches.
    pub(super) fn check_watch_options(&self) -> Result<(), Status> {
        let matching = self.query.text("resourceVersionMatch");
        let fault = if !self.query.text("continue").is_empty() {
            FieldError::forbidden("continue", "continue is forbidden for watch")
        } else if self.query.has("sendInitialEvents") {
            match matching.as_str() {
                "NotOlderThan" => return Ok(()),
                "" => FieldError::forbidden(
                    "resourceVersionMatch",
                    "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
                ),
                other => FieldError::not_supported(
                    "resourceVersionMatch",
                    &json!(other),
                    &["NotOlderThan".to_owned()],
                ),
            }
        } else if matching.is_empty() {
            return Ok(());
        } else {
            FieldError::forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )
        };
        Err(Status::invalid_kind(
            "meta.k8s.io",
            "ListOptions",
            vec![fault],
        ))
    }
}
