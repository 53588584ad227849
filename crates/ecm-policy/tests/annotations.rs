//! Annotations (behaviour 3.3 to 3.6).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};

use ecm_policy::annotations::{
    AddressType, DEFINITIONS, DOCUMENTED_SPECS, DeletionPolicy, Isp, Parsed, Place, Scheduler,
    Setting, Settings, Values, WeightBy, is_paused, keys, parse, parse_with_specs,
};
use proptest::prelude::*;

type Annotations = BTreeMap<String, String>;

fn map(pairs: &[(&str, &str)]) -> Annotations {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn on_service(pairs: &[(&str, &str)]) -> Parsed {
    parse(&map(pairs), &Annotations::new())
}

fn on_pool_service(pairs: &[(&str, &str)]) -> Parsed {
    parse(&Annotations::new(), &map(pairs))
}

/// Where the table allows the key.
fn in_place(key: &str, value: &str) -> Parsed {
    let definition = DEFINITIONS.iter().find(|d| d.key == key).unwrap();
    match definition.place {
        Place::PoolServiceOnly(_) => on_pool_service(&[(key, value)]),
        Place::ServiceOrPoolService | Place::ServiceOnly(_) => on_service(&[(key, value)]),
    }
}

/// Behaviour 3.6, row by row. The table of the code is not used here, so that a slip in it shows.
#[test]
fn rule_3_6_defaults() {
    let Settings {
        spec,
        pay_type,
        address_type,
        vswitch_id,
        managed_by_user,
        id,
        ids_by_pool,
        eip_bandwidth,
        eip_isp,
        eip_instance_charge_type,
        eip_internet_charge_type,
        backend_label,
        backend_weight,
        remove_unscheduled_backend,
        scheduler,
        persistence_timeout,
        established_timeout,
        health_check,
        force_override_listeners,
        deletion_policy,
        cleanup_on_delete,
        adopt,
        drain_seconds,
        weight_by,
        paused,
    } = on_service(&[]).settings;
    assert_eq!(spec, "elb.s2.small");
    assert_eq!(pay_type.as_str(), "PostPaid");
    assert_eq!(address_type, AddressType::Internet);
    assert_eq!((vswitch_id, id, ids_by_pool.len()), (None, None, 0));
    assert_eq!((eip_bandwidth, eip_isp), (10, None));
    assert_eq!(eip_instance_charge_type.as_str(), "PostPaid");
    assert_eq!(eip_internet_charge_type.as_str(), "95BandwidthByMonth");
    assert!(backend_label.is_empty());
    assert_eq!((backend_weight.base, backend_weight.nodes.len()), (100, 0));
    assert_eq!(scheduler, Scheduler::RoundRobin);
    assert_eq!((persistence_timeout, established_timeout), (0, 500));
    assert_eq!(
        (
            health_check.healthy_threshold,
            health_check.unhealthy_threshold
        ),
        (3, 3)
    );
    assert_eq!(
        (health_check.interval, health_check.connect_timeout),
        (2, 5)
    );
    assert_eq!(health_check.connect_port, None);
    assert_eq!(deletion_policy, DeletionPolicy::Delete);
    assert_eq!((drain_seconds, weight_by), (0, WeightBy::Node));
    for switch in [
        managed_by_user,
        remove_unscheduled_backend,
        force_override_listeners,
        cleanup_on_delete,
        adopt,
        paused,
    ] {
        assert!(!switch);
    }
}

const P: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";

/// Key, a valid value, and how the settings then differ from the defaults.
#[test]
fn rule_3_6_valid_values_reach_their_setting() {
    type Change = fn(&mut Settings);
    let rows: [(&str, &str, Change); 29] = [
        ("spec", "elb.s3.medium", |s| s.spec = "elb.s3.medium".into()),
        ("pay-type", "PostPaid", |_| ()),
        ("address-type", "intranet", |s| {
            s.address_type = AddressType::Intranet;
        }),
        ("vswitch-id", "vsw-1", |s| {
            s.vswitch_id = Some("vsw-1".into());
        }),
        ("managed-by-user", "true", |s| s.managed_by_user = true),
        ("id", "lb-5sc1", |s| s.id = Some("lb-5sc1".into())),
        ("eip-bandwidth", "200", |s| s.eip_bandwidth = 200),
        ("eip-isp", "telecom", |s| s.eip_isp = Some(Isp::Telecom)),
        ("eip-instance-charge-type", "PostPaid", |_| ()),
        ("eip-internet-charge-type", "95BandwidthByMonth", |_| ()),
        ("backend-label", "a=1, example.com/b=", |s| {
            s.backend_label = map(&[("a", "1"), ("example.com/b", "")]);
        }),
        ("backend-weight", "base=50,node1=80,n.2=0", |s| {
            s.backend_weight.base = 50;
            s.backend_weight.nodes = BTreeMap::from([("node1".into(), 80), ("n.2".into(), 0)]);
        }),
        ("remove-unscheduled-backend", "on", |s| {
            s.remove_unscheduled_backend = true;
        }),
        ("scheduler", "wrr", |s| {
            s.scheduler = Scheduler::WeightedRoundRobin;
        }),
        ("persistence-timeout", "3600", |s| {
            s.persistence_timeout = 3600;
        }),
        ("established-timeout", "10", |s| s.established_timeout = 10),
        ("healthy-threshold", "10", |s| {
            s.health_check.healthy_threshold = 10;
        }),
        ("unhealthy-threshold", "2", |s| {
            s.health_check.unhealthy_threshold = 2;
        }),
        ("health-check-interval", "50", |s| {
            s.health_check.interval = 50;
        }),
        ("check-interval", "7", |s| s.health_check.interval = 7),
        ("health-check-connect-timeout", "300", |s| {
            s.health_check.connect_timeout = 300;
        }),
        ("health-check-connect-port", "65535", |s| {
            s.health_check.connect_port = Some(65535);
        }),
        (
            "service.openyurt.io/elb-force-override-listeners",
            "true",
            |s| {
                s.force_override_listeners = true;
            },
        ),
        (
            "ecm.alibabacloud.com/loadbalancer-ids",
            "np-a=lb-1,np-b=lb-2",
            |s| {
                s.ids_by_pool = map(&[("np-a", "lb-1"), ("np-b", "lb-2")]);
            },
        ),
        ("ecm.alibabacloud.com/deletion-policy", "retain", |s| {
            s.deletion_policy = DeletionPolicy::Retain;
        }),
        ("ecm.alibabacloud.com/cleanup-on-delete", "true", |s| {
            s.cleanup_on_delete = true;
        }),
        ("ecm.alibabacloud.com/adopt", "true", |s| s.adopt = true),
        ("ecm.alibabacloud.com/drain-seconds", "900", |s| {
            s.drain_seconds = 900;
        }),
        ("ecm.alibabacloud.com/weight-by", "pods", |s| {
            s.weight_by = WeightBy::Pods;
        }),
    ];
    let only_pool_service = ["id", "ecm.alibabacloud.com/adopt"];
    for (name, value, change) in rows {
        let key = if name.contains('/') {
            name.to_owned()
        } else {
            format!("{P}{name}")
        };
        let parsed = if only_pool_service.contains(&name) {
            on_pool_service(&[(&key, value)])
        } else {
            on_service(&[(&key, value)])
        };
        let mut expected = Settings::default();
        change(&mut expected);
        assert_eq!(parsed.settings, expected, "{key}: {value}");
        assert_eq!(
            (parsed.faults, parsed.unknown),
            (vec![], vec![]),
            "{key}: {value}"
        );
    }
}

/// The settings where one key has a value that cannot be used: whoever wrote `paused` meant to stop.
fn default_but_paused(key: &str) -> Settings {
    Settings {
        paused: key == keys::PAUSED,
        ..Settings::default()
    }
}

#[test]
fn rule_3_6_values_that_are_refused() {
    for (name, values) in [
        ("spec", &["", "elb.s2", "ELB.S2.SMALL", "elb.s9.huge"][..]),
        ("pay-type", &["postpaid", "PrePaid"]),
        ("address-type", &["Internet", "public"]),
        ("vswitch-id", &["vsw-", "v-1", "vsw-1,vsw-2", " vsw-1"]),
        ("managed-by-user", &["True", "yes", "1"]),
        ("id", &["lb-", "lb", "slb-1", "lb-1,lb-2", "lb-1/x"]),
        (
            "eip-bandwidth",
            &[
                "4",
                "10001",
                "10Mbps",
                "-5",
                "+10",
                "1e2",
                "",
                "99999999999",
            ],
        ),
        ("eip-isp", &["elecom", "Telecom", "cmcc,unicom"]),
        ("eip-instance-charge-type", &["PrePaid"]),
        ("eip-internet-charge-type", &["PayByTraffic"]),
        (
            "backend-label",
            &["", "a", "a=1,", "a=1,a=2", "a/b/c=1", "a=b c", "a!=1"],
        ),
        (
            "backend-weight",
            &[
                "",
                "50",
                "node1",
                "base=101",
                "base=-1",
                "base=+1",
                "a_b=1",
                "base=1,base=2",
            ],
        ),
        ("remove-unscheduled-backend", &["true", "On"]),
        ("scheduler", &["RR", "random"]),
        ("persistence-timeout", &["3601"]),
        ("established-timeout", &["9", "901"]),
        ("healthy-threshold", &["1", "11"]),
        ("unhealthy-threshold", &["1", "11"]),
        ("health-check-interval", &["0", "51"]),
        ("health-check-connect-timeout", &["0", "301"]),
        ("health-check-connect-port", &["0", "65536"]),
        ("service.openyurt.io/elb-force-override-listeners", &["on"]),
        (
            "ecm.alibabacloud.com/loadbalancer-ids",
            &["lb-1", "np=", "np=slb-1", "np=lb-1,np=lb-2"],
        ),
        ("ecm.alibabacloud.com/deletion-policy", &["Retain", "keep"]),
        ("ecm.alibabacloud.com/drain-seconds", &["901"]),
        ("ecm.alibabacloud.com/weight-by", &["pod"]),
        ("ecm.alibabacloud.com/paused", &["True"]),
    ] {
        let key = if name.contains('/') {
            name.to_owned()
        } else {
            format!("{P}{name}")
        };
        for value in values {
            let parsed = in_place(&key, value);
            let [fault] = parsed.faults.as_slice() else {
                panic!(
                    "{key}: {value:?} should be one fault, but is {:?}",
                    parsed.faults
                );
            };
            assert_eq!(
                (fault.key.as_str(), fault.value.as_str()),
                (key.as_str(), *value)
            );
            assert_eq!(fault.setting.key(), key);
            assert_eq!(
                parsed.settings,
                default_but_paused(&key),
                "{key}: {value:?}"
            );
        }
    }
}

#[test]
fn rule_3_3_the_pool_service_counts_before_the_service_key_by_key() {
    let service = map(&[(keys::SCHEDULER, "wrr"), (keys::EIP_BANDWIDTH, "20")]);
    let pool_service = map(&[(keys::EIP_BANDWIDTH, "30")]);
    let settings = parse(&service, &pool_service).settings;
    assert_eq!(settings.scheduler, Scheduler::WeightedRoundRobin);
    assert_eq!(settings.eip_bandwidth, 30);
}

#[test]
fn rule_3_3_a_wrong_value_on_the_service_does_not_matter_where_the_pool_service_has_its_own() {
    let service = map(&[(keys::EIP_BANDWIDTH, "lots")]);
    let pool_service = map(&[(keys::EIP_BANDWIDTH, "30")]);
    let parsed = parse(&service, &pool_service);
    assert_eq!((parsed.settings.eip_bandwidth, parsed.faults), (30, vec![]));
}

#[test]
fn rule_3_4_all_faults_are_collected_and_name_what_is_allowed() {
    let parsed = on_service(&[
        (keys::EIP_BANDWIDTH, "4"),
        (keys::SCHEDULER, "fastest"),
        (keys::ADDRESS_TYPE, "intranet"),
    ]);
    assert_eq!(parsed.settings.address_type, AddressType::Intranet);
    let texts: Vec<String> = parsed.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            format!("{P}eip-bandwidth: \"4\" is not allowed; allowed: 5 to 10000 Mbit/s"),
            format!(
                "{P}scheduler: \"fastest\" is not allowed; allowed: wrr, rr, wlc, sch, tch, qch, iqch"
            ),
        ]
    );
}

#[test]
fn rule_3_4_a_misspelt_key_is_said_with_the_nearest_one() {
    for (key, nearest) in [
        (format!("{P}eip-bandwith"), keys::EIP_BANDWIDTH),
        (format!("{P}unhealthy-treshold"), keys::UNHEALTHY_THRESHOLD),
        (
            format!("{P}force-override-listeners"),
            keys::FORCE_OVERRIDE_LISTENERS,
        ),
        (format!("{P}deletion-policy"), keys::DELETION_POLICY),
        (
            "ecm.alibabacloud.com/eip-bandwidth".to_owned(),
            keys::EIP_BANDWIDTH,
        ),
        ("ecm.alibabacloud.com/pause".to_owned(), keys::PAUSED),
        (
            "service.openyurt.io/nodepool-labelselecter".to_owned(),
            poolservice_api::keys::NODE_POOL_SELECTOR,
        ),
    ] {
        for parsed in [on_service(&[(&key, "x")]), on_pool_service(&[(&key, "x")])] {
            assert_eq!(parsed.faults, [], "{key}");
            assert_eq!(parsed.settings, Settings::default(), "{key}");
            let [unknown] = parsed.unknown.as_slice() else {
                panic!("{key} should be unknown once: {:?}", parsed.unknown);
            };
            assert_eq!(
                (unknown.key.as_str(), unknown.nearest.as_str()),
                (key.as_str(), nearest)
            );
        }
    }
}

/// Longer than any key that an API server stores: what is compared has an end.
#[test]
fn rule_3_4_a_key_of_any_length_is_answered_at_once() {
    let long = format!("{P}scheduler{}", "\u{e9}".repeat(1_000_000));
    let parsed = on_service(&[(&long, "wrr")]);
    assert_eq!(parsed.unknown.len(), 1);
    assert_eq!(parsed.unknown[0].key, long);
}

#[test]
fn rule_3_4_keys_of_others_and_keys_read_elsewhere_are_no_mistake() {
    let parsed = on_pool_service(&[
        ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ("openyurt.io/topologyKeys", "openyurt.io/nodepool"),
        ("service.beta.kubernetes.io/aws-load-balancer-type", "nlb"),
        (poolservice_api::keys::NODE_POOL_SELECTOR, "a=b"),
        (poolservice_api::keys::LEDGER, "{}"),
    ]);
    assert_eq!(parsed, Parsed::default());
}

#[test]
fn rule_3_5_pause_holds_wherever_it_stands() {
    let on = map(&[(keys::PAUSED, "true")]);
    let off = map(&[(keys::PAUSED, "false")]);
    assert!(parse(&on, &off).settings.paused);
    assert!(parse(&off, &on).settings.paused);
    assert!(!parse(&off, &off).settings.paused);
    for slip in ["True", "TRUE", "yes", "1", "", " true"] {
        let slip = map(&[(keys::PAUSED, slip)]);
        let parsed = parse(&off, &slip);
        assert!(parsed.settings.paused, "{slip:?}");
        assert_eq!(parsed.faults.len(), 1, "{slip:?}");
        assert!(Settings::default().paused_by(&slip), "{slip:?}");
    }
    let running = Settings::default();
    assert!(running.paused_by(&on) && !running.paused_by(&off));
    assert!(is_paused(&on) && !is_paused(&off) && !is_paused(&Annotations::new()));
}

#[test]
fn rule_3_6_an_id_on_a_service_is_refused_with_the_way_out() {
    let parsed = on_service(&[(keys::ID, "lb-1")]);
    assert_eq!(parsed.settings.id, None);
    let [fault] = parsed.faults.as_slice() else {
        panic!("{:?}", parsed.faults);
    };
    assert_eq!(fault.setting, Setting::Id);
    assert!(
        fault.allowed.contains(keys::LOAD_BALANCER_IDS),
        "{}",
        fault.allowed
    );
    assert!(
        fault.allowed.contains("kubectl annotate ps"),
        "{}",
        fault.allowed
    );
}

#[test]
fn rule_3_6_keys_that_belong_on_one_object_are_refused_on_the_other() {
    let parsed = on_pool_service(&[(keys::LOAD_BALANCER_IDS, "np=lb-1")]);
    assert_eq!(
        (parsed.settings.ids_by_pool.len(), parsed.faults.len()),
        (0, 1)
    );
    let parsed = on_service(&[(keys::ADOPT, "true")]);
    assert_eq!((parsed.settings.adopt, parsed.faults.len()), (false, 1));
}

#[test]
fn rule_3_6_the_id_of_a_pool() {
    let service = map(&[(keys::LOAD_BALANCER_IDS, "np-a=lb-1, np-b=lb-2")]);
    let settings = parse(&service, &map(&[(keys::ID, "lb-9")])).settings;
    assert_eq!(settings.load_balancer_id("np-a"), Some("lb-9"));
    let settings = parse(&service, &Annotations::new()).settings;
    assert_eq!(settings.load_balancer_id("np-b"), Some("lb-2"));
    assert_eq!(settings.load_balancer_id("np-c"), None);
}

#[test]
fn rule_3_6_both_spellings_of_the_interval() {
    let alias = keys::CHECK_INTERVAL;
    let interval = |parsed: &Parsed| parsed.settings.health_check.interval;
    // The PoolService's counts, whichever spelling each object has.
    let parsed = parse(
        &map(&[(keys::HEALTH_CHECK_INTERVAL, "9")]),
        &map(&[(alias, "8")]),
    );
    assert_eq!((interval(&parsed), parsed.faults.len()), (8, 0));
    // Two spellings that agree are fine; two that do not are a contradiction.
    let parsed = on_service(&[(keys::HEALTH_CHECK_INTERVAL, "9"), (alias, "9")]);
    assert_eq!((interval(&parsed), parsed.faults.len()), (9, 0));
    let parsed = on_service(&[(keys::HEALTH_CHECK_INTERVAL, "9"), (alias, "8")]);
    assert_eq!((interval(&parsed), parsed.faults.len()), (9, 1));
    assert_eq!(parsed.faults[0].key, alias);
}

#[test]
fn rule_3_6_the_cloud_may_list_other_specs_than_the_documented_ones() {
    let service = map(&[(keys::SPEC, "elb.s9.huge")]);
    let none = Annotations::new();
    let parsed = parse_with_specs(&service, &none, &["elb.s2.small", "elb.s9.huge"]);
    assert_eq!(
        (parsed.settings.spec.as_str(), parsed.faults.len()),
        ("elb.s9.huge", 0)
    );
    let parsed = parse_with_specs(&service, &none, &["elb.s2.small"]);
    assert_eq!(parsed.faults[0].allowed, "elb.s2.small");
}

#[test]
fn rule_7_5_weights_of_nodes() {
    let parsed = on_service(&[(keys::BACKEND_WEIGHT, "base=50, node1=80")]);
    let weight = &parsed.settings.backend_weight;
    assert_eq!((weight.of("node1"), weight.of("node2")), (80, 50));
    let parsed = on_service(&[(keys::BACKEND_WEIGHT, "node1=0")]);
    let weight = &parsed.settings.backend_weight;
    assert_eq!((weight.of("node1"), weight.of("node2")), (0, 100));
}

#[test]
fn the_table_has_one_row_for_each_setting_with_texts() {
    let rows: Vec<Setting> = DEFINITIONS.iter().map(|d| d.setting).collect();
    assert_eq!(rows, Setting::ALL);
    let keys: BTreeSet<&str> = DEFINITIONS.iter().map(|d| d.key).collect();
    assert_eq!(keys.len(), DEFINITIONS.len());
    for definition in DEFINITIONS {
        assert_eq!(definition.key, definition.setting.key());
        assert!(definition.doc.ends_with('.'), "{}", definition.key);
        assert!(!definition.doc.contains('\n') && !definition.source.is_empty());
    }
}

#[test]
fn the_defaults_of_the_table_are_those_of_the_settings() {
    for definition in DEFINITIONS {
        if let Some(default) = definition.default {
            let parsed = in_place(definition.key, default);
            assert_eq!(parsed, Parsed::default(), "{}", definition.key);
        }
    }
    assert!(DOCUMENTED_SPECS.contains(&Settings::default().spec.as_str()));
}

#[test]
fn every_word_of_the_table_is_understood_and_no_other_case_of_it() {
    for definition in DEFINITIONS {
        let words: Vec<&str> = match &definition.values {
            Values::Word { words, .. } => words.to_vec(),
            Values::Switch { words, .. } => words.to_vec(),
            Values::Number { .. } | Values::Text { .. } => continue,
        };
        for word in words {
            assert_eq!(in_place(definition.key, word).faults, [], "{word}");
            let other = format!("{word} ");
            assert_eq!(
                in_place(definition.key, &other).faults.len(),
                1,
                "{other:?}"
            );
            let upper = word.to_uppercase();
            assert_eq!(in_place(definition.key, &upper).faults.len(), 1, "{upper}");
        }
    }
}

#[test]
fn every_number_of_the_table_is_taken_up_to_its_ends_and_no_further() {
    for definition in DEFINITIONS {
        let Values::Number { min, max, .. } = definition.values else {
            continue;
        };
        let faults = |n: u32| in_place(definition.key, &n.to_string()).faults.len();
        assert_eq!(
            (faults(min), faults(max), faults(max + 1)),
            (0, 0, 1),
            "{}",
            definition.key
        );
        if let Some(below) = min.checked_sub(1) {
            assert_eq!(faults(below), 1, "{}", definition.key);
        }
    }
}

/// Keys that matter, keys that nearly do, and values from valid to absurd.
fn annotations() -> impl Strategy<Value = Annotations> {
    let keys: Vec<&'static str> = DEFINITIONS.iter().map(|d| d.key).collect();
    let key = prop_oneof![
        4 => proptest::sample::select(keys).prop_map(str::to_owned),
        1 => "[a-z-]{0,12}".prop_map(|name| format!("{P}{name}")),
        1 => "\\PC{0,20}",
    ];
    let value = prop_oneof![
        "[0-9]{0,6}",
        "[a-z0-9.-]{0,8}(=[a-z0-9-]{0,6}(,[a-z]{0,3}=[0-9a-z-]{0,4}){0,3})?",
        Just("true".to_owned()),
        Just("lb-1".to_owned()),
        "\\PC{0,20}",
    ];
    proptest::collection::btree_map(key, value, 0..12)
}

proptest! {
    #[test]
    fn no_annotation_makes_it_panic_and_what_comes_out_is_in_range(
        service in annotations(),
        pool_service in annotations(),
    ) {
        let parsed = parse(&service, &pool_service);
        let settings = &parsed.settings;
        prop_assert!((5..=10_000).contains(&settings.eip_bandwidth));
        prop_assert!((10..=900).contains(&settings.established_timeout));
        prop_assert!(settings.persistence_timeout <= 3600);
        prop_assert!((1..=50).contains(&settings.health_check.interval));
        prop_assert!(settings.backend_weight.base <= 100);
        prop_assert!(settings.backend_weight.nodes.values().all(|weight| *weight <= 100));
        prop_assert!(DOCUMENTED_SPECS.contains(&settings.spec.as_str()));
        // Each fault and each unknown key stands in one of the objects.
        for fault in &parsed.faults {
            let stands = |map: &Annotations| map.get(&fault.key) == Some(&fault.value);
            prop_assert!(stands(&service) || stands(&pool_service));
        }
        for unknown in &parsed.unknown {
            prop_assert!(service.contains_key(&unknown.key) || pool_service.contains_key(&unknown.key));
            prop_assert!(unknown.key != unknown.nearest);
        }
    }

    #[test]
    fn a_faulty_setting_has_its_default(key in 0..DEFINITIONS.len(), value in "\\PC{0,20}") {
        let definition = &DEFINITIONS[key];
        let parsed = in_place(definition.key, &value);
        if !parsed.faults.is_empty() {
            prop_assert_eq!(parsed.settings, default_but_paused(definition.key));
        }
    }

    #[test]
    fn what_is_parsed_survives_json(service in annotations(), pool_service in annotations()) {
        let parsed = parse(&service, &pool_service);
        let json = serde_json::to_string(&parsed).unwrap();
        prop_assert_eq!(serde_json::from_str::<Parsed>(&json).unwrap(), parsed);
    }
}
