//! The ports of a Service change while one of them goes on serving.

use ens_sim::cloud::Protocol;
use serde_json::{Value, json};

use super::guide::service;
use super::parts::{life, made, of, settle, with};
use super::{Elb, Fact, Scenario, Step};

const TCP: Protocol = Protocol::Tcp;
const UDP: Protocol = Protocol::Udp;

pub(super) fn all() -> Vec<Scenario> {
    vec![added_and_removed(), renumbered(), protocol()]
}

/// These ports are on the load balancer of the first pool, and no others.
fn listeners(ports: &[(Protocol, u16)]) -> Step {
    let elb = Elb::Of(of(super::parts::HEFEI));
    Step::Is(Fact::Listeners(elb, ports.to_vec()))
}

/// The guide's Service with these ports.
fn ports(ports: &Value) -> Step {
    Step::Apply(with(service(json!({}), &[]), json!({ "ports": ports })))
}

fn port(name: &str, protocol: &str, port: u16, node_port: u16) -> Value {
    json!({
        "name": name, "protocol": protocol, "port": port, "targetPort": 80, "nodePort": node_port,
    })
}

/// Port 80 stays; others come and go beside it.
fn added_and_removed() -> Scenario {
    let steps = vec![
        Step::KeepServing(TCP, 80),
        Step::Apply(service(json!({}), &[(80, 80), (443, 80), (8080, 80)])),
        settle(),
        listeners(&[(TCP, 80), (TCP, 443), (TCP, 8080)]),
        Step::Apply(service(json!({}), &[(80, 80), (8080, 80)])),
        settle(),
        listeners(&[(TCP, 80), (TCP, 8080)]),
        Step::Release(TCP, 80),
        Step::Apply(service(json!({}), &[(8080, 80)])),
        settle(),
        listeners(&[(TCP, 8080)]),
        made(2),
    ];
    life("ports-come-and-go", steps)
}

/// Another port gets a new number, then a new node port, which takes a new listener (behaviour 6.2).
fn renumbered() -> Scenario {
    let steps = vec![
        Step::KeepServing(TCP, 80),
        ports(&json!([
            port("p80", "TCP", 80, 30_080),
            port("web", "TCP", 8081, 31_001),
        ])),
        settle(),
        ports(&json!([
            port("p80", "TCP", 80, 30_080),
            port("web", "TCP", 8082, 31_001),
        ])),
        settle(),
        listeners(&[(TCP, 80), (TCP, 8082)]),
        ports(&json!([
            port("p80", "TCP", 80, 30_080),
            port("web", "TCP", 8082, 31_002),
        ])),
        settle(),
        listeners(&[(TCP, 80), (TCP, 8082)]),
        Step::Release(TCP, 80),
        made(2),
    ];
    life("ports-renumbered", steps)
}

/// A port becomes UDP, and then is both on one number, which are two listeners (behaviour 6.1).
fn protocol() -> Scenario {
    let web = || port("p80", "TCP", 80, 30_080);
    let steps = vec![
        Step::KeepServing(TCP, 80),
        ports(&json!([web(), port("dns", "TCP", 53, 31_053)])),
        settle(),
        ports(&json!([web(), port("dns", "UDP", 53, 31_053)])),
        settle(),
        listeners(&[(TCP, 80), (UDP, 53)]),
        ports(&json!([
            web(),
            port("dns", "UDP", 53, 31_053),
            port("dns-tcp", "TCP", 53, 31_054),
        ])),
        settle(),
        listeners(&[(TCP, 80), (TCP, 53), (UDP, 53)]),
        Step::Release(TCP, 80),
        made(2),
    ];
    life("ports-tcp-and-udp", steps)
}
