//! The reference of metrics for users.

use std::fmt::Write as _;

use ecm_reconciler::metrics::DEFINITIONS;

const INTRODUCTION: &str = "\
# Metrics

<!-- Made by `cargo xtask codegen` from crates/ecm-reconciler/src/metrics/definition.rs; do not edit. -->

`ecm run` serves them at `--metrics-addr` under `/metrics`, as OpenMetrics. Durations are in seconds. No label holds the
name of an object: what is wrong with which object stands in its conditions and events.

| metric | type | labels | what |
|---|---|---|---|
";

pub(super) fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for definition in DEFINITIONS {
        let labels: Vec<String> = definition
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            definition.full_name(),
            definition.kind.as_str(),
            labels.join(", "),
            definition.help
        );
    }
    text
}
