//! The list of a REST peer, read and stored.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mci_core::peer::StoreError;
use mci_http::peer::{PeerClient, PollEvent, PollPlan, poll};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use crate::dotnet::{DotNet, Mood, Settings};
use crate::store::{EAST, Memory, id, name, refusal};

/// The peer east, and the task that asks it.
struct Asked {
    peer: DotNet,
    store: Arc<Memory>,
    alive: watch::Sender<bool>,
    events: mpsc::UnboundedReceiver<PollEvent>,
    task: tokio::task::JoinHandle<()>,
}

impl Asked {
    fn start(own: Option<Vec<Value>>, every: Duration) -> Self {
        let peer = DotNet::start(Settings::new(EAST, "west"));
        peer.publishes(own);
        let store = Arc::new(Memory::default());
        let (alive, living) = watch::channel(true);
        let (sender, events) = mpsc::unbounded_channel();
        let client = PeerClient::new(&peer.url().parse().unwrap(), Some(EAST), None).unwrap();
        let kept = store.clone();
        let task = tokio::spawn(async move {
            let east = id("east");
            let plan = PollPlan::new(east.clone()).every(every);
            let sender = Mutex::new(sender);
            let observe = |event| {
                let _ = sender.lock().unwrap().send(event);
            };
            poll(&client, &east, &*kept, plan, living, observe).await;
        });
        Asked { peer, store, alive, events, task }
    }

    async fn event(&mut self) -> PollEvent {
        let event = tokio::time::timeout(Duration::from_mins(1), self.events.recv()).await;
        event.expect("an event comes").expect("it asks for ever")
    }

    fn stored(&self) -> Vec<String> {
        let one = |(hostname, endpoint): (String, mci_core::Endpoint)| {
            format!("{hostname} {}", endpoint.parts().addresses[0])
        };
        self.store.of("east").into_iter().map(one).collect()
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn listed(hostname: &str, address: &str) -> Value {
    json!({"hostname": hostname, "hostIPs": [{"ipAddress": address, "priority": 0, "weight": 50}]})
}

fn told(hostnames: usize) -> PollEvent {
    PollEvent::Told { hostnames, faults: Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_is_read_at_first_contact_and_when_it_comes_back() {
    let mut asked = Asked::start(Some(vec![listed("a.example", "192.0.2.1")]), Duration::from_hours(1));
    assert_eq!(asked.event().await, told(1));
    asked.peer.publishes(Some(vec![listed("a.example", "192.0.2.2"), listed("b.example", "192.0.2.3")]));
    // Stale for so short a moment that it may go unseen, until it is seen.
    loop {
        asked.alive.send_replace(false);
        tokio::task::yield_now().await;
        asked.alive.send_replace(true);
        if let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(500), asked.events.recv()).await {
            assert_eq!(event, told(2));
            break;
        }
    }
    until(|| asked.stored() == ["a.example 192.0.2.2", "b.example 192.0.2.3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_from_its_list_is_removed_though_its_post_was_lost() {
    let both = vec![listed("a.example", "192.0.2.1"), listed("b.example", "192.0.2.2")];
    let asked = Asked::start(Some(both), Duration::from_millis(50));
    until(|| asked.stored().len() == 2).await;
    asked.peer.publishes(Some(vec![listed("b.example", "192.0.2.2")]));
    until(|| asked.stored() == ["b.example 192.0.2.2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_without_a_view_or_an_answer_removes_nothing() {
    let mut asked = Asked::start(Some(vec![listed("a.example", "192.0.2.1")]), Duration::from_millis(50));
    until(|| asked.stored().len() == 1).await;
    asked.peer.publishes(None);
    let mut views = 0;
    while views < 3 {
        views += usize::from(asked.event().await == PollEvent::NoView);
    }
    asked.peer.feels(Mood::Fails);
    let mut failures = 0;
    while failures < 3 {
        failures += usize::from(matches!(asked.event().await, PollEvent::Unanswered(_)));
    }
    assert_eq!(asked.stored(), ["a.example 192.0.2.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_hostname_that_may_not_be_published_keeps_no_other_out() {
    let list = vec![listed("a.example", "192.0.2.1"), listed("b.example", "192.0.2.2")];
    let mut asked = Asked::start(None, Duration::from_millis(50));
    asked.store.content().refused.insert(name("a.example"));
    asked.peer.publishes(Some(list));
    let refused = PollEvent::Refused(refusal(&id("east"), &name("a.example")));
    while asked.event().await != refused {}
    until(|| asked.stored() == ["b.example 192.0.2.2"]).await;
    let away = StoreError::Unavailable { reason: "the API server is away".to_owned() };
    asked.store.content().error = Some(away.clone());
    while asked.event().await != PollEvent::NotStored(away.clone()) {}
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "it did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
