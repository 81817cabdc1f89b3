//! Client, watches, writes, Leases and Events against the real API server, which is killed, frozen and restored.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference, Service};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use mci_kube::client::{ClusterClient, ConnectError, Options, connect};
use mci_kube::events::{News, Notice, recorder};
use mci_kube::heartbeat::{Beat, Evidence, Pulse, Said, read};
use mci_kube::lease::{self, contend};
use mci_kube::watch::{Batch, Change, ObjectKey, Progress, Relist, Source, State, Timing, Version, watch};
use mci_tests::cluster::Clusters;
use mci_tests::proxy::Proxy;
use mci_tests::require::{self, Component};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// No wait is longer than this.
const PATIENCE: Duration = Duration::from_mins(1);

/// Proofs come often, so that a test need not wait for them.
const TIMING: Timing = Timing {
    proof: Duration::from_millis(400),
    relist: Duration::from_hours(1),
    watch: Duration::from_mins(1),
    deadline: Duration::from_secs(2),
    page: 3,
};

async fn client(kubeconfig: &Path) -> ClusterClient {
    let kubeconfig = Some(kubeconfig.to_owned());
    connect(&Options { kubeconfig, context: None, component: "test".to_owned() }).await.unwrap()
}

/// A watch of a namespace's `ConfigMap`s that begin with `t-`, and what is known by it.
struct Followed {
    progress: Arc<Progress>,
    batches: mpsc::Receiver<Batch<String>>,
    known: BTreeMap<String, String>,
    relists: Vec<Relist>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Followed {
    fn begin(client: &ClusterClient, namespace: &str) -> Self {
        let progress = Arc::new(Progress::new("texts"));
        let (sender, batches) = mpsc::channel(8);
        let source = Source::of::<ConfigMap>("texts", Some(namespace));
        let decode = |object: &serde_json::value::RawValue| {
            let object: ConfigMap = mci_kube::watch::decode(object)?;
            Ok(object.data.and_then(|mut data| data.remove("text")).unwrap_or_default())
        };
        let task = tokio::spawn(watch(client.clone(), source, TIMING, Arc::clone(&progress), decode, sender));
        Self { progress, batches, known: BTreeMap::new(), relists: Vec::new(), task }
    }

    /// Takes batches until this is what is known.
    async fn knows(&mut self, expected: &[(&str, &str)]) {
        let expected: BTreeMap<String, String> =
            expected.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let reached = timeout(PATIENCE, async {
            loop {
                let ours: BTreeMap<_, _> =
                    self.known.iter().filter(|(name, _)| name.starts_with("t-")).collect();
                if ours == expected.iter().collect() {
                    return;
                }
                let batch = self.batches.recv().await.unwrap();
                self.take(batch);
            }
        })
        .await;
        assert!(reached.is_ok(), "{:?} instead of {expected:?}, {:?}", self.known, self.progress);
    }

    fn take(&mut self, batch: Batch<String>) {
        match batch {
            Batch::Replace(listing) => {
                self.relists.push(listing.reason);
                self.known =
                    listing.items.into_iter().map(|item| (item.key.name.into(), item.value)).collect();
            }
            Batch::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::Applied(seen) => self.known.insert(seen.key.name.into(), seen.value),
                        Change::Deleted { key, .. } => self.known.remove(&*key.name),
                        Change::Malformed(fault) => panic!("{fault:?}"),
                    };
                }
            }
            Batch::Absent => self.known.clear(),
        }
    }

    async fn stands(&self, wanted: impl Fn(&State) -> bool) {
        timeout(PATIENCE, self.progress.reached(|state| wanted(state))).await.unwrap();
    }
}

fn text(namespace: &str, name: &str, text: &str) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            namespace: Some(namespace.to_owned()),
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("text".to_owned(), text.to_owned())])),
        ..ConfigMap::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn follows_in_pages_and_every_proof_holds_while_others_write() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = tokio::task::block_in_place(Clusters::shared);
    let cluster = clusters.cluster(0);
    tokio::task::block_in_place(|| cluster.namespace("follows"));
    let client = client(cluster.kubeconfig()).await;
    assert!(client.version().await.unwrap().starts_with("v1."));
    for n in 0..8 {
        client.create(&text("follows", &format!("t-{n}"), "1")).await.unwrap();
    }
    let mut followed = Followed::begin(&client, "follows");
    let mut expected: Vec<_> = (0..8).map(|n| (format!("t-{n}"), "1".to_owned())).collect();
    // Writes go on while the watch is proved again and again.
    for round in 0..40 {
        let n = round % 8;
        let name = format!("t-{n}");
        let there: ConfigMap = client.get(&ObjectKey::new("follows", &name)).await.unwrap().unwrap();
        let (uid, version) = (there.metadata.uid.unwrap(), there.metadata.resource_version.unwrap());
        let version = Version(version.parse().unwrap());
        client.delete::<ConfigMap>(&ObjectKey::new("follows", &name), &uid, version).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        client.create(&text("follows", &name, &round.to_string())).await.unwrap();
        expected[n].1 = round.to_string();
    }
    let expected: Vec<_> = expected.iter().map(|(name, text)| (&**name, &**text)).collect();
    followed.knows(&expected).await;
    tokio::time::sleep(3 * TIMING.proof).await;
    assert!(followed.progress.since_contact().unwrap() <= 2 * TIMING.proof);
    assert_eq!(followed.relists, [Relist::Start]);
    assert_eq!((followed.progress.failures(), followed.progress.state()), (0, State::Following));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_at_an_old_version_is_a_conflict_and_never_brings_back_what_was_deleted() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = tokio::task::block_in_place(Clusters::shared);
    let cluster = clusters.cluster(0);
    tokio::task::block_in_place(|| cluster.namespace("conflicts"));
    let client = client(cluster.kubeconfig()).await;
    let key = ObjectKey::new("conflicts", "a");
    let made = client.create(&text("conflicts", "a", "1")).await.unwrap();
    assert!(client.create(&text("conflicts", "a", "1")).await.unwrap_err().is_conflict());
    let uid = made.metadata.uid.clone().unwrap();
    let first = Version(made.metadata.resource_version.as_ref().unwrap().parse().unwrap());
    let mut next = made.clone();
    next.data = text("", "", "2").data;
    let replaced = client.replace(&next).await.unwrap();
    assert!(client.replace(&next).await.unwrap_err().is_conflict(), "the version is old");
    let second = Version(replaced.metadata.resource_version.as_ref().unwrap().parse().unwrap());
    assert!(second > first);
    assert!(client.delete::<ConfigMap>(&key, &uid, first).await.unwrap_err().is_conflict());
    client.delete::<ConfigMap>(&key, &uid, second).await.unwrap();
    assert!(client.delete::<ConfigMap>(&key, &uid, second).await.unwrap_err().is_not_found());
    let late = client.replace(&replaced).await.unwrap_err();
    assert!(late.is_conflict() || late.is_not_found(), "{late}");
    assert_eq!(client.get::<ConfigMap>(&key).await.unwrap(), None);
    let wrong = client.create(&text("conflicts", "Not A Name", "1")).await.unwrap_err();
    assert!(wrong.is_invalid(), "{wrong}");
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "one story, in the order in which it happens")]
async fn leads_beats_applies_a_status_and_tells_events() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = tokio::task::block_in_place(Clusters::shared);
    let cluster = clusters.cluster(0);
    tokio::task::block_in_place(|| cluster.namespace("leads"));
    let client = client(cluster.kubeconfig()).await;

    let stop = CancellationToken::new();
    let options = lease::Options {
        namespace: "leads".to_owned(),
        name: "leader".to_owned(),
        identity: lease::identity("pod"),
        floor: Arc::new(|| 11),
        timing: lease::Timing::default(),
    };
    let (claim, contender) = contend(client.clone(), options);
    let contending = tokio::spawn(contender.run(stop.clone()));
    let mut told = claim.watch();
    timeout(PATIENCE, told.wait_for(Option::is_some)).await.unwrap().unwrap();
    // Renewed at least once: what is written over an object that is there is valid, too.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(claim.term(), Some(12));

    let mut pulse = Pulse::of_cluster("leads", "east", Duration::from_millis(10));
    let said = Said {
        instance: "i".to_owned(),
        term: 1,
        left: false,
        overrides: "[]".to_owned(),
        ..Said::default()
    };
    for _ in 0..2 {
        assert_eq!(pulse.heard(&client, &said).await, Ok(Beat::Written));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let lease: Lease = client.get(&ObjectKey::new("leads", "mci-heartbeat-east")).await.unwrap().unwrap();
    let expected = Evidence::Heartbeat { cluster: "east".to_owned(), counter: 2, said };
    assert_eq!(read(&lease), Ok(expected));

    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "leads", "name": "s"},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]},
    });
    let service: Service = serde_json::from_value(service).unwrap();
    client.create(&service).await.unwrap();
    let status = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"namespace": "leads", "name": "s"},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}]}},
    });
    let status: Service = serde_json::from_value(status).unwrap();
    let applied = client.apply_status(&status, "mci-operator").await.unwrap();
    assert_eq!(applied.status.unwrap().load_balancer, status.status.unwrap().load_balancer);
    assert!(applied.spec.is_some(), "only the status is ours");

    let (recorder, writer) = recorder(client.clone(), "mci-operator", "pod");
    let writing = tokio::spawn(writer.run(stop.clone()));
    for _ in 0..3 {
        recorder.tell(Notice {
            regarding: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Service".to_owned()),
                namespace: Some("leads".to_owned()),
                name: Some("s".to_owned()),
                ..ObjectReference::default()
            },
            news: News::Warning,
            reason: "NotReady",
            action: "Publish",
            note: "no endpoint is ready".to_owned(),
        });
    }
    let source = Source::of::<Event>("events", Some("leads"));
    let (sender, mut batches) = mpsc::channel(8);
    let decode = |object: &serde_json::value::RawValue| mci_kube::watch::decode::<Event>(object);
    let progress = Arc::new(Progress::new("events"));
    let events = tokio::spawn(watch(client.clone(), source, TIMING, progress, decode, sender));
    let mut seen = BTreeSet::new();
    while seen.is_empty() {
        let objects = match timeout(PATIENCE, batches.recv()).await.unwrap().unwrap() {
            Batch::Replace(listing) => listing.items,
            Batch::Changes(changes) => changes
                .into_iter()
                .filter_map(|change| match change {
                    Change::Applied(seen) => Some(seen),
                    Change::Malformed(_) | Change::Deleted { .. } => None,
                })
                .collect(),
            Batch::Absent => Vec::new(),
        };
        let ours = objects.into_iter().filter(|event| event.value.reason.as_deref() == Some("NotReady"));
        seen.extend(
            ours.map(|event| (event.value.note, event.value.type_, event.value.reporting_controller)),
        );
    }
    let expected =
        ["no endpoint is ready", "Warning", "mci.dev/mci-operator"].map(|text| Some(text.to_owned()));
    let [note, news, controller] = expected;
    assert_eq!(seen, BTreeSet::from([(note, news, controller)]));
    assert_eq!(recorder.lost(), 0);

    stop.cancel();
    timeout(PATIENCE, contending).await.unwrap().unwrap();
    timeout(PATIENCE, writing).await.unwrap().unwrap();
    events.abort();
    assert_eq!(claim.term(), None);
    let lease: Lease = client.get(&ObjectKey::new("leads", "leader")).await.unwrap().unwrap();
    assert_eq!(lease.spec.unwrap().holder_identity.unwrap_or_default(), "", "it was released");
}

#[tokio::test(flavor = "multi_thread")]
async fn survives_a_restart_a_hanging_connection_a_compaction_and_a_restored_store() {
    if !require::present(&[Component::Kubernetes]) {
        return;
    }
    let clusters = tokio::task::block_in_place(|| Clusters::start(1));
    let cluster = clusters.cluster(0);
    tokio::task::block_in_place(|| cluster.namespace("harm"));
    let direct = client(cluster.kubeconfig()).await;
    let proxy = tokio::task::block_in_place(|| Proxy::start(cluster.address()));
    // Through a proxy, as whoever may do everything.
    let kubeconfig = std::fs::read_to_string(cluster.kubeconfig()).unwrap();
    let proxied = kubeconfig.replace(&cluster.address().to_string(), &proxy.address().to_string());
    assert_ne!(proxied, kubeconfig);
    let path = clusters.folder().join("proxied");
    std::fs::write(&path, proxied).unwrap();
    let mut followed = Followed::begin(&client(&path).await, "harm");
    direct.create(&text("harm", "t-a", "1")).await.unwrap();
    followed.knows(&[("t-a", "1")]).await;

    // Killed, and back.
    cluster.api_server().kill();
    followed.stands(|state| matches!(state, State::Lost(_))).await;
    tokio::task::block_in_place(|| cluster.api_server().restart());
    followed.stands(|state| *state == State::Following).await;
    direct.create(&text("harm", "t-b", "2")).await.unwrap();
    followed.knows(&[("t-a", "1"), ("t-b", "2")]).await;

    // A connection through which nothing comes, and nobody says so.
    proxy.hang();
    followed.stands(|state| matches!(state, State::Lost(_))).await;
    followed.knows(&[("t-a", "1"), ("t-b", "2")]).await;
    assert_eq!(followed.relists, [Relist::Start], "the last state stays");
    proxy.pass();
    followed.stands(|state| *state == State::Following).await;

    // Away for so long that what happened meanwhile is forgotten.
    proxy.cut();
    followed.stands(|state| matches!(state, State::Lost(_))).await;
    direct.create(&text("harm", "t-c", "3")).await.unwrap();
    tokio::task::block_in_place(|| {
        clusters.etcd().compact();
        cluster.api_server().kill();
        cluster.api_server().restart();
    });
    proxy.pass();
    followed.knows(&[("t-a", "1"), ("t-b", "2"), ("t-c", "3")]).await;
    followed.stands(|state| *state == State::Following).await;

    assert_eq!(followed.relists, [Relist::Start, Relist::Expired]);

    // The store is restored from an older copy, while the watch stays open.
    let snapshot = tokio::task::block_in_place(|| clusters.etcd().snapshot());
    for n in 0..20 {
        direct.create(&text("harm", &format!("u-{n}"), "x")).await.unwrap();
    }
    direct.create(&text("harm", "t-lost", "4")).await.unwrap();
    followed.knows(&[("t-a", "1"), ("t-b", "2"), ("t-c", "3"), ("t-lost", "4")]).await;
    tokio::task::block_in_place(|| clusters.etcd().restore(&snapshot));
    tokio::task::block_in_place(|| cluster.api_server().restart());
    followed.knows(&[("t-a", "1"), ("t-b", "2"), ("t-c", "3")]).await;
    assert_eq!(followed.relists, [Relist::Start, Relist::Expired, Relist::WentBack]);
    direct.create(&text("harm", "t-d", "5")).await.unwrap();
    followed.knows(&[("t-a", "1"), ("t-b", "2"), ("t-c", "3"), ("t-d", "5")]).await;
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_used_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let try_with = |context: Option<&str>| {
        let options = Options {
            kubeconfig: Some(file.clone()),
            context: context.map(str::to_owned),
            component: "test".to_owned(),
        };
        async move {
            let error: ConnectError = connect(&options).await.unwrap_err();
            error.to_string()
        }
    };
    let missing = try_with(None).await;
    assert!(missing.contains(file.to_str().unwrap()), "{missing}");
    assert!(missing.contains("give --kubeconfig a file that can be read"), "{missing}");

    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "east",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "east", "context": {"cluster": "c", "user": "u"}},
                     {"name": "west", "context": {"cluster": "gone", "user": "u"}}],
        "users": [{"name": "u", "user": {"tokenFile": "/nowhere/token"}}],
    });
    std::fs::write(&file, text.to_string()).unwrap();
    let unknown = try_with(Some("north")).await;
    assert!(unknown.contains("give --context one that is there: it has east, west"), "{unknown}");
    let token = try_with(None).await;
    assert!(token.contains("context east of"), "{token}");
    assert!(token.contains("/nowhere/token cannot be read"), "{token}");
    std::fs::write(&file, "a: [").unwrap();
    assert!(try_with(None).await.contains("failed to parse kubeconfig YAML"));
}

#[tokio::test]
async fn a_call_to_nobody_says_that_nobody_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let text = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "east",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "east", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "secret"}}],
    });
    std::fs::write(&file, text.to_string()).unwrap();
    let client = client(&file).await;
    assert!(client.origin().contains("context east of"), "{}", client.origin());
    let error = client.version().await.unwrap_err().to_string();
    assert!(error.contains("cannot be reached") && error.contains("onnection refused"), "{error}");
    assert!(!format!("{client:?}{error}").contains("secret"));
}
