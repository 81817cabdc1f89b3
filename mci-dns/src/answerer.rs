//! One message in, at most one out: what UDP and TCP have in common.

use core::net::SocketAddr;
use core::time::Duration;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use mci_core::wire::{Client, CookieSecrets, Disposition, Facts, Transport};
use mci_core::{Exchange, Live, Observe, Rcode, Snapshot, Way};
use rand::RngExt;
use rand::rngs::SmallRng;

use crate::rate_limit::{Limiter, RateLimit};
use crate::truncate::truncate;

/// What every listener shares.
pub(crate) struct Answerer<O> {
    pub(crate) live: Arc<Live>,
    pub(crate) observe: Arc<O>,
    cookies: CookieSecrets,
    limit: Option<(RateLimit, Limiter)>,
    start: Instant,
}

/// When a batch was received: one reading of each clock that is needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    unix: u32,
    received: Option<Instant>,
    sampled: bool,
}

/// The elapsed time is told of one batch in so many: a clock is read for each of its messages.
const SAMPLE_EVERY: u32 = 16;

impl<O: Observe> Answerer<O> {
    pub(crate) fn new(
        live: Arc<Live>,
        observe: Arc<O>,
        cookies: CookieSecrets,
        limit: Option<RateLimit>,
    ) -> Self {
        let limit = limit.map(|limit| (limit, Limiter::new(limit, RandomState::default())));
        Self { live, observe, cookies, limit, start: Instant::now() }
    }

    /// The clocks for batch number `batch` of a thread or connection.
    pub(crate) fn moment(&self, batch: u32) -> Moment {
        let sampled = batch.is_multiple_of(SAMPLE_EVERY);
        let received = (sampled || self.limit.is_some()).then(Instant::now);
        Moment { unix: unix_seconds(), received, sampled }
    }

    /// Answers `query` from `client` over UDP into `reply`; whether there is something to send.
    pub(crate) fn datagram(
        &self,
        snapshot: &Snapshot,
        query: &[u8],
        client: SocketAddr,
        moment: &Moment,
        rng: &mut SmallRng,
        reply: &mut Vec<u8>,
    ) -> bool {
        let address = client.ip();
        let limit = self.limit.as_ref().map(|(limit, limiter)| {
            let since_start = moment.received.map_or(Duration::ZERO, |at| at.duration_since(self.start));
            (limit, limiter, since_start)
        });
        let over_limit = limit.is_some_and(|(_, limiter, now)| limiter.is_over(address, now));
        let who = Client { address, now: moment.unix, cookies: &self.cookies, over_limit };
        let mut facts = snapshot.answer(query, Transport::Datagram(who), rng, reply);

        if let Some((limit, limiter, now)) = limit
            && facts.disposition != Disposition::Drop
            && !facts.cookie_valid
            && !limiter.take(address, now)
            && facts.rcode != Rcode::BADCOOKIE
        {
            if limit.slip > 0 && rng.random_range(0..limit.slip) == 0 {
                truncate(reply);
                facts.truncated = true;
            } else {
                facts.disposition = Disposition::Drop;
            }
        }
        self.finish(Way::Udp, facts, query, client, moment, reply)
    }

    /// Answers `query` from `client` over TCP into `reply`; whether there is something to send, else the connection ends.
    pub(crate) fn stream(
        &self,
        query: &[u8],
        client: SocketAddr,
        number: u32,
        rng: &mut SmallRng,
        reply: &mut Vec<u8>,
    ) -> bool {
        let moment = self.moment(number);
        let who =
            Client { address: client.ip(), now: moment.unix, cookies: &self.cookies, over_limit: false };
        let facts = self.live.load().answer(query, Transport::Tcp(who), rng, reply);
        self.finish(Way::Tcp, facts, query, client, &moment, reply)
    }

    fn finish(
        &self,
        way: Way,
        facts: Facts,
        query: &[u8],
        client: SocketAddr,
        moment: &Moment,
        reply: &mut Vec<u8>,
    ) -> bool {
        let send = match facts.disposition {
            Disposition::Reply | Disposition::NotReady | Disposition::NotFound | Disposition::Unreadable => {
                true
            }
            Disposition::Drop => {
                reply.clear();
                false
            }
        };
        let elapsed = moment.received.filter(|_| moment.sampled).map(|at| at.elapsed());
        self.observe.answered(&Exchange { way, facts, query, reply, client: Some(client), elapsed });
        send
    }
}

fn unix_seconds() -> u32 {
    // RFC 9018 §4.3 takes the low 32 bits (RFC 1982 arithmetic), so the year 2106 is nothing special.
    #[expect(clippy::cast_possible_truncation, reason = "serial number arithmetic")]
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as u32)
}
