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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rank {
    /// The more urgent go first.
    pub urgency: Urgency,
    /// What it shares with others, so that trouble there holds up those only: its region. Of each group so many keys are
    /// worked on at a time, whatever happens to the other groups.
    pub group: Arc<str>,
}

impl Rank {
    /// This, and no less urgent than that.
    pub(super) fn at_least(mut self, urgency: Urgency) -> Self {
        self.urgency = self.urgency.min(urgency);
        self
    }
}
