//! What the tests of the guide share: its commands, and waiting for what they bring about.

use std::time::Duration;

use ecm_testkit::Sandbox;
use ecm_testkit::sandbox::{POOLS, Pool};
use ens_sim::cloud::Latency;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::runtime::wait::{Condition, await_condition};
use kube::{Api, Client, ResourceExt as _};
use poolservice_api::{NodePool, NodePoolVersion, PoolService};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const CUBE: &str = include_str!("../../../../examples/guide/cube.yaml");
pub(crate) const CUBE_SVC: &str = include_str!("../../../../examples/guide/cube-svc.yaml");
pub(crate) const CUBE_SVC_SELF_MANAGED: &str =
    include_str!("../../../../examples/guide/cube-svc-self-managed.yaml");

/// Annotation that names a user's load balancer.
pub(crate) const LOAD_BALANCER_ID: &str = ecm_policy::annotations::keys::ID;

/// A sandbox, and what a user does in it.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
}

impl World {
    pub(crate) async fn start(seed: u64) -> Self {
        let sandbox = Sandbox::start(Latency::fast(), seed).await.unwrap();
        let client = sandbox.client().await.unwrap();
        Self { sandbox, client }
    }

    /// Step 1 and 2 of the guide.
    pub(crate) async fn deploy_and_annotate(&self) {
        self.sandbox.cluster.apply_yaml(&in_default(CUBE)).unwrap();
        for pool in POOLS {
            self.annotate_pool(&pool, placement(&pool)).await;
        }
    }

    pub(crate) async fn annotate_pool(&self, pool: &Pool, annotations: Value) {
        let patch = json!({ "metadata": {
            "annotations": annotations,
            "labels": { "k8s-svc": "cube" },
        }});
        self.pools()
            .patch(pool.name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    pub(crate) fn apply(&self, manifest: &str) {
        self.sandbox
            .cluster
            .apply_yaml(&in_default(manifest))
            .unwrap();
    }

    pub(crate) async fn annotate_ps(&self, name: &str, key: &str, value: &str) {
        let patch = json!({ "metadata": { "annotations": { key: value } } });
        self.pool_services()
            .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    pub(crate) async fn annotate_service(&self, key: &str, value: &str) {
        let patch = json!({ "metadata": { "annotations": { key: value } } });
        self.services()
            .patch("cube-svc", &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
    }

    /// Waits until the Service has this many addresses, and gives them.
    pub(crate) async fn addresses(&self, count: usize) -> Vec<String> {
        let service = self
            .wait(
                self.services(),
                "cube-svc",
                move |service: Option<&Service>| {
                    service.is_some_and(|service| ips(service).len() == count)
                },
            )
            .await
            .unwrap();
        ips(&service)
    }

    /// Waits until a condition of a PoolService has this reason, and gives its message.
    pub(crate) async fn reason(
        &self,
        name: &str,
        kind: &'static str,
        reason: &'static str,
    ) -> String {
        let ps = self
            .wait(
                self.pool_services(),
                name,
                move |ps: Option<&PoolService>| {
                    ps.is_some_and(|ps| condition(ps, kind).is_some_and(|c| c.0 == reason))
                },
            )
            .await
            .unwrap();
        condition(&ps, kind).unwrap().1
    }

    /// Waits until an event of this reason stands, and gives its note.
    pub(crate) async fn event(&self, reason: &str) -> String {
        let api: Api<Event> = Api::namespaced(self.client.clone(), "default");
        let found = timeout(PATIENCE, async {
            loop {
                let list = api.list(&ListParams::default()).await.unwrap();
                let event = list
                    .items
                    .into_iter()
                    .find(|e| e.reason.as_deref() == Some(reason));
                if let Some(event) = event {
                    return event.note.unwrap_or_default();
                }
                tokio::task::yield_now().await;
            }
        });
        found.await.unwrap_or_else(|_| panic!("no event {reason}"))
    }

    /// Waits until the DaemonSet of the guide has a ready pod on every node.
    pub(crate) async fn wait_for_pods(&self) {
        let api: Api<DaemonSet> = Api::namespaced(self.client.clone(), "default");
        self.wait(api, "cube", |ds: Option<&DaemonSet>| {
            let status = ds.and_then(|ds| ds.status.as_ref());
            status.is_some_and(|status| status.number_ready == 4)
        })
        .await;
    }

    /// Deletes the Service and waits until it is gone.
    pub(crate) async fn delete_service(&self) {
        let service = self.services().get("cube-svc").await.unwrap();
        let uid = service.uid().unwrap();
        self.services()
            .delete("cube-svc", &DeleteParams::default())
            .await
            .unwrap();
        let gone = kube::runtime::conditions::is_deleted(&uid);
        timeout(PATIENCE, await_condition(self.services(), "cube-svc", gone))
            .await
            .expect("the Service is stuck terminating")
            .unwrap();
    }

    async fn wait<K>(&self, api: Api<K>, name: &str, condition: impl Condition<K>) -> Option<K>
    where
        K: kube::Resource<DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + Send
            + serde::de::DeserializeOwned
            + 'static,
    {
        let Ok(found) = timeout(PATIENCE, await_condition(api, name, condition)).await else {
            panic!(
                "{name} did not come to the wanted state
{}",
                self.picture().await
            )
        };
        found.unwrap()
    }

    /// Everything that helps to see why a wait was in vain.
    async fn picture(&self) -> String {
        let mut text = String::new();
        for ps in self
            .pool_services()
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
        {
            text.push_str(&serde_json::to_string_pretty(&ps).unwrap());
        }
        let cloud = self.sandbox.cloud.snapshot();
        format!("{text}{:#?}", cloud.load_balancers)
    }

    /// What a GET of `http://address:port` answers.
    pub(crate) async fn get(&self, address: &str, port: u16) -> String {
        let real = self
            .sandbox
            .reach(address.parse().unwrap(), port)
            .expect("nothing listens");
        let exchange = async {
            let mut stream = TcpStream::connect(real).await.unwrap();
            let request = format!("GET / HTTP/1.1\r\nHost: {real}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        timeout(PATIENCE, exchange).await.expect("no answer")
    }

    /// Names of everything in the cloud that the controller made.
    pub(crate) fn managed(&self) -> Vec<String> {
        let snapshot = self.sandbox.cloud.snapshot();
        let elbs = snapshot.load_balancers.iter().map(|lb| lb.name.clone());
        let eips = snapshot.eips.iter().map(|eip| eip.name.clone());
        elbs.chain(eips)
            .filter(|name| name.starts_with("k8s/"))
            .collect()
    }

    pub(crate) fn services(&self) -> Api<Service> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) fn pool_services(&self) -> Api<PoolService> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) fn pools(&self) -> Api<DynamicObject> {
        let resource = kube::core::ApiResource::erase::<NodePool>(&NodePoolVersion::V1Beta2);
        Api::all_with(self.client.clone(), &resource)
    }
}

pub(crate) fn pool_service(pool: &Pool) -> String {
    format!("cube-svc-{}", pool.name)
}

pub(crate) fn placement(pool: &Pool) -> Value {
    json!({
        "alibabacloud.com/ens-region-id": pool.region,
        "alibabacloud.com/ens-network-id": pool.network,
        "alibabacloud.com/ens-vswitch-id": pool.vswitches.join(","),
    })
}

/// kubectl puts objects without a namespace into `default`.
fn in_default(manifest: &str) -> String {
    manifest.replacen("metadata:\n", "metadata:\n  namespace: default\n", 1)
}

fn ips(service: &Service) -> Vec<String> {
    let status = service.status.clone().unwrap_or_default();
    let ingress = status
        .load_balancer
        .unwrap_or_default()
        .ingress
        .unwrap_or_default();
    ingress.into_iter().filter_map(|entry| entry.ip).collect()
}

fn condition(ps: &PoolService, kind: &str) -> Option<(String, String)> {
    let conditions = ps.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|c| c.type_ == kind)?;
    Some((condition.reason.clone(), condition.message.clone()))
}

/// Whether an EIP is bound to the load balancer.
pub(crate) fn has_eip(snapshot: &ens_sim::cloud::Snapshot, load_balancer: &str) -> bool {
    let bound = snapshot.eips.iter().filter_map(|eip| eip.binding.as_ref());
    bound
        .into_iter()
        .any(|binding| binding.instance_id == load_balancer)
}
