//! A connection that goes bad: a TCP proxy that passes, delays, hangs or cuts, as a test tells it.
//!
//! In front of several servers it is a load balancer too: each connection goes to the next server that accepts one.
//!
//! While it hangs nobody is told anything: connections stay open, new ones are accepted, and no octet goes through in
//! either direction, as when packets are dropped without a reset. (The kernels on both sides still acknowledge; a link
//! that does not even do that is [`Beyond`](crate::netns::Beyond).) What was sent meanwhile goes through when it passes again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;

use crate::runtime::{block_on, runtime};

/// Chunks on their way through one connection in one direction: enough for a delay not to become a throttle.
const IN_FLIGHT: usize = 1_024;

/// What the proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Passes,
    Delays(Duration),
    Hangs,
    /// The connections that were the first so many.
    HangsUpTo(usize),
    /// What clients send; what servers send goes through.
    HoldsRequests,
    Cut,
}

impl Link {
    /// Whether nothing of this side goes through the connection of this number, counted from 1.
    fn hangs(self, number: usize, sender: Sender) -> bool {
        match self {
            Link::Hangs => true,
            Link::HangsUpTo(last) => number <= last,
            Link::HoldsRequests => sender == Sender::Client,
            Link::Passes | Link::Delays(_) | Link::Cut => false,
        }
    }
}

/// Whose octets are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    Client,
    Server,
}

/// A running proxy; connections through it end with it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    link: watch::Sender<Link>,
    accepted: Arc<AtomicUsize>,
    carried: Arc<AtomicU64>,
    task: AbortHandle,
}

impl Proxy {
    /// Starts one in front of a server, which passes everything.
    pub fn start(server: SocketAddr) -> Self {
        Proxy::before(&[server])
    }

    /// Starts one in front of several servers, which take turns.
    pub fn before(servers: &[SocketAddr]) -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port can be listened on");
        Proxy::on(listener, servers)
    }

    /// Starts one that listens there.
    pub fn on(listener: std::net::TcpListener, servers: &[SocketAddr]) -> Self {
        let servers: Arc<[SocketAddr]> = servers.into();
        let address = listener.local_addr().expect("it listens");
        listener.set_nonblocking(true).expect("a listener can be asked without waiting");
        let listener = block_on(async { TcpListener::from_std(listener) }).expect("it listens");
        let (link, seen) = watch::channel(Link::Passes);
        let accepted = Arc::new(AtomicUsize::new(0));
        let carried = Arc::new(AtomicU64::new(0));
        let task = runtime()
            .spawn(serve(listener, servers, seen, (Arc::clone(&accepted), Arc::clone(&carried))))
            .abort_handle();
        Proxy { address, link, accepted, carried, task }
    }

    /// Where clients are to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections have been accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many octets have gone through so far, in both directions.
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }

    /// Everything goes through at once, what waited first.
    pub fn pass(&self) {
        self.link.send_replace(Link::Passes);
    }

    /// Everything goes through, in each direction this much later.
    pub fn delay(&self, time: Duration) {
        self.link.send_replace(Link::Delays(time));
    }

    /// Nothing goes through, and nobody is told.
    pub fn hang(&self) {
        self.link.send_replace(Link::Hangs);
    }

    /// What is open hangs, and nobody is told; connections that are opened from now on work.
    pub fn hang_what_is_open(&self) {
        self.link.send_replace(Link::HangsUpTo(self.accepted()));
    }

    /// What clients send is held back and goes through when it passes again; what servers send goes through.
    pub fn hold_requests(&self) {
        self.link.send_replace(Link::HoldsRequests);
    }

    /// Connections are reset, new ones at once.
    pub fn cut(&self) {
        self.link.send_replace(Link::Cut);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The connections are tasks of that task's set.
        self.task.abort();
    }
}

async fn serve(
    listener: TcpListener,
    servers: Arc<[SocketAddr]>,
    link: watch::Receiver<Link>,
    (accepted, carried): (Arc<AtomicUsize>, Arc<AtomicU64>),
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            client = listener.accept() => {
                let Ok((client, _)) = client else { continue };
                let number = accepted.fetch_add(1, Ordering::Relaxed) + 1;
                connections.spawn(connect(client, number, Arc::clone(&servers), link.clone(), Arc::clone(&carried)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// One connection, to its end or its cut.
async fn connect(
    mut client: TcpStream,
    number: usize,
    servers: Arc<[SocketAddr]>,
    mut link: watch::Receiver<Link>,
    carried: Arc<AtomicU64>,
) {
    let mut cut = link.clone();
    let reached = async {
        // One that is accepted while the link hangs reaches nobody until it passes.
        let _ = link.wait_for(|link| !link.hangs(number, Sender::Client)).await;
        reach(&servers, number).await
    };
    let is_cut = |link: &Link| *link == Link::Cut;
    let server = tokio::select! {
        biased;
        _ = cut.wait_for(is_cut) => None,
        server = reached => server,
    };
    // A server that refuses looks like one behind a cut: the client is reset.
    let Some(mut server) = server else {
        let _ = client.set_zero_linger();
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ended = {
        let (client_reads, client_writes) = client.split();
        let (server_reads, server_writes) = server.split();
        tokio::select! {
            both = async {
                tokio::try_join!(
                    carry(client_reads, server_writes, (number, Sender::Client), link.clone(), &carried),
                    carry(server_reads, client_writes, (number, Sender::Server), link.clone(), &carried),
                )
            } => both.is_ok(),
            _ = cut.wait_for(is_cut) => false,
        }
    };
    if !ended {
        // A reset, not a farewell.
        let _ = (client.set_zero_linger(), server.set_zero_linger());
    }
}

/// The first server that accepts a connection, beginning with another one each time.
async fn reach(servers: &[SocketAddr], number: usize) -> Option<TcpStream> {
    for turn in 0..servers.len() {
        if let Ok(stream) = TcpStream::connect(servers[(number + turn) % servers.len()]).await {
            return Some(stream);
        }
    }
    None
}

/// One direction: a reader that stamps what comes, and a writer that lets it go when its time has come.
async fn carry(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    (number, sender_is): (usize, Sender),
    mut link: watch::Receiver<Link>,
    carried: &AtomicU64,
) -> io::Result<()> {
    let (sender, mut chunks) = mpsc::channel::<(Instant, Vec<u8>)>(IN_FLIGHT);
    let read = async move {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let length = from.read(&mut buffer).await?;
            if length == 0 || sender.send((Instant::now(), buffer[..length].to_vec())).await.is_err() {
                return io::Result::Ok(());
            }
        }
    };
    let write = async move {
        while let Some((came, chunk)) = chunks.recv().await {
            // The rules may change while it waits.
            loop {
                let now = *link.borrow_and_update();
                match now {
                    now if now.hangs(number, sender_is) => {
                        let _ = link.changed().await;
                    }
                    Link::Passes | Link::Cut | Link::Hangs | Link::HangsUpTo(_) | Link::HoldsRequests => {
                        break;
                    }
                    Link::Delays(time) if came + time <= Instant::now() => break,
                    Link::Delays(time) => {
                        tokio::select! {
                            () = tokio::time::sleep_until(came + time) => {}
                            _ = link.changed() => {}
                        }
                    }
                }
            }
            to.write_all(&chunk).await?;
            carried.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        }
        to.shutdown().await
    };
    tokio::try_join!(read, write)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net;
    use std::thread;

    use super::*;

    /// A server that sends back what it gets.
    fn echo() -> SocketAddr {
        let listener = net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || io::copy(&mut &stream, &mut &stream));
            }
        });
        address
    }

    fn connect(proxy: &Proxy) -> net::TcpStream {
        let stream = net::TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        stream
    }

    fn answer(stream: &mut net::TcpStream) -> io::Result<String> {
        let mut buffer = [0; 64];
        let length = stream.read(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    fn patient(stream: &net::TcpStream) {
        stream.set_read_timeout(Some(crate::wait::PATIENCE)).unwrap();
    }

    #[test]
    fn what_is_sent_while_it_hangs_comes_when_it_passes_again() {
        let proxy = Proxy::start(echo());
        let mut old = connect(&proxy);
        patient(&old);
        old.write_all(b"one").unwrap();
        assert_eq!(answer(&mut old).unwrap(), "one");

        proxy.hang();
        let mut new = connect(&proxy);
        for stream in [&mut old, &mut new] {
            stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            stream.write_all(b"two").unwrap();
            assert_eq!(answer(stream).unwrap_err().kind(), ErrorKind::WouldBlock);
        }

        proxy.pass();
        for stream in [&mut old, &mut new] {
            patient(stream);
            assert_eq!(answer(stream).unwrap(), "two");
        }
        assert_eq!(proxy.accepted(), 2);
    }

    #[test]
    fn what_is_open_hangs_and_what_is_opened_later_does_not() {
        let proxy = Proxy::start(echo());
        let mut old = connect(&proxy);
        patient(&old);
        old.write_all(b"one").unwrap();
        assert_eq!(answer(&mut old).unwrap(), "one");

        proxy.hang_what_is_open();
        let mut new = connect(&proxy);
        patient(&new);
        new.write_all(b"two").unwrap();
        assert_eq!(answer(&mut new).unwrap(), "two");
        old.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        old.write_all(b"three").unwrap();
        assert_eq!(answer(&mut old).unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn requests_are_held_while_what_the_server_sends_comes() {
        let listener = net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap());
        let mut client = connect(&proxy);
        patient(&client);
        client.write_all(b"one").unwrap();
        let (mut server, _) = listener.accept().unwrap();
        patient(&server);
        assert_eq!(answer(&mut server).unwrap(), "one");

        proxy.hold_requests();
        client.write_all(b"two").unwrap();
        server.write_all(b"news").unwrap();
        assert_eq!(answer(&mut client).unwrap(), "news");
        server.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert_eq!(answer(&mut server).unwrap_err().kind(), ErrorKind::WouldBlock);

        proxy.pass();
        patient(&server);
        assert_eq!(answer(&mut server).unwrap(), "two");
    }

    #[test]
    fn a_delay_holds_back_each_direction_and_keeps_the_order() {
        let proxy = Proxy::start(echo());
        proxy.delay(Duration::from_millis(100));
        let mut stream = connect(&proxy);
        patient(&stream);
        let started = std::time::Instant::now();
        stream.write_all(b"one").unwrap();
        assert_eq!(answer(&mut stream).unwrap(), "one");
        assert!(started.elapsed() >= Duration::from_millis(200));
    }

    #[test]
    fn a_cut_resets_what_is_open_and_what_comes_until_it_passes_again() {
        let proxy = Proxy::start(echo());
        let mut old = connect(&proxy);
        patient(&old);
        old.write_all(b"one").unwrap();
        assert_eq!(answer(&mut old).unwrap(), "one");

        proxy.cut();
        assert_eq!(answer(&mut old).unwrap_err().kind(), ErrorKind::ConnectionReset);
        let mut new = connect(&proxy);
        patient(&new);
        assert_eq!(answer(&mut new).unwrap_err().kind(), ErrorKind::ConnectionReset);

        proxy.pass();
        let mut stream = connect(&proxy);
        patient(&stream);
        stream.write_all(b"three").unwrap();
        assert_eq!(answer(&mut stream).unwrap(), "three");
    }

    #[test]
    fn the_end_of_one_direction_goes_through() {
        let proxy = Proxy::start(echo());
        let mut stream = connect(&proxy);
        patient(&stream);
        stream.write_all(b"one").unwrap();
        stream.shutdown(net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one");
    }
}
