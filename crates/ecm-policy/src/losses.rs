//! Many load balancers that vanish at once are not believed to be gone (behaviour 8.6): with the
//! wrong account or endpoint a cloud looks just like that.

use std::collections::{BTreeMap, BTreeSet};

/// For how many seconds losses count together.
const TOGETHER: i64 = 10 * 60;

/// How many losses are always believed.
const BELIEVED: usize = 3;

/// What of one region's recorded load balancers has vanished.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    /// Since when each has been missing, seconds since 1970.
    missing: BTreeMap<String, i64>,
    /// Since when that has been too much to believe.
    held_since: Option<i64>,
    /// The losses that somebody confirmed.
    confirmed: BTreeSet<String>,
}

impl Losses {
    /// Compares the ids that ledgers record, but for those that we asked to be released, with
    /// those of a complete list.
    pub fn compare<'a>(
        &mut self,
        recorded: &BTreeSet<String>,
        listed: impl IntoIterator<Item = &'a String>,
        now: i64,
    ) {
        let listed: BTreeSet<&String> = listed.into_iter().collect();
        self.confirmed.retain(|id| !listed.contains(id));
        // What was made again under another id still vanished a while ago.
        self.missing.retain(|id, since| {
            let is_recent = now - *since <= TOGETHER;
            !listed.contains(id) && (recorded.contains(id) || is_recent)
        });
        for id in recorded {
            if !listed.contains(id) && !self.confirmed.contains(id) {
                self.missing.entry(id.clone()).or_insert(now);
            }
        }
        let limit = BELIEVED.max(recorded.len() / 10);
        let recent = self
            .missing
            .values()
            .filter(|since| now - **since <= TOGETHER);
        if recent.count() > limit {
            self.held_since.get_or_insert(now);
        }
        // They are back.
        if self.missing.len() <= limit {
            self.held_since = None;
        }
    }

    /// Since when nothing is believed to be gone, seconds since 1970.
    pub fn held_since(&self) -> Option<i64> {
        self.held_since
    }

    /// How many are missing.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// Somebody says, at this time, that they are really gone.
    pub fn confirm(&mut self, at: i64) {
        if self.held_since.is_some_and(|since| at >= since) {
            self.confirmed
                .extend(std::mem::take(&mut self.missing).into_keys());
            self.held_since = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(range: std::ops::Range<usize>) -> BTreeSet<String> {
        range.map(|i| format!("lb-{i:03}")).collect()
    }

    #[test]
    fn rule_8_6_three_are_believed_and_four_of_a_few_are_not() {
        let mut losses = Losses::default();
        losses.compare(&ids(0..10), &ids(3..10), 1000);
        assert_eq!(losses.held_since(), None);
        losses.compare(&ids(0..10), &ids(4..10), 1010);
        assert_eq!(losses.held_since(), Some(1010));
    }

    #[test]
    fn rule_8_6_of_many_a_tenth_is_believed() {
        let mut losses = Losses::default();
        losses.compare(&ids(0..100), &ids(10..100), 1000);
        assert_eq!(losses.held_since(), None);
        losses.compare(&ids(0..100), &ids(11..100), 1001);
        assert_eq!((losses.held_since(), losses.missing()), (Some(1001), 11));
    }

    #[test]
    fn rule_8_6_losses_count_together_for_ten_minutes_also_when_made_again() {
        let lose_one_by_one = |every: i64| {
            let mut losses = Losses::default();
            for lost in 0..5 {
                // What is lost is recorded no more: it was made again.
                let at = 1000 + every * i64::try_from(lost).unwrap();
                losses.compare(&ids(lost..20), &ids(lost + 1..20), at);
            }
            losses.held_since().is_some()
        };
        assert!(lose_one_by_one(100));
        assert!(!lose_one_by_one(1000));
    }

    #[test]
    fn rule_8_6_a_hold_ends_when_they_are_back_or_somebody_confirms_and_not_by_itself() {
        let mut losses = Losses::default();
        losses.compare(&ids(0..10), &ids(0..0), 1000);
        losses.compare(&ids(0..10), &ids(0..0), 99_000);
        assert_eq!(losses.held_since(), Some(1000));
        let mut back = losses.clone();
        back.compare(&ids(0..10), &ids(0..10), 99_001);
        assert_eq!(back, Losses::default());
        losses.confirm(999);
        assert!(
            losses.held_since().is_some(),
            "that was for an earlier loss"
        );
        losses.confirm(1000);
        assert_eq!(losses.held_since(), None);
        losses.compare(&ids(0..10), &ids(0..0), 99_002);
        assert_eq!(losses.held_since(), None, "it was confirmed");
    }
}
