//! A server with a few names, and queries and replies as octets: nothing here is the product's.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mci_core::wire::Disposition;
use mci_core::{
    Builder, Endpoint, Exchange, Hostname, HostnameState, Live, NameServer, Observe, Settings, Snapshot, Ttl,
    Way, Zone, Zones,
};
use mci_dns::{Config, Error, Listeners};
use tokio_util::sync::CancellationToken;

pub(crate) const NAMES: u8 = 100;
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

/// `h0` to `h99.gslb.example.com` with 192.0.2.0 to 192.0.2.99, and `many` with 300 addresses.
pub(crate) fn snapshot() -> Snapshot {
    let zone = Zone {
        name: name("gslb.example.com"),
        name_servers: vec![NameServer {
            name: name("ns.gslb.example.com"),
            addresses: vec![[192, 0, 2, 253].into()],
        }],
        responsible_email: "hostmaster@example.com".to_owned(),
        negative_ttl: Ttl::DEFAULT,
        ttl: Ttl::DEFAULT,
        records: vec![],
        acme_delegation: None,
    };
    let mut builder = Builder::new(Settings::default(), Zones::new(vec![zone], None).unwrap());
    let mut insert = |label: &str, addresses: Vec<IpAddr>| {
        let state = HostnameState::new(name(&format!("{label}.gslb.example.com")));
        builder.insert(&state.endpoint(Endpoint::new("east".parse().unwrap(), addresses))).unwrap();
    };
    for n in 0..NAMES {
        insert(&format!("h{n}"), vec![[192, 0, 2, n].into()]);
    }
    insert("many", (0..300).map(|n| Ipv4Addr::from_bits(0x0a00_0000 + n).into()).collect());
    builder.build()
}

/// One exchange as the listeners told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) way: Way,
    pub(crate) disposition: Disposition,
    pub(crate) replied: bool,
    pub(crate) client: Option<SocketAddr>,
    pub(crate) sampled: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Vec<Seen>>);

impl Log {
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }
}

impl Observe for Log {
    fn answered(&self, exchange: &Exchange<'_>) {
        self.0.lock().unwrap().push(Seen {
            way: exchange.way,
            disposition: exchange.facts.disposition,
            replied: !exchange.reply.is_empty(),
            client: exchange.client,
            sampled: exchange.elapsed.is_some(),
        });
    }
    fn overloaded(&self, _: Way) {}
}

/// Listeners that run until this is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<Log>,
    shutdown: CancellationToken,
    running: Option<JoinHandle<Result<(), Error>>>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(snapshot(), "127.0.0.1:0", |_| {})
    }

    /// One UDP socket, so that queries are answered in order.
    pub(crate) fn with(snapshot: Snapshot, address: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new([address.parse().unwrap()]);
        config.sockets = NonZeroUsize::MIN;
        change(&mut config);
        let log = Arc::new(Log::default());
        let listeners = Listeners::bind(config, Arc::new(Live::new(snapshot)), Arc::clone(&log)).unwrap();
        let address = listeners.local_addrs()[0];
        let shutdown = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let token = shutdown.clone();
        let running = thread::spawn(move || runtime.block_on(listeners.run(token)));
        Self { address, log, shutdown, running: Some(running) }
    }

    pub(crate) fn stop(&mut self) -> Result<(), Error> {
        self.shutdown.cancel();
        self.running.take().map_or(Ok(()), |running| running.join().unwrap())
    }

    pub(crate) fn udp(&self) -> UdpSocket {
        let socket = udp_client();
        socket.connect(self.address).unwrap();
        socket
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    #[track_caller]
    pub(crate) fn wait_until(&self, what: &str, holds: impl Fn(&[Seen]) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.log.seen()) {
            assert!(Instant::now() < deadline, "not {what}: {:?}", self.log.seen());
            thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let ended = self.stop();
        if !thread::panicking() {
            ended.unwrap();
        }
    }
}

pub(crate) fn udp_client() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A query for an A record of `label.gslb.example.com` without OPT.
pub(crate) fn query(id: u16, label: &str) -> Vec<u8> {
    let mut octets = [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for label in [label, "gslb", "example", "com", ""] {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend(label.as_bytes());
    }
    octets.extend([0, 1, 0, 1]);
    octets
}

/// The same with an OPT record of this size and these options.
pub(crate) fn query_with_opt(id: u16, label: &str, size: u16, options: &[u8]) -> Vec<u8> {
    let mut octets = query(id, label);
    octets[11] = 1;
    octets.extend([0, 0, 41]);
    octets.extend(size.to_be_bytes());
    octets.extend([0, 0, 0, 0]);
    octets.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
    octets.extend(options);
    octets
}

/// What a test looks at in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) octets: Vec<u8>,
}

impl Reply {
    pub(crate) fn id(&self) -> u16 {
        self.number(0)
    }
    pub(crate) fn truncated(&self) -> bool {
        self.octets[2] & 2 != 0
    }
    pub(crate) fn rcode(&self) -> u8 {
        self.octets[3] & 15
    }
    pub(crate) fn answers(&self) -> u16 {
        self.number(6)
    }
    /// Whether the question of `query` is this reply's.
    pub(crate) fn is_for(&self, query: &[u8]) -> bool {
        let question = &query[12..12 + query[12..].iter().position(|&octet| octet == 0).unwrap() + 5];
        self.octets[2] & 0x80 != 0
            && self.id().to_be_bytes() == query[..2]
            && self.octets[12..].starts_with(question)
    }
    /// The address of a reply that has one A record last.
    pub(crate) fn address(&self) -> [u8; 4] {
        *self.octets.last_chunk().unwrap()
    }
    fn number(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.octets[at], self.octets[at + 1]])
    }
}

pub(crate) fn receive(socket: &UdpSocket) -> Reply {
    let mut octets = vec![0; 65_535];
    let length = socket.recv(&mut octets).expect("a reply");
    octets.truncate(length);
    Reply { octets }
}

pub(crate) fn ask(socket: &UdpSocket, query: &[u8]) -> Reply {
    socket.send(query).unwrap();
    receive(socket)
}

pub(crate) fn framed(query: &[u8]) -> Vec<u8> {
    [&u16::try_from(query.len()).unwrap().to_be_bytes()[..], query].concat()
}

/// The next reply, or none where the server ended the connection.
pub(crate) fn receive_tcp(stream: &mut TcpStream) -> Option<Reply> {
    let mut length = [0; 2];
    match stream.read(&mut length[..1]) {
        Ok(0) => return None,
        Ok(_) => stream.read_exact(&mut length[1..]).expect("a whole length"),
        // What the server did not read makes its end a reset.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
        Err(error) => panic!("neither a reply nor the end: {error}"),
    }
    let mut octets = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut octets).expect("a whole reply");
    Some(Reply { octets })
}

pub(crate) fn ask_tcp(stream: &mut TcpStream, query: &[u8]) -> Option<Reply> {
    stream.write_all(&framed(query)).unwrap();
    receive_tcp(stream)
}
