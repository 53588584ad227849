//! Reads of networks and vSwitches.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::params::{Args, Kind, opt, req};
use super::super::resource::{Instance, Network, VSwitch};
use super::super::scope::Scope;
use super::super::state::State;
use super::{Action, EPOCH, equals, name_passes, region_passes, with, wrapped};

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
            let row = network_row(scope.state, network);
            with(row, json!({ "Tags": { "Tag": [] } }))
        })
        .collect();
    Ok(wrapped("Networks", "Network", found, number, size))
}

fn network(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("NetworkId")?;
    let state = &*scope.state;
    let Some(network) = state.networks.get(id) else {
        return Err(ApiError::invalid(
            "NetworkId",
            format!("there is no network {id}"),
        ));
    };
    let instances = state.instances.values().filter(|i| i.network == id);
    let balancers = state.load_balancers.values().filter(|b| b.network == id);
    let vswitches = state.vswitches.values().filter(|v| v.network == id);
    let count = |what: &str, count: usize| json!({ "ResourceCount": count, "ResourceType": what });
    // Inferred: no document lists the words of ResourceType here; these are those of ReleaseInstance.
    let counts = [
        count("instance", instances.clone().count()),
        count("vswitch", vswitches.count()),
    ];
    let more = json!({
        "CloudResources": { "CloudResourceSetType": counts },
        "LoadBalancerIds": { "LoadBalancerId": ids(balancers.map(|b| &b.id)) },
    });
    let row = with(network_row(state, network), inside(instances));
    Ok(with(row, more))
}

/// What both reads of a network show. Networks here have no route table, no ACL and no IPv6.
fn network_row(state: &State, network: &Network) -> Value {
    let vswitches = state.vswitches.values();
    let vswitches = vswitches.filter(|vswitch| vswitch.network == network.id);
    json!({
        "CidrBlock": network.cidr,
        "CreatedTime": EPOCH,
        "Description": "",
        "EnsRegionId": network.region,
        "GatewayRouteTableId": "",
        "Ipv6CidrBlocks": { "Ipv6CidrBlock": [] },
        "NetworkAclId": "",
        "NetworkId": network.id,
        "NetworkName": network.name,
        "RouteTableId": "",
        "RouteTableIds": { "RouteTableId": [] },
        "RouterTableId": "",
        "SecondaryCidrBlocks": { "SecondaryCidrBlock": [] },
        "Status": network.status.as_str(),
        "VSwitchIds": { "VSwitchId": ids(vswitches.map(|vswitch| &vswitch.id)) },
    })
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
            let free = free_addresses(scope.state, vswitch);
            let more = json!({ "FreeIpCount": free, "Tags": { "Tag": [] } });
            with(vswitch_row(vswitch), more)
        })
        .collect();
    Ok(wrapped("VSwitches", "VSwitch", found, number, size))
}

fn vswitch(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("VSwitchId")?;
    let state = &*scope.state;
    let Some(vswitch) = state.vswitches.get(id) else {
        let message = format!("The vSwitch {id} does not exist.");
        return Err(ApiError::new(400, "InvalidVSwitchId.NotFound", message));
    };
    let instances = state.instances.values().filter(|i| i.vswitch == id);
    let balancers = state.load_balancers.values().filter(|b| b.vswitch == id);
    let more = json!({
        "AvailableIpAddressCount": free_addresses(state, vswitch),
        "LoadBalancerIds": { "LoadBalancerId": ids(balancers.map(|b| &b.id)) },
    });
    let row = with(vswitch_row(vswitch), inside(instances));
    Ok(with(row, more))
}

/// What both reads of a vSwitch show.
fn vswitch_row(vswitch: &VSwitch) -> Value {
    json!({
        "CidrBlock": format!("{}/{}", vswitch.base, vswitch.prefix),
        "CreatedTime": EPOCH,
        "Description": "",
        "EnsRegionId": vswitch.region,
        "Ipv6CidrBlock": "",
        "NetworkId": vswitch.network,
        "Status": vswitch.status.as_str(),
        "VSwitchId": vswitch.id,
        "VSwitchName": vswitch.name,
    })
}

/// The instances of a network or vSwitch and their interfaces, and what there is none of here.
fn inside<'s>(instances: impl Iterator<Item = &'s Instance> + Clone) -> Value {
    let interfaces: Vec<String> = instances.clone().map(Instance::interface).collect();
    json!({
        "HaVipIds": { "HaVipId": [] },
        "InstanceIds": { "InstanceId": ids(instances.map(|instance| &instance.id)) },
        "NatGatewayIds": { "NatGatewayId": [] },
        "NetworkInterfaceIds": { "NetworkInterfaceId": interfaces },
    })
}

fn ids<'s>(ids: impl Iterator<Item = &'s String>) -> Vec<&'s str> {
    ids.map(String::as_str).collect()
}

/// Addresses of a vSwitch that neither an ELB nor an instance has. Eleven are kept back: the first ten, and the last.
fn free_addresses(state: &State, vswitch: &VSwitch) -> u32 {
    let size = 1_u32
        .checked_shl(32 - u32::from(vswitch.prefix))
        .unwrap_or(0);
    let balancers = state.load_balancers.values();
    let instances = state.instances.values();
    let used = balancers.filter(|b| b.vswitch == vswitch.id).count()
        + instances.filter(|i| i.vswitch == vswitch.id).count();
    size.saturating_sub(11)
        .saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
}
