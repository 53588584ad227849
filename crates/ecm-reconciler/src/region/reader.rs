//! Reads of single things, on behalf of whoever needs them.

#![expect(
    clippy::field_reassign_with_default,
    reason = "requests are non-exhaustive: their fields are set one by one"
)]

use std::sync::Arc;
use std::time::Duration;

use ecm_policy::listeners::{ListenerKey, Protocol};
use ecm_policy::observed::{Eip, Listener, ListenerStatus, LoadBalancer, LoadBalancerDetail};
use ens_openapi::EnsApi;
use ens_openapi::api::eip::DescribeEnsEipAddresses;
use ens_openapi::api::listener::DescribeLoadBalancerListeners;
use ens_openapi::api::load_balancer as api;
use ens_openapi::api::network::DescribeVSwitches;
use ens_openapi::api::paging;
use tokio::time::Instant;

use super::detail::{Detail, Head};
use super::{ReadError, Regions};
use crate::convert;

/// Reads single things on behalf of a caller.
pub struct Reader<'a> {
    /// What is known already, and the lists, which are read for all.
    pub(crate) regions: &'a Regions,
    pub(super) api: Arc<dyn EnsApi>,
}

impl Reader<'_> {
    /// A load balancer by its id, without listeners and backends; `None` when the cloud says that
    /// there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn load_balancer(&self, id: &str) -> Result<Option<LoadBalancer>, ReadError> {
        Ok(self
            .attribute(id)
            .await?
            .as_ref()
            .map(convert::load_balancer_attribute))
    }

    async fn attribute(&self, id: &str) -> Result<Option<api::LoadBalancer>, ReadError> {
        match self.api.describe_load_balancer_attribute(id).await {
            Ok(read) => Ok(read),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(Arc::new(error)),
        }
    }

    /// An EIP by its id; `None` when the cloud says that there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn eip(&self, id: &str) -> Result<Option<Eip>, ReadError> {
        let mut request = DescribeEnsEipAddresses::default();
        request.allocation_ids = vec![id.to_owned()];
        match self.api.describe_eips(&request).await {
            Ok(page) => Ok(page
                .items
                .iter()
                .find(|eip| eip.allocation_id == id)
                .map(convert::eip)),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(Arc::new(error)),
        }
    }

    /// Listeners and backends of a load balancer, read no longer ago than `max_age` and after our
    /// last change of them; `None` when there is no such load balancer. True beside it while the
    /// backends are not read but taken as the cloud has just accepted them.
    ///
    /// # Errors
    /// When a part cannot be read.
    pub async fn detail(
        &self,
        region: &str,
        id: &str,
        max_age: Duration,
    ) -> Result<Option<(LoadBalancerDetail, bool)>, ReadError> {
        let now = Instant::now();
        let known = self
            .regions
            .lock()
            .regions
            .get(region)
            .and_then(|entry| entry.details.get(id).cloned())
            .unwrap_or_default();
        let changes = known.changes;
        let is_fresh = |read: Instant| now.duration_since(read) < max_age;
        let (read, known) = match known.read.filter(|read| is_fresh(*read)) {
            Some(read) => (read, known),
            None => (now, Detail::default()),
        };
        let is_current = |head: &Head| head.carried_until.is_none_or(|until| now < until);
        let head = match known.head.filter(is_current) {
            Some(head) => head,
            None => match self.head(id).await? {
                Some(head) => head,
                None => return Ok(None),
            },
        };
        let is_carried = head.carried_until.is_some();
        let mut fresh = known.listeners;
        let mut listeners = Vec::with_capacity(head.listeners.len());
        for listed in &head.listeners {
            let settled = fresh
                .get(&listed.key)
                .filter(|l| !matches!(l.status, ListenerStatus::Changing(_)));
            match settled {
                Some(listener) => listeners.push(listener.clone()),
                // Between the two reads it can go.
                None => listeners.extend(self.listener(id, listed).await?),
            }
        }
        fresh = listeners
            .iter()
            .map(|listener| (listener.key, listener.clone()))
            .collect();
        let detail = LoadBalancerDetail {
            listeners,
            backends: head.backends.clone(),
        };
        let mut state = self.regions.lock();
        let entry = state.regions.entry(region.to_owned()).or_default();
        let slot = entry.details.entry(id.to_owned()).or_default();
        if slot.changes == changes {
            *slot = Detail {
                read: Some(read),
                changes,
                head: Some(head),
                listeners: fresh,
                trusted_until: None,
            };
        }
        drop(state);
        Ok(Some((detail, is_carried)))
    }

    async fn head(&self, id: &str) -> Result<Option<Head>, ReadError> {
        let Some(read) = self.attribute(id).await? else {
            return Ok(None);
        };
        let mut backends: Vec<_> = read.backend_servers.iter().map(convert::backend).collect();
        backends.sort();
        let mut listeners: Vec<Listener> = read
            .listeners
            .iter()
            .filter_map(|port| {
                Some(Listener {
                    key: ListenerKey {
                        port: port.listener_port,
                        protocol: convert::protocol(&port.listener_protocol)?,
                    },
                    description: port.description.clone().unwrap_or_default(),
                    status: ListenerStatus::Changing("Unread".to_owned()),
                    backend_port: port.backend_server_port.and_then(|p| u16::try_from(p).ok()),
                    settings: None,
                })
            })
            .collect();
        listeners.sort_by_key(|listener| listener.key);
        Ok(Some(Head {
            backends,
            listeners,
            carried_until: None,
        }))
    }

    /// One listener: TCP and UDP with their settings, others with their status only.
    async fn listener(&self, id: &str, listed: &Listener) -> Result<Option<Listener>, ReadError> {
        let key = listed.key;
        let read = match convert::transport(key.protocol) {
            Some(protocol) => match self.api.describe_listener(id, protocol, key.port).await {
                Ok(read) => read.map(|read| {
                    let mut listener = convert::listener(key, &read);
                    if listener.description.is_empty() {
                        listener.description.clone_from(&listed.description);
                    }
                    listener
                }),
                Err(error) if error.is_gone() => None,
                Err(error) => return Err(Arc::new(error)),
            },
            None => self.listed(id, listed).await?,
        };
        Ok(read)
    }

    /// The status of an HTTP or HTTPS listener, from the list.
    async fn listed(&self, id: &str, listed: &Listener) -> Result<Option<Listener>, ReadError> {
        let mut request = DescribeLoadBalancerListeners::new(id);
        request.listener_port = Some(listed.key.port);
        let rows = paging::listeners(self.api.as_ref(), &request)
            .await
            .map_err(Arc::new)?;
        let is_it = |protocol: Option<Protocol>| protocol == Some(listed.key.protocol);
        Ok(rows
            .items
            .iter()
            .find(|row| {
                row.listener_port == listed.key.port && is_it(convert::protocol(&row.protocol))
            })
            .map(|row| Listener {
                status: convert::listener_status(&row.status),
                ..listed.clone()
            }))
    }

    /// The vSwitches of a network.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn vswitches(&self, region: &str, network: &str) -> Result<Vec<String>, ReadError> {
        let mut request = DescribeVSwitches::default();
        request.ens_region_id = Some(region.to_owned());
        request.network_id = Some(network.to_owned());
        let list = paging::vswitches(self.api.as_ref(), &request)
            .await
            .map_err(Arc::new)?;
        let mut ids: Vec<String> = list
            .items
            .into_iter()
            .filter(|vswitch| vswitch.network_id.as_deref() == Some(network))
            .map(|vswitch| vswitch.vswitch_id)
            .collect();
        ids.sort();
        Ok(ids)
    }
}
