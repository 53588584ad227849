//! What is created, where, and with which parameters; and what answers a create that was sent.

use std::collections::{BTreeMap, BTreeSet};

use super::resolve::{Resolve, Standing};
use super::stack::{RETRY_REFUSED, was_never_made};
use super::{Context, Event, Need, Plan, Wait};
use crate::conditions::{ConditionType, Reason, Refusal};
use crate::desired::{self, Stack};
use crate::ledger::{Ledger, Record, VERSION};
use crate::observed::{Eip, LoadBalancer, Observed};
use crate::ownership;
use crate::placement::Placement;

/// The first vSwitch that was asked for and that the network has.
pub(super) fn place(stack: &Stack, observed: &Observed, plan: &mut Plan) -> Option<Placement> {
    let Some(known) = &observed.vswitches else {
        plan.need(Need::VSwitches);
        return None;
    };
    let asked: Vec<&String> = match &stack.load_balancer.vswitch {
        Some(vswitch) => vec![vswitch],
        None => stack.placement.vswitches.iter().collect(),
    };
    let Some(vswitch) = asked.iter().find(|id| known.contains(id)) else {
        let names = asked
            .iter()
            .map(|s| s.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let has = if known.is_empty() {
            "none".to_owned()
        } else {
            known.join(", ")
        };
        plan.report.conditions.refuse(&Refusal::new(
            ConditionType::Accepted,
            Reason::PlacementInvalid,
            format!(
                "none of {names} is a vSwitch of network {} in region {}, which has {has}",
                stack.placement.network, stack.placement.region
            ),
        ));
        plan.wait(Wait::Seconds(RETRY_REFUSED));
        return None;
    };
    Some(Placement {
        region: stack.placement.region.clone(),
        network: stack.placement.network.clone(),
        vswitch: (*vswitch).clone(),
    })
}

pub(super) fn new_ledger(stack: &Stack, placement: Placement, cx: &Context<'_>) -> Ledger {
    Ledger {
        version: VERSION,
        sequence: 0,
        pool_service_uid: cx.pool_service.uid.clone(),
        cluster_id: cx.identity.cluster_id.clone(),
        cluster_uid: cx.identity.cluster_uid.clone(),
        cloud_account: cx.identity.cloud_account.clone(),
        service: stack.name.service.clone(),
        pool: stack.name.pool.clone(),
        placement,
        load_balancer: Record::planned(stack.name.load_balancer().all().map(str::to_owned)),
        eip: None,
        backends: BTreeSet::new(),
        draining: BTreeMap::new(),
        applied: None,
        on_delete: stack.on_delete,
    }
}

/// Whether there is an EIP: decided until the load balancer is made, fixed from then on.
pub(super) fn choose_address(stack: &Stack, ledger: &mut Ledger) {
    let is_open = ledger.load_balancer.id.is_none() && ledger.load_balancer.intent.is_none();
    if stack.eip.is_some() && ledger.eip.is_none() && is_open {
        ledger.eip = Some(Record::planned([stack.name.eip()]));
    }
    if stack.eip.is_none() && ledger.eip.as_ref().is_some_and(was_never_made) {
        ledger.eip = None;
    }
}

pub(super) fn resolve_load_balancer<'a>(
    record: &mut Record,
    observed: &'a Observed,
    cx: &Context<'_>,
    parameters: Option<BTreeMap<String, String>>,
    adopt: bool,
    network: &str,
    events: &mut Vec<Event>,
) -> Standing<'a, LoadBalancer> {
    let finding = observed.by_name.as_ref().map(|list| {
        let found = list.load_balancers.as_slice();
        (
            ownership::find_load_balancer(found, record.intent.as_ref(), adopt, network),
            list.begun_at,
        )
    });
    Resolve {
        presence: &observed.load_balancer,
        need: Need::LoadBalancer,
        finding,
        token_of: (&cx.pool_service.uid, "elb"),
        parameters,
        lost: Reason::LoadBalancerLost,
        mass_loss: observed.mass_loss.is_some(),
        now: cx.now,
    }
    .run(record, events)
}

pub(super) fn resolve_eip<'a>(
    record: &mut Record,
    observed: &'a Observed,
    cx: &Context<'_>,
    parameters: Option<BTreeMap<String, String>>,
    adopt: bool,
    events: &mut Vec<Event>,
) -> Standing<'a, Eip> {
    let uid = cx.pool_service.uid.as_str();
    let finding = observed.by_name.as_ref().map(|list| {
        let found = ownership::find_eip(
            &list.eips,
            record.intent.as_ref(),
            adopt,
            &cx.identity.cluster_id,
            &cx.identity.cluster_uid,
            uid,
        );
        (found, list.begun_at)
    });
    Resolve {
        presence: &observed.eip,
        need: Need::Eip,
        finding,
        token_of: (&cx.pool_service.uid, "eip"),
        parameters,
        lost: Reason::EipLost,
        mass_loss: observed.mass_loss.is_some(),
        now: cx.now,
    }
    .run(record, events)
}

/// Used by the release, where an unanswered create has to be resolved too.
pub(super) fn resolve_both<'a>(
    ledger: &mut Ledger,
    observed: &'a Observed,
    cx: &Context<'_>,
    events: &mut Vec<Event>,
) -> (Standing<'a, LoadBalancer>, Option<Standing<'a, Eip>>) {
    let load_balancer = resolve_load_balancer(
        &mut ledger.load_balancer,
        observed,
        cx,
        None,
        false,
        &ledger.placement.network,
        events,
    );
    let eip = ledger
        .eip
        .as_mut()
        .map(|record| resolve_eip(record, observed, cx, None, false, events));
    (load_balancer, eip)
}

/// The parameters of CreateLoadBalancer, apart from the ClientToken.
pub(super) fn load_balancer_parameters(
    stack: &Stack,
    placement: &Placement,
) -> BTreeMap<String, String> {
    let desired::LoadBalancer { spec, pay_type, .. } = &stack.load_balancer;
    parameters([
        ("EnsRegionId", placement.region.as_str()),
        ("NetworkId", &placement.network),
        ("VSwitchId", &placement.vswitch),
        ("LoadBalancerName", &stack.name.load_balancer().create),
        ("LoadBalancerSpec", spec),
        ("PayType", pay_type),
    ])
}

/// The parameters with which a missing EIP is made. The address type is fixed for good: one that
/// is not wanted any more and was lost is made again as it was.
pub(super) fn eip_to_create(
    stack: &Stack,
    record: &Record,
    placement: &Placement,
) -> Option<BTreeMap<String, String>> {
    let as_it_was = || (!record.created_with.is_empty()).then(|| record.created_with.clone());
    match &stack.eip {
        Some(eip) => Some(eip_parameters(stack, eip, placement)),
        None => as_it_was(),
    }
}

/// The parameters of CreateEipInstance, apart from the ClientToken. Tags stand under `Tag.<key>`.
pub(super) fn eip_parameters(
    stack: &Stack,
    eip: &desired::Eip,
    placement: &Placement,
) -> BTreeMap<String, String> {
    let mut all = parameters([
        ("EnsRegionId", placement.region.as_str()),
        ("Name", &stack.name.eip()),
        ("Description", &stack.name.eip_description()),
        ("Bandwidth", &eip.bandwidth.to_string()),
        ("InstanceChargeType", &eip.instance_charge_type),
        ("InternetChargeType", &eip.internet_charge_type),
    ]);
    all.extend(eip.isp.iter().map(|isp| ("Isp".to_owned(), isp.clone())));
    all.extend(
        eip.tags
            .iter()
            .map(|(key, value)| (format!("Tag.{key}"), value.clone())),
    );
    all
}

fn parameters<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .into_iter()
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .collect()
}
