//! Heartbeats as peers are sent them, from every replica (R21).
//!
//! ```text
//!   index: one is due, and what the own Cluster says ──┐
//!   own heartbeat Lease: instance, what is newer ──────┴──► Beat ──► whoever sends to peers
//! ```
//!
//! They do not wait for the API server: a cluster whose API server is gone lives, and its peers hear that it does.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use std::time::Duration;

use mci_core::peer::Heartbeat;

use super::pulse::{Due, Learnt};
use crate::heartbeat::Said;

/// A heartbeat that is to be sent to every peer now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// Counts up; 0 before there is one to send.
    pub number: u64,
    /// So long until the next one.
    pub interval: Duration,
    /// What it says.
    pub heartbeat: Heartbeat,
    /// Whether this replica leads and sees the API server: then what it says holds, even against a peer that has heard
    /// something of a higher term.
    pub leads: bool,
}

/// Tells each heartbeat that is due, until `stop`.
pub(super) async fn tell(
    mut due: watch::Receiver<Due>,
    mut learnt: watch::Receiver<Learnt>,
    to: watch::Sender<Beat>,
    stop: CancellationToken,
) {
    loop {
        let changed = async {
            tokio::select! {
                changed = due.changed() => changed.is_ok(),
                changed = learnt.changed() => changed.is_ok(),
            }
        };
        if !matches!(stop.run_until_cancelled(changed).await, Some(true)) {
            return;
        }
        let Some(beat) = beat(&due.borrow_and_update(), &learnt.borrow_and_update()) else { continue };
        to.send_if_modified(|told| {
            let differs = *told != beat;
            *told = beat;
            differs
        });
    }
}

/// Nothing while it is not known which installation this is.
fn beat(due: &Due, learnt: &Learnt) -> Option<Beat> {
    let Due { number, interval, term, left, overrides, view_age, leads } = due;
    if *number == 0 {
        return None;
    }
    let Learnt { instance, newer } = learnt;
    let own = Said { term: *term, left: *left, overrides: overrides.clone(), ..Said::default() };
    // Another replica saw a newer state of the own `Cluster`.
    let Said { instance: _, term, left, overrides, protocol: _, view: _ } =
        newer.clone().filter(|newer| newer.term > own.term).unwrap_or(own);
    let heartbeat = Heartbeat { instance: instance.clone()?, term, left, overrides, view_age: *view_age };
    Some(Beat { number: *number, interval: *interval, heartbeat, leads: *leads })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(term: u64, left: bool) -> Due {
        let view_age = Some(Duration::from_secs(1));
        Due { number: 3, interval: Duration::from_secs(10), term, left, view_age, ..Due::default() }
    }

    fn learnt(newer: Option<Said>) -> Learnt {
        Learnt { instance: Some("uid".to_owned()), newer }
    }

    #[test]
    fn nothing_is_said_before_it_is_due_or_known_who_speaks() {
        assert_eq!(beat(&Due::default(), &learnt(None)), None);
        assert_eq!(beat(&due(5, false), &Learnt::default()), None);
    }

    #[test]
    fn what_another_replica_saw_later_is_said() {
        let newer = |term| learnt(Some(Said { term, left: true, ..Said::default() }));
        let said = |learnt: &Learnt| {
            let Beat { heartbeat, .. } = beat(&due(5, false), learnt).unwrap();
            (heartbeat.instance, heartbeat.term, heartbeat.left, heartbeat.view_age.unwrap().as_secs())
        };
        assert_eq!(said(&learnt(None)), ("uid".to_owned(), 5, false, 1));
        assert_eq!(said(&newer(5)), ("uid".to_owned(), 5, false, 1));
        assert_eq!(said(&newer(6)), ("uid".to_owned(), 6, true, 1));
    }
}
