//! A simulated ENS: a pure cloud core, an OpenAPI face and a data plane that really forwards traffic. A test and demo fixture
#![forbid(unsafe_code)]

pub mod cloud;
mod time;
pub mod wire;

pub use time::Timestamp;
