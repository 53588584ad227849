//! Names that are longer than the cloud takes when it makes a load balancer.

use serde_json::json;

use super::guide::{daemon_set, service};
use super::parts::{CHENGDU, HEFEI, delete_service, made, named, scenario, settle};
use super::{Elb, Fact, Scenario, Step};
use crate::sandbox::CLUSTER_ID;

/// As long as a Service's name may be (63 characters, RFC 1035 label) without the PoolServices' becoming too long.
const LONG: &str = "a-service-whose-name-alone-takes-most-of-what-a-name-may-be";

pub(super) fn all() -> Vec<Scenario> {
    vec![long_names()]
}

/// Made under a short name, renamed to the whole one, changed and released under that (behaviour 5.1).
fn long_names() -> Scenario {
    let of = |pool: &str| Elb::Of(format!("{LONG}-{pool}"));
    let is_whole = |pool: &str| {
        let name = format!("k8s/{LONG}/default/{pool}/{CLUSTER_ID}");
        Step::Until(Fact::Name(of(pool), name))
    };
    let service = |ports: &[(u16, u16)]| Step::Apply(named(service(json!({}), ports), LONG));
    let steps = vec![
        Step::Apply(daemon_set()),
        service(&[(80, 80)]),
        settle(),
        is_whole(HEFEI),
        is_whole(CHENGDU),
        service(&[(80, 80), (443, 80)]),
        settle(),
        made(2),
        delete_service(LONG),
        settle(),
        Step::Is(Fact::There(0)),
    ];
    scenario("long-names", steps)
}
