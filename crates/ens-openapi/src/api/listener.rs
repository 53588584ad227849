//! Listeners of an ELB over TCP and UDP, and what listeners of every protocol share.
//!
//! A listener is created Stopped and has to be started; its backend port can never be changed. Units, limits and
//! defaults are those of the ENS help pages and of the models of alibabacloud-ens20171110 12.1.0.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::request::{Request, request};
use super::types::{Acknowledged, Page, Switch, page};
use super::wire::{self, text_enum};
use crate::action::Action;

text_enum! {
    /// Protocol of a listener.
    ListenerProtocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// HTTP.
        Http = "http",
        /// HTTPS.
        Https = "https",
    }
}

text_enum! {
    /// State of a listener. Attribute reads give `Running`, the list gives `running`: texts are compared without case.
    ListenerStatus {
        /// It forwards.
        Running = "Running",
        /// It does not forward. A new listener is stopped.
        Stopped = "Stopped",
        /// On its way to Running.
        Starting = "Starting",
        /// A change is being applied.
        Configuring = "Configuring",
        /// On its way to Stopped.
        Stopping = "Stopping",
    }
}

text_enum! {
    /// How a listener chooses a backend. The API's default is [`Scheduler::Wrr`].
    ///
    /// SDK 12.1.0: TCP takes wrr, wlc, rr, sch, tch; UDP takes all; HTTP and HTTPS take all but tch.
    Scheduler {
        /// Weighted round robin.
        Wrr = "wrr",
        /// Weighted least connections.
        Wlc = "wlc",
        /// Round robin.
        Rr = "rr",
        /// Hash of the source address.
        Sch = "sch",
        /// Hash of the 4-tuple.
        Tch = "tch",
        /// Hash of the QUIC connection id.
        Qch = "qch",
        /// Hash of the QUIC connection id, of its initial packet.
        Iqch = "iqch",
    }
}

/// Protocol of a listener that [`ListenerSpec`] describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransportProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl From<TransportProtocol> for ListenerProtocol {
    fn from(protocol: TransportProtocol) -> Self {
        match protocol {
            TransportProtocol::Tcp => Self::Tcp,
            TransportProtocol::Udp => Self::Udp,
        }
    }
}

/// Which listener: port and protocol on an ELB. TCP and UDP on one port are two listeners, so the protocol is always
/// sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ListenerKey {
    /// The ELB.
    pub load_balancer_id: String,
    /// Front port, 1 to 65535.
    pub port: u16,
    /// Protocol.
    pub protocol: ListenerProtocol,
}

impl ListenerKey {
    /// The listener on this port and protocol of this ELB.
    pub fn new(
        load_balancer_id: impl Into<String>,
        protocol: impl Into<ListenerProtocol>,
        port: u16,
    ) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            port,
            protocol: protocol.into(),
        }
    }
}

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

/// `DescribeLoadBalancerTCPListenerAttribute` or `…UDPListenerAttribute`: the settings of one listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeListener {
    /// The ELB.
    pub load_balancer_id: String,
    /// Front port.
    pub listener_port: u16,
    /// Protocol; it chooses the action and is not sent.
    #[serde(skip_serializing)]
    pub protocol: TransportProtocol,
}

impl DescribeListener {
    /// Reads the listener on this port and protocol of this ELB.
    pub fn new(
        load_balancer_id: impl Into<String>,
        protocol: TransportProtocol,
        port: u16,
    ) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            listener_port: port,
            protocol,
        }
    }
}

/// A TCP or UDP listener as the read of it shows it. The API leaves out what does not apply, such as the settings of
/// an HTTP probe on a listener without one; numbers are in the units of [`ListenerSpec`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListenerAttribute {
    /// Front port.
    #[serde(deserialize_with = "wire::required_scalar")]
    pub listener_port: u16,
    /// Port on the backends.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub backend_server_port: Option<i32>,
    /// The state.
    #[serde(default)]
    pub status: ListenerStatus,
    /// Description.
    #[serde(default, deserialize_with = "wire::text")]
    pub description: Option<String>,
    /// How a backend is chosen.
    #[serde(default)]
    pub scheduler: Scheduler,
    /// Stickiness in seconds, 0 = off. TCP only.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub persistence_timeout: Option<i32>,
    /// Idle time in seconds.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub established_timeout: Option<i32>,
    /// Bandwidth in Mbit/s; -1 = not limited.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub bandwidth: Option<i64>,
    /// Whether the EIP's address reaches the backend.
    #[serde(default)]
    pub eip_transmit: Switch,
    /// Whether backends are probed.
    #[serde(default)]
    pub health_check: Switch,
    /// Kind of probe of a TCP listener: `tcp` or `http`.
    #[serde(default, deserialize_with = "wire::text")]
    pub health_check_type: Option<String>,
    /// Seconds between probes.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub health_check_interval: Option<i32>,
    /// Seconds until a probe has failed.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub health_check_connect_timeout: Option<i32>,
    /// Port that is probed.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub health_check_connect_port: Option<i32>,
    /// Good probes in a row.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub healthy_threshold: Option<i32>,
    /// Bad probes in a row.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub unhealthy_threshold: Option<i32>,
    /// Host header of an HTTP probe.
    #[serde(default, deserialize_with = "wire::text")]
    pub health_check_domain: Option<String>,
    /// Path of an HTTP probe.
    #[serde(default, rename = "HealthCheckURI", deserialize_with = "wire::text")]
    pub health_check_uri: Option<String>,
    /// Healthy status classes of an HTTP probe.
    #[serde(default, deserialize_with = "wire::text")]
    pub health_check_http_code: Option<String>,
    /// Payload of a UDP probe.
    #[serde(default, deserialize_with = "wire::text")]
    pub health_check_req: Option<String>,
    /// Expected answer of a UDP probe.
    #[serde(default, deserialize_with = "wire::text")]
    pub health_check_exp: Option<String>,
    /// The id to give to Alibaba Cloud's support.
    #[serde(default, deserialize_with = "wire::text")]
    pub request_id: Option<String>,
}

impl Request for DescribeListener {
    type Response = Option<ListenerAttribute>;

    fn action(&self) -> Action {
        Action::new(match self.protocol {
            TransportProtocol::Tcp => "DescribeLoadBalancerTCPListenerAttribute",
            TransportProtocol::Udp => "DescribeLoadBalancerUDPListenerAttribute",
        })
    }

    /// An answer with a RequestId but no port is read as "there is none", as for an ELB.
    fn decode(&self, answer: Value) -> Result<Self::Response, serde_json::Error> {
        unless_empty(answer)
    }
}

/// Reads a listener, or `None` from an answer of the API that shows no port.
pub(super) fn unless_empty<T: DeserializeOwned>(
    answer: Value,
) -> Result<Option<T>, serde_json::Error> {
    let has = |name: &str| answer.get(name).is_some_and(|value| !value.is_null());
    if !has("ListenerPort") && has("RequestId") {
        return Ok(None);
    }
    serde_json::from_value(answer).map(Some)
}

/// `DescribeLoadBalancerListeners`: one page of the listeners of an ELB, of all protocols.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeLoadBalancerListeners {
    /// The ELB.
    pub load_balancer_id: String,
    /// Only this front port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listener_port: Option<u16>,
    /// Only with this description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_number: Option<u32>,
    /// Rows per page; limits are not published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

impl DescribeLoadBalancerListeners {
    /// The listeners of this ELB.
    pub fn new(load_balancer_id: impl Into<String>) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            listener_port: None,
            description: None,
            page_number: None,
            page_size: None,
        }
    }
}

/// A listener as the list shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListenerSummary {
    /// The ELB.
    #[serde(default, deserialize_with = "wire::text")]
    pub load_balancer_id: Option<String>,
    /// Front port.
    #[serde(deserialize_with = "wire::required_scalar")]
    pub listener_port: u16,
    /// Protocol.
    #[serde(default)]
    pub protocol: ListenerProtocol,
    /// Port on the backends.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub backend_server_port: Option<i32>,
    /// The state.
    #[serde(default)]
    pub status: ListenerStatus,
    /// Description.
    #[serde(default, deserialize_with = "wire::text")]
    pub description: Option<String>,
    /// When it was made.
    #[serde(default, deserialize_with = "wire::text")]
    pub create_time: Option<String>,
    /// Whether it redirects HTTP to HTTPS.
    #[serde(default)]
    pub listener_forward: Switch,
    /// The HTTPS port that it redirects to.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub forward_port: Option<i32>,
}

request!(
    DescribeLoadBalancerListeners,
    "DescribeLoadBalancerListeners",
    Page<ListenerSummary>,
    |answer| page(answer, "Listeners")
);

macro_rules! listener_request {
    ($(#[$doc:meta])* $name:ident, $action:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        #[non_exhaustive]
        pub struct $name {
            /// The ELB.
            pub load_balancer_id: String,
            /// Front port.
            pub listener_port: u16,
            /// Protocol. The API wants it only where two listeners share a port; it is always sent.
            pub listener_protocol: ListenerProtocol,
        }

        impl From<ListenerKey> for $name {
            fn from(key: ListenerKey) -> Self {
                Self {
                    load_balancer_id: key.load_balancer_id,
                    listener_port: key.port,
                    listener_protocol: key.protocol,
                }
            }
        }

        request!($name, $action, Acknowledged);
    };
}

listener_request! {
    /// `StartLoadBalancerListener`: starts a listener; Starting, then Running.
    StartLoadBalancerListener, "StartLoadBalancerListener"
}

listener_request! {
    /// `StopLoadBalancerListener`: stops a listener; Stopping, then Stopped.
    StopLoadBalancerListener, "StopLoadBalancerListener"
}

listener_request! {
    /// `DeleteLoadBalancerListener`: deletes a listener. The API may want it stopped first
    /// (`IncorrectListenerStatus`); its port may stay taken for a while (`ListenerAlreadyExists`).
    DeleteLoadBalancerListener, "DeleteLoadBalancerListener"
}
