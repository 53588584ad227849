//! Whatever stands in a selector, it is read or refused with its place, and what was read means the same when it is
//! written and read again. The input is the selector; after a line feed come labels, `key=value`, one a line.
#![no_main]

use std::collections::BTreeMap;

use ecm_policy::selector::Selector;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (text, labels) = input.split_once('\n').unwrap_or((input, ""));
    let labels: BTreeMap<String, String> = labels
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    match Selector::parse(text) {
        Ok(selector) => {
            let again = Selector::parse(&selector.to_string()).unwrap();
            assert_eq!(again, selector);
            assert_eq!(again.matches(&labels), selector.matches(&labels));
            // A label that it does not look at cannot change what it matches.
            let mut fewer = labels.clone();
            fewer.retain(|key, _| selector.keys().any(|known| known == key));
            assert_eq!(selector.matches(&fewer), selector.matches(&labels));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
