//! How somebody else's program uses each library of the workspace.
//!
//! | example        | library          | what it does                                               |
//! |----------------|------------------|------------------------------------------------------------|
//! | `plan-offline` | `ecm-policy`     | a Service and a NodePool in, desired state and plan out    |
//! | `embed`        | `ecm-reconciler` | a `main` of its own around the controller of PoolServices  |
//!
//! Run one with `cargo run -p ecm-examples --example NAME`. The folder `guide` holds the manifests of the user guide.
#![forbid(unsafe_code)]
