//! Which cluster IPs and node ports Services hold, kept with every commit: a look at all Services for each
//! write of one would make a thousand Services cost a million reads.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::object;
use crate::server::ObjectKey;

/// The addresses and ports that are taken, each with the Service that holds it.
#[derive(Default)]
pub(crate) struct Allocated {
    addresses: BTreeMap<String, ObjectKey>,
    ports: BTreeMap<u16, ObjectKey>,
}

impl Allocated {
    /// Gives back what the Service held before a change, and takes what it holds after it.
    pub(crate) fn change(
        &mut self,
        key: &ObjectKey,
        before: Option<&Value>,
        after: Option<&Value>,
    ) {
        if let Some(before) = before {
            if let Some(address) = address(before) {
                give_back(&mut self.addresses, &address, key);
            }
            for port in node_ports(before) {
                give_back(&mut self.ports, &port, key);
            }
        }
        if let Some(after) = after {
            self.addresses
                .extend(address(after).map(|address| (address, key.clone())));
            self.ports
                .extend(node_ports(after).map(|port| (port, key.clone())));
        }
    }

    /// Whether another Service holds this cluster IP.
    pub(super) fn is_address_of_another(&self, address: &str, key: &ObjectKey) -> bool {
        self.addresses.get(address).is_some_and(|of| of != key)
    }

    /// Whether another Service holds this node port.
    pub(super) fn is_port_of_another(&self, port: u16, key: &ObjectKey) -> bool {
        self.ports.get(&port).is_some_and(|of| of != key)
    }
}

/// Removes an entry that is still this Service's.
fn give_back<K: Ord>(held: &mut BTreeMap<K, ObjectKey>, entry: &K, key: &ObjectKey) {
    if held.get(entry) == Some(key) {
        held.remove(entry);
    }
}

/// The node port of one port of a Service.
pub(super) fn node_port(port: &Value) -> Option<u16> {
    number(&port["nodePort"])
}

/// All node ports of a Service, the one of its health check too.
fn node_ports(service: &Value) -> impl Iterator<Item = u16> + '_ {
    object::items(&service["spec"]["ports"])
        .filter_map(node_port)
        .chain(number(&service["spec"]["healthCheckNodePort"]))
}

fn address(service: &Value) -> Option<String> {
    let address = service["spec"]["clusterIP"].as_str();
    address
        .filter(|address| !address.is_empty() && *address != "None")
        .map(str::to_owned)
}

fn number(value: &Value) -> Option<u16> {
    value
        .as_u64()
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number != 0)
}
