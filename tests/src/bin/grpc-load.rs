//! Queries over one HTTP/2 connection, as `CoreDNS` sends them, a number of them in flight at all times.
//!
//! It is written on `h2` alone: a load generator costs more than the server it measures, and the less it costs, the
//! nearer the server comes to its limit. Every reply is looked at: what is no answer to its query ends the run.
//!
//! ```text
//! grpc-load --target 127.0.0.1:1153 --queries queries.bin --streams 200 --seconds 2
//! {"average_us":812.4,"p99_us":1031.0,"requests":492113,"seconds":2.0003}
//! ```
//!
//! The queries are DNS messages with their length in front (RFC 1035 §4.2.2), as `dnsperf -B` reads them.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes, BytesMut};
use clap::Parser;
use h2::client::SendRequest;
use http::{HeaderMap, Method, Request};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::LocalSet;

type Failure = Box<dyn Error>;

/// Large enough that no reply ever waits for it.
const WINDOW: u32 = 16 << 20;

/// In the third octet of a message: it is a reply.
const QR: u8 = 0x80;
/// In the fourth octet of a message: the response code, of which 0 is NOERROR.
const RCODE: u8 = 0x0f;

/// Sends queries over one connection and tells how many were answered.
#[derive(Parser)]
struct Arguments {
    /// The server: `ADDRESS:PORT` or `unix:///PATH`
    #[arg(long)]
    target: String,
    /// The messages to send, each with its length in front, in turn
    #[arg(long)]
    queries: PathBuf,
    /// How many are in flight at all times
    #[arg(long)]
    streams: usize,
    /// For how long
    #[arg(long)]
    seconds: f64,
}

/// What all streams share.
struct Load {
    /// As frames of gRPC.
    queries: Vec<Bytes>,
    next: Cell<usize>,
    end: Instant,
    /// How long each took, in nanoseconds.
    latencies: RefCell<Vec<u32>>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let queries = frames(&fs::read(&arguments.queries)?)?;
    let tasks = LocalSet::new();
    if let Some(path) = arguments.target.strip_prefix("unix://") {
        let stream = UnixStream::connect(path).await?;
        tasks.run_until(run(stream, queries, &arguments)).await
    } else {
        let stream = TcpStream::connect(&arguments.target).await?;
        stream.set_nodelay(true)?;
        tasks.run_until(run(stream, queries, &arguments)).await
    }
}

async fn run(
    stream: impl AsyncRead + AsyncWrite + Unpin + 'static,
    queries: Vec<Bytes>,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake::<_, Bytes>(stream)
        .await?;
    let connection = tokio::task::spawn_local(connection);

    let started = Instant::now();
    let load = Rc::new(Load {
        queries,
        next: Cell::new(0),
        end: started + Duration::from_secs_f64(arguments.seconds),
        latencies: RefCell::new(Vec::with_capacity(1 << 20)),
    });
    let streams: Vec<_> = (0..arguments.streams)
        .map(|_| tokio::task::spawn_local(ask(sender.clone(), Rc::clone(&load))))
        .collect();
    for stream in streams {
        stream.await??;
    }
    let seconds = started.elapsed().as_secs_f64();
    connection.abort();

    let mut latencies = load.latencies.take();
    latencies.sort_unstable();
    let count = latencies.len();
    let p99 = latencies.get(count * 99 / 100).copied().ok_or("not one query was answered")?;
    let sum: f64 = latencies.iter().copied().map(f64::from).sum();
    println!(
        "{}",
        serde_json::json!({
            "requests": count,
            "seconds": seconds,
            "average_us": sum / f64::from(u32::try_from(count)?) / 1e3,
            "p99_us": f64::from(p99) / 1e3,
        })
    );
    Ok(())
}

/// One query after the other, until the time is over.
async fn ask(sender: SendRequest<Bytes>, load: Rc<Load>) -> Result<(), Failure> {
    let mut sender = sender.ready().await?;
    loop {
        let sent = Instant::now();
        if sent >= load.end {
            return Ok(());
        }
        let query = load.query();
        let (reply, mut body) = sender.send_request(request(), false)?;
        body.send_data(query.clone(), true)?;
        let (head, mut body) = reply.await?.into_parts();
        let mut message = BytesMut::new();
        while let Some(data) = body.data().await {
            let data = data?;
            body.flow_control().release_capacity(data.len())?;
            message.extend_from_slice(&data);
        }
        let trailers = body.trailers().await?;
        check(&query, &message, trailers.as_ref().unwrap_or(&head.headers))?;
        let taken = u32::try_from(sent.elapsed().as_nanos()).unwrap_or(u32::MAX);
        load.latencies.borrow_mut().push(taken);
        sender = sender.ready().await?;
    }
}

impl Load {
    /// The next query, the first again behind the last.
    fn query(&self) -> Bytes {
        let next = self.next.get();
        self.next.set((next + 1) % self.queries.len());
        self.queries.get(next).expect("a position among the queries").clone()
    }
}

/// The headers that `grpc-go` sends.
fn request() -> Request<()> {
    Request::builder()
        .method(Method::POST)
        .uri("http://localhost/coredns.dns.DnsService/Query")
        .header("content-type", "application/grpc")
        .header("user-agent", "grpc-load")
        .header("te", "trailers")
        .body(())
        .expect("a request like any other")
}

/// What came is an OK, with an answer to this query.
fn check(query: &[u8], reply: &[u8], status: &HeaderMap) -> Result<(), Failure> {
    if status.get("grpc-status").is_none_or(|code| code != "0") {
        return Err(format!("no OK: {status:?}").into());
    }
    if answers(message(query), message(reply)) {
        return Ok(());
    }
    Err(format!("{reply:02x?} does not answer {query:02x?}").into())
}

/// Whether this is a reply (QR) to that query, NOERROR, with a record in its answer section.
fn answers(query: &[u8], reply: &[u8]) -> bool {
    let (Some(asked), Some([one, two, flags, code, _, _, high, low])) =
        (query.first_chunk::<2>(), reply.first_chunk::<8>())
    else {
        return false;
    };
    asked == &[*one, *two] && flags & QR != 0 && code & RCODE == 0 && (*high, *low) != (0, 0)
}

/// The DNS message in a frame of gRPC: behind five octets of the frame, and the tag and length of its only field.
fn message(frame: &[u8]) -> &[u8] {
    // A length of 128 or more takes two octets.
    let two = frame.get(6).is_some_and(|length| *length >= 0x80);
    frame.get(7 + usize::from(two)..).unwrap_or_default()
}

/// Messages with their lengths in front, each as a frame of gRPC with a `DnsPacket`.
fn frames(mut octets: &[u8]) -> Result<Vec<Bytes>, Failure> {
    let mut frames = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        let (message, rest) = rest.split_at_checked(length).ok_or("the last query is cut off")?;
        octets = rest;
        let field = u8::try_from(length).ok().filter(|length| *length < 0x80);
        let field = field.ok_or("a query is longer than 127 octets")?;
        let mut frame = BytesMut::with_capacity(7 + length);
        frame.put_u8(0);
        frame.put_u32(u32::from(field) + 2);
        frame.put_slice(&[0x0a, field]);
        frame.put_slice(message);
        frames.push(frame.freeze());
    }
    if frames.is_empty() {
        return Err("there are no queries".into());
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: [u8; 12] = [7, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    const REPLY: [u8; 12] = [7, 8, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];

    #[test]
    fn a_frame_holds_the_message() {
        let [frame] = frames(&[&[0, 12], &QUERY[..]].concat()).unwrap().try_into().unwrap();
        assert_eq!(frame[..7], [0, 0, 0, 0, 14, 0x0a, 12]);
        assert_eq!(message(&frame), QUERY);
        assert_eq!(message(&[&[0, 0, 0, 0, 203, 0x0a, 0xc8, 1], &[5; 200][..]].concat()), [5; 200]);
        assert!(frames(&[0, 12, 1]).is_err());
        assert!(frames(&[]).is_err());
    }

    #[test]
    fn only_a_noerror_reply_with_the_same_id_and_a_record_answers() {
        assert!(answers(&QUERY, &REPLY));
        for (at, wrong) in [(0, 9), (1, 9), (2, 0x01), (3, 3), (7, 0)] {
            let mut reply = REPLY;
            reply[at] = wrong;
            assert!(!answers(&QUERY, &reply), "octet {at}");
        }
        assert!(!answers(&QUERY, &REPLY[..7]));
    }
}
