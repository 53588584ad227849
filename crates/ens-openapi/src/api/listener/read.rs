//! Reading listeners: one of TCP or UDP with its settings, or all of an ELB in short.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ListenerProtocol, ListenerStatus, Scheduler, TransportProtocol};
use crate::action::Action;
use crate::api::request::{Request, request};
use crate::api::types::{Page, Switch, page};
use crate::api::wire;

/// `DescribeLoadBalancerTCPListenerAttribute` or `…UDPListenerAttribute`: the settings of one listener.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeLoadBalancerTCPListenerAttribute`; models of alibabacloud-ens20171110 12.1.0.
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
/// an HTTP probe on a listener without one; numbers are in the units of [`ListenerSpec`](super::ListenerSpec).
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
pub(in crate::api) fn unless_empty<T: DeserializeOwned>(
    answer: Value,
) -> Result<Option<T>, serde_json::Error> {
    let has = |name: &str| answer.get(name).is_some_and(|value| !value.is_null());
    if !has("ListenerPort") && has("RequestId") {
        return Ok(None);
    }
    serde_json::from_value(answer).map(Some)
}

/// `DescribeLoadBalancerListeners`: one page of the listeners of an ELB, of all protocols.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: none published.
/// * Source: ENS API reference, `DescribeLoadBalancerListeners`; models of alibabacloud-ens20171110 12.1.0.
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
