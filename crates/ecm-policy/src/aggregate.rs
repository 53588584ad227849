//! What a Service shows of its PoolServices (behaviour 2.5, 2.6).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use k8s_openapi::api::core::v1 as core;
use poolservice_api::keys::AGGREGATED_PREFIX;
use serde::{Deserialize, Serialize};

use crate::selector::{is_label_value, is_qualified_name};

/// One address of a Service or PoolService: `status.loadBalancer.ingress[]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingress {
    /// `ip`.
    pub ip: Option<String>,
    /// `hostname`.
    pub hostname: Option<String>,
    /// `ipMode`.
    pub ip_mode: Option<String>,
    /// `ports`.
    pub ports: Vec<PortStatus>,
}

/// What became of one port: `status.loadBalancer.ingress[].ports[]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortStatus {
    /// The Service port.
    pub port: u16,
    /// `TCP`, `UDP`: as Kubernetes spells it.
    pub protocol: String,
    /// Why the port does not work; `None` when it does.
    pub error: Option<String>,
}

/// The addresses of a Service: those of its PoolServices, each once, IPv4 addresses by number,
/// then IPv6 ones, then host names. Where two PoolServices share an address (a user's load
/// balancer), the ports of both are shown, and an error counts before success.
pub fn ingress<'a>(pool_services: impl IntoIterator<Item = &'a Ingress>) -> Vec<Ingress> {
    let mut by_address: BTreeMap<Order, Ingress> = BTreeMap::new();
    for entry in pool_services {
        let Some(order) = Order::of(entry) else {
            continue;
        };
        let united = by_address.entry(order).or_insert_with(|| Ingress {
            ports: Vec::new(),
            ..entry.clone()
        });
        united.ports.extend(entry.ports.iter().cloned());
    }
    by_address
        .into_values()
        .map(|mut entry| {
            // Of the entries for one port the first stays: that with an error, if there is one.
            entry.ports.sort_by(|a, b| {
                (a.port, &a.protocol)
                    .cmp(&(b.port, &b.protocol))
                    .then_with(|| b.error.is_some().cmp(&a.error.is_some()))
                    .then_with(|| a.error.cmp(&b.error))
            });
            entry
                .ports
                .dedup_by(|a, b| (a.port, &a.protocol) == (b.port, &b.protocol));
            entry
        })
        .collect()
}

/// Whether two lists of addresses are the same once the API server has filled in its defaults: an
/// entry with an IP address and no `ipMode` gets `VIP` (kubernetes/kubernetes,
/// pkg/apis/core/v1/defaults.go, `SetDefaults_Service`). An API server before 1.30 drops `ipMode`.
pub fn is_same_ingress(a: &[Ingress], b: &[Ingress]) -> bool {
    let defaulted = |entry: &Ingress| Ingress {
        ip_mode: entry
            .ip
            .as_ref()
            .map(|_| entry.ip_mode.clone().unwrap_or_else(|| "VIP".to_owned())),
        ..entry.clone()
    };
    a.iter().map(defaulted).eq(b.iter().map(defaulted))
}

/// Where an address stands among others; two entries with the same one are duplicates.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    /// By number, IPv4 before IPv6.
    Ip(IpAddr, Option<String>),
    Hostname(String),
    /// An `ip` that is none. Kept: it is somebody's status, and hiding it would hide the mistake.
    Other(String, Option<String>),
}

impl Order {
    /// `None` for an entry without any address.
    fn of(entry: &Ingress) -> Option<Self> {
        let hostname = entry.hostname.clone().filter(|name| !name.is_empty());
        match entry.ip.as_deref().filter(|ip| !ip.is_empty()) {
            Some(ip) => Some(match ip.parse() {
                Ok(number) => Self::Ip(number, hostname),
                Err(_) => Self::Other(ip.to_owned(), hostname),
            }),
            None => hostname.map(Self::Hostname),
        }
    }
}

/// The annotations `aggregated.<key>` of a Service: for each key that a PoolService reports in
/// `status.aggregateToAnnotations`, the different values, sorted and joined by commas. A key that
/// Kubernetes would refuse is left out, so that it does not take the others with it.
pub fn annotations<'a>(
    pool_services: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    values_by_key(pool_services)
        .into_iter()
        .map(|(key, values)| {
            let values: Vec<&str> = values.into_iter().collect();
            (key, values.join(","))
        })
        .collect()
}

/// The labels `aggregated.<key>` of a Service, from `status.aggregateToLabels`: only where all
/// PoolServices agree on one value, and that is a label value. A comma is not allowed in one.
pub fn labels<'a>(
    pool_services: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
) -> BTreeMap<String, String> {
    values_by_key(pool_services)
        .into_iter()
        .filter_map(|(key, values)| match values.first() {
            Some(value) if values.len() == 1 && is_label_value(value) => {
                Some((key, (*value).to_owned()))
            }
            _ => None,
        })
        .collect()
}

fn values_by_key<'a>(
    maps: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
) -> BTreeMap<String, BTreeSet<&'a str>> {
    let mut values: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (key, value) in maps.into_iter().flatten() {
        let key = format!("{AGGREGATED_PREFIX}{key}");
        if is_qualified_name(&key) && !value.is_empty() {
            values.entry(key).or_default().insert(value);
        }
    }
    values
}

/// What has to change in the annotations (or labels) of a Service so that those under
/// `aggregated.` are the wanted ones: key to new value, or to `None` where it goes. In this form
/// it is a JSON merge patch that touches no other key. Empty when nothing has to change.
pub fn changes(
    current: &BTreeMap<String, String>,
    wanted: &BTreeMap<String, String>,
) -> BTreeMap<String, Option<String>> {
    let stale = current
        .keys()
        .filter(|key| key.starts_with(AGGREGATED_PREFIX) && !wanted.contains_key(*key))
        .map(|key| (key.clone(), None));
    let new = wanted
        .iter()
        .filter(|(key, value)| current.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), Some(value.clone())));
    stale.chain(new).collect()
}

impl From<&core::LoadBalancerIngress> for Ingress {
    fn from(ingress: &core::LoadBalancerIngress) -> Self {
        Self {
            ip: ingress.ip.clone(),
            hostname: ingress.hostname.clone(),
            ip_mode: ingress.ip_mode.clone(),
            ports: ingress
                .ports
                .iter()
                .flatten()
                .map(PortStatus::from)
                .collect(),
        }
    }
}

impl From<Ingress> for core::LoadBalancerIngress {
    fn from(ingress: Ingress) -> Self {
        let ports: Vec<_> = ingress
            .ports
            .into_iter()
            .map(core::PortStatus::from)
            .collect();
        Self {
            ip: ingress.ip,
            hostname: ingress.hostname,
            ip_mode: ingress.ip_mode,
            ports: (!ports.is_empty()).then_some(ports),
        }
    }
}

impl From<&core::PortStatus> for PortStatus {
    fn from(status: &core::PortStatus) -> Self {
        Self {
            // The API server admits no other port numbers; 0 is shown as it is.
            port: u16::try_from(status.port).unwrap_or(0),
            protocol: status.protocol.clone(),
            error: status.error.clone(),
        }
    }
}

impl From<PortStatus> for core::PortStatus {
    fn from(status: PortStatus) -> Self {
        Self {
            port: i32::from(status.port),
            protocol: status.protocol,
            error: status.error,
        }
    }
}
