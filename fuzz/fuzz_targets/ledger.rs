//! Whatever stands in the ledger's annotation, reading it ends, nothing readable is lost by writing it again, and an
//! unreadable one never counts as "nothing was made" while the finalizer is there. The input is the annotation.
#![no_main]

use ecm_policy::ledger::{State, read, write};
use libfuzzer_sys::fuzz_target;

const UID: &str = "5f0c7b2e-0000-4000-8000-000000000001";

fuzz_target!(|text: &str| {
    let with_finalizer = read(Some(text), UID, true);
    assert_ne!(with_finalizer, State::None);
    let without = read(Some(text), UID, false);
    if let State::Current(ledger) = &with_finalizer {
        assert_eq!(without, with_finalizer);
        let written = write(ledger).unwrap();
        assert_eq!(read(Some(&written), UID, true), with_finalizer);
        // A copy on another PoolService is not its ledger.
        assert_eq!(read(Some(&written), "another", false), State::None);
    }
});
