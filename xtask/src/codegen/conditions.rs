//! The reference of conditions and their reasons for users.

use std::fmt::Write as _;

use poolservice_api::conditions::{ConditionType, Reason};

const INTRODUCTION: &str = "\
# Conditions and their reasons

<!-- Made by `cargo xtask codegen` from crates/poolservice-api/src/conditions.rs; do not edit. -->

What a PoolService says about itself, in `status.conditions`. `kubectl describe ps NAME` shows the
message, which says what to do. [Events](events.md) tell of changes.

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
    text.push_str(
        "\n## Reasons\n\nOf conditions; an [event](events.md) may bear the same word.\n\n",
    );
    text.push_str("| reason | meaning |\n|---|---|\n");
    let of_events_only = |reason: &&Reason| reason.meaning().starts_with(EVENT);
    for reason in Reason::ALL.iter().filter(|reason| !of_events_only(reason)) {
        line(&mut text, reason.as_str(), &meaning(*reason));
    }
    text
}

/// What a reason means, as a sentence.
pub(super) fn meaning(reason: Reason) -> String {
    let mut letters = reason.meaning().trim_start_matches(EVENT).chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn line(text: &mut String, word: &str, meaning: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| `{word}` | {meaning} |");
}
