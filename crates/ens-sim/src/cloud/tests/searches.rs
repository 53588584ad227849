//! What is searched for by name, address or binding is found as it is now, whatever happened before.

use super::*;

const ACTIONS: &[&str] = &[
    "CreateLoadBalancer",
    "ModifyLoadBalancerAttribute",
    "DeleteLoadBalancer",
    "CreateEipInstance",
    "ModifyEnsEipAddressAttribute",
    "AssociateEnsEipAddress",
    "UnAssociateEnsEipAddress",
    "DeleteEip",
    "ReleaseInstance",
];

/// Parameters of `action` that often succeed.
fn params(cloud: &Cloud, action: &str, rng: &mut fastrand::Rng) -> Vec<(&'static str, String)> {
    let held = cloud.snapshot();
    let any = |ids: Vec<String>, rng: &mut fastrand::Rng| {
        rng.choice(ids).unwrap_or_else(|| "gone".to_owned())
    };
    let elb = |rng: &mut _| {
        any(
            held.load_balancers.iter().map(|b| b.id.clone()).collect(),
            rng,
        )
    };
    let eip = |rng: &mut _| any(held.eips.iter().map(|e| e.id.clone()).collect(), rng);
    let name = format!("name-{}", rng.u8(..3));
    let given = |pairs: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        pairs.iter().map(|(k, v)| (*k, (*v).to_owned())).collect()
    };
    match action {
        "CreateLoadBalancer" => {
            let mut all = given(NEW_ELB);
            all.push(("LoadBalancerName", name));
            all
        }
        "CreateEipInstance" => {
            let mut all = given(NEW_EIP);
            all.push(("Name", name));
            all
        }
        "ModifyLoadBalancerAttribute" => {
            vec![("LoadBalancerId", elb(rng)), ("LoadBalancerName", name)]
        }
        "ModifyEnsEipAddressAttribute" => vec![("AllocationId", eip(rng)), ("Name", name)],
        "AssociateEnsEipAddress" => vec![
            ("AllocationId", eip(rng)),
            ("InstanceId", elb(rng)),
            ("InstanceType", "NatSlbInstance".to_owned()),
        ],
        "UnAssociateEnsEipAddress" => vec![("AllocationId", eip(rng))],
        "DeleteLoadBalancer" => vec![("LoadBalancerId", elb(rng))],
        "DeleteEip" => vec![("InstanceId", eip(rng))],
        _ if rng.bool() => vec![("InstanceId", elb(rng))],
        _ => vec![("InstanceId", eip(rng))],
    }
}

#[test]
fn no_sequence_of_calls_and_faults_loses_a_resource_by_its_name_address_or_binding() {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut run = Run::with(|config| {
        let late = Fault::LateEffect(Duration::from_secs(20));
        config.faults = [Fault::Unseen, Fault::LoseAnswer, Fault::ForgetTokens, late]
            .into_iter()
            .fold(FaultPlan::default(), |plan, fault| {
                plan.by_chance(0.05, fault)
            });
    });
    let mut succeeded = 0;
    for step in 0..3_000 {
        let action = ACTIONS[rng.usize(..ACTIONS.len())];
        let given = params(&run.cloud, action, &mut rng);
        let given: Vec<(&str, &str)> = given.iter().map(|(k, v)| (*k, v.as_str())).collect();
        succeeded += u32::from(run.reply(action, &given).response.status == 200);
        run.wait(rng.u64(..10));
        if rng.u8(..40) == 0 {
            let text = run.cloud.save().unwrap();
            run.cloud = Cloud::restore(run.cloud.config().clone(), &text).unwrap();
        }
        let mut states = run.cloud.accounts.values();
        assert!(
            states.all(State::is_indexed),
            "step {step}: after {action} {given:?}"
        );
    }
    assert!(succeeded > 1_000, "only {succeeded} calls did anything");
}

#[test]
fn a_token_is_forgotten_ten_minutes_after_its_first_use_and_not_before() {
    let mut run = Run::new();
    let create = |run: &mut Run, token: &str| {
        let mut params = NEW_EIP.to_vec();
        params.push(("ClientToken", token));
        text(&run.ok("CreateEipInstance", &params), "/AllocationId")
    };
    let first = create(&mut run, "one");
    run.wait(300);
    let second = create(&mut run, "two");
    run.wait(299);
    assert_eq!(create(&mut run, "one"), first, "599 s: a repetition");
    run.wait(1);
    assert_ne!(create(&mut run, "one"), first, "600 s: a new creation");
    assert_eq!(create(&mut run, "two"), second, "300 s: a repetition");
}
