//! UDP: one thread a socket, which receives, answers and sends in batches (D32).
//!
//! A thread sleeps in `recvmmsg` until there is a query, takes at once whatever else is there, answers all of it from one
//! snapshot, and sends all replies with one `sendmmsg` for each local address (one, but on a wildcard socket of a machine
//! with several). It waits for nothing to fill a batch and never polls.
//!
//! To end it, [`Stop::stop`] shuts the sockets' reading side down, which wakes a sleeping `recvmmsg` on Linux, connected or
//! not; where a kernel does not do so, the receive timeout ends the sleep within a second. What has been received by then
//! is answered.

mod batch;
mod family;

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use mci_core::Observe;
use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use rand::rngs::SmallRng;
use smallvec::SmallVec;
use socket2::Socket;
use tracing::warn;

use self::batch::{BATCH, Incoming, Outgoing, Query};
use self::family::{Family, V4, V6};
use crate::answerer::Answerer;

/// Ends threads that sleep in `recvmmsg`.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    stopping: AtomicBool,
    sockets: Vec<Arc<Socket>>,
}

impl Stop {
    pub(crate) fn new(sockets: Vec<Arc<Socket>>) -> Self {
        Self { stopping: AtomicBool::new(false), sockets }
    }

    /// From now on threads answer what has been received, and return.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for socket in &self.sockets {
            // ENOTCONN says that the socket has no peer; the sleeper is woken all the same.
            let _ = socket.shutdown(Shutdown::Read);
        }
    }
}

/// Answers what comes in at `socket`, bound to `address`, until `stop`.
pub(crate) fn serve<O: Observe>(
    socket: &Socket,
    address: SocketAddr,
    answerer: &Answerer<O>,
    stop: &Stop,
    rng: SmallRng,
) -> io::Result<()> {
    match address {
        SocketAddr::V4(_) => serve_family::<V4, O>(socket, address, answerer, stop, rng),
        SocketAddr::V6(_) => serve_family::<V6, O>(socket, address, answerer, stop, rng),
    }
}

/// So many failed calls in a row are no longer passing trouble.
const MAX_FAILURES: u32 = 100;

fn serve_family<F: Family, O: Observe>(
    socket: &Socket,
    address: SocketAddr,
    answerer: &Answerer<O>,
    stop: &Stop,
    mut rng: SmallRng,
) -> io::Result<()> {
    let wildcard = address.ip().is_unspecified();
    let mut incoming = Incoming::<F>::new(wildcard);
    let mut outgoing = Outgoing::<F>::new(wildcard);
    let (mut batches, mut failures) = (0_u32, 0);
    loop {
        let stopping = stop.stopping.load(Ordering::SeqCst);
        let flags = if stopping { MsgFlags::MSG_DONTWAIT } else { MsgFlags::MSG_WAITFORONE };
        let received = incoming.receive(socket, flags, |queries| {
            let snapshot = answerer.live.load();
            let moment = answerer.moment(batches);
            batches = batches.wrapping_add(1);
            let queries: SmallVec<[Query<'_, F>; BATCH]> = queries.collect();
            if queries.len() > 1 {
                snapshot.warm(queries.iter().map(|query| query.octets));
            }
            for query in queries {
                let client: SocketAddr = query.from.into();
                // Nobody sends from port 0, and nothing can be sent to it (D32).
                if client.port() == 0 {
                    continue;
                }
                if let Some(reply) = outgoing.next()
                    && answerer.datagram(&snapshot, query.octets, client, &moment, &mut rng, reply)
                {
                    outgoing.push(&query);
                }
            }
            outgoing.send(socket);
        });
        match received {
            Ok(()) => failures = 0,
            Err(Errno::EAGAIN) if stopping => return Ok(()),
            // The receive timeout, or a signal: look at `stop` again.
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(error) => {
                failures += 1;
                if failures == 1 {
                    warn!(%address, %error, "Receiving failed");
                }
                if failures == MAX_FAILURES {
                    return Err(error.into());
                }
            }
        }
    }
}
