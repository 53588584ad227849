//! What the listeners and backends of a load balancer were last brought to, as a digest that the
//! ledger carries (behaviour 5.3).
//!
//! Lists do not show listeners and backends. A process that starts would have to read them of every
//! load balancer; where the digest is that of what is wanted now, it need not (behaviour 9.2). So the
//! digest is recorded only after everything was seen in place, and is taken out of the ledger before
//! the first write that makes it untrue.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::annotations::Setting;
use crate::desired::Stack;
use crate::listeners::Listener;
use crate::shared::Others;

/// Stands before every digest; another one wherever [`State`] changes its form or its meaning.
const VERSION: u32 = 1;

/// How many bytes of the SHA-256 are kept.
const BYTES: usize = 16;

/// The digest of what a stack wants of listeners and backends, on whichever load balancer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Digest(Vec<u8>);

/// Everything on which the listeners and backends depend that a plan brings about. The fields are
/// written in this order, maps and sets in theirs.
#[derive(Serialize)]
struct State<'a> {
    listeners: &'a [Listener],
    backends: BTreeMap<&'a str, u8>,
    kept_backends: &'a BTreeSet<String>,
    /// The settings that stay as the cloud has them.
    kept_settings: BTreeSet<Setting>,
    takes_over_listeners: bool,
    others: &'a Others,
}

/// The digest of what this stack wants.
pub(crate) fn digest(stack: &Stack) -> Digest {
    let servers = stack.backends.servers.iter();
    let state = State {
        listeners: &stack.listeners,
        backends: servers
            .map(|server| (server.server_id.as_str(), stack.weight_of(server)))
            .collect(),
        kept_backends: &stack.backends.kept,
        kept_settings: stack.faults.iter().map(|fault| fault.setting).collect(),
        takes_over_listeners: stack.force_override_listeners,
        others: &stack.others,
    };
    // Nothing here that JSON cannot hold: every key of a map is a text.
    let text = serde_json::to_vec(&state).unwrap_or_default();
    Digest(Sha256::digest(text).to_vec())
}

/// What the ledger says once all that is in place on this load balancer.
pub(crate) fn record(wanted: &Digest, load_balancer: &str) -> String {
    let both = Sha256::new_with_prefix(&wanted.0).chain_update(load_balancer);
    let mut record = format!("{VERSION}-");
    for byte in both.finalize().iter().take(BYTES) {
        // Writing to a String cannot fail.
        let _ = write!(record, "{byte:02x}");
    }
    record
}
