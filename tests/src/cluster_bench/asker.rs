//! One question, asked again and again until the answer is another one.
//!
//! One socket, at most one query in flight, and a pause between two of them: the server is not kept busy by it. The time
//! at which an answer is seen to have changed is late by no more than a pause and a round trip.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use crate::query::Query;

/// Between a reply and the next query; the kernel adds some 50 µs, and a round trip is another 50 µs.
const PAUSE: Duration = Duration::from_micros(80);

/// After which a datagram is lost.
const LOST: Duration = Duration::from_millis(500);

/// How long an answer may lag behind before the measurement is given up.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks one server for the addresses of one name.
#[derive(Debug)]
pub(super) struct Asker {
    socket: UdpSocket,
    name: String,
    query: Vec<u8>,
}

impl Asker {
    pub(super) fn new(server: SocketAddr, name: &str) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        socket.connect(server).expect("loopback works");
        socket.set_read_timeout(Some(LOST)).expect("not zero");
        let name = name.to_owned();
        let query = Query::new(&name, "A").octets();
        Asker { socket, name, query }
    }

    /// Asks until there are addresses, or until there are none, and tells when that answer came.
    #[track_caller]
    pub(super) fn until(&mut self, addresses: bool) -> Instant {
        let began = Instant::now();
        loop {
            let answered = self.ask();
            let now = Instant::now();
            if answered == Some(addresses) {
                return now;
            }
            assert!(
                now - began < PATIENCE,
                "{}: waited {} s in vain for {}",
                self.name,
                PATIENCE.as_secs(),
                if addresses { "an address" } else { "no address" }
            );
            thread::sleep(PAUSE);
        }
    }

    /// Whether there are addresses; nothing where no reply came.
    fn ask(&mut self) -> Option<bool> {
        // A reply that comes too late is one to another ID.
        let id = u16::from_be_bytes([self.query[0], self.query[1]]).wrapping_add(1).to_be_bytes();
        self.query[..2].copy_from_slice(&id);
        self.socket.send(&self.query).ok()?;
        let mut reply = [0; 1232];
        loop {
            match self.socket.recv(&mut reply) {
                Ok(length) if length >= 12 && reply[..2] == id => {
                    let (rcode, count) = (reply[3] & 0x0f, u16::from_be_bytes([reply[6], reply[7]]));
                    return Some(rcode == 0 && count > 0);
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}
