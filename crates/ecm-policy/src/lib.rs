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
//!
//! A program that uses this chooses the version of the Kubernetes API, as k8s-openapi asks of programs:
//! `k8s-openapi = { version = "0.29", features = ["latest"] }` among its dependencies.
//!
//! A plan is one step of a conversation: it asks for what it has to know, and is made again with the answer.
//!
//! ```
//! use ecm_policy::desired::{Config, desired};
//! use ecm_policy::ledger::State;
//! use ecm_policy::observed::{ByName, Observed};
//! use ecm_policy::plan::{Context, Need, plan};
//! use ecm_policy::snapshot::{Identity, Snapshot};
//! use serde_json::json;
//!
//! let now = 1_767_225_600;
//! let snapshot: Snapshot = serde_json::from_value(json!({
//!     "pool_service": {
//!         "key": { "namespace": "shop", "name": "web-hefei" }, "uid": "1", "resource_version": "1", "generation": 1,
//!         "load_balancer_class": "alibabacloud.com/elb", "service": "web", "pool": "hefei", "annotations": {},
//!         "deleting": false, "has_finalizer": false, "published": [], "created_at": now,
//!     },
//!     "service": {
//!         "key": { "namespace": "shop", "name": "web" }, "uid": "2", "service_type": "LoadBalancer",
//!         "load_balancer_class": "alibabacloud.com/elb", "external_traffic_policy": "Local", "annotations": {},
//!         "ports": [{ "name": "", "protocol": "TCP", "port": 80, "node_port": 30080 }], "source_ranges": [],
//!         "client_ip_affinity": false, "load_balancer_ip": null, "wants_ipv6": false, "deleting": false,
//!         "created_at": now,
//!     },
//!     "pool": {
//!         "name": "hefei", "uid": "3", "labels": {}, "deleting": false,
//!         "annotations": {
//!             "alibabacloud.com/ens-region-id": "cn-hefei", "alibabacloud.com/ens-network-id": "n-1",
//!             "alibabacloud.com/ens-vswitch-id": "vsw-1",
//!         },
//!     },
//!     "nodes": [], "endpoints": [], "sharing": [], "owner_of_named": null,
//! }))?;
//! let identity = Identity {
//!     load_balancer_class: "alibabacloud.com/elb".to_owned(),
//!     cluster_id: "c1".to_owned(),
//!     cluster_uid: "4".to_owned(),
//!     cloud_account: None,
//! };
//! let wanted = desired(&snapshot, &Config::new(identity.clone()), now);
//! let cx = Context { identity: &identity, pool_service: &snapshot.pool_service, now };
//!
//! let first = plan(&wanted, &Observed::default(), &State::None, &cx);
//! assert!(first.needs.contains(&Need::VSwitches), "which are there, and then: does anything bear our names?");
//!
//! // In a cloud that has the vSwitch, and where nothing bears our names:
//! let observed = Observed {
//!     by_name: Some(ByName { begun_at: now, ..ByName::default() }),
//!     vswitches: Some(vec!["vsw-1".to_owned()]),
//!     ..Observed::default()
//! };
//! let next = plan(&wanted, &observed, &State::None, &cx);
//! assert!(next.ledger.is_some(), "it is recorded before anything is made");
//! let steps: Vec<String> = next.steps().map(ToString::to_string).collect();
//! assert_eq!(steps, ["create the load balancer", "create the EIP"]);
//! # Ok::<(), serde_json::Error>(())
//! ```
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
