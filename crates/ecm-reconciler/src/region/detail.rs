//! What is known of the listeners and backends of a load balancer, and for how long that counts.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use ecm_policy::imagine;
use ecm_policy::listeners::ListenerKey;
use ecm_policy::observed::{Backend, Listener, LoadBalancerDetail};
use ecm_policy::plan::Step;
use tokio::time::Instant;

use super::Regions;

/// Most reads a second for whole reads of load balancers.
const WHOLE_READS_PER_SECOND: u32 = 3;

/// Listeners and backends of one load balancer, as far as they are still known.
#[derive(Debug, Clone, Default)]
pub(super) struct Detail {
    /// When it was read whole.
    pub(super) read: Option<Instant>,
    /// Grows with every change of ours: what was read before one is not kept after it.
    pub(super) changes: u64,
    /// The backends and the keys of the listeners; `None` after a change.
    pub(super) head: Option<Head>,
    /// Listeners that were read and not changed since.
    pub(super) listeners: BTreeMap<ListenerKey, Listener>,
    /// Until when the digest in a ledger may stand for all of this, while it was never read.
    pub(super) trusted_until: Option<Instant>,
}

/// How many reads a load balancer takes that nobody has read yet: itself and a listener or two.
const READS_OF_UNREAD: usize = 3;

#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) backends: Vec<Backend>,
    pub(super) listeners: Vec<Listener>,
    /// Until when it may be taken as our last writes have left it; then it is read.
    pub(super) carried_until: Option<Instant>,
}

impl Head {
    /// Takes a step of backends as done.
    fn carry(&mut self, step: &Step) {
        let mut detail = LoadBalancerDetail {
            backends: std::mem::take(&mut self.backends),
            ..LoadBalancerDetail::default()
        };
        imagine::change_detail(step, &mut detail);
        self.backends = detail.backends;
    }
}

/// For how long backends are taken as the cloud has accepted them: an endpoint that moves makes two
/// changes that seldom come in one look, and one read tells of both.
const CARRIED: Duration = Duration::from_millis(900);

/// What of a load balancer was changed by a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed<'a> {
    /// Its backends, by a step that the cloud has accepted.
    Accepted(&'a Step),
    /// Its backends, nobody knows how.
    Backends,
    /// One listener.
    Listener(ListenerKey),
    /// Its status, its name, or itself.
    Whole,
}

/// A number in 0..1 that differs from one id to another and stays the same.
fn spread(id: &str) -> f64 {
    // `DefaultHasher::new` has fixed keys, unlike the hasher of a HashMap.
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    f64::from((hasher.finish() >> 32) as u32) / f64::from(u32::MAX)
}

impl Regions {
    /// Forgets what a step has changed, also where that is being read at this moment.
    pub fn changed(&self, region: &str, id: &str, what: Changed<'_>) {
        let mut state = self.lock();
        let entry = state.regions.entry(region.to_owned()).or_default();
        let detail = entry.details.entry(id.to_owned()).or_default();
        detail.changes += 1;
        match (what, detail.head.as_mut()) {
            (Changed::Accepted(step), Some(head)) => {
                head.carry(step);
                head.carried_until = Some(Instant::now() + CARRIED);
            }
            _ => detail.head = None,
        }
        match what {
            Changed::Accepted(_) | Changed::Backends => {}
            Changed::Listener(key) => {
                detail.listeners.remove(&key);
            }
            Changed::Whole => {
                detail.read = None;
                detail.listeners.clear();
            }
        }
    }

    /// Whether the digest in a ledger may stand for the listeners and backends of a load balancer:
    /// until they have to be read because `period`, that of whole reads, has passed. Those that a
    /// process finds at its start are spread over the second half of the first period.
    pub fn trusts_ledger(&self, region: &str, id: &str, period: Duration) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let entry = state.regions.entry(region.to_owned()).or_default();
        let detail = entry.details.entry(id.to_owned()).or_default();
        if detail.read.is_some() || detail.changes > 0 {
            return false;
        }
        let until = detail
            .trusted_until
            .get_or_insert_with(|| now + period.mul_f64(spread(id).midpoint(1.0)));
        now < *until
    }

    /// How often a load balancer is read whole although nothing of it changed: every `shortest`,
    /// or less often where that would be more than three reads a second in all (behaviour 9.1).
    pub fn whole_read_interval(&self, shortest: Duration) -> Duration {
        let state = self.lock();
        let details = state.regions.values().flat_map(|r| r.details.values());
        let reads_of = |detail: &Detail| match detail.read {
            Some(_) => 1 + detail.listeners.len(),
            None => READS_OF_UNREAD,
        };
        let reads: usize = details.map(reads_of).sum();
        let reads = u32::try_from(reads).unwrap_or(u32::MAX);
        shortest.max(Duration::from_secs(u64::from(
            reads / WHOLE_READS_PER_SECOND,
        )))
    }
}
