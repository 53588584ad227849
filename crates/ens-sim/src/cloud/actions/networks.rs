//! Reads of networks, vSwitches, computing instances and edge nodes.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::params::{Args, Kind, opt, req};
use super::super::resource::{Instance, VSwitch};
use super::super::scope::Scope;
use super::{Action, equals, name_passes, page, region_passes};

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
        name: "DescribeNetworks",
        get_only: false,
        per_second: Some(10),
        params: &[
            opt("EnsRegionId", Kind::Text),
            opt("EnsRegionIds", Kind::List(100)),
            opt("NetworkId", Kind::Text),
            opt("NetworkIds", Kind::List(100)),
            opt("NetworkName", Kind::Text),
            opt("PageNumber", Kind::Text),
            opt("PageSize", Kind::Text),
        ],
        run: networks,
    },
    Action {
        name: "DescribeNetworkAttribute",
        get_only: false,
        per_second: Some(10),
        params: &[req("NetworkId", Kind::Text)],
        run: network,
    },
    Action {
        name: "DescribeVSwitches",
        get_only: false,
        per_second: None,
        params: &[
            opt("EnableIpv6", Kind::Bool),
            opt("EnsRegionId", Kind::Text),
            opt("EnsRegionIds", Kind::List(100)),
            opt("NetworkId", Kind::Text),
            opt("PageNumber", Kind::Text),
            opt("PageSize", Kind::Text),
            opt("VSwitchId", Kind::Text),
            opt("VSwitchIds", Kind::List(100)),
            opt("VSwitchName", Kind::Text),
        ],
        run: vswitches,
    },
    Action {
        name: "DescribeVSwitchAttributes",
        get_only: false,
        per_second: None,
        params: &[req("VSwitchId", Kind::Text)],
        run: vswitch,
    },
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

fn networks(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (number, size) = args.paging(10, 1, 50)?;
    let ids = args.list("NetworkIds");
    let regions = args.list("EnsRegionIds");
    let filter = scope.config.switches.name_filter;
    let found: Vec<Value> = scope
        .state
        .networks
        .values()
        .filter(|network| {
            region_passes(args, &regions, &network.region)
                && equals(args.text("NetworkId"), &network.id)
                && (ids.is_empty() || ids.contains(&network.id.as_str()))
                && name_passes(filter, args.text("NetworkName"), &network.name)
        })
        .map(|network| {
            let inside = scope
                .state
                .vswitches
                .values()
                .filter(|vswitch| vswitch.network == network.id);
            let vswitch_ids: Vec<&str> = inside.map(|vswitch| vswitch.id.as_str()).collect();
            json!({
                "CidrBlock": network.cidr,
                "CreatedTime": "1970-01-01T00:00:00Z",
                "Description": "",
                "EnsRegionId": network.region,
                "NetworkId": network.id,
                "NetworkName": network.name,
                "Status": network.status.as_str(),
                "Tags": { "Tag": [] },
                "VSwitchIds": { "VSwitchId": vswitch_ids },
            })
        })
        .collect();
    Ok(wrapped("Networks", "Network", found, number, size))
}

fn network(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("NetworkId")?;
    let Some(network) = scope.state.networks.get(id) else {
        return Err(ApiError::invalid(
            "NetworkId",
            format!("there is no network {id}"),
        ));
    };
    let state = &scope.state;
    let vswitches: Vec<&str> = state
        .vswitches
        .values()
        .filter(|v| v.network == id)
        .map(|v| v.id.as_str())
        .collect();
    let instances: Vec<&str> = state
        .instances
        .values()
        .filter(|i| i.network == id)
        .map(|i| i.id.as_str())
        .collect();
    let balancers: Vec<&str> = state
        .load_balancers
        .values()
        .filter(|b| b.network == id)
        .map(|b| b.id.as_str())
        .collect();
    Ok(json!({
        "CidrBlock": network.cidr,
        "CreatedTime": "1970-01-01T00:00:00Z",
        "Description": "",
        "EnsRegionId": network.region,
        "InstanceIds": { "InstanceId": instances },
        "LoadBalancerIds": { "LoadBalancerId": balancers },
        "NetworkId": network.id,
        "NetworkName": network.name,
        "Status": network.status.as_str(),
        "VSwitchIds": { "VSwitchId": vswitches },
    }))
}

fn vswitches(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (number, size) = args.paging(10, 1, 50)?;
    let ids = args.list("VSwitchIds");
    let regions = args.list("EnsRegionIds");
    let filter = scope.config.switches.name_filter;
    let found: Vec<Value> = scope
        .state
        .vswitches
        .values()
        .filter(|vswitch| {
            region_passes(args, &regions, &vswitch.region)
                && equals(args.text("NetworkId"), &vswitch.network)
                && equals(args.text("VSwitchId"), &vswitch.id)
                && (ids.is_empty() || ids.contains(&vswitch.id.as_str()))
                && name_passes(filter, args.text("VSwitchName"), &vswitch.name)
                && args.flag("EnableIpv6").is_none_or(|wanted| !wanted)
        })
        .map(|vswitch| {
            let mut row = vswitch_row(vswitch);
            if let Value::Object(fields) = &mut row {
                fields.insert(
                    "FreeIpCount".to_owned(),
                    json!(free_addresses(scope, vswitch)),
                );
                fields.insert("Tags".to_owned(), json!({ "Tag": [] }));
            }
            row
        })
        .collect();
    Ok(wrapped("VSwitches", "VSwitch", found, number, size))
}

fn vswitch(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("VSwitchId")?;
    let vswitch = scope.state.vswitches.get(id).ok_or_else(|| {
        ApiError::new(
            400,
            "InvalidVSwitchId.NotFound",
            format!("The vSwitch {id} does not exist."),
        )
    })?;
    let balancers = scope
        .state
        .load_balancers
        .values()
        .filter(|balancer| balancer.vswitch == id);
    let instances = scope
        .state
        .instances
        .values()
        .filter(|instance| instance.vswitch == id);
    let mut body = vswitch_row(vswitch);
    if let Value::Object(fields) = &mut body {
        let balancers: Vec<&str> = balancers.map(|balancer| balancer.id.as_str()).collect();
        let instances: Vec<&str> = instances.map(|instance| instance.id.as_str()).collect();
        fields.insert(
            "AvailableIpAddressCount".to_owned(),
            json!(free_addresses(scope, vswitch)),
        );
        fields.insert(
            "LoadBalancerIds".to_owned(),
            json!({ "LoadBalancerId": balancers }),
        );
        fields.insert("InstanceIds".to_owned(), json!({ "InstanceId": instances }));
    }
    Ok(body)
}

fn vswitch_row(vswitch: &VSwitch) -> Value {
    json!({
        "CidrBlock": format!("{}/{}", vswitch.base, vswitch.prefix),
        "CreatedTime": "1970-01-01T00:00:00Z",
        "Description": "",
        "EnsRegionId": vswitch.region,
        "NetworkId": vswitch.network,
        "Status": vswitch.status.as_str(),
        "VSwitchId": vswitch.id,
        "VSwitchName": vswitch.name,
    })
}

fn free_addresses(scope: &Scope<'_>, vswitch: &VSwitch) -> u32 {
    let size = 1_u32
        .checked_shl(32 - u32::from(vswitch.prefix))
        .unwrap_or(0);
    let used = scope
        .state
        .load_balancers
        .values()
        .filter(|balancer| balancer.vswitch == vswitch.id)
        .count()
        + scope
            .state
            .instances
            .values()
            .filter(|instance| instance.vswitch == vswitch.id)
            .count();
    size.saturating_sub(11)
        .saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
}

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
    Ok(wrapped("Instances", "Instance", found, number, size))
}

fn instance_row(instance: &Instance) -> Value {
    let ip = instance.private_ip;
    json!({
        "EnsRegionId": instance.region,
        "HostName": instance.host_name,
        "InnerIpAddress": { "IpAddress": [] },
        "InstanceId": instance.id,
        "InstanceName": instance.name,
        "InstanceResourceType": "EnsInstance",
        "NetworkAttributes": {
            "NetworkId": instance.network,
            "PrivateIpAddress": { "IpAddress": [ip] },
            "VSwitchId": instance.vswitch,
        },
        "NetworkInterfaces": { "NetworkInterfaces": [{
            "NetworkInterfaceId": format!("eni-{}", instance.id),
            "PrimaryIpAddress": ip,
            "PrivateIpSets": { "PrivateIpSet": [{ "Primary": true, "PrivateIpAddress": ip }] },
        }] },
        "PrivateIpAddresses": { "PrivateIpAddress": [{ "GateWay": "", "Ip": ip, "Isp": "" }] },
        "PublicIpAddress": { "IpAddress": [] },
        "PublicIpAddresses": { "PublicIpAddress": [] },
        "SecurityGroupIds": { "SecurityGroupId": [] },
        "Status": format!("{:?}", instance.status),
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
    // The one successful answer that carries a Code.
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

fn wrapped(list: &str, item: &str, rows: Vec<Value>, number: usize, size: usize) -> Value {
    let total = rows.len();
    json!({
        list: { item: page(rows, number, size) },
        "PageNumber": number,
        "PageSize": size,
        "TotalCount": total,
    })
}
