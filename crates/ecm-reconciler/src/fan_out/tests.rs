use ecm_policy::snapshot::Pool;
use k8s_openapi::api::core::v1 as core;
use kube::runtime::events::Reporter;
use poolservice_api::keys;
use serde_json::{Value, json};

use super::*;
use crate::objects;
use crate::scripted::{self, Answer, Call, Calls};

const CLASS: &str = "alibabacloud.com/elb";
const SERVICE: &str = "/api/v1/namespaces/shop/services/web";
const POOL_SERVICES: &str = "/apis/network.openyurt.io/v1alpha1/namespaces/shop/poolservices";

fn service(over: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "namespace": "shop", "name": "web", "uid": "web-uid", "resourceVersion": "5",
            "annotations": { keys::NODE_POOL_SELECTOR: "tier=edge" },
            "finalizers": [keys::SERVICE_FINALIZER],
        },
        "spec": { "type": "LoadBalancer", "loadBalancerClass": CLASS },
    });
    json_patch::merge(&mut object, over);
    object
}

/// The PoolService of the Service in a pool, as the fan-out makes it.
fn ps(pool: &str, over: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "network.openyurt.io/v1alpha1", "kind": "PoolService",
        "metadata": {
            "namespace": "shop", "name": format!("web-{pool}"), "uid": format!("{pool}-ps-uid"),
            "resourceVersion": "7",
            "labels": {
                keys::SERVICE_NAME: "web", keys::POOL_NAME: pool,
                keys::MANAGED_BY: keys::MANAGED_BY_FAN_OUT,
            },
            "ownerReferences": [
                { "apiVersion": "v1", "kind": "Service", "name": "web", "uid": "web-uid",
                  "controller": true, "blockOwnerDeletion": true },
                { "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool", "name": pool,
                  "uid": format!("{pool}-uid"), "blockOwnerDeletion": true },
            ],
        },
        "spec": { "loadBalancerClass": CLASS },
    });
    json_patch::merge(&mut object, over);
    object
}

fn list(items: &[Value]) -> Value {
    json!({ "kind": "List", "apiVersion": "v1", "metadata": {}, "items": items })
}

/// A controller whose index holds these objects.
fn fan_out(
    services: &[Value],
    pools: &[&str],
    pool_services: &[Value],
    leadership: Leadership,
    answer: impl Fn(&Call) -> Answer + Send + Sync + 'static,
) -> (FanOut, Calls) {
    let (client, calls) = scripted::client(answer);
    let mut index = Index::new(CLASS);
    let service = |object: &Value| serde_json::from_value::<core::Service>(object.clone()).unwrap();
    index.reset_services(
        services
            .iter()
            .map(|s| objects::Service::from(&service(s)))
            .collect(),
    );
    index.reset_pools(
        pools
            .iter()
            .map(|name| Pool {
                name: (*name).to_owned(),
                uid: format!("{name}-uid"),
                labels: [("tier".to_owned(), "edge".to_owned())].into(),
                annotations: BTreeMap::new(),
                deleting: false,
            })
            .collect(),
    );
    let ps = |object: &Value| {
        serde_json::from_value::<poolservice_api::PoolService>(object.clone()).unwrap()
    };
    index.reset_pool_services(
        pool_services
            .iter()
            .map(|p| objects::PoolService::from(&ps(p)))
            .collect(),
    );
    let clock = Clock::new(|| jiff::Timestamp::UNIX_EPOCH);
    let reporter = Reporter {
        controller: "test".to_owned(),
        instance: None,
    };
    let (notifier, _) = Notifier::new(client.clone(), reporter, clock.clone());
    let fan_out = FanOut::new(Parts {
        client,
        index: Arc::new(Mutex::new(index)),
        notifier,
        clock,
        leadership,
        config: Config {
            load_balancer_class: CLASS.to_owned(),
            pool_api_version: "apps.openyurt.io/v1beta2".to_owned(),
            unmatch_grace: 30,
        },
    });
    (fan_out, calls)
}

async fn sync(fan_out: &FanOut) -> Result<Next, FanOutError> {
    fan_out.sync(ObjectKey::new("shop", "web")).await
}

/// An API server that has what the test says and accepts every write.
fn server(service: Value, pool_services: Vec<Value>) -> impl Fn(&Call) -> Answer {
    move |call| match call.what.split_once(' ').unwrap() {
        ("GET", SERVICE) => Answer::Object(service.clone()),
        ("GET", POOL_SERVICES) => Answer::Object(list(&pool_services)),
        ("GET", _) => Answer::Refuse(404, "NotFound"),
        ("PATCH", path) if path.starts_with(SERVICE) => Answer::Object(service.clone()),
        ("DELETE", _) => {
            Answer::Object(json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }))
        }
        _ => Answer::Object(ps("hefei", &json!({}))),
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_when_nothing_changed() {
    let (fan_out, calls) = fan_out(
        &[service(&json!({}))],
        &["hefei"],
        &[ps("hefei", &json!({}))],
        Leadership::sole_replica(),
        server(service(&json!({})), Vec::new()),
    );
    assert_eq!(sync(&fan_out).await.unwrap(), Next::Wait);
    assert!(calls.all().is_empty(), "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn the_finalizer_is_on_before_the_first_pool_service() {
    let bare = service(&json!({ "metadata": { "finalizers": null } }));
    let (fan_out, calls) = fan_out(
        std::slice::from_ref(&bare),
        &["chengdu", "hefei"],
        &[],
        Leadership::sole_replica(),
        server(bare.clone(), Vec::new()),
    );
    assert_eq!(sync(&fan_out).await.unwrap(), Next::Wait);
    assert_eq!(
        calls.paths(),
        [
            format!("GET {SERVICE}"),
            format!("PATCH {SERVICE}"),
            format!("POST {POOL_SERVICES}"),
            format!("POST {POOL_SERVICES}"),
        ]
    );
    assert_eq!(
        calls.body(&format!("PATCH {SERVICE}")),
        json!([
            { "op": "test", "path": "/metadata/uid", "value": "web-uid" },
            { "op": "test", "path": "/metadata/finalizers", "value": null },
            { "op": "add", "path": "/metadata/finalizers", "value": [keys::SERVICE_FINALIZER] },
        ])
    );
    let posted = calls.all().pop().unwrap().body;
    assert_eq!(posted["metadata"]["name"], "web-hefei");
    assert_eq!(posted["spec"]["loadBalancerClass"], CLASS);
}

#[tokio::test(start_paused = true)]
async fn without_the_finalizer_nothing_is_made() {
    let bare = service(&json!({ "metadata": { "finalizers": ["other/one"] } }));
    let live = bare.clone();
    let (fan_out, calls) = fan_out(
        &[bare],
        &["hefei"],
        &[],
        Leadership::sole_replica(),
        move |call: &Call| {
            if call.what.starts_with("GET") {
                Answer::Object(live.clone())
            } else {
                // Somebody changed the finalizers in between: a `test` does not hold.
                Answer::Refuse(422, "Invalid")
            }
        },
    );
    assert_eq!(sync(&fan_out).await.unwrap(), Next::LookAgain(SOON));
    assert_eq!(calls.paths().len(), 2, "{calls:?}");
    let patch = calls.body(&format!("PATCH {SERVICE}"));
    assert_eq!(patch[1]["value"], json!(["other/one"]));
    assert_eq!(patch[2]["path"], "/metadata/finalizers/-");
}

// rule_2_4
#[tokio::test(start_paused = true)]
async fn b10_the_finalizer_stays_while_a_live_list_shows_a_pool_service() {
    let going = service(&json!({ "metadata": {
        "deletionTimestamp": "2026-01-01T00:00:00Z",
        "finalizers": ["other/one", keys::SERVICE_FINALIZER],
    } }));
    // The cache has not heard of it: one by label, one by owner alone.
    let unlabelled = ps("hefei", &json!({ "metadata": { "labels": null } }));
    for live in [ps("hefei", &json!({})), unlabelled] {
        let (fan_out, calls) = fan_out(
            std::slice::from_ref(&going),
            &["hefei"],
            &[],
            Leadership::sole_replica(),
            server(going.clone(), vec![live]),
        );
        assert_eq!(sync(&fan_out).await.unwrap(), Next::LookAgain(SOON));
        assert!(
            calls.paths().iter().all(|call| call.starts_with("GET")),
            "{calls:?}"
        );
    }
    // One of another Service does not hold it up.
    let others = ps(
        "hefei",
        &json!({ "metadata": {
        "name": "web-api-hefei", "labels": { keys::SERVICE_NAME: "web-api" },
        "ownerReferences": null,
    } }),
    );
    let (fan_out, calls) = fan_out(
        std::slice::from_ref(&going),
        &["hefei"],
        &[],
        Leadership::sole_replica(),
        server(going.clone(), vec![others]),
    );
    assert_eq!(sync(&fan_out).await.unwrap(), Next::Wait);
    assert_eq!(
        calls.body(&format!("PATCH {SERVICE}")),
        json!([
            { "op": "test", "path": "/metadata/uid", "value": "web-uid" },
            { "op": "test", "path": "/metadata/finalizers/1", "value": keys::SERVICE_FINALIZER },
            { "op": "remove", "path": "/metadata/finalizers/1" },
        ])
    );
}

#[tokio::test(start_paused = true)]
async fn the_finalizer_stays_when_the_service_is_wanted_again() {
    let left = service(&json!({ "spec": { "type": "ClusterIP", "loadBalancerClass": null } }));
    let (fan_out, calls) = fan_out(
        &[left],
        &[],
        &[],
        Leadership::sole_replica(),
        server(service(&json!({})), Vec::new()),
    );
    assert_eq!(sync(&fan_out).await.unwrap(), Next::LookAgain(SOON));
    assert_eq!(calls.paths(), [format!("GET {SERVICE}")]);
}

#[tokio::test(start_paused = true)]
async fn a_delete_names_the_object_that_was_seen() {
    let going = service(&json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }));
    for (answer, next) in [
        (Answer::Object as fn(Value) -> Answer, Next::Wait),
        (|_| Answer::Refuse(404, "NotFound"), Next::Wait),
        (|_| Answer::Refuse(409, "Conflict"), Next::LookAgain(SOON)),
    ] {
        let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" });
        let (fan_out, calls) = fan_out(
            std::slice::from_ref(&going),
            &["hefei"],
            &[ps("hefei", &json!({}))],
            Leadership::sole_replica(),
            move |_: &Call| answer(status.clone()),
        );
        assert_eq!(sync(&fan_out).await.unwrap(), next);
        let body = calls.body(&format!("DELETE {POOL_SERVICES}/web-hefei"));
        assert_eq!(body["preconditions"], json!({ "uid": "hefei-ps-uid" }));
    }
}

fn node_pool(tier: &str) -> Value {
    json!({
        "apiVersion": "apps.openyurt.io/v1beta2", "kind": "NodePool",
        "metadata": { "name": "hefei", "labels": { "tier": tier } },
    })
}

/// What a sync with `grace` writes for Service `web`, whose PoolService `web-hefei` publishes an
/// address, when the cache shows one thing and the API server another.
async fn deletes(cached: (Value, &str), live: (Option<Value>, Option<Value>)) -> Vec<String> {
    let serving = ps(
        "hefei",
        &json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "1.2.3.4" }] } } }),
    );
    let (service, pool) = cached;
    let (mut fan_out, calls) = fan_out(
        &[service],
        &[],
        &[serving],
        Leadership::sole_replica(),
        move |call: &Call| {
            let found = |object: &Option<Value>| match object {
                Some(object) => Answer::Object(object.clone()),
                None => Answer::Refuse(404, "NotFound"),
            };
            match call.what.split_once(' ').unwrap() {
                ("GET", SERVICE) => found(&live.0),
                ("GET", _) => found(&live.1),
                ("DELETE", _) => Answer::Object(
                    json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }),
                ),
                _ => Answer::Object(live.0.clone().unwrap()),
            }
        },
    );
    fan_out.config.unmatch_grace = 0;
    if !pool.is_empty() {
        let pool = serde_json::from_value(node_pool(pool)).unwrap();
        let mut index = fan_out.index.lock().unwrap();
        index.reset_pools(vec![objects::pool(&pool)]);
    }
    sync(&fan_out).await.unwrap();
    let writes = calls.paths().into_iter().filter(|p| !p.starts_with("GET"));
    writes.collect()
}

#[tokio::test(start_paused = true)]
async fn rule_7_8_what_only_the_cache_shows_costs_no_load_balancer_and_no_address() {
    let published = json!({
        "status": { "loadBalancer": { "ingress": [{ "ip": "1.2.3.4", "ipMode": "VIP" }] } }
    });
    let right = service(&published);
    let over = |over: Value| {
        let mut object = right.clone();
        json_patch::merge(&mut object, &over);
        object
    };
    let selecting = |text: &str| {
        over(json!({ "metadata": { "annotations": { keys::NODE_POOL_SELECTOR: text } } }))
    };
    let unselected = selecting("tier=cloud");
    let lost = over(json!({ "metadata": { "annotations": { keys::NODE_POOL_SELECTOR: null } } }));
    let other_type = over(json!({ "spec": { "type": "ClusterIP", "loadBalancerClass": null } }));
    let edge = Some(node_pool("edge"));
    for (what, cached, live) in [
        ("a pool that is there", (&right, ""), (Some(&right), &edge)),
        ("a pool's label", (&right, "cloud"), (Some(&right), &edge)),
        ("the selector", (&unselected, "edge"), (Some(&right), &edge)),
        ("a lost selector", (&lost, "edge"), (Some(&right), &edge)),
        ("a type", (&other_type, "edge"), (Some(&right), &edge)),
        (
            "a selector that does not parse",
            (&unselected, "edge"),
            (Some(&selecting("in (")), &edge),
        ),
    ] {
        let (service, pool) = cached;
        let live = (live.0.cloned(), live.1.clone());
        let writes = deletes((service.clone(), pool), live).await;
        assert!(writes.is_empty(), "{what}: {writes:?}");
    }
    // What the API server shows as well is carried out.
    for (what, cached, live) in [
        ("a pool that is gone", (&right, ""), (Some(&right), None)),
        (
            "a pool's label",
            (&right, "cloud"),
            (Some(&right), Some(node_pool("cloud"))),
        ),
        (
            "the selector",
            (&unselected, "edge"),
            (Some(&unselected), edge.clone()),
        ),
        (
            "a type",
            (&other_type, "edge"),
            (Some(&other_type), edge.clone()),
        ),
    ] {
        let (service, pool) = cached;
        let live = (live.0.cloned(), live.1);
        let writes = deletes((service.clone(), pool), live).await;
        let delete = format!("DELETE {POOL_SERVICES}/web-hefei");
        assert!(writes.contains(&delete), "{what}: {writes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repair_touches_what_drifted_and_nothing_newer() {
    let drifted = ps(
        "hefei",
        &json!({
            "metadata": {
                "labels": { keys::POOL_NAME: "elsewhere" },
                "annotations": { "mine": "kept" },
            },
            "spec": { "loadBalancerClass": "other" },
        }),
    );
    let (fan_out, calls) = fan_out(
        &[service(&json!({}))],
        &["hefei"],
        &[drifted],
        Leadership::sole_replica(),
        server(service(&json!({})), Vec::new()),
    );
    assert_eq!(sync(&fan_out).await.unwrap(), Next::Wait);
    assert_eq!(
        calls.body(&format!("PATCH {POOL_SERVICES}/web-hefei")),
        json!({
            "metadata": {
                "uid": "hefei-ps-uid", "resourceVersion": "7",
                "labels": { keys::POOL_NAME: "hefei" },
            },
            "spec": { "loadBalancerClass": CLASS },
        })
    );
}

#[tokio::test(start_paused = true)]
async fn b9_status_and_annotations_are_patched_without_touching_anything_else() {
    let serving = ps(
        "hefei",
        &json!({ "status": {
        "loadBalancer": { "ingress": [{ "ip": "1.2.3.4" }] },
        "aggregateToAnnotations": { "lb-id": "lb-1" },
    } }),
    );
    let stale =
        service(&json!({ "metadata": { "annotations": { "aggregated.eip-id": "eip-0" } } }));
    let (fan_out, calls) = fan_out(
        std::slice::from_ref(&stale),
        &["hefei"],
        &[serving],
        Leadership::sole_replica(),
        server(stale.clone(), Vec::new()),
    );
    assert_eq!(sync(&fan_out).await.unwrap(), Next::Wait);
    assert_eq!(
        calls.body(&format!("PATCH {SERVICE}/status")),
        json!({
            "metadata": { "uid": "web-uid" },
            "status": { "loadBalancer": { "ingress": [{ "ip": "1.2.3.4" }] } },
        })
    );
    assert_eq!(
        calls.body(&format!("PATCH {SERVICE}"))["metadata"]["annotations"],
        json!({ "aggregated.eip-id": null, "aggregated.lb-id": "lb-1" })
    );
}

#[tokio::test(start_paused = true)]
async fn one_pool_that_fails_does_not_stop_the_others() {
    let (fan_out, calls) = fan_out(
        &[service(&json!({}))],
        &["chengdu", "hefei"],
        &[],
        Leadership::sole_replica(),
        |call: &Call| match call.body["metadata"]["name"].as_str() {
            Some("web-chengdu") => Answer::Refuse(403, "Forbidden"),
            _ => Answer::Object(ps("hefei", &json!({}))),
        },
    );
    let error = sync(&fan_out).await.unwrap_err();
    assert_eq!(error.to_string(), "creating PoolService shop/web-chengdu");
    assert_eq!(calls.paths().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_that_exists_already_is_looked_at_again() {
    let (fan_out, _) = fan_out(
        &[service(&json!({}))],
        &["hefei"],
        &[],
        Leadership::sole_replica(),
        |_: &Call| Answer::Refuse(409, "AlreadyExists"),
    );
    assert_eq!(sync(&fan_out).await.unwrap(), Next::LookAgain(SOON));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_does_not_lead_writes_nothing() {
    let (fan_out, calls) = fan_out(
        &[service(&json!({}))],
        &["hefei"],
        &[],
        Leadership::new(|| false),
        server(service(&json!({})), Vec::new()),
    );
    assert!(matches!(
        sync(&fan_out).await,
        Err(FanOutError::NotLeading(_))
    ));
    assert!(calls.all().is_empty());
}

#[tokio::test(start_paused = true)]
async fn b15_an_api_server_that_does_not_answer_holds_a_worker_for_the_deadline_only() {
    let (fan_out, _) = fan_out(
        &[service(&json!({}))],
        &["hefei"],
        &[],
        Leadership::sole_replica(),
        |_: &Call| Answer::Silence,
    );
    let started = tokio::time::Instant::now();
    let error = sync(&fan_out).await.unwrap_err();
    assert!(
        matches!(
            error,
            FanOutError::Create {
                source: CallError::Deadline,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(started.elapsed(), crate::deadline::CALL);
}

// rule_2_7
#[tokio::test(start_paused = true)]
async fn b14_that_no_pool_matches_is_not_said_at_every_look() {
    let (fan_out, calls) = fan_out(
        &[service(&json!({}))],
        &[],
        &[],
        Leadership::sole_replica(),
        server(service(&json!({})), Vec::new()),
    );
    for _ in 0..3 {
        assert_eq!(sync(&fan_out).await.unwrap(), Next::Wait);
    }
    // Nobody writes events here: each that is said counts as dropped.
    assert_eq!(fan_out.notifier.dropped(), 1);
    assert!(calls.all().is_empty(), "{calls:?}");
}
