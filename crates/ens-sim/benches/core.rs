//! How fast the core answers with 10,000 ELBs present, each with an EIP, a listener and a server: `cargo bench -p ens-sim`.
//! Fails where a call takes 10 microseconds or more, which is fewer than 100,000 calls a second on one thread. Signatures
//! are the wire's and not measured.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench reads the clock, and stops where it cannot go on"
)]

use std::hint::black_box;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use criterion::{BenchmarkGroup, Criterion, measurement::WallTime};
use ens_sim::Timestamp;
use ens_sim::cloud::{Cloud, Config, Method, RateLimits, Request, World};

/// The bar, for one call.
const LIMIT: Duration = Duration::from_micros(10);
const LOAD_BALANCERS: usize = 10_000;
/// Calls of one round: few, so that the best of the rounds is one that nothing else on the machine disturbed.
const CALLS: usize = 100;
const ROUNDS: usize = 200;
/// What fits into one vSwitch, with room for a round of purchases.
const PER_VSWITCH: usize = 40;
const NOW: Timestamp = Timestamp(1_769_860_800_000);

type Params<'a> = &'a [(&'a str, &'a str)];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("with 10,000 ELBs");
    let mut bench = Bench {
        cloud: cloud(),
        group: &mut group,
        now: NOW,
        slowest: Duration::ZERO,
    };
    reads(&mut bench);
    writes(&mut bench);
    purchases(&mut bench);
    let slowest = bench.slowest;
    group.finish();
    criterion.final_summary();
    assert!(
        slowest < LIMIT,
        "{slowest:?} for one call, the bar is {LIMIT:?}"
    );
    println!("every call under the bar of {LIMIT:?}, the slowest {slowest:?}");
}

struct Bench<'a, 'c> {
    cloud: Cloud,
    group: &'a mut BenchmarkGroup<'c, WallTime>,
    now: Timestamp,
    slowest: Duration,
}

impl Bench<'_, '_> {
    /// Measures an action that can be repeated, with one set of parameters for each turn.
    fn repeat(&mut self, action: &str, params: impl Fn(usize) -> Vec<(String, String)>) {
        let requests: Vec<Request> = (0..LOAD_BALANCERS)
            .map(|turn| request(action, params(turn * 7919 % LOAD_BALANCERS)))
            .collect();
        let (cloud, now) = (&mut self.cloud, self.now);
        let mut turn = requests.iter().cycle();
        self.group.bench_function(action, |bencher| {
            bencher.iter(|| turn.next().map(|request| ok(cloud, request, now)));
        });
        let mut turn = requests.chunks(CALLS).cycle();
        let rounds = (0..ROUNDS).map(|_| round(cloud, turn.next().unwrap_or_default(), now).0);
        let best = rounds.min().unwrap_or_default();
        self.note(action, best);
    }

    fn note(&mut self, action: &str, best: Duration) {
        println!("{action}: {best:?}");
        self.slowest = self.slowest.max(best);
    }
}

/// The time of one call, of many in turn, and the ids of what they made.
fn round(cloud: &mut Cloud, requests: &[Request], now: Timestamp) -> (Duration, Vec<String>) {
    let mut ids = Vec::with_capacity(requests.len());
    let began = Instant::now();
    for request in requests {
        let body = black_box(ok(cloud, request, now));
        let id = body.get("LoadBalancerId").or(body.get("AllocationId"));
        ids.extend(id.and_then(|id| id.as_str()).map(str::to_owned));
    }
    let each = began.elapsed() / u32::try_from(requests.len().max(1)).unwrap();
    (each, ids)
}

fn reads(bench: &mut Bench<'_, '_>) {
    bench.repeat("DescribeLoadBalancerAttribute", |n| own(n, &[]));
    let port: Params<'_> = &[("ListenerPort", "80")];
    bench.repeat("DescribeLoadBalancerTCPListenerAttribute", |n| own(n, port));
    bench.repeat("DescribeLoadBalancerListeners", |n| own(n, &[]));
    bench.repeat("DescribeEnsEipAddresses", |n| {
        pairs(&[("AllocationId", &eip_id(n))])
    });
}

fn writes(bench: &mut Bench<'_, '_>) {
    bench.repeat("ModifyLoadBalancerAttribute", |n| {
        own(n, &[("LoadBalancerName", "other")])
    });
    bench.repeat("SetLoadBalancerStatus", |n| {
        own(n, &[("LoadBalancerStatus", "Active")])
    });
    bench.repeat("SetLoadBalancerTCPListenerAttribute", |n| {
        own(n, &[("ListenerPort", "80"), ("Scheduler", "rr")])
    });
    let servers = r#"[{"ServerId":"i-1","Weight":50}]"#;
    bench.repeat("SetBackendServers", |n| {
        own(n, &[("BackendServers", servers)])
    });
    bench.repeat("ModifyEnsEipAddressAttribute", |n| {
        pairs(&[("AllocationId", &eip_id(n)), ("Bandwidth", "10")])
    });
}

/// Buys ELBs and EIPs, binds them, and releases them again: rounds, for nothing of this can be repeated alone.
fn purchases(bench: &mut Bench<'_, '_>) {
    const ACTIONS: [&str; 6] = [
        "CreateLoadBalancer",
        "CreateEipInstance",
        "AssociateEnsEipAddress",
        "UnAssociateEnsEipAddress",
        "DeleteEip",
        "ReleaseInstance",
    ];
    let mut best = [Duration::MAX; ACTIONS.len()];
    for number in 0..ROUNDS {
        // A round a minute: tokens are forgotten after ten.
        bench.now = bench.now.after(Duration::from_secs(60));
        let now = bench.now;
        let names: Vec<String> = (0..CALLS).map(|n| format!("bought-{number}-{n}")).collect();
        let cloud = &mut bench.cloud;
        let mut run = |step: usize, params: &dyn Fn(usize) -> Vec<(String, String)>| {
            let action = ACTIONS[step];
            let requests: Vec<Request> = (0..CALLS).map(|n| request(action, params(n))).collect();
            let (each, ids) = round(cloud, &requests, now);
            best[step] = best[step].min(each);
            ids
        };
        let balancers = run(0, &|n| {
            let vswitch = format!("vsw-{}", n % (LOAD_BALANCERS / PER_VSWITCH));
            pairs(&[
                ("ClientToken", &names[n]),
                ("EnsRegionId", "cn-hefei"),
                ("LoadBalancerName", &names[n]),
                ("LoadBalancerSpec", "elb.s2.small"),
                ("NetworkId", "n-1"),
                ("PayType", "PostPaid"),
                ("VSwitchId", &vswitch),
            ])
        });
        let eips = run(1, &|n| {
            pairs(&[
                ("ClientToken", &names[n]),
                ("EnsRegionId", "cn-hefei"),
                ("InstanceChargeType", "PostPaid"),
                ("InternetChargeType", "95BandwidthByMonth"),
                ("Name", &names[n]),
            ])
        });
        run(2, &|n| {
            pairs(&[
                ("AllocationId", &eips[n]),
                ("InstanceId", &balancers[n]),
                ("InstanceType", "SlbInstance"),
            ])
        });
        run(3, &|n| pairs(&[("AllocationId", &eips[n])]));
        run(4, &|n| pairs(&[("InstanceId", &eips[n])]));
        run(5, &|n| pairs(&[("InstanceId", &balancers[n])]));
    }
    for (action, best) in ACTIONS.into_iter().zip(best) {
        bench.note(action, best);
    }
}

fn cloud() -> Cloud {
    let mut world =
        World::new()
            .region("cn-hefei", "Hefei")
            .network("n-1", "cn-hefei", "10.0.0.0/8");
    for number in 0..LOAD_BALANCERS / PER_VSWITCH {
        let base = Ipv4Addr::from_bits(0x0a00_0000 + (u32::try_from(number).unwrap() << 8));
        world = world.vswitch(&format!("vsw-{number}"), "n-1", base);
    }
    for number in 0..LOAD_BALANCERS {
        let (id, vswitch) = (elb_id(number), format!("vsw-{}", number / PER_VSWITCH));
        world = world.user_load_balancer(&id, &id, &vswitch, Some(&eip_id(number)));
    }
    let config = Config {
        world: world.instance("i-1", "one", "vsw-0"),
        rate_limits: RateLimits::Off,
        ..Config::default()
    };
    let mut cloud = Cloud::new(config, 1).unwrap();
    for number in 0..LOAD_BALANCERS {
        let listener = own(
            number,
            &[("ListenerPort", "80"), ("BackendServerPort", "30080")],
        );
        ok(
            &mut cloud,
            &request("CreateLoadBalancerTCPListener", listener),
            NOW,
        );
        let servers = own(number, &[("BackendServers", r#"[{"ServerId":"i-1"}]"#)]);
        ok(&mut cloud, &request("AddBackendServers", servers), NOW);
    }
    cloud
}

fn elb_id(number: usize) -> String {
    format!("lb-{number:05}")
}

fn eip_id(number: usize) -> String {
    format!("eip-{number:05}")
}

/// Parameters of a call on the ELB of that number.
fn own(number: usize, more: Params<'_>) -> Vec<(String, String)> {
    let mut params = pairs(more);
    params.push(("LoadBalancerId".to_owned(), elb_id(number)));
    params
}

fn pairs(params: Params<'_>) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    params.iter().map(owned).collect()
}

fn request(action: &str, params: Vec<(String, String)>) -> Request {
    Request {
        account: Config::default().account,
        method: Method::Post,
        action: action.to_owned(),
        params: params.into_iter().collect(),
    }
}

fn ok(cloud: &mut Cloud, request: &Request, now: Timestamp) -> serde_json::Value {
    let response = cloud.handle(request, now).response;
    assert_eq!(response.status, 200, "{}", response.body);
    response.body
}
