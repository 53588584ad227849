//! What users can ask about themselves: `kubectl auth whoami` and `kubectl auth can-i`.

use serde_json::{Value, json};

use super::{Access, Attributes, User};
use crate::clock::rfc3339;
use crate::server::ApiServer;
use crate::status::{FieldError, Status};

/// A request that is answered and not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Review {
    /// `selfsubjectreviews`.
    WhoAmI,
    /// `selfsubjectaccessreviews`.
    MayI,
}

impl Review {
    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::WhoAmI => "authentication.k8s.io",
            Self::MayI => "authorization.k8s.io",
        }
    }

    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::WhoAmI => "selfsubjectreviews",
            Self::MayI => "selfsubjectaccessreviews",
        }
    }

    /// The review that a path below `/apis` asks for.
    pub(crate) fn of_path(group: &str, version: &str, resource: &str) -> Option<Self> {
        [Self::WhoAmI, Self::MayI].into_iter().find(|review| {
            version == "v1" && review.group() == group && review.resource() == resource
        })
    }

    pub(crate) fn answer(
        self,
        body: &Value,
        user: &User,
        access: &Access,
        server: &ApiServer,
    ) -> Result<Value, Status> {
        Ok(match self {
            Self::WhoAmI => {
                let mut info = json!({"username": user.name, "groups": user.groups});
                if !user.uid.is_empty() {
                    info["uid"] = json!(user.uid);
                }
                json!({
                    "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview",
                    "metadata": {"creationTimestamp": rfc3339(server.clock().now())},
                    "status": {"userInfo": info},
                })
            }
            Self::MayI => {
                check(body)?;
                let wanted = &body["spec"]["resourceAttributes"];
                let text = |key: &str| wanted[key].as_str().unwrap_or_default();
                let asked = Attributes {
                    verb: text("verb"),
                    group: text("group"),
                    resource: text("resource"),
                    subresource: text("subresource"),
                    namespace: Some(text("namespace")).filter(|n| !n.is_empty()),
                    name: text("name"),
                };
                let allowed = access.allows(user, &asked, server);
                json!({
                    "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                    "metadata": {"creationTimestamp": null}, "spec": body["spec"],
                    "status": {"allowed": allowed},
                })
            }
        })
    }
}

/// One question, and nothing beside it: kubernetes `pkg/apis/authorization/validation`.
fn check(review: &Value) -> Result<(), Status> {
    let spec = &review["spec"];
    let mut faults = Vec::new();
    if spec["resourceAttributes"].is_null() == spec["nonResourceAttributes"].is_null() {
        let detail = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        faults.push(FieldError::invalid("spec", spec, detail));
    }
    if review["metadata"]["name"].is_string() {
        let detail = "must be empty";
        faults.push(FieldError::invalid("metadata", &review["metadata"], detail));
    }
    if !faults.is_empty() {
        let group = Review::MayI.group();
        return Err(Status::invalid_kind(group, "", faults));
    }
    if spec["resourceAttributes"].is_null() {
        return Err(Status::not_implemented(
            "reviews of rights to paths (nonResourceAttributes)",
        ));
    }
    Ok(())
}
