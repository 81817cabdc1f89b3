//! A tonic server for `CoreDNS`'s service that decides nothing: what the transport costs, for benchmarks.
//!
//! It copies the query's ID and question, and appends as many records as MCI would: two A records, and an OPT
//! record where the query ends in one. The code of the service is tonic's, as anybody's server has it.
//!
//! ```text
//! grpc-stub 127.0.0.1:1153 unix:///run/stub.sock
//! ```

use std::env;
use std::error::Error;

use bytes::Bytes;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic::transport::server::{Router, TcpIncoming};
use tonic::{Request, Response, Status};

use self::pb::DnsPacket;
use self::pb::dns_service_server::{DnsService, DnsServiceServer};

/// What tonic generates from `CoreDNS`'s definition.
#[path = "../../../mci-grpc/src/generated/coredns.dns.rs"]
#[allow(unused, unreachable_pub, missing_docs, clippy::pedantic, reason = "generated")]
mod pb;

/// The allocator that MCI has: the two are compared.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As many streams as a server of today allows; `CoreDNS`'s own has 256.
const STREAMS: u32 = 1_000;

const HEADER: usize = 12;
/// QR and AA, and NOERROR.
const FLAGS: [u8; 2] = [0x84, 0x00];
/// The name of the question, A, IN, 5 s, 4 octets.
const RECORD: [u8; 12] = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4];
const ADDRESSES: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];
/// The root's name, OPT, 1232 octets, version 0, no options.
const OPT: [u8; 11] = [0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0];

struct Stub;

#[tonic::async_trait]
impl DnsService for Stub {
    async fn query(&self, request: Request<DnsPacket>) -> Result<Response<DnsPacket>, Status> {
        let query = request.into_inner().msg;
        let reply = reply(&query).ok_or_else(|| Status::invalid_argument("a query has a question"))?;
        Ok(Response::new(DnsPacket { msg: Bytes::from(reply) }))
    }
}

/// The ID and the question copied, the records appended; nothing where there is no whole question.
fn reply(query: &[u8]) -> Option<Vec<u8>> {
    let id = query.get(..2)?;
    let mut end = HEADER;
    while let length @ 1.. = *query.get(end)? {
        end += 1 + usize::from(length);
    }
    // The root's label, the type and the class.
    end += 5;
    let question = query.get(HEADER..end)?;
    let opt = query.len() > end;

    let mut reply = Vec::with_capacity(HEADER + question.len() + ADDRESSES.len() * 16 + OPT.len());
    reply.extend_from_slice(id);
    reply.extend_from_slice(&FLAGS);
    reply.extend_from_slice(&[0, 1, 0, 2, 0, 0, 0, u8::from(opt)]);
    reply.extend_from_slice(question);
    for address in ADDRESSES {
        reply.extend_from_slice(&RECORD);
        reply.extend_from_slice(&address);
    }
    if opt {
        reply.extend_from_slice(&OPT);
    }
    Some(reply)
}

fn service() -> Router {
    Server::builder().max_concurrent_streams(STREAMS).add_service(DnsServiceServer::new(Stub))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let addresses: Vec<String> = env::args().skip(1).collect();
    if addresses.is_empty() {
        return Err("usage: grpc-stub ADDRESS:PORT|unix:///PATH…".into());
    }
    let mut servers = JoinSet::new();
    for address in addresses {
        if let Some(path) = address.strip_prefix("unix://") {
            let listener = UnixListener::bind(path)?;
            servers.spawn(service().serve_with_incoming(UnixListenerStream::new(listener)));
        } else {
            let incoming =
                TcpIncoming::from(TcpListener::bind(address.as_str()).await?).with_nodelay(Some(true));
            servers.spawn(service().serve_with_incoming(incoming));
        }
    }
    while let Some(ended) = servers.join_next().await {
        ended??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mci_tests::query::{Opt, Query};
    use mci_tests::reply::Reply;

    use super::*;

    #[test]
    fn what_it_replies_is_a_reply_to_the_query() {
        let query = Query::new("aPp.gslb.example.com", "A");
        for (query, opt) in [(query.clone(), false), (query.opt(Opt::new()), true)] {
            let reply = Reply::read(&reply(&query.octets()).unwrap()).unwrap();
            assert_eq!((reply.id, reply.rcode.as_str()), (query.message_id(), "NOERROR"));
            assert_eq!(reply.answer.len(), 2);
            assert_eq!(reply.opt.is_some(), opt);
        }
    }

    #[test]
    fn a_query_that_is_cut_off_has_no_reply() {
        let query = Query::new("app.gslb.example.com", "A").octets();
        for length in 0..query.len() {
            assert_eq!(reply(&query[..length]), None, "{length} octets");
        }
    }
}
