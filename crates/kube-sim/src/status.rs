//! `metav1.Status`: how the API server says that a request failed.
//!
//! Codes, reasons and texts follow k8s.io/apimachinery `pkg/api/errors/errors.go`, because clients match on them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::resource::Resource;

/// A failed request, as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({reason}, {code})")]
pub struct Status {
    /// HTTP status code.
    pub code: u16,
    /// Machine-readable reason, such as `NotFound` or `Conflict`.
    pub reason: &'static str,
    /// Text for people.
    pub message: String,
    /// What the request was about.
    pub details: Box<Details>,
}

/// `metav1.StatusDetails`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Details {
    /// Name of the object.
    pub name: String,
    /// API group of the object.
    pub group: String,
    /// Plural resource name, or the kind where the object is invalid.
    pub kind: String,
    /// One entry per fault.
    pub causes: Vec<Cause>,
    /// Seconds after which the client should try again.
    pub retry_after_seconds: Option<u32>,
}

/// `metav1.StatusCause`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Machine-readable reason, such as `FieldValueRequired`.
    pub reason: &'static str,
    /// Text for people.
    pub message: String,
    /// Path of the field at fault, or empty.
    pub field: String,
}

impl Status {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Box::default(),
        }
    }

    fn about(mut self, resource: &Resource, name: &str) -> Self {
        name.clone_into(&mut self.details.name);
        self.details.group.clone_from(&resource.group);
        self.details.kind.clone_from(&resource.plural);
        self
    }

    /// 404: the object does not exist.
    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::new(
            404,
            "NotFound",
            format!("{} {name:?} not found", resource.group_resource()),
        )
        .about(resource, name)
    }

    /// 404: no such resource or path is served.
    pub fn no_such_resource() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
    }

    /// 409: an object of that name exists.
    pub fn already_exists(resource: &Resource, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{} {name:?} already exists", resource.group_resource()),
        )
        .about(resource, name)
    }

    /// 409: the write was based on something that is no longer so.
    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: {why}",
            resource.group_resource()
        );
        Self::new(409, "Conflict", message).about(resource, name)
    }

    /// 409: what a deletion was conditional on is not so.
    pub(crate) fn precondition(resource: &Resource, name: &str, why: &str) -> Self {
        let kind = if resource.group.is_empty() {
            resource.kind.clone()
        } else {
            format!("{}.{}", resource.kind, resource.group)
        };
        let message = format!("Operation cannot be fulfilled on {kind} {name:?}: {why}");
        let mut status = Self::new(409, "Conflict", message).about(resource, name);
        status.details.kind.clone_from(&resource.kind);
        status
    }

    /// 409: the resourceVersion given is not the object's.
    pub fn stale(resource: &Resource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409: server-side apply met fields that others own.
    pub fn apply_conflict(causes: Vec<Cause>) -> Self {
        let message = match causes.as_slice() {
            [one] => format!(
                "Apply failed with 1 conflict: {}: {}",
                one.message, one.field
            ),
            many => {
                let mut fields: BTreeMap<&str, String> = BTreeMap::new();
                for cause in many {
                    let of_manager = fields.entry(&cause.message).or_default();
                    of_manager.push_str("\n- ");
                    of_manager.push_str(&cause.field);
                }
                let groups: Vec<String> = fields
                    .iter()
                    .map(|(message, fields)| {
                        format!("{}:{fields}", message.replacen("conflict", "conflicts", 1))
                    })
                    .collect();
                format!(
                    "Apply failed with {} conflicts: {}",
                    many.len(),
                    groups.join("\n")
                )
            }
        };
        let mut status = Self::new(409, "Conflict", message);
        status.details.causes = causes;
        status
    }

    /// 403: understood and refused.
    pub fn forbidden(resource: &Resource, name: &str, why: &str) -> Self {
        let message = if name.is_empty() {
            format!("{} is forbidden: {why}", resource.group_resource())
        } else {
            format!("{} {name:?} is forbidden: {why}", resource.group_resource())
        };
        Self::new(403, "Forbidden", message).about(resource, name)
    }

    /// 401: the token is nobody's.
    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    /// 403: the user has no right to do this with the resource.
    pub(crate) fn forbidden_by_rights(group: &str, plural: &str, name: &str, why: &str) -> Self {
        let resource = if group.is_empty() {
            plural.to_owned()
        } else {
            format!("{plural}.{group}")
        };
        let message = if name.is_empty() {
            format!("{resource} is forbidden: {why}")
        } else {
            format!("{resource} {name:?} is forbidden: {why}")
        };
        let mut status = Self::new(403, "Forbidden", message);
        name.clone_into(&mut status.details.name);
        group.clone_into(&mut status.details.group);
        plural.clone_into(&mut status.details.kind);
        status
    }

    /// 403: the user has no right to use the path.
    pub(crate) fn forbidden_path(user: &str, verb: &str, path: &str) -> Self {
        let message = format!("forbidden: User {user:?} cannot {verb} path {path:?}");
        Self::new(403, "Forbidden", message)
    }

    /// 422: the object breaks rules of its kind.
    pub fn invalid(resource: &Resource, name: &str, faults: Vec<FieldError>) -> Self {
        Self::invalid_object(&resource.group, &resource.kind, name, faults)
    }

    /// 422: a request that is not stored, such as the options of one, breaks rules of its kind.
    pub(crate) fn invalid_kind(group: &str, kind: &str, faults: Vec<FieldError>) -> Self {
        Self::invalid_object(group, kind, "", faults)
    }

    fn invalid_object(group: &str, plain_kind: &str, name: &str, faults: Vec<FieldError>) -> Self {
        let kind = if group.is_empty() {
            plain_kind.to_owned()
        } else {
            format!("{plain_kind}.{group}")
        };
        let texts: Vec<String> = faults.iter().map(FieldError::to_string).collect();
        let joined = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let mut status = Self::new(
            422,
            "Invalid",
            format!("{kind} {name:?} is invalid: {joined}"),
        );
        name.clone_into(&mut status.details.name);
        group.clone_into(&mut status.details.group);
        plain_kind.clone_into(&mut status.details.kind);
        status.details.causes = faults.into_iter().map(FieldError::into_cause).collect();
        status
    }

    /// 422 without a field: a patch that cannot be applied to this object. The real server says no more either.
    pub fn unprocessable() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message)
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(why: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", why)
    }

    /// 400: a body that does not fit its kind.
    pub(crate) fn undecodable(resource: &Resource, why: &str) -> Self {
        Self::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {why}",
            resource.kind, resource.version, resource.kind
        ))
    }

    /// 400: `fieldValidation=Strict` and fields that are unknown, or there twice.
    pub(crate) fn strict_decoding(resource: &Resource, faults: &[String]) -> Self {
        Self::undecodable(
            resource,
            &format!("strict decoding error: {}", faults.join(", ")),
        )
    }

    /// 422: what a patch makes of an object cannot be read as one.
    pub(crate) fn invalid_patch(patched: &Value, why: &str) -> Self {
        let fault = FieldError::invalid("patch", &json!(patched.to_string()), why);
        Self::invalid_object("", "", "", vec![fault])
    }

    /// 400: the body names no object.
    pub(crate) fn unnamed(name: &str) -> Self {
        Self::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ))
    }

    /// 404 as text: paths that the real server's router does not know.
    pub(crate) fn no_such_path() -> Self {
        Self::new(404, "", "404 page not found\n")
    }

    /// 500 as a plain error of the server comes out: without a reason.
    pub(crate) fn without_reason(why: &str) -> Self {
        Self::new(500, "", why)
    }

    /// 405: the resource has no such verb.
    pub fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    /// 406: none of the accepted media types can be served.
    pub fn not_acceptable() -> Self {
        Self::new(
            406,
            "NotAcceptable",
            "406: Not Acceptable: kube-sim answers with application/json only, and as=Table, as=PartialObjectMetadata and \
             as=PartialObjectMetadataList of meta.k8s.io/v1",
        )
    }

    /// 406: a shape that is for single objects, or for lists.
    pub(crate) fn wrong_shape(asked: &str, found: &str) -> Self {
        let message = format!("you requested {asked}, but the requested object is {found}");
        Self::new(406, "NotAcceptable", message)
    }

    /// 415: the body's media type is not known.
    pub fn unsupported_media_type(given: &str) -> Self {
        let hint = if given.ends_with("protobuf") {
            " (kube-sim does not read protobuf, which `kubectl create KIND NAME` sends; use `kubectl apply -f` with a manifest)"
        } else {
            ""
        };
        Self::unknown_format("application/json, application/yaml", hint)
    }

    /// 415: no such kind of patch, or not for custom resources.
    pub fn unsupported_patch(is_custom: bool) -> Self {
        let accepted = if is_custom {
            "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
        } else {
            "application/json-patch+json, application/merge-patch+json, \
             application/strategic-merge-patch+json, application/apply-patch+yaml"
        };
        Self::unknown_format(accepted, "")
    }

    fn unknown_format(accepted: &str, hint: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}{hint}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// 410: the revision asked for is no longer kept.
    pub fn expired(why: impl Into<String>) -> Self {
        Self::new(410, "Expired", why)
    }

    /// 504: the revision asked for has not been reached.
    pub fn revision_too_large(asked: u64, current: u64) -> Self {
        let mut status = Self::new(
            504,
            "Timeout",
            format!("Timeout: Too large resource version: {asked}, current: {current}"),
        );
        status.details.retry_after_seconds = Some(1);
        status.details.causes = vec![Cause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".to_owned(),
            field: String::new(),
        }];
        status
    }

    /// 429: try again after so many seconds.
    pub fn too_many_requests(retry_after_seconds: u32) -> Self {
        let mut status = Self::new(
            429,
            "TooManyRequests",
            "too many requests, please try again later",
        );
        status.details.retry_after_seconds = Some(retry_after_seconds);
        status
    }

    /// 500: the server failed.
    pub fn internal(why: &str) -> Self {
        Self::new(
            500,
            "InternalError",
            format!("Internal error occurred: {why}"),
        )
    }

    /// 503: the server cannot answer now.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", why)
    }

    /// Any answer: for faults that a test asks for.
    pub fn injected(code: u16, reason: &'static str, message: &str) -> Self {
        Self::new(code, reason, message)
    }

    /// 501: a real API server does this, this one does not.
    pub fn not_implemented(feature: &str) -> Self {
        Self::new(
            501,
            "NotImplemented",
            format!("kube-sim does not implement {feature}"),
        )
    }

    /// Adds a cause without a field.
    pub(crate) fn with_cause(mut self, reason: &'static str, message: impl Into<String>) -> Self {
        self.details.causes.push(Cause {
            reason,
            message: message.into(),
            field: String::new(),
        });
        self
    }

    /// The body that goes over the wire.
    pub fn to_json(&self) -> Value {
        let mut details = serde_json::Map::new();
        let texts = [
            ("name", &self.details.name),
            ("group", &self.details.group),
            ("kind", &self.details.kind),
        ];
        for (key, text) in texts {
            if !text.is_empty() {
                details.insert(key.to_owned(), json!(text));
            }
        }
        if !self.details.causes.is_empty() {
            let causes: Vec<Value> = self.details.causes.iter().map(Cause::to_json).collect();
            details.insert("causes".to_owned(), json!(causes));
        }
        if let Some(seconds) = self.details.retry_after_seconds {
            details.insert("retryAfterSeconds".to_owned(), json!(seconds));
        }
        let mut body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if let (false, Some(map)) = (self.reason.is_empty(), body.as_object_mut()) {
            map.insert("reason".to_owned(), json!(self.reason));
        }
        // What the real server says without an object of its own comes with empty details.
        let is_generic = matches!(
            self.reason,
            "MethodNotAllowed" | "NotAcceptable" | "NotFound"
        ) || (self.code == 422 && details.is_empty());
        if let (true, Some(map)) = (is_generic || !details.is_empty(), body.as_object_mut()) {
            map.insert("details".to_owned(), Value::Object(details));
        }
        body
    }
}

impl Cause {
    fn to_json(&self) -> Value {
        let mut cause = json!({"reason": self.reason, "message": self.message});
        if let (false, Some(map)) = (self.field.is_empty(), cause.as_object_mut()) {
            map.insert("field".to_owned(), json!(self.field));
        }
        cause
    }
}

/// One fault in an object: k8s.io/apimachinery `pkg/util/validation/field/errors.go`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    path: String,
    kind: FieldErrorKind,
    value: String,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldErrorKind {
    Required,
    Invalid,
    NotSupported,
    Forbidden,
    Duplicate,
    TooLong,
    TooMany,
    TypeInvalid,
}

impl FieldError {
    fn new(path: &str, kind: FieldErrorKind, value: String, detail: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            value,
            detail: detail.into(),
        }
    }

    /// The field has to be given.
    pub fn required(path: &str, detail: impl Into<String>) -> Self {
        Self::new(path, FieldErrorKind::Required, String::new(), detail)
    }

    /// The value breaks a rule.
    pub fn invalid(path: &str, value: &Value, detail: impl Into<String>) -> Self {
        Self::new(path, FieldErrorKind::Invalid, value.to_string(), detail)
    }

    /// The value has the wrong JSON type.
    pub fn wrong_type(path: &str, found: &str, detail: impl Into<String>) -> Self {
        Self::new(
            path,
            FieldErrorKind::TypeInvalid,
            format!("{found:?}"),
            detail,
        )
    }

    /// The value is not one of those allowed.
    pub fn not_supported(path: &str, value: &Value, allowed: &[String]) -> Self {
        let quoted: Vec<String> = allowed.iter().map(|v| format!("{v:?}")).collect();
        let detail = format!("supported values: {}", quoted.join(", "));
        Self::new(
            path,
            FieldErrorKind::NotSupported,
            value.to_string(),
            detail,
        )
    }

    /// The field may not be set or changed here.
    pub fn forbidden(path: &str, detail: impl Into<String>) -> Self {
        Self::new(path, FieldErrorKind::Forbidden, String::new(), detail)
    }

    /// The value is there already.
    pub fn duplicate(path: &str, value: &Value) -> Self {
        Self::new(path, FieldErrorKind::Duplicate, value.to_string(), "")
    }

    /// The text is longer than `max` bytes.
    pub fn too_long(path: &str, max: usize) -> Self {
        let detail = format!("may not be more than {max} bytes");
        Self::new(path, FieldErrorKind::TooLong, String::new(), detail)
    }

    /// The list has more than `max` items.
    pub fn too_many(path: &str, found: usize, max: usize) -> Self {
        let detail = format!("must have at most {max} items");
        Self::new(path, FieldErrorKind::TooMany, found.to_string(), detail)
    }

    /// The same fault of the value at `path`, where this one's path leads on from there.
    pub(crate) fn at(mut self, path: &str) -> Self {
        self.path = if self.path == "<nil>" {
            path.to_owned()
        } else {
            format!("{path}.{}", self.path)
        };
        self
    }

    fn text(&self) -> String {
        let title = match self.kind {
            FieldErrorKind::Required => "Required value",
            FieldErrorKind::Invalid | FieldErrorKind::TypeInvalid => "Invalid value",
            FieldErrorKind::NotSupported => "Unsupported value",
            FieldErrorKind::Forbidden => "Forbidden",
            FieldErrorKind::Duplicate => "Duplicate value",
            FieldErrorKind::TooLong => "Too long",
            FieldErrorKind::TooMany => "Too many",
        };
        let mut text = title.to_owned();
        if !self.value.is_empty() {
            text.push_str(": ");
            text.push_str(&self.value);
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }

    fn into_cause(self) -> Cause {
        let reason = match self.kind {
            FieldErrorKind::Required => "FieldValueRequired",
            FieldErrorKind::Invalid => "FieldValueInvalid",
            FieldErrorKind::NotSupported => "FieldValueNotSupported",
            FieldErrorKind::Forbidden => "FieldValueForbidden",
            FieldErrorKind::Duplicate => "FieldValueDuplicate",
            FieldErrorKind::TooLong => "FieldValueTooLong",
            FieldErrorKind::TooMany => "FieldValueTooMany",
            FieldErrorKind::TypeInvalid => "FieldValueTypeInvalid",
        };
        Cause {
            reason,
            message: self.text(),
            field: self.path,
        }
    }
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.text())
    }
}
