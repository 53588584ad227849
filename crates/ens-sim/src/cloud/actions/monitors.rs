//! The monitor reads. The simulator keeps no history: a range that holds the present instant shows it, any other nothing.
//! It counts open flows and healthy servers; bytes, packets and what is dropped are not counted and read 0.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::health::health_key;
use super::super::params::{Args, Kind, Param, opt, req};
use super::super::resource::{LoadBalancer, Protocol};
use super::super::scope::Scope;
use super::{Action, equals, with};
use crate::time::Timestamp;

const ID: Param = req("LoadBalancerId", Kind::Text);
const START: Param = req("StartTime", Kind::Text);
const END: Param = req("EndTime", Kind::Text);
const PROTOCOL: Param = opt("Proto", Kind::Text);
/// The longest range (text of EndTime in the SDK).
const LONGEST: Duration = Duration::from_secs(24 * 3600);

const fn read(
    name: &'static str,
    params: &'static [Param],
    run: fn(&mut Scope<'_>, &Args<'_>) -> Result<Value, ApiError>,
) -> Action {
    Action {
        name,
        get_only: true,
        per_second: Some(10),
        params,
        run,
    }
}

pub(super) const ACTIONS: &[Action] = &[
    read(
        "DescribeLoadBalancerListenMonitor",
        &[ID, START, END, PROTOCOL, req("VPort", Kind::Int(1, 65535))],
        listener,
    ),
    read(
        "DescribeServerLoadBalancerMonitor",
        &[ID, START, END],
        requests,
    ),
    read(
        "DescribeServerLoadBalancerListenMonitor",
        &[ID, START, END, PROTOCOL, opt("VPort", Kind::Int(1, 65535))],
        requests_by_listener,
    ),
];

/// What a listener carries now: open flows, and how many of its servers are healthy.
fn listener(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (shown, balancer) = (shows_now(scope.now, args)?, balancer(scope, args)?);
    let port = args.port("VPort")?;
    let rows: Vec<Value> = balancer
        .listeners
        .values()
        .filter(|listener| {
            shown && listener.port == port && equals(args.text("Proto"), listener.protocol.as_str())
        })
        .map(|listener| {
            let healthy = |id: &str| {
                let key = health_key(&balancer.id, listener.key(), id);
                !scope.forwarding.unhealthy.contains(&key)
            };
            let valid = balancer
                .backends
                .iter()
                .filter(|server| healthy(&server.server_id))
                .count();
            let unhealthy = balancer.backends.len() - valid;
            let open = scope.forwarding.open(&balancer.id, listener.key());
            json!({
                "ActConns": open.to_string(),
                "BizTime": scope.now.iso8601(),
                "Conns": open.to_string(),
                "DropConns": "0",
                "EnsRegionId": balancer.region,
                "InActConns": "0",
                "InBytes": "0",
                "InDropBytes": "0",
                "InDropPkts": "0",
                "InPkts": "0",
                "InValidRsNum": unhealthy.to_string(),
                "LoadBalancerId": balancer.id,
                "OutBytes": "0",
                "OutDropBytes": "0",
                "OutDropPkts": "0",
                "OutPkts": "0",
                "Proto": listener.protocol,
                "VPort": listener.port.to_string(),
                "ValidRsNum": valid.to_string(),
                "Vip": balancer.address,
                "Vni": "0",
            })
        })
        .collect();
    Ok(json!({ "LoadBalancerMonitorListenData": rows }))
}

/// Requests over the HTTP and HTTPS listeners of an ELB.
fn requests(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (shown, balancer) = (shows_now(scope.now, args)?, balancer(scope, args)?);
    let rows: Vec<Value> = shown
        .then(|| no_requests(scope.now, balancer))
        .into_iter()
        .collect();
    Ok(json!({ "ServerLoadBalancerMonitorData": rows }))
}

/// Requests over each HTTP and HTTPS listener of an ELB.
fn requests_by_listener(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    let (shown, balancer) = (shows_now(scope.now, args)?, balancer(scope, args)?);
    let port = args.int("VPort");
    let rows: Vec<Value> = balancer
        .listeners
        .values()
        .filter(|listener| {
            shown
                && matches!(listener.protocol, Protocol::Http | Protocol::Https)
                && port.is_none_or(|port| port == u32::from(listener.port))
                && equals(args.text("Proto"), listener.protocol.as_str())
        })
        .map(|listener| {
            let own = json!({ "Proto": listener.protocol, "Vport": listener.port });
            with(no_requests(scope.now, balancer), own)
        })
        .collect();
    Ok(json!({ "ServerLoadBalancerMonitorData": rows }))
}

/// HTTP and HTTPS listeners forward nothing here: there never is a request.
fn no_requests(now: Timestamp, balancer: &LoadBalancer) -> Value {
    json!({
        "Acc": 0,
        "BizTime": now.iso8601(),
        "EnsRegionId": balancer.region,
        "LoadBalancerId": balancer.id,
        "LoadBalancerName": balancer.name,
        "LoadBalancerSpec": balancer.spec,
        "Reqs2xx": 0,
        "Reqs3xx": 0,
        "Reqs4xx": 0,
        "Reqs5xx": 0,
        "RtAvg": 0,
        "Vip": balancer.address,
        "Vni": 0,
    })
}

fn balancer<'s>(scope: &'s Scope<'_>, args: &Args<'_>) -> Result<&'s LoadBalancer, ApiError> {
    let id = args.required("LoadBalancerId")?;
    let found = scope.state.load_balancers.get(id);
    let found = found.map(AsRef::as_ref);
    found.ok_or_else(|| ApiError::load_balancer_not_found(id))
}

/// Whether the range of a read holds the present. No document names its time zone; it is read as UTC.
fn shows_now(now: Timestamp, args: &Args<'_>) -> Result<bool, ApiError> {
    let instant = |name| {
        let text = args.required(name)?;
        let found = Timestamp::parse(&format!("{}Z", text.replacen(' ', "T", 1)));
        found.ok_or_else(|| ApiError::invalid(name, "must be of the form yyyy-MM-dd HH:mm:ss"))
    };
    let (start, end) = (instant("StartTime")?, instant("EndTime")?);
    if end < start || end.since(start) > LONGEST {
        let why = "must be at most 24 hours after StartTime, and not before it";
        return Err(ApiError::invalid("EndTime", why));
    }
    Ok((start..=end).contains(&now))
}
