//! What the controller remembers of a PoolService between two syncs. Nothing here is needed for
//! correctness: a process that starts with none of it goes on from the ledgers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ecm_policy::ledger::{Ledger, State};
use ecm_policy::plan::{Refused, Step};
use ecm_policy::snapshot::ObjectKey;
use tokio::time::Instant;

/// How often a pending thing is looked at in its first minute (behaviour 4.3).
const FIRST_MINUTE: Duration = Duration::from_secs(1);

/// How often it is looked at afterwards.
const LATER: Duration = Duration::from_secs(10);

/// For how long nothing was changed before it is recorded what is in place: endpoints seldom move
/// alone, and a record costs a write to Kubernetes.
const QUIET: Duration = Duration::from_secs(10);

/// For how long a write may be on its way that nobody hears of any more: three times the deadline of
/// an exchange (`ens_openapi::client::Deadlines`).
const IN_FLIGHT: Duration = Duration::from_secs(30);

/// How old lists may be where something is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// First delay after a failed call to the cloud, before jitter.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// For how many seconds a refusal is remembered after it could have been tried again.
const FORGET_REFUSED: i64 = 10 * 60;

/// Longest delay after failed calls to the cloud, before jitter.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// One memory per PoolService that exists.
#[derive(Debug, Default)]
pub(super) struct Memories(Mutex<BTreeMap<ObjectKey, Memory>>);

#[derive(Debug, Default)]
struct Memory {
    uid: String,
    /// The ledger that we wrote last; the watch may still show an earlier one.
    ledger: Option<Ledger>,
    /// When our last write to the cloud was answered whose effect lists show.
    wrote_cloud: Option<Instant>,
    /// Since when something has been pending.
    pending_since: Option<Instant>,
    /// How closely lists are followed.
    lists: Follow,
    /// When our last step of any kind was answered.
    last_step: Option<Instant>,
    /// Until when a write may take effect whose answer nobody has.
    unsure_until: Option<Instant>,
    /// Failed calls in a row.
    failures: u32,
    /// What the cloud refused for good, and what was asked for then.
    refused: Option<(u64, Vec<Refused>)>,
    /// What was asked for when nothing was left to do.
    settled: Option<u64>,
    /// When its ledger was first seen to be lost, seconds since 1970.
    lost_since: Option<i64>,
}

/// How closely the lists of a region are followed.
#[derive(Debug, Clone, Copy, Default)]
enum Follow {
    /// As the drift check does.
    #[default]
    Drift,
    /// As they were until then: nothing is under way.
    Until(Instant),
    /// What could not be done is tried again by what they show.
    Retry,
    /// They show what is on its way.
    Pending,
}

/// What comes before a record of what is in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BeforeRecord {
    /// This time passes: more changes may come, or a write may arrive late.
    Wait(Duration),
    /// It is read once more: what was seen may be older than a write that arrived late.
    ReadAgain,
}

impl Memories {
    /// Of the ledger that was read and the one that we wrote the later.
    pub(super) fn newer(&self, key: &ObjectKey, uid: &str, read: State) -> State {
        let written = self
            .lock()
            .get(key)
            .filter(|m| m.uid == uid)
            .and_then(|m| m.ledger.clone());
        let Some(written) = written else { return read };
        match &read {
            State::Current(current) if current.sequence >= written.sequence => read,
            State::Lost(_) => read,
            State::Current(_) | State::None => State::Current(Box::new(written)),
        }
    }

    pub(super) fn wrote_ledger(&self, key: &ObjectKey, uid: &str, ledger: Ledger) {
        self.with(key, uid, |memory| memory.ledger = Some(ledger));
    }

    /// Since when its ledger has been lost, for what is lost `now`, in seconds since 1970.
    pub(super) fn lost_since(&self, key: &ObjectKey, uid: &str, now: i64) -> i64 {
        let mut since = now;
        self.with(key, uid, |memory| {
            since = *memory.lost_since.get_or_insert(now);
        });
        since
    }

    /// Its ledger can be read again.
    pub(super) fn ledger_found(&self, key: &ObjectKey) {
        if let Some(memory) = self.lock().get_mut(key) {
            memory.lost_since = None;
        }
    }

    /// Steps were carried out; `lists_show` whether lists show what they did.
    pub(super) fn wrote_cloud(&self, key: &ObjectKey, uid: &str, at: Instant, lists_show: bool) {
        self.with(key, uid, |memory| {
            if lists_show {
                memory.wrote_cloud = Some(at);
            }
            memory.last_step = Some(at);
            // What is pending for a minute is looked at less often, whatever is written meanwhile.
            memory.pending_since.get_or_insert(at);
        });
    }

    /// A first look at an object of a ledger: the process before this one may have sent a write that
    /// is still on its way.
    pub(super) fn meet(&self, key: &ObjectKey, uid: &str, now: Instant) {
        let is_known = self.lock().get(key).is_some_and(|known| known.uid == uid);
        if !is_known {
            self.unsure(key, uid, now);
        }
    }

    /// A write was sent, and nobody knows whether it took effect, or still will.
    pub(super) fn unsure(&self, key: &ObjectKey, uid: &str, now: Instant) {
        self.with(key, uid, |memory| {
            memory.unsure_until = Some(now + IN_FLIGHT);
        });
    }

    /// What is still to be done before what was seen in place may be recorded.
    pub(super) fn before_record(&self, key: &ObjectKey, now: Instant) -> Option<BeforeRecord> {
        let mut memories = self.lock();
        let memory = memories.get_mut(key)?;
        let quiet = memory.last_step.map(|last| last + QUIET);
        let last = quiet.max(memory.unsure_until)?;
        if now < last {
            return Some(BeforeRecord::Wait(last.duration_since(now)));
        }
        memory.unsure_until.take().map(|_| BeforeRecord::ReadAgain)
    }

    /// How old lists may be: while something is pending that they show they follow it, and they
    /// never are older than our own last write that they show. A change in Kubernetes is answered
    /// with the lists that are known, until it is time to compare them again.
    pub(super) fn lists_not_before(
        &self,
        key: &ObjectKey,
        now: Instant,
        drift_interval: Duration,
    ) -> Instant {
        let memories = self.lock();
        let memory = memories.get(key);
        let age = match memory.map(|memory| memory.lists).unwrap_or_default() {
            // Syncs that were requeued together share one list.
            Follow::Pending => FIRST_MINUTE / 2,
            Follow::Retry => RETRY.min(drift_interval / 2),
            Follow::Until(due) if now < due => drift_interval,
            Follow::Until(_) | Follow::Drift => drift_interval / 2,
        };
        let oldest = now.checked_sub(age).unwrap_or(now);
        let wrote = memory.and_then(|memory| memory.wrote_cloud);
        wrote.map_or(oldest, |wrote| oldest.max(wrote))
    }

    /// When to look at what is pending; `lists_show` whether lists show when it is there.
    pub(super) fn pending(&self, key: &ObjectKey, now: Instant, lists_show: bool) -> Duration {
        let mut memories = self.lock();
        let memory = memories.entry(key.clone()).or_default();
        memory.lists = match memory.lists {
            _ if lists_show => Follow::Pending,
            Follow::Until(due) => Follow::Until(due),
            Follow::Drift | Follow::Retry | Follow::Pending => Follow::Drift,
        };
        let since = *memory.pending_since.get_or_insert(now);
        if now.duration_since(since) < Duration::from_secs(60) {
            FIRST_MINUTE
        } else {
            LATER
        }
    }

    /// Nothing is pending any more; lists are compared again at `due`.
    pub(super) fn settled(&self, key: &ObjectKey, due: Instant) {
        if let Some(memory) = self.lock().get_mut(key) {
            memory.pending_since = None;
            memory.lists = Follow::Until(due);
        }
    }

    /// What could not be done is tried again by what the lists then show.
    pub(super) fn retries(&self, key: &ObjectKey) {
        if let Some(memory) = self.lock().get_mut(key) {
            memory.lists = Follow::Retry;
        }
    }

    /// The upper bound of the next delay; doubles with every failure in a row.
    pub(super) fn backoff(&self, key: &ObjectKey) -> Duration {
        let mut memories = self.lock();
        let memory = memories.entry(key.clone()).or_default();
        memory.failures = memory.failures.saturating_add(1);
        let doublings = (memory.failures - 1).min(16);
        FIRST_BACKOFF
            .saturating_mul(1 << doublings)
            .min(MAX_BACKOFF)
    }

    /// What the cloud refused while the same was asked for as now. A change of that is a reason to
    /// try everything again (behaviour 11.1).
    pub(super) fn refused(&self, key: &ObjectKey, uid: &str, asked: u64) -> Vec<Refused> {
        let mut refused = Vec::new();
        self.with(key, uid, |memory| match &memory.refused {
            Some((then, steps)) if *then == asked => refused.clone_from(steps),
            _ => memory.refused = None,
        });
        refused
    }

    /// The cloud refused a step.
    pub(super) fn refuse(&self, key: &ObjectKey, uid: &str, asked: u64, new: Refused) {
        self.with(key, uid, |memory| {
            let (_, steps) = memory.refused.get_or_insert_with(|| (asked, Vec::new()));
            steps.retain(|known| !known.covers(&new.step));
            // What is not tried any more is not kept for ever.
            steps.retain(|known| known.again + FORGET_REFUSED > new.again);
            steps.push(new);
        });
    }

    /// A step that may have been refused before went well.
    pub(super) fn accepted(&self, key: &ObjectKey, step: &Step) {
        if let Some(memory) = self.lock().get_mut(key)
            && let Some((_, steps)) = &mut memory.refused
        {
            steps.retain(|known| !known.covers(step));
        }
    }

    /// Nothing was left to do for what is asked for.
    pub(super) fn settled_as(&self, key: &ObjectKey, uid: &str, asked: u64) {
        self.with(key, uid, |memory| memory.settled = Some(asked));
    }

    /// Whether nothing was left to do, the last time that nothing was, for the same as now.
    pub(super) fn was_settled(&self, key: &ObjectKey, uid: &str, asked: u64) -> bool {
        self.settled_before(key, uid) == Some(asked)
    }

    /// What was asked for the last time that nothing was left to do.
    pub(super) fn settled_before(&self, key: &ObjectKey, uid: &str) -> Option<u64> {
        let memories = self.lock();
        let memory = memories.get(key).filter(|memory| memory.uid == uid)?;
        memory.settled
    }

    /// Failed calls in a row.
    pub(super) fn failures(&self, key: &ObjectKey) -> u32 {
        self.lock().get(key).map_or(0, |memory| memory.failures)
    }

    /// The calls of a sync were answered well.
    pub(super) fn worked(&self, key: &ObjectKey) {
        if let Some(memory) = self.lock().get_mut(key) {
            memory.failures = 0;
        }
    }

    /// The object is gone, or what we remember of it is wrong.
    pub(super) fn forget(&self, key: &ObjectKey) {
        self.lock().remove(key);
    }

    fn with(&self, key: &ObjectKey, uid: &str, change: impl FnOnce(&mut Memory)) {
        let mut memories = self.lock();
        let memory = memories.entry(key.clone()).or_default();
        if memory.uid != uid {
            *memory = Memory {
                uid: uid.to_owned(),
                ..Memory::default()
            };
        }
        change(memory);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Memory>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str) -> Refused {
        Refused {
            step: Step::ReleaseEip { id: id.into() },
            reason: ecm_policy::conditions::Reason::CloudRefused,
            message: "no".into(),
            again: 1300,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn rule_4_3_what_is_pending_for_a_minute_is_looked_at_less_often_though_it_is_written() {
        let memories = Memories::default();
        let key = ObjectKey::new("shop", "web");
        let begun = Instant::now();
        for second in 0..120 {
            let now = begun + Duration::from_secs(second);
            memories.wrote_cloud(&key, "uid", now, true);
            let pace = if second < 60 { FIRST_MINUTE } else { LATER };
            assert_eq!(memories.pending(&key, now, true), pace, "after {second} s");
        }
        let now = begun + Duration::from_secs(200);
        memories.settled(&key, now);
        assert_eq!(memories.pending(&key, now, true), FIRST_MINUTE);
    }

    #[tokio::test(start_paused = true)]
    async fn rule_9_2_lists_follow_what_they_show_and_are_else_read_when_they_are_due() {
        let memories = Memories::default();
        let key = ObjectKey::new("shop", "web");
        let interval = Duration::from_secs(300);
        tokio::time::advance(Duration::from_secs(1000)).await;
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let age = |now: Instant| now - memories.lists_not_before(&key, now, interval);
        assert_eq!(age(begun), interval / 2, "nothing is known yet");
        memories.wrote_cloud(&key, "uid", begun, false);
        memories.pending(&key, begun, false);
        assert_eq!(age(after(10)), interval / 2, "lists do not show backends");
        memories.settled(&key, after(250));
        assert_eq!(age(after(249)), interval, "an endpoint moved");
        assert_eq!(age(after(250)), interval / 2, "it is time to compare");
        memories.wrote_cloud(&key, "uid", after(300), true);
        assert_eq!(age(after(310)), Duration::from_secs(10), "our own write");
        memories.pending(&key, after(310), true);
        assert_eq!(age(after(320)), FIRST_MINUTE / 2, "on its way");
    }

    #[tokio::test(start_paused = true)]
    async fn rule_5_3_what_is_in_place_is_recorded_when_no_write_can_arrive_late() {
        let memories = Memories::default();
        let key = ObjectKey::new("shop", "web");
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let wait = |seconds| Some(BeforeRecord::Wait(Duration::from_secs(seconds)));
        memories.wrote_cloud(&key, "uid", begun, false);
        assert_eq!(memories.before_record(&key, after(4)), wait(6));
        assert_eq!(memories.before_record(&key, after(10)), None);
        memories.unsure(&key, "uid", after(10));
        memories.wrote_cloud(&key, "uid", after(12), false);
        assert_eq!(memories.before_record(&key, after(22)), wait(18));
        let read_again = Some(BeforeRecord::ReadAgain);
        assert_eq!(memories.before_record(&key, after(40)), read_again);
        assert_eq!(memories.before_record(&key, after(40)), None);
        memories.meet(&key, "uid", after(50));
        assert_eq!(memories.before_record(&key, after(50)), None, "known");
        memories.meet(&key, "another object", after(50));
        assert_eq!(memories.before_record(&key, after(60)), wait(20));
    }

    #[test]
    fn rule_11_1_a_refusal_is_remembered_for_what_was_asked_and_forgotten_with_a_change() {
        let memories = Memories::default();
        let key = ObjectKey::new("shop", "web");
        memories.refuse(&key, "uid", 1, step("eip-1"));
        memories.refuse(&key, "uid", 1, step("eip-1"));
        memories.refuse(&key, "uid", 1, step("eip-2"));
        assert_eq!(memories.refused(&key, "uid", 1).len(), 2);
        memories.accepted(&key, &step("eip-1").step);
        assert_eq!(memories.refused(&key, "uid", 1), [step("eip-2")]);
        assert_eq!(memories.refused(&key, "uid", 2), []);
        assert_eq!(memories.refused(&key, "uid", 1), [], "it was forgotten");
        memories.refuse(&key, "uid", 1, step("eip-1"));
        assert_eq!(memories.refused(&key, "another object", 1), []);
    }

    #[test]
    fn rule_9_1_only_what_stood_before_and_was_not_changed_by_people_is_drift() {
        let memories = Memories::default();
        let key = ObjectKey::new("shop", "web");
        assert!(!memories.was_settled(&key, "uid", 1), "a first create");
        memories.settled_as(&key, "uid", 1);
        assert!(memories.was_settled(&key, "uid", 1));
        assert!(!memories.was_settled(&key, "uid", 2), "an edit");
    }
}
