//! One source after the other.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;

use super::{
    CliProfileCredentials, Credentials, CredentialsError, CredentialsIo, EcsRoleSource,
    EnvironmentCredentials, FileCredentials, OidcSource, ProvideCredentials, RefreshingCredentials,
    UriSource,
};

/// Asks sources in order. The first one that gives credentials is remembered and asked alone from then on, so that a
/// passing failure of it never switches to another identity.
#[derive(Debug)]
pub struct CredentialChain {
    sources: Vec<(&'static str, Box<dyn ProvideCredentials>)>,
    /// The remembered source, plus one; 0 = none yet.
    chosen: AtomicUsize,
}

impl CredentialChain {
    /// A chain of one's own, each source with a name for messages.
    pub fn new(sources: Vec<(&'static str, Box<dyn ProvideCredentials>)>) -> Self {
        Self {
            sources,
            chosen: AtomicUsize::new(0),
        }
    }

    /// The order of the official chain (aliyun/credentials-go, `providers/default.go`): environment, OIDC (RRSA), CLI
    /// profile, INI file, ECS RAM role, URI.
    pub fn official(io: &CredentialsIo) -> Self {
        let environment = {
            let io = io.clone();
            EnvironmentCredentials::new(move |name| io.variable(name))
        };
        let mut sources: Vec<(&'static str, Box<dyn ProvideCredentials>)> =
            vec![("environment", Box::new(environment))];
        let context = || io.context.clone();
        if let Some(source) = OidcSource::from_variables(io) {
            sources.push((
                "OIDC",
                Box::new(RefreshingCredentials::new(source, context())),
            ));
        }
        if let Some(source) = CliProfileCredentials::from_variables(io) {
            sources.push(("CLI profile", Box::new(source)));
        }
        if let Some(source) = FileCredentials::from_variables(io) {
            sources.push(("credentials file", Box::new(source)));
        }
        if let Some(source) = EcsRoleSource::from_variables(io) {
            sources.push((
                "ECS RAM role",
                Box::new(RefreshingCredentials::new(source, context())),
            ));
        }
        if let Some(source) = UriSource::from_variables(io) {
            sources.push((
                "URI",
                Box::new(RefreshingCredentials::new(source, context())),
            ));
        }
        Self::new(sources)
    }

    fn chosen(&self) -> Option<&dyn ProvideCredentials> {
        let index = self.chosen.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.sources.get(index)?.1.as_ref())
    }
}

#[async_trait]
impl ProvideCredentials for CredentialChain {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        if let Some(source) = self.chosen() {
            return source.credentials().await;
        }
        let mut failures = ChainFailures::default();
        for (index, (name, source)) in self.sources.iter().enumerate() {
            match source.credentials().await {
                Ok(credentials) => {
                    self.chosen.store(index + 1, Ordering::Relaxed);
                    tracing::debug!(source = name, "credentials found");
                    return Ok(credentials);
                }
                Err(error) => failures.0.push((name, error)),
            }
        }
        Err(CredentialsError::Chain(failures))
    }

    fn refused(&self, credentials: &Credentials) {
        if let Some(source) = self.chosen() {
            source.refused(credentials);
        }
    }
}

/// Why each source of a chain gave nothing.
#[derive(Debug, Default)]
pub struct ChainFailures(Vec<(&'static str, CredentialsError)>);

impl ChainFailures {
    /// Names and causes, in the order of the chain.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &CredentialsError)> {
        self.0.iter().map(|(name, error)| (*name, error))
    }

    pub(super) fn is_transient(&self) -> bool {
        self.0.iter().any(|(_, error)| error.is_transient())
    }
}

impl fmt::Display for ChainFailures {
    /// All causes in one line: there is no single source that an error chain could go on with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, error)) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            write!(f, "{name}: {error}")?;
            let mut cause = std::error::Error::source(error);
            while let Some(source) = cause {
                write!(f, ": {source}")?;
                cause = source.source();
            }
        }
        if self.0.is_empty() {
            f.write_char('-')
        } else {
            Ok(())
        }
    }
}
