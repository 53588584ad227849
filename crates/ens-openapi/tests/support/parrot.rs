//! A cloud that answers anything, and every typed reading of it: for the test and the fuzz target of foreign answers.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use ens_openapi::Request;
use ens_openapi::api::backend::{AddBackendServers, RemoveBackendServers, SetBackendServers};
use ens_openapi::api::eip::{CreateEipInstance, DeleteEip, DescribeEnsEipAddresses};
use ens_openapi::api::http_listener::{DescribeHttpListener, DescribeHttpsListener};
use ens_openapi::api::instance::{DescribeInstances, ReleaseInstance};
use ens_openapi::api::listener::{
    DescribeListener, DescribeLoadBalancerListeners, TransportProtocol,
};
use ens_openapi::api::load_balancer::{
    CreateLoadBalancer, DescribeLoadBalancerAttribute, DescribeLoadBalancerSpec,
    DescribeLoadBalancers,
};
use ens_openapi::api::monitor::{
    DescribeLoadBalancerListenMonitor, DescribeServerLoadBalancerListenMonitor,
    DescribeServerLoadBalancerMonitor,
};
use ens_openapi::api::network::{
    DescribeNetworkAttribute, DescribeNetworks, DescribeVSwitchAttributes, DescribeVSwitches,
};
use ens_openapi::api::region::{DescribeEnsRegions, DescribeRegionIsps};
use ens_openapi::api::tag::ListTagResources;
use ens_openapi::transport::{Transport, TransportError};
use serde_json::Value;

/// Gives the same answer to everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parrot(pub(crate) Arc<Mutex<http::Response<Bytes>>>);

#[async_trait]
impl Transport for Parrot {
    async fn exchange(
        &self,
        _: http::Request<Bytes>,
    ) -> Result<http::Response<Bytes>, TransportError> {
        Ok(self.0.lock().unwrap().clone())
    }
}

/// Decodes the value as the answer to every kind of typed request. Whether it can be read does not matter: that it ends does.
pub(crate) fn decode_all(value: &Value) {
    fn decode<R: Request>(request: &R, value: &Value) {
        drop(request.decode(value.clone()));
    }
    decode(&AddBackendServers::new("lb", Vec::new()), value);
    decode(&SetBackendServers::new("lb", Vec::new()), value);
    decode(&RemoveBackendServers::new("lb", Vec::new()), value);
    decode(&CreateEipInstance::new("region"), value);
    let create = CreateLoadBalancer::new("region", "n", "vsw", "spec");
    decode(&create, value);
    decode(&DeleteEip::new("eip"), value);
    decode(&DescribeEnsEipAddresses::default(), value);
    decode(&DescribeEnsRegions::default(), value);
    decode(&DescribeHttpListener::new("lb", 80), value);
    decode(&DescribeHttpsListener::new("lb", 443), value);
    decode(&DescribeInstances::default(), value);
    for protocol in [TransportProtocol::Tcp, TransportProtocol::Udp] {
        decode(&DescribeListener::new("lb", protocol, 80), value);
    }
    decode(&DescribeLoadBalancerAttribute::new("lb"), value);
    decode(&DescribeLoadBalancerListeners::new("lb"), value);
    let monitor = DescribeLoadBalancerListenMonitor::new("lb", 80, "from", "to");
    decode(&monitor, value);
    decode(&DescribeLoadBalancerSpec::default(), value);
    decode(&DescribeLoadBalancers::default(), value);
    decode(&DescribeNetworkAttribute::new("n"), value);
    decode(&DescribeNetworks::default(), value);
    decode(&DescribeRegionIsps::default(), value);
    let monitor = DescribeServerLoadBalancerListenMonitor::new("lb", "from", "to");
    decode(&monitor, value);
    let monitor = DescribeServerLoadBalancerMonitor::new("lb", "from", "to");
    decode(&monitor, value);
    decode(&DescribeVSwitchAttributes::new("vsw"), value);
    decode(&DescribeVSwitches::default(), value);
    decode(&ListTagResources::of_instances(Vec::new()), value);
    decode(&ReleaseInstance::new("lb"), value);
}
