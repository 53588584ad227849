//! Scenarios: steps that people and machines take, one after the other.

use std::fmt;
use std::time::Duration;

use ens_sim::cloud::{Cloud, Protocol};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::sleep;

use self::console::{BUSY, TRIES, act_on};
use self::fact::Purchases;
use crate::invariants::{Expect, drift_calls, settled};
use crate::transcript::Transcript;
use crate::trouble::{CloudTrouble, Trouble};
use crate::world::{Config, View, World, WorldError};

mod console;
mod deletion;
mod endpoints;
mod fact;
pub mod guide;
mod leader;
mod live;
mod losses;
mod names;
mod parts;
mod pools;
mod ports;
mod settings;
mod users;

pub use console::Console;
pub use fact::{Elb, Fact};
pub use live::LiveError;

/// Every scenario that both kinds of worlds play, by what it is about. Those of one group leave a cluster as they found
/// it.
pub fn groups() -> [(&'static str, Vec<Scenario>); 10] {
    [
        ("guide", guide::all()),
        ("ports", ports::all()),
        ("pools", pools::all()),
        ("endpoints", endpoints::all()),
        ("settings", settings::all()),
        ("names", names::all()),
        ("users", users::all()),
        ("losses", losses::all()),
        ("deletion", deletion::all()),
        ("leader", leader::all()),
    ]
}

/// Every scenario of [`groups`].
pub fn all() -> Vec<Scenario> {
    groups().into_iter().flat_map(|(_, all)| all).collect()
}

/// How long things may take to settle. An ambiguous create alone may take 15 minutes
/// (behaviour 5.5), and a refusal is looked at again after five (behaviour 11.1).
const PATIENCE: Duration = Duration::from_secs(45 * 60);

/// For how long nothing may be written after things have settled: four rounds of drift checks.
const QUIET: Duration = Duration::from_secs(20 * 60);

/// How long something that went wrong can be seen: the longest wait after a refusal is 5 minutes
/// (behaviour 11.1), an ambiguous create is decided after 15 (behaviour 5.5).
const AFTERMATH: Duration = Duration::from_secs(16 * 60);

/// How often drift is looked for, in seconds; the default of the controllers.
const DRIFT_INTERVAL: u64 = 300;

/// A sequence of steps in a world.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name on command lines.
    pub name: String,
    /// The world that it happens in.
    pub config: Config,
    /// The steps.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Somebody creates an object, or merges fields into it.
    Apply(Value),
    /// Somebody deletes an object.
    Delete {
        /// `apiVersion` of the object.
        api_version: &'static str,
        /// Its kind.
        kind: &'static str,
        /// Its name; namespaced kinds are in `default`.
        name: String,
    },
    /// A node's `Ready` condition changes.
    NodeReady(String, &'static str),
    /// A person does something in the cloud's console.
    Console(Console),
    /// The controller process that leads dies and comes back.
    Kill,
    /// The controller process that leads ends in order, and another one starts.
    Restart,
    /// Nothing goes in or out of the controller process that leads for so long; then it goes on.
    StandStill(Duration),
    /// Time passes.
    Pass(Duration),
    /// Everything comes to be as it should.
    Settle(Expect),
    /// Something comes to be so.
    Until(Fact),
    /// Something is so already.
    Is(Fact),
    /// Nothing is written for a while.
    Quiet,
    /// From here on a port has to serve without a break.
    KeepServing(Protocol, u16),
    /// A port may stop serving.
    Release(Protocol, u16),
    /// A person lets the controllers have a listener on a load balancer of theirs.
    GiveUp(String, Protocol, u16),
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Run {
    /// Everything that happened.
    pub transcript: Transcript,
    /// How many external calls there were.
    pub calls: u64,
    /// The virtual time that passed.
    pub took: Duration,
}

/// A scenario that is not one: a step was refused.
#[derive(Debug, Error)]
pub enum ScenarioError {
    /// The world could not be made, or refused a step.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The cloud refused what a person does in its console.
    #[error("{act:?} in the console is refused: {code}")]
    Console {
        /// What the person does.
        act: Console,
        /// The cloud's code.
        code: String,
    },
}

impl Run {
    /// What did not hold.
    pub fn violations(&self) -> Vec<String> {
        self.transcript.violations()
    }
}

impl Scenario {
    /// Plays the scenario. It ends at the first step that does not come out.
    ///
    /// Must be called inside a runtime of one thread with paused time; [`crate::sweep::play`] does
    /// that.
    ///
    /// # Errors
    /// When a step is refused, which is a mistake of the scenario.
    pub async fn play(&self, seed: u64, troubles: &[(u64, Trouble)]) -> Result<Run, ScenarioError> {
        let mut config = self.config.clone();
        let is_stale = |trouble: &Trouble| *trouble == Trouble::Cloud(CloudTrouble::Stale);
        config.keep_past |= troubles.iter().any(|(_, trouble)| is_stale(trouble));
        let world = World::without_controllers(config, seed)?;
        for (call, trouble) in troubles {
            world.plan(*call, *trouble);
        }
        world.start_process();
        for step in &self.steps {
            world.step(step.to_string());
            if !take(&world, step).await? {
                break;
            }
        }
        Ok(Run {
            transcript: world.transcript(),
            calls: world.calls(),
            took: world.clock().elapsed(),
        })
    }
}

/// Takes a step; says whether it came out.
async fn take(world: &World, step: &Step) -> Result<bool, ScenarioError> {
    match step {
        Step::Apply(object) => world.apply(object.clone())?,
        Step::Delete {
            api_version,
            kind,
            name,
        } => world.delete(api_version, kind, namespace_of(kind), name),
        Step::NodeReady(node, status) => world.set_node_ready(node, status)?,
        Step::Console(act) => console(world, act).await?,
        Step::Kill => {
            world.kill();
            sleep(Duration::from_secs(5)).await;
            world.start_process();
        }
        Step::Restart => world.restart().await,
        Step::StandStill(time) => world.stand_still(*time),
        Step::Pass(time) => sleep(*time).await,
        Step::Settle(expect) => return Ok(settle(world, *expect).await),
        Step::Until(fact) => return Ok(until(world, fact, PATIENCE).await),
        Step::Is(fact) => return Ok(until(world, fact, Duration::ZERO).await),
        Step::Quiet => return Ok(quiet(world).await),
        Step::KeepServing(protocol, port) => {
            world.watch_for(|monitor| monitor.keep_serving(*protocol, *port));
        }
        Step::Release(protocol, port) => {
            world.watch_for(|monitor| monitor.release(*protocol, *port));
        }
        Step::GiveUp(load_balancer, protocol, port) => {
            world.watch_for(|monitor| monitor.give_up(load_balancer, *protocol, *port));
        }
    }
    Ok(true)
}

fn namespace_of(kind: &str) -> &'static str {
    match kind {
        "Node" | "NodePool" | "Namespace" => "",
        _ => "default",
    }
}

/// What is refused because a load balancer is busy is tried again, as people do.
async fn console(world: &World, act: &Console) -> Result<(), ScenarioError> {
    let mut tries = 1;
    loop {
        let view = world.view();
        let now = world.clock().cloud();
        match world.cloud(|cloud| act_on(cloud, &view, act, now)) {
            Ok(()) => break,
            Err(code) if code == BUSY && tries < TRIES => tries += 1,
            Err(code) => return Err(refused(act, code)),
        }
        sleep(Duration::from_secs(1)).await;
    }
    let (view, calls) = (world.view(), world.cloud(|cloud| cloud.journal().total()));
    world.watch_for(|monitor| act.tell(monitor, &view, calls));
    Ok(())
}

fn refused(act: &Console, code: String) -> ScenarioError {
    let act = act.clone();
    ScenarioError::Console { act, code }
}

/// Waits until a fact is so, and no longer than `patience`; says whether it came to be. What is instead then stands in
/// the transcript.
async fn until(world: &World, fact: &Fact, patience: Duration) -> bool {
    let missing = |view: &View, cloud: &Cloud| {
        let missing = fact.missing(view, Purchases::of(cloud));
        missing.into_iter().collect()
    };
    comes_true(world, patience, missing).await
}

/// Waits until everything is as it should be, at most 45 minutes; says whether it came to be. What
/// does not hold then stands in the transcript.
pub async fn settle(world: &World, expect: Expect) -> bool {
    comes_true(world, PATIENCE, |view, cloud| settled(view, cloud, expect)).await
}

/// Waits until nothing is wrong, and looks only where something has changed.
async fn comes_true(
    world: &World,
    patience: Duration,
    wrong: impl Fn(&View, &Cloud) -> Vec<String>,
) -> bool {
    let begun = world.clock().elapsed();
    let mut seen = None;
    let mut found = Vec::new();
    loop {
        let stamp = world.stamp();
        if seen != Some(stamp) {
            seen = Some(stamp);
            let view = world.view();
            found = world.cloud(|cloud| wrong(&view, cloud));
            if found.is_empty() {
                return true;
            }
        }
        if world.clock().elapsed().saturating_sub(begun) >= patience {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    for text in found {
        world.violation(text);
    }
    false
}

/// Watches for 20 minutes that nothing is written and that little is read; says whether that held.
/// What does not hold stands in the transcript.
pub async fn quiet(world: &World) -> bool {
    let (mut calls, mut writes);
    loop {
        // What was under way, such as events and a last look, may end.
        sleep(Duration::from_secs(90)).await;
        let begun = world.clock().elapsed();
        let is_calm = |since: Duration| world.last_trouble().is_none_or(|at| at < since);
        if is_calm(begun.saturating_sub(AFTERMATH)) {
            (calls, writes) = (world.cloud(|cloud| cloud.journal().total()), world.writes());
            sleep(QUIET).await;
            if is_calm(begun) {
                break;
            }
        }
        // What goes wrong is told on conditions, and told again when it is over.
        sleep(AFTERMATH).await;
        if !settle(world, Expect::Explained).await {
            return false;
        }
    }
    let written = world.writes() - writes;
    if written > 0 {
        world.violation(format!("Q3: {written} writes although nothing changed"));
    }
    let read = world.cloud(|cloud| cloud.journal().total()) - calls;
    let bound = world.cloud(|cloud| {
        let snapshot = cloud.snapshot();
        let regions = world_regions(&snapshot);
        drift_calls(&snapshot, regions, QUIET.as_secs(), DRIFT_INTERVAL)
    });
    if usize::try_from(read).unwrap_or(usize::MAX) > bound {
        world.violation(format!(
            "Q4: {read} calls of the cloud although nothing changed, at most {bound} are due"
        ));
    }
    written == 0 && usize::try_from(read).is_ok_and(|read| read <= bound)
}

fn world_regions(snapshot: &ens_sim::cloud::Snapshot) -> usize {
    let regions: std::collections::BTreeSet<&str> = snapshot
        .networks
        .iter()
        .map(|network| network.region.as_str())
        .collect();
    regions.len()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apply(object) => write!(
                f,
                "apply {} {}: {}",
                object["kind"].as_str().unwrap_or_default(),
                object["metadata"]["name"].as_str().unwrap_or_default(),
                json!({ "metadata": object["metadata"], "spec": object["spec"] })
            ),
            Self::Delete { kind, name, .. } => write!(f, "delete {kind} {name}"),
            Self::NodeReady(node, status) => write!(f, "node {node} Ready={status}"),
            Self::Console(act) => write!(f, "console: {act:?}"),
            Self::Kill => f.write_str("kill the controller"),
            Self::Restart => f.write_str("restart the controller"),
            Self::StandStill(time) => write!(f, "the leader stands still for {} s", time.as_secs()),
            Self::Pass(time) => write!(f, "{} s pass", time.as_secs()),
            Self::Settle(expect) => write!(f, "settle: {expect:?}"),
            Self::Until(fact) => write!(f, "until {fact:?}"),
            Self::Is(fact) => write!(f, "is {fact:?}"),
            Self::Quiet => f.write_str("quiet"),
            Self::KeepServing(protocol, port) => {
                write!(f, "{port}/{protocol} has to go on serving")
            }
            Self::Release(protocol, port) => write!(f, "{port}/{protocol} may stop serving"),
            Self::GiveUp(id, protocol, port) => {
                write!(f, "the controllers may have {port}/{protocol} of {id}")
            }
        }
    }
}
