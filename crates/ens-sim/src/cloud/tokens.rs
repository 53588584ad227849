//! ClientTokens: a creation that is sent twice happens once.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::saved;
use crate::time::Timestamp;

/// How long a ClientToken is remembered (text of CreateLoadBalancer in the SDK: ten minutes).
const LIFE: Duration = Duration::from_secs(600);

/// The first call with a ClientToken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) first_used: Timestamp,
    /// [`Args::all`](super::params::Args::all) of the call.
    pub(crate) params: String,
    /// Its result; `None` while the call is under way.
    pub(crate) result: Option<Value>,
}

/// Action and token.
pub(crate) type Key = (String, String);

/// The tokens of one account that are remembered.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Tokens {
    #[serde(with = "saved::pairs")]
    known: BTreeMap<Key, Token>,
    /// The same, oldest first: they are forgotten in this order.
    #[serde(skip)]
    by_age: VecDeque<(Timestamp, Key)>,
}

impl Tokens {
    /// The first call with a token, if that was less than ten minutes ago.
    pub(crate) fn find(&mut self, key: &Key, now: Timestamp) -> Option<&Token> {
        while let Some((first_used, old)) = self
            .by_age
            .front()
            .filter(|(first_used, _)| now.since(*first_used) >= LIFE)
        {
            // A token that was let go and used again is as old as its second use.
            let known = self.known.get(old);
            if known.is_some_and(|token| token.first_used == *first_used) {
                self.known.remove(old);
            }
            self.by_age.pop_front();
        }
        self.known.get(key)
    }

    /// Remembers the first call with a token.
    pub(crate) fn keep(&mut self, key: Key, token: Token) {
        self.by_age.push_back((token.first_used, key.clone()));
        self.known.insert(key, token);
    }

    /// Forgets a token whose first call is under way, for that call is about to be carried out.
    pub(crate) fn let_go(&mut self, key: &Key) {
        if self
            .known
            .get(key)
            .is_some_and(|token| token.result.is_none())
        {
            self.known.remove(key);
        }
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.by_age.clear();
    }

    /// Works out what is not saved.
    pub(super) fn restore(&mut self) {
        let known = self.known.iter();
        let mut by_age: Vec<_> = known
            .map(|(key, token)| (token.first_used, key.clone()))
            .collect();
        by_age.sort();
        self.by_age = by_age.into();
    }
}
