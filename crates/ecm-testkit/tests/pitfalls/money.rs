//! Data loss and money.

use super::*;

#[tokio::test(start_paused = true)]
async fn pitfall_01_a_persons_load_balancer_outlives_the_annotation_that_said_so() {
    for edit in [json!(null), json!("false")] {
        let world = self_managed().await;
        world
            .apply(guide::service(
                json!({ MANAGED_BY_USER: edit }),
                &[(80, 80)],
            ))
            .unwrap();
        sleep(Duration::from_secs(60)).await;
        delete_service(&world);
        ends_clean(&world).await;
        let view = world.view();
        assert!(
            view.cloud
                .load_balancers
                .iter()
                .any(|lb| lb.id == "lb-user-0")
        );
        assert!(view.cloud.eips.iter().any(|eip| eip.id == "eip-np-0"));
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_02_parents_that_are_gone_do_not_keep_a_pool_service_for_ever() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    world.delete("apps.openyurt.io/v1beta2", "NodePool", "", "np-0");
    delete_service(&world);
    for node in ["node-0-0", "node-0-1"] {
        world.delete("v1", "Node", "", node);
    }
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_03_what_is_beyond_the_first_page_is_found() {
    let config = Config {
        topology: Topology::uniform(12, 12, 1),
        ..Config::default()
    };
    let world = serving(config, guide::service(json!({}), &[(80, 80)])).await;
    world.restart().await;
    sleep(Duration::from_secs(60)).await;
    settled(&world).await;
    let purchases = world.cloud(|cloud| cloud.journal().purchases.len());
    assert_eq!(purchases, 24, "12 load balancers and 12 EIPs");
    let world = serving(one(25), guide::service(json!({}), &[(80, 80)])).await;
    assert_eq!(made(&world).backends.len(), 25);
}

/// The number of the first call of an action in the guide's scenario.
fn first(run: &Run, action: &str) -> u64 {
    let is_it = |call: &&Call| call.verb == action;
    run.transcript.calls().find(is_it).unwrap().number
}

#[test]
fn pitfall_04_a_create_whose_answer_is_lost_is_not_made_twice() {
    let scenario = guide::auto_managed();
    let run = sweep::play(&scenario, 4, &[]).unwrap();
    for action in ["CreateLoadBalancer", "CreateEipInstance"] {
        for trouble in [
            CloudTrouble::LosesAnswer,
            CloudTrouble::AnswersLate,
            CloudTrouble::ActsLate,
        ] {
            let trouble = (first(&run, action), Trouble::Cloud(trouble));
            let run = sweep::play(&scenario, 4, &[trouble]).unwrap();
            assert_eq!(
                run.violations(),
                Vec::<String>::new(),
                "{action}: {trouble:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pitfall_05_names_that_differ_at_the_end_only_are_different_load_balancers() {
    let world = World::start(one(2), 1).unwrap();
    world.apply(guide::daemon_set()).unwrap();
    let stem = "s".repeat(55);
    for end in ["one", "two"] {
        let mut service = guide::service(json!({}), &[(if end == "one" { 80 } else { 81 }, 80)]);
        service["metadata"]["name"] = json!(format!("{stem}-{end}"));
        world.apply(service).unwrap();
    }
    settled(&world).await;
    let view = world.view();
    let ids: Vec<&str> = view
        .cloud
        .load_balancers
        .iter()
        .filter(|lb| lb.name.starts_with("k8s/"))
        .map(|lb| lb.id.as_str())
        .collect();
    assert_eq!(ids.len(), 2);
    world.delete("v1", "Service", "default", &format!("{stem}-one"));
    settled(&world).await;
    assert!(
        made(&world).name.contains("two"),
        "the other one goes on: {}",
        made(&world).name
    );
}

#[tokio::test(start_paused = true)]
async fn pitfall_06_turning_to_a_persons_load_balancer_abandons_nothing() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let before = addresses(&world, "Service", "cube-svc");
    world
        .apply(guide::service(
            json!({ MANAGED_BY_USER: "true" }),
            &[(80, 80)],
        ))
        .unwrap();
    annotate_ps(&world, &json!({ ID: "lb-user-0" }));
    sleep(Duration::from_secs(60)).await;
    assert_eq!(condition(&world, PS, "InSync").0, "ImmutableSetting");
    assert_eq!(addresses(&world, "Service", "cube-svc"), before);
    delete_service(&world);
    ends_clean(&world).await;
}

#[tokio::test(start_paused = true)]
async fn pitfall_07_the_eip_is_unbound_first_and_released_even_where_the_load_balancer_is_gone() {
    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    delete_service(&world);
    ends_clean(&world).await;
    let order: Vec<String> = world
        .transcript()
        .calls()
        .filter(|call| call.is_write && call.answer == "200")
        .map(|call| call.verb.clone())
        .collect();
    let at = |action: &str| order.iter().position(|verb| verb == action);
    assert!(
        at("UnAssociateEnsEipAddress").is_some_and(|unbound| Some(unbound) < at("DeleteEip")),
        "{order:?}"
    );

    let world = serving(one(2), guide::service(json!({}), &[(80, 80)])).await;
    let (id, now) = (made(&world).id, world.clock().cloud());
    world.cloud(|cloud| cloud.vanish(&id, now));
    delete_service(&world);
    ends_clean(&world).await;
}
