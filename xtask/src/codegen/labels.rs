//! The reference of labels and finalizers for users.

use std::fmt::Write as _;

use poolservice_api::keys;

const INTRODUCTION: &str = "\
# Labels and finalizers

<!-- Made by `cargo xtask codegen` from crates/poolservice-api/src/keys.rs; do not edit. -->

| label | on | what it is for |
|---|---|---|
";

const FINALIZERS: &str = "
## Finalizers

| finalizer | on | stands until |
|---|---|---|
";

pub(super) fn markdown() -> String {
    let managed_by = format!(
        "Who made it: `{}` for the fan-out of this controller and for OpenYurt's.",
        keys::MANAGED_BY_FAN_OUT
    );
    let excluded = format!(
        "With the value `{}`: never a backend.",
        keys::VIRTUAL_KUBELET
    );
    let labels = [
        (
            keys::SERVICE_NAME,
            "PoolService",
            "The name of its Service.",
        ),
        (keys::POOL_NAME, "PoolService", "The name of its NodePool."),
        (keys::MANAGED_BY, "PoolService", managed_by.as_str()),
        (keys::NODE_POOL, "Node", "The name of its NodePool."),
        (
            keys::ACK_NODE_POOL,
            "Node",
            "The same, where the label above is absent.",
        ),
        (
            keys::ENS_INSTANCE_ID,
            "Node",
            "The ENS instance that it runs on. A node without it is never a backend.",
        ),
        (
            keys::EXCLUDE_FROM_LOAD_BALANCERS,
            "Node",
            "With any value: never a backend.",
        ),
        (keys::NODE_TYPE, "Node", excluded.as_str()),
    ];
    let finalizers = [
        (
            keys::SERVICE_FINALIZER,
            "Service",
            "all PoolServices of the Service are gone",
        ),
        (
            keys::POOL_SERVICE_FINALIZER,
            "PoolService",
            "its load balancer and EIP are released, or let go",
        ),
    ];
    let mut text = INTRODUCTION.to_owned();
    rows(&mut text, &labels);
    text.push_str(FINALIZERS);
    rows(&mut text, &finalizers);
    text
}

fn rows(text: &mut String, rows: &[(&str, &str, &str)]) {
    for (key, on, what) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{key}` | {on} | {what} |");
    }
}
