//! From the cloud client's types to the values that a plan is made of, and back.

use std::collections::BTreeMap;

use ecm_policy::backends;
use ecm_policy::ledger::Intent;
use ecm_policy::listeners::{self, ListenerKey, Protocol};
use ecm_policy::observed::{
    Backend, Eip, EipStatus, Listener, ListenerStatus, LoadBalancer, LoadBalancerStatus,
};
use ens_openapi::api::backend::BackendServer;
use ens_openapi::api::eip::{self as api_eip, CreateEipInstance};
use ens_openapi::api::listener::{
    self as api_listener, ListenerAttribute, ListenerProtocol, ListenerSpec, TransportProtocol,
};
use ens_openapi::api::load_balancer::{
    self as api_load_balancer, CreateLoadBalancer, LoadBalancerSummary,
};
use ens_openapi::api::{PayType, Tag};

/// A row of DescribeLoadBalancers.
pub(crate) fn load_balancer(row: &LoadBalancerSummary) -> LoadBalancer {
    LoadBalancer {
        id: row.load_balancer_id.clone(),
        name: row.load_balancer_name.clone().unwrap_or_default(),
        status: load_balancer_status(&row.load_balancer_status),
        status_age: 0,
        region: row.ens_region_id.clone().unwrap_or_default(),
        network: row.network_id.clone().unwrap_or_default(),
        vswitch: row.vswitch_id.clone().unwrap_or_default(),
        address: row.address.clone().unwrap_or_default(),
        spec: None,
        created_at: row.create_time.as_deref().and_then(seconds),
        detail: None,
    }
}

/// The answer of DescribeLoadBalancerAttribute, without listeners and backends.
pub(crate) fn load_balancer_attribute(read: &api_load_balancer::LoadBalancer) -> LoadBalancer {
    LoadBalancer {
        id: read.load_balancer_id.clone(),
        name: read.load_balancer_name.clone().unwrap_or_default(),
        status: load_balancer_status(&read.load_balancer_status),
        status_age: 0,
        region: read.ens_region_id.clone().unwrap_or_default(),
        network: read.network_id.clone().unwrap_or_default(),
        vswitch: read.vswitch_id.clone().unwrap_or_default(),
        address: read.address.clone().unwrap_or_default(),
        spec: read.load_balancer_spec.clone(),
        created_at: read.create_time.as_deref().and_then(seconds),
        detail: None,
    }
}

fn load_balancer_status(status: &api_load_balancer::LoadBalancerStatus) -> LoadBalancerStatus {
    match status {
        api_load_balancer::LoadBalancerStatus::Active => LoadBalancerStatus::Active,
        api_load_balancer::LoadBalancerStatus::InActive => LoadBalancerStatus::InActive,
        other => LoadBalancerStatus::Other(other.as_str().to_owned()),
    }
}

/// A row of DescribeEnsEipAddresses.
pub(crate) fn eip(row: &api_eip::Eip) -> Eip {
    let mut tags: Vec<(String, String)> = row
        .tags
        .iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect();
    tags.sort();
    Eip {
        id: row.allocation_id.clone(),
        name: row.name.clone().unwrap_or_default(),
        address: row.ip_address.clone().unwrap_or_default(),
        status: match &row.status {
            api_eip::EipStatus::Available => EipStatus::Available,
            api_eip::EipStatus::InUse => EipStatus::InUse,
            other => EipStatus::Changing(other.as_str().to_owned()),
        },
        bandwidth: row.bandwidth,
        bound_to: row.instance_id.clone().filter(|id| !id.is_empty()),
        region: row.ens_region_id.clone().unwrap_or_default(),
        created_at: row.allocation_time.as_deref().and_then(seconds),
        tags,
    }
}

/// A time of the ENS API: ISO 8601 UTC, or digits of an epoch in seconds or milliseconds
/// (the example of DescribeEnsEipAddresses shows digits).
fn seconds(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        // Epoch seconds reach 100,000,000,000 in the year 5138: larger ones are milliseconds.
        return Some(if number > 100_000_000_000 {
            number / 1000
        } else {
            number
        });
    }
    text.parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_second)
}

/// A backend as DescribeLoadBalancerAttribute gives it.
pub(crate) fn backend(server: &BackendServer) -> Backend {
    Backend {
        server_id: server.server_id.clone(),
        kind: server.server_type.as_str().to_owned(),
        weight: server.weight.unwrap_or(100),
        ip: server.ip.clone(),
        port: server.port,
    }
}

/// A backend to add.
pub(crate) fn new_server(server: &backends::Backend) -> BackendServer {
    BackendServer::instance(server.server_id.clone(), server.weight)
}

/// A backend to change or remove, with everything that the read gave.
pub(crate) fn known_server(server: &Backend) -> BackendServer {
    let mut known = BackendServer::instance(server.server_id.clone(), server.weight);
    known.server_type = server.kind.as_str().into();
    known.ip.clone_from(&server.ip);
    known.port = server.port;
    known
}

/// The protocol of a listener; `None` for one that the API does not document.
pub(crate) fn protocol(protocol: &ListenerProtocol) -> Option<Protocol> {
    match protocol {
        ListenerProtocol::Tcp => Some(Protocol::Tcp),
        ListenerProtocol::Udp => Some(Protocol::Udp),
        ListenerProtocol::Http => Some(Protocol::Http),
        ListenerProtocol::Https => Some(Protocol::Https),
        _ => None,
    }
}

/// The protocol as an action parameter.
pub(crate) fn listener_protocol(protocol: Protocol) -> ListenerProtocol {
    match protocol {
        Protocol::Tcp => ListenerProtocol::Tcp,
        Protocol::Udp => ListenerProtocol::Udp,
        Protocol::Http => ListenerProtocol::Http,
        Protocol::Https => ListenerProtocol::Https,
    }
}

/// The protocol of a listener that we write; `None` for those that we never do.
pub(crate) fn transport(protocol: Protocol) -> Option<TransportProtocol> {
    match protocol {
        Protocol::Tcp => Some(TransportProtocol::Tcp),
        Protocol::Udp => Some(TransportProtocol::Udp),
        Protocol::Http | Protocol::Https => None,
    }
}

/// The key of a listener as the start, stop and delete actions take it.
pub(crate) fn listener_key(load_balancer: &str, key: ListenerKey) -> api_listener::ListenerKey {
    api_listener::ListenerKey::new(load_balancer, listener_protocol(key.protocol), key.port)
}

/// The status of a listener.
pub(crate) fn listener_status(status: &api_listener::ListenerStatus) -> ListenerStatus {
    match status {
        api_listener::ListenerStatus::Running => ListenerStatus::Running,
        api_listener::ListenerStatus::Stopped => ListenerStatus::Stopped,
        other => ListenerStatus::Changing(other.as_str().to_owned()),
    }
}

/// A listener as its attribute read gives it.
pub(crate) fn listener(key: ListenerKey, read: &ListenerAttribute) -> Listener {
    let number = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
    let port = |n: Option<i32>| n.and_then(|n| u16::try_from(n).ok());
    Listener {
        key,
        description: read.description.clone().unwrap_or_default(),
        status: listener_status(&read.status),
        backend_port: port(read.backend_server_port),
        settings: Some(listeners::Settings {
            scheduler: read.scheduler.as_str().to_owned(),
            persistence_timeout: number(read.persistence_timeout),
            established_timeout: number(read.established_timeout),
            healthy_threshold: number(read.healthy_threshold),
            unhealthy_threshold: number(read.unhealthy_threshold),
            health_check_interval: number(read.health_check_interval),
            health_check_connect_timeout: number(read.health_check_connect_timeout),
            health_check_connect_port: port(read.health_check_connect_port),
        }),
    }
}

/// A listener as its create and set actions take it.
pub(crate) fn listener_spec(
    load_balancer: &str,
    protocol: TransportProtocol,
    listener: &listeners::Listener,
) -> ListenerSpec {
    let short = |n: u32| u16::try_from(n).unwrap_or(u16::MAX);
    let settings = &listener.settings;
    let mut spec = ListenerSpec::new(load_balancer, protocol, listener.key.port);
    spec.backend_port = Some(listener.backend_port);
    spec.description = Some(listener.description.clone());
    spec.scheduler = Some(settings.scheduler.as_str().into());
    spec.persistence_timeout = settings.persistence_timeout.map(short);
    spec.established_timeout = settings.established_timeout.map(short);
    spec.health_check.interval = settings.health_check_interval.map(short);
    spec.health_check.connect_timeout = settings.health_check_connect_timeout.map(short);
    spec.health_check.connect_port = settings.health_check_connect_port;
    let count = |n: Option<u32>| n.and_then(|n| u8::try_from(n).ok());
    spec.health_check.healthy_threshold = count(settings.healthy_threshold);
    spec.health_check.unhealthy_threshold = count(settings.unhealthy_threshold);
    spec
}

/// CreateLoadBalancer from an intent; `None` when a parameter is missing from it.
pub(crate) fn create_load_balancer(intent: &Intent) -> Option<CreateLoadBalancer> {
    let p = Parameters(&intent.parameters);
    let mut request = CreateLoadBalancer::new(
        p.get("EnsRegionId")?,
        p.get("NetworkId")?,
        p.get("VSwitchId")?,
        p.get("LoadBalancerSpec")?,
    );
    request.pay_type = PayType::from(p.get("PayType")?);
    request.load_balancer_name = Some(p.get("LoadBalancerName")?.to_owned());
    request.client_token = Some(intent.token.clone());
    Some(request)
}

/// CreateEipInstance from an intent; `None` when a parameter is missing from it.
pub(crate) fn create_eip(intent: &Intent) -> Option<CreateEipInstance> {
    let p = Parameters(&intent.parameters);
    let mut request = CreateEipInstance::new(p.get("EnsRegionId")?);
    request.instance_charge_type = PayType::from(p.get("InstanceChargeType")?);
    request.internet_charge_type = p.get("InternetChargeType")?.into();
    request.bandwidth = Some(p.get("Bandwidth")?.parse().ok()?);
    request.isp = p.get("Isp").map(Into::into);
    request.name = Some(p.get("Name")?.to_owned());
    request.description = Some(p.get("Description")?.to_owned());
    request.tags = intent
        .parameters
        .iter()
        .filter_map(|(key, value)| Some(Tag::new(key.strip_prefix("Tag.")?, value)))
        .collect();
    request.client_token = Some(intent.token.clone());
    Some(request)
}

struct Parameters<'a>(&'a BTreeMap<String, String>);

impl<'a> Parameters<'a> {
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_cloud_are_read_in_all_their_forms() {
        assert_eq!(seconds("2026-11-23T04:00:00Z"), Some(1_795_406_400));
        assert_eq!(seconds("1624800000"), Some(1_624_800_000));
        assert_eq!(seconds("1624800000123"), Some(1_624_800_000));
        assert_eq!(seconds("yesterday"), None);
    }
}
