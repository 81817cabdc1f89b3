//! The connections that are open: whose they are, and which of them goes when there are too many.
//!
//! A stranger is a connection on which no valid key was shown. Strangers make way for whoever comes, and do not stay for
//! long; a connection of a peer is closed for neither.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// One connection, as handlers of its requests see it.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    client: SocketAddr,
    certificate: AtomicBool,
    known: AtomicBool,
}

impl Connection {
    /// From there; nothing is known of it yet.
    pub fn from(client: SocketAddr) -> Self {
        Self(Arc::new(Inner { client, certificate: AtomicBool::new(false), known: AtomicBool::new(false) }))
    }

    /// Where it comes from.
    pub fn client(&self) -> SocketAddr {
        self.0.client
    }

    /// Whether the client showed a certificate that the configured authority signed.
    pub fn has_certificate(&self) -> bool {
        self.0.certificate.load(Ordering::Relaxed)
    }

    pub(crate) fn showed_certificate(&self) {
        self.0.certificate.store(true, Ordering::Relaxed);
    }

    /// A valid key was shown on it.
    pub fn is_known(&self) -> bool {
        self.0.known.load(Ordering::Relaxed)
    }

    /// A valid key was shown on it.
    pub fn make_known(&self) {
        self.0.known.store(true, Ordering::Relaxed);
    }
}

/// Every connection that is open.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// In the order in which they came.
    by_age: BTreeMap<u64, (Connection, CancellationToken)>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    all: Arc<Connections>,
    number: u64,
    /// It is to make way.
    pub(crate) evicted: CancellationToken,
}

impl Connections {
    /// A place for one more, of `most`; where there is none, the oldest stranger makes way if `evicts` says so.
    pub(crate) fn open(
        self: &Arc<Self>,
        connection: &Connection,
        most: usize,
        evicts: bool,
    ) -> Option<Place> {
        let mut open = self.lock();
        if open.by_age.len() >= most {
            let oldest = open.by_age.iter().find(|(_, (connection, _))| evicts && !connection.is_known());
            let (number, token) = oldest.map(|(number, (_, token))| (*number, token.clone()))?;
            token.cancel();
            open.by_age.remove(&number);
        }
        let (number, evicted) = (open.next, CancellationToken::new());
        open.next += 1;
        open.by_age.insert(number, (connection.clone(), evicted.clone()));
        Some(Place { all: Arc::clone(self), number, evicted })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.all.lock().by_age.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        Connection::from(SocketAddr::from(([192, 0, 2, 1], 1)))
    }

    #[test]
    fn the_oldest_stranger_makes_way_and_nobody_who_is_known() {
        let all = Arc::new(Connections::default());
        let [known, first, second] = [connection(), connection(), connection()];
        let open = |connection| all.open(connection, 3, true);
        let places = [&known, &first, &second].map(|connection| open(connection).unwrap());
        known.make_known();
        let newest = connection();
        let place = open(&newest).expect("a stranger makes way");
        assert_eq!(places.each_ref().map(|place| place.evicted.is_cancelled()), [false, true, false]);
        for connection in [&second, &newest] {
            connection.make_known();
        }
        let last = connection();
        assert!(open(&last).is_none(), "everybody is known");
        drop(place);
        assert!(open(&last).is_some());
    }

    #[test]
    fn where_nobody_makes_way_one_too_many_has_no_place() {
        let all = Arc::new(Connections::default());
        let place = all.open(&connection(), 1, false);
        assert!(all.open(&connection(), 1, false).is_none());
        drop(place);
        assert!(all.open(&connection(), 1, false).is_some());
    }
}
