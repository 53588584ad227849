//! A block of loopback addresses that no other process uses.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

/// The port of the lock.
const LOCK_PORT: u16 = 48_653;
/// Blocks lie in 127.64.0.0/10.
const FIRST: u32 = 0x7f40_0000;
/// How many /24 blocks that range has.
const BLOCKS: u32 = 1 << 14;
/// How many blocks are tried.
const TRIES: u32 = 4096;

/// No block could be had.
#[derive(Debug, thiserror::Error)]
#[error("no block of 127.64.0.0/10 that was tried can be locked")]
pub struct BlockError(#[source] std::io::Error);

/// A /24 of 127.64.0.0/10, ours as long as this value lives: it holds a listening socket on the block's first address.
#[derive(Debug)]
pub(crate) struct AddressBlock {
    first: Ipv4Addr,
    _lock: TcpListener,
}

impl AddressBlock {
    /// Addresses in a block.
    pub(crate) const SIZE: u32 = 256;

    /// Takes the first free block, beginning at one that `seed` chooses.
    pub(crate) fn take(seed: u64) -> Result<Self, BlockError> {
        let start = fastrand::Rng::with_seed(seed).u32(0..BLOCKS);
        let mut refusal = std::io::Error::from(std::io::ErrorKind::AddrInUse);
        for step in 0..TRIES {
            let first = Ipv4Addr::from_bits(FIRST + (start + step) % BLOCKS * Self::SIZE);
            match TcpListener::bind(SocketAddrV4::new(first, LOCK_PORT)) {
                Ok(lock) => return Ok(Self { first, _lock: lock }),
                Err(error) => refusal = error,
            }
        }
        Err(BlockError(refusal))
    }

    /// Takes the block that begins at `first`, where EIPs of an earlier run lie.
    pub(crate) fn take_at(first: Ipv4Addr) -> Result<Self, BlockError> {
        TcpListener::bind(SocketAddrV4::new(first, LOCK_PORT))
            .map(|lock| Self { first, _lock: lock })
            .map_err(BlockError)
    }

    /// The first address; it is never an EIP.
    pub(crate) fn first(&self) -> Ipv4Addr {
        self.first
    }

    /// Whether an address is one of the block's.
    pub(crate) fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & !(Self::SIZE - 1) == self.first.to_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_holders_never_share_a_block_and_a_dropped_one_is_free_again() {
        let one = AddressBlock::take(77).unwrap();
        let two = AddressBlock::take(77).unwrap();
        assert_ne!(one.first(), two.first());
        assert!(one.contains(one.first()) && !one.contains(two.first()));
        let first = one.first();
        drop(one);
        assert!(AddressBlock::take_at(two.first()).is_err(), "it is taken");
        drop(AddressBlock::take_at(first).unwrap());
        assert_eq!(AddressBlock::take(77).unwrap().first(), first);
    }
}
