//! Who goes before whom.

use std::sync::Arc;

/// How urgent the work on a key is, the most urgent first (behaviour 11.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Somebody waits for it: it is let go, or does not serve yet.
    Urgent,
    /// What it depends on has changed.
    Changed,
    /// Time has come to look at it again.
    #[default]
    Routine,
}

/// Where a key stands among the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// The more urgent go first.
    pub urgency: Urgency,
    /// What it shares with others, so that trouble there holds up those only: its region. Of each group so many urgent keys
    /// and so many others are worked on at a time, whatever happens to the other groups.
    pub group: Arc<str>,
    /// What it has to have for itself: the user's load balancer that it shares with others. Of those that need the same
    /// one at a time is worked on, and the others wait in the queue, where they keep no worker.
    pub turn: Option<Arc<str>>,
}

/// The workers that a key takes one of: the urgent keys of a group have workers of their own, so that neither those nor
/// the others wait for each other (behaviour 11.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Crew {
    group: Arc<str>,
    is_urgent: bool,
}

impl Rank {
    /// Who works on it.
    pub(super) fn crew(&self) -> Crew {
        Crew {
            group: Arc::clone(&self.group),
            is_urgent: self.urgency == Urgency::Urgent,
        }
    }

    /// This, and no less urgent than that.
    pub(super) fn at_least(mut self, urgency: Urgency) -> Self {
        self.urgency = self.urgency.min(urgency);
        self
    }
}
