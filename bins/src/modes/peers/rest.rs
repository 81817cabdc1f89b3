//! A peer that speaks REST alone; and the question that tells which peers do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mci_core::peer::{Outbox, ShardItem};
use mci_core::{Hostname, Shard};
use mci_grpc::peer::client_tls;
use mci_http::peer::{PeerClient, PeerError, SendEvent, SendPlan, Sending, Spoken};
use mci_http::rest::Host;
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep};
use tracing::warn;

use super::settings::PeerSettings;
use super::talk::Talking;

/// Before a configuration that cannot be used is looked at again: its files may be others by then.
const AGAIN: Duration = Duration::from_secs(30);

/// Asks a peer what it speaks. What went wrong has a label for metrics.
pub(super) async fn probe(settings: &PeerSettings) -> Result<Spoken, (&'static str, String)> {
    let client = client(settings).map_err(|problem| ("configuration", problem))?;
    client.probe().await.map_err(|error| (label(&error), error.to_string()))
}

/// Tells it until this is dropped; it returns where that cannot even be tried.
pub(super) async fn tell(talking: &Talking, interval: Duration) {
    let Talking { settings, own, leads, standing, term: _ } = talking;
    let client = match client(settings) {
        Ok(client) => client,
        Err(problem) => {
            standing.failed("configuration", problem);
            return sleep(AGAIN).await;
        }
    };
    let outbox = std::sync::Arc::clone(&own.outgoing.outbox);
    let mut feed = Feed::default();
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
    sending.run(changed, leads.clone(), move |plan| feed.feed(&outbox, plan), observe).await;
}

fn client(settings: &PeerSettings) -> Result<PeerClient, String> {
    let target = settings.target()?;
    let tls = match settings.url.scheme_str() {
        Some("https") => Some(client_tls(&target).map_err(|error| error.to_string())?),
        _ => None,
    };
    let key = settings.key.as_ref().map(|key| key.expose_secret());
    PeerClient::new(&settings.url, key, tls).map_err(|error| error.to_string())
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

/// What a plan was told of the outbox, so that a change costs as much as there is in its shard.
#[derive(Debug, Default)]
struct Feed {
    generation: u64,
    hostnames: BTreeMap<Shard, BTreeSet<Hostname>>,
}

impl Feed {
    fn feed(&mut self, outbox: &Outbox, plan: &mut SendPlan) {
        // What was not listed yet is not withdrawn.
        if !outbox.has_begun() {
            return;
        }
        let (generation, changed) = outbox.changed_since(self.generation);
        self.generation = generation;
        for (shard, _) in changed {
            let mut before = self.hostnames.remove(&shard).unwrap_or_default();
            let mut now = BTreeSet::new();
            for ShardItem { hostname, json } in outbox.items_of(shard) {
                before.remove(&hostname);
                now.insert(hostname.clone());
                match Host::from_item(hostname.clone(), &json) {
                    Ok(host) => plan.want(host),
                    Err(error) => warn!(%hostname, %error, "An entry cannot be said in REST"),
                }
            }
            for hostname in before {
                plan.withdraw(&hostname);
            }
            if !now.is_empty() {
                self.hostnames.insert(shard, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mci_core::peer::{ShardState, ShardVersion};

    use super::*;

    fn publish(outbox: &Outbox, seq: u64, items: &[(&str, &str)]) {
        let hostname: Hostname = "app.example".parse().unwrap();
        let version = ShardVersion { term: 1, seq };
        let state = ShardState { shard: Shard::of(&hostname), version, digest: seq.to_string().into() };
        let items = items.iter().map(|(hostname, addresses)| ShardItem {
            hostname: hostname.parse().unwrap(),
            json: format!(r#"{{"hostname": "{hostname}", "hostIPs": [{addresses}]}}"#).into(),
        });
        outbox.observe(state, items.collect::<Vec<_>>());
    }

    /// What is told next, while the peer hears us.
    fn told(plan: &mut SendPlan) -> Vec<(String, usize)> {
        plan.heartbeat(Duration::ZERO, Duration::ZERO, true);
        let mut told = Vec::new();
        while let Some(host) = plan.next(Duration::ZERO) {
            plan.posted(mci_http::peer::Posted::Told, Duration::ZERO);
            told.push((host.hostname.to_string(), host.places.len()));
        }
        told
    }

    #[test]
    fn a_plan_is_told_what_changes_and_what_goes() {
        let (outbox, mut plan, mut feed) =
            (Outbox::new(), SendPlan::new(Duration::from_secs(10)), Feed::default());
        publish(&outbox, 1, &[("app.example", r#"{"ipAddress": "192.0.2.1"}"#)]);
        feed.feed(&outbox, &mut plan);
        assert_eq!(told(&mut plan), []);
        outbox.begin();
        feed.feed(&outbox, &mut plan);
        assert!(told(&mut plan).contains(&("app.example".to_owned(), 1)));
        publish(&outbox, 2, &[("app.example", r#"{"ipAddress": "192.0.2.1", "ready": false}"#)]);
        feed.feed(&outbox, &mut plan);
        assert_eq!(told(&mut plan), [("app.example".to_owned(), 0)]);
        publish(&outbox, 3, &[("app.example", r#"{"ipAddress": "192.0.2.2"}"#)]);
        feed.feed(&outbox, &mut plan);
        assert_eq!(told(&mut plan), [("app.example".to_owned(), 1)]);
        publish(&outbox, 4, &[]);
        feed.feed(&outbox, &mut plan);
        assert_eq!(told(&mut plan), [("app.example".to_owned(), 0)]);
    }
}
