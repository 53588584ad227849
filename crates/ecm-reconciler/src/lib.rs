//! The controllers of edge load balancers, for a `main` of your own.
//!
//! Watches feed an [`index::Index`], a plain struct that knows which object each change can touch.
//! Keys of those go through a [`queue::WorkQueue`] to one of two controllers: [`fan_out`] makes a
//! PoolService for every pool that a Service selects and publishes their addresses on it; [`elb`]
//! makes, keeps and releases the load balancer of each PoolService. What is decided is decided by
//! `ecm-policy`; what the cloud is told goes through the trait `EnsApi` of `ens-openapi`, by
//! [`executor::Executor`] alone.
//!
//! Beside the controllers stand those who only look, with the same code: [`preview`] says what would
//! be done, [`dry_run`] does so all the time, [`gc`] finds what no ledger has and releases what a
//! person chooses.
#![forbid(unsafe_code)]

pub mod caller;
pub mod clock;
pub mod cluster;
mod controllers;
mod convert;
mod deadline;
pub mod dry_run;
pub mod elb;
pub mod events;
pub mod executor;
pub mod fan_out;
pub mod gc;
pub mod identity;
pub mod index;
pub mod leader;
mod ledger_store;
mod look;
pub mod losses;
pub mod metrics;
pub mod objects;
mod observe;
pub mod one_account;
pub mod permissions;
pub mod preview;
pub mod queue;
pub mod region;
mod report;
#[cfg(test)]
mod scripted;
pub mod watch;

pub use controllers::{Controllers, RunError, SHARE_OF_RATES};
