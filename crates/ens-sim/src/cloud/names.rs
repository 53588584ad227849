//! Which ELBs and EIPs bear a name.

use std::collections::HashMap;

use super::journal::Paid;

/// Ids by name, kind and region. Found by the hash of the name, since thousands of names begin alike; no order is asked
/// of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(HashMap<String, Vec<Bearer>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bearer {
    kind: Paid,
    region: String,
    id: String,
}

impl Names {
    /// Notes that a resource bears a name.
    pub(crate) fn add(&mut self, kind: Paid, region: &str, name: &str, id: &str) {
        let bearer = Bearer {
            kind,
            region: region.to_owned(),
            id: id.to_owned(),
        };
        // Nearly every name has one bearer, and a list of one costs least. The order is that of a set.
        let bearers = match self.0.get_mut(name) {
            Some(bearers) => bearers,
            None => self
                .0
                .entry(name.to_owned())
                .or_insert_with(|| Vec::with_capacity(1)),
        };
        if let Err(place) = bearers.binary_search(&bearer) {
            bearers.insert(place, bearer);
        }
    }

    /// Notes that a resource does not bear a name any more.
    pub(crate) fn remove(&mut self, kind: Paid, region: &str, name: &str, id: &str) {
        if let Some(bearers) = self.0.get_mut(name) {
            bearers.retain(|bearer| !bearer.is(kind, region) || bearer.id != id);
            if bearers.is_empty() {
                self.0.remove(name);
            }
        }
    }

    /// Ids of what bears a name in a region, in their order.
    pub(crate) fn of(&self, kind: Paid, region: &str, name: &str) -> impl Iterator<Item = &String> {
        let bearers = self.0.get(name).into_iter().flatten();
        let here = bearers.filter(move |bearer| bearer.is(kind, region));
        here.map(|bearer| &bearer.id)
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Bearer {
    fn is(&self, kind: Paid, region: &str) -> bool {
        self.kind == kind && self.region == region
    }
}
