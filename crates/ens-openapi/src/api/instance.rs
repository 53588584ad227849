//! Instances of ENS, and the release of anything that has an instance id.

use serde::{Deserialize, Serialize};

use super::request::request;
use super::types::{Page, Tag, page};
use super::wire::{self, text_enum};

text_enum! {
    /// Running state of an instance.
    InstanceStatus {
        /// It runs.
        Running = "Running",
        /// Its time is over.
        Expired = "Expired",
        /// It is stopped.
        Stopped = "Stopped",
    }
}

text_enum! {
    /// Kind of an instance, by how it is sold.
    InstanceResourceType {
        /// An instance by itself.
        EnsInstance = "EnsInstance",
        /// One of an edge service.
        EnsService = "EnsService",
        /// A machine that images are built on.
        BuildMachine = "BuildMachine",
        /// An instance that is paid for as it is used.
        EnsPostPaidInstance = "EnsPostPaidInstance",
    }
}

/// `DescribeInstances`: one page of the instances that match every filter given.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 100 a second for one user.
/// * Source: ENS API reference, `DescribeInstances`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DescribeInstances {
    /// One edge site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ens_region_id: Option<String>,
    /// Several edge sites, at most 100.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "wire::as_json_text",
        deserialize_with = "wire::from_json_text"
    )]
    pub ens_region_ids: Vec<String>,
    /// One id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Up to 100 ids. None is no filter: unlike an empty list of the API itself, which matches nothing.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "wire::as_json_text",
        deserialize_with = "wire::from_json_text"
    )]
    pub instance_ids: Vec<String>,
    /// A name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<String>,
    /// A network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_id: Option<String>,
    /// A vSwitch.
    #[serde(rename = "VSwitchId", skip_serializing_if = "Option::is_none")]
    pub vswitch_id: Option<String>,
    /// A running state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<InstanceStatus>,
    /// States by what the instance is used for; the values are not documented.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "wire::as_json_text",
        deserialize_with = "wire::from_json_text"
    )]
    pub service_status: Vec<String>,
    /// Kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_resource_type: Option<InstanceResourceType>,
    /// The name of a size, as `SpecName` of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// An image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// A security group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group_id: Option<String>,
    /// An edge service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ens_service_id: Option<String>,
    /// A private address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intranet_ip: Option<String>,
    /// Public addresses.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "wire::as_json_text",
        deserialize_with = "wire::from_json_text"
    )]
    pub eip_addresses: Vec<String>,
    /// A VPD, a network across edge sites.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpd_id: Option<String>,
    /// A vSwitch of a VPD.
    #[serde(rename = "VpdVSwitchId", skip_serializing_if = "Option::is_none")]
    pub vpd_vswitch_id: Option<String>,
    /// Tags, all of which an instance has to bear.
    #[serde(
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "wire::as_json_text",
        deserialize_with = "wire::from_json_text"
    )]
    pub tags: Vec<Tag>,
    /// A part of an address, a name or an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_key: Option<String>,
    /// How rows are sorted: a JSON object as text of `InstanceNameSort`, `ExpireTimeSort`, `CreationTimeSort` and
    /// `EnsRegionId`, each `asc` or `desc`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_by_params: Option<String>,
    /// The page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_number: Option<u32>,
    /// Rows per page, at most 100; 10 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u32>,
}

/// An instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RawInstance")]
pub struct Instance {
    /// The id, `i-…`.
    pub instance_id: String,
    /// The name.
    pub instance_name: Option<String>,
    /// The name that the guest sees.
    pub host_name: Option<String>,
    /// Running state.
    pub status: InstanceStatus,
    /// State by what the instance is used for; the values are not documented.
    pub service_status: Option<String>,
    /// Kind.
    pub instance_resource_type: InstanceResourceType,
    /// The name of its size.
    pub spec_name: Option<String>,
    /// The image that it was made from.
    pub image_id: Option<String>,
    /// When it was made, ISO 8601.
    pub creation_time: Option<String>,
    /// When it expires, ISO 8601.
    pub expired_time: Option<String>,
    /// The edge site.
    pub ens_region_id: Option<String>,
    /// The network.
    pub network_id: Option<String>,
    /// The vSwitch.
    pub vswitch_id: Option<String>,
    /// All private addresses, each once, in the order of the answer.
    pub private_ips: Vec<String>,
    /// All public addresses, each once, in the order of the answer.
    pub public_ips: Vec<String>,
    /// Its security groups.
    pub security_group_ids: Vec<String>,
    /// Its tags.
    pub tags: Vec<Tag>,
}

request!(
    DescribeInstances,
    "DescribeInstances",
    Page<Instance>,
    |answer| page(answer, "Instances")
);

/// Addresses stand in up to four places of an answer, not all of them filled.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawInstance {
    #[serde(deserialize_with = "wire::required")]
    instance_id: String,
    #[serde(default, deserialize_with = "wire::text")]
    instance_name: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    host_name: Option<String>,
    #[serde(default)]
    status: InstanceStatus,
    #[serde(default, deserialize_with = "wire::text")]
    service_status: Option<String>,
    #[serde(default)]
    instance_resource_type: InstanceResourceType,
    #[serde(default, deserialize_with = "wire::text")]
    spec_name: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    image_id: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    creation_time: Option<String>,
    #[serde(default, deserialize_with = "wire::text")]
    expired_time: Option<String>,
    #[serde(default, deserialize_with = "wire::list")]
    security_group_ids: Vec<String>,
    #[serde(default, deserialize_with = "wire::list")]
    tags: Vec<Tag>,
    #[serde(default, deserialize_with = "wire::text")]
    ens_region_id: Option<String>,
    #[serde(default)]
    network_attributes: Option<RawNetwork>,
    #[serde(default, deserialize_with = "wire::list")]
    private_ip_addresses: Vec<RawAddress>,
    #[serde(default, deserialize_with = "wire::list")]
    inner_ip_address: Vec<String>,
    #[serde(default, deserialize_with = "wire::list")]
    network_interfaces: Vec<RawInterface>,
    #[serde(default, deserialize_with = "wire::list")]
    public_ip_address: Vec<String>,
    #[serde(default, deserialize_with = "wire::list")]
    public_ip_addresses: Vec<RawAddress>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawNetwork {
    #[serde(default, deserialize_with = "wire::text")]
    network_id: Option<String>,
    #[serde(default, rename = "VSwitchId", deserialize_with = "wire::text")]
    vswitch_id: Option<String>,
    #[serde(default, deserialize_with = "wire::list")]
    private_ip_address: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAddress {
    #[serde(default, deserialize_with = "wire::text")]
    ip: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawInterface {
    #[serde(default, deserialize_with = "wire::text")]
    primary_ip_address: Option<String>,
}

impl From<RawInstance> for Instance {
    fn from(raw: RawInstance) -> Self {
        let network = raw.network_attributes.unwrap_or_default();
        let private = network
            .private_ip_address
            .into_iter()
            .chain(
                raw.private_ip_addresses
                    .into_iter()
                    .filter_map(|address| address.ip),
            )
            .chain(
                raw.network_interfaces
                    .into_iter()
                    .filter_map(|interface| interface.primary_ip_address),
            )
            .chain(raw.inner_ip_address);
        let public = raw.public_ip_address.into_iter().chain(
            raw.public_ip_addresses
                .into_iter()
                .filter_map(|address| address.ip),
        );
        Self {
            instance_id: raw.instance_id,
            instance_name: raw.instance_name,
            host_name: raw.host_name,
            status: raw.status,
            service_status: raw.service_status,
            instance_resource_type: raw.instance_resource_type,
            spec_name: raw.spec_name,
            image_id: raw.image_id,
            creation_time: raw.creation_time,
            expired_time: raw.expired_time,
            ens_region_id: raw.ens_region_id,
            network_id: network.network_id,
            vswitch_id: network.vswitch_id,
            private_ips: distinct(private),
            public_ips: distinct(public),
            security_group_ids: raw.security_group_ids,
            tags: raw.tags,
        }
    }
}

fn distinct(addresses: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for address in addresses {
        let address = address.trim();
        if !address.is_empty() && !seen.iter().any(|known| known == address) {
            seen.push(address.to_owned());
        }
    }
    seen
}

/// `ReleaseInstance`: releases an EIP, an ELB or a cloud-disk instance.
///
/// * Repeat: yes, "not found" then says that it is done.
/// * Done: later, when the read does not find it.
/// * Rate: 50 a second for one user.
/// * Source: ENS API reference, `ReleaseInstance`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct ReleaseInstance {
    /// The id: `eip-…`, `lb-…` or that of an instance.
    pub instance_id: String,
}

impl ReleaseInstance {
    /// Releases the thing with this id.
    pub fn new(instance_id: impl Into<String>) -> Self {
        Self {
            instance_id: instance_id.into(),
        }
    }
}

/// The answer to [`ReleaseInstance`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Released {
    /// What was released; the documented values name no ELB.
    #[serde(default, deserialize_with = "wire::text")]
    pub resource_type: Option<String>,
    /// The id to give to Alibaba Cloud's support.
    #[serde(default, deserialize_with = "wire::text")]
    pub request_id: Option<String>,
}

request!(ReleaseInstance, "ReleaseInstance", Released);
