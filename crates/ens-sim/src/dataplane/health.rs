//! Health checks, with the intervals and thresholds of the listener.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::cloud::{Probe, ProbeKind};
use crate::simulator::Shared;

/// Probes one server again and again, and tells the cloud when it turns healthy or unhealthy.
pub(super) async fn watch(
    probe: Probe,
    speedup: u32,
    shared: Arc<Shared>,
    cancel: CancellationToken,
) {
    let (interval, timeout) = (probe.interval / speedup, probe.timeout / speedup);
    // A server counts as healthy until it has failed often enough; the cloud may know better from an earlier check.
    let mut streak = Streak::new(
        !shared
            .gateway()
            .cloud()
            .unhealthy()
            .any(|key| *key == probe.key),
    );
    loop {
        let succeeded = tokio::select! {
            () = cancel.cancelled() => return,
            succeeded = once(&probe, timeout) => succeeded,
        };
        if streak.count(
            succeeded,
            probe.healthy_threshold,
            probe.unhealthy_threshold,
        ) {
            let (key, healthy) = (&probe.key, streak.healthy);
            tracing::debug!(
                server = key.server_id,
                port = key.listener.port,
                healthy,
                "a server's health has turned"
            );
            shared
                .gateway()
                .cloud_mut()
                .report_health(key.clone(), healthy);
            shared.announce();
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(interval) => {}
        }
    }
}

/// Successes or failures in a row.
#[derive(Debug)]
struct Streak {
    healthy: bool,
    against: u32,
}

impl Streak {
    fn new(healthy: bool) -> Self {
        Self {
            healthy,
            against: 0,
        }
    }

    /// Counts one result; returns whether health has turned.
    fn count(&mut self, succeeded: bool, healthy_threshold: u32, unhealthy_threshold: u32) -> bool {
        if succeeded == self.healthy {
            self.against = 0;
            return false;
        }
        self.against += 1;
        let needed = if self.healthy {
            unhealthy_threshold
        } else {
            healthy_threshold
        };
        if self.against < needed {
            return false;
        }
        self.healthy = succeeded;
        self.against = 0;
        true
    }
}

async fn once(probe: &Probe, timeout: Duration) -> bool {
    let Some((address, port)) = probe.target else {
        return false;
    };
    let attempt = async {
        match &probe.kind {
            ProbeKind::Tcp => TcpStream::connect((address, port)).await.is_ok(),
            ProbeKind::Http {
                path,
                host,
                classes,
            } => http(address, port, path, host, classes)
                .await
                .unwrap_or(false),
            ProbeKind::Udp { request, expected } => {
                udp(address, port, request, expected, timeout).await
            }
        }
    };
    tokio::time::timeout(timeout, attempt)
        .await
        .unwrap_or(false)
}

async fn http(
    address: Ipv4Addr,
    port: u16,
    path: &str,
    host: &str,
    classes: &[u8],
) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((address, port)).await?;
    let host = if host.is_empty() {
        address.to_string()
    } else {
        host.to_owned()
    };
    stream
        .write_all(format!("HEAD {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes())
        .await?;
    let mut start = [0; 10];
    stream.read_exact(&mut start).await?;
    // "HTTP/1.x NNN": the first digit of the status is its class.
    let class = start.get(9).and_then(|digit| digit.checked_sub(b'0'));
    Ok(start.starts_with(b"HTTP/1.") && class.is_some_and(|class| classes.contains(&class)))
}

/// Silence is healthy when no answer is expected: only "port unreachable" tells that nobody is there.
async fn udp(
    address: Ipv4Addr,
    port: u16,
    request: &str,
    expected: &str,
    timeout: Duration,
) -> bool {
    let answer = async {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect((address, port)).await?;
        socket.send(request.as_bytes()).await?;
        let mut buffer = vec![0; 2048];
        let length = socket.recv(&mut buffer).await?;
        buffer.truncate(length);
        std::io::Result::Ok(buffer)
    };
    // A little less than the whole, so that silence is told from a probe that takes too long.
    match tokio::time::timeout(timeout / 2, answer).await {
        Ok(Ok(answer)) => expected.is_empty() || answer == expected.as_bytes(),
        Ok(Err(_)) => false,
        Err(_) => expected.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(kind: ProbeKind, port: u16) -> Probe {
        let listener = crate::cloud::ListenerKey {
            port: 80,
            protocol: crate::cloud::Protocol::Tcp,
        };
        Probe {
            key: crate::cloud::HealthKey {
                load_balancer: "lb".into(),
                listener,
                server_id: "i".into(),
            },
            kind,
            target: Some((Ipv4Addr::LOCALHOST, port)),
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(5),
            healthy_threshold: 2,
            unhealthy_threshold: 2,
        }
    }

    #[tokio::test]
    async fn an_http_check_looks_at_the_class_of_the_status() {
        let server = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .unwrap();
        let port = server.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = server.accept().await.unwrap();
                let mut request = [0; 16];
                stream.read_exact(&mut request).await.unwrap();
                assert_eq!(&request, b"HEAD /up HTTP/1.");
                stream
                    .write_all(b"HTTP/1.1 302 Found\r\n\r\n")
                    .await
                    .unwrap();
            }
        });
        let http = |classes| ProbeKind::Http {
            path: "/up".into(),
            host: String::new(),
            classes,
        };
        assert!(once(&probe(http(vec![2, 3]), port), Duration::from_secs(5)).await);
        assert!(!once(&probe(http(vec![2]), port), Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn a_udp_check_wants_the_expected_answer_and_fails_on_a_closed_port() {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = server.local_addr().unwrap().port();
        let echo = tokio::spawn(async move {
            let mut buffer = [0; 16];
            loop {
                let (length, from) = server.recv_from(&mut buffer).await.unwrap();
                server.send_to(&buffer[..length], from).await.unwrap();
            }
        });
        let udp = |expected: &str| ProbeKind::Udp {
            request: "ping".into(),
            expected: expected.into(),
        };
        assert!(once(&probe(udp("ping"), port), Duration::from_secs(5)).await);
        assert!(once(&probe(udp(""), port), Duration::from_secs(5)).await);
        assert!(!once(&probe(udp("pong"), port), Duration::from_secs(5)).await);
        echo.abort();
        assert!(echo.await.unwrap_err().is_cancelled());
        assert!(!once(&probe(udp(""), port), Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn a_server_without_an_address_fails_every_check() {
        let nowhere = Probe {
            target: None,
            ..probe(ProbeKind::Tcp, 1)
        };
        assert!(!once(&nowhere, Duration::from_secs(5)).await);
    }

    #[test]
    fn health_turns_only_after_enough_results_in_a_row() {
        let mut streak = Streak::new(true);
        let turned: Vec<bool> = [false, false, true, false, false, false]
            .map(|ok| streak.count(ok, 2, 3))
            .to_vec();
        assert_eq!(turned, [false, false, false, false, false, true]);
        assert!(!streak.healthy);
        assert!(!streak.count(true, 2, 3));
        assert!(streak.count(true, 2, 3) && streak.healthy);
    }
}
