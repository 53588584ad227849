//! Typed actions, one module per resource, and the trait [`EnsApi`] that callers mock or decorate.
//!
//! Typed requests that are no method of the trait are sent by [`Client::send`](crate::client::Client::send).
//!
//! Requests offer every parameter that the official SDKs know. Answers hold what tells things apart, says how they are and
//! how they hang together; of an instance, disks and hardware are left out.
//! [`Client::call`](crate::client::Client::call) gives an answer as it came.

pub mod backend;
pub mod eip;
pub(crate) mod ens_api;
pub mod http_listener;
pub mod instance;
pub mod listener;
pub mod load_balancer;
pub mod monitor;
pub mod network;
pub mod paging;
pub mod region;
pub(crate) mod request;
pub mod tag;
pub(crate) mod types;
pub(crate) mod wire;

pub use ens_api::EnsApi;
pub use request::Request;
pub use types::{Acknowledged, Page, PayType, Switch, Tag};
