//! Batches as watches send them, and what is answered then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use mci_core::{ClusterState, Endpoint, HostnameState, OverrideState, Publications, Shard};
use proptest::prelude::*;
use serde_json::value::to_raw_value;

use super::hostnames::{ByHostname, ByShard};
use super::*;
use crate::content;
use crate::content::shard::Version as ShardVersion;
use crate::decode;
use crate::resources::{ClusterSpec, ClusterStatus, OverrideFields};
use crate::watch::{Change, Listing, Malformed, ObjectKey, Observed, Relist, Version};

#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Listener for Heard {
    fn changed(&self, _: &Changes) {}
    fn held(&self, hostnames: &[Hostname]) {
        self.0.lock().unwrap().push(format!("held {}", hostnames.len()));
    }
    fn holding(&self, _: &mut dyn Iterator<Item = &Hostname>) {}
    fn answering_from_file(&self) {
        self.0.lock().unwrap().push("file".to_owned());
    }
    fn synced(&self) {
        self.0.lock().unwrap().push("synced".to_owned());
    }
}

fn id(text: &str) -> ClusterId {
    text.parse().unwrap()
}

fn state_of(host: &str, clusters: &[(&str, &str)]) -> HostnameState {
    let endpoint = |(cluster, ip): &(&str, &str)| Endpoint::new(id(cluster), [ip.parse().unwrap()]);
    clusters
        .iter()
        .fold(HostnameState::new(host.parse().unwrap()), |state, one| state.endpoint(endpoint(one)))
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("mci", name)
}

fn observed<T>(name: &str, value: T) -> Observed<T> {
    Observed { key: key(name), uid: "u".into(), version: Version(1), value }
}

fn listing<T>(items: Vec<Observed<T>>, malformed: &[&str]) -> Batch<T> {
    let broken = |name: &&str| Malformed {
        key: key(name),
        uid: "u".into(),
        version: Version(1),
        problem: "broken".to_owned(),
    };
    Batch::Replace(Listing {
        version: Version(1),
        reason: Relist::Start,
        items,
        malformed: malformed.iter().map(broken).collect(),
        vanished: Vec::new(),
    })
}

/// The list of these hostnames, through the objects that hold them.
fn hostname_list(states: &[HostnameState]) -> Batch<HostnameItem> {
    let decode = decode::hostname_caches(Arc::default());
    let item = |state: &HostnameState| {
        let object = content::hostname::write(state);
        observed(object.metadata.name.as_deref().unwrap(), decode(&to_raw_value(&object).unwrap()).unwrap())
    };
    listing(states.iter().map(item).collect(), &[])
}

fn cluster(
    name: &str,
    state: ClusterState,
    held_back: Option<(OverrideState, &str)>,
) -> Observed<ClusterItem> {
    let fields = |(state, until): (OverrideState, &str)| OverrideFields {
        state,
        reason: None,
        by: None,
        until: Some(until.to_owned()).filter(|until| !until.is_empty()),
    };
    let object = Cluster {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        spec: ClusterSpec { held_back: held_back.map(|one| fields(one).into()), ..ClusterSpec::default() },
        status: Some(ClusterStatus { state: Some(state), ..ClusterStatus::default() }),
        ..Cluster::default()
    };
    let decode = decode::clusters(Arc::default());
    observed(name, decode(&to_raw_value(&object).unwrap()).unwrap())
}

fn all_alive() -> Batch<ClusterItem> {
    listing(["east", "west"].map(|name| cluster(name, ClusterState::Alive, None)).into(), &[])
}

fn options(source: Source) -> Options {
    Options {
        namespace: "mci".to_owned(),
        cluster: id("east"),
        source,
        timing: Timing::default(),
        withdrawal: WithdrawalLimits::default(),
    }
}

struct World<H: hostnames::Hostnames> {
    live: Arc<Live>,
    heard: Arc<Heard>,
    state: State<H>,
}

impl<H: hostnames::Hostnames> World<H> {
    fn new(source: Source, file: Option<Snapshot>) -> Self {
        let live = Arc::new(Live::new(Snapshot::unready()));
        let heard = Arc::new(Heard::default());
        let state = State::new(&options(source), Arc::clone(&live), Arc::<Heard>::clone(&heard), file);
        Self { live, heard, state }
    }

    fn hostnames(&self) -> BTreeSet<String> {
        self.live.load().hostnames().map(|hostname| hostname.to_string()).collect()
    }

    fn heard(&self) -> Vec<String> {
        self.heard.0.lock().unwrap().clone()
    }
}

fn synced(states: &[HostnameState]) -> World<ByHostname> {
    let mut world = World::new(Source::HostnameCaches, None);
    world.state.clusters(all_alive());
    world.state.hostnames(hostname_list(states));
    world
}

fn many(count: usize) -> Vec<HostnameState> {
    (0..count).map(|at| state_of(&format!("n{at}.example"), &[("west", "192.0.2.1")])).collect()
}

fn names(states: &[HostnameState]) -> BTreeSet<String> {
    states.iter().map(|state| state.hostname().to_string()).collect()
}

fn snapshot_of(states: &[HostnameState]) -> Snapshot {
    Snapshot::default().edited(|edit| {
        for state in states {
            edit.upsert(state.clone());
        }
    })
}

#[test]
fn nothing_is_answered_before_both_lists_are_there() {
    let states = many(2);
    let mut world = World::<ByHostname>::new(Source::HostnameCaches, None);
    world.state.hostnames(hostname_list(&states));
    assert!(!world.live.load().is_ready());
    world.state.clusters(all_alive());
    assert!(world.live.load().is_ready());
    assert_eq!((world.hostnames(), world.heard()), (names(&states), vec!["synced".to_owned()]));
}

#[test]
fn what_happens_between_the_two_lists_is_in_the_first_answer() {
    let states = many(3);
    let mut world = World::<ByHostname>::new(Source::HostnameCaches, None);
    world.state.hostnames(hostname_list(&states[..2]));
    let Batch::Replace(listed) = hostname_list(&states) else { unreachable!() };
    let third = listed.items.into_iter().nth(2).unwrap();
    let first = content::hostname::write(&states[0]).metadata.name.unwrap();
    world.state.hostnames(Batch::Changes(vec![
        Change::Applied(third),
        Change::Deleted { key: key(&first), version: Version(2) },
    ]));
    world.state.clusters(all_alive());
    assert_eq!(world.hostnames(), names(&states[1..]));
}

#[test]
fn r26_all_caches_deleted_withdraw_nothing() {
    let states = many(30);
    let mut world = synced(&states);
    world.state.hostnames(hostname_list(&[]));
    assert_eq!(world.hostnames(), names(&states));
    assert!(world.state.next_due().is_some(), "they are settling");
}

#[tokio::test(start_paused = true)]
async fn r26_one_confirmation_lets_go_what_the_operator_withdraws_by_it() {
    let states = many(30);
    let mut world = synced(&states);
    let mut confirmed = cluster("east", ClusterState::Alive, None);
    confirmed.value.0.withdrawal_confirmed_at = Some(1_800_000_000);
    world.state.clusters(Batch::Changes(vec![Change::Applied(confirmed)]));
    world.state.hostnames(hostname_list(&[]));
    tokio::time::advance(Duration::from_secs(3)).await;
    world.state.due();
    assert_eq!((world.hostnames().len(), world.state.held()), (0, 0));

    let mut world = synced(&states);
    let mut confirmed = cluster("east", ClusterState::Alive, None);
    confirmed.value.0.withdrawal_confirmed_at = Some(1_800_000_000);
    world.state.clusters(Batch::Changes(vec![Change::Applied(confirmed)]));
    tokio::time::advance(Duration::from_secs(61)).await;
    world.state.hostnames(hostname_list(&[]));
    tokio::time::advance(Duration::from_secs(3)).await;
    world.state.due();
    assert_eq!(
        (world.hostnames().len(), world.state.held()),
        (30, 30),
        "a minute later it is another matter"
    );
}

#[test]
fn while_the_definition_is_gone_nothing_settles() {
    let states = many(3);
    let mut world = synced(&states);
    world.state.hostnames(hostname_list(&states[..1]));
    world.state.hostnames(Batch::Absent);
    assert_eq!(world.state.next_due(), None);
    world.state.hostnames(hostname_list(&states));
    assert_eq!((world.state.next_due(), world.hostnames()), (None, names(&states)));
}

#[test]
fn an_object_that_cannot_be_read_any_more_keeps_its_last_word() {
    let states = many(2);
    let mut world = synced(&states);
    let broken = content::hostname::write(&states[1]).metadata.name.unwrap();
    let Batch::Replace(first) = hostname_list(&states[..1]) else { unreachable!() };
    world.state.hostnames(listing(first.items, &[&broken]));
    assert_eq!((world.state.next_due(), world.hostnames()), (None, names(&states)));
}

#[test]
fn an_object_under_a_foreign_name_is_nobodys() {
    let decoding = Arc::new(Decoding::default());
    let decode = decode::hostname_caches(Arc::clone(&decoding));
    let mut object = content::hostname::write(&many(1)[0]);
    object.metadata.name = Some("app".to_owned());
    assert!(decode(&to_raw_value(&object).unwrap()).unwrap().0.is_none());
    assert_eq!(decoding.strangers(), 1);
}

#[test]
fn the_snapshot_file_answers_until_the_first_sync_is_whole() {
    let states = many(3);
    let mut world = World::<ByHostname>::new(Source::HostnameCaches, Some(snapshot_of(&states)));
    world.state.take_over();
    assert!(world.live.load().is_ready());
    assert_eq!(world.hostnames(), names(&states));
    world.state.clusters(all_alive());
    world.state.hostnames(hostname_list(&states[..2]));
    assert_eq!(world.hostnames(), names(&states), "what was answered is given its time to settle");
    assert!(world.state.next_due().is_some());
    assert_eq!(world.heard(), ["file", "synced"]);
}

#[test]
fn r26_a_first_list_that_lost_nearly_everything_is_not_believed() {
    let states = many(30);
    let mut world = World::<ByHostname>::new(Source::HostnameCaches, Some(snapshot_of(&states)));
    world.state.clusters(all_alive());
    world.state.hostnames(hostname_list(&[]));
    assert_eq!((world.hostnames(), world.state.held()), (names(&states), 30));
    assert_eq!(world.heard(), ["held 30", "synced"]);
}

#[test]
fn a_file_that_is_a_little_out_of_date_adds_nothing_to_the_first_list() {
    let states = many(5);
    let mut world = World::<ByHostname>::new(Source::HostnameCaches, Some(snapshot_of(&states)));
    world.state.clusters(all_alive());
    world.state.hostnames(hostname_list(&states[..4]));
    assert_eq!(world.hostnames(), names(&states[..4]));
}

#[test]
fn r24_overrides_hold_until_their_end_or_their_clusters() {
    let mut world = synced(&many(1));
    let held_back = |world: &World<ByHostname>| {
        let snapshot = world.live.load();
        snapshot.cluster_status(&id("west")).unwrap().held_back.as_ref().map(|one| one.state)
    };
    let change = |observed| Batch::Changes(vec![Change::Applied(observed)]);
    world.state.clusters(change(cluster("west", ClusterState::Alive, Some((OverrideState::Drained, "")))));
    assert_eq!(held_back(&world), Some(OverrideState::Drained));
    let over = Some((OverrideState::Down, "2020-01-01T00:00:00Z"));
    world.state.clusters(change(cluster("west", ClusterState::Alive, over)));
    assert_eq!(held_back(&world), None, "its end has come");
    world.state.clusters(change(cluster("west", ClusterState::Alive, Some((OverrideState::Down, "")))));
    world.state.clusters(Batch::Absent);
    assert_eq!(held_back(&world), Some(OverrideState::Down), "not to hear of it lifts nothing");
    world.state.clusters(Batch::Changes(vec![Change::Deleted { key: key("west"), version: Version(9) }]));
    assert_eq!(held_back(&world), None);
}

#[test]
fn r20_a_clusters_state_is_as_its_object_says() {
    let mut world = synced(&many(1));
    world.state.clusters(listing(vec![cluster("west", ClusterState::Stale, None)], &[]));
    let snapshot = world.live.load();
    assert_eq!(snapshot.cluster_status(&id("west")).unwrap().state, ClusterState::Stale);
}

/// The shards that these clusters publish, through the objects that hold them.
fn shard_list(published: &BTreeMap<String, BTreeMap<String, u8>>) -> Batch<ShardItem> {
    let decode = decode::cluster_caches(Arc::default());
    let mut items = Vec::new();
    for (cluster, hosts) in published {
        let mut shards: BTreeMap<Shard, Vec<(Hostname, Endpoint)>> = BTreeMap::new();
        for (host, last) in hosts {
            let hostname: Hostname = host.parse().unwrap();
            let endpoint = Endpoint::new(id(cluster), [format!("192.0.2.{last}").parse().unwrap()]);
            shards.entry(Shard::of(&hostname)).or_default().push((hostname, endpoint));
        }
        for (shard, entries) in shards {
            let entries = entries.iter().map(|(hostname, endpoint)| (hostname, endpoint));
            let (object, _) =
                content::shard::write(&id(cluster), shard, ShardVersion::default(), entries, Vec::new());
            let name = object.metadata.name.clone().unwrap();
            items.push(observed(&name, decode(&to_raw_value(&object).unwrap()).unwrap()));
        }
    }
    listing(items, &[])
}

/// What an orchestrator makes of them.
fn merged(published: &BTreeMap<String, BTreeMap<String, u8>>) -> Vec<HostnameState> {
    let mut publications = Publications::new();
    for (cluster, hosts) in published {
        for (host, last) in hosts {
            let hostname: Hostname = host.parse().unwrap();
            let shard = Shard::of(&hostname);
            let endpoint = Endpoint::new(id(cluster), [format!("192.0.2.{last}").parse().unwrap()]);
            // Hosts of one shard would replace each other: these few names have shards of their own.
            publications.put(&id(cluster), shard, [(hostname, endpoint)]);
        }
    }
    publications.hostnames().map(|hostname| publications.state(hostname).unwrap()).collect()
}

proptest! {
    /// Whichever caches a server reads, it answers the same.
    #[test]
    fn both_sources_give_equal_snapshots(
        published in prop::collection::btree_map(
            prop::sample::select(vec!["east", "north", "west"]).prop_map(str::to_owned),
            prop::collection::btree_map((0_u8..9).prop_map(|at| format!("app-{at}.example")), 1_u8..4, 0..6),
            0..4,
        ),
    ) {
        let mut by_hostname = World::<ByHostname>::new(Source::HostnameCaches, None);
        by_hostname.state.clusters(all_alive());
        by_hostname.state.hostnames(hostname_list(&merged(&published)));
        let mut by_shard = World::<ByShard>::new(Source::ClusterCaches, None);
        by_shard.state.clusters(all_alive());
        by_shard.state.hostnames(shard_list(&published));
        prop_assert!(by_shard.live.load().is_ready());
        prop_assert_eq!(by_hostname.live.load().digest(), by_shard.live.load().digest());
    }
}
