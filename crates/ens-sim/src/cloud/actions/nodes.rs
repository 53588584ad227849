//! Reads of computing instances and of the edge nodes that they stand in.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::params::{Args, Kind, opt};
use super::super::resource::Instance;
use super::super::scope::Scope;
use super::{Action, EPOCH, equals, name_passes, with, wrapped};

const STATUSES: &[&str] = &["Running", "Stopped", "Expired"];
const RESOURCE_TYPES: &[&str] = &[
    "EnsInstance",
    "EnsService",
    "BuildMachine",
    "EnsPostPaidInstance",
];
/// Filters of DescribeInstances by what no instance here has: they let nothing pass.
const FOREIGN_FILTERS: &[&str] = &[
    "EipAddresses",
    "EnsServiceId",
    "ImageId",
    "InstanceType",
    "SecurityGroupId",
    "ServiceStatus",
    "VpdId",
    "VpdVSwitchId",
];

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "DescribeInstances",
        get_only: false,
        per_second: Some(100),
        params: &[
            opt("EipAddresses", Kind::Json),
            opt("EnsRegionId", Kind::Text),
            opt("EnsRegionIds", Kind::Json),
            opt("EnsServiceId", Kind::Text),
            opt("ImageId", Kind::Text),
            opt("InstanceId", Kind::Text),
            opt("InstanceIds", Kind::Json),
            opt("InstanceName", Kind::Text),
            opt("InstanceResourceType", Kind::OneOf(RESOURCE_TYPES)),
            opt("InstanceType", Kind::Text),
            opt("IntranetIp", Kind::Text),
            opt("NetworkId", Kind::Text),
            opt("OrderByParams", Kind::Json),
            opt("PageNumber", Kind::Text),
            opt("PageSize", Kind::Text),
            opt("SearchKey", Kind::Text),
            opt("SecurityGroupId", Kind::Text),
            opt("ServiceStatus", Kind::Json),
            opt("Status", Kind::OneOf(STATUSES)),
            opt("Tags", Kind::Json),
            opt("VSwitchId", Kind::Text),
            opt("VpdId", Kind::Text),
            opt("VpdVSwitchId", Kind::Text),
        ],
        run: instances,
    },
    Action {
        name: "DescribeEnsRegions",
        get_only: false,
        per_second: None,
        params: &[opt("EnsRegionId", Kind::Text)],
        run: regions,
    },
    Action {
        name: "DescribeRegionIsps",
        get_only: true,
        per_second: None,
        params: &[opt("EnsRegionId", Kind::Text)],
        run: isps,
    },
];

fn instances(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (number, size) = args.paging(10, 1, 100)?;
    let ids = json_texts(args, "InstanceIds")?;
    let regions = json_texts(args, "EnsRegionIds")?;
    let tags = json_tags(args)?;
    let filter = scope.config.switches.name_filter;
    let foreign = FOREIGN_FILTERS.iter().any(|name| args.text(name).is_some());
    let found: Vec<Value> = scope
        .state
        .instances
        .values()
        .filter(|instance| {
            let ip = instance.private_ip.to_string();
            !foreign
                && equals(args.text("InstanceResourceType"), "EnsInstance")
                && equals(args.text("EnsRegionId"), &instance.region)
                && regions
                    .as_ref()
                    .is_none_or(|all| all.contains(&instance.region))
                && equals(args.text("InstanceId"), &instance.id)
                && ids.as_ref().is_none_or(|all| all.contains(&instance.id))
                && name_passes(filter, args.text("InstanceName"), &instance.name)
                && equals(args.text("IntranetIp"), &ip)
                && equals(args.text("NetworkId"), &instance.network)
                && equals(args.text("VSwitchId"), &instance.vswitch)
                && equals(args.text("Status"), &format!("{:?}", instance.status))
                && tags.iter().all(|(key, value)| {
                    let own = instance.tags.get(key);
                    own.is_some_and(|own| value.as_ref().is_none_or(|value| value == own))
                })
                && args.text("SearchKey").is_none_or(|key| {
                    [&instance.id, &instance.name, &ip]
                        .iter()
                        .any(|text| text.contains(key))
                })
        })
        .map(instance_row)
        .collect();
    let page = wrapped("Instances", "Instance", found, number, size);
    Ok(with(page, json!({ "Code": 0 })))
}

fn instance_row(instance: &Instance) -> Value {
    let tags: Vec<Value> = instance
        .tags
        .iter()
        .map(|(key, value)| json!({ "TagKey": key, "TagValue": value }))
        .collect();
    let row = json!({
        "EnsRegionId": instance.region,
        "HostName": instance.host_name,
        "InstanceId": instance.id,
        "InstanceName": instance.name,
        "InstanceResourceType": "EnsInstance",
        "Status": format!("{:?}", instance.status),
        "Tags": { "Tags": tags },
    });
    with(with(row, addresses_of(instance)), machine_of_an_instance())
}

fn addresses_of(instance: &Instance) -> Value {
    let ip = instance.private_ip;
    let [_, b, c, d] = ip.octets();
    json!({
        "InnerIpAddress": { "IpAddress": [] },
        "NetworkAttributes": {
            "NetworkId": instance.network,
            "PrivateIpAddress": { "IpAddress": [ip] },
            "VSwitchId": instance.vswitch,
        },
        "NetworkInterfaces": { "NetworkInterfaces": [{
            "Ipv6Sets": { "Ipv6Set": [] },
            "MacAddress": format!("00:16:3e:{b:02x}:{c:02x}:{d:02x}"),
            "NetworkInterfaceId": instance.interface(),
            "PrimaryIpAddress": ip,
            "PrivateIpSets": { "PrivateIpSet": [{ "Primary": true, "PrivateIpAddress": ip }] },
            "Type": "Primary",
            "VpdId": "",
            "VpdVSwitchId": "",
        }] },
        "PrivateIpAddresses": { "PrivateIpAddress": [{ "GateWay": "", "Ip": ip, "Isp": "" }] },
        "PublicIpAddress": { "IpAddress": [] },
        "PublicIpAddresses": { "PublicIpAddress": [] },
        "SecurityGroupIds": { "SecurityGroupId": [] },
    })
}

/// What the simulator has no idea of: the machine behind an instance, its disks, its image, its lease. The fields are
/// there, and empty.
fn machine_of_an_instance() -> Value {
    json!({
        "AutoReleaseTime": "",
        "Cpu": "",
        "CreationTime": EPOCH,
        "DataDisk": { "DataDisk": [] },
        "DeletionProtection": false,
        "Disk": 0,
        "ExpiredTime": "",
        "ImageId": "",
        "InstanceTypeFamily": "",
        "InternetMaxBandwidthIn": 0,
        "InternetMaxBandwidthOut": 0,
        "KeyPairName": "",
        "Memory": 0,
        "OSName": "",
        "ServiceStatus": "",
        "SpecName": "",
        "SpotStrategy": "",
        "SystemDisk": {
            "Category": "",
            "DiskId": "",
            "DiskName": "",
            "Size": 0,
            "device_type": "",
            "disk_type": "",
            "name": "",
            "storage": 0,
            "uuid": "",
        },
    })
}

/// The tags of a JSON array of objects with a Key and, where it matters, a Value.
fn json_tags(args: &Args<'_>) -> Result<Vec<(String, Option<String>)>, ApiError> {
    let elements = args.json_array("Tags")?.unwrap_or_default();
    let text = |element: &Value, name| element.get(name).and_then(Value::as_str).map(str::to_owned);
    let tags: Option<Vec<_>> = elements
        .iter()
        .map(|element| Some((text(element, "Key")?, text(element, "Value"))))
        .collect();
    tags.ok_or_else(|| ApiError::invalid("Tags", "each element needs a Key"))
}

/// A JSON array of at most 100 texts in one parameter.
fn json_texts(args: &Args<'_>, name: &str) -> Result<Option<Vec<String>>, ApiError> {
    let Some(elements) = args.json_array(name)? else {
        return Ok(None);
    };
    let texts: Option<Vec<String>> = elements
        .iter()
        .map(|element| element.as_str().map(str::to_owned))
        .collect();
    match texts {
        Some(texts) if texts.len() <= 100 => Ok(Some(texts)),
        _ => Err(ApiError::invalid(
            name,
            "must be a JSON array of at most 100 texts",
        )),
    }
}

#[allow(clippy::unnecessary_wraps)] // The table of actions needs one signature.
fn regions(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let found: Vec<Value> = scope
        .regions
        .values()
        .filter(|region| equals(args.text("EnsRegionId"), &region.id))
        .map(|region| {
            json!({
                "Area": "",
                "EnName": region.name,
                "EnsRegionId": region.id,
                "Name": region.name,
                "Province": "",
            })
        })
        .collect();
    // This and DescribeInstances are the successful answers that carry a Code.
    Ok(json!({ "Code": 0, "EnsRegions": { "EnsRegions": found } }))
}

#[allow(clippy::unnecessary_wraps)] // The table of actions needs one signature.
fn isps(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let mut codes: Vec<&String> = scope
        .regions
        .values()
        .filter(|region| equals(args.text("EnsRegionId"), &region.id))
        .flat_map(|region| &region.isps)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    let rows: Vec<Value> = codes
        .into_iter()
        .map(|code| json!({ "Code": code, "Name": code }))
        .collect();
    Ok(json!({ "Isps": rows }))
}
