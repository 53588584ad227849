//! Creating and changing TCP and UDP listeners.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::{ListenerKey, Scheduler, TransportProtocol};
use crate::action::Action;
use crate::api::request::Request;
use crate::api::types::{Acknowledged, Switch};

/// Settings of a TCP or UDP listener, for creating and for changing it. What is absent is not sent: the API then takes
/// its default at creation and leaves the setting alone at a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ListenerSpec {
    /// The ELB.
    pub load_balancer_id: String,
    /// Protocol.
    pub protocol: TransportProtocol,
    /// Front port, 1 to 65535. UDP 250, 4789 and 4790 are reserved by the API.
    pub port: u16,
    /// Port on the backends, 1 to 65535. Sent at creation only: it cannot be changed.
    pub backend_port: Option<u16>,
    /// Description: 1 to 80 characters, not starting with `http://` or `https://`.
    pub description: Option<String>,
    /// How a backend is chosen.
    pub scheduler: Option<Scheduler>,
    /// Stickiness by source address in seconds, 0 to 3600, 0 = off (default). TCP only; not sent for UDP.
    pub persistence_timeout: Option<u16>,
    /// Idle time after which a connection is dropped, in seconds, 10 to 900, default 900.
    pub established_timeout: Option<u16>,
    /// Whether the EIP's address reaches the backend, default off.
    pub eip_transmit: Option<Switch>,
    /// How backends are probed. It cannot be switched off for TCP and UDP.
    pub health_check: HealthCheck,
}

impl ListenerSpec {
    /// A listener with the API's defaults.
    pub fn new(
        load_balancer_id: impl Into<String>,
        protocol: TransportProtocol,
        port: u16,
    ) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            protocol,
            port,
            backend_port: None,
            description: None,
            scheduler: None,
            persistence_timeout: None,
            established_timeout: None,
            eip_transmit: None,
            health_check: HealthCheck::default(),
        }
    }

    /// Which listener this describes.
    pub fn key(&self) -> ListenerKey {
        ListenerKey::new(self.load_balancer_id.clone(), self.protocol, self.port)
    }
}

/// How the backends of a TCP or UDP listener are probed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// Seconds between probes, 1 to 50, default 2.
    pub interval: Option<u16>,
    /// Seconds until a probe has failed, 1 to 300, default 5. The API uses the interval when that is larger.
    pub connect_timeout: Option<u16>,
    /// Port that is probed, 1 to 65535; the backend port when absent.
    pub connect_port: Option<u16>,
    /// Good probes in a row until a backend is healthy, 2 to 10, default 3.
    pub healthy_threshold: Option<u8>,
    /// Bad probes in a row until a backend is unhealthy, 2 to 10, default 3.
    pub unhealthy_threshold: Option<u8>,
    /// Probe by HTTP instead of a connect. TCP only; not sent for UDP.
    pub http: Option<HttpProbe>,
    /// Payload and expected answer of a probe. UDP only; not sent for TCP.
    pub udp: Option<UdpProbe>,
}

/// An HTTP probe of a TCP listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpProbe {
    /// Host header.
    pub domain: Option<String>,
    /// Path: 1 to 80 characters, starting with `/` and longer than that.
    pub uri: Option<String>,
    /// Status classes that are healthy, such as `http_2xx` (default) or `http_2xx,http_3xx`.
    pub http_code: Option<String>,
}

/// The payload of a UDP probe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UdpProbe {
    /// What is sent: up to 64 letters and digits.
    pub request: Option<String>,
    /// What has to come back: up to 64 letters and digits.
    pub expected: Option<String>,
}

/// The parameters of the four create and set actions; each leaves out what its action does not know.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListenerParams<'a> {
    load_balancer_id: &'a str,
    listener_port: u16,
    backend_server_port: Option<u16>,
    description: Option<&'a str>,
    scheduler: Option<&'a Scheduler>,
    persistence_timeout: Option<u16>,
    established_timeout: Option<u16>,
    eip_transmit: Option<&'a Switch>,
    health_check_type: Option<&'static str>,
    health_check_interval: Option<u16>,
    health_check_connect_timeout: Option<u16>,
    health_check_connect_port: Option<u16>,
    healthy_threshold: Option<u8>,
    unhealthy_threshold: Option<u8>,
    health_check_domain: Option<&'a str>,
    #[serde(rename = "HealthCheckURI")]
    health_check_uri: Option<&'a str>,
    health_check_http_code: Option<&'a str>,
    health_check_req: Option<&'a str>,
    health_check_exp: Option<&'a str>,
}

impl<'a> ListenerParams<'a> {
    fn of(spec: &'a ListenerSpec) -> Self {
        let is_tcp = spec.protocol == TransportProtocol::Tcp;
        let check = &spec.health_check;
        let http = check.http.as_ref().filter(|_| is_tcp);
        let udp = check.udp.as_ref().filter(|_| !is_tcp);
        Self {
            load_balancer_id: &spec.load_balancer_id,
            listener_port: spec.port,
            backend_server_port: spec.backend_port,
            description: spec.description.as_deref(),
            scheduler: spec.scheduler.as_ref(),
            persistence_timeout: spec.persistence_timeout.filter(|_| is_tcp),
            established_timeout: spec.established_timeout,
            eip_transmit: spec.eip_transmit.as_ref(),
            health_check_type: http.map(|_| "http"),
            health_check_interval: check.interval,
            health_check_connect_timeout: check.connect_timeout,
            health_check_connect_port: check.connect_port,
            healthy_threshold: check.healthy_threshold,
            unhealthy_threshold: check.unhealthy_threshold,
            health_check_domain: http.and_then(|probe| probe.domain.as_deref()),
            health_check_uri: http.and_then(|probe| probe.uri.as_deref()),
            health_check_http_code: http.and_then(|probe| probe.http_code.as_deref()),
            health_check_req: udp.and_then(|probe| probe.request.as_deref()),
            health_check_exp: udp.and_then(|probe| probe.expected.as_deref()),
        }
    }
}

/// `CreateLoadBalancerTCPListener` or `CreateLoadBalancerUDPListener`: makes a listener, Stopped.
///
/// There is no ClientToken: after an ambiguous failure, read before repeating.
///
/// * Repeat: no, there is no ClientToken: read first. A second one is refused (`ListenerAlreadyExists`).
/// * Done: with the answer: the listener is Stopped.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `CreateLoadBalancerTCPListener`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateListener<'a>(pub &'a ListenerSpec);

impl Serialize for CreateListener<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ListenerParams::of(self.0).serialize(to)
    }
}

impl Request for CreateListener<'_> {
    type Response = Acknowledged;

    fn action(&self) -> Action {
        Action::new(match self.0.protocol {
            TransportProtocol::Tcp => "CreateLoadBalancerTCPListener",
            TransportProtocol::Udp => "CreateLoadBalancerUDPListener",
        })
    }

    fn decode(&self, answer: Value) -> Result<Acknowledged, serde_json::Error> {
        serde_json::from_value(answer)
    }
}

/// `SetLoadBalancerTCPListenerAttribute` or `SetLoadBalancerUDPListenerAttribute`: changes a listener in place.
///
/// * Repeat: yes, it sets values.
/// * Done: later, when the listener is no longer Configuring.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `SetLoadBalancerTCPListenerAttribute`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetListener<'a>(pub &'a ListenerSpec);

impl Serialize for SetListener<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ListenerParams {
            backend_server_port: None,
            ..ListenerParams::of(self.0)
        }
        .serialize(to)
    }
}

impl Request for SetListener<'_> {
    type Response = Acknowledged;

    fn action(&self) -> Action {
        Action::new(match self.0.protocol {
            TransportProtocol::Tcp => "SetLoadBalancerTCPListenerAttribute",
            TransportProtocol::Udp => "SetLoadBalancerUDPListenerAttribute",
        })
    }

    fn decode(&self, answer: Value) -> Result<Acknowledged, serde_json::Error> {
        serde_json::from_value(answer)
    }
}
