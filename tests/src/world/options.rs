//! What a world is started with.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use crate::cluster::{Cluster, Clusters, Mode, Replica, Setup};
use crate::coredns::Corefile;
use crate::netns::Beyond;
use crate::proxy::Proxy;
use crate::require::faketime;

use super::{CLUSTER, NAMESPACE, NODE, World, ZONE};

const MODES: [Mode; 4] = Mode::ALL;

/// What one cluster alone needs: nobody speaks to a front end there.
const ALONE: [usize; MODES.len()] = [1, 1, 1, 0];

/// A world to be started.
#[derive(Clone, Debug)]
pub struct Options {
    identifier: String,
    replicas: [usize; MODES.len()],
    arguments: Vec<(Mode, String)>,
    variables: Vec<(Mode, String, String)>,
    api_server: Vec<String>,
    behind_proxies: bool,
    beyond: Option<Beyond>,
    gateway_api: bool,
    over_tls: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            identifier: CLUSTER.to_owned(),
            replicas: ALONE,
            arguments: vec![(
                Mode::DnsServer,
                format!("--zones=[{{name: {ZONE}, nameservers: [ns1.example.net, ns2.example.net]}}]"),
            )],
            variables: Vec::new(),
            api_server: Vec::new(),
            behind_proxies: false,
            beyond: None,
            gateway_api: false,
            over_tls: false,
        }
    }
}

impl Options {
    /// That many of a mode.
    pub fn replicas(mut self, mode: Mode, count: usize) -> Self {
        self.replicas[place(mode)] = count;
        self
    }

    /// That many of every mode that there is.
    pub fn replicas_of_all(mut self, count: usize) -> Self {
        self.replicas = self.replicas.map(|before| before.min(1) * count);
        self
    }

    /// As the cluster of this identifier.
    pub(crate) fn identifier(mut self, identifier: &str) -> Self {
        identifier.clone_into(&mut self.identifier);
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.identifier
    }

    /// With a configuration file for every program.
    pub fn configuration(self, file: &Path) -> Self {
        let argument = format!("--config={}", file.display());
        MODES.into_iter().fold(self, |options, mode| options.argument(mode, argument.clone()))
    }

    /// With another argument for every replica of a mode.
    pub fn argument(mut self, mode: Mode, argument: impl Into<String>) -> Self {
        self.arguments.push((mode, argument.into()));
        self
    }

    /// With a variable in the environment of every program.
    pub fn variable(self, name: &str, value: &str) -> Self {
        MODES.into_iter().fold(self, |options, mode| options.variable_of(mode, name, value))
    }

    /// With a variable in the environment of every replica of a mode.
    pub fn variable_of(mut self, mode: Mode, name: &str, value: &str) -> Self {
        self.variables.push((mode, name.to_owned(), value.to_owned()));
        self
    }

    /// With clocks on the nodes of a mode that are wrong by so much, such as `+1h`; needs [`Component::Faketime`].
    ///
    /// [`Component::Faketime`]: crate::require::Component::Faketime
    #[track_caller]
    pub fn clock(self, mode: Mode, offset: &str) -> Self {
        self.faked(mode).variable_of(mode, "FAKETIME", offset)
    }

    /// The same, as a file says at any moment, so that they can jump.
    #[track_caller]
    pub fn clock_file(self, mode: Mode, file: &Path) -> Self {
        let file = file.to_str().expect("a path of ours is UTF-8");
        self.faked(mode).variable_of(mode, "FAKETIME_TIMESTAMP_FILE", file).variable_of(
            mode,
            "FAKETIME_NO_CACHE",
            "1",
        )
    }

    #[track_caller]
    fn faked(self, mode: Mode) -> Self {
        let library = faketime().expect("a test that moves clocks asks for libfaketime first");
        self.variable_of(mode, "LD_PRELOAD", library.to_str().expect("a path of Debian's is UTF-8"))
            // Nobody's monotonic clock jumps.
            .variable_of(mode, "DONT_FAKE_MONOTONIC", "1")
    }

    /// With another flag for the API server.
    pub fn api_server(mut self, flag: &str) -> Self {
        self.api_server.push(flag.to_owned());
        self
    }

    /// With a proxy between each program and the API server.
    pub fn behind_proxies(mut self) -> Self {
        self.behind_proxies = true;
        self
    }

    /// With the API server at the other end of a wire; the proxies there pass everything.
    pub fn beyond(mut self, beyond: &Beyond) -> Self {
        self.beyond = Some(beyond.clone());
        self
    }

    /// With front ends whose configuration says that they speak TLS.
    pub(crate) fn over_tls(mut self) -> Self {
        self.over_tls = true;
        self
    }

    /// With the definitions of the Gateway API, before MCI starts.
    pub fn gateway_api(mut self) -> Self {
        self.gateway_api = true;
        self
    }

    /// Starts it: ready, with a node that pods run on.
    #[track_caller]
    pub fn start(self) -> World {
        let flags: Vec<&str> = self.api_server.iter().map(String::as_str).collect();
        let clusters = Arc::new(Clusters::start_with(1, &flags));
        self.start_in(&clusters, 0).when_ready()
    }

    /// Starts it in one of several clusters, with front ends whose addresses are known before.
    #[track_caller]
    pub(crate) fn start_in(self, clusters: &Arc<Clusters>, index: usize) -> Starting {
        let cluster = clusters.cluster(index);
        cluster.node_with_addresses(NODE.0, &[("InternalIP", "10.99.0.7"), ("ExternalIP", NODE.1)]);
        cluster.install_chart(NAMESPACE, &[&format!("clusterIdentifier={}", self.identifier)]);
        if self.gateway_api {
            cluster.apply_gateway_api();
        }
        let mut proxies = Vec::new();
        let setups = MODES.map(|mode| {
            (0..self.replicas[place(mode)])
                .map(|_| {
                    let server = cluster.address();
                    let proxy = match &self.beyond {
                        Some(beyond) => Some(Proxy::on(beyond.listen(), &[server])),
                        None => self.behind_proxies.then(|| Proxy::start(server)),
                    };
                    let reached = proxy.as_ref().map_or(server, Proxy::address);
                    proxies.extend(proxy);
                    self.setup(cluster, reached, mode)
                })
                .collect::<Vec<_>>()
        });
        Starting { setups, proxies, clusters: Arc::clone(clusters), index, options: self }
    }

    /// A replica of a mode, as these options say, with the API server at an address.
    #[track_caller]
    pub(super) fn setup(&self, cluster: &Cluster, server: SocketAddr, mode: Mode) -> Setup {
        let mut setup = cluster.mci_at(server, mode, NAMESPACE, &self.identifier);
        if self.over_tls && mode == Mode::FrontEnd {
            setup = setup.over_tls();
        }
        for (_, argument) in self.arguments.iter().filter(|(of, _)| *of == mode) {
            setup = setup.argument(argument);
        }
        for (_, name, value) in self.variables.iter().filter(|(of, ..)| *of == mode) {
            setup = setup.variable(name, value);
        }
        setup
    }
}

/// A world whose programs are not started yet.
#[derive(Debug)]
pub(crate) struct Starting {
    setups: [Vec<Setup>; MODES.len()],
    proxies: Vec<Proxy>,
    clusters: Arc<Clusters>,
    index: usize,
    options: Options,
}

impl Starting {
    /// Where its front ends will listen.
    pub(crate) fn front_ends(&self) -> Vec<SocketAddr> {
        self.setups[place(Mode::FrontEnd)].iter().map(Setup::http).collect()
    }

    /// Starts all its programs at once, and waits for each.
    #[track_caller]
    pub(crate) fn when_ready(self) -> World {
        self.spawn().when_ready()
    }

    /// Starts all its programs at once.
    #[track_caller]
    pub(crate) fn spawn(self) -> Spawned {
        let Starting { setups, proxies, clusters, index, options } = self;
        let replicas = setups.map(|setups| setups.into_iter().map(Setup::spawn).collect());
        Spawned { replicas, proxies, clusters, index, options }
    }
}

/// A world whose programs were started.
#[derive(Debug)]
pub(crate) struct Spawned {
    replicas: [Vec<Replica>; MODES.len()],
    proxies: Vec<Proxy>,
    clusters: Arc<Clusters>,
    index: usize,
    options: Options,
}

impl Spawned {
    /// Waits for each program, and puts `CoreDNS` in front.
    #[track_caller]
    pub(crate) fn when_ready(self) -> World {
        let Spawned { replicas, proxies, clusters, index, options } = self;
        let [operators, orchestrators, dns_servers, front_ends] =
            replicas.map(|replicas| replicas.into_iter().map(Replica::when_ready).collect::<Vec<_>>());
        let coredns = Corefile::new(dns_servers.iter().map(Replica::grpc)).zone(ZONE).start();
        World {
            coredns,
            dns_servers,
            orchestrators,
            operators,
            front_ends,
            proxies,
            clusters,
            index,
            options,
        }
    }
}

fn place(mode: Mode) -> usize {
    MODES.iter().position(|other| *other == mode).expect("every mode is there")
}
