//! Who waits for a turn, and who gets the next one.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Priority;

/// Of so many turns one goes to the call that has waited longest, whatever its priority: nobody starves.
const ONE_OF: usize = 4;

/// On whose behalf a call is made, as far as turns are concerned.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    pub(crate) priority: Priority,
    /// Callers with different names get their turns in rotation. Calls without a name are of one caller.
    pub(crate) name: Option<Arc<str>>,
}

/// The calls that wait for a turn of one action.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Vec<Waiting>,
    /// Turns given so far.
    turns: usize,
    /// The last turn of each caller since calls began to wait. Cleared when nobody waits: a rotation has no memory.
    last_turn: BTreeMap<Option<Arc<str>>, usize>,
    tickets: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    since: Instant,
    caller: Caller,
    granted: oneshot::Sender<()>,
}

/// A place in the queue.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) number: u64,
    pub(super) granted: oneshot::Receiver<()>,
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many turns go to others before a call of this caller that asks now, if nobody else comes.
    pub(super) fn ahead(&self, caller: &Caller) -> usize {
        let mut of_caller: BTreeMap<_, usize> = BTreeMap::new();
        let mut before = 0;
        for Waiting { caller: other, .. } in &self.waiting {
            match other.priority.cmp(&caller.priority) {
                Ordering::Less => before += 1,
                Ordering::Equal => *of_caller.entry(&other.name).or_default() += 1,
                Ordering::Greater => {}
            }
        }
        let own = of_caller.remove(&caller.name).unwrap_or(0);
        // In rotation, no other caller has more turns than this one until then.
        let in_rotation = of_caller.values().map(|&count| count.min(own + 1));
        before += own + in_rotation.sum::<usize>();
        // The turns of those who have waited longest come in between, as long as there are such calls.
        let others = self.waiting.len() - before;
        before + others.min(before / (ONE_OF - 1))
    }

    pub(super) fn join(&mut self, caller: Caller, since: Instant) -> Ticket {
        let (sender, granted) = oneshot::channel();
        let number = self.tickets;
        self.tickets += 1;
        self.waiting.push(Waiting {
            ticket: number,
            since,
            caller,
            granted: sender,
        });
        Ticket { number, granted }
    }

    pub(super) fn leave(&mut self, ticket: u64) {
        self.waiting.retain(|waiting| waiting.ticket != ticket);
        self.forget_when_empty();
    }

    /// Gives the next turn away.
    pub(super) fn grant(&mut self) {
        self.turns = self.turns.wrapping_add(1);
        while let Some(next) = self.next() {
            let next = self.waiting.remove(next);
            if next.granted.send(()).is_ok() {
                self.last_turn.insert(next.caller.name, self.turns);
                break;
            }
            // The call was dropped: the turn is another's.
        }
        self.forget_when_empty();
    }

    fn next(&self) -> Option<usize> {
        let longest = |waiting: &Waiting| (waiting.since, waiting.ticket);
        let waiting = self.waiting.iter().enumerate();
        let next = if self.turns.is_multiple_of(ONE_OF) {
            waiting.min_by_key(|(_, waiting)| longest(waiting))
        } else {
            waiting.min_by_key(|(_, waiting)| {
                let last_turn = self.last_turn.get(&waiting.caller.name).copied();
                (waiting.caller.priority, last_turn, longest(waiting))
            })
        };
        next.map(|(index, _)| index)
    }

    fn forget_when_empty(&mut self) {
        if self.waiting.is_empty() {
            self.last_turn.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(priority: Priority, name: &str) -> Caller {
        Caller {
            priority,
            name: Some(name.into()),
        }
    }

    /// The callers in the order in which they get their turns, with how many were said to be ahead of each.
    fn order(callers: &[Caller]) -> (Vec<String>, Vec<usize>) {
        let mut queue = Queue::default();
        let mut ahead = Vec::new();
        let mut tickets = Vec::new();
        for caller in callers {
            ahead.push(queue.ahead(caller));
            let ticket = queue.join(caller.clone(), Instant::now());
            tickets.push((caller.name.clone().unwrap(), ticket));
        }
        let mut order = Vec::new();
        while !queue.is_empty() {
            queue.grant();
            let granted = |(_, ticket): &mut (Arc<str>, Ticket)| ticket.granted.try_recv().is_ok();
            let place = tickets.iter_mut().position(granted).unwrap();
            order.push(tickets.remove(place).0.to_string());
        }
        (order, ahead)
    }

    #[test]
    fn rule_11_2_the_more_urgent_goes_first() {
        let (order, _) = order(&[
            caller(Priority::Background, "drift"),
            caller(Priority::Normal, "listener"),
            caller(Priority::Critical, "deletion"),
        ]);
        assert_eq!(order, ["deletion", "listener", "drift"]);
    }

    #[test]
    fn rule_11_2_a_flood_of_one_caller_does_not_delay_another() {
        let mut callers = vec![caller(Priority::Normal, "flood"); 20];
        callers.push(caller(Priority::Normal, "a"));
        callers.push(caller(Priority::Normal, "b"));
        let (order, ahead) = order(&callers);
        assert_eq!(order[..4], ["flood", "a", "b", "flood"]);
        assert_eq!(
            ahead[19..],
            [19, 1, 2],
            "own calls wait behind each other only"
        );
    }

    #[test]
    fn rule_11_2_one_turn_in_four_is_of_the_longest_wait_so_that_nobody_starves() {
        let mut callers = vec![caller(Priority::Background, "drift")];
        callers.extend(vec![caller(Priority::Critical, "deletion"); 20]);
        assert_eq!(order(&callers).0[3], "drift");
    }

    #[test]
    fn calls_of_one_caller_and_priority_keep_their_order() {
        let mut queue = Queue::default();
        let mut tickets: Vec<_> = (0..9)
            .map(|_| queue.join(Caller::default(), Instant::now()))
            .collect();
        for ticket in &mut tickets {
            queue.grant();
            assert!(ticket.granted.try_recv().is_ok());
        }
    }

    #[test]
    fn the_turn_of_a_call_that_was_dropped_is_anothers() {
        let mut queue = Queue::default();
        drop(queue.join(caller(Priority::Critical, "dropped"), Instant::now()));
        let mut ticket = queue.join(caller(Priority::Background, "waits"), Instant::now());
        queue.grant();
        assert!(ticket.granted.try_recv().is_ok());
    }
}
