//! Asks a server that answers: DNS over UDP and TCP, or `CoreDNS`'s gRPC service.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use mci_grpc::pb::{DnsPacket, DnsServiceClient};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};

use crate::dig::{Question, Reply};
use crate::source::Server;

/// How long one attempt may take, as dig has it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a datagram is sent before the server counts as silent.
const ATTEMPTS: u32 = 3;
/// The largest message.
const MAX_MESSAGE: usize = 65_535;

/// How an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Udp,
    Tcp,
    Grpc,
}

impl Way {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Grpc => "gRPC",
        }
    }
}

/// A connection to a server, for one query after the other.
#[derive(Debug)]
pub(crate) struct Client {
    server: Server,
    peer: Peer,
    /// A query's ID is the number of queries before it: on a socket of our own, to a server that was named.
    asked: u16,
}

#[derive(Debug)]
enum Peer {
    Udp(UdpSocket, SocketAddr),
    Tcp(TcpStream),
    Grpc(DnsServiceClient<Channel>),
}

impl Client {
    /// Connects; `tcp`: DNS goes over TCP from the beginning.
    pub(crate) async fn connect(server: &Server, tcp: bool) -> anyhow::Result<Self> {
        let connecting = async {
            match server {
                Server::Dns(host, port) => {
                    let address = resolve(host, *port).await?;
                    if tcp { Ok(Peer::Tcp(TcpStream::connect(address).await?)) } else { udp(address).await }
                }
                Server::Grpc(host, port) => {
                    let address = resolve(host, *port).await?;
                    let endpoint = Endpoint::from_shared(format!("http://{address}"))?;
                    Ok(Peer::Grpc(DnsServiceClient::new(endpoint.connect().await?)))
                }
                Server::Http(url) => bail!("{url} answers no DNS queries: its state is read instead"),
            }
        };
        let peer = patiently(connecting).await.with_context(|| format!("{server} cannot be reached"))?;
        Ok(Self { server: server.clone(), peer, asked: 0 })
    }

    /// Asks once; a truncated answer over UDP is asked for again over TCP.
    pub(crate) async fn ask(&mut self, question: &Question) -> anyhow::Result<(Reply, Way)> {
        self.asked = self.asked.wrapping_add(1);
        let query = question.to_octets(self.asked);
        self.peer.ask(&query, self.asked).await.with_context(|| format!("{} gave no answer", self.server))
    }
}

impl Peer {
    async fn ask(&mut self, query: &[u8], id: u16) -> anyhow::Result<(Reply, Way)> {
        match self {
            Self::Udp(socket, address) => {
                let reply = over_udp(socket, query, id).await?;
                if !reply.is_truncated() {
                    return Ok((reply, Way::Udp));
                }
                let again = async { over_tcp(&mut TcpStream::connect(*address).await?, query, id).await };
                let reply =
                    patiently(again).await.context("the answer is too long for UDP, and TCP fails")?;
                Ok((reply, Way::Tcp))
            }
            Self::Tcp(stream) => Ok((patiently(over_tcp(stream, query, id)).await?, Way::Tcp)),
            Self::Grpc(client) => {
                let asking = async {
                    let packet = DnsPacket { msg: query.to_vec().into() };
                    let reply = client.query(packet).await;
                    let reply =
                        reply.map_err(|status| anyhow!("{:?}: {}", status.code(), status.message()))?;
                    Reply::read(&reply.into_inner().msg, id)
                };
                Ok((patiently(asking).await?, Way::Grpc))
            }
        }
    }
}

/// Not for ever.
async fn patiently<T>(asking: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let silent = || anyhow!("nothing came within {} s", PATIENCE.as_secs());
    timeout(PATIENCE, asking).await.map_err(|_| silent())?
}

async fn resolve(host: &str, port: u16) -> anyhow::Result<SocketAddr> {
    let addresses = lookup_host((host, port)).await;
    addresses.ok().and_then(|mut found| found.next()).ok_or_else(|| anyhow!("{host} has no address"))
}

async fn udp(address: SocketAddr) -> anyhow::Result<Peer> {
    let local: SocketAddr = if address.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(address).await?;
    Ok(Peer::Udp(socket, address))
}

async fn over_udp(socket: &UdpSocket, query: &[u8], id: u16) -> anyhow::Result<Reply> {
    let mut buffer = vec![0; MAX_MESSAGE];
    for _ in 0..ATTEMPTS {
        socket.send(query).await?;
        let reply = timeout(PATIENCE, async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                // A late reply to an earlier attempt at another question is not ours.
                if buffer.get(..2) == Some(&id.to_be_bytes()) {
                    return Reply::read(buffer.get(..length).unwrap_or_default(), id);
                }
            }
        });
        if let Ok(reply) = reply.await {
            return reply;
        }
    }
    bail!("nothing came within {} s, {ATTEMPTS} times", PATIENCE.as_secs())
}

async fn over_tcp(stream: &mut TcpStream, query: &[u8], id: u16) -> anyhow::Result<Reply> {
    let length = u16::try_from(query.len()).expect("a query of one name is short");
    let mut message = length.to_be_bytes().to_vec();
    message.extend_from_slice(query);
    stream.write_all(&message).await?;
    let mut reply = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut reply).await?;
    Reply::read(&reply, id)
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Message, MessageType};

    use super::*;
    use mci_core::RecordType;

    /// Answers one datagram with an empty reply, and with TC as asked.
    async fn answer_once(socket: &UdpSocket, truncated: bool) {
        let mut buffer = [0; 512];
        let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
        let mut message = Message::from_vec(&buffer[..length]).unwrap();
        message.metadata.message_type = MessageType::Response;
        message.metadata.truncation = truncated;
        socket.send_to(&message.to_vec().unwrap(), client).await.unwrap();
    }

    #[tokio::test]
    async fn a_truncated_answer_is_asked_for_again_over_tcp() {
        let tcp = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = tcp.local_addr().unwrap();
        let socket = UdpSocket::bind(address).await.unwrap();
        let server = async {
            answer_once(&socket, false).await;
            answer_once(&socket, true).await;
            let (mut stream, _) = tcp.accept().await.unwrap();
            let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
            stream.read_exact(&mut query).await.unwrap();
            let mut reply = Message::from_vec(&query).unwrap();
            reply.metadata.message_type = MessageType::Response;
            let reply = reply.to_vec().unwrap();
            stream.write_u16(reply.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&reply).await.unwrap();
        };
        let question = Question::new("app.example", RecordType::A).unwrap();
        let client = async {
            let server = Server::Dns("127.0.0.1".to_owned(), address.port());
            let mut client = Client::connect(&server, false).await.unwrap();
            assert_eq!(client.ask(&question).await.unwrap().1, Way::Udp);
            assert_eq!(client.ask(&question).await.unwrap().1, Way::Tcp);
        };
        tokio::join!(server, client);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named() {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        for (server, tcp) in [
            (Server::Dns("127.0.0.1".to_owned(), free), true),
            (Server::Grpc("127.0.0.1".to_owned(), free), false),
        ] {
            let error = format!("{:#}", Client::connect(&server, tcp).await.unwrap_err());
            assert!(error.starts_with(&format!("{server} cannot be reached: ")), "{error}");
        }
    }
}
