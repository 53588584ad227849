//! Listeners, port by port.

use crate::model::{P, World, annotate, port, service, snapshot};
use crate::{foreign, key, kinds, reason, settled, wanted};
use ecm_policy::conditions::{ConditionType, Reason};
use ecm_policy::listeners::Protocol;
use ecm_policy::observed::Listener;
use ecm_policy::plan::Addresses;

#[test]
fn rule_6_2_a_new_node_port_is_stop_delete_create_start_of_that_port_only() {
    let mut s = snapshot(1);
    service(&mut s).ports.push(port(81, "TCP", 30081));
    let mut world = settled(&s);
    service(&mut s).ports[0].node_port = Some(31000);
    let steps = world.settle(&s);
    assert_eq!(
        kinds(&steps),
        [
            "StopListener",
            "DeleteListener",
            "CreateListener",
            "StartListener"
        ]
    );
    assert!(
        steps
            .iter()
            .all(|step| !format!("{step}").contains("81/tcp"))
    );
    assert_eq!(world.published, ["203.0.113.7"], "no withdrawal for a blip");
}

#[test]
fn rule_6_2_a_setting_is_changed_in_place() {
    let mut s = snapshot(1);
    let mut world = settled(&s);
    annotate(&mut s, &format!("{P}scheduler"), "wlc");
    assert_eq!(kinds(&world.settle(&s)), ["SetListener"]);
}

#[test]
fn rule_6_3_drift_on_our_own_load_balancer_goes_even_of_another_protocol() {
    let s = snapshot(1);
    let mut world = settled(&s);
    let lb = world.load_balancers.values_mut().next().unwrap();
    let listeners = &mut lb.detail.as_mut().unwrap().listeners;
    let ours = listeners[0].description.clone();
    listeners[0] = Listener {
        description: ours,
        ..foreign(80, Protocol::Http)
    };
    world.settle(&s);
    let left: Vec<_> = world.detail().listeners.iter().map(|l| l.key).collect();
    assert_eq!(left, [key(80, Protocol::Tcp)]);
}

#[test]
fn rule_3_4_numbers_that_the_cloud_does_not_return_are_not_set_for_ever() {
    let s = snapshot(1);
    let mut world = settled(&s);
    let lb = world.load_balancers.values_mut().next().unwrap();
    let settings = lb.detail.as_mut().unwrap().listeners[0]
        .settings
        .as_mut()
        .unwrap();
    settings.healthy_threshold = None;
    settings.unhealthy_threshold = None;
    settings.health_check_interval = None;
    settings.health_check_connect_timeout = None;
    assert_eq!(world.settle(&s), []);
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
    let mut world = World::new();
    world.settle(&s);
    assert_eq!(world.look(&s).report.notices.len(), 3);
    assert_eq!(world.published.len(), 1);
    service(&mut s).source_ranges = vec!["192.0.2.0/24".to_owned()];
    let stack = wanted(&s);
    assert_eq!(stack.refusals[0].reason, Reason::UnsupportedField);
    assert!(stack.refusals[0].message.contains("192.0.2.0/24"));
    assert_eq!(World::new().ticks(&s, 3), []);
    let mut fresh = World::new();
    assert_eq!(fresh.settle(&s), [], "nothing is opened to everybody");
    assert_eq!(
        reason(&fresh.look(&s), ConditionType::Accepted),
        Some(Reason::UnsupportedField)
    );
}

#[test]
fn rule_6_1_each_port_that_cannot_be_is_refused_by_itself() {
    let mut s = snapshot(1);
    let ports = &mut service(&mut s).ports;
    ports.push(port(53, "TCP", 30053));
    ports.push(port(53, "UDP", 30054));
    ports.push(port(4789, "UDP", 30055));
    ports.push(port(90, "SCTP", 30056));
    ports.push(port(91, "TCP", 0));
    ports[5].node_port = None;
    let world = settled(&s);
    let made: Vec<_> = world
        .detail()
        .listeners
        .iter()
        .map(|l| (l.key, l.backend_port))
        .collect();
    assert_eq!(
        made,
        [
            (key(53, Protocol::Tcp), Some(30053)),
            (key(53, Protocol::Udp), Some(30054)),
            (key(80, Protocol::Tcp), Some(30080)),
        ]
    );
    let plan = world.look(&s);
    let Addresses::Publish { ports, .. } = &plan.report.addresses else {
        panic!("{plan:?}");
    };
    let refused: Vec<_> = ports.iter().map(|p| (p.port, p.error.as_str())).collect();
    assert_eq!(
        refused,
        [
            (90, "UnsupportedProtocol"),
            (91, "NodePortMissing"),
            (4789, "ReservedPort")
        ]
    );
    assert!(reason(&plan, ConditionType::ListenersReady).is_some());
}

#[test]
fn rule_6_3_a_listener_on_a_wanted_port_of_our_own_load_balancer_is_made_ours() {
    let s = snapshot(1);
    let mut world = settled(&s);
    let lb = world.load_balancers.values_mut().next().unwrap();
    let listeners = &mut lb.detail.as_mut().unwrap().listeners;
    let ours = listeners[0].description.clone();
    "somebody's".clone_into(&mut listeners[0].description);
    assert_eq!(kinds(&world.settle(&s)), ["SetListener"]);
    assert_eq!(world.detail().listeners[0].description, ours);
}
