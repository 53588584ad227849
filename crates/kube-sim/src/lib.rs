//! A small faithful Kubernetes API server in process, for tests and demonstrations.
//!
//! What it does, it does as the real one; what it does not do, it refuses with a Status that names the feature. It is
//! a fixture: it keeps everything in memory and listens on loopback only. `cargo xtask conformance` checks that it agrees
//! with a real one.
//!
//! # What it does not do
//!
//! - Protobuf bodies: refused with 415. Of kubectl's commands that concerns `kubectl create KIND NAME`. Answers are JSON: who
//!   accepts YAML or protobuf only gets 406.
//! - API groups, resources and paths of a real server that are not served here (`batch`, `endpoints`, `/openapi/v2`): 501,
//!   where a 404 would say that the cluster has no such thing.
//! - `null` as a value of a map or in a list, which Go reads as its zero: 501. YAML with a key that is there twice: 400.
//! - `x-kubernetes-validations` (CEL), `oneOf`, `anyOf`, `allOf`, `not`, `multipleOf` and formats other than `int32`,
//!   `int64`, `double`, `password` and `date-time` in a schema, the subresource `scale`, `selectableFields` and conversion
//!   webhooks: the CustomResourceDefinition is refused.
//! - Deletions of a page (`limit`), reviews of rights to paths, a JSON patch that copies what is absent or adds without a
//!   value, and `$setElementOrder` of a list that neither the object nor the patch has: 501.
//! - Subresources other than `status`, a namespace's `finalize` and a ServiceAccount's `token`: 501.
//! - Tokens and RBAC count only with [`Builder::enforce_rbac`] and its sibling. Aggregated ClusterRoles and the rule that nobody grants
//!   more than they have are not known, nor are admission webhooks.
//! - Deployments are stored without anything that runs them.
//! - Container probes, volumes and security contexts are stored and not checked; no scheduling beyond node selectors and
//!   taints. No ServiceAccount `default` appears in a namespace, and no volume with its token in a pod. A new node has no
//!   taint `node.kubernetes.io/not-ready`.
//!
//! # Where its words differ
//!
//! Codes, reasons and causes are those of the real server. Messages are shorter where that one adds examples and regular
//! expressions or names of Go types, several unknown fields are told in alphabetical order, and the columns of tables
//! have short descriptions. Zero values that Go writes in a status (`nodeInfo` of a node, `null` times of a condition) are left
//! out. A CustomResourceDefinition has its status and its finalizer at once.
//!
//! [`Cluster`] is the way in:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cluster = kube_sim::Cluster::builder().seed(7).start();
//! cluster.apply_yaml("{apiVersion: v1, kind: ConfigMap, metadata: {name: greeting}, data: {text: hello}}")?;
//! let found = cluster.get("v1", "ConfigMap", "default", "greeting")?;
//! assert_eq!(found["data"]["text"], "hello");
//! cluster.shutdown().await;
//! # Ok(()) }
//! ```
#![forbid(unsafe_code)]

mod access;
mod admission;
mod api;
mod clock;
mod cluster;
mod counter;
mod crd;
mod faults;
mod http_face;
mod node_ports;
mod object;
mod place;
pub mod play;
mod resource;
mod schema;
mod selector;
mod server;
mod status;
mod structural;
mod table;
mod typed;
mod validation;
mod versions;

pub use api::{ApiService, ResponseBody};
pub use clock::Clock;
pub use cluster::{ApplyError, Builder, Cluster};
pub use counter::{Changes, Counter};
pub use faults::{ConnectionReset, Fault, Faults};
pub use http_face::ServeError;
pub use node_ports::{ClusterObjects, NoAddressBlock, NodePorts};
pub use resource::Resource;
pub use server::{
    ApiServer, DeleteOptions, FieldValidation, List, ListOptions, Patch, Propagation, Target,
    Watch, WatchEvent, WatchOptions, WriteOptions, Written,
};
pub use status::{Cause, Details, FieldError, Status};
