//! Whatever stands in annotations, reading them ends, is the same each time, and every fault names what is there. The
//! input has `key=value` lines; those after a line `---` stand on the PoolService. A key without a prefix gets the
//! common one.
#![no_main]

use std::collections::BTreeMap;

use ecm_policy::annotations::{DEFINITIONS, parse};
use libfuzzer_sys::fuzz_target;

const PREFIX: &str = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-";

fn annotations(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .map(|(key, value)| match key.contains('/') {
            true => (key.to_owned(), value.to_owned()),
            false => (format!("{PREFIX}{key}"), value.to_owned()),
        })
        .collect()
}

fuzz_target!(|input: &str| {
    let (service, pool_service) = input.split_once("---\n").unwrap_or((input, ""));
    let (service, pool_service) = (annotations(service), annotations(pool_service));
    let parsed = parse(&service, &pool_service);
    assert_eq!(parsed, parse(&service, &pool_service));
    for fault in &parsed.faults {
        let is_there = [&service, &pool_service]
            .iter()
            .any(|annotations| annotations.get(&fault.key) == Some(&fault.value));
        assert!(is_there && !fault.allowed.is_empty(), "{fault}");
    }
    for unknown in &parsed.unknown {
        let definition = |key: &str| {
            let is_key =
                |d: &&ecm_policy::annotations::Definition| d.key == key || d.alias == Some(key);
            DEFINITIONS.iter().find(is_key)
        };
        assert!(definition(&unknown.key).is_none(), "{unknown}");
    }
    // What was understood survives being stored.
    let json = serde_json::to_string(&parsed).unwrap();
    assert_eq!(
        serde_json::from_str::<ecm_policy::annotations::Parsed>(&json).unwrap(),
        parsed
    );
});
