//! Settings of a Service: changed in place, refused and mended, of a class that is not ours.

use std::time::Duration;

use ens_sim::cloud::Protocol;
use serde_json::{Value, json};

use super::guide::{daemon_set, service};
use super::parts::{
    HEFEI, delete_service, end, key, life, made, named, of, reason, scenario, serve, settle, web,
    with,
};
use super::{Elb, Fact, Scenario, Step};
use crate::invariants::Expect;

pub(super) fn all() -> Vec<Scenario> {
    vec![
        bandwidth(),
        listeners(),
        refused(),
        immutable(),
        other_class(),
    ]
}

/// Up and down, on the same EIP (behaviour 4.5).
fn bandwidth() -> Scenario {
    let bandwidth = |mbits: &str| web(json!({ key("eip-bandwidth"): mbits }));
    let steps = vec![
        Step::KeepServing(Protocol::Tcp, 80),
        bandwidth("50"),
        settle(),
        bandwidth("5"),
        settle(),
        Step::Release(Protocol::Tcp, 80),
        made(2),
    ];
    life("bandwidth", steps)
}

/// Settings of a TCP and a UDP listener change and change back, in place (behaviour 4.5, 6.2).
fn listeners() -> Scenario {
    let port = |protocol: &str, port: u16| {
        json!({
            "name": protocol.to_lowercase(), "protocol": protocol, "port": port, "targetPort": 80,
            "nodePort": 30_000 + port,
        })
    };
    let ports = json!([port("TCP", 80), port("UDP", 53)]);
    let set = |annotations: Value| {
        let spec = json!({ "ports": ports });
        Step::Apply(with(service(annotations, &[]), spec))
    };
    let are = |protocol: Protocol, port: u16, settings: &[(&'static str, Value)]| {
        let elb = Elb::Of(of(HEFEI));
        Step::Until(Fact::Settings(elb, protocol, port, settings.to_vec()))
    };
    let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
    let steps = vec![
        set(json!({})),
        settle(),
        Step::KeepServing(tcp, 80),
        Step::KeepServing(udp, 53),
        set(json!({
            key("scheduler"): "wlc",
            key("persistence-timeout"): "60",
            key("healthy-threshold"): "5",
            key("health-check-interval"): "7",
        })),
        settle(),
        are(
            tcp,
            80,
            &[
                ("Scheduler", json!("wlc")),
                ("PersistenceTimeout", json!(60)),
                ("HealthyThreshold", json!(5)),
                ("HealthCheckInterval", json!(7)),
            ],
        ),
        are(
            udp,
            53,
            &[("Scheduler", json!("wlc")), ("HealthyThreshold", json!(5))],
        ),
        set(json!({
            key("scheduler"): "rr",
            key("persistence-timeout"): "0",
            key("healthy-threshold"): "3",
            key("health-check-interval"): "2",
        })),
        settle(),
        are(
            tcp,
            80,
            &[("Scheduler", json!("rr")), ("PersistenceTimeout", json!(0))],
        ),
        are(udp, 53, &[("HealthCheckInterval", json!(2))]),
        Step::Release(tcp, 80),
        Step::Release(udp, 53),
        made(2),
    ];
    life("listener-settings", steps)
}

/// Before anything is made nothing is; afterwards the rest goes on (behaviour 3.4).
fn refused() -> Scenario {
    let scheduler = |value: &str| json!({ key("scheduler"): value });
    let bandwidth = |mbits: &str| json!({ key("eip-bandwidth"): mbits });
    let ports = [(80, 80), (443, 80)];
    let steps = vec![
        Step::Apply(daemon_set()),
        Step::Apply(service(scheduler("fastest"), &[(80, 80)])),
        reason(&of(HEFEI), "Accepted", "InvalidAnnotation"),
        Step::Settle(Expect::Explained),
        made(0),
        web(scheduler("wrr")),
        settle(),
        Step::KeepServing(Protocol::Tcp, 80),
        Step::Apply(service(bandwidth("1"), &ports)),
        reason(&of(HEFEI), "Accepted", "InvalidAnnotation"),
        Step::Until(Fact::Listeners(
            Elb::Of(of(HEFEI)),
            vec![(Protocol::Tcp, 80), (Protocol::Tcp, 443)],
        )),
        Step::Settle(Expect::Explained),
        Step::Apply(service(bandwidth("20"), &ports)),
        settle(),
        Step::Release(Protocol::Tcp, 80),
        made(2),
    ];
    scenario("refused-and-mended", [steps, end()].concat())
}

/// A setting of what is made already changes nothing and says so; put back, it is forgotten.
fn immutable() -> Scenario {
    let spec = |spec: &str| web(json!({ key("spec"): spec }));
    let steps = vec![
        Step::KeepServing(Protocol::Tcp, 80),
        spec("elb.s3.medium"),
        reason(&of(HEFEI), "InSync", "ImmutableSetting"),
        settle(),
        spec("elb.s2.small"),
        reason(&of(HEFEI), "InSync", "AsExpected"),
        settle(),
        Step::Release(Protocol::Tcp, 80),
        made(2),
    ];
    life("immutable-setting", steps)
}

/// Beside a Service of ours, one of somebody else's class is left alone (behaviour 1.1).
fn other_class() -> Scenario {
    let other = with(
        named(service(json!({}), &[(8080, 80)]), "other"),
        json!({ "loadBalancerClass": "example.com/other" }),
    );
    let other_steps = vec![
        Step::Apply(other),
        Step::Pass(Duration::from_secs(2)),
        Step::Is(Fact::Untouched("other".to_owned())),
    ];
    let steps = vec![
        made(2),
        Step::Is(Fact::Untouched("other".to_owned())),
        delete_service("other"),
    ];
    let ours = serve();
    scenario("other-class", [other_steps, ours, steps, end()].concat())
}
