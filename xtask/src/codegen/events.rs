//! The reference of events for users.

use std::fmt::Write as _;

use ecm_policy::events::{self, Controller, Definition, On, Said};

const INTRODUCTION: &str = "\
# Events

<!-- Made by `cargo xtask codegen` from crates/ecm-policy/src/events.rs; do not edit. -->

`kubectl describe service NAME` and `kubectl describe ps NAME` show them. Events tell of changes:
an object that stays as it is causes none. A person, or a program, that wants to know how things
are reads the [conditions](conditions.md).

*Said* tells how often: *each time* something was done; *once* when the cause begins, and again
when it has gone and come back. After a restart what still holds is said again, and counted on the
event that exists where the text is the same.
";

pub(super) fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (by, title) in [
        (Controller::FanOut, "Of the fan-out controller"),
        (Controller::Elb, "Of the elb controller"),
    ] {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\n## {title}\n\n| reason | type | on | said | meaning |\n|---|---|---|---|---|\n"
        );
        for event in events::all().filter(|event| event.by == by) {
            text.push_str(&row(event));
        }
    }
    text
}

fn row(event: Definition) -> String {
    let kind = if event.is_warning {
        "Warning"
    } else {
        "Normal"
    };
    let on = match event.on {
        On::Service => "Service",
        On::PoolService => "PoolService",
        On::Both => "PoolService, Service",
    };
    let said = match event.said {
        Said::EachTime => "each time",
        Said::OncePerCause => "once",
    };
    let meaning = super::conditions::meaning(event.reason);
    format!(
        "| `{}` | {kind} | {on} | {said} | {meaning} |\n",
        event.reason.as_str()
    )
}
