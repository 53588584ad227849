//! How long calls to the API server may take.

use std::time::Duration;

/// Longest time that one call may take while controllers run.
pub(crate) const CALL: Duration = Duration::from_secs(10);

/// The same at the start, when there is nothing else to do yet.
pub(crate) const AT_START: Duration = Duration::from_secs(30);
