//! The reference of annotations for users.

use std::fmt::Write as _;

use ecm_policy::annotations::{DEFINITIONS, Definition};
use poolservice_api::keys;

const INTRODUCTION: &str = "\
# Annotations

<!-- Made by `cargo xtask codegen` from crates/ecm-policy/src/annotations/table.rs; do not edit. -->

What can be asked of a load balancer. Annotations stand on the Service, for all its pools, or on a
PoolService, for one pool; on both, that of the PoolService counts. Values are texts (`\"10\"`,
`\"true\"`), and upper and lower case differ.

A value that is not allowed is refused: the PoolService gets the condition `Accepted=False` with the
reason `InvalidAnnotation` and a message that says what is allowed. Before a load balancer exists
none is created; afterwards the setting keeps its value, and everything else goes on. A change that
is refused gets `InSync=False`, reason `ImmutableSetting`: delete the PoolService to
make that pool's load balancer again, or the Service to make all of them again. A
key that nobody knows gets a Warning event with the nearest one.

Two annotations are OpenYurt's. The first decides whether there is a load balancer at all:

| annotation | on | what it is for |
|---|---|---|
";

const SOURCES: &str = "\
Sources: the annotation page is \"Use annotations to configure ELB instances\" in the documentation of
ACK Edge; the ENS API is its reference, actions CreateLoadBalancer, CreateEipInstance and
CreateLoadBalancerTCPListener.
";

pub(super) fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    let others = [
        (
            keys::NODE_POOL_SELECTOR,
            "Service",
            "Which pools get a load balancer: a label selector over the labels of NodePools. Without it there is none.",
        ),
        (
            keys::TOPOLOGY_KEYS,
            "Service",
            "`openyurt.io/nodepool` keeps traffic in the pool where it arrives. OpenYurt acts on it; the backends follow it.",
        ),
    ];
    for (key, on, doc) in others {
        line(&mut text, format_args!("| `{key}` | {on} | {doc} |"));
    }
    text.push_str("\nThe place of a pool stands on the NodePool, and all three are needed:\n\n");
    text.push_str("| annotation | value |\n|---|---|\n");
    for (key, value) in [
        (keys::ENS_REGION_ID, "the ENS region, `cn-...`"),
        (keys::ENS_NETWORK_ID, "the network in it, `n-...`"),
        (
            keys::ENS_VSWITCH_ID,
            "vSwitches of the network, `vsw-...,vsw-...`; the first one that exists is taken",
        ),
    ] {
        line(&mut text, format_args!("| `{key}` | {value} |"));
    }
    text.push_str("\n## Overview\n\n| annotation | about | values | default | change |\n|---|---|---|---|---|\n");
    for definition in DEFINITIONS {
        line(
            &mut text,
            format_args!(
                "| [`{}`](#{}) | {} | {} | {} | {} |",
                definition.key,
                anchor(definition.key),
                definition.resource,
                values(definition),
                code(definition.default),
                definition.mutability
            ),
        );
    }
    text.push_str("\n## Each annotation\n\n");
    text.push_str(SOURCES);
    for definition in DEFINITIONS {
        section(&mut text, definition);
    }
    text
}

fn section(text: &mut String, definition: &Definition) {
    line(text, format_args!("\n### {}\n", definition.key));
    line(text, format_args!("{}\n", definition.doc));
    line(text, format_args!("- Values: {}", values(definition)));
    line(
        text,
        format_args!("- Default: {}", code(definition.default)),
    );
    line(text, format_args!("- On: {}", definition.place));
    line(text, format_args!("- About: {}", definition.resource));
    line(
        text,
        format_args!("- A change after creation: {}", definition.mutability),
    );
    if let Some(alias) = definition.alias {
        line(text, format_args!("- Also written: `{alias}`"));
    }
    line(text, format_args!("- Source: {}", definition.source));
}

/// The values that an annotation takes. Markdown would take `<node>` for HTML.
fn values(definition: &Definition) -> String {
    definition.values.to_string().replace('<', "&lt;")
}

/// A value in code letters, or the word for its absence.
fn code(value: Option<&str>) -> String {
    value.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"))
}

/// The anchor that Markdown renderers give to a heading: letters, digits and dashes stay.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .collect()
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{arguments}");
}
