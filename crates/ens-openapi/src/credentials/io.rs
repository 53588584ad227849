//! What sources of credentials read: variables, files, HTTP, time.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::secret::{SecretBytes, secret};
use super::{Credentials, CredentialsError, Secret};
use crate::context::Context;
use crate::transport::{Transport, TransportError};

type ReadVariable = dyn Fn(&str) -> Option<String> + Send + Sync;
type ReadFile = dyn Fn(&Path) -> std::io::Result<Vec<u8>> + Send + Sync;

/// Gives sources of credentials their inputs, so that a test can play any environment.
#[derive(Clone)]
pub struct CredentialsIo {
    pub(super) context: Context,
    transport: Arc<dyn Transport>,
    variable: Arc<ReadVariable>,
    file: Arc<ReadFile>,
}

impl CredentialsIo {
    /// Inputs of this process: its variables, its files, the clock of the machine. Nothing else in this crate reads
    /// variables or files, but for
    /// [`EnvironmentCredentials::of_this_process`](super::EnvironmentCredentials::of_this_process).
    pub fn of_this_process(transport: impl Transport + 'static) -> Self {
        Self::new(
            Context::system(),
            transport,
            |name| std::env::var(name).ok(),
            |path| std::fs::read(path),
        )
    }

    /// Inputs of one's own.
    pub fn new(
        context: Context,
        transport: impl Transport + 'static,
        variable: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
        file: impl Fn(&Path) -> std::io::Result<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            context,
            transport: Arc::new(transport),
            variable: Arc::new(variable),
            file: Arc::new(file),
        }
    }

    /// A variable; an empty one counts as absent.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// Whether a variable says "true".
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.variable(name)
            .is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    pub(super) fn file(&self, path: &Path) -> Result<Zeroizing<Vec<u8>>, FetchError> {
        (self.file)(path)
            .map(Zeroizing::new)
            .map_err(|source| FetchError::File {
                path: path.display().to_string(),
                source,
            })
    }

    /// Does one exchange within a deadline. Only status 200 is an answer.
    pub(super) async fn exchange(
        &self,
        request: http::Request<Bytes>,
        deadline: Duration,
    ) -> Result<SecretBytes, FetchError> {
        let exchange = self.transport.exchange(request);
        let response = tokio::time::timeout(deadline, exchange)
            .await
            .map_err(|_| FetchError::Deadline(deadline))??;
        if response.status() != http::StatusCode::OK {
            let body: ErrorBody = serde_json::from_slice(response.body()).unwrap_or_default();
            let code = body.code.map(|code| format!(" {code}")).unwrap_or_default();
            return Err(FetchError::Status {
                status: response.status().as_u16(),
                code,
            });
        }
        Ok(SecretBytes::new(response.into_body()))
    }
}

impl fmt::Debug for CredentialsIo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialsIo").finish_non_exhaustive()
    }
}

/// An error's code; its message may repeat what was sent, tokens with it, and is left out.
#[derive(Default, Deserialize)]
struct ErrorBody {
    #[serde(rename = "Code")]
    code: Option<String>,
}

/// Why credentials could not be fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A file cannot be read.
    #[error("file {path}")]
    File {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file says something that cannot be used.
    #[error("{0}")]
    Content(String),
    /// The request cannot be put together, for example because an address is malformed.
    #[error("the request cannot be made")]
    Request(#[from] http::Error),
    /// There was no answer.
    #[error("no answer")]
    Transport(#[from] TransportError),
    /// There was no answer in time.
    #[error("no answer within {} ms", .0.as_millis())]
    Deadline(Duration),
    /// The answer is a refusal.
    #[error("HTTP status {status}{code}")]
    Status {
        /// The status.
        status: u16,
        /// A blank and the error code, or nothing.
        code: String,
    },
    /// The answer cannot be understood.
    #[error("the answer is not what was expected")]
    Decode(#[from] serde_json::Error),
}

impl FetchError {
    /// Whether asking again later may help.
    fn is_transient(&self) -> bool {
        match self {
            Self::Transport(_) | Self::Deadline(_) => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::File { .. } | Self::Content(_) | Self::Request(_) | Self::Decode(_) => false,
        }
    }

    pub(super) fn of(
        self,
        provider: impl Into<std::borrow::Cow<'static, str>>,
    ) -> CredentialsError {
        CredentialsError::Provider {
            provider: provider.into(),
            is_transient: self.is_transient(),
            source: self.into(),
        }
    }
}

/// Temporary credentials as STS, the metadata service and credential servers write them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TemporaryAnswer {
    access_key_id: String,
    #[serde(deserialize_with = "secret")]
    access_key_secret: Secret,
    #[serde(deserialize_with = "secret")]
    security_token: Secret,
    expiration: chrono::DateTime<chrono::Utc>,
}

impl From<TemporaryAnswer> for super::Temporary {
    fn from(answer: TemporaryAnswer) -> Self {
        Self {
            credentials: Credentials {
                access_key_id: answer.access_key_id,
                access_key_secret: answer.access_key_secret,
                security_token: Some(answer.security_token),
            },
            expires_at: answer.expiration,
        }
    }
}

/// Reads JSON without ever showing what was read: errors of the parser name types and positions only where the text
/// is malformed, and a secret may be part of a value of the wrong type.
pub(super) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FetchError> {
    serde_json::from_slice(body).map_err(|error| {
        let place = serde::de::Error::custom(format_args!(
            "line {} column {}",
            error.line(),
            error.column()
        ));
        FetchError::Decode(place)
    })
}
