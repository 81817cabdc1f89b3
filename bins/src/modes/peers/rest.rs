//! A peer that speaks REST alone; and the question that tells which peers do.

use std::sync::Arc;
use std::time::Duration;

use mci_http::peer::{OutboxFeed, PeerError, SendEvent, Sending, Spoken};
use tokio::time::{Instant, sleep};

use super::settings::PeerSettings;
use super::talk::Talking;

/// Before a configuration that cannot be used is looked at again: its files may be others by then.
const AGAIN: Duration = Duration::from_secs(30);

/// Asks a peer what it speaks. What went wrong has a label for metrics.
pub(super) async fn probe(settings: &PeerSettings) -> Result<Spoken, (&'static str, String)> {
    let client = settings.rest_client().map_err(|problem| ("configuration", problem))?;
    client.probe().await.map_err(|error| (label(&error), error.to_string()))
}

/// Tells it until this is dropped; it returns where that cannot even be tried.
pub(super) async fn tell(talking: &Talking, interval: Duration) {
    let Talking { settings, own, leads, standing, term: _ } = talking;
    let client = match settings.rest_client() {
        Ok(client) => client,
        Err(problem) => {
            standing.failed("configuration", problem);
            return sleep(AGAIN).await;
        }
    };
    let mut feed = OutboxFeed::new(Arc::clone(&own.outgoing.outbox));
    let observe = |event: SendEvent<'_>| match event {
        SendEvent::Heartbeat(told) => {
            standing.is_connected(told.is_ok());
            match told {
                Ok(()) => standing.acknowledged(Instant::now()),
                Err(error) => standing.failed(label(error), error.to_string()),
            }
            if !*leads.borrow() {
                standing.unsent(None);
            }
        }
        SendEvent::Host { host, told, waiting } => {
            standing.unsent(Some(waiting));
            if let Err(error) = told {
                standing.failed(label(error), format!("{}: {error}", host.hostname));
            }
        }
    };
    let changed = own.outgoing.generation.clone();
    let sending = Sending::new(client, interval);
    sending.run(changed, leads.clone(), move |plan, now| feed.feed(plan, now), observe).await;
}

const fn label(error: &PeerError) -> &'static str {
    match error {
        PeerError::Unreachable(_) => "connect",
        PeerError::Silent(_) => "stuck",
        PeerError::Key(_) | PeerError::Refused { .. } => "refused",
        PeerError::Failed { .. } => "ended",
        PeerError::Garbage(_) => "garbage",
    }
}
