//! Actions on the servers behind an ELB.

use serde_json::{Value, json};

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
    let given = parse(args)?;
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
    let given = parse(args)?;
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
    let given = parse(args)?;
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

fn parse(args: &Args<'_>) -> Result<Vec<Given>, ApiError> {
    let elements = args.json_array("BackendServers")?.unwrap_or_default();
    if elements.is_empty() || elements.len() > BATCH {
        return Err(invalid(format!(
            "must hold 1 to {BATCH} servers, it holds {}",
            elements.len()
        )));
    }
    let servers = elements
        .iter()
        .map(parse_one)
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

fn parse_one(element: &Value) -> Result<Given, ApiError> {
    const FIELDS: &[&str] = &["Ip", "Port", "ServerId", "Type", "Weight"];
    let Value::Object(fields) = element else {
        return Err(invalid("each server must be a JSON object".to_owned()));
    };
    if let Some(name) = fields.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(invalid(format!("a server has no field {name}")));
    }
    let text = |name: &str| {
        fields
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let number = |name: &str, most: u64| match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_u64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()))
            .filter(|number| *number <= most)
            .map(Some)
            .ok_or_else(|| {
                invalid(format!(
                    "{name} must be a number from 0 to {most}, not {value}"
                ))
            }),
    };
    let server_id =
        text("ServerId").ok_or_else(|| invalid("a server has no ServerId".to_owned()))?;
    let kind = text("Type");
    if kind.is_some_and(|kind| !["ens", "eni"].contains(&kind)) {
        return Err(invalid(format!("Type of {server_id} must be ens or eni")));
    }
    Ok(Given {
        server_id: server_id.to_owned(),
        kind: kind.map(str::to_owned),
        weight: number("Weight", 100)?.and_then(|weight| u8::try_from(weight).ok()),
        ip: text("Ip").map(|ip| ip.trim().to_owned()),
        port: number("Port", 65535)?.and_then(|port| u16::try_from(port).ok()),
    })
}

fn invalid(why: String) -> ApiError {
    ApiError::invalid("BackendServers", why)
}
