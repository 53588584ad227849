//! The typed actions over HTTP.

use async_trait::async_trait;

use super::Client;
use crate::api::backend::{
    AddBackendServers, BackendServer, RemoveBackendServers, SetBackendServers,
};
use crate::api::eip::{
    AssociateEnsEipAddress, CreateEipInstance, CreatedEip, DeleteEip, DescribeEnsEipAddresses, Eip,
    ModifyEnsEipAddressAttribute, UnAssociateEnsEipAddress,
};
use crate::api::instance::{DescribeInstances, Instance, ReleaseInstance, Released};
use crate::api::listener::{
    CreateListener, DeleteLoadBalancerListener, DescribeListener, DescribeLoadBalancerListeners,
    ListenerAttribute, ListenerKey, ListenerSpec, ListenerSummary, SetListener,
    StartLoadBalancerListener, StopLoadBalancerListener, TransportProtocol,
};
use crate::api::load_balancer::{
    CreateLoadBalancer, CreatedLoadBalancer, DeleteLoadBalancer, DescribeLoadBalancerAttribute,
    DescribeLoadBalancerSpec, DescribeLoadBalancers, LoadBalancer, LoadBalancerSpec,
    LoadBalancerStatus, LoadBalancerSummary, ModifyLoadBalancerAttribute, SetLoadBalancerStatus,
};
use crate::api::network::{DescribeNetworks, DescribeVSwitches, Network, VSwitch};
use crate::api::region::{DescribeEnsRegions, EnsRegion};
use crate::api::{Acknowledged, EnsApi, Page};
use crate::error::Error;

/// A thing that the cloud says does not exist is absent, not an error.
fn absent_if_gone<T>(result: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(error) if error.is_gone() => Ok(None),
        other => other,
    }
}

#[async_trait]
impl EnsApi for Client {
    async fn create_load_balancer(
        &self,
        request: &CreateLoadBalancer,
    ) -> Result<CreatedLoadBalancer, Error> {
        self.send(request).await
    }

    async fn describe_load_balancers(
        &self,
        request: &DescribeLoadBalancers,
    ) -> Result<Page<LoadBalancerSummary>, Error> {
        self.send(request).await
    }

    async fn describe_load_balancer_attribute(
        &self,
        load_balancer_id: &str,
    ) -> Result<Option<LoadBalancer>, Error> {
        absent_if_gone(
            self.send(&DescribeLoadBalancerAttribute::new(load_balancer_id))
                .await,
        )
    }

    async fn set_load_balancer_status(
        &self,
        load_balancer_id: &str,
        status: LoadBalancerStatus,
    ) -> Result<Acknowledged, Error> {
        self.send(&SetLoadBalancerStatus::new(load_balancer_id, status))
            .await
    }

    async fn modify_load_balancer_attribute(
        &self,
        load_balancer_id: &str,
        load_balancer_name: &str,
    ) -> Result<Acknowledged, Error> {
        self.send(&ModifyLoadBalancerAttribute::new(
            load_balancer_id,
            load_balancer_name,
        ))
        .await
    }

    async fn describe_load_balancer_specs(&self) -> Result<Vec<LoadBalancerSpec>, Error> {
        self.send(&DescribeLoadBalancerSpec::default()).await
    }

    async fn delete_load_balancer(&self, load_balancer_id: &str) -> Result<Acknowledged, Error> {
        self.send(&DeleteLoadBalancer::new(load_balancer_id)).await
    }

    async fn create_listener(&self, listener: &ListenerSpec) -> Result<Acknowledged, Error> {
        self.send(&CreateListener(listener)).await
    }

    async fn set_listener(&self, listener: &ListenerSpec) -> Result<Acknowledged, Error> {
        self.send(&SetListener(listener)).await
    }

    async fn describe_listener(
        &self,
        load_balancer_id: &str,
        protocol: TransportProtocol,
        port: u16,
    ) -> Result<Option<ListenerAttribute>, Error> {
        absent_if_gone(
            self.send(&DescribeListener::new(load_balancer_id, protocol, port))
                .await,
        )
    }

    async fn describe_listeners(
        &self,
        request: &DescribeLoadBalancerListeners,
    ) -> Result<Page<ListenerSummary>, Error> {
        self.send(request).await
    }

    async fn start_listener(&self, listener: &ListenerKey) -> Result<Acknowledged, Error> {
        self.send(&StartLoadBalancerListener::from(listener.clone()))
            .await
    }

    async fn stop_listener(&self, listener: &ListenerKey) -> Result<Acknowledged, Error> {
        self.send(&StopLoadBalancerListener::from(listener.clone()))
            .await
    }

    async fn delete_listener(&self, listener: &ListenerKey) -> Result<Acknowledged, Error> {
        self.send(&DeleteLoadBalancerListener::from(listener.clone()))
            .await
    }

    async fn add_backend_servers(
        &self,
        request: &AddBackendServers,
    ) -> Result<Vec<BackendServer>, Error> {
        self.send(request).await
    }

    async fn set_backend_servers(
        &self,
        request: &SetBackendServers,
    ) -> Result<Vec<BackendServer>, Error> {
        self.send(request).await
    }

    async fn remove_backend_servers(
        &self,
        request: &RemoveBackendServers,
    ) -> Result<Vec<BackendServer>, Error> {
        self.send(request).await
    }

    async fn create_eip(&self, request: &CreateEipInstance) -> Result<CreatedEip, Error> {
        self.send(request).await
    }

    async fn describe_eips(&self, request: &DescribeEnsEipAddresses) -> Result<Page<Eip>, Error> {
        self.send(request).await
    }

    async fn associate_eip(&self, request: &AssociateEnsEipAddress) -> Result<Acknowledged, Error> {
        self.send(request).await
    }

    async fn unassociate_eip(&self, allocation_id: &str) -> Result<Acknowledged, Error> {
        self.send(&UnAssociateEnsEipAddress::new(allocation_id))
            .await
    }

    async fn modify_eip(
        &self,
        request: &ModifyEnsEipAddressAttribute,
    ) -> Result<Acknowledged, Error> {
        self.send(request).await
    }

    async fn delete_eip(&self, allocation_id: &str) -> Result<Acknowledged, Error> {
        self.send(&DeleteEip::new(allocation_id)).await
    }

    async fn release_instance(&self, instance_id: &str) -> Result<Released, Error> {
        self.send(&ReleaseInstance::new(instance_id)).await
    }

    async fn describe_networks(&self, request: &DescribeNetworks) -> Result<Page<Network>, Error> {
        self.send(request).await
    }

    async fn describe_vswitches(
        &self,
        request: &DescribeVSwitches,
    ) -> Result<Page<VSwitch>, Error> {
        self.send(request).await
    }

    async fn describe_instances(
        &self,
        request: &DescribeInstances,
    ) -> Result<Page<Instance>, Error> {
        self.send(request).await
    }

    async fn describe_regions(&self, ens_region_id: Option<&str>) -> Result<Vec<EnsRegion>, Error> {
        self.send(&DescribeEnsRegions {
            ens_region_id: ens_region_id.map(str::to_owned),
        })
        .await
    }
}
