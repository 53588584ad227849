//! The file in which a simulator keeps its cloud, so that it can be stopped and started.

use std::io;
use std::path::{Path, PathBuf};

use crate::cloud::{Cloud, Config, RestoreError};

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// It is there and cannot be read.
    #[error("the state file {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("the state file {path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It holds something else.
    #[error("the state file {path} cannot be restored; move it away to start anew")]
    Restore {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: RestoreError,
    },
}

/// Reads the cloud that a file holds; `None` when there is no such file.
pub(crate) fn read(path: &Path, config: Config) -> Result<Option<Cloud>, StateFileError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            let path = path.to_owned();
            return Err(StateFileError::Read { path, source });
        }
    };
    Cloud::restore(config, &text)
        .map(Some)
        .map_err(|source| StateFileError::Restore {
            path: path.to_owned(),
            source,
        })
}

/// Writes a cloud to its file when it has changed.
#[derive(Debug)]
pub(crate) struct Keeper {
    path: PathBuf,
    written: String,
}

impl Keeper {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            written: String::new(),
        }
    }

    /// Writes `text` unless the file holds it already. A reader finds the old text or the new one, never a part.
    pub(crate) async fn keep(&mut self, text: String) -> Result<(), StateFileError> {
        if text == self.written {
            return Ok(());
        }
        let path = self.path.clone();
        let write = move || {
            let mut beside = path.clone().into_os_string();
            beside.push(".new");
            std::fs::write(&beside, &text)?;
            std::fs::rename(&beside, &path)?;
            io::Result::Ok(text)
        };
        let written = tokio::task::spawn_blocking(write).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(text) => {
                self.written = text;
                Ok(())
            }
            Err(source) => Err(StateFileError::Write {
                path: self.path.clone(),
                source,
            }),
        }
    }
}
