//! The configuration's file while a program runs.

use std::fs;
use std::sync::Mutex;

use mci_http::Reload;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use super::super::*;

/// A file that is followed, and what was heard of it.
struct Followed {
    folder: tempfile::TempDir,
    configs: tokio::sync::watch::Receiver<Arc<Config>>,
    reloads: tokio::sync::mpsc::UnboundedReceiver<Reload>,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Followed {
    fn begin(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key"), "first").unwrap();
        let path = folder.path().join("config.yaml");
        fs::write(&path, text).unwrap();
        let (_, follower) =
            load(Some(&path), &Written::<OPERATOR>::default(), Environment::default()).unwrap();
        let (sender, reloads) = tokio::sync::mpsc::unbounded_channel();
        let sender = Arc::new(Mutex::new(sender));
        let (configs, shutdown) = (follower.subscribe(), CancellationToken::new());
        let heard = move |reload| sender.lock().unwrap().send(reload).unwrap();
        let running = tokio::spawn(follower.run(heard, shutdown.clone()));
        Self { folder, configs, reloads, shutdown, running }
    }

    /// Writes a file and waits for what becomes of it.
    async fn write(&mut self, name: &str, text: &str) -> Reload {
        let (new, path) = (self.folder.path().join("new"), self.folder.path().join(name));
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
        self.next().await
    }

    async fn next(&mut self) -> Reload {
        let deadline = Duration::from_secs(20);
        tokio::time::timeout(deadline, self.reloads.recv()).await.expect("news within the deadline").unwrap()
    }

    fn set(&self) -> (u32, usize) {
        let config = self.configs.borrow();
        (config.settings.ttl.seconds(), config.peers.len())
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.running.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_new_version_is_taken_whole_and_a_wrong_one_not_at_all() {
    let mut followed = Followed::begin("clusterIdentifier: west\ndefaults: {ttl: 5}\n");
    let peers = "peers: [{identifier: east, url: 'https://east.example'}]";
    let new = format!("clusterIdentifier: west\ndefaults: {{ttl: 6}}\n{peers}\n");
    assert_eq!(followed.write("config.yaml", &new).await, Reload::Applied);
    assert_eq!(followed.set(), (6, 1));
    let wrong = "clusterIdentifier: west\ndefaults: {ttl: 7}\npeers: [{identifier: east}]\n";
    assert_eq!(followed.write("config.yaml", wrong).await, Reload::Refused);
    assert_eq!(followed.set(), (6, 1));
    assert_eq!(followed.write("config.yaml", &new).await, Reload::Unchanged);
    fs::remove_file(followed.folder.path().join("config.yaml")).unwrap();
    assert_eq!(followed.next().await, Reload::Refused);
    assert_eq!(followed.set(), (6, 1));
    followed.end().await;
}

#[tokio::test]
async fn what_cannot_change_while_it_runs_is_refused() {
    let mut followed = Followed::begin("clusterIdentifier: west\nlisten: {grpc: '127.0.0.1:1'}\n");
    let moved = "clusterIdentifier: west\nlisten: {grpc: '127.0.0.1:2'}\ndefaults: {ttl: 9}\n";
    assert_eq!(followed.write("config.yaml", moved).await, Reload::Refused);
    assert_eq!(followed.set(), (5, 0));
    followed.end().await;
}

#[test]
fn what_needs_a_restart_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yaml");
    fs::write(&path, "clusterIdentifier: west\nnamespace: mci\n").unwrap();
    let (_, follower) = load(Some(&path), &Written::<OPERATOR>::default(), Environment::default()).unwrap();
    let new = super::file(
        "clusterIdentifier: east\ndefaults: {ttl: 9}\ncookieSecrets: [00112233445566778899aabbccddeeff]\n",
    );
    let problems =
        follower.refused(&new).unwrap().to_string().replace(&path.display().to_string(), "old.yaml");
    insta::assert_snapshot!(problems, @"
    c.yaml:1: clusterIdentifier: needs a restart: it differs from what this process runs with; until then, or until it is set back, nothing of this version is taken
    c.yaml:3: cookieSecrets: needs a restart: it differs from what this process runs with; until then, or until it is set back, nothing of this version is taken
    old.yaml: namespace: needs a restart: it differs from what this process runs with; until then, or until it is set back, nothing of this version is taken
    ");
}

#[tokio::test]
async fn a_key_that_is_replaced_in_its_file_is_taken() {
    let peer =
        "clusterIdentifier: west\npeers: [{identifier: east, url: 'https://east.example', keyFile: key}]\n";
    let mut followed = Followed::begin(peer);
    // The files with secrets are read once more when they begin to be followed.
    assert_eq!(followed.next().await, Reload::Unchanged);
    assert_eq!(followed.write("key", "second").await, Reload::Applied);
    let config = Arc::clone(&followed.configs.borrow());
    assert_eq!(config.peers[0].key.as_ref().unwrap().expose_secret(), "second");
    followed.end().await;
}
