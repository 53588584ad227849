//! Releasing what a person chose of it.

use std::collections::BTreeSet;
use std::time::Duration;

use ecm_policy::observed::{EipStatus, LoadBalancerStatus};
use ecm_policy::plan::{Lane, Step};
use ens_openapi::rate_limit::Priority;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::{Kind, Orphan};
use crate::caller::Caller;
use crate::executor::{Executor, StepError};
use crate::region::{ReadError, Regions};

/// How often a resource is looked at that is on its way.
const LOOK: Duration = Duration::from_secs(2);

/// How many looks a release may take.
const LOOKS: usize = 45;

/// Releases orphans that a person chose, EIPs first, and says of each what became of it. Each is
/// read back by its id before: it has to bear the name that was listed, and what is bound to
/// something that stays is left alone. Waits until the cloud shows each of them gone.
pub async fn release(
    cloud: &Regions,
    executor: &Executor,
    chosen: &[Orphan],
) -> Vec<(String, Result<(), ReleaseError>)> {
    let mut sorted: Vec<&Orphan> = chosen.iter().collect();
    sorted.sort_by_key(|orphan| (orphan.kind, &orphan.id));
    let ids: BTreeSet<&str> = chosen.iter().map(|orphan| orphan.id.as_str()).collect();
    let mut results = Vec::with_capacity(sorted.len());
    for orphan in sorted {
        let result = match orphan.kind {
            Kind::Eip => release_eip(cloud, executor, orphan, &ids).await,
            Kind::LoadBalancer => release_load_balancer(cloud, executor, orphan).await,
        };
        results.push((orphan.id.clone(), result));
    }
    results
}

async fn release_eip(
    cloud: &Regions,
    executor: &Executor,
    orphan: &Orphan,
    chosen: &BTreeSet<&str>,
) -> Result<(), ReleaseError> {
    let id = &orphan.id;
    for _ in 0..LOOKS {
        let read = cloud.called_by(&caller()).eip(id).await;
        let Some(eip) = read.map_err(|source| unread(id, source))? else {
            return Ok(());
        };
        check_name(orphan, &eip.name)?;
        if let Some(to) = eip.bound_to.filter(|to| !chosen.contains(to.as_str())) {
            let id = id.clone();
            return Err(ReleaseError::Bound { id, to });
        }
        match eip.status {
            EipStatus::InUse => run(executor, Step::UnbindEip { id: id.clone() }).await?,
            EipStatus::Available => run(executor, Step::ReleaseEip { id: id.clone() }).await?,
            EipStatus::Changing(_) => {}
        }
        sleep(LOOK).await;
    }
    Err(ReleaseError::StillThere(id.clone()))
}

async fn release_load_balancer(
    cloud: &Regions,
    executor: &Executor,
    orphan: &Orphan,
) -> Result<(), ReleaseError> {
    let id = &orphan.id;
    for _ in 0..LOOKS {
        let read = cloud.called_by(&caller()).load_balancer(id).await;
        let Some(found) = read.map_err(|source| unread(id, source))? else {
            return Ok(());
        };
        check_name(orphan, &found.name)?;
        let lists = cloud.lists(&orphan.region, Instant::now()).await;
        let lists = lists.map_err(|source| unread(id, source))?;
        let mut eips = lists.eips.values();
        if let Some(eip) = eips.find(|eip| eip.bound_to.as_ref() == Some(id)) {
            return Err(ReleaseError::Leads {
                id: id.clone(),
                eip: eip.id.clone(),
            });
        }
        let step = Step::ReleaseLoadBalancer {
            id: id.clone(),
            is_active: found.status == LoadBalancerStatus::Active,
        };
        run(executor, step).await?;
        sleep(LOOK).await;
    }
    Err(ReleaseError::StillThere(id.clone()))
}

/// A person waits, and the controllers have more to do.
fn caller() -> Caller {
    Caller::new(Priority::Normal, "gc")
}

fn unread(id: &str, source: ReadError) -> ReleaseError {
    let id = id.to_owned();
    ReleaseError::Read { id, source }
}

fn check_name(orphan: &Orphan, now: &str) -> Result<(), ReleaseError> {
    if orphan.name == now {
        return Ok(());
    }
    Err(ReleaseError::Renamed {
        id: orphan.id.clone(),
        listed: orphan.name.clone(),
        now: now.to_owned(),
    })
}

/// One step. A busy answer is part of the way: the next look goes on.
async fn run(executor: &Executor, step: Step) -> Result<(), ReleaseError> {
    let (sender, mut done) = mpsc::unbounded_channel();
    let lanes = vec![Lane(vec![step])];
    executor.run(lanes, &caller(), sender).await;
    while let Some(done) = done.recv().await {
        match done.result {
            Ok(_) => {}
            Err(StepError::Cloud(error)) if error.class() == ens_openapi::ErrorClass::Busy => {}
            Err(source) => {
                let step = done.step.to_string();
                return Err(ReleaseError::Step { step, source });
            }
        }
    }
    Ok(())
}

/// Why a resource is not released.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// It could not be read back.
    #[error("reading {id} back")]
    Read {
        /// Which.
        id: String,
        /// Why.
        #[source]
        source: ReadError,
    },
    /// It is not what was listed any more.
    #[error("{id} is called {now:?} now, not {listed:?}: nothing was done")]
    Renamed {
        /// Which.
        id: String,
        /// How it was called in the list.
        listed: String,
        /// How it is called now.
        now: String,
    },
    /// Traffic may go through it.
    #[error("{id} is bound to {to}, which is not to be released: nothing was done")]
    Bound {
        /// Which.
        id: String,
        /// What it is bound to.
        to: String,
    },
    /// An EIP leads to it.
    #[error("{eip} is bound to {id}: name that one as well, or unbind it; nothing was done")]
    Leads {
        /// Which load balancer.
        id: String,
        /// Which EIP.
        eip: String,
    },
    /// The cloud refused.
    #[error("could not {step}")]
    Step {
        /// What was to be done.
        step: String,
        /// Why it was not.
        #[source]
        source: StepError,
    },
    /// It is still there.
    #[error("{0} is still there: look again later")]
    StillThere(String),
}
