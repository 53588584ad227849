//! Whole lists, collected page by page, or as streams that ask for a page when it is needed.
//!
//! ```
//! use ens_openapi::api::load_balancer::DescribeLoadBalancers;
//! use ens_openapi::api::paging;
//! use ens_openapi::{EnsApi, Error};
//! use futures::TryStreamExt as _;
//!
//! /// The first load balancer without a name. Pages behind it are not asked for.
//! async fn nameless(api: &impl EnsApi) -> Result<Option<String>, Error> {
//!     let filter = DescribeLoadBalancers::default();
//!     let mut rows = std::pin::pin!(paging::stream_load_balancers(api, &filter));
//!     while let Some(row) = rows.try_next().await? {
//!         if row.load_balancer_name.is_none() {
//!             return Ok(Some(row.load_balancer_id));
//!         }
//!     }
//!     Ok(None)
//! }
//! ```
//!
//! Where the list decides something, such as that a thing is gone, collect it and look at [`Listing::is_stable`].

use std::collections::BTreeSet;

use futures::stream::{self, Stream, TryStreamExt as _};

use super::eip::{DescribeEnsEipAddresses, Eip};
use super::ens_api::EnsApi;
use super::instance::{DescribeInstances, Instance};
use super::listener::{DescribeLoadBalancerListeners, ListenerProtocol, ListenerSummary};
use super::load_balancer::{DescribeLoadBalancers, LoadBalancerSummary};
use super::network::{DescribeNetworks, DescribeVSwitches, Network, VSwitch};
use super::types::Page;
use crate::error::Error;

/// Rows per page of most lists: the most that the API takes.
pub const PAGE_SIZE: u32 = 100;
/// Rows per page of networks and vSwitches: the most that the API takes there.
pub const NETWORK_PAGE_SIZE: u32 = 50;

/// A whole list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listing<T> {
    /// The rows, each id once, in the order of the pages.
    pub items: Vec<T>,
    /// Whether the total stayed the same over all pages and no row came twice. Where it did not, rows moved between
    /// pages while they were read and one may be missing: do not conclude from it that something is gone.
    pub is_stable: bool,
}

/// Pages are numbered, and the set behind them changes while they are read. What decides the end is therefore an empty
/// page, or as many rows as the latest total says.
struct Collector<T, K> {
    items: Vec<T>,
    seen: BTreeSet<K>,
    rows: u64,
    total: Option<u64>,
    is_stable: bool,
}

impl<T, K: Ord> Collector<T, K> {
    fn new() -> Self {
        Self {
            items: Vec::new(),
            seen: BTreeSet::new(),
            rows: 0,
            total: None,
            is_stable: true,
        }
    }

    /// Takes a page; gives whether there may be more.
    fn take(&mut self, page: Page<T>, wanted_size: u32, key: impl Fn(&T) -> K) -> bool {
        if self.total.is_some() && self.total != page.total_count {
            self.is_stable = false;
        }
        self.total = page.total_count;
        let count = u64::try_from(page.items.len()).unwrap_or(u64::MAX);
        self.rows = self.rows.saturating_add(count);
        for item in page.items {
            if self.seen.insert(key(&item)) {
                self.items.push(item);
            } else {
                self.is_stable = false;
            }
        }
        match self.total {
            _ if count == 0 => false,
            Some(total) => self.rows < total,
            // Without a total only a page that is not full tells the end; the cloud may use smaller pages than asked.
            None => count >= u64::from(page.page_size.unwrap_or(wanted_size).min(wanted_size)),
        }
    }

    fn finish(self) -> Listing<T> {
        let is_stable = self.is_stable && self.total.is_none_or(|total| self.rows >= total);
        Listing {
            items: self.items,
            is_stable,
        }
    }
}

macro_rules! collect {
    ($(#[$doc:meta])* $name:ident, $stream:ident, $method:ident, $request:ty, $row:ty, $key:ty, $size:expr, $key_of:expr) => {
        $(#[$doc])*
        ///
        /// Page number and size of the request are not looked at.
        ///
        /// # Errors
        /// When a page fails: a part of a list is never given as the whole.
        pub async fn $name<A: EnsApi + ?Sized>(api: &A, filter: &$request) -> Result<Listing<$row>, Error> {
            let mut request = filter.clone();
            request.page_size = Some($size);
            let mut collector = Collector::<$row, $key>::new();
            for number in 1_u32.. {
                request.page_number = Some(number);
                if !collector.take(api.$method(&request).await?, $size, $key_of) {
                    break;
                }
            }
            Ok(collector.finish())
        }

        $(#[$doc])*
        ///
        /// One by one, each id once. A page is asked for when its first row is; what comes after an error is not
        /// asked for. A stream cannot tell whether rows moved between pages: where that matters, collect.
        pub fn $stream<'a, A: EnsApi + ?Sized>(
            api: &'a A,
            filter: &$request,
        ) -> impl Stream<Item = Result<$row, Error>> + Send + use<'a, A> {
            let mut request = filter.clone();
            request.page_size = Some($size);
            let first = Some((request, Collector::<$row, $key>::new(), 1_u32));
            stream::try_unfold(first, move |page| async move {
                let Some((mut request, mut collector, number)) = page else {
                    return Ok(None);
                };
                request.page_number = Some(number);
                let may_go_on = collector.take(api.$method(&request).await?, $size, $key_of);
                let rows = std::mem::take(&mut collector.items);
                let next = may_go_on.then(|| (request, collector, number.saturating_add(1)));
                Ok(Some((stream::iter(rows.into_iter().map(Ok)), next)))
            })
            .try_flatten()
        }
    };
}

collect!(
    /// All ELBs that match.
    load_balancers, stream_load_balancers, describe_load_balancers, DescribeLoadBalancers, LoadBalancerSummary, String, PAGE_SIZE,
    |row| row.load_balancer_id.clone()
);
collect!(
    /// All listeners of an ELB that match.
    listeners, stream_listeners, describe_listeners, DescribeLoadBalancerListeners, ListenerSummary, (u16, ListenerProtocol), PAGE_SIZE,
    |row| (row.listener_port, row.protocol.clone())
);
collect!(
    /// All EIPs that match.
    eips, stream_eips, describe_eips, DescribeEnsEipAddresses, Eip, String, PAGE_SIZE,
    |row| row.allocation_id.clone()
);
collect!(
    /// All networks that match.
    networks, stream_networks, describe_networks, DescribeNetworks, Network, String, NETWORK_PAGE_SIZE,
    |row| row.network_id.clone()
);
collect!(
    /// All vSwitches that match.
    vswitches, stream_vswitches, describe_vswitches, DescribeVSwitches, VSwitch, String, NETWORK_PAGE_SIZE,
    |row| row.vswitch_id.clone()
);
collect!(
    /// All instances that match.
    instances, stream_instances, describe_instances, DescribeInstances, Instance, String, PAGE_SIZE,
    |row| row.instance_id.clone()
);

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: std::ops::Range<u32>, total: Option<u64>) -> Page<u32> {
        Page {
            items: ids.collect(),
            total_count: total,
            ..Page::default()
        }
    }

    fn collect(pages: Vec<Page<u32>>, size: u32) -> (Listing<u32>, usize) {
        let mut collector = Collector::<u32, u32>::new();
        let mut read = 0;
        for page in pages {
            read += 1;
            if !collector.take(page, size, |id| *id) {
                break;
            }
        }
        (collector.finish(), read)
    }

    #[test]
    fn all_pages_are_read_and_no_more() {
        let (list, read) = collect(
            vec![
                page(0..10, Some(15)),
                page(10..15, Some(15)),
                page(0..1, Some(15)),
            ],
            10,
        );
        assert_eq!(
            (list.items, list.is_stable, read),
            ((0..15).collect(), true, 2)
        );
    }

    #[test]
    fn a_server_with_smaller_pages_than_asked_loses_no_rows() {
        let (list, _) = collect(
            vec![
                page(0..5, Some(12)),
                page(5..10, Some(12)),
                page(10..12, Some(12)),
            ],
            10,
        );
        assert_eq!(list.items.len(), 12);
        assert!(list.is_stable);
    }

    #[test]
    fn a_row_that_moves_to_the_next_page_is_kept_once_and_said() {
        let (list, _) = collect(vec![page(0..10, Some(12)), page(9..13, Some(13))], 10);
        assert_eq!(list.items, (0..13).collect::<Vec<_>>());
        assert!(!list.is_stable);
    }

    #[test]
    fn a_total_that_is_too_large_ends_at_the_empty_page_and_is_said() {
        let (list, read) = collect(
            vec![
                page(0..10, Some(20)),
                page(0..0, Some(20)),
                page(0..9, Some(20)),
            ],
            10,
        );
        assert_eq!((list.items.len(), read), (10, 2));
        assert!(!list.is_stable);
    }

    #[test]
    fn without_a_total_a_full_page_asks_for_more() {
        let (list, read) = collect(vec![page(0..10, None), page(10..13, None)], 10);
        assert_eq!((list.items.len(), list.is_stable, read), (13, true, 2));
    }
}
