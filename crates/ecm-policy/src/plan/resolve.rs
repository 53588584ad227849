//! From a record in the ledger to the thing in the cloud, or to the create that is to be sent.

use std::collections::BTreeMap;

use super::{Event, LOST_AFTER, Need, Wait};
use crate::conditions::Reason;
use crate::ledger::{Intent, IntentStage, Owner, Record};
use crate::naming::client_token;
use crate::observed::Presence;
use crate::ownership::Finding;

/// Where one resource stands.
pub(super) enum Standing<'a, T> {
    /// It is there.
    Here(&'a T),
    /// Its create is to be sent; the record holds the intent.
    Create(Intent),
    /// Something has to be read first.
    Need(Need),
    /// Something has to happen first.
    Wait(Wait),
    /// The record has changed; the ledger is written before anything else.
    Recorded,
    /// It bears our name and is not ours.
    Conflict(Vec<String>),
    /// Another cluster uses our cluster id.
    ClusterIdInUse {
        /// The EIP that shows it.
        id: String,
        /// That cluster's UID.
        cluster_uid: String,
    },
    /// There is none, and none is wanted.
    Absent,
}

/// What to do about one resource.
pub(super) struct Resolve<'a, 'u, T> {
    /// The resource by its id.
    pub(super) presence: &'a Presence<T>,
    /// The need that reads it.
    pub(super) need: Need,
    /// What bears its name, and when that list began; `None` when no list was read.
    pub(super) finding: Option<(Finding, i64)>,
    /// The PoolService's UID and the kind of resource, which ClientTokens are made of.
    pub(super) token_of: (&'u str, &'static str),
    /// The parameters of a create; `None` when none is wanted any more.
    pub(super) parameters: Option<BTreeMap<String, String>>,
    /// The event for its loss.
    pub(super) lost: Reason,
    /// Whether nothing is believed to be gone that we did not release.
    pub(super) mass_loss: bool,
    /// Seconds since 1970.
    pub(super) now: i64,
}

impl<'a, T> Resolve<'a, '_, T> {
    /// Says where the resource stands, and brings the record up to that.
    pub(super) fn run(self, record: &mut Record, events: &mut Vec<Event>) -> Standing<'a, T> {
        if record.id.is_some() {
            self.known(record, events)
        } else {
            self.unknown(record, events)
        }
    }

    /// The ledger has its id.
    fn known(self, record: &mut Record, events: &mut Vec<Event>) -> Standing<'a, T> {
        match self.presence {
            Presence::Present(thing) => {
                record.gone_since = None;
                record.unseen_since = None;
                Standing::Here(thing)
            }
            Presence::Unread => Standing::Need(self.need),
            Presence::Gone { confirmed: false } => Standing::Wait(Wait::Pending),
            // It was just made: nobody says that it is shown by now.
            Presence::Gone { confirmed: true } if record.may_be_unseen(self.now) => {
                Standing::Wait(Wait::Pending)
            }
            Presence::Gone { confirmed: true } if self.mass_loss && !record.releasing => {
                Standing::Wait(Wait::Seconds(LOST_AFTER))
            }
            Presence::Gone { confirmed: true } if self.parameters.is_none() => Standing::Absent,
            Presence::Gone { confirmed: true } => match record.gone_since {
                None => {
                    record.gone_since = Some(self.now);
                    Standing::Wait(Wait::Seconds(LOST_AFTER))
                }
                Some(since) if self.now - since < LOST_AFTER => {
                    Standing::Wait(Wait::Seconds(LOST_AFTER - (self.now - since)))
                }
                Some(_) => {
                    let id = record.id.take().unwrap_or_default();
                    record.gone_since = None;
                    record.unseen_since = None;
                    record.owner = Owner::Created;
                    events.push(Event {
                        warning: true,
                        reason: self.lost,
                        message: format!("{id} is gone from the cloud and is made again"),
                    });
                    Standing::Recorded
                }
            },
        }
    }

    /// The ledger has no id: perhaps a create without an answer.
    fn unknown(self, record: &mut Record, events: &mut Vec<Event>) -> Standing<'a, T> {
        if record.intent.is_none() && self.parameters.is_none() {
            return Standing::Absent;
        }
        let Some((finding, listed_at)) = self.finding.clone() else {
            return Standing::Need(Need::ByName);
        };
        if let Finding::ClusterIdInUse { id, cluster_uid } = finding {
            return Standing::ClusterIdInUse { id, cluster_uid };
        }
        let Some(mut intent) = record.intent.clone() else {
            return self.fresh(record, finding, events);
        };
        if let Finding::Answer(id) = finding {
            record.resolve(id);
            return Standing::Recorded;
        }
        match intent.stage(self.now) {
            IntentStage::Repeat => {
                intent.repeated = true;
                record.intent = Some(intent.clone());
                Standing::Create(intent)
            }
            IntentStage::Wait { seconds } => Standing::Wait(Wait::Seconds(seconds)),
            // A list that began before nobody could still make it proves nothing.
            IntentStage::Decide if listed_at < intent.first_sent + crate::ledger::DECIDE_AFTER => {
                Standing::Need(Need::ByName)
            }
            IntentStage::Decide => match finding {
                // Not made after all: the next plan begins a new attempt, if one is wanted.
                Finding::Nothing => {
                    record.intent = None;
                    Standing::Recorded
                }
                // One of them may be the answer: only "absent" lets the intent be forgotten.
                Finding::Conflict(ids) => Standing::Conflict(ids),
                finding => self.fresh(record, finding, events),
            },
        }
    }

    /// No create is under way.
    fn fresh(
        self,
        record: &mut Record,
        finding: Finding,
        events: &mut Vec<Event>,
    ) -> Standing<'a, T> {
        match finding {
            Finding::Conflict(ids) => Standing::Conflict(ids),
            Finding::Adopt(id) => {
                events.push(Event {
                    warning: false,
                    reason: Reason::Adopted,
                    message: format!("took over {id}, as asked"),
                });
                record.owner = Owner::Adopted;
                record.resolve(id);
                Standing::Recorded
            }
            Finding::Answer(id) => Standing::Conflict(vec![id]),
            Finding::ClusterIdInUse { id, cluster_uid } => {
                Standing::ClusterIdInUse { id, cluster_uid }
            }
            Finding::Nothing => {
                let Some(parameters) = self.parameters else {
                    return Standing::Absent;
                };
                record.attempt += 1;
                record.owner = Owner::Created;
                let intent = Intent {
                    token: client_token(self.token_of.0, self.token_of.1, record.attempt),
                    parameters,
                    first_sent: self.now,
                    repeated: false,
                };
                record.intent = Some(intent.clone());
                Standing::Create(intent)
            }
        }
    }
}
