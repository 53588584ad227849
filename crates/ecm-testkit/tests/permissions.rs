//! What the controllers ask of the cloud is what their RAM policy allows.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::collections::BTreeSet;

use ecm_reconciler::permissions::ACTIONS;
use ecm_testkit::scenario;
use ecm_testkit::sweep;
use ecm_testkit::transcript::Side;

/// What no scenario calls: the way out where ReleaseInstance is not known, what only a command asks, and what is asked
/// about kinds of listeners that the scenarios' users do not make.
const NOT_PLAYED: [&str; 3] = [
    "DeleteLoadBalancer",
    "DescribeEnsRegions",
    "DescribeLoadBalancerListeners",
];

#[test]
fn every_action_that_a_scenario_calls_is_in_the_policy_and_the_policy_has_no_others() {
    let mut called = BTreeSet::new();
    for scenario in scenario::all() {
        let run = sweep::play(&scenario, 1, &[]).unwrap();
        let calls = run.transcript.calls();
        called.extend(
            calls
                .filter(|call| call.side == Side::Cloud && call.verb != "GetCallerIdentity")
                .map(|call| call.verb.clone()),
        );
    }
    let allowed: BTreeSet<String> = ACTIONS.map(str::to_owned).into();
    let denied: Vec<_> = called.difference(&allowed).collect();
    assert!(denied.is_empty(), "called and not allowed: {denied:?}");
    let unused: Vec<_> = allowed.difference(&called).collect();
    assert_eq!(unused, NOT_PLAYED, "allowed and never called");
}
