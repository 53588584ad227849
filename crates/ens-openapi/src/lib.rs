//! A client of the Alibaba Cloud ENS (Edge Node Service) OpenAPI: signing, transport, typed actions
#![forbid(unsafe_code)]

mod action;
pub mod api;
pub mod credentials;
pub mod error;
mod params;

pub use action::{API_VERSION, Action};
pub use api::{EnsApi, Page, Request};
pub use error::{Effect, Error, ErrorClass};
pub use params::Params;
