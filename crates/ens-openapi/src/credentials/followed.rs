//! A file whose content says where credentials come from, followed when it changes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::io::{CredentialsIo, FetchError};
use super::{Credentials, CredentialsError, ProvideCredentials};

/// Reads a file at every use and keeps the source made of it as long as the content stays the same.
pub(super) struct FollowedFile {
    pub(super) io: CredentialsIo,
    path: PathBuf,
    /// The source, and the hash of what it was made of.
    held: Mutex<Option<(Hash, Source)>>,
}

pub(super) type Source = Arc<dyn ProvideCredentials>;
type Hash = [u8; 32];

impl FollowedFile {
    pub(super) fn new(io: CredentialsIo, path: PathBuf) -> Self {
        Self {
            io,
            path,
            held: Mutex::default(),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Asks the source that the file says; `make` makes it of the content.
    pub(super) async fn credentials(
        &self,
        make: impl Fn(&[u8]) -> Result<Source, FetchError> + Send,
    ) -> Result<Arc<Credentials>, CredentialsError> {
        let source = self
            .source(make)
            .map_err(|error| error.of(self.path.display().to_string()))?;
        source.credentials().await
    }

    fn source(
        &self,
        make: impl Fn(&[u8]) -> Result<Source, FetchError>,
    ) -> Result<Source, FetchError> {
        let content = zeroize::Zeroizing::new(self.io.file(&self.path)?);
        let hash: Hash = Sha256::digest(content.as_slice()).into();
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, source)) = held.as_ref()
            && *of == hash
        {
            return Ok(Arc::clone(source));
        }
        let source = make(&content)?;
        *held = Some((hash, Arc::clone(&source)));
        Ok(source)
    }

    pub(super) fn refused(&self, credentials: &Credentials) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, source)) = held.as_ref() {
            source.refused(credentials);
        }
    }
}

impl fmt::Debug for FollowedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowedFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
