//! What peers are sent, and what they hold instead.

use std::time::Duration;

use mci_core::peer::{Sender, ShardState, ShardUpdate, ShardVersion, Window};
use mci_core::{Hostname, Shard};
use mci_kube::operator::Outgoing;
use serde_json::{Value, json};

use crate::common::{Asked, FakeApi, Fate};
use crate::world::*;

fn shard(hostname: &str) -> Shard {
    Shard::of(&hostname.parse::<Hostname>().unwrap())
}

/// A peer that stores what is higher, as peers do.
struct Peer {
    sender: Sender,
    held: Vec<ShardUpdate>,
}

impl Peer {
    fn holding(states: &[ShardState], to: &Outgoing) -> Self {
        let mut sender = Sender::new(Window::default(), true);
        sender.held(states.to_vec(), true, &to.outbox).unwrap();
        Self { sender, held: Vec::new() }
    }

    /// Takes all that there is to send now; what it holds of a shard then.
    fn take(&mut self, to: &Outgoing) {
        self.sender.changed(&to.outbox);
        to.outdone.notify_one();
        while let Some(update) = self.sender.next(&to.outbox) {
            let state = update.state.clone();
            self.held.push(update);
            self.sender.stored(state, &to.outbox).unwrap();
        }
    }

    fn last(&self, hostname: &str) -> Option<&ShardState> {
        let of = |update: &&ShardUpdate| update.state.shard == shard(hostname);
        self.held.iter().rfind(of).map(|update| &update.state)
    }

    /// What waits is nothing: it holds what the API server holds.
    fn is_even(&self, to: &Outgoing) -> bool {
        self.sender.is_listed() && self.sender.unsent() == 0 && to.outbox.take_outdone().is_empty()
    }
}

fn state(hostname: &str, term: u64, seq: u64, digest: &str) -> ShardState {
    ShardState { shard: shard(hostname), version: ShardVersion { term, seq }, digest: digest.into() }
}

fn in_api(api: &FakeApi, hostname: &str) -> Option<ShardState> {
    let object = api.get(SHARDS, NAMESPACE, &shard_name("west", hostname))?;
    let number = |field: &str| object[field].as_u64().unwrap();
    Some(state(hostname, number("term"), number("seq"), object["digest"].as_str().unwrap()))
}

fn is_write_of_shards(asked: &Asked) -> bool {
    asked.is_write() && asked.path.contains("clustercaches")
}

#[tokio::test(start_paused = true)]
async fn peers_are_sent_what_the_api_server_holds_as_it_stands_there() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let mut replica = Replica::start(&api, "pod-0");
    let outbox = std::sync::Arc::clone(&replica.outgoing.outbox);
    until("sent", || in_api(&api, "app.example").is_some_and(|stored| outbox.states() == [stored])).await;
    let items = replica.outgoing.outbox.items();
    let stored = api.get(SHARDS, NAMESPACE, &shard_name("west", "app.example")).unwrap();
    let sent: Vec<Value> = items.iter().map(|item| serde_json::from_str(&item.json).unwrap()).collect();
    assert_eq!(json!(sent), stored["hostnames"]);

    // What the API server refuses, no peer hears of.
    let generation = *replica.outgoing.generation.borrow_and_update();
    api.hook(|asked| if is_write_of_shards(asked) { Fate::Refuse(500, None) } else { Fate::Pass });
    slice(&api, "web", false);
    after(10).await;
    assert_eq!(replica.outgoing.outbox.generation(), generation);
    api.unhook();
    tokio::time::timeout(Duration::from_secs(10), replica.outgoing.generation.changed())
        .await
        .unwrap()
        .unwrap();
    until("sent", || replica.outgoing.outbox.items()[0].json.contains("\"ready\":false")).await;
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_holds_more_than_a_restored_store_is_healed() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let replica = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    // Two peers that heard different things of this cluster's life before, one of them of a hostname that is none here.
    let mut one = Peer::holding(
        &[state("app.example", 7, 30, "other"), state("gone.example", 7, 2, "more")],
        &replica.outgoing,
    );
    let mut two = Peer::holding(&[state("app.example", 9, 2, "third")], &replica.outgoing);
    let even = |peer: &Peer, hostname: &str| peer.last(hostname) == in_api(&api, hostname).as_ref();
    until("healed", || {
        one.take(&replica.outgoing);
        two.take(&replica.outgoing);
        ["app.example", "gone.example"].iter().all(|name| even(&one, name) && even(&two, name))
    })
    .await;
    assert!(version(&api, "app.example").0 > 9, "{:?}", version(&api, "app.example"));
    let empty = api.get(SHARDS, NAMESPACE, &shard_name("west", "gone.example")).unwrap();
    assert_eq!(empty["hostnames"], json!([]), "what peers hold beyond that is withdrawn there");
    assert_eq!(ready(&api, "app.example"), Some(true));

    // And that is all.
    let writes = api.count(is_write_of_shards);
    after(120).await;
    one.take(&replica.outgoing);
    two.take(&replica.outgoing);
    assert!(one.is_even(&replica.outgoing) && two.is_even(&replica.outgoing));
    assert_eq!(api.count(is_write_of_shards), writes);
    let before = version(&api, "app.example");
    replica.stop().await;
    // Whoever leads next writes above it, whatever its Lease says.
    let next = Replica::start(&api, "pod-1");
    until("leads", || next.leads()).await;
    slice(&api, "web", false);
    until("not ready", || ready(&api, "app.example") == Some(false)).await;
    assert!(version(&api, "app.example") > before, "{:?}", version(&api, "app.example"));
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_standby_writes_nothing_above_what_peers_hold() {
    let api = api();
    service(&api, "web", "192.0.2.1", true);
    gslb(&api, "app", "web", &["app.example"]);
    let leader = Replica::start(&api, "pod-0");
    until("published", || ready(&api, "app.example") == Some(true)).await;
    let standby = Replica::start(&api, "pod-1");
    until("warm", || standby.gauges.is_synced()).await;
    let writes = api.count(is_write_of_shards);
    assert!(standby.outgoing.outbox.outdone(state("app.example", 7, 30, "other")));
    standby.outgoing.outdone.notify_one();
    after(30).await;
    assert_eq!(api.count(is_write_of_shards), writes);
    leader.stop().await;
    standby.stop().await;
}

#[tokio::test(start_paused = true)]
async fn r21_heartbeats_for_peers_go_on_while_the_api_server_is_away_and_say_since_when() {
    let api = api();
    let mut replica = Replica::start(&api, "pod-0");
    until("leads", || replica.leads() && replica.beats.borrow().number > 0).await;
    after(15).await;
    let beat = replica.beats.borrow_and_update().clone();
    let instance = api.get("/api/v1/namespaces", "", NAMESPACE).unwrap()["metadata"]["uid"].clone();
    assert_eq!(json!(beat.heartbeat.instance), instance);
    assert_eq!((beat.heartbeat.view_age, beat.leads), (Some(Duration::ZERO), true));
    api.hook(|_| Fate::Refuse(503, None));
    api.end_watches();
    after(120).await;
    let later = replica.beats.borrow_and_update().clone();
    assert!(later.number >= beat.number + 11, "{later:?}");
    assert!(!replica.leads() && !later.leads);
    let age = later.heartbeat.view_age.unwrap();
    assert!(age > Duration::from_secs(90), "{age:?}");
    replica.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_who_leads_says_how_old_the_view_is() {
    let api = api();
    let replicas = [Replica::start(&api, "pod-0"), Replica::start(&api, "pod-1")];
    until("led", || replicas.iter().any(Replica::leads)).await;
    after(30).await;
    for replica in &replicas {
        assert_eq!(replica.beats.borrow().heartbeat.view_age.is_some(), replica.leads());
    }
    for replica in replicas {
        replica.stop().await;
    }
}
