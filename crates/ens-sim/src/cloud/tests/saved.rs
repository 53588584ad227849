use super::*;
use crate::cloud::{Fault, RestoreError};

fn again(run: &Run) -> Run {
    let config = run.cloud.config().clone();
    Run {
        cloud: Cloud::restore(config, &run.cloud.save().unwrap()).unwrap(),
        now: run.now,
    }
}

/// The answers of every read, and the record.
fn seen(run: &mut Run) -> (Value, Value, Value, Value) {
    (
        run.ok("DescribeLoadBalancers", &[]),
        run.ok("DescribeEnsEipAddresses", &[]),
        run.ok("DescribeInstances", &[]),
        json!((run.cloud.journal().leaks().count(), run.cloud.snapshot())),
    )
}

#[test]
fn a_restored_cloud_goes_on_as_the_saved_one_would_have() {
    let mut run = Run::new();
    run.new_elb();
    let eip = run.new_eip();
    let token = but(
        NEW_ELB,
        &[("ClientToken", "t"), ("LoadBalancerName", "named")],
    );
    let half_made = text(&run.ok("CreateLoadBalancer", &token), "/LoadBalancerId");
    let listener = [("LoadBalancerId", "lb-heifei"), ("ListenerPort", "80")];
    run.ok(
        "CreateLoadBalancerTCPListener",
        &but(&listener, &[("BackendServerPort", "1")]),
    );
    run.ok("StartLoadBalancerListener", &listener);
    let mut restored = again(&run);
    for run in [&mut run, &mut restored] {
        run.wait(20);
    }
    assert_eq!(seen(&mut run), seen(&mut restored));
    let restored = &mut restored;
    assert_eq!(
        restored.elb_status(&half_made),
        "Active",
        "what was under way is finished"
    );
    assert_eq!(
        text(
            &restored.ok("CreateLoadBalancer", &token),
            "/LoadBalancerId"
        ),
        half_made
    );
    restored.ok("DeleteEip", &[("InstanceId", &eip)]);
    restored.wait(3);
    restored.cloud.settle(restored.now);
    let gone = |purchase: &&Purchase| purchase.id == eip && purchase.released_at.is_some();
    assert!(restored.cloud.journal().purchases.iter().any(|p| gone(&p)));
    let double = but(NEW_ELB, &[("LoadBalancerName", "named")]);
    restored.ok("CreateLoadBalancer", &double);
    assert_eq!(
        restored.cloud.journal().doubles.len(),
        1,
        "the record still knows who is alive"
    );
}

/// One asynchronous call after the other, each on what the ones before it left.
const LIFE: &[(&str, &[(&str, &str)])] = &[
    ("CreateLoadBalancer", NEW_ELB),
    ("CreateEipInstance", NEW_EIP),
    (
        "CreateLoadBalancerTCPListener",
        &[ELB, PORT, ("BackendServerPort", "1")],
    ),
    ("StartLoadBalancerListener", &[ELB, PORT]),
    ("StopLoadBalancerListener", &[ELB, PORT]),
    ("DeleteLoadBalancerListener", &[ELB, PORT]),
    (
        "SetLoadBalancerStatus",
        &[ELB, ("LoadBalancerStatus", "InActive")],
    ),
    ("UnAssociateEnsEipAddress", &[EIP]),
    (
        "AssociateEnsEipAddress",
        &[
            EIP,
            ("InstanceId", "lb-heifei"),
            ("InstanceType", "SlbInstance"),
        ],
    ),
    ("UnAssociateEnsEipAddress", &[EIP]),
    ("DeleteEip", &[("InstanceId", "eip-heifei")]),
    ("ReleaseInstance", &[("InstanceId", "lb-heifei")]),
];
const ELB: (&str, &str) = ("LoadBalancerId", "lb-heifei");
const PORT: (&str, &str) = ("ListenerPort", "80");
const EIP: (&str, &str) = ("AllocationId", "eip-heifei");

#[test]
fn stopped_at_any_second_of_anything_it_goes_on_as_if_it_had_not_been() {
    let mut run = Run::with(|config| config.latency.list_lag = Duration::from_secs(2));
    for (action, params) in LIFE {
        run.ok(action, params);
        // Longer than anything takes: the next call finds all of it done.
        for second in 0..12 {
            let mut restored = again(&run);
            assert_eq!(
                restored.cloud.next_transition(),
                run.cloud.next_transition(),
                "{second} s after {action}"
            );
            assert_eq!(
                seen(&mut restored),
                seen(&mut run),
                "{second} s after {action}"
            );
            run.wait(1);
        }
    }
    assert_eq!(run.cloud.next_transition(), None, "all of it is done");
}

#[test]
fn a_call_that_takes_effect_late_does_so_after_a_restart() {
    let mut run = Run::with(|config| {
        let late = Fault::LateEffect(Duration::from_secs(60));
        config.faults = FaultPlan::default().at("CreateLoadBalancer", 1, late);
    });
    let params = but(NEW_ELB, &[("ClientToken", "t")]);
    run.reply("CreateLoadBalancer", &params);
    let mut run = again(&run);
    assert_eq!(run.refused("CreateLoadBalancer", &params), "PROCESSING");
    run.wait(60);
    run.ok("CreateLoadBalancer", &params);
    assert_eq!(run.cloud.journal().purchases.len(), 1);
}

#[test]
fn addresses_in_use_stay_in_use_after_a_restart() {
    let mut run = Run::switched(|_| {});
    run.new_elb();
    run.new_eip();
    let mut run = again(&run);
    run.new_elb();
    run.new_eip();
    let Snapshot {
        load_balancers,
        eips,
        ..
    } = run.cloud.snapshot();
    let mut addresses: Vec<Ipv4Addr> = load_balancers
        .iter()
        .map(|balancer| balancer.address)
        .collect();
    addresses.extend(eips.iter().map(|eip| eip.address));
    let all = addresses.len();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), all, "an address was given out twice");
}

#[test]
fn what_is_no_saved_cloud_is_refused() {
    let restore = |text: &str| {
        Cloud::restore(Config::default(), text)
            .map(|_| ())
            .unwrap_err()
    };
    assert!(matches!(restore(""), RestoreError::Malformed(_)));
    assert!(matches!(restore("{}"), RestoreError::Malformed(_)));
    let other = Run::new()
        .cloud
        .save()
        .unwrap()
        .replacen(r#""form":3"#, r#""form":1"#, 1);
    assert!(matches!(restore(&other), RestoreError::Form(1)));
}
