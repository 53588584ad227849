//! The resources of one account, as plain values.

mod eip;
mod load_balancer;
mod place;

pub use eip::{Binding, Eip, EipStatus};
pub use load_balancer::{
    BackendServer, Listener, ListenerKey, ListenerStatus, LoadBalancer, Protocol,
};
pub use place::{Instance, InstanceStatus, Life, Network, NetworkStatus, Origin, Region, VSwitch};
