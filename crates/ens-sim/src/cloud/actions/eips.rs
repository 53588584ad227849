//! Actions on EIPs, and ReleaseInstance.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::journal::Paid;
use super::super::limits::check_quota;
use super::super::params::{Args, Kind, Param, opt, req};
use super::super::resource::{Binding, Eip, EipStatus, InstanceStatus, Life, Origin};
use super::super::scope::Scope;
use super::super::transitions::Transition;
use super::{
    Action, TOKEN, equals, listed_from, load_balancers, name_passes, once_per_token, page,
    region_passes,
};

const ALLOCATION: Param = req("AllocationId", Kind::Text);
const TARGETS: &[&str] = &[
    "Nat",
    "SlbInstance",
    "NetworkInterface",
    "NatSlbInstance",
    "EnsInstance",
];
const EIP_STATUSES: &[&str] = &["Associating", "Unassociating", "InUse", "Available"];
const BANDWIDTH: Param = opt("Bandwidth", Kind::Int(5, 10000));

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "CreateEipInstance",
        get_only: false,
        per_second: Some(50),
        params: &[
            BANDWIDTH,
            TOKEN,
            opt("Description", Kind::Text),
            req("EnsRegionId", Kind::Text),
            req("InstanceChargeType", Kind::OneOf(&["PostPaid"])),
            opt("InstanceId", Kind::Text),
            req("InternetChargeType", Kind::OneOf(&["95BandwidthByMonth"])),
            opt("IpAddress", Kind::Text),
            opt("Isp", Kind::OneOf(&["cmcc", "unicom", "telecom"])),
            opt("Name", Kind::Name(1, 128)),
            opt("Tag", Kind::Objects(20, &["Key", "Value"])),
        ],
        run: create,
    },
    Action {
        name: "DescribeEnsEipAddresses",
        get_only: false,
        per_second: None,
        params: &[
            opt("AllocationId", Kind::Text),
            opt("AssociatedInstanceId", Kind::Text),
            opt(
                "AssociatedInstanceType",
                Kind::OneOf(&["EnsInstance", "SlbInstance"]),
            ),
            opt("EipAddress", Kind::Text),
            opt("EipName", Kind::Text),
            opt("EnsRegionId", Kind::Text),
            opt("EnsRegionIds", Kind::List(100)),
            opt("IcmpReplyEnabled", Kind::Bool),
            opt("LockReason", Kind::OneOf(&["financial"])),
            opt("PageNumber", Kind::Text),
            opt("PageSize", Kind::Text),
            opt("Standby", Kind::Bool),
            opt("Status", Kind::OneOf(EIP_STATUSES)),
        ],
        run: list,
    },
    Action {
        name: "AssociateEnsEipAddress",
        get_only: false,
        per_second: None,
        params: &[
            ALLOCATION,
            req("InstanceId", Kind::Text),
            opt("InstanceType", Kind::OneOf(TARGETS)),
            opt("Standby", Kind::Bool),
        ],
        run: associate,
    },
    Action {
        name: "UnAssociateEnsEipAddress",
        get_only: false,
        per_second: None,
        params: &[ALLOCATION, opt("Force", Kind::Bool)],
        run: unassociate,
    },
    Action {
        name: "ModifyEnsEipAddressAttribute",
        get_only: false,
        per_second: None,
        params: &[
            ALLOCATION,
            BANDWIDTH,
            opt("Description", Kind::Name(2, 256)),
            opt("Name", Kind::Name(2, 128)),
        ],
        run: modify,
    },
    Action {
        name: "DeleteEip",
        get_only: false,
        per_second: None,
        params: &[req("InstanceId", Kind::Text)],
        run: delete,
    },
    Action {
        name: "ReleaseInstance",
        get_only: false,
        per_second: Some(50),
        params: &[req("InstanceId", Kind::Text)],
        run: release_instance,
    },
];

fn create(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    once_per_token(scope, args, |scope| create_new(scope, args))
}

fn create_new(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let region = args.required("EnsRegionId")?;
    let Some(node) = scope.regions.get(region) else {
        return Err(ApiError::invalid(
            "EnsRegionId",
            format!("there is no edge node {region}"),
        ));
    };
    // Without an Isp the node's own rule decides (an older page of the terraform provider).
    let isp = args
        .text("Isp")
        .map(str::to_owned)
        .or_else(|| node.isps.first().cloned())
        .unwrap_or_default();
    if !node.isps.contains(&isp) {
        return Err(ApiError::invalid(
            "Isp",
            format!("{region} sells {}", node.isps.join(", ")),
        ));
    }
    let tags = args.tags("Tag")?;
    if args.text("InstanceId").is_some() {
        let why = "no document says what a new EIP has to do with another: leave it out";
        return Err(ApiError::invalid("InstanceId", why));
    }
    scope.config.quotas.check_sale()?;
    let here = || {
        let all = scope.state.eips.values();
        all.filter(|eip| eip.region == region).count()
    };
    check_quota("Eip", here, scope.config.quotas.eips_per_region)?;
    let address = new_address(scope, args, region)?;
    let id = scope.new_id("eip-");
    let name = args.text("Name").unwrap_or_default().to_owned();
    let eip = Eip {
        id: id.clone(),
        name: name.clone(),
        description: args.text("Description").unwrap_or_default().to_owned(),
        region: region.to_owned(),
        address,
        bandwidth: args.int("Bandwidth").unwrap_or(5),
        isp,
        tags,
        created: scope.now,
        origin: Origin::Call {
            request_id: scope.request_id.to_owned(),
        },
        status: EipStatus::Pending,
        binding: None,
        standby: false,
        listed_from: listed_from(scope),
    };
    scope.state.add_eip(eip);
    scope.bought(Paid::Eip, &id, &name, region);
    scope.later(
        scope.config.latency.eip_create,
        Transition::EipAvailable(id.clone()),
    );
    Ok(json!({ "AllocationId": id }))
}

/// The next free address, or the one that is wanted.
fn new_address(scope: &mut Scope<'_>, args: &Args<'_>, region: &str) -> Result<Ipv4Addr, ApiError> {
    let Some(wanted) = args.text("IpAddress") else {
        let message = format!("{region} has no free address.");
        let found = scope.new_eip_address();
        return found.ok_or_else(|| ApiError::new(400, "StockNotEnough", message));
    };
    // Inferred: the parameter is documented, and how a wish that cannot be met is refused is not.
    let address = wanted.parse().ok();
    let found = address.filter(|address| scope.take_eip_address(*address));
    found.ok_or_else(|| {
        let why = format!("{wanted} is no address that {region} has to give");
        ApiError::invalid("IpAddress", why)
    })
}

fn list(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (number, size) = args.paging(10, 1, 100)?;
    let ids = comma_list(args, "AllocationId")?;
    let addresses = comma_list(args, "EipAddress")?;
    let filter = scope.config.switches.name_filter;
    let target = args.text("AssociatedInstanceId");
    let regions = args.list("EnsRegionIds");
    let passes = |eip: &&Eip| {
        let (instance, kind) = eip.binding.as_ref().map_or(("", ""), |b| {
            (b.instance_id.as_str(), b.instance_type.as_str())
        });
        region_passes(args, &regions, &eip.region)
            && ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&eip.id.as_str()))
            && addresses
                .as_ref()
                .is_none_or(|all| all.contains(&eip.address.to_string().as_str()))
            && equals(target, instance)
            && equals(args.text("AssociatedInstanceType"), kind)
            && name_passes(filter, args.text("EipName"), &eip.name)
            && equals(args.text("Status"), eip.status.as_str())
            && args
                .flag("Standby")
                .is_none_or(|standby| standby == eip.standby)
            && args.flag("IcmpReplyEnabled").is_none_or(|enabled| enabled)
            && args.text("LockReason").is_none()
    };
    let state = &*scope.state;
    // Only what may pass is looked at, where the call names it.
    let candidates: Box<dyn Iterator<Item = &Eip>> = match (&ids, target) {
        (Some(ids), _) => Box::new(ids.iter().filter_map(|id| state.eips.get(*id))),
        (None, Some(target)) => Box::new(state.eips_of(target)),
        (None, None) => Box::new(state.eips.values()),
    };
    let listed = candidates.filter(|eip| eip.listed_from <= scope.now);
    let ghosts = scope.state.ghost_eips.iter().map(|(_, eip)| eip);
    let mut found: Vec<&Eip> = listed.chain(ghosts).filter(passes).collect();
    found.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.id.cmp(&b.id)));
    let total = found.len();
    let rows: Vec<Value> = page(found, number, size).into_iter().map(row).collect();
    Ok(json!({
        "EipAddresses": { "EipAddress": rows },
        "PageNumber": number,
        "PageSize": size,
        "TotalCount": total,
    }))
}

fn comma_list<'a>(args: &Args<'a>, name: &str) -> Result<Option<BTreeSet<&'a str>>, ApiError> {
    let Some(text) = args.text(name) else {
        return Ok(None);
    };
    let count = text.split(',').count();
    if count > 50 {
        return Err(ApiError::invalid(
            name,
            format!("takes at most 50 values, not {count}"),
        ));
    }
    Ok(Some(text.split(',').collect()))
}

fn row(eip: &Eip) -> Value {
    let (instance, kind) = eip.binding.as_ref().map_or(("", ""), |b| {
        (b.instance_id.as_str(), b.instance_type.as_str())
    });
    let tags: Vec<Value> = eip
        .tags
        .iter()
        .map(|(key, value)| json!({ "Key": key, "TagKey": key, "TagValue": value, "Value": value }))
        .collect();
    json!({
        "AllocationId": eip.id,
        // The Chinese sample shows digits of the epoch here, in seconds, unlike the times of an ELB.
        "AllocationTime": (eip.created.0 / 1000).to_string(),
        "Bandwidth": eip.bandwidth,
        "BandwidthPackageBandwidth": 0,
        "BandwidthPackageId": "",
        "ChargeType": "PostPaid",
        "Description": eip.description,
        "EnsRegionId": eip.region,
        "IcmpReplyEnabled": true,
        "InstanceId": instance,
        "InstanceType": kind,
        "InternetChargeType": "95BandwidthByMonth",
        "IpAddress": eip.address,
        "IpStatus": eip.status.as_str(),
        "Isp": eip.isp,
        "Name": eip.name,
        "OperationLocks": { "Lock": [] },
        "Standby": eip.standby,
        "Status": eip.status.as_str(),
        "Tags": { "Tag": tags },
    })
}

fn eip_in<'s>(scope: &'s mut Scope<'_>, id: &str) -> Result<&'s mut Eip, ApiError> {
    scope
        .state
        .eips
        .get_mut(id)
        .ok_or_else(|| ApiError::eip_not_found(id))
}

fn associate(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("AllocationId")?;
    let target = args.required("InstanceId")?;
    // The default is documented, and a trap: an ELB's id with it is an instance that does not exist.
    let kind = args.text("InstanceType").unwrap_or("EnsInstance");
    let eip = eip_in(scope, id)?;
    if eip.status != EipStatus::Available {
        return Err(ApiError::incorrect_eip_status(id, eip.status.as_str()));
    }
    let (region, eip_origin) = (eip.region.clone(), eip.origin.clone());
    let (target_region, target_origin) = target_of(scope, target, kind)?;
    if target_region != region {
        let message = format!("{target} is in {target_region}, {id} in {region}.");
        return Err(ApiError::new(400, "RegionAccessDenied", message));
    }
    scope.touching(&eip_origin, id);
    if let Some(origin) = target_origin {
        scope.touching(&origin, target);
    }
    let eip = eip_in(scope, id)?;
    eip.status = EipStatus::Associating;
    eip.standby = args.flag("Standby").unwrap_or(false);
    let binding = Binding {
        instance_id: target.to_owned(),
        instance_type: kind.to_owned(),
    };
    scope.state.bind(id, Some(binding));
    scope.later(
        scope.config.latency.eip_bind,
        Transition::EipBound(id.to_owned()),
    );
    Ok(json!({}))
}

/// Region of what an EIP is to be bound to, and its owner where that is an ELB.
fn target_of(
    scope: &Scope<'_>,
    id: &str,
    kind: &str,
) -> Result<(String, Option<Origin>), ApiError> {
    match kind {
        "SlbInstance" | "NatSlbInstance" => {
            let balancer = scope
                .state
                .load_balancers
                .get(id)
                .ok_or_else(|| ApiError::instance_not_found(id))?;
            if balancer.life != Life::Ready {
                return Err(ApiError::incorrect_instance_status(id, "it is not ready"));
            }
            let bound = scope.state.eips_of(id).next().is_some();
            if bound && kind == "SlbInstance" {
                let why = format!("{id} has an EIP already; several need the type NatSlbInstance");
                return Err(ApiError::invalid("InstanceId", why));
            }
            Ok((balancer.region.clone(), Some(balancer.origin.clone())))
        }
        "EnsInstance" => {
            let instance = scope
                .state
                .instances
                .get(id)
                .ok_or_else(|| ApiError::instance_not_found(id))?;
            if instance.status == InstanceStatus::Expired {
                return Err(ApiError::incorrect_instance_status(id, "it has expired"));
            }
            Ok((instance.region.clone(), None))
        }
        _ => Err(ApiError::instance_not_found(id)),
    }
}

fn unassociate(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("AllocationId")?;
    let eip = eip_in(scope, id)?;
    if eip.status != EipStatus::InUse {
        return Err(ApiError::incorrect_eip_status(id, eip.status.as_str()));
    }
    let (origin, standby, binding) = (eip.origin.clone(), eip.standby, eip.binding.clone());
    let target = binding.map_or_else(String::new, |binding| binding.instance_id);
    let standby_is_bound = scope
        .state
        .eips_of(&target)
        .any(|other| other.id != id && other.standby);
    if !standby && standby_is_bound {
        // The code is spelt like this.
        let code = "InvalidUnAssociation.UnAssociateStandbyEipFist";
        let message = "The standby EIP of the same instance has to be unbound first.";
        return Err(ApiError::new(400, code, message));
    }
    eip_in(scope, id)?.status = EipStatus::Unassociating;
    scope.touching(&origin, id);
    scope.later(
        scope.config.latency.eip_unbind,
        Transition::EipUnbound(id.to_owned()),
    );
    Ok(json!({}))
}

fn modify(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("AllocationId")?;
    let eip = eip_in(scope, id)?;
    if eip.status == EipStatus::Releasing {
        return Err(ApiError::incorrect_eip_status(id, eip.status.as_str()));
    }
    if let Some(bandwidth) = args.int("Bandwidth") {
        eip.bandwidth = bandwidth;
    }
    if let Some(description) = args.text("Description") {
        description.clone_into(&mut eip.description);
    }
    let origin = eip.origin.clone();
    if let Some(name) = args.text("Name") {
        scope.state.rename_eip(id, name);
    }
    scope.touching(&origin, id);
    Ok(json!({}))
}

fn delete(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    release_eip(scope, args.required("InstanceId")?)?;
    Ok(json!({}))
}

/// Releases a free EIP.
fn release_eip(scope: &mut Scope<'_>, id: &str) -> Result<(), ApiError> {
    let eip = eip_in(scope, id)?;
    if eip.status != EipStatus::Available {
        return Err(ApiError::incorrect_eip_status(id, eip.status.as_str()));
    }
    eip.status = EipStatus::Releasing;
    let origin = eip.origin.clone();
    scope.touching(&origin, id);
    let gone = Transition::EipGone(id.to_owned(), scope.request_id.to_owned());
    scope.later(scope.config.latency.eip_release, gone);
    Ok(())
}

/// Releases an EIP or an ELB by id. Computing instances are nobody's business here.
fn release_instance(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let id = args.required("InstanceId")?;
    let switches = scope.config.switches;
    if scope.state.eips.contains_key(id) {
        release_eip(scope, id)?;
        return Ok(json!({ "ResourceType": "eip" }));
    }
    if scope.state.load_balancers.contains_key(id) && switches.release_instance_takes_elb {
        load_balancers::release(scope, id)?;
        // No documented ResourceType names an ELB.
        return Ok(json!({ "ResourceType": "instance" }));
    }
    if scope.state.load_balancers.contains_key(id) || scope.state.instances.contains_key(id) {
        return Err(ApiError::invalid(
            "InstanceId",
            format!("{id} cannot be released by this action"),
        ));
    }
    if id.starts_with("eip-") && switches.gone_eip_answers_5100 {
        return Err(ApiError::new(400, "5100", format!("{id} was released.")));
    }
    Err(ApiError::instance_not_found(id))
}
