//! Health checks: which have to be made, and what they found.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::Cloud;
use super::connect::{forwards, reach};
use super::resource::{Listener, ListenerKey, ListenerStatus, Protocol};

/// One server behind one listener: what a health check is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct HealthKey {
    /// The ELB.
    pub load_balancer: String,
    /// The listener.
    pub listener: ListenerKey,
    /// The server.
    pub server_id: String,
}

/// How a server is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeKind {
    /// A TCP connection that opens.
    Tcp,
    /// An HTTP HEAD whose status is of one of these classes (2 for 2xx).
    Http {
        /// Path.
        path: String,
        /// Host header; empty for the server's address.
        host: String,
        /// First digits of the statuses that count as healthy.
        classes: Vec<u8>,
    },
    /// A datagram. Healthy unless the port answers "unreachable" or, with an expected answer, another one or none comes.
    Udp {
        /// What is sent.
        request: String,
        /// What has to come back; empty for anything or nothing.
        expected: String,
    },
}

/// A health check that has to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What it is about.
    pub key: HealthKey,
    /// How.
    pub kind: ProbeKind,
    /// Where; `None` when the server cannot be reached, which fails the check.
    pub target: Option<(Ipv4Addr, u16)>,
    /// From one probe to the next.
    pub interval: Duration,
    /// When a probe has failed. At least the interval, as the API reference says.
    pub timeout: Duration,
    /// Successes in a row that make a server healthy.
    pub healthy_threshold: u32,
    /// Failures in a row that make it unhealthy.
    pub unhealthy_threshold: u32,
}

impl Cloud {
    /// The health checks that Running TCP and UDP listeners of Active ELBs make of their servers.
    #[must_use]
    pub fn probes(&self) -> Vec<Probe> {
        let Some(state) = self.owner_state() else {
            return Vec::new();
        };
        let mut probes = Vec::new();
        for balancer in state
            .load_balancers
            .values()
            .filter(|balancer| forwards(balancer))
        {
            for listener in balancer
                .listeners
                .values()
                .filter(|l| l.status == ListenerStatus::Running)
            {
                let Some(kind) = probe_kind(listener) else {
                    continue;
                };
                let interval = listener.number("HealthCheckInterval").unwrap_or(2);
                let timeout = listener
                    .number("HealthCheckConnectTimeout")
                    .unwrap_or(5)
                    .max(interval);
                let threshold = |name| {
                    listener
                        .number(name)
                        .and_then(|n| u32::try_from(n).ok())
                        .unwrap_or(3)
                };
                for server in &balancer.backends {
                    let own_port = if server.port == 0 {
                        listener.backend_port()
                    } else {
                        server.port
                    };
                    let port = listener
                        .number("HealthCheckConnectPort")
                        .and_then(|port| u16::try_from(port).ok());
                    probes.push(Probe {
                        key: health_key(&balancer.id, listener.key(), &server.server_id),
                        kind: kind.clone(),
                        target: reach(state, server)
                            .map(|address| (address, port.unwrap_or(own_port))),
                        interval: Duration::from_secs(interval),
                        timeout: Duration::from_secs(timeout),
                        healthy_threshold: threshold("HealthyThreshold"),
                        unhealthy_threshold: threshold("UnhealthyThreshold"),
                    });
                }
            }
        }
        probes
    }

    /// Says what health checks found. A server that nobody has reported on counts as healthy, as in keepalived.
    pub fn report_health(&mut self, key: HealthKey, healthy: bool) {
        if healthy {
            self.forwarding.unhealthy.remove(&key);
        } else {
            self.forwarding.unhealthy.insert(key);
        }
    }

    /// The servers that health checks found unhealthy.
    pub fn unhealthy(&self) -> impl Iterator<Item = &HealthKey> {
        self.forwarding.unhealthy.iter()
    }
}

fn probe_kind(listener: &Listener) -> Option<ProbeKind> {
    match listener.protocol {
        Protocol::Tcp if listener.text("HealthCheckType") == "http" => Some(ProbeKind::Http {
            path: listener
                .settings
                .get("HealthCheckURI")
                .and_then(Value::as_str)
                .unwrap_or("/")
                .to_owned(),
            host: listener.text("HealthCheckDomain").to_owned(),
            classes: listener
                .text("HealthCheckHttpCode")
                .split(',')
                .filter_map(|code| {
                    code.strip_prefix("http_")?
                        .bytes()
                        .next()?
                        .checked_sub(b'0')
                })
                .collect(),
        }),
        Protocol::Tcp => Some(ProbeKind::Tcp),
        Protocol::Udp => Some(ProbeKind::Udp {
            request: listener.text("HealthCheckReq").to_owned(),
            expected: listener.text("HealthCheckExp").to_owned(),
        }),
        Protocol::Http | Protocol::Https => None,
    }
}

pub(super) fn health_key(load_balancer: &str, listener: ListenerKey, server_id: &str) -> HealthKey {
    HealthKey {
        load_balancer: load_balancer.to_owned(),
        listener,
        server_id: server_id.to_owned(),
    }
}
