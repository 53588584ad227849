//! Who may write to the cloud.
//!
//! Today one replica runs (the Deployment has `strategy: Recreate`), so leadership is a fact of
//! the installation and not of an election. Every write asks all the same, through the same
//! token: an election changes what the token answers and nothing else.

use std::fmt;
use std::sync::Arc;

use ens_openapi::Action;
use ens_openapi::client::Refused;
use thiserror::Error;

/// Asked before every try of every write to the cloud.
#[derive(Clone)]
pub struct Leadership(Arc<dyn Fn() -> bool + Send + Sync>);

/// Another replica leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this replica does not lead")]
pub struct NotLeading;

impl Leadership {
    /// Leadership that `leads` decides about.
    pub fn new(leads: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(leads))
    }

    /// For an installation that runs one replica at a time.
    pub fn sole_replica() -> Self {
        Self::new(|| true)
    }

    /// Whether this replica may write now.
    ///
    /// # Errors
    /// When another one leads.
    pub fn check(&self) -> Result<(), NotLeading> {
        if (self.0)() { Ok(()) } else { Err(NotLeading) }
    }

    /// The check for `ens_openapi::Client`: every try of every write, after it was signed, is the
    /// last moment at which a replica that does not lead any more can stop it (behaviour 11.4).
    pub fn before_send(&self) -> impl Fn(&Action) -> Result<(), Refused> + Send + Sync + 'static {
        let leadership = self.clone();
        move |action| {
            if action.is_read() {
                return Ok(());
            }
            leadership
                .check()
                .map_err(|error| Refused::new(error.to_string()))
        }
    }
}

impl fmt::Debug for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Leadership").field(&(self.0)()).finish()
    }
}
