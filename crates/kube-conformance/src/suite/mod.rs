//! The assertions, by what they are about.

/// A table of checks: `group!("list", (what_holds, "who relies on it"), ...)`.
macro_rules! group {
    ($group:literal, $(($check:ident, $relied_on_by:literal)),* $(,)?) => {
        pub(super) const ASSERTIONS: &[crate::Assertion] = &[$(crate::Assertion {
            name: concat!($group, "/", stringify!($check)),
            relied_on_by: $relied_on_by,
            check: |test| Box::pin($check(test)),
        }),*];
    };
}

mod access;
mod apply;
mod built_in;
mod cluster;
mod definition;
mod deletion;
mod discovery;
mod dry_run;
mod event;
mod gadget;
mod garbage;
mod lease;
mod list;
mod merging;
mod namespace;
mod page;
mod patch;
mod selector;
mod service;
mod service_status;
mod shape;
mod status;
mod strict;
mod structural;
mod validation;
mod watching;
mod write;

use crate::Assertion;

/// Every assertion, by group.
pub fn assertions() -> Vec<Assertion> {
    [
        list::ASSERTIONS,
        page::ASSERTIONS,
        watching::ASSERTIONS,
        selector::ASSERTIONS,
        write::ASSERTIONS,
        dry_run::ASSERTIONS,
        patch::ASSERTIONS,
        merging::ASSERTIONS,
        apply::ASSERTIONS,
        status::ASSERTIONS,
        deletion::ASSERTIONS,
        garbage::ASSERTIONS,
        namespace::ASSERTIONS,
        definition::ASSERTIONS,
        validation::ASSERTIONS,
        strict::ASSERTIONS,
        structural::ASSERTIONS,
        built_in::ASSERTIONS,
        cluster::ASSERTIONS,
        shape::ASSERTIONS,
        service::ASSERTIONS,
        service_status::ASSERTIONS,
        lease::ASSERTIONS,
        event::ASSERTIONS,
        discovery::ASSERTIONS,
        access::ASSERTIONS,
    ]
    .concat()
}
