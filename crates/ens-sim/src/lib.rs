//! A simulated ENS (Alibaba Cloud Edge Node Service): a pure cloud core, an OpenAPI face and a data plane that really
//! forwards traffic. A test and demo fixture.
//!
//! - [`cloud::Cloud`] is the core: a value that answers calls at instants that it is told. No sockets, no clock.
//! - [`wire::Gateway`] puts the OpenAPI before it: RPC parameters, V1 and V3 signatures, STS.
//! - [`Simulator`] puts both behind an HTTP endpoint and lets EIPs, which are addresses of 127.0.0.0/8, really accept
//!   TCP and UDP and forward it to the nodes.
//!
//! It shares no code with any client, so that it can prove one wrong.
//!
//! ```
//! # tokio_test(async {
//! use ens_sim::{Simulator, cloud::{Latency, World}};
//!
//! let simulator = Simulator::builder()
//!     .credentials("testid", "testsecret")
//!     .seed(7)
//!     .latency(Latency::fast())
//!     .world(World::guide())
//!     .start()
//!     .await?;
//! let _url = simulator.endpoint();
//! assert_eq!(simulator.snapshot().load_balancers.len(), 2);
//! simulator.shutdown().await;
//! # Ok::<(), ens_sim::StartError>(()) });
//! # fn tokio_test<E: std::fmt::Debug>(f: impl Future<Output = Result<(), E>>) {
//! #     tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(f).unwrap();
//! # }
//! ```
//!
//! # Caveats
//! - Forwarding is for TCP and UDP listeners. HTTP and HTTPS listeners exist in the API only, and so does an EIP that is
//!   bound to a computing instance.
//! - The data plane needs Linux, where every address of 127.0.0.0/8 can be bound. EIPs come from a /24 of
//!   127.64.0.0/10 that each process locks for itself; nodes have to be elsewhere.
//! - UDP flows are forgotten after `EstablishedTimeout` without an answer, and a listener remembers at most 4,096.
//! - A state file holds no nonces and no temporary keys: a request can be replayed once across a restart.
//! - The monitor reads show the present instant only; requests over HTTP and HTTPS listeners are never counted.
//! - A server counts as healthy until its health checks have failed often enough, as in keepalived.
//! - Bandwidth is recorded and not enforced.
#![forbid(unsafe_code)]

pub mod cloud;
mod dataplane;
mod http;
mod page;
mod simulator;
mod state_file;
mod time;
pub mod wire;

pub use dataplane::BlockError;
pub use simulator::{Builder, Clock, InstanceAddressError, Simulator, StartError};
pub use state_file::StateFileError;
pub use time::Timestamp;
