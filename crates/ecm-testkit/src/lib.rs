//! The two simulators wired together: a cluster whose nodes are instances of a cloud.
//!
//! [`Sandbox`] has real sockets and real time, for people and for programs. With the feature
//! `harness`, [`World`](world::World) has neither: a whole run is a value that follows from a
//! [`Scenario`](scenario::Scenario) and a seed, and [`sweep`] makes thousands of them.
//!
//! A test and demo fixture; what runs in production never depends on it.
#![forbid(unsafe_code)]

pub mod controllers;
mod furnish;
mod mirror;
mod node;
mod node_pools;
mod player;
pub mod sandbox;

#[cfg(feature = "harness")]
pub mod invariants;
#[cfg(feature = "harness")]
pub mod scenario;
#[cfg(feature = "harness")]
pub mod sweep;
#[cfg(feature = "harness")]
pub mod transcript;
#[cfg(feature = "harness")]
pub mod trouble;
#[cfg(feature = "harness")]
pub mod world;

pub use controllers::{Running, RunningError};
pub use node::{instance_of, ready};
pub use sandbox::{ConnectError, Sandbox, SandboxError};
