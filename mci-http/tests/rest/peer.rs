//! The client against the stand-in: whatever happens between them, it holds in the end what is published.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mci_core::Hostname;
use mci_http::peer::{Hosts, PeerClient, PeerError, SendEvent, SendPlan, Sending, Spoken};
use mci_http::rest::{Host, Place, Target};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::dotnet::{DotNet, Mood, Settings};
use crate::store::{EAST, front, id, name};

/// Our key at the peer, where we are cluster west.
const KEY: &str = "west-Jk2Lm4Np6Qr8St0Uv1Wx3Yz5Ab7Cd9Ef";
/// Of heartbeats, and the timeout of the peer in most tests.
const INTERVAL: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_secs(1);

fn client(url: &str, key: &str) -> PeerClient {
    PeerClient::new(&url.parse().unwrap(), Some(key), None).unwrap().patience(Duration::from_secs(2))
}

fn host(hostname: &str, addresses: &[&str]) -> Host {
    let place = |address: &&str| Place {
        target: Target::Address(address.parse().unwrap()),
        priority: 1,
        weight: 50,
        ready: None,
    };
    Host { hostname: name(hostname), places: addresses.iter().map(place).collect() }
}

/// Waits until it is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(tokio::time::Instant::now() < deadline, "this did not happen: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The own cluster, and the task that tells it to a peer.
struct West {
    published: Arc<Mutex<BTreeMap<Hostname, Host>>>,
    changed: watch::Sender<u64>,
    leads: watch::Sender<bool>,
    /// How often a call failed, and the reasons.
    failures: Arc<Mutex<BTreeSet<String>>>,
    task: JoinHandle<()>,
}

impl West {
    fn tells(peer: &DotNet) -> Self {
        let (changed, follow) = watch::channel(0);
        let (leads, leading) = watch::channel(true);
        let published: Arc<Mutex<BTreeMap<Hostname, Host>>> = Arc::default();
        let failures: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let plan = SendPlan::new(INTERVAL).silence(TIMEOUT / 2).every(Duration::from_hours(1));
        let patient = client(&peer.url(), KEY).patience(TIMEOUT / 4);
        let sending = Sending::new(patient, INTERVAL).plan(plan);
        let (own, failed) = (published.clone(), failures.clone());
        let feed = move |plan: &mut SendPlan, now| {
            plan.want_exactly(own.lock().unwrap().values().cloned(), now);
        };
        let observe = move |event: SendEvent<'_>| {
            if let SendEvent::Heartbeat(Err(error)) | SendEvent::Host { told: Err(error), .. } = event {
                failed.lock().unwrap().insert(error.to_string());
            }
        };
        let task = tokio::spawn(sending.run(follow, leading, feed, observe));
        West { published, changed, leads, failures, task }
    }

    fn publishes(&self, host: Host) {
        self.published.lock().unwrap().insert(host.hostname.clone(), host);
        self.changed.send_modify(|generation| *generation += 1);
    }

    fn withdraws(&self, hostname: &str) {
        self.published.lock().unwrap().remove(&name(hostname));
        self.changed.send_modify(|generation| *generation += 1);
    }

    /// What a peer should hold.
    fn expected(&self) -> crate::dotnet::Hosts {
        let published = self.published.lock().unwrap();
        let hosts = published.values().filter(|host| !host.places.is_empty());
        let list = |host: &Host| serde_json::to_value(&host.places).unwrap();
        hosts.map(|host| (host.hostname.to_string(), list(host))).collect()
    }

    async fn is_known_by(&self, peer: &DotNet) {
        until("the peer holds what is published", || peer.holds("west") == self.expected()).await;
    }
}

impl Drop for West {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn settings() -> Settings {
    Settings::new(KEY, "west").timeout(TIMEOUT)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_at_once_are_told_one_at_a_time_and_none_is_lost() {
    let peer = DotNet::start(settings());
    let west = West::tells(&peer);
    for number in 0..200 {
        west.publishes(host(&format!("h{number}.example"), &["192.0.2.1", "192.0.2.2"]));
    }
    west.is_known_by(&peer).await;
    for number in 0..200 {
        match number % 3 {
            0 => west.publishes(host(&format!("h{number}.example"), &["192.0.2.3"])),
            1 => west.withdraws(&format!("h{number}.example")),
            _ => west.publishes(host(&format!("h{number}.example"), &[])),
        }
    }
    west.is_known_by(&peer).await;
    assert_eq!(peer.holds("west").len(), 67);
    assert_eq!(peer.most_posts_at_once(), 1);
    assert_eq!(peer.answers("h0.example"), [("west".to_owned(), "192.0.2.3".to_owned())].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_forgot_us_is_told_everything_again() {
    let mut peer = DotNet::start(settings());
    let west = West::tells(&peer);
    for number in 0..20 {
        west.publishes(host(&format!("h{number}.example"), &["192.0.2.1"]));
    }
    west.is_known_by(&peer).await;
    for pause in ["stopped", "hanging", "failing"] {
        let before = peer.forgot();
        match pause {
            "stopped" => peer.stop(),
            "hanging" => peer.feels(Mood::Hangs),
            _ => peer.feels(Mood::Fails),
        }
        until("the peer forgets us", || peer.forgot() > before).await;
        west.publishes(host("while.example", &["192.0.2.7"]));
        west.withdraws("h3.example");
        peer.feels(Mood::Well);
        peer.resume();
        west.is_known_by(&peer).await;
        assert_eq!(peer.holds("west").len(), 20, "after it was {pause}");
    }
    assert!(!west.failures.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_answers_garbage_or_nothing_or_without_end_is_told_once_it_is_well() {
    let peer = DotNet::start(settings());
    let west = West::tells(&peer);
    west.publishes(host("a.example", &["192.0.2.1"]));
    west.is_known_by(&peer).await;
    for mood in [Mood::Garbage, Mood::Forgetful, Mood::Endless, Mood::Hangs] {
        west.failures.lock().unwrap().clear();
        peer.feels(mood);
        west.publishes(host("a.example", &["192.0.2.2"]));
        west.publishes(host("b.example", &["192.0.2.2"]));
        until("a call fails", || !west.failures.lock().unwrap().is_empty()).await;
        west.publishes(host("a.example", &["192.0.2.3"]));
        west.withdraws("b.example");
        peer.feels(Mood::Well);
        west.is_known_by(&peer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_lead_sends_heartbeats_alone_and_tells_everything_once_it_leads() {
    let peer = DotNet::start(settings());
    let west = West::tells(&peer);
    west.leads.send_replace(false);
    until("the peer hears us", || peer.hears("west")).await;
    west.publishes(host("a.example", &["192.0.2.1"]));
    let beats = peer.requests().len();
    until("three more heartbeats", || peer.requests().len() >= beats + 3).await;
    let posts = peer.requests().iter().filter(|request| *request == "POST /Host").count();
    assert_eq!((posts, peer.holds("west")), (0, [].into()));
    west.leads.send_replace(true);
    west.is_known_by(&peer).await;
}

#[tokio::test]
async fn a_peer_is_asked_what_it_speaks() {
    let peer = DotNet::start(settings());
    assert_eq!(client(&peer.url(), KEY).probe().await, Ok(Spoken::Rest));
    let address = front().listen().await;
    let stream =
        Spoken::Stream { protocol: 1, capabilities: vec!["delta".to_owned()], cluster: "west".to_owned() };
    assert_eq!(client(&format!("http://{address}/"), EAST).probe().await, Ok(stream));
    assert_eq!(client(&format!("http://{address}"), "bad").probe().await, Err(PeerError::Key(401)));
    peer.feels(Mood::Fails);
    let failed = PeerError::Failed { status: 500, detail: "ouch".to_owned() };
    assert_eq!(client(&peer.url(), KEY).probe().await, Err(failed));
    peer.feels(Mood::Garbage);
    assert!(matches!(client(&peer.url(), KEY).probe().await, Err(PeerError::Unreachable(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_takes_a_bounded_time_and_a_bounded_number_of_octets() {
    let peer = DotNet::start(settings());
    peer.feels(Mood::Hangs);
    let hurried = client(&peer.url(), KEY).patience(Duration::from_millis(50));
    let silent = PeerError::Silent(Duration::from_millis(50));
    assert_eq!(hurried.heartbeat().await, Err(silent.clone()));
    assert_eq!(hurried.get_host().await, Err(silent));
    peer.feels(Mood::Endless);
    let garbage = |octets: usize| PeerError::Garbage(format!("it is longer than {octets} octets"));
    let patient = client(&peer.url(), KEY).largest_list(1_000_000).patience(Duration::from_mins(1));
    assert_eq!(patient.heartbeat().await, Err(garbage(64 * 1024)));
    assert_eq!(patient.get_host().await, Err(garbage(1_000_000)));
}

#[tokio::test]
async fn a_list_of_hostnames_is_read_item_by_item() {
    let peer = DotNet::start(settings());
    let client = client(&peer.url(), KEY);
    assert_eq!(client.get_host().await, Ok(None), "it has no view of its own cluster");
    peer.publishes(Some(vec![
        json!({"hostname": "A.example", "hostIPs": [{"ipAddress": "192.0.2.1", "priority": 1, "weight": 50}]}),
        json!({"hostname": "b..example", "hostIPs": []}),
        json!({"hostname": "c.example", "hostIPs": [{"ipAddress": "192.0.2.1", "priority": -1}]}),
    ]));
    let expected = Hosts {
        hosts: vec![host("a.example", &["192.0.2.1"])],
        faults: vec![
            "[1].hostname: \"b..example\" has an empty label: two dots in a row, or a dot at the beginning"
                .to_owned(),
            "[2].hostIPs[0].priority: -1 is out of range: 0 to 2147483647".to_owned(),
        ],
    };
    assert_eq!(client.get_host().await, Ok(Some(expected)));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clusters_of_mci_may_speak_rest_too() {
    let front = front();
    let client = client(&format!("http://{}", front.listen().await), EAST);
    assert_eq!(client.heartbeat().await, Ok(()));
    assert_eq!(client.post_host(&host("a.example", &["192.0.2.1"])).await, Ok(()));
    let stored = front.store.of("east");
    assert_eq!(stored["a.example"].parts().priority, 1);
    front.store.content().own = vec![(name("b.example"), stored["a.example"].clone())];
    let list = client.get_host().await.unwrap().unwrap();
    assert_eq!(list.hosts[0].endpoint(&id("east")), Some(stored["a.example"].clone()));
    front.store.content().refused.insert(name("c.example"));
    let refused = client.post_host(&host("c.example", &["192.0.2.1"])).await;
    let detail = "cluster east may not publish c.example: it lies in none of its allowedZones".to_owned();
    assert_eq!(refused, Err(PeerError::Refused { status: 403, detail }));
}
