//! What a Service shows of its PoolServices (behaviour 2.5, 2.6).

use std::collections::BTreeMap;

use ecm_policy::aggregate::{
    Ingress, PortStatus, annotations, changes, ingress, is_same_ingress, labels,
};
use ecm_policy::selector::is_label_value;
use k8s_openapi::api::core::v1::LoadBalancerIngress;
use proptest::prelude::*;

fn ip(ip: &str) -> Ingress {
    Ingress {
        ip: Some(ip.to_owned()),
        ..Ingress::default()
    }
}

fn host(name: &str) -> Ingress {
    Ingress {
        hostname: Some(name.to_owned()),
        ..Ingress::default()
    }
}

fn port(port: u16, error: Option<&str>) -> PortStatus {
    PortStatus {
        port,
        protocol: "TCP".to_owned(),
        error: error.map(str::to_owned),
    }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn rule_2_5_ipv4_by_number_then_ipv6_then_host_names() {
    let all = [
        host("b.example"),
        ip("2001:db8::1"),
        ip("39.106.0.10"),
        host("a.example"),
        ip("39.106.0.9"),
        ip("9.1.1.1"),
    ];
    let sorted = [
        ip("9.1.1.1"),
        ip("39.106.0.9"),
        ip("39.106.0.10"),
        ip("2001:db8::1"),
        host("a.example"),
        host("b.example"),
    ];
    assert_eq!(ingress(&all), sorted);
}

#[test]
fn rule_2_5_an_address_that_two_pools_share_stands_once() {
    assert_eq!(ingress(&[ip("1.2.3.4"), ip("1.2.3.4")]), [ip("1.2.3.4")]);
    // Two spellings of one address.
    assert_eq!(ingress(&[ip("2001:db8::1"), ip("2001:DB8:0::1")]).len(), 1);
}

#[test]
fn rule_2_5_an_entry_without_an_address_is_left_out() {
    assert_eq!(ingress(&[ip(""), host(""), Ingress::default()]), []);
}

#[test]
fn rule_2_5_ports_of_a_shared_address_are_united_and_an_error_counts() {
    let with = |ports: &[PortStatus]| Ingress {
        ports: ports.to_vec(),
        ..ip("1.2.3.4")
    };
    let a = with(&[port(443, None), port(80, None)]);
    let b = with(&[port(80, Some("ListenerConflict"))]);
    let united = with(&[port(80, Some("ListenerConflict")), port(443, None)]);
    let expected = std::slice::from_ref(&united);
    assert_eq!(ingress([&a, &b]), expected);
    assert_eq!(ingress([&b, &a]), expected);
}

#[test]
fn rule_2_5_the_default_of_the_api_server_is_no_difference() {
    let vip = Ingress {
        ip_mode: Some("VIP".to_owned()),
        ..ip("1.2.3.4")
    };
    let proxy = Ingress {
        ip_mode: Some("Proxy".to_owned()),
        ..ip("1.2.3.4")
    };
    assert!(is_same_ingress(
        &[ip("1.2.3.4")],
        std::slice::from_ref(&vip)
    ));
    assert!(!is_same_ingress(&[vip], &[proxy]));
    assert!(!is_same_ingress(&[ip("1.2.3.4")], &[ip("1.2.3.5")]));
    assert!(!is_same_ingress(&[ip("1.2.3.4")], &[]));
}

#[test]
fn rule_2_5_an_entry_is_the_same_after_a_round_through_kubernetes() {
    let entry = Ingress {
        ports: vec![port(80, Some("ReservedPort"))],
        ..ip("1.2.3.4")
    };
    assert_eq!(
        Ingress::from(&LoadBalancerIngress::from(entry.clone())),
        entry
    );
}

#[test]
fn rule_2_6_values_are_sorted_distinct_and_joined() {
    let pools = [
        map(&[("lb-id", "lb-2"), ("region", "cn-hefei")]),
        map(&[("lb-id", "lb-1"), ("region", "cn-hefei")]),
        map(&[("eip-id", "")]),
    ];
    assert_eq!(
        annotations(&pools),
        map(&[
            ("aggregated.lb-id", "lb-1,lb-2"),
            ("aggregated.region", "cn-hefei")
        ])
    );
}

#[test]
fn rule_2_6_a_label_stands_only_for_one_valid_value() {
    let pools = [
        map(&[
            ("lb-id", "lb-2"),
            ("region", "cn-hefei"),
            ("text", "two words"),
        ]),
        map(&[
            ("lb-id", "lb-1"),
            ("region", "cn-hefei"),
            ("text", "two words"),
        ]),
    ];
    assert_eq!(labels(&pools), map(&[("aggregated.region", "cn-hefei")]));
}

#[test]
fn rule_2_6_a_key_that_kubernetes_refuses_does_not_take_the_others_with_it() {
    let pools = [map(&[("no good", "x"), ("lb-id", "lb-1")])];
    assert_eq!(annotations(&pools), map(&[("aggregated.lb-id", "lb-1")]));
}

#[test]
fn rule_2_6_stale_values_go_and_nothing_else_is_touched() {
    let current = map(&[
        ("aggregated.lb-id", "lb-1,lb-2"),
        ("aggregated.eip-id", "eip-1"),
        ("aggregated.region", "cn-hefei"),
        ("mine", "x"),
    ]);
    let wanted = map(&[
        ("aggregated.lb-id", "lb-1"),
        ("aggregated.region", "cn-hefei"),
    ]);
    let expected = BTreeMap::from([
        ("aggregated.eip-id".to_owned(), None),
        ("aggregated.lb-id".to_owned(), Some("lb-1".to_owned())),
    ]);
    assert_eq!(changes(&current, &wanted), expected);
    assert!(changes(&wanted, &wanted).is_empty());
}

fn entry() -> impl Strategy<Value = Ingress> {
    let address = prop_oneof![
        any::<[u8; 4]>().prop_map(|b| ip(&std::net::Ipv4Addr::from(b).to_string())),
        (0u8..3).prop_map(|n| ip(&format!("10.0.0.{n}"))),
        any::<[u16; 8]>().prop_map(|s| ip(&std::net::Ipv6Addr::from(s).to_string())),
        "[a-z]{0,4}".prop_map(|name| host(&name)),
        "[a-z.]{0,4}".prop_map(|text| ip(&text)),
    ];
    let ports = proptest::collection::vec(
        (1u16..4, proptest::option::of("[A-Z][a-z]{0,3}")).prop_map(|(n, e)| port(n, e.as_deref())),
        0..3,
    );
    (address, ports).prop_map(|(address, ports)| Ingress { ports, ..address })
}

proptest! {
    #[test]
    fn the_order_of_pool_services_does_not_matter(mut all in proptest::collection::vec(entry(), 0..8)) {
        let one = ingress(&all);
        all.reverse();
        prop_assert_eq!(&ingress(&all), &one);
        // And doing it again changes nothing: what is written is not written again.
        prop_assert_eq!(&ingress(&one), &one);
        prop_assert!(is_same_ingress(&one, &one));
    }

    #[test]
    fn labels_are_always_valid(pools in proptest::collection::vec(
        proptest::collection::btree_map("[a-z]{1,2}", "\\PC{0,5}", 0..3), 0..4,
    )) {
        prop_assert!(labels(&pools).values().all(|value| is_label_value(value)));
    }

    #[test]
    fn applying_the_changes_gives_what_is_wanted(
        current in proptest::collection::btree_map("(aggregated\\.)?[a-c]", "[x-z]", 0..6),
        wanted in proptest::collection::btree_map("aggregated\\.[a-c]", "[x-z]", 0..3),
    ) {
        let mut after = current.clone();
        for (key, value) in changes(&current, &wanted) {
            match value {
                Some(value) => after.insert(key, value),
                None => after.remove(&key),
            };
        }
        let ours = |key: &String| key.starts_with("aggregated.");
        let (aggregated, others): (BTreeMap<_, _>, BTreeMap<_, _>) =
            after.into_iter().partition(|(key, _)| ours(key));
        prop_assert_eq!(aggregated, wanted);
        let untouched: BTreeMap<_, _> = current.into_iter().filter(|(key, _)| !ours(key)).collect();
        prop_assert_eq!(others, untouched);
    }
}
