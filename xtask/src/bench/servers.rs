//! How each server is started: one thread, one core, and configured to answer and nothing else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::process::{Core, Server, free_port};
use super::{Bench, world};

/// A server that answers DNS over UDP.
pub(super) struct Dns {
    pub(super) server: Server,
    pub(super) address: SocketAddr,
}

/// A server that answers gRPC, at one address or several.
pub(super) struct Grpc {
    pub(super) server: Server,
    /// As `CoreDNS` writes them.
    pub(super) addresses: Vec<String>,
}

/// A running `mci standalone`.
pub(super) struct Mci {
    pub(super) server: Server,
    /// Where it answers DNS; it listens on every address of the machine, so each reply has its source set (D32).
    pub(super) dns: SocketAddr,
    /// From its start until `/readyz` was 200.
    pub(super) ready: Duration,
}

/// Starts `mci standalone`, with its metrics on, and waits until it is ready.
pub(super) fn mci(bench: &Bench, state: &Path, core: Core, grpc: &[String], folder: &Path) -> Result<Mci> {
    let (dns, http) = (free_port()?, loopback(free_port()?));
    let mut command = Command::new(&bench.programs.mci);
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"MCI_") {
            command.env_remove(name);
        }
    }
    command.arg("standalone").arg(state);
    command.args(["--dns", &format!("0.0.0.0:{dns}"), "--http", &http.to_string()]);
    command.args(["--grpc", &if grpc.is_empty() { "off".to_owned() } else { grpc.join(",") }]);
    let mut server = Server::start("mci", core, &command, folder)?;
    server.wait_until(|| is_ready(http))?;
    let ready = server.started.elapsed();
    Ok(Mci { server, dns: loopback(dns), ready })
}

/// Starts gdnsd with the few names.
pub(super) fn gdnsd(bench: &Bench, folder: &Path) -> Result<Dns> {
    let address = loopback(free_port()?);
    for name in ["zones", "run", "state"] {
        fs::create_dir_all(folder.join(name))?;
    }
    world::zone_file(&folder.join("zones").join(world::ZONE))?;
    let config = format!(
        "options => {{ listen => {address}, udp_threads => 1, tcp_threads => 1, run_dir => {0}/run, state_dir => {0}/state }}\n",
        folder.display()
    );
    fs::write(folder.join("config"), config)?;
    let mut command = Command::new(&bench.programs.gdnsd);
    command.arg("-c").arg(folder).arg("start");
    dns("gdnsd", &command, address, folder)
}

/// Starts `CoreDNS` with the few names in its `hosts` plugin.
pub(super) fn coredns_hosts(bench: &Bench, folder: &Path) -> Result<Dns> {
    world::hosts_file(&folder.join("hosts"))?;
    let address = loopback(free_port()?);
    let plugins = format!("hosts {}/hosts", folder.display());
    dns("coredns-hosts", &coredns(bench, "", address, &plugins, folder)?, address, folder)
}

/// Starts `CoreDNS`'s own gRPC server, with the few names in its `hosts` plugin.
pub(super) fn coredns_grpc(bench: &Bench, folder: &Path) -> Result<Grpc> {
    world::hosts_file(&folder.join("hosts"))?;
    let address = loopback(free_port()?);
    let plugins = format!("hosts {}/hosts", folder.display());
    let command = coredns(bench, "grpc://", address, &plugins, folder)?;
    grpc("coredns-grpc", &command, vec![address.to_string()], folder)
}

/// Starts `CoreDNS` in front of a gRPC server.
pub(super) fn coredns_front(bench: &Bench, upstream: &str, folder: &Path) -> Result<Dns> {
    let address = loopback(free_port()?);
    let plugins = format!("errors\n    bufsize 1232\n    grpc {} {upstream}", world::ZONE);
    dns("coredns-front", &coredns(bench, "", address, &plugins, folder)?, address, folder)
}

fn coredns(
    bench: &Bench,
    scheme: &str,
    address: SocketAddr,
    plugins: &str,
    folder: &Path,
) -> Result<Command> {
    let file = folder.join("Corefile");
    fs::write(
        &file,
        format!("{scheme}.:{} {{\n    bind {}\n    {plugins}\n}}\n", address.port(), address.ip()),
    )?;
    let mut command = Command::new(&bench.programs.coredns);
    command.env("GOMAXPROCS", "1").arg("-conf").arg(file);
    Ok(command)
}

/// Starts the tonic server that copies bytes.
pub(super) fn stub(bench: &Bench, addresses: Vec<String>, folder: &Path) -> Result<Grpc> {
    let mut command = Command::new(&bench.programs.grpc_stub);
    command.args(&addresses);
    grpc("grpc-stub", &command, addresses, folder)
}

fn dns(name: &str, command: &Command, address: SocketAddr, folder: &Path) -> Result<Dns> {
    let mut server = Server::start(name, Core::Server, command, folder)?;
    server.wait_until(|| code(address, world::ZONE).is_some())?;
    Ok(Dns { server, address })
}

fn grpc(name: &str, command: &Command, addresses: Vec<String>, folder: &Path) -> Result<Grpc> {
    let mut server = Server::start(name, Core::Server, command, folder)?;
    server.wait_until(|| addresses.iter().all(|address| is_listening(address)))?;
    Ok(Grpc { server, addresses })
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// An address that a gRPC server may listen on.
pub(super) fn grpc_address() -> Result<String> {
    Ok(loopback(free_port()?).to_string())
}

fn is_listening(address: &str) -> bool {
    match address.strip_prefix("unix://") {
        Some(path) => std::os::unix::net::UnixStream::connect(path).is_ok(),
        None => TcpStream::connect(address).is_ok(),
    }
}

/// Whether `/readyz` is answered with 200.
fn is_ready(http: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(http)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n")?;
        let mut status = [0; 12];
        stream.read_exact(&mut status)?;
        Ok(status.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// The response code for a name's A records; nothing where there is no reply within a tenth of a second.
pub(super) fn code(server: SocketAddr, name: &str) -> Option<u8> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    socket.connect(server).ok()?;
    socket.set_read_timeout(Some(Duration::from_millis(100))).ok()?;
    socket.send(&world::query(name, false)).ok()?;
    let mut reply = [0; 512];
    let length = socket.recv(&mut reply).ok()?;
    Some(reply.get(..length)?.get(3)? & 0x0f)
}
