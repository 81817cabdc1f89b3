//! Who holds a port: for the message that says that it is taken.
//!
//! Linux lists open sockets with their inodes in `/proc/net`, and the open files of each process in `/proc/PID/fd`. Sockets
//! of other users' processes show their inode but not their process.

use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// A kind of port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Udp,
    Tcp,
}

/// A process that holds a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pid: u32,
    name: String,
}

impl Holder {
    /// Whether this process is in its own way.
    pub(crate) fn is_this_process(&self) -> bool {
        self.pid == std::process::id()
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// The process that listens where `address` would, if it can be known.
pub(crate) fn of_port(protocol: Protocol, address: SocketAddr) -> Option<Holder> {
    let tables = match protocol {
        Protocol::Udp => ["/proc/net/udp", "/proc/net/udp6"],
        Protocol::Tcp => ["/proc/net/tcp", "/proc/net/tcp6"],
    };
    tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| inode_in(&table, protocol, address))
        .and_then(process_with_socket)
}

/// The process that listens on the unix socket at `path`, if it can be known.
pub(crate) fn of_path(path: &Path) -> Option<Holder> {
    let table = fs::read_to_string("/proc/net/unix").ok()?;
    let line =
        table.lines().find(|line| line.split_whitespace().nth(7).is_some_and(|p| Path::new(p) == path))?;
    process_with_socket(line.split_whitespace().nth(6)?.parse().ok()?)
}

/// The inode of the socket in a table of `/proc/net` that is in the way of `wanted`.
fn inode_in(table: &str, protocol: Protocol, wanted: SocketAddr) -> Option<u64> {
    let state = match protocol {
        Protocol::Udp => "07",
        Protocol::Tcp => "0A", // listening
    };
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (local, kind, inode) = (columns.get(1)?, columns.get(3)?, columns.get(9)?);
        let local = local_address(local)?;
        (*kind == state && in_the_way(local, wanted)).then(|| inode.parse().ok()).flatten()
    })
}

fn in_the_way(local: SocketAddr, wanted: SocketAddr) -> bool {
    let (held, asked) = (local.ip().to_canonical(), wanted.ip().to_canonical());
    let any = |ip: IpAddr| ip.is_unspecified() || ip == Ipv6Addr::UNSPECIFIED;
    local.port() == wanted.port() && (held == asked || any(held) || any(asked))
}

/// `0100007F:14B4` is 127.0.0.1:5300: words of 32 bits in the machine's order, and a port.
fn local_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let words: Vec<[u8; 4]> = (0..ip.len() / 8)
        .map(|n| Some(u32::from_str_radix(ip.get(n * 8..n * 8 + 8)?, 16).ok()?.to_ne_bytes()))
        .collect::<Option<_>>()?;
    let ip: IpAddr = match *words.as_slice() {
        [v4] => Ipv4Addr::from(v4).into(),
        [_, _, _, _] => Ipv6Addr::from(<[u8; 16]>::try_from(words.concat()).ok()?).into(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn process_with_socket(inode: u64) -> Option<Holder> {
    let wanted = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds = files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == wanted.as_str()));
        if holds {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(Holder { pid, name: name.trim_end().to_owned() });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:14B4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0
   2: 0100007F:1481 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0
";
    const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:14B4 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0
   1: 00000000000000000000000000000000:1BB0 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 100 1 0
";

    #[cfg(target_endian = "little")]
    #[test]
    fn the_socket_in_the_way_is_found_by_address_and_port() {
        let inode = |table, address: &str| inode_in(table, Protocol::Tcp, address.parse().unwrap());
        assert_eq!(inode(TCP, "127.0.0.1:5300"), Some(4711));
        assert_eq!(inode(TCP, "0.0.0.0:5300"), Some(4711), "a wildcard meets every address");
        assert_eq!(inode(TCP, "127.0.0.2:5300"), None);
        assert_eq!(inode(TCP, "192.0.2.1:80"), Some(4712), "every address meets a wildcard");
        assert_eq!(inode(TCP, "127.0.0.1:5249"), None, "a connection is not in the way");
        assert_eq!(inode(TCP6, "[::1]:5300"), Some(99));
        assert_eq!(inode(TCP6, "127.0.0.1:7088"), Some(100), "a dual-stack wildcard holds IPv4 too");
        assert_eq!(inode("garbage\n1 2", "127.0.0.1:1"), None);
    }

    #[test]
    fn the_holder_of_a_port_is_this_process_when_it_listens() {
        let (tcp, udp) = (TcpListener::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("[::1]:0").unwrap());
        let pid = |holder: Option<Holder>| holder.map(|h| h.pid);
        let own = Some(std::process::id());
        assert_eq!(pid(of_port(Protocol::Tcp, tcp.local_addr().unwrap())), own);
        assert_eq!(pid(of_port(Protocol::Udp, udp.local_addr().unwrap())), own);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let _unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(pid(of_path(&path)), own);
    }
}
