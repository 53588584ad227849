//! Load balancers that a user named.

use crate::model;
use crate::model::{P, World, annotate, port, service, snapshot};
use crate::{foreign, kinds, reason, settled, wanted};
use ecm_policy::conditions::{ConditionType, Reason};
use ecm_policy::desired::{Config, Desired, desired};
use ecm_policy::listeners::Protocol;
use ecm_policy::observed::{EipStatus, LoadBalancerStatus, Presence};
use ecm_policy::plan::{Addresses, Need, Step, Wait};

#[test]
fn rule_4_9_a_user_id_does_not_forget_the_eip_of_a_lost_load_balancer() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    world.ledger.as_mut().unwrap().load_balancer.id = None;
    world.load_balancers.clear();
    world.users_load_balancer("lb-user");
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    world.ticks(&s, 5);
    let eip = world.ledger.as_ref().unwrap().eip.as_ref().unwrap();
    assert!(eip.id.is_some(), "the EIP is still in the ledger");
    s.pool_service.deleting = true;
    world.settle(&s);
    assert!(world.eips.is_empty() && world.load_balancers.contains_key("lb-user"));
}

#[test]
fn rule_4_7_a_users_load_balancer_gets_listeners_and_backends_and_keeps_its_own() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    let mut world = World::new();
    let plan = world.tick(&s);
    assert_eq!(
        reason(&plan, ConditionType::LoadBalancerReady),
        Some(Reason::WaitingForLoadBalancerId)
    );
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let detail = world.users_load_balancer("lb-user");
    detail.listeners.push(foreign(443, Protocol::Tcp));
    detail.backends.push(model::backend("i-user", 7));
    let steps = world.settle(&s);
    assert_eq!(
        kinds(&steps),
        ["CreateListener", "StartListener", "AddBackends"]
    );
    assert_eq!(world.published, ["10.0.0.9"]);
    s.endpoints.clear();
    service(&mut s).ports = vec![port(443, "TCP", 30443)];
    let steps = world.settle(&s);
    assert_eq!(
        kinds(&steps),
        ["StopListener", "RemoveBackends", "DeleteListener"]
    );
    assert_eq!(world.detail().listeners, [foreign(443, Protocol::Tcp)]);
    assert_eq!(world.servers(), ["i-user"]);
    let plan = world.look(&s);
    assert_eq!(
        reason(&plan, ConditionType::ListenersReady),
        Some(Reason::ListenerConflict)
    );
}

#[test]
fn rule_4_4_a_users_inactive_load_balancer_is_neither_activated_nor_published() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    world.load_balancers.get_mut("lb-user").unwrap().status = LoadBalancerStatus::InActive;
    let steps = world.ticks(&s, 6);
    assert!(!kinds(&steps).contains(&"ActivateLoadBalancer".to_owned()));
    assert!(world.published.is_empty());
    assert_eq!(
        world.look(&s).wait,
        Wait::Seconds(60),
        "nobody polls for what a person does"
    );
}

#[test]
fn rule_4_7_a_load_balancer_of_another_network_or_none_is_refused() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    let plan = world.tick(&s);
    assert_eq!(
        reason(&plan, ConditionType::Accepted),
        Some(Reason::LoadBalancerNotFound)
    );
    world.users_load_balancer("lb-user");
    world.load_balancers.get_mut("lb-user").unwrap().network = "n-2".into();
    let plan = world.tick(&s);
    assert_eq!(
        reason(&plan, ConditionType::Accepted),
        Some(Reason::LoadBalancerWrongNetwork)
    );
    assert_eq!((world.audit.len(), world.ledger), (0, None));
}

#[test]
fn rule_4_9_an_address_type_that_was_edited_after_creation_does_not_strand_a_lost_eip() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    annotate(&mut s, &format!("{P}address-type"), "intranet");
    let plan = world.look(&s);
    assert_eq!(
        reason(&plan, ConditionType::InSync),
        Some(Reason::ImmutableSetting)
    );
    assert_eq!(world.settle(&s), []);
    world.eips.clear();
    world.settle(&s);
    assert_eq!((world.eips.len(), world.published.len()), (1, 1));
}

#[test]
fn rule_5_3_no_more_servers_are_attached_to_a_users_load_balancer_than_can_be_recorded() {
    let mut s = snapshot(2);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    world.settle(&s);
    let ledger = world.ledger.as_mut().unwrap();
    ledger.backends = (0..3_999).map(|i| format!("i-x{i}")).collect();
    ledger.backends.insert("i-000".into());
    let detail = world.users_load_balancer("lb-user");
    detail.backends = (0..3_999)
        .map(|i| model::backend(&format!("i-x{i}"), 100))
        .chain([model::backend("i-000", 100)])
        .collect();
    let plan = world.look(&s);
    assert!(
        !plan
            .steps()
            .any(|step| matches!(step, Step::AddBackends { .. }))
    );
    assert_eq!(
        reason(&plan, ConditionType::BackendsReady),
        Some(Reason::BackendRefused)
    );
}

#[test]
fn rule_4_7_a_namespace_names_only_the_load_balancers_that_it_may() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-shop-1");
    let accepted = |allowed: &[(&str, &[&str])]| {
        let mut config = Config::new(model::identity());
        let entry = |(namespace, ids): &(&str, &[&str])| {
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            ((*namespace).to_owned(), ids)
        };
        config.self_managed_ids = Some(allowed.iter().map(entry).collect());
        match desired(&s, &config, 0) {
            Desired::Stack(stack) => stack.refusals.first().map(|refusal| refusal.reason),
            other => panic!("{other:?}"),
        }
    };
    let refused = Some(Reason::LoadBalancerNotAllowed);
    assert_eq!(accepted(&[]), refused);
    assert_eq!(accepted(&[("other", &["lb-shop-1"])]), refused);
    assert_eq!(accepted(&[("default", &["lb-shop", "lb-mine-*"])]), refused);
    assert_eq!(accepted(&[("default", &["lb-shop-1"])]), None);
    assert_eq!(accepted(&[("default", &["lb-shop-*"])]), None);
}

#[test]
fn rule_4_8_an_id_without_the_flag_is_refused_and_nothing_is_written() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let stack = wanted(&s);
    let found: Vec<_> = stack
        .refusals
        .iter()
        .map(|r| (r.condition, r.reason))
        .collect();
    assert_eq!(
        found,
        [(ConditionType::Accepted, Reason::ManagedByUserRequired)]
    );
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    assert_eq!(world.ticks(&s, 5), []);
    assert_eq!(
        reason(&world.look(&s), ConditionType::Accepted),
        Some(Reason::ManagedByUserRequired)
    );
    assert_eq!(world.ledger, None);
}

#[test]
fn rule_5_3_a_ledger_with_little_room_takes_what_it_has_already_and_then_the_first() {
    let mut s = snapshot(3);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    world.settle(&s);
    // All but one place is taken; `i-000` has one, although somebody detached it.
    let ledger = world.ledger.as_mut().unwrap();
    ledger.backends = (0..3_998).map(|i| format!("i-x{i}")).collect();
    ledger.backends.insert("i-000".into());
    world.users_load_balancer("lb-user").backends = (0..3_998)
        .map(|i| model::backend(&format!("i-x{i}"), 100))
        .collect();
    let plan = world.look(&s);
    let attached: Vec<_> = plan
        .steps()
        .filter_map(|step| match step {
            Step::AddBackends { servers, .. } => Some(servers),
            _ => None,
        })
        .flatten()
        .map(|server| server.server_id.as_str())
        .collect();
    assert_eq!(attached, ["i-000", "i-001"]);
    assert!(plan.ledger.unwrap().backends.contains("i-001"));
}

#[test]
fn rule_4_9_only_a_users_load_balancer_that_is_gone_makes_place_for_another() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    world.settle(&s);
    annotate(&mut s, &format!("{P}id"), "lb-other");
    world.users_load_balancer("lb-other");
    assert_eq!(world.settle(&s), []);
    let plan = world.look(&s);
    assert_eq!(
        reason(&plan, ConditionType::InSync),
        Some(Reason::ImmutableSetting)
    );
    let message = &plan
        .report
        .conditions
        .get(ConditionType::InSync)
        .unwrap()
        .message;
    assert!(message.contains("lb-user"), "{message}");
    // A read that finds nothing is not enough.
    world.blind = true;
    assert_eq!(world.ticks(&s, 5), []);
    world.blind = false;
    world.load_balancers.remove("lb-user");
    world.ledger.as_mut().unwrap().sequence = 7;
    world.settle(&s);
    let ledger = world.ledger.as_ref().unwrap();
    assert_eq!(ledger.load_balancer.id.as_deref(), Some("lb-other"));
    assert_eq!(ledger.sequence, 7, "a new ledger goes on counting");
    assert_eq!(world.servers(), ["i-000"]);
    assert_eq!(world.published, ["10.0.0.9"]);
}

#[test]
fn rule_4_7_an_eip_that_leads_elsewhere_is_not_published() {
    let mut s = snapshot(1);
    annotate(&mut s, &format!("{P}managed-by-user"), "true");
    annotate(&mut s, &format!("{P}id"), "lb-user");
    let mut world = World::new();
    world.users_load_balancer("lb-user");
    world.settle(&s);
    let needs = [Need::LoadBalancer, Need::Detail, Need::Eip];
    let plan = world.plan_with(&s, &needs, |observed| {
        let mut moved = model::eip("eip-user", "mine", 1);
        (moved.status, moved.bound_to) = (EipStatus::InUse, Some("lb-other".into()));
        observed.eip = Presence::Present(moved);
    });
    let Addresses::Publish { ip, .. } = plan.report.addresses else {
        panic!("{plan:?}");
    };
    assert_eq!(ip, "10.0.0.9");
}
