//! Who asks, and whether they may: bearer tokens and RBAC.
//!
//! Off unless [`Builder::enforce_rbac`](crate::Builder::enforce_rbac) asks for it: then every request needs a token,
//! of the administrator or of a ServiceAccount, and the Roles, ClusterRoles and bindings that are stored decide. With
//! [`Builder::enforce_rbac_for_tokens`](crate::Builder::enforce_rbac_for_tokens) a request without a token is the
//! administrator's.

mod rbac;
mod reviews;
mod token;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::server::ApiServer;
use crate::status::Status;

pub(crate) use rbac::Attributes;
pub(crate) use reviews::Review;
pub(crate) use token::Tokens;

/// Somebody who makes requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) groups: Vec<String>,
}

/// Members of this group may do everything: kubernetes `pkg/registry/rbac` and the RBAC page of the documentation.
const MASTERS: &str = "system:masters";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

impl User {
    fn new(name: impl Into<String>, groups: &[&str]) -> Self {
        Self {
            name: name.into(),
            uid: String::new(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        }
    }

    fn administrator() -> Self {
        Self::new("kubernetes-admin", &[MASTERS, AUTHENTICATED])
    }

    fn anonymous() -> Self {
        Self::new("system:anonymous", &[UNAUTHENTICATED])
    }

    fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        let of_namespace = format!("system:serviceaccounts:{namespace}");
        let groups = ["system:serviceaccounts", &of_namespace, AUTHENTICATED];
        let user = Self::new(format!("system:serviceaccount:{namespace}:{name}"), &groups);
        Self {
            uid: uid.to_owned(),
            ..user
        }
    }

    fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }
}

/// Whether requests are checked, and how the administrator is known.
#[derive(Debug, Clone, Default)]
pub(crate) enum Access {
    /// Everybody is the administrator.
    #[default]
    Open,
    /// RBAC decides. This token is the administrator's; without one, everybody who sends none is the administrator.
    Rbac { admin_token: Option<String> },
}

impl Access {
    /// The administrator's token, where tokens are asked for.
    pub(crate) fn admin_token(&self) -> Option<&str> {
        match self {
            Self::Open => None,
            Self::Rbac { admin_token } => admin_token.as_deref(),
        }
    }

    /// Who makes a request with these headers.
    ///
    /// # Errors
    /// 401 for a token that nobody has.
    pub(crate) fn authenticate(
        &self,
        headers: &HeaderMap,
        server: &ApiServer,
    ) -> Result<User, Status> {
        let Self::Rbac { admin_token } = self else {
            return Ok(User::administrator());
        };
        let Some(header) = headers.get(AUTHORIZATION) else {
            return Ok(match admin_token {
                Some(_) => User::anonymous(),
                None => User::administrator(),
            });
        };
        let token = header
            .to_str()
            .ok()
            .and_then(|text| text.strip_prefix("Bearer "));
        match token.map(str::trim) {
            Some(token) if Some(token) == admin_token.as_deref() => Ok(User::administrator()),
            Some(token) => server.user_of_token(token).ok_or_else(Status::unauthorized),
            None => Err(Status::unauthorized()),
        }
    }

    /// Lets a request through, or says who may not do what.
    ///
    /// # Errors
    /// 403 in the words of the real server.
    pub(crate) fn authorize(
        &self,
        user: &User,
        asked: &Attributes<'_>,
        server: &ApiServer,
    ) -> Result<(), Status> {
        if self.allows(user, asked, server) {
            return Ok(());
        }
        Err(asked.refusal(user))
    }

    fn allows(&self, user: &User, asked: &Attributes<'_>, server: &ApiServer) -> bool {
        matches!(self, Self::Open) || user.is_in(MASTERS) || rbac::allows(user, asked, server)
    }

    /// Lets a request for a path that is no resource through, such as `/version`.
    ///
    /// # Errors
    /// 403 in the words of the real server.
    pub(crate) fn authorize_path(&self, user: &User, verb: &str, path: &str) -> Result<(), Status> {
        let is_public = ["/healthz", "/livez", "/readyz", "/version"].contains(&path);
        // The default roles system:public-info-viewer and system:discovery.
        if matches!(self, Self::Open) || user.is_in(AUTHENTICATED) || is_public {
            return Ok(());
        }
        Err(Status::forbidden_path(&user.name, verb, path))
    }
}
