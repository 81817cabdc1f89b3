//! `mci resolve`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use mci_core::wire::{self, Transport};
use mci_core::{Query, Rcode, RecordType, Share, Snapshot};
use rand::rngs::SmallRng;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{Out, say_origin, write_data};
use crate::ask::{Client, Way};
use crate::cli::{Asked, Resolve};
use crate::dig::{Question, Reply};
use crate::facts::{Facts, Origin, gather, hint_at_nearest, runtime};
use crate::progress::during;
use crate::source::{Server, Source};

/// Asks for a name, as dig does.
pub(crate) fn resolve(arguments: &Resolve, out: Out<'_>) -> anyhow::Result<ExitCode> {
    let asked = Asked::new(arguments.name.as_ref(), arguments.record_type, &arguments.source)?;
    let question = Question::new(asked.name()?, asked.record_type.unwrap_or(RecordType::A))?;
    let source = asked.source.source();
    let format = arguments.output.format;
    let (mut backend, origin) = Backend::new(&source, arguments.tcp)?;
    if !arguments.short {
        say_origin(out, format.is_data(), ";; ", &origin)?;
    }
    if let Some(count) = arguments.count {
        let tally = during(&format!("Asking {count} times"), || Tally::of(&mut backend, &question, count))?;
        let exact = backend.exact_shares(&question);
        if format.is_data() {
            write_data(out, format, &tally.to_json(&exact))?;
        } else {
            tally.write(out, &question, &exact)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let begun = Instant::now();
    let answer = backend.ask(&question)?;
    if format.is_data() {
        write_data(out, format, &answer.reply.to_json())?;
    } else if arguments.short {
        for line in answer.reply.answers() {
            writeln!(out, "{line}")?;
        }
    } else {
        write!(out, "{}", answer.reply)?;
        if let (Some(way), Source::Server(server)) = (answer.way, &source) {
            writeln!(out, ";; Query time: {} msec", begun.elapsed().as_millis())?;
            writeln!(out, ";; SERVER: {server} ({})", way.name())?;
        }
        writeln!(out, "{}", answer.reply.size_line())?;
    }
    if let (Backend::State { snapshot, .. }, Rcode::NXDOMAIN | Rcode::REFUSED) =
        (&backend, answer.reply.rcode())
        && let Some(hostname) = question.hostname()
    {
        hint_at_nearest(snapshot, &hostname);
    }
    Ok(ExitCode::SUCCESS)
}

/// What answers.
enum Backend {
    State { snapshot: Snapshot, chance: SmallRng, octets: Vec<u8> },
    Server { client: Box<Client>, runtime: Runtime },
}

struct Answered {
    reply: Reply,
    /// The cluster that was drawn, where that can be known.
    cluster: Option<String>,
    /// How it came, from a server.
    way: Option<Way>,
}

impl Backend {
    fn new(source: &Source, tcp: bool) -> anyhow::Result<(Self, Origin)> {
        Ok(match source {
            Source::Files(_) | Source::Cluster(_) | Source::Server(Server::Http(_)) => {
                let Facts { snapshot, origin, .. } = gather(source)?;
                (Self::State { snapshot, chance: rand::make_rng(), octets: Vec::new() }, origin)
            }
            Source::Server(server @ (Server::Dns(..) | Server::Grpc(..))) => {
                let runtime = runtime()?;
                let client = Box::new(runtime.block_on(Client::connect(server, tcp))?);
                (Self::Server { client, runtime }, Origin::new(server))
            }
        })
    }

    fn ask(&mut self, question: &Question) -> anyhow::Result<Answered> {
        match self {
            Self::State { snapshot, chance, octets } => {
                let facts: wire::Facts =
                    snapshot.answer(&question.to_octets(0), Transport::Stream, chance, octets);
                let cluster = facts.cluster.and_then(|at| snapshot.cluster_at(at)).map(ToString::to_string);
                Ok(Answered { reply: Reply::read(octets, 0)?, cluster, way: None })
            }
            Self::Server { client, runtime } => {
                let (reply, way) = runtime.block_on(client.ask(question))?;
                Ok(Answered { reply, cluster: None, way: Some(way) })
            }
        }
    }

    /// What the shares are, where they can be known: by cluster.
    fn exact_shares(&self, question: &Question) -> BTreeMap<String, Share> {
        let (Self::State { snapshot, .. }, Some(name)) = (self, question.hostname()) else {
            return BTreeMap::new();
        };
        let query = Query::new(name, question.record_type());
        snapshot.shares(&query).map(|(cluster, share)| (cluster.to_string(), share)).collect()
    }
}

/// How often each answer came.
struct Tally {
    count: u32,
    /// By cluster, or by what was answered where none is known; with an answer as an example.
    rows: BTreeMap<String, Row>,
    /// Whether rows are clusters.
    by_cluster: bool,
}

struct Row {
    answers: u32,
    example: String,
}

impl Tally {
    fn of(backend: &mut Backend, question: &Question, count: u32) -> anyhow::Result<Self> {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        let mut by_cluster = false;
        for _ in 0..count {
            let answer = backend.ask(question)?;
            let example = answer.reply.summary();
            by_cluster |= answer.cluster.is_some();
            let key = answer.cluster.unwrap_or_else(|| example.clone());
            rows.entry(key).or_insert(Row { answers: 0, example }).answers += 1;
        }
        Ok(Self { count, rows, by_cluster })
    }

    fn observed(&self, row: &Row) -> f64 {
        f64::from(row.answers) / f64::from(self.count)
    }

    /// Those that came most often first.
    fn sorted(&self) -> Vec<(&String, &Row)> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by_key(|(key, row)| (std::cmp::Reverse(row.answers), *key));
        rows
    }

    fn write(
        &self,
        out: Out<'_>,
        question: &Question,
        exact: &BTreeMap<String, Share>,
    ) -> anyhow::Result<()> {
        writeln!(out, ";; {} answers to {question}", self.count)?;
        if !self.by_cluster {
            writeln!(out, ";; answers  observed  answer")?;
            for (answer, row) in self.sorted() {
                writeln!(out, "{:>10}  {:>7.1}%  {answer}", row.answers, self.observed(row) * 100.0)?;
            }
            return Ok(());
        }
        let width = self.rows.keys().map(String::len).max().unwrap_or(0).max(10);
        writeln!(out, ";; {:<w$}  answers  observed  exact   for example", "cluster", w = width - 3)?;
        for (cluster, row) in self.sorted() {
            let exact = exact.get(cluster).map_or_else(String::new, ToString::to_string);
            let (answers, observed, example) = (row.answers, self.observed(row) * 100.0, &row.example);
            writeln!(out, "{cluster:<width$}  {answers:>7}  {observed:>7.1}%  {exact:<6}  {example}")?;
        }
        Ok(())
    }

    fn to_json(&self, exact: &BTreeMap<String, Share>) -> serde_json::Value {
        let rows: Vec<_> = self
            .sorted()
            .into_iter()
            .map(|(key, row)| {
                json!({
                    "cluster": self.by_cluster.then_some(key),
                    "answers": row.answers,
                    "observed": self.observed(row),
                    "exact": exact.get(key).map(ToString::to_string),
                    "example": row.example,
                })
            })
            .collect();
        json!({ "count": self.count, "shares": rows })
    }
}
