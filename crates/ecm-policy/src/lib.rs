//! The brain of the edge controller manager as a pure library.
//!
//! From what Kubernetes says (a [`snapshot::Snapshot`]) follows what the cloud should hold
//! ([`desired::desired`]). From that, what the cloud does hold ([`observed::Observed`]) and what
//! this controller recorded ([`ledger::Ledger`]) follows what to do next ([`plan::plan`]).
//! Each of these is plain data: it prints as JSON, is compared in golden tests and generated in
//! property tests. Nothing here reads a clock, does IO, is async, or iterates a hash map.
//!
//! The modules, in the order in which a sync goes through them:
//!
//! | module | question |
//! |---|---|
//! | [`selector`], [`fan_out`] | which pools does a Service want, which PoolServices follow |
//! | [`annotations`], [`placement`] | what did people ask for, and what is wrong with it |
//! | [`naming`] | what are things called |
//! | [`listeners`], [`backends`], [`desired`] | what should the cloud hold |
//! | [`ledger`], [`ownership`] | what is ours |
//! | [`plan`] | what to do now, what to wait for |
//! | [`conditions`], [`events`], [`aggregate`] | what to tell people |
#![forbid(unsafe_code)]

pub mod aggregate;
pub mod annotations;
mod applied;
pub mod backends;
pub mod conditions;
pub mod desired;
pub mod events;
pub mod fan_out;
pub mod imagine;
pub mod ledger;
pub mod listeners;
pub mod losses;
pub mod naming;
pub mod observed;
pub mod ownership;
pub mod placement;
pub mod plan;
pub mod rebuild;
pub mod selector;
pub mod shared;
pub mod snapshot;
