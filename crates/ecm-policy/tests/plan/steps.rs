//! What a step is about, as the executor asks it.

use crate::key;
use crate::model;
use ecm_policy::backends::Backend;
use ecm_policy::listeners::Protocol;
use ecm_policy::plan::Step;

fn add(ids: &[&str]) -> Step {
    let server = |id: &&str| Backend {
        server_id: (*id).to_owned(),
        node: format!("node of {id}"),
        weight: 100,
    };
    Step::AddBackends {
        load_balancer: "lb-1".into(),
        servers: ids.iter().map(server).collect(),
    }
}

fn observed(ids: &[&str]) -> Vec<ecm_policy::observed::Backend> {
    ids.iter().map(|id| model::backend(id, 0)).collect()
}

fn set(ids: &[&str]) -> Step {
    Step::SetWeights {
        load_balancer: "lb-1".into(),
        servers: observed(ids),
    }
}

fn remove(ids: &[&str]) -> Step {
    Step::RemoveBackends {
        load_balancer: "lb-1".into(),
        servers: observed(ids),
    }
}

fn start() -> Step {
    Step::StartListener {
        load_balancer: "lb-1".into(),
        key: key(80, Protocol::Tcp),
    }
}

#[test]
fn rule_7_5_a_batch_is_split_by_its_servers_and_never_left_empty() {
    for of in [add, set, remove] {
        let whole = of(&["i-1", "i-2", "i-3"]);
        assert_eq!(whole.server_count(), Some(3));
        let mut asked = Vec::new();
        let rest = whole.clone().with_servers(|id, _| {
            asked.push(id.to_owned());
            id != "i-2"
        });
        assert_eq!(asked, ["i-1", "i-2", "i-3"]);
        assert_eq!(rest, Some(of(&["i-1", "i-3"])));
        assert_eq!(whole.with_servers(|_, _| false), None);
    }
}

#[test]
fn a_step_that_is_not_about_servers_is_not_split() {
    assert_eq!(start().server_count(), None);
    assert_eq!(start().with_servers(|_, _| false), Some(start()));
}

#[test]
fn the_weight_is_asked_for_with_the_server() {
    let mut asked = Vec::new();
    let mut note = |_: &str, weight| {
        asked.push(weight);
        true
    };
    assert!(add(&["i-1"]).with_servers(&mut note).is_some());
    assert!(set(&["i-1"]).with_servers(&mut note).is_some());
    assert_eq!(asked, [100, 0]);
}

#[test]
fn rule_4_3_lists_show_load_balancers_and_eips_and_nothing_on_them() {
    let id = || "x".to_owned();
    for step in [
        Step::ActivateLoadBalancer { id: id() },
        Step::ReleaseLoadBalancer {
            id: id(),
            is_active: true,
        },
        Step::UnbindEip { id: id() },
        Step::ReleaseEip { id: id() },
    ] {
        assert!(step.shows_in_lists(), "{step}");
    }
    for step in [start(), add(&["i-1"]), set(&["i-1"]), remove(&["i-1"])] {
        assert!(!step.shows_in_lists(), "{step}");
    }
}
