//! Who calls.

use std::error::Error as StdError;

/// Why there are no credentials.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct CredentialsError {
    message: String,
    transient: bool,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl CredentialsError {
    /// Whether asking again later may help.
    pub fn is_transient(&self) -> bool {
        self.transient
    }
}
