//! Listeners of an ELB over HTTP and HTTPS. Their start, stop and deletion are those of [`listener`](super::listener).
//!
//! Units, limits and defaults are those of the ENS help pages and of the models of alibabacloud-ens20171110 12.1.0.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::listener::{ListenerProtocol, ListenerStatus, Scheduler};
use super::request::Request;
use super::types::{Acknowledged, Switch};
use super::wire::{self, text_enum};
use crate::action::Action;

text_enum! {
    /// HTTP method of a probe.
    ProbeMethod {
        /// HEAD, the default.
        Head = "head",
        /// GET.
        Get = "get",
    }
}

/// What a listener speaks with its clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HttpProtocol {
    /// HTTP.
    Http {
        /// The port of an HTTPS listener of the same ELB that requests are redirected to. It has to exist already; it
        /// cannot be changed later and is sent at creation only.
        redirect_to: Option<u16>,
        /// Whether X-Forwarded-For is added. The default is off at creation.
        x_forwarded_for: Option<Switch>,
    },
    /// HTTPS.
    Https {
        /// Id of the server certificate, digits. No action of ENS uploads one.
        server_certificate_id: String,
        /// Stickiness by cookie. Sent at creation only: the change action does not know it.
        sticky: Option<Stickiness>,
    },
}

/// Stickiness by cookie.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stickiness {
    /// The ELB sets a cookie that lives this many seconds, 1 to 86400.
    Insert {
        /// Seconds.
        timeout: u32,
    },
    /// The backend sets this cookie: 1 to 200 ASCII letters and digits.
    Server {
        /// Name of the cookie.
        cookie: String,
    },
}

/// Settings of an HTTP or HTTPS listener, for creating and for changing it. What is absent is not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HttpListenerSpec {
    /// The ELB.
    pub load_balancer_id: String,
    /// What it speaks.
    pub protocol: HttpProtocol,
    /// Front port, 1 to 65535.
    pub port: u16,
    /// Port on the backends, 1 to 65535. Sent at creation only: it cannot be changed.
    pub backend_port: Option<u16>,
    /// Description: 1 to 80 characters, not starting with `http://` or `https://`.
    pub description: Option<String>,
    /// How a backend is chosen: not [`Scheduler::Tch`].
    pub scheduler: Option<Scheduler>,
    /// Seconds that an idle connection is kept, 1 to 60, default 15.
    pub idle_timeout: Option<u16>,
    /// Seconds until a request is answered with 504, 1 to 180, default 60.
    pub request_timeout: Option<u16>,
    /// Whether backends are probed.
    pub health_check: Switch,
    /// How they are probed.
    pub probe: HttpHealthCheck,
}

impl HttpListenerSpec {
    /// A listener with the API's defaults that probes its backends.
    pub fn new(load_balancer_id: impl Into<String>, protocol: HttpProtocol, port: u16) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            protocol,
            port,
            backend_port: None,
            description: None,
            scheduler: None,
            idle_timeout: None,
            request_timeout: None,
            health_check: Switch::On,
            probe: HttpHealthCheck::default(),
        }
    }
}

/// How the backends of an HTTP or HTTPS listener are probed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HttpHealthCheck {
    /// Host header.
    #[serde(rename = "HealthCheckDomain")]
    pub domain: Option<String>,
    /// Path: 1 to 80 characters, starting with `/` and longer than that.
    #[serde(rename = "HealthCheckURI")]
    pub uri: Option<String>,
    /// Method.
    #[serde(rename = "HealthCheckMethod")]
    pub method: Option<ProbeMethod>,
    /// Status classes that are healthy, such as `http_2xx` (default) or `http_2xx,http_3xx`.
    #[serde(rename = "HealthCheckHttpCode")]
    pub http_code: Option<String>,
    /// Seconds between probes, 1 to 50, default 2.
    #[serde(rename = "HealthCheckInterval")]
    pub interval: Option<u16>,
    /// Seconds until a probe has failed, 1 to 300, default 5. The API uses the interval when that is larger.
    #[serde(rename = "HealthCheckTimeout")]
    pub timeout: Option<u16>,
    /// Port that is probed, 1 to 65535; the backend port when absent.
    #[serde(rename = "HealthCheckConnectPort")]
    pub connect_port: Option<u16>,
    /// Good probes in a row until a backend is healthy, 2 to 10, default 3.
    pub healthy_threshold: Option<u8>,
    /// Bad probes in a row until a backend is unhealthy, 2 to 10, default 3.
    pub unhealthy_threshold: Option<u8>,
}

/// The parameters of the four create and set actions; each leaves out what its action does not know.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HttpListenerParams<'a> {
    load_balancer_id: &'a str,
    listener_port: u16,
    description: Option<&'a str>,
    scheduler: Option<&'a Scheduler>,
    idle_timeout: Option<u16>,
    request_timeout: Option<u16>,
    health_check: &'a Switch,
    #[serde(flatten)]
    probe: &'a HttpHealthCheck,
    x_forwarded_for: Option<&'a Switch>,
    server_certificate_id: Option<&'a str>,
    #[serde(flatten)]
    creation: Option<CreationParams<'a>>,
}

/// What only the create actions take.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreationParams<'a> {
    backend_server_port: Option<u16>,
    listener_forward: Option<Switch>,
    forward_port: Option<u16>,
    sticky_session_type: Option<&'static str>,
    cookie_timeout: Option<u32>,
    cookie: Option<&'a str>,
}

impl<'a> HttpListenerParams<'a> {
    fn of(spec: &'a HttpListenerSpec) -> Self {
        let (x_forwarded_for, server_certificate_id) = match &spec.protocol {
            HttpProtocol::Http {
                x_forwarded_for, ..
            } => (x_forwarded_for.as_ref(), None),
            HttpProtocol::Https {
                server_certificate_id,
                ..
            } => (None, Some(server_certificate_id.as_str())),
        };
        Self {
            load_balancer_id: &spec.load_balancer_id,
            listener_port: spec.port,
            description: spec.description.as_deref(),
            scheduler: spec.scheduler.as_ref(),
            idle_timeout: spec.idle_timeout,
            request_timeout: spec.request_timeout,
            health_check: &spec.health_check,
            probe: &spec.probe,
            x_forwarded_for,
            server_certificate_id,
            creation: None,
        }
    }
}

impl<'a> CreationParams<'a> {
    fn of(spec: &'a HttpListenerSpec) -> Self {
        let mut params = Self {
            backend_server_port: spec.backend_port,
            ..Self::default()
        };
        match &spec.protocol {
            HttpProtocol::Http { redirect_to, .. } => {
                params.listener_forward = redirect_to.map(|_| Switch::On);
                params.forward_port = *redirect_to;
            }
            HttpProtocol::Https {
                sticky: Some(Stickiness::Insert { timeout }),
                ..
            } => {
                params.sticky_session_type = Some("insert");
                params.cookie_timeout = Some(*timeout);
            }
            HttpProtocol::Https {
                sticky: Some(Stickiness::Server { cookie }),
                ..
            } => {
                params.sticky_session_type = Some("server");
                params.cookie = Some(cookie);
            }
            HttpProtocol::Https { sticky: None, .. } => {}
        }
        params
    }
}

/// `CreateLoadBalancerHTTPListener` or `CreateLoadBalancerHTTPSListener`: makes a listener, Stopped.
///
/// * Repeat: no, there is no ClientToken: read first. A second one is refused (`ListenerAlreadyExists`).
/// * Done: with the answer: the listener is Stopped.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `CreateLoadBalancerHTTPListener`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreateHttpListener<'a>(pub &'a HttpListenerSpec);

impl Serialize for CreateHttpListener<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let creation = Some(CreationParams::of(self.0));
        HttpListenerParams {
            creation,
            ..HttpListenerParams::of(self.0)
        }
        .serialize(to)
    }
}

impl Request for CreateHttpListener<'_> {
    type Response = Acknowledged;

    fn action(&self) -> Action {
        Action::new(match self.0.protocol {
            HttpProtocol::Http { .. } => "CreateLoadBalancerHTTPListener",
            HttpProtocol::Https { .. } => "CreateLoadBalancerHTTPSListener",
        })
    }

    fn decode(&self, answer: Value) -> Result<Acknowledged, serde_json::Error> {
        serde_json::from_value(answer)
    }
}

/// `SetLoadBalancerHTTPListenerAttribute` or `SetLoadBalancerHTTPSListenerAttribute`: changes a listener in place.
///
/// * Repeat: yes, it sets values.
/// * Done: later, when the listener is no longer Configuring.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `SetLoadBalancerHTTPListenerAttribute`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetHttpListener<'a>(pub &'a HttpListenerSpec);

impl Serialize for SetHttpListener<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        HttpListenerParams::of(self.0).serialize(to)
    }
}

impl Request for SetHttpListener<'_> {
    type Response = Acknowledged;

    fn action(&self) -> Action {
        Action::new(match self.0.protocol {
            HttpProtocol::Http { .. } => "SetLoadBalancerHTTPListenerAttribute",
            HttpProtocol::Https { .. } => "SetLoadBalancerHTTPSListenerAttribute",
        })
    }

    fn decode(&self, answer: Value) -> Result<Acknowledged, serde_json::Error> {
        serde_json::from_value(answer)
    }
}

/// `DescribeLoadBalancerHTTPListenerAttribute`: the settings of an HTTP listener.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeLoadBalancerHTTPListenerAttribute`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeHttpListener {
    /// The ELB.
    pub load_balancer_id: String,
    /// Front port.
    pub listener_port: u16,
}

impl DescribeHttpListener {
    /// Reads the HTTP listener on this port of this ELB.
    pub fn new(load_balancer_id: impl Into<String>, port: u16) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            listener_port: port,
        }
    }
}

/// `DescribeLoadBalancerHTTPSListenerAttribute`: the settings of an HTTPS listener.
///
/// * Repeat: yes, it only reads.
/// * Done: with the answer.
/// * Rate: 10 a second for one user.
/// * Source: ENS API reference, `DescribeLoadBalancerHTTPSListenerAttribute`; models of alibabacloud-ens20171110 12.1.0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct DescribeHttpsListener {
    /// The ELB.
    pub load_balancer_id: String,
    /// Front port.
    pub listener_port: u16,
}

impl DescribeHttpsListener {
    /// Reads the HTTPS listener on this port of this ELB.
    pub fn new(load_balancer_id: impl Into<String>, port: u16) -> Self {
        Self {
            load_balancer_id: load_balancer_id.into(),
            listener_port: port,
        }
    }
}

/// An HTTP or HTTPS listener as the read of it shows it; numbers are in the units of [`HttpListenerSpec`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HttpListenerAttribute {
    /// Front port.
    #[serde(deserialize_with = "wire::required_scalar")]
    pub listener_port: u16,
    /// Port on the backends.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub backend_server_port: Option<i32>,
    /// The state.
    #[serde(default)]
    pub status: ListenerStatus,
    /// Description.
    #[serde(default, deserialize_with = "wire::text")]
    pub description: Option<String>,
    /// How a backend is chosen.
    #[serde(default)]
    pub scheduler: Scheduler,
    /// Seconds that an idle connection is kept.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub idle_timeout: Option<i32>,
    /// Seconds until a request is answered with 504.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub request_timeout: Option<i32>,
    /// Bandwidth in Mbit/s; -1 = not limited.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub bandwidth: Option<i64>,
    /// Whether it redirects to HTTPS.
    #[serde(default)]
    pub listener_forward: Switch,
    /// The port that it redirects to.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub forward_port: Option<i32>,
    /// Whether X-Forwarded-For is added. HTTP only.
    #[serde(default)]
    pub x_forwarded_for: Switch,
    /// Id of the server certificate.
    #[serde(default, deserialize_with = "wire::text")]
    pub server_certificate_id: Option<String>,
    /// Whether backends are probed.
    #[serde(default)]
    pub health_check: Switch,
    /// Host header of the probe.
    #[serde(default, deserialize_with = "wire::text")]
    pub health_check_domain: Option<String>,
    /// Path of the probe.
    #[serde(default, rename = "HealthCheckURI", deserialize_with = "wire::text")]
    pub health_check_uri: Option<String>,
    /// Method of the probe.
    #[serde(default)]
    pub health_check_method: ProbeMethod,
    /// Healthy status classes.
    #[serde(default, deserialize_with = "wire::text")]
    pub health_check_http_code: Option<String>,
    /// Seconds between probes.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub health_check_interval: Option<i32>,
    /// Seconds until a probe has failed.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub health_check_timeout: Option<i32>,
    /// Port that is probed.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub health_check_connect_port: Option<i32>,
    /// Good probes in a row.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub healthy_threshold: Option<i32>,
    /// Bad probes in a row.
    #[serde(default, deserialize_with = "wire::scalar")]
    pub unhealthy_threshold: Option<i32>,
    /// The id to give to Alibaba Cloud's support.
    #[serde(default, deserialize_with = "wire::text")]
    pub request_id: Option<String>,
}

macro_rules! describe {
    ($request:ty, $action:literal) => {
        impl Request for $request {
            type Response = Option<HttpListenerAttribute>;

            fn action(&self) -> Action {
                Action::new($action)
            }

            /// An answer with a RequestId but no port is read as "there is none".
            fn decode(&self, answer: Value) -> Result<Self::Response, serde_json::Error> {
                super::listener::unless_empty(answer)
            }
        }
    };
}

describe!(
    DescribeHttpListener,
    "DescribeLoadBalancerHTTPListenerAttribute"
);
describe!(
    DescribeHttpsListener,
    "DescribeLoadBalancerHTTPSListenerAttribute"
);

impl From<&HttpProtocol> for ListenerProtocol {
    fn from(protocol: &HttpProtocol) -> Self {
        match protocol {
            HttpProtocol::Http { .. } => Self::Http,
            HttpProtocol::Https { .. } => Self::Https,
        }
    }
}
