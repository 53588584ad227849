//! Actions on the ELB itself.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::SPECS;
use super::super::error::ApiError;
use super::super::journal::Paid;
use super::super::limits::check_quota;
use super::super::params::{Args, Kind, Param, opt, req};
use super::super::resource::{
    BackendServer, Life, Listener, LoadBalancer, NetworkStatus, Origin, VSwitch,
};
use super::super::scope::Scope;
use super::super::switches::MissingLoadBalancer;
use super::super::transitions::{Transition, free_address};
use super::{Action, TOKEN, equals, listed_from, name_passes, once_per_token, page, region_passes};
use crate::time::Timestamp;

const STATUSES: &[&str] = &["Active", "InActive"];
const ID: Param = req("LoadBalancerId", Kind::Text);

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "CreateLoadBalancer",
        get_only: false,
        per_second: Some(5),
        params: &[
            opt("BillingCycle", Kind::Text),
            TOKEN,
            req("EnsRegionId", Kind::Text),
            opt("LoadBalancerName", Kind::Name(1, 128)),
            req("LoadBalancerSpec", Kind::Text),
            opt("LoadBalancerType", Kind::OneOf(&["CLB", "InternetDR"])),
            req("NetworkId", Kind::Text),
            req("PayType", Kind::OneOf(&["PostPaid"])),
            req("VSwitchId", Kind::Text),
        ],
        run: create,
    },
    Action {
        name: "DescribeLoadBalancers",
        get_only: true,
        per_second: Some(10),
        params: &[
            opt("Address", Kind::Text),
            opt("EnsRegionId", Kind::Text),
            opt("EnsRegionIds", Kind::List(100)),
            opt("LoadBalancerId", Kind::Text),
            opt("LoadBalancerName", Kind::Text),
            opt("LoadBalancerStatus", Kind::OneOf(STATUSES)),
            opt("LoadBalancerType", Kind::OneOf(&["CLB", "InternetDR"])),
            opt("NetworkId", Kind::Text),
            opt("PageNumber", Kind::Text),
            opt("PageSize", Kind::Text),
            opt("ServerId", Kind::Text),
            opt("VSwitchId", Kind::Text),
        ],
        run: list,
    },
    Action {
        name: "DescribeLoadBalancerAttribute",
        get_only: false,
        per_second: Some(10),
        params: &[ID],
        run: read,
    },
    Action {
        name: "SetLoadBalancerStatus",
        get_only: false,
        per_second: Some(10),
        params: &[ID, req("LoadBalancerStatus", Kind::OneOf(STATUSES))],
        run: set_status,
    },
    Action {
        name: "ModifyLoadBalancerAttribute",
        get_only: false,
        per_second: Some(10),
        params: &[ID, req("LoadBalancerName", Kind::Name(2, 128))],
        run: rename,
    },
    Action {
        name: "DescribeLoadBalancerSpec",
        get_only: true,
        per_second: None,
        params: &[opt("LoadBalancerSpec", Kind::Text)],
        run: specs,
    },
    Action {
        name: "DeleteLoadBalancer",
        get_only: false,
        per_second: None,
        params: &[ID],
        run: delete,
    },
];

fn create(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    once_per_token(scope, args, |scope| create_new(scope, args))
}

fn create_new(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let region = args.required("EnsRegionId")?;
    if !scope.regions.contains_key(region) {
        return Err(ApiError::invalid(
            "EnsRegionId",
            format!("there is no edge node {region}"),
        ));
    }
    let spec = args.required("LoadBalancerSpec")?;
    if !SPECS.contains(&spec) {
        return Err(ApiError::invalid(
            "LoadBalancerSpec",
            format!("must be one of {}, not {spec}", SPECS.join(", ")),
        ));
    }
    let vswitch = placement(scope, args, region)?;
    let name = args.text("LoadBalancerName");
    if scope.config.switches.long_names_refused
        && let Some(length) = name
            .map(|name| name.chars().count())
            .filter(|length| *length > 80)
    {
        return Err(ApiError::invalid(
            "LoadBalancerName",
            format!("must have 1 to 80 characters, it has {length}"),
        ));
    }
    scope.config.quotas.check_sale()?;
    let here = || {
        let all = scope.state.load_balancers.values();
        all.filter(|balancer| balancer.region == region).count()
    };
    check_quota(
        "LoadBalancer",
        here,
        scope.config.quotas.load_balancers_per_region,
    )?;
    let Some(address) = free_address(scope.state, vswitch) else {
        return Err(ApiError::invalid(
            "VSwitchId",
            format!("vSwitch {} has no free address", vswitch.id),
        ));
    };
    let (network, vswitch) = (vswitch.network.clone(), vswitch.id.clone());

    let id = scope.new_id("lb-");
    let name = name.map_or_else(|| id.clone(), str::to_owned);
    let balancer = LoadBalancer {
        id: id.clone(),
        name: name.clone(),
        spec: spec.to_owned(),
        kind: args.text("LoadBalancerType").unwrap_or("CLB").to_owned(),
        region: region.to_owned(),
        network: network.clone(),
        vswitch: vswitch.clone(),
        address,
        created: scope.now,
        origin: Origin::Call {
            request_id: scope.request_id.to_owned(),
        },
        life: Life::Creating,
        active: false,
        busy_until: Timestamp::default(),
        listed_from: listed_from(scope),
        listeners: BTreeMap::new(),
        backends: Vec::new(),
    };
    scope.state.add_load_balancer(balancer);
    scope.bought(Paid::LoadBalancer, &id, &name, region);
    scope.later(
        scope.config.latency.load_balancer_create,
        Transition::LoadBalancerReady(id.clone()),
    );
    Ok(json!({
        "LoadBalancerId": id,
        "LoadBalancerName": name,
        "NetworkId": network,
        "VSwitchId": vswitch,
    }))
}

/// The vSwitch that a new ELB is to lie in, which has to belong to the network, which has to belong to the region.
fn placement<'s>(
    scope: &'s Scope<'_>,
    args: &Args<'_>,
    region: &str,
) -> Result<&'s VSwitch, ApiError> {
    let network = args.required("NetworkId")?;
    if scope
        .state
        .networks
        .get(network)
        .is_none_or(|found| found.region != region || found.status != NetworkStatus::Available)
    {
        return Err(ApiError::invalid(
            "NetworkId",
            format!("there is no network {network} in {region} that is Available"),
        ));
    }
    let vswitch = args.required("VSwitchId")?;
    let found = scope
        .state
        .vswitches
        .get(vswitch)
        .filter(|found| found.network == network)
        // Inferred: no document says with which code a create in one that is not Available is refused.
        .filter(|found| found.status == NetworkStatus::Available);
    found.ok_or_else(|| {
        ApiError::invalid(
            "VSwitchId",
            format!("there is no vSwitch {vswitch} in network {network} that is Available"),
        )
    })
}

fn list(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (number, size) = args.paging(10, 10, 100)?;
    let filter = scope.config.switches.name_filter;
    let id = args.text("LoadBalancerId");
    let regions = args.list("EnsRegionIds");
    let passes = |balancer: &&LoadBalancer| {
        region_passes(args, &regions, &balancer.region)
            && args
                .text("Address")
                .is_none_or(|wanted| wanted == balancer.address.to_string())
            && equals(id, &balancer.id)
            && name_passes(filter, args.text("LoadBalancerName"), &balancer.name)
            && equals(args.text("LoadBalancerStatus"), balancer.status())
            && equals(args.text("LoadBalancerType"), &balancer.kind)
            && equals(args.text("NetworkId"), &balancer.network)
            && equals(args.text("VSwitchId"), &balancer.vswitch)
            && args.text("ServerId").is_none_or(|id| {
                balancer
                    .backends
                    .iter()
                    .any(|server| server.server_id == id)
            })
    };
    let all = &scope.state.load_balancers;
    // Only what may pass is looked at, where the call names it.
    let candidates: Box<dyn Iterator<Item = &LoadBalancer>> = match id {
        Some(id) => Box::new(all.get(id).map(AsRef::as_ref).into_iter()),
        None => Box::new(all.values().map(AsRef::as_ref)),
    };
    let listed = candidates.filter(|balancer| balancer.listed_from <= scope.now);
    let ghosts = scope
        .state
        .ghost_load_balancers
        .iter()
        .map(|(_, balancer)| balancer);
    let mut found: Vec<&LoadBalancer> = listed.chain(ghosts).filter(passes).collect();
    // Newest first, as consoles list; the id decides between equals, so that pages do not overlap.
    found.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    let total = found.len();
    let rows: Vec<Value> = page(found, number, size).into_iter().map(row).collect();
    Ok(json!({
        "LoadBalancers": { "LoadBalancer": rows },
        "PageNumber": number,
        "PageSize": size,
        "TotalCount": total,
    }))
}

fn row(balancer: &LoadBalancer) -> Value {
    json!({
        "Address": balancer.address,
        "AddressIPVersion": "ipv4",
        "AddressType": address_type(balancer),
        "CreateTime": balancer.created.iso8601(),
        "EnsRegionId": balancer.region,
        "LoadBalancerId": balancer.id,
        "LoadBalancerName": balancer.name,
        "LoadBalancerStatus": balancer.status(),
        "LoadBalancerType": balancer.kind,
        "NetworkId": balancer.network,
        "PayType": "PostPaid",
        "VSwitchId": balancer.vswitch,
    })
}

fn address_type(balancer: &LoadBalancer) -> &'static str {
    if balancer.kind == "CLB" {
        "intranet"
    } else {
        "internet"
    }
}

fn read(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("LoadBalancerId")?;
    let switches = scope.config.switches;
    let Some(balancer) = scope.state.load_balancers.get(id) else {
        return match switches.missing_load_balancer {
            MissingLoadBalancer::Refused => Err(ApiError::load_balancer_not_found(id)),
            MissingLoadBalancer::EmptyAnswer => Ok(json!({})),
        };
    };
    let mut body = row(balancer);
    if let Value::Object(fields) = &mut body {
        let servers = balancer
            .backends
            .iter()
            .map(|server| read_backend(server, switches.backend_ip_with_line_feed));
        let ports: Vec<String> = balancer
            .listeners
            .keys()
            .map(|key| key.port.to_string())
            .collect();
        fields.insert("BackendServers".to_owned(), servers.collect());
        fields.insert("Bandwidth".to_owned(), json!(0));
        fields.insert("EndTime".to_owned(), json!(""));
        fields.insert("ListenerPorts".to_owned(), json!(ports));
        let listeners = balancer.listeners.values().map(read_listener).collect();
        fields.insert("ListenerPortsAndProtocols".to_owned(), listeners);
        fields.insert("LoadBalancerSpec".to_owned(), json!(balancer.spec));
    }
    Ok(body)
}

/// Here, and only here, the port of a backend is text; the sample of the help page ends Ip with a line feed.
fn read_backend(server: &BackendServer, line_feed: bool) -> Value {
    json!({
        "Ip": if line_feed { format!("{}\n", server.ip) } else { server.ip.clone() },
        "Port": server.port.to_string(),
        "ServerId": server.server_id,
        "Type": server.kind,
        "Weight": server.weight,
    })
}

fn read_listener(listener: &Listener) -> Value {
    let mut fields = serde_json::Map::new();
    fields.insert(
        "Description".to_owned(),
        json!(listener.text("Description")),
    );
    fields.insert("ListenerPort".to_owned(), json!(listener.port));
    fields.insert("ListenerProtocol".to_owned(), json!(listener.protocol));
    fields.insert(
        "BackendServerPort".to_owned(),
        json!(listener.backend_port()),
    );
    for name in ["ForwardPort", "ListenerForward"] {
        if let Some(value) = listener.settings.get(name) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(fields)
}

fn set_status(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("LoadBalancerId")?;
    let active = args.required("LoadBalancerStatus")? == "Active";
    let origin = scope.writable_load_balancer(id)?.origin.clone();
    scope.touching(&origin, id);
    scope.later(
        scope.config.latency.load_balancer_status,
        Transition::LoadBalancerStatus(id.to_owned(), active),
    );
    Ok(json!({}))
}

fn rename(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("LoadBalancerId")?;
    let name = args.required("LoadBalancerName")?;
    let origin = scope.writable_load_balancer(id)?.origin.clone();
    scope.state.rename_load_balancer(id, name);
    scope.touching(&origin, id);
    Ok(json!({}))
}

#[allow(clippy::unnecessary_wraps)] // The table of actions needs one signature.
fn specs(_: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let found: Vec<Value> = SPECS
        .iter()
        .filter(|spec| equals(args.text("LoadBalancerSpec"), spec))
        .map(|spec| json!({ "DisplayName": spec, "LoadBalancerSpec": spec }))
        .collect();
    Ok(
        json!({ "TotalCount": found.len(), "PageNumber": 1, "PageSize": 10, "LoadBalancerSpecs": found }),
    )
}

fn delete(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    release(scope, args.required("LoadBalancerId")?)?;
    Ok(json!({}))
}

/// Releases an ELB with its listeners and backends; an EIP that is bound to it is free once it is gone.
pub(super) fn release(scope: &mut Scope<'_>, id: &str) -> Result<(), ApiError> {
    let switches = scope.config.switches;
    let bound = scope.state.eips_of(id).next().is_some();
    let balancer = scope.writable_load_balancer(id)?;
    if switches.release_needs_inactive && balancer.active {
        return Err(ApiError::incorrect_instance_status(
            id,
            "it has to be set InActive first",
        ));
    }
    if switches.release_refused_while_bound && bound {
        return Err(ApiError::incorrect_instance_status(
            id,
            "an EIP is bound to it",
        ));
    }
    balancer.life = Life::Releasing;
    let origin = balancer.origin.clone();
    scope.touching(&origin, id);
    let gone = Transition::LoadBalancerGone(id.to_owned(), scope.request_id.to_owned());
    scope.later(scope.config.latency.load_balancer_release, gone);
    Ok(())
}
