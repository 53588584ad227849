//! Why an assertion does not hold.

/// An expectation that did not hold, or a request that got no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Something is not as it should be.
    #[error("{what}: expected {expected}, found {found}")]
    Differs {
        /// What was looked at.
        what: String,
        /// How it is on a conformant server.
        expected: String,
        /// How it is here.
        found: String,
    },
    /// Something that had to happen did not.
    #[error("{0} did not come in time")]
    Deadline(&'static str),
    /// No answer.
    #[error("{request}: no answer")]
    NoAnswer {
        /// Method and path.
        request: String,
        /// What the client saw.
        #[source]
        source: Box<kube::Error>,
    },
    /// The request cannot be put into HTTP: a mistake in the suite.
    #[error("the request cannot be built")]
    Request(#[source] http::Error),
    /// A client with these credentials cannot be made.
    #[error("no client: {0}")]
    Connect(String),
}

/// Holds when both are equal.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    found: &T,
    expected: &T,
) -> Result<(), Failure> {
    holds(
        what,
        found == expected,
        &format!("{expected:?}"),
        &format!("{found:?}"),
    )
}

/// Holds when `is_so`; says otherwise what was expected and found.
pub(crate) fn holds(
    what: &str,
    is_so: bool,
    expected: &str,
    found: &dyn std::fmt::Display,
) -> Result<(), Failure> {
    if is_so {
        return Ok(());
    }
    Err(Failure::Differs {
        what: what.to_owned(),
        expected: expected.to_owned(),
        found: found.to_string(),
    })
}
