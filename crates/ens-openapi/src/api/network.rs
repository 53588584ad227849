//! Networks and vSwitches of edge sites.

use serde::{Deserialize, Serialize};

use super::request::request;
use super::types::{Page, page};
use super::wire::{self, text_enum};

text_enum! {
    /// State of a network or a vSwitch.
    NetworkStatus {
        /// It is being made.
        Pending = "Pending",
        /// It can be used.
        Available = "Available",
        /// It is being deleted.
        Releasing = "Releasing",
    }
}

/// `DescribeNetworks`: one page of the networks that match every filter given.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeNetworks`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeNetworks {
    /// One edge site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ens_region_id: Option<String>,
    /// Several edge sites.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ens_region_ids: Vec<String>,
    /// One id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id: Option<String>,
    /// Several ids, 1 to 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_ids: Vec<String>,
    /// A name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_name: Option<String>,
    /// The page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_number: Option<u32>,
    /// Rows per page, at most 50; 10 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

/// A network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Network {
    /// The id, `n-…`.
    #[serde(deserialize_with = "wire::required")]
    pub network_id: String,
    /// The name.
    #[serde(default, deserialize_with = "wire::text")]
    pub network_name: Option<String>,
    /// The state.
    #[serde(default)]
    pub status: NetworkStatus,
    /// The edge site.
    #[serde(default, deserialize_with = "wire::text")]
    pub ens_region_id: Option<String>,
    /// The address range.
    #[serde(default, deserialize_with = "wire::text")]
    pub cidr_block: Option<String>,
    /// Its vSwitches.
    #[serde(default, rename = "VSwitchIds", deserialize_with = "wire::list")]
    pub vswitch_ids: Vec<String>,
}

request!(
    DescribeNetworks,
    "DescribeNetworks",
    Page<Network>,
    |answer| page(answer, "Networks")
);

/// `DescribeVSwitches`: one page of the vSwitches that match every filter given.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: none published.
/// * Source: ENS API reference, `DescribeVSwitches`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeVSwitches {
    /// One edge site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ens_region_id: Option<String>,
    /// Several edge sites.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ens_region_ids: Vec<String>,
    /// A network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id: Option<String>,
    /// One id.
    #[serde(rename = "VSwitchId", skip_serializing_if = "Option::is_none")]
    pub vswitch_id: Option<String>,
    /// Several ids, 1 to 100.
    #[serde(rename = "VSwitchIds", skip_serializing_if = "Vec::is_empty")]
    pub vswitch_ids: Vec<String>,
    /// A name.
    #[serde(rename = "VSwitchName", skip_serializing_if = "Option::is_none")]
    pub vswitch_name: Option<String>,
    /// Only those with IPv6 (true) or without (false).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_ipv6: Option<bool>,
    /// The page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_number: Option<u32>,
    /// Rows per page, at most 50; 10 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

/// A vSwitch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VSwitch {
    /// The id, `vsw-…`.
    #[serde(rename = "VSwitchId", deserialize_with = "wire::required")]
    pub vswitch_id: String,
    /// The name.
    #[serde(default, rename = "VSwitchName", deserialize_with = "wire::text")]
    pub vswitch_name: Option<String>,
    /// The network.
    #[serde(default, deserialize_with = "wire::text")]
    pub network_id: Option<String>,
    /// The edge site.
    #[serde(default, deserialize_with = "wire::text")]
    pub ens_region_id: Option<String>,
    /// The address range.
    #[serde(default, deserialize_with = "wire::text")]
    pub cidr_block: Option<String>,
    /// The address range for IPv6.
    #[serde(default, deserialize_with = "wire::text")]
    pub ipv6_cidr_block: Option<String>,
    /// How many addresses are left.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub free_ip_count: Option<i64>,
    /// The state.
    #[serde(default)]
    pub status: NetworkStatus,
}

request!(
    DescribeVSwitches,
    "DescribeVSwitches",
    Page<VSwitch>,
    |answer| page(answer, "VSwitches")
);

/// `DescribeNetworkAttribute`: one network with what is in it.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeNetworkAttribute`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeNetworkAttribute {
    /// The network.
    pub network_id: String,
}

impl DescribeNetworkAttribute {
    /// Reads this network.
    pub fn new(network_id: impl Into<String>) -> Self {
        Self {
            network_id: network_id.into(),
        }
    }
}

/// A network with what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkAttribute {
    /// The id, `n-…`.
    #[serde(deserialize_with = "wire::required")]
    pub network_id: String,
    /// The name.
    #[serde(default, deserialize_with = "wire::text")]
    pub network_name: Option<String>,
    /// The description.
    #[serde(default, deserialize_with = "wire::text")]
    pub description: Option<String>,
    /// The state.
    #[serde(default)]
    pub status: NetworkStatus,
    /// The edge site.
    #[serde(default, deserialize_with = "wire::text")]
    pub ens_region_id: Option<String>,
    /// The address range.
    #[serde(default, deserialize_with = "wire::text")]
    pub cidr_block: Option<String>,
    /// Its vSwitches.
    #[serde(default, rename = "VSwitchIds", deserialize_with = "wire::list")]
    pub vswitch_ids: Vec<String>,
    /// Its ELBs.
    #[serde(default, deserialize_with = "wire::list")]
    pub load_balancer_ids: Vec<String>,
    /// Its instances.
    #[serde(default, deserialize_with = "wire::list")]
    pub instance_ids: Vec<String>,
    /// The id to give to Alibaba Cloud's support.
    #[serde(default, deserialize_with = "wire::text")]
    pub request_id: Option<String>,
}

request!(
    DescribeNetworkAttribute,
    "DescribeNetworkAttribute",
    NetworkAttribute
);

/// `DescribeVSwitchAttributes`: one vSwitch with what is in it.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: none published.
/// * Source: ENS API reference, `DescribeVSwitchAttributes`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeVSwitchAttributes {
    /// The vSwitch.
    #[serde(rename = "VSwitchId")]
    pub vswitch_id: String,
}

impl DescribeVSwitchAttributes {
    /// Reads this vSwitch.
    pub fn new(vswitch_id: impl Into<String>) -> Self {
        Self {
            vswitch_id: vswitch_id.into(),
        }
    }
}

/// A vSwitch with what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VSwitchAttribute {
    /// The id, `vsw-…`.
    #[serde(rename = "VSwitchId", deserialize_with = "wire::required")]
    pub vswitch_id: String,
    /// The name.
    #[serde(default, rename = "VSwitchName", deserialize_with = "wire::text")]
    pub vswitch_name: Option<String>,
    /// The description.
    #[serde(default, deserialize_with = "wire::text")]
    pub description: Option<String>,
    /// The network.
    #[serde(default, deserialize_with = "wire::text")]
    pub network_id: Option<String>,
    /// The edge site.
    #[serde(default, deserialize_with = "wire::text")]
    pub ens_region_id: Option<String>,
    /// The address range.
    #[serde(default, deserialize_with = "wire::text")]
    pub cidr_block: Option<String>,
    /// How many addresses are left.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub available_ip_address_count: Option<i64>,
    /// The state.
    #[serde(default)]
    pub status: NetworkStatus,
    /// Its ELBs.
    #[serde(default, deserialize_with = "wire::list")]
    pub load_balancer_ids: Vec<String>,
    /// Its instances.
    #[serde(default, deserialize_with = "wire::list")]
    pub instance_ids: Vec<String>,
    /// The id to give to Alibaba Cloud's support.
    #[serde(default, deserialize_with = "wire::text")]
    pub request_id: Option<String>,
}

request!(
    DescribeVSwitchAttributes,
    "DescribeVSwitchAttributes",
    VSwitchAttribute
);
