//! Measurements of ELBs. ENS has no action for the health of a backend: the nearest are the counts of healthy and
//! unhealthy backends of a listener here.

use serde::{Deserialize, Serialize};

use super::request::request;
use super::types::rows;
use super::wire;

/// `DescribeLoadBalancerListenMonitor`: traffic and backend counts of one listener over time.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeLoadBalancerListenMonitor`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeLoadBalancerListenMonitor {
    /// The ELB.
    pub load_balancer_id: String,
    /// Front port.
    #[serde(rename = "VPort")]
    pub port: String,
    /// Begin: `yyyy-MM-dd HH:mm:ss`.
    pub start_time: String,
    /// End, at most 24 h later.
    pub end_time: String,
    /// Protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proto: Option<String>,
}

impl DescribeLoadBalancerListenMonitor {
    /// One listener from one moment to another.
    pub fn new(
        load_balancer_id: impl Into<String>,
        port: u16,
        start_time: impl Into<String>,
        end_time: impl Into<String>,
    ) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            port: port.to_string(),
            start_time: start_time.into(),
            end_time: end_time.into(),
            proto: None,
        }
    }
}

/// A measurement of a listener.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListenerMeasurement {
    /// When.
    #[serde(default, deserialize_with = "wire::text")]
    pub biz_time: Option<String>,
    /// Front port.
    #[serde(default, rename = "VPort", deserialize_with = "wire::scalar")]
    pub port: Option<u16>,
    /// Protocol.
    #[serde(default, deserialize_with = "wire::text")]
    pub proto: Option<String>,
    /// Healthy backends.
    #[serde(default, rename = "ValidRsNum", deserialize_with = "wire::scalar")]
    pub healthy_backends: Option<i64>,
    /// Unhealthy backends.
    #[serde(default, rename = "InValidRsNum", deserialize_with = "wire::scalar")]
    pub unhealthy_backends: Option<i64>,
    /// Active connections.
    #[serde(default, rename = "ActConns", deserialize_with = "wire::scalar")]
    pub active_connections: Option<i64>,
    /// Inactive connections.
    #[serde(default, rename = "InActConns", deserialize_with = "wire::scalar")]
    pub inactive_connections: Option<i64>,
    /// Connections.
    #[serde(default, rename = "Conns", deserialize_with = "wire::scalar")]
    pub connections: Option<i64>,
    /// Dropped connections.
    #[serde(default, rename = "DropConns", deserialize_with = "wire::scalar")]
    pub dropped_connections: Option<i64>,
    /// Bytes received.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub in_bytes: Option<i64>,
    /// Bytes sent.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub out_bytes: Option<i64>,
    /// Packets received.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub in_pkts: Option<i64>,
    /// Packets sent.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub out_pkts: Option<i64>,
}

request!(
    DescribeLoadBalancerListenMonitor,
    "DescribeLoadBalancerListenMonitor",
    Vec<ListenerMeasurement>,
    |answer| rows(&answer, "LoadBalancerMonitorListenData")
);

/// `DescribeServerLoadBalancerMonitor`: HTTP requests of an ELB over time.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeServerLoadBalancerMonitor`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeServerLoadBalancerMonitor {
    /// The ELB.
    pub load_balancer_id: String,
    /// Begin: `yyyy-MM-dd HH:mm:ss`.
    pub start_time: String,
    /// End, at most 24 h later.
    pub end_time: String,
}

impl DescribeServerLoadBalancerMonitor {
    /// One ELB from one moment to another.
    pub fn new(
        load_balancer_id: impl Into<String>,
        start_time: impl Into<String>,
        end_time: impl Into<String>,
    ) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            start_time: start_time.into(),
            end_time: end_time.into(),
        }
    }
}

/// `DescribeServerLoadBalancerListenMonitor`: HTTP requests of the listeners of an ELB over time.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeServerLoadBalancerListenMonitor`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeServerLoadBalancerListenMonitor {
    /// The ELB.
    pub load_balancer_id: String,
    /// Begin: `yyyy-MM-dd HH:mm:ss`.
    pub start_time: String,
    /// End, at most 24 h later.
    pub end_time: String,
    /// Only this front port.
    #[serde(rename = "VPort", skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Only this protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proto: Option<String>,
}

impl DescribeServerLoadBalancerListenMonitor {
    /// All listeners of one ELB from one moment to another.
    pub fn new(
        load_balancer_id: impl Into<String>,
        start_time: impl Into<String>,
        end_time: impl Into<String>,
    ) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            start_time: start_time.into(),
            end_time: end_time.into(),
            port: None,
            proto: None,
        }
    }
}

/// A measurement of HTTP requests, of an ELB or of one of its listeners.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RequestMeasurement {
    /// When.
    #[serde(default, deserialize_with = "wire::text")]
    pub biz_time: Option<String>,
    /// Front port, in measurements of listeners.
    #[serde(
        default,
        rename = "Vport",
        skip_serializing_if = "Option::is_none",
        deserialize_with = "wire::scalar"
    )]
    pub port: Option<u16>,
    /// Protocol, in measurements of listeners.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "wire::text"
    )]
    pub proto: Option<String>,
    /// Requests.
    #[serde(default, rename = "Acc", deserialize_with = "wire::scalar")]
    pub requests: Option<i64>,
    /// Answers with a status of 2xx.
    #[serde(default, rename = "Reqs2xx", deserialize_with = "wire::scalar")]
    pub answers_2xx: Option<i64>,
    /// Answers with a status of 3xx.
    #[serde(default, rename = "Reqs3xx", deserialize_with = "wire::scalar")]
    pub answers_3xx: Option<i64>,
    /// Answers with a status of 4xx.
    #[serde(default, rename = "Reqs4xx", deserialize_with = "wire::scalar")]
    pub answers_4xx: Option<i64>,
    /// Answers with a status of 5xx.
    #[serde(default, rename = "Reqs5xx", deserialize_with = "wire::scalar")]
    pub answers_5xx: Option<i64>,
    /// Mean time to an answer; the unit is not documented.
    #[serde(default, rename = "RtAvg", deserialize_with = "wire::scalar")]
    pub mean_response_time: Option<i64>,
}

request!(
    DescribeServerLoadBalancerMonitor,
    "DescribeServerLoadBalancerMonitor",
    Vec<RequestMeasurement>,
    |answer| rows(&answer, "ServerLoadBalancerMonitorData")
);
request!(
    DescribeServerLoadBalancerListenMonitor,
    "DescribeServerLoadBalancerListenMonitor",
    Vec<RequestMeasurement>,
    |answer| rows(&answer, "ServerLoadBalancerMonitorData")
);
