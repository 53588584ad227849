//! Labels, annotations and finalizers, each with where it comes from.
//!
//! "OpenYurt" below is the repository openyurtio/openyurt, "ACK Edge" the public documentation of
//! Alibaba Cloud Container Service for Kubernetes, edge clusters. The annotations that configure a
//! load balancer stand in one table in `ecm_policy::annotations`; here are only the keys that more
//! than one program uses.

/// The load balancer class that is served unless another one is configured (ACK Edge, "Use ELB to
/// expose Services in multiple regions").
pub const DEFAULT_LOAD_BALANCER_CLASS: &str = "alibabacloud.com/elb";

/// Annotation on a Service: which node pools get a load balancer. A label selector over the
/// labels of the NodePools (OpenYurt, pkg/apis/network/well_known_labels_annotations.go).
pub const NODE_POOL_SELECTOR: &str = "service.openyurt.io/nodepool-labelselector";

/// Label on a PoolService: the name of its Service (OpenYurt, same file).
pub const SERVICE_NAME: &str = "openyurt.io/service-name";

/// Label on a PoolService: the name of its NodePool (OpenYurt, same file).
pub const POOL_NAME: &str = "openyurt.io/pool-name";

/// Label on a PoolService: which controller made it (OpenYurt,
/// pkg/yurtmanager/controller/loadbalancerset).
pub const MANAGED_BY: &str = "poolservice.openyurt.io/managed-by";

/// The value of [`MANAGED_BY`] on PoolServices that the fan-out manages. The same as OpenYurt's,
/// so that one controller takes over from the other.
pub const MANAGED_BY_FAN_OUT: &str = "load-balancer-set-controller";

/// Finalizer on a Service: stands until all its PoolServices are gone (OpenYurt,
/// pkg/yurtmanager/controller/loadbalancerset/loadbalancerset/finalizer.go).
pub const SERVICE_FINALIZER: &str = "poolservice.openyurt.io/resources";

/// Prefix of the annotations (and labels) on a Service that unite what its PoolServices report
/// (OpenYurt, same directory, map_utils.go).
pub const AGGREGATED_PREFIX: &str = "aggregated.";

/// Key in `status.aggregateToAnnotations` for the id of the load balancer (OpenYurt's tests use
/// the same key).
pub const AGGREGATE_LOAD_BALANCER_ID: &str = "lb-id";

/// Key in `status.aggregateToAnnotations` for the id of the EIP. Ours.
pub const AGGREGATE_EIP_ID: &str = "eip-id";

/// Key in `status.aggregateToAnnotations` for the ENS region. Ours.
pub const AGGREGATE_REGION: &str = "region";

/// Annotation on a Service: within which topology its traffic stays (OpenYurt,
/// pkg/yurthub/filter/servicetopology).
pub const TOPOLOGY_KEYS: &str = "openyurt.io/topologyKeys";

/// Values of [`TOPOLOGY_KEYS`] that keep traffic within the node pool. OpenYurt handles a zone as
/// a node pool (same directory).
pub const TOPOLOGY_POOL: [&str; 2] = ["openyurt.io/nodepool", "kubernetes.io/zone"];

/// Value of [`TOPOLOGY_KEYS`] that keeps traffic on the node (same directory).
pub const TOPOLOGY_NODE: &str = "kubernetes.io/hostname";

/// Label on a Node: the name of its NodePool (OpenYurt, pkg/projectinfo).
pub const NODE_POOL: &str = "apps.openyurt.io/nodepool";

/// Label on a Node: the name of its node pool, on ACK clusters where [`NODE_POOL`] is absent.
pub const ACK_NODE_POOL: &str = "alibabacloud.com/nodepool-id";

/// Label on a Node: the id of the ENS instance that it runs on, which is the `ServerId` of a
/// backend (kubernetes-sigs/alibaba-cloud-csi-driver reads the same label).
pub const ENS_INSTANCE_ID: &str = "alibabacloud.com/ens-instance-id";

/// Annotation on a NodePool: the ENS region (ACK Edge, "Use ELB to expose Services in multiple
/// regions", as the next two).
pub const ENS_REGION_ID: &str = "alibabacloud.com/ens-region-id";

/// Annotation on a NodePool: the ENS network, `n-...`.
pub const ENS_NETWORK_ID: &str = "alibabacloud.com/ens-network-id";

/// Annotation on a NodePool: the vSwitches, `vsw-...`, separated by commas.
pub const ENS_VSWITCH_ID: &str = "alibabacloud.com/ens-vswitch-id";

/// Label on a Node: load balancers leave it out, whatever the value
/// (k8s.io/api/core/v1, `LabelNodeExcludeBalancers`).
pub const EXCLUDE_FROM_LOAD_BALANCERS: &str =
    "node.kubernetes.io/exclude-from-external-load-balancers";

/// Label on a Node, with [`VIRTUAL_KUBELET`] as its value: no machine that could be a backend.
pub const NODE_TYPE: &str = "type";

/// Value of [`NODE_TYPE`] (virtual-kubelet/virtual-kubelet, node defaults).
pub const VIRTUAL_KUBELET: &str = "virtual-kubelet";

/// Taint on a Node that the cluster autoscaler is about to remove (kubernetes/autoscaler,
/// cluster-autoscaler/utils/taints).
pub const AUTOSCALER_TAINT: &str = "ToBeDeletedByClusterAutoscaler";

/// Annotations on a Node, one of them `"true"`: its pods stay where they are while the cloud does
/// not hear of it (OpenYurt and ACK Edge).
pub const AUTONOMY: [&str; 2] = [
    "node.beta.openyurt.io/autonomy",
    "node.beta.alibabacloud.com/autonomy",
];

/// Annotation on a Node: for how long it is autonomous; any value makes it so (OpenYurt).
pub const AUTONOMY_DURATION: &str = "node.openyurt.io/autonomy-duration";

/// Finalizer on a PoolService: stands until its cloud resources are released. Ours.
pub const POOL_SERVICE_FINALIZER: &str = "ecm.alibabacloud.com/resources";

/// Annotation on a PoolService: what this controller recorded about its cloud resources, as JSON.
/// Not for people to edit. Ours.
pub const LEDGER: &str = "ecm.alibabacloud.com/ledger";

/// Annotation on a PoolService whose [`LEDGER`] is lost, by which somebody says which resources
/// belong to it: the ids of a load balancer and an EIP, joined by a comma, or `none`. It is taken
/// off once it was read. Ours.
pub const REBUILD_LEDGER: &str = "ecm.alibabacloud.com/rebuild-ledger";

/// Annotation on a PoolService, Service or NodePool: `"true"` stops every cloud write for what it
/// covers. Ours.
pub const PAUSED: &str = "ecm.alibabacloud.com/paused";

/// Annotation on the controller's namespace by which somebody confirms that the load balancers of
/// a region are really gone: `<region>=<RFC 3339 time>`, joined by commas.
pub const CONFIRM_LOSS: &str = "ecm.alibabacloud.com/confirm-loss";

/// Prefix of the annotations that configure a load balancer (ACK Edge, "Use annotations to
/// configure ELB instances").
pub const ANNOTATION_PREFIX: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";

/// Prefix of the keys that only this project knows.
pub const OWN_PREFIX: &str = "ecm.alibabacloud.com/";

/// Prefix of OpenYurt's annotations on a Service.
pub const SERVICE_PREFIX: &str = "service.openyurt.io/";

/// Namespace of what belongs to the cluster as a whole. Its UID tells clusters apart.
pub const SYSTEM_NAMESPACE: &str = "kube-system";

/// ConfigMap in [`SYSTEM_NAMESPACE`] that names the cluster on ACK
/// (kubernetes-sigs/alibaba-cloud-csi-driver reads the same).
pub const CLUSTER_PROFILE: &str = "ack-cluster-profile";

/// Key in [`CLUSTER_PROFILE`] for the cluster id.
pub const CLUSTER_PROFILE_ID: &str = "clusterid";
