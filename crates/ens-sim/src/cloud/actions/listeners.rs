//! Actions on listeners.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::limits::check_quota;
use super::super::params::{Args, Kind, Param, opt, req};
use super::super::resource::{Listener, ListenerKey, ListenerStatus, LoadBalancer, Protocol};
use super::super::scope::Scope;
use super::super::transitions::Transition;
use super::listener_settings as settings;
use super::{Action, equals, page};

/// UDP ports that the text of CreateLoadBalancerUDPListener reserves.
const RESERVED_UDP_PORTS: &[u16] = &[250, 4789, 4790];

const ID: Param = req("LoadBalancerId", Kind::Text);
const PORT: Param = req("ListenerPort", Kind::Int(1, 65535));
const ONE: &[Param] = &[ID, PORT];
const ONE_BY_PROTOCOL: &[Param] = &[
    ID,
    PORT,
    opt(
        "ListenerProtocol",
        Kind::OneOf(&["tcp", "udp", "http", "https"]),
    ),
];

const fn write(
    name: &'static str,
    params: &'static [Param],
    run: fn(&mut Scope<'_>, &Args<'_>) -> Result<Value, ApiError>,
) -> Action {
    Action {
        name,
        get_only: false,
        per_second: Some(10),
        params,
        run,
    }
}

pub(super) const ACTIONS: &[Action] = &[
    write(
        "CreateLoadBalancerTCPListener",
        settings::CREATE_TCP,
        |s, a| create(s, a, Protocol::Tcp),
    ),
    write(
        "CreateLoadBalancerUDPListener",
        settings::CREATE_UDP,
        |s, a| create(s, a, Protocol::Udp),
    ),
    write(
        "CreateLoadBalancerHTTPListener",
        settings::CREATE_HTTP,
        |s, a| create(s, a, Protocol::Http),
    ),
    write(
        "CreateLoadBalancerHTTPSListener",
        settings::CREATE_HTTPS,
        |s, a| create(s, a, Protocol::Https),
    ),
    write(
        "SetLoadBalancerTCPListenerAttribute",
        settings::SET_TCP,
        |s, a| set(s, a, Protocol::Tcp, settings::SET_TCP),
    ),
    write(
        "SetLoadBalancerUDPListenerAttribute",
        settings::SET_UDP,
        |s, a| set(s, a, Protocol::Udp, settings::SET_UDP),
    ),
    write(
        "SetLoadBalancerHTTPListenerAttribute",
        settings::SET_HTTP,
        |s, a| set(s, a, Protocol::Http, settings::SET_HTTP),
    ),
    write(
        "SetLoadBalancerHTTPSListenerAttribute",
        settings::SET_HTTPS,
        |s, a| set(s, a, Protocol::Https, settings::SET_HTTPS),
    ),
    write("DescribeLoadBalancerTCPListenerAttribute", ONE, |s, a| {
        read(s, a, Protocol::Tcp)
    }),
    write("DescribeLoadBalancerUDPListenerAttribute", ONE, |s, a| {
        read(s, a, Protocol::Udp)
    }),
    write("DescribeLoadBalancerHTTPListenerAttribute", ONE, |s, a| {
        read(s, a, Protocol::Http)
    }),
    write("DescribeLoadBalancerHTTPSListenerAttribute", ONE, |s, a| {
        read(s, a, Protocol::Https)
    }),
    Action {
        name: "DescribeLoadBalancerListeners",
        get_only: false,
        per_second: None,
        params: &[
            ID,
            opt("Description", Kind::Text),
            opt("ListenerPort", Kind::Int(1, 65535)),
            opt("PageNumber", Kind::Text),
            opt("PageSize", Kind::Text),
        ],
        run: list,
    },
    write("StartLoadBalancerListener", ONE_BY_PROTOCOL, start),
    write("StopLoadBalancerListener", ONE_BY_PROTOCOL, stop),
    write("DeleteLoadBalancerListener", ONE_BY_PROTOCOL, delete),
];

fn create(scope: &mut Scope<'_>, args: &Args<'_>, protocol: Protocol) -> Result<Value, ApiError> {
    let id = args.required("LoadBalancerId")?;
    let port = args.port("ListenerPort")?;
    check_scheduler(scope, args, protocol)?;
    if protocol == Protocol::Udp && RESERVED_UDP_PORTS.contains(&port) {
        return Err(ApiError::invalid(
            "ListenerPort",
            format!("UDP port {port} is reserved by the system"),
        ));
    }
    let (now, quota) = (scope.now, scope.config.quotas.listeners_per_load_balancer);
    let balancer = scope.writable_load_balancer(id)?;
    if balancer
        .listeners
        .keys()
        .any(|key| key.port == port && key.protocol.collides_with(protocol))
    {
        let message = format!("The load balancer {id} already has a listener on port {port}.");
        return Err(ApiError::new(400, "ListenerAlreadyExists", message));
    }
    check_quota("Listener", || balancer.listeners.len(), quota)?;
    let settings = settings::new(protocol, args);
    check_forward(balancer, &settings)?;
    let listener = Listener {
        port,
        protocol,
        status: ListenerStatus::Stopped,
        settings,
        created: now,
        trouble: None,
    };
    balancer.listeners.insert(listener.key(), listener);
    Ok(json!({}))
}

/// The target of a redirect must exist first; the real one answers its catch-all code otherwise (a branch of the
/// terraform provider works around it).
fn check_forward(
    balancer: &LoadBalancer,
    settings: &std::collections::BTreeMap<String, Value>,
) -> Result<(), ApiError> {
    if settings.get("ListenerForward").and_then(Value::as_str) != Some("on") {
        return Ok(());
    }
    let target = settings.get("ForwardPort").and_then(Value::as_u64);
    let exists = balancer
        .listeners
        .keys()
        .any(|key| key.protocol == Protocol::Https && target == Some(u64::from(key.port)));
    if exists {
        return Ok(());
    }
    Err(ApiError::new(
        400,
        "ens.interface.error",
        "An error occurred while calling the interface.",
    ))
}

fn check_scheduler(scope: &Scope<'_>, args: &Args<'_>, protocol: Protocol) -> Result<(), ApiError> {
    let quic = args
        .text("Scheduler")
        .is_some_and(|scheduler| ["qch", "iqch"].contains(&scheduler));
    if protocol == Protocol::Tcp && quic && scope.config.switches.qch_on_tcp_refused {
        return Err(ApiError::invalid(
            "Scheduler",
            "a TCP listener takes wrr, wlc, rr, sch or tch",
        ));
    }
    Ok(())
}

fn set(
    scope: &mut Scope<'_>,
    args: &Args<'_>,
    protocol: Protocol,
    params: &[Param],
) -> Result<Value, ApiError> {
    let id = args.required("LoadBalancerId")?;
    let key = ListenerKey {
        port: args.port("ListenerPort")?,
        protocol,
    };
    check_scheduler(scope, args, protocol)?;
    let needs_stop = scope.config.switches.set_refused_while_running
        || matches!(protocol, Protocol::Http | Protocol::Https);
    let listener = writable_listener(scope, id, key)?;
    match listener.status {
        ListenerStatus::Stopped => {}
        ListenerStatus::Running if !needs_stop => {}
        status => {
            return Err(ApiError::incorrect_listener_status(
                key.port,
                status.as_str(),
            ));
        }
    }
    settings::overwrite(&mut listener.settings, params, args);
    Ok(json!({}))
}

fn writable_listener<'s>(
    scope: &'s mut Scope<'_>,
    id: &str,
    key: ListenerKey,
) -> Result<&'s mut Listener, ApiError> {
    let balancer = scope.writable_load_balancer(id)?;
    balancer
        .listeners
        .get_mut(&key)
        .ok_or_else(|| ApiError::listener_not_found(id, key.port))
}

fn read(scope: &mut Scope<'_>, args: &Args<'_>, protocol: Protocol) -> Result<Value, ApiError> {
    let id = args.required("LoadBalancerId")?;
    let key = ListenerKey {
        port: args.port("ListenerPort")?,
        protocol,
    };
    let balancer = scope.load_balancer(id)?;
    let listener = balancer
        .listeners
        .get(&key)
        .ok_or_else(|| ApiError::listener_not_found(id, key.port))?;
    let mut body: serde_json::Map<String, Value> = listener
        .settings
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if protocol == Protocol::Tcp && listener.text("HealthCheckType") != "http" {
        for name in ["HealthCheckDomain", "HealthCheckURI", "HealthCheckHttpCode"] {
            body.remove(name);
        }
    }
    body.insert("ListenerPort".to_owned(), json!(listener.port));
    body.insert(
        "BackendServerPort".to_owned(),
        json!(listener.backend_port()),
    );
    body.entry("HealthCheckConnectPort")
        .or_insert_with(|| json!(listener.backend_port()));
    body.insert("Status".to_owned(), json!(listener.status.as_str()));
    Ok(Value::Object(body))
}

fn list(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (number, size) = args.paging(10, 1, 100)?;
    let id = args.required("LoadBalancerId")?;
    let port = args.int("ListenerPort");
    let balancer = scope.load_balancer(id)?;
    let found: Vec<&Listener> = balancer
        .listeners
        .values()
        .filter(|listener| port.is_none_or(|port| port == u32::from(listener.port)))
        .filter(|listener| equals(args.text("Description"), listener.text("Description")))
        .collect();
    let total = found.len();
    let rows: Vec<Value> = page(found, number, size)
        .into_iter()
        .map(|listener| row(id, listener))
        .collect();
    Ok(
        json!({ "Listeners": { "Listener": rows }, "PageNumber": number, "PageSize": size, "TotalCount": total }),
    )
}

/// The list shows ports as text and the status in lower case, unlike every other read. It knows two words alone.
/// Inferred: a listener that is on its way between them is shown as stopped.
fn row(id: &str, listener: &Listener) -> Value {
    let forward_port = listener
        .number("ForwardPort")
        .map(|port| port.to_string())
        .unwrap_or_default();
    let forward = if listener.text("ListenerForward") == "on" {
        "on"
    } else {
        "off"
    };
    json!({
        "BackendServerPort": listener.backend_port(),
        "CreateTime": listener.created.iso8601(),
        "Description": listener.text("Description"),
        "ForwardPort": forward_port,
        "ListenerForward": forward,
        "ListenerPort": listener.port.to_string(),
        "LoadBalancerId": id,
        "Protocol": listener.protocol,
        "Status": if listener.status == ListenerStatus::Running { "running" } else { "stopped" },
    })
}

/// The listener that port and, where two protocols share it, protocol name.
fn named(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<(String, ListenerKey), ApiError> {
    let id = args.required("LoadBalancerId")?;
    let port = args.port("ListenerPort")?;
    let protocol = args.text("ListenerProtocol").and_then(Protocol::parse);
    let balancer = scope.load_balancer(id)?;
    let mut keys = balancer
        .listeners
        .keys()
        .filter(|key| key.port == port && protocol.is_none_or(|protocol| key.protocol == protocol));
    match (keys.next(), keys.next()) {
        (Some(key), None) => Ok((id.to_owned(), *key)),
        (None, _) => Err(ApiError::listener_not_found(id, port)),
        (Some(_), Some(_)) => Err(ApiError::missing("ListenerProtocol")),
    }
}

fn start(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (id, key) = named(scope, args)?;
    let refuse_repeat = scope.config.switches.repeated_start_or_stop_refused;
    let listener = writable_listener(scope, &id, key)?;
    match listener.status {
        ListenerStatus::Stopped => listener.status = ListenerStatus::Starting,
        ListenerStatus::Running if !refuse_repeat => return Ok(json!({})),
        status => {
            return Err(ApiError::incorrect_listener_status(
                key.port,
                status.as_str(),
            ));
        }
    }
    scope.later(
        scope.config.latency.listener_start,
        Transition::ListenerRunning(id, key),
    );
    Ok(json!({}))
}

fn stop(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (id, key) = named(scope, args)?;
    let refuse_repeat = scope.config.switches.repeated_start_or_stop_refused;
    let listener = writable_listener(scope, &id, key)?;
    match listener.status {
        ListenerStatus::Running => listener.status = ListenerStatus::Stopping,
        ListenerStatus::Stopped if !refuse_repeat => return Ok(json!({})),
        status => {
            return Err(ApiError::incorrect_listener_status(
                key.port,
                status.as_str(),
            ));
        }
    }
    scope.later(
        scope.config.latency.listener_stop,
        Transition::ListenerStopped(id, key),
    );
    Ok(json!({}))
}

fn delete(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (id, key) = named(scope, args)?;
    let refuse_running = scope.config.switches.delete_refused_while_running;
    let listener = writable_listener(scope, &id, key)?;
    match listener.status {
        ListenerStatus::Stopped => {}
        ListenerStatus::Running if !refuse_running => {}
        status => {
            return Err(ApiError::incorrect_listener_status(
                key.port,
                status.as_str(),
            ));
        }
    }
    listener.status = ListenerStatus::Deleting;
    scope.later(
        scope.config.latency.listener_delete,
        Transition::ListenerGone(id, key),
    );
    Ok(json!({}))
}
