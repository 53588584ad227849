//! One look at a PoolService: from what is desired and recorded to a plan, reading what the plan
//! asks for. The controller carries the plan out; a preview only shows it. Nothing is written here.

use std::collections::BTreeSet;
use std::future::Future;

use ecm_policy::desired::Desired;
use ecm_policy::ledger::State;
use ecm_policy::observed::Observed;
use ecm_policy::plan::{Context, Need, Plan, Wait, plan};
use ecm_policy::snapshot::{Identity, Node, PoolService};
use thiserror::Error;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::observe::{self, Cloud, Subject};
use crate::region::ReadError;

/// How often a plan may ask for more before it is given up until the next look.
const ROUNDS: usize = 8;

/// Whom a look is at, and what is known before anything is read.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) pool_service: &'a PoolService,
    /// The nodes of its pool.
    pub(crate) nodes: &'a [Node],
    pub(crate) desired: &'a Desired,
    pub(crate) ledger: &'a State,
    /// What is known already; what a plan asks for beyond that is read.
    pub(crate) observed: Observed,
}

/// What a look gives.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) plan: Plan,
    /// What was known in the end.
    pub(crate) observed: Observed,
    /// When the lists began that were read last; `None` where none were needed.
    pub(crate) listed: Option<Instant>,
}

/// Why there is no plan.
#[derive(Debug, Error)]
pub(crate) enum LookError {
    /// The cloud could not be read: nothing is concluded from that.
    #[error("reading the cloud")]
    Read(#[source] ReadError),
    /// A plan kept asking for something that was read already.
    #[error("planning does not get beyond {0:?}")]
    Stuck(BTreeSet<Need>),
}

/// Plans, reading what the plan asks for, until it asks for nothing more. `doubts` says of a region
/// why nothing there may be believed to be gone (behaviour 8.6); it is asked when something is.
pub(crate) async fn look<F>(
    question: Question<'_>,
    identity: &Identity,
    cloud: Cloud<'_>,
    clock: &Clock,
    doubts: impl Fn(String) -> F,
) -> Result<Looked, LookError>
where
    F: Future<Output = Option<String>>,
{
    let Question {
        pool_service,
        nodes,
        desired,
        ledger,
        mut observed,
    } = question;
    let subject = Subject {
        key: &pool_service.key,
        cluster_id: &identity.cluster_id,
        desired,
        ledger: ledger.current(),
        published: &pool_service.published,
        nodes,
    };
    let mut asked: BTreeSet<Need> = BTreeSet::new();
    let mut is_compared = false;
    for _ in 0..ROUNDS {
        let cx = Context {
            identity,
            pool_service,
            now: clock.seconds(),
        };
        let mut plan = plan(desired, &observed, ledger, &cx);
        let open: Vec<Need> = plan.needs.difference(&asked).copied().collect();
        if open.is_empty() {
            if !plan.needs.is_empty() {
                // It was read and did not help: a list whose rows moved, a thing between two
                // states. Nothing is done on half a picture.
                plan.lanes.clear();
                plan.ledger = None;
                plan.released = false;
                plan.wait = plan.wait.sooner(Wait::Pending);
            }
            let listed = cloud.listed(&subject);
            return Ok(Looked {
                plan,
                observed,
                listed,
            });
        }
        for need in open {
            asked.insert(need);
            observe::read(need, &subject, cloud, clock, &mut observed)
                .await
                .map_err(LookError::Read)?;
        }
        let is_gone = observed.load_balancer.is_surely_gone() || observed.eip.is_surely_gone();
        // Once for a look, whatever is found to be gone later in it.
        if let Some(ledger) = ledger.current().filter(|_| is_gone && !is_compared) {
            is_compared = true;
            observed.mass_loss = doubts(ledger.placement.region.clone()).await;
        }
    }
    Err(LookError::Stuck(asked))
}
