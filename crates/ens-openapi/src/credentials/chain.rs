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
        let context = || io.context.clone();
        Self::new(vec![
            ("environment", Box::new(environment)),
            (
                "OIDC",
                or_why_not(
                    OidcSource::from_variables(io)
                        .map(|source| RefreshingCredentials::new(source, context())),
                    "ALIBABA_CLOUD_OIDC_TOKEN_FILE, ALIBABA_CLOUD_OIDC_PROVIDER_ARN and ALIBABA_CLOUD_ROLE_ARN are not all set",
                ),
            ),
            (
                "CLI profile",
                or_why_not(
                    CliProfileCredentials::from_variables(io),
                    "ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true, or neither ALIBABA_CLOUD_CONFIG_FILE nor HOME is set",
                ),
            ),
            (
                "credentials file",
                or_why_not(
                    FileCredentials::from_variables(io),
                    "neither ALIBABA_CLOUD_CREDENTIALS_FILE nor HOME is set",
                ),
            ),
            (
                "ECS RAM role",
                or_why_not(
                    EcsRoleSource::from_variables(io)
                        .map(|source| RefreshingCredentials::new(source, context())),
                    "ALIBABA_CLOUD_ECS_METADATA_DISABLED is true",
                ),
            ),
            (
                "URI",
                or_why_not(
                    UriSource::from_variables(io)
                        .map(|source| RefreshingCredentials::new(source, context())),
                    "ALIBABA_CLOUD_CREDENTIALS_URI is not set",
                ),
            ),
        ])
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

/// The source, or one that only tells why it is not there: the error of a chain names all of its sources.
fn or_why_not(
    source: Option<impl ProvideCredentials + 'static>,
    reason: &'static str,
) -> Box<dyn ProvideCredentials> {
    match source {
        Some(source) => Box::new(source),
        None => Box::new(NotSetUp(reason)),
    }
}

#[derive(Debug)]
struct NotSetUp(&'static str);

#[async_trait]
impl ProvideCredentials for NotSetUp {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        Err(CredentialsError::NotSetUp { reason: self.0 })
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
