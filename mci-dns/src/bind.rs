//! Sockets, and why there is none.

use core::fmt;
use core::net::SocketAddr;
use core::num::NonZeroUsize;
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use nix::sys::socket::{setsockopt, sockopt};
use rustix::net::sockopt::{
    Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery, set_ip_mtu_discover, set_ipv6_mtu_discover,
};
use socket2::{Domain, Socket, Type};

/// The transport of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
        })
    }
}

/// Why an address cannot be listened on: what a caller would give different advice for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BindProblem {
    /// Another socket has it.
    InUse,
    /// Ports below 1024 want a privilege (`CAP_NET_BIND_SERVICE`).
    PermissionDenied,
    /// No interface of this machine has the address, or the machine has no IPv6.
    AddressNotAvailable,
    /// Anything else: see the source.
    Other,
}

impl fmt::Display for BindProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::InUse => "the port is taken",
            Self::PermissionDenied => "permission denied",
            Self::AddressNotAvailable => "this machine does not have the address",
            Self::Other => "the system refused",
        })
    }
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({protocol}): {problem}")]
pub struct BindError {
    /// The address as it was given.
    pub address: SocketAddr,
    /// The transport that failed.
    pub protocol: Protocol,
    /// What kind of failure it is.
    pub problem: BindProblem,
    /// What the system said.
    pub source: io::Error,
}

impl BindError {
    fn new(address: SocketAddr, protocol: Protocol, source: io::Error) -> Self {
        let problem = match source.kind() {
            ErrorKind::AddrInUse => BindProblem::InUse,
            ErrorKind::PermissionDenied => BindProblem::PermissionDenied,
            ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => BindProblem::AddressNotAvailable,
            _ if source.raw_os_error() == Some(nix::libc::EAFNOSUPPORT) => BindProblem::AddressNotAvailable,
            _ => BindProblem::Other,
        };
        Self { address, protocol, problem, source }
    }
}

/// The sockets of one address.
#[derive(Debug)]
pub(crate) struct Bound {
    /// With the port that was taken where 0 was asked for.
    pub(crate) address: SocketAddr,
    pub(crate) udp: Vec<Arc<Socket>>,
    pub(crate) tcp: std::net::TcpListener,
}

/// How often a free TCP port is tried that may be taken over UDP.
const PORT_ATTEMPTS: usize = 16;

/// Binds `address` over TCP and, `sockets` times, UDP.
pub(crate) fn bind(address: SocketAddr, sockets: NonZeroUsize) -> Result<Bound, BindError> {
    let address = SocketAddr::new(address.ip().to_canonical(), address.port());
    let mut attempt = 1;
    loop {
        let tcp = bind_tcp(address).map_err(|error| BindError::new(address, Protocol::Tcp, error))?;
        let local = tcp.local_addr().map_err(|error| BindError::new(address, Protocol::Tcp, error))?;
        match bind_udp_group(local, sockets) {
            Ok(udp) => return Ok(Bound { address: local, udp, tcp }),
            Err(error)
                if address.port() == 0 && error.kind() == ErrorKind::AddrInUse && attempt < PORT_ATTEMPTS =>
            {
                attempt += 1;
            }
            Err(error) => return Err(BindError::new(address, Protocol::Udp, error)),
        }
    }
}

/// Connections that wait to be accepted; the system's `somaxconn` may allow fewer.
const BACKLOG: i32 = 1024;

fn bind_tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restart need not wait for connections of the last run; a socket that listens still keeps others out.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bind_udp_group(address: SocketAddr, sockets: NonZeroUsize) -> io::Result<Vec<Arc<Socket>>> {
    // With SO_REUSEPORT a second process of the same user would silently get half of the queries, so ask without it first.
    let alone = udp_socket(address)?;
    alone.bind(&address.into())?;
    drop(alone);
    (0..sockets.get()).map(|_| bind_udp(address).map(Arc::new)).collect()
}

/// What a burst may fill while all threads are busy; the system's `rmem_max` may allow less.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Ends a sleep where shutting the socket down does not: see the module `udp`.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(1);

fn udp_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

pub(crate) fn bind_udp(address: SocketAddr) -> io::Result<Socket> {
    let socket = udp_socket(address)?;
    socket.set_reuse_port(true)?;
    socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
    if socket.recv_buffer_size()? < RECEIVE_BUFFER {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    // PROBE sets DF and takes no notice of path MTUs that somebody reports: with DO, forged ICMP could make sending fail.
    // 1232 octets (D23) pass every path that IPv6 may use.
    if address.is_ipv4() {
        set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?;
    } else {
        set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::PROBE)?;
    }
    // Bound to one address, a socket replies from it anyhow.
    if address.ip().is_unspecified() {
        if address.is_ipv4() {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use rustix::net::sockopt::ip_mtu_discover;

    use super::*;

    const TWO: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    fn local(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[track_caller]
    fn assert_in_use(address: SocketAddr, protocol: Protocol) {
        let error = bind(address, TWO).unwrap_err();
        assert_eq!((error.address, error.protocol, error.problem), (address, protocol, BindProblem::InUse));
    }

    #[test]
    fn port_0_is_one_port_for_udp_and_tcp() {
        let bound = bind(local("127.0.0.1:0"), TWO).unwrap();
        assert_ne!(bound.address.port(), 0);
        assert_eq!(bound.tcp.local_addr().unwrap(), bound.address);
        assert_eq!(bound.udp.len(), 2);
        for socket in &bound.udp {
            assert_eq!(socket.local_addr().unwrap().as_socket(), Some(bound.address));
        }
    }

    #[test]
    fn a_port_that_is_taken_over_tcp_is_said_to_be() {
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert_in_use(other.local_addr().unwrap(), Protocol::Tcp);
    }

    #[test]
    fn a_port_that_is_taken_over_udp_is_said_to_be_even_by_a_socket_that_would_share_it() {
        let alone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_in_use(alone.local_addr().unwrap(), Protocol::Udp);
        let shared = bind_udp(local("127.0.0.1:0")).unwrap();
        assert_in_use(shared.local_addr().unwrap().as_socket().unwrap(), Protocol::Udp);
    }

    #[test]
    fn an_address_of_another_machine_is_not_available() {
        let address = local("192.0.2.1:5300");
        let error = bind(address, TWO).unwrap_err();
        assert_eq!((error.address, error.problem), (address, BindProblem::AddressNotAvailable));
        assert_eq!(
            error.to_string(),
            "cannot listen on 192.0.2.1:5300 (TCP): this machine does not have the address"
        );
    }

    #[test]
    fn both_wildcards_can_have_the_same_port() {
        if std::net::UdpSocket::bind("[::1]:0").is_err() {
            eprintln!("skipped: this machine has no IPv6");
            return;
        }
        let v4 = bind(local("0.0.0.0:0"), TWO).unwrap();
        let v6 = bind(SocketAddr::new(local("[::]:0").ip(), v4.address.port()), TWO);
        assert!(v6.is_ok(), "{v6:?}");
    }

    #[test]
    fn d32_direct_replies_must_not_be_fragmented() {
        let socket = bind_udp(local("127.0.0.1:0")).unwrap();
        assert_eq!(ip_mtu_discover(&socket).unwrap(), Ipv4PathMtuDiscovery::PROBE);
    }
}
