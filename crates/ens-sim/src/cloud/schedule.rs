//! Which server takes a new flow: the schedulers of a listener, and what they remember between flows.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use super::State;
use super::connect::Flow;
use super::health::HealthKey;
use super::resource::{BackendServer, Listener, ListenerKey};
use crate::time::Timestamp;

/// What forwarding remembers between flows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Forwarding {
    pub(super) listeners: BTreeMap<(String, ListenerKey), Memory>,
    pub(super) unhealthy: BTreeSet<HealthKey>,
}

/// What one listener remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    turn: usize,
    credit: BTreeMap<String, i64>,
    pub(super) open: BTreeMap<String, u64>,
    sticky: BTreeMap<IpAddr, (String, Timestamp)>,
}

impl Forwarding {
    /// How many flows of a listener are open.
    pub(super) fn open(&self, id: &str, key: ListenerKey) -> u64 {
        let memory = self.listeners.get(&(id.to_owned(), key));
        memory.map_or(0, |memory| memory.open.values().sum())
    }

    pub(super) fn forget_listener(&mut self, id: &str, key: ListenerKey) {
        self.listeners.remove(&(id.to_owned(), key));
        self.unhealthy
            .retain(|about| about.load_balancer != id || about.listener != key);
    }

    /// Forgets the health of servers that are not attached any more.
    pub(super) fn forget_detached(&mut self, state: &State) {
        self.unhealthy.retain(|about| {
            let balancer = state.load_balancers.get(&about.load_balancer);
            balancer.is_some_and(|b| {
                b.backends
                    .iter()
                    .any(|server| server.server_id == about.server_id)
            })
        });
    }

    pub(super) fn forget_load_balancer(&mut self, id: &str) {
        self.listeners.retain(|(balancer, _), _| balancer != id);
        self.unhealthy.retain(|about| about.load_balancer != id);
    }
}

impl Memory {
    pub(super) fn choose<'s>(
        &mut self,
        listener: &Listener,
        candidates: &[&'s BackendServer],
        flow: &Flow,
        now: Timestamp,
    ) -> Option<&'s BackendServer> {
        let sticky_for = listener.number("PersistenceTimeout").unwrap_or(0);
        let source = flow.source.ip();
        if sticky_for > 0 {
            self.sticky.retain(|_, (_, until)| *until > now);
            let known = self.sticky.get(&source).map(|(server, _)| server.as_str());
            if let Some(server) = candidates
                .iter()
                .find(|server| known == Some(server.server_id.as_str()))
            {
                return Some(server);
            }
        }
        let server = match listener.text("Scheduler") {
            "rr" => self.round_robin(candidates),
            "wlc" => self.least_connections(candidates),
            "tch" => by_hash(candidates, (flow.source, flow.address, flow.port)),
            // QUIC connection ids (qch, iqch) are not looked into: the source decides.
            "sch" | "qch" | "iqch" => by_hash(candidates, source),
            _ => self.weighted_round_robin(candidates),
        }?;
        if sticky_for > 0 {
            self.sticky.insert(
                source,
                (
                    server.server_id.clone(),
                    now.after(Duration::from_secs(sticky_for)),
                ),
            );
        }
        Some(server)
    }

    fn round_robin<'s>(&mut self, candidates: &[&'s BackendServer]) -> Option<&'s BackendServer> {
        let index = self.turn.checked_rem(candidates.len())?;
        self.turn = self.turn.wrapping_add(1);
        candidates.get(index).copied()
    }

    /// Smooth weighted round robin: each turn everybody earns its weight, the richest serves and pays the sum.
    fn weighted_round_robin<'s>(
        &mut self,
        candidates: &[&'s BackendServer],
    ) -> Option<&'s BackendServer> {
        let total: i64 = candidates
            .iter()
            .map(|server| i64::from(server.weight))
            .sum();
        self.credit
            .retain(|id, _| candidates.iter().any(|server| server.server_id == *id));
        let mut best: Option<(&'s BackendServer, i64)> = None;
        for server in candidates {
            let credit = self.credit.entry(server.server_id.clone()).or_default();
            *credit += i64::from(server.weight);
            if best.is_none_or(|(_, most)| *credit > most) {
                best = Some((server, *credit));
            }
        }
        let (server, _) = best?;
        if let Some(credit) = self.credit.get_mut(&server.server_id) {
            *credit -= total;
        }
        Some(server)
    }

    fn least_connections<'s>(&self, candidates: &[&'s BackendServer]) -> Option<&'s BackendServer> {
        let open = |server: &BackendServer| self.open.get(&server.server_id).copied().unwrap_or(0);
        candidates
            .iter()
            .min_by(|a, b| {
                // open(a) / weight(a) against open(b) / weight(b), without division.
                (open(a) * u64::from(b.weight)).cmp(&(open(b) * u64::from(a.weight)))
            })
            .copied()
    }
}

fn by_hash<'s>(candidates: &[&'s BackendServer], what: impl Hash) -> Option<&'s BackendServer> {
    // DefaultHasher::new has fixed keys, so a run can be replayed.
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    let index = hasher
        .finish()
        .checked_rem(u64::try_from(candidates.len()).ok()?)?;
    candidates.get(usize::try_from(index).ok()?).copied()
}
