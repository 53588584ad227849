//! The reference of conditions, reasons and events for users.

use std::fmt::Write as _;

use poolservice_api::conditions::{ConditionType, Reason};

const INTRODUCTION: &str = "\
# Conditions, reasons and events

<!-- Made by `cargo xtask codegen` from crates/poolservice-api/src/conditions.rs; do not edit. -->

What a PoolService says about itself, in `status.conditions`. `kubectl describe ps NAME` shows the
message, which says what to do. Events stand on the PoolService and, where people look there first,
on the Service.

## Conditions

| type | true means |
|---|---|
";

/// What a reason that stands only in events begins with.
const EVENT: &str = "Event: ";

pub(super) fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for condition in ConditionType::ALL {
        line(&mut text, condition.as_str(), condition.meaning());
    }
    let (events, reasons): (Vec<Reason>, Vec<Reason>) = Reason::ALL
        .iter()
        .partition(|reason| reason.meaning().starts_with(EVENT));
    text.push_str("\n## Reasons\n\nOf conditions; a Warning event may bear the same word.\n\n");
    text.push_str("| reason | meaning |\n|---|---|\n");
    for reason in reasons {
        line(&mut text, reason.as_str(), reason.meaning());
    }
    text.push_str("\n## Events\n\n| reason | meaning |\n|---|---|\n");
    for reason in events {
        let meaning = reason.meaning().trim_start_matches(EVENT);
        let mut letters = meaning.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        let meaning: String = first.chain(letters).collect();
        line(&mut text, reason.as_str(), &meaning);
    }
    text
}

fn line(text: &mut String, word: &str, meaning: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| `{word}` | {meaning} |");
}
