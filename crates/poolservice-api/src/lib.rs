//! Kubernetes types of the edge load balancer: PoolService, NodePool, well-known keys, condition types
#![forbid(unsafe_code)]
