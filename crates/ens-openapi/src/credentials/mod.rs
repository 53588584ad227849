//! Who calls: AccessKey pairs and STS tokens, and where they come from.
//!
//! A [`Client`](crate::client::Client) asks its [`ProvideCredentials`] before every try, so that a provider that
//! refreshes is followed at once.
//!
//! | credentials | are given by |
//! |---|---|
//! | wherever the official clients look | [`CredentialChain`] |
//! | an AccessKey pair at hand | [`StaticCredentials`] |
//! | variables of the environment | [`EnvironmentCredentials`] |
//! | a file, such as that of a mounted Secret, followed when it changes | [`FileCredentials`], [`CliProfileCredentials`] |
//! | anything that hands out temporary ones | [`RefreshingCredentials`] over a [`FetchCredentials`] |
//!
//! # A source of one's own
//!
//! Temporary credentials need a fetch only; keeping and refreshing them is [`RefreshingCredentials`]' part.
//!
//! ```
//! use async_trait::async_trait;
//! use chrono::{DateTime, Utc};
//! use ens_openapi::credentials::{CredentialsError, FetchCredentials, RefreshingCredentials, Temporary};
//! use ens_openapi::{Client, Context, Credentials};
//!
//! #[derive(Debug)]
//! struct Vault;
//!
//! /// Stands for a call to a service of one's own.
//! async fn ask() -> Result<(String, String, String, DateTime<Utc>), std::io::Error> {
//!     Err(std::io::Error::other("sealed"))
//! }
//!
//! #[async_trait]
//! impl FetchCredentials for Vault {
//!     async fn fetch(&self) -> Result<Temporary, CredentialsError> {
//!         let (id, secret, token, expires_at) = ask().await.map_err(|cause| CredentialsError::Provider {
//!             provider: "the vault".into(),
//!             // Calls fail as unavailable, and reads are repeated, rather than as denied.
//!             is_transient: true,
//!             source: cause.into(),
//!         })?;
//!         let pair = Credentials::new(id, secret).with_security_token(token);
//!         Ok(Temporary::new(pair, expires_at))
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder(RefreshingCredentials::new(Vault, Context::system())).build()?;
//! # Ok(())
//! # }
//! ```

mod chain;
mod ecs;
mod environment;
mod file;
mod followed;
mod io;
mod oidc;
mod profile;
mod refreshing;
mod secret;
mod sts;
mod uri;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

pub use chain::{ChainFailures, CredentialChain};
pub use ecs::EcsRoleSource;
pub use environment::EnvironmentCredentials;
pub use file::FileCredentials;
pub use io::{CredentialsIo, FetchError};
pub use oidc::OidcSource;
pub use profile::CliProfileCredentials;
pub use refreshing::{FetchCredentials, RefreshingCredentials, Temporary};
pub use secret::Secret;
pub use uri::UriSource;

use crate::error::BoxError;

/// An AccessKey pair, with an STS token where it is a temporary one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// The AccessKey id. It is no secret: it travels in every request in plain text.
    pub access_key_id: String,
    /// The AccessKey secret, which signs.
    pub access_key_secret: Secret,
    /// The STS token of a temporary pair.
    pub security_token: Option<Secret>,
}

impl Credentials {
    /// A long-lived AccessKey pair.
    pub fn new(access_key_id: impl Into<String>, access_key_secret: impl Into<String>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            access_key_secret: Secret::new(access_key_secret),
            security_token: None,
        }
    }

    /// The same pair with an STS token.
    #[must_use]
    pub fn with_security_token(mut self, token: impl Into<String>) -> Self {
        self.security_token = Some(Secret::new(token));
        self
    }
}

/// A source of credentials.
#[async_trait]
pub trait ProvideCredentials: Send + Sync + fmt::Debug {
    /// The credentials to sign the next request with. Called before every try: a source that fetches them keeps them.
    ///
    /// # Errors
    /// When there are none, or they cannot be fetched now.
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError>;

    /// Tells that the cloud refused the token of these credentials. A source that keeps them lets go of them, so that
    /// the next ask fetches anew; any other does nothing.
    fn refused(&self, _credentials: &Credentials) {}
}

#[async_trait]
impl<P: ProvideCredentials + ?Sized> ProvideCredentials for Arc<P> {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        (**self).credentials().await
    }

    fn refused(&self, credentials: &Credentials) {
        (**self).refused(credentials);
    }
}

/// Credentials that never change.
#[derive(Clone, Debug)]
pub struct StaticCredentials(Arc<Credentials>);

impl StaticCredentials {
    /// Always these.
    pub fn new(credentials: Credentials) -> Self {
        Self(Arc::new(credentials))
    }
}

/// The same ones that another source gave, not a copy of their secret.
impl From<Arc<Credentials>> for StaticCredentials {
    fn from(credentials: Arc<Credentials>) -> Self {
        Self(credentials)
    }
}

impl From<Credentials> for StaticCredentials {
    fn from(credentials: Credentials) -> Self {
        Self::new(credentials)
    }
}

#[async_trait]
impl ProvideCredentials for StaticCredentials {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        Ok(Arc::clone(&self.0))
    }
}

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A variable that is needed is not set, or empty.
    #[error("environment variable {name} is not set or empty")]
    MissingVariable {
        /// The variable.
        name: &'static str,
    },
    /// A source is not set up, or switched off.
    #[error("{reason}")]
    NotSetUp {
        /// What would set it up.
        reason: &'static str,
    },
    /// A source of credentials failed.
    #[error("{provider} gives no credentials")]
    Provider {
        /// What failed, such as the path of a file.
        provider: Cow<'static, str>,
        /// Whether asking again later may help.
        is_transient: bool,
        /// Why.
        #[source]
        source: BoxError,
    },
    /// No source of a chain gave any.
    #[error("no source gives credentials ({0})")]
    Chain(ChainFailures),
    /// A fetch for several callers at once failed.
    #[error(transparent)]
    Shared(Arc<CredentialsError>),
}

impl CredentialsError {
    /// Whether asking again later may help without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::MissingVariable { .. } | Self::NotSetUp { .. } => false,
            Self::Provider { is_transient, .. } => *is_transient,
            Self::Chain(failures) => failures.is_transient(),
            Self::Shared(error) => error.is_transient(),
        }
    }
}
