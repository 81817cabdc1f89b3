//! Several clusters with MCI in each, that are each other's peers.
//!
//! ```text
//!   World west ── operators ──► link west→east (Proxy) ──► front ends ── World east
//!        ▲                                                                   │
//!        └── front ends ◄── link east→west (Proxy) ◄── operators ────────────┘
//! ```
//!
//! Between each two clusters there is a link for each direction, which a test can cut, hang or slow down; the front ends
//! of one cluster are behind it as behind a load balancer.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tempfile::TempDir;

use crate::certificates::Certificates;
use crate::cluster::{Clusters, Mode};
use crate::proxy::Proxy;
use crate::wait;
use crate::world::{Options, Starting, World, ask};

mod configuration;
mod equal;
mod steady;

pub use self::configuration::{Configuration, PeerOf, key, salt, stored};
pub use self::steady::SteadyFleet;

/// What the clusters are called, in order.
pub const NAMES: [&str; 4] = ["west", "east", "north", "south"];

/// Clusters that are each other's peers.
// Fields are dropped in order: who asks before who is asked.
#[derive(Debug)]
pub struct Fleet {
    /// One each; a test may take one out, and so end it.
    pub worlds: Vec<World>,
    links: Vec<Link>,
    configurations: Vec<Configuration>,
    folder: TempDir,
    _certificates: Option<Certificates>,
}

/// The way from the operators of one cluster to the front ends of another.
#[derive(Debug)]
struct Link {
    from: &'static str,
    to: &'static str,
    proxy: Proxy,
}

/// A fleet to be started.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    world: Options,
    replicas: usize,
    count: usize,
    adjust: fn(&mut Configuration),
    beside_tests: bool,
    over_tls: bool,
}

impl FleetOptions {
    /// With TLS between the clusters, and client certificates.
    pub fn over_tls(mut self) -> Self {
        self.over_tls = true;
        self.world = self.world.over_tls();
        self
    }

    /// With another adjustment of each cluster's configuration than none.
    pub fn adjust(mut self, adjust: fn(&mut Configuration)) -> Self {
        self.adjust = adjust;
        self
    }

    /// For a person: no test waits until it ends.
    pub fn beside_tests(mut self) -> Self {
        self.beside_tests = true;
        self
    }

    /// That many of every program, in every cluster.
    pub fn replicas_of_all(mut self, count: usize) -> Self {
        self.replicas = count;
        self
    }

    /// With other options for every cluster.
    pub fn worlds(mut self, change: impl FnOnce(Options) -> Options) -> Self {
        self.world = change(self.world);
        self
    }

    /// Starts it: every program is ready, and every cluster has heard every other.
    #[track_caller]
    pub fn start(self) -> Fleet {
        let FleetOptions { world, replicas, count, adjust, beside_tests, over_tls } = self;
        let certificates = over_tls.then(Certificates::new);
        let folder = TempDir::with_prefix("mci-test-").expect("a folder for configurations can be made");
        let clusters =
            Arc::new(if beside_tests { Clusters::start_beside_tests(count) } else { Clusters::start(count) });
        let names = &NAMES[..count];
        let file = |name: &str| folder.path().join(format!("{name}.yaml"));
        let starting: Vec<Starting> = names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let options = world.clone().replicas(Mode::FrontEnd, 1).replicas_of_all(replicas);
                options.identifier(name).configuration(&file(name)).start_in(&clusters, index)
            })
            .collect();
        let mut links = Vec::new();
        for (to, starting) in names.iter().zip(&starting) {
            for from in names.iter().filter(|from| *from != to) {
                links.push(Link { from, to, proxy: Proxy::before(&starting.front_ends()) });
            }
        }
        let mut configurations = Vec::new();
        for name in names {
            let mut configuration = Configuration::new(name);
            for link in links.iter().filter(|link| link.from == *name) {
                configuration.add_peer(link.to, link.proxy.address());
            }
            if let Some(certificates) = &certificates {
                configuration.over_tls(certificates);
            }
            adjust(&mut configuration);
            fs::write(file(name), configuration.text()).expect("a configuration can be written");
            configurations.push(configuration);
        }
        let spawned: Vec<_> = starting.into_iter().map(Starting::spawn).collect();
        let worlds = spawned.into_iter().map(crate::world::Spawned::when_ready).collect();
        let fleet = Fleet { worlds, links, configurations, folder, _certificates: certificates };
        fleet.wait_until_all_alive();
        fleet
    }
}

impl Fleet {
    /// To be started with more than is said by default: heartbeats each second, stale after three.
    pub fn options(count: usize) -> FleetOptions {
        assert!((2..=NAMES.len()).contains(&count), "two to four clusters, not {count}");
        FleetOptions {
            world: World::options(),
            replicas: 1,
            count,
            adjust: |_| {},
            beside_tests: false,
            over_tls: false,
        }
    }

    /// One replica of each program in each of so many clusters.
    #[track_caller]
    pub fn start(count: usize) -> Self {
        Fleet::options(count).start()
    }

    /// Three for all tests of a program that run at the same time and do them no harm, with the Gateway API.
    #[track_caller]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Fleet>> = Mutex::new(Weak::new());
        // Held while it starts, so that all others wait for the same one.
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(Fleet::options(3).worlds(Options::gateway_api).start());
            *shared = Arc::downgrade(&started);
            started
        })
    }

    /// The cluster of this identifier.
    #[track_caller]
    pub fn world(&self, name: &str) -> &World {
        self.worlds.iter().find(|world| world.identifier() == name).expect("a cluster of this fleet")
    }

    /// The same, to be harmed.
    #[track_caller]
    pub fn world_mut(&mut self, name: &str) -> &mut World {
        self.worlds.iter_mut().find(|world| world.identifier() == name).expect("a cluster of this fleet")
    }

    /// The way from one cluster to the front ends of another.
    #[track_caller]
    pub fn link(&self, from: &str, to: &str) -> &Proxy {
        let found = self.links.iter().find(|link| link.from == from && link.to == to);
        &found.expect("two clusters of this fleet").proxy
    }

    /// Both ways between two clusters.
    pub fn links_between(&self, one: &str, other: &str) -> [&Proxy; 2] {
        [self.link(one, other), self.link(other, one)]
    }

    /// Every way from and to one cluster.
    pub fn links_of(&self, name: &str) -> impl Iterator<Item = &Proxy> {
        self.links.iter().filter(move |link| link.from == name || link.to == name).map(|link| &link.proxy)
    }

    /// Where its files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the configuration of a cluster stands.
    pub fn configuration_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.yaml"))
    }

    /// Changes the configuration of a cluster: its programs follow the file.
    #[track_caller]
    pub fn configure(&mut self, name: &str, change: impl FnOnce(&mut Configuration)) {
        let file = self.configuration_file(name);
        let found = self.configurations.iter_mut().find(|configuration| configuration.name() == name);
        let configuration = found.expect("a cluster of this fleet");
        change(configuration);
        let new = file.with_extension("new");
        fs::write(&new, configuration.text()).expect("a configuration can be written");
        fs::rename(new, file).expect("a file can be renamed");
    }

    /// Waits until a query is answered so from every cluster's DNS: through `CoreDNS`, and by every dns-server itself.
    #[track_caller]
    pub fn answers(&self, name: &str, rtype: &str, expected: &str) {
        for world in &self.worlds {
            world.answers(name, rtype, expected);
        }
    }

    /// Waits until these answers and no others are drawn, from every cluster's DNS.
    #[track_caller]
    pub fn draws(&self, name: &str, rtype: &str, expected: &[&str]) {
        for world in &self.worlds {
            world.draws(name, rtype, expected);
        }
    }

    /// How often each answer is drawn from a cluster's DNS, through `CoreDNS`, of so many queries.
    #[track_caller]
    pub fn shares(&self, at: &str, name: &str, queries: usize) -> Vec<(String, usize)> {
        let server = self.world(at).coredns.dns();
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..queries {
            *counts.entry(ask(server, name, "A")).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    /// Waits until every cluster that is here says of every one that it is in this state.
    #[track_caller]
    pub fn wait_until_all_alive(&self) {
        for of in &self.worlds {
            self.wait_for_state(of.identifier(), "alive");
        }
    }

    /// Waits until every other cluster says of this one that it is in this state, and it itself if it is here.
    #[track_caller]
    pub fn wait_for_state(&self, of: &str, state: &str) {
        for at in &self.worlds {
            let what = format!("{} says of {of} that it is {state}", at.identifier());
            wait::until_true(&what, || at.state_of(of).as_deref() == Some(state));
        }
    }
}
