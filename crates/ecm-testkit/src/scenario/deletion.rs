//! The end of a Service in every order: whatever goes first, nothing is left and nothing is stuck (behaviour 8.4).

use std::time::Duration;

use serde_json::{Value, json};

use super::guide::{SERVICE, daemon_set, service};
use super::parts::{
    CHENGDU, HEFEI, annotate, delete, delete_pool, delete_pool_service, delete_service, end, label,
    life, made, of, scenario, serve, settle,
};
use super::{Console, Fact, Scenario, Step};

pub(super) fn all() -> Vec<Scenario> {
    vec![
        service_first(),
        pool_service_first(),
        pool_first(),
        label_first(),
        at_once(),
        in_the_making(),
        with_its_namespace(),
        retained(),
    ]
}

fn web() -> Value {
    service(json!({}), &[(80, 80)])
}

/// The Service goes, then the pools, while their PoolServices are on their way.
fn service_first() -> Scenario {
    let steps = vec![
        delete_service(SERVICE),
        delete_pool(HEFEI),
        delete_pool(CHENGDU),
        settle(),
        Step::Is(Fact::There(0)),
    ];
    scenario("delete-service-first", [serve(), steps].concat())
}

/// A PoolService that is still wanted is made again, with a load balancer of its own (behaviour 8.7).
fn pool_service_first() -> Scenario {
    let steps = vec![
        delete_pool_service(HEFEI),
        Step::Until(Fact::Made {
            load_balancers: 3,
            eips: 3,
        }),
        settle(),
        Step::Is(Fact::There(2)),
    ];
    life("delete-pool-service-first", steps)
}

/// A pool goes, and the other one goes on.
fn pool_first() -> Scenario {
    let steps = vec![
        delete_pool(HEFEI),
        settle(),
        Step::Until(Fact::NoPoolService(of(HEFEI))),
        Step::Is(Fact::There(1)),
        made(2),
    ];
    life("delete-pool-first", steps)
}

/// Labels slip, and before the grace is over the Service goes as well.
fn label_first() -> Scenario {
    let steps = vec![
        label(HEFEI, &json!(null)),
        label(CHENGDU, &json!("other")),
        Step::Pass(Duration::from_millis(300)),
    ];
    life("delete-label-first", steps)
}

/// Everything at once, as `kubectl delete -f` of a folder does.
fn at_once() -> Scenario {
    let steps = vec![
        delete_pool(CHENGDU),
        delete_pool_service(HEFEI),
        delete_pool_service(CHENGDU),
        delete_service(SERVICE),
        delete_pool(HEFEI),
        settle(),
        Step::Is(Fact::There(0)),
    ];
    scenario("delete-at-once", [serve(), steps].concat())
}

/// The Service goes while its load balancers are in the making, and comes back while they are released.
fn in_the_making() -> Scenario {
    let steps = vec![
        Step::Apply(daemon_set()),
        Step::Apply(web()),
        Step::Pass(Duration::from_millis(400)),
        delete_service(SERVICE),
        settle(),
        Step::Is(Fact::There(0)),
        Step::Apply(web()),
        settle(),
        Step::Is(Fact::There(2)),
    ];
    scenario("delete-in-the-making", [steps, end()].concat())
}

/// A namespace goes with all that is in it.
fn with_its_namespace() -> Scenario {
    let within = |mut object: Value| {
        object["metadata"]["namespace"] = json!("shop");
        Step::Apply(object)
    };
    let steps = vec![
        Step::Apply(json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "shop" },
        })),
        within(daemon_set()),
        within(web()),
        settle(),
        made(2),
        delete("v1", "Namespace", "shop"),
        Step::Until(Fact::NoPoolService(of(HEFEI))),
        Step::Until(Fact::NoPoolService(of(CHENGDU))),
        settle(),
        Step::Is(Fact::There(0)),
    ];
    scenario("delete-namespace", steps)
}

/// `retain` leaves what was made to a person, of one pool here (behaviour 8.2).
fn retained() -> Scenario {
    let steps = vec![
        annotate(
            &of(HEFEI),
            &json!({ "ecm.alibabacloud.com/deletion-policy": "retain" }),
        ),
        Step::Pass(Duration::from_millis(500)),
        delete_service(SERVICE),
        Step::Until(Fact::NoPoolService(of(HEFEI))),
        Step::Until(Fact::NoPoolService(of(CHENGDU))),
        Step::Is(Fact::There(1)),
        Step::Console(Console::Clear),
        settle(),
        made(2),
    ];
    scenario("retain", [serve(), steps].concat())
}
