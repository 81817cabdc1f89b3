//! A DNS client that sends exactly the octets it is given.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::query::Query;
use crate::reply::Reply;

/// How long a reply may take that is expected to come. `CoreDNS` itself waits 5 s for a server that hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing has to come where no reply is expected.
const SILENCE: Duration = Duration::from_millis(300);

/// The protocol that a query goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// One datagram.
    Udp,
    /// A connection, with the length in front.
    Tcp,
}

/// Both of them.
pub const TRANSPORTS: [Transport; 2] = [Transport::Udp, Transport::Tcp];

/// A server to ask over one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where it listens.
    pub server: SocketAddr,
    /// Over what.
    pub transport: Transport,
}

impl Client {
    /// Sends a query and reads the reply, which has to come, and to be one to this query.
    #[track_caller]
    pub fn ask(&self, query: &Query) -> Reply {
        let octets = self.ask_octets(&query.octets());
        let octets = octets.unwrap_or_else(|| panic!("no reply over {:?} to {query:?}", self.transport));
        let reply = Reply::read(&octets).unwrap_or_else(|error| {
            panic!("{error}: the reply over {:?} to {query:?} is {octets:02x?}", self.transport)
        });
        assert!(reply.has(crate::query::flag::QR), "no response:\n{reply}");
        // D28
        assert_eq!(reply.id, query.message_id(), "the ID of another query:\n{reply}");
        reply
    }

    /// [`Client::ask`] for a type at a name.
    #[track_caller]
    pub fn query(&self, name: &str, rtype: &str) -> Reply {
        self.ask(&Query::new(name, rtype))
    }

    /// Sends octets and returns those that come back; nothing where none do, or a connection is closed.
    #[track_caller]
    pub fn ask_octets(&self, octets: &[u8]) -> Option<Vec<u8>> {
        match self.transport {
            Transport::Udp => udp(self.server, octets, PATIENCE).expect("loopback works"),
            Transport::Tcp => {
                let mut connection = Connection::open(self.server);
                connection.send(octets);
                connection.receive()
            }
        }
    }

    /// Fails where octets are answered: over UDP there is silence, over TCP the connection is closed.
    #[track_caller]
    pub fn expect_no_reply(&self, octets: &[u8]) {
        let reply = match self.transport {
            Transport::Udp => udp(self.server, octets, SILENCE).expect("loopback works"),
            Transport::Tcp => self.ask_octets(octets),
        };
        assert_eq!(reply, None, "a reply over {:?} to {octets:02x?}", self.transport);
    }
}

/// One exchange over UDP from a port of its own; nothing where no reply comes within `patience`.
pub fn udp(server: SocketAddr, octets: &[u8], patience: Duration) -> io::Result<Option<Vec<u8>>> {
    let any: IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
    let socket = UdpSocket::bind((any, 0))?;
    // A connected socket takes replies from the server's own address and port alone (D32).
    socket.connect(server)?;
    socket.set_read_timeout(Some(patience))?;
    socket.send(octets)?;
    let mut buffer = vec![0; 65_535];
    match socket.recv(&mut buffer) {
        Ok(length) => {
            buffer.truncate(length);
            Ok(Some(buffer))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
        // Nobody listens there: as good as no reply.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(None),
        Err(error) => Err(error),
    }
}

/// A TCP connection to a DNS server.
#[derive(Debug)]
pub struct Connection(TcpStream);

impl Connection {
    /// Opens one.
    #[track_caller]
    pub fn open(server: SocketAddr) -> Self {
        let stream =
            TcpStream::connect(server).unwrap_or_else(|error| panic!("no connection to {server}: {error}"));
        stream.set_nodelay(true).expect("TCP has it");
        stream.set_read_timeout(Some(PATIENCE)).expect("any time will do");
        Connection(stream)
    }

    /// Sends a message with its length in front, in one write.
    pub fn send(&mut self, message: &[u8]) {
        self.send_octets(&framed(message));
    }

    /// Sends octets as they are. That the other side has closed is seen when reading.
    pub fn send_octets(&mut self, octets: &[u8]) {
        let _ = self.0.write_all(octets);
    }

    /// The next message; nothing where the server closes instead.
    #[track_caller]
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 2];
        if let Err(error) = self.0.read_exact(&mut length) {
            assert!(is_closed(&error), "neither a reply nor the end of the connection: {error}");
            return None;
        }
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut message).expect("a message comes whole");
        Some(message)
    }

    /// [`Connection::receive`], read.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        Reply::read(&self.receive().expect("the server closed the connection")).expect("a reply")
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&self) {
        let _ = self.0.shutdown(std::net::Shutdown::Write);
    }

    /// How long `receive` waits.
    pub fn patience(&self, patience: Duration) {
        self.0.set_read_timeout(Some(patience)).expect("not zero");
    }
}

/// A message with its length in front.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a message is at most 65,535 octets");
    [&length.to_be_bytes(), message].concat()
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}
