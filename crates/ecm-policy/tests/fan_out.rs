//! The fan-out on whatever a cluster may hold: it ends in quiet, in any order, and touches nothing
//! of anybody else's.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests stop where a test fails"
)]

use std::collections::BTreeMap;

use ecm_policy::aggregate::Ingress;
use ecm_policy::fan_out::{
    Claim, Config, Finalizer, Plan, Pool, PoolService, Service, View, claim, plan,
};
use ecm_policy::snapshot::ObjectKey;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use poolservice_api::keys::{MANAGED_BY, MANAGED_BY_FAN_OUT, POOL_NAME, SERVICE_NAME};
use proptest::prelude::*;
use proptest::sample::select;

const CLASS: &str = "alibabacloud.com/elb";
const POOLS: [&str; 4] = ["a", "b", "c", "b-c"];

fn config() -> Config {
    Config {
        load_balancer_class: CLASS.to_owned(),
        pool_api_version: "apps.openyurt.io/v1beta2".to_owned(),
        unmatch_grace: 30,
    }
}

fn owner(kind: &str, name: &str, uid: &str, controls: bool) -> OwnerReference {
    OwnerReference {
        api_version: if kind == "Service" {
            "v1"
        } else {
            "apps.openyurt.io/v1beta2"
        }
        .to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: controls.then_some(true),
        block_owner_deletion: Some(true),
    }
}

fn service() -> impl Strategy<Value = Service> {
    let selector = select(&[
        None,
        Some(""),
        Some("tier=edge"),
        Some("!tier"),
        Some("tier in ("),
    ]);
    let kind = select(&["LoadBalancer", "LoadBalancer", "LoadBalancer", "ClusterIP"]);
    let class = select(&[Some(CLASS), Some(CLASS), Some(CLASS), Some("other"), None]);
    let published = prop::collection::vec(address(), 0..3);
    let kept = prop::collection::btree_map("(aggregated\\.)?[a-c]", "[x-z]", 0..4);
    (selector, kind, class, published, kept, any::<[bool; 2]>()).prop_map(
        |(selector, kind, class, ingress, annotations, [has_finalizer, deleting])| Service {
            key: ObjectKey::new("shop", "web"),
            uid: "web-uid".to_owned(),
            service_type: kind.to_owned(),
            load_balancer_class: class.map(str::to_owned),
            selector: selector.map(str::to_owned),
            load_balancer_ids: None,
            annotations,
            labels: BTreeMap::new(),
            has_finalizer,
            // Nothing without a finalizer is seen while it terminates.
            deleting: deleting && has_finalizer,
            ingress,
        },
    )
}

fn address() -> impl Strategy<Value = Ingress> {
    select(&["192.0.2.9", "192.0.2.10", "2001:db8::1", ""]).prop_map(|ip| Ingress {
        ip: (!ip.is_empty()).then(|| ip.to_owned()),
        hostname: ip.is_empty().then(|| "edge.example".to_owned()),
        ..Ingress::default()
    })
}

fn pools() -> impl Strategy<Value = Vec<Pool>> {
    let pool = (
        prop::sample::subsequence(POOLS.to_vec(), 0..=4),
        any::<[[bool; 2]; 4]>(),
    );
    pool.prop_map(|(names, of)| {
        let make = |(name, [is_edge, is_going]): (&str, [bool; 2])| Pool {
            name: name.to_owned(),
            uid: format!("{name}-uid"),
            labels: is_edge
                .then(|| ("tier".to_owned(), "edge".to_owned()))
                .into_iter()
                .collect(),
            deleting: is_going && name == "a",
        };
        names.into_iter().zip(of).map(make).collect()
    })
}

/// One that stands under the name for a pool, as somebody left it.
fn pool_service(pool: &'static str) -> impl Strategy<Value = Option<PoolService>> {
    let whose = select(&[
        "ours", "ours", "ours", "another", "nobody", "old", "stripped",
    ]);
    let class = select(&[Some(CLASS), Some(CLASS), Some("other"), None]);
    let made = (
        whose,
        class,
        any::<bool>(),
        prop::collection::vec(address(), 0..2),
        "[x-z]?",
    );
    let made = made.prop_map(move |(whose, class, deleting, ingress, value)| {
        let name = if whose == "another" { "web-b" } else { "web" };
        let labels = match whose {
            "nobody" | "stripped" => BTreeMap::new(),
            _ => [
                (SERVICE_NAME, name),
                (POOL_NAME, pool),
                (MANAGED_BY, MANAGED_BY_FAN_OUT),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        };
        let uid = if whose == "old" { "old-uid" } else { "web-uid" };
        let owners = match whose {
            "nobody" => Vec::new(),
            "another" => vec![owner("Service", "web-b", "web-b-uid", true)],
            _ => vec![
                owner("Service", "web", uid, true),
                owner("NodePool", pool, &format!("{pool}-uid"), false),
            ],
        };
        PoolService {
            name: format!("web-{pool}"),
            uid: format!("ps-{pool}-uid"),
            resource_version: "7".to_owned(),
            labels,
            owners,
            load_balancer_class: class.map(str::to_owned),
            deleting,
            ingress,
            aggregate_to_annotations: [("lb-id".to_owned(), value)].into(),
            aggregate_to_labels: BTreeMap::new(),
        }
    });
    prop::option::of(made)
}

fn view() -> impl Strategy<Value = View> {
    let [a, b, c, d] = POOLS.map(pool_service);
    (service(), pools(), (a, b, c, d)).prop_map(|(service, pools, (a, b, c, d))| View {
        key: service.key.clone(),
        service: Some(service),
        pools,
        pool_services: [a, b, c, d].into_iter().flatten().collect(),
        other_services: BTreeMap::from([("web-b".to_owned(), "web-b-uid".to_owned())]),
    })
}

/// What the API server makes of a plan: what is deleted is gone at once.
fn carried_out(view: &View, plan: Plan) -> View {
    let mut after = view.clone();
    let service = after.service.as_mut().unwrap();
    match plan.finalizer {
        Finalizer::Add => service.has_finalizer = true,
        Finalizer::Remove => service.has_finalizer = false,
        Finalizer::Keep => {}
    }
    if let Some(ingress) = plan.ingress {
        service.ingress = ingress;
    }
    for (map, changes) in [
        (&mut service.annotations, plan.annotations),
        (&mut service.labels, plan.labels),
    ] {
        for (key, value) in changes {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
    }
    after
        .pool_services
        .retain(|ps| plan.delete.iter().all(|gone| gone.uid != ps.uid));
    for repair in plan.repair {
        let ps = after
            .pool_services
            .iter_mut()
            .find(|ps| ps.uid == repair.uid)
            .unwrap();
        ps.labels.extend(repair.labels);
        ps.owners = repair.owners.unwrap_or_else(|| ps.owners.clone());
        if repair.load_balancer_class.is_some() {
            ps.load_balancer_class = repair.load_balancer_class;
        }
    }
    after
        .pool_services
        .extend(plan.create.into_iter().map(|new| PoolService {
            uid: format!("{}-new-uid", new.name),
            name: new.name,
            resource_version: "1".to_owned(),
            labels: new.labels,
            owners: new.owners,
            load_balancer_class: Some(new.load_balancer_class),
            deleting: false,
            ingress: Vec::new(),
            aggregate_to_annotations: BTreeMap::new(),
            aggregate_to_labels: BTreeMap::new(),
        }));
    // Whoever guards one that is being deleted lets go of it.
    after.pool_services.retain(|ps| !ps.deleting);
    after
}

/// Whether a plan writes anything.
fn writes(plan: &Plan) -> bool {
    plan.finalizer != Finalizer::Keep
        || !(plan.delete.is_empty() && plan.create.is_empty() && plan.repair.is_empty())
        || plan.ingress.is_some()
        || !(plan.annotations.is_empty() && plan.labels.is_empty())
}

/// A plan without the order of its parts.
fn in_order(mut plan: Plan) -> Plan {
    plan.delete.sort_by(|a, b| a.name.cmp(&b.name));
    plan.create.sort_by(|a, b| a.name.cmp(&b.name));
    plan.repair.sort_by(|a, b| a.name.cmp(&b.name));
    plan.events.sort_by(|a, b| a.message.cmp(&b.message));
    plan
}

proptest! {
    #[test]
    fn rule_2_2_the_order_in_which_objects_are_listed_does_not_matter(view in view()) {
        let mut turned = view.clone();
        turned.pools.reverse();
        turned.pool_services.reverse();
        let plan = |view: &View| in_order(plan(view, &config(), &BTreeMap::new(), 1_000));
        prop_assert_eq!(plan(&view), plan(&turned));
    }

    #[test]
    fn rule_9_2_a_plan_that_is_carried_out_leaves_nothing_to_write(view in view()) {
        let (mut view, mut unmatched, mut now) = (view, BTreeMap::new(), 1_000);
        for _ in 0..6 {
            let next = plan(&view, &config(), &unmatched, now);
            unmatched.clone_from(&next.unmatched_since);
            // As the controller does: no look before one is due.
            now += next.look_again_in.unwrap_or(1);
            let is_gone = view.service.as_ref().is_some_and(|s| s.deleting)
                && next.finalizer == Finalizer::Remove;
            view = carried_out(&view, next);
            if is_gone {
                return Ok(());
            }
        }
        let last = plan(&view, &config(), &unmatched, now);
        prop_assert!(!writes(&last), "{last:#?}\n{view:#?}");
        prop_assert!(!view.service.unwrap().deleting, "its finalizer stays for ever");
    }

    #[test]
    fn rule_2_1_nothing_is_written_that_is_somebody_else_s(view in view()) {
        let planned = plan(&view, &config(), &BTreeMap::new(), 1_000);
        let of = |name: &str| view.pool_services.iter().find(|ps| ps.name == name);
        for name in planned.delete.iter().map(|d| &d.name).chain(planned.repair.iter().map(|r| &r.name)) {
            prop_assert_eq!(claim(of(name).unwrap(), &view), Claim::Ours, "{}", name);
        }
        for new in &planned.create {
            prop_assert!(of(&new.name).is_none(), "{} is there", new.name);
        }
        for key in planned.annotations.keys().chain(planned.labels.keys()) {
            prop_assert!(key.starts_with("aggregated."), "{key}");
        }
    }
}
