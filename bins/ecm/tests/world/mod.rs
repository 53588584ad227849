//! A sandbox with the guide's application, and the program run against it.

use std::process::Output;
use std::time::Duration;

use ecm_testkit::Sandbox;
use ecm_testkit::sandbox::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, CLUSTER_ID, POOLS};
use ens_openapi::api::load_balancer::CreateLoadBalancer;
use ens_openapi::{Credentials, EnsApi as _, StaticCredentials};
use ens_sim::cloud::Latency;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, ListParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client};
use poolservice_api::{PoolService, keys};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;

/// Longer than anything here takes; only a failure waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

const CUBE: &str = include_str!("../../../../examples/guide/cube.yaml");
const CUBE_SVC: &str = include_str!("../../../../examples/guide/cube-svc.yaml");

pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    kubeconfig: tempfile::NamedTempFile,
}

impl World {
    pub(crate) async fn start(seed: u64) -> Self {
        let sandbox = Sandbox::start(Latency::fast(), seed).await.unwrap();
        let client = sandbox.client().await.unwrap();
        let kubeconfig = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(kubeconfig.path(), sandbox.kubeconfig()).unwrap();
        Self {
            sandbox,
            client,
            kubeconfig,
        }
    }

    /// What the guide applies, the Service with these annotations as well.
    pub(crate) fn apply_guide(&self, annotations: &Value) {
        for manifest in [CUBE, CUBE_SVC] {
            // kubectl puts objects without a namespace into `default`.
            let text = manifest.replacen("metadata:\n", "metadata:\n  namespace: default\n", 1);
            self.sandbox.cluster().unwrap().apply_yaml(&text).unwrap();
        }
        for pool in POOLS {
            self.apply(json!({
                "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool",
                "metadata": {
                    "name": pool.name,
                    "labels": { "k8s-svc": "cube" },
                    "annotations": {
                        keys::ENS_REGION_ID: pool.region,
                        keys::ENS_NETWORK_ID: pool.network,
                        keys::ENS_VSWITCH_ID: pool.vswitches.join(","),
                    },
                },
            }));
        }
        self.apply(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "cube-svc", "namespace": "default", "annotations": annotations },
        }));
    }

    fn apply(&self, object: Value) {
        self.sandbox.cluster().unwrap().apply(object).unwrap();
    }

    /// Has the controllers serve the guide's Service, and stops them when all of it is ready.
    pub(crate) async fn serve(&self, annotations: &Value) {
        let running = self.sandbox.run().await.unwrap();
        self.apply_guide(annotations);
        let has_both = |service: Option<&Service>| {
            let status = service.and_then(|service| service.status.as_ref());
            let ingress = status.and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
            ingress.is_some_and(|ingress| ingress.len() == 2)
        };
        let served = await_condition(self.services(), "cube-svc", has_both);
        timeout(PATIENCE, served).await.unwrap().unwrap();
        let api: Api<PoolService> = Api::namespaced(self.client.clone(), "default");
        for pool in POOLS {
            let name = format!("cube-svc-{}", pool.name);
            let ready = await_condition(api.clone(), &name, is_ready);
            timeout(PATIENCE, ready).await.unwrap().unwrap();
        }
        // Both nodes of each pool are backends.
        let attached = self.sandbox.cloud.wait_until(|cloud| {
            let snapshot = cloud.snapshot();
            let ours = snapshot
                .load_balancers
                .iter()
                .filter(|lb| lb.name.starts_with("k8s/"));
            ours.filter(|lb| lb.backends.len() == 2).count() == 2
        });
        timeout(PATIENCE, attached).await.unwrap();
        running.stop().await.unwrap();
    }

    /// Deletes the Service with the controllers at work, and stops them.
    pub(crate) async fn delete_service(&self) {
        let running = self.sandbox.run().await.unwrap();
        let service = self.services().get("cube-svc").await.unwrap();
        let gone = kube::runtime::conditions::is_deleted(service.metadata.uid.as_ref().unwrap());
        let params = DeleteParams::default();
        self.services().delete("cube-svc", &params).await.unwrap();
        let gone = await_condition(self.services(), "cube-svc", gone);
        timeout(PATIENCE, gone).await.unwrap().unwrap();
        running.stop().await.unwrap();
    }

    pub(crate) fn services(&self) -> Api<Service> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) async fn pool_services(&self) -> usize {
        let api: Api<PoolService> = Api::all(self.client.clone());
        api.list(&ListParams::default()).await.unwrap().items.len()
    }

    /// How many calls came to the cloud that are no reads.
    pub(crate) fn cloud_writes(&self) -> usize {
        let journal = self.sandbox.cloud.journal();
        let calls = journal.calls.iter();
        calls
            .filter(|call| !call.action.starts_with("Describe"))
            .count()
    }

    /// The program with these arguments, knowing cluster and cloud.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecm"));
        command
            .args(args)
            .args(["--cluster-id", CLUSTER_ID, "--kubeconfig"])
            .arg(self.kubeconfig.path())
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", ACCESS_KEY_ID)
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ACCESS_KEY_SECRET)
            .env("ALIBABA_CLOUD_ENDPOINT_ENS", self.sandbox.cloud.endpoint())
            .env_remove("RUST_LOG")
            .kill_on_drop(true);
        command
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output();
        Ran(timeout(PATIENCE, output).await.unwrap().unwrap())
    }

    /// A load balancer that a person makes under this name.
    pub(crate) async fn person_makes(&self, name: &str) -> String {
        let credentials = Credentials::new(ACCESS_KEY_ID, ACCESS_KEY_SECRET);
        let ens = ens_openapi::Client::builder(StaticCredentials::new(credentials))
            .endpoint(self.sandbox.cloud.endpoint())
            .build()
            .unwrap();
        let [pool, _] = POOLS;
        let mut request =
            CreateLoadBalancer::new(pool.region, pool.network, pool.vswitches[0], "elb.s1.small");
        request.load_balancer_name = Some(name.to_owned());
        let made = ens.create_load_balancer(&request).await.unwrap();
        made.load_balancer_id
    }

    pub(crate) fn has_load_balancer(&self, id: &str) -> bool {
        let cloud = self.sandbox.cloud.snapshot();
        cloud.load_balancers.iter().any(|lb| lb.id == id)
    }
}

fn is_ready(ps: Option<&PoolService>) -> bool {
    let status = ps.and_then(|ps| ps.status.as_ref());
    let conditions = status.iter().flat_map(|s| s.conditions.iter().flatten());
    let mut ready = conditions.filter(|c| ["Ready", "InSync"].contains(&c.type_.as_str()));
    ready.all(|condition| condition.status == "True") && status.is_some()
}

/// What a run of the program said.
pub(crate) struct Ran(Output);

impl Ran {
    pub(crate) fn code(&self) -> i32 {
        self.0.status.code().unwrap()
    }

    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.0.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap_or_else(|_| panic!("{}", self.err()))
    }
}
