//! From the octets of a query to the octets of its reply: synchronous, and the same for every connection.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use mci_core::wire::Transport;
use mci_core::{Exchange, Live, Observe, Way};
use rand::rngs::SmallRng;

use crate::frame;
use crate::status::{self, Refusal};

/// One exchange in so many is timed: the clock costs more than half of a look-up.
const TIMED: u32 = 64;

/// What every connection answers from.
pub(crate) struct Backend {
    live: Arc<Live>,
    observe: Arc<dyn Observe>,
    unfinished: AtomicUsize,
    limit: usize,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend")
            .field("unfinished", &self.unfinished)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// One of the requests that may be unfinished at once (D27): held from its headers until HTTP/2 has taken its reply.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Backend>);

impl Slot {
    pub(crate) fn backend(&self) -> &Backend {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.unfinished.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a thread keeps from one answer to the next.
struct Scratch {
    chance: SmallRng,
    reply: Vec<u8>,
    until_timed: u32,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        // Draws decide which cluster serves; nothing is secret about them.
        chance: rand::make_rng(),
        reply: Vec::with_capacity(1024),
        until_timed: 0,
    });
}

impl Backend {
    pub(crate) fn new(live: Arc<Live>, observe: Arc<dyn Observe>, limit: usize) -> Self {
        Self { live, observe, unfinished: AtomicUsize::new(0), limit }
    }

    /// Whether the first sync is finished (D27).
    pub(crate) fn is_ready(&self) -> bool {
        self.live.load().is_ready()
    }

    /// A slot, unless the limit is reached; then the request is counted as turned away.
    pub(crate) fn slot(self: &Arc<Self>) -> Option<Slot> {
        if self.unfinished.fetch_add(1, Ordering::Relaxed) < self.limit {
            return Some(Slot(Arc::clone(self)));
        }
        self.unfinished.fetch_sub(1, Ordering::Relaxed);
        self.observe.overloaded(Way::Grpc);
        None
    }

    /// Answers one DNS message with the frame that carries the reply.
    pub(crate) fn answer(&self, query: &[u8], client: Option<SocketAddr>) -> Result<Bytes, Refusal> {
        SCRATCH.with_borrow_mut(|Scratch { chance, reply, until_timed }| {
            let timed = *until_timed == 0;
            *until_timed = if timed { TIMED } else { *until_timed } - 1;
            let start = timed.then(Instant::now);
            let facts = self.live.load().answer(query, Transport::Stream, chance, reply);
            let answer = status::of(facts.disposition).map(|()| frame::encode(reply));
            let elapsed = start.map(|start| start.elapsed());
            self.observe.answered(&Exchange { way: Way::Grpc, facts, query, reply, client, elapsed });
            answer
        })
    }
}
