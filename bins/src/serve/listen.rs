//! Why a port cannot be had, in words: the flag, the holder, and what to do.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use anyhow::anyhow;
use mci_grpc::Listen;

use crate::holder::{Protocol, of_path, of_port};

/// Why `flag` cannot have its address.
pub(super) fn refused(
    flag: &str,
    protocols: &[Protocol],
    address: SocketAddr,
    error: &io::Error,
) -> anyhow::Error {
    let what = format!("{flag} {address}");
    let port = address.port();
    match error.kind() {
        ErrorKind::AddrInUse => {
            let holder = protocols.iter().find_map(|protocol| of_port(*protocol, address));
            let holder = match holder {
                Some(holder) if holder.is_this_process() => {
                    return anyhow!("{what}: the port is taken by another address of this very command");
                }
                Some(holder) => format!("held by {holder}"),
                None => "held by another process, perhaps of another user".to_owned(),
            };
            anyhow!("{what}: the port is taken, {holder}: end it, or choose another address with {flag}")
        }
        ErrorKind::PermissionDenied if port < 1024 => anyhow!(
            "{what}: permission denied: ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another address with {flag}"
        ),
        ErrorKind::AddrNotAvailable => {
            anyhow!("{what}: this machine has no such address: choose another with {flag}")
        }
        _ => anyhow!("{what}: {error}"),
    }
}

/// The same for gRPC, which may be a unix socket.
pub(super) fn refused_grpc(listen: &Listen, error: &io::Error) -> anyhow::Error {
    let path = match listen {
        Listen::Tcp(address) => return refused("--grpc", &[Protocol::Tcp], *address, error),
        Listen::Unix(path) => path,
    };
    let folder = path.parent().unwrap_or(path).display();
    match error.kind() {
        ErrorKind::AddrInUse => match of_path(path) {
            Some(holder) => {
                anyhow!("--grpc {listen}: the socket is held by {holder}: end it, or choose another path")
            }
            None => anyhow!("--grpc {listen}: another process listens there: end it, or choose another path"),
        },
        ErrorKind::NotFound => anyhow!("--grpc {listen}: the folder {folder} does not exist"),
        ErrorKind::PermissionDenied => {
            anyhow!("--grpc {listen}: permission denied: nothing may be made in {folder}")
        }
        _ => anyhow!("--grpc {listen}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn said(protocols: &[Protocol], address: SocketAddr, kind: ErrorKind) -> String {
        refused("--dns", protocols, address, &io::Error::from(kind)).to_string()
    }

    #[test]
    fn a_port_that_is_given_twice_is_said_to_be() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let held = listener.local_addr().unwrap();
        let text = said(&[Protocol::Udp, Protocol::Tcp], held, ErrorKind::AddrInUse);
        assert_eq!(text, format!("--dns {held}: the port is taken by another address of this very command"));
        drop(listener);
        let text = said(&[Protocol::Tcp], held, ErrorKind::AddrInUse);
        assert!(text.contains("held by another process"), "{text}");
    }

    #[test]
    fn a_port_that_needs_a_privilege_says_which() {
        let text = said(&[Protocol::Udp], "127.0.0.1:53".parse().unwrap(), ErrorKind::PermissionDenied);
        assert_eq!(
            text,
            "--dns 127.0.0.1:53: permission denied: ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another address with --dns"
        );
    }

    #[test]
    fn a_unix_socket_whose_folder_is_missing_says_so() {
        let listen: Listen = "unix:///no/such/folder/x.sock".parse().unwrap();
        let text = refused_grpc(&listen, &io::Error::from(ErrorKind::NotFound)).to_string();
        assert_eq!(text, "--grpc unix:///no/such/folder/x.sock: the folder /no/such/folder does not exist");
    }
}
