//! A record of money and harm: what was asked, what it cost, and whose things it touched.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::call_params::CallParams;
use super::names::Names;
use crate::time::Timestamp;

/// Calls kept; older ones are dropped, their effects stay recorded.
const CALLS_KEPT: usize = 10_000;

/// One call as the cloud saw it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Call {
    /// Number from 1, in order of arrival, over all actions.
    pub number: u64,
    /// RequestId of the answer.
    pub request_id: String,
    /// When it came in.
    pub at: Timestamp,
    /// Account of the caller.
    pub account: String,
    /// Action.
    pub action: String,
    /// Its own parameters, without signature and keys.
    pub params: CallParams,
    /// HTTP status of the answer.
    pub status: u16,
    /// Error code; `None` when it succeeded.
    pub code: Option<String>,
    /// Whether the caller got the answer.
    pub delivered: bool,
}

/// What kind of paid resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Paid {
    /// An edge load balancer.
    LoadBalancer,
    /// An elastic IP address.
    Eip,
}

/// The life of one paid resource that a call made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// Its kind.
    pub kind: Paid,
    /// Its id.
    pub id: String,
    /// The name it was made with.
    pub name: String,
    /// Region it lies in.
    pub region: String,
    /// The account that pays for it; empty in a file that was saved before this was noted.
    #[serde(default)]
    pub account: String,
    /// RequestId of the call that made it.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// RequestId of the call that released it.
    pub released_by: Option<String>,
    /// When it was gone.
    pub released_at: Option<Timestamp>,
}

/// Two live resources of one kind, name and region: at most one was wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Double {
    /// Their kind.
    pub kind: Paid,
    /// Their name.
    pub name: String,
    /// The one that was there first.
    pub first: String,
    /// The one that was made while the first lived.
    pub second: String,
    /// RequestId of the second creation.
    pub request_id: String,
}

/// A change of something that stood in the world from the start, beyond the listeners and backends of a user's ELB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignTouch {
    /// The user's resource.
    pub id: String,
    /// What was done to it.
    pub action: String,
    /// By which call.
    pub request_id: String,
    /// When.
    pub at: Timestamp,
}

/// Everything that was recorded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Journal {
    /// The last calls, oldest first.
    pub calls: VecDeque<Call>,
    /// Every paid resource that a call made, oldest first.
    pub purchases: Vec<Purchase>,
    /// Double creations.
    pub doubles: Vec<Double>,
    /// Foreign resources that were changed.
    pub foreign_touches: Vec<ForeignTouch>,
    /// Where in `purchases` each one that is not gone is, by its id.
    #[serde(skip)]
    by_id: HashMap<String, usize>,
    /// What is not gone, by the name it was made with.
    #[serde(skip)]
    alive: Names,
    calls_seen: u64,
    by_action: BTreeMap<String, u64>,
}

impl Journal {
    /// What was made and is not gone.
    pub fn leaks(&self) -> impl Iterator<Item = &Purchase> {
        self.purchases
            .iter()
            .filter(|purchase| purchase.released_at.is_none())
    }

    /// How many calls of an action came in.
    #[must_use]
    pub fn count(&self, action: &str) -> u64 {
        self.by_action.get(action).copied().unwrap_or(0)
    }

    /// How many calls came in.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.calls_seen
    }

    /// Counts a call; returns its number over all and its number among those of its action, both from 1.
    pub(crate) fn arrive(&mut self, action: &str) -> (u64, u64) {
        self.calls_seen += 1;
        let of_action = match self.by_action.get_mut(action) {
            Some(seen) => seen,
            None => self.by_action.entry(action.to_owned()).or_default(),
        };
        *of_action += 1;
        (self.calls_seen, *of_action)
    }

    /// The record without the calls themselves: what a saved cloud keeps.
    pub(crate) fn without_calls(&self) -> Self {
        Self {
            calls: VecDeque::new(),
            ..self.clone()
        }
    }

    /// Finds its way again in a record that was read from a file.
    pub(crate) fn index(&mut self) {
        self.by_id.clear();
        self.alive.clear();
        for purchase in std::mem::take(&mut self.purchases) {
            if purchase.released_at.is_some() {
                self.purchases.push(purchase);
            } else {
                self.bought(purchase);
            }
        }
    }

    pub(crate) fn record(&mut self, call: Call) {
        if self.calls.len() >= CALLS_KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    pub(crate) fn bought(&mut self, purchase: Purchase) {
        self.by_id.insert(purchase.id.clone(), self.purchases.len());
        let Purchase {
            kind,
            id,
            name,
            region,
            ..
        } = &purchase;
        self.alive.add(*kind, region, name, id);
        self.purchases.push(purchase);
    }

    /// What was made with a name and is not gone.
    pub(crate) fn alive(
        &self,
        kind: Paid,
        region: &str,
        name: &str,
    ) -> impl Iterator<Item = &String> {
        self.alive.of(kind, region, name)
    }

    pub(crate) fn released(&mut self, id: &str, request_id: &str, at: Timestamp) {
        let found = self.by_id.remove(id);
        if let Some(purchase) = found.and_then(|index| self.purchases.get_mut(index)) {
            let Purchase {
                kind, name, region, ..
            } = &purchase;
            self.alive.remove(*kind, region, name, id);
            purchase.released_by = Some(request_id.to_owned());
            purchase.released_at = Some(at);
        }
    }

    pub(crate) fn touched(&mut self, id: &str, action: &str, request_id: &str, at: Timestamp) {
        self.foreign_touches.push(ForeignTouch {
            id: id.to_owned(),
            action: action.to_owned(),
            request_id: request_id.to_owned(),
            at,
        });
    }
}
