use super::*;
use crate::cloud::RestoreError;

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
