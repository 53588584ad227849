//! Paths and queries.

use std::collections::BTreeMap;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::unserved;
use crate::access::Review;
use crate::resource::{Registry, Resource};
use crate::server::Target;
use crate::status::Status;

/// What a path names.
#[derive(Debug)]
pub(super) enum Route {
    Health,
    Version,
    CoreVersions,
    Groups,
    Group(String),
    GroupVersion {
        group: String,
        version: String,
    },
    OpenApiIndex,
    OpenApi {
        group: String,
        version: String,
    },
    Resource(ResourceRequest),
    /// Something that is answered and not stored.
    Review(Review),
}

/// A collection, or an object in it.
#[derive(Debug)]
pub(super) struct ResourceRequest {
    pub(super) target: Target,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<Subresource>,
    /// A path below the deprecated `/watch/`.
    pub(super) legacy_watch: bool,
}

/// The subresources that are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subresource {
    Status,
    /// Of namespaces.
    Finalize,
    /// Of ServiceAccounts.
    Token,
}

impl Subresource {
    fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Finalize => "finalize",
            Self::Token => "token",
        }
    }
}

impl ResourceRequest {
    /// `status`, or empty.
    pub(super) fn subresource_name(&self) -> &'static str {
        self.subresource.map_or("", Subresource::name)
    }

    /// `services`, `services/status`, `poolservices.network.openyurt.io`: how fault plans name it.
    pub(super) fn described(&self) -> String {
        let resource = self.target.resource.group_resource();
        match self.subresource {
            Some(subresource) => format!("{resource}/{}", subresource.name()),
            None => resource,
        }
    }
}

pub(super) fn parse(path: &str, registry: &Registry) -> Result<Route, Status> {
    let trimmed = path.strip_prefix('/').unwrap_or(path);
    let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
    if trimmed.split('/').any(str::is_empty) && !trimmed.is_empty() {
        return Err(Status::no_such_resource());
    }
    let segments: Vec<String> = trimmed
        .split('/')
        .filter(|s| !s.is_empty())
        .map(|s| percent_decode_str(s).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    Ok(match segments.as_slice() {
        ["healthz" | "readyz" | "livez"] | ["healthz" | "readyz" | "livez", "ping"] => {
            Route::Health
        }
        [] => return Err(Status::not_implemented("the list of its paths")),
        [".well-known" | "openid" | "metrics" | "debug", ..] | ["openapi", "v2"] => {
            return Err(Status::not_implemented(&format!("the path {path}")));
        }
        ["version"] => Route::Version,
        ["api"] => Route::CoreVersions,
        ["apis"] => Route::Groups,
        ["apis", group, version, plural]
            if let Some(review) = Review::of_path(group, version, plural) =>
        {
            Route::Review(review)
        }
        ["apis", group, ..] if !registry.has_group(group) => {
            return Err(unserved::group(group));
        }
        ["apis", group] => Route::Group((*group).to_owned()),
        ["api", version] => Route::GroupVersion {
            group: String::new(),
            version: (*version).to_owned(),
        },
        ["apis", group, version] => Route::GroupVersion {
            group: (*group).to_owned(),
            version: (*version).to_owned(),
        },
        ["openapi", "v3"] => Route::OpenApiIndex,
        ["openapi", "v3", "api", version] => Route::OpenApi {
            group: String::new(),
            version: (*version).to_owned(),
        },
        ["openapi", "v3", "apis", group, version] => Route::OpenApi {
            group: (*group).to_owned(),
            version: (*version).to_owned(),
        },
        ["api", version, rest @ ..] => resource(registry, "", version, rest)?,
        ["apis", group, version, rest @ ..] => resource(registry, group, version, rest)?,
        _ => return Err(Status::no_such_path()),
    })
}

fn resource(
    registry: &Registry,
    group: &str,
    version: &str,
    rest: &[&str],
) -> Result<Route, Status> {
    let (legacy_watch, rest) = match rest {
        ["watch", rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (namespace, rest) = match rest {
        // "namespaces/x" and its subresources are about the namespace itself.
        ["namespaces", namespace, plural, rest @ ..]
            if !(group.is_empty() && matches!(*plural, "status" | "finalize")) =>
        {
            (Some((*namespace).to_owned()), [&[*plural], rest].concat())
        }
        rest => (None, rest.to_vec()),
    };
    let find = |plural: &str| -> Result<Arc<Resource>, Status> {
        registry
            .find(group, version, plural)
            .cloned()
            .ok_or_else(|| {
                if registry.has_builtin_group(group) {
                    unserved::resource(group, plural)
                } else {
                    // The server of custom resources leaves what it does not know to the router.
                    Status::no_such_path()
                }
            })
    };
    let (resource, name, subresource) = match rest.as_slice() {
        [plural] => (find(plural)?, None, None),
        [plural, name] => (find(plural)?, Some((*name).to_owned()), None),
        [plural, name, subresource] => {
            (find(plural)?, Some((*name).to_owned()), Some(*subresource))
        }
        _ => return Err(Status::no_such_resource()),
    };
    if resource.namespaced != namespace.is_some() && (name.is_some() || !resource.namespaced) {
        return Err(Status::no_such_resource());
    }
    let subresource = match subresource {
        None => None,
        Some("status") if resource.status => Some(Subresource::Status),
        Some("finalize") if resource.is("", "Namespace") => Some(Subresource::Finalize),
        Some("token") if resource.is("", "ServiceAccount") => Some(Subresource::Token),
        Some("status") => return Err(Status::no_such_resource()),
        Some(other) => {
            return Err(Status::not_implemented(&format!(
                "the subresource {}/{other}",
                resource.group_resource()
            )));
        }
    };
    Ok(Route::Resource(ResourceRequest {
        target: Target {
            resource,
            namespace,
        },
        name,
        subresource,
        legacy_watch,
    }))
}

/// Query parameters; of several with one name the first counts.
#[derive(Debug)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let decode = |part: &str| {
            percent_decode_str(&part.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            parameters
                .entry(decode(key))
                .or_insert_with(|| decode(value));
        }
        Self(parameters)
    }

    /// A text, empty where it is not given.
    pub(super) fn text(&self, key: &str) -> String {
        self.0.get(key).cloned().unwrap_or_default()
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// True for any value but `false` and `0`: k8s.io/apimachinery `pkg/runtime/conversion.go`.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.0
            .get(key)
            .is_some_and(|value| !matches!(value.to_lowercase().as_str(), "false" | "0"))
    }

    /// A number; one below zero counts as none.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, Status> {
        let Some(text) = self.0.get(key).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let number: i64 = text.parse().map_err(|_| {
            Status::bad_request(format!("{key}: Invalid value: {text:?}: must be a number"))
        })?;
        Ok(u64::try_from(number).ok())
    }
}
