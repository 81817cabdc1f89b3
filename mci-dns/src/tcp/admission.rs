//! Who may hold a connection: no more than so many in all and for each client.
//!
//! Beyond a limit the connection that has been silent for longest goes, of that client or of all, so that connections
//! which are held open for nothing cannot lock out somebody with a question (RFC 7766 §6.2.2 lets a server close them).

use core::net::IpAddr;
use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::config::TcpLimits;

/// The connections that are open.
#[derive(Debug)]
pub(crate) struct Admission {
    limits: TcpLimits,
    /// Counts what connections do: an order in time without a clock.
    steps: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    connections: HashMap<u64, Entry>,
    /// How many of them each client has.
    clients: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Entry {
    client: IpAddr,
    seat: Arc<Seat>,
}

#[derive(Debug)]
struct Seat {
    last_active: AtomicU64,
    taken_away: CancellationToken,
}

/// A connection's leave to be open; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    number: u64,
    seat: Arc<Seat>,
}

impl Ticket {
    /// The client sent a query.
    pub(crate) fn active(&self) {
        self.seat.last_active.store(self.admission.step(), Ordering::Relaxed);
    }

    /// Ends when the connection is to be closed for another one.
    pub(crate) fn taken_away(&self) -> &CancellationToken {
        &self.seat.taken_away
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.admission.open().remove(self.number);
    }
}

impl Admission {
    pub(crate) fn new(limits: TcpLimits) -> Self {
        Self { limits, steps: AtomicU64::new(0), open: Mutex::default() }
    }

    /// Lets a connection of `client` in; whether another one was closed for it.
    pub(crate) fn admit(self: &Arc<Self>, client: IpAddr) -> (Ticket, bool) {
        let client = key(client);
        let mut open = self.open();
        let of_client = open.clients.get(&client).copied().unwrap_or_default();
        let victim = if of_client >= self.limits.connections_per_client.get() {
            open.longest_silent(|entry| entry.client == client)
        } else if open.connections.len() >= self.limits.connections.get() {
            open.longest_silent(|_| true)
        } else {
            None
        };
        if let Some(victim) = victim {
            open.close(victim);
        }
        let number = open.next;
        open.next += 1;
        let seat =
            Arc::new(Seat { last_active: AtomicU64::new(self.step()), taken_away: CancellationToken::new() });
        open.connections.insert(number, Entry { client, seat: Arc::clone(&seat) });
        *open.clients.entry(client).or_default() += 1;
        (Ticket { admission: Arc::clone(self), number, seat }, victim.is_some())
    }

    /// Closes the connection that has been silent for longest, for want of another resource; whether there was one.
    pub(crate) fn make_room(&self) -> bool {
        let mut open = self.open();
        let victim = open.longest_silent(|_| true);
        if let Some(victim) = victim {
            open.close(victim);
        }
        victim.is_some()
    }

    fn step(&self) -> u64 {
        self.steps.fetch_add(1, Ordering::Relaxed)
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // No panic can happen between two changes of it.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn longest_silent(&self, of: impl Fn(&Entry) -> bool) -> Option<u64> {
        self.connections
            .iter()
            .filter(|(_, entry)| of(entry))
            .min_by_key(|(_, entry)| entry.seat.last_active.load(Ordering::Relaxed))
            .map(|(&number, _)| number)
    }

    fn close(&mut self, number: u64) {
        if let Some(entry) = self.remove(number) {
            entry.seat.taken_away.cancel();
        }
    }

    /// A closed connection is removed at once, and again when its task has ended, which then changes nothing.
    fn remove(&mut self, number: u64) -> Option<Entry> {
        let entry = self.connections.remove(&number)?;
        if let Some(count) = self.clients.get_mut(&entry.client) {
            *count -= 1;
            if *count == 0 {
                self.clients.remove(&entry.client);
            }
        }
        Some(entry)
    }
}

/// What counts as one client: an IPv4 address, or an IPv6 /64, all of which one machine may use.
fn key(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use core::num::NonZeroUsize;

    use super::*;

    fn admission(connections: usize, per_client: usize) -> Arc<Admission> {
        Arc::new(Admission::new(TcpLimits {
            connections: NonZeroUsize::new(connections).unwrap(),
            connections_per_client: NonZeroUsize::new(per_client).unwrap(),
            ..TcpLimits::default()
        }))
    }

    fn client(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    fn closed(tickets: &[Ticket]) -> Vec<bool> {
        tickets.iter().map(|ticket| ticket.taken_away().is_cancelled()).collect()
    }

    #[test]
    fn beyond_the_limit_the_connection_that_was_silent_for_longest_is_closed() {
        let admission = admission(3, 10);
        let mut tickets: Vec<_> = (0..3).map(|n| admission.admit(client(n)).0).collect();
        tickets[0].active();
        let (ticket, closed_one) = admission.admit(client(9));
        tickets.push(ticket);
        assert!(closed_one);
        assert_eq!(closed(&tickets), [false, true, false, false]);
    }

    #[test]
    fn a_client_beyond_its_own_limit_loses_a_connection_of_its_own() {
        let admission = admission(10, 2);
        let other = admission.admit(client(1)).0;
        let tickets: Vec<_> = (0..3).map(|_| admission.admit(client(2)).0).collect();
        assert_eq!(closed(&tickets), [true, false, false]);
        assert!(!other.taken_away().is_cancelled());
    }

    #[test]
    fn a_connection_that_ended_leaves_its_place() {
        let admission = admission(2, 1);
        for _ in 0..5 {
            let (ticket, closed_one) = admission.admit(client(1));
            assert!(!closed_one);
            drop(ticket);
        }
        let open = admission.open();
        assert!(open.connections.is_empty() && open.clients.is_empty());
    }

    #[test]
    fn what_was_closed_is_counted_out_once() {
        let admission = admission(1, 1);
        let (first, _) = admission.admit(client(1));
        let (second, _) = admission.admit(client(1));
        drop(first);
        assert_eq!(admission.open().clients.get(&client(1)), Some(&1));
        drop(second);
        assert!(admission.open().clients.is_empty());
    }

    #[test]
    fn an_ipv6_64_is_one_client() {
        let of = |text: &str| key(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:0:0:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn room_is_made_as_long_as_anything_is_open() {
        let admission = admission(10, 10);
        let tickets: Vec<_> = (0..2).map(|_| admission.admit(client(1)).0).collect();
        assert!(admission.make_room());
        assert_eq!(closed(&tickets), [true, false]);
        assert!(admission.make_room());
        assert!(!admission.make_room());
    }
}
