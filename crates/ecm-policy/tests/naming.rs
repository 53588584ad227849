//! Names (behaviour 2.3, 5.1, 5.2, 5.5).

use ecm_policy::listeners::Protocol;
use ecm_policy::naming::{
    ListenerOrigin, NameError, StackName, check_cluster_id, client_token, is_dns_subdomain,
    pool_service_name, shorten,
};
use proptest::prelude::*;

/// A stack whose full name has exactly `length` characters.
fn stack_of(length: usize) -> StackName {
    let mut stack = StackName {
        service: String::new(),
        namespace: "default".to_owned(),
        pool: "np-heifei".to_owned(),
        cluster: "c1".to_owned(),
    };
    stack.service = "s".repeat(length - stack.full().len());
    stack
}

#[test]
fn rule_5_1_the_name_is_the_one_of_the_guide() {
    let stack = StackName {
        service: "cube-svc".to_owned(),
        namespace: "default".to_owned(),
        pool: "np-heifei".to_owned(),
        cluster: "c1".to_owned(),
    };
    assert_eq!(stack.full(), "k8s/cube-svc/default/np-heifei/c1");
    assert_eq!(stack.load_balancer().create, stack.full());
    assert_eq!(stack.load_balancer().rename_to, None);
    assert_eq!(stack.eip(), stack.full());
    assert_eq!(stack.eip_description(), stack.full());
}

#[test]
fn rule_5_1_eighty_characters_need_no_second_name() {
    let names = stack_of(80).load_balancer();
    assert_eq!(names.create, stack_of(80).full());
    assert_eq!(names.all().collect::<Vec<_>>(), [stack_of(80).full()]);
}

#[test]
fn rule_5_1_from_81_to_128_characters_a_short_name_gives_way_to_the_full_one() {
    for length in [81, 128] {
        let stack = stack_of(length);
        let names = stack.load_balancer();
        assert_eq!(names.create.len(), 80);
        assert!(names.create.starts_with(&stack.full()[..63]));
        assert_eq!(names.lasting(), stack.full());
        assert_eq!(names.all().count(), 2);
        assert_eq!(stack.eip(), stack.full());
    }
}

#[test]
fn rule_5_1_above_128_characters_the_short_form_of_that_length_stays() {
    let stack = stack_of(129);
    let names = stack.load_balancer();
    assert_eq!(names.create.len(), 80);
    assert_eq!(names.lasting().len(), 128);
    assert_eq!(names.lasting(), stack.eip());
    assert_eq!(stack.eip_description(), stack.full());
}

/// The digest is fixed for ever: another one would orphan every load balancer with a long name.
#[test]
fn rule_5_1_the_short_form_does_not_change_between_releases() {
    let whole = "k8s/edge-ingress-controller/edge-system/np751e9d5464cf4ef081087137f33e4528/c0123456789abcdef0123456789abcdef0";
    assert_eq!(
        shorten(whole, 80),
        "k8s/edge-ingress-controller/edge-system/np751e9d5464cf4ef081087-553d212e67231187"
    );
}

#[test]
fn rule_5_2_the_listener_description_is_the_documented_one() {
    let stack = stack_of(40);
    let description = stack.listener_description(80, Protocol::Tcp);
    assert_eq!(
        description,
        format!("k8s/80/tcp/c1/default/{}/np-heifei", stack.service)
    );
}

#[test]
fn rule_5_2_port_protocol_and_cluster_are_readable_in_the_longest_description() {
    let stack = StackName {
        service: "s".repeat(63),
        namespace: "n".repeat(63),
        pool: "p".repeat(63),
        cluster: "c".repeat(48),
    };
    let description = stack.listener_description(65535, Protocol::Udp);
    assert_eq!(description.len(), 80);
    assert_eq!(
        ListenerOrigin::parse(&description),
        Some(ListenerOrigin {
            port: 65535,
            protocol: Protocol::Udp,
            cluster: stack.cluster,
        })
    );
}

#[test]
fn rule_5_2_texts_of_others_are_not_read_as_ours() {
    for text in [
        "",
        "web",
        "k8s",
        "k8s/80/tcp",
        "k8s/80/tcp/c1",
        "k8s/80/tcp/c1/default/web",
        "k8s/80/tcp//default/web/np",
        "k8s/80/http/c1/default/web/np",
        "k8s/0/tcp/c1/default/web/np",
        "k8s/080/tcp/c1/default/web/np",
        "k8s/+80/tcp/c1/default/web/np",
        "k8s/65536/tcp/c1/default/web/np",
        "k8s/80/tcp/c1/default/web/np/more",
        "K8s/80/tcp/c1/default/web/np",
        // The form of the older cloud controller manager: port, Service, namespace, cluster.
        "k8s/80/tcp/default/c1",
    ] {
        assert_eq!(ListenerOrigin::parse(text), None, "{text}");
    }
}

#[test]
fn rule_5_5_tokens_differ_by_object_kind_and_attempt() {
    let token = |uid, kind, attempt| client_token(uid, kind, attempt);
    let all = [
        token("uid-1", "elb", 1),
        token("uid-1", "elb", 2),
        token("uid-1", "eip", 1),
        token("uid-2", "elb", 1),
    ];
    for (n, one) in all.iter().enumerate() {
        assert!(one.len() <= 64 && one.is_ascii(), "{one}");
        assert!(!all[..n].contains(one), "{one} comes twice");
    }
    assert_eq!(all[0], token("uid-1", "elb", 1));
}

#[test]
fn rule_2_3_pool_service_names() {
    assert_eq!(
        pool_service_name("cube-svc", "np-heifei"),
        Ok("cube-svc-np-heifei".to_owned())
    );
    // A pool's name is a DNS name and may have dots; so may a PoolService's.
    assert!(pool_service_name("web", "np.hefei").is_ok());
    let long = "p".repeat(64);
    for (service, pool) in [
        ("web", ""),
        ("", "np"),
        ("web", long.as_str()),
        ("web", "a/b"),
    ] {
        assert!(
            matches!(
                pool_service_name(service, pool),
                Err(NameError::NotALabelValue { .. })
            ),
            "{service}-{pool}"
        );
    }
    assert!(matches!(
        pool_service_name("web", "Np"),
        Err(NameError::NotAnObjectName { .. })
    ));
}

#[test]
fn rule_5_7_cluster_ids_that_would_make_names_ambiguous_are_refused() {
    assert_eq!(
        check_cluster_id("c0123456789abcdef0123456789abcdef0"),
        Ok(())
    );
    assert_eq!(
        check_cluster_id("3c9c1a7e-8a2c-4d1e-9d52-8f1f9a2b3c4d"),
        Ok(())
    );
    for id in ["", "a/b", "a b", "ü", &"c".repeat(49)] {
        let error = check_cluster_id(id).unwrap_err();
        assert!(error.to_string().contains(&format!("{id:?}")), "{error}");
    }
}

/// A word as Kubernetes allows it for Services, namespaces and most pools.
fn label() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
}

fn stack() -> impl Strategy<Value = StackName> {
    (label(), label(), label(), "[a-z0-9-]{1,48}").prop_map(
        |(service, namespace, pool, cluster)| StackName {
            service,
            namespace,
            pool,
            cluster,
        },
    )
}

fn protocol() -> impl Strategy<Value = Protocol> {
    prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)]
}

proptest! {
    #[test]
    fn names_are_within_the_limits_of_the_api(stack in stack(), port in 1u16.., protocol in protocol()) {
        let names = stack.load_balancer();
        prop_assert!((2..=80).contains(&names.create.chars().count()));
        for name in names.all() {
            prop_assert!((2..=128).contains(&name.chars().count()));
            prop_assert!(names.contains(name));
        }
        prop_assert!((2..=128).contains(&stack.eip().chars().count()));
        prop_assert!((2..=256).contains(&stack.eip_description().chars().count()));
        prop_assert!(stack.listener_description(port, protocol).chars().count() <= 80);
    }

    #[test]
    fn different_stacks_share_no_name(a in stack(), b in stack()) {
        prop_assume!(a != b);
        for name in a.load_balancer().all() {
            prop_assert!(!b.load_balancer().contains(name));
        }
        prop_assert_ne!(a.eip(), b.eip());
        prop_assert_ne!(
            a.listener_description(80, Protocol::Tcp),
            b.listener_description(80, Protocol::Tcp)
        );
    }

    #[test]
    fn a_listener_description_says_where_it_comes_from(stack in stack(), port in 1u16.., protocol in protocol()) {
        let origin = ListenerOrigin::parse(&stack.listener_description(port, protocol));
        prop_assert_eq!(origin, Some(ListenerOrigin { port, protocol, cluster: stack.cluster }));
    }

    #[test]
    fn shortening_counts_characters_and_never_splits_one(whole in "\\PC{0,200}", limit in 17usize..150) {
        let short = shorten(&whole, limit);
        if whole.chars().count() <= limit {
            prop_assert_eq!(short, whole);
        } else {
            prop_assert_eq!(short.chars().count(), limit);
            let head: String = whole.chars().take(limit - 17).collect();
            prop_assert!(short.starts_with(&head));
        }
    }

    #[test]
    fn reading_any_text_as_a_description_does_not_panic(text in "\\PC{0,100}") {
        ListenerOrigin::parse(&text);
        shorten(&text, 0);
    }

    #[test]
    fn valid_parts_give_valid_pool_service_names(service in label(), pool in label()) {
        let name = pool_service_name(&service, &pool).unwrap();
        prop_assert!(is_dns_subdomain(&name));
        prop_assert_eq!(name, format!("{service}-{pool}"));
    }
}
