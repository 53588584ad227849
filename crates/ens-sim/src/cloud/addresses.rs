//! Which IPv4 addresses are in use.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// A set of addresses that finds the lowest free one without a walk through those in use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// A bit for each of 64 addresses in a row, by what they have in common. No block is empty.
    blocks: BTreeMap<u32, u64>,
}

impl Addresses {
    /// Puts an address to use.
    pub(crate) fn insert(&mut self, address: Ipv4Addr) {
        let (block, bit) = place(address);
        *self.blocks.entry(block).or_default() |= bit;
    }

    /// Sets an address free.
    pub(crate) fn remove(&mut self, address: Ipv4Addr) {
        let (block, bit) = place(address);
        if let Some(used) = self.blocks.get_mut(&block) {
            *used &= !bit;
            if *used == 0 {
                self.blocks.remove(&block);
            }
        }
    }

    /// The lowest free address from `first` to `last`, both included.
    pub(crate) fn lowest_free(&self, first: Ipv4Addr, last: Ipv4Addr) -> Option<Ipv4Addr> {
        let (from, to) = (first.to_bits(), last.to_bits());
        (from >> 6..=to >> 6)
            .find_map(|block| {
                let used = self.blocks.get(&block).copied().unwrap_or(0);
                // What lies before the first address counts as used.
                let before = from.saturating_sub(block << 6).min(63);
                let free = !used & (u64::MAX << before);
                let lowest = (free != 0).then(|| (block << 6) + free.trailing_zeros());
                lowest.filter(|address| *address <= to)
            })
            .map(Ipv4Addr::from_bits)
    }
}

impl FromIterator<Ipv4Addr> for Addresses {
    fn from_iter<I: IntoIterator<Item = Ipv4Addr>>(all: I) -> Self {
        let mut addresses = Self::default();
        all.into_iter()
            .for_each(|address| addresses.insert(address));
        addresses
    }
}

/// The block of an address, and its bit there.
fn place(address: Ipv4Addr) -> (u32, u64) {
    let bits = address.to_bits();
    (bits >> 6, 1 << (bits & 63))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lowest_free_one_is_what_a_walk_finds(
            used in proptest::collection::btree_set(0_u32..400, 0..400),
            gone in proptest::collection::vec(0_u32..400, 0..100),
            (first, length) in (0_u32..300, 0_u32..200),
        ) {
            let at = |offset: u32| Ipv4Addr::from_bits(0x0a00_0000 + offset);
            let mut addresses: Addresses = used.iter().copied().map(at).collect();
            let mut wanted: BTreeSet<u32> = used;
            for offset in gone {
                addresses.remove(at(offset));
                wanted.remove(&offset);
            }
            let range = first..=first + length;
            let walked = range.clone().find(|offset| !wanted.contains(offset)).map(at);
            prop_assert_eq!(addresses.lowest_free(at(*range.start()), at(*range.end())), walked);
            // Equal sets are equal values, however they came about.
            prop_assert_eq!(addresses, wanted.into_iter().map(at).collect());
        }
    }

    #[test]
    fn the_ends_of_the_address_space_are_no_special_case() {
        let (first, last) = (Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        let used: Addresses = [first, last].into_iter().collect();
        assert_eq!(used.lowest_free(first, first), None);
        assert_eq!(used.lowest_free(first, last), Some(Ipv4Addr::from_bits(1)));
        assert_eq!(used.lowest_free(last, last), None);
        assert_eq!(used.lowest_free(last, first), None);
    }
}
