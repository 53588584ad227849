//! Load balancers (ELB): create, read, rename, switch, delete.
//!
//! Facts are from the ENS help pages `api-ens-2017-11-10-createloadbalancer` and its neighbours, and from the models of
//! alibabacloud-go/ens-20171110 v11.1.1 and PyPI alibabacloud-ens20171110 12.1.0.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::backend::BackendServer;
use super::listener::ListenerProtocol;
use super::request::request;
use super::types::{Acknowledged, Page, PayType, page, rows};
use super::wire::{self, text_enum};

text_enum! {
    /// Administrative status of an ELB: whether its listeners forward.
    LoadBalancerStatus {
        /// Listeners forward.
        Active = "Active",
        /// Nothing is forwarded.
        InActive = "InActive",
    }
}

text_enum! {
    /// Kind of an ELB.
    LoadBalancerType {
        /// Private address; public through an EIP.
        Clb = "CLB",
        /// Public-network mode.
        InternetDr = "InternetDR",
    }
}

/// `CreateLoadBalancer`: makes an ELB. The answer comes at once, the ELB becomes Active later.
///
/// * Repeat: with the same `client_token` within 10 minutes; without one, each call makes another ELB.
/// * Done: later, when the ELB is Active.
/// * Rate: 5 a second for one user.
/// * Source: ENS API reference, `CreateLoadBalancer`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct CreateLoadBalancer {
    /// The edge site, such as `cn-chengdu-telecom`. This is not the RegionId of the cloud's central regions.
    pub ens_region_id: String,
    /// The network, `n-…`.
    pub network_id: String,
    /// The vSwitch, `vsw-…`.
    #[serde(rename = "VSwitchId")]
    pub vswitch_id: String,
    /// The size, such as `elb.s2.small`: one that [`DescribeLoadBalancerSpec`] lists.
    pub load_balancer_spec: String,
    /// How it is paid for: [`PayType::PostPaid`].
    pub pay_type: PayType,
    /// The name: 1 to 80 characters, not starting with `http://` or `https://`. Random when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_name: Option<String>,
    /// The kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_type: Option<LoadBalancerType>,
    /// Billing period; the only value seen in the documentation is `Hour`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub billing_cycle: Option<String>,
    /// Makes a repeat harmless: ASCII, at most 64 characters. For 10 minutes the same token with the same parameters
    /// gives the first result again; a refusal with a 4xx other than `PROCESSING` voids it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}

impl CreateLoadBalancer {
    /// A pay-as-you-go ELB at an edge site.
    pub fn new(
        ens_region_id: impl Into<String>,
        network_id: impl Into<String>,
        vswitch_id: impl Into<String>,
        load_balancer_spec: impl Into<String>,
    ) -> Self {
        Self {
            ens_region_id: ens_region_id.into(),
            network_id: network_id.into(),
            vswitch_id: vswitch_id.into(),
            load_balancer_spec: load_balancer_spec.into(),
            pay_type: PayType::PostPaid,
            load_balancer_name: None,
            load_balancer_type: None,
            billing_cycle: None,
            client_token: None,
        }
    }
}

/// The answer to [`CreateLoadBalancer`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatedLoadBalancer {
    /// The id, `lb-…`.
    #[serde(deserialize_with = "wire::required")]
    pub load_balancer_id: String,
    /// The name that it got.
    #[serde(default, deserialize_with = "wire::text")]
    pub load_balancer_name: Option<String>,
    /// The id to give to Alibaba Cloud's support.
    #[serde(default, deserialize_with = "wire::text")]
    pub request_id: Option<String>,
}

request!(
    CreateLoadBalancer,
    "CreateLoadBalancer",
    CreatedLoadBalancer
);

/// `DescribeLoadBalancers`: one page of the ELBs that match every filter given.
///
/// Whether the name filter compares whole names is not documented: compare again.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeLoadBalancers`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeLoadBalancers {
    /// One edge site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ens_region_id: Option<String>,
    /// Several edge sites, 1 to 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ens_region_ids: Vec<String>,
    /// One id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_id: Option<String>,
    /// A name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_name: Option<String>,
    /// A status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_status: Option<LoadBalancerStatus>,
    /// A kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_type: Option<LoadBalancerType>,
    /// A network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id: Option<String>,
    /// A vSwitch.
    #[serde(rename = "VSwitchId", skip_serializing_if = "Option::is_none")]
    pub vswitch_id: Option<String>,
    /// The ELB's own address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// A backend: id of an instance or of a network interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_id: Option<String>,
    /// The page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_number: Option<u32>,
    /// Rows per page, 10 to 100; 10 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

/// An ELB as a list shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancerSummary {
    /// The id, `lb-…`.
    #[serde(deserialize_with = "wire::required")]
    pub load_balancer_id: String,
    /// The name.
    #[serde(default, deserialize_with = "wire::text")]
    pub load_balancer_name: Option<String>,
    /// Whether it forwards.
    #[serde(default)]
    pub load_balancer_status: LoadBalancerStatus,
    /// The kind.
    #[serde(default)]
    pub load_balancer_type: LoadBalancerType,
    /// Its own (private) address.
    #[serde(default, deserialize_with = "wire::text")]
    pub address: Option<String>,
    /// Address family: `ipv4` or `ipv6`.
    #[serde(default, rename = "AddressIPVersion", deserialize_with = "wire::text")]
    pub address_ip_version: Option<String>,
    /// Kind of the address.
    #[serde(default, deserialize_with = "wire::text")]
    pub address_type: Option<String>,
    /// The edge site.
    #[serde(default, deserialize_with = "wire::text")]
    pub ens_region_id: Option<String>,
    /// The network.
    #[serde(default, deserialize_with = "wire::text")]
    pub network_id: Option<String>,
    /// The vSwitch.
    #[serde(default, rename = "VSwitchId", deserialize_with = "wire::text")]
    pub vswitch_id: Option<String>,
    /// How it is paid for.
    #[serde(default)]
    pub pay_type: PayType,
    /// When it was made: ISO 8601, UTC.
    #[serde(default, deserialize_with = "wire::text")]
    pub create_time: Option<String>,
}

request!(
    DescribeLoadBalancers,
    "DescribeLoadBalancers",
    Page<LoadBalancerSummary>,
    |answer| page(answer, "LoadBalancers")
);

/// `DescribeLoadBalancerAttribute`: one ELB with its backends and listeners.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeLoadBalancerAttribute`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeLoadBalancerAttribute {
    /// The ELB.
    pub load_balancer_id: String,
}

impl DescribeLoadBalancerAttribute {
    /// Reads this ELB.
    pub fn new(load_balancer_id: impl Into<String>) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
        }
    }
}

/// An ELB with all that one read tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancer {
    /// The id, `lb-…`.
    #[serde(deserialize_with = "wire::required")]
    pub load_balancer_id: String,
    /// The name.
    #[serde(default, deserialize_with = "wire::text")]
    pub load_balancer_name: Option<String>,
    /// Whether it forwards.
    #[serde(default)]
    pub load_balancer_status: LoadBalancerStatus,
    /// The size, such as `elb.s2.small`.
    #[serde(default, deserialize_with = "wire::text")]
    pub load_balancer_spec: Option<String>,
    /// The kind.
    #[serde(default)]
    pub load_balancer_type: LoadBalancerType,
    /// Its own (private) address.
    #[serde(default, deserialize_with = "wire::text")]
    pub address: Option<String>,
    /// Address family: `ipv4` or `ipv6`.
    #[serde(default, rename = "AddressIPVersion", deserialize_with = "wire::text")]
    pub address_ip_version: Option<String>,
    /// Kind of the address.
    #[serde(default, deserialize_with = "wire::text")]
    pub address_type: Option<String>,
    /// Bandwidth in Mbit/s.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub bandwidth: Option<i64>,
    /// The edge site.
    #[serde(default, deserialize_with = "wire::text")]
    pub ens_region_id: Option<String>,
    /// The network.
    #[serde(default, deserialize_with = "wire::text")]
    pub network_id: Option<String>,
    /// The vSwitch.
    #[serde(default, rename = "VSwitchId", deserialize_with = "wire::text")]
    pub vswitch_id: Option<String>,
    /// How it is paid for.
    #[serde(default)]
    pub pay_type: PayType,
    /// When it was made: ISO 8601, UTC.
    #[serde(default, deserialize_with = "wire::text")]
    pub create_time: Option<String>,
    /// When its subscription ends, if it has one.
    #[serde(default, deserialize_with = "wire::text")]
    pub end_time: Option<String>,
    /// All backends: they belong to the ELB, not to one listener.
    #[serde(default, deserialize_with = "wire::list")]
    pub backend_servers: Vec<BackendServer>,
    /// All listeners in short; their settings need a read each.
    #[serde(
        default,
        rename = "ListenerPortsAndProtocols",
        deserialize_with = "wire::list"
    )]
    pub listeners: Vec<ListenerPort>,
    /// The id to give to Alibaba Cloud's support.
    #[serde(default, deserialize_with = "wire::text")]
    pub request_id: Option<String>,
}

/// A listener as the read of its ELB shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListenerPort {
    /// Front port.
    #[serde(deserialize_with = "wire::required_scalar")]
    pub listener_port: u16,
    /// Protocol.
    #[serde(default)]
    pub listener_protocol: ListenerProtocol,
    /// Port on the backends.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub backend_server_port: Option<i32>,
    /// Description.
    #[serde(default, deserialize_with = "wire::text")]
    pub description: Option<String>,
}

request!(
    DescribeLoadBalancerAttribute,
    "DescribeLoadBalancerAttribute",
    Option<LoadBalancer>,
    decode_attribute
);

/// An unknown ELB may answer 200 with nothing in it (aliyun/terraform-provider-alicloud and
/// kubernetes/cloud-provider-alibaba-cloud both take an empty id for "not found"). That is believed only of an answer
/// that has a RequestId, so that a proxy's JSON page is not.
fn decode_attribute(answer: Value) -> Result<Option<LoadBalancer>, serde_json::Error> {
    let filled = |name: &str| {
        answer
            .get(name)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.trim().is_empty())
    };
    if filled("LoadBalancerId") {
        serde_json::from_value(answer).map(Some)
    } else if filled("RequestId") {
        Ok(None)
    } else {
        Err(serde::de::Error::custom(
            "the answer has neither a LoadBalancerId nor a RequestId",
        ))
    }
}

/// `SetLoadBalancerStatus`: switches forwarding of all listeners on or off.
///
/// * Repeat: yes, it sets a state.
/// * Done: later, when the ELB shows the status.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `SetLoadBalancerStatus`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct SetLoadBalancerStatus {
    /// The ELB.
    pub load_balancer_id: String,
    /// The wanted status.
    pub load_balancer_status: LoadBalancerStatus,
}

impl SetLoadBalancerStatus {
    /// Sets this ELB to this status.
    pub fn new(load_balancer_id: impl Into<String>, status: LoadBalancerStatus) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            load_balancer_status: status,
        }
    }
}

request!(SetLoadBalancerStatus, "SetLoadBalancerStatus", Acknowledged);

/// `ModifyLoadBalancerAttribute`: renames an ELB. Nothing else of an ELB can be changed.
///
/// * Repeat: yes, it sets a value.
/// * Done: whether with the answer is not documented: read it.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `ModifyLoadBalancerAttribute`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ModifyLoadBalancerAttribute {
    /// The ELB.
    pub load_balancer_id: String,
    /// The new name: 2 to 128 characters (more than the 80 at creation), not starting with `http://` or `https://`.
    pub load_balancer_name: String,
}

impl ModifyLoadBalancerAttribute {
    /// Gives this ELB this name.
    pub fn new(load_balancer_id: impl Into<String>, load_balancer_name: impl Into<String>) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            load_balancer_name: load_balancer_name.into(),
        }
    }
}

request!(
    ModifyLoadBalancerAttribute,
    "ModifyLoadBalancerAttribute",
    Acknowledged
);

/// `DescribeLoadBalancerSpec`: the sizes that can be bought.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: none published.
/// * Source: ENS API reference, `DescribeLoadBalancerSpec`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeLoadBalancerSpec {
    /// Only this size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_spec: Option<String>,
}

/// A size of an ELB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoadBalancerSpec {
    /// The name in requests, such as `elb.s2.small`.
    #[serde(deserialize_with = "wire::required")]
    pub load_balancer_spec: String,
    /// The name for people.
    #[serde(default, deserialize_with = "wire::text")]
    pub display_name: Option<String>,
}

request!(
    DescribeLoadBalancerSpec,
    "DescribeLoadBalancerSpec",
    Vec<LoadBalancerSpec>,
    |answer| rows(&answer, "LoadBalancerSpecs")
);

/// `DeleteLoadBalancer`: deletes an ELB.
///
/// This action is in no published metadata; aliyun/terraform-provider-alicloud calls it, and the Chinese text of
/// `ReleaseInstance` recommends it. [`ReleaseInstance`](super::instance::ReleaseInstance) is the documented way.
///
/// * Repeat: yes, "not found" then says that it is done.
/// * Done: later, when the read does not find the ELB.
/// * Rate: none published.
/// * Source: aliyun/terraform-provider-alicloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DeleteLoadBalancer {
    /// The ELB.
    pub load_balancer_id: String,
}

impl DeleteLoadBalancer {
    /// Deletes this ELB.
    pub fn new(load_balancer_id: impl Into<String>) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
        }
    }
}

request!(DeleteLoadBalancer, "DeleteLoadBalancer", Acknowledged);
