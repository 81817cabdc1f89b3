//! How listeners begin and end.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mci_core::Live;
use mci_dns::{BindProblem, Config, Listeners, Protocol};
use tokio_util::sync::CancellationToken;

use crate::support::{Server, ask, ask_tcp, framed, query, receive_tcp, snapshot};

fn live() -> Arc<Live> {
    Arc::new(Live::new(snapshot()))
}

fn bind(address: SocketAddr) -> Result<Listeners<()>, mci_dns::BindError> {
    Listeners::bind(Config::new([address]), live(), Arc::new(()))
}

#[test]
fn listeners_that_are_stopped_end_at_once_and_leave_their_port() {
    let mut server = Server::new();
    ask(&server.udp(), &query(1, "h1"));
    ask_tcp(&mut server.tcp(), &query(1, "h1"));
    let start = Instant::now();
    server.stop().unwrap();
    // Well under the receive timeout: shutting the sockets down wakes their threads.
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
    bind(server.address).unwrap();
}

#[test]
fn what_came_before_the_end_is_answered() {
    // Nobody runs them yet, so all of this waits in the sockets; and then they are stopped before they begin.
    let listeners = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listeners.local_addrs()[0];
    let clients: Vec<_> = (0..20)
        .map(|_| {
            let socket = crate::support::udp_client();
            socket.send_to(&query(1, "h1"), address).unwrap();
            socket
        })
        .collect();
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(listeners.run(shutdown)).unwrap();
    for socket in clients {
        assert_eq!(crate::support::receive(&socket).address(), [192, 0, 2, 1]);
    }
}

#[test]
fn an_open_connection_gets_its_replies_before_the_end() {
    let mut server = Server::new();
    let mut stream = server.tcp();
    // The connection is known to be accepted.
    ask_tcp(&mut stream, &query(1, "h1")).unwrap();
    stream.write_all(&framed(&query(2, "h2"))).unwrap();
    server.wait_until("received", |seen| seen.len() == 2);
    server.stop().unwrap();
    assert_eq!(receive_tcp(&mut stream).unwrap().address(), [192, 0, 2, 2]);
    assert_eq!(receive_tcp(&mut stream), None);
}

#[test]
fn dropping_the_future_ends_everything() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listeners = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listeners.local_addrs()[0];
    runtime.block_on(async {
        let running = listeners.run(CancellationToken::new());
        tokio::time::timeout(Duration::from_millis(50), running)
            .await
            .expect_err("it runs until it is dropped");
    });
    drop(runtime);
    let deadline = Instant::now() + crate::support::PATIENCE;
    while let Err(error) = bind(address) {
        assert_eq!(error.problem, BindProblem::InUse);
        assert!(Instant::now() < deadline, "{error}");
        std::thread::yield_now();
    }
}

#[test]
fn a_taken_port_is_an_error_that_names_it() {
    let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = first.local_addrs()[0];
    let error = bind(address).unwrap_err();
    assert_eq!((error.address, error.protocol, error.problem), (address, Protocol::Tcp, BindProblem::InUse));
    assert_eq!(error.to_string(), format!("cannot listen on {address} (TCP): the port is taken"));
}

#[test]
fn each_of_several_addresses_answers() {
    let config = Config::new(["127.0.0.1:0".parse().unwrap(), "127.0.0.2:0".parse().unwrap()]);
    let listeners = Listeners::bind(config, live(), Arc::new(())).unwrap();
    let addresses = listeners.local_addrs();
    let shutdown = CancellationToken::new();
    let token = shutdown.clone();
    let running = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(listeners.run(token))
    });
    for (n, address) in (1..).zip(addresses) {
        assert_eq!(address.ip().to_string(), format!("127.0.0.{n}"));
        let socket = crate::support::udp_client();
        socket.connect(address).unwrap();
        assert_eq!(ask(&socket, &query(1, "h1")).address(), [192, 0, 2, 1]);
    }
    shutdown.cancel();
    running.join().unwrap().unwrap();
}
