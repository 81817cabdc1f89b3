//! Unit tests of resolution policies: what may be answered, with no cluster and no server (`docs/policy-tests.md`).
//!
//! ```text
//!  policy file ─► read (names, worlds) ─► Suite ─► run (everything that may be answered) ─► Report ─► text, JUnit, data
//!                    └─ load: state file ─► Snapshot
//! ```
//!
//! Every name in a policy file is looked up when it is read: a test that cannot fail because of a typing error is a
//! mistake in the file, not a test that passes.

mod expect;
mod junit;
mod read;
mod read_expect;
mod report;
mod share;

use std::io;

use crate::cluster::{ClusterId, ClusterState};
use crate::hostname::Hostname;
use crate::outcome::Query;
use crate::policy::expect::{Expectation, Kind};
use crate::record_type::RecordType;
use crate::snapshot::Snapshot;
use crate::state_file::{Problems, StateFile};

pub use crate::policy::report::{Case, Failure, Report};

/// The tests of one policy file.
///
/// ```
/// use mci_core::policy::Suite;
/// let suite = Suite::parse("
/// state:
///   hostnames:
///     - hostname: app.example.com
///       endpoints: [{cluster: west, addresses: [192.0.2.1], priority: 1}, {cluster: east, addresses: [192.0.2.2]}]
/// tests:
///   - name: east takes over when west is down
///     query: app.example.com A
///     given: {down: [west]}
///     expect: {clusters: [east], addresses: [192.0.2.2]}
/// always:
///   - {name: any one cluster may die, for: '*.example.com', losing: 1, expect: answered}
/// ", |path| std::fs::read_to_string(path)).unwrap();
/// suite.run().assert_passed();
/// ```
#[derive(Clone, Debug)]
pub struct Suite {
    file: String,
    tests: Vec<Test>,
    always: Vec<Always>,
}

/// What keeps the state from being loaded that a policy file names.
#[derive(Clone, Debug)]
pub enum LoadError {
    /// Some of what is named cannot be read: which, by position, and a sentence that says why.
    Unreadable(Vec<(usize, String)>),
    /// What is named can be read, and is wrong.
    Wrong(Problems),
}

/// One of `tests`.
#[derive(Clone, Debug)]
struct Test {
    name: String,
    line: Option<u32>,
    steps: Vec<Step>,
}

/// One expectation in one world.
#[derive(Clone, Debug)]
struct Step {
    /// Its position among `steps`, from 1; absent for the test's own `expect`.
    number: Option<usize>,
    given: String,
    world: Snapshot,
    query: Query,
    expect: Expectation,
}

/// One of `always`.
#[derive(Clone, Debug)]
struct Always {
    name: String,
    line: Option<u32>,
    hostnames: Vec<Hostname>,
    losing: usize,
    given: String,
    world: Snapshot,
    /// Absent: an answer to A or to AAAA is enough.
    record_type: Option<RecordType>,
    expect: Expectation,
}

/// How many failures of one of `always` are kept; beyond it they are counted.
const KEPT_FAILURES: usize = 10;

impl Suite {
    /// Reads a policy file; `load` gives the text of the state file that it names.
    pub fn parse(text: &str, load: impl Fn(&str) -> io::Result<String>) -> Result<Self, Problems> {
        Self::parse_named("", text, load)
    }

    /// The same, with the file's name for problems and reports.
    pub fn parse_named(
        file: &str,
        text: &str,
        load: impl Fn(&str) -> io::Result<String>,
    ) -> Result<Self, Problems> {
        Self::parse_with(file, text, |names| {
            let (mut files, mut unreadable) = (Vec::new(), Vec::new());
            for (position, name) in names.iter().enumerate() {
                match load(name) {
                    Ok(content) => files.push((*name, content)),
                    Err(error) => unreadable.push((position, format!("cannot read {name}: {error}"))),
                }
            }
            if !unreadable.is_empty() {
                return Err(LoadError::Unreadable(unreadable));
            }
            let files = files.iter().map(|(name, content)| (*name, content.as_bytes()));
            StateFile::parse_all(files).map(StateFile::into_snapshot).map_err(LoadError::Wrong)
        })
    }

    /// The same where `load` makes the state of everything that the file names for it, in whatever form that lies.
    pub fn parse_with(
        file: &str,
        text: &str,
        load: impl Fn(&[&str]) -> Result<Snapshot, LoadError>,
    ) -> Result<Self, Problems> {
        read::suite(file, text, &load)
    }

    /// Runs every test.
    pub fn run(&self) -> Report {
        let tests = self.tests.iter().map(Test::run);
        let always = self.always.iter().map(Always::run);
        Report { file: self.file.clone(), cases: tests.chain(always).collect() }
    }
}

impl Test {
    fn run(&self) -> Case {
        let Self { name, line, steps } = self;
        let failures: Vec<Failure> = steps.iter().filter_map(Step::run).collect();
        let failed = failures.len();
        Case { name: name.clone(), line: *line, checks: steps.len(), failed, failures }
    }
}

impl Step {
    fn run(&self) -> Option<Failure> {
        let Self { number, given, world, query, expect } = self;
        let differences = expect.differences(&world.possible(query));
        (!differences.is_empty()).then(|| {
            Failure::new(*number, given.clone(), expect.to_string(), differences, world.explain(query))
        })
    }
}

impl Always {
    fn run(&self) -> Case {
        let Self { name, line, hostnames, losing, given, world, record_type: _, expect: _ } = self;
        let mut case = Case { name: name.clone(), line: *line, checks: 0, failed: 0, failures: Vec::new() };
        let clusters: Vec<ClusterId> = world.clusters().cloned().collect();
        for lost in combinations(&clusters, *losing) {
            let world = world.edited(|edit| {
                for cluster in &lost {
                    edit.set_cluster(cluster, ClusterState::Stale);
                }
            });
            for hostname in hostnames {
                case.checks += 1;
                let Some((query, differences)) = self.check(&world, hostname) else { continue };
                case.failed += 1;
                if case.failures.len() < KEPT_FAILURES {
                    let lost: Vec<&str> = lost.iter().map(|cluster| cluster.as_str()).collect();
                    let losing =
                        if lost.is_empty() { String::new() } else { format!("lost: {}", lost.join(", ")) };
                    let given = [given.as_str(), &losing];
                    let given: Vec<&str> = given.into_iter().filter(|part| !part.is_empty()).collect();
                    let expected = self.expect.to_string();
                    let explanation = world.explain(&query);
                    case.failures.push(Failure::new(
                        None,
                        given.join("; "),
                        expected,
                        differences,
                        explanation,
                    ));
                }
            }
        }
        case
    }

    /// What differs at one hostname, and for which query.
    fn check(&self, world: &Snapshot, hostname: &Hostname) -> Option<(Query, Vec<String>)> {
        let ask = |record_type| {
            let query = Query::new(hostname.clone(), record_type);
            let differences = self.expect.differences(&world.possible(&query));
            (!differences.is_empty()).then_some((query, differences))
        };
        match self.record_type {
            Some(record_type) => ask(record_type),
            // A hostname of one family is answered if that one is.
            None if self.expect.kind == Some(Kind::Answered) => {
                ask(RecordType::AAAA).and_then(|_| ask(RecordType::A))
            }
            None => ask(RecordType::A),
        }
    }
}

/// Every choice of `count` of them, in order.
fn combinations<'c>(of: &'c [ClusterId], count: usize) -> Vec<Vec<&'c ClusterId>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let Some((first, rest)) = of.split_first() else { return Vec::new() };
    let with_first = combinations(rest, count - 1).into_iter().map(|mut chosen| {
        chosen.insert(0, first);
        chosen
    });
    let mut all: Vec<Vec<&'c ClusterId>> = with_first.collect();
    all.extend(combinations(rest, count));
    all
}
