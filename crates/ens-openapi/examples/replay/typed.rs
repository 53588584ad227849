//! From an action and its parameters to the typed request, and back to what that sends.

use std::error::Error as StdError;

use ens_openapi::api::backend::{AddBackendServers, RemoveBackendServers, SetBackendServers};
use ens_openapi::api::eip::{
    AssociateEnsEipAddress, CreateEipInstance, DeleteEip, DescribeEnsEipAddresses,
    ModifyEnsEipAddressAttribute, UnAssociateEnsEipAddress,
};
use ens_openapi::api::http_listener::{
    CreateHttpListener, DescribeHttpListener, DescribeHttpsListener, HttpListenerSpec,
    HttpProtocol, SetHttpListener, Stickiness,
};
use ens_openapi::api::instance::{DescribeInstances, ReleaseInstance};
use ens_openapi::api::listener::{
    CreateListener, DeleteLoadBalancerListener, DescribeListener, DescribeLoadBalancerListeners,
    HttpProbe, ListenerSpec, SetListener, StartLoadBalancerListener, StopLoadBalancerListener,
    TransportProtocol, UdpProbe,
};
use ens_openapi::api::load_balancer::{
    CreateLoadBalancer, DescribeLoadBalancerAttribute, DescribeLoadBalancerSpec,
    DescribeLoadBalancers, ModifyLoadBalancerAttribute, SetLoadBalancerStatus,
};
use ens_openapi::api::monitor::{
    DescribeLoadBalancerListenMonitor, DescribeServerLoadBalancerListenMonitor,
    DescribeServerLoadBalancerMonitor,
};
use ens_openapi::api::network::{
    DescribeNetworkAttribute, DescribeNetworks, DescribeVSwitchAttributes, DescribeVSwitches,
};
use ens_openapi::api::region::{DescribeEnsRegions, DescribeRegionIsps};
use ens_openapi::api::tag::{ListTagResources, TagResources, UntagResources};
use ens_openapi::{Params, Request};
use serde::de::DeserializeOwned;
use serde_json::Value;

type Failure = Box<dyn StdError>;

/// Numbers and flags here that the official models call text.
const NOT_TEXT: [(&str, &str); 3] = [
    ("DescribeEnsEipAddresses", "Standby"),
    ("DescribeInstances", "PageSize"),
    ("DescribeServerLoadBalancerListenMonitor", "VPort"),
];

/// What the typed request of `action` sends when it is filled with `parameters`.
pub(crate) fn params(action: &str, mut parameters: Value) -> Result<Params, Failure> {
    for (_, name) in NOT_TEXT.iter().filter(|(of, _)| *of == action) {
        if let Some(Value::String(text)) = parameters.get(name) {
            parameters[name] = text.parse()?;
        }
    }
    macro_rules! read_as {
        ($($request:ident)*) => {
            match action {
                $(stringify!($request) => sent_by(action, &serde_json::from_value::<$request>(parameters)?),)*
                _ => listener_params(action, &parameters),
            }
        };
    }
    read_as!(
        AddBackendServers RemoveBackendServers SetBackendServers
        AssociateEnsEipAddress CreateEipInstance DeleteEip DescribeEnsEipAddresses ModifyEnsEipAddressAttribute
        UnAssociateEnsEipAddress
        DescribeInstances ReleaseInstance
        DeleteLoadBalancerListener DescribeLoadBalancerListeners StartLoadBalancerListener StopLoadBalancerListener
        CreateLoadBalancer DescribeLoadBalancerAttribute DescribeLoadBalancerSpec DescribeLoadBalancers
        ModifyLoadBalancerAttribute SetLoadBalancerStatus
        DescribeLoadBalancerListenMonitor DescribeServerLoadBalancerListenMonitor DescribeServerLoadBalancerMonitor
        DescribeNetworkAttribute DescribeNetworks DescribeVSwitchAttributes DescribeVSwitches
        DescribeEnsRegions DescribeRegionIsps
        ListTagResources TagResources UntagResources
    )
}

/// The actions whose requests choose among several names.
fn listener_params(action: &str, parameters: &Value) -> Result<Params, Failure> {
    use TransportProtocol::{Tcp, Udp};
    let from = Reader(parameters);
    match action {
        "CreateLoadBalancerTCPListener" => sent_by(action, &CreateListener(&from.spec(Tcp)?)),
        "CreateLoadBalancerUDPListener" => sent_by(action, &CreateListener(&from.spec(Udp)?)),
        "SetLoadBalancerTCPListenerAttribute" => sent_by(action, &SetListener(&from.spec(Tcp)?)),
        "SetLoadBalancerUDPListenerAttribute" => sent_by(action, &SetListener(&from.spec(Udp)?)),
        "DescribeLoadBalancerTCPListenerAttribute" => sent_by(
            action,
            &DescribeListener::new(from.load_balancer()?, Tcp, from.port()?),
        ),
        "DescribeLoadBalancerUDPListenerAttribute" => sent_by(
            action,
            &DescribeListener::new(from.load_balancer()?, Udp, from.port()?),
        ),
        "CreateLoadBalancerHTTPListener" => {
            sent_by(action, &CreateHttpListener(&from.http_spec(from.http()?)?))
        }
        "CreateLoadBalancerHTTPSListener" => {
            sent_by(action, &CreateHttpListener(&from.http_spec(from.https()?)?))
        }
        "SetLoadBalancerHTTPListenerAttribute" => {
            sent_by(action, &SetHttpListener(&from.http_spec(from.http()?)?))
        }
        "SetLoadBalancerHTTPSListenerAttribute" => {
            sent_by(action, &SetHttpListener(&from.http_spec(from.https()?)?))
        }
        "DescribeLoadBalancerHTTPListenerAttribute" => sent_by(
            action,
            &DescribeHttpListener::new(from.load_balancer()?, from.port()?),
        ),
        "DescribeLoadBalancerHTTPSListenerAttribute" => sent_by(
            action,
            &DescribeHttpsListener::new(from.load_balancer()?, from.port()?),
        ),
        _ => Err("there is none".into()),
    }
}

fn sent_by<R: Request>(action: &str, request: &R) -> Result<Params, Failure> {
    if request.action().name() == action {
        Ok(request.params()?)
    } else {
        Err(format!("it calls {}", request.action()).into())
    }
}

/// Reads parameters by name into what a field wants.
struct Reader<'a>(&'a Value);

impl Reader<'_> {
    /// What stands under a name; `null` where there is nothing.
    fn get<T: DeserializeOwned>(&self, name: &str) -> Result<T, Failure> {
        let value = self.0.get(name).cloned().unwrap_or_default();
        serde_json::from_value(value).map_err(|error| format!("{name}: {error}").into())
    }

    fn load_balancer(&self) -> Result<String, Failure> {
        self.get("LoadBalancerId")
    }

    fn port(&self) -> Result<u16, Failure> {
        self.get("ListenerPort")
    }

    fn spec(&self, protocol: TransportProtocol) -> Result<ListenerSpec, Failure> {
        let mut spec = ListenerSpec::new(self.load_balancer()?, protocol, self.port()?);
        spec.backend_port = self.get("BackendServerPort")?;
        spec.description = self.get("Description")?;
        spec.scheduler = self.get("Scheduler")?;
        spec.persistence_timeout = self.get("PersistenceTimeout")?;
        spec.established_timeout = self.get("EstablishedTimeout")?;
        spec.eip_transmit = self.get("EipTransmit")?;
        spec.health_check.interval = self.get("HealthCheckInterval")?;
        spec.health_check.connect_timeout = self.get("HealthCheckConnectTimeout")?;
        spec.health_check.connect_port = self.get("HealthCheckConnectPort")?;
        spec.health_check.healthy_threshold = self.get("HealthyThreshold")?;
        spec.health_check.unhealthy_threshold = self.get("UnhealthyThreshold")?;
        spec.health_check.http = Some(HttpProbe {
            domain: self.get("HealthCheckDomain")?,
            uri: self.get("HealthCheckURI")?,
            http_code: self.get("HealthCheckHttpCode")?,
        });
        spec.health_check.udp = Some(UdpProbe {
            request: self.get("HealthCheckReq")?,
            expected: self.get("HealthCheckExp")?,
        });
        Ok(spec)
    }

    fn http(&self) -> Result<HttpProtocol, Failure> {
        Ok(HttpProtocol::Http {
            x_forwarded_for: self.get("XForwardedFor")?,
            redirect_to: self.get("ForwardPort")?,
        })
    }

    fn https(&self) -> Result<HttpProtocol, Failure> {
        let cookie: Option<String> = self.get("Cookie")?;
        Ok(HttpProtocol::Https {
            server_certificate_id: self.get("ServerCertificateId")?,
            sticky: cookie.map(|cookie| Stickiness::Server { cookie }),
        })
    }

    fn http_spec(&self, protocol: HttpProtocol) -> Result<HttpListenerSpec, Failure> {
        let mut spec = HttpListenerSpec::new(self.load_balancer()?, protocol, self.port()?);
        spec.backend_port = self.get("BackendServerPort")?;
        spec.description = self.get("Description")?;
        spec.scheduler = self.get("Scheduler")?;
        spec.idle_timeout = self.get("IdleTimeout")?;
        spec.request_timeout = self.get("RequestTimeout")?;
        spec.health_check = self.get("HealthCheck")?;
        spec.probe = self.get_probe()?;
        Ok(spec)
    }

    fn get_probe<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        Ok(serde_json::from_value(self.0.clone())?)
    }
}
