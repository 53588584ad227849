//! Credentials in environment variables.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Credentials, CredentialsError, ProvideCredentials};

const ACCESS_KEY_ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const ACCESS_KEY_SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
const SECURITY_TOKEN: &str = "ALIBABA_CLOUD_SECURITY_TOKEN";

/// Credentials in `ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET` and, for temporary ones,
/// `ALIBABA_CLOUD_SECURITY_TOKEN`: the variables of the official chain (aliyun/credentials-go, `providers/env.go`).
/// They are read at every use; an empty variable counts as absent.
#[derive(Clone)]
pub struct EnvironmentCredentials {
    read: Arc<ReadVariable>,
}

/// Gives the value of a variable by its name.
type ReadVariable = dyn Fn(&str) -> Option<String> + Send + Sync;

impl EnvironmentCredentials {
    /// Reads variables through `read`.
    pub fn new(read: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self {
            read: Arc::new(read),
        }
    }

    /// Reads the variables of this process. Nothing else in this crate looks at them.
    pub fn of_this_process() -> Self {
        Self::new(|name| std::env::var(name).ok())
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.read)(name).filter(|value| !value.is_empty())
    }
}

impl fmt::Debug for EnvironmentCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentCredentials")
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl ProvideCredentials for EnvironmentCredentials {
    async fn credentials(&self) -> Result<Arc<Credentials>, CredentialsError> {
        let needed = |name| {
            self.variable(name)
                .ok_or(CredentialsError::MissingVariable { name })
        };
        let mut credentials = Credentials::new(needed(ACCESS_KEY_ID)?, needed(ACCESS_KEY_SECRET)?);
        if let Some(token) = self.variable(SECURITY_TOKEN) {
            credentials = credentials.with_security_token(token);
        }
        Ok(Arc::new(credentials))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &'static [(&str, &str)]) -> EnvironmentCredentials {
        EnvironmentCredentials::new(move |name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[tokio::test]
    async fn a_pair_and_a_token_are_read() {
        let source = with(&[
            (ACCESS_KEY_ID, "id"),
            (ACCESS_KEY_SECRET, "secret"),
            (SECURITY_TOKEN, "token"),
        ]);
        let credentials = source.credentials().await.unwrap();
        assert_eq!(credentials.access_key_id, "id");
        assert_eq!(credentials.access_key_secret.expose(), "secret");
        assert_eq!(
            credentials.security_token.as_ref().unwrap().expose(),
            "token"
        );
    }

    #[tokio::test]
    async fn an_empty_variable_is_named_as_missing() {
        let source = with(&[(ACCESS_KEY_ID, "id"), (ACCESS_KEY_SECRET, "")]);
        let error = source.credentials().await.unwrap_err();
        assert!(error.to_string().contains(ACCESS_KEY_SECRET), "{error}");
        assert!(!error.is_transient());
    }

    #[tokio::test]
    async fn an_empty_token_means_a_long_lived_pair() {
        let source = with(&[
            (ACCESS_KEY_ID, "id"),
            (ACCESS_KEY_SECRET, "secret"),
            (SECURITY_TOKEN, ""),
        ]);
        assert!(source.credentials().await.unwrap().security_token.is_none());
    }
}
