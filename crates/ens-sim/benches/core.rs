//! How fast the core answers with 10,000 ELBs present: `cargo bench -p ens-sim`. The bar is 100,000 calls a second, on
//! one thread, without signatures: under 10 µs a call.
#![allow(missing_docs, clippy::unwrap_used)] // criterion_group! makes a public function; a bench may stop at a fault.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use ens_sim::Timestamp;
use ens_sim::cloud::{Cloud, Config, Method, RateLimits, Request, World};

const LOAD_BALANCERS: usize = 10_000;
/// What fits into one vSwitch, and some room.
const PER_VSWITCH: usize = 200;
const NOW: Timestamp = Timestamp(1_769_860_800_000);

fn cloud() -> Cloud {
    let mut world =
        World::new()
            .region("cn-hefei", "Hefei")
            .network("n-1", "cn-hefei", "10.0.0.0/8");
    for number in 0..=LOAD_BALANCERS / PER_VSWITCH {
        let base = Ipv4Addr::from_bits(0x0a00_0000 + (u32::try_from(number).unwrap() << 8));
        world = world.vswitch(&format!("vsw-{number}"), "n-1", base);
    }
    for number in 0..LOAD_BALANCERS {
        let vswitch = format!("vsw-{}", number / PER_VSWITCH);
        world = world.user_load_balancer(&id(number), &id(number), &vswitch, None);
    }
    let config = Config {
        world: world.instance("i-1", "one", "vsw-0"),
        rate_limits: RateLimits::Off,
        ..Config::default()
    };
    let mut cloud = Cloud::new(config, 1).unwrap();
    for number in 0..LOAD_BALANCERS {
        let id = id(number);
        let listener = [
            ("LoadBalancerId", id.as_str()),
            ("ListenerPort", "80"),
            ("BackendServerPort", "30080"),
        ];
        call(&mut cloud, "CreateLoadBalancerTCPListener", &listener);
        let servers = [
            ("LoadBalancerId", id.as_str()),
            ("BackendServers", r#"[{"ServerId":"i-1"}]"#),
        ];
        call(&mut cloud, "AddBackendServers", &servers);
    }
    cloud
}

fn id(number: usize) -> String {
    format!("lb-{number:05}")
}

fn request(action: &str, params: &[(&str, &str)]) -> Request {
    Request {
        account: Config::default().account,
        method: Method::Post,
        action: action.to_owned(),
        params: params
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
    }
}

fn call(cloud: &mut Cloud, action: &str, params: &[(&str, &str)]) -> serde_json::Value {
    let reply = cloud.handle(&request(action, params), NOW);
    assert_eq!(reply.response.status, 200, "{}", reply.response.body);
    reply.response.body
}

fn single_objects(criterion: &mut Criterion) {
    let mut cloud = cloud();
    let calls: &[(&str, &[(&str, &str)])] = &[
        ("DescribeLoadBalancerAttribute", &[]),
        (
            "DescribeLoadBalancerTCPListenerAttribute",
            &[("ListenerPort", "80")],
        ),
        ("DescribeLoadBalancerListeners", &[]),
        (
            "ModifyLoadBalancerAttribute",
            &[("LoadBalancerName", "other")],
        ),
        ("SetLoadBalancerStatus", &[("LoadBalancerStatus", "Active")]),
        (
            "SetLoadBalancerTCPListenerAttribute",
            &[("ListenerPort", "80"), ("Scheduler", "rr")],
        ),
        (
            "SetBackendServers",
            &[("BackendServers", r#"[{"ServerId":"i-1","Weight":50}]"#)],
        ),
    ];
    let mut group = criterion.benchmark_group("with 10,000 ELBs");
    for (action, params) in calls {
        let requests: Vec<Request> = (0..LOAD_BALANCERS)
            .map(|number| {
                let id = id(number * 7919 % LOAD_BALANCERS);
                let own = [("LoadBalancerId", id.as_str())];
                request(action, &[&own, *params].concat())
            })
            .collect();
        let mut turn = requests.iter().cycle();
        group.bench_function(*action, |bencher| {
            bencher.iter(|| {
                let reply = turn.next().map(|request| cloud.handle(request, NOW));
                assert!(reply.is_some_and(|reply| reply.response.status == 200));
            });
        });
    }
    group.finish();
}

fn purchases(criterion: &mut Criterion) {
    let mut cloud = cloud();
    let elb: &[(&str, &str)] = &[
        ("EnsRegionId", "cn-hefei"),
        ("LoadBalancerSpec", "elb.s2.small"),
        ("NetworkId", "n-1"),
        ("VSwitchId", "vsw-50"),
        ("PayType", "PostPaid"),
        ("LoadBalancerName", "bought"),
    ];
    let mut group = criterion.benchmark_group("with 10,000 ELBs");
    group.bench_function("CreateLoadBalancer and DeleteLoadBalancer", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                let body = call(&mut cloud, "CreateLoadBalancer", elb);
                let id = body["LoadBalancerId"].as_str().unwrap_or_default();
                call(&mut cloud, "DeleteLoadBalancer", &[("LoadBalancerId", id)]);
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, single_objects, purchases);
criterion_main!(benches);
