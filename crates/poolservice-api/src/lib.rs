//! Kubernetes types of the edge load balancer. Types and words only: no client, no logic.
//!
//! - [`PoolService`]: one load balancer of one Service in one node pool, wire compatible with
//!   OpenYurt's type of the same name.
//! - [`NodePool`]: the part of OpenYurt's type that a load balancer needs, in each served version.
//! - [`keys`]: labels, annotations and finalizers.
//! - [`conditions`]: condition types and reasons.
#![forbid(unsafe_code)]

pub mod conditions;
pub mod keys;
mod node_pool;
mod pool_service;
mod pool_service_crd;
mod schema;

pub use conditions::{ConditionType, Reason};
pub use node_pool::{NodePool, NodePoolSpec, NodePoolStatus, NodePoolVersion, node_pool_crd};
pub use pool_service::{PoolService, PoolServiceSpec, PoolServiceStatus};
pub use pool_service_crd::pool_service_crd;
