//! A scenario in a [`Sandbox`]: over real connections and in real time, on either kind of cluster.
//!
//! The same steps, and the same invariants where they can be told from outside: S1, S2, S4, S5, S6, Q1, Q2,
//! Q3, Q5 and Q6. S3 wants two replicas; Q4 and long silences want the paused clock of a
//! [`World`](crate::world::World).

mod process;

use std::time::Duration;

use ens_sim::cloud::Cloud;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind, TypeMeta};
use kube::{Api, Client};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::time::{Instant, sleep};

use self::process::Process;
use super::fact::{Fact, Purchases};
use super::{BUSY, Console, Scenario, ScenarioError, Step, TRIES, act_on, namespace_of};
use crate::controllers::RunningError;
use crate::invariants::{Expect, Monitor, settled};
use crate::node::ready;
use crate::sandbox::{ConnectError, Sandbox};
use crate::transcript::is_read;
use crate::world::View;

/// How long things may take to settle with a fast cloud.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often everything is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// For how long nothing is written where nothing changes. What the ledger says of a load balancer that is in place
/// is written ten seconds after the last step.
const QUIET: Duration = Duration::from_secs(11);

/// How long a controller process that was killed stays away.
const AWAY: Duration = Duration::from_secs(2);

/// Times that pass in a scenario are those of a real cloud; here nothing waits longer than this.
const LONGEST_PASS: Duration = Duration::from_secs(5);

/// The kinds of a scenario: `apiVersion`, kind, plural.
const KINDS: [(&str, &str, &str); 7] = [
    ("v1", "Namespace", "namespaces"),
    ("v1", "Service", "services"),
    ("apps/v1", "DaemonSet", "daemonsets"),
    ("v1", "Node", "nodes"),
    ("apps.openyurt.io/v1beta2", "NodePool", "nodepools"),
    ("discovery.k8s.io/v1", "EndpointSlice", "endpointslices"),
    (
        "network.openyurt.io/v1alpha1",
        "PoolService",
        "poolservices",
    ),
];

/// A run that broke off.
#[derive(Debug, Error)]
pub enum LiveError {
    /// No client of the cluster.
    #[error("connecting to the sandbox's cluster")]
    Connect(#[from] ConnectError),
    /// The controllers.
    #[error("the controllers")]
    Controllers(#[from] RunningError),
    /// A step.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// An object or a kind that no scenario has.
    #[error("{0} is not a kind of a scenario")]
    Kind(String),
    /// The system has no thread for the controllers.
    #[error("starting a thread for the controllers")]
    Thread(#[from] std::io::Error),
    /// The API server refused something.
    #[error("{what}")]
    Refused {
        /// What was tried.
        what: String,
        /// What it said.
        #[source]
        source: Box<kube::Error>,
    },
}

impl Scenario {
    /// Plays the scenario in a sandbox of the guide's pools in which nothing is deployed yet, to the first step that does
    /// not come out. Gives what did not hold. Must be called in a runtime of several threads.
    ///
    /// # Errors
    /// When a step is refused.
    pub async fn play_in(&self, sandbox: &Sandbox) -> Result<Vec<String>, LiveError> {
        let mut live = Live {
            sandbox,
            client: sandbox.client().await?,
            running: Some(Process::start(sandbox)?),
            monitor: Monitor::default(),
            made_before: sandbox.cloud.look(Purchases::of),
            violations: Vec::new(),
        };
        for object in self.config.topology.objects() {
            live.apply(&object).await?;
        }
        let view = live.view().await?;
        let calls = sandbox.cloud.look(|cloud| cloud.journal().total());
        live.monitor.remember_foreign(&view, calls);
        for step in &self.steps {
            live.look().await?;
            if !live.take(step).await? {
                break;
            }
        }
        if let Some(running) = live.running {
            running.stop().await?;
        }
        Ok(live.violations)
    }
}

/// A run.
struct Live<'a> {
    sandbox: &'a Sandbox,
    client: Client,
    /// None while the controllers are dead.
    running: Option<Process>,
    monitor: Monitor,
    made_before: Purchases,
    violations: Vec<String>,
}

impl Live<'_> {
    /// Takes a step; says whether it came out.
    async fn take(&mut self, step: &Step) -> Result<bool, LiveError> {
        match step {
            Step::Apply(object) => self.apply(object).await?,
            Step::Delete {
                api_version,
                kind,
                name,
            } => self.delete(api_version, kind, name).await?,
            Step::NodeReady(node, status) => self.set_node_ready(node, status).await?,
            Step::Console(act) => self.console(act).await?,
            Step::Kill => {
                self.running = None;
                sleep(AWAY).await;
                self.running = Some(Process::start(self.sandbox)?);
            }
            Step::Restart => {
                if let Some(running) = self.running.take() {
                    running.stop().await?;
                }
                self.running = Some(Process::start(self.sandbox)?);
            }
            Step::StandStill(time) => {
                if let Some(running) = &self.running {
                    running.stand_still(LONGEST_PASS.min(*time)).await;
                }
            }
            Step::Pass(time) => sleep(LONGEST_PASS.min(*time)).await,
            Step::Settle(expect) => return self.settle(*expect).await,
            Step::Until(fact) => return self.until(fact, PATIENCE).await,
            Step::Is(fact) => return self.until(fact, Duration::ZERO).await,
            Step::Quiet => return self.quiet().await,
            Step::KeepServing(protocol, port) => self.monitor.keep_serving(*protocol, *port),
            Step::Release(protocol, port) => self.monitor.release(*protocol, *port),
            Step::GiveUp(load_balancer, protocol, port) => {
                self.monitor.give_up(load_balancer, *protocol, *port);
            }
        }
        Ok(true)
    }

    /// What is refused because a load balancer is busy is tried again, as people do.
    async fn console(&mut self, act: &Console) -> Result<(), LiveError> {
        let cloud = &self.sandbox.cloud;
        let mut tries = 1;
        loop {
            let view = self.view().await?;
            let now = cloud.now();
            match cloud.with_cloud(|cloud| act_on(cloud, &view, act, now)) {
                Ok(()) => break,
                Err(code) if code == BUSY && tries < TRIES => tries += 1,
                Err(code) => return Err(super::refused(act, code).into()),
            }
            sleep(LOOK).await;
        }
        let view = self.view().await?;
        let calls = cloud.look(|cloud| cloud.journal().total());
        act.tell(&mut self.monitor, &view, calls);
        Ok(())
    }

    async fn settle(&mut self, expect: Expect) -> Result<bool, LiveError> {
        self.comes_true(PATIENCE, |view, cloud| settled(view, cloud, expect))
            .await
    }

    async fn until(&mut self, fact: &Fact, patience: Duration) -> Result<bool, LiveError> {
        let made_before = self.made_before;
        let missing = |view: &View, cloud: &Cloud| {
            let made = Purchases::of(cloud).since(made_before);
            fact.missing(view, made).into_iter().collect()
        };
        self.comes_true(patience, missing).await
    }

    /// Waits until nothing is wrong; says whether that came to be.
    async fn comes_true(
        &mut self,
        patience: Duration,
        wrong: impl Fn(&View, &Cloud) -> Vec<String>,
    ) -> Result<bool, LiveError> {
        let begun = Instant::now();
        loop {
            let view = self.look().await?;
            let found = self.sandbox.cloud.look(|cloud| wrong(&view, cloud));
            if found.is_empty() {
                return Ok(true);
            }
            if begun.elapsed() >= patience {
                self.violations.extend(found);
                return Ok(false);
            }
            sleep(LOOK).await;
        }
    }

    /// Watches for a while that nothing is written any more.
    async fn quiet(&mut self) -> Result<bool, LiveError> {
        let begun = Instant::now();
        let mut before = self.written().await?;
        loop {
            sleep(QUIET).await;
            let after = self.written().await?;
            if before == after {
                return Ok(true);
            }
            if begun.elapsed() > PATIENCE {
                self.violations.push(format!(
                    "Q3: written although nothing changed: {before:?} became {after:?}"
                ));
                return Ok(false);
            }
            before = after;
        }
    }

    /// What is different after a write: how many calls changed the cloud, and the versions of what the controllers write.
    async fn written(&self) -> Result<(usize, Vec<Value>), LiveError> {
        let view = self.view().await?;
        let journal = self.sandbox.cloud.journal();
        let calls = journal.calls.iter();
        let writes = calls.filter(|call| !is_read(&call.action));
        let objects = view.services.iter().chain(&view.pool_services);
        let versions = objects.map(|object| object["metadata"]["resourceVersion"].clone());
        Ok((writes.count(), versions.collect()))
    }

    /// Looks at S1 to S6, if the cloud stood still while the cluster was looked at.
    async fn look(&mut self) -> Result<View, LiveError> {
        let calls = || self.sandbox.cloud.look(|cloud| cloud.journal().total());
        let before = calls();
        let view = self.view().await?;
        let now = self.sandbox.cloud.now();
        let (monitor, cloud) = (&mut self.monitor, &self.sandbox.cloud);
        if calls() == before {
            let found = cloud.with_cloud(|cloud| {
                // A call since then would be judged by what the cluster held before it.
                let is_still = cloud.journal().total() == before;
                is_still.then(|| monitor.look(&view, cloud, now))
            });
            self.violations.extend(found.unwrap_or_default());
        }
        Ok(view)
    }

    /// Services before PoolServices: what guards goes before what is guarded.
    async fn view(&self) -> Result<View, LiveError> {
        Ok(View {
            services: self.all("Service").await?,
            pool_services: self.all("PoolService").await?,
            pools: self.all("NodePool").await?,
            nodes: self.all("Node").await?,
            slices: self.all("EndpointSlice").await?,
            // They excuse only what a call made in another account's name, which happens in no live scenario.
            events: Vec::new(),
            cloud: self.sandbox.cloud.snapshot(),
        })
    }

    async fn all(&self, kind: &str) -> Result<Vec<Value>, LiveError> {
        let resource = resource(kind)?;
        let api: Api<DynamicObject> = Api::all_with(self.client.clone(), &resource);
        let list = api.list(&ListParams::default()).await;
        let list = list.map_err(refused(|| format!("listing {kind}")))?;
        // What came as JSON goes back into it; a list does not repeat the kind of its items.
        let types = Some(TypeMeta {
            api_version: resource.api_version.clone(),
            kind: kind.to_owned(),
        });
        let typed = list.items.into_iter().map(|object| DynamicObject {
            types: types.clone(),
            ..object
        });
        Ok(typed.filter_map(|o| serde_json::to_value(o).ok()).collect())
    }

    /// Creates an object, or merges it into the one that exists.
    async fn apply(&self, object: &Value) -> Result<(), LiveError> {
        let kind = object["kind"].as_str().unwrap_or_default();
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let what = || format!("applying {kind} {name}");
        let namespace = object["metadata"]["namespace"].as_str();
        let api = self.api(kind, namespace.unwrap_or_else(|| namespace_of(kind)))?;
        let exists = api.get_opt(name).await.map_err(refused(what))?.is_some();
        let written = if exists {
            api.patch(name, &PatchParams::default(), &Patch::Merge(object))
                .await
        } else {
            let object = serde_json::from_value(object.clone());
            let object = object.map_err(|_| LiveError::Kind(kind.to_owned()))?;
            api.create(&PostParams::default(), &object).await
        };
        written.map_err(refused(what))?;
        Ok(())
    }

    async fn delete(&self, api_version: &str, kind: &str, name: &str) -> Result<(), LiveError> {
        let deleted = self
            .api(kind, namespace_of(kind))?
            .delete(name, &DeleteParams::default())
            .await;
        match deleted {
            // What is gone already is what was wanted.
            Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
            other => other
                .map(|_| ())
                .map_err(refused(|| format!("deleting {api_version} {kind} {name}"))),
        }
    }

    async fn set_node_ready(&self, node: &str, status: &str) -> Result<(), LiveError> {
        let patch = json!({ "status": { "conditions": [ready(status)] } });
        let patched = self
            .api("Node", "")?
            .patch_status(node, &PatchParams::default(), &Patch::Strategic(patch))
            .await;
        patched.map_err(refused(|| format!("node {node} Ready={status}")))?;
        Ok(())
    }

    fn api(&self, kind: &str, namespace: &str) -> Result<Api<DynamicObject>, LiveError> {
        let resource = resource(kind)?;
        Ok(match namespace {
            "" => Api::all_with(self.client.clone(), &resource),
            namespace => Api::namespaced_with(self.client.clone(), namespace, &resource),
        })
    }
}

fn resource(kind: &str) -> Result<ApiResource, LiveError> {
    let known = KINDS.iter().find(|(_, known, _)| *known == kind);
    let (api_version, _, plural) = known.ok_or_else(|| LiveError::Kind(kind.to_owned()))?;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::gvk(group, version, kind);
    Ok(ApiResource::from_gvk_with_plural(&gvk, plural))
}

fn refused(what: impl Fn() -> String) -> impl Fn(kube::Error) -> LiveError {
    move |source| LiveError::Refused {
        what: what(),
        source: Box::new(source),
    }
}
