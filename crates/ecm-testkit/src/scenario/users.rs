//! Load balancers of a person's: shared by Services, with things of the person's on them.

use std::time::Duration;

use ens_sim::cloud::Protocol;
use serde_json::json;

use super::guide::{ID, SERVICE, daemon_set};
use super::parts::{
    HEFEI, annotate, are_backends, delete_service, key, name_load_balancers, named, of, reason,
    scenario, self_managed, settle, with,
};
use super::{Console, Elb, Fact, Scenario, Step};
use crate::invariants::Expect;

const TCP: Protocol = Protocol::Tcp;
const OVERRIDE: &str = "service.openyurt.io/elb-force-override-listeners";

pub(super) fn all() -> Vec<Scenario> {
    vec![shared(), same_port(), persons_listener(), another_id()]
}

fn elb() -> Elb {
    Elb::Id("lb-heifei".to_owned())
}

fn listeners(ports: &[u16]) -> Step {
    let ports = ports.iter().map(|port| (TCP, *port)).collect();
    Step::Until(Fact::Listeners(elb(), ports))
}

/// In its first pool the second Service wants this node alone; `None`: every node.
fn only_on(node: Option<&str>) -> Step {
    let label = node.map(|node| format!("kubernetes.io/hostname={node}"));
    annotate(
        &format!("second-{HEFEI}"),
        &json!({ key("backend-label"): label }),
    )
}

fn attached(nodes: &[&str]) -> Step {
    Step::Until(are_backends(elb(), nodes))
}

/// A Service of this name on the person's load balancers, as those that share one have to be (behaviour 7.7).
fn sharing(name: &str, ports: &[(u16, u16)]) -> serde_json::Value {
    let service = with(
        self_managed(json!({}), ports),
        json!({ "externalTrafficPolicy": "Cluster" }),
    );
    if name == SERVICE {
        service
    } else {
        named(service, name)
    }
}

/// Two Services share load balancers; when one goes, the other keeps its listener and all backends (behaviour 7.6, 8.3).
fn shared() -> Scenario {
    let steps = vec![
        settle(),
        Step::KeepServing(TCP, 443),
        listeners(&[80, 443]),
        // One wants a node no more that the other one wants.
        only_on(Some("heifei-2")),
        Step::Pass(Duration::from_secs(2)),
        settle(),
        Step::Is(are_backends(elb(), &["heifei-1", "heifei-2"])),
        only_on(None),
        delete_service(SERVICE),
        settle(),
        listeners(&[443]),
        attached(&["heifei-1", "heifei-2"]),
        Step::Release(TCP, 443),
        delete_service("second"),
        settle(),
        listeners(&[]),
        attached(&[]),
        Step::Is(Fact::There(0)),
    ];
    let first = vec![
        Step::Apply(daemon_set()),
        Step::Apply(sharing(SERVICE, &[(80, 80)])),
        Step::Apply(sharing("second", &[(443, 80)])),
    ];
    let names = [SERVICE, "second"].map(name_load_balancers).concat();
    scenario("shared-load-balancer", [first, names, steps].concat())
}

/// Two Services want one port: the first has it until it goes, then the other gets it (behaviour 6.6).
fn same_port() -> Scenario {
    let second = |pool: &str| format!("second-{pool}");
    let steps = [
        vec![
            Step::Apply(daemon_set()),
            Step::Apply(sharing(SERVICE, &[(80, 80)])),
        ],
        name_load_balancers(SERVICE),
        vec![
            settle(),
            Step::KeepServing(TCP, 80),
            Step::Apply(sharing("second", &[(80, 80), (443, 80)])),
        ],
        name_load_balancers("second"),
        vec![
            reason(&second(HEFEI), "ListenersReady", "ListenerConflict"),
            listeners(&[80, 443]),
            Step::Settle(Expect::Explained),
            Step::Release(TCP, 80),
            delete_service(SERVICE),
            settle(),
            listeners(&[80, 443]),
            delete_service("second"),
            settle(),
            listeners(&[]),
        ],
    ];
    scenario("same-port", steps.concat())
}

/// A listener of the person's is on a wanted port: it is left alone and named, and taken over when the person says so
/// (behaviour 6.5).
fn persons_listener() -> Scenario {
    let ports = [(80, 80), (443, 80)];
    let add = |port| Step::Console(Console::AddListener("lb-heifei".to_owned(), port));
    let steps = [
        vec![
            add(80),
            add(9000),
            Step::Apply(daemon_set()),
            Step::Apply(self_managed(json!({}), &ports)),
        ],
        name_load_balancers(SERVICE),
        vec![
            reason(&of(HEFEI), "ListenersReady", "ListenerConflict"),
            Step::Settle(Expect::Explained),
            listeners(&[80, 443, 9000]),
            Step::GiveUp("lb-heifei".to_owned(), TCP, 80),
            Step::Apply(self_managed(json!({ OVERRIDE: "true" }), &ports)),
            settle(),
            Step::Is(Fact::There(0)),
            delete_service(SERVICE),
            settle(),
            listeners(&[9000]),
            attached(&[]),
            Step::Console(Console::RemoveListener("lb-heifei".to_owned(), 9000)),
            listeners(&[]),
        ],
    ];
    scenario("persons-listener", steps.concat())
}

/// Edits of whose the load balancer is are refused while it serves (behaviour 4.9), and forgotten when put back.
fn another_id() -> Scenario {
    let name = |id: &str| annotate(&of(HEFEI), &json!({ ID: id }));
    let managed = |is: &str| {
        Step::Apply(self_managed(
            json!({ super::guide::MANAGED_BY_USER: is }),
            &[(80, 80)],
        ))
    };
    let steps = [
        vec![Step::Apply(daemon_set()), managed("true")],
        name_load_balancers(SERVICE),
        vec![
            settle(),
            Step::KeepServing(TCP, 80),
            name("lb-nobody"),
            reason(&of(HEFEI), "InSync", "ImmutableSetting"),
            name("lb-heifei"),
            reason(&of(HEFEI), "InSync", "AsExpected"),
            managed("false"),
            reason(&of(HEFEI), "InSync", "ImmutableSetting"),
            Step::Is(Fact::There(0)),
            managed("true"),
            settle(),
            Step::Release(TCP, 80),
            delete_service(SERVICE),
            settle(),
            listeners(&[]),
            attached(&[]),
        ],
    ];
    scenario("another-id", steps.concat())
}
