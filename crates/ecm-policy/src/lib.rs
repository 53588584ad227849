//! Naming, annotations, selection, desired state, ownership and plan of the edge load balancer: pure, no IO, no clock, no async
#![forbid(unsafe_code)]
