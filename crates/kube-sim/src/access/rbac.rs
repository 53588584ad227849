//! Roles, ClusterRoles and their bindings, as they are stored.
//!
//! Source: "Using RBAC Authorization" in the Kubernetes documentation, and the texts of refusals from k8s.io/apiserver
//! `pkg/endpoints/handlers/responsewriters/errors.go`. Aggregated ClusterRoles and the check that nobody grants more than
//! they have are not here: bindings are the administrator's.

use std::sync::Arc;

use serde_json::Value;

use super::User;
use crate::object::{self, items};
use crate::server::ApiServer;
use crate::status::Status;

/// What a request wants to do.
#[derive(Debug, Clone)]
pub(crate) struct Attributes<'a> {
    pub(crate) verb: &'a str,
    /// API group; empty for the core group.
    pub(crate) group: &'a str,
    /// Plural name.
    pub(crate) resource: &'a str,
    /// `status`, or empty.
    pub(crate) subresource: &'a str,
    /// None for cluster-scoped resources and for all namespaces.
    pub(crate) namespace: Option<&'a str>,
    /// Empty for collections.
    pub(crate) name: &'a str,
}

impl Attributes<'_> {
    /// `services/status`, as rules name it.
    fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.to_owned()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    pub(super) fn refusal(&self, user: &User) -> Status {
        let place = match self.namespace {
            Some(namespace) => format!("in the namespace {namespace:?}"),
            None => "at the cluster scope".to_owned(),
        };
        let why = format!(
            "User {:?} cannot {} resource {:?} in API group {:?} {place}",
            user.name,
            self.verb,
            self.full_resource(),
            self.group
        );
        Status::forbidden_by_rights(self.group, self.resource, self.name, &why)
    }
}

pub(super) fn allows(user: &User, asked: &Attributes<'_>, server: &ApiServer) -> bool {
    // The default role system:basic-user.
    if asked.verb == "create"
        && matches!(
            asked.resource,
            "selfsubjectaccessreviews" | "selfsubjectreviews"
        )
    {
        return user.is_in(super::AUTHENTICATED);
    }
    let kinds: &[&str] = match asked.namespace {
        Some(_) => &["clusterrolebindings", "rolebindings"],
        None => &["clusterrolebindings"],
    };
    kinds
        .iter()
        .flat_map(|plural| server.stored(GROUP, plural))
        .filter(|binding| {
            let namespace = object::namespace(binding);
            namespace.is_empty() || Some(namespace) == asked.namespace
        })
        .filter(|binding| items(&binding["subjects"]).any(|subject| names(subject, user)))
        .filter_map(|binding| role(&binding, server))
        .any(|role| items(&role["rules"]).any(|rule| covers(rule, asked)))
}

const GROUP: &str = "rbac.authorization.k8s.io";

fn names(subject: &Value, user: &User) -> bool {
    let text = |key: &str| subject[key].as_str().unwrap_or_default();
    match text("kind") {
        "User" => user.name == text("name"),
        "Group" => user.is_in(text("name")),
        "ServiceAccount" => {
            user.name
                == format!(
                    "system:serviceaccount:{}:{}",
                    text("namespace"),
                    text("name")
                )
        }
        _ => false,
    }
}

fn role(binding: &Value, server: &ApiServer) -> Option<Arc<Value>> {
    let (plural, namespace) = match binding["roleRef"]["kind"].as_str() {
        Some("ClusterRole") => ("clusterroles", ""),
        Some("Role") => ("roles", object::namespace(binding)),
        _ => return None,
    };
    let name = binding["roleRef"]["name"].as_str().unwrap_or_default();
    server
        .stored(GROUP, plural)
        .into_iter()
        .find(|role| object::name(role) == name && object::namespace(role) == namespace)
}

fn covers(rule: &Value, asked: &Attributes<'_>) -> bool {
    let has =
        |key: &str, wanted: &str| items(&rule[key]).any(|value| value == "*" || value == wanted);
    let resource = asked.full_resource();
    let any_of_subresource = format!("*/{}", asked.subresource);
    let named = || items(&rule["resourceNames"]).any(|name| name == asked.name);
    has("verbs", asked.verb)
        && has("apiGroups", asked.group)
        && (has("resources", &resource)
            || (!asked.subresource.is_empty() && has("resources", &any_of_subresource)))
        && (items(&rule["resourceNames"]).next().is_none() || named())
}
