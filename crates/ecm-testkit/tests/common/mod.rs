//! What the tests of the guide share: its commands, and waiting for what they bring about. Each test
//! runs against `kube-sim` and against a real control plane of its own.

use std::time::Duration;

use control_plane::{Binaries, ControlPlane, User};
use ecm_testkit::Sandbox;
use ecm_testkit::sandbox::{POOLS, Pool};
use ens_sim::cloud::Latency;
use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::events::v1::Event;
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
    PostParams,
};
use kube::runtime::wait::{Condition, await_condition};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use poolservice_api::{NodePool, NodePoolVersion, PoolService};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than anything here takes; only a failure waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const CUBE: &str = include_str!("../../../../examples/guide/cube.yaml");
pub(crate) const CUBE_SVC: &str = include_str!("../../../../examples/guide/cube-svc.yaml");
pub(crate) const CUBE_SVC_SELF_MANAGED: &str =
    include_str!("../../../../examples/guide/cube-svc-self-managed.yaml");

/// Annotation that names a user's load balancer.
pub(crate) const LOAD_BALANCER_ID: &str = ecm_policy::annotations::keys::ID;

/// Ids in the cloud follow from it.
const SEED: u64 = 11;

/// Makes two tests of each function that takes a [`World`].
macro_rules! on_both_clusters {
    ($($test:ident),+ $(,)?) => {
        mod on_kube_sim {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(super::World::simulated().await).await;
            })+
        }
        mod on_a_real_control_plane {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                if let Some(world) = super::World::real().await {
                    super::$test(world).await;
                }
            })+
        }
    };
}
pub(crate) use on_both_clusters;

/// A sandbox, and what a user does in it.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) client: Client,
    /// Goes with the world.
    _control_plane: Option<ControlPlane>,
}

impl World {
    pub(crate) async fn simulated() -> Self {
        let sandbox = Sandbox::start(Latency::fast(), SEED).await.unwrap();
        Self::new(sandbox, None).await
    }

    /// `None`, with a word about it, where the programs of a control plane are missing; that fails
    /// where they have to be there.
    pub(crate) async fn real() -> Option<Self> {
        let binaries = match Binaries::find() {
            Ok(found) => found,
            Err(missing) if std::env::var_os("CI").is_some() => panic!("{missing}"),
            Err(missing) => {
                println!("skipped: {missing}");
                return None;
            }
        };
        let control_plane = ControlPlane::start(&binaries).await.unwrap();
        let kubeconfig = control_plane.kubeconfig(User::Admin);
        let sandbox = Sandbox::start_on(&kubeconfig, Latency::fast(), SEED).await;
        Some(Self::new(sandbox.unwrap(), Some(control_plane)).await)
    }

    async fn new(sandbox: Sandbox, control_plane: Option<ControlPlane>) -> Self {
        let client = sandbox.client().await.unwrap();
        Self {
            sandbox,
            client,
            _control_plane: control_plane,
        }
    }

    /// Step 1 and 2 of the guide.
    pub(crate) async fn deploy_and_annotate(&self) {
        self.apply(CUBE).await;
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

    /// Creates the one object of a manifest, in `default`.
    pub(crate) async fn apply(&self, manifest: &str) {
        let object: DynamicObject = serde_saphyr::from_str(manifest).unwrap();
        let kind = object.types.clone().unwrap();
        let (group, version) = kind
            .api_version
            .split_once('/')
            .unwrap_or(("", &kind.api_version));
        let gvk = GroupVersionKind::gvk(group, version, &kind.kind);
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), "default", &ApiResource::from_gvk(&gvk));
        api.create(&PostParams::default(), &object).await.unwrap();
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
        let events = watcher(api, watcher::Config::default()).applied_objects();
        let mut found = std::pin::pin!(events.filter_map(async |event| {
            let event = event.unwrap();
            (event.reason.as_deref() == Some(reason)).then(|| event.note.unwrap_or_default())
        }));
        let found = timeout(PATIENCE, found.next()).await;
        found
            .unwrap_or_else(|_| panic!("no event {reason}"))
            .unwrap()
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
