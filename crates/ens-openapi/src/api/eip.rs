//! Elastic public addresses (EIP).

use serde::{Deserialize, Serialize};

use super::request::request;
use super::types::{Acknowledged, Page, PayType, Tag, page};
use super::wire::{self, text_enum};

text_enum! {
    /// State of an EIP (SDK 12.1.0; the help page of DescribeEnsEipAddresses).
    EipStatus {
        /// Bound to nothing.
        Available = "Available",
        /// Bound.
        InUse = "InUse",
        /// Being bound.
        Associating = "Associating",
        /// Being unbound.
        Unassociating = "Unassociating",
    }
}

text_enum! {
    /// Carrier of an EIP.
    Isp {
        /// China Mobile.
        Cmcc = "cmcc",
        /// China Unicom.
        Unicom = "unicom",
        /// China Telecom.
        Telecom = "telecom",
    }
}

text_enum! {
    /// How the traffic of an EIP is metered.
    InternetChargeType {
        /// 95th percentile of the month. The only documented value.
        Bandwidth95ByMonth = "95BandwidthByMonth",
    }
}

text_enum! {
    /// Why an EIP is locked.
    LockReason {
        /// A payment is overdue. The only documented value.
        Financial = "financial",
    }
}

text_enum! {
    /// What an EIP is bound to.
    EipTarget {
        /// An instance. This is what the API takes when nothing is said.
        EnsInstance = "EnsInstance",
        /// An ELB.
        SlbInstance = "SlbInstance",
        /// One of several EIPs of an ELB.
        NatSlbInstance = "NatSlbInstance",
        /// A NAT gateway.
        Nat = "Nat",
        /// A network interface.
        NetworkInterface = "NetworkInterface",
    }
}

/// `CreateEipInstance`: makes an EIP. The answer comes at once, the EIP becomes Available later.
///
/// * Repeat: with the same `client_token` within 10 minutes; without one, each call makes another EIP.
/// * Done: later, when the EIP is Available.
/// * Rate: 50 a second for one user.
/// * Source: ENS API reference, `CreateEipInstance`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct CreateEipInstance {
    /// The edge site.
    pub ens_region_id: String,
    /// How it is paid for: [`PayType::PostPaid`].
    pub instance_charge_type: PayType,
    /// How traffic is metered: [`InternetChargeType::Bandwidth95ByMonth`].
    pub internet_charge_type: InternetChargeType,
    /// Mbit/s, 5 to 10000; 5 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<u32>,
    /// The carrier; the site decides when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isp: Option<Isp>,
    /// The name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The description.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Tags, at most 20.
    #[serde(default, rename = "Tag", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// The address that is wanted. What happens when it is not free is not documented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// In the models, described as the id of an EIP and nothing more. What it does is not documented: leave it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Makes a repeat harmless, as in
    /// [`CreateLoadBalancer`](super::load_balancer::CreateLoadBalancer::client_token).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_token: Option<String>,
}

impl CreateEipInstance {
    /// A pay-as-you-go EIP, metered by the 95th percentile, at an edge site.
    pub fn new(ens_region_id: impl Into<String>) -> Self {
        Self {
            ens_region_id: ens_region_id.into(),
            instance_charge_type: PayType::PostPaid,
            internet_charge_type: InternetChargeType::Bandwidth95ByMonth,
            bandwidth: None,
            isp: None,
            name: None,
            description: None,
            tags: Vec::new(),
            ip_address: None,
            instance_id: None,
            client_token: None,
        }
    }
}

/// The answer to [`CreateEipInstance`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreatedEip {
    /// The id, `eip-…`.
    #[serde(deserialize_with = "wire::required")]
    pub allocation_id: String,
    /// The id to give to Alibaba Cloud's support.
    #[serde(default, deserialize_with = "wire::text")]
    pub request_id: Option<String>,
}

request!(CreateEipInstance, "CreateEipInstance", CreatedEip);

/// `DescribeEnsEipAddresses`: one page of the EIPs that match every filter given.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: none published.
/// * Source: ENS API reference, `DescribeEnsEipAddresses`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeEnsEipAddresses {
    /// One edge site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ens_region_id: Option<String>,
    /// Several edge sites, 1 to 100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ens_region_ids: Vec<String>,
    /// Up to 50 ids.
    #[serde(
        rename = "AllocationId",
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "wire::as_comma_text",
        deserialize_with = "wire::from_comma_text"
    )]
    pub allocation_ids: Vec<String>,
    /// A name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eip_name: Option<String>,
    /// Up to 50 public addresses.
    #[serde(
        rename = "EipAddress",
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "wire::as_comma_text",
        deserialize_with = "wire::from_comma_text"
    )]
    pub eip_addresses: Vec<String>,
    /// A state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<EipStatus>,
    /// What it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub associated_instance_id: Option<String>,
    /// Kind of what it is bound to: EnsInstance or SlbInstance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub associated_instance_type: Option<EipTarget>,
    /// Only those that are (true) or are not (false) the standby of another EIP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standby: Option<bool>,
    /// Only those that answer pings (true) or do not (false).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icmp_reply_enabled: Option<bool>,
    /// Only those that are locked for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_reason: Option<LockReason>,
    /// The page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_number: Option<u32>,
    /// Rows per page, at most 100; 10 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

/// An EIP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Eip {
    /// The id, `eip-…`.
    #[serde(deserialize_with = "wire::required")]
    pub allocation_id: String,
    /// The name.
    #[serde(default, deserialize_with = "wire::text")]
    pub name: Option<String>,
    /// The description.
    #[serde(default, deserialize_with = "wire::text")]
    pub description: Option<String>,
    /// The state.
    #[serde(default)]
    pub status: EipStatus,
    /// The public address.
    #[serde(default, deserialize_with = "wire::text")]
    pub ip_address: Option<String>,
    /// State of the address; its values are not documented.
    #[serde(default, deserialize_with = "wire::text")]
    pub ip_status: Option<String>,
    /// Mbit/s.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub bandwidth: Option<u32>,
    /// The carrier.
    #[serde(default)]
    pub isp: Isp,
    /// The edge site.
    #[serde(default, deserialize_with = "wire::text")]
    pub ens_region_id: Option<String>,
    /// What it is bound to.
    #[serde(default, deserialize_with = "wire::text")]
    pub instance_id: Option<String>,
    /// Kind of what it is bound to.
    #[serde(default)]
    pub instance_type: EipTarget,
    /// How it is paid for.
    #[serde(default)]
    pub charge_type: PayType,
    /// How traffic is metered.
    #[serde(default)]
    pub internet_charge_type: InternetChargeType,
    /// Whether it is the standby of another EIP.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub standby: Option<bool>,
    /// Whether it answers pings.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub icmp_reply_enabled: Option<bool>,
    /// Why it is locked; empty when it is not.
    #[serde(default, deserialize_with = "wire::list")]
    pub operation_locks: Vec<EipLock>,
    /// The bandwidth package that it is in.
    #[serde(default, deserialize_with = "wire::text")]
    pub bandwidth_package_id: Option<String>,
    /// Mbit/s of that package.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub bandwidth_package_bandwidth: Option<i64>,
    /// When it was made. The documented example has digits of an epoch, other answers ISO 8601.
    #[serde(default, deserialize_with = "wire::text")]
    pub allocation_time: Option<String>,
    /// Its tags.
    #[serde(default, deserialize_with = "wire::list")]
    pub tags: Vec<Tag>,
}

/// A lock of an EIP.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EipLock {
    /// Why.
    #[serde(default)]
    pub lock_reason: LockReason,
}

request!(
    DescribeEnsEipAddresses,
    "DescribeEnsEipAddresses",
    Page<Eip>,
    |answer| page(answer, "EipAddresses")
);

/// `AssociateEnsEipAddress`: binds an EIP to something on the same edge site. The binding is done when the EIP is
/// InUse.
///
/// * Repeat: read first; an EIP in another state is refused (`IncorrectEipStatus`).
/// * Done: later, when the EIP is InUse.
/// * Rate: none published.
/// * Source: ENS API reference, `AssociateEnsEipAddress`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct AssociateEnsEipAddress {
    /// The EIP.
    pub allocation_id: String,
    /// What it is bound to.
    pub instance_id: String,
    /// Kind of what it is bound to. Always sent: the API's default is an instance, never an ELB.
    pub instance_type: EipTarget,
    /// Whether as a standby.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standby: Option<bool>,
}

impl AssociateEnsEipAddress {
    /// Binds this EIP to that.
    pub fn new(
        allocation_id: impl Into<String>,
        instance_id: impl Into<String>,
        instance_type: EipTarget,
    ) -> Self {
        Self {
            allocation_id: allocation_id.into(),
            instance_id: instance_id.into(),
            instance_type,
            standby: None,
        }
    }
}

request!(
    AssociateEnsEipAddress,
    "AssociateEnsEipAddress",
    Acknowledged
);

/// `UnAssociateEnsEipAddress`: unbinds an EIP. It is done when the EIP is Available.
///
/// * Repeat: read first; an EIP in another state is refused (`IncorrectEipStatus`).
/// * Done: later, when the EIP is Available.
/// * Rate: none published.
/// * Source: ENS API reference, `UnAssociateEnsEipAddress`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct UnAssociateEnsEipAddress {
    /// The EIP.
    pub allocation_id: String,
    /// Also when entries of a NAT gateway use it; false when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
}

impl UnAssociateEnsEipAddress {
    /// Unbinds this EIP.
    pub fn new(allocation_id: impl Into<String>) -> Self {
        Self {
            allocation_id: allocation_id.into(),
            force: None,
        }
    }
}

request!(
    UnAssociateEnsEipAddress,
    "UnAssociateEnsEipAddress",
    Acknowledged
);

/// `ModifyEnsEipAddressAttribute`: changes bandwidth, name or description in place; what is absent stays.
///
/// * Repeat: yes, it sets values.
/// * Done: whether with the answer is not documented: read it.
/// * Rate: none published.
/// * Source: ENS API reference, `ModifyEnsEipAddressAttribute`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ModifyEnsEipAddressAttribute {
    /// The EIP.
    pub allocation_id: String,
    /// Mbit/s, 5 to 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<u32>,
    /// The name: 2 to 128 characters, not starting with `http://` or `https://`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The description: 2 to 256 characters, not starting with `http://` or `https://`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl ModifyEnsEipAddressAttribute {
    /// A change of this EIP; without a field set it changes nothing.
    pub fn new(allocation_id: impl Into<String>) -> Self {
        Self {
            allocation_id: allocation_id.into(),
            bandwidth: None,
            name: None,
            description: None,
        }
    }
}

request!(
    ModifyEnsEipAddressAttribute,
    "ModifyEnsEipAddressAttribute",
    Acknowledged
);

/// `DeleteEip`: releases a pay-as-you-go EIP. Unbind it first.
///
/// * Repeat: yes, "not found" then says that it is done.
/// * Done: later, when the list does not show the EIP.
/// * Rate: none published.
/// * Source: ENS API reference, `DeleteEip`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DeleteEip {
    /// The EIP, `eip-…`.
    pub instance_id: String,
}

impl DeleteEip {
    /// Releases this EIP.
    pub fn new(allocation_id: impl Into<String>) -> Self {
        Self {
            instance_id: allocation_id.into(),
        }
    }
}

request!(DeleteEip, "DeleteEip", Acknowledged);
