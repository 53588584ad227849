//! The monitor reads. The simulator keeps no history: a range that holds the present instant shows it, any other nothing.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::health::health_key;
use super::super::params::{Args, Kind, Param, opt, req};
use super::super::resource::LoadBalancer;
use super::super::scope::Scope;
use super::{Action, equals};
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
        requests,
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
            json!({
                "ActConns": scope.forwarding.open(&balancer.id, listener.key()).to_string(),
                "BizTime": scope.now.iso8601(),
                "EnsRegionId": balancer.region,
                "InValidRsNum": (balancer.backends.len() - valid).to_string(),
                "LoadBalancerId": balancer.id,
                "Proto": listener.protocol,
                "VPort": listener.port.to_string(),
                "ValidRsNum": valid.to_string(),
                "Vip": balancer.address,
            })
        })
        .collect();
    Ok(json!({ "LoadBalancerMonitorListenData": rows }))
}

/// Requests over HTTP and HTTPS listeners, which forward nothing here: there never are any.
fn requests(scope: &mut Scope<'_>, args: &Args<'_>) -> Result<Value, ApiError> {
    shows_now(scope.now, args)?;
    balancer(scope, args)?;
    Ok(json!({ "ServerLoadBalancerMonitorData": [] }))
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
