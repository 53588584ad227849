//! The behaviour of the Kubernetes API that this project relies on, as assertions that run against any API server.
//!
//! Each [`Assertion`] has a name, says who relies on it, and gets a namespace of its own. It knows nothing of this
//! project's code and speaks HTTP through a [`kube::Client`], because codes, headers and raw bodies are what it is about.
//! `cargo xtask conformance` runs [`assertions`] against kube-sim, or against the cluster of a kubeconfig: both have to
//! pass the same ones.
//!
//! [`defects`] are ways in which an API server can be wrong. Put in front of a server that passes, each makes some
//! assertions fail; an assertion that no defect fails does not assert anything.
#![forbid(unsafe_code)]

mod answer;
mod collection;
mod defect;
mod failure;
mod kind;
mod seeded;
mod suite;
mod test;
mod watch;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use defect::{Defect, Defective};
pub use failure::Failure;
pub use seeded::defects;
pub use suite::assertions;
pub use test::{Connect, Credentials, Test};

/// What an assertion comes to.
pub type Outcome = Result<(), Failure>;

/// One behaviour of the API server.
#[derive(Clone, Copy)]
pub struct Assertion {
    /// `group/what_holds`.
    pub name: &'static str,
    /// The rule or the code of this project that relies on it.
    pub relied_on_by: &'static str,
    check: fn(Test) -> Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

/// After so long an assertion has failed. Controllers of a real cluster need a few seconds for some of them.
const DEADLINE: Duration = Duration::from_secs(90);

impl Assertion {
    /// Checks the behaviour in a new namespace called `namespace`, and clears up behind itself.
    ///
    /// # Errors
    /// The first expectation that did not hold.
    pub async fn check(&self, connect: &Connect, namespace: &str) -> Outcome {
        let test = Test::start(connect.clone(), namespace).await?;
        let checked = tokio::time::timeout(DEADLINE, (self.check)(test.clone())).await;
        test.clear_up().await;
        checked.unwrap_or(Err(Failure::Deadline("the assertion")))
    }
}
