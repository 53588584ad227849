//! Binding the port that a listener asks for, or the next best one.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};

/// Added to a port below 1024 that this process may not bind.
const FALLBACK: u16 = 20_000;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A socket and where it really is.
pub(super) struct Bound<S> {
    pub(super) socket: S,
    pub(super) local: SocketAddr,
}

/// Listens for TCP on `port`, or on port + 20000 where it is privileged and this process is not.
pub(super) fn tcp(address: Ipv4Addr, port: u16) -> io::Result<Bound<TcpListener>> {
    let socket = open(Type::STREAM, address, port)?;
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from_std(socket.into())?;
    let local = socket.local_addr()?;
    Ok(Bound { socket, local })
}

/// Receives UDP on `port`, or on port + 20000 likewise.
pub(super) fn udp(address: Ipv4Addr, port: u16) -> io::Result<Bound<UdpSocket>> {
    let socket = UdpSocket::from_std(open(Type::DGRAM, address, port)?.into())?;
    let local = socket.local_addr()?;
    Ok(Bound { socket, local })
}

fn open(kind: Type, address: Ipv4Addr, port: u16) -> io::Result<Socket> {
    let bind = |port| {
        let socket = Socket::new(Domain::IPV4, kind, None)?;
        if kind == Type::STREAM {
            // Connections of a closed listener may still linger in TIME_WAIT.
            socket.set_reuse_address(true)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&SocketAddr::V4(SocketAddrV4::new(address, port)).into())?;
        Ok(socket)
    };
    bind(port).or_else(|error: io::Error| match fallback(error.kind(), port) {
        Some(port) => bind(port),
        None => Err(error),
    })
}

/// The port to try after `port` was refused.
fn fallback(refusal: ErrorKind, port: u16) -> Option<u16> {
    (refusal == ErrorKind::PermissionDenied && port < 1024).then_some(port + FALLBACK)
}

/// Tells a person, once, where the ports have gone and how to get them back.
pub(super) fn say_fallback(port: u16, local: SocketAddr) {
    tracing::warn!(
        "this user may not bind ports below 1024: {}:{port} listens on {local} (port + {FALLBACK}); \
         `sysctl net.ipv4.ip_unprivileged_port_start={port}` lifts this",
        local.ip()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_denied_privileged_port_moves() {
        assert_eq!(fallback(ErrorKind::PermissionDenied, 80), Some(20_080));
        assert_eq!(fallback(ErrorKind::PermissionDenied, 1024), None);
        assert_eq!(fallback(ErrorKind::AddrInUse, 80), None);
    }
}
