use super::*;
use crate::snapshot::ObjectKey;

mod conformance;
mod weaknesses;

const CLASS: &str = "alibabacloud.com/elb";

fn config() -> Config {
    Config {
        load_balancer_class: CLASS.to_owned(),
        pool_api_version: "apps.openyurt.io/v1beta2".to_owned(),
        unmatch_grace: 30,
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn service() -> Service {
    Service {
        key: ObjectKey::new("default", "test"),
        uid: "service-uid".to_owned(),
        service_type: "LoadBalancer".to_owned(),
        load_balancer_class: Some(CLASS.to_owned()),
        selector: Some("app=deploy".to_owned()),
        load_balancer_ids: None,
        annotations: BTreeMap::new(),
        labels: BTreeMap::new(),
        has_finalizer: true,
        deleting: false,
        ingress: Vec::new(),
    }
}

fn pool(name: &str) -> Pool {
    Pool {
        name: name.to_owned(),
        uid: format!("{name}-uid"),
        labels: map(&[("app", "deploy")]),
        deleting: false,
    }
}

/// The PoolService of the Service in a pool, as the fan-out makes it.
fn ps(pool_name: &str) -> PoolService {
    let (service, pool) = (service(), pool(pool_name));
    PoolService {
        name: format!("test-{pool_name}"),
        uid: format!("ps-{pool_name}-uid"),
        resource_version: "7".to_owned(),
        labels: labels(&service, &pool),
        owners: owners::wanted(&service, &pool, &config().pool_api_version),
        load_balancer_class: Some(CLASS.to_owned()),
        deleting: false,
        ingress: Vec::new(),
        aggregate_to_annotations: BTreeMap::new(),
        aggregate_to_labels: BTreeMap::new(),
    }
}

fn at(ip: &str) -> Ingress {
    Ingress {
        ip: Some(ip.to_owned()),
        ..Ingress::default()
    }
}

fn view(
    service: Service,
    pools: impl IntoIterator<Item = Pool>,
    pool_services: impl IntoIterator<Item = PoolService>,
) -> View {
    View {
        key: service.key.clone(),
        service: Some(service),
        pools: pools.into_iter().collect(),
        pool_services: pool_services.into_iter().collect(),
        other_services: BTreeMap::new(),
    }
}

fn planned(view: &View) -> Plan {
    let plan = plan(view, &config(), &BTreeMap::new(), 1000);
    for event in &plan.events {
        let known = crate::events::of(event.reason);
        assert_eq!(known.map(|known| known.is_warning), Some(event.warning));
    }
    plan
}

fn reasons(plan: &Plan) -> Vec<Reason> {
    plan.events.iter().map(|event| event.reason).collect()
}

fn created(plan: &Plan) -> Vec<&str> {
    plan.create.iter().map(|new| new.name.as_str()).collect()
}

fn deleted(plan: &Plan) -> Vec<(&str, Cause)> {
    plan.delete
        .iter()
        .map(|deletion| (deletion.name.as_str(), deletion.cause))
        .collect()
}

/// Nothing to write and nothing to say.
fn assert_quiet(plan: &Plan) {
    assert_eq!(*plan, Plan::default());
}

// rule_2_8
#[test]
fn a_slip_of_a_label_that_is_put_back_costs_nothing() {
    let lost = Pool {
        labels: BTreeMap::new(),
        ..pool("np123")
    };
    let mut slip = view(service(), [lost], [ps("np123")]);
    let waiting = planned(&slip).unmatched_since;
    slip.pools = vec![pool("np123")];
    assert_quiet(&plan(&slip, &config(), &waiting, 1010));
    // The next slip has a whole grace of its own.
    slip.pools[0].labels.clear();
    let again = plan(&slip, &config(), &BTreeMap::new(), 2000);
    assert_eq!((deleted(&again), again.look_again_in), (vec![], Some(30)));
}

#[test]
fn without_grace_a_pool_service_goes_at_once() {
    let config = Config {
        unmatch_grace: 0,
        ..config()
    };
    let lost = Pool {
        labels: BTreeMap::new(),
        ..pool("np123")
    };
    let plan = plan(
        &view(service(), [lost], [ps("np123")]),
        &config,
        &BTreeMap::new(),
        1000,
    );
    assert_eq!(deleted(&plan), [("test-np123", Cause::NoLongerSelected)]);
}

#[test]
fn a_clock_that_was_put_back_does_not_prolong_the_grace() {
    let lost = Pool {
        labels: BTreeMap::new(),
        ..pool("np123")
    };
    let since = [("ps-np123-uid".to_owned(), 5000)].into();
    let plan = plan(
        &view(service(), [lost], [ps("np123")]),
        &config(),
        &since,
        1000,
    );
    assert_eq!(plan.look_again_in, Some(30));
}

#[test]
fn the_api_version_of_an_owner_is_no_drift() {
    let mut older = ps("np123");
    older.owners[1].api_version = "apps.openyurt.io/v1beta1".to_owned();
    older.owners.reverse();
    assert_quiet(&planned(&view(service(), [pool("np123")], [older])));
}

#[test]
fn a_pool_service_that_terminates_is_made_again_when_it_is_gone() {
    let going = PoolService {
        deleting: true,
        ingress: vec![at("1.2.3.4")],
        load_balancer_class: None,
        ..ps("np123")
    };
    let service = Service {
        ingress: vec![at("1.2.3.4")],
        ..service()
    };
    let plan = planned(&view(service.clone(), [pool("np123")], [going]));
    assert!(plan.create.is_empty() && plan.repair.is_empty() && plan.delete.is_empty());
    assert_eq!(plan.ingress, Some(vec![]), "its address is about to end");
    assert_eq!(
        created(&planned(&view(service, [pool("np123")], []))),
        ["test-np123"]
    );
}

#[test]
fn a_service_of_another_class_is_somebody_elses() {
    let foreign = Service {
        load_balancer_class: Some("other".to_owned()),
        ingress: vec![at("9.9.9.9")],
        annotations: map(&[("aggregated.lb-id", "theirs")]),
        ..service()
    };
    let theirs = PoolService {
        load_balancer_class: Some("other".to_owned()),
        ..ps("np123")
    };
    assert_quiet(&planned(&view(foreign.clone(), [pool("np123")], [theirs])));
    assert_quiet(&planned(&view(foreign.clone(), [pool("np123")], [])));
    // One that was ours before the class changed goes.
    let plan = planned(&view(foreign, [pool("np123")], [ps("np123")]));
    assert_eq!(deleted(&plan), [("test-np123", Cause::ServiceChanged)]);
}

#[test]
fn rule_3_6_a_load_balancer_for_a_pool_that_is_not_selected_is_told() {
    let mut named = service();
    named.load_balancer_ids = Some("hangzhou=lb-1,hangzou=lb-2".to_owned());
    let (mut other, mut going) = (pool("shanghai"), pool("hangzou"));
    other.labels.clear();
    going.deleting = true;
    let pools = [pool("hangzhou"), other, going];
    let told = |service: &Service| {
        let view = view(service.clone(), pools.clone(), [ps("hangzhou")]);
        let events = plan(&view, &config(), &BTreeMap::new(), 1000).events;
        let mut all = events.into_iter();
        all.find(|event| event.reason == Reason::PoolNotSelected)
    };
    let event = told(&named).unwrap();
    assert!(event.warning);
    assert!(
        event.message.contains("NodePool hangzou,"),
        "{}",
        event.message
    );
    assert!(
        event.message.ends_with("selects hangzhou"),
        "{}",
        event.message
    );
    for right in [None, Some("hangzhou=lb-1"), Some("no list")] {
        named.load_balancer_ids = right.map(str::to_owned);
        assert_eq!(told(&named), None, "{right:?}");
    }
}

#[test]
fn what_outlived_its_service_goes_after_the_grace() {
    let mut orphan = view(service(), [pool("np123")], [ps("np123")]);
    orphan.service = None;
    let first = planned(&orphan);
    assert_eq!((deleted(&first), first.look_again_in), (vec![], Some(30)));
    let end = plan(&orphan, &config(), &first.unmatched_since, 1030);
    assert_eq!(deleted(&end), [("test-np123", Cause::ServiceGone)]);

    // One that a person made for a load balancer of their own stays.
    orphan.pool_services[0].owners.clear();
    assert_quiet(&plan(&orphan, &config(), &first.unmatched_since, 1030));
}

#[test]
fn a_plan_that_is_carried_out_leaves_nothing_to_do() {
    let mut view = view(
        Service {
            has_finalizer: false,
            ..service()
        },
        [pool("np1"), pool("np2")],
        [PoolService {
            load_balancer_class: None,
            owners: Vec::new(),
            ingress: vec![at("1.2.3.4")],
            aggregate_to_annotations: map(&[("region", "cn-hefei")]),
            ..ps("np1")
        }],
    );
    let first = planned(&view);
    let service = view.service.as_mut().unwrap();
    assert_eq!(first.finalizer, Finalizer::Add);
    service.has_finalizer = true;
    service.ingress = first.ingress.unwrap();
    for (key, value) in first.annotations {
        service.annotations.insert(key, value.unwrap());
    }
    for repair in first.repair {
        let ps = &mut view.pool_services[0];
        ps.labels.extend(repair.labels);
        ps.owners = repair.owners.unwrap();
        ps.load_balancer_class = repair.load_balancer_class;
    }
    for new in first.create {
        view.pool_services.push(PoolService {
            name: new.name,
            labels: new.labels,
            owners: new.owners,
            load_balancer_class: Some(new.load_balancer_class),
            ..ps("np2")
        });
    }
    assert_quiet(&planned(&view));
}
