//! The attributes of a listener by protocol: names, limits and defaults of the ENS API reference (SDK 12.1.0).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::params::{Args, Kind, Param, opt, req};
use super::super::resource::Protocol;

const ID: Param = req("LoadBalancerId", Kind::Text);
const PORT: Param = req("ListenerPort", Kind::Int(1, 65535));
const BACKEND_PORT: Param = opt("BackendServerPort", Kind::Int(1, 65535));
const FORWARD: Param = opt("ListenerForward", Kind::OneOf(ON_OFF));
const FORWARD_PORT: Param = opt("ForwardPort", Kind::Int(1, 65535));
const ON_OFF: &[&str] = &["on", "off"];
const CODES: &[&str] = &["http_2xx", "http_3xx", "http_4xx", "http_5xx"];

const DESCRIPTION: Param = opt("Description", Kind::Name(1, 80));
const EIP_TRANSMIT: Param = opt("EipTransmit", Kind::OneOf(ON_OFF));
const ESTABLISHED_TIMEOUT: Param = opt("EstablishedTimeout", Kind::Int(10, 900));
const CHECK_PORT: Param = opt("HealthCheckConnectPort", Kind::Int(1, 65535));
const CONNECT_TIMEOUT: Param = opt("HealthCheckConnectTimeout", Kind::Int(1, 300));
const DOMAIN: Param = opt("HealthCheckDomain", Kind::Text);
const HTTP_CODE: Param = opt("HealthCheckHttpCode", Kind::OneOf(CODES));
const INTERVAL: Param = opt("HealthCheckInterval", Kind::Int(1, 50));
const URI: Param = opt("HealthCheckURI", Kind::Path);
const HEALTHY: Param = opt("HealthyThreshold", Kind::Int(2, 10));
const UNHEALTHY: Param = opt("UnhealthyThreshold", Kind::Int(2, 10));
const HEALTH_CHECK: Kind = Kind::OneOf(ON_OFF);
const METHOD: Param = opt("HealthCheckMethod", Kind::OneOf(&["head", "get"]));
const TIMEOUT: Param = opt("HealthCheckTimeout", Kind::Int(1, 300));
const IDLE: Param = opt("IdleTimeout", Kind::Int(1, 60));
const REQUEST: Param = opt("RequestTimeout", Kind::Int(1, 180));
const FORWARDED_FOR: Param = opt("XForwardedFor", Kind::OneOf(ON_OFF));

// qch and iqch are in the older SDK's list for TCP; a switch decides whether they are refused.
const TCP_SCHEDULER: Param = opt(
    "Scheduler",
    Kind::OneOf(&["wrr", "wlc", "rr", "sch", "tch", "qch", "iqch"]),
);
const UDP_SCHEDULER: Param = opt(
    "Scheduler",
    Kind::OneOf(&["wrr", "wlc", "rr", "sch", "tch", "qch", "iqch"]),
);
const HTTP_SCHEDULER: Param = opt(
    "Scheduler",
    Kind::OneOf(&["wrr", "wlc", "rr", "sch", "qch", "iqch"]),
);
const PERSISTENCE: Param = opt("PersistenceTimeout", Kind::Int(0, 3600));

pub(super) const CREATE_TCP: &[Param] = &[
    ID,
    PORT,
    BACKEND_PORT,
    DESCRIPTION,
    EIP_TRANSMIT,
    ESTABLISHED_TIMEOUT,
    CHECK_PORT,
    CONNECT_TIMEOUT,
    DOMAIN,
    HTTP_CODE,
    INTERVAL,
    opt("HealthCheckType", Kind::OneOf(&["tcp", "http"])),
    URI,
    HEALTHY,
    PERSISTENCE,
    TCP_SCHEDULER,
    UNHEALTHY,
];
pub(super) const SET_TCP: &[Param] = &[
    ID,
    PORT,
    DESCRIPTION,
    EIP_TRANSMIT,
    ESTABLISHED_TIMEOUT,
    CHECK_PORT,
    CONNECT_TIMEOUT,
    DOMAIN,
    HTTP_CODE,
    INTERVAL,
    opt("HealthCheckType", Kind::OneOf(&["tcp", "http"])),
    URI,
    HEALTHY,
    PERSISTENCE,
    TCP_SCHEDULER,
    UNHEALTHY,
];
pub(super) const CREATE_UDP: &[Param] = &[
    ID,
    PORT,
    BACKEND_PORT,
    DESCRIPTION,
    EIP_TRANSMIT,
    ESTABLISHED_TIMEOUT,
    CHECK_PORT,
    CONNECT_TIMEOUT,
    opt("HealthCheckExp", Kind::Alphanumeric(64)),
    INTERVAL,
    opt("HealthCheckReq", Kind::Alphanumeric(64)),
    HEALTHY,
    UDP_SCHEDULER,
    UNHEALTHY,
];
pub(super) const SET_UDP: &[Param] = &[
    ID,
    PORT,
    DESCRIPTION,
    EIP_TRANSMIT,
    ESTABLISHED_TIMEOUT,
    CHECK_PORT,
    CONNECT_TIMEOUT,
    opt("HealthCheckExp", Kind::Alphanumeric(64)),
    INTERVAL,
    opt("HealthCheckReq", Kind::Alphanumeric(64)),
    HEALTHY,
    UDP_SCHEDULER,
    UNHEALTHY,
];
pub(super) const CREATE_HTTP: &[Param] = &[
    ID,
    PORT,
    BACKEND_PORT,
    DESCRIPTION,
    FORWARD_PORT,
    req("HealthCheck", HEALTH_CHECK),
    CHECK_PORT,
    DOMAIN,
    HTTP_CODE,
    INTERVAL,
    METHOD,
    TIMEOUT,
    URI,
    HEALTHY,
    IDLE,
    FORWARD,
    REQUEST,
    HTTP_SCHEDULER,
    UNHEALTHY,
    FORWARDED_FOR,
];
pub(super) const SET_HTTP: &[Param] = &[
    ID,
    PORT,
    DESCRIPTION,
    opt("HealthCheck", HEALTH_CHECK),
    CHECK_PORT,
    DOMAIN,
    HTTP_CODE,
    INTERVAL,
    METHOD,
    TIMEOUT,
    URI,
    HEALTHY,
    IDLE,
    REQUEST,
    HTTP_SCHEDULER,
    UNHEALTHY,
    FORWARDED_FOR,
];
pub(super) const CREATE_HTTPS: &[Param] = &[
    ID,
    PORT,
    BACKEND_PORT,
    opt("Cookie", Kind::Alphanumeric(200)),
    opt("CookieTimeout", Kind::Int(1, 86400)),
    DESCRIPTION,
    FORWARD_PORT,
    req("HealthCheck", HEALTH_CHECK),
    CHECK_PORT,
    DOMAIN,
    HTTP_CODE,
    INTERVAL,
    METHOD,
    TIMEOUT,
    URI,
    HEALTHY,
    IDLE,
    FORWARD,
    REQUEST,
    HTTP_SCHEDULER,
    req("ServerCertificateId", Kind::Text),
    opt("StickySessionType", Kind::OneOf(&["insert", "server"])),
    UNHEALTHY,
];
pub(super) const SET_HTTPS: &[Param] = &[
    ID,
    PORT,
    DESCRIPTION,
    opt("HealthCheck", HEALTH_CHECK),
    CHECK_PORT,
    DOMAIN,
    HTTP_CODE,
    INTERVAL,
    METHOD,
    TIMEOUT,
    URI,
    HEALTHY,
    IDLE,
    REQUEST,
    HTTP_SCHEDULER,
    opt("ServerCertificateId", Kind::Text),
    UNHEALTHY,
];

/// The attributes of a new listener: what was given, and the API's defaults for the rest.
pub(super) fn new(protocol: Protocol, args: &Args<'_>) -> BTreeMap<String, Value> {
    let (params, specific) = match protocol {
        Protocol::Tcp => (
            CREATE_TCP,
            json!({
                "EipTransmit": "off", "EstablishedTimeout": 900, "HealthCheck": "on", "HealthCheckConnectTimeout": 5,
                "HealthCheckType": "tcp", "HealthCheckHttpCode": "http_2xx", "PersistenceTimeout": 0,
            }),
        ),
        Protocol::Udp => (
            CREATE_UDP,
            json!({
                "EipTransmit": "off", "EstablishedTimeout": 900, "HealthCheck": "on", "HealthCheckConnectTimeout": 5,
            }),
        ),
        Protocol::Http => (
            CREATE_HTTP,
            json!({
                "HealthCheckHttpCode": "http_2xx", "HealthCheckMethod": "head", "HealthCheckTimeout": 5, "IdleTimeout": 15,
                "ListenerForward": "off", "RequestTimeout": 60, "XForwardedFor": "off",
            }),
        ),
        Protocol::Https => (
            CREATE_HTTPS,
            json!({
                "HealthCheckHttpCode": "http_2xx", "HealthCheckMethod": "head", "HealthCheckTimeout": 5, "IdleTimeout": 15,
                "ListenerForward": "off", "RequestTimeout": 60,
            }),
        ),
    };
    let common = json!({
        "Bandwidth": 0, "Description": "", "HealthCheckInterval": 2, "HealthyThreshold": 3, "Scheduler": "wrr",
        "UnhealthyThreshold": 3,
    });
    let mut settings = BTreeMap::new();
    for defaults in [common, specific] {
        if let Value::Object(defaults) = defaults {
            settings.extend(defaults);
        }
    }
    overwrite(&mut settings, params, args);
    settings
}

/// Overwrites attributes with what a call gave.
pub(super) fn overwrite(settings: &mut BTreeMap<String, Value>, params: &[Param], args: &Args<'_>) {
    for param in params
        .iter()
        .filter(|param| !["LoadBalancerId", "ListenerPort"].contains(&param.name))
    {
        let given = match param.kind {
            Kind::Int(..) => args.int(param.name).map(|number| json!(number)),
            _ => args.text(param.name).map(|text| json!(text)),
        };
        if let Some(value) = given {
            settings.insert(param.name.to_owned(), value);
        }
    }
}
