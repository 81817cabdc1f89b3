//! Whole Kubernetes clusters in seconds: the real API server, controllers and scheduler, with kwok as the kubelets.
//!
//! ```text
//!                 ┌─ Clusters ────────────────────────────────────────────────────┐
//!                 │  etcd ◄─── /c1 ─── kube-apiserver ◄── controllers, scheduler, │
//!    a test ──────┤   ▲                      ▲                    kwok (Cluster)  │
//!  kill, freeze,  │   └────── /c2 ─── kube-apiserver ◄── …                        │
//!  restore, …     └──────────────────────────▲────────────────────────────────────┘
//!                          MCI, kubectl, helm, Api ── or through a Proxy
//! ```
//!
//! ```no_run
//! use mci_tests::cluster::Clusters;
//! use mci_tests::require::{self, Component};
//!
//! if !require::present(&[Component::Kubernetes]) {
//!     return;
//! }
//! let clusters = Clusters::start(2);
//! let one = clusters.cluster(0);
//! one.node("n1");
//! one.deploy("default", "app", 2);
//! one.wait_for_ready("default", "app", 2);
//! one.api_server().kill();
//! ```
//!
//! Nothing gives a Service or an Ingress its address: a test writes that status, as a load balancer's controller
//! would. It all ends with the [`Clusters`], or with the test program at the latest. Each server's log is shown
//! when the test fails.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

mod api;
mod chart;
mod commands;
mod credentials;
mod discovery;
mod etcd;
mod member;
mod mode;
mod objects;
mod server;
mod slot;

pub use api::{Answer, Api, Refused, request};
pub use chart::RELEASE;
pub use discovery::Resource;
pub use etcd::{Etcd, Snapshot};
pub use member::Cluster;
pub use mode::{Mode, Replica, Setup};
pub use objects::deployment;
pub use server::Server;

use slot::Slot;

/// What kwok does instead of kubelets.
const STAGES: &str = include_str!("stages.yaml");

/// One etcd and some clusters, isolated from each other.
// Fields are dropped in order: servers before what they use.
#[derive(Debug)]
pub struct Clusters {
    members: Vec<Cluster>,
    etcd: Etcd,
    folder: TempDir,
    _slot: Option<Slot>,
}

impl Clusters {
    /// Starts that many; ready when this returns. It waits first until few enough others run on this machine.
    ///
    /// A test takes one of these: two that each wait for a second would wait for ever.
    #[track_caller]
    pub fn start(count: usize) -> Self {
        Clusters::start_with(count, &[])
    }

    /// Starts them with more flags for the API servers.
    #[track_caller]
    pub fn start_with(count: usize, flags: &[&str]) -> Self {
        Clusters::start_in(Some(Slot::take()), count, flags)
    }

    /// Starts them for a person: no test waits until they end.
    #[track_caller]
    pub fn start_beside_tests(count: usize) -> Self {
        Clusters::start_in(None, count, &[])
    }

    #[track_caller]
    fn start_in(slot: Option<Slot>, count: usize, flags: &[&str]) -> Self {
        assert!((1..=4).contains(&count), "between one and four clusters, not {count}");
        let folder = TempDir::with_prefix("mci-test-").expect("a folder for the clusters can be made");
        let stages = folder.path().join("stages.yaml");
        std::fs::write(&stages, STAGES).expect("a file can be written");
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        let etcd = Etcd::start(folder.path());
        // All API servers at once, and then what needs them.
        let starting: Vec<_> = (1..=count)
            .map(|number| member::Starting::new(number, folder.path(), etcd.address(), &flags))
            .collect();
        let members = starting.into_iter().map(|starting| starting.finish(&stages)).collect();
        Clusters { members, etcd, folder, _slot: slot }
    }

    /// One cluster for all tests of a program that run at the same time and do no harm to it: each works in
    /// namespaces of its own.
    #[track_caller]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Clusters>> = Mutex::new(Weak::new());
        // Held while it starts, so that all others wait for the same one.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Clusters::start(1));
            *shared = Arc::downgrade(&started);
            started
        })
    }

    /// One of them, counted from 0.
    #[track_caller]
    pub fn cluster(&self, index: usize) -> &Cluster {
        &self.members[index]
    }

    /// All of them.
    pub fn all(&self) -> &[Cluster] {
        &self.members
    }

    /// What holds their state.
    pub fn etcd(&self) -> &Etcd {
        &self.etcd
    }

    /// Where their files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Their kubeconfigs, in order.
    pub fn kubeconfigs(&self) -> Vec<PathBuf> {
        self.members.iter().map(|cluster| cluster.kubeconfig().to_owned()).collect()
    }
}
