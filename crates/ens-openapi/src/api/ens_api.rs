//! The actions that a controller of ELBs and EIPs uses, as a trait.

use std::fmt;

use async_trait::async_trait;

use super::backend::{AddBackendServers, BackendServer, RemoveBackendServers, SetBackendServers};
use super::eip::{
    AssociateEnsEipAddress, CreateEipInstance, CreatedEip, DescribeEnsEipAddresses, Eip,
    ModifyEnsEipAddressAttribute,
};
use super::instance::{DescribeInstances, Instance, Released};
use super::listener::{
    DescribeLoadBalancerListeners, ListenerAttribute, ListenerKey, ListenerSpec, ListenerSummary,
    TransportProtocol,
};
use super::load_balancer::{
    CreateLoadBalancer, CreatedLoadBalancer, DescribeLoadBalancers, LoadBalancer, LoadBalancerSpec,
    LoadBalancerStatus, LoadBalancerSummary,
};
use super::network::{DescribeNetworks, DescribeVSwitches, Network, VSwitch};
use super::region::EnsRegion;
use super::types::{Acknowledged, Page};
use crate::error::Error;

/// The ENS actions around load balancers and public addresses, one method each.
///
/// [`Client`](crate::client::Client) implements it over HTTP. It is object safe, so that a caller can hold
/// `Arc<dyn EnsApi>` and put a mock, a recorder or a rate limit in its place.
///
/// Reads of one thing give `None` when it does not exist, whether the cloud said so by an error code or by an empty
/// answer. Writes are sent once: when they fail, [`Error::effect`] says whether they may have taken effect.
///
/// # Errors
/// Every method fails with an [`Error`] that names the step that failed.
#[async_trait]
pub trait EnsApi: Send + Sync + fmt::Debug {
    /// Makes an ELB; it becomes Active later.
    async fn create_load_balancer(
        &self,
        request: &CreateLoadBalancer,
    ) -> Result<CreatedLoadBalancer, Error>;

    /// One page of ELBs. [`paging`](super::paging) collects all pages.
    async fn describe_load_balancers(
        &self,
        request: &DescribeLoadBalancers,
    ) -> Result<Page<LoadBalancerSummary>, Error>;

    /// One ELB with its backends and listeners; `None` when it does not exist.
    async fn describe_load_balancer_attribute(
        &self,
        load_balancer_id: &str,
    ) -> Result<Option<LoadBalancer>, Error>;

    /// Switches forwarding of all listeners on or off.
    async fn set_load_balancer_status(
        &self,
        load_balancer_id: &str,
        status: LoadBalancerStatus,
    ) -> Result<Acknowledged, Error>;

    /// Renames an ELB: 2 to 128 characters.
    async fn modify_load_balancer_attribute(
        &self,
        load_balancer_id: &str,
        load_balancer_name: &str,
    ) -> Result<Acknowledged, Error>;

    /// The sizes of ELB that can be bought.
    async fn describe_load_balancer_specs(&self) -> Result<Vec<LoadBalancerSpec>, Error>;

    /// Deletes an ELB by the undocumented `DeleteLoadBalancer`; [`release_instance`](Self::release_instance) is the
    /// documented way.
    async fn delete_load_balancer(&self, load_balancer_id: &str) -> Result<Acknowledged, Error>;

    /// Makes a TCP or UDP listener, Stopped.
    async fn create_listener(&self, listener: &ListenerSpec) -> Result<Acknowledged, Error>;

    /// Changes a TCP or UDP listener in place; the backend port cannot be changed and is not sent.
    async fn set_listener(&self, listener: &ListenerSpec) -> Result<Acknowledged, Error>;

    /// The settings of a TCP or UDP listener; `None` when it (or its ELB) does not exist.
    async fn describe_listener(
        &self,
        load_balancer_id: &str,
        protocol: TransportProtocol,
        port: u16,
    ) -> Result<Option<ListenerAttribute>, Error>;

    /// One page of the listeners of an ELB, of all protocols.
    async fn describe_listeners(
        &self,
        request: &DescribeLoadBalancerListeners,
    ) -> Result<Page<ListenerSummary>, Error>;

    /// Starts a listener; it is Running later.
    async fn start_listener(&self, listener: &ListenerKey) -> Result<Acknowledged, Error>;

    /// Stops a listener; it is Stopped later.
    async fn stop_listener(&self, listener: &ListenerKey) -> Result<Acknowledged, Error>;

    /// Deletes a listener; it is gone later.
    async fn delete_listener(&self, listener: &ListenerKey) -> Result<Acknowledged, Error>;

    /// Attaches backends, at most 20. Gives the backends that the cloud names in its answer.
    async fn add_backend_servers(
        &self,
        request: &AddBackendServers,
    ) -> Result<Vec<BackendServer>, Error>;

    /// Changes weights of attached backends, at most 20.
    async fn set_backend_servers(
        &self,
        request: &SetBackendServers,
    ) -> Result<Vec<BackendServer>, Error>;

    /// Detaches backends, at most 20.
    async fn remove_backend_servers(
        &self,
        request: &RemoveBackendServers,
    ) -> Result<Vec<BackendServer>, Error>;

    /// Makes an EIP; it becomes Available later.
    async fn create_eip(&self, request: &CreateEipInstance) -> Result<CreatedEip, Error>;

    /// One page of EIPs. [`paging`](super::paging) collects all pages.
    async fn describe_eips(&self, request: &DescribeEnsEipAddresses) -> Result<Page<Eip>, Error>;

    /// Binds an EIP; it is InUse later.
    async fn associate_eip(&self, request: &AssociateEnsEipAddress) -> Result<Acknowledged, Error>;

    /// Unbinds an EIP; it is Available later.
    async fn unassociate_eip(&self, allocation_id: &str) -> Result<Acknowledged, Error>;

    /// Changes bandwidth, name or description of an EIP.
    async fn modify_eip(
        &self,
        request: &ModifyEnsEipAddressAttribute,
    ) -> Result<Acknowledged, Error>;

    /// Releases an EIP by `DeleteEip`. Unbind it first.
    async fn delete_eip(&self, allocation_id: &str) -> Result<Acknowledged, Error>;

    /// Releases an EIP, an ELB or a cloud-disk instance by `ReleaseInstance`.
    async fn release_instance(&self, instance_id: &str) -> Result<Released, Error>;

    /// One page of networks. [`paging`](super::paging) collects all pages.
    async fn describe_networks(&self, request: &DescribeNetworks) -> Result<Page<Network>, Error>;

    /// One page of vSwitches. [`paging`](super::paging) collects all pages.
    async fn describe_vswitches(&self, request: &DescribeVSwitches)
    -> Result<Page<VSwitch>, Error>;

    /// One page of instances. [`paging`](super::paging) collects all pages.
    async fn describe_instances(
        &self,
        request: &DescribeInstances,
    ) -> Result<Page<Instance>, Error>;

    /// The edge sites, or the one named.
    async fn describe_regions(&self, ens_region_id: Option<&str>) -> Result<Vec<EnsRegion>, Error>;
}
