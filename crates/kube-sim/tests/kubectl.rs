//! A real, unmodified kubectl against the HTTP face.
//!
//! Without kubectl the tests say so and pass; under `CI=true` they fail.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;
use std::process::Command;

use kube_sim::Cluster;

/// The CustomResourceDefinitions are our own; the shapes are those of the OpenYurt project's documentation.
const CRDS: &str = r"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: nodepools.apps.openyurt.io}
spec:
  group: apps.openyurt.io
  names: {kind: NodePool, listKind: NodePoolList, plural: nodepools, singular: nodepool, shortNames: [np]}
  scope: Cluster
  versions:
  - name: v1beta2
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: Type, type: string, jsonPath: .spec.type}
    - {name: ReadyNodes, type: integer, jsonPath: .status.readyNodeNum}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        description: A group of nodes.
        properties:
          spec:
            type: object
            properties:
              type: {type: string, description: Edge or Cloud., enum: [Edge, Cloud], default: Edge}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: poolservices.network.openyurt.io}
spec:
  group: network.openyurt.io
  names: {kind: PoolService, listKind: PoolServiceList, plural: poolservices, singular: poolservice, shortNames: [ps]}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns:
    - {name: AGE, type: date, jsonPath: .metadata.creationTimestamp}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {loadBalancerClass: {type: string}}}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
";

const POOLS: &str = "
apiVersion: apps.openyurt.io/v1beta2
kind: NodePool
metadata: {name: np-heifei}
spec: {type: Edge}
---
apiVersion: apps.openyurt.io/v1beta2
kind: NodePool
metadata: {name: np-chengdu}
spec: {type: Edge}
";

const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata:
  name: cube-svc
  labels: {app: cube}
  annotations:
    service.openyurt.io/nodepool-labelselector: k8s-svc=cube
spec:
  selector: {app: cube}
  type: LoadBalancer
  loadBalancerClass: alibabacloud.com/elb
  externalTrafficPolicy: Local
  ports:
  - {name: cube, port: 80, protocol: TCP, targetPort: 80}
";

struct Fixture {
    cluster: Cluster,
    folder: tempfile::TempDir,
}

/// A served cluster, or none where there is no kubectl.
async fn fixture() -> Option<Fixture> {
    if Command::new("kubectl")
        .args(["version", "--client"])
        .output()
        .is_err()
    {
        assert!(
            std::env::var_os("CI").is_none_or(|v| v != "true"),
            "kubectl is needed under CI=true"
        );
        println!("skipped: install kubectl");
        return None;
    }
    let cluster = Cluster::builder().seed(7).start();
    cluster.serve("127.0.0.1:0").await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("kubeconfig"),
        cluster.kubeconfig().unwrap(),
    )
    .unwrap();
    Some(Fixture { cluster, folder })
}

impl Fixture {
    fn file(&self, name: &str, text: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Runs kubectl; returns what it printed and whether it succeeded.
    async fn try_kubectl(&self, arguments: &str) -> (String, bool) {
        let mut command = Command::new("kubectl");
        command
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            .env("HOME", self.folder.path());
        command.args(arguments.split_whitespace());
        // The server runs on this runtime: kubectl must not block it.
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .unwrap()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8(text).unwrap(), output.status.success())
    }

    async fn kubectl(&self, arguments: &str) -> String {
        let (text, success) = self.try_kubectl(arguments).await;
        assert!(success, "kubectl {arguments}\n{text}");
        text
    }

    fn seed(&self) {
        self.cluster.apply_yaml(CRDS).unwrap();
        self.cluster.apply_yaml(POOLS).unwrap();
    }
}

/// The words of each line.
fn words(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn crds_are_applied_and_served_by_short_name() {
    let Some(f) = fixture().await else { return };
    let crds = f.file("crds.yaml", CRDS);
    let text = f.kubectl(&format!("apply -f {crds}")).await;
    assert!(
        text.contains("nodepools.apps.openyurt.io created"),
        "{text}"
    );
    f.kubectl("wait --for=condition=Established crd/nodepools.apps.openyurt.io --timeout=10s")
        .await;
    let pools = f.file("pools.yaml", POOLS);
    assert!(
        f.kubectl(&format!("apply -f {pools}"))
            .await
            .contains("nodepool.apps.openyurt.io/np-heifei created")
    );
    assert!(
        f.kubectl(&format!("apply -f {pools}"))
            .await
            .contains("nodepool.apps.openyurt.io/np-heifei unchanged")
    );
    let table = f.kubectl("get nodepool").await;
    let rows = words(&table);
    assert_eq!(rows[0], ["NAME", "TYPE", "READYNODES", "AGE"]);
    assert_eq!(rows[2][..2], ["np-heifei", "Edge"]);
    assert!(
        f.kubectl("get np -o name")
            .await
            .contains("nodepool.apps.openyurt.io/np-chengdu")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn annotate_label_and_delete_work_as_the_guide_uses_them() {
    let Some(f) = fixture().await else { return };
    f.seed();
    f.kubectl("annotate nodepool np-heifei alibabacloud.com/ens-network-id=n-1")
        .await;
    f.kubectl("label nodepool np-heifei k8s-svc=cube").await;
    let picked = f
        .kubectl("get np -l k8s-svc=cube -o jsonpath={.items[*].metadata.annotations}")
        .await;
    assert_eq!(picked, r#"{"alibabacloud.com/ens-network-id":"n-1"}"#);
    let (text, success) = f
        .try_kubectl("annotate nodepool np-heifei alibabacloud.com/ens-network-id=n-2")
        .await;
    assert!(!success && text.contains("--overwrite is false"), "{text}");
    f.kubectl("label nodepool np-heifei k8s-svc-").await;
    assert!(
        f.kubectl("delete nodepool np-heifei")
            .await
            .contains("deleted")
    );
    let (text, success) = f.try_kubectl("get nodepool np-heifei").await;
    assert!(!success);
    assert_eq!(
        text,
        "Error from server (NotFound): nodepools.apps.openyurt.io \"np-heifei\" not found\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_printed_as_in_the_guide() {
    let Some(f) = fixture().await else { return };
    let service = f.file("svc.yaml", SERVICE);
    assert_eq!(
        f.kubectl(&format!("apply -f {service}")).await,
        "service/cube-svc created\n"
    );
    assert_eq!(
        f.kubectl(&format!("apply -f {service}")).await,
        "service/cube-svc unchanged\n"
    );
    let table = f.kubectl("get svc cube-svc").await;
    let rows = words(&table);
    assert_eq!(
        rows[0],
        [
            "NAME",
            "TYPE",
            "CLUSTER-IP",
            "EXTERNAL-IP",
            "PORT(S)",
            "AGE"
        ]
    );
    assert_eq!(rows[1][1], "LoadBalancer");
    assert!(rows[1][2].starts_with("192.168."), "{table}");
    assert_eq!(rows[1][3], "<pending>");
    let port: u16 = rows[1][4]
        .strip_prefix("80:")
        .unwrap()
        .strip_suffix("/TCP")
        .unwrap()
        .parse()
        .unwrap();
    assert!((30000..=32767).contains(&port));
    let status = serde_json::json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cube-svc"},
        "status": {"loadBalancer": {"ingress": [{"ip": "39.106.0.1"}, {"ip": "144.121.0.1"}]}}});
    f.cluster.apply(status).unwrap();
    assert_eq!(
        words(&f.kubectl("get svc cube-svc").await)[1][3],
        "39.106.0.1,144.121.0.1"
    );
    f.kubectl("wait --for=jsonpath={.status.loadBalancer.ingress[0].ip}=39.106.0.1 svc/cube-svc --timeout=10s").await;
    let described = f.kubectl("describe svc cube-svc").await;
    assert!(
        described.contains("LoadBalancer Ingress:     39.106.0.1 (VIP), 144.121.0.1 (VIP)"),
        "{described}"
    );
    let yaml = f.kubectl("get svc cube-svc -o yaml").await;
    assert!(
        yaml.contains("loadBalancerClass: alibabacloud.com/elb") && yaml.contains("kind: Service"),
        "{yaml}"
    );
    let wide = f.kubectl("get svc cube-svc -o wide").await;
    assert!(
        wide.contains("SELECTOR") && wide.contains("app=cube"),
        "{wide}"
    );
    assert!(f.kubectl("get svc -A").await.contains("kubernetes"));
    assert_eq!(
        f.kubectl(&format!("delete -f {service}")).await,
        "service \"cube-svc\" deleted\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_and_broken_values_are_refused_by_name() {
    let Some(f) = fixture().await else { return };
    f.seed();
    let unknown = f.file("a.yaml", "apiVersion: apps.openyurt.io/v1beta2\nkind: NodePool\nmetadata: {name: x}\nspec: {typo: 1}\n");
    let (text, success) = f.try_kubectl(&format!("apply -f {unknown}")).await;
    assert!(
        !success && text.contains("unknown field \"spec.typo\""),
        "{text}"
    );
    let broken = f.file("b.yaml", "apiVersion: apps.openyurt.io/v1beta2\nkind: NodePool\nmetadata: {name: x}\nspec: {type: Fog}\n");
    let (text, success) = f.try_kubectl(&format!("apply -f {broken}")).await;
    assert!(
        !success && text.contains("Unsupported value: \"Fog\""),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn server_side_apply_and_dry_run_work() {
    let Some(f) = fixture().await else { return };
    let service = f.file("svc.yaml", SERVICE);
    f.kubectl(&format!("apply --dry-run=server -f {service}"))
        .await;
    assert!(!f.try_kubectl("get svc cube-svc").await.1);
    let text = f
        .kubectl(&format!("apply --server-side -f {service}"))
        .await;
    assert_eq!(text, "service/cube-svc serverside-applied\n");
    let text = f.kubectl(&format!("diff --server-side -f {service}")).await;
    assert!(text.is_empty(), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_and_api_resources_know_the_kinds() {
    let Some(f) = fixture().await else { return };
    f.seed();
    let text = f.kubectl("explain nodepool.spec.type").await;
    assert!(
        text.contains("FIELD: type <string>") && text.contains("Edge or Cloud."),
        "{text}"
    );
    let text = f.kubectl("api-resources").await;
    for kind in [
        "PoolService",
        "NodePool",
        "Service",
        "Lease",
        "EndpointSlice",
        "DaemonSet",
    ] {
        assert!(text.contains(kind), "{kind} is missing:\n{text}");
    }
    assert!(
        f.kubectl("version")
            .await
            .contains("Server Version: v1.32.0")
    );
    assert_eq!(f.kubectl("get --raw /readyz").await, "ok");
}

const CUBE: &str = "
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: cube
  labels: {app: cube}
spec:
  selector: {matchLabels: {app: cube}}
  template:
    metadata: {labels: {app: cube}}
    spec:
      containers:
      - name: cube
        image: registry.example.com/cube:1.0
        ports: [{containerPort: 80}]
";

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_set_is_rolled_out_and_printed_as_in_the_guide() {
    let Some(f) = fixture().await else { return };
    f.cluster.play();
    for node in ["heifei-1", "heifei-2", "chengdu-1", "chengdu-2"] {
        let node = serde_json::json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}], "nodeInfo": {"kubeletVersion": "v1.32.0"}}});
        f.cluster.apply(node).unwrap();
    }
    let file = f.file("cube.yaml", CUBE);
    assert_eq!(
        f.kubectl(&format!("apply -f {file}")).await,
        "daemonset.apps/cube created\n"
    );
    f.kubectl("rollout status ds/cube --timeout=30s").await;
    let table = f.kubectl("get ds cube").await;
    let rows = words(&table);
    let header = "NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE SELECTOR AGE";
    assert_eq!(rows[0].join(" "), header);
    assert_eq!(rows[1][..7], ["cube", "4", "4", "4", "4", "4", "<none>"]);
    let pods = f.kubectl("get pods -o wide").await;
    assert_eq!(words(&pods).len(), 5);
    assert!(
        pods.contains("1/1") && pods.contains("Running") && pods.contains("10.244."),
        "{pods}"
    );
    assert!(f.kubectl("get nodes").await.contains("Ready"));
    let all = f.kubectl("get all").await;
    assert!(
        all.contains("daemonset.apps/cube") && all.contains("service/kubernetes"),
        "{all}"
    );
    let described = f.kubectl("describe ds cube").await;
    assert!(
        described.contains("Desired Number of Nodes Scheduled: 4"),
        "{described}"
    );
    assert!(
        f.kubectl("describe node heifei-1")
            .await
            .contains("Non-terminated Pods:")
    );
    assert!(
        f.kubectl("describe pod -l app=cube")
            .await
            .contains("Controlled By:  DaemonSet/cube")
    );
    f.kubectl("delete ds cube --cascade=foreground --timeout=30s")
        .await;
    f.kubectl("wait --for=delete pod -l app=cube --timeout=30s")
        .await;
    assert!(f.kubectl("get pods").await.contains("No resources found"));
}

const SHOP: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
data: {key: value}
---
apiVersion: v1
kind: Secret
metadata: {name: token, namespace: shop}
stringData: {key: value}
";

#[tokio::test(flavor = "multi_thread")]
async fn protobuf_is_refused_by_name() {
    let Some(f) = fixture().await else { return };
    let (text, success) = f.try_kubectl("create namespace shop").await;
    assert!(
        !success && text.contains("kube-sim does not read protobuf"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_deleted_with_what_it_holds() {
    let Some(f) = fixture().await else { return };
    f.cluster.play();
    let shop = f.file("shop.yaml", SHOP);
    f.kubectl(&format!("apply -f {shop}")).await;
    assert_eq!(
        f.kubectl("get secret token -n shop -o jsonpath={.data.key}")
            .await,
        "dmFsdWU="
    );
    f.kubectl("delete namespace shop --timeout=30s").await;
    assert!(!f.try_kubectl("get namespace shop").await.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_patch_and_replace_works() {
    let Some(f) = fixture().await else { return };
    f.seed();
    let service = f.file("svc.yaml", SERVICE);
    f.kubectl(&format!("create -f {service}")).await;
    f.kubectl("patch svc cube-svc -p {\"spec\":{\"ports\":[{\"port\":80,\"name\":\"web\"}]}}")
        .await;
    assert_eq!(
        f.kubectl("get svc cube-svc -o jsonpath={.spec.ports[0].name}")
            .await,
        "web"
    );
    f.kubectl("patch svc cube-svc --type=merge -p {\"metadata\":{\"labels\":{\"a\":\"b\"}}}")
        .await;
    f.kubectl(
        "patch svc cube-svc --type=json -p [{\"op\":\"remove\",\"path\":\"/metadata/labels/a\"}]",
    )
    .await;
    assert_eq!(
        f.kubectl("get svc cube-svc -o jsonpath={.metadata.labels}")
            .await,
        r#"{"app":"cube"}"#
    );
    f.kubectl(
        "patch np np-heifei --subresource=status --type=merge -p {\"status\":{\"readyNodeNum\":2}}",
    )
    .await;
    assert_eq!(words(&f.kubectl("get np np-heifei").await)[1][2], "2");
    f.kubectl(&format!("replace -f {service}")).await;
    assert_eq!(
        f.kubectl("get svc cube-svc -o jsonpath={.spec.ports[0].name}")
            .await,
        "cube"
    );
    f.kubectl("get np --chunk-size=1").await;
    f.kubectl("get np,svc -A --show-labels").await;
    f.kubectl("delete svc --all").await;
    assert!(f.kubectl("get svc").await.contains("No resources found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_shown_with_what_they_are_about() {
    let Some(f) = fixture().await else { return };
    f.kubectl(&format!("apply -f {}", f.file("svc.yaml", SERVICE)))
        .await;
    let uid = f
        .kubectl("get svc cube-svc -o jsonpath={.metadata.uid}")
        .await;
    let event = serde_json::json!({"apiVersion": "events.k8s.io/v1", "kind": "Event",
        "metadata": {"name": "e", "namespace": "default"}, "reason": "NoMatchNodePool", "note": "no pool matches",
        "type": "Warning", "action": "Select", "reportingController": "ecm", "reportingInstance": "ecm-0",
        "eventTime": "2026-11-23T04:00:00.000000Z",
        "regarding": {"apiVersion": "v1", "kind": "Service", "name": "cube-svc", "namespace": "default", "uid": uid}});
    f.cluster.apply(event).unwrap();
    let table = f.kubectl("get events").await;
    assert!(
        table.contains("service/cube-svc") && table.contains("no pool matches"),
        "{table}"
    );
    let described = f.kubectl("describe svc cube-svc").await;
    assert!(
        described.contains("NoMatchNodePool") && described.contains("no pool matches"),
        "{described}"
    );
    assert!(
        f.kubectl("events --for svc/cube-svc")
            .await
            .contains("NoMatchNodePool")
    );
}
