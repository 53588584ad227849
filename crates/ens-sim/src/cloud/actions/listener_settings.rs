//! The attributes of a listener by protocol: names, limits and defaults of the ENS API reference (SDK 12.1.0).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::params::{Args, Kind, Param, opt, req};
use super::super::resource::Protocol;

const ON_OFF: Kind = Kind::OneOf(&["on", "off"]);
const PORTS: Kind = Kind::Int(1, 65535);
const CODES: Kind = Kind::OneOf(&["http_2xx", "http_3xx", "http_4xx", "http_5xx"]);
// qch and iqch are in the older SDK's list for TCP; a switch decides whether they are refused.
const SCHEDULERS: Kind = Kind::OneOf(&["wrr", "wlc", "rr", "sch", "tch", "qch", "iqch"]);
const HTTP_SCHEDULERS: Kind = Kind::OneOf(&["wrr", "wlc", "rr", "sch", "qch", "iqch"]);

/// Every creation and every change.
const ALL: &[Param] = &[
    req("LoadBalancerId", Kind::Text),
    req("ListenerPort", PORTS),
    opt("Description", Kind::Name(1, 80)),
    opt("HealthCheckConnectPort", PORTS),
    opt("HealthCheckInterval", Kind::Int(1, 50)),
    opt("HealthyThreshold", Kind::Int(2, 10)),
    opt("UnhealthyThreshold", Kind::Int(2, 10)),
];
/// Every creation, and no change.
const CREATE: &[Param] = &[opt("BackendServerPort", PORTS)];

const TCP_AND_UDP: &[Param] = &[
    opt("EipTransmit", ON_OFF),
    opt("EstablishedTimeout", Kind::Int(10, 900)),
    opt("HealthCheckConnectTimeout", Kind::Int(1, 300)),
    opt("Scheduler", SCHEDULERS),
];
const TCP: &[Param] = &[
    opt("HealthCheckType", Kind::OneOf(&["tcp", "http"])),
    opt("PersistenceTimeout", Kind::Int(0, 3600)),
];
const UDP: &[Param] = &[
    opt("HealthCheckExp", Kind::Alphanumeric(64)),
    opt("HealthCheckReq", Kind::Alphanumeric(64)),
];
/// How a health check asks over HTTP. TCP listeners can do so as well.
const HTTP_CHECK: &[Param] = &[
    opt("HealthCheckDomain", Kind::Text),
    opt("HealthCheckHttpCode", CODES),
    opt("HealthCheckURI", Kind::Path),
];
const HTTP_AND_HTTPS: &[Param] = &[
    opt("HealthCheckMethod", Kind::OneOf(&["head", "get"])),
    opt("HealthCheckTimeout", Kind::Int(1, 300)),
    opt("IdleTimeout", Kind::Int(1, 60)),
    opt("RequestTimeout", Kind::Int(1, 180)),
    opt("Scheduler", HTTP_SCHEDULERS),
];
/// The creation of an HTTP or HTTPS listener, and no change.
const CREATE_HTTP_OR_HTTPS: &[Param] = &[
    req("HealthCheck", ON_OFF),
    opt("ForwardPort", PORTS),
    opt("ListenerForward", ON_OFF),
];
const CREATE_HTTPS_ONLY: &[Param] = &[
    req("ServerCertificateId", Kind::Text),
    opt("Cookie", Kind::Alphanumeric(200)),
    opt("CookieTimeout", Kind::Int(1, 86400)),
    opt("StickySessionType", Kind::OneOf(&["insert", "server"])),
];
const FORWARDED_FOR: &[Param] = &[opt("XForwardedFor", ON_OFF)];
const SWITCH_CHECK: &[Param] = &[opt("HealthCheck", ON_OFF)];
const CERTIFICATE: &[Param] = &[opt("ServerCertificateId", Kind::Text)];

pub(super) const CREATE_TCP: &[Param] = &join::<17>(&[ALL, CREATE, TCP_AND_UDP, TCP, HTTP_CHECK]);
pub(super) const SET_TCP: &[Param] = &join::<16>(&[ALL, TCP_AND_UDP, TCP, HTTP_CHECK]);
pub(super) const CREATE_UDP: &[Param] = &join::<14>(&[ALL, CREATE, TCP_AND_UDP, UDP]);
pub(super) const SET_UDP: &[Param] = &join::<13>(&[ALL, TCP_AND_UDP, UDP]);
pub(super) const CREATE_HTTP: &[Param] = &join::<20>(&[
    ALL,
    CREATE,
    HTTP_CHECK,
    HTTP_AND_HTTPS,
    CREATE_HTTP_OR_HTTPS,
    FORWARDED_FOR,
]);
pub(super) const SET_HTTP: &[Param] =
    &join::<17>(&[ALL, HTTP_CHECK, HTTP_AND_HTTPS, SWITCH_CHECK, FORWARDED_FOR]);
pub(super) const CREATE_HTTPS: &[Param] = &join::<23>(&[
    ALL,
    CREATE,
    HTTP_CHECK,
    HTTP_AND_HTTPS,
    CREATE_HTTP_OR_HTTPS,
    CREATE_HTTPS_ONLY,
]);
pub(super) const SET_HTTPS: &[Param] =
    &join::<17>(&[ALL, HTTP_CHECK, HTTP_AND_HTTPS, SWITCH_CHECK, CERTIFICATE]);

/// All parts in one array. A wrong `N` does not compile: it leaves a parameter over, or a place empty.
const fn join<const N: usize>(parts: &[&[Param]]) -> [Param; N] {
    let mut all = [ALL[0]; N];
    let (mut part, mut at) = (0, 0);
    while part < parts.len() {
        let mut of_part = 0;
        while of_part < parts[part].len() {
            all[at] = parts[part][of_part];
            at += 1;
            of_part += 1;
        }
        part += 1;
    }
    assert!(at == N, "N is larger than the number of parameters");
    all
}

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
                // Inferred: creation does not take it, and the text of the read says that it is on unless it is set.
                "XForwardedFor": "on",
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
