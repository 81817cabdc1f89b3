//! Free ports on loopback, that no other test takes meanwhile.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which Linux takes the ports of outgoing connections.
const FIRST: u16 = 12_000;
const COUNT: u16 = 16_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that is free, UDP and TCP, on 127.0.0.1 and `::1`; reserved until this value is dropped.
///
/// Test programs that run at the same time agree by locks on files in the folder for temporary files.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Reserves one.
    pub fn reserve() -> Self {
        let folder = env::temp_dir().join("mci-test-ports");
        fs::create_dir_all(&folder).expect("the folder of the locks can be made");
        // Each program starts somewhere else.
        let start = u16::try_from(std::process::id() % u32::from(COUNT)).expect("COUNT is a u16");
        for _ in 0..COUNT {
            let number = FIRST + start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
            let lock = File::create(folder.join(number.to_string())).expect("a file to lock can be made");
            if lock.try_lock().is_ok() && is_free(number) {
                return Port { number, _lock: lock };
            }
        }
        panic!("not one of {COUNT} ports is free");
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// It on 127.0.0.1.
    pub fn v4(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    /// It on `::1`.
    pub fn v6(&self) -> SocketAddr {
        (Ipv6Addr::LOCALHOST, self.number).into()
    }
}

fn is_free(number: u16) -> bool {
    // A machine without IPv6 has nothing there to be taken.
    let v6 = (Ipv6Addr::LOCALHOST, number);
    let has_v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
        && UdpSocket::bind((Ipv4Addr::LOCALHOST, number)).is_ok()
        && (!has_v6 || (TcpListener::bind(v6).is_ok() && UdpSocket::bind(v6).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reservations_are_never_the_same() {
        let (one, two) = (Port::reserve(), Port::reserve());
        assert_ne!(one.number(), two.number());
    }

    #[test]
    fn a_port_that_something_listens_on_is_not_free() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        assert!(!is_free(taken.local_addr().unwrap().port()));
    }
}
