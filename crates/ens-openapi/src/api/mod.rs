//! Typed actions, one module per resource, and the trait [`EnsApi`] that callers mock or decorate.

pub mod backend;
pub mod eip;
mod ens_api;
pub mod instance;
pub mod listener;
pub mod load_balancer;
pub mod network;
pub mod paging;
pub mod region;
pub(crate) mod request;
pub(crate) mod types;
pub(crate) mod wire;

pub use ens_api::EnsApi;
pub use request::Request;
pub use types::{Acknowledged, Page, PayType, Switch, Tag};
