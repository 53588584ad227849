//! Actions on the servers behind an ELB.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use super::super::error::ApiError;
use super::super::limits::check_quota;
use super::super::params::{Args, Kind, Param, req};
use super::super::resource::{BackendServer, InstanceStatus};
use super::super::scope::Scope;
use super::Action;

/// Servers per call (request texts of Add-, Set- and RemoveBackendServers).
const BATCH: usize = 20;

const PARAMS: &[Param] = &[
    req("BackendServers", Kind::Json),
    req("LoadBalancerId", Kind::Text),
];

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "AddBackendServers",
        get_only: false,
        per_second: Some(10),
        params: PARAMS,
        run: add,
    },
    Action {
        name: "SetBackendServers",
        get_only: false,
        per_second: Some(10),
        params: PARAMS,
        run: set,
    },
    Action {
        name: "RemoveBackendServers",
        get_only: false,
        per_second: Some(10),
        params: PARAMS,
        run: remove,
    },
];

/// The fields of a server where it is added or removed.
const FIELDS: &[&str] = &["Ip", "Port", "ServerId", "Type", "Weight"];
/// The fields of a server where its weight is set.
const FIELDS_OF_SET: &[&str] = &["Ip", "ServerId", "Type", "Weight"];

/// One element of `BackendServers`, as given.
struct Given {
    server_id: String,
    kind: Option<String>,
    weight: Option<u8>,
    ip: Option<String>,
    port: Option<u16>,
}

impl Given {
    fn names(&self, server: &BackendServer) -> bool {
        self.server_id == server.server_id
            && self.kind.as_ref().is_none_or(|kind| *kind == server.kind)
    }
}

fn add(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let given = parse(scope, args, FIELDS)?;
    let id = args.required("LoadBalancerId")?;
    let quota = scope.config.quotas.backends_per_load_balancer;
    let refuse_attached = scope.config.switches.add_of_attached_refused;
    let network = scope.load_balancer(id)?.network.clone();
    let servers = given
        .into_iter()
        .map(|given| resolve(scope, given, &network))
        .collect::<Result<Vec<_>, _>>()?;
    let balancer = scope.writable_load_balancer(id)?;
    let attached = |server: &BackendServer| {
        balancer
            .backends
            .iter()
            .any(|have| have.server_id == server.server_id && have.kind == server.kind)
    };
    if refuse_attached && let Some(server) = servers.iter().find(|server| attached(server)) {
        return Err(invalid(format!("{} is attached already", server.server_id)));
    }
    let new: Vec<BackendServer> = servers
        .iter()
        .filter(|server| !attached(server))
        .cloned()
        .collect();
    if let Some(last) = new.len().checked_sub(1) {
        check_quota("BackendServer", || balancer.backends.len() + last, quota)?;
    }
    balancer.backends.extend(new);
    Ok(echo(&servers))
}

/// A server to attach: an ENS instance that runs in the ELB's network, or a network interface.
fn resolve(scope: &Scope<'_>, given: Given, network: &str) -> Result<BackendServer, ApiError> {
    let kind = given.kind.unwrap_or_else(|| "ens".to_owned());
    let ip = if kind == "eni" {
        given.ip.ok_or_else(|| {
            invalid(format!(
                "{} is of type eni and needs an Ip",
                given.server_id
            ))
        })?
    } else {
        let instance = scope
            .state
            .instances
            .get(&given.server_id)
            .ok_or_else(|| ApiError::instance_not_found(&given.server_id))?;
        if instance.network != network {
            return Err(invalid(format!(
                "{} is not in network {network}",
                instance.id
            )));
        }
        if instance.status != InstanceStatus::Running {
            return Err(invalid(format!(
                "{} is {:?}, it must be Running",
                instance.id, instance.status
            )));
        }
        let ip = instance.private_ip.to_string();
        if given.ip.as_ref().is_some_and(|wanted| *wanted != ip) {
            return Err(invalid(format!("{} has the address {ip}", instance.id)));
        }
        ip
    };
    Ok(BackendServer {
        server_id: given.server_id,
        kind,
        weight: given.weight.unwrap_or(100),
        ip,
        port: given.port.unwrap_or(0),
    })
}

fn set(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let given = parse(scope, args, FIELDS_OF_SET)?;
    let balancer = scope.writable_load_balancer(args.required("LoadBalancerId")?)?;
    for server in &given {
        if server.weight.is_none() {
            return Err(invalid(format!("{} has no Weight", server.server_id)));
        }
        if !balancer.backends.iter().any(|have| server.names(have)) {
            return Err(invalid(format!("{} is not attached", server.server_id)));
        }
    }
    let mut changed = Vec::new();
    for have in &mut balancer.backends {
        if let Some(weight) = given
            .iter()
            .find(|server| server.names(have))
            .and_then(|server| server.weight)
        {
            have.weight = weight;
            changed.push(have.clone());
        }
    }
    Ok(echo(&changed))
}

/// Removing what is not attached succeeds, as the API's other removals do.
fn remove(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let given = parse(scope, args, FIELDS)?;
    let balancer = scope.writable_load_balancer(args.required("LoadBalancerId")?)?;
    let (gone, kept): (Vec<_>, Vec<_>) = balancer
        .backends
        .drain(..)
        .partition(|have| given.iter().any(|server| server.names(have)));
    balancer.backends = kept;
    Ok(echo(&gone))
}

/// The answers of these three actions wrap the list and carry ports as numbers.
fn echo(servers: &[BackendServer]) -> Value {
    let rows: Vec<Value> = servers
        .iter()
        .map(|server| {
            json!({
                "Ip": server.ip,
                "Port": server.port,
                "ServerId": server.server_id,
                "Type": server.kind,
                "Weight": server.weight,
            })
        })
        .collect();
    json!({ "BackendServers": { "BackendServer": rows } })
}

fn parse(scope: &Scope<'_>, args: &Args<'_>, fields: &[&str]) -> Result<Vec<Given>, ApiError> {
    let elements = args.json_array("BackendServers")?.unwrap_or_default();
    if elements.is_empty() || elements.len() > BATCH {
        return Err(invalid(format!(
            "must hold 1 to {BATCH} servers, it holds {}",
            elements.len()
        )));
    }
    let known = scope
        .config
        .switches
        .unknown_parameters_refused
        .then_some(fields);
    let servers = elements
        .iter()
        .map(|element| parse_one(element, known))
        .collect::<Result<Vec<Given>, ApiError>>()?;
    for (index, server) in servers.iter().enumerate() {
        if servers
            .iter()
            .take(index)
            .any(|before| before.server_id == server.server_id && before.kind == server.kind)
        {
            return Err(invalid(format!("{} is given twice", server.server_id)));
        }
    }
    Ok(servers)
}

/// One server; with `known`, no other fields than those.
fn parse_one(element: &Value, known: Option<&[&str]>) -> Result<Given, ApiError> {
    let Value::Object(fields) = element else {
        return Err(invalid("each server must be a JSON object".to_owned()));
    };
    let unknown = |name: &&String| known.is_some_and(|known| !known.contains(&name.as_str()));
    if let Some(name) = fields.keys().find(unknown) {
        return Err(invalid(format!("a server has no field {name} here")));
    }
    let server_id =
        text(fields, "ServerId")?.ok_or_else(|| invalid("a server has no ServerId".to_owned()))?;
    let kind = text(fields, "Type")?;
    if kind.is_some_and(|kind| !["ens", "eni"].contains(&kind)) {
        return Err(invalid(format!("Type of {server_id} must be ens or eni")));
    }
    Ok(Given {
        server_id: server_id.to_owned(),
        kind: kind.map(str::to_owned),
        weight: number(fields, "Weight", 100)?.and_then(|weight| u8::try_from(weight).ok()),
        ip: address(fields)?,
        port: number(fields, "Port", 65535)?.and_then(|port| u16::try_from(port).ok()),
    })
}

/// A text; an empty one counts as absent.
fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ApiError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(other) => Err(invalid(format!("{name} must be text, not {other}"))),
    }
}

/// A number, which may be given as text.
fn number(fields: &Map<String, Value>, name: &str, most: u64) -> Result<Option<u64>, ApiError> {
    let number = match fields.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64(),
    };
    match number {
        Some(number) if number <= most => Ok(Some(number)),
        _ => {
            let given = fields.get(name).unwrap_or(&Value::Null);
            let why = format!("{name} must be a number from 0 to {most}, not {given}");
            Err(invalid(why))
        }
    }
}

/// The address of a server. The line feed that reads put after it is no part of it.
fn address(fields: &Map<String, Value>) -> Result<Option<String>, ApiError> {
    let Some(text) = text(fields, "Ip")?.map(str::trim) else {
        return Ok(None);
    };
    match text.parse::<Ipv4Addr>() {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(_) => Err(invalid(format!("Ip must be an IPv4 address, not {text}"))),
    }
}

fn invalid(why: String) -> ApiError {
    ApiError::invalid("BackendServers", why)
}
