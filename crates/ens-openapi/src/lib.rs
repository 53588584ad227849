//! A client of the OpenAPI of Alibaba Cloud ENS (Edge Node Service), version 2017-11-10: load balancers (ELB), public
//! addresses (EIP), networks and instances at edge sites.
//!
//! * [`Client`] signs, sends and reads the answers. Any action can be called by name with [`Client::call`]; the ones
//!   around load balancers are typed ([`api`]) and gathered in the trait [`EnsApi`], which callers can mock or decorate.
//! * [`Error`] sorts failures by what can be done about them ([`Error::class`]), says whether a failed write may have
//!   taken effect all the same ([`Error::effect`]), and keeps the code, message and RequestId of the cloud.
//! * Reads are repeated when that may help; writes are sent once. See [`layer`] for which and when.
//! * The steps of a call are tower layers ([`layer`]) that can be left out or replaced.
//! * A [`RateLimiter`] keeps below the published quotas, with priorities and in rotation between callers.
//! * [`signer`] is usable alone: pure functions for the signatures of all of Alibaba Cloud's RPC-style APIs.
//! * Credentials come from anywhere that [`credentials::ProvideCredentials`] stands for;
//!   [`credentials::CredentialChain`] looks where the official clients look.
//! * [`sts`] says whose credentials these are, which is worth knowing before anything is taken for lost.
//! * Time, randomness and the HTTP exchange come in from outside ([`Context`], [`Transport`]); nothing global is
//!   installed, and the environment is read by the two constructors named `of_this_process` only.
//!
//! # Example
//!
//! The exchange is scripted here, so that the example runs anywhere; leave out `transport` to talk to the cloud.
//!
//! ```
//! use async_trait::async_trait;
//! use bytes::Bytes;
//! use ens_openapi::api::load_balancer::{DescribeLoadBalancers, LoadBalancerStatus};
//! use ens_openapi::api::paging;
//! use ens_openapi::transport::{Transport, TransportError};
//! use ens_openapi::{Client, Credentials, StaticCredentials};
//!
//! #[derive(Debug)]
//! struct Scripted;
//!
//! #[async_trait]
//! impl Transport for Scripted {
//!     async fn exchange(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
//!         assert_eq!(request.headers()["x-acs-action"], "DescribeLoadBalancers");
//!         let answer = r#"{"RequestId": "A1", "TotalCount": 1, "LoadBalancers": {"LoadBalancer": [
//!             {"LoadBalancerId": "lb-1", "LoadBalancerName": "web", "LoadBalancerStatus": "Active"}]}}"#;
//!         Ok(http::Response::new(Bytes::from(answer)))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder(StaticCredentials::new(Credentials::new("my-id", "my-secret")))
//!     .endpoint("ens.aliyuncs.com")
//!     .transport(Scripted)
//!     .build()?;
//!
//! let filter = DescribeLoadBalancers { ens_region_id: Some("cn-chengdu-telecom".into()), ..Default::default() };
//! let all = paging::load_balancers(&client, &filter).await?;
//! assert_eq!(all.items[0].load_balancer_id, "lb-1");
//! assert_eq!(all.items[0].load_balancer_status, LoadBalancerStatus::Active);
//! # Ok(())
//! # }
//! ```
//!
//! # In tests
//!
//! | what is replaced | by |
//! |---|---|
//! | the cloud, for code that takes an [`EnsApi`] | a mock with one method; see [`EnsApi`] |
//! | the HTTP exchange, so that signing and reading are tested too | a [`Transport`], as in the example above |
//! | time and randomness | a [`Context`]; waits are those of tokio, whose clock can be paused |
//!
//! # Versions
//!
//! Fields, variants of enums that are `non_exhaustive` and methods of [`EnsApi`] are added in minor versions. Filters,
//! answers and settings can be written as literals and have a [`Default`]: end the literal with `..Default::default()`.
//! Other requests are made by a `new` that asks for what is required; the rest of their fields is set afterwards.
//!
//! # Caveats
//!
//! A nonce and a date within 15 minutes of the cloud's are part of every signature. When the cloud refuses the date, the
//! client learns the difference from the answer's Date header and signs reads again; a write is refused once.
//!
//! The API says "not found" with HTTP status 400, or with an empty answer; typed reads of one thing give `None` for both.
#![forbid(unsafe_code)]

mod action;
pub mod api;
pub mod client;
mod context;
pub mod credentials;
pub mod error;
pub mod layer;
mod params;
pub mod rate_limit;
pub mod signer;
pub mod sts;
pub mod transport;

pub use action::{API_VERSION, Action};
pub use api::{EnsApi, Page, Request};
pub use client::Client;
pub use context::Context;
pub use credentials::{Credentials, EnvironmentCredentials, Secret, StaticCredentials};
pub use error::{Effect, Error, ErrorClass};
pub use params::Params;
pub use rate_limit::{Priority, RateLimiter};
pub use transport::{HyperTransport, Transport};

/// The example of the README is compiled with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
