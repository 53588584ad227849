//! The actions that a controller of ELBs and EIPs uses, as a trait.

use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

use super::backend::{AddBackendServers, BackendServer, RemoveBackendServers, SetBackendServers};
use super::eip::{
    AssociateEnsEipAddress, CreateEipInstance, CreatedEip, DeleteEip, DescribeEnsEipAddresses, Eip,
    ModifyEnsEipAddressAttribute, UnAssociateEnsEipAddress,
};
use super::instance::{DescribeInstances, Instance, ReleaseInstance, Released};
use super::listener::{
    CreateListener, DeleteLoadBalancerListener, DescribeListener, DescribeLoadBalancerListeners,
    ListenerAttribute, ListenerKey, ListenerSpec, ListenerSummary, SetListener,
    StartLoadBalancerListener, StopLoadBalancerListener, TransportProtocol,
};
use super::load_balancer::{
    CreateLoadBalancer, CreatedLoadBalancer, DeleteLoadBalancer, DescribeLoadBalancerAttribute,
    DescribeLoadBalancerSpec, DescribeLoadBalancers, LoadBalancer, LoadBalancerSpec,
    LoadBalancerStatus, LoadBalancerSummary, ModifyLoadBalancerAttribute, SetLoadBalancerStatus,
};
use super::network::{DescribeNetworks, DescribeVSwitches, Network, VSwitch};
use super::region::{DescribeEnsRegions, EnsRegion};
use super::request::Request;
use super::types::{Acknowledged, Page};
use crate::action::Action;
use crate::error::Error;
use crate::layer::request_id;
use crate::params::Params;

/// The ENS actions around load balancers and public addresses, one method each, over one that calls any action.
///
/// [`Client`](crate::client::Client) implements it over HTTP. It is object safe, so that a caller can hold
/// `Arc<dyn EnsApi>` and put a mock, a recorder or a rate limit in its place. An implementation needs
/// [`call_action`](Self::call_action) only: the typed methods go through it. So a new method in a later version breaks
/// nobody.
///
/// Reads of one thing give `None` when it does not exist, whether the cloud said so by an error code or by an empty
/// answer. Writes are sent once: when they fail, [`Error::effect`] says whether they may have taken effect.
///
/// # Errors
/// Every method fails with an [`Error`] that names the step that failed.
///
/// # Example
///
/// A wrapper that counts calls, around a mock that answers what the test is about and refuses the rest.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use async_trait::async_trait;
/// use ens_openapi::api::eip::DescribeEnsEipAddresses;
/// use ens_openapi::{Action, EnsApi, Error, Params};
/// use serde_json::{Value, json};
///
/// #[derive(Debug)]
/// struct Mock;
///
/// #[async_trait]
/// impl EnsApi for Mock {
///     async fn call_action(&self, action: Action, params: Params) -> Result<Value, Error> {
///         match action.name() {
///             "DescribeEnsEipAddresses" => {
///                 assert_eq!(params.get("EnsRegionId"), Some("cn-chengdu-telecom"));
///                 Ok(json!({"EipAddresses": [{"AllocationId": "eip-1", "Status": "InUse"}]}))
///             }
///             _ => Err(Error::answer(action, "NoPermission", "not in this test")),
///         }
///     }
/// }
///
/// #[derive(Debug)]
/// struct Counting<A>(A, AtomicU32);
///
/// #[async_trait]
/// impl<A: EnsApi> EnsApi for Counting<A> {
///     async fn call_action(&self, action: Action, params: Params) -> Result<Value, Error> {
///         self.1.fetch_add(1, Ordering::Relaxed);
///         self.0.call_action(action, params).await
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let api = Counting(Mock, AtomicU32::new(0));
/// let filter = DescribeEnsEipAddresses {
///     ens_region_id: Some("cn-chengdu-telecom".into()),
///     ..Default::default()
/// };
/// assert_eq!(api.describe_eips(&filter).await?.items[0].allocation_id, "eip-1");
/// assert!(api.delete_eip("eip-1").await.is_err());
/// assert_eq!(api.1.load(Ordering::Relaxed), 2);
/// # Ok(())
/// # }
/// ```
///
/// A mock may answer single typed methods instead. What wraps it then has to pass on these too: a wrapper of
/// `call_action` alone does not see them.
#[async_trait]
pub trait EnsApi: Send + Sync + fmt::Debug {
    /// Calls an action and gives its answer as it came. All other methods go through this one.
    async fn call_action(&self, action: Action, params: Params) -> Result<Value, Error>;

    /// Makes an ELB; it becomes Active later.
    async fn create_load_balancer(
        &self,
        request: &CreateLoadBalancer,
    ) -> Result<CreatedLoadBalancer, Error> {
        send(self, request).await
    }

    /// One page of ELBs. [`paging`](super::paging) collects all pages.
    async fn describe_load_balancers(
        &self,
        request: &DescribeLoadBalancers,
    ) -> Result<Page<LoadBalancerSummary>, Error> {
        send(self, request).await
    }

    /// One ELB with its backends and listeners; `None` when it does not exist.
    async fn describe_load_balancer_attribute(
        &self,
        load_balancer_id: &str,
    ) -> Result<Option<LoadBalancer>, Error> {
        absent_if_gone(send(self, &DescribeLoadBalancerAttribute::new(load_balancer_id)).await)
    }

    /// Switches forwarding of all listeners on or off.
    async fn set_load_balancer_status(
        &self,
        load_balancer_id: &str,
        status: LoadBalancerStatus,
    ) -> Result<Acknowledged, Error> {
        send(self, &SetLoadBalancerStatus::new(load_balancer_id, status)).await
    }

    /// Renames an ELB: 2 to 128 characters.
    async fn modify_load_balancer_attribute(
        &self,
        load_balancer_id: &str,
        load_balancer_name: &str,
    ) -> Result<Acknowledged, Error> {
        send(
            self,
            &ModifyLoadBalancerAttribute::new(load_balancer_id, load_balancer_name),
        )
        .await
    }

    /// The sizes of ELB that can be bought.
    async fn describe_load_balancer_specs(&self) -> Result<Vec<LoadBalancerSpec>, Error> {
        send(self, &DescribeLoadBalancerSpec::default()).await
    }

    /// Deletes an ELB by the undocumented `DeleteLoadBalancer`; [`release_instance`](Self::release_instance) is the
    /// documented way.
    async fn delete_load_balancer(&self, load_balancer_id: &str) -> Result<Acknowledged, Error> {
        send(self, &DeleteLoadBalancer::new(load_balancer_id)).await
    }

    /// Makes a TCP or UDP listener, Stopped.
    async fn create_listener(&self, listener: &ListenerSpec) -> Result<Acknowledged, Error> {
        send(self, &CreateListener(listener)).await
    }

    /// Changes a TCP or UDP listener in place; the backend port cannot be changed and is not sent.
    async fn set_listener(&self, listener: &ListenerSpec) -> Result<Acknowledged, Error> {
        send(self, &SetListener(listener)).await
    }

    /// The settings of a TCP or UDP listener; `None` when it (or its ELB) does not exist.
    async fn describe_listener(
        &self,
        load_balancer_id: &str,
        protocol: TransportProtocol,
        port: u16,
    ) -> Result<Option<ListenerAttribute>, Error> {
        absent_if_gone(
            send(
                self,
                &DescribeListener::new(load_balancer_id, protocol, port),
            )
            .await,
        )
    }

    /// One page of the listeners of an ELB, of all protocols.
    async fn describe_listeners(
        &self,
        request: &DescribeLoadBalancerListeners,
    ) -> Result<Page<ListenerSummary>, Error> {
        send(self, request).await
    }

    /// Starts a listener; it is Running later.
    async fn start_listener(&self, listener: &ListenerKey) -> Result<Acknowledged, Error> {
        send(self, &StartLoadBalancerListener::from(listener.clone())).await
    }

    /// Stops a listener; it is Stopped later.
    async fn stop_listener(&self, listener: &ListenerKey) -> Result<Acknowledged, Error> {
        send(self, &StopLoadBalancerListener::from(listener.clone())).await
    }

    /// Deletes a listener; it is gone later.
    async fn delete_listener(&self, listener: &ListenerKey) -> Result<Acknowledged, Error> {
        send(self, &DeleteLoadBalancerListener::from(listener.clone())).await
    }

    /// Attaches backends, at most 20. Gives the backends that the cloud names in its answer.
    async fn add_backend_servers(
        &self,
        request: &AddBackendServers,
    ) -> Result<Vec<BackendServer>, Error> {
        send(self, request).await
    }

    /// Changes weights of attached backends, at most 20.
    async fn set_backend_servers(
        &self,
        request: &SetBackendServers,
    ) -> Result<Vec<BackendServer>, Error> {
        send(self, request).await
    }

    /// Detaches backends, at most 20.
    async fn remove_backend_servers(
        &self,
        request: &RemoveBackendServers,
    ) -> Result<Vec<BackendServer>, Error> {
        send(self, request).await
    }

    /// Makes an EIP; it becomes Available later.
    async fn create_eip(&self, request: &CreateEipInstance) -> Result<CreatedEip, Error> {
        send(self, request).await
    }

    /// One page of EIPs. [`paging`](super::paging) collects all pages.
    async fn describe_eips(&self, request: &DescribeEnsEipAddresses) -> Result<Page<Eip>, Error> {
        send(self, request).await
    }

    /// Binds an EIP; it is InUse later.
    async fn associate_eip(&self, request: &AssociateEnsEipAddress) -> Result<Acknowledged, Error> {
        send(self, request).await
    }

    /// Unbinds an EIP; it is Available later.
    async fn unassociate_eip(&self, allocation_id: &str) -> Result<Acknowledged, Error> {
        send(self, &UnAssociateEnsEipAddress::new(allocation_id)).await
    }

    /// Changes bandwidth, name or description of an EIP.
    async fn modify_eip(
        &self,
        request: &ModifyEnsEipAddressAttribute,
    ) -> Result<Acknowledged, Error> {
        send(self, request).await
    }

    /// Releases an EIP by `DeleteEip`. Unbind it first.
    async fn delete_eip(&self, allocation_id: &str) -> Result<Acknowledged, Error> {
        send(self, &DeleteEip::new(allocation_id)).await
    }

    /// Releases an EIP, an ELB or a cloud-disk instance by `ReleaseInstance`.
    async fn release_instance(&self, instance_id: &str) -> Result<Released, Error> {
        send(self, &ReleaseInstance::new(instance_id)).await
    }

    /// One page of networks. [`paging`](super::paging) collects all pages.
    async fn describe_networks(&self, request: &DescribeNetworks) -> Result<Page<Network>, Error> {
        send(self, request).await
    }

    /// One page of vSwitches. [`paging`](super::paging) collects all pages.
    async fn describe_vswitches(
        &self,
        request: &DescribeVSwitches,
    ) -> Result<Page<VSwitch>, Error> {
        send(self, request).await
    }

    /// One page of instances. [`paging`](super::paging) collects all pages.
    async fn describe_instances(
        &self,
        request: &DescribeInstances,
    ) -> Result<Page<Instance>, Error> {
        send(self, request).await
    }

    /// The edge sites, or the one named.
    async fn describe_regions(&self, ens_region_id: Option<&str>) -> Result<Vec<EnsRegion>, Error> {
        send(
            self,
            &DescribeEnsRegions {
                ens_region_id: ens_region_id.map(str::to_owned),
            },
        )
        .await
    }
}

/// Calls a typed action through the trait.
pub(crate) async fn send<A: EnsApi + ?Sized, R: Request>(
    api: &A,
    request: &R,
) -> Result<R::Response, Error> {
    let action = request.action();
    let params = match request.params() {
        Ok(params) => params,
        Err(source) => {
            return Err(Error::Encode {
                action,
                source: source.into(),
            });
        }
    };
    let answer = api.call_action(action.clone(), params).await?;
    let request_id = request_id(&answer);
    request.decode(answer).map_err(|source| Error::Decode {
        action,
        request_id,
        source,
    })
}

/// A thing that the cloud says does not exist is absent, not an error.
fn absent_if_gone<T>(result: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(error) if error.is_gone() => Ok(None),
        other => other,
    }
}
