//! Rules of the contract that a desired state shows by itself.
#![allow(
    clippy::panic,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod model;

use ecm_policy::conditions::{ConditionType, Reason};
use ecm_policy::desired::{Config, Desired, Stack, desired};
use ecm_policy::listeners::Protocol;
use ecm_policy::plan::Step;
use ecm_policy::snapshot::Snapshot;
use model::{P, World, annotate, port, service, snapshot};

fn wanted(of: &Snapshot) -> Stack {
    match desired(of, &Config::new(model::identity()), 1_000_000) {
        Desired::Stack(stack) => *stack,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_4_1_one_load_balancer_and_one_eip_unless_the_address_is_private() {
    let mut s = snapshot(1);
    let eips = |s: &Snapshot| {
        let mut world = World::new();
        let steps = world.settle(s);
        let balancers = steps
            .iter()
            .filter(|s| matches!(s, Step::CreateLoadBalancer(_)));
        assert_eq!(balancers.count(), 1);
        (world.eips.len(), world.published)
    };
    assert_eq!(eips(&s), (1, vec!["203.0.113.7".to_owned()]));
    annotate(&mut s, &format!("{P}address-type"), "intranet");
    assert_eq!(eips(&s), (0, vec!["10.0.0.9".to_owned()]));
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
    assert_eq!(world.ledger, None);
}

#[test]
fn rule_6_1_each_port_has_a_listener_and_what_cannot_have_one_is_refused_alone() {
    let mut s = snapshot(1);
    let without_node_port = ecm_policy::snapshot::ServicePort {
        node_port: None,
        ..port(91, "TCP", 1)
    };
    service(&mut s).ports = vec![
        port(53, "TCP", 30053),
        port(53, "UDP", 30054),
        port(90, "SCTP", 30090),
        without_node_port,
        port(250, "UDP", 30250),
        port(4789, "UDP", 30478),
        port(4790, "UDP", 30479),
        port(4789, "TCP", 30480),
    ];
    let stack = wanted(&s);
    let made: Vec<_> = stack
        .listeners
        .iter()
        .map(|l| (l.key.port, l.key.protocol, l.backend_port))
        .collect();
    assert_eq!(
        made,
        [
            (53, Protocol::Tcp, 30053),
            (53, Protocol::Udp, 30054),
            (4789, Protocol::Tcp, 30480),
        ]
    );
    let refused: Vec<_> = stack
        .refused_ports
        .iter()
        .map(|r| (r.port(), r.reason()))
        .collect();
    assert_eq!(
        refused,
        [
            (90, Reason::UnsupportedProtocol),
            (91, Reason::NodePortMissing),
            (250, Reason::ReservedPort),
            (4789, Reason::ReservedPort),
            (4790, Reason::ReservedPort),
        ]
    );
}

#[test]
fn rule_6_4_what_is_ignored_is_told_and_what_protects_is_refused() {
    let mut s = snapshot(1);
    let of = service(&mut s);
    (of.client_ip_affinity, of.wants_ipv6) = (true, true);
    of.load_balancer_ip = Some("192.0.2.1".to_owned());
    let stack = wanted(&s);
    assert_eq!((stack.notices.len(), stack.refusals.len()), (3, 0));
    service(&mut s).source_ranges = vec!["192.0.2.0/24".to_owned()];
    let stack = wanted(&s);
    assert_eq!(stack.refusals[0].reason, Reason::UnsupportedField);
    assert!(stack.refusals[0].message.contains("192.0.2.0/24"));
    assert_eq!(World::new().ticks(&s, 3), []);
}
