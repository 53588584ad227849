//! The two simulators wired together: a cluster whose nodes are instances of a cloud.
//!
//! A test and demo fixture; what runs in production never depends on it.
#![forbid(unsafe_code)]

pub mod controllers;
pub mod sandbox;

pub use controllers::{Running, RunningError};
pub use sandbox::{Sandbox, SandboxError};
