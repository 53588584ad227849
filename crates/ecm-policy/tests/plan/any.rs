//! Whatever people ask for and whatever they edit: it ends, stays ended, and touches nothing of
//! anybody else's.

use std::collections::BTreeMap;

use crate::foreign;
use crate::model::{self, P, World, annotate, port, service, snapshot};
use ecm_policy::conditions::{ConditionType, Reason};
use ecm_policy::desired::{Config, Desired, desired};
use ecm_policy::listeners::Protocol;
use ecm_policy::observed::{Backend, Eip, Listener, LoadBalancer};
use ecm_policy::plan::Wait;
use ecm_policy::snapshot::{ExternalTrafficPolicy, Readiness, Snapshot};
use proptest::prelude::*;
use proptest::sample::select;

/// Annotations of the page and their values, some of them not allowed.
const PAGE: &[(&str, &[&str])] = &[
    ("spec", &["elb.s2.small", "elb.s3.medium", "huge"]),
    ("address-type", &["internet", "intranet", "moon"]),
    ("eip-bandwidth", &["5", "200", "0"]),
    ("eip-isp", &["cmcc", "nobody"]),
    ("backend-label", &["zone=a", "zone=", "=="]),
    (
        "backend-weight",
        &["base=50,node-001=7", "base=0", "base=101"],
    ),
    ("remove-unscheduled-backend", &["on", "off", "maybe"]),
    ("scheduler", &["wrr", "sch", "best"]),
    ("persistence-timeout", &["0", "3600", "3601"]),
    ("established-timeout", &["10", "900", "9"]),
    ("healthy-threshold", &["2", "11"]),
    ("health-check-interval", &["7", "x"]),
    ("health-check-connect-timeout", &["1", "301"]),
    ("health-check-connect-port", &["8080", "0"]),
    ("managed-by-user", &["true", "false", "perhaps"]),
    ("id", &["lb-user", "lb-none"]),
];

/// Annotations of our own.
const OWN: &[(&str, &[&str])] = &[
    ("ecm.alibabacloud.com/drain-seconds", &["30", "600", "901"]),
    ("ecm.alibabacloud.com/weight-by", &["pods", "node", "moon"]),
    (
        "ecm.alibabacloud.com/deletion-policy",
        &["retain", "delete", "keep"],
    ),
    ("ecm.alibabacloud.com/cleanup-on-delete", &["true", "no"]),
    ("ecm.alibabacloud.com/adopt", &["true", "no"]),
    (
        "service.openyurt.io/elb-force-override-listeners",
        &["true", "no"],
    ),
];

/// Some annotations, a pause now and then.
fn annotations() -> impl Strategy<Value = BTreeMap<String, String>> {
    let one = |full: fn(&str) -> String, table: &'static [(&str, &[&str])]| {
        select(table).prop_flat_map(move |(key, values)| {
            select(values).prop_map(move |value| (full(key), value.to_owned()))
        })
    };
    let any = prop_oneof![
        6 => one(|key| format!("{P}{key}"), PAGE),
        4 => one(str::to_owned, OWN),
        1 => Just(("ecm.alibabacloud.com/paused".to_owned(), "true".to_owned())),
    ];
    prop::collection::vec(any, 0..7).prop_map(|pairs| pairs.into_iter().collect())
}

/// What Kubernetes says at one moment.
fn moment() -> impl Strategy<Value = Snapshot> {
    let readiness = select(&[
        Readiness::True,
        Readiness::True,
        Readiness::False,
        Readiness::Unknown,
    ]);
    // Ready, cordoned, in zone a, pods.
    let node = (readiness, any::<bool>(), any::<bool>(), 0_usize..3);
    (
        annotations(),
        prop::collection::vec(node, 0..26),
        prop::collection::btree_map((80_u16..84, any::<bool>()), 30_000_u16..30_003, 0..5),
        any::<bool>(),
    )
        .prop_map(|(annotations, nodes, ports, is_cluster)| {
            let mut s = snapshot(nodes.len());
            s.endpoints.clear();
            for (at, (ready, is_cordoned, in_a, pods)) in nodes.into_iter().enumerate() {
                let node = &mut s.nodes[at];
                (node.ready, node.unschedulable) = (ready, is_cordoned);
                let zone = if in_a { "a" } else { "b" };
                node.labels.insert("zone".to_owned(), zone.to_owned());
                s.endpoints.extend((0..pods).map(|_| model::endpoint(at)));
            }
            let of = service(&mut s);
            if is_cluster {
                of.external_traffic_policy = ExternalTrafficPolicy::Cluster;
            }
            of.ports = ports
                .into_iter()
                .map(|((number, is_udp), node_port)| {
                    port(number, if is_udp { "UDP" } else { "TCP" }, node_port)
                })
                .collect();
            for (key, value) in annotations {
                annotate(&mut s, &key, &value);
            }
            s
        })
}

/// Looks until nothing is left to do, through every time of drain and every second look.
fn exhaust(world: &mut World, s: &Snapshot) {
    let mut quiet = 0;
    for _ in 0..200 {
        let plan = world.tick(s);
        let is_quiet = plan.lanes.is_empty() && plan.ledger.is_none();
        quiet = if is_quiet { quiet + 1 } else { 0 };
        // A drain ends after 600 s at the latest; nothing else waits longer.
        if plan.wait == Wait::Settled && is_quiet || quiet > 5 && !is_draining(world) {
            return;
        }
    }
    panic!("has no end: {:#?}", world.look(s));
}

fn is_draining(world: &World) -> bool {
    world
        .ledger
        .as_ref()
        .is_some_and(|ledger| !ledger.draining.is_empty())
}

/// What is in the cloud and not ours.
fn others(world: &World) -> (LoadBalancer, Eip, Vec<Listener>, Vec<Backend>) {
    let users = world.load_balancers["lb-user"].detail.clone().unwrap();
    let is_theirs = |l: &Listener| l.description == "somebody's";
    (
        world.load_balancers["lb-precious"].clone(),
        world.eips["eip-precious"].clone(),
        users.listeners.into_iter().filter(is_theirs).collect(),
        users
            .backends
            .into_iter()
            .filter(|b| b.server_id == "i-user")
            .collect(),
    )
}

/// A cloud with a load balancer that people may name, and two things that nobody names.
fn inhabited() -> World {
    let mut world = World::new();
    let users = world.users_load_balancer("lb-user");
    users.listeners.push(foreign(443, Protocol::Tcp));
    users.backends.push(model::backend("i-user", 7));
    let mut precious = model::load_balancer("lb-precious", "precious", 1);
    precious.status_age = 5;
    world
        .load_balancers
        .insert("lb-precious".to_owned(), precious);
    world.eips.insert(
        "eip-precious".to_owned(),
        model::eip("eip-precious", "precious", 1),
    );
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn rule_9_2_any_edits_end_in_quiet_and_touch_nothing_of_others(
        moments in prop::collection::vec(moment(), 1..4),
        is_deleted in any::<bool>(),
    ) {
        let mut world = inhabited();
        let mut before = others(&world);
        for s in &moments {
            exhaust(&mut world, s);
            let again = world.look(s);
            prop_assert_eq!(again.steps().count(), 0, "{:#?}", again);
            prop_assert_eq!(&again.ledger, &None);
        }
        let mut last = moments.last().unwrap().clone();
        if is_deleted && world.ledger.is_some() {
            last.pool_service.annotations.remove("ecm.alibabacloud.com/paused");
            last.pool_service.deleting = true;
            world.settle(&last);
            prop_assert!(world.finalized);
        }
        let mut after = others(&world);
        // Only their ages changed.
        (before.0.status_age, after.0.status_age) = (0, 0);
        prop_assert_eq!(before, after);
    }

    #[test]
    fn rule_3_4_every_refusal_names_its_key(
        s in moment(),
        spoil in prop::sample::subsequence(
            vec![
                "alibabacloud.com/ens-region-id",
                "alibabacloud.com/ens-network-id",
                "alibabacloud.com/ens-vswitch-id",
            ],
            0..3,
        ),
        with in select(&["", "not an id", ","]),
    ) {
        let mut s = s;
        for key in &spoil {
            let pool = s.pool.as_mut().unwrap();
            pool.annotations.insert((*key).to_owned(), with.to_owned());
        }
        let parsed = ecm_policy::annotations::parse(
            &s.service.as_ref().unwrap().annotations,
            &s.pool_service.annotations,
        );
        let wanted = desired(&s, &Config::new(model::identity()), 0);
        let told = match &wanted {
            Desired::Stack(_) => {
                let plan = World::new().look(&s);
                let accepted = plan.report.conditions.get(ConditionType::Accepted).unwrap().clone();
                let is_invalid = accepted.reason == Reason::InvalidAnnotation;
                prop_assert!(parsed.faults.is_empty() || is_invalid || accepted.message.contains(';'));
                accepted.message
            }
            Desired::Hold(refusals) => {
                refusals.iter().map(|r| r.message.clone()).collect::<Vec<_>>().join("; ")
            }
            Desired::Release(_) => unreachable!("it is not deleted"),
        };
        if matches!(wanted, Desired::Stack(_)) {
            for fault in &parsed.faults {
                prop_assert!(told.contains(&fault.key), "{} not in {told}", fault.key);
                prop_assert!(told.contains(&fault.allowed), "{} not in {told}", fault.allowed);
            }
        }
        // All that is missing is named at once, of what cannot be an id the first.
        let is_named = |key: &&str| told.contains(*key);
        if with.is_empty() {
            prop_assert!(spoil.iter().all(is_named), "{spoil:?} not in {told}");
        } else {
            prop_assert!(spoil.is_empty() || spoil.iter().any(is_named), "{spoil:?} not in {told}");
        }
        if parsed.settings.paused {
            prop_assert!(told.contains("ecm.alibabacloud.com/paused"), "{told}");
        }
    }
}
