//! A map from a key to a set of values, which holds no empty sets.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

/// A map from a key to a set of values.
#[derive(Debug, Clone)]
pub(super) struct Multimap<K, V>(BTreeMap<K, BTreeSet<V>>);

impl<K, V> Default for Multimap<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, V: Ord> Multimap<K, V> {
    /// The values of a key, sorted.
    pub(super) fn get<Q>(&self, key: &Q) -> impl Iterator<Item = &V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.0.get(key).into_iter().flatten()
    }

    /// Adds a value to each of the keys.
    pub(super) fn insert_all<W>(&mut self, keys: impl IntoIterator<Item = K>, value: &W)
    where
        W: ToOwned<Owned = V> + ?Sized,
    {
        for key in keys {
            self.0.entry(key).or_default().insert(value.to_owned());
        }
    }

    /// Takes a value from each of the keys.
    pub(super) fn remove_all<W>(&mut self, keys: impl IntoIterator<Item = K>, value: &W)
    where
        V: Borrow<W>,
        W: Ord + ?Sized,
    {
        for key in keys {
            if let Some(values) = self.0.get_mut(&key) {
                values.remove(value);
                if values.is_empty() {
                    self.0.remove(&key);
                }
            }
        }
    }
}
