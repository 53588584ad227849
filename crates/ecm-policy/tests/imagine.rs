//! What is foreseen by imagining steps as done is what is then really done, on a model of the cloud.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod model;

use std::collections::BTreeSet;

use ecm_policy::desired::{Config, desired};
use ecm_policy::imagine::carry_out;
use ecm_policy::ledger::State;
use ecm_policy::observed::{Observed, Presence};
use ecm_policy::plan::{Addresses, Context, Step, Wait, plan};
use ecm_policy::snapshot::Snapshot;
use model::{World, annotate, identity, port, service, snapshot};
use proptest::prelude::*;

/// Everything that would be done for a snapshot in a world, none of it done.
fn foresee(world: &World, of: &Snapshot) -> Vec<Step> {
    let identity = identity();
    let mut of = of.clone();
    of.pool_service.published.clone_from(&world.published);
    of.pool_service.has_finalizer = world.ledger.is_some();
    let desired = desired(&of, &Config::new(identity.clone()), world.now);
    let mut ps = of.pool_service;
    let mut state = world.state();
    let mut observed = Observed::default();
    let mut foreseen = Vec::new();
    let mut asked = BTreeSet::new();
    for _ in 0..100 {
        let cx = Context {
            identity: &identity,
            pool_service: &ps,
            now: world.now,
        };
        let mut next = plan(&desired, &observed, &state, &cx);
        if !next.needs.is_empty() {
            assert!(!next.needs.is_subset(&asked), "{:?}", next.needs);
            asked.extend(next.needs);
            fill(&mut observed, world.observe(&asked, &desired));
            continue;
        }
        if let Some(ledger) = next.ledger.take() {
            state = State::Current(Box::new(ledger));
        }
        match &next.report.addresses {
            Addresses::Keep => {}
            Addresses::Publish { ip, .. } => ps.published = vec![ip.clone()],
            Addresses::Withdraw => ps.published.clear(),
        }
        let withdrawn = next.report.addresses == Addresses::Withdraw;
        let steps: Vec<Step> = next.steps().cloned().collect();
        if let State::Current(ledger) = &mut state {
            for step in &steps {
                carry_out(step, &mut observed, ledger, world.now);
            }
        }
        if next.released || (steps.is_empty() && next.wait != Wait::Again && !withdrawn) {
            foreseen.extend(steps);
            return foreseen;
        }
        foreseen.extend(steps);
    }
    panic!("there is no end to it: {foreseen:?}");
}

/// Takes of what was read what was not known, or imagined, before.
fn fill(observed: &mut Observed, read: Observed) {
    match (&mut observed.load_balancer, read.load_balancer) {
        (slot @ Presence::Unread, read) => *slot = read,
        (Presence::Present(known), Presence::Present(read)) if known.detail.is_none() => {
            known.detail = read.detail;
        }
        _ => {}
    }
    if observed.eip == Presence::Unread {
        observed.eip = read.eip;
    }
    observed.by_name = observed.by_name.take().or(read.by_name);
    observed.vswitches = observed.vswitches.take().or(read.vswitches);
    observed.attachable = observed.attachable.take().or(read.attachable);
}

/// The kinds of the steps with the ports and the numbers of servers that they are about, sorted:
/// ids differ, and lanes have no order among each other.
fn outline(steps: &[Step]) -> Vec<String> {
    let mut lines: Vec<String> = steps
        .iter()
        .map(|step| {
            let kind = format!("{step:?}");
            let kind = kind.split([' ', '(', '{']).next().unwrap_or_default();
            let about = match step {
                Step::CreateListener { listener, .. } | Step::SetListener { listener, .. } => {
                    listener.key.to_string()
                }
                Step::StartListener { key, .. }
                | Step::StopListener { key, .. }
                | Step::DeleteListener { key, .. } => key.to_string(),
                step => step.server_count().map_or(String::new(), |n| n.to_string()),
            };
            format!("{kind} {about}")
        })
        .collect();
    lines.sort();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    /// A creation, an edit and a deletion, each foreseen and then done.
    #[test]
    fn what_is_imagined_is_what_is_done(
        ports in prop::collection::btree_set(1_u16..9, 1..4),
        later in prop::collection::btree_set(1_u16..9, 1..4),
        nodes in 0_usize..45,
        left in 0_usize..45,
        bandwidth in 5_u32..50,
        intranet in any::<bool>(),
    ) {
        let of = |ports: &BTreeSet<u16>| -> Vec<_> {
            ports.iter().map(|n| port(*n, "TCP", 30_000 + n)).collect()
        };
        let mut s = snapshot(nodes);
        service(&mut s).ports = of(&ports);
        if intranet {
            let key = format!("{}address-type", model::P);
            service(&mut s).annotations.insert(key, "intranet".to_owned());
        }
        let mut world = World::new();
        prop_assert_eq!(outline(&foresee(&world, &s)), outline(&world.settle(&s)));
        prop_assert_eq!(foresee(&world, &s), Vec::new(), "nothing is left to do");

        service(&mut s).ports = of(&later);
        s.endpoints.truncate(left);
        annotate(&mut s, &format!("{}eip-bandwidth", model::P), &bandwidth.to_string());
        prop_assert_eq!(outline(&foresee(&world, &s)), outline(&world.settle(&s)));

        s.pool_service.deleting = true;
        prop_assert_eq!(outline(&foresee(&world, &s)), outline(&world.settle(&s)));
        prop_assert!(world.finalized);
    }
}
