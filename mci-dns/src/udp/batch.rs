//! Many messages a system call: `recvmmsg` and `sendmmsg` over memory that is allocated once.

use core::array;
use core::cell::Cell;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, MultiResults, recvmmsg, sendmmsg};
use smallvec::SmallVec;
use socket2::Socket;
use tracing::debug;

use super::family::Family;

/// Messages in a batch. Of 16, 32 and 64, asked by dnsperf in turn, 32 took the least time a query, by 4 %.
pub(super) const BATCH: usize = 32;
/// The longest query that is read in full: as over TCP (D33). What is behind that is cut off, which D17 accepts where the
/// message itself is shorter.
const MAX_QUERY: usize = 4096;
/// From one query's buffer to the next: one cache line more than the query, because buffers that are a multiple of 4096
/// octets apart share one set of the first-level cache.
const STRIDE: usize = MAX_QUERY + 64;
/// What a reply's buffer has room for from the start: the longest reply over UDP (D23).
const REPLY: usize = 1232;

/// One query as it came.
pub(super) struct Query<'a, F: Family> {
    pub(super) octets: &'a [u8],
    pub(super) from: F::Peer,
    /// On wildcard sockets: our address that it was sent to.
    pub(super) to: Option<F::Local>,
}

/// The memory that queries are received into.
pub(super) struct Incoming<F: Family> {
    headers: MultiHeaders<F::Peer>,
    octets: Box<[u8]>,
    wildcard: bool,
}

impl<F: Family> Incoming<F> {
    pub(super) fn new(wildcard: bool) -> Self {
        Self { headers: Self::headers(wildcard), octets: vec![0; BATCH * STRIDE].into(), wildcard }
    }

    fn headers(wildcard: bool) -> MultiHeaders<F::Peer> {
        MultiHeaders::preallocate(BATCH, wildcard.then(F::control_space))
    }

    /// Receives what is there and hands it to `each`; with `MSG_WAITFORONE` sleeps until something is.
    pub(super) fn receive(
        &mut self,
        socket: &Socket,
        flags: MsgFlags,
        each: impl FnOnce(Queries<'_, F>),
    ) -> Result<(), Errno> {
        let mut buffers = self.octets.chunks_exact_mut(STRIDE);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] = array::from_fn(|_| {
            let buffer = buffers.next().unwrap_or_default();
            [IoSliceMut::new(buffer.get_mut(..MAX_QUERY).unwrap_or_default())]
        });
        let lost = Cell::new(false);
        let results = recvmmsg(socket.as_raw_fd(), &mut self.headers, &mut slices, flags, None)?;
        each(Queries { results, wildcard: self.wildcard, lost: &lost });
        if lost.get() {
            self.headers = Self::headers(self.wildcard);
        }
        Ok(())
    }
}

/// The queries of one batch.
pub(super) struct Queries<'a, F: Family> {
    results: MultiResults<'a, F::Peer>,
    wildcard: bool,
    lost: &'a Cell<bool>,
}

impl<'a, F: Family> Iterator for Queries<'a, F> {
    type Item = Query<'a, F>;

    fn next(&mut self) -> Option<Query<'a, F>> {
        loop {
            let message = self.results.next()?;
            // What a socket that was shut down gives in place of a message has no octets and no sender; an empty datagram
            // gets no reply either (D15).
            let octets = message.iovs().next().unwrap_or_default();
            let to = if self.wildcard {
                message.cmsgs().ok().and_then(|mut all| all.find_map(|control| F::local(&control)))
            } else {
                None
            };
            // The header has the length of the last control message as the room for the next one, so one without takes
            // the room away: make new headers, and drop the query, whose reply could come from a wrong address (D32).
            if self.wildcard && to.is_none() {
                self.lost.set(true);
                continue;
            }
            if octets.is_empty() {
                continue;
            }
            if let Some(from) = message.address {
                return Some(Query { octets, from, to });
            }
        }
    }
}

/// One reply, and its way.
pub(super) struct Reply<F: Family> {
    pub(super) octets: Vec<u8>,
    to: Option<F::Peer>,
    from: Option<F::Local>,
}

/// The memory that replies are written into.
pub(super) struct Outgoing<F: Family> {
    headers: MultiHeaders<F::Peer>,
    replies: Box<[Reply<F>]>,
    ready: usize,
}

impl<F: Family> Outgoing<F> {
    pub(super) fn new(wildcard: bool) -> Self {
        let reply = || Reply { octets: Vec::with_capacity(REPLY), to: None, from: None };
        Self {
            headers: MultiHeaders::preallocate(BATCH, wildcard.then(F::control_space)),
            replies: core::iter::repeat_with(reply).take(BATCH).collect(),
            ready: 0,
        }
    }

    /// Where the next reply is to be written, if the batch is not full.
    pub(super) fn next(&mut self) -> Option<&mut Vec<u8>> {
        self.replies.get_mut(self.ready).map(|reply| &mut reply.octets)
    }

    /// What was written is the reply to `query`.
    pub(super) fn push(&mut self, query: &Query<'_, F>) {
        if let Some(reply) = self.replies.get_mut(self.ready) {
            reply.to = Some(query.from);
            reply.from = query.to;
            self.ready += 1;
        }
    }

    /// Sends all, grouped by the address of ours that they come from: a call takes one control message for all.
    pub(super) fn send(&mut self, socket: &Socket) {
        let ready = self.replies.get(..core::mem::take(&mut self.ready)).unwrap_or_default();
        let mut left: SmallVec<[&Reply<F>; BATCH]> = ready.iter().collect();
        while let Some(from) = left.first().map(|reply| reply.from) {
            let mut slices: SmallVec<[[IoSlice<'_>; 1]; BATCH]> = SmallVec::new();
            let mut to: SmallVec<[Option<F::Peer>; BATCH]> = SmallVec::new();
            left.retain(|reply| {
                let other = reply.from != from;
                if !other {
                    slices.push([IoSlice::new(&reply.octets)]);
                    to.push(reply.to);
                }
                other
            });
            send_group::<F>(socket, &mut self.headers, &slices, &to, from);
        }
    }
}

/// Sends replies that all come from one address; one that cannot be sent is left out.
fn send_group<F: Family>(
    socket: &Socket,
    headers: &mut MultiHeaders<F::Peer>,
    mut slices: &[[IoSlice<'_>; 1]],
    mut to: &[Option<F::Peer>],
    from: Option<F::Local>,
) {
    let info = from.map(F::info);
    let control = info.as_ref().map(|info| [F::control(info)]);
    let control = control.as_ref().map_or(&[][..], |control| control);
    while !slices.is_empty() {
        let done = match sendmmsg(socket.as_raw_fd(), headers, slices, to, control, MsgFlags::empty()) {
            Ok(sent) => sent.count(),
            Err(Errno::EINTR) => 0,
            // An unreachable client, a firewall's refusal, no memory: this one is lost, as any datagram may be.
            Err(error) => {
                debug!(%error, "Reply not sent");
                1
            }
        };
        slices = slices.get(done..).unwrap_or_default();
        to = to.get(done..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv6Addr, SocketAddr};
    use core::time::Duration;
    use std::net::UdpSocket;

    use super::super::family::{V4, V6};
    use super::*;
    use crate::bind::bind_udp;

    fn client(at: &str) -> UdpSocket {
        let socket = UdpSocket::bind(at).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        socket
    }

    /// Receives until `want` queries have come, each batch sent back as it is; how many came.
    fn echo<F: Family>(socket: &Socket, wildcard: bool, want: usize) -> usize {
        let (mut incoming, mut outgoing) = (Incoming::<F>::new(wildcard), Outgoing::<F>::new(wildcard));
        let mut come = 0;
        while come < want {
            incoming
                .receive(socket, MsgFlags::MSG_WAITFORONE, |queries| {
                    for query in queries {
                        come += 1;
                        let reply =
                            outgoing.next().expect("a batch of replies has room for a batch of queries");
                        reply.clear();
                        reply.extend_from_slice(query.octets);
                        outgoing.push(&query);
                    }
                    outgoing.send(socket);
                })
                .expect("nothing ends the wait but a query");
        }
        come
    }

    fn bound(address: &str) -> (Socket, u16) {
        let socket = bind_udp(address.parse().unwrap()).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        (socket, port)
    }

    #[test]
    fn d32_direct_a_wildcard_socket_replies_from_each_address_it_was_asked_at() {
        let (socket, port) = bound("0.0.0.0:0");
        let client = client("127.0.0.1:0");
        let asked: Vec<SocketAddr> =
            (0..40_u8).map(|n| SocketAddr::from(([127, 0, 0, 1 + n % 3], port))).collect();
        for (n, address) in (0..).zip(&asked) {
            client.send_to(&[n], address).unwrap();
        }
        assert_eq!(echo::<V4>(&socket, true, asked.len()), asked.len());
        let mut seen = vec![None; asked.len()];
        for _ in &asked {
            let mut octets = [0; 8];
            let (length, from) = client.recv_from(&mut octets).unwrap();
            assert_eq!(length, 1);
            seen[usize::from(octets[0])] = Some(from);
        }
        assert_eq!(seen, asked.into_iter().map(Some).collect::<Vec<_>>());
    }

    #[test]
    fn d32_direct_an_ipv6_wildcard_socket_replies_too() {
        let Ok(client) = UdpSocket::bind("[::1]:0") else {
            eprintln!("skipped: this machine has no IPv6");
            return;
        };
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let (socket, port) = bound("[::]:0");
        client.send_to(b"query", (Ipv6Addr::LOCALHOST, port)).unwrap();
        echo::<V6>(&socket, true, 1);
        let mut octets = [0; 8];
        let (length, from) = client.recv_from(&mut octets).unwrap();
        assert_eq!((&octets[..length], from), (&b"query"[..], SocketAddr::from((Ipv6Addr::LOCALHOST, port))));
    }

    #[test]
    fn more_than_a_batch_comes_in_several() {
        let (socket, port) = bound("127.0.0.1:0");
        let client = client("127.0.0.1:0");
        let many = BATCH * 2 + 5;
        for n in 0..many {
            client.send_to(&n.to_be_bytes(), ("127.0.0.1", port)).unwrap();
        }
        assert_eq!(echo::<V4>(&socket, false, many), many);
        for n in 0..many {
            let mut octets = [0; 8];
            client.recv_from(&mut octets).unwrap();
            assert_eq!(octets, n.to_be_bytes());
        }
    }

    #[test]
    fn a_reply_that_cannot_be_sent_does_not_hold_the_others_up() {
        let (socket, _) = bound("127.0.0.1:0");
        let client = client("127.0.0.1:0");
        let mut outgoing = Outgoing::<V4>::new(false);
        let reachable: SocketAddr = client.local_addr().unwrap();
        // From a loopback address, no network can be reached: EINVAL. Port 0 is EINVAL too.
        for to in ["127.0.0.1:0".parse().unwrap(), reachable, "192.0.2.1:53".parse().unwrap(), reachable] {
            let SocketAddr::V4(to) = to else { unreachable!("all are IPv4") };
            outgoing.next().unwrap().extend_from_slice(b"reply");
            outgoing.push(&Query { octets: b"", from: to.into(), to: None });
        }
        outgoing.send(&socket);
        for _ in 0..2 {
            let mut octets = [0; 8];
            let (length, _) = client.recv_from(&mut octets).unwrap();
            assert_eq!(&octets[..length], b"reply");
        }
    }

    #[test]
    fn a_query_longer_than_any_is_cut_off() {
        let (socket, port) = bound("127.0.0.1:0");
        client("127.0.0.1:0").send_to(&vec![7; 60_000], ("127.0.0.1", port)).unwrap();
        let mut incoming = Incoming::<V4>::new(false);
        let mut lengths = Vec::new();
        incoming
            .receive(&socket, MsgFlags::MSG_WAITFORONE, |queries| {
                lengths.extend(queries.map(|query| query.octets.len()));
            })
            .unwrap();
        assert_eq!(lengths, [MAX_QUERY]);
    }
}
