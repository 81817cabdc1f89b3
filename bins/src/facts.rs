//! What is known, as a snapshot, for commands: from files, from a running server, from a cluster.

use std::fmt;

use anyhow::{Context, anyhow, bail};
use mci_core::state_file::{Problems, StateFile, nearest};
use mci_core::{Hostname, Snapshot};
use tokio::runtime::{Builder, Runtime};

use crate::file_facts;
use crate::files::Sources;
use crate::http_client::HttpServer;
use crate::kube_facts::KubeOptions;
use crate::manifests::Notes;
use crate::progress::during;
use crate::source::{Server, Source};

/// A snapshot, and where it comes from.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) snapshot: Snapshot,
    pub(crate) origin: Origin,
    /// What is to be known of manifests.
    pub(crate) notes: Notes,
}

/// Where facts come from, and what people should know of that: a line each.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    from: String,
    notes: Vec<String>,
}

impl Origin {
    pub(crate) fn new(from: impl fmt::Display) -> Self {
        Self { from: format!("Facts from {from}"), notes: Vec::new() }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The first line, with more said of it.
    pub(crate) fn and(mut self, more: impl fmt::Display) -> Self {
        self.from = format!("{}; {more}", self.from);
        self
    }

    /// Every line.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.from).chain(&self.notes).map(String::as_str)
    }
}

/// How many objects that were passed over are named one by one.
const NAMED: usize = 10;

/// Reads whatever the source is.
pub(crate) fn gather(source: &Source) -> anyhow::Result<Facts> {
    match source {
        Source::Files(sources) => {
            let read = file_facts::read(sources)?;
            let mut origin = Origin::new(sources);
            if let Some(note) = read.summary(sources) {
                origin.note(note);
            }
            Ok(Facts { snapshot: read.snapshot, origin, notes: read.notes })
        }
        Source::Server(Server::Http(url)) => {
            let snapshot =
                during(&format!("Reading the state of {url}"), || runtime()?.block_on(served(url)))?;
            Ok(Facts { snapshot, origin: Origin::new(url), notes: Notes::default() })
        }
        Source::Server(server @ (Server::Dns(..) | Server::Grpc(..))) => {
            bail!(
                "{server} gives answers alone: use --file FILE…, --server http://HOST:PORT or a kube context"
            )
        }
        Source::Cluster(options) => during("Reading the cluster", || {
            runtime()?.block_on(async {
                let asked = options.ask().await.map_err(|error| explained(options, error))?;
                let facts = asked.facts().await?;
                let mut origin = Origin::new(&asked);
                if let Some(caution) = asked.caution() {
                    origin.note(caution);
                }
                pass_over(&mut origin, &facts.passed_over);
                Ok(Facts { snapshot: facts.snapshot, origin, notes: Notes::default() })
            })
        }),
    }
}

/// Notes what could not be used.
pub(crate) fn pass_over(origin: &mut Origin, passed_over: &[String]) {
    for one in passed_over.iter().take(NAMED) {
        origin.note(format!("Passed over: {one}"));
    }
    if let Some(more) = passed_over.len().checked_sub(NAMED).filter(|more| *more > 0) {
        origin.note(format!("Passed over: {more} more"));
    }
}

/// The state that a dns-server serves.
pub(crate) async fn served(url: &str) -> anyhow::Result<Snapshot> {
    let octets = HttpServer::new(url)?.api("/api/v1/state").await?;
    let state =
        StateFile::parse_all([(url, octets.as_slice())]).map_err(|problems| wrong(&url, &problems))?;
    Ok(state.into_snapshot())
}

/// What runs the few calls of one command.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

/// Why no cluster can be asked; with all the other ways, where none was named.
pub(crate) fn explained(options: &KubeOptions, error: anyhow::Error) -> anyhow::Error {
    if options.is_named()
        || !matches!(error.downcast_ref(), Some(mci_kube::client::ConnectError::Nowhere { .. }))
    {
        return error;
    }
    anyhow!(
        "it is not said where the facts come from: --file FILE…, --server dns://, grpc:// or http://HOST:PORT, --context NAME or --kubeconfig FILE; and without any of them: {error:#}"
    )
}

/// Reads the files; every mistake in them is in the error.
pub(crate) fn load(sources: &Sources) -> anyhow::Result<Snapshot> {
    Ok(file_facts::read(sources)?.snapshot)
}

/// Every mistake, below a line that says how many.
pub(crate) fn wrong(what: &impl std::fmt::Display, problems: &Problems) -> anyhow::Error {
    anyhow!("{}\n{problems}", headline(what, problems.count()))
}

/// How many mistakes there are, in what.
pub(crate) fn headline(what: &impl std::fmt::Display, count: usize) -> String {
    match count {
        1 => format!("1 mistake in {what}"),
        count => format!("{count} mistakes in {what}"),
    }
}

/// A name that a hostname could have, from the command line.
pub(crate) fn hostname(text: &str) -> anyhow::Result<Hostname> {
    text.parse().with_context(|| format!("{text:?} can be no hostname"))
}

/// How much there is: `4 hostnames, 1 zone, 2 clusters`.
pub(crate) fn summary(snapshot: &Snapshot) -> String {
    let counted = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
    let (hostnames, clusters) = (snapshot.hostname_count(), snapshot.clusters().count());
    let zones = snapshot.zones().iter().count();
    format!(
        "{}, {}, {}",
        counted(hostnames, "hostname"),
        counted(zones, "zone"),
        counted(clusters, "cluster")
    )
}

/// Says, on stderr, which hostname was probably meant, where `name` is none.
pub(crate) fn hint_at_nearest(snapshot: &Snapshot, name: &Hostname) {
    let name = name.to_string();
    let held: Vec<String> = snapshot.hostnames().map(|hostname| hostname.to_string()).collect();
    if let Some(near) = nearest(&name, held.iter().map(String::as_str)).filter(|near| *near != name) {
        eprintln!("There is no {name}; did you mean {near}?");
    }
}
