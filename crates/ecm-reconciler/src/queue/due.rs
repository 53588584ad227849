//! The keys that are due, and which of them is next.

use std::collections::BTreeMap;

use super::rank::Rank;

/// After so many keys in a row that went before one that is due for longer, that one goes: nobody waits for ever.
const OVERTAKEN: u32 = 3;

/// Keys that are due. The more urgent come out first; equally urgent ones in the order of their numbers.
#[derive(Debug)]
pub(super) struct Due<K> {
    /// Keys of one rank by number, which grows in the order in which keys became due. No line is empty.
    lines: BTreeMap<Rank, BTreeMap<u64, K>>,
    /// Where each key stands.
    places: BTreeMap<K, (Rank, u64)>,
    /// How many keys in a row went before one that is due for longer.
    overtaken: u32,
}

impl<K: Ord + Clone> Due<K> {
    pub(super) fn new() -> Self {
        Self {
            lines: BTreeMap::new(),
            places: BTreeMap::new(),
            overtaken: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.places.contains_key(key)
    }

    /// A key is due. One that is due already keeps its number, and gets more urgent if `rank` is so.
    pub(super) fn insert(&mut self, key: K, rank: Rank, number: u64) {
        let (rank, number) = match self.remove(&key) {
            Some((known, number)) => (rank.at_least(known.urgency), number),
            None => (rank, number),
        };
        let line = self.lines.entry(rank.clone()).or_default();
        line.insert(number, key.clone());
        self.places.insert(key, (rank, number));
    }

    /// Takes out the next key of those of a rank of which one more may be worked on.
    pub(super) fn take(&mut self, is_open: impl Fn(&Rank) -> bool) -> Option<(K, Rank)> {
        let lines = || {
            let open = self.lines.iter().filter(|(rank, _)| is_open(rank));
            open.filter_map(|(rank, line)| Some((rank.urgency, line.first_key_value()?)))
        };
        let (urgent, first) = lines()
            .min_by_key(|(urgency, (number, _))| (*urgency, *number))?
            .1;
        let (longest, last) = lines()
            .map(|(_, head)| head)
            .min_by_key(|(number, _)| *number)?;
        let (key, overtaken) = if urgent == longest || self.overtaken >= OVERTAKEN {
            (last.clone(), 0)
        } else {
            (first.clone(), self.overtaken + 1)
        };
        self.overtaken = overtaken;
        let (rank, _) = self.remove(&key)?;
        Some((key, rank))
    }

    fn remove(&mut self, key: &K) -> Option<(Rank, u64)> {
        let (rank, number) = self.places.remove(key)?;
        if let Some(line) = self.lines.get_mut(&rank) {
            line.remove(&number);
            if line.is_empty() {
                self.lines.remove(&rank);
            }
        }
        Some((rank, number))
    }
}

#[cfg(test)]
mod tests {
    use super::super::rank::Urgency;
    use super::*;

    fn rank(group: &str, urgency: Urgency) -> Rank {
        Rank {
            urgency,
            group: group.into(),
            turn: None,
        }
    }

    fn all(due: &mut Due<u32>) -> Vec<u32> {
        let taken = std::iter::from_fn(|| due.take(|_| true));
        taken.map(|(key, _)| key).collect()
    }

    #[test]
    fn rule_11_2_the_more_urgent_goes_first_and_one_in_four_is_due_for_longest() {
        let mut due = Due::new();
        due.insert(0, rank("a", Urgency::Routine), 0);
        for number in 1..=2 {
            due.insert(number, rank("a", Urgency::Changed), number.into());
        }
        for number in 3..=7 {
            due.insert(number, rank("b", Urgency::Urgent), number.into());
        }
        assert_eq!(all(&mut due), [3, 4, 5, 0, 6, 7, 1, 2]);
        assert_eq!(due.len(), 0);
        assert!(due.lines.is_empty(), "what is empty is kept");
    }

    #[test]
    fn a_key_that_becomes_urgent_moves_up_and_one_that_is_urgent_stays_so() {
        let mut due = Due::new();
        for number in 0..3 {
            due.insert(number, rank("a", Urgency::Routine), number.into());
        }
        due.insert(2, rank("b", Urgency::Urgent), 3);
        due.insert(2, rank("b", Urgency::Routine), 4);
        assert_eq!(all(&mut due), [2, 0, 1]);
    }

    #[test]
    fn rule_11_2_a_group_that_may_have_no_more_holds_up_no_other() {
        let mut due = Due::new();
        due.insert(0, rank("full", Urgency::Urgent), 0);
        due.insert(1, rank("free", Urgency::Routine), 1);
        let next = |due: &mut Due<u32>| due.take(|rank| *rank.group != *"full").map(|(key, _)| key);
        assert_eq!(next(&mut due), Some(1));
        assert_eq!(next(&mut due), None);
        assert!(due.contains(&0));
    }
}
