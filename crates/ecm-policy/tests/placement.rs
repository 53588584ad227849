//! Where a pool is (behaviour 3.2).

use std::collections::BTreeMap;

use ecm_policy::placement::{PlacementFault, PlacementRequest, from_annotations, unknown_keys};
use poolservice_api::Reason;
use proptest::prelude::*;

const REGION: &str = "alibabacloud.com/ens-region-id";
const NETWORK: &str = "alibabacloud.com/ens-network-id";
const VSWITCH: &str = "alibabacloud.com/ens-vswitch-id";

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn rule_3_2_blanks_and_repetitions_do_not_matter() {
    let annotations = map(&[
        (REGION, " cn-hefei-cmcc "),
        (NETWORK, "n-1\n"),
        (VSWITCH, "vsw-b, vsw-a ,vsw-b"),
    ]);
    assert_eq!(
        from_annotations("np-heifei", &annotations),
        Ok(PlacementRequest {
            region: "cn-hefei-cmcc".to_owned(),
            network: "n-1".to_owned(),
            vswitches: vec!["vsw-b".to_owned(), "vsw-a".to_owned()],
        })
    );
}

#[test]
fn rule_3_2_every_missing_key_is_named_with_the_command_that_sets_it() {
    let fault =
        from_annotations("np-heifei", &map(&[(NETWORK, "n-1"), (VSWITCH, " ")])).unwrap_err();
    assert_eq!(fault.reason(), Reason::PlacementMissing);
    assert_eq!(
        fault.to_string(),
        "NodePool np-heifei does not say where it is: run `kubectl annotate nodepool np-heifei \
         alibabacloud.com/ens-region-id=cn-xxx-xxx alibabacloud.com/ens-vswitch-id=vsw-xxx,vsw-xxx`"
    );
    let PlacementFault::Missing { keys, .. } = fault else {
        panic!("{fault:?}");
    };
    assert_eq!(keys, [REGION, VSWITCH]);
}

#[test]
fn rule_3_2_a_value_that_cannot_be_an_id_is_named() {
    let good = map(&[(REGION, "cn-hefei"), (NETWORK, "n-1"), (VSWITCH, "vsw-1")]);
    for (key, value, wrong) in [
        (REGION, "cn hefei", "cn hefei"),
        (NETWORK, "vsw-1", "vsw-1"),
        (NETWORK, "n-", "n-"),
        (NETWORK, "n-1,n-2", "n-1,n-2"),
        (VSWITCH, "vsw-1,n-1", "n-1"),
        (VSWITCH, "vsw-1,", ""),
    ] {
        let mut annotations = good.clone();
        annotations.insert(key.to_owned(), value.to_owned());
        let fault = from_annotations("np", &annotations).unwrap_err();
        assert_eq!(fault.reason(), Reason::PlacementInvalid);
        let text = fault.to_string();
        assert!(
            text.contains(key) && text.contains(&format!("{wrong:?}")),
            "{text}"
        );
    }
}

#[test]
fn rule_3_4_a_misspelt_key_is_said_with_the_nearest_one() {
    let unknown = unknown_keys(&map(&[
        ("alibabacloud.com/ens-vswitch-ids", "vsw-1"),
        (REGION, "cn-hefei"),
        ("alibabacloud.com/nodepool-id", "np1"),
    ]));
    let pairs: Vec<_> = unknown
        .iter()
        .map(|u| (u.key.as_str(), u.nearest.as_str()))
        .collect();
    assert_eq!(pairs, [("alibabacloud.com/ens-vswitch-ids", VSWITCH)]);
}

proptest! {
    #[test]
    fn no_value_makes_it_panic_and_every_id_is_clean(
        region in "\\PC{0,12}", network in "(n-)?[\\PC]{0,6}", vswitches in "(vsw-[a-z, ]{0,6}){0,3}",
    ) {
        let annotations = map(&[(REGION, &region), (NETWORK, &network), (VSWITCH, &vswitches)]);
        if let Ok(placement) = from_annotations("np", &annotations) {
            prop_assert!(!placement.vswitches.is_empty());
            let ids = placement.vswitches.iter().chain([&placement.region, &placement.network]);
            for id in ids {
                prop_assert!(!id.is_empty() && id.chars().all(|c| c.is_ascii_graphic() && c != ','));
            }
        }
    }
}
