//! Which ELBs and EIPs bear a name.

use std::collections::{BTreeSet, HashMap};

use super::journal::Paid;

/// Ids by name, kind and region. Found by the hash of the name, since thousands of names begin alike; no order is asked
/// of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(HashMap<String, BTreeSet<Bearer>>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bearer {
    kind: Paid,
    region: String,
    id: String,
}

impl Names {
    /// Notes that a resource bears a name.
    pub(crate) fn add(&mut self, kind: Paid, region: &str, name: &str, id: &str) {
        let bearers = self.0.entry(name.to_owned()).or_default();
        bearers.insert(Bearer::new(kind, region, id));
    }

    /// Notes that a resource does not bear a name any more.
    pub(crate) fn remove(&mut self, kind: Paid, region: &str, name: &str, id: &str) {
        if let Some(bearers) = self.0.get_mut(name) {
            bearers.remove(&Bearer::new(kind, region, id));
            if bearers.is_empty() {
                self.0.remove(name);
            }
        }
    }

    /// Ids of what bears a name in a region, in their order.
    pub(crate) fn of(&self, kind: Paid, region: &str, name: &str) -> impl Iterator<Item = &String> {
        let bearers = self.0.get(name);
        let from = bearers.map(|bearers| bearers.range(Bearer::new(kind, region, "")..));
        let here = move |bearer: &&Bearer| bearer.kind == kind && bearer.region == region;
        let here = from.into_iter().flatten().take_while(here);
        here.map(|bearer| &bearer.id)
    }

    /// Forgets all of them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl Bearer {
    fn new(kind: Paid, region: &str, id: &str) -> Self {
        Self {
            kind,
            region: region.to_owned(),
            id: id.to_owned(),
        }
    }
}
