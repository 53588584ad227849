//! Nonces: a signed request is good once.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::time::Timestamp;

/// How long a nonce is remembered: as long as a request that carries it could be in time.
const LIFE: Duration = Duration::from_secs(31 * 60);

/// AccessKey id and nonce.
type Nonce = (String, String);

/// The nonces that are remembered.
#[derive(Clone, Debug, Default)]
pub(super) struct Nonces {
    used: BTreeSet<Nonce>,
    /// The same, oldest first: they are forgotten in this order.
    by_age: VecDeque<(Timestamp, Nonce)>,
}

impl Nonces {
    /// Uses a nonce; says whether that was its first use.
    pub(super) fn take(&mut self, key: &str, nonce: &str, now: Timestamp) -> bool {
        while let Some((_, old)) = self
            .by_age
            .front()
            .filter(|(used, _)| now.since(*used) >= LIFE)
        {
            self.used.remove(old);
            self.by_age.pop_front();
        }
        let nonce = (key.to_owned(), nonce.to_owned());
        let is_new = self.used.insert(nonce.clone());
        if is_new {
            self.by_age.push_back((now, nonce));
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once_for_each_key_until_it_is_forgotten() {
        let mut nonces = Nonces::default();
        let minute = |minutes: u64| Timestamp(0).after(Duration::from_secs(minutes * 60));
        assert!(nonces.take("a", "n", minute(0)));
        assert!(nonces.take("b", "n", minute(1)));
        // A refused use does not make it younger.
        assert!(!nonces.take("a", "n", minute(30)));
        assert!(nonces.take("a", "n", minute(31)));
        assert!(!nonces.take("b", "n", minute(31)));
        assert!(nonces.take("b", "n", minute(32)));
        assert_eq!((nonces.used.len(), nonces.by_age.len()), (2, 2));
    }
}
